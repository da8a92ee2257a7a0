#include "phantoms/shapes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "phantoms/surface.hpp"
#include "phantoms/turn.hpp"

namespace sonoforge {

namespace {

constexpr double unbounded = 1e300;
constexpr double infinity = std::numeric_limits<double>::infinity();

class Slab : public Shape {
 public:
  Slab(Vec3 low, Vec3 high) : low_(low), high_(high) {}
  bool contains(Vec3 p) const override {
    return p.x >= low_.x && p.x <= high_.x && p.y >= low_.y && p.y <= high_.y && p.z >= low_.z && p.z <= high_.z;
  }
  Bounds bounds() const override { return {low_, high_}; }
  double volume() const override {
    const Vec3 size = high_ - low_;
    const double v = size.x * size.y * size.z;
    return v < 1e200 ? v : infinity;
  }
  double section_area(double y) const override {
    if (y < low_.y || y > high_.y) return 0;
    const double area = (high_.x - low_.x) * (high_.z - low_.z);
    return area < 1e200 ? area : infinity;
  }

 private:
  Vec3 low_, high_;
};

class Box : public Shape {
 public:
  Box(Vec3 centre, Vec3 size, Vec3 rotation) : centre_(centre), half_(0.5 * size), rotation_(rotation) {}
  bool contains(Vec3 p) const override {
    const Vec3 q = rotation_.to_local(p - centre_);
    return std::abs(q.x) <= half_.x && std::abs(q.y) <= half_.y && std::abs(q.z) <= half_.z;
  }
  Bounds bounds() const override {
    const auto reach = [&](double a, double b, double c) { return std::abs(a) * half_.x + std::abs(b) * half_.y + std::abs(c) * half_.z; };
    const Vec3 r{reach(rotation_.ex.x, rotation_.ey.x, rotation_.ez.x), reach(rotation_.ex.y, rotation_.ey.y, rotation_.ez.y),
                 reach(rotation_.ex.z, rotation_.ey.z, rotation_.ez.z)};
    return {centre_ - r, centre_ + r};
  }
  double volume() const override { return 8 * half_.x * half_.y * half_.z; }
  /// A box turned about y alone shows its full face.
  double section_area(double y) const override {
    if (rotation_.ey.x != 0 || rotation_.ey.z != 0) return std::numeric_limits<double>::quiet_NaN();
    return std::abs(y - centre_.y) <= half_.y ? 4 * half_.x * half_.z : 0;
  }

 private:
  Vec3 centre_, half_;
  Turn rotation_;
};

class Ellipsoid : public Shape {
 public:
  Ellipsoid(Vec3 centre, Vec3 radii, Vec3 rotation) : centre_(centre), radii_(radii), rotation_(rotation) {}
  bool contains(Vec3 p) const override {
    const Vec3 q = rotation_.to_local(p - centre_);
    const double x = q.x / radii_.x, y = q.y / radii_.y, z = q.z / radii_.z;
    return x * x + y * y + z * z <= 1;
  }
  Bounds bounds() const override {
    const auto reach = [&](double a, double b, double c) { return std::hypot(a * radii_.x, b * radii_.y, c * radii_.z); };
    const Vec3 r{reach(rotation_.ex.x, rotation_.ey.x, rotation_.ez.x), reach(rotation_.ex.y, rotation_.ey.y, rotation_.ez.y),
                 reach(rotation_.ex.z, rotation_.ey.z, rotation_.ez.z)};
    return {centre_ - r, centre_ + r};
  }
  double volume() const override { return 4 * std::numbers::pi / 3 * radii_.x * radii_.y * radii_.z; }
  /// Sections of an ellipsoid along y are similar ellipses whose area falls off as 1 - t^2, t running from -1 to 1 between the two
  /// tangent planes, h away from the centre; the integral over y is the volume, so that the largest is 3 V / (4 h).
  double section_area(double y) const override {
    const double h = std::hypot(rotation_.ex.y * radii_.x, rotation_.ey.y * radii_.y, rotation_.ez.y * radii_.z);
    const double t = (y - centre_.y) / h;
    return std::abs(t) <= 1 ? 3 * volume() / (4 * h) * (1 - t * t) : 0;
  }

