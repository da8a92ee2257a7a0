#pragma once
#include <filesystem>

#include "formats/zea.hpp"

namespace sonoforge {

/// Channel data of the PICMUS challenge [liebgott2016]: plane waves in /US/US_DATASET0000, RF or IQ. Its phantoms and
/// images are `UserError`s that say so.
ZeaFile read_picmus(const std::filesystem::path& file);

}  // namespace sonoforge
