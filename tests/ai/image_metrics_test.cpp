#include "ai/image_metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "core/random.hpp"

namespace sonoforge {
namespace {

/// 20 mm squared of pixels of 0.2 mm with a disc of 4 mm radius, and a marked pixel.
class ImageMetrics : public ::testing::Test {
 protected:
  ImageMetrics() {
    grid.x = {-10e-3, 0.2e-3, 101};
    grid.z = {5e-3, 0.2e-3, 101};
    map = {"segmentation", "", "", grid, {"background", "lesion", "points"}, NdArray<float, 4>({3, 101, 1, 101})};
    for (std::size_t r = 0; r < 101; ++r)
      for (std::size_t c = 0; c < 101; ++c) {
        const bool inside = std::hypot(static_cast<double>(r) - 40, static_cast<double>(c) - 50) <= 20;
        map.values(inside ? 1 : 0, r, 0, c) = 1;
      }
    map.values(2, 85, 0, 50) = 1;
  }
  bool in_disc(std::size_t i) const { return map.values.data()[101 * 101 + i] != 0; }
  std::vector<double> disc_image(double contrast) const {
    std::vector<double> image(101 * 101, -20);
    for (std::size_t i = 0; i < image.size(); ++i)
      if (in_disc(i)) image[i] += contrast;
    return image;
  }
  PixelGrid grid;
  LabelMap map;
  MetricOptions options;
};

TEST_F(ImageMetrics, ContrastOfADisc) {
  EXPECT_NEAR(image_metric("contrast", disc_image(-7), {}, map, options), -7, 1e-12);
}

TEST_F(ImageMetrics, ErasedAndInvented) {
  const auto with = disc_image(-7), without = disc_image(0), faint = disc_image(-2);
  EXPECT_EQ(image_metric("erased", without, with, map, options), 1);
  EXPECT_EQ(image_metric("erased", with, with, map, options), 0);
  EXPECT_EQ(image_metric("invented", with, without, map, options), 1);
  EXPECT_EQ(image_metric("invented", with, with, map, options), 0);
  // 2 dB count as nothing seen.
  EXPECT_EQ(image_metric("invented", faint, without, map, options), 0);
  EXPECT_EQ(image_metric("erased", faint, with, map, options), 1);
}

TEST_F(ImageMetrics, GcnrOfRayleighSpeckle) {
  // Amplitudes of power p and q < p: the densities cross at r^2 = ln(p / q) pq / (p - q), and gCNR is the difference of
  // both distribution functions there. Histograms of 1257 and some 900 independent pixels overlap by a few hundredths
  // less than densities.
  RandomStream random(3, 0, "speckle");
  auto image = disc_image(-10);
  for (double& value : image) value += 10 * std::log10(-std::log(random.uniform()));
  const double q = 0.1, at = std::log(1 / q) * q / (1 - q);
  EXPECT_NEAR(image_metric("gcnr", image, {}, map, options), std::exp(-at) - std::exp(-at / q), 0.06);
}

TEST_F(ImageMetrics, WidthOfAGaussianPoint) {
  std::vector<double> image(101 * 101, -80);
  // Amplitude exp(-x^2 / 2 s^2) with s = 0.3 mm is half at x = s sqrt(2 ln 2): 0.706 mm between both sides.
  for (std::size_t c = 0; c < 101; ++c)
    image[85 * 101 + c] = -std::pow((static_cast<double>(c) - 50) * 0.2e-3 / 0.3e-3, 2) * 10 / std::log(10.0);
  // The chord of a parabola k x^2, k = 48 dB/mm^2, over a step h of 0.2 mm is off by at most k h^2 / 4 = 0.48 dB, which
  // a slope of k (0.2 + 0.4) mm = 29 dB/mm makes 0.017 mm a side.
  EXPECT_NEAR(image_metric("lateral_width", image, {}, map, options), 2 * 0.3e-3 * std::sqrt(2 * std::log(2.0)),
              0.034e-3);
}

TEST_F(ImageMetrics, MissingClassesAreNotNumbers) {
  options.target = "cyst", options.points = "wires";
  for (const char* name : {"gcnr", "contrast", "lateral_width", "erased", "invented"}) {
    EXPECT_TRUE(is_image_metric(name));
    EXPECT_TRUE(std::isnan(image_metric(name, disc_image(-7), disc_image(-7), map, options))) << name;
  }
  EXPECT_FALSE(is_image_metric("mae"));
}

}  // namespace
}  // namespace sonoforge
