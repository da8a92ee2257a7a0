#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ai/dataset.hpp"
#include "ai/disparity.hpp"
#include "ai/foreign_model.hpp"
#include "ai/manifest.hpp"
#include "ai/validation_metrics.hpp"
#include "core/fields.hpp"

namespace sonoforge {

/// A factor by which cases are told apart: a numeric one between edges, any one by its values.
struct SubgroupConfig : Configurable {
  std::string factor;
  std::vector<std::string> edges;  ///< with units, as "3 mm"; empty: one group a value
  void fields(FieldVisitor& visit) override;
};

/// Groups of several factors of `subgroups` together, as small lesions in thick patients.
struct IntersectionConfig : Configurable {
  std::vector<std::string> factors;
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// A condition that must hold. One of `at_least`, `at_most` (of the metric), `margin` (not worse than the baseline by
/// more) and `gap` (not worse than all other cases by more).
struct GateConfig : Configurable {
  std::string metric = "dice";
  std::string subgroup = "all";  ///< "all", a factor (each of its groups), or one group by name
  std::optional<std::string> at_least, at_most, margin, gap;  ///< with unit where the metric has one
  enum class Bound { end, mean, lower, upper };
  /// What is judged: the end of the 95 % interval on the side of failure (one-sided, 2.5 %), or the estimate itself.
  Bound interval = Bound::end;
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// A monitor, tried on the cases: a twin takes the patients' place at a known onset (ai/drift.hpp).
struct DriftConfig : Configurable {
  std::string metric = "dice";
  std::string twin;
  std::int64_t onset = 200;              ///< cases before it
  std::int64_t after = 200;              ///< cases within which it must be found
  std::int64_t false_alarm_every = 1000;  ///< cases, on average
  double reference = 0.5;                ///< of the sum: half the shift looked for [standard deviations]
  void fields(FieldVisitor& visit) override;
};

/// What was planned before the data existed; the report sets it against what was reached.
struct PlanConfig : Configurable {
  std::string metric = "dice";
  std::int64_t patients = 100;
  double deviation = 0.1;  ///< of the metric over patients, in its SI unit
  void fields(FieldVisitor& visit) override;
};

/// A validation, read from YAML.
struct ValidateConfig : Configurable {
  std::int64_t format = 1;
  std::filesystem::path data;         ///< folder of `generate`
  std::filesystem::path model;        ///< model.pt of `train`, or any TorchScript file with `torchscript`, or
  std::optional<ForeignDescription> torchscript;
  std::filesystem::path predictions;  ///< folder of predictions made elsewhere, or
  std::vector<std::string> program;   ///< a command that is run for each case (ai/external_program.hpp)
  double time_limit = 60;             ///< of one run [s]
  enum class Split { train, validation, test };
  Split split = Split::test;
  ValidationTask task = ValidationTask::segmentation;
  std::string label;                  ///< segmentation: class, empty: the model's; map: name of the truth map
  std::string truth;                  ///< classification and measurement: factor, or true measurement of the files
  std::string truth_unit;             ///< measurement: of a truth that is no factor; filled in by `validate`
  std::vector<std::string> positive;  ///< classification: values of `truth` that count as diseased
  std::string event, hazard, risk;    ///< survival: factors; `truth` is the time, `positive` values of `event`
  double threshold = 0.5;
  MetricOptions options;
  std::vector<std::string> metrics;  ///< empty: those usual for the task
  std::vector<SubgroupConfig> subgroups;
  std::vector<IntersectionConfig> intersections;
  std::vector<GateConfig> gates;
  std::filesystem::path baseline;  ///< report.json that gates with a margin compare with
  std::optional<PlanConfig> plan;
  std::optional<DriftConfig> drift;
  bool privacy = false;            ///< also look for what the model or the test images give away of training patients
  std::int64_t resamples = 2000;   ///< of the bootstrap
  std::int64_t seed = 1;           ///< of the bootstrap

