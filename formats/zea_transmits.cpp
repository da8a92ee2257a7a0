#include "formats/zea_transmits.hpp"

#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

namespace sonoforge {

namespace {

/// zea's angles of a direction: polar from +z, signed in the x-z plane; azimuth around z from +x.
std::pair<double, double> zea_angles(Vec3 direction) {
  if (direction.y == 0) return {std::atan2(direction.x, direction.z), 0.0};
  return {std::atan2(std::hypot(direction.x, direction.y), direction.z), std::atan2(direction.y, direction.x)};
}

double focus_distance(const Transmit& transmit) {
  const double distance = norm(transmit.focus - transmit.origin);
  if (transmit.wave == Transmit::Wave::focused) return distance;
  if (transmit.wave == Transmit::Wave::diverging) return -distance;
  return std::numeric_limits<double>::infinity();  // readers then take the earliest arrival of all elements
}

}  // namespace

ZeaTransmits zea_transmits(const Acquisition& acquisition) {
  const auto& transmits = acquisition.sequence.transmits;
  const std::size_t count = transmits.size(), elements = acquisition.probe.size();
  ZeaTransmits scan;
  scan.delays.assign(count * elements, 0.0F);
  scan.apodization.assign(count * elements, 0.0F);
  for (std::size_t t = 0; t < count; ++t) {
    const Transmit& transmit = transmits[t];
    for (std::size_t e = 0; e < elements; ++e) {
      // Where laws overlap, the first firing of the element stands for it; all laws are kept under /sonoforge.
      double first = std::numeric_limits<double>::infinity(), weight = 0;
      for (const TransmitLaw& law : transmit.laws)
        if (law.apodization[e] != 0 && law.delays[e] < first) first = law.delays[e], weight = law.apodization[e];
      if (weight == 0) continue;
      scan.delays[t * elements + e] = static_cast<float>(first);
      scan.apodization[t * elements + e] = static_cast<float>(weight);
    }
    const bool has_axis = transmit.wave != Transmit::Wave::custom;
    const auto [angle, azimuth] = has_axis ? zea_angles(transmit.direction) : std::pair{0.0, 0.0};
    const Vec3 origin = has_axis ? transmit.origin : Vec3{};
    scan.polar.push_back(static_cast<float>(angle));
    scan.azimuths.push_back(static_cast<float>(azimuth));
    scan.distances.push_back(static_cast<float>(focus_distance(transmit)));
    for (double v : {origin.x, origin.y, origin.z}) scan.origins.push_back(static_cast<float>(v));
    scan.starts.push_back(static_cast<float>(acquisition.start[t] + 1 / acquisition.centre_frequency));
  }
  return scan;
}

}  // namespace sonoforge