 private:
  Vec3 centre_, radii_;
  Turn rotation_;
};

class Cylinder : public Shape {
 public:
  Cylinder(Vec3 centre, Vec3 axis, double radius, double length) : centre_(centre), axis_(normalized(axis)), radius_(radius), half_(length / 2) {}
  bool contains(Vec3 p) const override {
    const Vec3 d = p - centre_;
    const double along = dot(d, axis_);
    if (std::abs(along) > half_) return false;
    const Vec3 across = d - along * axis_;
    return dot(across, across) <= radius_ * radius_;
  }
  Bounds bounds() const override {
    const auto reach = [&](double a) {
      const double along = a == 0 ? 0 : std::abs(a) * half_;
      return std::min(unbounded, along + radius_ * std::sqrt(std::max(0.0, 1 - a * a)));
    };
    const Vec3 r{reach(axis_.x), reach(axis_.y), reach(axis_.z)};
    return {centre_ - r, centre_ + r};
  }
  double volume() const override { return std::numbers::pi * radius_ * radius_ * 2 * half_; }
  /// A circle across an axis along y, a rectangle along an axis in x-z, an ellipse of an oblique one that the ends do not cut.
  double section_area(double y) const override {
    const double d = y - centre_.y, along = std::abs(axis_.y), across = std::sqrt(axis_.x * axis_.x + axis_.z * axis_.z);
    if (along == 0) return std::abs(d) <= radius_ ? 2 * std::sqrt(radius_ * radius_ - d * d) * 2 * half_ : 0;
    const double whole = std::numbers::pi * radius_ * radius_ / along;
    if (across == 0) return std::abs(d) <= half_ ? whole : 0;
    const double middle = std::abs(d) / along, reach = radius_ * across / along;  // along the axis
    if (middle - reach > half_) return 0;
    return middle + reach <= half_ ? whole : std::numeric_limits<double>::quiet_NaN();
  }

 private:
  Vec3 centre_, axis_;
  double radius_, half_;
};

class Tube : public Shape {
 public:
  Tube(std::vector<Vec3> points, double radius) : points_(std::move(points)), radius_(radius) {}
  bool contains(Vec3 p) const override {
    for (std::size_t i = 0; i + 1 < points_.size(); ++i) {
      const Vec3 a = points_[i], d = points_[i + 1] - a;
      const double length2 = dot(d, d);
      const double t = length2 > 0 ? std::clamp(dot(p - a, d) / length2, 0.0, 1.0) : 0.0;
      const Vec3 off = p - a - t * d;
      if (dot(off, off) <= radius_ * radius_) return true;
    }
    return false;
  }
  Bounds bounds() const override {
    Bounds b{{unbounded, unbounded, unbounded}, {-unbounded, -unbounded, -unbounded}};
    for (Vec3 p : points_) {
      b.low = {std::min(b.low.x, p.x - radius_), std::min(b.low.y, p.y - radius_), std::min(b.low.z, p.z - radius_)};
      b.high = {std::max(b.high.x, p.x + radius_), std::max(b.high.y, p.y + radius_), std::max(b.high.z, p.z + radius_)};
    }
    return b;
  }
  /// A straight tube is a cylinder with half a ball at each end; bends overlap.
  double volume() const override {
    if (points_.size() != 2) return std::numeric_limits<double>::quiet_NaN();
    return std::numbers::pi * radius_ * radius_ * (norm(points_[1] - points_[0]) + 4.0 / 3 * radius_);
  }

 private:
  std::vector<Vec3> points_;
  double radius_;
};

class Extrusion : public Shape {
 public:
  Extrusion(std::vector<std::array<double, 2>> points, double y0, double y1) : points_(std::move(points)), y0_(y0), y1_(y1) {}
  bool contains(Vec3 p) const override {
    if (p.y < y0_ || p.y > y1_) return false;
    bool inside = false;
    for (std::size_t i = 0, j = points_.size() - 1; i < points_.size(); j = i++) {
      const auto [xa, za] = points_[j];
      const auto [xb, zb] = points_[i];
      // On the edge counts as inside.
      const double area = (xb - xa) * (p.z - za) - (zb - za) * (p.x - xa);
      if (area == 0 && p.x >= std::min(xa, xb) && p.x <= std::max(xa, xb) && p.z >= std::min(za, zb) && p.z <= std::max(za, zb)) return true;
      if ((za > p.z) != (zb > p.z) && p.x < xa + (xb - xa) * (p.z - za) / (zb - za)) inside = !inside;
    }
    return inside;
  }
  Bounds bounds() const override {
    Bounds b{{unbounded, y0_, unbounded}, {-unbounded, y1_, -unbounded}};
    for (const auto& [x, z] : points_) {
      b.low.x = std::min(b.low.x, x), b.high.x = std::max(b.high.x, x);
      b.low.z = std::min(b.low.z, z), b.high.z = std::max(b.high.z, z);
    }
    return b;
  }
  double volume() const override {
    const double depth = y1_ - y0_;
    return depth < 1e200 ? area() * depth : infinity;
  }
  double section_area(double y) const override { return y < y0_ || y > y1_ ? 0 : area(); }

