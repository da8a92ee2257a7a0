#include "recon/envelope.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace sonoforge {

RealMap envelope(const ComplexMap& image) {
  RealMap result(image.grid);
  std::transform(image.values.flat().begin(), image.values.flat().end(), result.values.flat().begin(),
                 [](std::complex<float> v) { return std::abs(v); });
  return result;
}

double maximum(const RealMap& map) {
  const auto values = map.values.flat();
  return values.empty() ? 0.0 : static_cast<double>(*std::max_element(values.begin(), values.end()));
}

RealMap log_compress(const RealMap& envelope, double reference, double floor) {
  RealMap result(envelope.grid);
  std::transform(envelope.values.flat().begin(), envelope.values.flat().end(), result.values.flat().begin(),
                 [&](float v) {
                   if (!(v >= 0))
                     throw UserError(
                         "an envelope value is negative or not a number (it has no level in dB). "
                         "Take the envelope of the image first");
                   if (v == 0 || !(reference > 0)) return static_cast<float>(floor);
                   return static_cast<float>(std::max(floor, 20 * std::log10(static_cast<double>(v) / reference)));
                 });
  return result;
}

RealMap log_compress(const RealMap& envelope) {
  return log_compress(envelope, maximum(envelope));
}

}  // namespace sonoforge
