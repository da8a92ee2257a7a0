#pragma once
#include <string>

#include "ai/model.hpp"

namespace sonoforge {

/// Writes the TorchScript of a network layer by layer, and keeps account of parameters, shapes and cost. The features
/// stand in the variable `x`; others are saved and joined by name.
class NetworkBuilder {
 public:
  /// `dropout`: probability of a feature to be switched off at each `drop`.
  explicit NetworkBuilder(TensorShape input, double dropout = 0);

  /// Convolution of `kernel` x `kernel` pixels with zeros around. Starts as [he2015, Eq. 10] where a rectifier follows.
  void convolve(const std::string& name, std::int64_t outputs, std::int64_t kernel, bool bias, bool rectified = true);
  /// Group normalisation [wu2018] in up to eight groups.
  void normalise(const std::string& name);
  void rectify() { line("x = torch.relu(x)"); }
  /// As `rectify`, but a tenth of what is negative stays [maas2013].
  void leak() { line("x = torch.maximum(x, 0.1 * x)"); }
  void square() { line("x = x * x"); }
  /// Two 3 x 3 convolutions, each normalised and rectified.
  void block(const std::string& name, std::int64_t outputs);
  /// The same, and its input (through 1 x 1 where the features differ) added before the last rectifier [he2016].
  void residual_block(const std::string& name, std::int64_t outputs);
  /// Switches off whole features [tompson2015].
  void drop();
  /// Largest of 2 x 2.
  void halve();
  /// Transposed 2 x 2 convolution with stride 2.
  void widen(const std::string& name, std::int64_t outputs);
  /// Mean and largest value of every feature over all pixels, one after the other. Those of rectified features are all
  /// positive: unless they are weighed by `weigh_all`, a step of the optimizer moves all sums of them the same way and
  /// far, soon below zero for every image, from where behind `rectify` no gradient leads back.
  void pool_all();
  /// Sums over all pixels and features, each with a weight of its own, and a constant. The sums are divided by the root of
  /// the number of weights; these start with a standard deviation of `spread`.
  void weigh_all(const std::string& name, std::int64_t outputs, double spread = 0);
  /// Two more channels: lateral and depth position from -1 to 1.
  void add_coordinates();

  void save(const std::string& variable);
  /// `x` becomes a saved variable.
  void recall(const std::string& variable);
  /// `x` becomes all values of saved variables in one row, one after the other.
  void line_up(const std::vector<std::string>& variables);
  /// `variable` before the features of `x`.
  void join(const std::string& variable);
  /// Weights `variable` by how well it goes with `x` [oktay2018]: sigmoid(psi(relu(a variable + b x))).
  void gate(const std::string& name, const std::string& variable);

  const TensorShape& shape() const { return shape_; }
  /// The whole, with `x` as the logits.
  ModelSource finish() &&;

 private:
  void line(const std::string& text) { source_.script += "    " + text + "\n"; }
  void parameter(const std::string& name, std::vector<std::int64_t> shape, double mean, double spread);
  std::string weigh(const std::string& name, const std::string& input, std::int64_t inputs, std::int64_t outputs,
                    std::int64_t kernel, bool bias, bool rectified);
  ModelSource source_;
  TensorShape shape_;
  std::map<std::string, TensorShape> saved_;
};

}  // namespace sonoforge
