#pragma once
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

namespace sonoforge {

/// `sonoforge lab` in a process of its own, on a free port.
class LabProcess {
 public:
  explicit LabProcess(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(), {"sonoforge", "lab"});
    std::vector<char*> list;
    for (auto& one : arguments) list.push_back(one.data());
    list.push_back(nullptr);
    int out[2];
    if (pipe(out) != 0) throw std::runtime_error("no pipe can be had");
    process_ = fork();
    if (process_ == 0) {
      dup2(out[1], STDOUT_FILENO);
      close(out[0]), close(out[1]);
      execv(SONOFORGE_BINARY_DIR "/sonoforge", list.data());
      _exit(127);
    }
    close(out[1]);
    char letter = 0;
    while (read(out[0], &letter, 1) == 1 && letter != '\n') said_ += letter;
    close(out[0]);
    std::smatch found;
    if (std::regex_search(said_, found, std::regex("http://127\\.0\\.0\\.1:(\\d+)/"))) port_ = std::stoi(found[1]);
  }
  ~LabProcess() { stop(); }
  LabProcess(const LabProcess&) = delete;
  LabProcess& operator=(const LabProcess&) = delete;

  int port() const { return port_; }  ///< 0: it did not start, which `said` explains
  const std::string& said() const { return said_; }
  pid_t process() const { return process_; }
  /// Interrupts it; its exit code, -1 where it did not end by itself.
  int stop() {
    if (process_ <= 0) return -1;
    kill(process_, SIGINT);
    int status = 0;
    waitpid(process_, &status, 0);
    process_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t process_ = -1;
  int port_ = 0;
  std::string said_;
};

}  // namespace sonoforge
