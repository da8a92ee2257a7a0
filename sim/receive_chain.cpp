#include "sim/receive_chain.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "core/fft.hpp"
#include "core/parallel.hpp"
#include "sim/noise.hpp"
#include "sim/record.hpp"
#include "transducers/pressure_drive.hpp"

namespace sonoforge {
namespace {

using Complex = std::complex<double>;
constexpr double two_pi = 2 * std::numbers::pi;

/// Calls work(frame, transmit, channel, record) for every record.
template <class Work>
void for_each_record(Acquisition& acquisition, const Work& work) {
  const std::size_t transmits = acquisition.transmits(), channels = acquisition.channels();
  parallel_for(acquisition.frames() * transmits * channels, [&](std::size_t i) {
    const std::size_t channel = i % channels, transmit = i / channels % transmits, frame = i / (channels * transmits);
    work(frame, transmit, channel, acquisition.samples.row(frame, transmit, channel));
  });
}

/// Multiplies the spectrum of a record by response(f). Zeros beside the record keep its end from running into its
/// beginning.
class RecordFilter {
 public:
  RecordFilter(std::size_t samples, double sampling_rate)
      : fft_(good_fft_size(2 * samples + 64)), step_(sampling_rate / static_cast<double>(fft_.size())) {}

  template <class Response>
  void apply(std::span<float> record, const Response& response) const {
    std::vector<double> signal(fft_.size());
    std::copy(record.begin(), record.end(), signal.begin());
    std::vector<Complex> spectrum(fft_.bins());
    fft_.forward(signal, spectrum);
    for (std::size_t k = 0; k < spectrum.size(); ++k) spectrum[k] *= response(static_cast<double>(k) * step_);
    // The bin at half the sampling rate of a real signal is real.
    if (fft_.size() % 2 == 0) spectrum.back() = spectrum.back().real();
    fft_.inverse(spectrum, signal);
    for (std::size_t n = 0; n < record.size(); ++n)
      record[n] = static_cast<float>(signal[n] / static_cast<double>(fft_.size()));
  }

