#include <gtest/gtest.h>

#include "command.hpp"
#include "scenes.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

/// Every file below a folder with its content.
std::map<std::string, std::string> content_of(const fs::path& folder) {
  std::map<std::string, std::string> all;
  if (!fs::exists(folder)) return all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream stream(entry.path(), std::ios::binary);
    all[fs::relative(entry.path(), folder).string()] = std::string(std::istreambuf_iterator<char>(stream), {});
  }
  return all;
}

/// The command ends with exit code 2 and a message that names the target.
void expect_refusal(const CommandResult& result, const std::string& target) {
  EXPECT_EQ(result.code, 2) << target << "\n" << result.err;
  EXPECT_NE(result.err.find("error: "), std::string::npos) << result.err;
  EXPECT_NE(result.err.find(target), std::string::npos) << target << ": " << result.err;
  EXPECT_EQ(result.err.find("internal error"), std::string::npos) << result.err;
}

bool has_torch() {
  return fs::exists(fs::path(SONOFORGE_BINARY_DIR) / "sonoforge_learn");
}

class Targets : public ::testing::Test {
 protected:
  void SetUp() override {
    folder.write("scene.yaml", tiny_scene);
    ASSERT_EQ(run("run scene.yaml -o out").code, 0);
  }
  /// What the other commands read: a data set and a model.
  void prepare() {
    folder.write("a_file", "a file");
    folder.write("set.yaml", tiny_data_set(4));
    folder.write("field.yaml",
                 "probe: {type: L11-5v, elements: 16}\nsequence: {type: plane_waves, angles: [0 deg]}\nengine: exact\n"
                 "field: {x: [-2 mm, 2 mm, 1 mm], z: [5 mm, 9 mm, 1 mm]}\n");
    folder.write(
        "train.yaml",
        "sonoforge: 1\ndata: set\ntask: {type: segmentation, label: cyst}\nmodel: {type: unet, width: 2, depth: 1}\n"
        "epochs: 1\nbatch: 2\nimage_size: [16, 16]\n");
    folder.write("validate.yaml",
                 "sonoforge: 1\ndata: set\nmodel: trained/model.pt\nsplit: test\nmetrics: [dice]\nresamples: 100\n");
    ASSERT_EQ(run("generate set.yaml -o set").code, 0);
    if (!has_torch()) return;
    ASSERT_EQ(run("train train.yaml -o trained").code, 0);
  }
  /// The same with files limited to 2 KB, less than each command's largest.
  CommandResult run_limited(const std::string& arguments) const {
    folder.write("limited.sh", "ulimit -f 2\nexec '" SONOFORGE_BINARY_DIR "/sonoforge' " + arguments +
                                   " --quiet > /dev/null 2> .stderr\n");
    const int status = std::system(("cd '" + folder.path().string() + "' && bash limited.sh").c_str());
    CommandResult result;
    result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    result.err = folder.read(".stderr");
    return result;
  }
  CommandResult run(const std::string& arguments) const { return sonoforge_command(folder, arguments + " --quiet"); }

  /// Commands that write, with the place of their target open.
  std::vector<std::string> commands() const {
    std::vector<std::string> all{"run scene.yaml -o ", "reconstruct out/acquisition.hdf5 -o ", "generate set.yaml -o ",
                                 "field field.yaml -o "};
    if (has_torch()) {
      all.emplace_back("train train.yaml -o ");
      all.emplace_back("validate validate.yaml -o ");
      all.emplace_back("predict trained/model.pt out/acquisition.hdf5 -o ");
    }
    return all;
  }
  const TestFolder folder;
};

