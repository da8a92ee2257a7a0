#include "formats/dicom_image.hpp"

#include <algorithm>
#include <cmath>

#include "core/scan_conversion.hpp"
#include "io/dicom.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {

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
  const double step =
      std::max(std::min(std::abs(grid.x.step), std::abs(grid.z.step)), std::max(across, down) / most_pixels);
  const auto count = [&](double length) { return static_cast<std::size_t>(std::lround(length / step)) + 1; };
  picture.x = {grid.x.from, std::copysign(step, grid.x.step), count(across)};
  picture.z = {grid.z.from, std::copysign(step, grid.z.step), count(down)};
  return picture;
}

}  // namespace

GreyPicture grey_levels(const RealMap& image, double dynamic_range) {
  const PixelGrid grid = picture_grid(image.grid);
  const RealMap map = scan_convert(image, grid, static_cast<float>(-dynamic_range));
  GreyPicture picture{grid, std::vector<std::uint8_t>(grid.x.count * grid.z.count)};
  for (std::size_t i = 0; i < picture.values.size(); ++i) {
    const double level = 1 + static_cast<double>(map.values.flat()[i]) / dynamic_range;
    picture.values[i] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(level, 0.0, 1.0)));
  }
  return picture;
}

ZeaFile read_dicom_images(const std::filesystem::path& file) {
  const DicomUltrasound dicom = read_dicom(file);
  if (!dicom.scale)
    refuse_file(file,
                "the picture has no scale (no ultrasound region of tissue with centimetres along both axes). Add its "
                "calibration, or convert it to PNG");
  ZeaFile content;
  Acquisition& acquisition = content.acquisition;
  acquisition.description = dicom.description;
  acquisition.centre_frequency = dicom.frequency;
  acquisition.sequence.frames = dicom.frames;
  acquisition.sequence.frame_rate = dicom.frame_rate;
  acquisition.notes = dicom.notes;
  constexpr double usual = 60;
  const double range = dicom.dynamic_range.value_or(usual);
  if (!dicom.dynamic_range)
    acquisition.notes.emplace_back(
        "the file does not state what its grey levels mean: equal steps over 60 dB are assumed");
  if (!dicom.identifying.empty()) {
    std::string names;
    for (const std::string& name : dicom.identifying) names += (names.empty() ? "" : ", ") + name;
    acquisition.notes.push_back("attributes that can tell of a person are filled (" + names + "): none of them is taken over");
  }
  PixelGrid grid;
  grid.x = {dicom.scale->origin[0], dicom.scale->spacing[0], dicom.columns};
  grid.z = {dicom.scale->origin[1], dicom.scale->spacing[1], dicom.rows};
  content.image_grid = grid;
  for (std::size_t f = 0; f < dicom.frames; ++f) {
    RealMap image(grid);
    const auto* from = dicom.grey.data() + f * grid.size();
    for (std::size_t i = 0; i < grid.size(); ++i)
      image.values.flat()[i] = static_cast<float>(range * (static_cast<double>(from[i]) / 255 - 1));
    content.images.push_back(std::move(image));
  }
  return content;
}

void write_dicom_images(const std::filesystem::path& file, const ZeaFile& content, double dynamic_range) {
  DicomUltrasound dicom;
  for (const RealMap& image : content.images) {
    const GreyPicture picture = grey_levels(image, dynamic_range);
    const PixelGrid& grid = picture.grid;
    dicom.columns = grid.x.count;
    dicom.rows = grid.z.count;
    dicom.scale = {{grid.x.from, grid.z.from}, {grid.x.step, grid.z.step}};
    dicom.grey.insert(dicom.grey.end(), picture.values.begin(), picture.values.end());
    ++dicom.frames;
  }
  dicom.frame_rate = content.acquisition.sequence.frame_rate;
  dicom.frequency = content.acquisition.centre_frequency;
  dicom.dynamic_range = dynamic_range;
  dicom.description = content.acquisition.description;
  // An id of our own data sets; one of other files may be a person's.
  if (!content.config.empty()) dicom.patient_id = content.subject_id;
  write_dicom(file, dicom);
}

}  // namespace sonoforge
