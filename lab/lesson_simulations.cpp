#include "lab/lesson_simulations.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>
#include <numeric>

#include <nlohmann/json.hpp>

#include "app/experiment.hpp"
#include "core/random.hpp"
#include "lab/doppler.hpp"
#include "recon/envelope.hpp"
#include "recon/iq.hpp"
#include "recon/metrics.hpp"

namespace sonoforge::lab {

namespace {

using Factors = std::map<std::string, double>;
constexpr double pi = std::numbers::pi;

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

Experiment built(const std::string& yaml) {
  ConfigTree tree = ConfigTree::parse(yaml, "experiment of a lesson");
  return Experiment::build(tree, {"phantom", "probe", "sequence", "receive"}, draw_config(tree, 0));
}

std::string medium(double sound_speed, double attenuation = 0) {
  return "{name: medium, sound_speed: " + number(sound_speed) + " m/s, density: 1000 kg/m^3, attenuation: " + number(attenuation) +
         " dB/cm/MHz, scatterer_density: 0 /mm^3, scatterer_strength: 0}";
}

/// Points in a plane: the engine without shortcuts, elements without a response of their own. The burst rises and falls softly, so that
/// its band is narrow and has no skirts that loss would leave over.
std::string points_scene(const std::string& background, const std::vector<double>& depths, double frequency, int cycles, int elements, double depth) {
  std::string places;
  for (double z : depths) places += (places.empty() ? "[0 mm, 0 mm, " : ", [0 mm, 0 mm, ") + number(z * 1e3) + " mm]";
  return "phantom: {type: points, background: " + background + ", positions: [" + places + "]}\nprobe: {type: linear_array, frequency: " + number(frequency / 1e6) +
         " MHz, elements: " + std::to_string(elements) + ", pitch: 0.3 mm, width: 0.15 mm, response: none}\npulse: {cycles: " + number(cycles) +
         ", window: hann}\nsequence: {type: plane_waves, angles: [0 deg]}\nreceive: {sampling_rate: " + number(frequency * 6 / 1e6) + " MHz, depth: " + number(depth * 1e3) +
         " mm}\nengine: {type: exact, model: physical, dimensions: 2}\nbeamformer: {type: delay_and_sum, f_number: 1.5, window: none}\n";
}

std::vector<std::complex<double>> analytic(std::span<const float> record) {
  std::vector<std::complex<float>> signal(record.size());
  AnalyticSignal<float>{record.size()}(record, signal);
  return {signal.begin(), signal.end()};
}

/// The largest magnitude within [from, to), and where it is, by a parabola through it and its neighbours.
struct Peak {
  double place = 0, value = 0;
};
Peak peak_of(const std::vector<double>& values, std::size_t from, std::size_t to) {
  to = std::min(to, values.size());
  if (from >= to) return {};
  const auto at = static_cast<std::size_t>(std::max_element(values.begin() + static_cast<std::ptrdiff_t>(from), values.begin() + static_cast<std::ptrdiff_t>(to)) - values.begin());
  if (at == 0 || at + 1 >= values.size()) return {static_cast<double>(at), values[at]};
  const double a = values[at - 1], b = values[at], c = values[at + 1], bend = a - 2 * b + c;
  const double shift = bend < 0 ? 0.5 * (a - c) / bend : 0;
  return {static_cast<double>(at) + shift, b - 0.25 * (a - c) * shift};
}

std::vector<double> magnitudes(const std::vector<std::complex<double>>& signal) {
  std::vector<double> out;
  for (const auto& value : signal) out.push_back(std::abs(value));
  return out;
}

/// Echoes of points on the axis of one element: time there and back, and size.
std::vector<Peak> axis_echoes(const std::string& background, double sound_speed, const std::vector<double>& depths, double frequency, int cycles) {
  const Experiment e = built(points_scene(background, depths, frequency, cycles, 1, depths.back() + 5e-3));
  const Acquisition rf = e.simulate();
  const auto levels = magnitudes(analytic(rf.samples.row(0, 0, 0)));
  std::vector<Peak> peaks;
  for (double z : depths) {
    const double centre = (2 * z / sound_speed - rf.start[0]) * rf.sampling_rate, reach = 0.75 * cycles / frequency * rf.sampling_rate;
    Peak peak = peak_of(levels, static_cast<std::size_t>(std::max(0.0, centre - reach)), static_cast<std::size_t>(centre + reach));
    peak.place = peak.place / rf.sampling_rate + rf.start[0];
    peaks.push_back(peak);
  }
  return peaks;
}

/// What an experiment measures at each value of the factor `over`.
template <class Measure>
SimulatedCurve at_each(const Factors& factors, const std::string& over, std::span<const double> x, const Measure& measure) {
  SimulatedCurve out{{x.begin(), x.end()}, {}, factors};
  for (double value : x) {
    Factors at = factors;
    at[over] = value;
    out.y.push_back(measure(at));
  }
  return out;
}

/// Length of a wave in the medium: the burst of one element as it stands at one instant, phase over place.
SimulatedCurve wavelength(const Factors& factors, const std::string& over, std::span<const double> x) {
  return at_each(factors, over, x, [&](const Factors& at) {
    const double c = at.at("sound_speed"), f = at.at("frequency"), wave = c / f, middle = 40 * wave, step = wave / 16;
    const Experiment e = built(points_scene(medium(c), {0.02}, f, 24, 1, 0.03));
    FieldRequest request;
    constexpr std::size_t count = 512;
    for (std::size_t i = 0; i < count; ++i) request.points.push_back({0, 0, middle + (static_cast<double>(i) - count / 2) * step});
    request.sampling_rate = 8 * f;
    const FieldResult field = e.config.engine->field({e.phantom, e.probe, *e.pulse, e.sequence, *e.config.receive}, request, 0, Engine::FieldOutput::waveforms);
    const auto sample = static_cast<std::size_t>(std::lround((middle / c - field.start) * field.sampling_rate));
    std::vector<float> snapshot(count);
    for (std::size_t i = 0; i < count; ++i) snapshot[i] = field.waveforms(i, std::min(sample, field.waveforms.extent(1) - 1));
    const auto signal = analytic(snapshot);
    // Six waves about the middle: away from both ends of the burst.
    std::complex<double> turn = 0;
    for (std::size_t i = count / 2 - 48; i < count / 2 + 48; ++i) turn += std::conj(signal[i]) * signal[i + 1];
    return 2 * pi * step / std::abs(std::arg(turn));
  });
}

/// A pulse on a line that meets a border: pressure and velocity on staggered points, stepped in time.
double reflected_energy(double density_1, double speed_1, double density_2, double speed_2) {
  constexpr std::size_t count = 6000, border = 3000;
  const double step = 1e-5, time = 0.5 * step / std::max(speed_1, speed_2), length = 40 * step;
  std::vector<double> pressure(count), velocity(count + 1, 0.0);
  const auto density = [&](std::size_t i) { return i < border ? density_1 : density_2; };
  const auto speed = [&](std::size_t i) { return i < border ? speed_1 : speed_2; };
  const double centre = static_cast<double>(border) - 1000;
  const auto shape = [&](double cell) { return std::exp(-std::pow((cell - centre) * step / length, 2)); };
  for (std::size_t i = 0; i < count; ++i) pressure[i] = shape(static_cast<double>(i));
  // Velocities stand half a cell before their pressures and half a step before them in time; a wave to the right.
  for (std::size_t i = 0; i <= count; ++i) velocity[i] = shape(static_cast<double>(i) - 0.5 + speed_1 * time / 2 / step) / (density_1 * speed_1);
  const auto energy = [&] {
    double sum = 0;
    for (std::size_t i = 0; i < border - 300; ++i) sum += pressure[i] * pressure[i];
    return sum;
  };
  const double sent = energy();
  const double way = 2000 * step / speed_1;  // to the border and as far back
  for (double now = 0; now < way; now += time) {
    for (std::size_t i = 1; i < count; ++i) velocity[i] -= time / step * (pressure[i] - pressure[i - 1]) / (0.5 * (density(i) + density(i - 1)));
    for (std::size_t i = 0; i < count; ++i) pressure[i] -= time / step * density(i) * speed(i) * speed(i) * (velocity[i + 1] - velocity[i]);
  }
  return energy() / sent;
}

SimulatedCurve border(const Factors& factors, const std::string& over, std::span<const double> x) {
  return at_each(factors, over, x, [&](const Factors& at) {
    return reflected_energy(at.at("density_1"), at.at("speed_1"), at.at("density_2"), at.at("speed_2"));
  });
}

/// Echoes of points on the axis, with and without loss.
SimulatedCurve loss(const Factors& factors, const std::string&, std::span<const double> x) {
  const std::vector<double> depths(x.begin(), x.end());
  constexpr double c = 1540;
  constexpr int cycles = 24;
  const double f = factors.at("frequency");
  const auto with = axis_echoes(medium(c, factors.at("attenuation")), c, depths, f, cycles), without = axis_echoes(medium(c), c, depths, f, cycles);
  SimulatedCurve out{depths, {}, factors};
  for (std::size_t i = 0; i < depths.size(); ++i) out.y.push_back(20 * std::log10(without[i].value / with[i].value));
  return out;
}

/// A point in the image of one plane wave: its width at half the amplitude.
SimulatedCurve point_width(const Factors& factors, const std::string& over, std::span<const double> x) {
  const double c = factors.at("sound_speed"), depth = 0.015;
  const Experiment e = built(points_scene(medium(c), {depth}, factors.at("frequency"), 8, 96, 0.02) + "sound_speed: " + number(c) + " m/s\n");
  const Acquisition rf = e.simulate();
  return at_each(factors, over, x, [&](const Factors& at) {
    ExperimentConfig config = e.config;
    ConfigTree tree = ConfigTree::parse("beamformer: {type: delay_and_sum, f_number: " + number(at.at("f_number")) + ", window: none}\n", "lesson");
    tree.read(config);
    PixelGrid grid;
    constexpr std::size_t half = 400;
    const double step = c / factors.at("frequency") / 40;
    grid.x = {-static_cast<double>(half) * step, step, 2 * half + 1};
    grid.z = {depth, step, 1};
    const RealMap levels = log_compress(envelope(beamform(config, rf, grid).front()));
    std::vector<double> profile(levels.values.flat().begin(), levels.values.flat().end());
    return width_at_drop(profile) * step;
  });
}

/// Continuous pressure of an aperture, over points.
std::vector<double> continuous(const std::string& probe, const std::string& sequence, double sound_speed, double frequency, std::vector<Vec3> points) {
  const Experiment e = built("phantom: {type: points, background: " + medium(sound_speed) + ", positions: [[0 mm, 0 mm, 20 mm]]}\nprobe: " + probe + "\nsequence: " + sequence +
                             "\nreceive: {sampling_rate: 40 MHz, depth: 25 mm}\nengine: {type: exact, model: physical, dimensions: 2}\n");
  FieldRequest request;
  request.points = std::move(points);
  request.frequency = frequency;
  const FieldResult field = e.config.engine->field({e.phantom, e.probe, *e.pulse, e.sequence, *e.config.receive}, request, 0, Engine::FieldOutput::maps);
  std::vector<double> levels;
  for (const auto& value : field.continuous) levels.push_back(20 * std::log10(std::abs(value) + 1e-300));
  return levels;
}

/// The beam's width at its focus.
SimulatedCurve focus_width(const Factors& factors, const std::string& over, std::span<const double> x) {
  return at_each(factors, over, x, [&](const Factors& at) {
    const double c = at.at("sound_speed"), f = at.at("frequency"), depth = at.at("depth"), step = c / f / 40;
    constexpr int half = 400;
    std::vector<Vec3> points;
    for (int i = -half; i <= half; ++i) points.push_back({i * step, 0, depth});
    // Elements of a quarter of a wavelength: an aperture without gaps, so that its width is the f-number's.
    const double pitch = c / f / 4, elements = 2 * std::round(depth / at.at("f_number") / pitch / 2);
    const auto levels = continuous("{type: linear_array, frequency: " + number(f / 1e6) + " MHz, elements: " + number(elements) + ", pitch: " + number(pitch * 1e3) + " mm, response: none}",
                                   "{type: focused_beams, focus: " + number(depth * 1e3) + " mm, angles: [0 deg]}", c, f, std::move(points));
    return width_at_drop(levels) * step;
  });
}

/// The loudest direction beside the beam of narrow elements, on an arc far away.
SimulatedCurve grating_lobe(const Factors& factors, const std::string& over, std::span<const double> x) {
  return at_each(factors, over, x, [&](const Factors& at) {
    const double c = at.at("sound_speed"), f = at.at("frequency"), pitch = at.at("pitch"), reach = 0.5;
    std::vector<Vec3> points;
    constexpr int count = 600;
    const double from = 0.2, step = (pi / 2 - from) / count;
    for (int i = 0; i < count; ++i) points.push_back({reach * std::sin(from + i * step), 0, reach * std::cos(from + i * step)});
    const auto levels = continuous("{type: linear_array, frequency: " + number(f / 1e6) + " MHz, elements: 32, pitch: " + number(pitch * 1e3) + " mm, width: 0.03 mm, response: none}",
                                   "{type: focused_beams, focus: " + number(reach * 1e3) + " mm, angles: [0 deg]}", c, f, std::move(points));
    return from + step * peak_of(levels, 0, levels.size()).place;
  });
}

/// Envelope of uniform liver, each row over its mean: without the slow fall in depth.
RealMap uniform_speckle(std::uint64_t seed) {
  const Experiment e = built("seed: " + std::to_string(seed) +
                             "\nphantom: {type: scene, background: liver, extent: {x: [-9.5 mm, 9.5 mm], y: [0 mm, 0 mm], z: [5 mm, 25 mm]}, scatterer_density: 120 /mm^3}\n"
                             "probe: {type: L11-5v, elements: 64}\nsequence: {type: plane_waves, angles: [0 deg]}\nreceive: {sampling_rate: 30.4 MHz, depth: 25 mm}\n"
                             "engine: {type: scatterers, model: simus, dimensions: 2, accuracy: 0.01}\nbeamformer: {type: delay_and_sum, f_number: 1.5, window: hann}\n");
  PixelGrid grid;
  grid.x = {-6e-3, 0.1e-3, 121};
  grid.z = {8e-3, 0.06e-3, 233};
  RealMap levels = envelope(beamform(e.config, e.simulate(), grid).front());
  for (std::size_t iz = 0; iz < grid.z.count; ++iz) {
    float mean = 0;
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) mean += levels.values(iz, std::size_t{0}, ix) / static_cast<float>(grid.x.count);
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) levels.values(iz, std::size_t{0}, ix) /= mean;
  }
  return levels;
}

