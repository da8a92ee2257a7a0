#include "transducers/diverging_waves.hpp"

#include <cmath>

#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {

/// Source whose rays through the two ends of the array have tangents `left` and `right`, in the plane of x (or y) and
/// z.
Vec3 source_behind(const Probe& probe, const std::vector<double>& weights, bool along_y, double left, double right) {
  double first = std::numeric_limits<double>::infinity(), last = -first, depth = first;
  for (std::size_t i = 0; i < probe.size(); ++i) {
    if (weights[i] == 0) continue;
    const Vec3 p = probe.elements[i].position;
    const double place = along_y ? p.y : p.x;
    if (place < first) first = place;
    if (place > last) last = place, depth = p.z;  // both ends stand at the same depth
  }
  if (!(last > first))
    throw ConfigError("width",
                      "this probe has no aperture to open a wave with (the opening angle is that of the rays through "
                      "its first and last element). Use synthetic_aperture for a single element");
  const double behind = (last - first) / (right - left);
  const double middle = last - behind * right;
  return along_y ? Vec3{0, middle, depth - behind} : Vec3{middle, 0, depth - behind};
}

}  // namespace

void DivergingWaves::fields(FieldVisitor& visit) {
  angle_fields(visit, angles, azimuths, "Steering angles in the x-z plane, positive towards +x.",
               "Steering angles in the y-z plane, for probes that extend along y: one for all angles or one each.");
  visit(width, {.key = "width",
                .doc = "Opening angle: between the rays from the virtual source through the first and last element.",
                .unit = Unit::radian,
                .min = 1e-3,
                .max = 178_deg,
                .required = width == 0});
  frames_field(visit);
}

void DivergingWaves::check() const {
  check_angle_pairs(angles, azimuths);
  if (!(width > 0)) throw ConfigError("width", "the opening angle is missing. Write for example 'width: 60 deg'");
  for (std::size_t i = 0; i < angles.size(); ++i) {
    const double azimuth = azimuth_of(azimuths, i);
    const double tilt = angles[i] == 0 ? azimuth : angles[i];
    if (std::abs(tilt) + width / 2 > 89.5_deg)
      throw ConfigError("width", "width = " + format_quantity(width, Unit::radian) + " at the angle " +
                                     format_quantity(tilt, Unit::radian) +
                                     " (the outer ray would leave along the probe's face or behind it). Keep the "
                                     "angle plus half the width under 89.5 deg");
  }
}

Sequence DivergingWaves::build(const Probe& probe, double sound_speed) const {
  check();
  check_size(probe, angles.size(), "angles");
  std::vector<Transmit> transmits;
  for (std::size_t i = 0; i < angles.size(); ++i) {
    const double angle = angles[i], azimuth = azimuth_of(azimuths, i);
    check_steering(probe, angle, azimuth);
    const bool along_y = probe.kind == Probe::Kind::row_column && azimuth != 0;
    const double tilt = along_y ? azimuth : angle;
    auto weights = steerable_elements(probe, along_y);
    Vec3 source = source_behind(probe, weights, along_y, std::tan(tilt - width / 2), std::tan(tilt + width / 2));
    if (!along_y) source.y = source.z * std::tan(azimuth);  // the axis passes the middle of the face
    transmits.push_back(
        diverging_transmit(probe, std::move(weights), source, steering_direction(angle, azimuth), sound_speed));
  }
  return sequence_of(std::move(transmits));
}

}  // namespace sonoforge
