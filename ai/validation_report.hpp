#pragma once
#include <string>

#include "ai/validate.hpp"

namespace sonoforge {

/// report.html: one page, self-contained and printable.
std::string validation_page(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation,
                            const ReportOrigin& origin);

}  // namespace sonoforge
