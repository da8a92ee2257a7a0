#include "ai/dataset.hpp"

#include <algorithm>
#include <cmath>

#include "ai/image_pairs.hpp"
#include "ai/sha256.hpp"
#include "formats/reader.hpp"
#include "formats/zea.hpp"
#include "io/atomic_file.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {
namespace {

RealMap first_image(const std::filesystem::path& file, const ZeaFile& content) {
  if (content.images.empty())
    refuse_file(file, "there is no image in it (channel data alone cannot be segmented). Reconstruct it first: sonoforge reconstruct FILE -o DIR");
  const RealMap& image = content.images.front();
  if (image.grid.y.count != 1)
    refuse_file(file, "its image has " + std::to_string(image.grid.y.count) + " planes (only single planes can be segmented). Give a 2-D image");
  for (const float value : image.values.flat())
    if (std::isnan(value) || value > 0)
      refuse_file(file, "its image has values that are not decibels below the maximum. Write the image again");
  return image;
}

}  // namespace

Dataset Dataset::open(const std::filesystem::path& folder) {
  const auto file = folder / "manifest.csv";
  std::error_code ignored;
  if (holds_image_pairs(folder) && !std::filesystem::exists(file, ignored)) return open_image_pairs(folder);
  if (!std::filesystem::exists(folder, ignored))
    throw UserError("'" + folder.string() + "' does not exist (the data are read from there). Make it with `sonoforge generate`, or name what stands elsewhere");
  if (!std::filesystem::is_directory(folder, ignored) || !std::filesystem::exists(file, ignored))
    throw UserError("'" + folder.string() + "' is not a data set (there is no manifest.csv in it). Give the folder that `sonoforge generate` wrote");
  Dataset data;
  data.folder = folder;
  data.manifest = read_manifest(file);
  data.hash = sha256_of_file(file);
  return data;
}

std::vector<std::size_t> Dataset::rows_of(const std::string& split) const {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < manifest.rows.size(); ++i)
    if (manifest.rows[i].split == split) rows.push_back(i);
  return rows;
}

ZeaFile Dataset::content(std::size_t row) const {
  if (make) return make(row);
  const ManifestRow& entry = manifest.rows[row];
  const auto file = folder / entry.file;
  if (sha256_of_file(file) != entry.sha256)
    refuse_file(file, "it is not the file that the manifest names (its SHA-256 differs). Generate it again or restore it");
  return pairs ? read_image_pair(folder, entry) : read_zea(file);
}

LabelledImage Dataset::read(std::size_t row, const std::string& label) const {
  return labelled_image(content(row), folder / manifest.rows[row].file, label);
}

std::string truth_unit(const Dataset& data, const std::string& truth) {
  const int factor = data.manifest.factor(truth);
  if (factor >= 0) return data.manifest.factor_units[static_cast<std::size_t>(factor)];
  if (data.manifest.rows.empty()) return "";
  for (const auto& measurement : data.content(0).measurements)
    if (measurement.name == truth) return measurement.unit;
  return "";
}

LabelledImage read_labelled_image(const std::filesystem::path& file, const std::string& label) {
  return labelled_image(read_zea(file), file, label);
}

LabelledImage labelled_image(const ZeaFile& content, const std::filesystem::path& file, const std::string& label) {
  LabelledImage sample{first_image(file, content), {}};
  const auto found = std::find_if(content.labels.begin(), content.labels.end(), [](const LabelMap& map) { return map.name == "segmentation"; });
  if (found == content.labels.end())
    refuse_file(file, "there is no segmentation in it (nothing to compare with). Generate it with 'labels: [segmentation]'");
  if (!(found->grid == sample.image.grid) && found->grid.shape() != sample.image.grid.shape())
    refuse_file(file, "its segmentation has another grid than its image. Write both on one grid");
  const auto channel = std::find(found->channels.begin(), found->channels.end(), label);
  if (channel == found->channels.end()) {
    std::string known;
    for (const auto& name : found->channels) known += (known.empty() ? "" : ", ") + name;
    refuse_file(file, "its segmentation has no class '" + label + "' (it has: " + known + "). Give one of these as label");
  }
  const auto c = static_cast<std::size_t>(channel - found->channels.begin());
  const std::size_t pixels = sample.image.values.size();
  sample.mask.resize(pixels);
  for (std::size_t i = 0; i < pixels; ++i) sample.mask[i] = found->values.data()[c * pixels + i] != 0;
  return sample;
}

RealMap read_image(const std::filesystem::path& file) { return first_image(file, read_any(file)); }

}  // namespace sonoforge
