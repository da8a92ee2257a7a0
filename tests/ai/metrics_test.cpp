#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "ai/agreement.hpp"
#include "ai/calibration.hpp"
#include "ai/classification_metrics.hpp"
#include "ai/distributions.hpp"
#include "ai/hypothesis_tests.hpp"
#include "ai/segmentation_metrics.hpp"
#include "core/random.hpp"
#include "recon/image_similarity.hpp"

namespace sonoforge {
namespace {

using Mask = std::vector<std::uint8_t>;

TEST(SegmentationMetrics, OverlapOfEmptyMasksFollowsTheStatedRule) {
  const Mask empty(6), some{0, 1, 1, 0, 0, 0}, other{0, 0, 7, 1, 1, 0};
  EXPECT_EQ(dice(empty, empty), 1);
  EXPECT_EQ(intersection_over_union(empty, empty), 1);
  EXPECT_EQ(dice(empty, some), 0);
  EXPECT_EQ(intersection_over_union(some, empty), 0);
  EXPECT_EQ(mask_overlap(empty, some).precision(), 0);
  EXPECT_EQ(mask_overlap(some, empty).recall(), 0);
  EXPECT_EQ(mask_overlap(empty, empty).recall(), 1);
  // One pixel shared, two and three inside: 2 * 1 / 5 and 1 / 4.
  EXPECT_DOUBLE_EQ(dice(some, other), 0.4);
  EXPECT_DOUBLE_EQ(intersection_over_union(some, other), 0.25);
  EXPECT_THROW(dice(some, Mask(5)), std::invalid_argument);
}

TEST(SegmentationMetrics, AMissNeverImprovesADistance) {
  // 4 x 5 pixels of 3 by 2: the diagonal is sqrt(9^2 + 8^2), and no two surfaces can be further apart.
  const MaskGrid grid{{4, 5}, {3, 2}};
  Mask empty(20), corner(20), opposite(20);
  corner[0] = 1;
  opposite[19] = 1;
  const double diagonal = std::sqrt(81.0 + 64.0);
  EXPECT_NEAR(surface_distances(corner, opposite, grid).hausdorff(), diagonal, 1e-14);
  for (const auto& missed : {surface_distances(empty, corner, grid), surface_distances(corner, empty, grid)}) {
    EXPECT_DOUBLE_EQ(missed.hausdorff_percentile(0.95), diagonal);
    EXPECT_DOUBLE_EQ(missed.hausdorff_directed(0.95), diagonal);
    EXPECT_DOUBLE_EQ(missed.average_symmetric(), diagonal);
    EXPECT_DOUBLE_EQ(missed.average_of_directed(), diagonal);
    EXPECT_EQ(missed.normalised(100), 0);
  }
  const auto both = surface_distances(empty, empty, grid);
  EXPECT_EQ(both.hausdorff(), 0);
  EXPECT_EQ(both.average_symmetric(), 0);
  EXPECT_EQ(both.normalised(0), 1);
  EXPECT_THROW(surface_distances(corner, Mask(19), grid), std::invalid_argument);
  EXPECT_THROW(surface_distances(corner, corner, {{4, 5}, {3, 0}}), std::invalid_argument);
}

TEST(SegmentationMetrics, DistancesAreThoseOfEveryPairOfSurfacePixels) {
  // Against the search over all pairs, on random volumes with unequal spacing.
  RandomStream random(1, 0, "masks");
  const MaskGrid grid{{5, 6, 7}, {0.3, 1.1, 0.7}};
  for (int trial = 0; trial < 20; ++trial) {
    Mask a(210), b(210);
    for (auto& v : a) v = random.uniform() < 0.2;
    for (auto& v : b) v = random.uniform() < 0.05;
    if (std::accumulate(b.begin(), b.end(), 0) == 0) continue;
    auto at = [&](std::size_t p) {
      return std::array<double, 3>{0.3 * static_cast<double>(p / 42), 1.1 * static_cast<double>(p / 7 % 6),
                                   0.7 * static_cast<double>(p % 7)};
    };
    // Sparse masks: every pixel of b and most of a are surface; interior pixels of a are found by their six neighbours.
    auto is_surface = [&](const Mask& m, std::size_t p) {
      const std::size_t z = p / 42, y = p / 7 % 6, x = p % 7;
      if (!m[p]) return false;
      if (z == 0 || z == 4 || y == 0 || y == 5 || x == 0 || x == 6) return true;
      return !(m[p - 42] && m[p + 42] && m[p - 7] && m[p + 7] && m[p - 1] && m[p + 1]);
    };
    std::vector<double> expected;
    for (std::size_t p = 0; p < 210; ++p) {
      if (!is_surface(a, p)) continue;
      double nearest = 1e9;
      for (std::size_t q = 0; q < 210; ++q)
        if (is_surface(b, q))
          nearest = std::min(nearest, std::hypot(at(p)[0] - at(q)[0], at(p)[1] - at(q)[1], at(p)[2] - at(q)[2]));
      expected.push_back(nearest);
    }
    const auto found = surface_distances(a, b, grid).mask_to_truth;
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-13);
  }
}

TEST(SegmentationMetrics, AToleranceCountsInAnyUnit) {
  // A square shifted by three pixels of 0.1 mm: every distance across is 0.3, which 3 * 0.1 is not in binary.
  Mask a(100), b(100);
  a[52] = b[55] = 1;
  for (const double unit : {1.0, 1e-3, 0.1})
    EXPECT_EQ(surface_distances(a, b, {{10, 10}, {0.1 * unit, 0.1 * unit}}).normalised(0.3 * unit), 1);
}

TEST(ClassificationMetrics, RocOfAHandfulByHand) {
  const Mask truth{1, 1, 0, 1, 0};
  const std::vector<double> score{0.9, 0.6, 0.6, 0.4, 0.1};
  const auto curve = roc_curve(score, truth);
  // Of six pairs, 0.9 beats two, 0.6 beats one and ties one, 0.4 beats one: 4.5 / 6.
  EXPECT_DOUBLE_EQ(curve.area(), 0.75);
  EXPECT_EQ(curve.false_positive_rate, (std::vector<double>{0, 0, 0.5, 0.5, 1}));
  // Recall rises by 1/3 at precision 1, 2/3 and 3/4.
  EXPECT_DOUBLE_EQ(curve.average_precision(), (1 + 2.0 / 3 + 0.75) / 3);
  EXPECT_DOUBLE_EQ(curve.sensitivity_at_specificity(0.5), 1);
  EXPECT_DOUBLE_EQ(curve.sensitivity_at_specificity(0.51), 1.0 / 3);
  EXPECT_DOUBLE_EQ(curve.specificity_at_sensitivity(1), 0.5);
  EXPECT_DOUBLE_EQ(curve.partial_area(1), curve.area());
}

TEST(ClassificationMetrics, OneClassHasNoCurve) {
  const std::vector<double> score{0.1, 0.2};
  for (const Mask& truth : {Mask{1, 1}, Mask{0, 0}}) {
    EXPECT_TRUE(std::isnan(roc_curve(score, truth).area()));
    EXPECT_TRUE(std::isnan(roc_curve(score, truth).partial_area(0.2)));
    EXPECT_TRUE(std::isnan(roc_curve(score, truth).youden().index));
    const auto areas = delong({score}, truth);
    EXPECT_TRUE(std::isnan(areas.area[0]));
    EXPECT_TRUE(std::isnan(areas.standard_error(0)));
  }
  EXPECT_THROW(roc_curve(std::vector<double>{0.1, std::nan("")}, Mask{0, 1}), std::invalid_argument);
  EXPECT_THROW(roc_curve(score, Mask{0, 1, 1}), std::invalid_argument);
  // Perfect separation: no variance, and the interval is the point. A score against itself: no difference.
  const auto perfect = delong({{1, 2, 3, 4}, {1, 2, 3, 4}}, Mask{0, 0, 1, 1});
  EXPECT_EQ(perfect.area[0], 1);
  EXPECT_EQ(perfect.logit_interval(0).low, 1);
  EXPECT_EQ(compare_areas(perfect, 0, 1).p_value, 1);
}

TEST(ClassificationMetrics, DeLongIntervalCoversTheTruth) {
  // Two normals one deviation apart: area Phi(1 / sqrt 2) = 0.7602. 1000 samples of 60 + 60; the share of 95 %
  // intervals that hold the truth has a standard error of 0.7 %, and the normal interval is known to fall short by
  // about 1 % at this size.
  const double truth = normal_probability(std::sqrt(0.5));
  int covered = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    RandomStream random(4, static_cast<std::uint64_t>(trial), "delong");
    std::vector<double> score(120);
    Mask label(120);
    for (std::size_t i = 0; i < 120; ++i) {
      label[i] = i < 60;
      score[i] = random.normal() + label[i];
    }
    const auto interval = delong({score}, label).logit_interval(0);
    covered += interval.low <= truth && truth <= interval.high;
  }
  EXPECT_GT(covered, 930);
  EXPECT_LT(covered, 971);
}

