#include "ai/torch/process_group.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>

#include "ai/train.hpp"
#include "ai/torch/checkpoint.hpp"
#include "core/progress.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"
#include "tests/torch/disc_data.hpp"

namespace sonoforge {
namespace {

class ProcessGroupTest : public TestFolder {};

// Two processes with half batches against one with whole ones. One step of plain gradient descent at rate 1 moves the
// parameters by the gradient, so that they show it.
TEST_F(ProcessGroupTest, TwoProcessesWithHalfBatchesHaveTheGradientOfOne) {
  const char* shared = std::getenv("SONOFORGE_TEST_FOLDER");
  const std::filesystem::path root = shared ? std::filesystem::path(shared) : folder;
  set_quiet(true);
  const auto read_config = [&](const std::string& optimizer) {
    TrainConfig config;
    ConfigTree::parse("data: " + (root / "data").string() + "\nmodel: {width: 4, depth: 2}\nbatch: 100\nimage_size: [32, 32]\nepochs: 1\n" + optimizer).read(config);
    return config;
  };
  const std::string descent = "optimizer: {type: sgd, learning_rate: 1, momentum: 0}\nschedule: constant\n";
  if (shared) {
    auto config = read_config(descent);
    train(config, root / "two", false);
    return;
  }
  write_disc_data(folder / "data", 14);
  const std::string self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string port = std::to_string(20000 + getpid() % 20000);
  std::vector<pid_t> children;
  for (const char* rank : {"0", "1"}) {
    const pid_t child = fork();
    if (child == 0) {
      setenv("SONOFORGE_TEST_FOLDER", folder.c_str(), 1);
      setenv("RANK", rank, 1);
      setenv("WORLD_SIZE", "2", 1);
      setenv("MASTER_PORT", port.c_str(), 1);
      execl(self.c_str(), self.c_str(), "--gtest_filter=ProcessGroupTest.Two*", static_cast<char*>(nullptr));
      _exit(1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  auto whole = read_config(descent);
  const auto count = train(whole, folder / "one", false).parameters;
  const auto one = read_checkpoint(folder / "one" / "checkpoints" / "last.hdf5", count), two = read_checkpoint(folder / "two" / "checkpoints" / "last.hdf5", count);
  // The gradient of one process is the memory of SGD's last step.
  double difference = 0, length = 0;
  for (std::size_t i = 0; i < count; ++i) {
    difference += std::pow(double{one.first[i]} - two.first[i], 2);
    length += std::pow(double{one.first[i]}, 2);
  }
  EXPECT_GT(length, 0);
  EXPECT_LT(std::sqrt(difference / length), 1e-5);
  EXPECT_NEAR(one.history[0].training_loss, two.history[0].training_loss, 1e-9);
}

TEST_F(ProcessGroupTest, AloneWithoutVariables) {
  if (std::getenv("SONOFORGE_TEST_FOLDER")) return;
  const auto alone = join_processes();
  EXPECT_EQ(alone->rank(), 0);
  EXPECT_EQ(alone->size(), 1);
  std::vector<float> values{1, 2};
  alone->sum(values);
  EXPECT_EQ(values[1], 2);
  setenv("RANK", "3", 1);
  setenv("WORLD_SIZE", "2", 1);
  EXPECT_NE(error_of([] { join_processes(); }).find("do not fit together"), std::string::npos);
  unsetenv("RANK");
  unsetenv("WORLD_SIZE");
}

}  // namespace
}  // namespace sonoforge
