#pragma once
#include <string>
#include <vector>

#include "ai/validate.hpp"

namespace sonoforge {

/// An item of CLAIM 2024, TRIPOD+AI or STARD-AI [tejani2024, collins2024, sounderajah2025] by its published number, in
/// our words, and whether this report meets it. A report of simulated images can meet some, and never those on
/// patients.
struct ChecklistItem {
  std::string list, number;
  std::string topic;
  enum class Status { met, partly, missing };
  Status status = Status::missing;
  std::string where;  ///< chapter, or why it is missing
};
/// All items, list after list, in the order of their numbers.
std::vector<ChecklistItem> checklist(const ValidateConfig& config, const Evaluation& evaluation,
                                     const ReportOrigin& origin);
ReportSection checklist_section(const ValidateConfig& config, const Evaluation& evaluation, const ReportOrigin& origin);

/// What a user of the model must know, on a few lines: what it does, what it learned from, how well and for whom worst,
/// and what it is not for [mitchell2019].
ReportSection model_card_section(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation,
                                 const ReportOrigin& origin);

/// What was planned and what was reached: standard error and smallest difference found with 80 %. Empty where
/// `config.plan` is.
ReportSection plan_section(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation);

}  // namespace sonoforge
