#include "formats/convert.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "formats/must.hpp"
#include "formats/reader.hpp"
#include "formats/uff.hpp"
#include "io/file_checks.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

namespace {

constexpr float dynamic_range = 60;  ///< of exported pictures [dB]

std::string ending_of(const fs::path& file) {
  std::string name = file.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (name.ends_with(".nii.gz")) return ".nii.gz";
  return fs::path(name).extension().string();
}

/// The image's middle plane in grey, a point for a pixel: 0 dB white, -60 dB black.
Picture grey_picture(const RealMap& image) {
  const PixelGrid& grid = image.grid;
  Picture picture{grid.x.count, grid.z.count, 1, std::vector<std::uint8_t>(grid.x.count * grid.z.count)};
  for (std::size_t z = 0; z < grid.z.count; ++z)
    for (std::size_t x = 0; x < grid.x.count; ++x) {
      const float level = 1 + image.values(z, grid.y.count / 2, x) / dynamic_range;
      picture.values[z * grid.x.count + x] =
          static_cast<std::uint8_t>(std::lround(255 * std::clamp(level, 0.0F, 1.0F)));
    }
  return picture;
}

void write_pictures(const fs::path& file, const ZeaFile& content) {
  std::vector<Picture> pictures;
  for (const RealMap& image : content.images) pictures.push_back(grey_picture(image));
  const double rate = content.acquisition.sequence.frame_rate;
  if (pictures.size() == 1)
    write_png(file, pictures.front());
  else
    write_apng(file, pictures, rate > 0 ? std::min(rate, 25.0) : 10.0);
}

void write_volume(const fs::path& file, const RealMap& image) {
  const PixelGrid& grid = image.grid;
  if (grid.kind != PixelGrid::Kind::cartesian)
    refuse_file(file, "a NIfTI volume needs a Cartesian image (this one is polar). Reconstruct it on a Cartesian grid");
  NiftiVolume volume;
  volume.size = {grid.x.count, grid.y.count, grid.z.count};
  volume.spacing = {std::abs(grid.x.step), std::abs(grid.y.step), std::abs(grid.z.step)};
  // The axes of the volume are those of the world frame: x lateral, y elevation, z depth.
  volume.affine = {
      {{grid.x.step, 0, 0, grid.x.from}, {0, grid.y.step, 0, grid.y.from}, {0, 0, grid.z.step, grid.z.from}}};
  volume.values.reserve(grid.size());
  for (std::size_t z = 0; z < grid.z.count; ++z)
    for (std::size_t y = 0; y < grid.y.count; ++y)
      for (std::size_t x = 0; x < grid.x.count; ++x) volume.values.push_back(image.values(z, y, x));
  write_nifti(file, volume);
}

}  // namespace

void write_any(const fs::path& file, const ZeaFile& content) {
  const std::string ending = ending_of(file);
  if (ending == ".hdf5" || ending == ".h5") return write_zea(file, content);
  if (ending == ".uff") return write_uff(file, content);
  if (ending == ".mat") return write_must(file, content);
  if (ending != ".png" && ending != ".nii" && ending != ".nii.gz")
    refuse_file(file, "unknown ending '" + ending + "'. Write .hdf5, .uff, .mat, .png, .nii or .nii.gz");
  if (content.images.empty())
    refuse_file(file, "there is no image to export (the input holds channel data only). Reconstruct an image first");
  if (ending == ".png") return write_pictures(file, content);
  write_volume(file, content.images.front());
}

void convert_file(const fs::path& in, const fs::path& out) {
  std::error_code error;
  if (fs::equivalent(in, out, error))
    refuse_file(out, "input and output are the same file (it would be overwritten). Choose another name");
  write_any(out, read_any(in));
}

}  // namespace sonoforge
