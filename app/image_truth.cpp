#include "app/image_truth.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>

#include "ai/labels.hpp"
#include "app/resolution_truth.hpp"
#include "core/parallel.hpp"
#include "recon/envelope.hpp"
#include "recon/metrics.hpp"
#include "sim/exact.hpp"
#include "sim/propagation.hpp"
#include "sim/scan.hpp"
#include "sim/shadow.hpp"

namespace sonoforge {

namespace {

bool asks(const std::vector<std::string>& labels, const char* name) {
  return std::find(labels.begin(), labels.end(), name) != labels.end();
}

PropagationKind propagation_of(const Experiment& e) {
  const auto* linear = dynamic_cast<const Exact*>(e.config.engine.value.get());
  return linear ? linear->propagation : PropagationKind::uniform;
}

/// Pixels that a length spans along x and z; of a polar grid at the middle of its range.
std::pair<std::size_t, std::size_t> pixels_of(const PixelGrid& grid, double length) {
  double across = std::abs(grid.x.step);
  if (grid.kind == PixelGrid::Kind::polar) across *= 0.5 * (grid.z.at(0) + grid.z.at(grid.z.count - 1));
  const auto count = [&](double step) {
    return step > 0 ? static_cast<std::size_t>(std::lround(length / step)) : std::size_t{0};
  };
  return {count(across), count(std::abs(grid.z.step))};
}

/// Powers of the middle plane, [z, x].
std::vector<double> powers(const ComplexMap& map) {
  const PixelGrid& grid = map.grid;
  std::vector<double> out(grid.z.count * grid.x.count);
  for (std::size_t z = 0; z < grid.z.count; ++z)
    for (std::size_t x = 0; x < grid.x.count; ++x)
      out[z * grid.x.count + x] = static_cast<double>(std::norm(map.values(z, grid.y.count / 2, x)));
  return out;
}

/// Means over (2 rx + 1) x (2 rz + 1) pixels, fewer at the edges.
std::vector<double> smoothed(const std::vector<double>& values, std::size_t nx, std::size_t nz, std::size_t rx,
                             std::size_t rz) {
  const auto along = [](const std::vector<double>& in, std::size_t rows, std::size_t n, std::size_t r,
                        std::size_t row_step, std::size_t step) {
    std::vector<double> out(in.size());
    for (std::size_t row = 0; row < rows; ++row)
      for (std::size_t i = 0; i < n; ++i) {
        const std::size_t first = i > r ? i - r : 0, last = std::min(i + r, n - 1);
        double sum = 0;
        for (std::size_t k = first; k <= last; ++k) sum += in[row * row_step + k * step];
        out[row * row_step + i * step] = sum / static_cast<double>(last - first + 1);
      }
    return out;
  };
  return along(along(values, nz, nx, rx, nx, 1), nx, nz, rz, 1, nx);
}

LabelMap scalar_map(const PixelGrid& grid, const char* name, const char* unit, const char* description) {
  LabelMap map;
  map.name = name, map.unit = unit, map.description = description, map.grid = grid;
  map.values = NdArray<float, 4>({1, grid.z.count, grid.y.count, grid.x.count});
  return map;
}

/// What travel times beyond the background's mean at every pixel: mean over elements within an f-number of 1, and rms
/// about it.
struct Delays {
  std::vector<double> mean, rms;
};
Delays excess_delays(const Experiment& e, const PixelGrid& grid) {
  Delays delays{std::vector<double>(grid.size()), std::vector<double>(grid.size())};
  const PropagationKind kind = propagation_of(e);
  if (kind != PropagationKind::straight && kind != PropagationKind::eikonal) return delays;
  std::vector<Vec3> places;
  for (std::size_t z = 0; z < grid.z.count; ++z)
    for (std::size_t y = 0; y < grid.y.count; ++y)
      for (std::size_t x = 0; x < grid.x.count; ++x) places.push_back(grid.position(z, y, x));
  const auto* linear = dynamic_cast<const Exact*>(e.config.engine.value.get());
  const auto propagation =
      make_propagation(kind, e.phantom, e.probe, bounds_of(places), static_cast<int>(linear->dimensions));
  if (!propagation || propagation->uniform()) return delays;
  parallel_blocks(places.size(), 256, [&](std::size_t begin, std::size_t end) {
    std::vector<std::size_t> elements;
    std::vector<double> delay, loss;
    for (std::size_t i = begin; i < end; ++i) {
      elements.clear();
      const auto distance = [&](std::size_t n) { return std::abs(e.probe.elements[n].position.x - places[i].x); };
      std::size_t nearest = 0;
      for (std::size_t n = 0; n < e.probe.size(); ++n) {
        if (distance(n) < distance(nearest)) nearest = n;
        if (distance(n) <= 0.5 * (places[i].z - e.probe.elements[n].position.z)) elements.push_back(n);
      }
      if (elements.empty()) elements.push_back(nearest);
      delay.assign(elements.size(), 0);
      loss.assign(elements.size() * propagation->exponents().size(), 0);
      propagation->excess(places[i], elements, delay.data(), loss.data());
      double sum = 0, squares = 0;
      for (double d : delay) sum += d;
      const double mean = sum / static_cast<double>(delay.size());
      for (double d : delay) squares += (d - mean) * (d - mean);
      delays.mean[i] = mean;
      delays.rms[i] = std::sqrt(squares / static_cast<double>(delay.size()));
    }
  });
  return delays;
}

/// Way from the face to a pixel on the line through the probe's middle of curvature, or straight down from a flat face.
double depth_of(const Probe& probe, Vec3 p) {
  const bool curved = probe.kind == Probe::Kind::curved && std::isfinite(probe.curvature_radius);
  return curved ? std::hypot(p.x, p.z + probe.curvature_radius) - probe.curvature_radius : p.z;
}

void add_visibility(ImageTruth& truth, const Experiment& e, const PixelGrid& grid, const std::vector<double>& clean,
                    const std::vector<double>& noise) {
  const std::size_t nx = grid.x.count, nz = grid.z.count, iy = grid.y.count / 2;
  // What echoes from each pixel before beamforming: backscatter times the two-way loss beyond the background's.
  Phantom pixels = e.phantom.with({});
  std::vector<double> expected(nx * nz);
  for (std::size_t z = 0; z < nz; ++z)
    for (std::size_t x = 0; x < nx; ++x) {
      pixels.scatterers.positions.push_back(grid.position(z, iy, x));
      pixels.scatterers.amplitudes.push_back(1);
    }
  std::vector<double> factors(nx * nz, 1.0);
  if (propagation_of(e) != PropagationKind::uniform)
    factors = shadow_factors({pixels, e.probe, *e.pulse, e.sequence, *e.config.receive});
  parallel_for(nz, [&](std::size_t z) {
    for (std::size_t x = 0; x < nx; ++x) {
      const std::size_t i = z * nx + x;
      expected[i] =
          std::pow(10.0, e.phantom.echogenicity_at(pixels.scatterers.positions[i]) / 10) * factors[i] * factors[i];
    }
  });
  // Beam, depth gain and background loss are alike along a row: one factor each brings expectation to beamformed power.
  const auto [unused, span] = pixels_of(grid, 2e-3);
  std::vector<double> row_clean(nz), row_expected(nz), row_noise(nz);
  for (std::size_t z = 0; z < nz; ++z)
    for (std::size_t x = 0; x < nx; ++x) {
      row_clean[z] += clean[z * nx + x];
      row_expected[z] += expected[z * nx + x];
      row_noise[z] += noise[z * nx + x] / static_cast<double>(nx);
    }
  row_clean = smoothed(row_clean, 1, nz, 0, span);
  row_expected = smoothed(row_expected, 1, nz, 0, span);
  row_noise = smoothed(row_noise, 1, nz, 0, span);
  const auto factor = [&](std::size_t z) { return row_expected[z] > 0 ? row_clean[z] / row_expected[z] : 0; };

  const LabelMap classes = rasterize_labels(e.phantom, grid, {"segmentation"}).front();
  const auto [rx, rz] = pixels_of(grid, 2e-3);
  for (std::size_t c = 0; c < classes.channels.size(); ++c) {
    const auto mask = [&](std::size_t i) {
      return classes.values.flat()[(c * nz * grid.y.count + i / nx * grid.y.count + iy) * nx + i % nx] != 0;
    };
    std::vector<double> inside(nx * nz);
    for (std::size_t i = 0; i < inside.size(); ++i) inside[i] = mask(i);
    const std::vector<double> near = smoothed(inside, nx, nz, rx, rz);
    double signal_in = 0, noise_in = 0, count_in = 0, signal_out = 0, noise_out = 0, count_out = 0, loss = 0;
    for (std::size_t i = 0; i < inside.size(); ++i) {
      const double signal = factor(i / nx) * expected[i], n = row_noise[i / nx];
      if (inside[i] != 0)
        signal_in += signal, noise_in += n, loss += 20 * std::log10(std::max(factors[i], 1e-15)), ++count_in;
      else if (near[i] > 0)
        signal_out += signal, noise_out += n, ++count_out;
    }
    if (count_in == 0 || count_out == 0) continue;
    const double in = (signal_in + noise_in) / count_in, out = (signal_out + noise_out) / count_out;
    const std::string& name = classes.channels[c];
    truth.measurements.push_back({name + ".visibility", speckle_gcnr(in, out), ""});
    if (in > 0 && out > 0) truth.measurements.push_back({name + ".visible_contrast", 10 * std::log10(in / out), "dB"});
    truth.measurements.push_back({name + ".excess_loss", -loss / count_in, "dB"});
    if (noise_in + noise_out > 0 && signal_in + signal_out > 0)
      truth.measurements.push_back(
          {name + ".snr", 10 * std::log10((signal_in + signal_out) / (noise_in + noise_out)), "dB"});
  }
}

/// gCNR of the pixels of a mask against the others within 2 mm; missing where one side has none.
std::optional<double> gcnr_of(const RealMap& envelope, const std::vector<bool>& mask) {
  LabelMap map = scalar_map(envelope.grid, "", "", "");
  map.channels = {"structure"};
  for (std::size_t i = 0; i < mask.size(); ++i) map.values.flat()[i] = mask[i];
  const auto levels = [&](const RegionQuery& query) {
    std::vector<double> values;
    for (const std::size_t i : region_pixels(map, query)) values.push_back(envelope.values.flat()[i]);
    return values;
  };
  try {
    const auto target = levels({.label = "structure"});
    const auto around = levels({.label = "background", .near = "structure", .within = 2e-3});
    const auto n = static_cast<double>(std::min(target.size(), around.size()));
    return generalised_contrast_to_noise(
        target, around, static_cast<std::size_t>(std::lround(std::clamp(2 * std::cbrt(n), 10.0, 100.0))));
  } catch (const UserError&) {
    return {};  // no pixel in the image, or none about it
  }
}

void add_gcnr(ImageTruth& truth, const Experiment& e, const ComplexMap& noisy) {
  const RealMap envelope = std::move(detect({noisy}, e.config.image).front());
  const std::vector<LabelMap> maps = rasterize_labels(e.phantom, noisy.grid, {"segmentation", "instances"});
  const std::size_t pixels = noisy.grid.size();
  const auto masked = [&](std::size_t map, std::size_t channel, float value) {
    std::vector<bool> mask(pixels);
    for (std::size_t i = 0; i < pixels; ++i) mask[i] = maps[map].values.flat()[channel * pixels + i] == value;
    return mask;
  };
  const auto& classes = maps[0].channels;
  std::vector<std::optional<double>> of_class(classes.size());
  parallel_for(classes.size(), [&](std::size_t c) { of_class[c] = gcnr_of(envelope, masked(0, c, 1)); });
  for (std::size_t c = 0; c < classes.size(); ++c)
    if (of_class[c]) truth.measurements.push_back({classes[c] + ".gcnr", *of_class[c], ""});

  const auto& instances = maps[1].values.flat();
  const std::set<float> numbers(instances.begin(), instances.end());
  LabelMap map = scalar_map(noisy.grid, "gcnr", "",
                            "of each labelled region in the image against what lies within 2 mm of it; 0 elsewhere");
  for (const float number : numbers) {
    if (number == 0) continue;
    const double value = gcnr_of(envelope, masked(1, 0, number)).value_or(0);
    for (std::size_t i = 0; i < pixels; ++i)
      if (instances[i] == number) map.values.flat()[i] = static_cast<float>(value);
  }
  truth.labels.push_back(std::move(map));
}

}  // namespace

bool needs_clean_image(const std::vector<std::string>& labels) {
  return asks(labels, "snr") || asks(labels, "clean_image") || asks(labels, "visibility");
}

double speckle_gcnr(double power_1, double power_2) {
  const double a = std::min(power_1, power_2), b = std::max(power_1, power_2);
  if (!(b > 0) || a == b) return 0;
  if (!(a > 0)) return 1;
  const double ratio = b / a, log_ratio = std::log(ratio);
  // t / b = ln(r) / (r - 1), t / a = r times that.
  const double t = ratio - 1 < 1e-9 ? 1 : log_ratio / (ratio - 1);
  return std::exp(-t) - std::exp(-ratio * t);
}

ComplexMap clean_frame(const Experiment& e, Acquisition& acquisition, const PixelGrid& grid) {
  Acquisition clean = acquisition;
  clean.components.clear();
  for (const auto& component : acquisition.components)
    if (component.name == noise_component)
      for (std::size_t i = 0; i < clean.samples.size(); ++i) clean.samples.flat()[i] -= component.samples.flat()[i];
  const auto& asked = e.config.components;
  if (std::find(asked.begin(), asked.end(), noise_component) == asked.end()) {
    std::erase_if(acquisition.components, [](const auto& component) { return component.name == noise_component; });
    if (asked.empty()) acquisition.components.clear();
  }
  auto maps = beamform(e.config, clean, grid);
  compensate_loss(maps, e.config.image.compensation, clean);
  return std::move(maps.front());
}

void add_labels(const Experiment& e, const PixelGrid& grid, ZeaFile& file) {
  const auto& names = e.config.labels;
  const bool boxes = std::find(names.begin(), names.end(), "boxes") != names.end();
  const RandomStream reader(static_cast<std::uint64_t>(e.config.seed), static_cast<std::uint64_t>(e.config.patient),
                            "annotator");
  const auto annotation = [&](const LabelMap& classes, std::size_t frame) {
    return e.config.annotator->annotate(
        classes, reader.child("visit", static_cast<std::uint64_t>(e.config.visit_number)).child("frame", frame));
  };
  const auto at = [&](std::size_t frame) {
    const double rate = e.sequence.frame_rate, time = frame > 0 && rate > 0 ? static_cast<double>(frame) / rate : 0;
    std::vector<LabelMap> maps = rasterize_labels(e.phantom, grid, names, time);
    if (!boxes && !e.config.annotator) return maps;
    const LabelMap classes = rasterize_labels(e.phantom, grid, {"segmentation"}, time).front();
    if (boxes && frame == 0)
      for (auto& box : class_boxes(classes)) file.measurements.push_back(std::move(box));
    if (e.config.annotator) maps.push_back(annotation(classes, frame));
    return maps;
  };
  file.labels = at(0);
  if (!labels_move(e.phantom)) return;
  for (std::size_t frame = 1; frame < e.sequence.frames; ++frame)
    for (auto& map : at(frame)) file.later_labels[map.name].push_back(std::move(map.values));
}

ImageTruth image_truth(const Experiment& e, const Acquisition& acquisition, const ComplexMap& noisy,
                       const ComplexMap& clean) {
  ImageTruth truth;
  const auto& labels = e.config.labels;
  const PixelGrid& grid = noisy.grid;
  const std::size_t nx = grid.x.count, ny = grid.y.count, nz = grid.z.count;
  if (needs_clean_image(labels)) {
    ComplexMap noise(grid);
    for (std::size_t i = 0; i < noise.values.size(); ++i)
      noise.values.flat()[i] = noisy.values.flat()[i] - clean.values.flat()[i];
    const std::vector<double> clean_power = powers(clean), noise_power = powers(noise);
    if (asks(labels, "clean_image")) {
      LabelMap map =
          scalar_map(grid, "clean_image", "dB", "the image without noise, below the brightest pixel of the noisy one");
      float top = 0;
      for (const auto& v : noisy.values.flat()) top = std::max(top, std::abs(v));
      for (std::size_t i = 0; i < clean.values.size(); ++i) {
        const double level = 20 * std::log10(std::max(static_cast<double>(std::abs(clean.values.flat()[i])) /
                                                          std::max(static_cast<double>(top), 1e-300),
                                                      1e-15));
        map.values.flat()[i] = static_cast<float>(level);
      }
      truth.labels.push_back(std::move(map));
    }
    if (asks(labels, "snr")) {
      LabelMap map = scalar_map(grid, "snr", "dB",
                                "power of the clean beamformed samples over that of the noise, means over 2 mm x 2 mm");
      const auto [rx, rz] = pixels_of(grid, 1e-3);
      const auto s = smoothed(clean_power, nx, nz, rx, rz), n = smoothed(noise_power, nx, nz, rx, rz);
      for (std::size_t z = 0; z < nz; ++z)
        for (std::size_t y = 0; y < ny; ++y)
          for (std::size_t x = 0; x < nx; ++x) {
            const std::size_t i = z * nx + x;
            const double ratio = n[i] > 0 ? s[i] / n[i] : 1e30;
            map.values(0, z, y, x) = static_cast<float>(10 * std::log10(std::clamp(ratio, 1e-30, 1e30)));
          }
      truth.labels.push_back(std::move(map));
    }
    if (asks(labels, "visibility")) add_visibility(truth, e, grid, clean_power, noise_power);
  }
  if (asks(labels, "gcnr")) add_gcnr(truth, e, noisy);
  if (asks(labels, "resolution")) truth.labels.push_back(resolution_map(e, grid));
  if (asks(labels, "shift") || asks(labels, "aberration")) {
    const Delays delays = excess_delays(e, grid);
    const double speed = e.phantom.background.sound_speed, assumed = acquisition.sound_speed;
    if (asks(labels, "shift")) {
      LabelMap map = scalar_map(grid, "shift", "m", "how much deeper than its place the tissue of a pixel shows");
      for (std::size_t i = 0; i < grid.size(); ++i) {
        const double depth = depth_of(e.probe, grid.position(i / (nx * ny), i / nx % ny, i % nx));
        map.values.flat()[i] = static_cast<float>(assumed * (depth / speed + delays.mean[i]) - depth);
      }
      truth.labels.push_back(std::move(map));
    }
    if (asks(labels, "aberration")) {
      LabelMap map = scalar_map(grid, "aberration", "s",
                                "one-way travel time beyond the background's: mean over the elements within an "
                                "f-number of 1, and rms about it");
      map.channels = {"mean", "rms"};
      map.values = NdArray<float, 4>({2, nz, ny, nx});
      for (std::size_t i = 0; i < grid.size(); ++i) {
        map.values.flat()[i] = static_cast<float>(delays.mean[i]);
        map.values.flat()[grid.size() + i] = static_cast<float>(delays.rms[i]);
      }
      truth.labels.push_back(std::move(map));
    }
  }
  return truth;
}

}  // namespace sonoforge
