#include "ai/disparity.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "ai/detection_metrics.hpp"
#include "ai/survival_metrics.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

std::vector<std::string> own_patients(std::size_t count, const std::string& prefix = "p") {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(prefix + std::to_string(i));
  return names;
}

std::vector<double> normals(RandomStream& random, std::size_t count, double mean = 0, double deviation = 1) {
  std::vector<double> values(count);
  for (auto& value : values) value = mean + deviation * random.normal();
  return values;
}

TEST(Bootstrap, GeneralStatisticAgreesWithTheMeanOfClusters) {
  RandomStream random(3, 0, "values");
  std::vector<double> values;
  std::vector<std::string> patients;
  for (int p = 0; p < 40; ++p)
    for (int i = 0; i <= p % 3; ++i) {
      values.push_back(random.normal());
      patients.push_back(std::to_string(p));
    }
  const RandomStream stream(1, 0, "bootstrap");
  const auto mean = [&](std::span<const std::size_t> cases) {
    double sum = 0;
    for (const auto i : cases) sum += values[i];
    return sum / static_cast<double>(cases.size());
  };
  const PatientClusters clusters(patients);
  const auto general = bootstrap(mean, clusters, stream, 500);
  const auto special = clustered_mean(values, patients, stream, 500);
  EXPECT_NEAR(general.value, special.value, 1e-14);
  EXPECT_NEAR(general.interval.low, special.interval.low, 1e-12);
  EXPECT_NEAR(general.interval.high, special.interval.high, 1e-12);
  // The bootstrap's deviation and the sandwich estimate the same thing; 500 samples know it to 3 %, times sqrt((g - 1)
  // / g).
  EXPECT_NEAR(general.standard_error, robust_mean(values, clusters).standard_error, 0.12 * general.standard_error);
  set_thread_count(5);
  EXPECT_EQ(bootstrap(mean, clusters, stream, 500).interval.low, general.interval.low);
  set_thread_count(0);
}

TEST(Bootstrap, UndefinedSamplesLeaveNoInterval) {
  // A statistic that exists only where case 0 was drawn is missing in a third of the samples.
  const PatientClusters clusters(own_patients(20));
  const auto fragile = [](std::span<const std::size_t> cases) {
    return std::find(cases.begin(), cases.end(), 0u) == cases.end() ? std::nan("") : 1.0;
  };
  EXPECT_TRUE(std::isnan(bootstrap(fragile, clusters, RandomStream(1, 0, "b")).interval.low));
  EXPECT_TRUE(std::isnan(
      bootstrap([](auto) { return 1.0; }, PatientClusters({"a", "a"}), RandomStream(1, 0, "b")).interval.low));
}

TEST(Bootstrap, MedianIntervalHoldsItsLevel) {
  // Of ten values, the 2nd and 9th hold the median with probability 1 - 2 * 11 / 1024; of five, no two order statistics
  // do.
  const auto ten = median_interval({9, 1, 2, 3, 4, 5, 6, 7, 8, 10});
  EXPECT_EQ(ten.low, 2);
  EXPECT_EQ(ten.high, 9);
  EXPECT_TRUE(std::isinf(median_interval({1, 2, 3, 4, 5}).low));
  EXPECT_EQ(median_interval({1, 2, 3, 4, 5, 6}).low, 1);
  int covered = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    RandomStream random(6, static_cast<std::uint64_t>(trial), "median");
    const auto interval = median_interval(normals(random, 25));
    covered += interval.low <= 0 && 0 <= interval.high;
  }
  EXPECT_GT(covered, 2000 * 0.95 - 3 * std::sqrt(2000 * 0.95 * 0.05));
}

