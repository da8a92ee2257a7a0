#pragma once
#include <complex>
#include <memory>
#include <optional>
#include <vector>

#include "core/fields.hpp"
#include "core/image.hpp"
#include "core/random.hpp"
#include "phantoms/phantom.hpp"
#include "transducers/acquisition.hpp"
#include "transducers/pulse.hpp"
#include "transducers/receive.hpp"

namespace sonoforge {

/// All that an engine needs, already built.
struct SimulationInput {
  const Phantom& phantom;
  const Probe& probe;
  const Pulse& pulse;
  const Sequence& sequence;
  const ReceiveConfig& receive;
};

/// Where and how `field` wants the transmitted pressure. Either a grid or points.
struct FieldRequest {
  std::vector<Vec3> points;            ///< [m]
  double sampling_rate = 0;            ///< of waveforms [Hz]
  double frequency = 0;                ///< > 0: continuous wave at this frequency [Hz]
};

/// Transmitted pressure at points. rms and peak are taken over the whole pulse at each point.
struct FieldResult {
  std::vector<double> rms;                          ///< [point]: sqrt(integral p^2 dt / length of the drive); simus: see exact.hpp
  double averaging_time = 0;                        ///< what rms is taken over: the length of the drive [s]; simus: 0
  std::vector<double> peak;                         ///< [point] max |p|
  NdArray<float, 2> waveforms;                      ///< [point, time] where asked for
  double start = 0;                                 ///< time of the first sample of waveforms [s]
  double sampling_rate = 0;
  std::vector<std::complex<double>> continuous;     ///< [point] complex pressure (time factor exp(+i w t))
};

/// How far an engine's echoes are from those of the model computed without shortcuts.
struct MeasuredError {
  double relative_l2 = 0;
  std::size_t scatterers = 0, transmits = 0;  ///< that were compared, on all elements
};

/// A way to compute echoes and fields from the same linear (or not) physics.
class Engine : public Configurable {
 public:
  /// RF of all transmits and frames, without noise.
  virtual Acquisition simulate(const SimulationInput& input) const = 0;
  enum class FieldOutput { maps, waveforms };
  virtual FieldResult field(const SimulationInput& input, const FieldRequest& request, std::size_t transmit, FieldOutput output) const = 0;
  /// For report.json: estimated relative L2 error of the RF against the model computed without shortcuts.
  virtual double predicted_error() const { return 0; }
  /// The same, measured on a sample of the input that `random` draws; missing where this engine is the yardstick
  /// itself, or nothing is there to measure.
  virtual std::optional<MeasuredError> measured_error(const SimulationInput&, const RandomStream&) const { return {}; }
};

/// exact (and scatterers, full_wave: refused as "not in this version").
const Catalog& engine_catalog();

}  // namespace sonoforge