TEST(ClassificationMetrics, PerfectSeparationHasAnInterval) {
  // At area 1 with n cases a class its lower end A solves (1 - A)^2 = z^2 V(A); for A near 1, V = (1 - A) (1 + (n - 1)
  // / 2) / n^2.
  for (const std::size_t n : {200u, 2000u}) {
    const auto found = area_score_interval(1, n, n);
    EXPECT_EQ(found.high, 1);
    const double size = static_cast<double>(n), expected = 1.9599640 * 1.9599640 * (1 + (size - 1) / 2) / (size * size);
    EXPECT_NEAR(1 - found.low, expected, 2 * expected * expected) << n;
    const auto mirrored = area_score_interval(0, n, n);
    EXPECT_EQ(mirrored.low, 0);
    EXPECT_NEAR(mirrored.high, 1 - found.low, 1e-12);
  }
  // In between, solved by another program's root finder from the equation of the header.
  const auto inside = area_score_interval(0.9, 7, 300);
  EXPECT_NEAR(inside.low, 0.706464581265, 1e-10);
  EXPECT_NEAR(inside.high, 0.967824730870, 1e-10);
  const auto perfect = delong({{1, 2, 3, 4}}, Mask{0, 0, 1, 1});
  EXPECT_GT(perfect.reported(0).standard_error, 0.1);
  EXPECT_EQ(perfect.reported(0).interval.low, area_score_interval(1, 2, 2).low);
  EXPECT_LT(perfect.reported(0).interval.low, 0.6);  // four cases tell little
  EXPECT_TRUE(std::isnan(delong({{1, 2}}, Mask{1, 1}).reported(0).interval.low));
  // Where DeLong's has its say it is reported.
  const auto fair = delong({{1, 3, 2, 4}}, Mask{0, 0, 1, 1});
  EXPECT_EQ(fair.reported(0).interval.low, fair.logit_interval(0).low);

  // Two normals 3.29 deviations apart: area 0.99, and 46 + 46 cases seldom separate perfectly: in a few of 100 samples.
  // The interval is for exponential scores, so that its coverage may be off 95 % by some percent; that of 1000 samples
  // has an error of 0.7 %.
  const double separation = std::sqrt(2.0) * normal_quantile(0.99);
  int covered = 0, separated = 0;
  for (int trial = 0; trial < 1000; ++trial) {
    RandomStream random(5, static_cast<std::uint64_t>(trial), "newcombe");
    std::vector<double> score(92);
    Mask label(92);
    for (std::size_t i = 0; i < 92; ++i) {
      label[i] = i < 46;
      score[i] = random.normal() + separation * label[i];
    }
    const auto areas = delong({score}, label);
    const auto interval = areas.reported(0).interval, own = area_score_interval(areas.area[0], 46, 46);
    separated += areas.area[0] == 1;
    if (areas.area[0] == 1) {
      EXPECT_LE(interval.low, 0.99);
    }
    covered += own.low <= 0.99 && 0.99 <= own.high;
  }
  EXPECT_GT(separated, 0);
  EXPECT_GT(covered, 920);
  EXPECT_LT(covered, 995);
}

