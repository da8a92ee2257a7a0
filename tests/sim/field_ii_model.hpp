#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <filesystem>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "core/fft.hpp"
#include "core/parallel.hpp"
#include "io/hdf5.hpp"
#include "physical_scene.hpp"
#include "sim/attenuation.hpp"
#include "sim/band.hpp"
#include "sim/element_response.hpp"
#include "transducers/window.hpp"

// A record that Field II made, and what is needed to invert it: strengths -> echoes -> recorded samples, each step with
// its transpose.

namespace sonoforge::field_ii {

constexpr std::size_t channels = 192, waves = 3, record_samples = 2313, decimation = 6;
constexpr double sound_speed = 1540;

/// What the file holds. Its time zero is that at which the pulses begin to leave the array's centre.
struct Measurement {
  explicit Measurement(const std::filesystem::path& file) {
    const Hdf5Reader h5(file);
    frequency = h5.read_scalar<double>("trans_params/f_central");
    pitch = h5.read_scalar<double>("trans_params/x_pitch");
    width = h5.read_scalar<double>("trans_params/x_width");
    fine_rate = h5.read_scalar<double>("sim_params/f_sim_hz");
    start = h5.read_scalar<double>("sim_params/start_time");
    angles = h5.read<double>("data/tx_mode/PW_3_12");
    for (std::size_t t = 0; t < waves; ++t)
      rf.push_back(h5.read<float>("data/rf_data/frame_1/shot_" + std::to_string(t + 1), {channels, record_samples}));
    const auto places = h5.read<double>("sim_params/scatters_data");
    for (std::size_t i = 0, n = places.size() / 3; i < n; ++i)
      scatterers.push_back({places[i], places[n + i], places[2 * n + i]});
    pulse = h5.read<double>("sim_params/excitation");
    const auto response = h5.read<double>("sim_params/electroacoustic_impulse_response");
    for (int way = 0; way < 2; ++way) pulse = convolved(pulse, response);
  }
  static std::vector<double> convolved(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> out(a.size() + b.size() - 1);
    for (std::size_t i = 0; i < a.size(); ++i)
      for (std::size_t j = 0; j < b.size(); ++j) out[i + j] += a[i] * b[j];
    return out;
  }

  double frequency, pitch, width, fine_rate, start;
  std::vector<double> angles, pulse;   ///< pulse: excitation and both impulse responses, at the fine rate
  std::vector<std::vector<float>> rf;  ///< [wave][channel, sample]
  std::vector<Vec3> scatterers;
};

/// Excitation and both impulse responses as one drive of elements with a flat response.
class TwoWayPulse : public Pulse {
 public:
  explicit TwoWayPulse(const Measurement& measurement)
      : samples_(measurement.pulse), rate_(measurement.fine_rate), frequency_(measurement.frequency) {}
  std::complex<double> spectrum(double f, std::size_t) const override {
    std::complex<double> sum = 0;
    for (std::size_t n = 0; n < samples_.size(); ++n)
      sum += samples_[n] * std::polar(1.0, -2 * std::numbers::pi * f * static_cast<double>(n) / rate_);
    return sum / rate_;
  }
  double half_duration() const override { return static_cast<double>(samples_.size()) / rate_; }
  double frequency() const override { return frequency_; }

