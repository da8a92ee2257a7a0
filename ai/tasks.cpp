#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "ai/classification_metrics.hpp"
#include "ai/detection_metrics.hpp"
#include "ai/heat_map.hpp"
#include "ai/labels.hpp"
#include "ai/model_input.hpp"
#include "ai/resample.hpp"
#include "ai/script_number.hpp"
#include "ai/segmentation_metrics.hpp"
#include "ai/several.hpp"
#include "ai/survival.hpp"
#include "ai/task.hpp"
#include "core/units.hpp"
#include "io/factor_keys.hpp"
#include "recon/metrics.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

[[noreturn]] void refuse(const SampleRecord& sample, const std::string& text) {
  throw UserError("'" + sample.manifest.rows[sample.row].file + "': " + text);
}

const LabelMap& label_map(const SampleRecord& sample, const std::string& name) {
  const auto& labels = sample.content.labels;
  const auto found = std::find_if(labels.begin(), labels.end(), [&](const LabelMap& map) { return map.name == name; });
  if (found == labels.end())
    refuse(sample, "there is no map '" + name + "' in it (nothing to learn). Generate it with 'labels: [" + name + "]'");
  if (found->grid.y.count != 1) refuse(sample, "its map '" + name + "' has several planes (one is learned). Give a 2-D map");
  return *found;
}

/// The named class of the segmentation, 0 or 1, [depth, lateral].
std::vector<std::uint8_t> class_mask(const SampleRecord& sample, const std::string& label) {
  const LabelMap& map = label_map(sample, "segmentation");
  const auto channel = std::find(map.channels.begin(), map.channels.end(), label);
  if (channel == map.channels.end())
    refuse(sample, "its segmentation has no class '" + label + "' (it has: " + listed(map.channels) + "). Give one of these as label");
  const std::size_t pixels = map.grid.size(), first = static_cast<std::size_t>(channel - map.channels.begin()) * pixels;
  std::vector<std::uint8_t> mask(pixels);
  for (std::size_t i = 0; i < pixels; ++i) mask[i] = map.values.data()[first + i] != 0;
  return mask;
}

std::vector<float> resampled(std::span<const float> values, const PixelGrid& grid, const TensorShape& shape) {
  return resample(values, grid.z.count, grid.x.count, static_cast<std::size_t>(shape.depth), static_cast<std::size_t>(shape.lateral));
}

/// A mask at the model's size: inside where half of a pixel is.
std::vector<float> resampled_mask(const std::vector<std::uint8_t>& mask, const PixelGrid& grid, const TensorShape& shape) {
  auto parts = resampled(std::vector<float>(mask.begin(), mask.end()), grid, shape);
  for (float& part : parts) part = part >= 0.5F ? 1.0F : 0.0F;
  return parts;
}

/// A factor's number, or the measurement of that name.
double number_of(const SampleRecord& sample, const std::string& name) {
  const int factor = sample.manifest.factor(name);
  if (factor >= 0) {
    const auto& text = sample.manifest.rows[sample.row].factors[static_cast<std::size_t>(factor)];
    double value = 0;
    if (!factor_number(text, value)) refuse(sample, "factor '" + name + "' is '" + text + "' (a number is learned). Name a numeric factor");
    return value;
  }
  for (const auto& measurement : sample.content.measurements)
    if (measurement.name == name) return measurement.value;
  refuse(sample, "'" + name + "' is neither a factor of the data set nor a measurement of this file (there is nothing to learn). Name one that is, of: " +
                     listed(sample.manifest.factor_names));
}

std::string tensor_of(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + script_number(value);
  return "torch.tensor([" + text + "]).reshape([1, " + std::to_string(values.size()) + ", 1, 1])";
}

}  // namespace

void TaskConfig::visit_input(FieldVisitor& visit) {
  visit(input, {.key = "input", .doc = "What the model sees: image (B-mode), iq (beamformed, with phase) or rf (delayed channel data, in groups of elements or parts of the aperture)."});
}