TEST(ClassificationMetrics, PredictiveValuesAndNetBenefit) {
  // 1000 people, 10 % ill, sensitivity 0.9, specificity 0.8: 90 of 270 positives are ill, 720 of 730 negatives healthy.
  EXPECT_NEAR(positive_predictive_value(0.9, 0.8, 0.1), 90.0 / 270, 1e-15);
  EXPECT_NEAR(negative_predictive_value(0.9, 0.8, 0.1), 720.0 / 730, 1e-15);
  EXPECT_TRUE(std::isnan(positive_predictive_value(0, 1, 0.1)));
  const Mask truth{1, 1, 0, 0};
  const std::vector<double> p{0.9, 0.3, 0.5, 0.1};
  // At 0.25: two found, one false alarm at odds 1/3. Acting on all: two false alarms.
  EXPECT_NEAR(net_benefit(p, truth, 0.25), (2 - 1.0 / 3) / 4, 1e-15);
  EXPECT_NEAR(net_benefit_of_all(truth, 0.25), (2 - 2.0 / 3) / 4, 1e-15);
}

TEST(ClassificationMetrics, ClopperPearsonHoldsItsLevelForEveryTruth) {
  EXPECT_EQ(clopper_pearson_interval(0, 10).low, 0);
  EXPECT_NEAR(clopper_pearson_interval(0, 10).high, 1 - std::pow(0.025, 0.1), 1e-14);  // (1 - p)^n = 0.025
  EXPECT_EQ(clopper_pearson_interval(10, 10).high, 1);
  for (const double p : {0.01, 0.2, 0.5, 0.77}) {
    double covered = 0, before = 0;
    for (std::size_t k = 0; k <= 30; ++k) {
      const double to_here = binomial_probability(k, 30, p);
      const auto interval = clopper_pearson_interval(k, 30);
      if (interval.low <= p && p <= interval.high) covered += to_here - before;
      before = to_here;
    }
    EXPECT_GE(covered, 0.95);
  }
}

