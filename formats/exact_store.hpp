#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "core/image.hpp"
#include "io/hdf5.hpp"
#include "transducers/acquisition.hpp"

namespace sonoforge {

/// What zea keeps as float32, or has no place for, in double precision under the root group /sonoforge, so that our own
/// files come back bit for bit: `probe/`, `scan/`, `sequence/`, and a group of axes for each pixel grid.

void write_exact_acquisition(Hdf5Writer& writer, const Acquisition& acquisition);

/// Probe, sequence and scan as written above (samples, description and notes stay empty); nothing where the file has no
/// such groups. Throws `UserError` where they are damaged.
std::optional<Acquisition> read_exact_acquisition(const Hdf5Reader& reader);

/// `group`: for example "sonoforge/image_grid".
void write_grid(Hdf5Writer& writer, const std::string& group, const PixelGrid& grid);
/// Nothing where the group does not exist; `UserError` where it is damaged.
std::optional<PixelGrid> read_grid(const Hdf5Reader& reader, const std::string& group);

/// Names of the enumerations in files.
std::string to_text(Transmit::Wave wave);
std::string to_text(Probe::Kind kind);

}  // namespace sonoforge
