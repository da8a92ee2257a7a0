#include "ai/torch/network.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "ai/losses.hpp"
#include "ai/unet.hpp"
#include "core/parallel.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

class NetworkTest : public TestFolder {
 protected:
  NetworkTest() {
    model.width = 4;
    model.depth = 2;
    RandomStream random(9, 0, "pictures");
    for (std::size_t i = 0; i < count * side * side; ++i) {
      images.push_back(static_cast<float>(-70 * random.uniform()));
      truth.push_back(random.uniform() < 0.3 ? 1.0F : 0.0F);
    }
  }
  static constexpr std::size_t side = 16, count = 5;
  UNet model;
  std::vector<float> images, truth;
  Network network() const { return Network(model, 60, RandomStream(1, 0, "weights")); }
};

TEST_F(NetworkTest, ParameterCountIsTheSumOfItsLayers) {
  // width 4, depth 2: features 4, 8, 16; a block from a to b has 9 a b + 9 b b weights and 4 b normalisation constants.
  auto block = [](std::size_t a, std::size_t b) { return 9 * a * b + 9 * b * b + 4 * b; };
  const std::size_t expected = block(1, 4) + block(4, 8) + block(8, 16) + (16 * 8 * 4 + 8) + block(16, 8) + (8 * 4 * 4 + 4) +
                               block(8, 4) + 4 + 1;
  EXPECT_EQ(network().parameter_count(), expected);
}

TEST_F(NetworkTest, GradientAgreesWithDifferences) {
  const Network net = network();
  Network moved = network();
  const auto start = net.parameters();
  auto mean_loss = [&](const Network& n, const LossConfig& loss) {
    double sum = 0;
    for (const double value : n.losses(loss, images, truth, side, side)) sum += value;
    return sum / count;
  };
  CrossEntropyLoss weighted;
  weighted.positive_weight = 3;
  DiceLoss overlap;
  DiceCrossEntropyLoss both;
  for (const LossConfig* loss : {static_cast<const LossConfig*>(&weighted), static_cast<const LossConfig*>(&overlap), static_cast<const LossConfig*>(&both)}) {
    const auto found = net.gradient(*loss, images, truth, side, side);
    // Along the gradient g the loss changes by |g|^2 a unit step. A central difference over h |g| = 2e-3 is limited by
    // float rounding of the loss (1e-7 / 2e-3 / |g|) and by kinks of the rectifiers: 2 % of a gradient of order 0.1 to 1.
    double squared = 0;
    for (const float g : found.gradient) squared += double{g} * g;
    const double step = 1e-3 / std::sqrt(squared);
    auto at = [&](double t) {
      auto values = start;
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += static_cast<float>(t * found.gradient[i]);
      moved.set_parameters(values);
      return mean_loss(moved, *loss);
    };
    EXPECT_NEAR((at(step) - at(-step)) / (2 * step), squared, 0.02 * squared);
  }
}

TEST_F(NetworkTest, LossesMatchTheirFormulas) {
  Network net = network();
  // With the head at zero weight every logit is the bias b, every probability p.
  auto values = net.parameters();
  const float bias = 0.4F;
  for (std::size_t i = values.size() - 5; i + 1 < values.size(); ++i) values[i] = 0;
  values.back() = bias;
  net.set_parameters(values);
  const double p = 1 / (1 + std::exp(-double{bias}));
  double inside = 0;
  for (std::size_t i = 0; i < side * side; ++i) inside += truth[i];
  const double n = side * side;
  const double dice = 1 - (2 * p * inside + 1) / (p * n + inside + 1);
  const double cross = -(inside * std::log(p) + (n - inside) * std::log(1 - p)) / n;
  const double cross_weighted = -(3 * inside * std::log(p) + (n - inside) * std::log(1 - p)) / n;
  DiceCrossEntropyLoss both;
  both.dice_weight = 0.5;
  CrossEntropyLoss weighted;
  weighted.positive_weight = 3;
  const std::span<const float> image(images.data(), side * side), mask(truth.data(), side * side);
  EXPECT_NEAR(net.losses(DiceLoss{}, image, mask, side, side)[0], dice, 1e-5);
  EXPECT_NEAR(net.losses(weighted, image, mask, side, side)[0], cross_weighted, 1e-5);
  EXPECT_NEAR(net.losses(both, image, mask, side, side)[0], 0.5 * dice + cross, 1e-5);
  EXPECT_NEAR(net.probabilities(image, side, side)[7], p, 1e-6);
}

