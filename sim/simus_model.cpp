#include "sim/simus_model.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>

#include "core/fft.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "sim/fourier_series.hpp"
#include "sim/memory_limit.hpp"
#include "sim/record.hpp"
#include "sim/simus_kernel.hpp"

namespace sonoforge {
namespace {

using Complex = std::complex<double>;
constexpr double pi = std::numbers::pi;
/// Of tables over elements or points and frequencies.
double max_table_bytes() {
  return std::min(16e9, working_memory());
}

/// The spectrum of the burst as SIMUS has it: without a factor T/2, and for the time factor exp(-i w t).
Complex burst_spectrum(const Pulse& pulse, double f) {
  const double duration = pulse.burst_cycles() / pulse.frequency();
  return std::conj(pulse.spectrum(f, 0)) * (2 / duration);
}

void check_input(const SimulationInput& input) {
  if (!(input.pulse.burst_cycles() > 0))
    throw ConfigError("pulse",
                      "model simus knows plain sine bursts only (this pulse is another). Use a burst without a "
                      "window, or 'model: physical'");
  if (std::abs(input.pulse.frequency() - input.probe.frequency) > 1e-9 * input.probe.frequency)
    throw ConfigError("pulse", "model simus has one centre frequency for pulse and probe (here " +
                                   format_quantity(input.pulse.frequency(), Unit::hertz) + " and " +
                                   format_quantity(input.probe.frequency, Unit::hertz) +
                                   "). Leave out the pulse's 'frequency', or use 'model: physical'");
}

SimusKernel make_kernel(const SimulationInput& input, const SimusOptions& options, const Bounds& region) {
  return SimusKernel(
      input.probe, input.phantom.background, options.dimensions, options.full_frequency_directivity,
      make_propagation(options.propagation, input.phantom, input.probe, region, options.dimensions));
}

/// The frequencies f_k = step k, k < count, and which of them are kept.
struct Grid {
  std::size_t count = 0;  ///< N
  double step = 0;        ///< [Hz]
  std::size_t first = 0, last = 0;

