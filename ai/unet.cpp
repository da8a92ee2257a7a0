#include "ai/unet.hpp"

#include <cmath>
#include <numeric>

namespace sonoforge {
namespace {

// Two 3 x 3 convolutions, each followed by normalisation and rectification.
void add_block(std::vector<ModelParameter>& all, const std::string& name, std::int64_t from, std::int64_t to) {
  for (int k = 1; k <= 2; ++k) {
    const std::string part = name + "_" + std::to_string(k);
    const std::int64_t inputs = k == 1 ? from : to;
    // Keeps the variance through a rectified layer [he2015, Eq. 10].
    const double spread = std::sqrt(2.0 / (9.0 * static_cast<double>(inputs)));
    all.push_back({part + "_weight", {to, inputs, 3, 3}, 0, spread});
    all.push_back({part + "_scale", {to}, 1, 0});
    all.push_back({part + "_shift", {to}, 0, 0});
  }
}

std::string block_script(const std::string& name, std::int64_t groups) {
  std::string text;
  for (int k = 1; k <= 2; ++k) {
    const std::string part = "self." + name + "_" + std::to_string(k);
    text += "    x = torch.conv2d(x, " + part + "_weight, None, [1, 1], [1, 1], [1, 1], 1)\n";
    text += "    x = torch.relu(torch.group_norm(x, " + std::to_string(groups) + ", " + part + "_scale, " + part + "_shift, 1e-5))\n";
  }
  return text;
}

std::string level_name(const char* side, std::int64_t level) { return side + std::to_string(level); }

}  // namespace

void UNet::fields(FieldVisitor& visit) {
  visit(width, {.key = "width", .doc = "Features at full resolution; doubled at each halving.", .min = 1, .max = 256});
  visit(depth, {.key = "depth", .doc = "How often the resolution is halved.", .min = 1, .max = 6});
}

void UNet::check() const {
  if (features(depth) > 2048)
    throw ConfigError("width", "the deepest level would have " + std::to_string(features(depth)) +
                                   " features (at most 2048: width times 2^depth). Lower width or depth");
}

std::vector<ModelParameter> UNet::parameters(int input_channels, int classes) const {
  std::vector<ModelParameter> all;
  for (std::int64_t level = 0; level <= depth; ++level)
    add_block(all, level_name("down", level), level == 0 ? input_channels : features(level - 1), features(level));
  for (std::int64_t level = depth - 1; level >= 0; --level) {
    // Each output pixel of a 2 x 2 stride-2 transposed convolution has one contribution per input feature.
    const double spread = std::sqrt(1.0 / static_cast<double>(features(level + 1)));
    all.push_back({level_name("widen", level) + "_weight", {features(level + 1), features(level), 2, 2}, 0, spread});
    all.push_back({level_name("widen", level) + "_bias", {features(level)}, 0, 0});
    add_block(all, level_name("up", level), 2 * features(level), features(level));
  }
  all.push_back({"head_weight", {classes, width, 1, 1}, 0, 1 / std::sqrt(static_cast<double>(width))});
  all.push_back({"head_bias", {classes}, 0, 0});
  return all;
}

std::string UNet::script() const {
  std::string text = "def logits(self, x):\n";
  auto groups = [&](std::int64_t level) { return std::gcd(std::int64_t{8}, features(level)); };
  for (std::int64_t level = 0; level <= depth; ++level) {
    if (level > 0) text += "    x = torch.max_pool2d(x, [2, 2])\n";
    text += block_script(level_name("down", level), groups(level));
    if (level < depth) text += "    " + level_name("skip", level) + " = x\n";
  }
  for (std::int64_t level = depth - 1; level >= 0; --level) {
    const std::string part = "self." + level_name("widen", level);
    text += "    x = torch.conv_transpose2d(x, " + part + "_weight, " + part + "_bias, [2, 2])\n";
    text += "    x = torch.cat([" + level_name("skip", level) + ", x], 1)\n";
    text += block_script(level_name("up", level), groups(level));
  }
  return text + "    return torch.conv2d(x, self.head_weight, self.head_bias)\n";
}

const Catalog& model_catalog() {
  static const Catalog catalog{"model",
                               "What is trained.",
                               {row_of<UNet>("unet", "U-Net: segmentation at every pixel from several resolutions.")},
                               {},
                               "unet"};
  return catalog;
}

}  // namespace sonoforge
