#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "ai/agreement.hpp"
#include "ai/calibration.hpp"
#include "ai/classification_metrics.hpp"
#include "ai/hypothesis_tests.hpp"
#include "ai/segmentation_metrics.hpp"
#include "io/hdf5.hpp"
#include "recon/image_similarity.hpp"
#include "recon/metrics.hpp"

namespace sonoforge {
namespace {

/// One file of reference/metrics; `in/CASE/..` holds data, `out/CASE/..` what NumPy, SciPy, scikit-learn and
/// scikit-image make of them. Counts, rates and areas agree to rounding (1e-12), distances, p values and quantiles to
/// 1e-9, structural similarity to 1e-7 (its means of squares lose digits in another order).
class MetricsReference : public testing::Test {
 protected:
  static constexpr double exact = 1e-12, close = 1e-9;

  bool open(const std::string& name) {
    const char* folder = std::getenv("SONOFORGE_REFERENCE");
    if (!folder) return false;
    reader = std::make_unique<Hdf5Reader>(std::string(folder) + "/metrics/" + name);
    return true;
  }
  std::vector<std::string> cases() const { return reader->children("in"); }
  std::vector<double> in(const std::string& name) const { return reader->read<double>("in/" + name); }
  std::vector<std::uint8_t> bytes(const std::string& name) const { return reader->read<std::uint8_t>("in/" + name); }
  void expect(const std::string& name, double found, double tolerance) const {
    const double truth = reader->read_scalar<double>("out/" + name);
    EXPECT_NEAR(found, truth, tolerance * std::max(1.0, std::abs(truth))) << name;
  }
  void expect(const std::string& name, const std::vector<double>& found, double tolerance) const {
    const auto truth = reader->read<double>("out/" + name);
    ASSERT_EQ(found.size(), truth.size()) << name;
    for (std::size_t i = 0; i < truth.size(); ++i)
      EXPECT_NEAR(found[i], truth[i], tolerance * std::max(1.0, std::abs(truth[i]))) << name << " " << i;
  }
  void expect(const std::string& name, const Interval& found, double tolerance) const {
    expect(name, std::vector<double>{found.low, found.high}, tolerance);
  }

