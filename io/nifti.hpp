#pragma once
#include <array>
#include <filesystem>
#include <vector>

namespace sonoforge {

/// A NIfTI-1 volume (.nii, .nii.gz), values [k, j, i] with i fastest, scaled by slope and intercept.
struct NiftiVolume {
  std::array<std::size_t, 3> size{1, 1, 1};        ///< i, j, k
  std::array<double, 3> spacing{1, 1, 1};          ///< [m]
  std::array<std::array<double, 4>, 3> affine{};   ///< voxel index -> RAS+ millimetres, in [m] here
  std::vector<float> values;
};
NiftiVolume read_nifti(const std::filesystem::path& file);
void write_nifti(const std::filesystem::path& file, const NiftiVolume& volume);

}  // namespace sonoforge
