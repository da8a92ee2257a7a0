#pragma once
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "ai/bootstrap.hpp"
#include "ai/detection_metrics.hpp"
#include "ai/segmentation_metrics.hpp"
#include "core/fields.hpp"

namespace sonoforge {

/// What is judged: masks, scores of disease, true numbers such as diameters, maps such as sound speed, marks on lesions,
/// or risks of an event.
enum class ValidationTask { segmentation, classification, measurement, map, detection, survival };

/// A metric by name.
struct ValidationMetric {
  std::string name;
  ValidationTask task;
  enum class Of { one_case, group } of = Of::one_case;  ///< the mean over cases, or a number of a whole group
  enum class Better { higher, lower, none } better = Better::higher;  ///< none: best at a value in between
  std::string unit;  ///< "m", "" for ratios, "truth" for the unit of what is measured
  std::string doc;
};
const std::vector<ValidationMetric>& validation_metrics();
/// Null where there is none of that name for the task.
const ValidationMetric* find_metric(ValidationTask task, const std::string& name);
/// Whether groups are compared by it: metrics of single cases, auc, sensitivity and specificity.
bool is_compared(const ValidationMetric& metric);
std::vector<std::string> metric_names(ValidationTask task);

/// What metrics need besides the data.
struct MetricOptions : Configurable {
  double tolerance = 1e-3;              ///< of nsd, and of marks on lesions [m]
  double specificity = 0.9;             ///< of sensitivity_at_specificity
  double prevalence = 0.1;              ///< of ppv and npv
  double risk_threshold = 0.2;          ///< of net_benefit
  double horizon = 5 * 365.25 * 86400;  ///< of survival [s]
  double false_alarms = 1;              ///< an image, of sensitivity_at_false_alarms
  std::string target = "lesion", points = "points";  ///< classes, of gcnr, contrast, erased, invented; of lateral_width
  double ring = 2e-3;                   ///< how wide the surroundings of the target are [m]
  double seen = 3;                      ///< contrast from which a target counts as seen [dB]
  void fields(FieldVisitor& visit) override;
};

/// Metrics of one case, for any name whose metric is of one case.
double mask_metric(const std::string& name, std::span<const std::uint8_t> mask, std::span<const std::uint8_t> truth,
                   const MaskGrid& grid, const MetricOptions& options);
double map_metric(const std::string& name, std::span<const double> map, std::span<const double> truth);
/// `ruler`: what was measured on the true mask, for the metrics ruler and reader.
double value_metric(const ValidationMetric& metric, double predicted, double truth, double threshold,
                    double ruler = std::numeric_limits<double>::quiet_NaN());

/// A metric of the group of cases with these indices (with repetitions); NaN where it is not defined.
double group_metric(const std::string& name, std::span<const double> predicted, std::span<const double> truth,
                    std::span<const std::size_t> cases, double threshold, const MetricOptions& options);

/// Follow-up of one patient, and what was predicted.
struct SurvivalCase {
  double time = 0;  ///< to the event or the end of observation [s]
  bool event = false;
  double risk = 0;       ///< predicted, of an event within the horizon
  double true_risk = 0;  ///< the same from the true hazard; NaN where that is not known
};
/// A metric of the patients with these indices (with repetitions).
double survival_metric(const std::string& name, const std::vector<SurvivalCase>& all,
                       std::span<const std::size_t> cases, const MetricOptions& options);

/// A metric of the marks in the images with these indices (with repetitions).
double detection_metric(const std::string& name, const std::vector<DetectionCase>& all,
                        std::span<const std::size_t> images, double threshold, const MetricOptions& options);

/// Value and interval of a metric of a whole group, and how the interval was made: DeLong's for the area under the
/// curve, Wilson's for proportions, and Bland and Altman's for limits, where every patient has one case; else the
/// bootstrap of patients.
struct GroupEstimate {
  Estimate estimate;
  std::string method;
};
GroupEstimate estimate_group_metric(const std::string& name, std::span<const double> predicted,
                                    std::span<const double> truth, const std::vector<std::string>& patients,
                                    double threshold, const MetricOptions& options, const RandomStream& random,
                                    std::size_t resamples);

}  // namespace sonoforge
