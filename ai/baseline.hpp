#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "ai/groups.hpp"
#include "ai/validate.hpp"

namespace sonoforge {

/// An earlier validation with which a model is compared.
struct Baseline {
  struct Value {
    double value = 0, standard_error = 0;
  };
  std::map<std::pair<std::string, std::string>, Value> groups;  ///< by group and metric, from report.json
  /// By id and column of the cases.csv beside it; may be empty.
  std::map<std::string, std::map<std::string, double>> cases;
};
/// Throws `UserError` for anything but a report.json of `validate`.
Baseline read_baseline(const std::filesystem::path& report);

/// Now minus before. Paired by case where the baseline's cases.csv holds all cases of the group: Student's t with
/// clusters of patients for metrics of single cases, DeLong's test for areas where every patient has one case. Else as
/// of independent samples, whose interval is wider.
struct BaselineComparison {
  Estimate difference;
  double p_value = 1;
  std::string method;
  std::string reason;  ///< why there is no interval
};
BaselineComparison compare_with_baseline(const ValidateConfig& config, const Manifest& manifest,
                                         const Evaluation& evaluation, const Baseline& baseline,
                                         const std::string& metric, const CaseGroup& group);

}  // namespace sonoforge
