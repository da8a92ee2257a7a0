#pragma once
#include <cstdint>
#include <string>

#include "ai/dataset_checks.hpp"
#include "ai/generate.hpp"

namespace sonoforge {

/// The README.md of a data set. Every number in it is counted from the manifest or stands in the config.
std::string data_card(const GenerateRequest& request, const Manifest& manifest, const DatasetChecks& checks,
                      PatientSplits& splits, std::uint64_t bytes);

}  // namespace sonoforge
