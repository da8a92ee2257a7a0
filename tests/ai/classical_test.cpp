#include "ai/classical.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "ai/segmentation_metrics.hpp"
#include "core/random.hpp"

namespace sonoforge {
namespace {

TEST(Classical, ThresholdFindsDarkDiscsUnderAGradient) {
  // Discs 12 dB darker than noise of 2 dB whose level falls by 20 dB with depth: no threshold alone marks them all, one on
  // levels less the median of their row does.
  constexpr std::size_t side = 48;
  std::vector<std::vector<float>> images, masks;
  for (std::uint64_t k = 0; k < 8; ++k) {
    RandomStream random(3, k, "disc");
    const double radius = random.uniform(6, 10), x = random.uniform(14, 34), z = random.uniform(14, 34);
    images.emplace_back();
    masks.emplace_back();
    for (std::size_t i = 0; i < side * side; ++i) {
      const bool inside = std::hypot(static_cast<double>(i % side) - x, static_cast<double>(i / side) - z) < radius;
      images.back().push_back(static_cast<float>(-10 - 20.0 * static_cast<double>(i / side) / side - (inside ? 12 : 0) + 2 * random.normal()));
      masks.back().push_back(inside);
    }
  }
  double score = 0;
  const auto found = ThresholdBaseline::fit(images, masks, side, side, score);
  EXPECT_TRUE(found.flatten);
  EXPECT_TRUE(found.darker);
  // A rim shifted by one pixel of a disc of 6 to 10 costs 0.1.
  EXPECT_GT(score, 0.9);
  double mean = 0;
  for (std::size_t k = 0; k < images.size(); ++k)
    mean += dice(found.mark(images[k], side, side), std::vector<std::uint8_t>(masks[k].begin(), masks[k].end())) / 8;
  EXPECT_NEAR(mean, score, 1e-12);
}

TEST(Classical, LogisticRegressionFindsTheWeightsThatDrewTheTruth) {
  RandomStream random(7, 0, "cases");
  std::vector<std::vector<double>> features;
  std::vector<std::uint8_t> truth;
  for (int i = 0; i < 20000; ++i) {
    const double a = 3 + 2 * random.normal(), b = -1 + 0.5 * random.normal();
    features.push_back({a, b});
    truth.push_back(random.uniform() < 1 / (1 + std::exp(-(0.8 * (a - 3) - 2 * (b + 1) + 0.3))));
  }
  const auto found = LogisticRegression::fit(features, truth);
  // Standard errors of weights of standardised features from 20 000 cases are about 0.025; the ridge shrinks them by about
  // ridge / information = 1e-3 / 0.15, or 0.7 %.
  EXPECT_NEAR(found.weights[0], 0.8 * 2, 0.1);
  EXPECT_NEAR(found.weights[1], -2 * 0.5, 0.1);
  EXPECT_NEAR(found.weights[2], 0.3, 0.1);
  EXPECT_NEAR(found.probability(std::vector<double>{3, -1}), 1 / (1 + std::exp(-0.3)), 0.02);
}

TEST(Classical, LinearRegressionFindsAPlane) {
  RandomStream random(9, 0, "cases");
  std::vector<std::vector<double>> features;
  std::vector<double> truth;
  for (int i = 0; i < 200; ++i) {
    features.push_back({5 + random.normal(), 1e-3 * random.normal()});
    truth.push_back(2 + 3 * features.back()[0] - 1000 * features.back()[1]);
  }
  const auto found = LinearRegression::fit(features, truth);
  // The ridge takes 1e-3 of each standardised weight: at two deviations 2e-3 of 3 and of 1.
  EXPECT_NEAR(found.value(std::vector<double>{5, 0}), 17, 0.01);
  EXPECT_NEAR(found.value(std::vector<double>{7, 2e-3}), 21, 0.02);
}

TEST(Classical, EjectionFractionByAreaAndLengthOfAHalfSpheroid) {
  // Half a spheroid of half axes r, r and length L has the area pi r L / 2, so that A^2 / L goes as the volume r^2 L.
  const auto outline = [](double radius, double length) {
    MaskMeasures one;
    one.area = std::acos(-1.0) * radius * length / 2, one.long_axis = length;
    return one;
  };
  const auto features = outline_features({outline(0.023, 0.080), outline(0.018, 0.070)});
  EXPECT_NEAR(features[5], 1 - 0.018 * 0.018 * 0.070 / (0.023 * 0.023 * 0.080), 1e-12);
  EXPECT_NEAR(features[4], 1 - 0.018 * 0.070 / (0.023 * 0.080), 1e-12);
  EXPECT_EQ(outline_features({MaskMeasures{}, MaskMeasures{}})[5], 0);
  EXPECT_EQ(outline_features({MaskMeasures{}}).size(), outline_feature_names(1).size());
  EXPECT_EQ(features.size(), outline_feature_names(2).size());
}

TEST(Classical, SizeAndContrastOfAKnownImage) {
  std::vector<float> image(20 * 20, -10.0F), mask(20 * 20, 0.0F);
  for (std::size_t r = 8; r < 12; ++r)
    for (std::size_t c = 8; c < 12; ++c) image[r * 20 + c] = -25, mask[r * 20 + c] = 1;
  const auto found = size_and_contrast(image, mask, 20, 20, 3);
  EXPECT_NEAR(found[0], std::log(16.0), 1e-12);
  EXPECT_NEAR(found[1], -15, 1e-5);
}

}  // namespace
}  // namespace sonoforge
