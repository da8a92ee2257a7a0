#include "sim/noise.hpp"

#include <cmath>

#include "core/parallel.hpp"

namespace sonoforge {

void add_noise(Acquisition& acquisition, const NoiseConfig& noise, const RandomStream& random) {
  if (!std::isfinite(noise.snr) || acquisition.samples.empty()) return;
  const std::size_t length = acquisition.samples_per_channel();
  const std::size_t records = acquisition.samples.size() / length;
  std::vector<double> energy(records);
  parallel_for(records, [&](std::size_t r) {
    const float* samples = acquisition.samples.data() + r * length;
    for (std::size_t i = 0; i < length; ++i) energy[r] += static_cast<double>(samples[i]) * samples[i];
  });
  double total = 0;
  for (double e : energy) total += e;
  const double power = total / static_cast<double>(acquisition.samples.size());
  const double deviation = std::sqrt(power * std::pow(10.0, -noise.snr / 10));
  add_white_noise(acquisition, deviation, random);
}

void add_white_noise(Acquisition& acquisition, double deviation, const RandomStream& random) {
  if (!(deviation > 0) || acquisition.samples.empty()) return;
  const std::size_t length = acquisition.samples_per_channel();
  const std::size_t records = acquisition.samples.size() / length;
  // Sample i of record r has its own place in the stream: record r starts at block r * 2^32.
  parallel_for(records, [&](std::size_t r) {
    float* samples = acquisition.samples.data() + r * length;
    for (std::size_t i = 0; i < length; i += 2) {
      const auto pair = random.normal_pair_at((static_cast<std::uint64_t>(r) << 32) + i / 2);
      samples[i] = static_cast<float>(samples[i] + deviation * pair[0]);
      if (i + 1 < length) samples[i + 1] = static_cast<float>(samples[i + 1] + deviation * pair[1]);
    }
  });
}

}  // namespace sonoforge
