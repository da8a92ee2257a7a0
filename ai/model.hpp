#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/fields.hpp"

namespace sonoforge {

/// One trained array of a model and how it starts: constant `mean`, or normal around it with `standard_deviation`.
struct ModelParameter {
  std::string name;  ///< a TorchScript attribute name
  std::vector<std::int64_t> shape;
  double mean = 0;
  double standard_deviation = 0;
};

/// A network from images [batch, channel, depth, lateral] to logits [batch, class, depth, lateral]. Its one definition is
/// a TorchScript method: training, prediction and the saved file all run it, so that they cannot differ.
class ModelConfig : public Configurable {
 public:
  virtual std::vector<ModelParameter> parameters(int input_channels, int classes) const = 0;
  /// Source of the method `logits(self, x)`; the parameters are attributes of `self`.
  virtual std::string script() const = 0;
  /// Image sides must be multiples of this.
  virtual std::size_t side_multiple() const = 0;
};
/// unet.
const Catalog& model_catalog();

/// A training loss of one batch.
class LossConfig : public Configurable {
 public:
  /// Source of the TorchScript function `loss(logits, truth)`, both [batch, class, depth, lateral], truth 0 or 1; returns
  /// a scalar.
  virtual std::string script() const = 0;
};
/// dice_cross_entropy, cross_entropy, dice.
const Catalog& loss_catalog();

}  // namespace sonoforge