/// How often each level comes, in bins about x; x in units of the mean.
SimulatedCurve histogram(const Factors& factors, const std::string&, std::span<const double> x) {
  SimulatedCurve out{{x.begin(), x.end()}, std::vector<double>(x.size(), 0), factors};
  const double bin = x[1] - x[0];
  constexpr std::uint64_t seeds = 4;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const RealMap levels = uniform_speckle(seed);
    for (float level : levels.values.flat()) {
      const double at = std::floor((static_cast<double>(level) - x[0]) / bin + 0.5);
      if (at >= 0 && at < static_cast<double>(x.size())) out.y[static_cast<std::size_t>(at)] += 1 / bin / static_cast<double>(seeds * levels.values.size());
    }
  }
  return out;
}

/// Mean over standard deviation of the mean envelope of several looks, each at scatterers of its own.
SimulatedCurve looks(const Factors& factors, const std::string&, std::span<const double> x) {
  SimulatedCurve out{{x.begin(), x.end()}, {}, factors};
  std::vector<double> sum;
  std::size_t taken = 0;
  for (double wanted : x) {
    for (; taken < static_cast<std::size_t>(std::lround(wanted)); ++taken) {
      const RealMap levels = uniform_speckle(taken + 1);
      sum.resize(levels.values.size(), 0);
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += static_cast<double>(levels.values.flat()[i]);
    }
    double mean = 0, squares = 0;
    for (double v : sum) mean += v / static_cast<double>(sum.size());
    for (double v : sum) squares += (v - mean) * (v - mean) / static_cast<double>(sum.size());
    out.y.push_back(mean / std::sqrt(squares));
  }
  return out;
}

