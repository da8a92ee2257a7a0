#include "formats/convert.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/units.hpp"
#include "formats/dicom_image.hpp"
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

Picture grey_picture(const RealMap& image, double dynamic_range) {
  GreyPicture grey = grey_levels(image, dynamic_range);
  return {grey.grid.x.count, grey.grid.z.count, 1, std::move(grey.values)};
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
  if (ending != ".png" && ending != ".nii" && ending != ".nii.gz" && ending != ".dcm")
    refuse_file(file, "unknown ending '" + ending + "'. Write .hdf5, .uff, .mat, .png, .dcm, .nii or .nii.gz");
  if (content.images.empty())
    refuse_file(file, "there is no image to export (the input holds channel data only). Reconstruct an image first");
  if (ending == ".png") return write_pictures(file, content);
  if (ending == ".dcm") return write_dicom_images(file, content, dynamic_range_of(content));
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
