#pragma once
#include "ai/model.hpp"

namespace sonoforge {

/// U-Net [ronneberger2015]: `depth` times two 3 x 3 convolutions and a halving, then as many doublings, each joined with
/// the features of its own resolution. Group normalisation [wu2018] instead of batch normalisation: every image is
/// processed alone, alike in training and use, so results depend neither on the batch nor on running averages.
class UNet : public ModelConfig {
 public:
  std::int64_t width = 16;  ///< features at full resolution; doubled at each halving
  std::int64_t depth = 3;

  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::vector<ModelParameter> parameters(int input_channels, int classes) const override;
  std::string script() const override;
  std::size_t side_multiple() const override { return std::size_t{1} << depth; }

 private:
  std::int64_t features(std::int64_t level) const { return width << level; }
};

}  // namespace sonoforge
