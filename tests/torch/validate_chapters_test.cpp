#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ai/train.hpp"
#include "ai/validate.hpp"
#include "core/progress.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"
#include "tests/torch/disc_data.hpp"

namespace sonoforge {
namespace {

class ValidateChaptersTest : public TestFolder {};

TEST_F(ValidateChaptersTest, PrivacyImagesAndCardAreInTheReport) {
  set_quiet(true);
  write_disc_data(folder / "data", 48, 1);
  TrainConfig training;
  ConfigTree::parse(
      "data: " + (folder / "data").string() +
      "\nmodel: {width: 4, depth: 2}\noptimizer: {learning_rate: 1e-2}\nbatch: 4\nimage_size: [32, 32]\nepochs: 4\n")
      .read(training);
  train(training, folder / "model", false);
  ValidateConfig config;
  ConfigTree::parse("data: " + (folder / "data").string() + "\nmodel: " + (folder / "model" / "model.pt").string() +
                    "\nmetrics: [dice]\nprivacy: on\nplan: {patients: 20, deviation: 0.05}\nresamples: 200\n")
      .read(config);
  ValidateConfig same = config;
  validate(config, folder / "report");
  const auto json = nlohmann::json::parse(bytes(folder / "report" / "report.json"));
  // Every disc has noise of its own: no copies, and the interval of an honest model holds 0.5 or lies near it.
  EXPECT_EQ(json["privacy"]["nearest_neighbour"]["copies"], 0);
  const auto& membership = json["privacy"]["membership_inference"];
  EXPECT_GT(membership["members"].get<int>(), 20);
  EXPECT_LT(membership["auc"]["low"].get<double>(), membership["auc"]["value"].get<double>());
  EXPECT_LT(membership["auc"]["low"].get<double>(), 0.6);
  EXPECT_GE(json["out_of_distribution"]["reference_images"].get<int>(), 10);
  EXPECT_EQ(json["plan"]["planned_patients"], 20);
  EXPECT_EQ(json["checklist"].size(), 44u + 52u + 48u);
  EXPECT_EQ(json["checklist"][0]["item"], "1");
  const auto page = bytes(folder / "report" / "report.html");
  for (const char* chapter : {"Model card", "Privacy", "Out of distribution", "Checklist", "Plan"})
    EXPECT_NE(page.find("<h2>" + std::string(chapter)), std::string::npos) << chapter;
  // The same request gives the same bytes.
  validate(same, folder / "again");
  EXPECT_TRUE(bytes(folder / "again" / "report.json") == bytes(folder / "report" / "report.json"));
}

}  // namespace
}  // namespace sonoforge