 private:
  std::vector<double> samples_;
  double rate_, frequency_;
};

/// Field II divides elements into patches in their far field. Its echoes at y = 0 show no diffraction by the elements'
/// 10 mm of height, as of one patch: low elements show none either.
inline Probe probe_of(const Measurement& measurement) {
  return physical_test::row_of_elements(channels, measurement.pitch, measurement.width, 0.1e-3, measurement.frequency);
}

/// What the file does not tell: how its samples came about between the drives and the file.
struct Recording {
  Window weights = Window::hann;  ///< in transmission
  bool rounded = true;            ///< delays, to steps of the fine rate
  double gain = 2;                ///< power of time that the gain grows with
  double limit = 2048;            ///< of the converter; its low-pass comes afterwards and overshoots it
};

/// Delays from the passage of the array's centre, and weights, of one wave.
inline TransmitLaw transmit_law(const Measurement& measurement, const Recording& recording, std::size_t wave) {
  TransmitLaw law;
  for (std::size_t n = 0; n < channels; ++n) {
    const double u = 2 * static_cast<double>(n) / (channels - 1) - 1;
    const double delay = u * (channels - 1) / 2 * measurement.pitch * std::sin(measurement.angles[wave]) / sound_speed;
    law.delays.push_back(recording.rounded ? std::round(delay * measurement.fine_rate) / measurement.fine_rate : delay);
    law.apodization.push_back(window_value(recording.weights, u));
  }
  return law;
}

/// What became of the echoes: gain that grows with a power of time, the limiter of a converter, and decimation as
/// MATLAB's `decimate` does it (8th-order Chebyshev low-pass, ripple 0.05 dB, forwards and backwards).
class Recorder {
 public:
  /// `samples` of a record are kept; echoes come as `fine_samples` at the fine rate.
  Recorder(const Measurement& measurement, const Recording& recording, std::size_t fine_samples, std::size_t samples)
      : limit_(static_cast<float>(recording.limit)),
        fft_(fine_samples),
        samples_(samples),
        low_pass_(fft_.bins()),
        gain_(fine_samples) {
    constexpr double pi = std::numbers::pi;
    const double ripple = std::pow(10, 0.005) - 1, edge = std::tan(pi / 2 * 0.8 / decimation);
    for (std::size_t k = 0; k < low_pass_.size(); ++k) {
      // The bilinear transform takes the highest frequency to infinity.
      const double x = 2 * k == fine_samples
                           ? 1e6
                           : std::tan(pi * static_cast<double>(k) / static_cast<double>(fine_samples)) / edge;
      const double chebyshev = x <= 1 ? std::cos(8 * std::acos(x)) : std::cosh(8 * std::acosh(x));
      low_pass_[k] = static_cast<float>(1 / (1 + ripple * chebyshev * chebyshev) / static_cast<double>(fine_samples));
    }
    for (std::size_t n = 0; n < fine_samples; ++n)
      gain_[n] =
          static_cast<float>(gain(measurement.start + static_cast<double>(n) / measurement.fine_rate, recording.gain));
  }
  /// 1 at 40 us.
  static double gain(double time, double power) { return time > 0 ? std::pow(time / 40e-6, power) : 0; }

  std::size_t samples() const { return samples_; }
  /// Echoes -> samples. `echo` becomes what `transposed` needs: the amplified echo.
  void record(std::span<float> echo, std::span<float> out) const {
    std::vector<float> limited(echo.size());
    for (std::size_t n = 0; n < echo.size(); ++n) {
      echo[n] *= gain_[n];
      limited[n] = std::clamp(echo[n], -limit_, limit_);
    }
    filter(limited);
    for (std::size_t n = 0; n < samples_; ++n) out[n] = limited[decimation * n];
  }
  /// Transpose of the derivative of `record` at the echo that it amplified, which is overwritten by the result.
  void transposed(std::span<const float> samples, std::span<float> amplified) const {
    std::vector<float> fine(amplified.size());
    for (std::size_t n = 0; n < samples_; ++n) fine[decimation * n] = samples[n];
    filter(fine);
    for (std::size_t n = 0; n < fine.size(); ++n)
      amplified[n] = std::abs(amplified[n]) < limit_ ? fine[n] * gain_[n] : 0.0F;
  }

 private:
  void filter(std::vector<float>& signal) const {
    std::vector<std::complex<float>> bins(fft_.bins());
    fft_.forward(signal, bins);
    for (std::size_t k = 0; k < bins.size(); ++k) bins[k] *= low_pass_[k];
    fft_.inverse(bins, signal);
  }

  float limit_;
  RealFft<float> fft_;
  std::size_t samples_;
  std::vector<float> low_pass_, gain_;
};

/// Echoes on some channels as a linear function of the strengths: for each bin of a band the matrix of the elements'
/// responses at all scatterers, as engine exact works them out.
class EchoOperator {
 public:
  /// `receivers`: ascending numbers of channels.
  EchoOperator(const Measurement& measurement, const Recording& recording, std::vector<std::size_t> receivers,
               std::size_t fine_samples)
      : fine_samples_(fine_samples), receivers_(std::move(receivers)), scatterers_(measurement.scatterers.size()) {
    const double step = measurement.fine_rate / static_cast<double>(fine_samples);
    const TwoWayPulse pulse(measurement);
    const double peak = std::abs(pulse.spectrum(measurement.frequency, 0));
    // The band ends 70 dB down: what lies outside adds less than 1e-3 to the echoes.
    const auto inside = [&](std::size_t k) {
      return std::abs(pulse.spectrum(static_cast<double>(k) * step, 0)) > 3e-4 * peak;
    };
    first_bin_ = static_cast<std::size_t>(measurement.frequency / step);
    std::size_t end = first_bin_;
    while (first_bin_ > 1 && inside(first_bin_ - 1)) --first_bin_;
    while (inside(end)) ++end;
    bins_ = end - first_bin_;
    blocks_ = (bins_ + width - 1) / width;
    std::vector<double> frequencies;
    for (std::size_t b = 0; b < bins_; ++b) {
      const double f = static_cast<double>(first_bin_ + b) * step;
      frequencies.push_back(f);
      drive_.push_back(std::complex<float>(step * pulse.spectrum(f, 0) *
                                           std::polar(1.0, 2 * std::numbers::pi * f * measurement.start)));
    }
    fill(measurement, recording, Band(frequencies, UniformMedium(sound_speed, {}, measurement.frequency, false)));
  }
  std::size_t receivers() const { return receivers_.size(); }
  std::size_t channel(std::size_t receiver) const { return receivers_[receiver]; }
  std::size_t scatterers() const { return scatterers_; }
  std::size_t fine_samples() const { return fine_samples_; }

