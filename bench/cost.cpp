// What do echoes cost in engine scatterers: against scatterers, elements, depth and accuracy, in time and in memory?
//   bench_cost FOLDER [PANEL...]     writes FOLDER/cost_PANEL.csv, and cost.png from all tables that are there
// Panels: scatterers, elements, depth, accuracy. Each point runs in a process of its own, whose processor time and peak
// memory the system tells; wall time is the median of its runs, processor time that of the cheapest.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "app/figures.hpp"
#include "core/progress.hpp"
#include "io/png.hpp"
#include "scene.hpp"
#include "sim/scatterer_engine.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;
using bench::Region, bench::Scene;
using Model = Exact::Model;

/// One scene; all but one of these are held in each panel.
struct Setting {
  std::string curve;  ///< name in the figure
  std::string probe = "P4-2v";
  Model model = Model::simus;
  std::size_t scatterers = 100'000;
  std::size_t elements = 0;  ///< 0: those of the probe
  double depth = 80e-3;      ///< [m]
  double accuracy = 1e-3;

  ScattererEngine engine() const {
    ScattererEngine engine;
    engine.model = model;
    engine.dimensions = model == Model::physical ? 3 : 2;
    engine.accuracy = accuracy;
    return engine;
  }
  Scene scene() const {
    Scene scene(probe, scatterers, {20e-3, 1e-3, depth, model == Model::physical ? 2e-3 : 0});
    if (elements > 0) {
      // The same pitch, more or fewer elements.
      const Element one = scene.probe.elements.front();
      scene.probe.elements.assign(elements, one);
      for (std::size_t n = 0; n < elements; ++n)
        scene.probe.elements[n].position.x =
            (static_cast<double>(n) - static_cast<double>(elements - 1) / 2) * scene.probe.pitch;
      PlaneWaves waves;
      waves.angles = {0};
      scene.sequence = waves.build(scene.probe, scene.phantom.background.sound_speed);
    }
    return scene;
  }
};

struct Cost {
  double seconds = 0, processor = 0;  ///< median wall time, and least processor time of a run [s]
  double memory = 0;                  ///< peak of the process, scatterers included [bytes]
  double error = 0;                   ///< on a sample against engine exact; 0 where it was not measured
};

/// Runs the work in a child process; what it returns comes through a pipe, its resources from the system.
Cost measured(const Setting& setting) {
  int ends[2];
  if (pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("no process");
  if (child == 0) {
    close(ends[0]);
    set_quiet(true);
    const Scene scene = setting.scene();
    const ScattererEngine engine = setting.engine();
    std::vector<double> seconds;
    const auto processor = [] {
      rusage used{};
      getrusage(RUSAGE_SELF, &used);
      return static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
             1e-6 * static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    };
    double least = INFINITY;
    // Several runs of short ones, one of those that take seconds.
    for (double all = 0; seconds.empty() || (seconds.size() < 7 && all < 2);) {
      const double before = processor();
      const auto start = std::chrono::steady_clock::now();
      (void)engine.simulate(scene.input());
      seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
      least = std::min(least, processor() - before);
      all += seconds.back();
    }
    std::ranges::sort(seconds);
    rusage used{};
    getrusage(RUSAGE_SELF, &used);  // before the sample's check, which may take more
    const auto error = engine.measured_error(scene.input(), RandomStream(1, 0, "sample"));
    const Cost cost{seconds[seconds.size() / 2], least, 1024.0 * static_cast<double>(used.ru_maxrss),
                    error ? error->relative_l2 : 0};
    const bool whole = write(ends[1], &cost, sizeof cost) == static_cast<ssize_t>(sizeof cost);
    _exit(whole ? 0 : 1);
  }
  close(ends[1]);
  Cost cost;
  const bool whole = read(ends[0], &cost, sizeof cost) == static_cast<ssize_t>(sizeof cost);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!whole || status != 0) throw std::runtime_error("a run failed: " + setting.curve);
  if (cost.error > setting.accuracy)
    std::fprintf(stderr, "bench cost: %s, %zu elements, is %g from engine exact (asked %g)\n", setting.curve.c_str(),
                 setting.elements, cost.error, setting.accuracy);
  return cost;
}

struct Panel {
  std::string name, x_label;
  std::vector<std::pair<double, Setting>> points;  ///< value along x, and its setting
};

