#pragma once
#include <filesystem>

#include <nlohmann/json_fwd.hpp>

namespace sonoforge {

/// What is in a file: format, probe, sequence, sampling, shapes, images, labels, measurements, factors, seed, version,
/// and what a reader has to assume; of a `field.hdf5` its arrays with shape and unit. Lengths in m, times in s. Throws `UserError` for files that `read_any` refuses.
nlohmann::json describe_file(const std::filesystem::path& file);

}  // namespace sonoforge
