#include "ai/validate.hpp"

#include <gtest/gtest.h>

#include "io/csv.hpp"
#include "ai/dataset.hpp"
#include "ai/train.hpp"
#include "core/progress.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"
#include "tests/torch/disc_data.hpp"

namespace sonoforge {
namespace {

class ValidateLineTest : public TestFolder {};

TEST_F(ValidateLineTest, JudgesATrainedModelByItsGates) {
  set_quiet(true);
  write_disc_data(folder / "data", 32, 2);
  TrainConfig training;
  ConfigTree::parse("data: " + (folder / "data").string() + "\nmodel: {width: 4, depth: 2}\noptimizer: {learning_rate: 1e-2}\nbatch: 4\nimage_size: [32, 32]\nepochs: 10\n").read(training);
  train(training, folder / "model", false);
  auto run = [&](const std::string& gate, const std::string& out) {
    ValidateConfig config;
    ConfigTree::parse("data: " + (folder / "data").string() + "\nmodel: " + (folder / "model" / "model.pt").string() +
                      "\nsubgroups: [{factor: lesion_radius, edges: [3.5 mm]}, {factor: side}]\ngates: [{metric: dice, at_least: " + gate + "}]\n")
        .read(config);
    return validate(config, folder / out);
  };
  const auto good = run("0.7", "good");
  EXPECT_TRUE(good.passed());
  EXPECT_EQ(good.cases.size(), 16u);
  EXPECT_EQ(good.groups.size(), 25u);  // all, two sizes, two sides, in five metrics
  EXPECT_FALSE(run("0.999", "bad").passed());
  // IoU follows from Dice case by case: D / (2 - D).
  for (const auto& one : good.cases) EXPECT_NEAR(one.metrics[1], one.metrics[0] / (2 - one.metrics[0]), 1e-12);
  // The drawn discs have radii from 2 to 5 mm, an area of 12 to 79 square millimetres.
  for (const auto& one : good.cases) {
    EXPECT_GT(one.truth, 11e-6);
    EXPECT_LT(one.truth, 80e-6);
    // The common area is at most the smaller of both.
    EXPECT_LE(one.metrics[0], 2 * std::min(one.truth, one.predicted) / (one.truth + one.predicted) + 1e-9);
  }
  EXPECT_EQ(parse_csv(bytes(folder / "good" / "cases.csv"), "cases.csv").size(), 17u);
  const auto page = bytes(folder / "good" / "report.html");
  EXPECT_NE(page.find("trained on the training patients of this same data set"), std::string::npos);
  EXPECT_NE(page.find("Worst 1: patient_"), std::string::npos);
  // The same request gives the same bytes.
  run("0.7", "again");
  EXPECT_EQ(bytes(folder / "again" / "report.html"), page);
}

}  // namespace
}  // namespace sonoforge
