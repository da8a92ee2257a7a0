#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "ai/segmenter.hpp"

namespace sonoforge::lab {

/// The lab computes in processes of their own: whatever a request does, the server lives, and work that nobody waits for any more
/// ends at once. Messages on the pipes: 8 bytes of length, then JSON.

/// The child's side: answers requests from standard input until it closes. Returns the exit code. `open`: for the models whose place
/// the server gave.
int run_worker(const SegmenterOpener& open);

/// What a worker is started with.
struct WorkerSettings {
  std::filesystem::path program;  ///< empty: this one
  int nice = 0;                   ///< by how much it yields to others
  std::filesystem::path models;   ///< for `Models::place`
};

/// One such process, started when first needed.
class Worker {
 public:
  /// `progress` is told the percentage of long work; without it the process stays silent.
  explicit Worker(WorkerSettings settings = {}, std::function<void(int)> progress = {}) : settings_(std::move(settings)), progress_(std::move(progress)) {}
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Sends the request and waits for its answer. Nothing where `stop()` turned true, `limit` passed, or the process died (`why` says
  /// which); the process is then gone, and the next request starts another.
  std::optional<std::string> ask(const std::string& request, std::chrono::milliseconds limit, const std::function<bool()>& stop, std::string& why);

 private:
  void start();
  void end();
  void listen();
  WorkerSettings settings_;
  std::function<void(int)> progress_;
  pid_t process_ = -1;
  int to_ = -1, from_ = -1, messages_ = -1;
};

}  // namespace sonoforge::lab
