#pragma once
#include <cstdint>
#include <vector>

namespace sonoforge {

/// The temperature T > 0 at which probabilities of `logits / T` have the least mean cross entropy on these samples
/// [guo2017]: between 0.05 and 20, to a relative 1e-4. `logits` and `truths` hold one array a sample, [channel, pixel]; with
/// one channel truth is 0 or 1 by a sigmoid, with several it marks one of them by a softmax.
double best_temperature(const std::vector<std::vector<float>>& logits, const std::vector<std::vector<float>>& truths, std::int64_t channels);
/// That mean cross entropy.
double cross_entropy_at(const std::vector<std::vector<float>>& logits, const std::vector<std::vector<float>>& truths, std::int64_t channels,
                        double temperature);

}  // namespace sonoforge