/// Images a second, when the next wave waits for the echo of a point at that depth.
SimulatedCurve rate(const Factors& factors, const std::string&, std::span<const double> x) {
  const std::vector<double> depths(x.begin(), x.end());
  const double c = factors.at("sound_speed");
  const auto peaks = axis_echoes(medium(c), c, depths, 5e6, 6);
  SimulatedCurve out{depths, {}, factors};
  for (const Peak& peak : peaks) out.y.push_back(1 / (factors.at("transmits") * peak.place));
  return out;
}

/// Depth of a point in the image that a scanner makes with a sound speed of its own.
SimulatedCurve shown_depth(const Factors& factors, const std::string& over, std::span<const double> x) {
  return at_each(factors, over, x, [&](const Factors& at) {
    const double depth = at.at("depth"), assumed = at.at("assumed_speed"), expected = depth * assumed / at.at("true_speed");
    const Experiment e = built(points_scene(medium(at.at("true_speed")), {depth}, 5e6, 4, 32, depth * 1.4) + "sound_speed: " + number(assumed) + " m/s\n");
    PixelGrid grid;
    constexpr std::size_t half = 300;
    grid.x = {0, 1e-4, 1};
    grid.z = {expected - half * 1e-5, 1e-5, 2 * half + 1};
    const RealMap levels = envelope(beamform(e.config, e.simulate(), grid).front());
    std::vector<double> profile(levels.values.flat().begin(), levels.values.flat().end());
    return grid.z.from + grid.z.step * peak_of(profile, 0, profile.size()).place;
  });
}

