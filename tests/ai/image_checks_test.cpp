#include "ai/image_checks.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "ai/external_program.hpp"
#include "core/normal_distribution.hpp"
#include "core/random.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

/// Speckle: independent Rayleigh amplitudes, in dB below the brightest.
RealMap speckle(std::uint64_t patient, double slope_db) {
  PixelGrid grid;
  grid.x = {0, 1e-4, 60};
  grid.z = {0, 1e-4, 80};
  RealMap map(grid);
  RandomStream random(1, patient, "speckle");
  float top = -1000;
  for (std::size_t z = 0; z < 80; ++z)
    for (std::size_t x = 0; x < 60; ++x) {
      map.values(z, 0, x) =
          static_cast<float>(10 * std::log10(-std::log(random.uniform())) - slope_db * static_cast<double>(z) / 80);
      top = std::max(top, map.values(z, 0, x));
    }
  for (auto& value : map.values.flat()) value -= top;
  return map;
}

TEST(ImageFeatures, KnowSpeckle) {
  const auto features = image_features(speckle(0, 0));
  // Rayleigh: mean over deviation sqrt(pi / (4 - pi)) = 1.913; 4800 independent values: 1 % and a little.
  EXPECT_NEAR(features(7), 1.913, 0.08);
  // Independent pixels: correlations within four times 1 / sqrt(4800).
  EXPECT_NEAR(features(4), 0, 0.06);
  EXPECT_NEAR(features(5), 0, 0.06);
  EXPECT_NEAR(features(6), 0, 0.06);
  // Standard deviation of log-compressed speckle: 5.57 dB.
  EXPECT_NEAR(features(1), 5.57, 0.25);
}

TEST(OutOfDistribution, ScoresFollowTheirLaw) {
  // Normal features, 400 for training: left-out distances are nearly chi-square with 9 degrees of freedom (mean 9, 95 %
  // point 16.9), and distances of fresh ones have the same law; a shift of three deviations is told.
  RandomStream random(2, 0, "features");
  const auto draw = [&](double shift) {
    Eigen::VectorXd one(9);
    for (auto& value : one) value = 5 * random.normal();
    one(3) += 0.8 * one(2) + 5 * shift;
    return one;
  };
  std::vector<Eigen::VectorXd> training;
  for (int i = 0; i < 400; ++i) training.push_back(draw(0));
  const OutOfDistribution reference(training);
  std::vector<double> fresh, shifted;
  for (int i = 0; i < 400; ++i) {
    fresh.push_back(reference.score(draw(0)));
    shifted.push_back(reference.score(draw(3)));
  }
  // The estimated covariance adds about 2 p / n = 5 %; the mean of 400 chi-square values has an error of 2.4 %.
  EXPECT_NEAR(quantile(reference.training_scores(), 0.95) / 16.9, 1, 0.2);
  double mean = 0;
  for (const double value : fresh) mean += value / 400;
  EXPECT_NEAR(mean / 9, 1.05, 0.12);
  EXPECT_NEAR(membership_area(fresh, reference.training_scores()).value, 0.5, 0.085);
  EXPECT_GT(membership_area(shifted, fresh).value, 0.8);
  // Left out means left out: the same as a reference made without the first.
  const OutOfDistribution without(std::vector<Eigen::VectorXd>(training.begin() + 1, training.end()));
  EXPECT_NEAR(reference.training_scores()[0] / without.score(training[0]), 1, 0.01);
}

TEST(OutOfDistribution, TellsAnotherDepthGain) {
  std::vector<Eigen::VectorXd> training;
  for (std::uint64_t p = 0; p < 40; ++p) training.push_back(image_features(speckle(p, 3)));
  const OutOfDistribution reference(training);
  const double limit = quantile(reference.training_scores(), 0.95);
  EXPECT_GT(reference.score(image_features(speckle(100, 9))), 2 * limit);
  int beyond = 0;
  for (std::uint64_t p = 200; p < 240; ++p) beyond += reference.score(image_features(speckle(p, 3))) > limit;
  EXPECT_LE(beyond, 10);  // 5 % of 40 expected; the limit itself comes from 40 images
}

