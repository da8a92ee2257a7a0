#include "lab/network.hpp"

#include <algorithm>

#include "ai/labels.hpp"
#include "ai/segmentation_metrics.hpp"
#include "lab/request.hpp"
#include "lab/scene.hpp"

namespace sonoforge::lab {

struct NetworkBench::Opened {
  std::string name;
  Segmenter segmenter;
};

NetworkBench::NetworkBench(Models models) : models_(std::move(models)) {}
NetworkBench::~NetworkBench() = default;

namespace {

std::string text(const Json& request, const char* key) {
  if (!request.contains(key) || request[key].is_null()) return "";
  if (!request[key].is_string()) throw UserError(std::string("'") + key + "' is no text. Send one");
  return request[key].get<std::string>();
}

std::string bytes_of(const std::vector<std::uint8_t>& mask) { return base64(std::string(mask.begin(), mask.end())); }

}  // namespace

Json NetworkBench::answer(const Json& request, const Scene& scene) {
  const std::string name = text(request, "model");
  if (!opened_ || opened_->name != name) {
    opened_.reset();
    const auto file = model_file(models_.place, name);
    if (!models_.open) throw UserError("this process has no LibTorch. Install libtorch-dev and build again");
    opened_ = std::make_unique<Opened>(Opened{name, models_.open(file)});
  }
  const Segmenter& segmenter = opened_->segmenter;

  const RealMap image = scene.decibels();
  const LabelMap classes = rasterize_labels(scene.experiment.phantom, image.grid, {"segmentation"}).front();
  std::string wanted = text(request, "truth");
  const auto index_of = [&](const std::string& one) {
    return static_cast<std::size_t>(std::find(classes.channels.begin(), classes.channels.end(), one) - classes.channels.begin());
  };
  std::size_t channel = index_of(wanted.empty() ? segmenter.label : wanted);
  if (channel == classes.channels.size() && !wanted.empty()) throw UserError("the scene has no class '" + wanted + "'. Draw one, or choose another");
  if (channel == classes.channels.size()) channel = 0;
  std::vector<std::uint8_t> truth(image.values.size(), 0);
  Json is_truth = nullptr;
  if (!classes.channels.empty()) {
    is_truth = classes.channels[channel];
    for (std::size_t i = 0; i < truth.size(); ++i) truth[i] = classes.values.flat()[channel * truth.size() + i] != 0;
  }

  const Prediction found = segmenter.mark(image);
  const MaskOverlap overlap = mask_overlap(found.mask, truth);
  std::string probability(truth.size(), '\0');
  for (std::size_t i = 0; i < truth.size(); ++i) probability[i] = static_cast<char>(byte(static_cast<double>(found.probability.values.flat()[i])));
  const double pixel = image.grid.x.step * image.grid.z.step;
  const Experiment& e = scene.experiment;
  return {{"image", image_view(e.config.image.dynamic_range, image)},
          {"found", bytes_of(found.mask)},
          {"truth", bytes_of(truth)},
          {"probability", base64(probability)},
          {"dice", overlap.dice()},
          {"areas", {{"found", pixel * static_cast<double>(overlap.mask)}, {"truth", pixel * static_cast<double>(overlap.truth)}}},
          {"classes", classes.channels},
          {"of", is_truth},
          {"model", {{"label", segmenter.label}, {"dynamic_range", segmenter.dynamic_range}, {"depth", segmenter.depth}, {"lateral", segmenter.lateral}, {"data", segmenter.data_hash}}},
          {"facts", {{"engine", e.config.engine.type}, {"error", e.config.engine->predicted_error()}, {"scatterers", e.phantom.scatterers.size()}}}};
}

}  // namespace sonoforge::lab
