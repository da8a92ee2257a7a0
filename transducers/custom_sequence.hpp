#pragma once
#include <filesystem>

#include "transducers/common_sequence.hpp"

namespace sonoforge {

/// Transmits from an HDF5 file: `/delays` float64 [transmit, element] or [transmit, law, element] s, the laws of a
/// transmit superposed and NaN silent; optional `/apodization` [transmit, element] in -1..1 (or the shape of
/// `/delays`) and `/receive_delays` [element] s. Every transmit is shifted so that its first active element fires at
/// 0.
struct CustomSequence : CommonSequenceConfig {
  std::filesystem::path file;

  void fields(FieldVisitor& visit) override;
  /// Reads the file: `UserError` where it is not as described.
  Sequence build(const Probe& probe, double sound_speed) const override;
};

}  // namespace sonoforge