  FrequencyBand band() const { return {step * static_cast<double>(first), step, last - first + 1}; }
};

/// Multiples of a step up to 2 fc, and the band from the first to the last whose drive is above the threshold.
Grid band_of_step(const SimulationInput& input, double step, double threshold_db) {
  Grid grid;
  grid.step = step;
  grid.count = static_cast<std::size_t>(std::floor(2 * input.probe.frequency / step * (1 + 1e-12))) + 1;
  std::vector<double> magnitude(grid.count);
  for (std::size_t k = 0; k < grid.count; ++k) {
    const double f = grid.step * static_cast<double>(k);
    magnitude[k] = std::abs(burst_spectrum(input.pulse, f)) * input.probe.one_way_response(f);
  }
  const double largest = *std::max_element(magnitude.begin(), magnitude.end());
  const auto kept = [&](double m) { return 20 * std::log10(1e-200 + m / largest) > threshold_db; };
  while (grid.first + 1 < grid.count && !kept(magnitude[grid.first])) ++grid.first;
  grid.last = grid.count - 1;
  while (grid.last > grid.first && !kept(magnitude[grid.last])) --grid.last;
  return grid;
}

Grid make_grid(const SimulationInput& input, double largest_step, double threshold_db, std::size_t rows) {
  const double fc = input.probe.frequency;
  const double half = std::ceil(fc / largest_step);
  if (!(half * 2 * static_cast<double>(rows) * 64 < max_table_bytes()))
    throw ConfigError("",
                      "the record would need " + format_number(2 * half + 1) +
                          " frequencies (paths or delays are too long for this centre frequency). Move the farthest "
                          "points closer");
  return band_of_step(input, fc / half, threshold_db);
}

bool is_active(const TransmitLaw& law, std::size_t e) {
  return std::isfinite(law.delays[e]) && law.apodization[e] != 0;
}

double largest_delay(const Transmit& transmit, std::span<const double> receive_delays) {
  double largest = 0;
  for (const auto& law : transmit.laws)
    for (std::size_t e = 0; e < law.delays.size(); ++e)
      if (is_active(law, e)) largest = std::max(largest, law.delays[e]);
  for (double delay : receive_delays) largest = std::max(largest, delay);
  return largest;
}

/// Weights and delays of all elements [transmit, bin, element]: sum over the laws of w exp(i w tau).
SplitTable drive_table(const SimulationInput& input, std::span<const std::size_t> transmits,
                       const FrequencyBand& band) {
  SplitTable drive(transmits.size(), band.count, input.probe.size());
  parallel_blocks(band.count, 32, [&](std::size_t begin, std::size_t end) {
    for (std::size_t t = 0; t < transmits.size(); ++t)
      for (const auto& law : input.sequence.transmits[transmits[t]].laws)
        for (std::size_t k = begin; k < end; ++k)
          for (std::size_t e = 0; e < input.probe.size(); ++e) {
            if (!is_active(law, e)) continue;
            const double phase = 2 * pi * band.at(k) * law.delays[e];
            drive.re(t, k, e) += law.apodization[e] * std::cos(phase);
            drive.im(t, k, e) += law.apodization[e] * std::sin(phase);
          }
  });
  return drive;
}

/// The farthest that any element is from any point, in the plane of the array (linear, convex) or in space [m].
double largest_distance(std::span<const Vec3> points, const Probe& probe, bool in_plane) {
  // Along a straight line of elements the distance is greatest at an end.
  std::vector<Vec3> places;
  for (std::size_t n = 0; n < probe.size(); ++n) {
    const Vec3 at = probe.elements[n].position;
    if (places.size() > 1) {
      const Vec3 before = at - places.back(), all = at - places[places.size() - 2];
      if (norm(cross(before, all)) <= 1e-15 * norm(all) && dot(before, places.back() - places[places.size() - 2]) > 0) {
        places.back() = at;
        continue;
      }
    }
    places.push_back(at);
  }
  constexpr std::size_t block = 4096;
  std::vector<double> largest((points.size() + block - 1) / block);
  parallel_blocks(points.size(), block, [&](std::size_t begin, std::size_t end) {
    double most = 0;
    for (std::size_t i = begin; i < end; ++i)
      for (const Vec3& place : places) {
        Vec3 d = points[i] - place;
        if (in_plane) d.y = 0;
        most = std::max(most, dot(d, d));
      }
    largest[begin / block] = most;
  });
  return largest.empty() ? 0 : std::sqrt(*std::max_element(largest.begin(), largest.end()));
}

double final_scale(const Grid& grid, const SimulationInput& input, const SimusKernel& kernel, int dimensions) {
  if (kernel.planar()) return 1;
  return grid.step * (dimensions == 2 ? input.probe.elements.front().width : 1);
}

std::size_t transform_size(const Grid& grid, double sampling_rate, double centre_frequency) {
  return static_cast<std::size_t>(
      std::ceil(sampling_rate / 2 / centre_frequency * static_cast<double>(grid.count - 1)));
}

/// Spectra of the echoes, per transmit [element, kept bin], for the time factor exp(+i w t).
struct EchoSpectra {
  Grid grid;
  std::vector<NdArray<Complex, 2>> spectra;
};

/// `transmits` must share one grid.
EchoSpectra echo_spectra(const SimulationInput& input, const SimusOptions& options, const SimusKernel& kernel,
                         const Grid& grid, std::span<const std::size_t> transmits, std::span<const Vec3> positions,
                         Progress& progress) {
  const auto band = grid.band();
  const std::size_t elements = input.probe.size();
  const auto drive = drive_table(input, transmits, band);
  SplitTable echoes(transmits.size(), band.count, elements);
  const auto& scatterers = input.phantom.scatterers;
  std::vector<double> exponents(scatterers.size());
  for (std::size_t i = 0; i < exponents.size(); ++i) {
    const int region = scatterers.regions.empty() ? -1 : scatterers.regions[i];
    exponents[i] = input.phantom.tissue_of(region).scattering_exponent.value_or(0);
  }
  kernel.add_echoes(positions, scatterers.amplitudes, exponents, band, drive, echoes,
                    [&](std::size_t points) { progress.advance(points * transmits.size()); });

  EchoSpectra result{grid, {}};
  const double scale = final_scale(grid, input, kernel, options.dimensions);
  const auto& receive_delays = input.sequence.receive_delays;
  std::vector<Complex> filter(band.count);
  for (std::size_t k = 0; k < band.count; ++k) {
    const double f = band.at(k);
    filter[k] = scale * burst_spectrum(input.pulse, f) * input.probe.two_way_response(f);
  }
  for (std::size_t t = 0; t < transmits.size(); ++t) {
    NdArray<Complex, 2> spectrum({elements, band.count});
    parallel_for(elements, [&](std::size_t e) {
      for (std::size_t k = 0; k < band.count; ++k) {
        Complex value = filter[k] * Complex(echoes.re(t, k, e), echoes.im(t, k, e));
        if (!receive_delays.empty()) value *= std::polar(1.0, 2 * pi * band.at(k) * receive_delays[e]);
        spectrum(e, k) = std::conj(value);
      }
    });
    result.spectra.push_back(std::move(spectrum));
  }
  return result;
}

/// The inverse transform of n points with its factor 1/n; the first half of it.
NdArray<double, 2> inverse_transform(const NdArray<Complex, 2>& spectrum, const Grid& grid, std::size_t n) {
  const std::size_t elements = spectrum.extent(0), kept = (n + 1) / 2;
  NdArray<double, 2> samples({elements, kept});
  const RealFft<double> fft(n);
  parallel_for(elements, [&](std::size_t e) {
    std::vector<Complex> bins(fft.bins());
    std::vector<double> values(n);
    for (std::size_t k = 0; k < spectrum.extent(1) && grid.first + k < bins.size(); ++k)
      bins[grid.first + k] = spectrum(e, k);
    fft.inverse(bins, values);
    for (std::size_t i = 0; i < kept; ++i) samples(e, i) = values[i] / static_cast<double>(n);
  });
  return samples;
}

double largest_magnitude(const NdArray<double, 2>& values) {
  double largest = 0;
  for (double v : values.flat()) largest = std::max(largest, std::abs(v));
  return largest;
}

/// SIMUS's soft threshold at 1e-5 of the largest echo, itself in steps of 1e-6.
double without_small(double value, double largest) {
  if (largest == 0) return value;
  const double relative = std::abs(value) / largest;
  if (relative > 1e-4) return value;  // where the factor rounds to 1
  constexpr double threshold = 1e-5, width = threshold / 10;
  return value * std::nearbyint(0.5 * (1 + std::tanh((relative - threshold) / width)) / width) * width;
}

Grid echo_grid(const SimulationInput& input, const SimusOptions& options, const SimusKernel& kernel, double distance,
               std::size_t transmit) {
  const double c = input.phantom.background.sound_speed;
  const double reach = distance * kernel.slowest() / c + simus_two_way_pulse_duration(input.pulse, input.probe);
  const double delay = largest_delay(input.sequence.transmits[transmit], input.sequence.receive_delays);
  return make_grid(input, 0.5 / (2 * reach + delay), options.threshold_db, kernel.elements());
}

/// Fills the records of some transmits of one frame, all on one grid.
void write_records(const SimulationInput& input, const EchoSpectra& echoes, std::span<const std::size_t> transmits,
                   std::size_t frame, Acquisition& acquisition) {
  const Grid& grid = echoes.grid;
  const double fs = input.receive.sampling_rate, start = record_start(input);
  const std::size_t n = transform_size(grid, fs, input.probe.frequency), samples = acquisition.samples_per_channel();
  const double own_rate = static_cast<double>(n) * grid.step;
  // Where SIMUS's own samples are asked for, they are taken as they are.
  const double offset = std::nearbyint(start * fs);
  const double drift = (std::abs(fs / own_rate - 1) * static_cast<double>(n) + std::abs(start * fs - offset));
  const bool own_times = drift < 1e-9;
  const double half_period = 0.5 / grid.step;
  // Samples with |t| < half a period.
  const double low = std::ceil((-half_period - start) * fs), high = std::ceil((half_period - start) * fs);
  const auto begin = static_cast<std::size_t>(std::clamp(low, 0.0, static_cast<double>(samples)));
  const auto end = static_cast<std::size_t>(std::clamp(high, 0.0, static_cast<double>(samples)));
  std::optional<FourierSampler> sampler;
  if (!own_times && end > begin)
    sampler.emplace(grid.step, grid.first, grid.band().count, start + static_cast<double>(begin) / fs, fs, end - begin);

  for (std::size_t t = 0; t < transmits.size(); ++t) {
    const auto& spectrum = echoes.spectra[t];
    const auto own = inverse_transform(spectrum, grid, n);
    const double largest = largest_magnitude(own);
    parallel_for(spectrum.extent(0), [&](std::size_t e) {
      auto out = acquisition.samples.row(frame, transmits[t], e);
      const bool from_own = own_times && offset >= 0;
      if (from_own) {
        for (std::size_t i = 0; i < samples; ++i) {
          const double index = offset + static_cast<double>(i);
          if (index < static_cast<double>(own.extent(1)))
            out[i] = static_cast<float>(without_small(own(e, static_cast<std::size_t>(index)), largest));
        }
        return;
      }
      if (end <= begin) return;
      std::vector<Complex> coefficients(spectrum.extent(1));
      for (std::size_t k = 0; k < coefficients.size(); ++k) {
        const bool once = grid.first + k == 0 || 2 * (grid.first + k) == n;  // all others stand for +f and -f
        coefficients[k] = spectrum(e, k) * ((once ? 1.0 : 2.0) / static_cast<double>(n));
      }
      std::vector<double> values(end - begin);
      if (own_times) {
        const FourierSampler direct(grid.step, grid.first, coefficients.size(), start + static_cast<double>(begin) / fs,
                                    fs, end - begin);
        direct(coefficients, values);
      } else {
        (*sampler)(coefficients, values);
      }
      for (std::size_t i = begin; i < end; ++i) out[i] = static_cast<float>(without_small(values[i - begin], largest));
    });
  }
}

}  // namespace

double simus_two_way_pulse_duration(const Pulse& pulse, const Probe& probe) {
  constexpr double dt = 1e-9;
  const double step = pulse.frequency() / pulse.burst_cycles() / 32;
  const double wanted = 1 / dt / 2 / step;
  if (wanted > 1 << 24)
    throw ConfigError("pulse",
                      "the pulse is too long for model simus (over 0.3 s in steps of 1 ns). Use fewer cycles or a "
                      "higher frequency");
  int power = 2;
  while (std::ldexp(1.0, power) < wanted) ++power;
  const std::size_t n = (std::size_t{2} << power) - 2, half = n / 2 + 1;
  const RealFft<double> fft(n);
  std::vector<Complex> spectrum(half);
  for (std::size_t k = 0; k < half; ++k) {
    const double f = static_cast<double>(k) / static_cast<double>(half - 1) / dt / 2;
    spectrum[k] = burst_spectrum(pulse, f) * probe.two_way_response(f);
  }
  std::vector<double> values(n);
  fft.inverse(spectrum, values);
  std::rotate(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n / 2), values.end());
  double largest = 0;
  for (double v : values) largest = std::max(largest, std::abs(v));
  std::size_t first = 0, last = n - 1;
  while (first < n && !(values[first] > largest / 1023)) ++first;
  while (last > 0 && !(values[last] > largest / 1023)) --last;
  // The shorter margin is cut off at both ends, counted from one.
  const std::size_t margin = std::min(first + 1, n - last);
  return 2 * margin < n + 1 ? static_cast<double>(n - 2 * margin + 1) * dt : 0;
}

