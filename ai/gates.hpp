#pragma once
#include <string>
#include <vector>

#include "ai/baseline.hpp"
#include "ai/groups.hpp"
#include "ai/validate.hpp"

namespace sonoforge {

/// Throws `ConfigError` for values that do not measure what their metric does, `UserError` for an unreadable baseline.
void check_gate_values(const ValidateConfig& config, const Manifest& manifest);

/// Every gate in each group that it names.
///   at_least, at_most  the metric, judged by the end of its 95 % interval on the side of failure
///   margin             metric - baseline, see `compare_with_baseline`
///   gap                group - all others
/// A one-sided judgement by an end of a 95 % interval is wrong in 2.5 % of cases.
std::vector<GateResult> judge_gates(const ValidateConfig& config, const Manifest& manifest,
                                    const Evaluation& evaluation, const std::vector<CaseGroup>& groups);

/// JUnit's XML: one test case a gate.
std::string junit_text(const std::vector<GateResult>& gates);

}  // namespace sonoforge
