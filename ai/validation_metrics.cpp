#include "ai/validation_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "ai/agreement.hpp"
#include "ai/calibration.hpp"
#include "ai/classification_metrics.hpp"
#include "ai/survival_metrics.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Truth as classes, score as decision, of the chosen cases.
struct Chosen {
  std::vector<double> predicted, truth;
  std::vector<std::uint8_t> label;
  std::size_t hits = 0, called = 0, diseased = 0;

  Chosen(std::span<const double> all_predicted, std::span<const double> all_truth, std::span<const std::size_t> cases,
         double threshold) {
    for (const auto i : cases) {
      predicted.push_back(all_predicted[i]);
      truth.push_back(all_truth[i]);
      label.push_back(all_truth[i] != 0);
      const bool positive_call = all_predicted[i] >= threshold;
      diseased += label.back();
      called += positive_call;
      hits += positive_call && label.back();
    }
  }
  std::size_t size() const { return label.size(); }
  std::size_t healthy() const { return size() - diseased; }
  std::size_t cleared() const { return healthy() - (called - hits); }
};

double share(std::size_t part, std::size_t whole) {
  return whole ? static_cast<double>(part) / static_cast<double>(whole) : nan;
}

double classification_metric(const std::string& name, const Chosen& c, const MetricOptions& options) {
  const double sensitivity = share(c.hits, c.diseased), specificity = share(c.cleared(), c.healthy());
  if (name == "sensitivity") return sensitivity;
  if (name == "specificity") return specificity;
  if (name == "ppv") return positive_predictive_value(sensitivity, specificity, options.prevalence);
  if (name == "npv") return negative_predictive_value(sensitivity, specificity, options.prevalence);
  if (name == "auc") return delong({c.predicted}, c.label).area[0];
  if (name == "average_precision") return roc_curve(c.predicted, c.label).average_precision();
  if (name == "sensitivity_at_specificity")
    return roc_curve(c.predicted, c.label).sensitivity_at_specificity(options.specificity);
  if (name == "ece") return reliability(c.predicted, c.label).expected_error();
  if (name == "calibration_slope") return calibration_line(c.predicted, c.label).slope;
  if (name == "calibration_intercept") return calibration_line(c.predicted, c.label).intercept;
  if (name == "net_benefit") return net_benefit(c.predicted, c.label, options.risk_threshold);
  throw std::logic_error("no group metric " + name);
}

double measurement_metric(const std::string& name, const Chosen& c) {
  if (name == "rmse") return root_mean_square_error(c.predicted, c.truth);
  if (name == "ccc") return concordance_correlation(c.predicted, c.truth);
  if (name == "icc") return intraclass_correlation(c.predicted, c.truth).two_way_random;
  const auto limits = bland_altman(c.predicted, c.truth).limits;
  if (name == "lower_limit") return limits.low;
  if (name == "upper_limit") return limits.high;
  throw std::logic_error("no group metric " + name);
}

bool is_of(ValidationTask task, const std::string& name) {
  const auto* metric = find_metric(task, name);
  return metric && metric->of == ValidationMetric::Of::group;
}

}  // namespace

