#pragma once
#include <array>
#include <memory>

#include "core/fields.hpp"
#include "core/vec3.hpp"

namespace sonoforge {

/// An axis-aligned box; infinite where a shape has no bound [m].
struct Bounds {
  Vec3 low{-1e300, -1e300, -1e300};
  Vec3 high{1e300, 1e300, 1e300};
};

/// A region of space with an exact inside.
class Shape {
 public:
  virtual ~Shape() = default;
  /// Points on the boundary count as inside.
  virtual bool contains(Vec3 point) const = 0;
  virtual Bounds bounds() const = 0;
  /// Exact volume [m^3] where a closed form exists, else NaN.
  virtual double volume() const;
  /// Exact area [m^2] of the section with the plane at this y where a closed form exists, else NaN; 0 where they do not meet.
  virtual double section_area(double y) const;
};

class ShapeConfig : public Configurable {
 public:
  virtual std::shared_ptr<const Shape> build() const = 0;
};

/// slab, box, ellipsoid, cylinder, tube, extrusion, surface, union, difference, intersection.
const Catalog& shape_catalog();

}  // namespace sonoforge