/// Blood through a vessel at some angle to the beam; the shift by autocorrelation in the gate, per speed of what is in the gate.
SimulatedCurve doppler(const Factors& factors, const std::string& over, std::span<const double> x) {
  return at_each(factors, over, x, [&](const Factors& at) {
    const double tilt = 90 - at.at("angle") * 180 / pi, f = at.at("frequency");
    DopplerBench bench;
    // Blood flows up the vessel, towards the probe: negative velocity along an axis that points down.
    const auto found = bench.answer({{"view", "doppler"}, {"x", 0.0}, {"z", 0.015}, {"gate", 1e-3}, {"wall_filter", 0.0},
      {"config", "seed: 5\nphantom: {type: flow, background: " + medium(at.at("sound_speed")) + ", centre: [0 mm, 0 mm, 15 mm], angle: " + number(tilt) +
        " deg, radius: 3 mm, length: 10 mm, mean_velocity: " + number(-at.at("velocity") / 4) +
        " m/s, extent: {x: [-6.2 mm, 6.2 mm], y: [0 mm, 0 mm], z: [8.8 mm, 21.2 mm]}, scatterer_density: 12 /mm^3}\nprobe: {type: L11-5v, elements: 48, frequency: " + number(f / 1e6) +
        " MHz}\npulse: {cycles: 6}\nsequence: {type: plane_waves, angles: [0 deg], frames: {count: 32, rate: 8 kHz}}\nreceive: {sampling_rate: " + number(4 * f / 1e6) +
        " MHz, depth: 22 mm}\nengine: {type: scatterers, model: simus, dimensions: 2, accuracy: 0.01}\nbeamformer: {type: delay_and_sum, f_number: 2, window: hann}\n"
        "image: {x: [-2 mm, 2 mm, 0.5 mm], z: [13 mm, 17 mm, 0.5 mm]}\nlabels: []\n"}});
    const double speed = found.at("speed").get<double>();
    return 2 * f * found.at("velocity").get<double>() / at.at("sound_speed") * at.at("velocity") / speed;
  });
}

