#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "ai/dataset.hpp"
#include "ai/manifest.hpp"
#include "ai/model.hpp"
#include "formats/zea.hpp"

namespace sonoforge {

/// One sample of a data set and where it comes from: what a truth is read from.
struct SampleRecord {
  const ZeaFile& content;
  const Manifest& manifest;
  std::size_t row = 0;
};

/// Mean and standard deviation of the truth over the training samples, one a channel; 0 and 1 where truth is not
/// standardised.
struct TruthScale {
  std::vector<double> mean, deviation;
  std::vector<double> number_mean = {}, number_deviation = {};  ///< of the numbers of a visit that the model sees (ai/survival.hpp)
};

/// Output and truth of one validation sample in natural units, as `TaskConfig::score` compares them.
struct ScoredSample {
  std::vector<float> output, truth;
};

/// What a model learns: which stored data are its input and which truth its output.
class TaskConfig : public Configurable {
 public:
  std::string input = "image";

  virtual TruthKind kind() const = 0;
  /// Values of the truth for each output pixel.
  virtual std::int64_t channels() const = 0;
  /// Names of what the output channels are.
  virtual std::vector<std::string> output_names() const = 0;
  /// SI unit of the truth; empty where there is none.
  virtual std::string unit(const Dataset&) const { return ""; }
  /// Truth of a sample in natural units, [channel, depth, lateral] of `shape`. Throws `UserError` where the sample has none.
  virtual std::vector<float> truth(const SampleRecord& sample, const TensorShape& shape) const = 0;
  virtual std::string default_model() const = 0;
  virtual std::string default_loss() const = 0;
  /// Whether a truth is mirrored with its image.
  virtual bool mirrors() const { return true; }
  /// Mean and deviation over the truths of the training samples, each of `channels()` parts of equal size.
  virtual TruthScale scale(const std::vector<std::vector<float>>& truths) const;
  /// From natural units to what losses see.
  virtual void standardise(std::vector<float>& truth, const TruthScale& scale) const;
  /// The truth of a mirrored image, [channel, depth, lateral] of `shape`.
  virtual void mirror_truth(std::vector<float>& truth, const TensorShape& shape) const;
  /// Body of the TorchScript method that turns raw outputs `x` into natural units.
  virtual std::string activation(const TruthScale& scale, double temperature, std::int64_t outputs) const = 0;
  /// What validation measures: "dice", "auc", ...; and whether more of it is better.
  virtual std::string score_name() const = 0;
  virtual bool higher_is_better() const { return true; }
  /// Whether the validation loss chooses the best epoch instead: where the score tells ranks alone.
  virtual bool chosen_by_loss() const { return false; }
  /// NaN where it is not defined.
  virtual double score(const std::vector<ScoredSample>& samples, const TensorShape& shape) const = 0;
  /// Transmits of the input that are kept, around the middle one; 0: all.
  virtual std::int64_t transmits_kept() const { return 0; }