const std::vector<ValidationMetric>& validation_metrics() {
  using enum ValidationTask;
  constexpr auto one = ValidationMetric::Of::one_case, group = ValidationMetric::Of::group;
  constexpr auto higher = ValidationMetric::Better::higher, lower = ValidationMetric::Better::lower,
                 none = ValidationMetric::Better::none;
  static const std::vector<ValidationMetric> metrics{
      {"dice", segmentation, one, higher, "",
       "Dice: twice the common area over the sum of both areas; 1 where both are empty, 0 where one is."},
      {"iou", segmentation, one, higher, "", "Intersection over union; 1 where both are empty, 0 where one is."},
      {"precision", segmentation, one, higher, "", "Share of the marked area that is true."},
      {"recall", segmentation, one, higher, "", "Share of the true area that is marked."},
      {"volume_similarity", segmentation, one, higher, "", "1 - |difference of the areas| / their sum."},
      {"nsd", segmentation, one, higher, "",
       "Normalised surface distance: share of both outlines within tolerance of the other; 0 where one is empty."},
      {"hd95", segmentation, one, lower, "m",
       "95th percentile of the distances between both outlines, pooled; the image's diagonal where one is empty."},
      {"hausdorff", segmentation, one, lower, "m", "Largest distance between the outlines."},
      {"assd", segmentation, one, lower, "m", "Average symmetric surface distance: mean of the distances, pooled."},
      {"auc", classification, group, higher, "", "Area under the ROC curve."},
      {"average_precision", classification, group, higher, "", "Step-wise area under precision over recall."},
      {"accuracy", classification, one, higher, "", "Share of right decisions at threshold."},
      {"sensitivity", classification, group, higher, "", "Share of the diseased that are called so at threshold."},
      {"specificity", classification, group, higher, "", "Share of the healthy that are called so at threshold."},
      {"sensitivity_at_specificity", classification, group, higher, "",
       "Largest sensitivity at a specificity of at least specificity."},
      {"ppv", classification, group, higher, "", "Positive predictive value at the stated prevalence."},
      {"npv", classification, group, higher, "", "Negative predictive value at the stated prevalence."},
      {"brier", classification, one, lower, "", "Mean squared difference of probability and truth."},
      {"log_loss", classification, one, lower, "",
       "Mean of -log of the probability of the truth, kept 1e-7 away from 0 and 1."},
      {"ece", classification, group, lower, "",
       "Expected calibration error in 15 bins of equal width; its value is above 0 by chance alone, and its interval "
       "with it."},
      {"calibration_slope", classification, group, none, "",
       "Slope of logistic recalibration: 1 is right, below 1 too extreme."},
      {"calibration_intercept", classification, group, none, "", "Intercept of logistic recalibration: 0 is right."},
      {"net_benefit", classification, group, higher, "", "Net benefit of acting from risk_threshold on."},
      {"bias", measurement, one, none, "truth", "Mean of measured - true."},
      {"mae", measurement, one, lower, "truth", "Mean absolute error."},
      {"rmse", measurement, group, lower, "truth", "Root of the mean squared error."},
      {"ccc", measurement, group, higher, "", "Lin's concordance correlation."},
      {"icc", measurement, group, higher, "", "Intraclass correlation (2,1) of measured and true."},
      {"lower_limit", measurement, group, none, "truth", "Lower 95 % limit of agreement (Bland and Altman)."},
      {"upper_limit", measurement, group, none, "truth", "Upper 95 % limit of agreement (Bland and Altman)."},
      {"ruler", measurement, one, lower, "truth",
       "Mean absolute error of the same measure on the true mask: what is left where the outline is right."},
      {"reader", measurement, one, lower, "truth",
       "Mean absolute difference of the measure on the predicted and on the true mask: what the outline costs."},
      {"bias", map, one, none, "truth", "Mean of map - truth over the pixels of an image."},
      {"mae", map, one, lower, "truth", "Mean absolute error over the pixels of an image."},
      {"rmse", map, one, lower, "truth", "Root of the mean squared error over the pixels of an image."},
      {"gcnr", map, one, higher, "", "Of images: generalised contrast-to-noise ratio of target and surroundings."},
      {"contrast", map, one, none, "dB", "Of images: mean level of the target less that of its surroundings."},
      {"lateral_width", map, one, lower, "m", "Of images: mean lateral width of points at half amplitude."},
      {"erased", map, one, lower, "", "Of images: share of targets seen in the truth and not in the image."},
      {"invented", map, one, lower, "", "Of images: share of targets seen in the image and not in the truth."},
      {"froc", detection, group, higher, "",
       "Mean share of lesions found at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false alarms an image."},
      {"sensitivity_at_false_alarms", detection, group, higher, "",
       "Share of lesions found at up to false_alarms an image."},
      {"average_precision", detection, group, higher, "",
       "Step-wise area under precision over sensitivity; a second mark on a lesion does not count."},
      {"sensitivity", detection, group, higher, "", "Share of lesions with a mark whose score reaches threshold."},
      {"c_index", survival, group, higher, "",
       "Harrell's C: share of comparable pairs in which the earlier event has the higher risk."},
      {"brier", survival, group, lower, "", "Brier score at horizon, weighted for censoring (Graf 1999)."},
      {"regret", survival, group, lower, "",
       "Net benefit lost against decisions at risk_threshold by the true hazard."},
      {"false_alarms", detection, one, lower, "",
       "Marks an image that hit no lesion and whose score reaches threshold."},
  };
  return metrics;
}

