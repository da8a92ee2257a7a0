#pragma once
#include <filesystem>

#include "formats/zea.hpp"

namespace sonoforge {

/// Channel data of the PICMUS challenge [liebgott2016]: plane waves in /US/US_DATASET0000, RF or IQ. Its phantoms and
/// images are `UserError`s that say so.
ZeaFile read_picmus(const std::filesystem::path& file);
/// One frame of plane waves, RF or IQ. PICMUS has a single `initial_time`, counted from each wave's passage through the
/// origin: waves that started elsewhere on that axis are moved to it, by whole samples and, where need be, by the rest of
/// one as band-limited signals (said in a warning). Atomic. Throws `UserError` for other waves, several frames, receive delays or elements off the face's plane.
void write_picmus(const std::filesystem::path& file, const ZeaFile& content);

}  // namespace sonoforge
