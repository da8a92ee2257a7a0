#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "ai/manifest.hpp"
#include "ai/sha256.hpp"
#include "core/random.hpp"
#include "io/atomic_file.hpp"
#include "tests/end_to_end/command.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

/// A data set of samples that take a few milliseconds each.
class FactoryTest : public ::testing::Test {
 protected:
  fs::path config(const std::string& more = "", const std::string& factors = "") const {
    return folder.write(
        "set.yaml",
        "sonoforge: 1\nseed: 4\n"
        "dataset: {patients: 30, split: {train: 60 %, validation: 20 %, test: 20 %" +
            more +
            "}}\n"
            "factors:\n  radius: {uniform: [1 mm, 2 mm]}\n  side: {choice: [left, right], weights: [1, 3]}\n" +
            factors +
            "phantom:\n  type: scene\n  background: liver\n  regions:\n"
            "    - {shape: {type: cylinder, centre: [0 mm, 0 mm, 8 mm], radius: {factor: radius}}, tissue: cyst, "
            "label: lesion}\n"
            "  extent: {x: [-3 mm, 3 mm], y: [0 mm, 0 mm], z: [5 mm, 11 mm]}\n  scatterer_density: 5 /mm^3\n"
            "probe: {type: linear_array, elements: 8, pitch: 0.3 mm, width: 0.27 mm, frequency: 5 MHz}\n"
            "sequence: {type: plane_waves, angles: [0 deg]}\n"
            "receive: {sampling_rate: 20 MHz, depth: 12 mm}\n"
            "engine: {type: scatterers, model: simus, dimensions: 2}\n"
            "beamformer: {type: delay_and_sum, f_number: 1}\n"
            "image: {x: [-3 mm, 3 mm, 0.1 mm], z: [5 mm, 11 mm, 0.1 mm]}\n");
  }
  CommandResult run(const std::string& arguments) const { return sonoforge_command(folder, arguments + " --quiet"); }
  /// All files but the journals.
  std::map<std::string, std::string> hashes(const std::string& name) const {
    std::map<std::string, std::string> all;
    const fs::path root = folder.path() / name;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      const auto file = fs::relative(entry.path(), root).string();
      if (entry.is_regular_file() && !file.starts_with(".progress")) all[file] = sha256_of_file(entry.path());
    }
    return all;
  }
  pid_t start(const std::string& arguments) const {
    const pid_t child = fork();
    if (child == 0) {
      const int nowhere = ::open("/dev/null", O_WRONLY);
      ::dup2(nowhere, 1);
      ::dup2(nowhere, 2);
      ::execl("/bin/sh", "sh", "-c",
              ("cd '" + folder.path().string() + "' && exec '" SONOFORGE_BINARY_DIR "/sonoforge' " + arguments).c_str(),
              static_cast<char*>(nullptr));
      ::_exit(127);
    }
    return child;
  }
  /// Kills `processes` runs at once, after a random time each, until `kills` have died at work; then lets one finish.
  void kill_campaign(int kills, int processes, std::uint64_t seed) const {
    config();
    ASSERT_EQ(run("generate set.yaml -o whole").code, 0);
    RandomStream random(seed, 0, "kills");
    int killed = 0;
    for (int round = 0; killed < kills; ++round) {
      ASSERT_LT(round, 40 * kills);
      // A run that had time to finish shows nothing more: begin anew.
      std::vector<pid_t> children;
      for (int i = 0; i < processes; ++i) children.push_back(start("generate set.yaml -o killed --quiet --threads 2"));
      for (const pid_t child : children) {
        std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int>(random.uniform(3'000, 120'000))));
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        killed += WIFSIGNALED(status);
        if (!WIFSIGNALED(status)) fs::remove_all(folder.path() / "killed" / "samples");
      }
      // Nothing torn: every file that stands at its name is whole.
      const auto whole = hashes("whole");
      if (!fs::exists(folder.path() / "killed")) continue;
      for (const auto& [file, hash] : hashes("killed")) {
        if (file.find("/.") != std::string::npos || file.front() == '.') continue;  // begun, not at its name
        EXPECT_EQ(hash, whole.at(file)) << file;
      }
    }
    ASSERT_EQ(run("generate set.yaml -o killed").code, 0);
    EXPECT_EQ(hashes("killed"), hashes("whole"));
    EXPECT_NE(run("generate set.yaml -o killed --json").out.find("\"made\": 0,"), std::string::npos);
  }
  const TestFolder folder;
};

TEST_F(FactoryTest, KilledAtRandomMomentsItEndsWithTheSameFiles) {
  kill_campaign(20, 1, 1);
}
TEST_F(FactoryTest, ProcessesThatShareAFolderAreKilledAtRandomMoments) {
  kill_campaign(8, 2, 2);
}
TEST_F(FactoryTest, LongHundredKillsOfOneAndOfTwoProcesses) {
  kill_campaign(100, 1, 3);
  fs::remove_all(folder.path() / "killed");
  kill_campaign(100, 2, 4);
}

