#include "ai/labels.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "phantoms/phantoms.hpp"
#include "phantoms/shapes.hpp"

namespace sonoforge {
namespace {

Typed<Tissue> tissue(const char* name) { return Typed<Tissue>::make(tissue_catalog(), name); }

Phantom two_balls() {
  ScenePhantom s;
  s.background = tissue("liver");
  s.extent.x = {-1e-3, 1e-3}, s.extent.z = {1e-3, 2e-3};
  for (auto [x, radius, name, label] : {std::tuple{0.0, 5e-3, "fat", "mass"}, std::tuple{2e-3, 2e-3, "cyst", "core"}, std::tuple{30e-3, 3e-3, "fat", "mass"}}) {
    RegionConfig region;
    region.shape = Typed<ShapeConfig>::make(shape_catalog(), "ellipsoid");
    auto& e = dynamic_cast<EllipsoidConfig&>(*region.shape);
    e.centre = {x, 0, 20e-3}, e.radii = {radius, radius, radius};
    region.tissue = tissue(name);
    region.label = label;
    s.regions.push_back(region);
  }
  return s.build(RandomStream(1, 0, "labels"));
}

PixelGrid grid(double pixel) {
  PixelGrid g;
  g.x = Axis::from_to_step(-10e-3, 10e-3, pixel);
  g.z = Axis::from_to_step(10e-3, 30e-3, pixel);
  return g;
}

// The number of lattice points in a disc differs from its area over the pixel area by the points near its edge: a band of one pixel about the
// circumference holds at most 2 pi R / h, and the rounding of each averages out; the measured exponent of Gauss's circle problem is far below, so
// that R / h = 50 is safe with 2 % of the area.
TEST(Labels, MaskAreasAreThoseOfTheShapes) {
  const Phantom phantom = two_balls();
  const double pixel = 1e-4;
  const LabelMap map = rasterize_labels(phantom, grid(pixel), {"segmentation"}).front();
  ASSERT_EQ(map.channels, (std::vector<std::string>{"mass", "core"}));
  std::array<double, 2> area{}, x{};
  const std::size_t pixels = map.grid.size();
  for (std::size_t c = 0; c < 2; ++c)
    for (std::size_t i = 0; i < pixels; ++i)
      if (map.values.flat()[c * pixels + i] != 0) {
        area[c] += pixel * pixel;
        x[c] += pixel * pixel * map.grid.x.at(i % map.grid.x.count);
      }
  const double core = std::numbers::pi * 4e-6, ring = std::numbers::pi * 25e-6 - core;
  EXPECT_NEAR(area[1], core, 0.02 * core);
  EXPECT_NEAR(area[0], ring, 0.02 * ring);
  EXPECT_NEAR(x[1] / area[1], 2e-3, pixel / 10);
  EXPECT_NEAR(x[0] / area[0], -core * 2e-3 / ring, pixel / 5);
}

TEST(Labels, MapsHoldTheTissueOfEachPixel) {
  const Phantom phantom = two_balls();
  const auto maps = rasterize_labels(phantom, grid(1e-3), {"sound_speed", "attenuation", "density", "echogenicity", "instances"});
  ASSERT_EQ(maps.size(), 5u);
  const auto at = [&](std::size_t map, double x, double z) {
    const PixelGrid& g = maps[map].grid;
    return maps[map].values(std::size_t{0}, static_cast<std::size_t>(std::lround(g.z.index_of(z))), std::size_t{0},
                            static_cast<std::size_t>(std::lround(g.x.index_of(x))));
  };
  EXPECT_FLOAT_EQ(at(0, -9e-3, 11e-3), static_cast<float>(tissue("liver")->sound_speed));
  EXPECT_FLOAT_EQ(at(0, -2e-3, 20e-3), static_cast<float>(tissue("fat")->sound_speed));
  EXPECT_FLOAT_EQ(at(0, 2e-3, 20e-3), static_cast<float>(tissue("cyst")->sound_speed));
  EXPECT_FLOAT_EQ(at(1, -2e-3, 20e-3), static_cast<float>(tissue("fat")->attenuation.db_per_cm));
  EXPECT_FLOAT_EQ(at(2, 2e-3, 20e-3), static_cast<float>(tissue("cyst")->density));
  EXPECT_FLOAT_EQ(at(3, 2e-3, 20e-3), -300.f);
  EXPECT_NEAR(at(3, -2e-3, 20e-3) - at(3, -9e-3, 11e-3), -6, 1e-4);
  EXPECT_EQ(at(4, -9e-3, 11e-3), 0.f);
  EXPECT_EQ(at(4, -2e-3, 20e-3), 1.f);
  EXPECT_EQ(at(4, 2e-3, 20e-3), 2.f);
}

TEST(Labels, PointsMarkTheNearestPixelOnAnyGrid) {
  PointsPhantom points;
  points.positions = {{1.04e-3, 0, 20.06e-3}, {50e-3, 0, 20e-3}};
  const Phantom phantom = points.build(RandomStream(1, 0, "labels"));
  const LabelMap flat = rasterize_labels(phantom, grid(1e-4), {"segmentation"}).front();
  ASSERT_EQ(flat.channels, (std::vector<std::string>{"point"}));
  double marks = 0;
  for (float v : flat.values.flat()) marks += v;
  EXPECT_EQ(marks, 1);
  EXPECT_EQ(flat.values(std::size_t{0}, std::size_t{101}, std::size_t{0}, std::size_t{110}), 1.f);

  PixelGrid polar;
  polar.kind = PixelGrid::Kind::polar;
  polar.apex_depth = -40e-3;
  polar.x = Axis::from_to_step(-0.1, 0.1, 0.001);
  polar.z = Axis::from_to_step(50e-3, 70e-3, 1e-4);
  const LabelMap sector = rasterize_labels(phantom, polar, {"segmentation"}).front();
  // atan2(1.04, 60.06) = 17.31 mrad, range 60.069 mm.
  EXPECT_EQ(sector.values(std::size_t{0}, std::size_t{101}, std::size_t{0}, std::size_t{117}), 1.f);
}

TEST(Labels, UnknownNamesAreRefusedWithTheNearest) {
  try {
    check_label_names({"sound_sped"});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("'sound_speed'"), std::string::npos);
  }
}

TEST(Labels, VolumesAreExact) {
  const auto measured = true_measurements(two_balls());
  ASSERT_EQ(measured.size(), 6u);
  EXPECT_EQ(measured[0].name, "mass.volume");
  EXPECT_NEAR(measured[0].value, 4 * std::numbers::pi / 3 * 125e-9, 1e-18);
  EXPECT_EQ(measured[1].name, "mass.area");
  EXPECT_EQ(measured[1].unit, "m^2");
  EXPECT_NEAR(measured[1].value, std::numbers::pi * 25e-6, 1e-16);
  EXPECT_EQ(measured[4].name, "mass.2.volume");
  EXPECT_NEAR(measured[5].value, std::numbers::pi * 9e-6, 1e-16);
}

// A vessel along y has no finite volume, but an area; a layer across x has neither.
TEST(Labels, UnboundedRegionsAreMeasuredWhereTheyCanBe) {
  ScenePhantom s;
  s.background = tissue("water");
  s.regions.resize(2);
  s.regions[0].shape = Typed<ShapeConfig>::make(shape_catalog(), "cylinder");
  dynamic_cast<CylinderConfig&>(*s.regions[0].shape).radius = 2e-3;
  s.regions[0].tissue = tissue("water");
  s.regions[0].label = "vessel";
  s.regions[1].shape = Typed<ShapeConfig>::make(shape_catalog(), "slab");
  dynamic_cast<SlabConfig&>(*s.regions[1].shape).z = {1e-3, 2e-3};
  s.regions[1].tissue = tissue("water");
  s.regions[1].label = "layer";
  const auto measured = true_measurements(s.build(RandomStream(1, 0, "labels")));
  ASSERT_EQ(measured.size(), 1u);
  EXPECT_EQ(measured[0].name, "vessel.area");
  EXPECT_NEAR(measured[0].value, std::numbers::pi * 4e-6, 1e-17);
}

}  // namespace
}  // namespace sonoforge
