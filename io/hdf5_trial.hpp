#pragma once
#include <filesystem>
#include <functional>

namespace sonoforge::hdf5 {

/// Runs `trial` in a child process and tells whether it ended well. The HDF5 library checks much of a file by
/// assertions that releases lack, so a damaged file can make it read outside its memory; what would crash there only
/// ends the child. A child that works longer than a second (a small file) or 3 s and a second for each 20 MB
/// counts as crashed, and so does one whose library wants more than 512 MB and 16 times the file. Files that passed are
/// remembered by identity, size and time of change. Call under `hdf5::lock()`.
bool survives_trial(const std::filesystem::path& file, const std::function<void()>& trial);

}  // namespace sonoforge::hdf5