std::vector<Panel> panels() {
  const auto with = [](Setting setting, const std::function<void(Setting&)>& change) {
    change(setting);
    return setting;
  };
  const Setting p4{.curve = "P4-2v, simus 2-D"}, p4_physical{.curve = "P4-2v, physical 3-D", .model = Model::physical},
      l11{.curve = "L11-5v, simus 2-D", .probe = "L11-5v", .depth = 40e-3};
  std::vector<Panel> result{{"scatterers", "scatterers", {}},
                            {"elements", "elements", {}},
                            {"depth", "depth [mm]", {}},
                            {"accuracy", "error asked for", {}}};
  for (const Setting& one : {p4, l11, p4_physical}) {
    const bool slow = one.model == Model::physical;
    for (const double n : {1e3, 1e4, 1e5, 1e6, 1e7})
      if (n < (slow ? 1e7 : 1e8))
        result[0].points.emplace_back(n, with(one, [&](Setting& s) { s.scatterers = static_cast<std::size_t>(n); }));
    for (const double n : {16, 32, 64, 128, 256})
      result[1].points.emplace_back(n, with(one, [&](Setting& s) { s.elements = static_cast<std::size_t>(n); }));
    for (const double d : {20, 40, 80, 160})
      result[2].points.emplace_back(d, with(one, [&](Setting& s) { s.depth = d * 1e-3; }));
    for (const double a : {1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5})
      result[3].points.emplace_back(a, with(one, [&](Setting& s) { s.accuracy = a; }));
  }
  return result;
}

fs::path table_of(const fs::path& folder, const Panel& panel) {
  return folder / ("cost_" + panel.name + ".csv");
}

void measure(const Panel& panel, const fs::path& folder) {
  const fs::path file = table_of(folder, panel);
  std::ofstream out(file);
  out << "curve," << panel.name << ",seconds,processor_seconds,peak_bytes,measured_error\n";
  for (const auto& [x, setting] : panel.points) {
    const Cost cost = measured(setting);
    char line[256];
    std::snprintf(line, sizeof line, "\"%s\",%g,%.4g,%.4g,%.0f,%.3g", setting.curve.c_str(), x, cost.seconds,
                  cost.processor, cost.memory, cost.error);
    std::printf("%s %s\n", panel.name.c_str(), line);
    std::fflush(stdout);
    out << line << '\n' << std::flush;
  }
  if (!out) throw std::runtime_error("cannot write " + file.string());
}

/// The table's curves: y is its column `column` from 2 on.
std::vector<Curve> curves_of(const fs::path& file, int column, double unit) {
  std::ifstream in(file);
  std::vector<Curve> curves;
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    const auto quote = line.find('"', 1);
    const std::string name = line.substr(1, quote - 1);
    std::istringstream rest(line.substr(quote + 2));
    std::vector<double> values;
    for (std::string cell; std::getline(rest, cell, ',');) values.push_back(std::stod(cell));
    if (curves.empty() || curves.back().name != name) curves.push_back({.name = name, .markers = true});
    curves.back().x.push_back(values.at(0));
    curves.back().y.push_back(values.at(static_cast<std::size_t>(column) - 1) * unit);
  }
  return curves;
}

void draw(const std::vector<Panel>& all, const fs::path& folder) {
  std::vector<Picture> pictures;
  for (const Panel& panel : all) {
    if (!fs::exists(table_of(folder, panel))) continue;
    pictures.push_back(
        draw_curves(curves_of(table_of(folder, panel), 3, 1), panel.x_label, "processor time [s]",
                    {.title = "Cost against " + panel.name, .log_x = true, .log_y = true, .long_side = 700}));
  }
  if (!pictures.empty()) write_png(folder / "cost.png", draw_contact_sheet(pictures, 2));
}

}  // namespace
}  // namespace sonoforge

int main(int argc, char** argv) {
  using namespace sonoforge;
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_cost FOLDER [PANEL...]\n");
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder);
    const std::vector<std::string> wanted(argv + 2, argv + argc);
    const auto all = panels();
    for (const auto& panel : all)
      if (wanted.empty() || std::ranges::count(wanted, panel.name)) measure(panel, folder);
    draw(all, folder);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench cost: %s\n", error.what());
    return 1;
  }
}
