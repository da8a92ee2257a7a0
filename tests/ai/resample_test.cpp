#include "ai/resample.hpp"

#include <gtest/gtest.h>

namespace sonoforge {
namespace {

TEST(Resample, KeepsEqualSizesConstantsAndRamps) {
  std::vector<float> ramp;
  for (int r = 0; r < 12; ++r)
    for (int c = 0; c < 20; ++c) ramp.push_back(static_cast<float>(3 * r - c));
  EXPECT_EQ(resample(ramp, 12, 20, 12, 20), ramp);
  for (const float value : resample(std::vector<float>(240, -7.5F), 12, 20, 5, 33)) EXPECT_FLOAT_EQ(value, -7.5F);
  // Pixel centres lie at (i + 0.5) / n: halving both sides moves centres to between two pixels. Symmetric weights keep a
  // ramp exact away from the border.
  const auto half = resample(ramp, 12, 20, 6, 10);
  for (int r = 1; r < 5; ++r)
    for (int c = 1; c < 9; ++c) EXPECT_NEAR(half[static_cast<std::size_t>(r * 10 + c)], 3 * (2 * r + 0.5) - (2 * c + 0.5), 1e-5);
  const auto twice = resample(ramp, 12, 20, 24, 40);
  for (int r = 1; r < 23; ++r)
    for (int c = 1; c < 39; ++c) EXPECT_NEAR(twice[static_cast<std::size_t>(r * 40 + c)], 3 * (0.5 * r - 0.25) - (0.5 * c - 0.25), 1e-5);
}

TEST(Resample, SkipsNothingWhenShrinking) {
  // A single bright pixel of 60 must leave its whole weight somewhere: mean kept to the share of the border's taps.
  std::vector<float> point(64 * 64, 0.0F);
  point[31 * 64 + 29] = 64;
  double sum = 0;
  for (const float value : resample(point, 64, 64, 8, 8)) sum += value;
  EXPECT_NEAR(sum, 64.0 / 64, 0.02);
}

}  // namespace
}  // namespace sonoforge
