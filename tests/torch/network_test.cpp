#include "ai/torch/network.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <cstdlib>

#include "ai/losses.hpp"
#include "ai/models.hpp"
#include "ai/optimizers.hpp"
#include "core/parallel.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

class NetworkTest : public TestFolder {
 protected:
  NetworkTest() {
    RandomStream random(9, 0, "pictures");
    for (std::size_t k = 0; k < count; ++k) {
      images.emplace_back();
      truth.emplace_back();
      for (std::size_t i = 0; i < side * side; ++i) {
        images.back().push_back(static_cast<float>(-70 * random.uniform()));
        truth.back().push_back(random.uniform() < 0.3 ? 1.0F : 0.0F);
      }
    }
  }
  static constexpr std::size_t side = 16, count = 5;
  static constexpr TensorShape shape{1, side, side};
  SampleArrays images, truth;

  static TrainConfig config(const std::string& text = "model: {type: unet, width: 4, depth: 2}\n") {
    TrainConfig result;
    ConfigTree::parse("data: none\nimage_size: [16, 16]\n" + text).read(result);
    result.resolve();
    return result;
  }
  static Network network(const TrainConfig& c = config()) {
    return Network(network_source(c, scale(c)), RandomStream(1, 0, "weights"));
  }
  static TruthScale scale(const TrainConfig& c) {
    const auto n = static_cast<std::size_t>(c.task->channels());
    return {std::vector<double>(n, 7.0), std::vector<double>(n, 2.0)};
  }
  Network::Gradient gradient(const Network& net, const LossConfig& loss) const {
    return net.gradient(loss, {images, truth, {}, shape, shape});
  }
};

TEST_F(NetworkTest, ParameterCountIsTheSumOfItsLayers) {
  // width 4, depth 2: features 4, 8, 16; a block from a to b has 9 a b + 9 b b weights and 4 b normalisation constants.
  auto block = [](std::size_t a, std::size_t b) { return 9 * a * b + 9 * b * b + 4 * b; };
  const std::size_t expected = block(1, 4) + block(4, 8) + block(8, 16) + (16 * 8 * 4 + 8) + block(16, 8) + (8 * 4 * 4 + 4) +
                               block(8, 4) + 4 + 1;
  EXPECT_EQ(network().parameter_count(), expected);
}

// Pooled features are hundreds of positive numbers. A step of the optimizer must not move all sums of them far and the same way: where
// it does, every hidden feature is soon below zero for any image, and the encoder answers the same whatever it is shown.
TEST_F(NetworkTest, OneStepOfTheLastLayersMovesAnswersLittle) {
  const auto c = config("task: {type: classification, truth: side, positive: [left]}\nmodel: {type: encoder, width: 16, depth: 4, hidden: 32}\n");
  Network net = network(c);
  SampleArrays sides;
  for (std::size_t k = 0; k < count; ++k) sides.push_back({static_cast<float>(k % 2)});
  std::vector<float> at = net.parameters(), first(at.size()), second(at.size());
  const auto before = net.logits(images, shape);
  const auto gradient = net.gradient(CrossEntropyLoss(), {images, sides, {}, shape, {1, 1, 1}}).gradient;
  const double rate = 1e-3;
  Typed<OptimizerConfig>::make(optimizer_catalog(), "adam")->step(at, gradient, first, second, 1, rate);
  // 512 pooled features to 32 hidden ones to one answer, the last parameters.
  const auto from = static_cast<std::ptrdiff_t>(at.size() - (512 * 32 + 32 + 32 + 1));
  const auto old = net.parameters();
  std::copy_n(old.begin(), from, at.begin());
  net.set_parameters(at);
  const auto after = net.logits(images, shape);
  double most = 0;
  for (std::size_t k = 0; k < count; ++k) most = std::max(most, std::abs(double{after[k].front() - before[k].front()}));
  // Each of 512 weights moves by the rate over the root of 512, each pooled feature is about two in size: a hidden feature moves by 0.045.
  // Half of 32 are in use, with weights of 0.14 in the mean: 0.1, and the moves of these weights add some 0.05. Without the root the same
  // step moved the answers by 0.35.
  EXPECT_GT(most, 0);
  EXPECT_LT(most, 0.15);
}

