#pragma once
#include <cstddef>
#include <utility>
#include <vector>

#include "transducers/sequence.hpp"

namespace sonoforge {

/// One element fires with these delays [s] and weights, one pair a law.
struct Firing {
  std::size_t element = 0;
  std::vector<std::pair<double, double>> delays_and_weights;
};

/// The elements of a transmit that are not silent, in their order.
std::vector<Firing> firings_of(const Transmit& transmit, std::size_t elements);

}  // namespace sonoforge
