#pragma once
#include <filesystem>
#include <string>

#include "formats/zea.hpp"

namespace sonoforge {

/// "zea", "picmus", "uff", "must", "pybf" or "kwave", by content, not by name. Throws `UserError` for anything else.
std::string detect_format(const std::filesystem::path& file);
/// Channel data (and what comes with it) of any readable format: all of these but kwave. What had to be assumed stands
/// in acquisition.notes. Throws `UserError` for broken files and for files without channel data or images.
ZeaFile read_any(const std::filesystem::path& file);

}  // namespace sonoforge
