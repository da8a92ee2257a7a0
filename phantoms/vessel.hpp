#pragma once
#include <memory>

#include "phantoms/motion.hpp"
#include "phantoms/shape.hpp"
#include "phantoms/womersley.hpp"

namespace sonoforge {

/// A round tube whose axis lies in a plane y = constant: straight, or an arc of a circle.
class Vessel : public Shape {
 public:
  /// `centre` is the middle of the axis [m], `angle` that of the axis there, from +x towards +z [rad]. The centre of an
  /// arc lies `bend_radius` [m] away (infinity: straight), deeper if the angle is 0.
  Vessel(Vec3 centre, double angle, double length, double radius, double bend_radius);

  /// A point as the vessel sees it.
  struct Place {
    double along = 0;   ///< on the axis from the inlet [m]
    double offset = 0;  ///< in the plane, towards the centre of the arc [m]
    double y = 0;       ///< out of the plane of the axis [m]
  };
  Place locate(Vec3 point) const;
  Vec3 point_at(const Place& place) const;
  /// Direction of the flow at a point.
  Vec3 direction_at(Vec3 point) const;
  /// Distance from the axis over the radius.
  double relative_radius(const Place& place) const;
  /// Way on the axis over the way on a streamline of this offset: longer on the outside of a bend.
  double streamline_ratio(const Place& place) const;
  double length() const { return length_; }

  bool contains(Vec3 point) const override;
  Bounds bounds() const override;
  double volume() const override;
  double section_area(double y) const override;

 private:
  bool straight() const;
  Vec3 centre_, along_, across_;  // of the axis at its middle
  double length_, radius_, bend_radius_;
};

/// Flow through a vessel. What leaves at its end enters again at its beginning on the same streamline, so that the
/// scatterers stay as dense as they were.
class VesselFlow : public DisplacementField {
 public:
  VesselFlow(std::shared_ptr<const Vessel> vessel, PulsatileFlow flow)
      : vessel_(std::move(vessel)), flow_(std::move(flow)) {}
  Vec3 displacement(Vec3 position, double time) const override;
  bool moves(Vec3 position) const override { return vessel_->contains(position); }
  Vec3 origin(Vec3 place, double time) const override;
  /// At a fixed place [m/s].
  Vec3 velocity(Vec3 position, double time) const override;

 private:
  std::shared_ptr<const Vessel> vessel_;
  PulsatileFlow flow_;
};

}  // namespace sonoforge
