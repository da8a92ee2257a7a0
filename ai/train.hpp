#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "ai/augmentation.hpp"
#include "ai/dataset.hpp"
#include "ai/model.hpp"
#include "ai/model_input.hpp"
#include "ai/optimizers.hpp"
#include "ai/schedules.hpp"
#include "ai/task.hpp"
#include "core/fields.hpp"

namespace sonoforge {

/// What is summed before a model sees channel data: fixed elements, or parts of each pixel's aperture, that is directions.
enum class GroupsOf { elements, aperture };
const std::vector<std::string_view>& groups_of_names();

/// Between delayed channel data (`input: rf`) and the model: beams, each a sum of the groups with learned weights and
/// learned corrections of their delays, and what can be told from them.
struct FrontEndConfig : Configurable {
  GroupsOf groups_of = GroupsOf::elements;
  std::int64_t groups = 8;
  std::int64_t beams = 8;
  std::int64_t average = 1;  ///< pixels, along each side, over which beams are compared
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// A training, read from YAML.
struct TrainConfig : Configurable {
  std::int64_t format = 1;
  Typed<TaskConfig> task;
  std::filesystem::path data;  ///< folder of `generate` or of pairs of images and masks, or a config of `generate`
  Typed<ModelConfig> model;    ///< none: the usual one of the task
  Typed<LossConfig> loss;      ///< none: the usual one of the task
  Typed<OptimizerConfig> optimizer;
  Typed<ScheduleConfig> schedule;
  std::int64_t epochs = 20;
  std::int64_t batch = 8;
  std::int64_t seed = 1;
  std::int64_t members = 1;    ///< networks of an ensemble, from the seeds seed, seed + 1, ...
  double clip = 0;             ///< longest gradient; 0: any
  std::int64_t patience = 0;   ///< epochs without progress after which training stops; 0: none
  bool balanced = false;       ///< classes, and images with and without the target, equally often
  std::int64_t checkpoint_steps = 0;  ///< steps between checkpoints within an epoch; 0: at its end only
  std::int64_t dropout_samples = 0;   ///< networks drawn by dropout whose mean and spread `predict` gives
  bool calibrate = false;      ///< scale logits by the temperature that suits the validation split [guo2017]
  bool baseline = false;       ///< also fit and apply what one would do without a network
  std::vector<std::string> baseline_classes;  ///< that the baseline of a measurement marks together
  double cache = 4e9;          ///< [byte] of samples kept in memory; others are read anew in each epoch
  std::vector<double> image_size{128, 128};  ///< [depth, lateral] pixels to which images are resampled
  std::int64_t frames = 1;                   ///< of each recording that the model sees, as channels, from the first to the last
  double dynamic_range = 60;                 ///< [dB] of images: darker pixels are black
  bool flip = true;                          ///< every second image of an epoch, drawn at random, is mirrored left-right
  std::vector<Typed<AugmentationConfig>> augmentation;
  Typed<Beamformer> beamformer;  ///< of channel data
  Attenuation compensation;      ///< depth gain after it
  FrontEndConfig front_end;

  TrainConfig();
  void fields(FieldVisitor& visit) override;
  void check() const override;
  /// Fills in what the task leaves open.
  void resolve();
  /// How samples become inputs; points into this config.
  InputConfig input() const;
  TensorShape input_shape() const;
  /// All alterations of one training sample.
  Alteration alteration(const RandomStream& random, const AlterationLimits& limits) const;
  bool alters_channels() const;
};

/// One line of history.csv. Validation values are NaN without validation samples.
struct Epoch {
  std::int64_t epoch = 0;  ///< from 1
  double learning_rate = 0;  ///< of its last step
  double training_loss = 0;
  double validation_loss = 0;
  double validation_score = 0;  ///< the task's, over the validation samples at the model's size
};

struct TrainResult {
  std::size_t parameters = 0;
  std::string score_name;
  std::vector<Epoch> history;    ///< of the first member
  std::int64_t best_epoch = 0;   ///< with the best validation score; the last without validation samples
  double best_score = 0;         ///< mean of the members
  std::vector<double> scores = {};  ///< best of each member
};

/// Called after every epoch with the histories of all members so far.
using TrainObserver = std::function<void(const std::vector<std::vector<Epoch>>& histories, const std::string& score_name)>;

/// Trains and writes model.pt (of the best epoch), checkpoints/, history.csv, train.yaml and tensorboard/ into `folder`; of
/// an ensemble, members/N/ holds these for each. The same config, data and processor type give the same bits, with any
/// thread count, and also where training was stopped anywhere and resumed. Throws `UserError` for unusable data, for a
/// folder that holds another training (or one at all, without `resume`), and where loss or gradient stop being numbers:
/// then with epoch, samples and the likely cause. Throws `Interrupted` after Ctrl-C; the last checkpoint is kept.
/// `open` opens `data`; with it a config of `generate` can stand there, whose samples are made in memory.
TrainResult train(TrainConfig& config, const std::filesystem::path& folder, bool resume, const TrainObserver& observer = {},
                  const std::function<Dataset(const std::filesystem::path&)>& open = Dataset::open);

}  // namespace sonoforge
