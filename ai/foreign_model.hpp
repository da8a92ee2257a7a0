#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ai/train.hpp"
#include "ai/validation_metrics.hpp"

namespace sonoforge {

/// What a TorchScript file made elsewhere takes: one tensor of float32.
struct ForeignInput : Configurable {
  enum class Kind { image, iq, rf };
  Kind kind = Kind::image;
  std::vector<double> size{128, 128};  ///< [depth, lateral] pixels
  std::vector<std::string> axes;       ///< order of batch, channel, depth, lateral; empty: that
  std::int64_t frames = 1;             ///< image: seen together, as channels
  std::int64_t copies = 1;             ///< image: how often all channels are repeated
  std::int64_t groups = 8;             ///< rf: neighbouring elements that are summed, or parts of the aperture
  GroupsOf groups_of = GroupsOf::elements;
  double dynamic_range = 60;            ///< image: what is darker is black [dB]
  std::vector<double> levels{0, 1};     ///< image: numbers that black and the maximum become
  std::vector<double> mean, deviation;  ///< then (number - mean) / deviation, one a channel or one for all
  Typed<Beamformer> beamformer;
  Attenuation compensation;

  ForeignInput();
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// What it answers: one tensor.
struct ForeignOutput : Configurable {
  enum class Kind { logits, probabilities, values };
  Kind kind = Kind::logits;
  std::vector<std::string> axes;     ///< empty: batch, channel, depth, lateral of masks and maps, else batch, channel
  std::vector<std::string> classes;  ///< of the channels; empty: there is one
  std::string unit;                  ///< of values
  std::string item;                  ///< which part of a tuple (a number) or of a dictionary (a key) it is
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// `torchscript:`: how to use a file without our metadata.
struct ForeignDescription : Configurable {
  ForeignInput input;
  ForeignOutput output;
  void fields(FieldVisitor& visit) override;
};

/// What `predict` reads in place of a model.pt, and `validate` beside its other keys.
struct ForeignModel : Configurable {
  std::filesystem::path model;
  ForeignDescription torchscript;
  ValidationTask task = ValidationTask::segmentation;
  std::string label, truth;
  std::vector<std::string> positive;

  void fields(FieldVisitor& visit) override;
  /// Throws `ConfigError`, with keys from the top ("torchscript.output.classes"), where task and answer do not fit.
  void check() const override;
  /// The training that would have made such a model: tells input, task and names to everything that uses models.
  TrainConfig as_trained() const;
  /// What the file is run on, from what `model_input` gives [channel, depth, lateral]; and the tensor's sides.
  std::vector<float> tensor(const std::vector<float>& seen) const;
  std::vector<std::int64_t> tensor_sides() const;
  /// SI unit of the answers, "probability" for those.
  std::string unit() const;
  /// From the tensor that came back to [channel, depth, lateral] in natural units: one channel of masks, maps,
  /// probabilities and numbers. `shape` is filled. Throws `ConfigError` where the tensor is not what was described.
  std::vector<float> answer(const std::vector<float>& values, const std::vector<std::int64_t>& sides,
                            TensorShape& shape) const;
  /// The description as JSON, for reports.
  std::string metadata() const;

 private:
  std::vector<std::string> input_axes() const;
  std::vector<std::string> output_axes() const;
  std::int64_t channels() const;
  bool of_pixels() const { return task == ValidationTask::segmentation || task == ValidationTask::map; }
  /// Channels whose probabilities are summed, or the one that is the answer.
  std::vector<std::size_t> chosen() const;
};

/// "segmentation", ...
extern const std::vector<std::string_view> validation_task_names;

}  // namespace sonoforge
