#pragma once
#include <filesystem>

#include "formats/zea.hpp"

namespace sonoforge {

/// RF of the MATLAB toolbox MUST [garcia2021]: variables `RF` [sample, element, frame] and `param` (fs, fc, pitch, and
/// where given width, kerf, height, focus, radius, bandwidth, c, t0, PRF, TXdelay). One transmit a frame; several rows
/// of TXdelay are laws superposed. Other files are `UserError`s.
ZeaFile read_must(const std::filesystem::path& file);

/// Writes one transmit of a linear or convex array as MUST's `RF` and `param` (MAT v5). What that format has no place for
/// (several transmits, IQ, receive delays, other probes, apodization) is a `UserError` that says so.
void write_must(const std::filesystem::path& file, const ZeaFile& content);

}  // namespace sonoforge