TEST_F(NetworkTest, SameBitsWithAnyThreadCount) {
  const Network net = network();
  set_thread_count(1);
  const auto one = net.gradient(DiceCrossEntropyLoss{}, images, truth, side, side);
  const auto seen = net.probabilities(images, side, side);
  for (const int threads : {2, 7}) {
    set_thread_count(threads);
    const auto several = net.gradient(DiceCrossEntropyLoss{}, images, truth, side, side);
    EXPECT_EQ(one.gradient, several.gradient);
    EXPECT_EQ(one.losses, several.losses);
    EXPECT_EQ(seen, net.probabilities(images, side, side));
  }
  set_thread_count(0);
}

TEST_F(NetworkTest, SavedModelReadsBackAndRefusesOthers) {
  const Network net = network();
  const auto file = folder / "model.pt";
  net.save(file, {{"sonoforge.json", "{\"task\": \"segmentation\"}"}, {"train.yaml", "epochs: 3\n"}});
  std::map<std::string, std::string> metadata;
  const Network back = Network::load(file, metadata);
  EXPECT_EQ(metadata["train.yaml"], "epochs: 3\n");
  EXPECT_EQ(back.parameters(), net.parameters());
  EXPECT_EQ(back.probabilities(images, side, side), net.probabilities(images, side, side));
  net.save(folder / "again.pt", {{"sonoforge.json", "{\"task\": \"segmentation\"}"}, {"train.yaml", "epochs: 3\n"}});
  EXPECT_EQ(bytes(folder / "again.pt"), bytes(file));

  put(folder / "broken.pt", bytes(file).substr(0, 1000));
  EXPECT_NE(error_of([&] { Network::load(folder / "broken.pt", metadata); }).find("not a model"), std::string::npos);
  put(folder / "text.pt", "hello");
  EXPECT_NE(error_of([&] { Network::load(folder / "text.pt", metadata); }).find("not a model"), std::string::npos);
  EXPECT_NE(error_of([&] { Network::load(folder / "missing.pt", metadata); }), "no error");
}

TEST_F(NetworkTest, PythonOpensTheModelAndComputesTheSame) {
  if (std::system("/usr/bin/python3 -c 'import torch' 2>/dev/null") != 0) GTEST_SKIP() << "no Python with torch on this machine";
  const Network net = network();
  net.save(folder / "model.pt", {{"sonoforge.json", "{}"}, {"train.yaml", "x"}});
  const auto expected = net.probabilities(images, side, side);
  put(folder / "images.bin", {reinterpret_cast<const char*>(images.data()), images.size() * sizeof(float)});
  put(folder / "expected.bin", {reinterpret_cast<const char*>(expected.data()), expected.size() * sizeof(float)});
  put(folder / "compare.py",
      "import sys, torch, numpy\n"
      "extra = {'sonoforge.json': '', 'train.yaml': ''}\n"
      "model = torch.jit.load('model.pt', _extra_files=extra)\n"
      "images = numpy.fromfile('images.bin', dtype='f4').reshape(5, 1, 16, 16)\n"
      "expected = numpy.fromfile('expected.bin', dtype='f4').reshape(5, 1, 16, 16)\n"
      "found = model(torch.from_numpy(images)).detach().numpy()\n"
      "assert extra['train.yaml'] in ('x', b'x'), extra\n"
      "assert len(list(model.parameters())) > 10\n"
      "assert expected.std() > 1e-3\n"
      "sys.exit(0 if abs(found - expected).max() < 1e-5 else 7)\n");
  EXPECT_EQ(std::system(("cd '" + folder.string() + "' && /usr/bin/python3 compare.py").c_str()), 0);
}

}  // namespace
}  // namespace sonoforge