SimusEchoes simus_echoes(const SimulationInput& input, const SimusOptions& options, std::size_t transmit) {
  check_input(input);
  const SimusKernel kernel = make_kernel(input, options, scatterer_bounds(input));
  const auto& positions = input.phantom.scatterers.positions;
  const double distance = largest_distance(positions, input.probe, !kernel.planar());
  const Grid grid = echo_grid(input, options, kernel, distance, transmit);
  const std::size_t transmits[] = {transmit};
  Progress progress("Echoes", positions.size(), "scatterers");
  const auto echoes = echo_spectra(input, options, kernel, grid, transmits, positions, progress);
  SimusEchoes result;
  result.transform_size = transform_size(grid, input.receive.sampling_rate, input.probe.frequency);
  result.samples = inverse_transform(echoes.spectra[0], grid, result.transform_size);
  const double largest = largest_magnitude(result.samples);
  for (double& v : result.samples.flat()) v = without_small(v, largest);
  result.effective_sampling_rate = static_cast<double>(result.transform_size) * grid.step;
  result.frequencies = grid.count;
  result.frequency_step = grid.step;
  result.first = grid.first;
  result.last = grid.last;
  return result;
}

std::pair<double, double> simus_band(const SimulationInput& input, double threshold_db) {
  check_input(input);
  constexpr double steps = 4096;
  const Grid grid = band_of_step(input, input.probe.frequency / steps, threshold_db);
  return {grid.step * static_cast<double>(grid.first), grid.step * static_cast<double>(grid.last)};
}