void TaskConfig::check_input() const {
  if (input != "image" && input != "iq" && input != "rf")
    throw ConfigError("input", "unknown input '" + input + "' (known: image, iq, rf). Write 'input: image'");
}

TruthScale TaskConfig::scale(const std::vector<std::vector<float>>& truths) const {
  const auto count = static_cast<std::size_t>(channels());
  TruthScale scale{std::vector<double>(count, 0.0), std::vector<double>(count, 1.0)};
  if (kind() != TruthKind::values || truths.empty()) return scale;
  const std::size_t pixels = truths.front().size() / count;
  for (std::size_t c = 0; c < count; ++c) {
    double sum = 0, squares = 0;
    const double all = static_cast<double>(pixels * truths.size());
    for (const auto& truth : truths)
      for (std::size_t p = 0; p < pixels; ++p) sum += truth[c * pixels + p];
    const double mean = sum / all;
    for (const auto& truth : truths)
      for (std::size_t p = 0; p < pixels; ++p) squares += (truth[c * pixels + p] - mean) * (truth[c * pixels + p] - mean);
    scale.mean[c] = mean;
    const double deviation = std::sqrt(squares / all);
    if (deviation > 1e-12 * std::abs(mean)) scale.deviation[c] = deviation;
  }
  return scale;
}

void TaskConfig::standardise(std::vector<float>& truth, const TruthScale& scale) const {
  if (kind() != TruthKind::values) return;
  const std::size_t pixels = truth.size() / scale.mean.size();
  for (std::size_t k = 0; k < truth.size(); ++k)
    truth[k] = static_cast<float>((truth[k] - scale.mean[k / pixels]) / scale.deviation[k / pixels]);
}

void TaskConfig::mirror_truth(std::vector<float>& truth, const TensorShape& shape) const {
  if (mirrors()) mirror(truth, shape);
}

void SegmentationTask::fields(FieldVisitor& visit) {
  visit_input(visit);
  visit(label, {.key = "label", .doc = "Class of the segmentation that it learns to mark."});
  visit(also, {.key = "also", .doc = "Further classes that count as inside, where a sample has them: what lies within a skull.", .max_items = 100});
  visit.choice(measure, {"none", "area", "diameter", "circumference", "long_axis"},
               {.key = "measure", .doc = "What `predict` also measures on the largest region of the mask: area, diameter of the circle of that area, or circumference and long axis of the ellipse of the same moments."});
}

void SegmentationTask::check() const {
  check_input();
  if (label.empty()) throw ConfigError("label", "the label is empty (needs a class name). Write for example 'label: lesion'");
}

std::vector<float> SegmentationTask::truth(const SampleRecord& sample, const TensorShape& shape) const {
  const LabelMap& map = label_map(sample, "segmentation");
  auto mask = class_mask(sample, label);
  for (const auto& other : also) {
    if (std::find(map.channels.begin(), map.channels.end(), other) == map.channels.end()) continue;
    const auto more = class_mask(sample, other);
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] |= more[i];
  }
  return resampled_mask(mask, map.grid, shape);
}

std::string SegmentationTask::activation(const TruthScale&, double temperature, std::int64_t) const {
  return "    return torch.sigmoid(x / " + script_number(temperature) + ")\n";
}

double SegmentationTask::score(const std::vector<ScoredSample>& samples, const TensorShape&) const {
  double sum = 0;
  for (const auto& one : samples) {
    std::vector<std::uint8_t> mask(one.output.size()), truth(one.output.size());
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = one.output[i] >= 0.5F, truth[i] = one.truth[i] != 0;
    sum += dice(mask, truth);
  }
  return sum / static_cast<double>(samples.size());
}

void ClassificationTask::fields(FieldVisitor& visit) {
  visit_input(visit);
  visit(truth_factor, {.key = "truth", .doc = "Factor of the data set that tells the class.", .required = true});
  visit(positive, {.key = "positive", .doc = "Its values whose probability is learned, as [carcinoma]; or", .max_items = 100});
  visit(classes, {.key = "classes", .doc = "all its values, each with a probability of its own.", .max_items = 100});
}

