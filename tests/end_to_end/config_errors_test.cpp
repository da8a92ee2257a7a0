#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "command.hpp"

namespace sonoforge {
namespace {

// Every broken config in tests/config_errors names, in its first lines, texts that must stand in the error output.
std::vector<std::filesystem::path> broken_configs() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(SONOFORGE_SOURCE_DIR) / "tests/config_errors"))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(ConfigErrors, EveryBrokenConfigIsRefusedWithItsMessage) {
  const TestFolder folder;
  const auto files = broken_configs();
  EXPECT_GE(files.size(), 60u);
  for (const auto& file : files) {
    const auto result = sonoforge_command(folder, "check '" + file.string() + "'");
    EXPECT_EQ(result.code, 2) << file << "\n" << result.err;
    std::ifstream stream(file);
    int expectations = 0;
    for (std::string line; std::getline(stream, line) && line.rfind("# expect: ", 0) == 0;) {
      ++expectations;
      const std::string text = line.substr(10);
      EXPECT_NE(result.err.find(text), std::string::npos) << file.filename() << ": expected\n  " << text << "\nin\n" << result.err;
    }
    EXPECT_GT(expectations, 0) << file;
    EXPECT_EQ(result.err.find("internal error"), std::string::npos) << result.err;
  }
}

}  // namespace
}  // namespace sonoforge
