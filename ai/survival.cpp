#include "ai/survival.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "ai/model_input.hpp"
#include "ai/survival_metrics.hpp"
#include "ai/train.hpp"
#include "core/units.hpp"

namespace sonoforge {
namespace {

constexpr double year = 365.25 * 86400;

[[noreturn]] void refuse(const Manifest& manifest, std::size_t row, const std::string& text) {
  throw UserError("'" + manifest.rows[row].id + "': " + text);
}

const std::string& text_of(const Manifest& manifest, std::size_t row, const std::string& name) {
  const int factor = manifest.factor(name);
  if (factor < 0) {
    std::string known;
    for (const auto& one : manifest.factor_names) known += (known.empty() ? "" : ", ") + one;
    refuse(manifest, row,
           "the data set has no factor '" + name + "' (risk is learned from there). Name one of: " + known);
  }
  return manifest.rows[row].factors[static_cast<std::size_t>(factor)];
}

double number_of(const Manifest& manifest, std::size_t row, const std::string& name) {
  double value = 0;
  const auto& text = text_of(manifest, row, name);
  if (!factor_number(text, value) || !std::isfinite(value))
    refuse(manifest, row, "factor '" + name + "' is '" + text + "' (a number is needed). Name a numeric factor");
  return value;
}

/// Whether it is there, its time [year], its factors.
std::vector<double> numbers_of(const SurvivalTask& task, const Manifest& manifest, std::size_t row) {
  const double time = manifest.factor(task.visit_time) >= 0 ? number_of(manifest, row, task.visit_time) / year
                                                            : manifest.rows[row].visit;
  std::vector<double> numbers{1, time};
  for (const auto& name : task.factors) numbers.push_back(number_of(manifest, row, name));
  return numbers;
}

}  // namespace

void SurvivalTask::fields(FieldVisitor& visit) {
  visit(input, {.key = "input", .doc = "What the model sees of each visit beside its factors: none, or image."});
  visit(time, {.key = "time", .doc = "Factor: time of the event since the first visit, or the end of observation."});
  visit(event, {.key = "event", .doc = "Factor that tells whether the event came."});
  visit(positive, {.key = "positive", .doc = "Its values that mean so.", .max_items = 100});
  visit(factors, {.key = "factors", .doc = "Numeric factors of every visit that the model sees.", .max_items = 100});
  visit(visit_time,
        {.key = "visit_time",
         .doc = "Factor: time of a visit since the first; where a data set has none, visits are numbered."});
  visit(horizon, {.key = "horizon",
                  .doc = "Within which the event is predicted, since the first visit.",
                  .unit = Unit::second,
                  .min = sonoforge::positive});
  visit(intervals, {.key = "intervals",
                    .doc = "Of equal length up to the horizon, each with a hazard of its own.",
                    .min = 1,
                    .max = 1000});
  visit(visits,
        {.key = "visits", .doc = "The latest visits that are seen, with the sample's own.", .min = 1, .max = 100});
}

void SurvivalTask::check() const {
  if (input != "none" && input != "image")
    throw ConfigError(
        "input", "unknown input '" + input +
                     "' (visits are told by factors alone, or with images). Write 'input: none' or 'input: image'");
  if (factors.empty() && input == "none")
    throw ConfigError("factors",
                      "the model would see nothing (no factors and no images). Name factors, as 'factors: [age]'");
  if (std::set<std::string>(factors.begin(), factors.end()).size() != factors.size())
    throw ConfigError("factors", "a factor is named twice (once is enough). Remove one");
  if (std::find(factors.begin(), factors.end(), time) != factors.end() ||
      std::find(factors.begin(), factors.end(), event) != factors.end())
    throw ConfigError("factors", "what is predicted is among what the model sees (it would only copy it). Remove it");
  if (positive.empty())
    throw ConfigError(
        "positive", "no value means that the event came (nothing could be learned). Write for example 'positive: [1]'");
}

std::vector<std::string> SurvivalTask::output_names() const {
  std::vector<std::string> names{"risk"};
  for (std::int64_t k = 1; k <= intervals; ++k)
    names.push_back("free after " +
                    format_number(horizon * static_cast<double>(k) / static_cast<double>(intervals) / year) + " year");
  return names;
}

std::vector<float> SurvivalTask::truth(const SampleRecord& sample, const TensorShape&) const {
  const double until = number_of(sample.manifest, sample.row, time);
  const auto& text = text_of(sample.manifest, sample.row, event);
  const bool came = std::find(positive.begin(), positive.end(), text) != positive.end() && until <= horizon;
  const auto count = static_cast<std::size_t>(intervals);
  const double length = horizon / static_cast<double>(intervals);
  std::vector<float> truth(2 * count, 0.0F);
  for (std::size_t k = 0; k < count; ++k) {
    const double from = length * static_cast<double>(k), to = from + length;
    // The last interval takes an event at its end.
    const bool within = until > from - 1e-9 * length && (until < to || k + 1 == count);
    if (came && within) {
      truth[count + k] = 1;
      break;
    }
    truth[k] = until >= to || (!came && until >= (from + to) / 2);
    if (truth[k] == 0) break;
  }
  return truth;
}

std::string SurvivalTask::activation(const TruthScale&, double, std::int64_t) const {
  return "    free = torch.cumprod(1.0 - torch.sigmoid(x), 1)\n    return torch.cat([1.0 - free[:, -1:], free], 1)\n";
}

double SurvivalTask::score(const std::vector<ScoredSample>& samples, const TensorShape&) const {
  std::vector<double> times, risks;
  std::vector<std::uint8_t> events;
  const auto count = static_cast<std::size_t>(intervals);
  for (const auto& one : samples) {
    double survived = 0, came = 0;
    for (std::size_t k = 0; k < count; ++k) survived += one.truth[k], came += one.truth[count + k];
    times.push_back(survived);
    events.push_back(came > 0);
    risks.push_back(one.output.front());
  }
  return concordance_index(times, events, risks);
}

std::vector<std::size_t> SurvivalTask::history(const Manifest& manifest, std::size_t row) const {
  const ManifestRow& own = manifest.rows[row];
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < manifest.rows.size(); ++i) {
    const ManifestRow& one = manifest.rows[i];
    if (one.patient == own.patient && one.twin == own.twin && one.visit <= own.visit) rows.push_back(i);
  }
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return manifest.rows[a].visit < manifest.rows[b].visit; });
  const auto most = static_cast<std::size_t>(visits);
  if (rows.size() > most) rows.erase(rows.begin(), rows.end() - static_cast<std::ptrdiff_t>(most));
  return rows;
}

