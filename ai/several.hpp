#pragma once
#include <functional>

#include "ai/task.hpp"

namespace sonoforge {

/// Several tasks learned at once by one network: what they share is its trunk, each has a head of its own. Truth,
/// outputs and losses of a sample stand one head after the other in one row.
class SeveralTask : public TaskConfig {
 public:
  struct Head : Configurable {
    std::string name;   ///< a word of letters, digits and _
    double weight = 1;  ///< of its loss
    Typed<TaskConfig> task;
    Typed<LossConfig> loss;  ///< none: the usual one of the task
    void fields(FieldVisitor& visit) override;
    void check() const override;
    /// Whether it answers once for the whole image.
    bool whole() const { return task->default_model() == "encoder"; }
    std::int64_t outputs() const { return task->channels() * loss->outputs_per_value(); }
  };
  std::vector<Head> heads;

  void fields(FieldVisitor& visit) override;
  void check() const override;
  TruthKind kind() const override { return TruthKind::several; }
  std::int64_t channels() const override;
  std::vector<std::string> output_names() const override;
  /// `shape` is that of the input's pixels.
  std::vector<float> truth(const SampleRecord& sample, const TensorShape& shape) const override;
  TruthScale scale(const std::vector<std::vector<float>>& truths) const override;
  void standardise(std::vector<float>& truth, const TruthScale& scale) const override;
  void mirror_truth(std::vector<float>& truth, const TensorShape& shape) const override;
  std::string default_model() const override { return "unet"; }
  std::string default_loss() const override { return ""; }
  std::string activation(const TruthScale& scale, double temperature, std::int64_t outputs) const override;
  /// Of the first head: by it the best epoch is chosen.
  std::string score_name() const override { return heads.front().name + "_" + heads.front().task->score_name(); }
  bool higher_is_better() const override { return heads.front().task->higher_is_better(); }
  double score(const std::vector<ScoredSample>& samples, const TensorShape& shape) const override;

  /// Fills in what the heads leave open, and takes the pixels of the images; before anything below is asked.
  void settle(const TensorShape& pixels);
  /// Of head h: its raw outputs, and its truth.
  TensorShape output_shape(std::size_t h) const;
  TensorShape truth_shape(std::size_t h) const;
  /// The part of a scale that belongs to head h.
  TruthScale scale_of(const TruthScale& scale, std::size_t h) const;
  /// TorchScript: raw outputs of head h as [batch, channel, depth, lateral] out of the row `x`.
  std::string part(std::size_t h, const std::string& x) const;

 private:
  /// Changes each head's part of a truth in place; parts keep their sizes.
  void change_parts(std::vector<float>& truth,
                    const std::function<void(std::size_t h, std::vector<float>& part)>& change) const;
  TensorShape pixels_;
};

/// The sum of the heads' losses by their weights.
class SeveralLoss : public LossConfig {
 public:
  explicit SeveralLoss(const SeveralTask& task) : task_(task) {}
  void fields(FieldVisitor&) override {}
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::several; }

 private:
  const SeveralTask& task_;
};

}  // namespace sonoforge
