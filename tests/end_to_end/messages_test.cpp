// What the program says about odd arguments, odd files and outputs that cannot be written.
#include <gtest/gtest.h>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "command.hpp"
#include "formats/zea.hpp"
#include "io/hdf5.hpp"

namespace sonoforge {
namespace {

const std::string scene = R"(sonoforge: 1
seed: 3
phantom: {type: points, positions: [[0 mm, 0 mm, 10 mm]]}
probe: {type: L11-5v, elements: 16}
sequence: {type: plane_waves, angles: [-5 deg, 0 deg, 5 deg]}
receive: {sampling_rate: 30.4 MHz, depth: 15 mm}
engine: {type: exact, model: simus, dimensions: 2}
image: {x: [-3 mm, 3 mm, 0.5 mm], z: [5 mm, 15 mm, 0.5 mm]}
labels: []
)";

/// Ends with 2 and a message that holds `part`.
void expect_mistake(const CommandResult& result, const std::string& part) {
  EXPECT_EQ(result.code, 2) << result.err;
  EXPECT_NE(result.err.find("error: "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find(part), std::string::npos) << part << "\nis not in\n" << result.err;
  const auto raw = [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f; };
  EXPECT_TRUE(std::none_of(result.err.begin(), result.err.end(), raw)) << result.err;
}

TEST(Messages, QuotedTextCannotReachTheTerminalRaw) {
  const TestFolder folder;
  folder.write("scene.yaml", scene);
  expect_mistake(sonoforge_command(folder, "\"$(printf 'r\\033[31mun')\" scene.yaml"), "'r\\x1b[31mun'");
  expect_mistake(sonoforge_command(folder, "check \"$(printf 'no\\033]0;title\\007.yaml')\""), "no\\x1b]0;title\\x07.yaml");
  expect_mistake(sonoforge_command(folder, "check scene.yaml --set \"$(printf 'probe=a\\033b')\""), "the control character \\x1b");
  expect_mistake(sonoforge_command(folder, "check scene.yaml --set \"$(printf 'description=\\351')\""), "the byte \\xe9 is not UTF-8");
  expect_mistake(sonoforge_command(folder, "describe \"$(printf 'pro\\033be')\""), "pro\\x1bbe");
}

TEST(Messages, SeedsAreAsLargeOnTheCommandLineAsInTheFile) {
  const TestFolder folder;
  folder.write("scene.yaml", scene);
  const std::string largest = "9200000000000000000";
  ASSERT_EQ(sonoforge_command(folder, "simulate scene.yaml -o a.hdf5 --seed " + largest).code, 0) << folder.read(".stderr");
  ASSERT_EQ(sonoforge_command(folder, "simulate scene.yaml -o b.hdf5 --set seed=" + largest).code, 0) << folder.read(".stderr");
  EXPECT_EQ(nlohmann::json::parse(sonoforge_command(folder, "info a.hdf5 --json").out).at("seed"), 9200000000000000000u);
  EXPECT_EQ(nlohmann::json::parse(sonoforge_command(folder, "info b.hdf5 --json").out).at("seed"), 9200000000000000000u);
  expect_mistake(sonoforge_command(folder, "check scene.yaml --seed 9200000000000000001"), "from 0 to 9.2e18");
  expect_mistake(sonoforge_command(folder, "check scene.yaml --seed 99999999999999999999"), "from 0 to 9.2e18");
  expect_mistake(sonoforge_command(folder, "check scene.yaml --seed -1"), "'-1'");
  // The argument parser alone would read 8.
  expect_mistake(sonoforge_command(folder, "check scene.yaml --seed 010"), "begins with 0 (some read that as octal). Write '10'");
}

TEST(Messages, AnOutputThatNamesNothingIsRefused) {
  const TestFolder folder;
  folder.write("scene.yaml", scene);
  for (const char* command : {"run scene.yaml -o ''", "simulate scene.yaml --output ''", "reconstruct scene.yaml -o ''"})
    expect_mistake(sonoforge_command(folder, command), "-o names nothing");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "out"));
  expect_mistake(sonoforge_command(folder, "run ''"), "a name is empty (run takes CONFIG)");
}

/// As where standard output goes to a full disk.
TEST(Messages, FullStandardOutputIsNoSuccess) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full on this system";
  const TestFolder folder;
  folder.write("scene.yaml", scene);
  ASSERT_EQ(sonoforge_command(folder, "simulate scene.yaml -o rf.hdf5").code, 0);
  for (const char* arguments : {"--help", "--version", "run --help", "describe", "describe --json", "info rf.hdf5", "info rf.hdf5 --json",
                                "check scene.yaml --json", "simulate scene.yaml -o rf.hdf5"}) {
    folder.write("full.sh", std::string("'" SONOFORGE_BINARY_DIR "/sonoforge' ") + arguments + " > /dev/full 2> .stderr\n");
    const int status = std::system(("cd '" + folder.path().string() + "' && sh full.sh").c_str());
    EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 2) << arguments;
    EXPECT_NE(folder.read(".stderr").find("could not be written to standard output"), std::string::npos) << arguments << ": " << folder.read(".stderr");
  }
}