 private:
  /// Of a polygon that does not cross itself; the shoelace formula does not hold for others. Past 4000 corners nobody looks.
  double area() const {
    const std::size_t n = points_.size();
    if (n > 4000) return std::numeric_limits<double>::quiet_NaN();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i + 2; j < n; ++j)
        if (!(i == 0 && j == n - 1) && crosses(points_[i], points_[(i + 1) % n], points_[j], points_[(j + 1) % n]))
          return std::numeric_limits<double>::quiet_NaN();
    double twice = 0;
    for (std::size_t i = 0, j = n - 1; i < n; j = i++) {
      // From the first corner, which keeps digits of small polygons far away.
      const double xa = points_[j][0] - points_[0][0], za = points_[j][1] - points_[0][1];
      const double xb = points_[i][0] - points_[0][0], zb = points_[i][1] - points_[0][1];
      twice += xa * zb - xb * za;
    }
    return std::abs(twice) / 2;
  }
  static bool crosses(std::array<double, 2> a, std::array<double, 2> b, std::array<double, 2> c, std::array<double, 2> d) {
    const auto side = [](const auto& o, const auto& p, const auto& q) { return (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0]); };
    return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
  }

  std::vector<std::array<double, 2>> points_;
  double y0_, y1_;
};

class Combined : public Shape {
 public:
  Combined(CombinedConfig::Rule rule, std::vector<std::shared_ptr<const Shape>> shapes) : rule_(rule), shapes_(std::move(shapes)) {}
  bool contains(Vec3 p) const override {
    const auto in = [&](const auto& shape) { return shape->contains(p); };
    switch (rule_) {
      case CombinedConfig::Rule::any: return std::any_of(shapes_.begin(), shapes_.end(), in);
      case CombinedConfig::Rule::all: return std::all_of(shapes_.begin(), shapes_.end(), in);
      case CombinedConfig::Rule::first_only: return in(shapes_.front()) && std::none_of(shapes_.begin() + 1, shapes_.end(), in);
    }
    return false;
  }
  Bounds bounds() const override {
    Bounds b = shapes_.front()->bounds();
    if (rule_ == CombinedConfig::Rule::first_only) return b;
    for (std::size_t i = 1; i < shapes_.size(); ++i) {
      const Bounds o = shapes_[i]->bounds();
      const auto lower = [&](double a, double c) { return rule_ == CombinedConfig::Rule::any ? std::min(a, c) : std::max(a, c); };
      const auto upper = [&](double a, double c) { return rule_ == CombinedConfig::Rule::any ? std::max(a, c) : std::min(a, c); };
      b.low = {lower(b.low.x, o.low.x), lower(b.low.y, o.low.y), lower(b.low.z, o.low.z)};
      b.high = {upper(b.high.x, o.high.x), upper(b.high.y, o.high.y), upper(b.high.z, o.high.z)};
    }
    return b;
  }

 private:
  CombinedConfig::Rule rule_;
  std::vector<std::shared_ptr<const Shape>> shapes_;
};

const Field centre_field{.key = "centre", .doc = "Its middle [x, y, z].", .unit = Unit::metre, .min = -10, .max = 10};
const Field rotation_field{.key = "rotation", .doc = "Turn about x, then y, then z, right-handed.", .unit = Unit::radian, .min = -100, .max = 100};

}  // namespace

double Shape::volume() const { return std::numeric_limits<double>::quiet_NaN(); }
double Shape::section_area(double) const { return std::numeric_limits<double>::quiet_NaN(); }

void SlabConfig::fields(FieldVisitor& visit) {
  visit(x, {.key = "x", .doc = "[from, to]; missing = unbounded.", .unit = Unit::metre});
  visit(y, {.key = "y", .doc = "[from, to]; missing = unbounded.", .unit = Unit::metre});
  visit(z, {.key = "z", .doc = "[from, to]; missing = unbounded.", .unit = Unit::metre});
}
void SlabConfig::check() const {
  if (!x && !y && !z) throw ConfigError("", "a slab without limits (none of x, y, z is given). Write for example 'z: [0 mm, 8 mm]'");
}
std::shared_ptr<const Shape> SlabConfig::build() const {
  Bounds b;
  if (x) b.low.x = (*x)[0], b.high.x = (*x)[1];
  if (y) b.low.y = (*y)[0], b.high.y = (*y)[1];
  if (z) b.low.z = (*z)[0], b.high.z = (*z)[1];
  return std::make_shared<Slab>(b.low, b.high);
}

void BoxConfig::fields(FieldVisitor& visit) {
  visit(centre, centre_field);
  visit(size, {.key = "size", .doc = "Edge lengths [x, y, z].", .unit = Unit::metre, .min = positive, .max = 10, .required = true});
  visit(rotation, rotation_field);
}
void BoxConfig::check() const {}
std::shared_ptr<const Shape> BoxConfig::build() const { return std::make_shared<Box>(centre, size, rotation); }

