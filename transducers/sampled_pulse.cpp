#include "transducers/sampled_pulse.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "io/hdf5.hpp"
#include "io/file_checks.hpp"
#include "transducers/probe.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t max_values = 50'000'000;

class SampledPulse final : public Pulse {
 public:
  SampledPulse(std::vector<double> samples, std::size_t rows, double sampling_rate, double centre, double frequency)
      : samples_(std::move(samples)),
        rows_(rows),
        length_(samples_.size() / rows),
        sampling_rate_(sampling_rate),
        centre_(centre),
        frequency_(frequency) {}

  std::complex<double> spectrum(double f, std::size_t element) const override {
    if (std::abs(f) > sampling_rate_ / 2) return 0;
    const double* row = samples_.data() + (rows_ == 1 ? 0 : element) * length_;
    // A phasor turned from sample to sample, set anew every 32 so that rounding stays within some 1e-15.
    constexpr std::size_t block = 32;
    const std::complex<double> turn = std::polar(1.0, -2 * std::numbers::pi * f / sampling_rate_);
    std::complex<double> sum = 0;
    for (std::size_t begin = 0; begin < length_; begin += block) {
      const double time = static_cast<double>(begin) / sampling_rate_ - centre_;
      double real = std::cos(2 * std::numbers::pi * f * time), imag = -std::sin(2 * std::numbers::pi * f * time);
      double sum_real = 0, sum_imag = 0;
      for (std::size_t i = begin; i < std::min(begin + block, length_); ++i) {
        sum_real += row[i] * real;
        sum_imag += row[i] * imag;
        const double next = real * turn.real() - imag * turn.imag();
        imag = real * turn.imag() + imag * turn.real();
        real = next;
      }
      sum += std::complex<double>(sum_real, sum_imag);
    }
    return sum / sampling_rate_;
  }
  double half_duration() const override {
    return std::max(std::abs(centre_), std::abs(static_cast<double>(length_) / sampling_rate_ - centre_));
  }
  double frequency() const override { return frequency_; }
  bool per_element() const override { return rows_ > 1; }

 private:
  std::vector<double> samples_;  // [row, sample]
  std::size_t rows_, length_;
  double sampling_rate_, centre_, frequency_;
};

}  // namespace

void SampledPulseConfig::fields(FieldVisitor& visit) {
  visit(file, {.key = "file",
               .doc = "HDF5 file: /samples [n] or [element, n], /sampling_rate in Hz, /centre in s.",
               .required = file.empty()});
  visit(frequency, {.key = "frequency",
                    .doc = "What counts as the pulse's centre frequency; by default the probe's.",
                    .unit = Unit::hertz,
                    .min = 1e3,
                    .max = 1e9});
  visit(amplitude,
        {.key = "amplitude", .doc = "Factor on the samples."});
  pressure_field(visit);
}

std::shared_ptr<const Pulse> SampledPulseConfig::build(const Probe& probe) const {
  const Hdf5Reader reader(file);
  const auto shape = reader.shape("samples");
  if (shape.size() != 1 && shape.size() != 2)
    refuse_file(file, "/samples has " + std::to_string(shape.size()) +
                          " axes (it must be [n] or [element, n]). Write one row of samples, "
                          "or one an element");
  const std::size_t rows = shape.size() == 2 ? shape[0] : 1, length = shape.back();
  if (rows == 0 || length == 0)
    refuse_file(file, "/samples is empty (a pulse needs at least one sample). Write its samples");
  if (length > max_values / rows)
    refuse_file(file, "/samples holds " + std::to_string(rows) + " x " + std::to_string(length) + " values (at most " +
                          std::to_string(max_values) + " are supported). Use a shorter record");
  if (rows != 1 && rows != probe.size())
    refuse_file(file, "/samples has " + std::to_string(rows) + " rows (the probe has " + std::to_string(probe.size()) +
                          " elements). Write one row for all or one an element");
  auto samples = reader.read<double>("samples");
  for (double& sample : samples) {
    if (!std::isfinite(sample))
      refuse_file(file, "/samples holds a value that is not finite (no drive can follow it). Correct it");
    sample *= amplitude;
  }
  const double rate = reader.read_scalar<double>("sampling_rate"), centre = reader.read_scalar<double>("centre");
  if (!(rate > 0) || !std::isfinite(rate))
    refuse_file(file, "/sampling_rate = " + format_number(rate) + " (it must be positive and finite). Write it in Hz");
  if (!std::isfinite(centre) || std::abs(centre) > 1)
    refuse_file(file,
                "/centre = " + format_number(centre) + " (it must be within 1 s of the first sample). Write it in s");
  return std::make_shared<SampledPulse>(std::move(samples), rows, rate, centre, frequency.value_or(probe.frequency));
}

}  // namespace sonoforge