void drop_small_echoes(std::span<float> samples) {
  float largest = 0;
  for (float value : samples) largest = std::max(largest, std::abs(value));
  parallel_blocks(samples.size(), 1 << 16, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      samples[i] = static_cast<float>(without_small(static_cast<double>(samples[i]), static_cast<double>(largest)));
  });
}

std::function<bool(const Vec3&)> simus_shadow(const SimulationInput& input, const SimusOptions& options) {
  const auto kernel = std::make_shared<SimusKernel>(input.probe, input.phantom.background, options.dimensions,
                                                    options.full_frequency_directivity);
  return [kernel](const Vec3& point) { return kernel->is_behind(point); };
}

std::vector<double> simus_echo_scales(const SimulationInput& input, const SimusOptions& options, std::size_t first,
                                      std::size_t count, double time) {
  check_input(input);
  const SimusKernel kernel(input.probe, input.phantom.background, options.dimensions, options.full_frequency_directivity);
  const double distance =
      largest_distance(scatterer_positions(input.phantom.scatterers, time), input.probe, !kernel.planar());
  std::vector<double> scales;
  for (std::size_t t = first; t < first + count; ++t) {
    const Grid grid = echo_grid(input, options, kernel, distance, t);
    const auto n = static_cast<double>(transform_size(grid, input.receive.sampling_rate, input.probe.frequency));
    scales.push_back(final_scale(grid, input, kernel, options.dimensions) / (n * grid.step));
  }
  return scales;
}

