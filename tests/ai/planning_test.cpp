#include <gtest/gtest.h>

#include <cmath>

#include "ai/classification_metrics.hpp"
#include "ai/hypothesis_tests.hpp"
#include "core/random.hpp"

namespace sonoforge {
namespace {

TEST(Planning, AreaErrorIsThatOfExponentialScores) {
  // Scores of the diseased are exponential with mean m, of the healthy with mean 1: area m / (m + 1), and Hanley and
  // McNeil's formula is exact. 4000 samples tell a deviation within 1.1 %.
  const double area = 0.8, mean = area / (1 - area);
  RandomStream random(2, 0, "planning");
  constexpr int trials = 4000;
  double sum = 0, squares = 0;
  for (int trial = 0; trial < trials; ++trial) {
    std::vector<double> scores;
    std::vector<std::uint8_t> truth;
    for (int i = 0; i < 70; ++i) {
      truth.push_back(i < 30);
      scores.push_back(-std::log(random.uniform()) * (truth.back() ? mean : 1));
    }
    const double found = roc_curve(scores, truth).area();
    sum += found;
    squares += found * found;
  }
  const double deviation = std::sqrt(squares / trials - std::pow(sum / trials, 2));
  EXPECT_NEAR(deviation / planned_area_error(area, 30, 40), 1, 0.045);
}

}  // namespace
}  // namespace sonoforge
