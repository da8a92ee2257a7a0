#include "phantoms/motion.hpp"

namespace sonoforge {

Vec3 DisplacementField::origin(Vec3 place, double time) const {
  Vec3 origin = place;
  for (int i = 0; i < 200; ++i) {
    const Vec3 next = place - displacement(origin, time);
    const double change = norm(next - origin);
    origin = next;
    if (change < 1e-13) break;
  }
  return origin;
}

Vec3 DisplacementField::velocity(Vec3 place, double time) const {
  constexpr double half = 1e-5;
  const Vec3 from = origin(place, time);
  return (0.5 / half) * (displacement(from, time + half) - displacement(from, time - half));
}

std::array<double, 3> green_strain(const DisplacementField& field, Vec3 place, double time) {
  constexpr double half = 1e-5;
  const Vec3 from = field.origin(place, time);
  const auto slope = [&](Vec3 step) {
    return (0.5 / half) * (field.displacement(from + half * step, time) - field.displacement(from - half * step, time));
  };
  const Vec3 gx = slope({1, 0, 0}) + Vec3{1, 0, 0}, gz = slope({0, 0, 1}) + Vec3{0, 0, 1};  // columns of F
  return {0.5 * (dot(gx, gx) - 1), 0.5 * (dot(gz, gz) - 1), 0.5 * dot(gx, gz)};
}

}  // namespace sonoforge
