#pragma once
#include <filesystem>

#include "formats/zea.hpp"

namespace sonoforge {

/// Channel data of the UltraSound ToolBox [rodriguezmolares2017], version 1.2: the first object of class
/// "uff.channel_data". The file does not store delays: they follow from the waves; all elements are taken to fire.
ZeaFile read_uff(const std::filesystem::path& file);

/// Channel data alone (images and labels have no place there), in single precision. Throws `UserError` for custom
/// waves and receive delays, which the format cannot hold. Atomic.
void write_uff(const std::filesystem::path& file, const ZeaFile& content);

}  // namespace sonoforge
