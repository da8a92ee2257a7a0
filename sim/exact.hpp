#pragma once
#include "sim/engine.hpp"
#include "sim/propagation.hpp"

namespace sonoforge {

/// The linear pulse-echo model computed without shortcuts: slow, and what everything faster is measured against.
///
/// FieldResult::rms under model simus is MUST's pfield (see simus_model.hpp); peak and waveforms are those of the real
/// signal whose spectrum is that of the model.
struct Exact : Engine {
  enum class Model { physical, simus };
  std::int64_t dimensions = 3;  ///< 2 or 3
  bool dispersion = true;       ///< that causality demands of attenuation; model physical
  Model model = Model::physical;
  bool full_frequency_directivity = false;  ///< model simus
  PropagationKind propagation = PropagationKind::uniform;
  double accuracy = 1e-4;  ///< relative error of the integrals; model physical

  void fields(FieldVisitor& visit) override;
  void check() const override;
  Acquisition simulate(const SimulationInput& input) const override;
  FieldResult field(const SimulationInput& input, const FieldRequest& request, std::size_t transmit,
                    FieldOutput output) const override;
  double predicted_error() const override { return model == Model::physical ? accuracy : 0; }

 protected:
  virtual Field accuracy_field() const;
};

}  // namespace sonoforge
