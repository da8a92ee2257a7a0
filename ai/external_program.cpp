#include "ai/external_program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <thread>

#include "core/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"

extern char** environ;

namespace sonoforge {
namespace {

/// A file without a name that a child writes into.
class Captured {
 public:
  Captured() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sonoforge_XXXXXX").string();
    descriptor_ = ::mkostemp(pattern.data(), O_CLOEXEC);
    if (descriptor_ < 0)
      throw UserError("no temporary file can be made (" + std::string(std::strerror(errno)) +
                      "). Check TMPDIR and free space");
    ::unlink(pattern.c_str());
  }
  ~Captured() { ::close(descriptor_); }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;
  int descriptor() const { return descriptor_; }
  std::string tail() const {
    constexpr off_t most = 1 << 16;
    const off_t size = ::lseek(descriptor_, 0, SEEK_END), from = size > most ? size - most : 0;
    std::string text(static_cast<std::size_t>(size - from), '\0');
    const auto got = ::pread(descriptor_, text.data(), text.size(), from);
    text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return text;
  }

 private:
  int descriptor_ = -1;
};

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

std::string last_line(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text.substr(text.find_last_of('\n') + 1);
}

const char* const endings[]{".png", ".nii", ".nii.gz", ".hdf5", ".h5"};

}  // namespace

ProgramRun run_program(const std::vector<std::string>& command, double time_limit) {
  if (command.empty())
    throw UserError(
        "program: there is no command. Write for example 'program: [python3, theirs.py, \"{input}\", \"{output}\"]'");
  const Captured out, error;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out.descriptor(), 1);
  posix_spawn_file_actions_adddup2(&actions, error.descriptor(), 2);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // a group of its own, so that its children end with it
  posix_spawnattr_setpgroup(&attributes, 0);
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int problem = posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (problem != 0)
    throw UserError("program: '" + command[0] + "' cannot be started (" + std::strerror(problem) +
                    "). Name an executable file or a program in PATH");

  ProgramRun run;
  const auto start = std::chrono::steady_clock::now();
  int status = 0;
  auto pause = std::chrono::microseconds(200);
  while (::waitpid(child, &status, WNOHANG) == 0) {
    run.timed_out = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() > time_limit;
    if (run.timed_out || interrupted()) {
      ::kill(-child, SIGKILL);
      ::waitpid(child, &status, 0);
      check_interrupted();
      break;
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::microseconds(20'000));
  }
  run.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  run.out = out.tail();
  run.error = error.tail();
  return run;
}

void predict_with_program(const ValidateConfig& config, const Dataset& data, const std::vector<std::size_t>& rows,
                          const std::filesystem::path& folder) {
  make_folder(folder);
  const bool prints = config.task == ValidationTask::classification || config.task == ValidationTask::measurement ||
                      config.task == ValidationTask::survival;
  std::string table = csv_line({"id", "prediction"});
  Progress progress("program", rows.size());
  for (const auto row : rows) {
    const auto& entry = data.manifest.rows[row];
    const auto output = std::filesystem::absolute(folder / entry.id);
    std::error_code ignored;
    for (const char* ending : endings) std::filesystem::remove(output.string() + ending, ignored);  // of an earlier run
    std::vector<std::string> command;
    for (const auto& argument : config.program)
      command.push_back(
          replaced(replaced(replaced(argument, "{input}", std::filesystem::absolute(data.folder / entry.file).string()),
                            "{output}", output.string()),
                   "{id}", entry.id));
    const auto run = run_program(command, config.time_limit);
    const auto fail = [&](const std::string& what) {
      const std::string said = last_line(run.error);
      return UserError("program: for case " + entry.id + " it " + what +
                       (said.empty() ? "" : "; its last words: " + said) + ". Run it by hand on " +
                       (data.folder / entry.file).string());
    };
    if (run.timed_out)
      throw fail("took longer than " + format_number(config.time_limit) + " s and was ended (time_limit)");
    if (run.code != 0) throw fail("ended with exit code " + std::to_string(run.code));
    if (prints) {
      const std::string line = last_line(run.out);
      char* end = nullptr;
      const double value = std::strtod(line.c_str(), &end);
      if (line.empty() || *end != 0 || !std::isfinite(value))
        throw fail("did not print a number in its last line ('" + line.substr(0, 80) + "')");
      table += csv_line({entry.id, shortest_number(value)});
    } else {
      bool wrote = false;
      for (const char* ending : endings) wrote |= std::filesystem::exists(output.string() + ending, ignored);
      if (!wrote) throw fail("wrote no prediction (" + output.string() + " with .png, .nii, .nii.gz, .hdf5 or .h5)");
    }
    progress.advance();
  }
  if (prints) write_file_atomically(folder / "predictions.csv", table);
}

}  // namespace sonoforge
