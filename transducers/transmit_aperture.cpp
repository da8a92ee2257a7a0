#include "transducers/transmit_aperture.hpp"

#include <algorithm>
#include <cmath>

namespace sonoforge {
namespace {

struct Offset {
  double along_array = 0, along_y = 0;
};

Offset offset_from(Vec3 origin, Vec3 position) {
  return {std::hypot(position.x - origin.x, position.z - origin.z), std::abs(position.y - origin.y)};
}

}  // namespace

void TransmitAperture::fields(FieldVisitor& visit) {
  visit(f_number, {.key = "f_number",
                   .doc = "Focal distance over the width of the transmitting aperture; by default all elements fire.",
                   .min = 0.1,
                   .max = 1000});
  visit.choice(window, window_names, {.key = "window", .doc = "Taper of the transmitting aperture."});
}

std::vector<double> TransmitAperture::weights(const Probe& probe, std::vector<double> usable, Vec3 origin,
                                              double focal_distance) const {
  Offset half;
  if (f_number) {
    half.along_array = half.along_y = focal_distance / (2 * *f_number);
  } else {
    origin = {};
    for (const Element& element : probe.elements) {
      // The taper reaches zero at the outer edge of the outermost elements, so these keep some weight.
      const Offset offset = offset_from(origin, element.position);
      half.along_array = std::max(half.along_array, offset.along_array + element.width / 2);
      half.along_y = std::max(half.along_y, offset.along_y + element.height / 2);
    }
  }
  // Centres that lie on the edge but for rounding belong to the aperture.
  const double slack = 1 + 1e-9;
  std::vector<double> weights(probe.size(), 0.0);
  std::size_t nearest = probe.size();
  double least = std::numeric_limits<double>::infinity();
  bool any = false;
  for (std::size_t i = 0; i < probe.size(); ++i) {
    if (usable[i] == 0) continue;
    const Vec3 position = probe.elements[i].position;
    if (const double distance = norm(position - origin); distance < least) least = distance, nearest = i;
    const Offset offset = offset_from(origin, position);
    const double u = offset.along_array / (half.along_array * slack), v = offset.along_y / (half.along_y * slack);
    weights[i] = usable[i] * window_value(window, u) * window_value(window, v);
    any = any || weights[i] != 0;
  }
  if (!any && nearest < probe.size()) weights[nearest] = usable[nearest];
  return weights;
}

}  // namespace sonoforge
