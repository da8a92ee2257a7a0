#include "ai/image_pairs.hpp"

#include <algorithm>
#include <map>

#include "ai/sha256.hpp"
#include "ai/split.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/file_checks.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

constexpr double grey_range = 60;  // dB between black and white

bool is_image(const fs::path& file) {
  const auto ending = ending_of(file);
  return ending == ".png" || ending == ".nii" || ending == ".nii.gz";
}

std::string name_of(const fs::path& file) {
  const std::string name = file.filename().string();
  return name.substr(0, name.size() - ending_of(file).size());
}

struct Pixels {
  PixelGrid grid;
  std::vector<float> values;
  double white = 0;  ///< the largest grey level; 0: not a grey picture
};

Pixels read_pixels(const fs::path& file) {
  Pixels pixels;
  if (ending_of(file) == ".png") {
    const GreyImage picture = read_grey_png(file);
    pixels.grid.x = {-0.5e-3 * static_cast<double>(picture.width - 1), 1e-3, picture.width};
    pixels.grid.z = {0.5e-3, 1e-3, picture.height};
    pixels.values.assign(picture.values.begin(), picture.values.end());
    pixels.white = static_cast<double>((1 << picture.bit_depth) - 1);
    return pixels;
  }
  const NiftiVolume volume = read_nifti(file);
  if (volume.size[1] != 1)
    refuse_file(file, "it has " + std::to_string(volume.size[1]) + " planes (models see single planes). Write i lateral, k depth");
  pixels.grid.x = {volume.affine[0][3], volume.spacing[0], volume.size[0]};
  pixels.grid.z = {volume.affine[2][3], volume.spacing[2], volume.size[2]};
  pixels.values = volume.values;
  for (const float value : pixels.values)
    if (!std::isfinite(value)) refuse_file(file, "it has pixels that are not numbers. Write numbers everywhere");
  return pixels;
}

std::vector<std::string> class_names(const fs::path& folder) {
  std::error_code ignored;
  std::vector<std::string> names;
  if (fs::exists(folder / "classes.txt", ignored)) {
    std::string line;
    for (const char c : read_file(folder / "classes.txt") + "\n") {
      if (c != '\n') {
        if (c != '\r') line += c;
        continue;
      }
      if (!line.empty()) names.push_back(line);
      line.clear();
    }
  }
  if (names.empty()) names.push_back("lesion");
  return names;
}

std::map<std::string, fs::path> images_in(const fs::path& folder) {
  std::map<std::string, fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!is_image(entry.path())) continue;
    if (!found.emplace(name_of(entry.path()), entry.path()).second)
      refuse_file(entry.path(), "there is a second image of that name (which one counts?). Remove one");
  }
  return found;
}

}  // namespace

bool holds_image_pairs(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_directory(folder / "images", ignored) && fs::is_directory(folder / "masks", ignored);
}