  /// Echoes of two waves: [wave][receiver][fine sample].
  std::vector<float> echoes(const std::vector<double>& strengths, std::array<std::size_t, 2> pair) const {
    const std::size_t rows = receivers();
    std::vector<float> spectra(blocks_ * 2 * rows * lanes);
    parallel_for(blocks_, [&](std::size_t block) {
      float* out = spectra.data() + block * 2 * rows * lanes;
      std::array<float, 2 * lanes> sent;
      for (std::size_t s = 0; s < scatterers_; ++s) {
        const auto strength = static_cast<float>(strengths[s]);
        for (std::size_t i = 0; i < 2; ++i)
          for (std::size_t l = 0; l < lanes; ++l) sent[i * lanes + l] = strength * field(block, s, pair[i])[l];
        const float* response = responses(block, s);
        for (std::size_t m = 0; m < rows; ++m, response += lanes)
          for (std::size_t i = 0; i < 2; ++i)
            add_product(sent.data() + i * lanes, response, out + (i * rows + m) * lanes);
      }
    });
    std::vector<float> signals(2 * rows * fine_samples_);
    const RealFft<float> fft(fine_samples_);
    parallel_for(2 * rows, [&](std::size_t row) {
      std::vector<std::complex<float>> spectrum(fft.bins());
      for (std::size_t b = 0; b < bins_; ++b) {
        const float* from = spectra.data() + ((b / width) * 2 * rows + row) * lanes + b % width;
        spectrum[first_bin_ + b] = drive_[b] * std::complex<float>(from[0], from[width]);
      }
      fft.inverse(spectrum, std::span(signals).subspan(row * fine_samples_, fine_samples_));
    });
    return signals;
  }

  /// The transpose of `echoes`.
  std::vector<double> transposed(std::span<const float> signals, std::array<std::size_t, 2> pair) const {
    const std::size_t rows = receivers();
    std::vector<float> spectra(blocks_ * 2 * rows * lanes);
    const RealFft<float> fft(fine_samples_);
    parallel_for(2 * rows, [&](std::size_t row) {
      std::vector<std::complex<float>> spectrum(fft.bins());
      fft.forward(signals.subspan(row * fine_samples_, fine_samples_), spectrum);
      for (std::size_t b = 0; b < bins_; ++b) {
        float* to = spectra.data() + ((b / width) * 2 * rows + row) * lanes + b % width;
        // Twice, since the inverse transform in `echoes` adds the bins at negative frequencies.
        const auto value = 2.0F * drive_[b] * std::conj(spectrum[first_bin_ + b]);
        to[0] = value.real(), to[width] = value.imag();
      }
    });
    std::vector<float> parts(blocks_ * scatterers_);
    parallel_for(blocks_, [&](std::size_t block) {
      const float* in = spectra.data() + block * 2 * rows * lanes;
      for (std::size_t s = 0; s < scatterers_; ++s) {
        std::array<float, 2 * lanes> heard{};
        const float* response = responses(block, s);
        for (std::size_t m = 0; m < rows; ++m, response += lanes)
          for (std::size_t i = 0; i < 2; ++i)
            add_product(in + (i * rows + m) * lanes, response, heard.data() + i * lanes);
        float sum = 0;
        for (std::size_t i = 0; i < 2; ++i) {
          const float *p = field(block, s, pair[i]), *h = heard.data() + i * lanes;
          for (std::size_t l = 0; l < width; ++l) sum += p[l] * h[l] - p[width + l] * h[width + l];
        }
        parts[block * scatterers_ + s] = sum;
      }
    });
    std::vector<double> result(scatterers_);
    for (std::size_t block = 0; block < blocks_; ++block)
      for (std::size_t s = 0; s < scatterers_; ++s) result[s] += static_cast<double>(parts[block * scatterers_ + s]);
    return result;
  }