/// /proc takes no files, not even from the administrator; a file is no folder.
TEST_F(Targets, PlacesThatTakeNoFilesAreRefusedAtOnce) {
  prepare();
  for (const auto& command : commands())
    for (const std::string target : {"/proc/self", "a_file"}) expect_refusal(run(command + target), target);
  expect_refusal(run("run scene.yaml -o /proc/nowhere"), "/proc/nowhere");
  for (const std::string target : {"/proc/nowhere.hdf5", "/proc/nowhere/a.hdf5", "a_file/a.hdf5", "out", "/dev/null"}) {
    const std::string named = target.starts_with("/proc/") ? "/proc" : target.substr(0, target.find('/', 1));
    expect_refusal(run("simulate scene.yaml -o " + target), target == "/dev/null" ? target : named);
    if (target != "out" && target != "/dev/null") expect_refusal(run("convert out/acquisition.hdf5 " + target), target);
  }
  EXPECT_EQ(folder.read("a_file"), "a file");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

/// A full disk, as a limit on the size of files: what stood there stays as it was, and nothing half-written remains.
TEST_F(Targets, AFullDiskLeavesWhatWasThere) {
  prepare();
  for (const auto& command : commands()) {
    const std::string name = command.substr(0, command.find(' '));
    ASSERT_EQ(run(command + "full/" + name).code, 0) << command;
    const auto before = content_of(folder.path() / "full" / name);
    ASSERT_FALSE(before.empty());
    if (name == "generate") {
      // One sample is gone and must be made again; the rest is known to be complete.
      fs::remove(folder.path() / "full/generate/samples/patient_00001/visit_0.hdf5");
    }
    if (name == "train") continue;  // refuses a folder that holds a training; the new folder below counts
    expect_refusal(run_limited(command + "full/" + name), "full/" + name);
    auto after = content_of(folder.path() / "full" / name);
    if (name == "generate")
      after["samples/patient_00001/visit_0.hdf5"] = before.at("samples/patient_00001/visit_0.hdf5");
    EXPECT_EQ(before.size(), after.size()) << name;
    for (const auto& [file, content] : before) EXPECT_TRUE(after[file] == content) << name << "/" << file;
  }
}

TEST_F(Targets, AFullDiskLeavesNothingHalfWritten) {
  prepare();
  // Formats whose library does not tell of a full disk by itself are told apart from damaged files.
  ASSERT_EQ(run("simulate scene.yaml --set 'sequence.angles=[0 deg]' -o one.hdf5").code, 0);  // MUST's files hold one
  for (const char* target : {"converted.mat", "converted.uff"}) {
    const CommandResult result = run_limited(std::string("convert one.hdf5 ") + target);
    expect_refusal(result, target);
    EXPECT_NE(result.err.find("Check free space"), std::string::npos) << result.err;
    EXPECT_EQ(result.err.find(".part"), std::string::npos) << result.err;
    EXPECT_FALSE(fs::exists(folder.path() / target));
  }
  for (const auto& command : commands()) {
    const std::string name = command.substr(0, command.find(' '));
    if (name != "run" && name != "generate" && name != "train") continue;
    expect_refusal(run_limited(command + "fresh/" + name), "fresh/" + name);
    for (const auto& [file, content] : content_of(folder.path() / "fresh" / name)) {
      EXPECT_EQ(file.find(".part"), std::string::npos) << name << "/" << file;
      EXPECT_LE(content.size(), 2048u) << name << "/" << file;
    }
  }
  // With the disk free again the same command goes on, and gives what an undisturbed one gives.
  ASSERT_EQ(run("generate set.yaml -o fresh/generate").code, 0);
  EXPECT_EQ(content_of(folder.path() / "set/samples"), content_of(folder.path() / "fresh/generate/samples"));
  EXPECT_EQ(folder.read("set/manifest.csv"), folder.read("fresh/generate/manifest.csv"));
  expect_refusal(run_limited("simulate scene.yaml -o out/acquisition.hdf5"), "out/acquisition.hdf5");
  expect_refusal(run_limited("convert out/acquisition.hdf5 copy.hdf5"), "copy.hdf5");
  EXPECT_FALSE(fs::exists(folder.path() / "copy.hdf5"));
  EXPECT_EQ(run("info out/acquisition.hdf5").code, 0);
}

TEST_F(Targets, LinksAreWrittenThrough) {
  fs::create_directory(folder.path() / "elsewhere");
  fs::create_symlink("elsewhere/rf.hdf5", folder.path() / "link.hdf5");
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(run("simulate scene.yaml -o link.hdf5").code, 0);
    EXPECT_TRUE(fs::is_symlink(folder.path() / "link.hdf5"));
    EXPECT_TRUE(fs::is_regular_file(folder.path() / "elsewhere/rf.hdf5"));
  }
}

TEST_F(Targets, StandardOutputThatIsFullIsAnError) {
  if (!fs::is_character_file("/dev/full")) GTEST_SKIP() << "this machine has no /dev/full";
  const std::string program = "cd '" + folder.path().string() + "' && '" SONOFORGE_BINARY_DIR "/sonoforge' ";
  const auto code = [](int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -1; };
  EXPECT_EQ(code(std::system((program + "info out/acquisition.hdf5 > /dev/full 2> message").c_str())), 2);
  EXPECT_NE(folder.read("message").find("standard output"), std::string::npos);
  EXPECT_EQ(code(std::system(
                ("bash -c \"set -o pipefail; " + program + "describe 2> message | head -c 1 > first\"").c_str())),
            0);
  EXPECT_EQ(folder.read("message"), "");
}

}  // namespace
}  // namespace sonoforge