TEST_F(NetworkTest, GradientAgreesWithDifferences) {
  const Network net = network();
  Network moved = network();
  const auto start = net.parameters();
  auto mean_loss = [&](const Network& n, const LossConfig& loss) {
    double sum = 0;
    for (const double value : n.losses(loss, images, truth, shape, shape)) sum += value;
    return sum / count;
  };
  CrossEntropyLoss weighted;
  weighted.positive_weight = 3;
  DiceLoss overlap;
  DiceCrossEntropyLoss both;
  FocalLoss focal;
  HuberLoss huber;
  AbsoluteLoss absolute;
  SquaredLoss squared_error;
  for (const LossConfig* loss : std::initializer_list<const LossConfig*>{&weighted, &overlap, &both, &focal, &huber, &absolute, &squared_error}) {
    auto found = gradient(net, *loss);
    for (float& g : found.gradient) g /= count;
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
  for (const float v : truth[0]) inside += v;
  const double n = side * side;
  const double dice = 1 - (2 * p * inside + 1) / (p * n + inside + 1);
  const double cross = -(inside * std::log(p) + (n - inside) * std::log(1 - p)) / n;
  const double cross_weighted = -(3 * inside * std::log(p) + (n - inside) * std::log(1 - p)) / n;
  DiceCrossEntropyLoss both;
  both.dice_weight = 0.5;
  CrossEntropyLoss weighted;
  weighted.positive_weight = 3;
  const SampleArrays image{images[0]}, mask{truth[0]};
  EXPECT_NEAR(net.losses(DiceLoss{}, image, mask, shape, shape)[0], dice, 1e-5);
  EXPECT_NEAR(net.losses(weighted, image, mask, shape, shape)[0], cross_weighted, 1e-5);
  EXPECT_NEAR(net.losses(both, image, mask, shape, shape)[0], 0.5 * dice + cross, 1e-5);
  EXPECT_NEAR(net.outputs(image, shape)[0][7], p, 1e-6);
  FocalLoss focal;
  const double focused = -(inside * std::pow(1 - p, 2) * std::log(p) + (n - inside) * p * p * std::log(1 - p)) / n;
  EXPECT_NEAR(net.losses(focal, image, mask, shape, shape)[0], focused, 1e-5);
  // The logit as a value: errors 0.6 inside and 0.4 outside, all below Huber's limit of 1 and some beyond one of 0.5.
  HuberLoss huber;
  EXPECT_NEAR(net.losses(huber, image, mask, shape, shape)[0], 0.5 * (inside * 0.36 + (n - inside) * 0.16) / n, 1e-5);
  huber.delta = 0.5;
  EXPECT_NEAR(net.losses(huber, image, mask, shape, shape)[0], (inside * 0.5 * (0.6 - 0.25) + (n - inside) * 0.5 * 0.16) / n, 1e-5);
  EXPECT_NEAR(net.losses(SquaredLoss{}, image, mask, shape, shape)[0], (inside * 0.36 + (n - inside) * 0.16) / n, 1e-5);
  EXPECT_NEAR(net.losses(AbsoluteLoss{}, image, mask, shape, shape)[0], (inside * 0.6 + (n - inside) * 0.4) / n, 1e-5);
}

// A network whose outputs are its biases, so that losses of several channels can be worked out by hand.
TEST_F(NetworkTest, LossesOfSeveralChannelsMatchTheirFormulas) {
  auto c = config("task: {type: classification, truth: side, classes: [a, b, c]}\nmodel: {type: encoder, width: 2, depth: 1, hidden: 2}\n");
  auto outputs_of = [&](const TrainConfig& one, const std::vector<float>& biases) {
    Network net = network(one);
    auto values = net.parameters();
    for (std::size_t i = values.size() - biases.size() * 3; i < values.size(); ++i) values[i] = 0;  // head: weights of two features, bias
    std::copy(biases.begin(), biases.end(), values.end() - static_cast<std::ptrdiff_t>(biases.size()));
    net.set_parameters(values);
    return net;
  };
  const SampleArrays image{images[0]};
  const double total = std::exp(0.5) + std::exp(-0.25) + std::exp(1.0);
  const Network classes = outputs_of(c, {0.5F, -0.25F, 1.0F});
  EXPECT_NEAR(classes.losses(*c.loss, image, {{0, 1, 0}}, shape, {3, 1, 1})[0], std::log(total) + 0.25, 1e-5);
  EXPECT_NEAR(classes.outputs(image, shape)[0][2], std::exp(1.0) / total, 1e-6);
  FocalLoss focal;
  const double p = std::exp(-0.25) / total;
  EXPECT_NEAR(classes.losses(focal, image, {{0, 1, 0}}, shape, {3, 1, 1})[0], -(1 - p) * (1 - p) * std::log(p), 1e-5);

  c = config("task: {type: measurement, truth: [side]}\nmodel: {type: encoder, width: 2, depth: 1, hidden: 2}\nloss: heteroscedastic\n");
  const Network spread = outputs_of(c, {0.5F, -1.0F});
  // Mean 0.5 and log variance -1 of a standardised truth of 2.
  EXPECT_NEAR(spread.losses(*c.loss, image, {{2}}, shape, {1, 1, 1})[0], 0.5 * (std::exp(1.0) * 1.5 * 1.5 - 1), 1e-5);
  // Natural units: mean 7, deviation 2.
  const auto answer = spread.outputs(image, shape)[0];
  EXPECT_NEAR(answer[0], 7 + 2 * 0.5, 1e-5);
  EXPECT_NEAR(answer[1], 2 * std::exp(-0.5), 1e-5);
}

// Every model that can be asked for: runs, has the gradient of its own loss, and its file gives the same in Python.
TEST_F(NetworkTest, EveryModelOpensInPythonWithTheSameAnswers) {
  const bool python = std::system("/usr/bin/python3 -c 'import torch' 2>/dev/null") == 0;
  put(folder / "compare.py",
      "import sys, torch, numpy\n"
      "extra = {'sonoforge.json': '', 'train.yaml': ''}\n"
      "model = torch.jit.load('model.pt', _extra_files=extra)\n"
      "shape = [int(n) for n in open('shape.txt').read().split()]\n"
      "images = numpy.fromfile('images.bin', dtype='f4').reshape(shape)\n"
      "expected = numpy.fromfile('expected.bin', dtype='f4')\n"
      "found = model(torch.from_numpy(images)).detach().numpy()\n"
      "assert extra['train.yaml'] in ('x', b'x'), extra\n"
      "assert len(list(model.parameters())) > 10\n"
      "assert expected.std() > 1e-7\n"
      "sys.exit(0 if abs(found.ravel() - expected).max() < 1e-5 * max(1, abs(expected).max()) else 7)\n");
  for (const std::string text :
       {"model: {type: unet, width: 4, depth: 2}\n", "model: {type: unet, width: 4, depth: 2, blocks: residual, attention: on, dropout: 0.2}\n",
        "task: {type: segmentation, input: iq}\nmodel: {type: unet, width: 4, depth: 2}\n",
        "task: {type: segmentation, input: rf}\nfront_end: {groups: 4, beams: 3}\nmodel: {type: unet, width: 4, depth: 2}\n",
        "task: {type: classification, truth: side, positive: [left]}\nmodel: {type: encoder, width: 4, depth: 2, dropout: 0.3}\n",
        "task: {type: classification, truth: side, classes: [a, b, c]}\nmodel: {type: encoder, width: 4, depth: 2, blocks: residual, coordinates: off}\n",
        "task: {type: measurement, truth: [side, size]}\nloss: heteroscedastic\nmodel: {type: encoder, width: 4, depth: 2}\n",
        "task: {type: map, label: sound_speed, input: rf}\nfront_end: {groups: 4, beams: 3}\nmodel: {type: unet, width: 4, depth: 2}\n",
        "task: {type: map, label: sound_speed, input: rf}\nfront_end: {groups_of: aperture, groups: 6, beams: 5, average: 3}\nmodel: {type: unet, width: 4, depth: 2}\n",
        "task: {type: detection}\nmodel: {type: detector, width: 4, depth: 3}\n", "task: image\nmodel: {type: unet, width: 4, depth: 2}\n",
        "task: quality\nmodel: {type: encoder, width: 4, depth: 2}\n"}) {
    SCOPED_TRACE(text);
    const TrainConfig c = config(text);
    const NetworkSource source = network_source(c, scale(c));
    const Network net = network(c);
    const TensorShape input = c.input_shape();
    EXPECT_GT(source.multiply_adds, 1000);
    SampleArrays inputs, truths;
    RandomStream random(4, 0, "inputs");
    TensorShape truth_shape = source.output;
    if (c.task->kind() == TruthKind::heat_map) truth_shape.channels = 4;
    if (c.loss->outputs_per_value() == 2) truth_shape.channels /= 2;
    for (std::size_t k = 0; k < 3; ++k) {
      inputs.emplace_back(input.size());
      truths.emplace_back(truth_shape.size());
      for (float& v : inputs.back()) v = static_cast<float>(c.task->input == "image" ? -60 * random.uniform() : random.uniform(-1, 1));
      for (float& v : truths.back()) v = random.uniform() < 0.5 ? 1.0F : 0.0F;
    }
    SampleArrays keeps(3, std::vector<float>(static_cast<std::size_t>(source.keeps), 1.0F));
    const auto found = net.gradient(*c.loss, {inputs, truths, keeps, input, truth_shape});
    const auto losses = net.losses(*c.loss, inputs, truths, input, truth_shape);
    double squared = 0;
    for (const float g : found.gradient) squared += double{g} * g;
    EXPECT_GT(squared, 0);
    // As above: the change of the loss along its own gradient.
    const double step = 1e-3 / std::sqrt(squared);
    auto at = [&](double t) {
      Network moved = network(c);
      auto values = net.parameters();
      for (std::size_t i = 0; i < values.size(); ++i) values[i] += static_cast<float>(t * found.gradient[i]);
      moved.set_parameters(values);
      double sum = 0;
      for (const double one : moved.losses(*c.loss, inputs, truths, input, truth_shape)) sum += one;
      return sum;
    };
    EXPECT_NEAR((at(step) - at(-step)) / (2 * step), squared, 0.03 * squared);
    for (std::size_t k = 0; k < 3; ++k) EXPECT_NEAR(losses[k], found.losses[k], 1e-6 * (1 + std::abs(losses[k])));

    TensorShape shape_out;
    const auto expected = net.outputs(inputs, input, &shape_out);
    EXPECT_EQ(shape_out.depth, source.output.depth);
    net.save(folder / "model.pt", {{"sonoforge.json", "{}"}, {"train.yaml", "x"}});
    if (!python) continue;
    std::string in, out;
    for (const auto& one : inputs) in.append(reinterpret_cast<const char*>(one.data()), one.size() * sizeof(float));
    for (const auto& one : expected) out.append(reinterpret_cast<const char*>(one.data()), one.size() * sizeof(float));
    put(folder / "images.bin", in);
    put(folder / "expected.bin", out);
    put(folder / "shape.txt", "3 " + std::to_string(input.channels) + " " + std::to_string(input.depth) + " " + std::to_string(input.lateral));
    EXPECT_EQ(std::system(("cd '" + folder.string() + "' && /usr/bin/python3 compare.py").c_str()), 0);
  }
  if (!python) GTEST_SKIP() << "no Python with torch on this machine: files were not opened there";
}

TEST_F(NetworkTest, DropoutSwitchesFeaturesOff) {
  const TrainConfig c = config("model: {type: unet, width: 4, depth: 2, dropout: 0.5}\n");
  const NetworkSource source = network_source(c, scale(c));
  EXPECT_EQ(source.keeps, 8 + 16);  // the two coarsest resolutions
  const Network net = network(c);
  const SampleArrays image{images[0]};
  const SampleArrays on{std::vector<float>(24, 1.0F)}, off{std::vector<float>(24, 0.0F)};
  EXPECT_EQ(net.sampled(image, shape, on), net.outputs(image, shape));
  EXPECT_NE(net.sampled(image, shape, off), net.outputs(image, shape));
}

TEST_F(NetworkTest, EnsembleIsTheMeanOfItsMembers) {
  const TrainConfig c = config();
  const NetworkSource source = network_source(c, scale(c));
  const Network a(source, RandomStream(1, 0, "weights")), b(source, RandomStream(2, 0, "weights"));
  Network both(ensemble_source({source, source}), RandomStream(3, 0, "weights"));
  auto values = a.parameters();
  const auto more = b.parameters();
  values.insert(values.end(), more.begin(), more.end());
  both.set_parameters(values);
  EXPECT_TRUE(both.is_ensemble());
  EXPECT_FALSE(a.is_ensemble());
  const auto x = a.outputs(images, shape), y = b.outputs(images, shape), mean = both.outputs(images, shape), each = both.members(images, shape);
  for (std::size_t k = 0; k < count; ++k)
    for (std::size_t i = 0; i < x[k].size(); ++i) {
      EXPECT_NEAR(mean[k][i], 0.5 * (double{x[k][i]} + y[k][i]), 1e-6);
      EXPECT_EQ(each[k][i], x[k][i]);
      EXPECT_EQ(each[k][x[k].size() + i], y[k][i]);
    }
}

TEST_F(NetworkTest, AModuleOfOnesOwnIsTrained) {
  if (std::system("/usr/bin/python3 -c 'import torch' 2>/dev/null") != 0) GTEST_SKIP() << "no Python with torch on this machine";
  put(folder / "make.py",
      "import torch\n"
      "torch.manual_seed(1)\n"
      "net = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3, padding=1), torch.nn.BatchNorm2d(3), torch.nn.ReLU(), torch.nn.Conv2d(3, 1, 1))\n"
      "torch.jit.script(net).save('own.pt')\n");
  ASSERT_EQ(std::system(("cd '" + folder.string() + "' && /usr/bin/python3 make.py").c_str()), 0);
  const TrainConfig c = config("model: {type: torchscript, file: " + (folder / "own.pt").string() + "}\n");
  const Network net = network(c);
  EXPECT_EQ(net.parameter_count(), 3u * 9 + 3 + 6 + 3 + 1);
  const auto found = gradient(net, DiceCrossEntropyLoss{});
  EXPECT_EQ(found.gradient.size(), net.parameter_count());
  EXPECT_NE(std::count(found.gradient.begin(), found.gradient.end(), 0.0F), static_cast<std::ptrdiff_t>(found.gradient.size()));
  net.save(folder / "model.pt", {{"sonoforge.json", "{}"}, {"train.yaml", "x"}});
  std::map<std::string, std::string> metadata;
  const Network back = Network::load(folder / "model.pt", metadata);
  EXPECT_EQ(back.outputs(images, shape), net.outputs(images, shape));
  EXPECT_EQ(std::system(("cd '" + folder.string() + "' && /usr/bin/python3 -c \"import torch; torch.jit.load('model.pt')(torch.zeros(1, 1, 16, 16))\"").c_str()), 0);
  // One that answers in another shape.
  const TrainConfig wrong = config("model: {type: torchscript, file: " + (folder / "own.pt").string() + ", stride: 2}\ntask: detection\n");
  EXPECT_NE(error_of([&] { network(wrong); }).find("does not turn one tensor into one of shape [1, 3, 8, 8]"), std::string::npos);
}

TEST_F(NetworkTest, SameBitsWithAnyThreadCount) {
  const Network net = network();
  set_thread_count(1);
  const auto one = gradient(net, DiceCrossEntropyLoss{});
  const auto seen = net.outputs(images, shape);
  for (const int threads : {2, 7}) {
    set_thread_count(threads);
    const auto several = gradient(net, DiceCrossEntropyLoss{});
    EXPECT_EQ(one.gradient, several.gradient);
    EXPECT_EQ(one.losses, several.losses);
    EXPECT_EQ(seen, net.outputs(images, shape));
  }
  set_thread_count(0);
}

// A wave that each part of the aperture sees ahead of the last by the phase f, f = a above row 8 and b from there on: beams begin as
// 1/2, 1, 1/2 of neighbouring parts, so that beam k is (1 + cos f) exp(i k f), and two neighbours correlate as exp(-i f), over a window
// as its mean weighted by the powers (1 + cos f)^2.
TEST_F(NetworkTest, FrontEndComparesDirections) {
  const TrainConfig c = config("task: {type: map, label: sound_speed, input: rf}\nfront_end: {groups_of: aperture, groups: 6, beams: 7, average: 3}\n"
                               "model: {type: unet, width: 2, depth: 2}\n");
  NetworkSource source = network_source(c, scale(c));
  const std::string answer = "def forward(self, x):\n";
  source.script.insert(source.script.find(answer) + answer.size(), "    return self.features(x)\n");
  source.output = {7 + 2 * 5 + 1, 16, 16};
  Network net(source, RandomStream(1, 0, "weights"));
  net.set_parameters(std::vector<float>(net.parameter_count(), 0.0F));
  const double phases[2] = {0.4, -0.9}, size = 0.02;
  std::vector<float> input(12 * 256);
  for (std::size_t k = 0; k < 6; ++k)
    for (std::size_t p = 0; p < 256; ++p) {
      const double phase = phases[p / 16 >= 8] * static_cast<double>(k) + 0.7 * static_cast<double>(p);
      input[k * 256 + p] = static_cast<float>(size * std::cos(phase));
      input[(6 + k) * 256 + p] = static_cast<float>(size * std::sin(phase));
    }
  const auto found = net.outputs({input}, c.input_shape()).at(0);
  ASSERT_EQ(found.size(), 18u * 256);
  for (std::size_t row = 2; row < 14; ++row) {
    const std::size_t pixel = row * 16 + 7;
    std::complex<double> mean = 0, whole = 0;
    double power = 0;
    for (std::size_t r = row - 1; r <= row + 1; ++r) {
      const double f = phases[r >= 8], weight = std::pow(1 + std::cos(f), 2);
      mean += weight * std::polar(1.0, -f);
      power += weight;
    }
    for (std::size_t k = 0; k < 6; ++k) whole += std::polar(size, phases[row >= 8] * static_cast<double>(k));
    EXPECT_NEAR(found[pixel], 20 * std::log10(std::abs(whole)) / c.dynamic_range + 1, 1e-5) << row;
    // Beams 1 to 6 are the directions; those at the rim have one neighbour only.
    for (std::size_t pair = 1; pair < 4; ++pair) {
      EXPECT_NEAR(found[(7 + pair) * 256 + pixel], mean.real() / power, 1e-5) << row << " " << pair;
      EXPECT_NEAR(found[(12 + pair) * 256 + pixel], mean.imag() / power, 1e-5) << row << " " << pair;
    }
    EXPECT_NEAR(found[17 * 256 + pixel], -1 + 2 * static_cast<double>(row) / 15, 1e-6);
  }
}

TEST_F(NetworkTest, SavedModelReadsBackAndRefusesOthers) {
  const Network net = network();
  const auto file = folder / "model.pt";
  net.save(file, {{"sonoforge.json", "{\"task\": \"segmentation\"}"}, {"train.yaml", "epochs: 3\n"}});
  std::map<std::string, std::string> metadata;
  const Network back = Network::load(file, metadata);
  EXPECT_EQ(metadata["train.yaml"], "epochs: 3\n");
  EXPECT_EQ(back.parameters(), net.parameters());
  EXPECT_EQ(back.outputs(images, shape), net.outputs(images, shape));
  net.save(folder / "again.pt", {{"sonoforge.json", "{\"task\": \"segmentation\"}"}, {"train.yaml", "epochs: 3\n"}});
  EXPECT_EQ(bytes(folder / "again.pt"), bytes(file));

  put(folder / "broken.pt", bytes(file).substr(0, 1000));
  EXPECT_NE(error_of([&] { Network::load(folder / "broken.pt", metadata); }).find("not a model"), std::string::npos);
  put(folder / "text.pt", "hello");
  EXPECT_NE(error_of([&] { Network::load(folder / "text.pt", metadata); }).find("not a model"), std::string::npos);
  EXPECT_NE(error_of([&] { Network::load(folder / "missing.pt", metadata); }), "no error");
}

}  // namespace
}  // namespace sonoforge
