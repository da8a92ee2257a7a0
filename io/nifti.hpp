#pragma once
#include <array>
#include <filesystem>
#include <vector>

namespace sonoforge {

/// A NIfTI-1 volume (.nii, .nii.gz), values [k, j, i] with i fastest, scaled by slope and intercept.
struct NiftiVolume {
  std::array<std::size_t, 3> size{1, 1, 1};       ///< i, j, k
  std::array<double, 3> spacing{1, 1, 1};         ///< [m]
  std::array<std::array<double, 4>, 3> affine{};  ///< voxel index -> x (right), y (front), z (head) [m]
  std::vector<float> values;
};
/// Single-file NIfTI-1 of any integer or real type and byte order; at most three axes longer than one. The affine is
/// the file's sform, else its qform, else the spacing alone [cox2004]. Broken files are `UserError`s.
NiftiVolume read_nifti(const std::filesystem::path& file);
/// As float32 with an sform; packed where the name ends in .gz. Atomic; the same volume gives the same bytes.
void write_nifti(const std::filesystem::path& file, const NiftiVolume& volume);

}  // namespace sonoforge
