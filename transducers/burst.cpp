#include "transducers/burst.hpp"

#include <cmath>
#include <numbers>

#include "transducers/probe.hpp"

namespace sonoforge {
namespace {

/// sin(pi u) / (pi u)
double sinc_pi(double u) {
  const double x = std::numbers::pi * u;
  return std::abs(x) < 1e-8 ? 1 : std::sin(x) / x;
}

class Burst final : public Pulse {
 public:
  explicit Burst(double frequency, double cycles, double amplitude, Window window)
      : frequency_(frequency), cycles_(cycles), duration_(cycles / frequency), amplitude_(amplitude), window_(window) {}

  std::complex<double> spectrum(double f, std::size_t) const override {
    // The windows are sums of cosines cos(2 pi m t / T), and each of those shifts the spectrum by +-m/T.
    const double step = 1 / duration_;
    switch (window_) {
      case Window::hann:
        return cosine_sum(f, step, 0.5, 0.5, 0);
      case Window::hamming:
        return cosine_sum(f, step, 0.54, 0.46, 0);
      case Window::blackman:
        return cosine_sum(f, step, 0.42, 0.5, 0.08);
      default:
        return rectangular(f);
    }
  }
  double half_duration() const override { return duration_ / 2; }
  double frequency() const override { return frequency_; }
  double burst_cycles() const override { return window_ == Window::none ? cycles_ : 0; }

 private:
  // [garcia2022]: X(f) = (T/2)(-i) [sinc(T(w-wc)/2) - sinc(T(w+wc)/2)], the Fourier transform of sin(wc t) on |t| <
  // T/2.
  std::complex<double> rectangular(double f) const {
    const double difference = sinc_pi(duration_ * (f - frequency_)) - sinc_pi(duration_ * (f + frequency_));
    return {0, -amplitude_ * duration_ / 2 * difference};
  }
  std::complex<double> cosine_sum(double f, double step, double a0, double a1, double a2) const {
    auto sum = a0 * rectangular(f) + a1 / 2 * (rectangular(f - step) + rectangular(f + step));
    if (a2 != 0) sum += a2 / 2 * (rectangular(f - 2 * step) + rectangular(f + 2 * step));
    return sum;
  }

  double frequency_, cycles_, duration_, amplitude_;
  Window window_;
};

}  // namespace

void BurstConfig::fields(FieldVisitor& visit) {
  visit(frequency, {.key = "frequency",
                    .doc = "Frequency of the sine; by default the probe's.",
                    .unit = Unit::hertz,
                    .min = 1e3,
                    .max = 1e9});
  visit(cycles, {.key = "cycles", .doc = "Length of the burst in periods.", .min = 0.1, .max = 10'000});
  visit(amplitude, {.key = "amplitude", .doc = "Peak of the drive."});
  visit.choice(window, window_names,
               {.key = "window", .doc = "Taper over the burst: none, hann, hamming or blackman."});
  pressure_field(visit);
}

void BurstConfig::check() const {
  if (window >= Window::tukey25)
    throw ConfigError("window", "window = '" + std::string(window_names[static_cast<std::size_t>(window)]) +
                                    "' (bursts take cosine windows only). Write none, hann, hamming or blackman");
}

std::shared_ptr<const Pulse> BurstConfig::build(const Probe& probe) const {
  check();
  return std::make_shared<Burst>(frequency.value_or(probe.frequency), cycles, amplitude, window);
}

}  // namespace sonoforge