TruthScale SurvivalTask::number_scale(const Manifest& manifest, const std::vector<std::size_t>& rows) const {
  const auto count = static_cast<std::size_t>(numbers());
  TruthScale scale{std::vector<double>(count, 0.0), std::vector<double>(count, 1.0)};
  const double n = static_cast<double>(rows.size());
  std::vector<std::vector<double>> all;
  for (const auto row : rows) all.push_back(numbers_of(*this, manifest, row));
  for (std::size_t k = 1; k < count && n > 0; ++k) {
    double mean = 0, squares = 0;
    for (const auto& one : all) mean += one[k] / n;
    for (const auto& one : all) squares += (one[k] - mean) * (one[k] - mean) / n;
    scale.mean[k] = mean;
    if (squares > 1e-24 * mean * mean) scale.deviation[k] = std::sqrt(squares);
  }
  return scale;
}

std::vector<float> history_input(const TrainConfig& config, const Dataset& data, std::size_t row) {
  const auto& task = dynamic_cast<const SurvivalTask&>(*config.task);
  const TensorShape shape = config.input_shape();
  const auto pixels = static_cast<std::size_t>(shape.depth * shape.lateral),
             visits = static_cast<std::size_t>(task.visits), numbers = static_cast<std::size_t>(task.numbers());
  const std::size_t images = task.sees_images() ? visits : 0;
  std::vector<float> values(shape.size(), 0.0F);
  std::fill_n(values.begin(), images * pixels, static_cast<float>(-config.dynamic_range));
  const auto rows = task.history(data.manifest, row);
  for (std::size_t v = 0; v < rows.size(); ++v) {
    if (images > 0) {
      const auto image = model_input(config.input(), data.content(rows[v]), data.manifest.rows[rows[v]].file);
      std::copy(image.begin(), image.end(), values.begin() + static_cast<std::ptrdiff_t>(v * pixels));
    }
    const auto own = numbers_of(task, data.manifest, rows[v]);
    for (std::size_t k = 0; k < numbers; ++k)
      std::fill_n(values.begin() + static_cast<std::ptrdiff_t>((images + v * numbers + k) * pixels), pixels,
                  static_cast<float>(own[k]));
  }
  return values;
}

