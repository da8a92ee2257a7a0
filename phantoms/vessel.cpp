#include "phantoms/vessel.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sonoforge {

Vessel::Vessel(Vec3 centre, double angle, double length, double radius, double bend_radius)
    : centre_(centre),
      along_{std::cos(angle), 0, std::sin(angle)},
      across_{-std::sin(angle), 0, std::cos(angle)},
      length_(length),
      radius_(radius),
      bend_radius_(bend_radius) {}

bool Vessel::straight() const {
  return !std::isfinite(bend_radius_);
}

Vessel::Place Vessel::locate(Vec3 point) const {
  const Vec3 d = point - centre_;
  if (straight()) return {dot(d, along_) + length_ / 2, dot(d, across_), d.y};
  const double a = dot(d, along_), b = bend_radius_ - dot(d, across_);  // from the centre of the arc
  return {bend_radius_ * std::atan2(a, b) + length_ / 2, bend_radius_ - std::hypot(a, b), d.y};
}

Vec3 Vessel::point_at(const Place& place) const {
  const double s = place.along - length_ / 2;
  const Vec3 out{0, place.y, 0};
  if (straight()) return centre_ + s * along_ + place.offset * across_ + out;
  const double turn = s / bend_radius_, distance = bend_radius_ - place.offset;
  return centre_ + distance * std::sin(turn) * along_ + (bend_radius_ - distance * std::cos(turn)) * across_ + out;
}

Vec3 Vessel::direction_at(Vec3 point) const {
  if (straight()) return along_;
  const double turn = (locate(point).along - length_ / 2) / bend_radius_;
  return std::cos(turn) * along_ + std::sin(turn) * across_;
}

double Vessel::relative_radius(const Place& place) const {
  return std::hypot(place.offset, place.y) / radius_;
}

double Vessel::streamline_ratio(const Place& place) const {
  return straight() ? 1 : bend_radius_ / (bend_radius_ - place.offset);
}

bool Vessel::contains(Vec3 point) const {
  const Place place = locate(point);
  return place.along >= 0 && place.along <= length_ && relative_radius(place) <= 1;
}

Bounds Vessel::bounds() const {
  Bounds box{{1e300, centre_.y - radius_, 1e300}, {-1e300, centre_.y + radius_, -1e300}};
  const auto include = [&](Vec3 p) {
    box.low.x = std::min(box.low.x, p.x), box.high.x = std::max(box.high.x, p.x);
    box.low.z = std::min(box.low.z, p.z), box.high.z = std::max(box.high.z, p.z);
  };
  // The rim in the plane of the axis, finely; of an arc the chords between its points stay within 1e-4 of its radius.
  constexpr int steps = 256;
  for (int i = 0; i <= steps; ++i)
    for (double side : {-radius_, radius_}) include(point_at({length_ * i / steps, side, 0}));
  return box;
}

// By Pappus the centroid of the section travels the length of the axis, whatever its bend.
double Vessel::volume() const {
  return std::numbers::pi * radius_ * radius_ * length_;
}

double Vessel::section_area(double y) const {
  const double dy = y - centre_.y;
  return std::abs(dy) < radius_ ? 2 * std::sqrt(radius_ * radius_ - dy * dy) * length_ : 0;
}

Vec3 VesselFlow::displacement(Vec3 position, double time) const {
  if (!vessel_->contains(position)) return {};
  Vessel::Place place = vessel_->locate(position);
  const double way = flow_.path(vessel_->relative_radius(place), time) * vessel_->streamline_ratio(place);
  const double length = vessel_->length();
  place.along = std::fmod(place.along + way, length);
  if (place.along < 0) place.along += length;
  return vessel_->point_at(place) - position;
}

Vec3 VesselFlow::origin(Vec3 position, double time) const {
  if (!vessel_->contains(position)) return position;
  Vessel::Place place = vessel_->locate(position);
  const double way = flow_.path(vessel_->relative_radius(place), time) * vessel_->streamline_ratio(place);
  const double length = vessel_->length();
  place.along = std::fmod(place.along - way, length);
  if (place.along < 0) place.along += length;
  return vessel_->point_at(place);
}

Vec3 VesselFlow::velocity(Vec3 position, double time) const {
  if (!vessel_->contains(position)) return {};
  return flow_.velocity(vessel_->relative_radius(vessel_->locate(position)), time) * vessel_->direction_at(position);
}

}  // namespace sonoforge