Acquisition simulate_simus(const SimulationInput& input, const SimusOptions& options) {
  check_input(input);
  const SimusKernel kernel = make_kernel(input, options, scatterer_bounds(input));
  Acquisition acquisition = empty_acquisition(input);
  acquisition.description =
      "Simulated by the equations of MUST's simus in " + std::to_string(options.dimensions) + " dimensions";
  const auto& scatterers = input.phantom.scatterers;
  const auto& sequence = input.sequence;
  if (scatterers.size() == 0) return acquisition;
  const bool moving = scatterers_move(input);
  const std::size_t count = sequence.transmits.size(), frames = moving ? sequence.frames : 1;
  Progress progress("Echoes", frames * count * scatterers.size(), "scatterers");
  for (std::size_t frame = 0; frame < frames; ++frame) {
    if (moving) {
      for (std::size_t t = 0; t < count; ++t) {
        const auto positions = scatterer_positions(scatterers, firing_time(sequence, frame, t));
        const double distance = largest_distance(positions, input.probe, !kernel.planar());
        const Grid grid = echo_grid(input, options, kernel, distance, t);
        const std::size_t transmits[] = {t};
        write_records(input, echo_spectra(input, options, kernel, grid, transmits, positions, progress), transmits,
                      frame, acquisition);
      }
      continue;
    }
    // Transmits with the same frequencies share the scatterers' phasors; a few at a time, to bound memory.
    const double distance = largest_distance(scatterers.positions, input.probe, !kernel.planar());
    std::map<std::size_t, std::vector<std::size_t>> groups;
    std::map<std::size_t, Grid> grids;
    for (std::size_t t = 0; t < count; ++t) {
      const Grid grid = echo_grid(input, options, kernel, distance, t);
      groups[grid.count].push_back(t);
      grids[grid.count] = grid;
    }
    for (const auto& [size, members] : groups)
      for (std::size_t begin = 0; begin < members.size(); begin += 16) {
        const std::span<const std::size_t> part(members.data() + begin,
                                                std::min<std::size_t>(16, members.size() - begin));
        write_records(input, echo_spectra(input, options, kernel, grids[size], part, scatterers.positions, progress),
                      part, frame, acquisition);
      }
  }
  const std::size_t per_frame = acquisition.samples.size() / sequence.frames;
  for (std::size_t frame = frames; frame < sequence.frames; ++frame)
    std::copy_n(acquisition.samples.data(), per_frame, acquisition.samples.data() + frame * per_frame);
  return acquisition;
}

