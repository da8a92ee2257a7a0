#pragma once
#include <filesystem>

#include "formats/zea.hpp"

namespace sonoforge {

/// Plane-wave channel data in the HDF5 layout of the pybf beamformer: data/rf_data/frame_N/shot_N [channel, sample],
/// linear arrays only. Its time axis starts at -data/correction_time_shift, counted from the wavefront's passage
/// through the origin.
ZeaFile read_pybf(const std::filesystem::path& file);

}  // namespace sonoforge
