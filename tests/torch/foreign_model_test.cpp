// TorchScript files made elsewhere whose answer is known in closed form: a threshold of the image, and what follows
// from it.
#include "ai/foreign_model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>

#include "ai/classification_metrics.hpp"
#include "ai/dataset.hpp"
#include "ai/predict.hpp"
#include "ai/segmentation_metrics.hpp"
#include "ai/torch/network.hpp"
#include "ai/validate.hpp"
#include "core/progress.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"
#include "tests/torch/disc_data.hpp"

namespace sonoforge {
namespace {

constexpr double threshold_db = -27.3;

/// No pixel is so near to the threshold that rounding to float could tell.
bool dark(double level) {
  EXPECT_GT(std::abs(level - threshold_db), 1e-4);
  return level < threshold_db;
}

class ForeignModelTest : public TestFolder {
 protected:
  void SetUp() override {
    TestFolder::SetUp();
    set_quiet(true);
    write_disc_data(folder / "data", 32, 2);
  }
  /// A module with this body of `forward(self, x)`, and nothing else in the file.
  std::filesystem::path module(const std::string& body) {
    NetworkSource source;
    source.script = "def forward(self, x):\n" + body;
    const auto file = folder / "theirs.pt";
    Network(source, RandomStream(1, 0, "none")).save(file, {});
    return file;
  }
  std::string config_text(const std::string& rest) {
    return "data: " + (folder / "data").string() + "\nmodel: " + (folder / "theirs.pt").string() + "\n" + rest;
  }
  Evaluation judged(const std::string& rest) {
    const ConfigTree tree = ConfigTree::parse(config_text(rest), "theirs.yaml");
    ValidateConfig config;
    tree.read(config);
    Evaluation result;
    tree.locate("", [&] { result = validate(config, folder / "out"); });
    return result;
  }
  std::string mistake(const std::string& rest) {
    try {
      judged(rest);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no mistake";
  }
  void for_test_cases(const std::function<void(std::size_t, std::size_t, const LabelledImage&)>& work) {
    const Dataset data = Dataset::open(folder / "data");
    std::size_t i = 0;
    for (const auto row : data.rows_of("test")) work(i++, row, data.read(row, "lesion"));
    EXPECT_EQ(i, 16u);
  }
  /// Dice of every case is that of the threshold itself.
  void expect_threshold(const Evaluation& found) {
    ASSERT_EQ(found.cases.size(), 16u);
    for_test_cases([&](std::size_t i, std::size_t row, const LabelledImage& sample) {
      std::vector<std::uint8_t> mask;
      for (const float level : sample.image.values.flat()) mask.push_back(dark(double{level}));
      EXPECT_EQ(found.cases[i].row, row);
      EXPECT_EQ(found.cases[i].metrics[0], dice(mask, sample.mask));
      const auto& grid = sample.image.grid;
      EXPECT_EQ(found.cases[i].metrics[1],
                mask_metric("iou", mask, sample.mask, {{grid.z.count, grid.x.count}, {grid.z.step, grid.x.step}}, {}));
    });
  }
};

TEST_F(ForeignModelTest, ThresholdOfDecibelsGivesTheMetricsOfTheThreshold) {
  module("    return -27.3 - x\n");
  expect_threshold(
      judged("label: lesion\nmetrics: [dice, iou]\ntorchscript: {input: {size: [40, 40], levels: [-60, 0]}}\n"));
}

TEST_F(ForeignModelTest, AxesNormalisationAndClassesAreAsDescribed) {
  // Three equal channels, depth and lateral exchanged, no batch axis; softmax of two classes, the second is the lesion.
  const double limit = ((1 + threshold_db / 60) - 0.5) / 0.25;
  module("    dark = torch.lt(x[2], " + std::to_string(limit) +
         ").float()\n    other = torch.zeros_like(dark)\n    return {'aux': other, 'out': torch.stack([other, 2.0 * "
         "dark - 1.0], 2)}\n");
  const std::string input =
      "torchscript:\n  input: {size: [40, 40], copies: 3, mean: [0.1, 0.2, 0.5], deviation: 0.25, axes: [channel, "
      "lateral, depth]}\n";
  const std::string text = "label: lesion\nmetrics: [dice, iou]\n";
  expect_threshold(
      judged(text + input + "  output: {item: out, classes: [background, lesion], axes: [lateral, depth, channel]}\n"));

  EXPECT_NE(mistake(text + input + "  output: {classes: [background, lesion], axes: [lateral, depth, channel]}\n")
                .find("Name its key"),
            std::string::npos);
  const auto swapped =
      mistake(text + input + "  output: {item: out, classes: [background, cyst], axes: [lateral, depth, channel]}\n");
  EXPECT_NE(swapped.find("theirs.yaml:7:"), std::string::npos) << swapped;
  EXPECT_NE(swapped.find("there is no 'lesion' among them"), std::string::npos) << swapped;
  const auto three = mistake(
      text + input + "  output: {item: out, classes: [background, lesion, cyst], axes: [lateral, depth, channel]}\n");
  EXPECT_NE(three.find("answers with 2 channels"), std::string::npos) << three;
  EXPECT_NE(three.find("theirs.yaml:7:"), std::string::npos) << three;
}

TEST_F(ForeignModelTest, ProbabilityOfAClassRanksAsItsScore) {
  // The disc is dark: left cases have the darker left half.
  module(
      "    half = x[:, 0, :, :20].mean([1, 2]) - x[:, 0, :, 20:].mean([1, 2])\n    return "
      "torch.sigmoid(-half).unsqueeze(1)\n");
  const auto found = judged(
      "task: classification\ntruth: side\npositive: [left]\nmetrics: [auc]\ntorchscript: {input: {size: [40, 40], "
      "levels: [-60, 0]}, output: {kind: probabilities}}\n");
  std::vector<double> scores;
  std::vector<std::uint8_t> truth;
  const Dataset data = Dataset::open(folder / "data");
  for_test_cases([&](std::size_t i, std::size_t row, const LabelledImage& sample) {
    double difference = 0;
    for (std::size_t p = 0; p < 1600; ++p)
      difference += (p % 40 < 20 ? -1 : 1) * std::max(-60.0, double{sample.image.values.data()[p]}) / 800;
    scores.push_back(difference);
    truth.push_back(data.manifest.rows[row].factors[static_cast<std::size_t>(data.manifest.factor("side"))] == "left");
    // Sums of 800 numbers of about 20 in float: an error of 1e-4 at most.
    EXPECT_NEAR(found.cases[i].predicted, 1 / (1 + std::exp(-difference)), 1e-4);
  });
  EXPECT_EQ(found.groups.front().estimate.value, roc_curve(scores, truth).area());
  EXPECT_NE(mistake("task: classification\ntruth: side\npositive: [left]\ntorchscript: {input: {size: [40, 40]}, "
                    "output: {kind: probabilities, classes: [right, wrong]}}\n")
                .find("there is no 'left' among them"),
            std::string::npos);
}

TEST_F(ForeignModelTest, NumbersAreJudgedInTheirUnit) {
  // Radius of the circle of the dark area; a pixel has 0.25 mm^2.
  module("    return torch.sqrt(torch.lt(x, -27.3).float().sum() * 0.25 / 3.14159265358979)\n");
  const std::string text =
      "task: measurement\ntruth: lesion_radius\nmetrics: [mae, bias]\ntorchscript: {input: {size: [40, 40], levels: "
      "[-60, 0]}, output: {kind: values, unit: ";
  const auto found = judged(text + "mm}}\n");
  for_test_cases([&](std::size_t i, std::size_t, const LabelledImage& sample) {
    double area = 0;
    for (const float level : sample.image.values.flat()) area += dark(double{level}) ? 0.25e-6 : 0;
    // Float in the module, and as the tables hold it.
    EXPECT_NEAR(found.cases[i].predicted, std::sqrt(area / std::numbers::pi), 1e-6 * found.cases[i].predicted);
    EXPECT_NEAR(found.cases[i].metrics[0], std::abs(std::sqrt(area / std::numbers::pi) - found.cases[i].truth), 1e-8);
  });
  const auto wrong = mistake(text + "MHz}}\n");
  EXPECT_NE(wrong.find("theirs.yaml:6:"), std::string::npos) << wrong;
  EXPECT_NE(wrong.find("they measure different things"), std::string::npos) << wrong;
  EXPECT_NE(mistake(text + "furlong}}\n").find("no unit that is known"), std::string::npos);
}

TEST_F(ForeignModelTest, MapsAreJudgedPixelByPixel) {
  module("    return 1500.0 + 100.0 * torch.lt(x, -27.3).float()\n");
  const auto found = judged(
      "task: map\nlabel: sound_speed\nmetrics: [rmse, bias]\ntorchscript: {input: {size: [40, 40], levels: [-60, 0]}, "
      "output: {kind: values, unit: m/s}}\n");
  for_test_cases([&](std::size_t i, std::size_t, const LabelledImage& sample) {
    double squares = 0, sum = 0;
    for (std::size_t p = 0; p < 1600; ++p) {
      const double error = 100.0 * (int{dark(double{sample.image.values.data()[p]})} - int{sample.mask[p] != 0});
      squares += error * error / 1600, sum += error / 1600;
    }
    EXPECT_NEAR(found.cases[i].metrics[0], std::sqrt(squares), 1e-9);
    EXPECT_NEAR(found.cases[i].metrics[1], sum, 1e-9);
  });
}

TEST_F(ForeignModelTest, TellsWhereFileAndDescriptionDiffer) {
  const std::string seen = "label: lesion\ntorchscript:\n  input: {size: [40, 40], levels: [-60, 0]}\n";
  module("    return torch.conv2d(x, torch.ones([1, 3, 3, 3]), None, [1, 1], [1, 1], [1, 1], 1)\n");
  const auto colour = mistake(seen);
  EXPECT_NE(colour.find("theirs.yaml:5:"), std::string::npos) << colour;
  EXPECT_NE(colour.find("does not take a tensor of shape [1, 1, 40, 40]"), std::string::npos) << colour;
  EXPECT_EQ(colour.find("Traceback"), std::string::npos) << colour;
  module("    return -27.3 - x\n");
  const auto range = mistake(seen + "  output: {kind: probabilities}\n");
  EXPECT_NE(range.find("theirs.yaml:6:"), std::string::npos) << range;
  EXPECT_NE(range.find("a probability lies between 0 and 1"), std::string::npos) << range;
  module("    return x / 0.0\n");
  EXPECT_NE(mistake(seen).find("no numbers"), std::string::npos);
  module("    return x[:, :, 0, 0]\n");
  EXPECT_NE(mistake(seen).find("tensor of shape [1, 1]"), std::string::npos);
  EXPECT_NE(mistake(seen + "task: detection\n").find("Judge its results as 'predictions'"), std::string::npos);
  EXPECT_NE(mistake("label: lesion\ntorchscript: {input: {axes: [batch, depth]}}\n").find("no lateral axis"),
            std::string::npos);
  // Without a description the file is told apart from ours.
  EXPECT_NE(mistake("label: lesion\n").find("'torchscript'"), std::string::npos);
}

TEST_F(ForeignModelTest, PredictMarksTheSamePixels) {
  module("    return -27.3 - x\n");
  ForeignModel model;
  model.model = folder / "theirs.pt";
  model.torchscript.input.size = {40, 40};
  model.torchscript.input.levels = {-60, 0};
  const Predictor predictor(model);
  for_test_cases([&](std::size_t, std::size_t, const LabelledImage& sample) {
    const auto found = predictor.apply(sample.image);
    for (std::size_t p = 0; p < 1600; ++p) EXPECT_EQ(found.mask[p] != 0, dark(double{sample.image.values.data()[p]}));
  });
}

TEST_F(ForeignModelTest, TracedByPython) {
  const auto script = folder / "trace.py";
  write_file_atomically(script,
                        "import sys, torch\nclass Dark(torch.nn.Module):\n    def forward(self, x):\n        return "
                        "-27.3 - x\ntorch.jit.trace(Dark().eval(), torch.zeros(1, 1, 40, 40)).save(sys.argv[1])\n");
  if (std::system("/usr/bin/python3 -c 'import torch' > /dev/null 2>&1") != 0)
    GTEST_SKIP() << "Debian's python3-torch is not installed";
  ASSERT_EQ(std::system(("/usr/bin/python3 '" + script.string() + "' '" + (folder / "theirs.pt").string() +
                         "' > /dev/null 2>&1")
                            .c_str()),
            0);
  expect_threshold(
      judged("label: lesion\nmetrics: [dice, iou]\ntorchscript: {input: {size: [40, 40], levels: [-60, 0]}}\n"));
}

}  // namespace
}  // namespace sonoforge