namespace {

/// The grid of pfield: its step resolves the longest path with its delay.
Grid pressure_grid(const SimulationInput& input, const SimusOptions& options, const SimusKernel& kernel,
                   std::span<const Vec3> points, std::size_t transmit) {
  const double c = input.phantom.background.sound_speed;
  const double time = kernel.largest_range(points) * kernel.slowest() / c + largest_delay(input.sequence.transmits[transmit], {});
  return make_grid(input, 1 / time, options.threshold_db, points.size() > 4096 ? 4096 : points.size());
}

/// What turns sum |P|^2 into the square of pfield's rms.
double rms_scale(const Grid& grid, const SimulationInput& input, int dimensions) {
  return grid.step * (dimensions == 2 ? input.probe.elements.front().width : 1);
}

/// The largest |x| of a periodic signal between its samples: the top of the parabola through the largest sample and its
/// neighbours.
double largest_magnitude_between(std::span<const double> signal) {
  std::size_t top = 0;
  for (std::size_t i = 1; i < signal.size(); ++i)
    if (std::abs(signal[i]) > std::abs(signal[top])) top = i;
  const std::size_t n = signal.size();
  const double before = signal[(top + n - 1) % n], here = signal[top], after = signal[(top + 1) % n];
  const double bend = before - 2 * here + after;
  return std::abs(bend == 0 ? here : here - (after - before) * (after - before) / (8 * bend));
}

/// Calls use(first point, pressure [point, bin] with pulse and response) for portions of the points.
template <class Use>
void each_pressure(const SimulationInput& input, const SimusKernel& kernel, const FrequencyBand& band,
                   std::span<const Vec3> points, std::size_t transmit, bool with_drive, Use&& use) {
  const std::size_t transmits[] = {transmit};
  const auto drive = drive_table(input, transmits, band);
  std::vector<Complex> filter(band.count, 1.0);
  if (with_drive)
    for (std::size_t k = 0; k < band.count; ++k)
      filter[k] = burst_spectrum(input.pulse, band.at(k)) * input.probe.one_way_response(band.at(k));
  const std::size_t portion =
      std::clamp<std::size_t>((std::size_t{2} << 20) / (kernel.elements() * kernel.sub_elements()), 8, 4096);
  for (std::size_t first = 0; first < points.size(); first += portion) {
    const std::size_t count = std::min(portion, points.size() - first);
    auto pressure = kernel.pressure(points.subspan(first, count), band, drive);
    for (std::size_t p = 0; p < count; ++p)
      for (std::size_t k = 0; k < band.count; ++k) pressure(p, k) *= filter[k];
    use(first, pressure);
  }
}

}  // namespace

SimusPressure simus_pressure(const SimulationInput& input, const SimusOptions& options, std::span<const Vec3> points,
                             std::size_t transmit) {
  check_input(input);
  const SimusKernel kernel = make_kernel(input, options, bounds_of(points));
  SimusPressure result;
  result.rms.resize(points.size());
  if (points.empty()) return result;
  const Grid grid = pressure_grid(input, options, kernel, points, transmit);
  const double scale = rms_scale(grid, input, options.dimensions);
  each_pressure(input, kernel, grid.band(), points, transmit, true, [&](std::size_t first, const auto& pressure) {
    for (std::size_t p = 0; p < pressure.extent(0); ++p) {
      double sum = 0;
      for (const Complex& value : pressure.row(p)) sum += std::norm(value);
      result.rms[first + p] = std::sqrt(scale * sum);
    }
  });
  result.frequencies = grid.count;
  result.frequency_step = grid.step;
  result.first = grid.first;
  result.last = grid.last;
  return result;
}

