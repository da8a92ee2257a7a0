#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include <nlohmann/json.hpp>

#include "ai/predict.hpp"
#include "ai/resample.hpp"
#include "ai/survival.hpp"
#include "ai/torch/foreign_network.hpp"
#include "ai/torch/network.hpp"
#include "io/config.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {

struct Predictor::Impl {
  std::optional<Network> network;
  std::string metadata, data_hash, unit;
  TrainConfig config;
  TensorShape input;
  double dropout = 0;
  std::size_t features = 0;  ///< that dropout may switch off
  // Or a file made elsewhere.
  std::optional<ForeignNetwork> foreign = {};
  ForeignModel description = {};
};

Predictor::Predictor(const std::filesystem::path& model) {
  std::map<std::string, std::string> metadata;
  Network network = Network::load(model, metadata);
  impl_ = std::make_unique<Impl>(Impl{std::move(network), metadata["sonoforge.json"], {}, {}, {}, {}, 0, 0});
  try {
    const auto json = nlohmann::json::parse(impl_->metadata);
    impl_->data_hash = json.at("data_sha256").get<std::string>();
    impl_->unit = json.at("output").at("unit").get<std::string>();
    impl_->dropout = json.at("dropout").at("probability").get<double>();
    impl_->features = json.at("dropout").at("features").get<std::size_t>();
    ConfigTree::parse(metadata["train.yaml"], "train.yaml").read(impl_->config);
    impl_->config.resolve();
    impl_->input = impl_->config.input_shape();
    const auto& shape = json.at("input").at("shape");
    if (shape.at(1) != impl_->input.channels || shape.at(2) != impl_->input.depth || shape.at(3) != impl_->input.lateral || impl_->features > 1'000'000)
      throw UserError("");
  } catch (const nlohmann::json::exception&) {
    refuse_file(model, "its metadata do not describe the model's input and output. Give the model.pt that `sonoforge train` wrote");
  } catch (const UserError&) {
    refuse_file(model, "its metadata and its training config do not agree. Give the model.pt that `sonoforge train` wrote");
  }
}

Predictor::Predictor(const ForeignModel& model) {
  model.check();
  impl_ = std::make_unique<Impl>();
  impl_->foreign.emplace(model.model, model.torchscript.output.item);
  impl_->description = model;
  impl_->metadata = model.metadata();
  impl_->unit = model.unit();
  impl_->config = model.as_trained();
  impl_->config.resolve();
  impl_->input = impl_->config.input_shape();
  // Black all over: whether shapes fit shows before the first case.
  answer_to(std::vector<float>(impl_->input.size(), model.torchscript.input.kind == ForeignInput::Kind::image ? static_cast<float>(-model.torchscript.input.dynamic_range) : 0.0F));
}

Predictor::~Predictor() = default;
Predictor::Predictor(Predictor&&) noexcept = default;

const TrainConfig& Predictor::config() const { return impl_->config; }
std::string Predictor::label() const {
  if (const auto* detection = dynamic_cast<const DetectionTask*>(impl_->config.task.value.get())) return detection->label;
  return impl_->config.task->output_names().front();
}
std::string Predictor::unit() const { return impl_->unit; }
std::string Predictor::metadata() const { return impl_->metadata; }
std::string Predictor::data_hash() const { return impl_->data_hash; }
double Predictor::dynamic_range() const { return impl_->config.dynamic_range; }

Prediction Predictor::apply(const RealMap& image, double threshold) const {
  if (impl_->config.task->kind() != TruthKind::mask || impl_->config.task->input != "image")
    throw std::invalid_argument("only a segmentation of images marks an image");
  ZeaFile content;
  content.images.push_back(image);
  const Answer found = answer(content, "image");
  const auto back = resample(found.values, static_cast<std::size_t>(found.shape.depth), static_cast<std::size_t>(found.shape.lateral), image.grid.z.count, image.grid.x.count);
  Prediction prediction{RealMap(image.grid), std::vector<std::uint8_t>(back.size())};
  for (std::size_t i = 0; i < back.size(); ++i) {
    prediction.probability.values.data()[i] = back[i];
    prediction.mask[i] = static_cast<double>(back[i]) >= threshold;
  }
  return prediction;
}

Answer Predictor::answer(const ZeaFile& content, const std::string& file) const {
  if (impl_->config.task->kind() == TruthKind::follow_up)
    throw UserError("'" + file + "' is one file (the model reads the visits of a patient from the table of a data set). Give the data set's folder");
  return answer_to(model_input(impl_->config.input(), content, file));
}

Answer Predictor::answer(const Dataset& data, std::size_t row, const ZeaFile& content) const {
  if (impl_->config.task->kind() == TruthKind::follow_up) return answer_to(history_input(impl_->config, data, row));
  return answer(content, (data.folder / data.manifest.rows[row].file).string());
}

Answer Predictor::answer_to(std::vector<float> seen) const {
  Answer answer;
  if (impl_->foreign) {
    std::vector<std::int64_t> sides;
    const auto given = impl_->foreign->run(impl_->description.tensor(seen), impl_->description.tensor_sides(), sides);
    answer.values = impl_->description.answer(given, sides, answer.shape);
    return answer;
  }
  const SampleArrays input{std::move(seen)};
  answer.values = impl_->network->outputs(input, impl_->input, &answer.shape).front();
  std::vector<std::vector<float>> drawn;
  const auto size = static_cast<std::ptrdiff_t>(answer.values.size());
  if (impl_->network->is_ensemble()) {
    const auto all = impl_->network->members(input, impl_->input).front();
    for (auto one = all.begin(); one + size <= all.end(); one += size) drawn.emplace_back(one, one + size);
  } else if (impl_->config.dropout_samples > 0 && impl_->dropout > 0) {
    const auto count = static_cast<std::size_t>(impl_->config.dropout_samples);
    SampleArrays keeps(count, std::vector<float>(impl_->features));
    const RandomStream random(static_cast<std::uint64_t>(impl_->config.seed), 0, "dropout in use");
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t i = 0; i < impl_->features; ++i)
        keeps[k][i] = random.child("sample", k).uniform_at(i) < impl_->dropout ? 0.0F : static_cast<float>(1 / (1 - impl_->dropout));
    drawn = impl_->network->sampled(SampleArrays(count, input.front()), impl_->input, keeps);
  }
  if (drawn.size() < 2) return answer;
  answer.deviation.resize(answer.values.size());
  for (std::size_t i = 0; i < answer.values.size(); ++i) {
    double mean = 0, squares = 0;
    for (const auto& one : drawn) mean += double{one[i]} / static_cast<double>(drawn.size());
    for (const auto& one : drawn) squares += (one[i] - mean) * (one[i] - mean);
    answer.values[i] = static_cast<float>(mean);
    answer.deviation[i] = static_cast<float>(std::sqrt(squares / static_cast<double>(drawn.size() - 1)));
  }
  return answer;
}

}  // namespace sonoforge