  std::unique_ptr<Hdf5Reader> reader;
};

TEST_F(MetricsReference, Segmentation) {
  if (!open("segmentation.h5")) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set";
  for (const auto& c : cases()) {
    const auto mask = bytes(c + "/pred"), truth = bytes(c + "/ref");
    const auto overlap = mask_overlap(mask, truth);
    expect(c + "/dice", overlap.dice(), exact);
    expect(c + "/iou", overlap.iou(), exact);
    expect(c + "/precision", overlap.precision(), exact);
    expect(c + "/recall", overlap.recall(), exact);
    expect(c + "/volume_similarity", overlap.volume_similarity(), exact);
    const auto d = surface_distances(mask, truth, {reader->shape("in/" + c + "/pred"), in(c + "/spacing")});
    expect(c + "/n_surf_pred", static_cast<double>(d.mask_to_truth.size()), 0);
    expect(c + "/n_surf_ref", static_cast<double>(d.truth_to_mask.size()), 0);
    expect(c + "/hd", d.hausdorff(), close);
    expect(c + "/hd95_pooled", d.hausdorff_percentile(0.95), close);
    expect(c + "/hd95_max_directed", d.hausdorff_directed(0.95), close);
    expect(c + "/hd95_pred_to_ref", d.directed_percentile(true, 0.95), close);
    expect(c + "/hd95_ref_to_pred", d.directed_percentile(false, 0.95), close);
    expect(c + "/asd_pred_to_ref", d.directed_mean(true), close);
    expect(c + "/asd_ref_to_pred", d.directed_mean(false), close);
    expect(c + "/asd_mean_of_directed", d.average_of_directed(), close);
    expect(c + "/assd", d.average_symmetric(), close);
    expect(c + "/nsd_tol1", d.normalised(1), exact);
  }
}

TEST_F(MetricsReference, RocAndPrecisionRecall) {
  if (!open("roc_pr.h5")) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set";
  for (const auto& c : cases()) {
    const auto truth = bytes(c + "/y");
    const auto both = in(c + "/scores"), weight = in(c + "/weight");
    const std::size_t n = truth.size();
    const std::vector<std::vector<double>> scores{{both.begin(), both.begin() + static_cast<std::ptrdiff_t>(n)},
                                                  {both.begin() + static_cast<std::ptrdiff_t>(n), both.end()}};
    std::vector<double> area, weighted, precision, weighted_precision, partial;
    for (const auto& score : scores) {
      const auto curve = roc_curve(score, truth), with_weight = roc_curve(score, truth, weight);
      area.push_back(curve.area());
      weighted.push_back(with_weight.area());
      precision.push_back(curve.average_precision());
      weighted_precision.push_back(with_weight.average_precision());
      partial.push_back(curve.partial_area(0.2));
    }
    expect(c + "/auroc", area, exact);
    expect(c + "/auroc_weighted", weighted, exact);
    expect(c + "/average_precision", precision, exact);
    expect(c + "/average_precision_weighted", weighted_precision, exact);
    expect(c + "/partial_auc_fpr0p2_std", partial, exact);
    const auto curve = roc_curve(scores[0], truth);
    expect(c + "/roc_fpr", curve.false_positive_rate, exact);
    expect(c + "/roc_tpr", curve.true_positive_rate, exact);
    expect(c + "/youden", curve.youden().index, exact);
    expect(c + "/youden_threshold", curve.youden().threshold, exact);
    const auto areas = delong(scores, truth);
    for (std::size_t s = 0; s < 2; ++s) EXPECT_NEAR(areas.area[s], area[s], exact);
    expect(c + "/delong_cov", areas.covariance, exact);
    expect(c + "/delong_se", std::vector<double>{areas.standard_error(0), areas.standard_error(1)}, exact);
    std::vector<double> ends, logit_ends;
    for (std::size_t s = 0; s < 2; ++s) {
      ends.insert(ends.end(), {areas.interval(s).low, areas.interval(s).high});
      logit_ends.insert(logit_ends.end(), {areas.logit_interval(s).low, areas.logit_interval(s).high});
    }
    expect(c + "/delong_ci95", ends, close);
    expect(c + "/delong_ci95_logit", logit_ends, close);
    const auto difference = compare_areas(areas, 0, 1);
    expect(c + "/delong_z", difference.z, close);
    expect(c + "/delong_p", difference.p_value, close);
  }
}

TEST_F(MetricsReference, Classification) {
  if (!open("classification.h5")) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set";
  for (const std::string c : {"c0", "c1"}) {
    const ConfusionMatrix table(bytes(c + "/y"), bytes(c + "/pred"));
    std::vector<double> counts;
    for (std::size_t i = 0; i < table.classes(); ++i)
      for (std::size_t j = 0; j < table.classes(); ++j) counts.push_back(static_cast<double>(table.count(i, j)));
    expect(c + "/confusion", counts, 0);
    expect(c + "/accuracy", table.accuracy(), exact);
    expect(c + "/balanced_accuracy", table.balanced_accuracy(), exact);
    expect(c + "/f1_macro", table.f1_macro(), exact);
    expect(c + "/f1_weighted", table.f1_weighted(), exact);
    expect(c + "/f1_per_class", table.f1(), exact);
    expect(c + "/precision_per_class", table.precision(), exact);
    expect(c + "/recall_per_class", table.recall(), exact);
    expect(c + "/kappa", table.kappa(), exact);
    expect(c + "/kappa_linear", table.kappa(ConfusionMatrix::Weights::linear), exact);
    expect(c + "/kappa_quadratic", table.kappa(ConfusionMatrix::Weights::quadratic), exact);
    expect(c + "/mcc", table.matthews(), exact);
  }
  const auto p = in("multiple/p");
  expect("multiple/holm", holm_adjusted(p), exact);
  expect("multiple/bh", benjamini_hochberg_adjusted(p), exact);
  const auto k = reader->read_scalar<std::uint64_t>("in/proportion/k"),
             n = reader->read_scalar<std::uint64_t>("in/proportion/n");
  expect("proportion/wilson", wilson_interval(k, n), exact);
  expect("proportion/clopper_pearson", clopper_pearson_interval(k, n), close);
}

TEST_F(MetricsReference, Calibration) {
  if (!open("calibration.h5")) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set";
  for (const auto& c : cases()) {
    const auto p = in(c + "/prob"), classes = in(c + "/prob_multiclass");
    const auto y = bytes(c + "/y"), label = bytes(c + "/y_multiclass");
    const auto bins = reliability(p, y);
    expect(c + "/bin_acc", bins.accuracy, exact);
    expect(c + "/bin_conf", bins.confidence, exact);
    expect(c + "/bin_count", std::vector<double>(bins.count.begin(), bins.count.end()), 0);
    expect(c + "/ece15_positive", bins.expected_error(), exact);
    expect(c + "/mce15_positive", bins.largest_error(), exact);
    expect(c + "/ece15_confidence", confidence_reliability(p, y).expected_error(), exact);
    expect(c + "/mce15_confidence", confidence_reliability(p, y).largest_error(), exact);
    expect(c + "/ece15_equal_mass", equal_mass_reliability(p, y).expected_error(), exact);
    expect(c + "/ece15_multiclass", multiclass_reliability(classes, label, 4).expected_error(), exact);
    expect(c + "/mce15_multiclass", multiclass_reliability(classes, label, 4).largest_error(), exact);
    expect(c + "/brier", brier_score(p, y), exact);
    expect(c + "/log_loss_clip1e7", log_loss(p, y), exact);
    expect(c + "/brier_multiclass", multiclass_brier(classes, label, 4), exact);
    expect(c + "/nll_multiclass", multiclass_log_loss(classes, label, 4), exact);
  }
}

TEST_F(MetricsReference, Agreement) {
  if (!open("agreement_bootstrap.h5")) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set";
  for (const auto& c : cases()) {
    const auto a = in(c + "/a"), b = in(c + "/b");
    const auto limits = bland_altman(a, b);
    expect(c + "/bias", limits.bias, exact);
    expect(c + "/sd", limits.deviation, exact);
    expect(c + "/bias_ci95", limits.bias_interval, close);
    expect(c + "/loa", limits.limits, exact);
    const double z = normal_quantile(0.975) * limits.deviation;
    expect(c + "/loa_z", std::vector<double>{limits.bias - z, limits.bias + z}, exact);
    expect(c + "/loa_lower_ci95", limits.lower_interval, close);
    expect(c + "/loa_upper_ci95", limits.upper_interval, close);
    expect(c + "/mae", mean_absolute_error(a, b), exact);
    expect(c + "/rmse", root_mean_square_error(a, b), exact);
    expect(c + "/mape", mean_absolute_percentage_error(a, b), exact);
    expect(c + "/r2", coefficient_of_determination(a, b), exact);
    expect(c + "/pearson", pearson_correlation(a, b), exact);
    expect(c + "/spearman", spearman_correlation(a, b), exact);
    expect(c + "/kendall", kendall_correlation(a, b), exact);
    expect(c + "/ccc", concordance_correlation(a, b), exact);
    const auto icc = intraclass_correlation(a, b);
    expect(c + "/icc1_1", icc.one_way, exact);
    expect(c + "/icc2_1", icc.two_way_random, exact);
    expect(c + "/icc3_1", icc.two_way_mixed, exact);
    const auto t = paired_t_test(a, b);
    expect(c + "/ttest_rel", std::vector<double>{t.statistic, t.p_value}, close);
    expect(c + "/wilcoxon_p", wilcoxon_test(a, b).p_value, close);
    expect(c + "/mannwhitney_p", mann_whitney_test(a, b).p_value, close);
  }
}

TEST_F(MetricsReference, ImageQuality) {
  if (!open("image_quality.h5")) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set";
  for (const auto& c : cases()) {
    const auto a = in(c + "/a"), b = in(c + "/b"), inside = in(c + "/env_in"), outside = in(c + "/env_out");
    const auto shape = reader->shape("in/" + c + "/a");
    expect(c + "/mse", mean_square_error(a, b), exact);
    expect(c + "/psnr", peak_signal_to_noise(a, b, 1), exact);
    expect(c + "/nrmse_euclid", normalised_root_mean_square_error(a, b), exact);
    expect(c + "/nmi", normalised_mutual_information(a, b), exact);
    expect(c + "/ssim_default_win7", structural_similarity(a, b, shape[0], shape[1], 1), 1e-7);
    expect(c + "/ssim_gauss", structural_similarity(a, b, shape[0], shape[1], 1, SimilarityWindow::gaussian), 1e-7);
    expect(c + "/contrast_db", contrast_ratio(inside, outside), exact);
    expect(c + "/cnr", contrast_to_noise(inside, outside), exact);
    expect(c + "/gcnr_256", generalised_contrast_to_noise(inside, outside, 256), exact);
    expect(c + "/ks_stat", two_sample_distance(inside, outside), exact);
    expect(c + "/speckle_snr_in", speckle_snr(inside), exact);
  }
}

}  // namespace
}  // namespace sonoforge
