#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ai/groups.hpp"
#include "ai/validate.hpp"

namespace sonoforge {

/// An earlier validation that a model must not fall behind.
struct Baseline {
  struct Value {
    double value = 0, standard_error = 0;
  };
  std::map<std::pair<std::string, std::string>, Value> groups;  ///< by group and metric, from report.json
  std::map<std::string, std::map<std::string, double>>
      cases;  ///< by id and metric, from the cases.csv beside it; may be empty
};
/// Throws `UserError` for anything but a report.json of `validate`.
Baseline read_baseline(const std::filesystem::path& report);

/// Throws `UserError` for values that do not measure what their metric does and for an unreadable baseline.
void check_gate_values(const ValidateConfig& config, const Manifest& manifest);

/// Every gate in each group that it names.
///   at_least, at_most  the metric, judged by the end of its 95 % interval on the side of failure
///   margin             metric - baseline: paired by case where the baseline's cases.csv holds all cases of the group
///   and the metric is of
///                      single cases, else as of independent samples, which is the wider interval
///   gap                group - all others
/// A one-sided judgement by an end of a 95 % interval is wrong in 2.5 % of cases.
std::vector<GateResult> judge_gates(const ValidateConfig& config, const Manifest& manifest,
                                    const Evaluation& evaluation, const std::vector<CaseGroup>& groups);

/// JUnit's XML: one test case a gate.
std::string junit_text(const std::vector<GateResult>& gates);

}  // namespace sonoforge