TEST_F(FactoryTest, ProcessesShareTheWorkOfOneFolder) {
  config();
  ASSERT_EQ(run("generate set.yaml -o whole").code, 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) children.push_back(start("generate set.yaml -o shared --quiet --threads 1"));
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(hashes("shared"), hashes("whole"));
  // Each sample was made once: the journals have a line each.
  std::size_t lines = 0, journals = 0;
  for (const auto& entry : fs::directory_iterator(folder.path() / "shared/.progress")) {
    if (entry.path().extension() != ".jsonl") continue;
    const std::string text = read_file(entry.path());
    lines += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    ++journals;
  }
  EXPECT_EQ(lines, 30u);
  EXPECT_GE(journals, 1u);
}

TEST_F(FactoryTest, PartsMadeApartUniteToTheSameSet) {
  config(", stratify: [{factor: side}, {factor: radius}]");
  ASSERT_EQ(run("generate set.yaml -o whole").code, 0);
  for (const std::string part : {"3", "1", "2"})
    ASSERT_EQ(run("generate set.yaml -o part" + part + " --shard " + part + "/3").code, 0);
  // A patient's split is known wherever it is made.
  const Manifest whole = read_manifest(folder.path() / "whole/manifest.csv");
  for (const std::string part : {"1", "2", "3"})
    for (const auto& row : read_manifest(folder.path() / ("part" + part) / "manifest.csv").rows) {
      const auto same =
          std::find_if(whole.rows.begin(), whole.rows.end(), [&](const auto& other) { return other.id == row.id; });
      ASSERT_NE(same, whole.rows.end());
      EXPECT_EQ(same->split, row.split) << row.id;
    }
  for (const std::string part : {"2", "3"})
    fs::copy(folder.path() / ("part" + part), folder.path() / "part1",
             fs::copy_options::recursive | fs::copy_options::skip_existing);
  const auto result = run("generate set.yaml -o part1 --json");
  EXPECT_NE(result.out.find("\"made\": 0,"), std::string::npos) << result.out << result.err;
  EXPECT_EQ(hashes("part1"), hashes("whole"));
  const std::string card = folder.read("whole/README.md");
  EXPECT_NE(card.find("| side = left, radius below"), std::string::npos) << card;
  EXPECT_NE(card.find("Patients in more than one split: 0 of 30."), std::string::npos) << card;
  EXPECT_NE(card.find("all pairs of 30 images compared: 0."), std::string::npos) << card;
}

TEST_F(FactoryTest, ATableThatChangedBetweenRunsIsNoticed) {
  config("", "  table: cohort.csv\n");
  folder.write("cohort.csv", "age\n40\n50\n60\n");
  ASSERT_EQ(run("generate set.yaml -o set --count 3").code, 0);
  const auto before = hashes("set");
  EXPECT_EQ(run("generate set.yaml -o set --count 3").code, 0);
  folder.write("cohort.csv", "age\n40\n50\n61\n");
  const auto changed = run("generate set.yaml -o set --count 4");
  EXPECT_EQ(changed.code, 2);
  EXPECT_NE(changed.err.find("'cohort.csv' has changed since"), std::string::npos) << changed.err;
  EXPECT_EQ(hashes("set"), before);
  // What is stored as the config of the set reads as a config.
  fs::copy(folder.path() / "set/dataset.yaml", folder.path() / "again.yaml");
  EXPECT_EQ(run("check again.yaml").code, 0);
}

TEST_F(FactoryTest, PatientsWithTheSameImageAreTold) {
  folder.write("same.yaml",
               "sonoforge: 1\ndataset: {patients: 4}\nphantom: {type: points, background: liver, positions: [[0 mm, 0 "
               "mm, 8 mm]]}\n"
               "probe: {type: linear_array, elements: 8, pitch: 0.3 mm, width: 0.27 mm, frequency: 5 MHz}\n"
               "sequence: {type: plane_waves, angles: [0 deg]}\nreceive: {sampling_rate: 20 MHz, depth: 12 mm}\n"
               "image: {x: [-3 mm, 3 mm, 0.1 mm], z: [5 mm, 11 mm, 0.1 mm]}\n");
  const auto result = sonoforge_command(folder, "generate same.yaml -o same");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("warning: the checks found"), std::string::npos) << result.err;
  // 4 * 3 / 2 pairs.
  EXPECT_NE(folder.read("same/README.md").find("all pairs of 4 images compared: 6 (of them 6 equal to the bit"),
            std::string::npos)
      << folder.read("same/README.md");
}

TEST_F(FactoryTest, MistakesInStrataPointIntoTheFile) {
  config(", stratify: [{factor: sid}]");
  const auto result = run("generate set.yaml -o set");
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("set.yaml:3:"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("Did you mean 'side'?"), std::string::npos) << result.err;
  EXPECT_EQ(run("check set.yaml").code, 2);
  EXPECT_FALSE(fs::exists(folder.path() / "set"));
}

}  // namespace
}  // namespace sonoforge
