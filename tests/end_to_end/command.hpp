#pragma once
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace sonoforge {

/// A folder of its own that disappears with the test.
class TestFolder {
 public:
  TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sonoforge_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TestFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path write(const std::string& name, const std::string& content) const {
    std::ofstream(path_ / name, std::ios::binary) << content;
    return path_ / name;
  }
  std::string read(const std::string& name) const {
    std::ifstream stream(path_ / name, std::ios::binary);
    std::stringstream content;
    content << stream.rdbuf();
    return content.str();
  }

 private:
  std::filesystem::path path_;
};

struct CommandResult {
  int code = -1;
  std::string out, err;
};

/// Runs the built program as a user would.
inline CommandResult sonoforge_command(const TestFolder& folder, const std::string& arguments) {
  const std::string command = "cd '" + folder.path().string() + "' && '" SONOFORGE_BINARY_DIR "/sonoforge' " + arguments + " > .stdout 2> .stderr";
  const int status = std::system(command.c_str());
  CommandResult result;
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = folder.read(".stdout");
  result.err = folder.read(".stderr");
  return result;
}

}  // namespace sonoforge