TEST(ClassificationMetrics, DegenerateTables) {
  const ConfusionMatrix one(Mask{2, 2}, Mask{2, 2});
  EXPECT_EQ(one.classes(), 1u);
  EXPECT_EQ(one.accuracy(), 1);
  EXPECT_TRUE(std::isnan(one.kappa()));
  EXPECT_EQ(one.matthews(), 0);
  // Class 1 is never true: its recall is 0 and does not enter the balanced accuracy.
  const ConfusionMatrix never(Mask{0, 0, 2, 2}, Mask{0, 1, 2, 2});
  EXPECT_EQ(never.recall()[1], 0);
  EXPECT_DOUBLE_EQ(never.balanced_accuracy(), 0.75);
}

TEST(Calibration, LineRecoversAPlantedMiscalibration) {
  // Truth drawn with logit = 0.4 + 0.5 logit(p): the fit must give these within four of its own standard errors.
  RandomStream random(9, 0, "calibration");
  std::vector<double> p;
  Mask y;
  for (int i = 0; i < 20000; ++i) {
    const double logit = 2 * random.normal();
    p.push_back(1 / (1 + std::exp(-logit)));
    y.push_back(random.uniform() < 1 / (1 + std::exp(-(0.4 + 0.5 * logit))));
  }
  const auto line = calibration_line(p, y);
  EXPECT_NEAR(line.intercept, 0.4, 4 * line.intercept_error);
  EXPECT_NEAR(line.slope, 0.5, 4 * line.slope_error);
  EXPECT_LT(line.slope_error, 0.02);
  // A threshold separates the classes: the likelihood has no maximum.
  EXPECT_TRUE(std::isnan(calibration_line(std::vector<double>{0.1, 0.2, 0.8, 0.9}, Mask{0, 0, 1, 1}).slope));
  EXPECT_TRUE(std::isnan(calibration_line(std::vector<double>{0.1, 0.2}, Mask{1, 1}).slope));
  // One shared value does not bring them together; two crossed ones do.
  EXPECT_TRUE(std::isnan(calibration_line(std::vector<double>{0.1, 0.5, 0.5, 0.9}, Mask{0, 0, 1, 1}).slope));
  EXPECT_TRUE(std::isfinite(calibration_line(std::vector<double>{0.1, 0.6, 0.4, 0.9}, Mask{0, 0, 1, 1}).slope));
  EXPECT_TRUE(std::isnan(calibration_line(std::vector<double>{0.5, 0.5}, Mask{0, 1}).slope));
}

