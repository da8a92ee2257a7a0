#pragma once
#include "ai/dataset.hpp"
#include "ai/model.hpp"
#include "ai/models.hpp"
#include "ai/task.hpp"

namespace sonoforge {

struct TrainConfig;

/// The risk of an event from the visits of a patient up to a sample's own: their factors, and their images where asked
/// for. Time counts from the first visit, in intervals of equal length up to a horizon, each with a hazard of its own
/// [gensheimer2019].
class SurvivalTask : public TaskConfig {
 public:
  std::string time = "event_time";         ///< factor: of the event, or the end of observation [s]
  std::string event = "event";             ///< factor
  std::vector<std::string> positive{"1"};  ///< its values that mean the event came
  std::vector<std::string> factors;        ///< numeric, of every visit
  std::string visit_time = "visit_time";   ///< factor: since the first visit [s]; without it visits are numbered
  double horizon = 5 * 365.25 * 86400;     ///< [s]
  std::int64_t intervals = 5;
  std::int64_t visits = 3;  ///< latest ones that are seen
  SurvivalTask() { input = "none"; }
  void fields(FieldVisitor& visit) override;
  void check() const override;
  TruthKind kind() const override { return TruthKind::follow_up; }
  std::int64_t channels() const override { return intervals; }
  /// "risk" within the horizon, then the share that is free of the event after each interval.
  std::vector<std::string> output_names() const override;
  /// For each interval 1 where it was survived (or observed for half of it or more), then for each 1 where the event
  /// came in it.
  std::vector<float> truth(const SampleRecord& sample, const TensorShape& shape) const override;
  std::string default_model() const override { return "visits"; }
  std::string default_loss() const override { return "survival"; }
  bool mirrors() const override { return false; }
  std::string activation(const TruthScale&, double, std::int64_t) const override;
  std::string score_name() const override { return "c_index"; }
  bool chosen_by_loss() const override { return true; }
  double score(const std::vector<ScoredSample>& samples, const TensorShape& shape) const override;

  /// Numbers a visit: whether it is there, its time, its factors.
  std::int64_t numbers() const { return 2 + static_cast<std::int64_t>(factors.size()); }
  bool sees_images() const { return input == "image"; }
  /// The visits of a sample's patient and twin up to its own, the latest `visits` of them, in order: rows of the
  /// manifest.
  std::vector<std::size_t> history(const Manifest& manifest, std::size_t row) const;
  /// Mean and deviation of the numbers of a visit over these samples; 0 and 1 for the first.
  TruthScale number_scale(const Manifest& manifest, const std::vector<std::size_t>& rows) const;
};

/// What such a model sees, [channel, depth, lateral]: with images one a visit [dB], black where there is none; then for
/// each visit its numbers, each as a constant plane; the first visit first, missing ones at the end, all 0. Throws
/// `UserError`.
std::vector<float> history_input(const TrainConfig& config, const Dataset& data, std::size_t row);

/// The negative logarithm of the likelihood of what was observed, interval by interval.
class SurvivalLoss : public LossConfig {
 public:
  void fields(FieldVisitor&) override {}
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::follow_up; }
};

/// A gated recurrent unit [cho2014] that reads the visits one after the other, and a linear way from the last of them;
/// with images an encoder turns each into a few features first.
class VisitsModel : public ModelConfig {
 public:
  std::int64_t width = 16;  ///< numbers that are remembered from visit to visit; 0: the linear way alone
  std::int64_t image_features = 8;
  Encoder encoder;  ///< of the images
  VisitsModel();
  void fields(FieldVisitor& visit) override;
  /// Needs to know the visits: `build_history`.
  ModelSource build(TensorShape input, std::int64_t outputs) const override;
  ModelSource build_history(TensorShape input, std::int64_t visits, std::int64_t numbers, bool images,
                            std::int64_t outputs) const;
  std::int64_t stride() const override { return 0; }
  std::size_t side_multiple() const override { return encoder.side_multiple(); }
};

}  // namespace sonoforge
