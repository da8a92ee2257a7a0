#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "ai/model.hpp"
#include "core/fields.hpp"

namespace sonoforge {

/// What a model learns: which stored map is its input and which truth its output.
class TaskConfig : public Configurable {
 public:
  std::string input = "image";
  std::string label = "lesion";
};
/// Mask of one class of the segmentation from the B-mode image.
class SegmentationTask : public TaskConfig {
 public:
  void fields(FieldVisitor& visit) override;
  void check() const override;
};
/// segmentation.
const Catalog& task_catalog();

/// How parameters follow the gradient.
class OptimizerConfig : public Configurable {
 public:
  /// Step `number` (from 1) with learning rate `rate`; `first` and `second` are the optimizer's memory, of the
  /// parameters' size, zero before the first step.
  virtual void step(std::vector<float>& parameters, const std::vector<float>& gradient, std::vector<float>& first,
                    std::vector<float>& second, std::int64_t number, double rate) const = 0;
  double learning_rate = 1e-3;
};
/// Adam with decoupled weight decay [loshchilov2019, Alg. 2].
class AdamW : public OptimizerConfig {
 public:
  double weight_decay = 1e-2;
  std::array<double, 2> betas{0.9, 0.999};
  void fields(FieldVisitor& visit) override;
  void step(std::vector<float>& parameters, const std::vector<float>& gradient, std::vector<float>& first,
            std::vector<float>& second, std::int64_t number, double rate) const override;
};
/// adamw.
const Catalog& optimizer_catalog();

/// A training, read from YAML.
struct TrainConfig : Configurable {
  std::int64_t format = 1;
  Typed<TaskConfig> task;
  std::filesystem::path data;  ///< folder of `generate`
  Typed<ModelConfig> model;
  Typed<LossConfig> loss;
  Typed<OptimizerConfig> optimizer;
  enum class Schedule { constant, cosine };
  Schedule schedule = Schedule::cosine;  ///< of the learning rate: towards zero along half a cosine, or constant
  std::int64_t epochs = 20;
  std::int64_t batch = 8;
  std::int64_t seed = 1;
  std::vector<double> image_size{128, 128};  ///< [depth, lateral] pixels to which images are resampled
  double dynamic_range = 60;                 ///< [dB] of images: darker pixels are black
  bool flip = true;                          ///< every second image of an epoch, drawn at random, is mirrored left-right

  TrainConfig();
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// One line of history.csv. Validation values are NaN without validation images.
struct Epoch {
  std::int64_t epoch = 0;  ///< from 1
  double learning_rate = 0;
  double training_loss = 0;
  double validation_loss = 0;
  double validation_dice = 0;  ///< mean over validation images, at the training's image size
};

struct TrainResult {
  std::size_t parameters = 0;
  std::vector<Epoch> history;
  std::int64_t best_epoch = 0;  ///< with the highest validation Dice; the last without validation images
  double best_dice = 0;
};

/// Trains and writes model.pt (of the best epoch), checkpoints/, history.csv and train.yaml into `folder`. The same config,
/// data and processor type give the same bits, with any thread count, and also where training was stopped and resumed.
/// Throws `UserError` for unusable data, for a folder that holds another training (or one at all, without `resume`), and
/// where loss or gradient stop being numbers: then with epoch, images and the likely cause. Throws `Interrupted` after
/// Ctrl-C; the last finished epoch is kept.
TrainResult train(TrainConfig& config, const std::filesystem::path& folder, bool resume);

}  // namespace sonoforge