TEST(Calibration, BinsHoldTheirUpperEdge) {
  const auto bins = reliability(std::vector<double>{0, 0.5, 0.50001, 1}, Mask{0, 1, 0, 1}, 2);
  EXPECT_EQ(bins.count, (std::vector<std::size_t>{2, 2}));
  EXPECT_TRUE(std::isnan(reliability(std::vector<double>{0.1}, Mask{0}, 3).accuracy[2]));
  EXPECT_EQ(equal_mass_reliability(std::vector<double>{0.3, 0.1, 0.2}, Mask{0, 1, 0}, 2).count,
            (std::vector<std::size_t>{2, 1}));
  EXPECT_TRUE(std::isnan(reliability({}, {}).expected_error()));
  EXPECT_THROW(brier_score(std::vector<double>{1.1}, Mask{1}), std::invalid_argument);
}

TEST(Agreement, RepeatabilityAndDegenerateInput) {
  // Pairs that differ by 2: within variance of each pair is 2, so the deviation is sqrt 2 and the coefficient 1.96 * 2.
  const auto found = repeatability(std::vector<double>{9, 11, 19, 21, 29, 31}, 2);
  EXPECT_NEAR(found.within_deviation, std::sqrt(2.0), 1e-15);
  EXPECT_NEAR(found.coefficient, 1.96 * 2, 1e-14);
  EXPECT_NEAR(found.within_variation, std::sqrt(2.0) / 20, 1e-15);
  const std::vector<double> same{3, 3, 3}, rising{1, 2, 3};
  EXPECT_TRUE(std::isnan(pearson_correlation(same, rising)));
  EXPECT_TRUE(std::isnan(concordance_correlation(same, same)));
  EXPECT_DOUBLE_EQ(kendall_correlation(rising, rising), 1);
  EXPECT_DOUBLE_EQ(kendall_correlation(rising, std::vector<double>{3, 2, 1}), -1);
  EXPECT_TRUE(std::isnan(bland_altman(std::vector<double>{1}, std::vector<double>{2}).deviation));
}

