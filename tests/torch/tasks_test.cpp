#include <gtest/gtest.h>

#include "ai/predict.hpp"
#include "ai/train.hpp"
#include "ai/validate.hpp"
#include "core/progress.hpp"
#include "io/config.hpp"
#include "io/csv.hpp"
#include "tests/io/test_folder.hpp"
#include "tests/torch/disc_data.hpp"

namespace sonoforge {
namespace {

/// Every task from its config to the report of `validate`, on discs 20 dB darker than the noise around them.
class TasksTest : public TestFolder {
 protected:
  void SetUp() override {
    TestFolder::SetUp();
    set_quiet(true);
    write_disc_data(folder / "data", 40, 2);
  }
  TrainResult train_on(const std::string& text) {
    TrainConfig config;
    ConfigTree::parse("data: " + (folder / "data").string() + "\nimage_size: [32, 32]\nbatch: 8\nseed: 2\n" + text).read(config);
    return train(config, folder / "model", false);
  }
  Evaluation judge(const std::string& text) {
    ValidateConfig config;
    ConfigTree::parse("data: " + (folder / "data").string() + "\nmodel: " + (folder / "model" / "model.pt").string() + "\n" + text).read(config);
    return validate(config, folder / "report");
  }
  static double value(const Evaluation& evaluation, const std::string& metric) {
    for (const auto& group : evaluation.groups)
      if (group.metric == metric && group.group == "all") return group.estimate.value;
    ADD_FAILURE() << "no metric " << metric;
    return 0;
  }
};

TEST_F(TasksTest, Classification) {
  // Which half of the image the disc is in; alterations that mirror would change the truth.
  const auto result = train_on("task: {type: classification, truth: side, positive: [left]}\nflip: off\nepochs: 15\nbalanced: on\n"
                               "model: {type: encoder, width: 4, depth: 3, hidden: 8}\noptimizer: {learning_rate: 1e-2}\ncalibrate: on\n");
  EXPECT_EQ(result.score_name, "auc");
  const auto report = judge("task: classification\ntruth: side\npositive: [left]\nmetrics: [auc, brier]\n");
  // Only discs within a pixel of the middle can be mistaken: 40 of 0.4 of the width, or 6 % of them.
  EXPECT_GT(value(report, "auc"), 0.93);
  const auto table = parse_csv(bytes(folder / "report" / "predictions" / "predictions.csv"), "predictions.csv");
  EXPECT_EQ(table.size(), 21u);
  EXPECT_EQ(table[0].cells, (std::vector<std::string>{"id", "prediction", "left"}));
}

TEST_F(TasksTest, MeasurementWithItsOwnSpread) {
  train_on("task: {type: measurement, truth: [lesion_radius]}\nloss: heteroscedastic\nepochs: 40\n"
           "model: {type: encoder, width: 4, depth: 3, hidden: 16}\noptimizer: {learning_rate: 1e-2}\nclip: 5\n");
  const auto report = judge("task: measurement\ntruth: lesion_radius\nmetrics: [mae, bias]\n");
  // Radii are uniform from 2 to 5 mm: the mean alone would err by 0.75 mm on average. A pixel is 0.6 mm wide.
  EXPECT_LT(value(report, "mae"), 0.4e-3);
  const auto table = parse_csv(bytes(folder / "report" / "predictions" / "predictions.csv"), "predictions.csv");
  EXPECT_EQ(table[0].cells, (std::vector<std::string>{"id", "prediction [m]", "lesion_radius", "lesion_radius deviation"}));
  for (std::size_t r = 1; r < table.size(); ++r) EXPECT_GT(std::stod(table[r].cells[3]), 0);
}

TEST_F(TasksTest, MeasurementThroughTheMask) {
  train_on("task: {type: segmentation, measure: diameter}\nepochs: 15\nmodel: {width: 4, depth: 2, dropout: 0.1}\n"
           "optimizer: {learning_rate: 1e-2}\ndropout_samples: 4\nbaseline: on\n");
  const auto files = predict_files(folder / "model" / "model.pt", {folder / "data" / "samples" / "patient_3_0.hdf5"}, folder / "one");
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(std::filesystem::exists(folder / "one" / "predictions.csv"));
  EXPECT_TRUE(std::filesystem::exists(folder / "one" / "patient_3_0_deviation.hdf5"));
  // Without a network: its masks are judged like any predictions.
  ValidateConfig classical;
  ConfigTree::parse("data: " + (folder / "data").string() + "\npredictions: " + (folder / "model" / "baseline").string() + "\nlabel: lesion\nmetrics: [dice]\n").read(classical);
  EXPECT_GT(value(validate(classical, folder / "classical"), "dice"), 0.7);
  // The area of the disc 3.14 r^2 is what its mask has.
  const auto report = judge("task: segmentation\nmetrics: [dice]\n");
  EXPECT_GT(value(report, "dice"), 0.85);
  const auto data = Dataset::open(folder / "data");
  const auto test = data.rows_of("test");
  const auto predicted = predict_set(Predictor(folder / "model" / "model.pt"), data, test, folder / "all");
  double error = 0;
  for (std::size_t i = 0; i < test.size(); ++i)
    error += std::abs(predicted[i].values.at(0) - 2 * std::stod(data.manifest.rows[test[i]].factors[0])) / static_cast<double>(test.size());
  EXPECT_LT(error, 0.8e-3);
  // The ruler reads the true masks: 3.14 r^2 in pixels of 0.5 mm, some hundredths of a millimetre off. What is left is the reader's.
  const auto measures = judge("task: measurement\ntruth: lesion_radius\nmetrics: [mae, ruler, reader]\n");
  EXPECT_LE(value(measures, "mae"), value(measures, "ruler") + value(measures, "reader") + 1e-12);
}

TEST_F(TasksTest, MeasurementBesideItsBaseline) {
  train_on("task: {type: measurement, truth: [lesion_radius]}\nepochs: 1\nmodel: {type: encoder, width: 2, depth: 2}\nbaseline: on\nbaseline_classes: [lesion]\n");
  ValidateConfig classical;
  ConfigTree::parse("data: " + (folder / "data").string() + "\npredictions: " + (folder / "model" / "baseline").string() +
                    "\ntask: measurement\ntruth: lesion_radius\nmetrics: [mae]\n").read(classical);
  // Outlines of discs 20 dB darker than their surroundings err by less than a pixel (0.6 mm) of the radius.
  EXPECT_LT(value(validate(classical, folder / "classical"), "mae"), 0.4e-3);
}

TEST_F(TasksTest, Map) {
  const auto result = train_on("task: {type: map, label: sound_speed}\nepochs: 15\nmodel: {width: 4, depth: 2}\noptimizer: {learning_rate: 1e-2}\n");
  EXPECT_EQ(result.score_name, "mae");
  const auto report = judge("task: map\nlabel: sound_speed\nmetrics: [rmse, bias]\n");
  // 100 m/s between disc and background; a disc takes 3 to 20 % of the image, so the mean alone errs by some 30 m/s RMS.
  EXPECT_LT(value(report, "rmse"), 20);
  // Its picture is drawn by whom the program names, with title and unit.
  std::string drawn;
  float least = 1e9F;
  predict_files(Predictor(folder / "model" / "model.pt"), {folder / "data" / "samples" / "patient_3_0.hdf5"}, folder / "one",
                [&](const RealMap& map, const std::string& unit, const std::string& title) {
                  drawn = title + " [" + unit + "]";
                  least = *std::min_element(map.values.flat().begin(), map.values.flat().end());
                  return Picture{2, 1, 1, {0, 255}};
                });
  EXPECT_EQ(drawn, "sound_speed [m/s]");
  EXPECT_GT(least, 1000);
  // The width stands in bytes 16 to 19.
  EXPECT_EQ(bytes(folder / "one" / "patient_3_0.png").substr(16, 4), std::string("\0\0\0\2", 4));
}

TEST_F(TasksTest, Detection) {
  const auto result = train_on("task: detection\nepochs: 25\nmodel: {type: detector, width: 4, depth: 3}\noptimizer: {learning_rate: 1e-2}\n");
  EXPECT_EQ(result.score_name, "average_precision");
  const auto report = judge("task: detection\nmetrics: [froc, average_precision]\noptions: {tolerance: 1 mm}\n");
  EXPECT_GT(value(report, "average_precision"), 0.8);
  const auto table = parse_csv(bytes(folder / "report" / "predictions" / "marks.csv"), "marks.csv");
  EXPECT_EQ(table[0].cells, (std::vector<std::string>{"id", "x [m]", "z [m]", "score", "width [m]", "height [m]"}));
}

TEST_F(TasksTest, Quality) {
  const auto result = train_on("task: {type: quality, metric: gcnr}\nepochs: 4\nmodel: {type: encoder, width: 4, depth: 3}\n");
  // gCNR lies between 0 and 1.
  EXPECT_LT(result.best_score, 0.3);
}

TEST_F(TasksTest, MistakesAreTold) {
  const auto error = [&](const std::string& text) { return error_of([&] { train_on(text); }); };
  EXPECT_NE(error("task: {type: classification, truth: colour, positive: [red]}\n").find("no factor 'colour'"), std::string::npos);
  EXPECT_NE(error("task: {type: classification, truth: side, positive: [up]}\nmodel: {type: encoder, depth: 2, width: 2}\n").find("of one class"), std::string::npos);
  EXPECT_NE(error("task: {type: map, label: density}\nmodel: {width: 2, depth: 2}\n").find("no map 'density'"), std::string::npos);
  EXPECT_NE(error("task: {type: segmentation, input: rf}\nmodel: {width: 2, depth: 2}\n").find("no channel data"), std::string::npos);
  EXPECT_NE(error("task: segmentation\nloss: huber\n").find("does not fit"), std::string::npos);
  EXPECT_NE(error("task: {type: measurement, truth: [lesion_radius]}\nbaseline: on\n").find("what does the baseline measure"), std::string::npos);
  EXPECT_NE(error("task: segmentation\nframes: 3\nmodel: {width: 2, depth: 2}\n").find("it has 1 frames"), std::string::npos);
  EXPECT_NE(error("task: segmentation\nmodel: visits\n").find("learns the task survival alone"), std::string::npos);
  EXPECT_NE(error("task: segmentation\nmodel: encoder\n").find("answers once for the whole image"), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
