#include "phantoms/shapes.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/random.hpp"

namespace sonoforge {
namespace {

using std::numbers::pi;

struct Case {
  std::string name;
  std::shared_ptr<const Shape> shape;
  double volume;  ///< worked out by hand [m^3]
};

std::vector<Case> cases() {
  std::vector<Case> all;
  {
    SlabConfig slab;
    slab.x = {-1e-3, 2e-3}, slab.y = {0.0, 1e-3}, slab.z = {1e-3, 5e-3};
    all.push_back({"slab", slab.build(), 3e-3 * 1e-3 * 4e-3});
  }
  {
    BoxConfig box;
    box.centre = {1e-3, 0, 2e-3}, box.size = {2e-3, 1e-3, 3e-3}, box.rotation = {0.3, -0.7, 1.1};
    all.push_back({"turned box", box.build(), 6e-9});
  }
  {
    EllipsoidConfig ellipsoid;
    ellipsoid.centre = {0, 1e-3, 3e-3}, ellipsoid.radii = {1e-3, 2e-3, 0.5e-3}, ellipsoid.rotation = {-0.2, 0.9, 0.4};
    all.push_back({"turned ellipsoid", ellipsoid.build(), 4 * pi / 3 * 1e-9});
  }
  {
    CylinderConfig cylinder;
    cylinder.axis = {1, 2, -1}, cylinder.radius = 1.5e-3, cylinder.length = 4e-3;
    all.push_back({"cylinder", cylinder.build(), pi * 2.25e-6 * 4e-3});
  }
  {
    TubeConfig tube;
    tube.points = {{-2e-3, 0, 0}, {2e-3, 1e-3, 3e-3}}, tube.radius = 1e-3;
    all.push_back({"tube", tube.build(), pi * 1e-6 * (std::sqrt(16.0 + 1 + 9) * 1e-3 + 4e-3 / 3)});
  }
  {
    ExtrusionConfig extrusion;  // a concave arrow head of area 3 mm^2 by the shoelace formula
    extrusion.points = {{{0, 0}}, {{2e-3, 3e-3}}, {{0, 1.5e-3}}, {{-2e-3, 3e-3}}};
    extrusion.y = {-1e-3, 1e-3};
    all.push_back({"extrusion", extrusion.build(), 3e-6 * 2e-3});
  }
  return all;
}

// The share of random points of the bounding box that fall inside is binomial: five standard errors.
TEST(Shapes, VolumesMatchCountedPoints) {
  for (const auto& c : cases()) {
    const Bounds b = c.shape->bounds();
    const Vec3 size = b.high - b.low;
    const double box = size.x * size.y * size.z;
    RandomStream random(1, 0, c.name);
    const int n = 200000;
    int inside = 0;
    for (int i = 0; i < n; ++i) {
      const Vec3 p{random.uniform(b.low.x, b.high.x), random.uniform(b.low.y, b.high.y), random.uniform(b.low.z, b.high.z)};
      inside += c.shape->contains(p);
    }
    const double share = c.volume / box;
    EXPECT_NEAR(static_cast<double>(inside) / n, share, 5 * std::sqrt(share * (1 - share) / n) + 1e-12) << c.name;
    EXPECT_NEAR(c.shape->volume(), c.volume, 1e-12 * c.volume) << c.name;
  }
}

// At three depths in y: the share of random points of the section's frame that fall inside is binomial, five standard errors. Shapes without
// a closed form say so.
TEST(Shapes, SectionAreasMatchCountedPoints) {
  auto all = cases();
  BoxConfig face;
  face.size = {2e-3, 2e-3, 1e-3}, face.rotation = {0, 0.6, 0};
  all.push_back({"box turned about y", face.build(), 0});
  CylinderConfig vessel;
  vessel.axis = {0.5, 1, 0.25}, vessel.radius = 1e-3;
  all.push_back({"oblique vessel", vessel.build(), 0});
  CylinderConfig log;
  log.axis = {1, 0, 1}, log.radius = 1e-3, log.length = 3e-3;
  all.push_back({"cylinder in the image plane", log.build(), 0});
  int closed = 0;
  for (const auto& c : all) {
    const Bounds b = c.shape->bounds();
    const double y0 = std::max(b.low.y, -1e-3), y1 = std::min(b.high.y, 1.5e-3);
    for (double share_of_y : {0.2, 0.5, 0.9}) {
      const double y = y0 + (y1 - y0) * share_of_y, area = c.shape->section_area(y);
      if (std::isnan(area)) continue;
      ++closed;
      const double x0 = std::max(b.low.x, -5e-3), x1 = std::min(b.high.x, 5e-3), z0 = std::max(b.low.z, -5e-3), z1 = std::min(b.high.z, 5e-3);
      RandomStream random(7, 0, c.name);
      const int n = 100000;
      int inside = 0;
      for (int i = 0; i < n; ++i) inside += c.shape->contains({random.uniform(x0, x1), y, random.uniform(z0, z1)});
      const double frame = (x1 - x0) * (z1 - z0), share = area / frame;
      EXPECT_NEAR(static_cast<double>(inside) / n, share, 5 * std::sqrt(share * (1 - share) / n) + 1e-12) << c.name << " at " << share_of_y;
    }
    if (b.high.y < 1) {
      EXPECT_FALSE(c.shape->section_area(b.high.y + 1e-3) > 0) << c.name;
    }
  }
  // Slab, ellipsoid, extrusion and the three added here have one at all depths.
  EXPECT_GE(closed, 18);
}

// Even-odd filling makes two triangles of a bow tie, whose shoelace sum is zero: no size is given rather than a wrong one.
TEST(Shapes, CrossedPolygonsHaveNoClosedForm) {
  ExtrusionConfig bow;
  bow.points = {{{0, 0}}, {{2, 2}}, {{2, 0}}, {{0, 2}}};
  bow.y = {0.0, 1.0};
  EXPECT_TRUE(std::isnan(bow.build()->volume()));
  EXPECT_TRUE(std::isnan(bow.build()->section_area(0.5)));
  EXPECT_TRUE(bow.build()->contains({0.2, 0.5, 1}));
  EXPECT_FALSE(bow.build()->contains({1, 0.5, 0.2}));
}

TEST(Shapes, BoundsHoldTheShapeAndTouchIt) {
  for (const auto& c : cases()) {
    const Bounds b = c.shape->bounds();
    const Vec3 size = b.high - b.low, middle = 0.5 * (b.low + b.high);
    RandomStream random(2, 0, c.name);
    Vec3 low = middle, high = middle;
    for (int i = 0; i < 400000; ++i) {
      const Vec3 p{middle.x + size.x * random.uniform(-0.75, 0.75), middle.y + size.y * random.uniform(-0.75, 0.75),
                   middle.z + size.z * random.uniform(-0.75, 0.75)};
      if (!c.shape->contains(p)) continue;
      low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
      high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
    }
    for (auto [found, bound, extent] : {std::array{low.x, b.low.x, size.x}, std::array{low.y, b.low.y, size.y}, std::array{low.z, b.low.z, size.z}}) {
      EXPECT_GE(found, bound) << c.name;
      EXPECT_LT(found, bound + 0.15 * extent) << c.name;
    }
    for (auto [found, bound, extent] : {std::array{high.x, b.high.x, size.x}, std::array{high.y, b.high.y, size.y}, std::array{high.z, b.high.z, size.z}}) {
      EXPECT_LE(found, bound) << c.name;
      EXPECT_GT(found, bound - 0.15 * extent) << c.name;
    }
  }
}

TEST(Shapes, BoundariesCountAsInside) {
  EllipsoidConfig ball;
  ball.centre = {0, 0, 2}, ball.radii = {1, 1, 1};
  EXPECT_TRUE(ball.build()->contains({0, 0, 1}));
  EXPECT_TRUE(ball.build()->contains({1, 0, 2}));
  EXPECT_FALSE(ball.build()->contains({1.0000001, 0, 2}));
  ExtrusionConfig square;
  square.points = {{{0, 0}}, {{1, 0}}, {{1, 1}}, {{0, 1}}};
  for (Vec3 p : {Vec3{0, 0, 0}, Vec3{0.5, 7, 0}, Vec3{1, 0, 1}, Vec3{1, 0, 0.3}, Vec3{0, 0, 0.3}, Vec3{0.2, 0, 1}}) EXPECT_TRUE(square.build()->contains(p));
  SlabConfig slab;
  slab.z = {0.0, 8e-3};
  EXPECT_TRUE(slab.build()->contains({5, -5, 8e-3}));
  EXPECT_FALSE(slab.build()->contains({5, -5, 8.001e-3}));
}

// A turn about y by a right angle takes the shape's x axis to -z: a long x axis then points along depth.
TEST(Shapes, RotationsAreRightHanded) {
  EllipsoidConfig e;
  e.radii = {3, 1, 1}, e.rotation = {0, pi / 2, 0};
  EXPECT_TRUE(e.build()->contains({0, 0, 2.9}));
  EXPECT_FALSE(e.build()->contains({2, 0, 0}));
  BoxConfig b;  // about x by 30 degrees: y turns towards z
  b.size = {1, 4, 0.1}, b.rotation = {pi / 6, 0, 0};
  EXPECT_TRUE(b.build()->contains({0, 1.9 * std::cos(pi / 6), 1.9 * std::sin(pi / 6)}));
  EXPECT_FALSE(b.build()->contains({0, 1.9 * std::cos(pi / 6), -1.9 * std::sin(pi / 6)}));
}

TEST(Shapes, CombinationsFollowSetAlgebra) {
  const auto ball = [](double x) {
    Typed<ShapeConfig> s = Typed<ShapeConfig>::make(shape_catalog(), "ellipsoid");
    auto& e = dynamic_cast<EllipsoidConfig&>(*s);
    e.centre = {x, 0, 0}, e.radii = {1, 1, 1};
    return s;
  };
  for (const char* name : {"union", "intersection", "difference"}) {
    const auto combined = Typed<ShapeConfig>::make(shape_catalog(), name);
    dynamic_cast<CombinedConfig&>(*combined).shapes = {ball(0), ball(1)};
    const auto shape = combined->build();
    const auto a = ball(0)->build(), b = ball(1)->build();
    RandomStream random(3, 0, name);
    for (int i = 0; i < 5000; ++i) {
      const Vec3 p{random.uniform(-1.5, 2.5), random.uniform(-1.5, 1.5), random.uniform(-1.5, 1.5)};
      const bool in_a = a->contains(p), in_b = b->contains(p);
      const bool expected = name[0] == 'u' ? in_a || in_b : name[0] == 'i' ? in_a && in_b : in_a && !in_b;
      ASSERT_EQ(shape->contains(p), expected) << name;
    }
  }
}

}  // namespace
}  // namespace sonoforge
