#include "formats/convert.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/scan_conversion.hpp"
#include "core/units.hpp"
#include "formats/must.hpp"
#include "formats/picmus.hpp"
#include "formats/reader.hpp"
#include "formats/uff.hpp"
#include "io/config.hpp"
#include "io/file_checks.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

double dynamic_range_of(const ZeaFile& content) {
  constexpr double usual = 60;
  if (content.config.empty()) return usual;
  const ConfigTree tree = ConfigTree::parse(content.config, "config");
  const ConfigNode* image = tree.root().find("image");
  const ConfigNode* range = image ? image->find("dynamic_range") : nullptr;
  if (!range) return usual;
  try {
    return std::max(parse_quantity(range->scalar, Unit::decibel), 1.0);
  } catch (const std::invalid_argument&) {
    return usual;
  }
}

namespace {

/// The grid of a picture to scale: square pixels, Cartesian, the middle plane.
PixelGrid picture_grid(const PixelGrid& grid) {
  PixelGrid picture = grid;
  picture.y = {grid.y.at(grid.y.count / 2), 1, 1};
  if (grid.kind == PixelGrid::Kind::polar) return enclosing_grid(picture);
  constexpr double most_pixels = 4096;
  const double across = std::abs(grid.x.step) * static_cast<double>(grid.x.count - 1);
  const double down = std::abs(grid.z.step) * static_cast<double>(grid.z.count - 1);
  if (!(across > 0) || !(down > 0)) return picture;
  const double step = std::max(std::min(std::abs(grid.x.step), std::abs(grid.z.step)), std::max(across, down) / most_pixels);
  const auto count = [&](double length) { return static_cast<std::size_t>(std::lround(length / step)) + 1; };
  picture.x = {grid.x.from, std::copysign(step, grid.x.step), count(across)};
  picture.z = {grid.z.from, std::copysign(step, grid.z.step), count(down)};
  return picture;
}

}  // namespace

Picture grey_picture(const RealMap& image, double dynamic_range) {
  const PixelGrid grid = picture_grid(image.grid);
  const RealMap map = scan_convert(image, grid, static_cast<float>(-dynamic_range));
  Picture picture{grid.x.count, grid.z.count, 1, std::vector<std::uint8_t>(grid.x.count * grid.z.count)};
  for (std::size_t i = 0; i < picture.values.size(); ++i) {
    const double level = 1 + static_cast<double>(map.values.flat()[i]) / dynamic_range;
    picture.values[i] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(level, 0.0, 1.0)));
  }
  return picture;
}

namespace {

void write_pictures(const fs::path& file, const ZeaFile& content) {
  std::vector<Picture> pictures;
  const double range = dynamic_range_of(content);
  for (const RealMap& image : content.images) pictures.push_back(grey_picture(image, range));
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
  if (content.images.size() > 1)
    refuse_file(file, "a NIfTI volume holds one frame (there are " + std::to_string(content.images.size()) +
                          "). Write .png for a movie, or .hdf5 for all frames");
  write_volume(file, content.images.front());
}

void convert_file(const fs::path& in, const fs::path& out, const std::string& format) {
  std::error_code error;
  if (fs::equivalent(in, out, error))
    refuse_file(out, "input and output are the same file (it would be overwritten). Choose another name");
  const ZeaFile content = read_any(in);
  if (format.empty()) return write_any(out, content);
  const std::string ending = ending_of(out);
  if (ending != ".hdf5" && ending != ".h5")
    refuse_file(out, "PICMUS files are HDF5 (the name ends in '" + ending + "'). Write .hdf5");
  write_picmus(out, content);
}

}  // namespace sonoforge
