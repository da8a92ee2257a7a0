#include "ai/foreign_model.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "core/units.hpp"
#include "io/factor_keys.hpp"

namespace sonoforge {
namespace {

const std::vector<std::string> all_axes{"batch", "channel", "depth", "lateral"};
const std::string output_key = "torchscript.output.";
constexpr double probability_rounding = 1e-4;  // of half precision

template <class Number>
std::string sides_text(const std::vector<Number>& sides) {
  std::string text;
  for (const auto side : sides) text += (text.empty() ? "" : ", ") + std::to_string(side);
  return "[" + text + "]";
}

void check_axes(const std::vector<std::string>& axes) {
  std::set<std::string> seen;
  for (const auto& axis : axes) {
    if (std::find(all_axes.begin(), all_axes.end(), axis) == all_axes.end())
      throw ConfigError("axes", "unknown axis '" + axis + "' (known: " + listed(all_axes) +
                                    "). Write for example 'axes: [batch, channel, depth, lateral]'");
    if (!seen.insert(axis).second)
      throw ConfigError("axes", "axis '" + axis + "' is listed twice (a tensor has it once). Remove one");
  }
}

/// Elements of a tensor whose axes stand in another order: `place(i)` of element i = (channel, depth, lateral).
struct Layout {
  std::vector<std::string> axes;
  std::vector<std::int64_t> sides;
  std::size_t place(std::size_t channel, std::size_t depth, std::size_t lateral) const {
    std::size_t at = 0;
    for (std::size_t a = 0; a < axes.size(); ++a)
      at = at * static_cast<std::size_t>(sides[a]) + (axes[a] == "channel"   ? channel
                                                      : axes[a] == "depth"   ? depth
                                                      : axes[a] == "lateral" ? lateral
                                                                             : 0);
    return at;
  }
  std::int64_t side(const std::string& axis) const {
    const auto found = std::find(axes.begin(), axes.end(), axis);
    return found == axes.end() ? 1 : sides[static_cast<std::size_t>(found - axes.begin())];
  }
};

/// Factor to SI and the SI name.
std::pair<double, std::string> si_unit(const std::string& unit) {
  if (unit.empty()) return {1, ""};
  try {
    const AnyQuantity one = parse_any_quantity("1 " + unit);
    if (one.unit != Unit::kelvin) return {one.value, std::string(unit_symbol(one.unit))};
  } catch (const std::invalid_argument&) {
  }
  throw ConfigError(output_key + "unit",
                    "'" + unit +
                        "' is no unit that is known here (answers are turned into SI units). Write for example 'unit: "
                        "mm', or let the module answer in SI units and leave it out");
}

}  // namespace

const std::vector<std::string_view> validation_task_names{"segmentation", "classification", "measurement",
                                                          "map",          "detection",      "survival"};

ForeignInput::ForeignInput() : beamformer(Typed<Beamformer>::make(beamformer_catalog(), "delay_and_sum")) {}

void ForeignInput::fields(FieldVisitor& visit) {
  visit.choice(
      kind, {"image", "iq", "rf"},
      {.key = "kind",
       .doc = "What the module sees: the image, beamformed in-phase and quadrature parts over the largest magnitude (2 "
              "channels), or delayed channel data of groups (all in-phase, then all quadrature parts)."});
  visit(size, {.key = "size",
               .doc = "Pixels [depth, lateral] to which it is resampled.",
               .min = 1,
               .max = 4096,
               .max_items = 2});
  visit(axes, {.key = "axes",
               .doc = "Of the tensor, in order; none: [batch, channel, depth, lateral]. batch, and channel where there "
                      "is one, may be left out.",
               .max_items = 4});
  visit(frames, {.key = "frames",
                 .doc = "image: frames of each recording, evenly from the first to the last, as channels.",
                 .min = 1,
                 .max = 1000});
  visit(copies, {.key = "copies",
                 .doc = "image: how often the channels are repeated; 3 for networks of colour pictures.",
                 .min = 1,
                 .max = 64});
  visit(
      groups,
      {.key = "groups", .doc = "rf: groups of neighbouring elements, or parts of the aperture.", .min = 2, .max = 256});
  visit.choice(groups_of, groups_of_names(),
               {.key = "groups_of",
                .doc = "rf: groups are `elements`, the same for all pixels, or parts of each pixel's `aperture`."});
  visit(
      dynamic_range,
      {.key = "dynamic_range", .doc = "image: darker pixels are black.", .unit = Unit::decibel, .min = 1, .max = 200});
  visit(
      levels,
      {.key = "levels",
       .doc =
           "image: numbers that black and the maximum become, linear in dB; [-60, 0] with 60 dB: decibels as they are.",
       .min = -1e6,
       .max = 1e6,
       .max_items = 2});
  visit(mean, {.key = "mean",
               .doc = "Taken from these numbers, one a channel or one for all; none: 0.",
               .min = -1e6,
               .max = 1e6,
               .max_items = 1024});
  visit(deviation, {.key = "deviation",
                    .doc = "By which they are then divided; none: 1.",
                    .min = positive,
                    .max = 1e6,
                    .max_items = 1024});
  visit.typed(beamformer, beamformer_catalog(), {.key = "beamformer", .doc = "How channel data become iq and rf."});
  visit(compensation, {.key = "compensation", .doc = "Depth gain after it.", .unit = Unit::attenuation});
}

void ForeignInput::check() const {
  if (size.size() != 2 || size[0] != std::floor(size[0]) || size[1] != std::floor(size[1]))
    throw ConfigError("size",
                      "needs two whole numbers of pixels (depth and lateral). Write for example 'size: [128, 128]'");
  check_axes(axes);
  if (levels.size() != 2 || levels[0] == levels[1])
    throw ConfigError(
        "levels",
        "needs two different numbers (what black and the maximum become). Write for example 'levels: [0, 1]'");
  if (kind != Kind::image && (frames > 1 || copies > 1))
    throw ConfigError(frames > 1 ? "frames" : "copies",
                      "frames and copies are of images (iq and rf have their own channels). Remove it");
}

void ForeignOutput::fields(FieldVisitor& visit) {
  visit.choice(
      kind, {"logits", "probabilities", "values"},
      {.key = "kind",
       .doc =
           "Logits (of one channel a sigmoid is taken, of several a softmax), probabilities, or numbers with a unit."});
  visit(
      axes,
      {.key = "axes",
       .doc =
           "Of the tensor, in order; none: [batch, channel, depth, lateral] for masks and maps, else [batch, channel].",
       .max_items = 4});
  visit(classes, {.key = "classes",
                  .doc = "What its channels are: classes, or names of numbers; none: there is one channel.",
                  .max_items = 1000});
  visit(unit, {.key = "unit", .doc = "Of values, as mm or m/s; empty: SI, or a ratio."});
  visit(item, {.key = "item",
               .doc = "Where the module answers with a tuple or a dictionary: number from 0, or key, of the tensor."});
}

void ForeignOutput::check() const {
  check_axes(axes);
  if (std::set<std::string>(classes.begin(), classes.end()).size() != classes.size())
    throw ConfigError("classes", "a class is named twice (which channel is meant?). Give each its own name");
  if (!unit.empty() && kind != Kind::values)
    throw ConfigError("unit", "only values have a unit (these are " +
                                  std::string(kind == Kind::logits ? "logits" : "probabilities") +
                                  "). Remove it, or write 'kind: values'");
}

void ForeignDescription::fields(FieldVisitor& visit) {
  visit.object(input, {.key = "input", .doc = "What the module takes: one float32 tensor."});
  visit.object(output, {.key = "output", .doc = "What it answers."});
}

void ForeignModel::fields(FieldVisitor& visit) {
  visit(model, {.key = "model", .doc = "TorchScript file made elsewhere.", .required = true});
  visit.object(torchscript, {.key = "torchscript", .doc = "What goes into it and what comes out."});
  visit.choice(task, validation_task_names, {.key = "task", .doc = "What it is for."});
  visit(label, {.key = "label", .doc = "segmentation: the class that it marks; map: what it maps."});
  visit(truth, {.key = "truth", .doc = "classification, measurement: what it tells."});
  visit(positive,
        {.key = "positive", .doc = "classification: classes whose probabilities are added up.", .max_items = 100});
}

std::vector<std::string> ForeignModel::input_axes() const {
  return torchscript.input.axes.empty() ? all_axes : torchscript.input.axes;
}
std::vector<std::string> ForeignModel::output_axes() const {
  if (!torchscript.output.axes.empty()) return torchscript.output.axes;
  return of_pixels() ? all_axes : std::vector<std::string>{"batch", "channel"};
}
std::int64_t ForeignModel::channels() const {
  return as_trained().input().channels() * torchscript.input.copies;
}

void ForeignModel::check() const {
  const ForeignInput& in = torchscript.input;
  const ForeignOutput& out = torchscript.output;
  if (task == ValidationTask::detection || task == ValidationTask::survival)
    throw ConfigError("task", "a TorchScript file of other makers answers with masks, classes, numbers or maps (task " +
                                  std::string(validation_task_names[static_cast<std::size_t>(task)]) +
                                  " has another answer). Judge its results as 'predictions'");
  const auto axes = input_axes();
  const auto has = [](const std::vector<std::string>& list, const std::string& axis) {
    return std::find(list.begin(), list.end(), axis) != list.end();
  };
  if (!has(axes, "depth") || !has(axes, "lateral"))
    throw ConfigError("torchscript.input.axes",
                      "the tensor has no " + std::string(has(axes, "depth") ? "lateral" : "depth") +
                          " axis (pixels have both). Write for example 'axes: [batch, channel, depth, lateral]'");
  if (!has(axes, "channel") && channels() > 1)
    throw ConfigError("torchscript.input.axes", "the tensor has no channel axis (there are " +
                                                    std::to_string(channels()) + " channels). Add 'channel'");
  for (const auto& [key, list] : {std::pair{"mean", &in.mean}, {"deviation", &in.deviation}})
    if (list->size() > 1 && static_cast<std::int64_t>(list->size()) != channels())
      throw ConfigError(std::string("torchscript.input.") + key,
                        std::to_string(list->size()) + " numbers are given for " + std::to_string(channels()) +
                            " channels (one for all, or one each). Write as many as there are channels");
  const bool of_values = task == ValidationTask::measurement || task == ValidationTask::map;
  if (of_values != (out.kind == ForeignOutput::Kind::values))
    throw ConfigError(output_key + "kind",
                      of_values ? "task " + std::string(validation_task_names[static_cast<std::size_t>(task)]) +
                                      " has numbers (logits and probabilities tell classes). Write 'kind: values'"
                                : std::string("a mask or a class is told by probabilities (values have none). Write "
                                              "'kind: logits' or 'kind: probabilities'"));
  si_unit(out.unit);
  const auto given = output_axes();
  if (of_pixels() && (!has(given, "depth") || !has(given, "lateral")))
    throw ConfigError(output_key + "axes", "the answer has no " +
                                               std::string(has(given, "depth") ? "lateral" : "depth") +
                                               " axis (masks and maps have both). Add it");
  if (!has(given, "channel") && out.classes.size() > 1)
    throw ConfigError(output_key + "axes", "the answer has no channel axis (there are " +
                                               std::to_string(out.classes.size()) + " classes). Add 'channel'");
  chosen();
}

std::vector<std::size_t> ForeignModel::chosen() const {
  const auto& classes = torchscript.output.classes;
  if (classes.size() <= 1 && task != ValidationTask::classification) return {0};
  if (classes.empty()) return {0};
  const auto index = [&](const std::string& name, const char* key) {
    const auto found = std::find(classes.begin(), classes.end(), name);
    if (found == classes.end())
      throw ConfigError(output_key + "classes", "there is no '" + name + "' among them (it is the '" + key +
                                                    "' that is asked for; they are: " + listed(classes) +
                                                    "). Name the channels as the data set does");
    return static_cast<std::size_t>(found - classes.begin());
  };
  if (task == ValidationTask::classification) {
    std::vector<std::size_t> found;
    for (const auto& name : positive) found.push_back(index(name, "positive"));
    return found;
  }
  const bool measured = task == ValidationTask::measurement;
  const std::string& name = measured ? truth : label;
  if (name.empty()) {
    if (!measured && classes.size() == 2 && classes.front() == "background") return {1};
    throw ConfigError(
        measured ? "truth" : "label",
        "it is not said which of the module's channels is meant (they are: " + listed(classes) + "). Name one of them");
  }
  return {index(name, measured ? "truth" : "label")};
}

TrainConfig ForeignModel::as_trained() const {
  static const char* const kinds[]{"image", "iq", "rf"};
  const auto& in = torchscript.input;
  const auto& classes = torchscript.output.classes;
  TrainConfig config;
  config.task = Typed<TaskConfig>::make(task_catalog(), validation_task_names[static_cast<std::size_t>(task)]);
  config.task->input = kinds[static_cast<int>(in.kind)];
  if (auto* one = dynamic_cast<SegmentationTask*>(config.task.value.get())) {
    if (!label.empty())
      one->label = label;
    else if (!classes.empty())
      one->label = classes.back();
  }
  if (auto* one = dynamic_cast<ClassificationTask*>(config.task.value.get())) {
    one->truth_factor = truth;
    one->positive = positive.empty() ? std::vector<std::string>{"positive"} : positive;
  }
  if (auto* one = dynamic_cast<MeasurementTask*>(config.task.value.get()))
    one->truths = {truth.empty() ? classes.empty() ? "prediction" : classes.front() : truth};
  if (auto* one = dynamic_cast<MapTask*>(config.task.value.get())) one->label = label;
  config.image_size = in.size;
  config.frames = in.frames;
  config.dynamic_range = in.dynamic_range;
  config.beamformer = in.beamformer;
  config.compensation = in.compensation;
  config.front_end.groups = in.groups;
  config.front_end.groups_of = in.groups_of;
  return config;
}

std::vector<std::int64_t> ForeignModel::tensor_sides() const {
  std::vector<std::int64_t> sides;
  for (const auto& axis : input_axes())
    sides.push_back(axis == "channel"   ? channels()
                    : axis == "depth"   ? static_cast<std::int64_t>(torchscript.input.size[0])
                    : axis == "lateral" ? static_cast<std::int64_t>(torchscript.input.size[1])
                                        : 1);
  return sides;
}

std::vector<float> ForeignModel::tensor(const std::vector<float>& seen) const {
  const auto& in = torchscript.input;
  const Layout layout{input_axes(), tensor_sides()};
  const auto depth = static_cast<std::size_t>(in.size[0]), lateral = static_cast<std::size_t>(in.size[1]),
             count = static_cast<std::size_t>(channels());
  const std::size_t given = count / static_cast<std::size_t>(in.copies);
  if (seen.size() != given * depth * lateral) throw std::invalid_argument("a sample has another size than its shape");
  const auto of = [](const std::vector<double>& list, std::size_t channel, double usual) {
    return list.empty() ? usual : list.size() == 1 ? list.front() : list[channel];
  };
  std::vector<float> values(count * depth * lateral);
  for (std::size_t c = 0; c < count; ++c) {
    const double mean = of(in.mean, c, 0), deviation = of(in.deviation, c, 1);
    for (std::size_t z = 0; z < depth; ++z)
      for (std::size_t x = 0; x < lateral; ++x) {
        double value = seen[(c % given * depth + z) * lateral + x];
        if (in.kind == ForeignInput::Kind::image)
          value = in.levels[1] + value / in.dynamic_range * (in.levels[1] - in.levels[0]);
        values[layout.place(c, z, x)] = static_cast<float>((value - mean) / deviation);
      }
  }
  return values;
}

std::string ForeignModel::unit() const {
  return torchscript.output.kind == ForeignOutput::Kind::values ? si_unit(torchscript.output.unit).second
                                                                : "probability";
}

std::vector<float> ForeignModel::answer(const std::vector<float>& values, const std::vector<std::int64_t>& sides,
                                        TensorShape& shape) const {
  const ForeignOutput& out = torchscript.output;
  Layout layout{output_axes(), sides};
  const auto expected = static_cast<std::int64_t>(std::max<std::size_t>(1, out.classes.size()));
  // One number needs no axes.
  if (!of_pixels() && expected == 1 && values.size() == 1) layout = {{}, {}};
  if (layout.axes.size() != layout.sides.size())
    throw ConfigError(output_key + "axes", "the module answers with a tensor of shape " + sides_text(sides) +
                                               " (described are " + std::to_string(layout.axes.size()) +
                                               " axes: " + listed(layout.axes) + "). Name its axes in order");
  if (layout.side("batch") != 1)
    throw ConfigError(output_key + "axes", "the module answers with a tensor of shape " + sides_text(sides) +
                                               " (of one sample the batch axis has one entry). Name its axes in order");
  if (layout.side("channel") != expected)
    throw ConfigError(output_key + (out.classes.empty() ? "axes" : "classes"),
                      "the module answers with " + std::to_string(layout.side("channel")) +
                          " channels, in a tensor of shape " + sides_text(sides) + " (described " +
                          (expected == 1 ? "is 1" : "are " + std::to_string(expected)) +
                          "). Name a class for each in 'classes'");
  if (!of_pixels() && (layout.side("depth") != 1 || layout.side("lateral") != 1))
    throw ConfigError(output_key + "axes",
                      "the module answers at every pixel, with a tensor of shape " + sides_text(sides) +
                          " (this task has one answer an image). Give another model, or another task");
  shape = {1, layout.side("depth"), layout.side("lateral")};
  if (of_pixels() && (shape.depth < 1 || shape.lateral < 1))
    throw ConfigError(output_key + "axes",
                      "the module answers with an empty tensor (masks and maps have pixels). Give another model");
  const double factor = si_unit(out.unit).first;
  const auto picked = chosen();
  std::vector<float> result;
  std::vector<double> one(static_cast<std::size_t>(expected));
  for (std::size_t z = 0; z < static_cast<std::size_t>(shape.depth); ++z)
    for (std::size_t x = 0; x < static_cast<std::size_t>(shape.lateral); ++x) {
      double largest = -1e300, sum = 0;
      for (std::size_t c = 0; c < one.size(); ++c) {
        one[c] = double{values[layout.place(c, z, x)]};
        if (!std::isfinite(one[c]))
          throw ConfigError("model",
                            "the module answers with values that are no numbers (infinite, or not defined). Check its "
                            "input: 'torchscript.input'");
        if (out.kind == ForeignOutput::Kind::probabilities &&
            !(one[c] >= -probability_rounding && one[c] <= 1 + probability_rounding))
          throw ConfigError(output_key + "kind", "the module answers with " + format_number(one[c]) +
                                                     " (a probability lies between 0 and 1). Write 'kind: logits'");
        largest = std::max(largest, one[c]);
      }
      if (out.kind == ForeignOutput::Kind::logits) {
        if (one.size() == 1)
          one[0] = 1 / (1 + std::exp(-one[0]));
        else {
          for (double& value : one) sum += value = std::exp(value - largest);
          for (double& value : one) value /= sum;
        }
      }
      double value = 0;
      for (const auto c : picked) value += one[c];
      result.push_back(
          static_cast<float>(out.kind == ForeignOutput::Kind::values ? value * factor : std::clamp(value, 0.0, 1.0)));
    }
  return result;
}

std::string ForeignModel::metadata() const {
  static const char* const inputs[]{"image", "iq", "rf"};
  static const char* const outputs[]{"logits", "probabilities", "values"};
  const nlohmann::ordered_json json{
      {"model", "TorchScript made elsewhere"},
      {"input",
       {{"kind", inputs[static_cast<int>(torchscript.input.kind)]}, {"axes", input_axes()}, {"shape", tensor_sides()}}},
      {"output",
       {{"kind", outputs[static_cast<int>(torchscript.output.kind)]},
        {"axes", output_axes()},
        {"classes", torchscript.output.classes},
        {"unit", torchscript.output.unit}}}};
  return json.dump(2);
}

}  // namespace sonoforge
