// Ctrl-C is noticed wherever the work stands, and memory is refused before it is taken.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "command.hpp"

namespace sonoforge {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* scene = R"(sonoforge: 1
phantom:
  type: scene
  background: liver
  extent: {x: [-5 mm, 5 mm], y: [0 mm, 0 mm], z: [1 mm, 20 mm]}
probe: {type: L11-5v}
sequence: {type: plane_waves, angles: [0 deg]}
receive: {sampling_rate: 30.4 MHz, depth: 20 mm}
image: {x: [-5 mm, 5 mm, 0.5 mm], z: [2 mm, 20 mm, 0.5 mm]}
labels: []
)";

struct Interruption {
  int code = -1;
  double seconds = 0;     ///< of processor time, from the signal to the end: other work on the machine does not count
  bool finished = false;  ///< before the signal came
};

/// Of a running process and its threads [s].
double processor_time(pid_t process) {
  std::ifstream stream("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(stream, line);
  std::istringstream rest(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) rest >> skipped;
  double user = 0, system = 0;
  rest >> user >> system;
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// Runs the program, sends it SIGINT after a while, and waits for its end.
Interruption interrupt(const TestFolder& folder, const std::vector<std::string>& arguments, double after) {
  std::vector<std::string> all{SONOFORGE_BINARY_DIR "/sonoforge"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (auto& argument : all) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t process = fork();
  if (process == 0) {
    const int log = open((folder.path() / "log").c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
    if (chdir(folder.path().c_str()) != 0 || log < 0) _exit(99);
    dup2(log, 1), dup2(log, 2);
    execv(argv[0], argv.data());
    _exit(99);
  }
  Interruption result;
  int status = 0;
  const auto until = Clock::now() + std::chrono::duration<double>(after);
  while (Clock::now() < until && !result.finished) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    result.finished = waitpid(process, &status, WNOHANG) == process;
  }
  const auto sent = Clock::now();
  if (!result.finished) {
    const double before = processor_time(process);
    kill(process, SIGINT);
    rusage used{};
    while (wait4(process, &status, WNOHANG, &used) != process) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      if (Clock::now() - sent > std::chrono::seconds(120)) kill(process, SIGKILL);
    }
    const auto seconds = [](timeval t) {
      return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    result.seconds = seconds(used.ru_utime) + seconds(used.ru_stime) - before;
  }
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

struct Case {
  const char* name;
  std::vector<std::string> sets;
};

/// Most of these work for a minute or more without one batch of scatterers done. A second on each of two threads, and
/// one for what ends in any case (a transform, giving memory back); single cells took 2 to 70 s. A fast machine may be
/// done with some before the signal comes, which must not be most of them.
TEST(Interruption, EveryCommandStopsSoon) {
  constexpr double soon = 3;
  const TestFolder folder;
  folder.write("scene.yaml", scene);
  const std::vector<Case> cases{
      {"elements of many wavelengths", {"probe.height=100 mm"}},
      {"elements of thousands of wavelengths", {"probe.height=1 m"}},
      {"ultrasonic microscope", {"pulse.frequency=1 GHz", "receive.sampling_rate=4 GHz", "probe.height=2 mm"}},
      {"20 000 elements", {"probe.elements=20000"}},
      {"20 000 elements in a plane", {"probe.elements=20000", "engine.dimensions=2"}},
      {"elements a metre apart", {"probe.pitch=1 m", "probe.width=1 m"}},
      {"long record", {"receive.depth=400 m", "probe.elements=4"}},
      {"image of 59 million pixels",
       {"phantom={type: points, positions: [[0 mm, 0 mm, 10 mm]]}", "image.x=[-5 m, 5 m, 1.3 mm]",
        "image.z=[-5 m, 5 m, 1.3 mm]"}},
  };
  std::size_t interrupted = 0;
  for (const auto& one : cases)
    for (const double after : {0.7, 2.5}) {
      std::filesystem::remove_all(folder.path() / "out");
      std::vector<std::string> arguments{"run", "scene.yaml", "-o", "out", "--threads", "2"};
      for (const auto& set : one.sets) arguments.insert(arguments.end(), {"--set", set});
      const Interruption result = interrupt(folder, arguments, after);
      if (result.finished) {
        EXPECT_EQ(result.code, 0) << one.name << ": " << folder.read("log");
        continue;
      }
      ++interrupted;
      EXPECT_EQ(result.code, 130) << one.name << ": " << folder.read("log");
      EXPECT_LT(result.seconds, soon) << one.name << ", after " << after << " s";
      EXPECT_FALSE(std::filesystem::exists(folder.path() / "out/acquisition.hdf5")) << one.name;
    }
  EXPECT_GT(interrupted, cases.size());
}

/// With an address space of 2 GB a simulation may hold a third of that.
TEST(Interruption, MemoryIsRefusedBeforeItIsTaken) {
  const TestFolder folder;
  folder.write("scene.yaml", scene);
  const auto limited = [&](const std::string& arguments) {
    folder.write("limited.sh", "ulimit -v 2000000\nexec '" SONOFORGE_BINARY_DIR "/sonoforge' " + arguments +
                                   " > .stdout 2> .stderr\n");
    const int status = std::system(("cd '" + folder.path().string() + "' && sh limited.sh").c_str());
    return CommandResult{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), folder.read(".stdout"),
                         folder.read(".stderr")};
  };
  // Its strips, spectra and weights for 1000 transmits would take several GB in a single cell.
  const auto many = limited(
      "simulate scene.yaml -o rf.hdf5 --threads 1 --set 'probe.elements=2000' "
      "--set 'sequence.angles={from: -1 deg, to: 1 deg, count: 60}' --set 'receive.depth=15 mm' --set "
      "'pulse.cycles=400'");
  EXPECT_EQ(many.code, 2) << many.err;
  EXPECT_NE(many.err.find("scene.yaml"), std::string::npos) << many.err;
  EXPECT_NE(many.err.find(" GB (a simulation may hold 0.6 GB on this machine). "), std::string::npos) << many.err;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "rf.hdf5"));
  EXPECT_EQ(limited("simulate scene.yaml -o rf.hdf5 --threads 1 --set probe.elements=16").code, 0)
      << folder.read(".stderr");
}

/// Elements so large that the fast sums would need thousands of frequencies go to engine exact, which says so.
TEST(Interruption, HugeElementsAreLeftToEngineExact) {
  const TestFolder folder;
  folder.write("points.yaml", R"(sonoforge: 1
phantom: {type: points, positions: [[0 mm, 0 mm, 10 mm]]}
probe: {type: L11-5v, elements: 4, height: 200 mm}
sequence: {type: plane_waves, angles: [0 deg]}
receive: {sampling_rate: 30.4 MHz, depth: 20 mm}
image: {x: [-5 mm, 5 mm, 0.5 mm], z: [2 mm, 20 mm, 0.5 mm]}
labels: []
)");
  const auto result = sonoforge_command(folder, "run points.yaml -o out");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(folder.read("out/report.json").find("Computed by engine exact: the elements are so large"),
            std::string::npos)
      << folder.read("out/report.json");
}

}  // namespace
}  // namespace sonoforge
