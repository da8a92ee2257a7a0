#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace {

// Who may include whom. A folder that is not named here is a mistake.
const std::map<std::string, std::set<std::string>> allowed{
    {"core", {"core"}},
    {"io", {"core", "io"}},
    {"transducers", {"core", "io", "transducers"}},
    {"phantoms", {"core", "io", "phantoms"}},
    {"sim", {"core", "io", "transducers", "phantoms", "sim"}},
    {"recon", {"core", "io", "transducers", "recon"}},
    {"formats", {"core", "io", "transducers", "formats"}},
    {"ai", {"core", "io", "transducers", "phantoms", "recon", "formats", "ai"}},
    {"app", {"core", "io", "transducers", "phantoms", "sim", "recon", "formats", "ai", "app"}},
    {"lab", {"core", "io", "transducers", "phantoms", "sim", "recon", "formats", "ai", "app", "lab"}},
};

TEST(House, FoldersIncludeOnlyWhatTheyMay) {
  const std::filesystem::path root = SONOFORGE_SOURCE_DIR;
  const std::regex include("^\\s*#include \"([a-z_]+)/([^\"]+)\"");
  std::size_t files = 0;
  for (const auto& [folder, may] : allowed) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      const auto extension = entry.path().extension();
      if (extension != ".cpp" && extension != ".hpp") continue;
      ++files;
      std::ifstream stream(entry.path());
      int number = 0;
      for (std::string line; std::getline(stream, line);) {
        ++number;
        std::smatch match;
        if (std::regex_search(line, match, include)) {
          EXPECT_TRUE(may.count(match[1])) << entry.path() << ":" << number << ": " << folder << "/ may not include " << match[1] << "/";
        }
        const bool torch = line.find("#include <torch") != std::string::npos || line.find("#include <ATen") != std::string::npos;
        EXPECT_FALSE(torch && entry.path().parent_path().filename() != "torch") << entry.path() << ":" << number << ": LibTorch headers belong to ai/torch/";
      }
    }
  }
  EXPECT_GT(files, 50u);
}

}  // namespace