 private:
  RealFft<double> fft_;
  double step_;  // between bins [Hz]
};

/// Pole k of the Butterworth filter over its cutoff: on the left half of the unit circle.
Complex pole(std::int64_t k, std::int64_t order) {
  return std::polar(1.0, std::numbers::pi * (0.5 + (static_cast<double>(k) + 0.5) / static_cast<double>(order)));
}

/// For every element the others no farther away than the nearest pair of the probe (give or take a fifth).
std::vector<std::vector<std::size_t>> nearest_neighbours(const Probe& probe) {
  const std::size_t n = probe.size();
  const auto distance = [&](std::size_t a, std::size_t b) {
    return norm(probe.elements[a].position - probe.elements[b].position);
  };
  std::vector<double> nearest(n, std::numeric_limits<double>::infinity());
  parallel_for(n, [&](std::size_t a) {
    for (std::size_t b = 0; b < n; ++b)
      // Rows and columns of one probe may share centres; those are no neighbours.
      if (const double d = distance(a, b); a != b && d > 0) nearest[a] = std::min(nearest[a], d);
  });
  const double reach = n > 0 ? 1.2 * *std::min_element(nearest.begin(), nearest.end()) : 0;
  std::vector<std::vector<std::size_t>> neighbours(n);
  parallel_for(n, [&](std::size_t a) {
    for (std::size_t b = 0; b < n; ++b)
      if (const double d = distance(a, b); a != b && d > 0 && d <= reach) neighbours[a].push_back(b);
  });
  return neighbours;
}

/// The elements that receive nothing: those listed, and `drawn` others.
std::vector<bool> dead_elements(const ElementSpreadConfig& config, std::size_t elements, RandomStream random) {
  check_dead_elements(config, elements);
  std::vector<bool> dead(elements);
  for (double number : config.dead) dead[static_cast<std::size_t>(number)] = true;
  std::vector<std::size_t> alive;
  for (std::size_t m = 0; m < elements; ++m)
    if (!dead[m]) alive.push_back(m);
  const auto drawn = static_cast<std::size_t>(config.dead_count);
  for (std::size_t i = 0; i < drawn; ++i) {
    const std::size_t pick = i + static_cast<std::size_t>(random.integer_below(alive.size() - i));
    std::swap(alive[i], alive[pick]);
    dead[alive[i]] = true;
  }
  return dead;
}

}  // namespace

void check_dead_elements(const ElementSpreadConfig& config, std::size_t elements) {
  std::set<double> listed;
  for (std::size_t i = 0; i < config.dead.size(); ++i) {
    if (!(config.dead[i] < static_cast<double>(elements)))
      throw ConfigError("dead." + std::to_string(i), "element " + format_number(config.dead[i]) +
                                                         " is to be dead (the probe has " + std::to_string(elements) +
                                                         ", counted from 0). Write a smaller number");
    listed.insert(config.dead[i]);
  }
  if (const std::size_t left = elements - listed.size(); static_cast<std::size_t>(config.dead_count) > left)
    throw ConfigError("dead_count", "dead_count = " + std::to_string(config.dead_count) + " (only " +
                                        std::to_string(left) + " elements are left). Write a smaller number");
}

std::complex<double> Butterworth::response(double frequency) const {
  Complex product = 1;
  for (std::int64_t k = 0; k < order; ++k)
    product *= -pole(k, order) / (Complex(0, frequency / cutoff) - pole(k, order));
  return product;
}

double Butterworth::group_delay(double frequency) const {
  // The phase is -sum arg(i w - p), and d/dw arg(i w - p) = Re(1 / (i w - p)).
  double delay = 0;
  for (std::int64_t k = 0; k < order; ++k) delay += (1.0 / (Complex(0, frequency / cutoff) - pole(k, order))).real();
  return delay / (two_pi * cutoff);
}

ReceiveChain::ReceiveChain(const SimulationInput& input, const RandomStream& random)
    : config_(input.receive),
      samples_(record_samples(input)),
      frequency_(input.pulse.frequency()),
      sound_speed_(input.phantom.background.sound_speed),
      gains_(input.probe.size(), 1.0),
      delays_(input.probe.size(), 0.0) {
  // A scatterer of length s under the pressure P sends s P exp(-i k r) / r: on average over a face of area A that is
  // s P (2 pi / A) integral of exp(-i k r) / (2 pi r), and the engines' echoes are the integral alone.
  if (input.pulse.in_pascal())
    for (const Element& element : input.probe.elements) pascal_.push_back(2 * std::numbers::pi / face_area(element));
  if (config_.anti_alias) {
    const double passed = 3 * std::max(input.pulse.frequency(), input.probe.frequency);
    oversampling_ = static_cast<std::size_t>(std::max(1.0, std::ceil(2 * passed / config_.sampling_rate)));
  }
  const auto& spread = config_.elements;
  const auto dead = dead_elements(spread, gains_.size(), random.child("dead elements"));
  const RandomStream gain = random.child("element gains"), phase = random.child("element phases");
  for (std::size_t m = 0; m < gains_.size(); ++m) {
    gains_[m] = dead[m] ? 0 : std::pow(10.0, spread.gain_spread * gain.normal_pair_at(m)[0] / 20);
    delays_[m] = spread.phase_spread * phase.normal_pair_at(m)[0] / (two_pi * frequency_);
  }
  if (config_.cross_talk) neighbours_ = nearest_neighbours(input.probe);
}

ReceiveConfig ReceiveChain::engine_record() const {
  ReceiveConfig record = config_;
  if (oversampling_ == 1) return record;
  record.sampling_rate *= static_cast<double>(oversampling_);
  record.depth.reset();
  record.duration.reset();
  record.samples = static_cast<std::int64_t>(samples_ * oversampling_);
  record.check();
  return record;
}

void ReceiveChain::receive(Acquisition& acquisition) const {
  scale_to_pascal(acquisition);
  vary_elements(acquisition);
  mix_neighbours(acquisition);
  scale_to_volts(acquisition);
  filter_and_sample(acquisition);
  amplify(acquisition);
}

void ReceiveChain::receive_and_digitise(Acquisition& acquisition, const RandomStream& noise) const {
  scale_to_pascal(acquisition);
  vary_elements(acquisition);
  mix_neighbours(acquisition);
  scale_to_volts(acquisition);
  add_white_noise(acquisition, config_.noise.thermal_voltage(acquisition.sampling_rate / 2), noise);
  filter_and_sample(acquisition);
  add_noise(acquisition, config_.noise, noise);
  amplify(acquisition);
  if (config_.adc) digitise(acquisition, *config_.adc);
}

void ReceiveChain::scale_to_pascal(Acquisition& acquisition) const {
  if (pascal_.empty()) return;
  for_each_record(acquisition, [&](std::size_t, std::size_t, std::size_t m, std::span<float> record) {
    for (float& v : record) v = static_cast<float>(v * pascal_[m]);
  });
  if (!config_.sensitivity) acquisition.notes.push_back("Samples are in Pa.");
}

void ReceiveChain::vary_elements(Acquisition& acquisition) const {
  const bool equal_gains = std::all_of(gains_.begin(), gains_.end(), [](double g) { return g == 1; });
  const bool equal_delays = std::all_of(delays_.begin(), delays_.end(), [](double d) { return d == 0; });
  if ((equal_gains && equal_delays) || acquisition.samples.empty()) return;
  const RecordFilter filter(acquisition.samples_per_channel(), acquisition.sampling_rate);
  for_each_record(acquisition, [&](std::size_t, std::size_t, std::size_t m, std::span<float> record) {
    const double gain = gains_[m], delay = delays_[m];
    if (delay == 0 || gain == 0)
      for (float& v : record) v = static_cast<float>(v * gain);
    else
      filter.apply(record, [&](double f) { return std::polar(gain, -two_pi * f * delay); });
  });
}

void ReceiveChain::mix_neighbours(Acquisition& acquisition) const {
  if (!config_.cross_talk) return;
  const double level = std::pow(10.0, config_.cross_talk->level / 20);
  const std::size_t transmits = acquisition.transmits(), channels = acquisition.channels();
  parallel_for(acquisition.frames() * transmits, [&](std::size_t i) {
    const std::size_t frame = i / transmits, transmit = i % transmits;
    std::vector<double> own(channels), mixed(channels);
    for (std::size_t n = 0; n < acquisition.samples_per_channel(); ++n) {
      for (std::size_t m = 0; m < channels; ++m) own[m] = acquisition.samples(frame, transmit, m, n);
      for (std::size_t m = 0; m < channels; ++m) {
        double others = 0;
        for (std::size_t k : neighbours_[m]) others += own[k];
        acquisition.samples(frame, transmit, m, n) = static_cast<float>(own[m] + level * others);
      }
    }
  });
}

void ReceiveChain::scale_to_volts(Acquisition& acquisition) const {
  if (!config_.sensitivity) return;
  for_each_record(acquisition, [&](std::size_t, std::size_t, std::size_t, std::span<float> record) {
    for (float& v : record) v = static_cast<float>(v * *config_.sensitivity);
  });
  acquisition.notes.push_back("Samples are in V.");
}

void ReceiveChain::filter_and_sample(Acquisition& acquisition) const {
  if (!config_.anti_alias) return;
  const Butterworth low_pass{config_.anti_alias->cutoff, config_.anti_alias->order};
  const double lag = low_pass.group_delay(frequency_);
  const RecordFilter filter(acquisition.samples_per_channel(), acquisition.sampling_rate);
  auto shape = acquisition.samples.shape();
  shape[3] = samples_;
  NdArray<float, 4> sampled(shape);
  for_each_record(acquisition, [&](std::size_t frame, std::size_t transmit, std::size_t m, std::span<float> record) {
    filter.apply(record, [&](double f) { return low_pass.response(f) * std::polar(1.0, two_pi * f * lag); });
    const std::span<float> out = sampled.row(frame, transmit, m);
    for (std::size_t n = 0; n < out.size(); ++n) out[n] = record[n * oversampling_];
  });
  acquisition.samples = std::move(sampled);
  acquisition.sampling_rate = config_.sampling_rate;
  acquisition.notes.push_back("The anti-alias filter lags by " + format_quantity(lag, Unit::second) +
                              " at the pulse's frequency; that is taken off.");
}

void ReceiveChain::amplify(Acquisition& acquisition) const {
  if (!config_.tgc || acquisition.samples.empty()) return;
  // One curve for all transmits, as files hold it: time counts from the first firing.
  acquisition.tgc_gain.resize(acquisition.samples_per_channel());
  for (std::size_t n = 0; n < acquisition.tgc_gain.size(); ++n) {
    const double time = acquisition.start.front() + static_cast<double>(n) / acquisition.sampling_rate;
    acquisition.tgc_gain[n] = std::pow(10.0, config_.tgc->gain_db(sound_speed_ * std::max(time, 0.0) / 2) / 20);
  }
  for_each_record(acquisition, [&](std::size_t, std::size_t, std::size_t, std::span<float> record) {
    for (std::size_t n = 0; n < record.size(); ++n) record[n] = static_cast<float>(record[n] * acquisition.tgc_gain[n]);
  });
}

double quantised(double value, double full_scale, std::int64_t bits) {
  const double half = std::ldexp(1.0, static_cast<int>(bits) - 1);  // levels on each side
  return std::clamp(std::nearbyint(value / full_scale * half), -half, half - 1) * full_scale / half;
}

void digitise(Acquisition& acquisition, const AdcConfig& adc) {
  double full_scale = adc.full_scale.value_or(0);
  if (!adc.full_scale) {
    for (float v : acquisition.samples.flat()) full_scale = std::max(full_scale, static_cast<double>(std::abs(v)));
    full_scale *= std::pow(10.0, adc.headroom / 20);
  }
  if (!(full_scale > 0)) return;
  for_each_record(acquisition, [&](std::size_t, std::size_t, std::size_t, std::span<float> record) {
    for (float& v : record) v = static_cast<float>(quantised(v, full_scale, adc.bits));
  });
  acquisition.notes.push_back("Samples are levels of a converter of " + std::to_string(adc.bits) + " bits; a step is " +
                              format_number(std::ldexp(full_scale, 1 - static_cast<int>(adc.bits))) + ".");
}

}  // namespace sonoforge
