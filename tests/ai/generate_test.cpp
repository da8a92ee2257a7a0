#include "ai/generate.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <sys/wait.h>
#include <thread>

#include "ai/sha256.hpp"
#include "core/progress.hpp"
#include "io/atomic_file.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

class GenerateTest : public TestFolder {
 protected:
  void SetUp() override {
    TestFolder::SetUp();
    set_quiet(true);
  }
  /// Samples are short texts made from config and seed; what a simulation is does not matter here.
  GenerateRequest request(const std::string& name, std::int64_t patients = 12) {
    GenerateRequest r;
    r.config.patients = patients;
    r.text = "sonoforge: 1\nphantom:\n  radius: {uniform: [2 mm, 6 mm], factor: lesion_radius}\n  tissue: {choice: [liver, breast], factor: tissue}\n";
    r.seed = 5;
    r.folder = folder / name;
    r.draw = [text = r.text](std::uint64_t patient) { return draw_samples(ConfigTree::parse(text), 5, patient); };
    r.simulate = [this](std::uint64_t, const SampleSpec& sample, const std::filesystem::path& file) {
      ++simulated;
      write_file_atomically(file, sample.config + std::string(5000, 'x') + std::to_string(sample.seed));
      return ImagePrint{};
    };
    return r;
  }
  std::map<std::string, std::string> hashes(const std::string& name) const {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / name))
      if (entry.is_regular_file() && entry.path().string().find(".progress") == std::string::npos)
        all[std::filesystem::relative(entry.path(), folder / name).string()] = sha256_of_file(entry.path());
    return all;
  }
  std::atomic<int> simulated = 0;
};

TEST_F(GenerateTest, WritesAllPartsAndKeepsThemTheSecondTime) {
  const auto first = generate_dataset(request("a"));
  EXPECT_EQ(first.made, 12u);
  EXPECT_EQ(first.listed, 12u);
  const auto manifest = read_manifest(folder / "a" / "manifest.csv");
  ASSERT_EQ(manifest.rows.size(), 12u);
  EXPECT_EQ(manifest.factor_names, (std::vector<std::string>{"lesion_radius", "tissue"}));
  EXPECT_EQ(manifest.factor_units[0], "m");
  for (std::size_t i = 0; i < 12; ++i) {
    const auto& row = manifest.rows[i];
    EXPECT_EQ(row.patient, patient_name(i));
    EXPECT_EQ(sha256_of_file(folder / "a" / row.file), row.sha256);
    double radius = 0;
    ASSERT_TRUE(factor_number(row.factors[0], radius));
    EXPECT_GE(radius, 2e-3);
    EXPECT_LE(radius, 6e-3);
    // The resolved config in the sample has the drawn value, its patient, and nothing left to draw.
    const auto sample = bytes(folder / "a" / row.file);
    const auto config = sample.substr(0, sample.find("xxx"));
    EXPECT_FALSE(ConfigTree::parse(config).has_distributions());
    EXPECT_NE(config.find("patient: " + std::to_string(i) + "\n"), std::string::npos);
    EXPECT_EQ(row.seed, 5u);
    EXPECT_NE(config.find(row.factors[1]), std::string::npos);
  }
  const auto card = bytes(folder / "a" / "README.md");
  EXPECT_NE(card.find("| all | 12 | 12 |"), std::string::npos);
  EXPECT_NE(card.find("measured on patients"), std::string::npos);
  EXPECT_EQ(bytes(folder / "a" / "dataset.yaml"), request("a").text);

  const auto before = hashes("a");
  simulated = 0;
  const auto second = generate_dataset(request("a"));
  EXPECT_EQ(simulated, 0);
  EXPECT_EQ(second.kept, 12u);
  EXPECT_EQ(hashes("a"), before);
}

TEST_F(GenerateTest, RepairsMissingAndDamagedSamples) {
  generate_dataset(request("a"));
  const auto before = hashes("a");
  const auto manifest = read_manifest(folder / "a" / "manifest.csv");
  std::filesystem::remove(folder / "a" / manifest.rows[3].file);
  put(folder / "a" / manifest.rows[5].file, bytes(folder / "a" / manifest.rows[4].file));
  put(folder / "a" / manifest.rows[7].file, "short");
  simulated = 0;
  EXPECT_EQ(generate_dataset(request("a")).made, 3u);
  EXPECT_EQ(simulated, 3);
  EXPECT_EQ(hashes("a"), before);
}

