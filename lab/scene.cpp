#include "lab/scene.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/scan_conversion.hpp"
#include "recon/envelope.hpp"

namespace sonoforge::lab {

namespace {

// What a page may ask for, so that an answer takes seconds at most.
constexpr std::size_t most_scatterers = 400'000, most_pixels = 1'000'000, most_transmits = 128, most_elements = 512;
constexpr std::size_t most_samples = 20'000'000, most_text = 200'000;

[[noreturn]] void refuse(const char* key, std::size_t has, const char* what, std::size_t most) {
  throw UserError(std::string(key) + " gives " + std::to_string(has) + " " + what + " (the lab answers at once and takes " + std::to_string(most) +
                  "). Make it smaller, or use the command line");
}

}  // namespace

Scene::Scene(const std::string& config) : text(config) {
  using Clock = std::chrono::steady_clock;
  if (config.size() > most_text) throw UserError("the config is longer than 200 kB. Shorten it");
  const auto timed = [&](const char* name, const auto& work) {
    const auto start = Clock::now();
    work();
    seconds[name] = std::chrono::duration<double>(Clock::now() - start).count();
  };
  timed("phantom", [&] {
    ConfigTree tree = ConfigTree::parse(config, "config");
    tree.forbid_files();
    const Factors factors = draw_config(tree, 0);
    experiment = Experiment::build(tree, {"phantom", "probe", "sequence", "receive"}, factors);
  });
  const Experiment& e = experiment;
  if (e.probe.size() > most_elements) refuse("probe", e.probe.size(), "elements", most_elements);
  if (e.sequence.transmits.size() > most_transmits) refuse("sequence", e.sequence.transmits.size(), "transmits", most_transmits);
  if (e.sequence.frames > 1) refuse("sequence", e.sequence.frames, "frames", 1);
  if (e.phantom.scatterers.size() > most_scatterers) refuse("phantom", e.phantom.scatterers.size(), "scatterers", most_scatterers);
  timed("simulate", [&] { acquisition = e.simulate(); });
  if (acquisition.samples.size() > most_samples) refuse("receive", acquisition.samples.size(), "samples", most_samples);
  grid = e.grid(acquisition);
  if (grid.size() > most_pixels || grid.y.count > 1) refuse("image", grid.size(), "pixels in one plane", most_pixels);
  timed("reconstruct", [&] {
    maps = beamform(e.config, acquisition, grid);
    compensate_loss(maps, e.config.image.compensation, acquisition);
    levels = detect(maps, e.config.image).front();
    image = make_images({levels}).front();
  });
}

PixelGrid Scene::shown() const { return grid.kind == PixelGrid::Kind::cartesian ? grid : enclosing_grid(grid, grid.z.step * 2); }

RealMap Scene::decibels() const {
  return grid.kind == PixelGrid::Kind::cartesian ? image : scan_convert(image, shown(), -300.0F);
}

double Scene::speckle_snr(const LabelMap& classes) const {
  if (grid.kind != PixelGrid::Kind::cartesian || classes.grid.size() != grid.size()) return NAN;
  const auto side = [](const Axis& a) { return static_cast<std::size_t>(std::max(1L, std::lround(2e-3 / a.step))); };
  const std::size_t wide = side(grid.x), deep = side(grid.z), pixels = grid.size();
  // Only where there is speckle: of a wire in water the ratio means nothing.
  constexpr std::size_t fewest = 10;
  const std::size_t across = grid.x.count / wide, down = grid.z.count / deep;
  std::vector<std::size_t> scatterers(across * down);
  for (const Vec3& at : experiment.phantom.scatterers.positions) {
    const double i = (at.x - grid.x.from) / grid.x.step / static_cast<double>(wide), k = (at.z - grid.z.from) / grid.z.step / static_cast<double>(deep);
    if (i >= 0 && i < static_cast<double>(across) && k >= 0 && k < static_cast<double>(down))
      ++scatterers[static_cast<std::size_t>(k) * across + static_cast<std::size_t>(i)];
  }
  std::vector<double> ratios;
  for (std::size_t z0 = 0; z0 + deep <= grid.z.count; z0 += deep)
    for (std::size_t x0 = 0; x0 + wide <= grid.x.count; x0 += wide) {
      double sum = 0, squares = 0;
      bool marked = false;
      for (std::size_t iz = z0; iz < z0 + deep; ++iz)
        for (std::size_t ix = x0; ix < x0 + wide; ++ix) {
          for (std::size_t c = 0; c < classes.channels.size(); ++c) marked |= classes.values.flat()[c * pixels + iz * grid.x.count + ix] != 0;
          const auto level = static_cast<double>(levels.values(iz, std::size_t{0}, ix));
          sum += level, squares += level * level;
        }
      const double n = static_cast<double>(wide * deep), variance = squares / n - (sum / n) * (sum / n);
      if (!marked && variance > 0 && scatterers[z0 / deep * across + x0 / wide] >= fewest) ratios.push_back(sum / n / std::sqrt(variance));
    }
  if (ratios.size() < 5) return NAN;
  std::nth_element(ratios.begin(), ratios.begin() + static_cast<std::ptrdiff_t>(ratios.size() / 2), ratios.end());
  return ratios[ratios.size() / 2];
}

}  // namespace sonoforge::lab