TEST(Disparity, WelchsTestWhereEveryPatientHasOneCase) {
  // a: mean 3, variance 2.5, n 5; b: mean 6, variance 10, n 5. t = -3 / sqrt(2.5), degrees 2.5^2 / (0.5^2/4 + 2^2/4) =
  // 100/17.
  const auto found = compare_groups({1, 2, 3, 4, 5}, own_patients(5, "a"), {2, 4, 6, 8, 10}, own_patients(5, "b"));
  EXPECT_DOUBLE_EQ(found.difference, -3);
  EXPECT_NEAR(found.standard_error, std::sqrt(2.5), 1e-14);
  EXPECT_NEAR(found.degrees, 100.0 / 17, 1e-12);
  EXPECT_NEAR(found.t_p_value, 0.10753119493062718, 1e-12);
  EXPECT_DOUBLE_EQ(found.ratio, 0.5);
  EXPECT_LT(found.ratio_interval.low, 0.5);
  // Identical cases of a patient add nothing.
  const auto doubled =
      compare_groups({1, 1, 2, 2, 3, 3, 4, 4, 5, 5}, {"a0", "a0", "a1", "a1", "a2", "a2", "a3", "a3", "a4", "a4"},
                     {2, 4, 6, 8, 10}, own_patients(5, "b"));
  EXPECT_NEAR(doubled.t_p_value, found.t_p_value, 1e-12);
  // The same patients in both groups: the paired test.
  const auto paired = compare_groups({1, 2, 3, 4, 5}, own_patients(5), {2, 3, 4, 5, 7}, own_patients(5));
  EXPECT_NEAR(paired.standard_error, std::sqrt(0.2 / 5), 1e-14);
  EXPECT_TRUE(std::isnan(compare_groups({1, 2}, {"a", "a"}, {1, 2}, {"b", "c"}).p_value));
}

TEST(Disparity, LongFalseAlarmsCoverageAndPowerAreAsPromised) {
  // 4000 cohorts of 50 + 70 patients with one to three cases each, the groups unlike in spread. Shares over 4000 trials
  // have a standard error of 0.34 % at 5 % and 0.63 % at 80 %; three of them are allowed.
  constexpr int trials = 4000;
  int alarms = 0, covered = 0, found = 0;
  double promised = 0;
  for (int trial = 0; trial < trials; ++trial) {
    RandomStream random(21, static_cast<std::uint64_t>(trial), "cohort");
    std::vector<double> a, b;
    std::vector<std::string> patients_a, patients_b;
    for (int p = 0; p < 120; ++p) {
      const bool first = p < 50;
      const double level = (first ? 1.0 : 0.6) * random.normal();
      for (std::uint64_t i = 0; i <= random.integer_below(3); ++i) {
        (first ? a : b).push_back(level + 0.3 * random.normal());
        (first ? patients_a : patients_b).push_back(std::to_string(p));
      }
    }
    const auto none = compare_groups(a, patients_a, b, patients_b);
    alarms += none.p_value < 0.05;
    covered += none.interval.low <= 0 && 0 <= none.interval.high;
    for (auto& value : a) value += 0.45;
    const auto planted = compare_groups(a, patients_a, b, patients_b);
    found += planted.p_value < 0.05;
    promised += planted.power(0.45) / trials;
  }
  EXPECT_LE(alarms, trials * 0.05 + 3 * std::sqrt(trials * 0.05 * 0.95));
  EXPECT_GE(covered, trials * 0.93);
  EXPECT_LE(covered, trials * 0.97);
  // The promise is a normal approximation with the estimated error: within 3 points.
  EXPECT_NEAR(static_cast<double>(found) / trials, promised, 0.03);
}

