#pragma once
#include <string>
#include <vector>

#include "ai/validate.hpp"

namespace sonoforge {

/// Cases that a report looks at together.
struct CaseGroup {
  std::string factor, name;       ///< factor empty for all cases
  std::vector<std::size_t> rows;  ///< of the manifest, rising
};

/// All cases; then, factor by factor, groups that hold every row once, also those without a value; then intersections
/// that hold a row. Throws `ConfigError` for factors and edges that do not fit, and for gates on groups that there are
/// not.
std::vector<CaseGroup> case_groups(const ValidateConfig& config, const Manifest& manifest,
                                   const std::vector<std::size_t>& rows);

/// Rows of several groups in common, named "A and B".
CaseGroup intersection_of(const CaseGroup& a, const CaseGroup& b);

/// Rows of patients as drawn; all rows where there are none but twins.
std::vector<std::size_t> rows_as_drawn(const Manifest& manifest, const std::vector<std::size_t>& rows);

/// The unit in which a metric is reported, SI; empty for ratios and where it is not known.
std::string metric_unit(const ValidateConfig& config, const Manifest& manifest, const std::string& metric);

}  // namespace sonoforge
