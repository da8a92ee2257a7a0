#include "transducers/coded.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "transducers/burst.hpp"
#include "transducers/probe.hpp"

namespace sonoforge {
namespace {

constexpr std::int64_t max_chips = 4096;

class Coded final : public Pulse {
 public:
  Coded(std::shared_ptr<const Pulse> chip, std::vector<double> signs)
      : chip_(std::move(chip)), signs_(std::move(signs)) {}

  std::complex<double> spectrum(double f, std::size_t) const override {
    // One chip, repeated with its signs: the spectrum of the chip times the sum of the signs' phases.
    std::complex<double> sum = 0;
    for (std::size_t i = 0; i < signs_.size(); ++i) {
      const double chips_from_middle = static_cast<double>(i) - static_cast<double>(signs_.size() - 1) / 2;
      sum += signs_[i] * std::polar(1.0, -2 * std::numbers::pi * f * chips_from_middle * 2 * chip_->half_duration());
    }
    return sum * chip_->spectrum(f, 0);
  }
  double half_duration() const override { return chip_->half_duration() * static_cast<double>(signs_.size()); }
  double frequency() const override { return chip_->frequency(); }

 private:
  std::shared_ptr<const Pulse> chip_;
  std::vector<double> signs_;
};

/// [golay1961]: (A, B) of length n make the pair (A B, A -B) of length 2n.
std::vector<double> golay(std::int64_t length, bool second) {
  std::vector<double> a{1}, b{1};
  while (static_cast<std::int64_t>(a.size()) < length) {
    std::vector<double> sum = a, difference = a;
    for (double chip : b) sum.push_back(chip), difference.push_back(-chip);
    a = std::move(sum);
    b = std::move(difference);
  }
  return second ? b : a;
}

}  // namespace

void CodedConfig::fields(FieldVisitor& visit) {
  visit.choice(code, {"barker4", "barker5", "barker7", "barker11", "barker13", "golay_a", "golay_b", "list"},
               {.key = "code", .doc = "A Barker code, one code of a Golay pair, or the list under 'chips'."});
  visit(length, {.key = "length",
                 .doc = "Chips of a Golay code, a power of two; other codes have their own length.",
                 .min = 1,
                 .max = static_cast<double>(max_chips)});
  visit(chips, {.key = "chips",
                .doc = "Signs of the chips of 'code: list', each 1 or -1.",
                .min = -1,
                .max = 1,
                .max_items = static_cast<std::size_t>(max_chips)});
  visit(frequency, {.key = "frequency",
                    .doc = "Frequency of the carrier; by default the probe's.",
                    .unit = Unit::hertz,
                    .min = 1e3,
                    .max = 1e9});
  visit(cycles, {.key = "cycles", .doc = "Periods of the carrier a chip.", .min = 0.1, .max = 1000});
  visit(amplitude, {.key = "amplitude", .doc = "Peak of the drive."});
  pressure_field(visit);
}

void CodedConfig::check() const {
  if (length < 1 || length > max_chips || (length & (length - 1)) != 0)
    throw ConfigError("length", "length = " + std::to_string(length) + " (a Golay code has 1, 2, 4, ... up to " +
                                    std::to_string(max_chips) + " chips). Use a power of two");
  if (code == Code::list && chips.empty())
    throw ConfigError("chips",
                      "the chips are missing ('code: list' takes its signs from there). Write for example "
                      "'chips: [1, 1, -1]'");
  if (code != Code::list && !chips.empty())
    throw ConfigError("chips",
                      "chips are given, but the code is a named one (only 'code: list' takes its signs from there). "
                      "Remove 'chips' or write 'code: list'");
  for (double chip : chips)
    if (chip != 1 && chip != -1)
      throw ConfigError("chips", "chip = " + format_number(chip) + " (a chip is 1 or -1). Use only these two");
}

std::vector<double> CodedConfig::signs() const {
  switch (code) {  // [barker1953]
    case Code::barker4:
      return {1, 1, -1, 1};
    case Code::barker5:
      return {1, 1, 1, -1, 1};
    case Code::barker7:
      return {1, 1, 1, -1, -1, 1, -1};
    case Code::barker11:
      return {1, 1, 1, -1, -1, -1, 1, -1, -1, 1, -1};
    case Code::barker13:
      return {1, 1, 1, 1, 1, -1, -1, 1, 1, -1, 1, -1, 1};
    case Code::golay_a:
      return golay(length, false);
    case Code::golay_b:
      return golay(length, true);
    case Code::list:
      break;
  }
  return chips;
}

std::shared_ptr<const Pulse> CodedConfig::build(const Probe& probe) const {
  check();
  BurstConfig chip;
  chip.frequency = frequency.value_or(probe.frequency);
  chip.cycles = cycles;
  chip.amplitude = amplitude;
  return std::make_shared<Coded>(chip.build(probe), signs());
}

}  // namespace sonoforge
