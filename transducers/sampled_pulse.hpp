#pragma once
#include <filesystem>
#include <optional>

#include "transducers/pulse.hpp"

namespace sonoforge {

/// A recorded drive: HDF5 `/samples` float64 [n], or [element, n] where elements differ, `/sampling_rate` Hz and
/// `/centre` s, the instant of the record (its first sample at 0 s) that counts as the pulse's centre. The signal
/// between the samples is the band-limited one: its spectrum is sum x[n] exp(-i 2 pi f (n/fs - centre)) / fs up to fs/2
/// and zero above.
struct SampledPulseConfig : PulseConfig {
  std::filesystem::path file;
  std::optional<double> frequency;  ///< what counts as its centre frequency; default: the probe's [Hz]
  double amplitude = 1;             ///< factor on the samples

  void fields(FieldVisitor& visit) override;
  /// Reads the file: `UserError` where it is not as described or has not one row an element.
  std::shared_ptr<const Pulse> build(const Probe& probe) const override;
};

}  // namespace sonoforge
