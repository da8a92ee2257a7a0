#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ai/manifest.hpp"
#include "ai/statistics.hpp"
#include "core/fields.hpp"

namespace sonoforge {

/// A factor by which cases are told apart: a numeric one between edges, any one by its values.
struct SubgroupConfig : Configurable {
  std::string factor;
  std::vector<std::string> edges;  ///< with units, as "3 mm"; empty: one group a value
  void fields(FieldVisitor& visit) override;
};

/// A condition that must hold.
struct GateConfig : Configurable {
  std::string metric = "dice";
  std::string subgroup = "all";  ///< "all", a factor (each of its groups), or one group by name
  double at_least = 0;
  enum class Bound { lower, mean };
  Bound interval = Bound::lower;  ///< what must reach it: the lower end of the 95 % interval, or the mean
  void fields(FieldVisitor& visit) override;
};

/// A validation, read from YAML with the top-level key `sonoforge` ignored.
struct ValidateConfig : Configurable {
  std::filesystem::path data;   ///< folder of `generate`
  std::filesystem::path model;  ///< model.pt of `train`
  enum class Split { train, validation, test };
  Split split = Split::test;
  std::string label;            ///< empty: the model's
  double threshold = 0.5;
  std::vector<std::string> metrics{"dice", "iou"};
  std::vector<SubgroupConfig> subgroups;
  std::vector<GateConfig> gates;
  std::int64_t resamples = 2000;  ///< of the bootstrap
  std::int64_t seed = 1;          ///< of the bootstrap

  void fields(FieldVisitor& visit) override;
  void check() const override;
};
std::string split_name(ValidateConfig::Split split);

/// One case: nothing is dropped.
struct ValidationCase {
  std::size_t row = 0;            ///< of the manifest
  std::vector<double> metrics;    ///< in the config's order
  double true_area = 0, predicted_area = 0;  ///< [m^2]
};

/// One line of a report's table: a metric in a group of cases.
struct GroupResult {
  std::string factor;  ///< empty for all cases
  std::string group;   ///< "all", "lesion_radius 3 mm to 5 mm", "side = left"
  std::string metric;
  MeanWithInterval mean;
  double lowest = 0, median = 0;
};

struct GateResult {
  GateConfig gate;
  std::string group;
  double value = 0;  ///< of mean or lower end; NaN where there is none
  bool passed = false;
};

struct Evaluation {
  std::vector<ValidationCase> cases;
  std::vector<GroupResult> groups;
  std::vector<GateResult> gates;
  bool passed() const;
};

/// Groups, intervals (clustered by patient) and gates from measured cases. Throws `UserError` for factors, edges or gates
/// that do not fit the manifest. A gate whose value does not exist, as a group without cases or an interval of a single
/// patient, fails.
Evaluation evaluate(const ValidateConfig& config, const Manifest& manifest, std::vector<ValidationCase> cases);
/// Whether `evaluate` would accept the config for this manifest; called before the costly part.
void check_groups(const ValidateConfig& config, const Manifest& manifest);

/// What the reports say about the origin of numbers.
struct ReportOrigin {
  std::string config;          ///< resolved YAML
  std::string model_sha256, data_sha256, model_metadata;
  bool same_data_set = false;  ///< the model was trained on this data set's training split
  std::string label;
  /// Pictures for the first page: title and PNG bytes.
  std::vector<std::pair<std::string, std::string>> pictures = {};
};

/// report.html, report.json and cases.csv.
void write_validation(const std::filesystem::path& folder, const ValidateConfig& config, const Manifest& manifest,
                      const Evaluation& evaluation, const ReportOrigin& origin);

/// The whole validation: applies the model to every case of the split and writes the reports. `passed()` of the result
/// tells whether all gates hold (the program exits with 3 where not). Throws `UserError` for unusable input; an unreadable
/// sample stops it, since a report must not leave cases out.
Evaluation validate(ValidateConfig& config, const std::filesystem::path& folder);

}  // namespace sonoforge