void EllipsoidConfig::fields(FieldVisitor& visit) {
  visit(centre, centre_field);
  visit(radii, {.key = "radii", .doc = "Half axes [x, y, z].", .unit = Unit::metre, .min = positive, .max = 10, .required = true});
  visit(rotation, rotation_field);
}
void EllipsoidConfig::check() const {}
std::shared_ptr<const Shape> EllipsoidConfig::build() const { return std::make_shared<Ellipsoid>(centre, radii, rotation); }

void CylinderConfig::fields(FieldVisitor& visit) {
  visit(centre, centre_field);
  visit(axis, {.key = "axis", .doc = "Direction of the axis [x, y, z], of any length.", .min = -1e6, .max = 1e6});
  visit(radius, {.key = "radius", .doc = "Radius.", .unit = Unit::metre, .min = positive, .max = 10, .required = true});
  visit(length, {.key = "length", .doc = "End to end, or none for unbounded.", .unit = Unit::metre, .min = positive, .words = {{"none", infinity}}});
}
void CylinderConfig::check() const {
  if (!(norm(axis) > 0)) throw ConfigError("axis", "the axis has no direction (all three are zero). Write for example [0, 1, 0]");
}
std::shared_ptr<const Shape> CylinderConfig::build() const { return std::make_shared<Cylinder>(centre, axis, radius, length); }

void TubeConfig::fields(FieldVisitor& visit) {
  visit(points, {.key = "points", .doc = "The curve, as a list of [x, y, z].", .unit = Unit::metre, .min = -10, .max = 10, .required = true, .max_items = 10000});
  visit(radius, {.key = "radius", .doc = "Radius.", .unit = Unit::metre, .min = positive, .max = 10, .required = true});
}
void TubeConfig::check() const {
  if (points.size() < 2) throw ConfigError("points", "a curve needs at least two points. Write for example [[-10 mm, 0 mm, 20 mm], [10 mm, 0 mm, 20 mm]]");
}
std::shared_ptr<const Shape> TubeConfig::build() const { return std::make_shared<Tube>(points, radius); }

void ExtrusionConfig::fields(FieldVisitor& visit) {
  visit(points, {.key = "points", .doc = "Corners of the polygon, a list of [x, z].", .unit = Unit::metre, .min = -10, .max = 10, .required = true, .max_items = 100000});
  visit(y, {.key = "y", .doc = "[from, to]; missing = unbounded.", .unit = Unit::metre});
}
void ExtrusionConfig::check() const {
  if (points.size() < 3) throw ConfigError("points", "a polygon needs at least three corners. Write for example [[0 mm, 10 mm], [5 mm, 20 mm], [-5 mm, 20 mm]]");
}
std::shared_ptr<const Shape> ExtrusionConfig::build() const {
  return std::make_shared<Extrusion>(points, y ? (*y)[0] : -unbounded, y ? (*y)[1] : unbounded);
}

void CombinedConfig::fields(FieldVisitor& visit) {
  visit.list(shapes, shape_catalog(), {.key = "shapes", .doc = "The shapes to combine.", .required = true, .max_items = 1000});
}
void CombinedConfig::check() const {
  if (shapes.empty()) throw ConfigError("shapes", "there is nothing to combine (the list is empty). Give at least one shape");
}
std::shared_ptr<const Shape> CombinedConfig::build() const {
  std::vector<std::shared_ptr<const Shape>> built;
  for (const auto& shape : shapes) built.push_back(shape->build());
  return std::make_shared<Combined>(rule, std::move(built));
}

const Catalog& shape_catalog() {
  const auto combined = [](std::string name, std::string doc, CombinedConfig::Rule rule) {
    return CatalogRow{std::move(name), std::move(doc), [rule] { return std::make_shared<CombinedConfig>(rule); }};
  };
  static const Catalog catalog{"shape",
                               "Regions of space.",
                               {row_of<SlabConfig>("slab", "Everything between planes across x, y or z."), row_of<BoxConfig>("box", "A box, perhaps turned."),
                                row_of<EllipsoidConfig>("ellipsoid", "A ball or ellipsoid, perhaps turned."),
                                row_of<CylinderConfig>("cylinder", "A cylinder with flat ends, along y by default."),
                                row_of<TubeConfig>("tube", "All points near a curve: a vessel."),
                                row_of<ExtrusionConfig>("extrusion", "A polygon in x-z drawn out along y."),
                                row_of<SurfaceConfig>("surface", "The inside of a closed surface of triangles from an STL file."),
                                combined("union", "Inside any of the shapes.", CombinedConfig::Rule::any),
                                combined("intersection", "Inside all of the shapes.", CombinedConfig::Rule::all),
                                combined("difference", "Inside the first shape and none of the others.", CombinedConfig::Rule::first_only)},
                               {},
                               ""};
  return catalog;
}

}  // namespace sonoforge