const ValidationMetric* find_metric(ValidationTask task, const std::string& name) {
  for (const auto& metric : validation_metrics())
    if (metric.task == task && metric.name == name) return &metric;
  return nullptr;
}

bool is_compared(const ValidationMetric& metric) {
  return metric.of == ValidationMetric::Of::one_case ||
         (metric.task == ValidationTask::classification &&
          (metric.name == "auc" || metric.name == "sensitivity" || metric.name == "specificity"));
}

std::vector<std::string> metric_names(ValidationTask task) {
  std::vector<std::string> names;
  for (const auto& metric : validation_metrics())
    if (metric.task == task) names.push_back(metric.name);
  return names;
}

void MetricOptions::fields(FieldVisitor& visit) {
  visit(tolerance, {.key = "tolerance",
                    .doc = "Of nsd: the distance within which outlines agree; of detection: the distance within which "
                           "a mark hits a lesion.",
                    .unit = Unit::metre,
                    .min = 0});
  visit(horizon, {.key = "horizon",
                  .doc = "Of survival: the time within which events are predicted.",
                  .unit = Unit::second,
                  .min = positive});
  visit(false_alarms, {.key = "false_alarms", .doc = "Of sensitivity_at_false_alarms: an image.", .min = 0});
  visit(target, {.key = "target", .doc = "Of gcnr, contrast, erased and invented: the class that is told from its surroundings."});
  visit(points, {.key = "points", .doc = "Of lateral_width: the class that marks small bright targets."});
  visit(ring, {.key = "ring", .doc = "How far the surroundings of the target reach.", .unit = Unit::metre, .min = 1e-4, .max = 0.1});
  visit(seen, {.key = "seen", .doc = "Of erased and invented: contrast from which a target counts as seen.", .unit = Unit::decibel, .min = 0, .max = 100});
  visit(specificity, {.key = "specificity", .doc = "Of sensitivity_at_specificity.", .min = 0, .max = 1});
  visit(prevalence, {.key = "prevalence",
                     .doc = "Of ppv and npv: share of the diseased where the model will be used.",
                     .min = 0,
                     .max = 1});
  visit(risk_threshold, {.key = "risk_threshold",
                         .doc = "Of net_benefit and regret: the risk from which one would act.",
                         .min = 0.001,
                         .max = 0.999});
}

double mask_metric(const std::string& name, std::span<const std::uint8_t> mask, std::span<const std::uint8_t> truth,
                   const MaskGrid& grid, const MetricOptions& options) {
  const auto overlap = mask_overlap(mask, truth);
  if (name == "dice") return overlap.dice();
  if (name == "iou") return overlap.iou();
  if (name == "precision") return overlap.precision();
  if (name == "recall") return overlap.recall();
  if (name == "volume_similarity") return overlap.volume_similarity();
  const auto distances = surface_distances(mask, truth, grid);
  if (name == "nsd") return distances.normalised(options.tolerance);
  if (name == "hd95") return distances.hausdorff_percentile(0.95);
  if (name == "hausdorff") return distances.hausdorff();
  if (name == "assd") return distances.average_symmetric();
  throw std::logic_error("no mask metric " + name);
}

double map_metric(const std::string& name, std::span<const double> map, std::span<const double> truth) {
  if (name == "mae") return mean_absolute_error(map, truth);
  if (name == "rmse") return root_mean_square_error(map, truth);
  if (name == "bias") {
    if (map.size() != truth.size() || map.empty())
      throw std::invalid_argument("maps of different sizes cannot be compared");
    return std::inner_product(map.begin(), map.end(), truth.begin(), 0.0, std::plus<>(), std::minus<>()) /
           static_cast<double>(map.size());
  }
  throw std::logic_error("no map metric " + name);
}

double value_metric(const ValidationMetric& metric, double predicted, double truth, double threshold, double ruler) {
  const std::vector<double> score{predicted};
  const std::vector<std::uint8_t> label{static_cast<std::uint8_t>(truth != 0)};
  if (metric.of == ValidationMetric::Of::group) return nan;
  if (metric.name == "accuracy") return (predicted >= threshold) == (truth != 0);
  if (metric.name == "brier") return brier_score(score, label);
  if (metric.name == "log_loss") return log_loss(score, label);
  if (metric.name == "bias") return predicted - truth;
  if (metric.name == "mae") return std::abs(predicted - truth);
  if (metric.name == "ruler") return std::abs(ruler - truth);
  if (metric.name == "reader") return std::abs(predicted - ruler);
  throw std::logic_error("no metric of a value: " + metric.name);
}

