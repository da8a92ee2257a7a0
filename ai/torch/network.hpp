#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ai/model.hpp"
#include "core/random.hpp"

namespace sonoforge {

/// A runnable TorchScript network with one input channel and one class. No torch header is needed to use it. Work is
/// split by image, one thread an image inside torch, so that results have the same bits for any thread count.
class Network {
 public:
  /// `image_floor`: images [dB, 0 at the brightest] are clamped to [-image_floor, 0] and scaled to [0, 1] inside.
  Network(const ModelConfig& model, double image_floor, const RandomStream& random);
  /// Throws `UserError` for anything but a model written by `save`. Fills `metadata`.
  static Network load(const std::filesystem::path& file, std::map<std::string, std::string>& metadata);
  ~Network();
  Network(Network&&) noexcept;

  std::size_t parameter_count() const;
  /// All parameters in one row, in the order of `ModelConfig::parameters`.
  std::vector<float> parameters() const;
  void set_parameters(std::span<const float> values);

  /// Images [image, depth, lateral] in dB -> probability of the class, same shape.
  std::vector<float> probabilities(std::span<const float> images, std::size_t depth, std::size_t lateral) const;

  struct Gradient {
    std::vector<double> losses;    ///< one an image
    std::vector<float> gradient;   ///< of the mean loss, as `parameters`
  };
  /// Loss of each image and the gradient of their mean; `truth` holds 0 or 1.
  Gradient gradient(const LossConfig& loss, std::span<const float> images, std::span<const float> truth,
                    std::size_t depth, std::size_t lateral) const;
  /// The losses alone.
  std::vector<double> losses(const LossConfig& loss, std::span<const float> images, std::span<const float> truth,
                             std::size_t depth, std::size_t lateral) const;

  /// A TorchScript file that torch.jit.load opens; `metadata` become its extra files. Atomic.
  void save(const std::filesystem::path& file, const std::map<std::string, std::string>& metadata) const;

 private:
  struct Impl;
  explicit Network(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace sonoforge
