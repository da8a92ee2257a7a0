#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/fields.hpp"

namespace sonoforge {

/// Shape of one sample's array, as networks see it: [channel, depth, lateral]. Vectors of values have one pixel.
struct TensorShape {
  std::int64_t channels = 1, depth = 1, lateral = 1;
  std::size_t size() const { return static_cast<std::size_t>(channels * depth * lateral); }
  friend bool operator==(const TensorShape&, const TensorShape&) = default;
};

/// One trained array of a model and how it starts: constant `mean`, or normal around it with `standard_deviation`.
struct ModelParameter {
  std::string name;  ///< a TorchScript attribute name
  std::vector<std::int64_t> shape;
  double mean = 0;
  double standard_deviation = 0;
};

/// A network written out: its one definition is TorchScript source. Training, prediction and the saved file all run it,
/// so that they cannot differ.
struct ModelSource {
  std::vector<ModelParameter> parameters;
  /// Methods of the module; the parameters are attributes of `self`. One is `logits(self, x, keep)`: from features
  /// [batch, channel, depth, lateral] to raw outputs; `keep` [batch, keeps] multiplies features (dropout), 1 in use.
  std::string script;
  TensorShape output;
  std::int64_t keeps = 0;    ///< features that dropout may switch off
  double dropout = 0;        ///< probability of each to be off in training
  double multiply_adds = 0;  ///< of one sample
  /// TorchScript files whose modules are attributes of `self`, by name.
  std::map<std::string, std::filesystem::path> modules = {};
};

/// A network by its kind and size.
class ModelConfig : public Configurable {
 public:
  /// Throws `ConfigError` where the input does not suit.
  virtual ModelSource build(TensorShape input, std::int64_t outputs) const = 0;
  /// One network of several heads, each with so many outputs at every pixel or, `whole`, once for the image: all of them in one row
  /// [batch, output, 1, 1], one head after the other. Throws `ConfigError` where the model has no such heads.
  struct HeadSize {
    std::string name;
    std::int64_t outputs = 1;
    bool whole = false;
  };
  virtual ModelSource build_heads(TensorShape input, const std::vector<HeadSize>& heads) const;
  /// Pixels of the input, along each side, that share one output: 1 for masks and maps; 0: one output for all of them.
  virtual std::int64_t stride() const = 0;
  /// Image sides must be multiples of this.
  virtual std::size_t side_multiple() const { return 1; }
};
/// unet, encoder, detector, energy, visits, torchscript.
const Catalog& model_catalog();

/// What the values of a truth are; a loss fits some of them.
enum class TruthKind {
  mask,      ///< 0 or 1 at every pixel
  classes,   ///< one of several, as 0 and 1; or a single 0 or 1
  values,    ///< standardised numbers, also maps of them
  heat_map,  ///< heat, log width, log height, 1 at centres
  follow_up, ///< of intervals of time: 1 where survived, then 1 where the event came
  several,   ///< of several tasks, one after the other
};

/// A training loss of one sample.
class LossConfig : public Configurable {
 public:
  /// Source of the TorchScript function `loss(logits, truth)`, both [batch, channel, depth, lateral]; returns a scalar.
  virtual std::string script() const = 0;
  virtual bool fits(TruthKind kind) const = 0;
  /// Raw outputs for each value of the truth: 2 where the spread is learned too.
  virtual std::int64_t outputs_per_value() const { return 1; }
};
/// dice_cross_entropy, dice, cross_entropy, focal, squared, absolute, huber, heteroscedastic, centre, survival.
const Catalog& loss_catalog();

}  // namespace sonoforge
