#include <gtest/gtest.h>

#include "command.hpp"
#include "io/hdf5.hpp"
#include "scenes.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

/// The relative path and the bytes of every file below a folder, those of unfinished work and of times left out.
std::map<std::string, std::string> files_of(const fs::path& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = fs::relative(entry.path(), folder).string();
    if (!entry.is_regular_file() || name.starts_with(".progress") || name == "report.json") continue;
    std::ifstream stream(entry.path(), std::ios::binary);
    all[name] = std::string(std::istreambuf_iterator<char>(stream), {});
  }
  return all;
}

void expect_same(const fs::path& folder, const std::string& first, const std::string& second) {
  const auto one = files_of(folder / first), two = files_of(folder / second);
  EXPECT_GT(one.size(), 0u);
  ASSERT_EQ(one.size(), two.size()) << first << " and " << second;
  for (const auto& [name, content] : one) {
    ASSERT_TRUE(two.contains(name)) << second << "/" << name;
    EXPECT_TRUE(two.at(name) == content) << name << " differs in " << first << " and " << second;
  }
}

class Threads : public ::testing::Test {
 protected:
  void SetUp() override { folder.write("scene.yaml", tiny_scene); }
  /// The command with 1, 2 and 7 threads, into folders named after both.
  void run(const std::string& arguments, const std::string& name) {
    for (const char* n : {"1", "2", "7"}) {
      const auto result = sonoforge_command(folder, arguments + " -o " + name + n + " --quiet --threads " + n);
      ASSERT_EQ(result.code, 0) << arguments << "\n" << result.err;
    }
    expect_same(folder.path(), name + "1", name + "2");
    expect_same(folder.path(), name + "1", name + "7");
  }
  const TestFolder folder;
};

/// Channel data, image, all label maps and pictures of both linear engines, both models, in a plane and in space.
TEST_F(Threads, GiveTheSameAcquisition) {
  run("run scene.yaml", "exact");
  run("run scene.yaml --set 'engine={type: scatterers}' --set 'phantom.extent.y=[-0.2 mm, 0.2 mm]'", "scatterers");
  run("run scene.yaml --set 'engine={type: exact, dimensions: 3}' --set 'phantom.extent={x: [-1 mm, 1 mm], y: [0 mm, 0 "
      "mm], z: [12 mm, 13 mm]}' "
      "--set metrics=[] --set 'labels=[segmentation, sound_speed]'",
      "physical");
  const Hdf5Reader file(folder.path() / "exact1/acquisition.hdf5");
  for (const char* part : {"raw_data", "image", "segmentation", "sos_map"})
    EXPECT_TRUE(file.has(std::string("tracks/track_0/data/") + part)) << part;
}

TEST_F(Threads, GiveTheSameReconstruction) {
  ASSERT_EQ(sonoforge_command(folder, "simulate scene.yaml -o rf.hdf5").code, 0);
  run("reconstruct rf.hdf5 scene.yaml", "iq");
  run("reconstruct rf.hdf5 scene.yaml --set 'beamformer={type: delay_and_sum, signal: rf}'", "rf");
  run("reconstruct rf.hdf5 scene.yaml --set 'image={angle: [-20 deg, 20 deg, 1 deg], range: [10 mm, 17 mm, 0.1 mm]}'",
      "polar");
}

TEST_F(Threads, GiveTheSameField) {
  const std::string base =
      "probe: {type: L11-5v, elements: 16}\nsequence: {type: focused_beams, focus: 12 mm, lines: 3}\n";
  folder.write("field.yaml", base + "field: {x: [-3 mm, 3 mm, 0.5 mm], z: [5 mm, 15 mm, 0.5 mm], movie_frames: 3}\n");
  Hdf5Writer points(folder.path() / "points.hdf5");
  points.write<double>("positions", std::vector<double>{0, 0, 0.01, 0.001, 0, 0.02}, {2, 3});
  points.commit();
  folder.write("points.yaml", base + "field: {points: points.hdf5}\n");
  run("field field.yaml", "map");
  run("field points.yaml", "points");
  run("field field.yaml --set 'field={x: [-3 mm, 3 mm, 0.5 mm], z: [5 mm, 15 mm, 0.5 mm], frequency: 5 MHz}'", "cw");
}

TEST_F(Threads, ShardsAndProcessesGiveTheSameDataSet) {
  folder.write("set.yaml", tiny_data_set(4));
  run("generate set.yaml", "set");
  // Two parts one after the other, and two at once.
  for (const char* part : {"1/2", "2/2"})
    ASSERT_EQ(
        sonoforge_command(folder, std::string("generate set.yaml -o parts --quiet --threads 2 --shard ") + part).code,
        0);
  expect_same(folder.path(), "set1", "parts");
  const std::string program =
      "'" SONOFORGE_BINARY_DIR "/sonoforge' generate set.yaml -o both --quiet --threads 1 --shard ";
  const std::string both = "cd '" + folder.path().string() + "' && { " + program + "1/2 > one 2>&1 & first=$!; " +
                           program + "2/2 > two 2>&1; second=$?; wait $first && exit $second; }";
  ASSERT_EQ(std::system(both.c_str()), 0) << folder.read("one") << folder.read("two");
  expect_same(folder.path(), "set1", "both");
}

}  // namespace
}  // namespace sonoforge