TEST(HypothesisTests, ExactDistributionsByCounting) {
  // Five pairs, all positive: 2 of 32 sign patterns are as extreme. Three against three, fully apart: 2 of 20 orders.
  const std::vector<double> zero(5), rising{1, 2, 3, 4, 5};
  EXPECT_DOUBLE_EQ(wilcoxon_test(rising, zero).p_value, 2.0 / 32);
  EXPECT_DOUBLE_EQ(mann_whitney_test(std::vector<double>{1, 2, 3}, std::vector<double>{4, 5, 6}).p_value, 0.1);
  // U = 2 of {0..9} has counts 1, 1, 2, ..: P(U <= 2) = 4 / 20.
  EXPECT_DOUBLE_EQ(mann_whitney_test(std::vector<double>{1, 2, 5}, std::vector<double>{3, 4, 6}).p_value, 2 * 4.0 / 20);
  EXPECT_DOUBLE_EQ(mcnemar_p_value(0, 5), 2.0 / 32);
  EXPECT_DOUBLE_EQ(mcnemar_p_value(3, 3), 1);
  EXPECT_TRUE(std::isnan(wilcoxon_test(zero, zero).p_value));
  EXPECT_TRUE(std::isnan(mann_whitney_test({}, zero).p_value));
}

TEST(HypothesisTests, PlanningInvertsPower) {
  const double difference = detectable_difference(0.01, 0.9);
  EXPECT_NEAR(difference, (1.959963984540054 + 1.2815515655446004) * 0.01, 1e-14);
  EXPECT_NEAR(power_of_test(difference, 0.01), 0.9, 1e-6);  // the far tail that the formula leaves out is 1e-7
  EXPECT_NEAR(power_of_test(0, 0.01), 0.05, 1e-12);
  EXPECT_EQ(patients_for_standard_error(0.02, 100, 0.01), 400);
}

TEST(Distributions, ClosedForms) {
  // One degree of freedom is Cauchy's distribution, two are t / sqrt(2 + t^2); I_x(1, b) = 1 - (1 - x)^b.
  for (const double t : {-30.0, -1.0, 0.0, 1e-6, 0.3, 4.0}) {
    EXPECT_NEAR(student_probability(t, 1), 0.5 + std::atan(t) / std::acos(-1.0), 1e-14);
    EXPECT_NEAR(student_probability(t, 2), 0.5 + 0.5 * t / std::sqrt(2 + t * t), 1e-14);
  }
  EXPECT_NEAR(student_quantile(0.975, 29), 2.045229642132703, 1e-11);
  EXPECT_NEAR(incomplete_beta(1, 7, 0.2), 1 - std::pow(0.8, 7), 1e-14);
  EXPECT_NEAR(incomplete_beta(200, 300, beta_quantile(200, 300, 0.123)), 0.123, 1e-12);
  EXPECT_NEAR(f_survival(4, 1, 10), 2 * student_probability(-2, 10), 1e-13);  // F(1, n) is t^2
  EXPECT_NEAR(binomial_probability(1, 3, 0.25), std::pow(0.75, 3) + 3 * 0.25 * std::pow(0.75, 2), 1e-14);
  EXPECT_TRUE(std::isnan(incomplete_beta(1, 1, 2)));
}

TEST(ImageSimilarity, EqualAndIndependentImages) {
  RandomStream random(2, 0, "image");
  std::vector<double> a(40 * 30), b(40 * 30);
  for (auto& v : a) v = random.uniform();
  for (auto& v : b) v = random.uniform();
  EXPECT_NEAR(structural_similarity(a, a, 40, 30, 1), 1, 1e-14);
  EXPECT_NEAR(structural_similarity(a, a, 40, 30, 1, SimilarityWindow::gaussian), 1, 1e-14);
  EXPECT_LT(structural_similarity(a, b, 40, 30, 1), 0.3);
  EXPECT_NEAR(normalised_mutual_information(a, a, 8), 2, 1e-14);
  EXPECT_EQ(normalised_mutual_information(std::vector<double>{0, 1, 0, 1}, std::vector<double>{0, 0, 1, 1}, 2), 1);
  EXPECT_TRUE(std::isinf(peak_signal_to_noise(a, a, 1)));
  EXPECT_TRUE(std::isnan(structural_similarity(a, b, 6, 200, 1)));
  EXPECT_THROW(mean_square_error(a, std::vector<double>(3)), std::invalid_argument);
}

}  // namespace
}  // namespace sonoforge