TEST(Membership, AreaHasTheClosedForm) {
  // Normal scores one deviation apart: Phi(1 / sqrt 2) = 0.760.
  RandomStream random(3, 0, "members");
  std::vector<double> members, others;
  for (int i = 0; i < 2000; ++i) members.push_back(random.normal() + 1), others.push_back(random.normal());
  const auto found = membership_area(members, others);
  EXPECT_NEAR(found.value, normal_probability(1 / std::sqrt(2.0)), 4 * found.standard_error);
  EXPECT_LT(found.interval.low, found.value);
  EXPECT_TRUE(std::isnan(membership_area({1}, others).value));
}

class ProgramTest : public TestFolder {};

TEST_F(ProgramTest, ArgumentsArriveAsTheyStand) {
  // No shell: quotes, spaces, dollars, semicolons and new lines are characters like others.
  const std::string hostile = "a b'\"$HOME; echo no\n*";
  const auto run = run_program({"printf", "%s", hostile}, 10);
  EXPECT_EQ(run.code, 0);
  EXPECT_EQ(run.out, hostile);
  EXPECT_EQ(run_program({"sh", "-c", "echo bad >&2; exit 7"}, 10).code, 7);
  EXPECT_EQ(run_program({"sh", "-c", "echo bad >&2; exit 7"}, 10).error, "bad\n");
  EXPECT_EQ(run_program({"sh", "-c", "kill -9 $$"}, 10).code, 137);
  EXPECT_NE(error_of([] { run_program({"/no/such/program"}, 1); }).find("cannot be started"), std::string::npos);
}

TEST_F(ProgramTest, TimeLimitEndsItAndItsChildren) {
  const auto start = std::chrono::steady_clock::now();
  const auto run = run_program({"sh", "-c", "sleep 60 & sleep 60"}, 0.2);
  EXPECT_TRUE(run.timed_out);
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 20);
}

TEST_F(ProgramTest, PredictionsOfEveryCaseOrAnError) {
  Dataset data;
  data.folder = folder;
  for (const char* id : {"one", "it's two"}) {
    ManifestRow row;
    row.id = id;
    row.patient = id;
    row.file = std::string(id) + ".hdf5";
    data.manifest.rows.push_back(row);
  }
  ValidateConfig config;
  config.task = ValidationTask::classification;
  config.program = {"sh", "-c", "echo reading \"$1\"; echo 0.25", "sh", "{input}"};
  predict_with_program(config, data, {0, 1}, folder / "out");
  EXPECT_EQ(bytes(folder / "out/predictions.csv"), "id,prediction\none,0.25\nit's two,0.25\n");
  config.program = {"sh", "-c", "echo none"};
  EXPECT_NE(error_of([&] { predict_with_program(config, data, {0}, folder / "out"); }).find("did not print a number"),
            std::string::npos);
  config.task = ValidationTask::segmentation;
  config.program = {"sh", "-c", "echo mask > \"$1\".png", "sh", "{output}"};
  predict_with_program(config, data, {0, 1}, folder / "masks");
  EXPECT_EQ(bytes(folder / "masks/it's two.png"), "mask\n");
  // A mask of an earlier run does not count.
  config.program = {"true"};
  EXPECT_NE(error_of([&] { predict_with_program(config, data, {1}, folder / "masks"); }).find("wrote no prediction"),
            std::string::npos);
  config.program = {"sh", "-c", "echo out of memory >&2; exit 3"};
  EXPECT_NE(error_of([&] {
              predict_with_program(config, data, {1}, folder / "masks");
            }).find("ended with exit code 3; its last words: out of memory"),
            std::string::npos);
}

}  // namespace
}  // namespace sonoforge
