#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <regex>
#include <sstream>

#include "command.hpp"

namespace sonoforge {
namespace {

/// One message that must be written about a broken config: "LINE:COLUMN: text", or "-: text" where the file as a whole
/// is meant. " ... " in the text stands for anything.
struct Expectation {
  int line = 0, column = 0;
  std::string text;
};

struct BrokenConfig {
  std::filesystem::path file;
  std::vector<std::string> lines;
  std::vector<Expectation> expected;
};

BrokenConfig read_broken_config(const std::filesystem::path& file) {
  BrokenConfig config{file, {}, {}};
  std::ifstream stream(file);
  for (std::string line; std::getline(stream, line);) config.lines.push_back(line);
  const std::regex placed("# expect: ([0-9]+):([0-9]+): (.*)"), unplaced("# expect: -: (.*)");
  for (const auto& line : config.lines) {
    if (line.rfind("# expect", 0) != 0) break;
    std::smatch match;
    if (std::regex_match(line, match, placed))
      config.expected.push_back({std::stoi(match[1]), std::stoi(match[2]), match[3]});
    else if (std::regex_match(line, match, unplaced))
      config.expected.push_back({0, 0, match[1]});
    else
      ADD_FAILURE() << file << ": not an expectation: " << line;
  }
  return config;
}

/// Every file of tests/config_errors names, in its first lines, all messages that the command must write about it.
std::vector<BrokenConfig> broken_configs() {
  std::vector<BrokenConfig> configs;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(SONOFORGE_SOURCE_DIR) / "tests/config_errors"))
    if (entry.path().extension() == ".yaml") configs.push_back(read_broken_config(entry.path()));
  std::sort(configs.begin(), configs.end(), [](const auto& a, const auto& b) { return a.file < b.file; });
  return configs;
}

std::vector<std::string> error_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    if (line.rfind("error: ", 0) == 0) lines.push_back(line.substr(7));
  return lines;
}

bool fits(const std::string& message, const std::string& file, const Expectation& expected) {
  std::string prefix = file + ":";
  if (expected.line > 0) prefix += std::to_string(expected.line) + ":" + std::to_string(expected.column) + ":";
  if (message.rfind(prefix + " ", 0) != 0) return false;
  std::size_t at = prefix.size() + 1;
  std::string rest = expected.text;
  bool first = rest.rfind("... ", 0) != 0;
  if (!first) rest.erase(0, 4);
  for (; !rest.empty(); first = false) {
    const auto gap = rest.find(" ... ");
    const std::string part = rest.substr(0, gap);
    const auto found = message.find(part, at);
    if (found == std::string::npos || (first && found != at)) return false;
    at = found + part.size();
    rest = gap == std::string::npos ? "" : rest.substr(gap + 5);
  }
  return true;
}

TEST(ConfigErrors, EveryBrokenConfigIsRefusedWithItsMessages) {
  const TestFolder folder;
  const auto configs = broken_configs();
  EXPECT_GE(configs.size(), 60u);
  for (const auto& config : configs) {
    const std::string name = config.file.filename().string();
    std::filesystem::copy_file(config.file, folder.path() / name);
    const auto result = sonoforge_command(folder, "check '" + name + "'");
    EXPECT_EQ(result.code, 2) << name << "\n" << result.err;
    const auto messages = error_lines(result.err);
    EXPECT_EQ(messages.size(), config.expected.size()) << name << "\n" << result.err;
    EXPECT_FALSE(config.expected.empty()) << name;
    for (std::size_t i = 0; i < std::min(messages.size(), config.expected.size()); ++i)
      EXPECT_TRUE(fits(messages[i], name, config.expected[i]))
          << name << ": expected\n  " << config.expected[i].text << "\nin\n  " << messages[i];
    EXPECT_EQ(result.err.find("internal error"), std::string::npos) << result.err;
  }
}

/// The places above are written by hand; where a message quotes what is wrong, that word must stand there.
TEST(ConfigErrors, PlacesPointAtTheWordThatIsWrong) {
  int quoted = 0;
  const std::regex offender(
      "^(?:[a-z_ ]+ = |unknown [a-z]+ |labels: unknown label |duplicate key |the key |target: |background: "
      "|components: )'([^']*)'");
  for (const auto& config : broken_configs())
    for (const auto& expected : config.expected) {
      if (expected.line == 0) continue;
      ASSERT_LE(static_cast<std::size_t>(expected.line), config.lines.size()) << config.file;
      const std::string& line = config.lines[static_cast<std::size_t>(expected.line) - 1];
      ASSERT_LE(static_cast<std::size_t>(expected.column), line.size()) << config.file;
      std::string word = line.substr(static_cast<std::size_t>(expected.column) - 1);
      if (word.front() == '"') word.erase(0, 1);
      EXPECT_TRUE(word.front() != ' ' &&
                  (expected.column == 1 ||
                   std::string(" [{\"").find(line[static_cast<std::size_t>(expected.column) - 2]) != std::string::npos))
          << config.file << ": column " << expected.column << " is not where a word starts";
      std::smatch match;
      if (!std::regex_search(expected.text, match, offender)) continue;
      ++quoted;
      EXPECT_EQ(word.substr(0, match[1].length()), match[1].str())
          << config.file << ":" << expected.line << ":" << expected.column;
    }
  EXPECT_GT(quoted, 40);
}

}  // namespace
}  // namespace sonoforge
