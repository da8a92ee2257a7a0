#pragma once
#include <filesystem>

namespace sonoforge {

/// A picture of the first `count` samples of a data set, at most eight a row, each at most 160 pixels wide; of one with
/// frames the first and the middle one. Twins follow their patient. Returns the number of samples shown. `UserError`
/// where the folder holds no data set or a sample no image.
std::size_t write_contact_sheet(const std::filesystem::path& folder, const std::filesystem::path& picture,
                                std::size_t count);

}  // namespace sonoforge
