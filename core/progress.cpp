#include "core/progress.hpp"

#include <unistd.h>

#include <cctype>
#include <csignal>
#include <cstdio>
#include <utility>

#include "core/error.hpp"
#include "core/printable.hpp"
#include "core/progress_title.hpp"

namespace sonoforge {

static std::atomic<bool> quiet{false};
static volatile std::sig_atomic_t stop_requested = 0;

void set_quiet(bool value) { quiet = value; }

void log_info(const std::string& message) {
  if (!quiet) std::fprintf(stderr, "%s\n", printable(message).c_str());
}

void log_warning(const std::string& message) { std::fprintf(stderr, "warning: %s\n", printable(message).c_str()); }

bool interrupted() { return stop_requested != 0; }

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = [](int) {
    if (stop_requested) _exit(130);  // a second Ctrl-C ends at once
    stop_requested = 1;
  };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file beyond the allowed size is an error of writing, and told as one
}

void check_interrupted() {
  if (stop_requested) throw Interrupted("the work stopped before its end, and its result was not written. Run the same command again");
}

// Only the outermost work is shown: a sample's progress says nothing beside that of its data set.
static std::atomic<int> under_way{0};

static std::mutex title_mutex;
static std::string& title() {
  static std::string words;
  return words;
}

ProgressTitle::ProgressTitle(std::string words) {
  const std::lock_guard lock(title_mutex);
  before_ = std::exchange(title(), std::move(words));
}

ProgressTitle::~ProgressTitle() {
  const std::lock_guard lock(title_mutex);
  title() = std::move(before_);
}

static std::string titled(std::string what) {
  const std::lock_guard lock(title_mutex);
  if (title().empty()) return what;
  if (!what.empty()) what[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(what[0])));
  return title() + ": " + what;
}

Progress::Progress(std::string what, std::size_t total, std::string unit)
    : what_(titled(std::move(what))), unit_(std::move(unit)), total_(total), start_(std::chrono::steady_clock::now()), nested_(under_way++ > 0) {}

Progress::~Progress() {
  --under_way;
  if (shown_) show(true);
}

void Progress::advance(std::size_t done) {
  done_ += done;
  check_interrupted();
  if (quiet || nested_) return;
  if (std::chrono::steady_clock::now() - start_ < std::chrono::seconds(2)) return;
  const bool terminal = isatty(STDERR_FILENO);
  const int percent = total_ ? static_cast<int>(100.0 * static_cast<double>(done_.load()) / static_cast<double>(total_)) : 0;
  const int step = terminal ? percent : percent / 10 * 10;
  int last = last_percent_.load();
  if (step <= last || !last_percent_.compare_exchange_strong(last, step)) return;
  show(false);
}

void Progress::show(bool final) {
  const std::lock_guard lock(mutex_);
  shown_ = true;
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  const auto done = static_cast<double>(done_.load()), total = static_cast<double>(total_);
  const double rate = done / seconds, left = rate > 0 ? (total - done) / rate : 0;
  if (isatty(STDERR_FILENO)) {
    constexpr int width = 30;
    const int filled = total_ ? static_cast<int>(width * done / total) : 0;
    std::string bar(static_cast<std::size_t>(filled), '#');
    bar.resize(width, '.');
    std::fprintf(stderr, "\r%s [%s] %3.0f %%  %.3g %s/s  %.0f s left ", what_.c_str(), bar.c_str(), 100 * done / total, rate,
                 unit_.c_str(), left);
    if (final) std::fprintf(stderr, "\n");
  } else if (!final) {
    std::fprintf(stderr, "%s: %3.0f %%, %.3g %s/s, %.0f s left\n", what_.c_str(), 100 * done / total, rate, unit_.c_str(), left);
  }
}

}  // namespace sonoforge