/// Depth of one point read again and again under noise; the scatter of means of several readings.
SimulatedCurve readings(const Factors& factors, const std::string&, std::span<const double> x) {
  constexpr double c = 1540, depth = 0.015, f = 5e6;
  const Experiment e = built(points_scene(medium(c), {depth}, f, 4, 1, 0.02));
  const Acquisition rf = e.simulate();
  const auto record = rf.samples.row(0, 0, 0);
  const auto centre = static_cast<std::size_t>((2 * depth / c - rf.start[0]) * rf.sampling_rate);
  constexpr std::size_t half = 64, count = 9000;
  const std::vector<float> clean(record.begin() + static_cast<std::ptrdiff_t>(centre - half), record.begin() + static_cast<std::ptrdiff_t>(std::min(centre + half, record.size())));
  float top = 0;
  for (float v : clean) top = std::max(top, std::abs(v));
  RandomStream random(12, 0, "readings");
  std::vector<double> read;
  for (std::size_t k = 0; k < count; ++k) {
    std::vector<float> noisy = clean;
    for (float& v : noisy) v += 0.1F * top * static_cast<float>(random.normal());
    read.push_back(peak_of(magnitudes(analytic(noisy)), half / 2, 3 * half / 2).place / rf.sampling_rate * c / 2);
  }
  const auto deviation = [](const std::vector<double>& values) {
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    double squares = 0;
    for (double v : values) squares += (v - mean) * (v - mean);
    return std::sqrt(squares / static_cast<double>(values.size() - 1));
  };
  SimulatedCurve out{{x.begin(), x.end()}, {}, factors};
  out.factors["spread"] = deviation(read);
  for (double value : x) {
    const auto together = static_cast<std::size_t>(std::lround(value));
    std::vector<double> means;
    for (std::size_t k = 0; k + together <= count; k += together)
      means.push_back(std::accumulate(read.begin() + static_cast<std::ptrdiff_t>(k), read.begin() + static_cast<std::ptrdiff_t>(k + together), 0.0) / value);
    out.y.push_back(deviation(means));
  }
  return out;
}

