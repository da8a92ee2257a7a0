#include "app/linear_scanner.hpp"

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "sim/scan.hpp"

namespace sonoforge {
namespace {

constexpr double least_echo = 1e-5;  // of the largest; samples below it are cut away
constexpr double most_bytes = 2e9;
constexpr std::size_t frames_at_once = 128;

Scatterers one_scatterer(Vec3 place) {
  Scatterers one;
  one.positions = {place};
  one.amplitudes = {1};
  one.regions = {-1};
  return one;
}

void refuse_size(double rows, double columns) {
  if (rows * columns * sizeof(double) > most_bytes)
    throw UserError(
        "the study's matrices would have " + format_number(rows) + " x " + format_number(columns) +
        " numbers (2 GB are allowed). Take a smaller lesion or margin, a wider spacing, fewer elements, transmits or "
        "pixels, or a lower sampling rate");
}

/// First and last sample that any echo reaches.
std::pair<std::size_t, std::size_t> reached(const std::vector<std::vector<float>>& columns, std::size_t length) {
  float largest = 0;
  for (const auto& column : columns)
    for (const float value : column) largest = std::max(largest, std::abs(value));
  if (!(largest > 0))
    throw UserError(
        "the record holds no echo of the lesion (receive.start and receive.depth do not reach it). Record deeper");
  std::size_t first = length, last = 0;
  for (const auto& column : columns)
    for (std::size_t i = 0; i < column.size(); ++i)
      if (std::abs(column[i]) > static_cast<float>(least_echo) * largest) {
        first = std::min(first, i % length);
        last = std::max(last, i % length);
      }
  return {first, last};
}

void fill_beamformer(LinearScanner& scanner, const ExperimentConfig& config) {
  const auto samples = static_cast<std::size_t>(scanner.echoes.rows());
  const std::size_t pixels = scanner.pixels();
  refuse_size(2.0 * static_cast<double>(pixels), static_cast<double>(samples));
  scanner.beamformer.resize(static_cast<Eigen::Index>(2 * pixels), static_cast<Eigen::Index>(samples));
  Progress progress("beamformer", samples);
  for (std::size_t begin = 0; begin < samples; begin += frames_at_once) {
    const std::size_t count = std::min(frames_at_once, samples - begin);
    Acquisition impulses = scanner.window;
    impulses.samples = NdArray<float, 4>(
        {count, scanner.window.transmits(), scanner.window.channels(), scanner.window.samples_per_channel()});
    for (std::size_t k = 0; k < count; ++k) impulses.samples.flat()[k * samples + begin + k] = 1;
    const auto maps = beamform(config, impulses, scanner.grid);
    for (std::size_t k = 0; k < count; ++k)
      for (std::size_t p = 0; p < pixels; ++p) {
        const auto value = maps[k].values.flat()[p];
        const auto column = static_cast<Eigen::Index>(begin + k);
        scanner.beamformer(static_cast<Eigen::Index>(p), column) = static_cast<double>(value.real());
        scanner.beamformer(static_cast<Eigen::Index>(pixels + p), column) = static_cast<double>(value.imag());
      }
    progress.advance(count);
  }
}

/// The image of a whole record against the matrix.
void check_beamformer(const LinearScanner& scanner, const ExperimentConfig& config) {
  Acquisition record = scanner.window;
  const auto samples = scanner.echoes.rows();
  RandomStream random(1, 0, "linearity");
  Eigen::VectorXd values(samples);
  for (Eigen::Index i = 0; i < samples; ++i) {
    values(i) = random.normal();
    record.samples.flat()[static_cast<std::size_t>(i)] = static_cast<float>(values(i));
  }
  const auto map = beamform(config, record, scanner.grid).front();
  const Eigen::VectorXd expected = scanner.beamformer * values;
  double difference = 0;
  const std::size_t pixels = scanner.pixels();
  for (std::size_t p = 0; p < pixels; ++p) {
    const auto value = map.values.flat()[p];
    difference += std::pow(static_cast<double>(value.real()) - expected(static_cast<Eigen::Index>(p)), 2) +
                  std::pow(static_cast<double>(value.imag()) - expected(static_cast<Eigen::Index>(pixels + p)), 2);
  }
  if (!(difference <= 1e-6 * expected.squaredNorm()))
    throw UserError(
        "this beamformer is not linear (the study needs an image whose statistics follow from those of the echoes). "
        "Use coherent compounding");
}

}  // namespace

void check_linear(const ReceiveConfig& receive) {
  if (receive.adc || receive.cross_talk || receive.anti_alias || receive.tgc || receive.elements.gain_spread > 0 ||
      receive.elements.phase_spread > 0 || !receive.elements.dead.empty() || receive.elements.dead_count > 0)
    throw ConfigError(
        "receive",
        "a study of observers takes echoes and white noise alone (their statistics are then known). Leave adc, tgc, "
        "cross_talk, anti_alias and elements out");
  if (!std::isfinite(receive.noise.snr) || receive.noise.figure)
    throw ConfigError(
        "receive",
        "there is no noise (without it an ideal observer sees every lesion). Write for example 'noise: {snr: 20 dB}'");
}

Experiment lattice_experiment(const ConfigTree& acquisition, const Tissue& tissue) {
  ConfigTree tree = acquisition;
  if (!tree.root().find("sound_speed")) tree.set("sound_speed=" + format_number(tissue.sound_speed) + " m/s");
  Experiment experiment = Experiment::build(tree, {"probe", "sequence", "receive", "image"});
  experiment.phantom.background = tissue;
  tree.locate("", [&] { check_linear(*experiment.config.receive); });
  return experiment;
}

LinearScanner linear_scanner(const Experiment& e, const std::vector<Vec3>& scatterers) {
  LinearScanner scanner;
  scanner.scatterers = scatterers;
  std::vector<std::vector<float>> columns(scatterers.size());
  const auto echo = [&](std::size_t i) {
    const Phantom phantom = e.phantom.with(one_scatterer(scatterers[i]));
    Acquisition one = simulate_echoes(*e.config.engine, {phantom, e.probe, *e.pulse, e.sequence, *e.config.receive}, e.reverberation);
    one.sound_speed = e.config.sound_speed.value_or(e.phantom.background.sound_speed);
    return one;
  };
  scanner.window = echo(0);
  const std::size_t length = scanner.window.samples_per_channel(), records = scanner.window.samples.size() / length;
  if (scanner.window.frames() != 1) throw UserError("a study of observers needs one frame. Leave sequence.frames out");
  refuse_size(static_cast<double>(scanner.window.samples.size()) / 2, static_cast<double>(scatterers.size()));
  {
    Progress progress("echoes", scatterers.size());
    parallel_for(scatterers.size(), [&](std::size_t i) {
      const auto samples = echo(i).samples;
      columns[i].assign(samples.flat().begin(), samples.flat().end());
      progress.advance(1);
    });
  }
  const auto [first, last] = reached(columns, length);
  const std::size_t kept = last - first + 1;
  const double rows = static_cast<double>(kept * records);
  refuse_size(rows, static_cast<double>(scatterers.size()));
  scanner.echoes.resize(static_cast<Eigen::Index>(kept * records), static_cast<Eigen::Index>(scatterers.size()));
  for (std::size_t j = 0; j < columns.size(); ++j)
    for (std::size_t r = 0; r < records; ++r)
      for (std::size_t i = 0; i < kept; ++i)
        scanner.echoes(static_cast<Eigen::Index>(r * kept + i), static_cast<Eigen::Index>(j)) =
            static_cast<double>(columns[j][r * length + first + i]);
  columns.clear();
  for (auto& start : scanner.window.start) start += static_cast<double>(first) / scanner.window.sampling_rate;
  scanner.window.samples = NdArray<float, 4>({1, scanner.window.transmits(), scanner.window.channels(), kept});
  scanner.noise_deviation =
      std::sqrt(scanner.echoes.squaredNorm() / rows) * std::pow(10.0, -e.config.receive->noise.snr / 20);
  scanner.grid = e.grid(scanner.window);
  fill_beamformer(scanner, e.config);
  check_beamformer(scanner, e.config);
  return scanner;
}

}  // namespace sonoforge