void ClassificationTask::check() const {
  check_input();
  if (classes.empty() == positive.empty())
    throw ConfigError("positive", std::string(classes.empty() ? "neither positive values nor classes are given" : "both positive values and classes are given") +
                                      " (one of the two says what is learned). Write for example 'positive: [carcinoma]'");
  if (classes.size() == 1 || std::set<std::string>(classes.begin(), classes.end()).size() != classes.size())
    throw ConfigError("classes", "classes must be two or more different values (one is told from the others). Name them all");
}

std::vector<std::string> ClassificationTask::output_names() const {
  if (!classes.empty()) return classes;
  std::string name;
  for (const auto& value : positive) name += (name.empty() ? "" : " or ") + value;
  return {name};
}

std::vector<float> ClassificationTask::truth(const SampleRecord& sample, const TensorShape&) const {
  const int factor = sample.manifest.factor(truth_factor);
  if (factor < 0)
    refuse(sample, "the data set has no factor '" + truth_factor + "' (the class is read from there). Name one of: " + listed(sample.manifest.factor_names));
  const auto& text = sample.manifest.rows[sample.row].factors[static_cast<std::size_t>(factor)];
  if (classes.empty()) return {std::find(positive.begin(), positive.end(), text) != positive.end() ? 1.0F : 0.0F};
  const auto found = std::find(classes.begin(), classes.end(), text);
  if (found == classes.end()) refuse(sample, "its " + truth_factor + " is '" + text + "' (classes: " + listed(classes) + "). Add it to the classes");
  std::vector<float> one(classes.size(), 0.0F);
  one[static_cast<std::size_t>(found - classes.begin())] = 1;
  return one;
}

std::string ClassificationTask::activation(const TruthScale&, double temperature, std::int64_t outputs) const {
  return std::string("    return torch.") + (outputs == 1 ? "sigmoid(x / " + script_number(temperature) + ")" : "softmax(x / " + script_number(temperature) + ", 1)") + "\n";
}

double ClassificationTask::score(const std::vector<ScoredSample>& samples, const TensorShape&) const {
  if (classes.empty()) {
    std::vector<double> scores;
    std::vector<std::uint8_t> truth;
    for (const auto& one : samples) scores.push_back(one.output[0]), truth.push_back(one.truth[0] != 0);
    if (std::count(truth.begin(), truth.end(), std::uint8_t{1}) % static_cast<std::ptrdiff_t>(truth.size()) == 0) return nan;
    return roc_curve(scores, truth).area();
  }
  double right = 0;
  for (const auto& one : samples)
    right += std::max_element(one.output.begin(), one.output.end()) - one.output.begin() ==
             std::max_element(one.truth.begin(), one.truth.end()) - one.truth.begin();
  return right / static_cast<double>(samples.size());
}

std::string ValueTask::activation(const TruthScale& scale, double, std::int64_t outputs) const {
  const auto n = static_cast<std::int64_t>(scale.mean.size());
  std::string text = "    mean = " + tensor_of(scale.mean) + "\n    deviation = " + tensor_of(scale.deviation) + "\n";
  if (outputs == n) return text + "    return x * deviation + mean\n";
  const std::string half = std::to_string(n);
  return text + "    return torch.cat([x[:, :" + half + "] * deviation + mean, torch.exp(0.5 * torch.clamp(x[:, " + half + ":], -12.0, 12.0)) * deviation], 1)\n";
}

double ValueTask::score(const std::vector<ScoredSample>& samples, const TensorShape&) const {
  double sum = 0;
  std::size_t count = 0;
  for (const auto& one : samples) {
    for (std::size_t i = 0; i < one.truth.size(); ++i) sum += std::abs(double{one.output[i]} - one.truth[i]);
    count += one.truth.size();
  }
  return sum / static_cast<double>(count);
}

void MeasurementTask::fields(FieldVisitor& visit) {
  visit_input(visit);
  visit(truths, {.key = "truth", .doc = "Numeric factors of the data set, or true measurements of its files, as [head_circumference].", .required = true, .max_items = 100});
}

