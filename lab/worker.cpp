#include "lab/worker.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "core/progress.hpp"
#include "io/json_text.hpp"
#include "lab/bench.hpp"
#include "lab/request.hpp"

namespace sonoforge::lab {

namespace {

constexpr std::uint64_t most_message = std::uint64_t{1} << 28;
constexpr rlim_t most_memory = rlim_t{6} << 30;

bool read_whole(int descriptor, char* to, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t got = read(descriptor, to, bytes);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    to += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_whole(int descriptor, const char* from, std::size_t bytes) {
  while (bytes > 0) {
    const ssize_t put = write(descriptor, from, bytes);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    from += put;
    bytes -= static_cast<std::size_t>(put);
  }
  return true;
}

bool send(int descriptor, const std::string& text) {
  const std::uint64_t size = text.size();
  return write_whole(descriptor, reinterpret_cast<const char*>(&size), sizeof size) && write_whole(descriptor, text.data(), text.size());
}

bool receive(int descriptor, std::string& text) {
  std::uint64_t size = 0;
  if (!read_whole(descriptor, reinterpret_cast<char*>(&size), sizeof size) || size > most_message) return false;
  text.resize(size);
  return read_whole(descriptor, text.data(), size);
}

}  // namespace

int run_worker(const SegmenterOpener& open) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // no worker outlives its server
  set_quiet(std::getenv("SONOFORGE_LAB_PROGRESS") == nullptr);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const rlimit memory{most_memory, most_memory};
  setrlimit(RLIMIT_AS, &memory);
#endif
  // Standard output carries the answers: nothing else may write there.
  const int answers = dup(STDOUT_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  const char* models = std::getenv("SONOFORGE_LAB_MODELS");
  Bench bench(Models{models ? models : "", open});
  for (std::string text; receive(STDIN_FILENO, text);) {
    nlohmann::json answer;
    try {
      answer = bench.answer(parse_json(text));
    } catch (const std::bad_alloc&) {
      answer = {{"errors", {{{"line", 0}, {"column", 0}, {"text", "the scene needs more memory than the lab gives (6 GB). Make it smaller"}}}}};
    } catch (const UserError& error) {
      answer = {{"errors", {{{"line", 0}, {"column", 0}, {"text", error.what()}}}}};
    } catch (const nlohmann::json::exception& error) {
      answer = {{"errors", {{{"line", 0}, {"column", 0}, {"text", std::string("the request is not understood: ") + error.what()}}}}};
    }
    if (!send(answers, json_text(answer, -1))) break;
  }
  return 0;
}

Worker::~Worker() { end(); }

void Worker::start() {
  // Everything that takes memory happens before the fork: other threads may hold the allocator's locks.
  char name[] = "sonoforge", command[] = "lab", role[] = "SONOFORGE_LAB_WORKER=1", talk[] = "SONOFORGE_LAB_PROGRESS=1";
  const std::string program = settings_.program.empty() ? "/proc/self/exe" : settings_.program.string();
  std::string models = "SONOFORGE_LAB_MODELS=" + settings_.models.string();
  char* arguments[] = {name, command, nullptr};
  std::vector<char*> surroundings;
  for (char** entry = environ; *entry; ++entry) surroundings.push_back(*entry);
  surroundings.push_back(role);
  if (progress_) surroundings.push_back(talk);
  surroundings.push_back(models.data());
  surroundings.push_back(nullptr);
  int down[2] = {-1, -1}, up[2] = {-1, -1}, said[2] = {-1, -1};
  if (pipe2(down, O_CLOEXEC) == 0 && pipe2(up, O_CLOEXEC) == 0 && pipe2(said, O_CLOEXEC) == 0) process_ = fork();
  if (process_ == 0) {
    dup2(down[0], STDIN_FILENO);
    dup2(up[1], STDOUT_FILENO);
    dup2(said[1], STDERR_FILENO);
    setpriority(PRIO_PROCESS, 0, settings_.nice);
    execve(program.c_str(), arguments, surroundings.data());
    _exit(127);
  }
  for (int descriptor : {down[0], up[1], said[1]})
    if (descriptor >= 0) close(descriptor);
  to_ = down[1], from_ = up[0], messages_ = said[0];
  if (messages_ >= 0) fcntl(messages_, F_SETFL, O_NONBLOCK);
  if (process_ < 0) {
    end();
    throw std::runtime_error("no process for a worker of the lab");
  }
}

void Worker::end() {
  if (to_ >= 0) close(to_);
  if (from_ >= 0) close(from_);
  if (messages_ >= 0) close(messages_);
  to_ = from_ = messages_ = -1;
  if (process_ > 0) {
    kill(process_, SIGKILL);
    while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  process_ = -1;
}

void Worker::listen() {
  char buffer[4096];
  for (;;) {
    const ssize_t got = read(messages_, buffer, sizeof buffer);
    if (got <= 0) return;
    // "Echoes:  20 %, ...": the last percentage counts.
    const std::string_view text(buffer, static_cast<std::size_t>(got));
    const auto sign = text.rfind(" %");
    if (!progress_ || sign == std::string_view::npos) continue;
    auto first = sign;
    while (first > 0 && std::isdigit(static_cast<unsigned char>(text[first - 1]))) --first;
    if (first < sign) progress_(std::atoi(std::string(text.substr(first, sign - first)).c_str()));
  }
}

std::optional<std::string> Worker::ask(const std::string& request, std::chrono::milliseconds limit, const std::function<bool()>& stop,
                                       std::string& why) {
  using Clock = std::chrono::steady_clock;
  if (process_ < 0) start();
  if (!send(to_, request)) {
    // It died while idle: another one gets the request.
    end();
    start();
    if (!send(to_, request)) {
      end();
      why = "the computing process cannot be reached";
      return {};
    }
  }
  const auto until = Clock::now() + limit;
  for (;;) {
    pollfd wait{from_, POLLIN, 0};
    const int ready = poll(&wait, 1, 10);
    listen();
    if (ready > 0) break;
    if (stop()) why = "a newer request took its place";
    else if (Clock::now() > until) why = "it took longer than " + std::to_string(limit.count() / 1000) + " s. Make the scene smaller";
    else continue;
    end();
    return {};
  }
  std::string answer;
  if (!receive(from_, answer)) {
    end();
    why = "the computing process ended (a bug, or too little memory). Make the scene smaller";
    return {};
  }
  return answer;
}

}  // namespace sonoforge::lab