std::string SurvivalLoss::script() const {
  return "def loss(logits, truth):\n"
         "    n = logits.size(1)\n"
         "    return torch.sum(truth[:, :n] * torch.softplus(logits) + truth[:, n:] * torch.softplus(-logits))\n";
}

VisitsModel::VisitsModel() {
  encoder.width = 8;
}

void VisitsModel::fields(FieldVisitor& visit) {
  visit(width, {.key = "width",
                .doc = "Numbers that are remembered from visit to visit; 0: only the last visit counts, linearly.",
                .min = 0,
                .max = 1024});
  visit(image_features,
        {.key = "image_features", .doc = "Numbers that the encoder tells of each image.", .min = 1, .max = 1024});
  visit.object(encoder, {.key = "encoder", .doc = "Of the images, as model encoder."});
}

ModelSource VisitsModel::build(TensorShape, std::int64_t) const {
  throw ConfigError(
      "model", "a model of visits learns the task survival alone. Write 'task: {type: survival}', or another model");
}

ModelSource VisitsModel::build_history(TensorShape input, std::int64_t visits, std::int64_t numbers, bool images,
                                       std::int64_t outputs) const {
  ModelSource source;
  const auto add = [&](const std::string& name, std::vector<std::int64_t> shape, double spread) {
    source.parameters.push_back({name, std::move(shape), 0, spread});
  };
  if (images) {
    Encoder look = encoder;
    look.dropout = 0;
    ModelSource part = look.build({1, input.depth, input.lateral}, image_features);
    part.script.replace(0, std::string("def logits(self, x, keep)").size(), "def look(self, x)");
    source.parameters = std::move(part.parameters);
    source.script = std::move(part.script);
    source.multiply_adds = part.multiply_adds * static_cast<double>(visits);
  }
  const std::int64_t seen = numbers - 1 + (images ? image_features : 0), first = images ? visits : 0;
  const double in = 1 / std::sqrt(static_cast<double>(seen)),
               across = width > 0 ? 1 / std::sqrt(static_cast<double>(width)) : 0;
  add("last_weight", {outputs, seen}, 0);
  add("last_bias", {outputs}, 0);
  if (width > 0) {
    for (const std::string gate : {"update", "reset", "fresh"}) {
      add(gate + "_in", {width, seen}, in);
      add(gate + "_state", {width, width}, across);
      add(gate + "_bias", {width}, 0);
    }
    add("state_weight", {outputs, width}, across);
  }
  source.multiply_adds += static_cast<double>(visits * width) * 3 * static_cast<double>(seen + width);
  std::string& script = source.script;
  const std::string w = std::to_string(width);
  script +=
      "def logits(self, x, keep):\n"
      "    h = torch.zeros([x.size(0), " +
      std::to_string(std::max<std::int64_t>(1, width)) +
      "])\n"
      "    last = torch.zeros([x.size(0), " +
      std::to_string(seen) + "])\n";
  for (std::int64_t v = 0; v < visits; ++v) {
    const std::string from = std::to_string(first + v * numbers), to = std::to_string(first + (v + 1) * numbers),
                      one = std::to_string(v);
    script += "    row = x[:, " + from + ":" + to + ", 0, 0]\n    there = row[:, 0:1]\n    s = row[:, 1:]\n";
    if (images)
      script += "    s = torch.cat([s, self.look(x[:, " + one + ":" + std::to_string(v + 1) +
                "]).reshape([x.size(0), -1])], 1)\n";
    script += "    last = there * s + (1.0 - there) * last\n";
    if (width == 0) continue;
    script +=
        "    z = torch.sigmoid(torch.matmul(s, self.update_in.t()) + torch.matmul(h, self.update_state.t()) + "
        "self.update_bias)\n"
        "    r = torch.sigmoid(torch.matmul(s, self.reset_in.t()) + torch.matmul(h, self.reset_state.t()) + "
        "self.reset_bias)\n"
        "    n = torch.tanh(torch.matmul(s, self.fresh_in.t()) + r * torch.matmul(h, self.fresh_state.t()) + "
        "self.fresh_bias)\n"
        "    h = there * ((1.0 - z) * n + z * h) + (1.0 - there) * h\n";
  }
  script += "    y = torch.matmul(last, self.last_weight.t()) + self.last_bias\n";
  if (width > 0) script += "    y = y + torch.matmul(h, self.state_weight.t())\n";
  script += "    return y.reshape([x.size(0), " + std::to_string(outputs) + ", 1, 1])\n";
  source.output = {outputs, 1, 1};
  return source;
}

}  // namespace sonoforge
