#include "lab/bench.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include <nlohmann/json.hpp>

#include "ai/labels.hpp"
#include "core/base64.hpp"
#include "core/fft.hpp"
#include "lab/doppler.hpp"
#include "lab/lessons.hpp"
#include "lab/network.hpp"
#include "lab/request.hpp"
#include "lab/scene.hpp"
#include "recon/envelope.hpp"
#include "recon/iq.hpp"
#include "recon/metrics.hpp"

namespace sonoforge::lab {

namespace {

using Json = nlohmann::json;

constexpr std::size_t most_field_points = 40'000;

double largest(std::span<const float> values) {
  float top = 0;
  for (float v : values) top = std::max(top, std::abs(v));
  return static_cast<double>(top);
}

std::size_t nearest(const Axis& axis, double at) {
  return static_cast<std::size_t>(std::clamp(std::lround(axis.index_of(at)), 0L, static_cast<long>(axis.count) - 1));
}

}  // namespace

Bench::Bench(Models models) : network_(std::make_unique<NetworkBench>(std::move(models))) {}
Bench::~Bench() = default;

Scene& Bench::scene_of(const std::string& config) {
  if (!scene_ || scene_->text != config) {
    scene_.reset();
    scene_ = std::make_unique<Scene>(config);
  }
  return *scene_;
}

namespace {

Json labels_view(const LabelMap& map) {
  const std::size_t pixels = map.grid.size();
  std::string bytes(pixels, '\0');
  for (std::size_t c = 0; c < map.channels.size(); ++c)
    for (std::size_t i = 0; i < pixels; ++i)
      if (map.values.flat()[c * pixels + i] != 0) bytes[i] = static_cast<char>(c + 1);
  return {{"names", map.channels}, {"values", base64(bytes)}};
}

/// A grid for pressure maps: the image's, coarser.
PixelGrid field_grid(const PixelGrid& shown, std::size_t across, std::size_t down) {
  PixelGrid grid;
  const auto coarse = [](const Axis& a, std::size_t count, double first) {
    const double from = std::max(a.from, first), to = a.at(a.count - 1);
    return Axis{from, (to - from) / static_cast<double>(count - 1), count};
  };
  grid.x = coarse(shown.x, across, shown.x.from);
  grid.z = coarse(shown.z, down, 0.2e-3);
  return grid;
}

std::vector<Vec3> points_of(const PixelGrid& grid) {
  std::vector<Vec3> points;
  for (std::size_t iz = 0; iz < grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) points.push_back(grid.position(iz, 0, ix));
  return points;
}

/// The engine's own field, or that of its model without shortcuts.
FieldResult field_of(const Experiment& e, const PixelGrid& grid, std::size_t transmit, Engine::FieldOutput output) {
  FieldRequest request;
  request.points = points_of(grid);
  if (request.points.size() > most_field_points) throw UserError("the field has too many points. Make the image smaller");
  request.sampling_rate = 6 * e.probe.frequency;
  return e.config.engine->field({e.phantom, e.probe, *e.pulse, e.sequence, *e.config.receive}, request, transmit, output);
}

/// -6 dB width of a peak in a profile of levels [dB] (m); null where it does not fall that far.
Json width(const RealMap& levels, std::size_t iz, std::size_t ix, bool lateral) {
  std::vector<double> profile;
  const Axis& a = lateral ? levels.grid.x : levels.grid.z;
  for (std::size_t i = 0; i < a.count; ++i)
    profile.push_back(static_cast<double>(lateral ? levels.values(iz, std::size_t{0}, i) : levels.values(i, std::size_t{0}, ix)));
  return finite(width_at_drop(profile) * a.step);
}

}  // namespace

Json Bench::answer(const Json& request) try {
  if (request.is_object() && request.value("view", "") == "lesson") return compared_page(request);
  if (!request.is_object() || !request.contains("view") || !request["view"].is_string() || !request.contains("config") || !request["config"].is_string())
    throw UserError("a request needs the texts 'view' and 'config'. Send both");
  const std::string view = request["view"];
  if (view == "doppler") {
    if (!doppler_) doppler_ = std::make_unique<DopplerBench>();
    return doppler_->answer(request);
  }
  Scene& scene = scene_of(request["config"]);
  if (view == "network") return network_->answer(request, scene);
  const Experiment& e = scene.experiment;
  const Acquisition& rf = scene.acquisition;
  Json out;

  if (view == "image") {
    const RealMap levels = scene.decibels();
    out["image"] = image_view(e.config.image.dynamic_range, levels);
    out["image"]["reference"] = finite(20 * std::log10(maximum(scene.levels)));  // what 0 dB stands for, so that scenes can be compared
    const LabelMap classes = rasterize_labels(e.phantom, levels.grid, {"segmentation"}).front();
    out["labels"] = labels_view(classes);
    out["metrics"] = Json::array();
    std::optional<LabelMap> truth;
    if (!e.config.metrics.empty()) truth = metric_classes(e.phantom, scene.grid);
    for (const auto& m : measure(e.config.metrics, scene.levels, scene.image, truth))
      out["metrics"].push_back({{"name", m.name}, {"of", m.subject}, {"value", finite(m.value)}, {"unit", m.unit}, {"problem", m.problem}});
    out["facts"] = {{"scatterers", e.phantom.scatterers.size()}, {"elements", e.probe.size()}, {"transmits", e.sequence.transmits.size()},
                    {"engine", e.config.engine.type}, {"error", e.config.engine->predicted_error()}, {"seconds", scene.seconds},
                    {"samples", rf.samples_per_channel()}, {"sampling_rate", rf.sampling_rate}, {"frequency", e.probe.frequency},
                    {"sound_speed", rf.sound_speed}, {"notes", rf.notes}};
    out["facts"]["speckle_snr"] = finite(scene.speckle_snr(classes));
    out["facts"]["true_sound_speed"] = e.phantom.background.sound_speed;
  } else if (view == "rf") {
    const std::size_t t = index(request, "transmit", rf.transmits());
    const std::size_t size = rf.channels() * rf.samples_per_channel();
    const auto values = rf.samples.flat().subspan(t * size, size);
    // Compressed by a square root with sign, so that faint echoes show beside loud ones.
    const double top = largest(values);
    std::vector<float> shown(size);
    for (std::size_t i = 0; i < size; ++i)
      shown[i] = static_cast<float>(std::copysign(std::sqrt(top > 0 ? std::abs(static_cast<double>(values[i])) / top : 0), static_cast<double>(values[i])));
    out = {{"elements", rf.channels()}, {"samples", rf.samples_per_channel()}, {"start", rf.start[t]}, {"sampling_rate", rf.sampling_rate},
           {"values", signed_bytes(shown, 1)}};
  } else if (view == "channel") {
    const std::size_t t = index(request, "transmit", rf.transmits()), m = index(request, "element", rf.channels());
    const auto record = rf.samples.row(0, t, m);
    std::vector<std::complex<float>> signal(record.size());
    AnalyticSignal<float>{record.size()}(record, signal);
    std::vector<float> levels;
    for (const auto& value : signal) levels.push_back(std::abs(value));
    const RealFft<float> fft(record.size());
    std::vector<std::complex<float>> spectrum(fft.bins());
    fft.forward(record, spectrum);
    Json power = Json::array();
    double top = 0;
    for (const auto& bin : spectrum) top = std::max(top, static_cast<double>(std::abs(bin)));
    for (const auto& bin : spectrum) power.push_back(top > 0 ? std::max(20 * std::log10(static_cast<double>(std::abs(bin)) / top + 1e-10), -100.0) : -100.0);
    out = {{"start", rf.start[t]}, {"sampling_rate", rf.sampling_rate}, {"samples", numbers(record)}, {"envelope", numbers(levels)}, {"spectrum", power}};
  } else if (view == "delays") {
    const std::size_t t = index(request, "transmit", rf.transmits());
    const Vec3 point{number(request, "x", 0), 0, number(request, "z", 0.02)};
    Json transmit = Json::array(), receive = Json::array(), places = Json::array();
    const TransmitLaw& law = e.sequence.transmits[t].laws.front();
    for (std::size_t m = 0; m < e.probe.size(); ++m) {
      transmit.push_back(law.apodization[m] == 0 ? Json(nullptr) : finite(law.delays[m]));
      receive.push_back(norm(point - e.probe.elements[m].position) / rf.sound_speed);
      places.push_back(e.probe.elements[m].position.x);
    }
    out = {{"x", places}, {"transmit", transmit}, {"weights", numbers(law.apodization)}, {"receive", receive}};
  } else if (view == "line") {
    const double x = number(request, "x", 0);
    const PixelGrid& grid = scene.grid;
    const std::size_t ix = nearest(grid.x, x);
    Json wave = Json::array(), levels = Json::array(), decibels = Json::array();
    for (std::size_t iz = 0; iz < grid.z.count; ++iz) {
      const std::complex<double> value(scene.maps.front().values(iz, std::size_t{0}, ix));
      // The carrier that the complex image has lost, at the two-way time of the depth.
      const double phase = 4 * std::numbers::pi * rf.centre_frequency * grid.z.at(iz) / rf.sound_speed;
      wave.push_back((value * std::polar(1.0, phase)).real());
      levels.push_back(std::abs(value));
      decibels.push_back(static_cast<double>(scene.image.values(iz, std::size_t{0}, ix)));
    }
    out = {{"x", grid.x.at(ix)}, {"z", axis(grid.z)}, {"wave", wave}, {"envelope", levels}, {"level", decibels}};
  } else if (view == "beam") {
    const std::size_t t = index(request, "transmit", rf.transmits());
    const PixelGrid grid = field_grid(scene.shown(), 121, 121);
    const FieldResult result = field_of(e, grid, t, Engine::FieldOutput::maps);
    double top = 0;
    for (double v : result.rms) top = std::max(top, v);
    std::string bytes;
    for (double v : result.rms) bytes += static_cast<char>(byte(top > 0 ? 1 + std::log10(v / top + 1e-10) / 2 : 0));  // 40 dB
    out = {{"x", axis(grid.x)}, {"z", axis(grid.z)}, {"values", base64(bytes)}, {"dynamic_range", 40}};
  } else if (view == "wave") {
    const std::size_t t = index(request, "transmit", rf.transmits());
    const PixelGrid grid = field_grid(scene.shown(), 81, 81);
    const FieldResult result = field_of(e, grid, t, Engine::FieldOutput::waveforms);
    const std::size_t samples = result.waveforms.extent(1), frames = 48;
    const double top = largest(result.waveforms.flat());
    Json list = Json::array(), times = Json::array();
    std::vector<float> frame(grid.size());
    for (std::size_t f = 0; f < frames; ++f) {
      const std::size_t sample = samples * f / frames;
      for (std::size_t i = 0; i < frame.size(); ++i) {
        const double v = top > 0 ? static_cast<double>(result.waveforms(i, sample)) / top : 0;
        frame[i] = static_cast<float>(std::copysign(std::sqrt(std::abs(v)), v));
      }
      list.push_back(signed_bytes(frame, 1));
      times.push_back(result.start + static_cast<double>(sample) / result.sampling_rate);
    }
    out = {{"x", axis(grid.x)}, {"z", axis(grid.z)}, {"frames", list}, {"times", times}};
  } else if (view == "psf") {
    const Vec3 point{number(request, "x", 0), 0, number(request, "z", 0.02)};
    Scatterers target;
    target.positions = {point};
    target.amplitudes = {1};
    target.regions = {-1};
    const Phantom alone = e.phantom.with(std::move(target));
    Acquisition echoes = e.config.engine->simulate({alone, e.probe, *e.pulse, e.sequence, *e.config.receive});
    echoes.sound_speed = rf.sound_speed;
    const double wavelength = rf.sound_speed / e.probe.frequency;
    PixelGrid grid;
    grid.x = {point.x - 12 * wavelength, wavelength / 6, 145};
    grid.z = {std::max(point.z - 6 * wavelength, wavelength / 2), wavelength / 12, 145};
    const auto maps = beamform(e.config, echoes, grid);
    const RealMap levels = make_images(detect(maps, e.config.image)).front();
    std::size_t top = 0;
    for (std::size_t i = 0; i < levels.values.size(); ++i)
      if (levels.values.flat()[i] > levels.values.flat()[top]) top = i;
    const std::size_t iz = top / grid.x.count, ix = top % grid.x.count;
    out["image"] = image_view(e.config.image.dynamic_range, levels);
    out["widths"] = {{"lateral", width(levels, iz, ix, true)}, {"axial", width(levels, iz, ix, false)}};
    out["peak"] = {{"x", grid.x.at(ix)}, {"z", grid.z.at(iz)}};
    out["truth"] = {{"x", point.x}, {"z", point.z}};
  } else if (view == "point") {
    const Vec3 point{number(request, "x", 0), 0, number(request, "z", 0.02)};
    const Tissue& tissue = e.phantom.tissue_at(point);
    const RealMap levels = scene.decibels();
    out = {{"tissue", tissue.name}, {"sound_speed", tissue.sound_speed}, {"density", tissue.density},
           {"level", finite(static_cast<double>(levels.values(nearest(levels.grid.z, point.z), std::size_t{0}, nearest(levels.grid.x, point.x))))}};
    out["echogenicity"] = finite(e.phantom.echogenicity_at(point));
  } else {
    throw UserError("there is no view '" + view + "'. Known: image, rf, channel, delays, line, beam, wave, psf, point, doppler, network, lesson");
  }
  return out;
} catch (const UserError& error) {
  Json list = Json::array();
  for (const auto& problem : error.problems()) list.push_back({{"line", problem.where.line}, {"column", problem.where.column}, {"text", problem.text}});
  return {{"errors", list}};
} catch (const ConfigError& error) {
  return {{"errors", Json::array({{{"line", 0}, {"column", 0}, {"text", (error.key().empty() ? "" : error.key() + ": ") + error.what()}}})}};
}

}  // namespace sonoforge::lab