void MeasurementTask::check() const {
  check_input();
  if (truths.empty()) throw ConfigError("truth", "no truth is named (what is measured?). Write for example 'truth: [lesion_radius]'");
}

std::string MeasurementTask::unit(const Dataset& data) const { return truth_unit(data, truths.front()); }

std::vector<float> MeasurementTask::truth(const SampleRecord& sample, const TensorShape&) const {
  std::vector<float> values;
  for (const auto& name : truths) values.push_back(static_cast<float>(number_of(sample, name)));
  return values;
}

void MapTask::fields(FieldVisitor& visit) {
  visit_input(visit);
  visit(label, {.key = "label", .doc = "Truth map that it learns: sound_speed, attenuation, density, echogenicity."});
}

void MapTask::check() const {
  check_input();
  if (label.empty() || label == "segmentation" || label == "instances")
    throw ConfigError("label", "'" + label + "' is no map of values. Write for example 'label: sound_speed', or task segmentation");
}

std::string MapTask::unit(const Dataset&) const {
  for (const auto& one : label_docs())
    if (one.name == label) return std::string(one.unit);
  return "";
}

std::vector<float> MapTask::truth(const SampleRecord& sample, const TensorShape& shape) const {
  const LabelMap& map = label_map(sample, label);
  const auto values = map.values.flat();
  if (values.size() != map.grid.size()) refuse(sample, "its map '" + label + "' has several channels (one is learned). Name another");
  for (const float value : values)
    if (!std::isfinite(value)) refuse(sample, "its map '" + label + "' has values that are not numbers. Generate it again");
  return resampled(values, map.grid, shape);
}

void QualityTask::fields(FieldVisitor& visit) {
  visit_input(visit);
  visit.choice(metric, {"gcnr", "cnr", "contrast"}, {.key = "metric", .doc = "What is called quality: gCNR, CNR or the contrast in dB."});
  visit(label, {.key = "label", .doc = "Class of the segmentation that is told from its surroundings."});
  visit(margin, {.key = "margin", .doc = "How far the surroundings reach.", .unit = Unit::metre, .min = 1e-4, .max = 0.1});
}

void QualityTask::check() const {
  check_input();
  if (label.empty()) throw ConfigError("label", "the label is empty (needs a class name). Write for example 'label: lesion'");
}

std::vector<std::string> QualityTask::output_names() const {
  return {metric == Metric::gcnr ? "gcnr" : metric == Metric::cnr ? "cnr" : "contrast"};
}

std::vector<float> QualityTask::truth(const SampleRecord& sample, const TensorShape&) const {
  const auto mask = class_mask(sample, label);
  if (sample.content.images.empty()) refuse(sample, "there is no image in it (its quality is measured there). Store images");
  const RealMap& image = sample.content.images.front();
  if (image.values.size() != mask.size()) refuse(sample, "its segmentation has another grid than its image. Write both on one grid");
  const LabelMap& map = label_map(sample, "segmentation");
  const RegionQuery around{"background", 0, label, margin};
  std::vector<double> inside, outside;
  const auto envelope = [&](std::size_t i) { return std::pow(10.0, std::max(double{image.values.data()[i]}, -200.0) / 20); };
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (mask[i]) inside.push_back(envelope(i));
  for (const auto i : region_pixels(map, around)) outside.push_back(envelope(i));
  if (inside.size() < 2 || outside.size() < 2) refuse(sample, "'" + label + "' or its surroundings have no pixels. Choose another label or margin");
  const double value = metric == Metric::gcnr  ? generalised_contrast_to_noise(inside, outside)
                       : metric == Metric::cnr ? contrast_to_noise(inside, outside)
                                               : contrast_ratio(inside, outside);
  return {static_cast<float>(value)};
}

void ImageTask::fields(FieldVisitor& visit) {
  visit_input(visit);
  visit(transmits, {.key = "transmits", .doc = "Transmits, around the middle one, whose image the model sees; the stored image of all is what it learns.", .min = 1, .max = 1e5});
  visit(dynamic_range, {.key = "range", .doc = "Of the learned image; darker pixels count as black.", .unit = Unit::decibel, .min = 1, .max = 200});
}