TEST(Disparity, LongRareMissesRaiseNoFalseAlarms) {
  // Overlaps of 0.9 with one miss in ten: on groups of 20 and 80 the t test is known to reject too often on the side of
  // the larger group. 4000 cohorts; permutation is exact, but for ties, which make it reject less.
  constexpr int trials = 4000;
  std::vector<int> two_sided(trials), lower(trials), higher(trials);
  parallel_for(trials, [&](std::size_t trial) {
    RandomStream random(31, trial, "misses");
    std::vector<double> a, b;
    for (int p = 0; p < 100; ++p) (p < 20 ? a : b).push_back(random.uniform() < 0.1 ? 0 : 0.9 + 0.03 * random.normal());
    const auto found = compare_groups(a, own_patients(20, "a"), b, own_patients(80, "b"));
    two_sided[trial] = found.p_value < 0.05;
    lower[trial] = found.p_lower < 0.05;
    higher[trial] = found.p_higher < 0.05;
  });
  const double most = trials * 0.05 + 3 * std::sqrt(trials * 0.05 * 0.95);
  for (const auto* count : {&two_sided, &lower, &higher})
    EXPECT_LE(std::accumulate(count->begin(), count->end(), 0), most);
  // All five of one group below all five of the other: 2 of 252 divisions are as far apart.
  const auto apart = compare_groups({1, 2, 3, 4, 5}, own_patients(5, "a"), {6, 7, 8, 9, 10}, own_patients(5, "b"));
  EXPECT_NEAR(apart.p_value, 2.0 / 252, 4 * std::sqrt(2.0 / 252 / 1999) + 1.0 / 2000);
  EXPECT_LT(apart.p_lower, apart.p_higher);
}

TEST(Disparity, DoseResponseFollowsTheCurve) {
  RandomStream random(5, 0, "dose");
  std::vector<double> factor, straight, flat;
  for (int i = 0; i < 600; ++i) {
    factor.push_back(10 * random.uniform());
    straight.push_back(2 - 0.3 * factor.back() + 0.2 * random.normal());
    flat.push_back(0.2 * random.normal());
  }
  const PatientClusters clusters(own_patients(600));
  const auto curve = dose_response(factor, straight, clusters);
  EXPECT_NEAR(curve.slope, -0.3, 4 * curve.slope_error);
  EXPECT_LT(curve.p_value, 1e-10);
  ASSERT_EQ(curve.factor.size(), 25u);
  std::size_t held = 0;
  for (std::size_t k = 0; k < 25; ++k)
    held += curve.interval[k].low <= 2 - 0.3 * curve.factor[k] && 2 - 0.3 * curve.factor[k] <= curve.interval[k].high;
  EXPECT_GE(held, 20u);  // pointwise 95 %, neighbours alike
  EXPECT_GT(dose_response(factor, flat, clusters).p_value, 1e-3);
  EXPECT_TRUE(dose_response({1, 2}, {1, 2}, PatientClusters(own_patients(2))).mean.empty());
  // A straight line without noise is returned as it is.
  std::vector<double> exact;
  for (const double x : factor) exact.push_back(1 + x);
  const auto line = dose_response(factor, exact, clusters);
  for (std::size_t k = 0; k < 25; ++k) EXPECT_NEAR(line.mean[k], 1 + line.factor[k], 1e-9);
}

TEST(Disparity, WorstSliceIsConfirmedOnFreshPatients) {
  // 40 slices at random over 300 patients. Without effect, the chance that any of three is confirmed is at most 5 %; a
  // planted slice of 60 patients one deviation worse is found.
  int alarms = 0, naive = 0;
  constexpr int trials = 60;
  for (int trial = 0; trial < trials; ++trial) {
    RandomStream random(8, static_cast<std::uint64_t>(trial), "slices");
    const auto values = normals(random, 300);
    const auto patients = own_patients(300);
    std::vector<Slice> slices(40);
    for (std::size_t s = 0; s < slices.size(); ++s) {
      slices[s].name = std::to_string(s);
      for (std::size_t i = 0; i < 300; ++i)
        if (random.uniform() < 0.15) slices[s].cases.push_back(i);
    }
    const auto found = worst_slices(values, patients, slices, true, random.child("halves"));
    bool alarm = false;
    for (const auto& slice : found) alarm = alarm || slice.p_value < 0.05;
    alarms += alarm;
    naive += !found.empty() && found[0].searched.p_value < 0.05;
    if (trial == 0) {
      auto biased = values;
      for (std::size_t i = 0; i < 60; ++i) biased[i] -= 1;
      Slice planted{"planted", {}};
      for (std::size_t i = 0; i < 60; ++i) planted.cases.push_back(i);
      slices.push_back(planted);
      const auto worst = worst_slices(biased, patients, slices, true, random.child("halves"));
      EXPECT_EQ(worst[0].name, "planted");
      EXPECT_LT(worst[0].p_value, 0.01);
      EXPECT_NEAR(worst[0].confirmed.difference, -1, 4 * worst[0].confirmed.standard_error);
    }
  }
  EXPECT_LE(alarms, trials * 0.05 + 3 * std::sqrt(trials * 0.05 * 0.95));
  EXPECT_GT(naive, trials / 2);  // what the confirmation is for
}

