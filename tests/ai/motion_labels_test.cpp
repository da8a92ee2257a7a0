#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "ai/labels.hpp"
#include "phantoms/left_ventricle.hpp"
#include "phantoms/rotating_disk.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

Phantom disk(double rate) {
  RotatingDisk config;
  config.rate = rate, config.scatterer_density = 1e8;
  return config.build(RandomStream(1, 1, "phantom"));
}

PixelGrid view() {
  PixelGrid grid;
  grid.x = Axis::from_to_step(-12e-3, 12e-3, 0.5e-3);
  grid.z = Axis::from_to_step(12e-3, 38e-3, 0.5e-3);
  return grid;
}

// A disk at angular speed w about (0, 25 mm), z towards x: v = w (z - zc, -(x - xc)); after a time t what is at r came
// from the place turned back by w t. Central differences over 20 us err by (w dt)^2 / 6.
TEST(MotionLabels, ARotatingDiskMovesAsItShould) {
  const double rate = 0.5, w = 2 * pi * rate, t = 0.3;
  const auto maps = rasterize_labels(disk(rate), view(), {"velocity", "displacement", "strain"}, t);
  ASSERT_EQ(maps.size(), 3u);
  EXPECT_EQ(maps[0].channels, (std::vector<std::string>{"x", "y", "z"}));
  const PixelGrid grid = view();
  for (std::size_t iz = 0; iz < grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) {
      const double x = grid.x.at(ix), z = grid.z.at(iz) - 25e-3, r = std::hypot(x, z);
      if (std::abs(r - 10e-3) < 0.1e-3) continue;  // differences across the rim mean nothing
      const bool inside = r < 10e-3;
      EXPECT_NEAR(maps[0].values(0, iz, 0, ix), inside ? w * z : 0, 1e-7);
      EXPECT_NEAR(maps[0].values(2, iz, 0, ix), inside ? -w * x : 0, 1e-7);
      const double c = std::cos(w * t), s = std::sin(w * t);
      EXPECT_NEAR(maps[1].values(0, iz, 0, ix), inside ? x - (c * x - s * z) : 0, 1e-8);
      EXPECT_NEAR(maps[1].values(2, iz, 0, ix), inside ? z - (s * x + c * z) : 0, 1e-8);
      for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(maps[2].values(k, iz, 0, ix), 0, 1e-6);
    }
}

TEST(MotionLabels, TheSegmentationOfABeatingHeartChangesWithTime) {
  LeftVentriclePhantom config;
  config.scatterer_density = 1e7;
  const Phantom phantom = config.build(RandomStream(1, 1, "phantom"));
  ASSERT_TRUE(labels_move(phantom));
  PixelGrid grid;
  grid.x = Axis::from_to_step(-45e-3, 45e-3, 0.5e-3);
  grid.z = Axis::from_to_step(10e-3, 130e-3, 0.5e-3);
  const Heartbeat beat = config.beat();
  const auto cavity_area = [&](double time) {
    const LabelMap map = rasterize_labels(phantom, grid, {"segmentation"}, time).front();
    const auto c =
        static_cast<std::size_t>(std::find(map.channels.begin(), map.channels.end(), "cavity") - map.channels.begin());
    double count = 0;
    for (std::size_t i = 0; i < grid.size(); ++i) count += map.values.flat()[c * grid.size() + i];
    return count * 0.25e-6;
  };
  // The leaflets cover a little of the cavity, the same part of it at any time but for their stretch: the ratio of
  // areas is that of radius times length, sqrt(stretch) times the 2/3 power of the volume's ratio; measured on the
  // field itself.
  const double end = config.systole / config.rate;
  const Vec3 base{0, 0, config.apex_depth + config.length + 0.75 * config.wall};
  const Vec3 rim = base + Vec3{config.diameter / 2 - 1e-9, 0, 0}, tip = base - Vec3{0, 0, config.length - 1e-9};
  const double radius = (rim + beat.displacement(rim, end)).x;
  const double length = (base + beat.displacement(base, end)).z - (tip + beat.displacement(tip, end)).z;
  EXPECT_NEAR(cavity_area(end) / cavity_area(0), radius * length / (config.diameter / 2 * config.length), 0.02);
  EXPECT_NEAR(cavity_area(1 / config.rate), cavity_area(0), 1e-12);
}

TEST(Boxes, AreThoseOfTheShape) {
  const Phantom phantom = disk(0);
  const PixelGrid grid = view();
  const auto boxes = class_boxes(rasterize_labels(phantom, grid, {"segmentation"}).front());
  ASSERT_EQ(boxes.size(), 5u);
  const auto value = [&](const std::string& name) {
    for (const auto& b : boxes)
      if (b.name == "disk." + name) return b.value;
    return std::nan("");
  };
  // Edges of pixels whose centres lie inside: within half a pixel of the disk's.
  EXPECT_NEAR(value("box_left"), -10e-3, 0.25e-3 + 1e-12);
  EXPECT_NEAR(value("box_right"), 10e-3, 0.25e-3 + 1e-12);
  EXPECT_NEAR(value("box_top"), 15e-3, 0.25e-3 + 1e-12);
  EXPECT_NEAR(value("box_bottom"), 35e-3, 0.25e-3 + 1e-12);
  EXPECT_NEAR(value("box_pixels") * 0.25e-6, pi * 100e-6, 0.02 * pi * 100e-6);
}

}  // namespace
}  // namespace sonoforge
