#include "sim/firing.hpp"

#include <cmath>

namespace sonoforge {

std::vector<Firing> firings_of(const Transmit& transmit, std::size_t elements) {
  std::vector<Firing> firings;
  for (std::size_t n = 0; n < elements; ++n) {
    Firing firing{n, {}};
    for (const TransmitLaw& law : transmit.laws) {
      const double delay = law.delays[n], weight = law.apodization.empty() ? 1 : law.apodization[n];
      if (std::isfinite(delay) && weight != 0) firing.delays_and_weights.emplace_back(delay, weight);
    }
    if (!firing.delays_and_weights.empty()) firings.push_back(std::move(firing));
  }
  return firings;
}

}  // namespace sonoforge