  void fields(FieldVisitor& visit) override;
  void check() const override;
  /// The described TorchScript file.
  ForeignModel foreign() const;
  /// The metrics asked for, or the usual ones.
  std::vector<std::string> measured_metrics() const;
};
std::string split_name(ValidateConfig::Split split);

/// One case: nothing is dropped.
struct ValidationCase {
  std::size_t row = 0;          ///< of the manifest
  std::vector<double> metrics;  ///< in the order of `measured_metrics`; NaN for metrics of whole groups
  /// Classification: 0 or 1 and score; measurement: values; map: means; segmentation: areas [m^2]; detection: lesions
  /// and marks that reach the threshold; survival: time [s] and risk.
  double truth = 0, predicted = 0;
  DetectionCase detection = {};
  SurvivalCase survival = {};
};

/// One line of a report's table: a metric in a group of cases.
struct GroupResult {
  std::string factor;  ///< empty for all cases
  std::string group;   ///< "all", "lesion_radius 3 mm to 5 mm", "side = left"
  std::string metric;
  Estimate estimate;
  std::string method;            ///< of the interval
  double worst = 0, median = 0;  ///< case; NaN for metrics of whole groups
  std::size_t diseased = 0;      ///< cases, in classification
};

/// A group against all other cases.
struct DisparityResult {
  std::string factor, group, metric;
  Disparity disparity;
  double adjusted_p_value = 1;  ///< for all groups of the metric [holm1979]
};
struct DoseResult {
  std::string factor, unit, metric;
  DoseResponse response;
};
struct SliceResult {
  std::string metric;
  ConfirmedSlice slice;
};
struct SharesResult {
  std::string metric;
  std::vector<std::string> factors;
  VarianceShares shares;
};
struct TwinResult {
  std::string metric, twin;
  CausalEffect effect;
};

/// All cases now against an earlier report.
struct ComparisonResult {
  std::string metric;
  Estimate difference;  ///< now - before
  double p_value = 1;
  double adjusted_p_value = 1;  ///< for all metrics [holm1979]
  std::string method;
};

struct GateResult {
  GateConfig gate;
  std::string group;
  std::string condition;  ///< "lower end >= 0.85"
  double value = 0;       ///< what was judged; NaN where there is none
  bool passed = false;
  std::string reason;  ///< why it failed where that is not the value
};

struct Evaluation {
  std::vector<ValidationCase> cases;
  std::vector<GroupResult> groups;
  std::vector<DisparityResult> disparities;
  std::vector<DoseResult> doses;
  std::vector<SliceResult> slices;
  std::vector<SharesResult> shares;
  std::vector<TwinResult> twins;
  std::vector<ComparisonResult> comparisons;
  std::vector<GateResult> gates;
  std::vector<std::string> warnings;
  bool passed() const;
};

/// Groups, intervals (clustered by patient), disparities and gates from measured cases. Estimates are over patients as
/// drawn; twins (forced variants) enter only the comparison with their patient. Throws `UserError` for factors, edges,
/// gates or a baseline that do not fit. A gate whose value does not exist, as a group without cases or an interval of a
/// single patient, fails.
Evaluation evaluate(const ValidateConfig& config, const Manifest& manifest, std::vector<ValidationCase> cases);
/// Whether `evaluate` would accept the config for this manifest; called before the costly part.
void check_groups(const ValidateConfig& config, const Manifest& manifest);

/// A chapter of the report that a part of its own wrote; empty html: nothing to say.
struct ReportSection {
  std::string key;   ///< in report.json
  std::string html, json;
};

/// What the reports say about the origin of numbers.
struct ReportOrigin {
  std::string config;  ///< resolved YAML
  std::string model_sha256, data_sha256, model_metadata;
  bool same_data_set = false;  ///< the model was trained on this data set's training split
  std::string label;
  /// Pictures for the first page: title and PNG bytes.
  std::vector<std::pair<std::string, std::string>> pictures = {};
  std::vector<ReportSection> sections = {};
  std::size_t models_judged = 0;  ///< different models that this split has judged so far; 0: not counted
};

/// report.html, report.json, junit.xml and cases.csv.
void write_validation(const std::filesystem::path& folder, const ValidateConfig& config, const Manifest& manifest,
                      const Evaluation& evaluation, const ReportOrigin& origin);

/// Remembers in `data`/test_uses.csv that this model (by hash) was judged on this split, and counts the different ones
/// so far: a test set that has chosen among many models is no longer fresh. 0 where the folder cannot be written.
std::size_t count_use(const std::filesystem::path& data, const std::string& split, const std::string& model_sha256);

/// The whole validation: applies the model to every case of the split, or reads the predictions, and writes the
/// reports. `passed()` of the result tells whether all gates hold (the program exits with 3 where not). Throws
/// `UserError` for unusable input; an unreadable sample or missing prediction stops it, since a report must not leave
/// cases out.
/// `open` opens `data`, as in `train`.
Evaluation validate(ValidateConfig& config, const std::filesystem::path& folder,
                    const std::function<Dataset(const std::filesystem::path&)>& open = Dataset::open);

}  // namespace sonoforge
