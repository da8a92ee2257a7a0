#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ai/dataset.hpp"
#include "ai/train.hpp"

namespace sonoforge {

/// What a network learns from, one sample.
struct Example {
  std::vector<float> input, truth;  ///< truth standardised by the scale
};

/// The samples of one split, as far as memory allows kept ready.
class SampleStore {
 public:
  /// Reads all of them once, on all threads. `truth`: depth and lateral of the truth. Throws `UserError` for samples that
  /// cannot be used.
  SampleStore(const TrainConfig& config, const Dataset& data, std::vector<std::size_t> rows, TensorShape truth, const std::string& what);

  std::size_t size() const { return rows_.size(); }
  const std::string& id(std::size_t i) const { return data_.manifest.rows[rows_[i]].id; }
  /// Channels of the truth follow from the task.
  TensorShape truth_shape() const { return shape_; }
  /// In natural units.
  const std::vector<float>& truth(std::size_t i) const { return truths_[i]; }
  /// Mean and deviation of the truth over all samples, one a channel.
  TruthScale scale() const;
  /// 0, 1, ...: the class of a sample; of masks 1 where anything is inside.
  std::vector<std::size_t> classes() const;

  /// Sample i, altered where a stream is given. Safe on any thread.
  Example example(std::size_t i, const TruthScale& scale, const RandomStream* random) const;

 private:
  struct Kept {
    std::vector<float> input;        ///< unaltered
    std::optional<ZeaFile> content;  ///< where channel data are altered
  };
  static std::size_t bytes_of(const Kept& kept);
  Kept read(std::size_t row, std::vector<float>* truth) const;

  const TrainConfig& config_;
  const Dataset& data_;
  std::vector<std::size_t> rows_;
  TensorShape shape_;
  std::vector<std::vector<float>> truths_;
  std::vector<std::optional<Kept>> kept_;
};

/// Puts samples into an order that the stream alone decides.
void shuffle(std::vector<std::size_t>& order, RandomStream random);
/// The order in which an epoch sees its samples: a pure function of the stream. `classes` (may be empty) are drawn equally
/// often, the samples of one class in turn.
std::vector<std::size_t> sampling_order(std::size_t samples, const std::vector<std::size_t>& classes, const RandomStream& random);

}  // namespace sonoforge