TEST(Disparity, VarianceIsSharedOutAsItWasMade) {
  // y = 2 a + b^2-like + noise with independent parts of variance 4, 2 and 1: shares 4/7, 2/7 of two factors, none of a
  // third; the standard error of a share from 4000 cases is about 1 %.
  RandomStream random(13, 0, "shares");
  FactorColumn a{"a", {}, {}}, b{"b", {}, {}}, word{"word", {}, {}};
  std::vector<double> values;
  for (int i = 0; i < 4000; ++i) {
    a.numbers.push_back(random.normal());
    b.numbers.push_back(random.normal());  // b^2 has variance 2
    word.words.push_back(random.uniform() < 0.5 ? "left" : "right");
    values.push_back(2 * a.numbers.back() + b.numbers.back() * b.numbers.back() + random.normal());
  }
  const auto shares = variance_shares({a, b, word}, values);
  EXPECT_NEAR(shares.share[0], 4.0 / 7, 0.04);
  EXPECT_NEAR(shares.share[1], 2.0 / 7, 0.04);
  EXPECT_NEAR(shares.share[2], 0, 0.002);
  EXPECT_NEAR(shares.share[0] + shares.share[1] + shares.share[2] + shares.unexplained, 1, 1e-12);
  // Two copies of one factor share what it explains, but for what its chance correlation with b (about 1/sqrt(4000))
  // shares out.
  const auto copies = variance_shares({a, a, b}, values);
  EXPECT_NEAR(copies.share[0], copies.share[1], 1e-9);
  EXPECT_NEAR(copies.share[0] + copies.share[1], shares.share[0], 0.016);
  EXPECT_TRUE(std::isnan(variance_shares({word}, std::vector<double>(4000, 1)).share[0]));
}

TEST(Disparity, TwinsShowWhatAFactorDid) {
  RandomStream random(17, 0, "twins");
  std::vector<double> drawn = normals(random, 200), twin;
  std::vector<bool> before, after;
  for (const double value : drawn) {
    twin.push_back(value - 0.2 + 0.05 * random.normal());
    before.push_back(value >= 0);
    after.push_back(twin.back() >= 0);
  }
  const auto effect = causal_effect(twin, drawn, own_patients(200), after, before);
  EXPECT_NEAR(effect.effect.value, -0.2, 4 * effect.effect.standard_error);
  EXPECT_NEAR(effect.deviation, 0.05, 0.01);
  // Pairing removes the spread between patients: the error is that of the effect, 0.05 / sqrt(200).
  EXPECT_NEAR(effect.effect.standard_error, 0.05 / std::sqrt(200.0), 0.001);
  EXPECT_EQ(effect.worse + effect.better, 200u);
  // About 200 * (Phi(0.2) - Phi(0)) = 16 patients stood within reach of the threshold.
  EXPECT_NEAR(static_cast<double>(effect.flips), 16, 12);
  EXPECT_LT(effect.flip_interval.high, 0.2);
}

