#include "ai/drift.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace sonoforge {
namespace {

TEST(Cusum, RunLengthsAreThoseOfTheTables) {
  // Two-sided charts of reference 0.5: run lengths 168 and 465 at limits 4 and 5 [montgomery2009, table 9.3]; one side
  // alone has twice that (Kemp's rule 1/L = 1/L+ + 1/L-), rounded in the table to three digits.
  EXPECT_NEAR(mean_run_length({0.5, 4}), 2 * 168, 1.5);
  EXPECT_NEAR(mean_run_length({0.5, 5}), 2 * 465, 1.5);
  // A shift of one deviation, where the other side does not matter: 8.38 and 10.4.
  EXPECT_NEAR(mean_run_length({0.5, 4}, 1), 8.38, 0.01);
  EXPECT_NEAR(mean_run_length({0.5, 5}, 1), 10.4, 0.05);
  // Without a limit the first value above the reference alarms.
  EXPECT_NEAR(mean_run_length({0.5, 0}), 1 / 0.30853753872598690, 1e-9);
  // Siegmund's approximation is within a few percent [siegmund1985].
  for (const double limit : {3.0, 4.0, 5.0})
    for (const double shift : {0.0, 0.5, 1.0})
      EXPECT_NEAR(siegmund_run_length({0.5, limit}, shift) / mean_run_length({0.5, limit}, shift), 1, 0.03)
          << limit << " " << shift;
}

TEST(Cusum, DesignReachesTheRunLength) {
  for (const double wanted : {50.0, 370.0, 5000.0})
    EXPECT_NEAR(mean_run_length(design_cusum(0.5, wanted)) / wanted, 1, 1e-6);
  EXPECT_NEAR(design_cusum(0.5, 2 * 168).limit, 4, 0.01);
  EXPECT_THROW(design_cusum(0.5, 1), std::invalid_argument);
}

TEST(Cusum, SimulatedRunLengthIsTheDesigned) {
  // 4000 streams of normal values; run lengths are nearly exponential, so their mean has an error of 1/sqrt(4000) = 1.6
  // %.
  const Cusum cusum = design_cusum(0.5, 200);
  double sum = 0;
  constexpr int streams = 4000;
  for (int s = 0; s < streams; ++s) {
    RandomStream random(1, static_cast<std::uint64_t>(s), "run");
    double level = 0;
    int length = 0;
    do {
      level = std::max(0.0, level + random.normal() - cusum.reference);
      ++length;
    } while (level <= cusum.limit);
    sum += length;
  }
  EXPECT_NEAR(sum / streams / 200, 1, 4 * 0.016);
}

TEST(Drift, FoundAfterItsOnsetAndNotBefore) {
  // Skewed usual values (exponential); drift: all larger by the value that shifts half of the usual ones past the rest.
  RandomStream random(3, 0, "values");
  std::vector<double> usual, drifted;
  for (int i = 0; i < 400; ++i) usual.push_back(-std::log(random.uniform()));
  for (int i = 0; i < 400; ++i) drifted.push_back(-std::log(random.uniform()) * 3);
  const auto trial = simulate_drift(usual, drifted, false, 0.5, 500, 100, 100, 2000, RandomStream(4, 0, "drift"));
  // Ranks make the usual values normal but for their few steps; 2.2 % sampling error of 2000 nearly exponential
  // lengths.
  EXPECT_NEAR(trial.found_run_length / 500, 1, 0.15);
  EXPECT_NEAR(trial.early_share, trial.expected_early_share, 0.05);
  EXPECT_GT(trial.detected_share, 0.99);
  EXPECT_LT(trial.median_delay, 20);
  // No drift: alarms after the onset come at the rate of false ones; the sum starts anywhere, so a little above it.
  const auto none = simulate_drift(usual, usual, false, 0.5, 500, 100, 100, 2000, RandomStream(5, 0, "drift"));
  EXPECT_NEAR(none.detected_share, 1 - std::exp(-100.0 / 500), 0.06);
  EXPECT_THROW(simulate_drift({1, 2}, {3}, false, 0.5, 100, 10, 10, 10, random), std::invalid_argument);
}

}  // namespace
}  // namespace sonoforge
