#pragma once
#include "ai/model.hpp"

namespace sonoforge {

class NetworkBuilder;

/// U-Net [ronneberger2015]: `depth` times a block and a halving, then as many doublings, each joined with the features
/// of its own resolution. Group normalisation [wu2018] instead of batch normalisation: every image is processed alone,
/// alike in training and use, so results depend neither on the batch nor on running averages.
class UNet : public ModelConfig {
 public:
  enum class Blocks { plain, residual };
  std::int64_t width = 16;  ///< features at full resolution; doubled at each halving
  std::int64_t depth = 3;
  Blocks blocks = Blocks::plain;
  bool attention = false;  ///< gates on what is joined [oktay2018]
  double dropout = 0;      ///< of the features of the two coarsest resolutions

  void fields(FieldVisitor& visit) override;
  void check() const override;
  ModelSource build(TensorShape input, std::int64_t outputs) const override;
  ModelSource build_heads(TensorShape input, const std::vector<HeadSize>& heads) const override;
  std::int64_t stride() const override { return std::int64_t{1} << finest(); }
  std::size_t side_multiple() const override { return std::size_t{1} << depth; }

 protected:
  /// Halvings that the output keeps.
  virtual std::int64_t finest() const { return 0; }
  std::int64_t features(std::int64_t level) const { return width << level; }
  /// All but the last layer; the coarsest features stay in the variable `deep` where asked for.
  void add_trunk(NetworkBuilder& net, bool keep_deep) const;
};

/// A U-Net that ends at a quarter of the resolution, for heat maps of centres.
class Detector : public UNet {
 public:
  void check() const override;

 protected:
  std::int64_t finest() const override { return 2; }
};

/// Blocks and halvings, then mean and maximum of each feature over the image and two fully connected layers: one answer
/// for the whole image. Two further channels say where a pixel is, so that sizes and places can be told.
class Encoder : public ModelConfig {
 public:
  UNet::Blocks blocks = UNet::Blocks::plain;
  std::int64_t width = 16, depth = 4;
  std::int64_t hidden = 32;  ///< features between the two last layers
  double dropout = 0;        ///< of the last features
  bool coordinates = true;

  void fields(FieldVisitor& visit) override;
  void check() const override;
  ModelSource build(TensorShape input, std::int64_t outputs) const override;
  std::int64_t stride() const override { return 0; }
  std::size_t side_multiple() const override { return std::size_t{1} << depth; }
};

/// Energies of learned filters: one convolution, squares, and a weighted sum over pixels and features, with weights of
/// their own everywhere: one answer for the whole image. With kernel 0 each filter is as large as the image, which needs
/// more cases and gives any quadratic form of that rank. Speckle of a known place differs in its variance alone, and what
/// tells best then is quadratic in the data [abbey2006].
class EnergyModel : public ModelConfig {
 public:
  std::int64_t features = 8, kernel = 5;
  void fields(FieldVisitor& visit) override;
  void check() const override;
  ModelSource build(TensorShape input, std::int64_t outputs) const override;
  std::int64_t stride() const override { return 0; }
};

/// Any TorchScript module: from [batch, channel, depth, lateral] to [batch, output, depth / stride, lateral / stride], or
/// to [batch, output, 1, 1] with stride 0. Its parameters are trained from the values they have in the file. It runs as
/// in use (`eval`): batch normalisation keeps its stored averages, and its own dropout is off.
class ScriptedModel : public ModelConfig {
 public:
  std::filesystem::path file;
  std::int64_t output_stride = 1;
  void fields(FieldVisitor& visit) override;
  ModelSource build(TensorShape input, std::int64_t outputs) const override;
  std::int64_t stride() const override { return output_stride; }
};

}  // namespace sonoforge