TEST_F(GenerateTest, RefusesAnotherConfigAndForeignFolders) {
  generate_dataset(request("a", 2));
  const auto before = hashes("a");
  auto other = request("a", 2);
  other.text += "engine: {type: exact}\n";
  EXPECT_NE(error_of([&] { generate_dataset(other); }).find("another config"), std::string::npos);
  EXPECT_EQ(hashes("a"), before);
  std::filesystem::create_directories(folder / "foreign" / "samples");
  EXPECT_NE(error_of([&] { generate_dataset(request("foreign")); }).find("unknown origin"), std::string::npos);
  auto shard = request("b");
  shard.shard = 3;
  shard.shards = 2;
  EXPECT_NE(error_of([&] { generate_dataset(shard); }).find("--shard 3/2"), std::string::npos);
  auto none = request("b");
  none.count = 0;
  EXPECT_NE(error_of([&] { generate_dataset(none); }).find("--count 0"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder / "b"));
}

TEST_F(GenerateTest, ShardsAndLargerCountsGiveTheSameFilesAsOneRun) {
  generate_dataset(request("whole"));
  for (const std::int64_t shard : {2, 3, 1}) {
    auto part = request("parts");
    part.shard = shard;
    part.shards = 3;
    EXPECT_EQ(generate_dataset(part).made, 4u);
  }
  EXPECT_EQ(hashes("parts"), hashes("whole"));
  auto few = request("grown");
  few.count = 5;
  generate_dataset(few);
  EXPECT_EQ(read_manifest(folder / "grown" / "manifest.csv").rows.size(), 5u);
  const auto splits_before = read_manifest(folder / "grown" / "manifest.csv").rows;
  simulated = 0;
  generate_dataset(request("grown"));
  EXPECT_EQ(simulated, 7);
  EXPECT_EQ(hashes("grown"), hashes("whole"));
  const auto after = read_manifest(folder / "grown" / "manifest.csv").rows;
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(after[i].split, splits_before[i].split);
}

TEST_F(GenerateTest, DryRunWritesNothingAndEstimates) {
  auto dry = request("a");
  dry.dry_run = true;
  dry.shards = 5;
  dry.shard = 2;
  const auto result = generate_dataset(dry);
  // Patients 1, 6 and 11 of 12.
  EXPECT_EQ(result.samples, 3u);
  EXPECT_EQ(simulated, 1);
  EXPECT_GT(result.bytes, 3 * 5000u);
  EXPECT_LT(result.bytes, 3 * 6000u);
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
}

TEST_F(GenerateTest, KilledAtAnyMomentItEndsWithTheSameFiles) {
  generate_dataset(request("whole"));
  int kills = 0;
  for (int attempt = 0; attempt < 12; ++attempt) {
    const pid_t child = fork();
    if (child == 0) {
      auto slow = request("killed");
      const auto simulate = slow.simulate;
      slow.simulate = [&](std::uint64_t patient, const SampleSpec& sample, const std::filesystem::path& file) {
        std::this_thread::sleep_for(std::chrono::milliseconds(8));
        return simulate(patient, sample, file);
      };
      generate_dataset(slow);
      _exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(15 + 7 * attempt));
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    kills += WIFSIGNALED(status);
  }
  EXPECT_GE(kills, 2);
  // A line that was being written when the process died.
  std::ofstream(folder / "killed" / ".progress" / "shard_1_of_1.jsonl", std::ios::app) << "{\"patient\": 3, \"id";
  generate_dataset(request("killed"));
  EXPECT_EQ(hashes("killed"), hashes("whole"));
  simulated = 0;
  EXPECT_EQ(generate_dataset(request("killed")).kept, 12u);
  EXPECT_EQ(simulated, 0);
}

TEST(SplitTest, SharesHoldAlsoForFewPatientsAndDependOnTheSeed) {
  const SplitShares shares;
  for (const std::uint64_t seed : {1u, 2u, 99u})
    for (const int n : {20, 100, 5000}) {
      std::map<std::string, int> count;
      for (int p = 0; p < n; ++p) ++count[split_of_patient(shares, seed, static_cast<std::uint64_t>(p))];
      // The golden ratio's Weyl sequence misses the share of an interval by fewer than 3 points at these lengths.
      EXPECT_NEAR(count["train"], 0.70 * n, 3);
      EXPECT_NEAR(count["validation"], 0.15 * n, 3);
      EXPECT_NEAR(count["test"], 0.15 * n, 3);
    }
  int differ = 0;
  for (std::uint64_t p = 0; p < 100; ++p) differ += split_of_patient(shares, 1, p) != split_of_patient(shares, 2, p);
  EXPECT_GT(differ, 10);
  SplitShares all;
  all.train = 0;
  all.validation = 0;
  all.test = 1;
  for (std::uint64_t p = 0; p < 50; ++p) EXPECT_EQ(split_of_patient(all, 1, p), "test");
  all.train = 0.5;
  EXPECT_THROW(all.check(), ConfigError);
  DatasetConfig config;
  config.store = {"image", "lables"};
  EXPECT_THROW(config.check(), ConfigError);
  StoreConfig store;
  store.parts = {"rf", "iq"};
  EXPECT_THROW(store.check(), ConfigError);
}

}  // namespace
}  // namespace sonoforge
