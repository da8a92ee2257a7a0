#pragma once
#include <optional>
#include <vector>

#include "transducers/pulse.hpp"

namespace sonoforge {

/// A phase code: one sine burst of `cycles` periods a chip, each with the sign of its chip, one after the other; the
/// middle of the code stands at t = 0. Barker codes have autocorrelation side lobes of at most one chip [barker1953];
/// those of the two codes of a Golay pair cancel in their sum [golay1961].
struct CodedConfig : PulseConfig {
  enum class Code { barker4, barker5, barker7, barker11, barker13, golay_a, golay_b, list };
  Code code = Code::barker13;
  std::int64_t length = 16;         ///< chips of a Golay code, a power of two
  std::vector<double> chips;        ///< of `code: list`: +1 and -1
  std::optional<double> frequency;  ///< default: the probe's [Hz]
  double cycles = 1;                ///< periods a chip
  double amplitude = 1;             ///< [drive unit]

  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::shared_ptr<const Pulse> build(const Probe& probe) const override;

  /// The signs, first chip first.
  std::vector<double> signs() const;
};

}  // namespace sonoforge
