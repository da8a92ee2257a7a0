#include "transducers/square_wave.hpp"

#include <cmath>
#include <numbers>
#include <vector>

#include "transducers/probe.hpp"

namespace sonoforge {
namespace {

using std::numbers::pi;

class SquareWave final : public Pulse {
 public:
  SquareWave(double frequency, double cycles, double phase, double amplitude)
      : frequency_(frequency), half_(cycles / frequency / 2) {
    // The sign changes where 2 pi f t + phase is a multiple of pi.
    const auto turns = [&](double t) { return 2 * frequency * t + phase / pi; };
    double from = -half_;
    for (double k = std::floor(turns(-half_)) + 1; from < half_; ++k) {
      const double to = std::min((k - phase / pi) / (2 * frequency), half_);
      const bool positive = std::fmod(k - 1, 2) == 0;
      if (to > from) levels_.push_back({from, to, positive ? amplitude : -amplitude});
      from = to;
    }
  }
  std::complex<double> spectrum(double f, std::size_t) const override {
    std::complex<double> sum = 0;
    for (const Level& level : levels_) {
      const double middle = (level.from + level.to) / 2, length = level.to - level.from, x = pi * f * length;
      const double sinc = std::abs(x) < 1e-8 ? 1 : std::sin(x) / x;
      sum += level.value * length * sinc * std::polar(1.0, -2 * pi * f * middle);
    }
    return sum;
  }
  double half_duration() const override { return half_; }
  double frequency() const override { return frequency_; }

 private:
  struct Level {
    double from, to, value;
  };
  double frequency_, half_;
  std::vector<Level> levels_;
};

}  // namespace

void SquareWaveConfig::fields(FieldVisitor& visit) {
  visit(frequency, {.key = "frequency",
                    .doc = "Frequency of the square wave; by default the probe's.",
                    .unit = Unit::hertz,
                    .min = 1e3,
                    .max = 1e9});
  visit(cycles, {.key = "cycles", .doc = "Length in periods.", .min = 0.1, .max = 1000});
  visit(phase, {.key = "phase",
                .doc = "At the middle: 0 deg changes sign there, 90 deg makes the wave even.",
                .unit = Unit::radian,
                .min = -4 * pi,
                .max = 4 * pi});
  visit(amplitude, {.key = "amplitude", .doc = "Level of the drive, up and down."});
  pressure_field(visit);
}

std::shared_ptr<const Pulse> SquareWaveConfig::build(const Probe& probe) const {
  return std::make_shared<SquareWave>(frequency.value_or(probe.frequency), cycles, phase, amplitude);
}

}  // namespace sonoforge
