#pragma once
#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <string>

namespace sonoforge {

/// Messages go to stderr; `quiet` silences all but errors.
void set_quiet(bool quiet);
void log_info(const std::string& message);
void log_warning(const std::string& message);

/// True once the user pressed Ctrl-C; long loops poll it through `parallel_for` and `Progress::advance`.
bool interrupted();
void install_interrupt_handler();
/// Throws `Interrupted` if the user asked to stop.
void check_interrupted();

/// Shows work over two seconds: a bar with rate and time left on a terminal, a line per 10 % otherwise. Thread-safe. While one is
/// at work, further ones stay silent.
class Progress {
 public:
  Progress(std::string what, std::size_t total, std::string unit = "");
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(std::size_t done = 1);

 private:
  void show(bool final);
  std::string what_, unit_;
  std::size_t total_;
  std::atomic<std::size_t> done_{0};
  std::atomic<int> last_percent_{-1};
  std::chrono::steady_clock::time_point start_;
  std::mutex mutex_;
  bool shown_ = false;
  bool nested_ = false;
};

}  // namespace sonoforge