Dataset open_image_pairs(const fs::path& folder) {
  const auto images = images_in(folder / "images"), masks = images_in(folder / "masks");
  if (images.empty())
    throw UserError("'" + (folder / "images").string() + "' holds no PNG or NIfTI images (there is nothing to learn from). Put them there");
  Dataset data;
  data.folder = folder;
  data.pairs = true;
  std::vector<CsvRecord> table;
  std::map<std::string, std::size_t> line_of;
  const auto splits = folder / "splits.csv";
  std::error_code ignored;
  std::map<std::string, std::size_t> column;
  if (fs::exists(splits, ignored)) {
    table = parse_csv(read_file(splits), splits.string());
    if (!table.empty())
      for (std::size_t c = 0; c < table[0].cells.size(); ++c) column.emplace(table[0].cells[c], c);
    if (!column.contains("id") || !column.contains("split")) refuse_file(splits, "its first line must name the columns id and split. Add them");
    for (std::size_t r = 1; r < table.size(); ++r) {
      if (table[r].cells.size() != table[0].cells.size())
        refuse_file(splits, "line " + std::to_string(table[r].line) + " has " + std::to_string(table[r].cells.size()) + " cells (the first has " + std::to_string(table[0].cells.size()) + "). Correct it");
      line_of[table[r].cells[column["id"]]] = r;
    }
    for (const auto& [name, index] : column)
      if (name != "id" && name != "split" && name != "patient") {
        data.manifest.factor_names.push_back(name);
        data.manifest.factor_units.push_back("");
      }
  }
  std::map<std::string, std::string> patients;
  std::string all;
  for (const auto& [name, file] : images) {
    const auto mask = masks.find(name);
    if (mask == masks.end()) refuse_file(file, "there is no mask of that name in masks/ (every image needs its truth). Add it, black where nothing is marked");
    ManifestRow row;
    row.id = name;
    row.file = "images/" + file.filename().string();
    row.sha256 = sha256_of_file(file);
    row.patient = name.substr(0, name.find('_'));
    if (!table.empty()) {
      const auto line = line_of.find(name);
      if (line == line_of.end()) refuse_file(splits, "it has no line for '" + name + "' (every image needs its split). Add it");
      const auto& cells = table[line->second].cells;
      row.split = cells[column["split"]];
      if (row.split != "train" && row.split != "validation" && row.split != "test")
        refuse_file(splits, "'" + row.split + "' is no split (known: train, validation, test). Correct the line of " + name);
      if (column.contains("patient")) row.patient = cells[column["patient"]];
      for (const auto& factor : data.manifest.factor_names) row.factors.push_back(cells[column[factor]]);
      const auto& split = patients.emplace(row.patient, row.split).first->second;
      if (split != row.split) refuse_file(splits, "patient '" + row.patient + "' is in two splits (the test would not be of unseen patients). Correct it");
    } else {
      const std::uint64_t index = patients.size();
      row.split = patients.emplace(row.patient, split_of_patient(SplitShares{}, 1, index)).first->second;
    }
    all += row.id + "," + row.split + "," + row.sha256 + "," + sha256_of_file(mask->second) + "\n";
    data.manifest.rows.push_back(std::move(row));
  }
  data.hash = sha256(all);
  return data;
}

ZeaFile read_image_pair(const fs::path& folder, const ManifestRow& row) {
  const auto file = folder / row.file;
  fs::path mask_file;
  for (const std::string ending : {".png", ".nii.gz", ".nii"}) {
    std::error_code ignored;
    if (mask_file.empty() && fs::exists(folder / "masks" / (row.id + ending), ignored)) mask_file = folder / "masks" / (row.id + ending);
  }
  const Pixels image = read_pixels(file), mask = read_pixels(mask_file);
  if (image.grid.x.count != mask.grid.x.count || image.grid.z.count != mask.grid.z.count)
    refuse_file(mask_file, "it has another size than its image (they are compared pixel by pixel). Write both on the same pixels");
  ZeaFile content;
  RealMap map(image.grid);
  const auto [least, largest] = std::minmax_element(image.values.begin(), image.values.end());
  const bool decibels = image.white == 0 && *largest <= 0;
  const double black = image.white > 0 ? 0 : *least, white = image.white > 0 ? image.white : *largest;
  for (std::size_t i = 0; i < image.values.size(); ++i)
    map.values.data()[i] = decibels ? image.values[i]
                           : white > black ? static_cast<float>(std::min(0.0, grey_range * ((image.values[i] - black) / (white - black) - 1)))
                                           : 0.0F;
  const auto names = class_names(folder);
  LabelMap label{"segmentation", "", "Given masks.", image.grid, names, NdArray<float, 4>({names.size(), image.grid.z.count, 1, image.grid.x.count})};
  for (std::size_t i = 0; i < mask.values.size(); ++i) {
    if (mask.values[i] <= 0) continue;
    const auto value = static_cast<std::size_t>(mask.values[i]);
    const std::size_t channel = names.size() == 1 ? 0 : value - 1;
    if (channel < names.size()) label.values.data()[channel * mask.values.size() + i] = 1;
  }
  content.images.push_back(std::move(map));
  content.labels.push_back(std::move(label));
  content.image_grid = image.grid;
  content.subject_id = row.patient;
  return content;
}

}  // namespace sonoforge
