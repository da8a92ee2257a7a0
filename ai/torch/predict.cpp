#include "ai/predict.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "ai/dataset.hpp"
#include "ai/overlay.hpp"
#include "ai/resample.hpp"
#include "ai/torch/network.hpp"
#include "ai/torch/training_data.hpp"
#include "core/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/file_checks.hpp"
#include "io/nifti.hpp"

namespace sonoforge {

struct Predictor::Impl {
  Network network;
  std::string metadata, label, data_hash;
  std::size_t depth = 0, lateral = 0;
  double dynamic_range = 0;
};

Predictor::Predictor(const std::filesystem::path& model) {
  std::map<std::string, std::string> metadata;
  Network network = Network::load(model, metadata);
  impl_ = std::make_unique<Impl>(Impl{std::move(network), metadata["sonoforge.json"], {}, {}, 0, 0, 0});
  try {
    const auto json = nlohmann::json::parse(impl_->metadata);
    impl_->label = json.at("output").at("classes").at(0).get<std::string>();
    impl_->depth = json.at("input").at("shape").at(2).get<std::size_t>();
    impl_->lateral = json.at("input").at("shape").at(3).get<std::size_t>();
    impl_->dynamic_range = json.at("input").at("dynamic_range").get<double>();
    impl_->data_hash = json.at("data_sha256").get<std::string>();
  } catch (const nlohmann::json::exception&) {
    refuse_file(model, "its metadata do not describe the model's input and output. Give the model.pt that `sonoforge train` wrote");
  }
  if (impl_->depth < 1 || impl_->depth > 4096 || impl_->lateral < 1 || impl_->lateral > 4096 || !(impl_->dynamic_range > 0))
    refuse_file(model, "its metadata name an impossible image size. Give the model.pt that `sonoforge train` wrote");
}
Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;

std::string Predictor::label() const { return impl_->label; }
std::string Predictor::metadata() const { return impl_->metadata; }
std::string Predictor::data_hash() const { return impl_->data_hash; }
double Predictor::dynamic_range() const { return impl_->dynamic_range; }

Prediction Predictor::apply(const RealMap& image, double threshold) const {
  const auto input = model_input(image, impl_->depth, impl_->lateral, impl_->dynamic_range);
  const auto found = impl_->network.probabilities(input, impl_->depth, impl_->lateral);
  const auto back = resample(found, impl_->depth, impl_->lateral, image.grid.z.count, image.grid.x.count);
  Prediction prediction{RealMap(image.grid), std::vector<std::uint8_t>(back.size())};
  for (std::size_t i = 0; i < back.size(); ++i) {
    prediction.probability.values.data()[i] = back[i];
    prediction.mask[i] = static_cast<double>(back[i]) >= threshold;
  }
  return prediction;
}

// A name for the results of each file: its own, with as many of its folders' names before it as tell all files apart.
static std::vector<std::string> result_names(const std::vector<std::filesystem::path>& files) {
  std::vector<std::filesystem::path> folders;
  std::vector<std::string> names;
  std::set<std::filesystem::path> different;
  for (const auto& file : files) {
    const auto whole = std::filesystem::absolute(file).lexically_normal();
    if (!different.insert(whole).second) throw UserError("'" + file.string() + "' is given twice (two inputs would have one result). Name it once");
    folders.push_back(whole.parent_path());
    names.push_back(whole.stem().string());
  }
  while (std::set<std::string>(names.begin(), names.end()).size() < names.size()) {
    bool longer = false;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (folders[i].has_filename()) {
        longer = true;
        names[i] = folders[i].filename().string() + "_" + names[i];
        folders[i] = folders[i].parent_path();
      }
    if (!longer) throw UserError("two inputs are called '" + names.front() + "' but for their endings (two inputs would have one result). Rename one");
  }
  return names;
}

std::vector<PredictedFile> predict_files(const std::filesystem::path& model, const std::vector<std::filesystem::path>& files,
                                         const std::filesystem::path& folder) {
  const Predictor predictor(model);
  for (const auto& file : files) regular_file_size(file);
  const auto names = result_names(files);
  make_folder(folder);
  Progress progress("Predicting", files.size(), "files");
  std::vector<PredictedFile> results;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& file = files[i];
    const RealMap image = read_image(file);
    const Prediction prediction = predictor.apply(image);
    PredictedFile result{file, folder / (names[i] + "_mask.nii.gz"), folder / (names[i] + "_overlay.png"), 0, 0};
    const bool polar = image.grid.kind == PixelGrid::Kind::polar;
    const PixelGrid grid = polar ? picture_grid(image.grid, 4096) : image.grid;
    const auto mask = polar ? convert_mask(image.grid, prediction.mask, grid) : prediction.mask;
    NiftiVolume volume;
    volume.size = {grid.x.count, 1, grid.z.count};
    volume.spacing = {grid.x.step, grid.y.step, grid.z.step};
    volume.affine = {{{grid.x.step, 0, 0, grid.x.from}, {0, grid.y.step, 0, grid.y.from}, {0, 0, grid.z.step, grid.z.from}}};
    volume.values.assign(mask.begin(), mask.end());
    result.pixels_inside = static_cast<std::size_t>(std::count(mask.begin(), mask.end(), std::uint8_t{1}));
    result.area = static_cast<double>(result.pixels_inside) * grid.x.step * grid.z.step;
    write_nifti(result.mask, volume);
    write_png(result.overlay, overlay_picture(image, prediction.mask, {}, predictor.dynamic_range()));
    results.push_back(result);
    progress.advance();
  }
  return results;
}

}  // namespace sonoforge