double survival_metric(const std::string& name, const std::vector<SurvivalCase>& all,
                       std::span<const std::size_t> cases, const MetricOptions& options) {
  std::vector<double> time, risk, free, true_risk;
  std::vector<std::uint8_t> event;
  for (const auto i : cases) {
    time.push_back(all[i].time);
    event.push_back(all[i].event);
    risk.push_back(all[i].risk);
    free.push_back(1 - all[i].risk);
    true_risk.push_back(all[i].true_risk);
  }
  if (name == "c_index") return concordance_index(time, event, risk);
  if (name == "brier") return survival_brier(time, event, free, options.horizon);
  if (name == "regret") return decision_regret(true_risk, risk, options.risk_threshold);
  throw std::logic_error("no metric of survival: " + name);
}

double detection_metric(const std::string& name, const std::vector<DetectionCase>& all,
                        std::span<const std::size_t> images, double threshold, const MetricOptions& options) {
  const auto curve = froc_curve(all, images);
  if (name == "froc") return curve.mean_sensitivity();
  if (name == "average_precision") return curve.average_precision();
  if (name == "sensitivity_at_false_alarms") return curve.sensitivity_at(options.false_alarms);
  if (name != "sensitivity") throw std::logic_error("no metric of marks: " + name);
  double found = curve.sensitivity.front();
  for (std::size_t k = 0; k < curve.threshold.size(); ++k)
    if (curve.threshold[k] >= threshold) found = curve.sensitivity[k];
  return found;
}

double group_metric(const std::string& name, std::span<const double> predicted, std::span<const double> truth,
                    std::span<const std::size_t> cases, double threshold, const MetricOptions& options) {
  const Chosen chosen(predicted, truth, cases, threshold);
  return is_of(ValidationTask::classification, name) ? classification_metric(name, chosen, options)
                                                     : measurement_metric(name, chosen);
}

GroupEstimate estimate_group_metric(const std::string& name, std::span<const double> predicted,
                                    std::span<const double> truth, const std::vector<std::string>& patients,
                                    double threshold, const MetricOptions& options, const RandomStream& random,
                                    std::size_t resamples) {
  std::vector<std::size_t> all(predicted.size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const PatientClusters clusters(patients);
  Estimate estimate{
      group_metric(name, predicted, truth, all, threshold, options), {nan, nan}, nan, all.size(), clusters.size()};
  if (clusters.size() == all.size() && all.size() > 1) {
    const Chosen chosen(predicted, truth, all, threshold);
    auto proportion = [&](std::size_t part, std::size_t whole) -> GroupEstimate {
      estimate.interval = whole ? wilson_interval(part, whole) : Interval{nan, nan};
      // From the interval's width: the textbook error is zero where all or none succeed.
      estimate.standard_error = standard_error_of(estimate.interval);
      return {estimate, "Wilson"};
    };
    if (name == "sensitivity") return proportion(chosen.hits, chosen.diseased);
    if (name == "specificity") return proportion(chosen.cleared(), chosen.healthy());
    if (name == "auc") {
      const auto areas = delong({chosen.predicted}, chosen.label);
      estimate = areas.reported(0);
      const bool own = areas.standard_error(0) > 0 || std::isnan(estimate.value);
      return {estimate, own ? "DeLong (logit)" : "Newcombe"};
    }
    if (name == "lower_limit" || name == "upper_limit") {
      const auto agreement = bland_altman(chosen.predicted, chosen.truth);
      estimate.interval = name == "lower_limit" ? agreement.lower_interval : agreement.upper_interval;
      const double n = static_cast<double>(all.size());
      estimate.standard_error = agreement.deviation * std::sqrt(1 / n + 1.96 * 1.96 / (2 * (n - 1)));
      return {estimate, "Bland and Altman"};
    }
  }
  const auto statistic = [&](std::span<const std::size_t> cases) {
    return group_metric(name, predicted, truth, cases, threshold, options);
  };
  return {bootstrap(statistic, clusters, random, resamples), "BCa bootstrap of patients"};
}

}  // namespace sonoforge