TEST(DetectionMetrics, FrocByHand) {
  // Two images, three lesions, one never marked; the second mark on lesion 0 counts or not.
  const std::vector<Candidate> marks{
      {0.9, 0}, {0.8, Candidate::no_lesion}, {0.7, 0}, {0.6, 1}, {0.5, Candidate::no_lesion}};
  const auto curve = froc_curve(marks, 3, 2);
  EXPECT_EQ(curve.false_alarms_per_image, (std::vector<double>{0, 0, 0.5, 0.5, 0.5, 1}));
  EXPECT_DOUBLE_EQ(curve.sensitivity.back(), 2.0 / 3);
  EXPECT_DOUBLE_EQ(curve.sensitivity_at(0.49), 1.0 / 3);
  EXPECT_DOUBLE_EQ(curve.sensitivity_at(0.5), 2.0 / 3);
  EXPECT_DOUBLE_EQ(curve.mean_sensitivity(), (2 * 1 + 5 * 2) / 21.0);
  EXPECT_DOUBLE_EQ(curve.average_precision(), (1 + 2.0 / 3) / 3);
  EXPECT_DOUBLE_EQ(froc_curve(marks, 3, 2, SecondMark::false_alarm).average_precision(), (1 + 0.5) / 3);
  EXPECT_EQ(froc_curve({}, 3, 2).average_precision(), 0);
  EXPECT_TRUE(std::isnan(froc_curve({}, 0, 2).average_precision()));
  EXPECT_THROW(froc_curve({{0.5, 3}}, 3, 2), std::invalid_argument);
}

TEST(SurvivalMetrics, ConcordanceAndRegretByHand) {
  const std::vector<double> time{1, 2, 2, 3}, risk{0.9, 0.2, 0.5, 0.5};
  const std::vector<std::uint8_t> event{1, 1, 0, 0};
  // 1 before the three others: three won. 2 (event) before the censored 2 and before 3: both lost.
  EXPECT_DOUBLE_EQ(concordance_index(time, event, risk), 0.6);
  EXPECT_TRUE(std::isnan(concordance_index(time, std::vector<std::uint8_t>(4), risk)));
  const auto curve = kaplan_meier(time, event);
  EXPECT_DOUBLE_EQ(curve.at(1), 0.75);
  EXPECT_DOUBLE_EQ(curve.before(1), 1);
  EXPECT_DOUBLE_EQ(curve.at(2), 0.75 * 2 / 3);
  // One of two decided wrongly, 0.1 from the threshold of 0.2.
  EXPECT_NEAR(decision_regret(std::vector<double>{0.3, 0.1}, std::vector<double>{0.1, 0.1}, 0.2), 0.5 * 0.1 / 0.8,
              1e-15);
  EXPECT_EQ(decision_regret(risk, risk, 0.5), 0);
}

TEST(SurvivalMetrics, CensoringDoesNotMoveTheBrierScore) {
  // Exponential times with rate 1, predictions off by a known amount, horizon 1. Half of the patients are censored at
  // random; weighting by the inverse probability makes the score estimate the same number: S^2 (1 - q) + (1 - S)^2 q
  // with q = exp(-1).
  RandomStream random(19, 0, "survival");
  std::vector<double> time;
  std::vector<std::uint8_t> event;
  constexpr double predicted = 0.6;
  for (int i = 0; i < 20000; ++i) {
    const double t = -std::log(random.uniform()), c = -std::log(random.uniform());
    time.push_back(std::min(t, c));
    event.push_back(t <= c);
  }
  const double q = std::exp(-1.0), truth = predicted * predicted * (1 - q) + (1 - predicted) * (1 - predicted) * q;
  // Standard error of the weighted mean: about 0.36 * sqrt(e / 20000) = 0.004.
  EXPECT_NEAR(survival_brier(time, event, std::vector<double>(20000, predicted), 1), truth, 0.012);
  EXPECT_NEAR(kaplan_meier(time, event).at(1), q, 0.015);
  EXPECT_DOUBLE_EQ(risk_of_hazard(2, 0.5), 1 - std::exp(-1.0));
}

}  // namespace
}  // namespace sonoforge
