#include "transducers/transmit_laws.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"

namespace sonoforge {
namespace {

constexpr double silent = std::numeric_limits<double>::quiet_NaN();

void set_axis(Transmit& transmit, Vec3 origin, Vec3 direction) {
  transmit.origin = origin;
  transmit.direction = direction;
  transmit.angle = std::atan2(direction.x, direction.z);
  transmit.azimuth = std::atan2(direction.y, direction.z);
}

/// Delays from a time for each element; the transmit's time_of_origin is moved along with them.
void set_law(Transmit& transmit, std::vector<double> delays, std::vector<double> weights) {
  transmit.laws.push_back({std::move(delays), std::move(weights)});
  transmit.time_of_origin -= start_at_first_firing(transmit);
}

}  // namespace

Vec3 steering_direction(double angle, double azimuth) {
  if (azimuth == 0) return {std::sin(angle), 0, std::cos(angle)};
  if (angle == 0) return {0, std::sin(azimuth), std::cos(azimuth)};
  return normalized(Vec3{std::tan(angle), std::tan(azimuth), 1});
}

double start_at_first_firing(Transmit& transmit) {
  double first = std::numeric_limits<double>::infinity();
  for (TransmitLaw& law : transmit.laws)
    for (std::size_t i = 0; i < law.delays.size(); ++i) {
      if (law.apodization[i] == 0 || std::isnan(law.delays[i]))
        law.delays[i] = silent, law.apodization[i] = 0;
      else
        first = std::min(first, law.delays[i]);
    }
  if (!std::isfinite(first))
    throw ConfigError(
        "",
        "no element fires (all are silent or face away from the wave). Change the direction, the focus or "
        "the aperture");
  for (TransmitLaw& law : transmit.laws)
    for (double& delay : law.delays) delay -= first;
  return first;
}

Transmit plane_transmit(const Probe& probe, std::vector<double> weights, double angle, double azimuth,
                        double sound_speed) {
  Transmit transmit;
  transmit.wave = Transmit::Wave::plane;
  const Vec3 direction = steering_direction(angle, azimuth);
  std::vector<double> delays(probe.size());
  for (std::size_t i = 0; i < probe.size(); ++i) {
    // The wavefront passes the world origin at 0 here; the law then starts at the first firing.
    delays[i] = dot(probe.elements[i].position, direction) / sound_speed;
    if (dot(probe.elements[i].normal, direction) <= 0) weights[i] = 0;
  }
  set_axis(transmit, {}, direction);
  transmit.angle = angle;
  transmit.azimuth = azimuth;
  set_law(transmit, std::move(delays), std::move(weights));
  return transmit;
}

Transmit diverging_transmit(const Probe& probe, std::vector<double> weights, Vec3 source, Vec3 direction,
                            double sound_speed) {
  Transmit transmit;
  transmit.wave = Transmit::Wave::diverging;
  transmit.focus = source;
  std::vector<double> delays(probe.size());
  for (std::size_t i = 0; i < probe.size(); ++i) {
    const Vec3 ray = probe.elements[i].position - source;
    delays[i] = norm(ray) / sound_speed;
    if (dot(probe.elements[i].normal, ray) <= 0) weights[i] = 0;
  }
  // The axis meets a flat face at z = 0; a convex one on its arc, centred at z = -radius.
  double distance = -source.z / direction.z;
  if (std::isfinite(probe.curvature_radius)) {
    const Vec3 from_centre{source.x, 0, source.z + probe.curvature_radius};
    const double along = dot(from_centre, direction);
    const double inside = probe.curvature_radius * probe.curvature_radius - dot(from_centre, from_centre);
    if (along * along + inside >= 0) distance = -along + std::sqrt(along * along + inside);
  }
  set_axis(transmit, source + distance * direction, direction);
  set_law(transmit, std::move(delays), std::move(weights));
  return transmit;
}

Transmit focused_transmit(const Probe& probe, std::vector<double> weights, Vec3 focus, Vec3 origin,
                          double sound_speed) {
  Transmit transmit;
  transmit.wave = Transmit::Wave::focused;
  transmit.focus = focus;
  std::vector<double> delays(probe.size());
  for (std::size_t i = 0; i < probe.size(); ++i) {
    const Vec3 ray = focus - probe.elements[i].position;
    delays[i] = -norm(ray) / sound_speed;  // everything meets at the focus at time 0
    if (dot(probe.elements[i].normal, ray) <= 0) weights[i] = 0;
  }
  set_axis(transmit, origin, normalized(focus - origin));
  set_law(transmit, std::move(delays), std::move(weights));
  return transmit;
}

Transmit element_transmit(const Probe& probe, std::size_t element) {
  Transmit transmit;
  transmit.wave = Transmit::Wave::element;
  transmit.focus = probe.elements[element].position;
  set_axis(transmit, transmit.focus, probe.elements[element].normal);
  TransmitLaw law{std::vector<double>(probe.size(), silent), std::vector<double>(probe.size(), 0.0)};
  law.delays[element] = 0;
  law.apodization[element] = 1;
  transmit.laws.push_back(std::move(law));
  return transmit;
}

std::vector<double> steerable_elements(const Probe& probe, bool along_y) {
  std::vector<double> weights(probe.size(), 1.0);
  if (probe.kind != Probe::Kind::row_column) return weights;
  for (std::size_t i = 0; i < probe.size(); ++i) {
    const Vec3 lateral = probe.elements[i].lateral;
    if ((std::abs(lateral.y) > std::abs(lateral.x)) != along_y) weights[i] = 0;
  }
  return weights;
}

double last_firing(const Sequence& sequence) {
  double last = 0;
  for (const Transmit& transmit : sequence.transmits)
    for (const TransmitLaw& law : transmit.laws)
      for (double delay : law.delays)
        if (delay > last) last = delay;  // false for NaN
  return last;
}

}  // namespace sonoforge