void ImageTask::check() const { check_input(); }

std::vector<float> ImageTask::truth(const SampleRecord& sample, const TensorShape& shape) const {
  if (sample.content.images.empty()) refuse(sample, "there is no image in it (it is what is learned). Store images");
  const RealMap& image = sample.content.images.front();
  std::vector<float> values(image.values.flat().begin(), image.values.flat().end());
  for (float& value : values) value = std::clamp(value, static_cast<float>(-dynamic_range), 0.0F);
  return resampled(values, image.grid, shape);
}

void DetectionTask::fields(FieldVisitor& visit) {
  visit_input(visit);
  visit(label, {.key = "label", .doc = "Class of the segmentation whose connected regions are found."});
  visit(threshold, {.key = "threshold", .doc = "Marks with a lower score are not written.", .min = 0.001, .max = 1});
}

void DetectionTask::check() const {
  check_input();
  if (label.empty()) throw ConfigError("label", "the label is empty (needs a class name). Write for example 'label: lesion'");
}

std::vector<float> DetectionTask::truth(const SampleRecord& sample, const TensorShape& shape) const {
  const PixelGrid& grid = label_map(sample, "segmentation").grid;
  return heat_map(boxes_of(class_mask(sample, label), grid.z.count, grid.x.count), static_cast<std::size_t>(shape.depth), static_cast<std::size_t>(shape.lateral));
}

std::string DetectionTask::activation(const TruthScale&, double temperature, std::int64_t) const {
  return "    return torch.cat([torch.sigmoid(x[:, 0:1] / " + script_number(temperature) + "), torch.exp(torch.clamp(x[:, 1:3], -12.0, 2.0))], 1)\n";
}

double DetectionTask::score(const std::vector<ScoredSample>& samples, const TensorShape& shape) const {
  // A mark counts where it lies within two pixels of the heat map from a centre.
  const auto rows = static_cast<std::size_t>(shape.depth), columns = static_cast<std::size_t>(shape.lateral);
  std::vector<DetectionCase> cases;
  for (const auto& one : samples) {
    DetectionCase found;
    std::vector<std::array<double, 2>> centres;
    const float* centre = one.truth.data() + 3 * rows * columns;
    for (std::size_t i = 0; i < rows * columns; ++i)
      if (centre[i] != 0) centres.push_back({static_cast<double>(i % columns) + 0.5, static_cast<double>(i / columns) + 0.5});
    found.lesions = centres.size();
    for (const Box& box : peaks(one.output, rows, columns, threshold)) {
      Candidate mark{box.score, Candidate::no_lesion};
      double nearest = 2;
      for (std::size_t k = 0; k < centres.size(); ++k) {
        const double distance = std::hypot(box.x * static_cast<double>(columns) - centres[k][0], box.z * static_cast<double>(rows) - centres[k][1]);
        if (distance <= nearest) nearest = distance, mark.lesion = k;
      }
      found.marks.push_back(mark);
    }
    cases.push_back(std::move(found));
  }
  std::vector<std::size_t> all(cases.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  return froc_curve(cases, all).average_precision();
}

const Catalog& task_catalog() {
  static const Catalog catalog{"task",
                               "What a model learns.",
                               {row_of<SegmentationTask>("segmentation", "Mask of one class; measures of it too."),
                                row_of<ClassificationTask>("classification", "Probability of classes, from a factor."),
                                row_of<MeasurementTask>("measurement", "Numbers: factors or true measurements."),
                                row_of<MapTask>("map", "A truth map: sound speed, attenuation and others."),
                                row_of<DetectionTask>("detection", "Places and sizes of objects, with scores."),
                                row_of<QualityTask>("quality", "Quality of the image: gCNR, CNR or contrast of a class."),
                                row_of<ImageTask>("image", "The image of all transmits from that of few."),
                                row_of<SurvivalTask>("survival", "Risk of an event from the visits so far."),
                                row_of<SeveralTask>("several", "Several of these at once, by one network with a head for each.")},
                               {},
                               "segmentation"};
  return catalog;
}

}  // namespace sonoforge
