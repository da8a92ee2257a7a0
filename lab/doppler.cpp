#include "lab/doppler.hpp"

#include <complex>
#include <numbers>
#include <vector>

#include "app/experiment.hpp"
#include "core/fft.hpp"
#include "lab/request.hpp"
#include "phantoms/motion.hpp"
#include "recon/doppler.hpp"
#include "recon/envelope.hpp"

namespace sonoforge::lab {

namespace {

constexpr std::size_t most_frames = 1024, most_work = 20'000'000, most_text = 200'000, most_pixels = 40'000;
using Signal = std::vector<std::complex<double>>;

/// Removes what turns slower than `cutoff`: the terms of the record's own Fourier series up to there. Tissue at rest is
/// the term 0 and goes without a trace.
void remove_slow(Signal& signal, double rate, double cutoff) {
  const std::size_t n = signal.size();
  const ComplexFft<double> fft(n);
  Signal spectrum(n);
  fft.forward(signal, spectrum);
  for (std::size_t k = 0; k < n; ++k) {
    const double bin = static_cast<double>(std::min(k, n - k)) * rate / static_cast<double>(n);
    if (bin <= cutoff) spectrum[k] = 0;
  }
  fft.inverse(spectrum, signal);
  for (auto& value : signal) value /= static_cast<double>(n);
}

}  // namespace

struct DopplerBench::Flow {
  std::string text;
  Experiment experiment;
  Acquisition rf;
  double rate = 0;

