#pragma once
#include "sim/exact.hpp"

namespace sonoforge {

/// The linear pulse-echo model of engine exact, two to three orders of magnitude faster: RF within `accuracy` (relative L2)
/// of it. Fields are those of exact. See echo_engine.hpp for the method.
struct ScattererEngine : Exact {
  ScattererEngine() { accuracy = 1e-3; }
  Acquisition simulate(const SimulationInput& input) const override;
  double predicted_error() const override { return accuracy; }
  std::optional<MeasuredError> measured_error(const SimulationInput& input, const RandomStream& random) const override;

  /// Whether the fast sums can keep the promise for this input; engine exact works out what they cannot.
  bool is_fast(const SimulationInput& input) const;

 protected:
  Field accuracy_field() const override;
};

}  // namespace sonoforge