FieldResult field_simus(const SimulationInput& input, const SimusOptions& options, const FieldRequest& request,
                        std::size_t transmit, Engine::FieldOutput output) {
  FieldResult result;
  const auto& points = request.points;
  if (request.frequency > 0) {
    const SimusKernel kernel = make_kernel(input, options, bounds_of(points));
    result.continuous.resize(points.size());
    each_pressure(input, kernel, {request.frequency, 0, 1}, points, transmit, false,
                  [&](std::size_t first, const auto& pressure) {
                    for (std::size_t p = 0; p < pressure.extent(0); ++p)
                      result.continuous[first + p] = std::conj(pressure(p, 0));
                  });
    return result;
  }
  check_input(input);
  if (points.empty()) return result;
  const SimusKernel kernel = make_kernel(input, options, bounds_of(points));
  // The real signal whose spectrum is P times the T/2 that SIMUS leaves out.
  const double drive_scale = input.pulse.burst_cycles() / input.pulse.frequency() / 2;
  result.peak.resize(points.size());
  if (output == Engine::FieldOutput::maps) {
    // One pass over the frequencies of pfield for both maps: their period is the longest way, and the wave stays at no
    // point longer than that but for the pulse.
    const Grid grid = pressure_grid(input, options, kernel, points, transmit);
    const RealFft<double> fft(good_fft_size(8 * (grid.count - 1)));
    const double map_scale = rms_scale(grid, input, options.dimensions);
    result.rms.resize(points.size());
    each_pressure(input, kernel, grid.band(), points, transmit, true, [&](std::size_t first, const auto& pressure) {
      parallel_for(pressure.extent(0), [&](std::size_t p) {
        std::vector<Complex> bins(fft.bins());
        std::vector<double> values(fft.size());
        double sum = 0;
        for (std::size_t k = 0; k < pressure.extent(1); ++k) {
          sum += std::norm(pressure(p, k));
          bins[grid.first + k] = std::conj(pressure(p, k)) * (drive_scale * grid.step);
        }
        fft.inverse(bins, values);
        result.rms[first + p] = std::sqrt(map_scale * sum);
        result.peak[first + p] = largest_magnitude_between(values);
      });
    });
    return result;
  }

  result.rms = simus_pressure(input, options, points, transmit).rms;
  // Waveforms on frequencies of their own, so that one transform gives the samples asked for: its period has room for
  // the pulse before and behind the longest way, and its rate is a multiple of theirs that holds all frequencies.
  const double pulse_length = simus_two_way_pulse_duration(input.pulse, input.probe);
  const double reach = kernel.largest_range(points) * kernel.slowest() / input.phantom.background.sound_speed +
                       largest_delay(input.sequence.transmits[transmit], {}) + pulse_length;
  const double fs = request.sampling_rate > 0 ? request.sampling_rate : 16 * input.probe.frequency;
  const double multiple = std::ceil(4 * input.probe.frequency / fs), rate = multiple * fs;
  const double size = std::ceil((reach + 2 * pulse_length) * rate) + 2 * multiple;
  const double before = std::ceil(pulse_length * fs), samples = before + std::ceil(reach * fs) + 1;
  if (!(samples * static_cast<double>(points.size()) * 4 + size * 64 < max_table_bytes()))
    throw ConfigError("field", "the waveforms would take " +
                                   format_number(std::round(samples * static_cast<double>(points.size()) * 4e-9)) +
                                   " GB. Use fewer points or a lower sampling_rate");
  const RealFft<double> fft(good_fft_size(static_cast<std::size_t>(size)));
  const Grid grid = band_of_step(input, rate / static_cast<double>(fft.size()), options.threshold_db);
  result.start = -before / fs;
  result.sampling_rate = fs;
  result.waveforms = NdArray<float, 2>({points.size(), static_cast<std::size_t>(samples)});
  each_pressure(input, kernel, grid.band(), points, transmit, true, [&](std::size_t first, const auto& pressure) {
    parallel_for(pressure.extent(0), [&](std::size_t p) {
      std::vector<Complex> bins(fft.bins());
      std::vector<double> values(fft.size());
      for (std::size_t k = 0; k < pressure.extent(1); ++k)
        bins[grid.first + k] = std::conj(pressure(p, k)) * (drive_scale * grid.step);
      fft.inverse(bins, values);
      result.peak[first + p] = largest_magnitude_between(values);
      const auto step = static_cast<std::size_t>(multiple), lead = static_cast<std::size_t>(before) * step;
      const auto out = result.waveforms.row(first + p);
      for (std::size_t i = 0; i < out.size(); ++i)
        out[i] = static_cast<float>(values[(fft.size() + i * step - lead) % fft.size()]);
    });
  });
  return result;
}

}  // namespace sonoforge
