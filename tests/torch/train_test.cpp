#include "ai/train.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <sys/wait.h>
#include <thread>

#include "ai/dataset.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"
#include "tests/torch/disc_data.hpp"

namespace sonoforge {
namespace {

class TrainTest : public TestFolder {
 protected:
  void SetUp() override {
    TestFolder::SetUp();
    set_quiet(true);
    write_disc_data(folder / "data", 24);
  }
  TrainConfig config(const std::string& more = "") const {
    TrainConfig result;
    ConfigTree::parse("sonoforge: 1\ntask: {type: segmentation, input: image, label: lesion}\ndata: " + (folder / "data").string() +
                      "\nmodel: {type: unet, width: 4, depth: 2}\nloss: {type: dice_cross_entropy}\n"
                      "optimizer: {type: adamw, learning_rate: 1e-2}\nbatch: 4\nseed: 3\nimage_size: [32, 32]\n" + more)
        .read(result, {"sonoforge"});
    return result;
  }
};

TEST(AdamWTest, FirstStepsFollowTheFormula) {
  AdamW adam;
  adam.weight_decay = 0.1;
  std::vector<float> x{2, -1}, first(2), second(2);
  // The first step of Adam is the learning rate times the gradient's sign, whatever its size; decay takes rate * 0.1 * x.
  adam.step(x, {1e-3F, -50}, first, second, 1, 0.01);
  EXPECT_NEAR(x[0], 2 - 0.01 * (1 + 0.1 * 2), 1e-6);
  EXPECT_NEAR(x[1], -1 + 0.01 * (1 + 0.1 * 1), 1e-6);
  // With an unchanging gradient both corrected moments stay, so the second step is as long.
  const float before = x[0];
  adam.step(x, {1e-3F, -50}, first, second, 2, 0.01);
  EXPECT_NEAR(x[0], before - 0.01 * (1 + 0.1 * before), 1e-6);
}

TEST_F(TrainTest, LearnsDiscs) {
  auto c = config("epochs: 30\n");
  const auto result = train(c, folder / "out", false);
  ASSERT_EQ(result.history.size(), 30u);
  EXPECT_LT(result.history.back().training_loss, 0.7 * result.history.front().training_loss);
  // Discs 20 dB darker than Rayleigh noise at 32 x 32 pixels: an ideal observer that smooths marks them but for rims.
  EXPECT_GT(result.best_score, 0.85);
  EXPECT_GT(result.best_epoch, 0);
  const auto history = bytes(folder / "out" / "history.csv");
  EXPECT_EQ(std::count(history.begin(), history.end(), '\n'), 31);
  EXPECT_TRUE(std::filesystem::exists(folder / "out" / "model.pt"));
  // The resolved config reads back to itself.
  TrainConfig again;
  ConfigTree::load(folder / "out" / "train.yaml").read(again, {"sonoforge"});
  EXPECT_EQ(dump_config(again), bytes(folder / "out" / "train.yaml"));
  EXPECT_NE(error_of([&] { train(c, folder / "out", false); }).find("already holds a training"), std::string::npos);
  auto other = config("epochs: 31\n");
  EXPECT_NE(error_of([&] { train(other, folder / "out", true); }).find("another config"), std::string::npos);
}

TEST_F(TrainTest, SameBitsAgainWithOtherThreadsAndWhenKilledAndResumed) {
  if (const char* shared = std::getenv("SONOFORGE_TEST_FOLDER")) {
    // The child that is killed below.
    auto c = config("epochs: 30\n");
    c.data = std::filesystem::path(shared) / "data";
    train(c, std::filesystem::path(shared) / "killed", false);
    return;
  }
  auto c = config("epochs: 3\n");
  set_thread_count(1);
  train(c, folder / "one", false);
  const auto model = bytes(folder / "one" / "model.pt"), history = bytes(folder / "one" / "history.csv");
  set_thread_count(3);
  train(c, folder / "three", false);
  set_thread_count(0);
  EXPECT_EQ(bytes(folder / "three" / "model.pt"), model);

  // Killed as soon as the first epoch is on disk. The child is a fresh process: threads do not survive a fork.
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const pid_t child = fork();
  if (child == 0) {
    setenv("SONOFORGE_TEST_FOLDER", folder.c_str(), 1);
    execl(self.c_str(), self.c_str(), "--gtest_filter=TrainTest.SameBits*", static_cast<char*>(nullptr));
    _exit(1);
  }
  for (int i = 0; i < 3000 && !std::filesystem::exists(folder / "killed" / "checkpoints" / "last.hdf5"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  ASSERT_TRUE(std::filesystem::exists(folder / "killed" / "checkpoints" / "last.hdf5"));
  EXPECT_FALSE(std::filesystem::exists(folder / "killed" / "model.pt"));
  auto long_one = config("epochs: 30\n");
  train(long_one, folder / "killed", true);
  train(long_one, folder / "whole", false);
  EXPECT_EQ(bytes(folder / "killed" / "model.pt"), bytes(folder / "whole" / "model.pt"));
  EXPECT_EQ(bytes(folder / "killed" / "history.csv"), bytes(folder / "whole" / "history.csv"));
}

// Everything that has a state or draws random numbers: momentum, a schedule that looks back, dropout, balanced sampling,
// alterations. Killed again and again, wherever it is, and resumed each time from a checkpoint within an epoch.
TEST_F(TrainTest, KilledAtAnyStepEndsWithTheSameBits) {
  const std::string text =
      "epochs: 4\nmodel: {type: unet, width: 4, depth: 2, dropout: 0.2}\noptimizer: {type: sgd, learning_rate: 0.05, nesterov: on}\n"
      "schedule: {type: plateau, patience: 1, warm_up: 1}\nbalanced: on\nclip: 2\ncheckpoint_steps: 1\n"
      "augmentation: [{type: gain}, {type: tgc}, {type: noise, most: 1 dB}]\n";
  const auto whole_config = [&](const std::filesystem::path& root) {
    TrainConfig result;
    ConfigTree::parse("data: " + (root / "data").string() + "\nbatch: 4\nseed: 3\nimage_size: [32, 32]\n" + text).read(result);
    return result;
  };
  if (const char* shared = std::getenv("SONOFORGE_TEST_FOLDER")) {
    auto c = whole_config(shared);
    train(c, std::filesystem::path(shared) / "killed", true);
    return;
  }
  auto c = whole_config(folder);
  train(c, folder / "whole", false);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const auto last = folder / "killed" / "checkpoints" / "last.hdf5";
  RandomStream random(8, 0, "kills");
  int kills = 0;
  std::string before;
  for (int round = 0; round < 40; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      setenv("SONOFORGE_TEST_FOLDER", folder.c_str(), 1);
      execl(self.c_str(), self.c_str(), "--gtest_filter=TrainTest.KilledAtAnyStep*", static_cast<char*>(nullptr));
      _exit(1);
    }
    // Some steps further than the last time, then at a moment drawn at random; three kills, then to the end.
    int status = 0;
    bool ended = false;
    if (kills < 3) {
      std::string now = before;
      const std::size_t changes = 1 + random.integer_below(3);
      for (std::size_t change = 0; change < changes && !ended;) {
        ended = waitpid(child, &status, WNOHANG) == child;
        const std::string found = std::filesystem::exists(last) ? bytes(last) : "";
        if (found != now) now = found, ++change;
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
      }
      std::this_thread::sleep_for(std::chrono::microseconds(random.integer_below(30000)));
      if (!ended) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        ++kills;
        before = bytes(last);
        continue;
      }
    } else {
      waitpid(child, &status, 0);
    }
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    break;
  }
  EXPECT_EQ(kills, 3);
  EXPECT_EQ(bytes(folder / "killed" / "model.pt"), bytes(folder / "whole" / "model.pt"));
  EXPECT_EQ(bytes(folder / "killed" / "history.csv"), bytes(folder / "whole" / "history.csv"));
  EXPECT_EQ(bytes(folder / "killed" / "tensorboard" / "events.out.tfevents.0.sonoforge"), bytes(folder / "whole" / "tensorboard" / "events.out.tfevents.0.sonoforge"));
}

TEST_F(TrainTest, EnsembleOfSeedsStopsEarlyAndTellsItsSpread) {
  auto c = config("epochs: 6\nmembers: 2\npatience: 2\ncalibrate: on\n");
  std::size_t told = 0;
  const auto result = train(c, folder / "out", false, [&](const auto& histories, const std::string& score) {
    told = histories.size();
    EXPECT_EQ(score, "dice");
  });
  EXPECT_EQ(told, 2u);
  ASSERT_EQ(result.scores.size(), 2u);
  EXPECT_NE(result.scores[0], result.scores[1]);
  EXPECT_TRUE(std::filesystem::exists(folder / "out" / "members" / "2" / "history.csv"));
  EXPECT_NE(bytes(folder / "out" / "history.csv").find("validation_dice_deviation"), std::string::npos);
  EXPECT_NE(bytes(folder / "out" / "members.csv").find("\n2,4,"), std::string::npos);  // the second member: seed 4
  // A member alone with its seed is the same network.
  auto alone = config("epochs: 6\npatience: 2\ncalibrate: on\n");
  alone.seed = 4;
  train(alone, folder / "alone", false);
  EXPECT_EQ(bytes(folder / "alone" / "history.csv"), bytes(folder / "out" / "members" / "2" / "history.csv"));
  // Finished members stay as they are.
  const auto model = bytes(folder / "out" / "model.pt");
  train(c, folder / "out", true);
  EXPECT_EQ(bytes(folder / "out" / "model.pt"), model);
}

TEST_F(TrainTest, DivergenceStopsWithADiagnosis) {
  auto c = config("epochs: 4\nschedule: constant\n");
  // Parameters of 1e30 overflow in the second step.
  c.optimizer->learning_rate = 1e30;
  const auto error = error_of([&] { train(c, folder / "out", false); });
  EXPECT_NE(error.find("not a number at samples"), std::string::npos) << error;
  EXPECT_NE(error.find("Lower optimizer.learning_rate"), std::string::npos) << error;
  EXPECT_FALSE(std::filesystem::exists(folder / "out" / "model.pt"));
}

TEST_F(TrainTest, RefusesUnusableData) {
  auto c = config("epochs: 1\n");
  c.data = folder / "nothing";
  EXPECT_NE(error_of([&] { train(c, folder / "out", false); }).find("does not exist"), std::string::npos);
  std::filesystem::create_directory(folder / "empty");
  c.data = folder / "empty";
  EXPECT_NE(error_of([&] { train(c, folder / "out", false); }).find("is not a data set"), std::string::npos);
  c.data = folder / "data";
  auto other = config("epochs: 1\n");
  dynamic_cast<SegmentationTask&>(*other.task).label = "cyst";
  EXPECT_NE(error_of([&] { train(other, folder / "out", false); }).find("no class 'cyst' (it has: background, lesion)"), std::string::npos);
  const auto data = Dataset::open(folder / "data");
  const auto sample = folder / "data" / data.manifest.rows[0].file;
  auto content = bytes(sample);
  content.back() = static_cast<char>(content.back() ^ 1);
  put(sample, content);
  EXPECT_NE(error_of([&] { train(c, folder / "out", false); }).find("SHA-256 differs"), std::string::npos);
  EXPECT_NE(error_of([&] { config("schedule: constant\nepochs: 0\n"); }).find("epochs"), std::string::npos);
  TrainConfig odd;
  odd.image_size = {30, 32};
  EXPECT_THROW(odd.check(), ConfigError);
  EXPECT_NE(error_of([&] { config("epochs: 2\nbatches: 3\n"); }).find("batch"), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
