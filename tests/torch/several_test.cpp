#include "ai/several.hpp"

#include <gtest/gtest.h>

#include "ai/predict.hpp"
#include "ai/train.hpp"
#include "ai/torch/checkpoint.hpp"
#include "ai/validate.hpp"
#include "core/progress.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"
#include "tests/torch/disc_data.hpp"

namespace sonoforge {
namespace {

class SeveralTest : public TestFolder {
 protected:
  void SetUp() override {
    TestFolder::SetUp();
    set_quiet(true);
    write_disc_data(folder / "data", 40, 2);
  }
  TrainResult train_on(const std::string& heads, const std::string& name, const std::string& more) {
    TrainConfig config;
    ConfigTree::parse(
        "data: " + (folder / "data").string() +
        "\nimage_size: [32, 32]\nbatch: 8\nseed: 2\nmodel: {width: 4, depth: 2}\ntask:\n  type: several\n  heads:\n" +
        heads + more)
        .read(config);
    return train(config, folder / name, false);
  }
  double judged(const std::string& head, const std::string& text, const std::string& metric) {
    ValidateConfig config;
    ConfigTree::parse("data: " + (folder / "data").string() +
                      "\nmodel: " + (folder / "both" / "heads" / head / "model.pt").string() + "\n" + text)
        .read(config);
    for (const auto& group : validate(config, folder / ("report_" + head)).groups)
      if (group.metric == metric && group.group == "all") return group.estimate.value;
    ADD_FAILURE() << "no metric " << metric;
    return 0;
  }
  static constexpr const char* outline =
      "    - {name: outline, weight: 1, task: {type: segmentation, label: lesion}}\n";
};

TEST_F(SeveralTest, AHeadOfWeightZeroChangesNothing) {
  const auto alone = train_on(outline, "alone", "epochs: 3\n");
  const auto both = train_on(
      std::string(outline) + "    - {name: size, weight: 0, task: {type: measurement, truth: [lesion_radius]}}\n",
      "both", "epochs: 3\n");
  ASSERT_EQ(alone.history.size(), both.history.size());
  for (std::size_t e = 0; e < alone.history.size(); ++e) {
    EXPECT_EQ(alone.history[e].training_loss, both.history[e].training_loss);
    EXPECT_EQ(alone.history[e].validation_score, both.history[e].validation_score);
  }
  // The trunk and the head come first: the same bits.
  const auto a = read_checkpoint(folder / "alone" / "checkpoints" / "last.hdf5", alone.parameters);
  const auto b = read_checkpoint(folder / "both" / "checkpoints" / "last.hdf5", both.parameters);
  EXPECT_TRUE(std::equal(a.parameters.begin(), a.parameters.end(), b.parameters.begin()));
}

TEST_F(SeveralTest, EveryHeadLearnsIsWrittenAndJudged) {
  train_on(std::string(outline) +
               "    - {name: size, weight: 0.5, task: {type: measurement, truth: [lesion_radius]}}\n"
               "    - {name: speed, weight: 0.5, task: {type: map, label: sound_speed}}\n",
           "both", "epochs: 25\noptimizer: {learning_rate: 1e-2}\nclip: 5\n");
  EXPECT_GT(judged("outline", "task: segmentation\nmetrics: [dice]\n", "dice"), 0.85);
  // The mean alone would err by 0.75 mm and by some 30 m/s.
  EXPECT_LT(judged("size", "task: measurement\ntruth: lesion_radius\nmetrics: [mae]\n", "mae"), 0.5e-3);
  EXPECT_LT(judged("speed", "task: map\nlabel: sound_speed\nmetrics: [rmse]\n", "rmse"), 25);
  // The whole model has the heads' answers one after the other.
  const Predictor whole(folder / "both" / "model.pt");
  const auto heads = head_models(Predictor(folder / "both" / "model.pt"), folder / "both" / "model.pt");
  ASSERT_EQ(heads.size(), 3u);
  const Dataset data = Dataset::open(folder / "data");
  const auto content = data.content(3);
  const auto all = whole.answer(content, "sample");
  std::size_t at = 0;
  for (const auto& [name, file] : heads)
    for (const float value : Predictor(file).answer(content, "sample").values)
      EXPECT_EQ(value, all.values.at(at++)) << name;
  EXPECT_EQ(at, all.values.size());
}

TEST_F(SeveralTest, EnsemblesHaveHeadsToo) {
  train_on(outline, "both", "epochs: 1\nmembers: 2\n");
  const auto heads = head_models(Predictor(folder / "both" / "model.pt"), folder / "both" / "model.pt");
  ASSERT_EQ(heads.size(), 1u);
  const auto content = Dataset::open(folder / "data").content(0);
  EXPECT_FALSE(Predictor(heads[0].second).answer(content, "sample").deviation.empty());
}

TEST_F(SeveralTest, MistakesAreTold) {
  const auto error = [&](const std::string& heads, const std::string& more = "") {
    return error_of([&] { train_on(heads, "model", more); });
  };
  EXPECT_NE(error("    - {name: a b, task: {type: segmentation}}\n").find("is no name"), std::string::npos);
  EXPECT_NE(error(std::string(outline) + outline).find("two heads are called 'outline'"), std::string::npos);
  EXPECT_NE(error("    - {name: marks, task: {type: detection}}\n").find("cannot be a head"), std::string::npos);
  EXPECT_NE(error("    - {name: a, weight: 0, task: {type: segmentation}}\n").find("all weights are zero"),
            std::string::npos);
  EXPECT_NE(error("    - {name: a, task: {type: segmentation}, loss: huber}\n").find("does not fit"),
            std::string::npos);
  EXPECT_NE(error(outline, "loss: dice\n").find("have a loss each"), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
