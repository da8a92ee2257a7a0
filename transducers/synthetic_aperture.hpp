#pragma once
#include <vector>

#include "transducers/common_sequence.hpp"

namespace sonoforge {

/// One element after the other fires alone.
struct SyntheticAperture : CommonSequenceConfig {
  std::vector<double> elements;  ///< indices from 0, in firing order; empty: all

  void fields(FieldVisitor& visit) override;
  void check() const override;
  Sequence build(const Probe& probe, double sound_speed) const override;
};

}  // namespace sonoforge
