#include "io/hdf5_trial.hpp"

#include <fcntl.h>
#include <hdf5.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <set>
#include <tuple>

namespace sonoforge::hdf5 {
namespace {

using Identity = std::tuple<dev_t, ino_t, off_t, time_t, long, time_t, long>;

Identity identity_of(const std::filesystem::path& file) {
  struct stat status {};
  if (stat(file.c_str(), &status) != 0) return {};
  return {status.st_dev,          status.st_ino,         status.st_size,        status.st_mtim.tv_sec,
          status.st_mtim.tv_nsec, status.st_ctim.tv_sec, status.st_ctim.tv_nsec};
}

/// Files changed within the last second could change again without a new time stamp: they are not remembered.
bool is_settled(const std::filesystem::path& file) {
  struct stat status {};
  timespec now{};
  if (stat(file.c_str(), &status) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0) return false;
  return now.tv_sec - status.st_ctim.tv_sec > 1;
}

/// Ends the child where the library ran out of memory: texts of gigabytes that a damaged file claims.
herr_t end_without_memory(hid_t stack, void*) {
  const auto visit = [](unsigned, const H5E_error2_t* error, void*) -> herr_t {
    if (error->min_num == H5E_NOSPACE || error->min_num == H5E_CANTALLOC) _exit(3);
    return 0;
  };
  H5Ewalk2(stack, H5E_WALK_UPWARD, visit, nullptr);
  return 0;
}

/// Leaves the child half a gigabyte beside what it inherits, and 16 times the file for what is packed in it. Sanitizers
/// reserve address space by the terabyte, so the limit stays away from them.
void limit_memory(std::uintmax_t bytes) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  std::ifstream statistics("/proc/self/statm");
  rlim_t pages = 0;
  if (!(statistics >> pages)) return;
  const rlim_t most = pages * static_cast<rlim_t>(sysconf(_SC_PAGE_SIZE)) + (rlim_t{512} << 20) + 16 * bytes;
  rlimit now{};
  if (getrlimit(RLIMIT_AS, &now) != 0 || now.rlim_cur <= most) return;
  now.rlim_cur = most;
  if (setrlimit(RLIMIT_AS, &now) == 0) H5Eset_auto2(H5E_DEFAULT, end_without_memory, nullptr);
#else
  static_cast<void>(bytes);
  static_cast<void>(end_without_memory);
#endif
}

[[noreturn]] void run_child(const std::function<void()>& trial, std::uintmax_t bytes) {
  // Whatever goes wrong here is the parent's to tell: no message, no core file, no handler of the parent.
  const int nowhere = open("/dev/null", O_WRONLY);
  if (nowhere >= 0) {
    dup2(nowhere, STDERR_FILENO);
    dup2(nowhere, STDOUT_FILENO);
  }
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (int number : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM, SIGXCPU, SIGINT, SIGTERM})
    std::signal(number, SIG_DFL);
  // Packed data must be unpacked once; a damaged file can make the library run in circles.
  // Small files can hold little (deflate expands at most 1032-fold).
  const rlim_t seconds = std::min<rlim_t>(1 + bytes / 250'000, 3 + bytes / 20'000'000);
  const rlimit work{seconds, seconds};
  setrlimit(RLIMIT_CPU, &work);
  alarm(static_cast<unsigned>(10 * seconds));
  limit_memory(bytes);
  try {
    trial();
  } catch (...) {  // an error that was told is not a crash
  }
  _exit(0);
}

}  // namespace

bool survives_trial(const std::filesystem::path& file, const std::function<void()>& trial) {
  static std::set<Identity> passed;
  const Identity identity = identity_of(file);
  if (passed.contains(identity)) return true;
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  const pid_t child = fork();
  if (child < 0) return true;  // no process to be had: the file is read untried
  if (child == 0) run_child(trial, error ? 0 : bytes);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return true;
  }
  const bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (well && is_settled(file)) {
    if (passed.size() > 10'000) passed.clear();
    passed.insert(identity);
  }
  return well;
}

}  // namespace sonoforge::hdf5