/// An observer who takes the mean energy of a disc: all pairs of a disc with a lesion and one without.
SimulatedCurve observer(const Factors& factors, const std::string&, std::span<const double> x) {
  std::vector<double> levels;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const RealMap speckle = uniform_speckle(seed);
    const PixelGrid& grid = speckle.grid;
    for (double cz = 9e-3; cz < 21.2e-3; cz += 2e-3)
      for (double cx = -5e-3; cx < 5.1e-3; cx += 2e-3) {
        double sum = 0, count = 0;
        for (std::size_t iz = 0; iz < grid.z.count; ++iz)
          for (std::size_t ix = 0; ix < grid.x.count; ++ix)
            if (std::hypot(grid.x.at(ix) - cx, grid.z.at(iz) - cz) < 0.8e-3) sum += std::pow(static_cast<double>(speckle.values(iz, std::size_t{0}, ix)), 2), count += 1;
        levels.push_back(10 * std::log10(sum / count));
      }
  }
  const double n = static_cast<double>(levels.size()), mean = std::accumulate(levels.begin(), levels.end(), 0.0) / n;
  double squares = 0;
  for (double v : levels) squares += (v - mean) * (v - mean) / (n - 1);
  SimulatedCurve out{{x.begin(), x.end()}, {}, factors};
  for (double distance : x) {
    double right = 0;
    for (std::size_t i = 0; i < levels.size(); ++i)
      for (std::size_t j = 0; j < levels.size(); ++j)
        if (i != j) right += levels[i] + distance * std::sqrt(squares) > levels[j] ? 1 : levels[i] + distance * std::sqrt(squares) == levels[j] ? 0.5 : 0;
    out.y.push_back(right / (n * (n - 1)));
  }
  return out;
}

/// Tests of one network again and again: the lowest true share with which 2.5 % of them still find as many (half of those with just
/// as many counted).
SimulatedCurve repeated_tests(const Factors& factors, const std::string&, std::span<const double> x) {
  const double share = factors.at("share");
  constexpr std::size_t tests = 4000;
  SimulatedCurve out{{x.begin(), x.end()}, {}, factors};
  for (double value : x) {
    const auto count = static_cast<std::size_t>(std::lround(value));
    const auto right = static_cast<std::size_t>(std::lround(share * value));
    RandomStream random(14, count, "repeated tests");
    std::vector<float> draws(tests * count);
    for (float& draw : draws) draw = static_cast<float>(random.uniform());
    const auto as_many = [&](double p) {
      double passed = 0;
      for (std::size_t k = 0; k < tests; ++k) {
        const auto found = static_cast<std::size_t>(std::count_if(draws.begin() + static_cast<std::ptrdiff_t>(k * count), draws.begin() + static_cast<std::ptrdiff_t>((k + 1) * count),
                                                                  [&](float draw) { return static_cast<double>(draw) < p; }));
        passed += found > right ? 1 : found == right ? 0.5 : 0;
      }
      return passed / tests;
    };
    double low = 0, high = share;
    for (int i = 0; i < 14; ++i) (as_many((low + high) / 2) > 0.025 ? high : low) = (low + high) / 2;
    out.y.push_back((low + high) / 2);
  }
  return out;
}

const LessonSimulation table[] = {
    {"wavelength", "phase of a burst over the places along the axis, at one instant", wavelength},
    {"border", "a pulse on a line against a border, stepped in time", border},
    {"loss", "echoes of points with and without attenuation", loss},
    {"point_width", "-6 dB width of one point in the image of a plane wave", point_width},
    {"focus_width", "-6 dB width of the continuous beam at its focus", focus_width},
    {"grating_lobe", "direction of the loudest sound beside the beam", grating_lobe},
    {"histogram", "levels of four images of uniform liver", histogram},
    {"looks", "mean envelope of images with scatterers of their own", looks},
    {"rate", "times of echoes from points", rate},
    {"shown_depth", "place of one point in the image", shown_depth},
    {"doppler", "autocorrelation of the echoes of blood in a vessel", doppler},
    {"readings", "9000 readings of one point's depth, echoes 20 dB above the noise", readings},
    {"observer", "mean energy of 252 discs in uniform liver, with and without a lesion of known contrast", observer},
    {"repeated_tests", "4000 tests of one network", repeated_tests},
};

}  // namespace

std::span<const LessonSimulation> lesson_simulations() { return table; }

}  // namespace sonoforge::lab