  explicit Flow(const std::string& config) : text(config) {
    if (config.size() > most_text) throw UserError("the config is longer than 200 kB. Shorten it");
    ConfigTree tree = ConfigTree::parse(config, "config");
    tree.forbid_files();
    const Factors factors = draw_config(tree, 0);
    experiment = Experiment::build(tree, {"phantom", "probe", "sequence", "receive"}, factors);
    const Experiment& e = experiment;
    rate = e.sequence.frame_rate;
    if (e.sequence.transmits.size() != 1 || e.sequence.transmits.front().wave != Transmit::Wave::plane)
      throw UserError(
          "the Doppler bench sends one plane wave a frame (the sequence has others). Write for example "
          "'sequence: {type: plane_waves, angles: [10 deg], frames: {count: 256, rate: 5 kHz}}'");
    if (e.sequence.frames < 16 || e.sequence.frames > most_frames || !(rate > 0))
      throw UserError("the Doppler bench needs 16 to " + std::to_string(most_frames) +
                      " frames and their rate (there are " + std::to_string(e.sequence.frames) +
                      "). Write for example 'frames: {count: 256, rate: 5 kHz}'");
    const std::size_t work = e.sequence.frames * e.phantom.scatterers.size();
    if (work > most_work)
      throw UserError("frames times scatterers are " + std::to_string(work) + " (the lab answers soon and takes " +
                      std::to_string(most_work) + "). Take fewer frames or a smaller 'extent' or 'scatterer_density'");
    rf = e.simulate();
  }
};

DopplerBench::DopplerBench() = default;
DopplerBench::~DopplerBench() = default;

Json DopplerBench::answer(const Json& request) {
  const std::string config = request.at("config");
  if (!flow_ || flow_->text != config) {
    flow_.reset();
    flow_ = std::make_unique<Flow>(config);
  }
  const Flow& flow = *flow_;
  const Experiment& e = flow.experiment;
  const Acquisition& rf = flow.rf;
  const double rate = flow.rate, c = rf.sound_speed, frequency = rf.centre_frequency;
  const Vec3 centre{number(request, "x", 0), 0, number(request, "z", 0.015)};
  const double side = std::clamp(number(request, "gate", 1e-3), 0.1e-3, 10e-3);
  const double cutoff = std::clamp(number(request, "wall_filter", 50), 0.0, rate / 2);
  const double limit = c * rate / (4 * frequency);

  Json out;
  // The picture: the first frame, and colour from the first frames where there is power.
  const PixelGrid grid = e.grid(rf);
  if (grid.size() > most_pixels || grid.y.count > 1)
    throw UserError("image gives " + std::to_string(grid.size()) + " pixels (the Doppler bench takes one plane of " +
                    std::to_string(most_pixels) + "). Take larger steps");
  const auto first_frames = [&](std::size_t count) {
    Acquisition few = rf;
    auto shape = rf.samples.shape();
    shape[0] = count;
    few.samples = NdArray<float, 4>(shape);
    std::copy_n(rf.samples.data(), few.samples.size(), few.samples.data());
    few.sequence.frames = count;
    few.components.clear();
    return few;
  };
  const auto maps = beamform(e.config, first_frames(16), grid);
  out["image"] = image_view(e.config.image.dynamic_range, make_images(detect({maps.front()}, e.config.image)).front());
  // Without the mean over frames, which is the tissue at rest.
  std::vector<ComplexMap> moving = maps;
  for (std::size_t i = 0; i < grid.size(); ++i) {
    std::complex<float> mean = 0;
    for (const auto& map : maps) mean += map.values.flat()[i];
    mean /= static_cast<float>(maps.size());
    for (auto& map : moving) map.values.flat()[i] -= mean;
  }
  const DopplerMaps colour = color_doppler(moving, rate, frequency, c, 2);
  const double top = maximum(colour.power);
  std::string bytes(grid.size(), '\0');
  for (std::size_t i = 0; i < grid.size(); ++i)
    if (static_cast<double>(colour.power.values.flat()[i]) > 1e-2 * top)  // 20 dB below the strongest motion
      bytes[i] = static_cast<char>(
          std::max<int>(1, byte(0.5 + 0.5 * static_cast<double>(colour.velocity.values.flat()[i]) / limit)));
  out["colour"] = base64(bytes);

  // The gate: a few pixels, all frames.
  PixelGrid gate;
  constexpr std::size_t across = 3, down = 7;
  gate.x = {centre.x - side / 2, side / (across - 1), across};
  gate.z = {std::max(centre.z - side / 2, 0.1e-3), side / (down - 1), down};
  const auto frames = beamform(e.config, rf, gate);
  const std::size_t n = frames.size();
  std::vector<Signal> signals(gate.size(), Signal(n));
  Signal sum(n);
  std::complex<double> lag_one = 0;
  for (std::size_t i = 0; i < gate.size(); ++i) {
    for (std::size_t k = 0; k < n; ++k) signals[i][k] = std::complex<double>(frames[k].values.flat()[i]);
    remove_slow(signals[i], rate, cutoff);
    for (std::size_t k = 0; k + 1 < n; ++k) lag_one += std::conj(signals[i][k]) * signals[i][k + 1];
    for (std::size_t k = 0; k < n; ++k) sum[k] += signals[i][k];
  }
  const double metres = c * rate / (4 * std::numbers::pi * frequency);  // a second, per radian from pulse to pulse
  out["velocity"] = finite(std::abs(lag_one) > 0 ? metres * std::arg(lag_one) : NAN);
  out["limit"] = limit;

  // Sonogram: power of short records, mean over the gate's pixels.
  const std::size_t window = std::min<std::size_t>(64, n), bins = 128,
                    columns = std::min<std::size_t>(120, n - window + 1);
  const ComplexFft<double> fft(bins);
  std::vector<double> power(bins * columns);
  Signal record(bins), spectrum(bins);
  Json times = Json::array();
  for (std::size_t column = 0; column < columns; ++column) {
    const std::size_t start = columns > 1 ? column * (n - window) / (columns - 1) : 0;
    times.push_back((static_cast<double>(start) + 0.5 * static_cast<double>(window)) / rate);
    for (const Signal& signal : signals) {
      std::fill(record.begin(), record.end(), 0);
      for (std::size_t k = 0; k < window; ++k)
        record[k] =
            signal[start + k] *
            (0.5 - 0.5 * std::cos(2 * std::numbers::pi * (static_cast<double>(k) + 0.5) / static_cast<double>(window)));
      fft.forward(record, spectrum);
      for (std::size_t b = 0; b < bins; ++b)
        power[((b + bins / 2) % bins) * columns + column] += std::norm(spectrum[b]);
    }
  }
  const double most = *std::max_element(power.begin(), power.end());
  std::string picture(power.size(), '\0');
  // The fastest motion towards the probe stands at the top.
  for (std::size_t b = 0; b < bins; ++b)
    for (std::size_t column = 0; column < columns; ++column)
      picture[(bins - 1 - b) * columns + column] =
          static_cast<char>(byte(most > 0 ? 1 + std::log10(power[b * columns + column] / most + 1e-12) / 4 : 0));
  out["sonogram"] = {
      {"times", times}, {"rows", bins}, {"step", 2 * limit / static_cast<double>(bins)}, {"values", base64(picture)}};
  Json in_phase = Json::array(), quadrature = Json::array();
  double loudest = 0;
  for (const auto& value : sum) loudest = std::max(loudest, std::abs(value));
  for (const auto& value : sum) {
    in_phase.push_back(loudest > 0 ? value.real() / loudest : 0.0);
    quadrature.push_back(loudest > 0 ? value.imag() / loudest : 0.0);
  }
  out["samples"] = {{"i", in_phase}, {"q", quadrature}, {"rate", rate}};

  // What is true there. A plane wave of direction d and the way straight back change with a velocity v by v (d + z) / 2
  // along the beam; scatterers inside the gate are counted alike.
  const Vec3 sent = e.sequence.transmits.front().direction;
  const Vec3 beam = 0.5 * (sent + Vec3{0, 0, 1});
  const Scatterers& all = e.phantom.scatterers;
  Vec3 mean;
  double count = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Vec3 place = all.positions[i];
    if (!all.moves(i) || std::abs(place.x - centre.x) > side / 2 || std::abs(place.z - centre.z) > side / 2) continue;
    Vec3 velocity = all.velocities.empty() ? Vec3{} : all.velocities[i];
    if (all.motion) velocity = velocity + all.motion->velocity(place, 0);
    mean = mean + velocity;
    count += 1;
  }
  if (count > 0) {
    mean = mean / count;
    out["truth"] = -dot(mean, beam);
    const double speed = norm(mean);
    out["speed"] = speed;
    out["angle"] =
        speed > 0 ? Json(std::acos(std::clamp(dot(mean, beam) / (speed * norm(beam)), -1.0, 1.0))) : Json(nullptr);
  } else {
    out["truth"] = nullptr;
  }
  out["frequency"] = frequency;
  out["facts"] = {{"scatterers", all.size()},
                  {"frames", n},
                  {"engine", e.config.engine.type},
                  {"error", e.config.engine->predicted_error()}};
  return out;
}

}  // namespace sonoforge::lab