 protected:
  void visit_input(FieldVisitor& visit);
  void check_input() const;
};

/// Mask of one class of the segmentation.
class SegmentationTask : public TaskConfig {
 public:
  enum class Measure { none, area, diameter, circumference, long_axis };
  std::string label = "lesion";
  std::vector<std::string> also;    ///< further classes that count as inside, where a sample has them
  Measure measure = Measure::none;  ///< what `predict` also measures on the mask
  void fields(FieldVisitor& visit) override;
  void check() const override;
  TruthKind kind() const override { return TruthKind::mask; }
  std::int64_t channels() const override { return 1; }
  std::vector<std::string> output_names() const override { return {label}; }
  std::vector<float> truth(const SampleRecord& sample, const TensorShape& shape) const override;
  std::string default_model() const override { return "unet"; }
  std::string default_loss() const override { return "dice_cross_entropy"; }
  std::string activation(const TruthScale&, double temperature, std::int64_t) const override;
  std::string score_name() const override { return "dice"; }
  double score(const std::vector<ScoredSample>& samples, const TensorShape& shape) const override;
};

/// One of several classes, or the probability of some of them, from a factor of the data set.
class ClassificationTask : public TaskConfig {
 public:
  std::string truth_factor;
  std::vector<std::string> classes;   ///< one output each, or
  std::vector<std::string> positive;  ///< one output: the probability of these
  void fields(FieldVisitor& visit) override;
  void check() const override;
  TruthKind kind() const override { return TruthKind::classes; }
  std::int64_t channels() const override { return classes.empty() ? 1 : static_cast<std::int64_t>(classes.size()); }
  std::vector<std::string> output_names() const override;
  std::vector<float> truth(const SampleRecord& sample, const TensorShape& shape) const override;
  std::string default_model() const override { return "encoder"; }
  std::string default_loss() const override { return "cross_entropy"; }
  bool mirrors() const override { return false; }
  std::string activation(const TruthScale&, double temperature, std::int64_t outputs) const override;
  std::string score_name() const override { return classes.empty() ? "auc" : "accuracy"; }
  double score(const std::vector<ScoredSample>& samples, const TensorShape& shape) const override;
};

/// Numbers: activation and score of everything standardised.
class ValueTask : public TaskConfig {
 public:
  TruthKind kind() const override { return TruthKind::values; }
  std::string default_model() const override { return "encoder"; }
  std::string default_loss() const override { return "huber"; }
  bool mirrors() const override { return false; }
  std::string activation(const TruthScale& scale, double temperature, std::int64_t outputs) const override;
  std::string score_name() const override { return "mae"; }
  bool higher_is_better() const override { return false; }
  double score(const std::vector<ScoredSample>& samples, const TensorShape& shape) const override;
};

/// Factors or true measurements of the data set, by regression.
class MeasurementTask : public ValueTask {
 public:
  std::vector<std::string> truths;
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::int64_t channels() const override { return static_cast<std::int64_t>(truths.size()); }
  std::vector<std::string> output_names() const override { return truths; }
  std::string unit(const Dataset& data) const override;
  std::vector<float> truth(const SampleRecord& sample, const TensorShape& shape) const override;
};

/// A truth map: sound speed, attenuation, ...
class MapTask : public ValueTask {
 public:
  std::string label = "sound_speed";
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::int64_t channels() const override { return 1; }
  std::vector<std::string> output_names() const override { return {label}; }
  std::string unit(const Dataset& data) const override;
  std::vector<float> truth(const SampleRecord& sample, const TensorShape& shape) const override;
  std::string default_model() const override { return "unet"; }
  bool mirrors() const override { return true; }
};

/// How well a class can be told from what surrounds it: gCNR, CNR or contrast of the sample's own image and mask.
class QualityTask : public ValueTask {
 public:
  enum class Metric { gcnr, cnr, contrast };
  Metric metric = Metric::gcnr;
  std::string label = "lesion";
  double margin = 3e-3;  ///< how far around the class its surroundings reach [m]
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::int64_t channels() const override { return 1; }
  std::vector<std::string> output_names() const override;
  std::string unit(const Dataset&) const override { return metric == Metric::contrast ? "dB" : ""; }
  std::vector<float> truth(const SampleRecord& sample, const TensorShape& shape) const override;
};

/// The stored image, made of all transmits, from an image of few.
class ImageTask : public ValueTask {
 public:
  std::int64_t transmits = 1;
  double dynamic_range = 60;
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::int64_t channels() const override { return 1; }
  std::vector<std::string> output_names() const override { return {"image"}; }
  std::string unit(const Dataset&) const override { return "dB"; }
  std::vector<float> truth(const SampleRecord& sample, const TensorShape& shape) const override;
  std::string default_model() const override { return "unet"; }
  std::string default_loss() const override { return "absolute"; }
  bool mirrors() const override { return true; }
  std::int64_t transmits_kept() const override { return transmits; }
};

/// Places and sizes of the connected regions of a class: a heat map with a peak at each centre.
class DetectionTask : public TaskConfig {
 public:
  std::string label = "lesion";
  double threshold = 0.1;  ///< marks below it are not written
  void fields(FieldVisitor& visit) override;
  void check() const override;
  TruthKind kind() const override { return TruthKind::heat_map; }
  std::int64_t channels() const override { return 3; }
  std::vector<std::string> output_names() const override { return {"heat", "width", "height"}; }
  /// Four channels: heat, log width, log height (shares of the image's sides), 1 at centres.
  std::vector<float> truth(const SampleRecord& sample, const TensorShape& shape) const override;
  std::string default_model() const override { return "detector"; }
  std::string default_loss() const override { return "centre"; }
  std::string activation(const TruthScale&, double temperature, std::int64_t) const override;
  std::string score_name() const override { return "average_precision"; }
  double score(const std::vector<ScoredSample>& samples, const TensorShape& shape) const override;
};

/// segmentation, classification, measurement, map, detection, quality, image, survival, several.
const Catalog& task_catalog();

}  // namespace sonoforge
