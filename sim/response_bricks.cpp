#include "sim/response_bricks.hpp"

#include <algorithm>
#include <cmath>

namespace sonoforge {

int falloff_terms(double half, double distance, double tolerance) {
  if (half <= 0) return 0;
  const double ratio = std::max(distance / half, 0.3), rho = ratio + std::sqrt(1 + ratio * ratio);
  return static_cast<int>(std::ceil(std::max(0.0, std::log(1 / ratio / tolerance)) / std::log(rho)));
}

}  // namespace sonoforge