TEST(Messages, ReconstructNamesTheFileWhoseSamplesCannotBeUsed) {
  const TestFolder folder;
  folder.write("scene.yaml", scene);
  ASSERT_EQ(sonoforge_command(folder, "simulate scene.yaml -o rf.hdf5").code, 0) << folder.read(".stderr");
  // Sampled at twice the centre frequency, the mirror image of the band is the band.
  expect_mistake(sonoforge_command(folder, "reconstruct rf.hdf5 -o out --set beamformer.demodulation_frequency='15.2 MHz'"),
                 "rf.hdf5: the RF cannot be demodulated at 15.2 MHz (sampled at 30.4 MHz");
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "out/image.hdf5"));
}

TEST(Messages, OneSamplingRateIsNeeded) {
  const TestFolder folder;
  folder.write("scene.yaml", scene);
  ASSERT_EQ(sonoforge_command(folder, "simulate scene.yaml -o rf.hdf5").code, 0) << folder.read(".stderr");
  // Another program's file: the config that ours holds would tell the true rate.
  const ZeaFile content = read_zea(folder.path() / "rf.hdf5");
  {
    Hdf5Writer writer(folder.path() / "three.hdf5");
    const auto& rf = content.acquisition;
    const std::string track = "tracks/track_0/";
    std::vector<float> samples(rf.transmits() * rf.samples_per_channel() * rf.channels());
    writer.write<float>(track + "data/raw_data", samples, {1, rf.transmits(), rf.samples_per_channel(), rf.channels(), 1});
    writer.write<double>(track + "scan/sampling_frequency", std::vector<double>{30.4e6, 30.4e6, 20e6}, {3});
    writer.write_scalar(track + "scan/center_frequency", 7.6e6);
    std::vector<float> geometry(rf.channels() * 3);
    for (std::size_t m = 0; m < rf.channels(); ++m) geometry[3 * m] = static_cast<float>(rf.probe.elements[m].position.x);
    writer.write<float>("probe/probe_geometry", geometry, {rf.channels(), 3});
    writer.commit();
  }
  expect_mistake(sonoforge_command(folder, "info three.hdf5"),
                 "sampling_frequency' holds 3 values that differ (all transmits are sampled at one rate). Write one number");
}

/// What a file does not say of itself is not made up on the way.
TEST(Messages, ConvertedFilesHaveNoSeedButTheirOwn) {
  const TestFolder folder;
  folder.write("scene.yaml", scene);
  ASSERT_EQ(sonoforge_command(folder, "simulate scene.yaml -o rf.hdf5").code, 0) << folder.read(".stderr");
  EXPECT_EQ(read_zea(folder.path() / "rf.hdf5").seed, 3u);
  ASSERT_EQ(sonoforge_command(folder, "convert rf.hdf5 rf.uff").code, 0) << folder.read(".stderr");
  ASSERT_EQ(sonoforge_command(folder, "convert rf.uff back.hdf5").code, 0) << folder.read(".stderr");
  EXPECT_FALSE(Hdf5Reader(folder.path() / "back.hdf5").has_attribute("/", "sonoforge_seed"));
  EXPECT_FALSE(nlohmann::json::parse(sonoforge_command(folder, "info back.hdf5 --json").out).contains("seed"));
}

/// `<<` and an anchor share keys between mappings; what stands beside them wins.
TEST(Messages, MergeKeysShareValues) {
  const TestFolder folder;
  folder.write("scene.yaml", R"(sonoforge: 1
phantom:
  type: scene
  background: liver
  regions:
    - &cyst {shape: {type: ellipsoid, centre: [0 mm, 0 mm, 10 mm], radii: [1 mm, 1 mm, 1 mm]}, tissue: cyst, label: cyst}
    - {<<: *cyst, shape: {type: slab, z: [0 mm, 2 mm]}, label: layer}
  extent: {x: [-3 mm, 3 mm], y: [0 mm, 0 mm], z: [1 mm, 12 mm]}
probe: {type: L11-5v, elements: 16}
sequence: {type: plane_waves, angles: [0 deg]}
receive: {sampling_rate: 30.4 MHz, depth: 15 mm}
)");
  EXPECT_EQ(sonoforge_command(folder, "check scene.yaml").code, 0) << folder.read(".stderr");
  expect_mistake(sonoforge_command(folder, "check scene.yaml --set phantom.regions.0.tissue=cist"), "Did you mean 'cyst'?");
}

}  // namespace
}  // namespace sonoforge
