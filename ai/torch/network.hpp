#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ai/network_source.hpp"
#include "core/random.hpp"

namespace sonoforge {

/// One array a sample, [channel, depth, lateral].
using SampleArrays = std::vector<std::vector<float>>;

/// A runnable TorchScript network. No torch header is needed to use it. Work is split by sample, one thread a sample
/// inside torch, so that results have the same bits for any thread count.
class Network {
 public:
  /// Throws `UserError` for a TorchScript file that cannot be used.
  Network(const NetworkSource& source, const RandomStream& random);
  /// Throws `UserError` for anything but a model written by `save`. Fills `metadata`.
  static Network load(const std::filesystem::path& file, std::map<std::string, std::string>& metadata);
  ~Network();
  Network(Network&&) noexcept;
  Network& operator=(Network&&) noexcept;

  std::size_t parameter_count() const;
  /// All parameters in one row, in the order of the source.
  std::vector<float> parameters() const;
  void set_parameters(std::span<const float> values);

  /// Answers in natural units, one array a sample; `shape` is filled with that of the answer.
  SampleArrays outputs(const SampleArrays& inputs, TensorShape input, TensorShape* shape = nullptr) const;
  /// The same with dropout, one row of `keeps` a sample.
  SampleArrays sampled(const SampleArrays& inputs, TensorShape input, const SampleArrays& keeps) const;
  /// Raw outputs in use.
  SampleArrays logits(const SampleArrays& inputs, TensorShape input) const;
  /// Whether it is an ensemble, and the answers of its members, one after the other for each sample.
  bool is_ensemble() const;
  SampleArrays members(const SampleArrays& inputs, TensorShape input) const;

  struct Batch {
    const SampleArrays& inputs;
    const SampleArrays& truths;
    const SampleArrays& keeps;  ///< of dropout; empty rows: all features on
    TensorShape input, truth;
  };
  struct Gradient {
    std::vector<double> losses;   ///< one a sample
    std::vector<float> gradient;  ///< of the sum of the losses, as `parameters`
  };
  /// Loss of each sample and the gradient of their sum. `others` calls of `other(i)` share the threads: the next samples
  /// are prepared while these are learned from.
  Gradient gradient(const LossConfig& loss, const Batch& batch, std::size_t others = 0,
                    const std::function<void(std::size_t)>& other = {}) const;
  /// The losses alone, without dropout.
  std::vector<double> losses(const LossConfig& loss, const SampleArrays& inputs, const SampleArrays& truths,
                             TensorShape input, TensorShape truth) const;

  /// A TorchScript file that torch.jit.load opens; `metadata` become its extra files. Atomic.
  void save(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata) const;

 private:
  struct Impl;
  explicit Network(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sonoforge
