#pragma once
#include <filesystem>
#include <string>

#include "formats/zea.hpp"

namespace sonoforge {

/// "zea", "picmus", "uff", "must", "kwave", ... by content, not by name. Throws `UserError` for anything else.
std::string detect_format(const std::filesystem::path& file);
/// Channel data (and what comes with it) of any readable format.
ZeaFile read_any(const std::filesystem::path& file);

}  // namespace sonoforge