 private:
  static constexpr std::size_t width = 16, lanes = 2 * width;  // bins of a block: real parts, then imaginary parts

  /// to += a b, bin by bin.
  static void add_product(const float* a, const float* b, float* to) {
#pragma omp simd
    for (std::size_t l = 0; l < width; ++l) {
      to[l] += a[l] * b[l] - a[width + l] * b[width + l];
      to[width + l] += a[l] * b[width + l] + a[width + l] * b[l];
    }
  }
  const float* responses(std::size_t block, std::size_t s) const {
    return responses_.data() + (block * scatterers_ + s) * receivers() * lanes;
  }
  const float* field(std::size_t block, std::size_t s, std::size_t wave) const {
    return fields_.data() + ((block * scatterers_ + s) * waves + wave) * lanes;
  }

  void fill(const Measurement& measurement, const Recording& recording, const Band& band) {
    // Weights of the drives: delay and apodization, real and imaginary parts.
    std::vector<double> weights_re(waves * channels * bins_), weights_im(weights_re.size());
    for (std::size_t t = 0; t < waves; ++t) {
      const TransmitLaw law = transmit_law(measurement, recording, t);
      for (std::size_t n = 0; n < channels; ++n)
        for (std::size_t b = 0, i = (t * channels + n) * bins_; b < bins_; ++b, ++i) {
          const auto weight =
              std::polar(1.0, -2 * std::numbers::pi * band.frequency()[b] * law.delays[n]) * law.apodization[n];
          weights_re[i] = weight.real(), weights_im[i] = weight.imag();
        }
    }
    const Probe probe = probe_of(measurement);
    const ElementResponses element_responses(probe, band, 3, 1e-4);
    responses_.assign(blocks_ * scatterers_ * receivers() * lanes, 0.0F);
    fields_.assign(blocks_ * scatterers_ * waves * lanes, 0.0F);
    parallel_for(scatterers_, [&](std::size_t s) {
      ElementResponses::Workspace workspace;
      std::vector<double> store, re(bins_), im(bins_), sum_re(waves * bins_), sum_im(waves * bins_);
      for (std::size_t n = 0, m = 0; n < channels; ++n) {
        store.clear();
        const PointResponse response = element_responses.evaluate(n, measurement.scatterers[s], workspace, store);
        element_responses.expand(response, store.data() + response.offset, 0, bins_, re.data(), im.data());
        for (std::size_t t = 0; t < waves; ++t) {
          const double *wr = &weights_re[(t * channels + n) * bins_], *wi = &weights_im[(t * channels + n) * bins_];
          double *sr = &sum_re[t * bins_], *si = &sum_im[t * bins_];
#pragma omp simd
          for (std::size_t b = 0; b < bins_; ++b) {
            sr[b] += wr[b] * re[b] - wi[b] * im[b];
            si[b] += wr[b] * im[b] + wi[b] * re[b];
          }
        }
        if (m == receivers() || receivers_[m] != n) continue;
        for (std::size_t b = 0; b < bins_; ++b) {
          float* to = responses_.data() + (((b / width) * scatterers_ + s) * receivers() + m) * lanes + b % width;
          to[0] = static_cast<float>(re[b]), to[width] = static_cast<float>(im[b]);
        }
        ++m;
      }
      for (std::size_t t = 0; t < waves; ++t)
        for (std::size_t b = 0; b < bins_; ++b) {
          float* to = fields_.data() + (((b / width) * scatterers_ + s) * waves + t) * lanes + b % width;
          to[0] = static_cast<float>(sum_re[t * bins_ + b]), to[width] = static_cast<float>(sum_im[t * bins_ + b]);
        }
    });
  }

  std::size_t fine_samples_, first_bin_ = 0, bins_ = 0, blocks_ = 0;
  std::vector<std::size_t> receivers_;
  std::size_t scatterers_;
  std::vector<std::complex<float>> drive_;  // [bin]
  std::vector<float> responses_;            // [block][scatterer][receiver][lane]
  std::vector<float> fields_;               // [block][scatterer][wave][lane]
};

}  // namespace sonoforge::field_ii
