#include "transducers/receive.hpp"

#include <cmath>

namespace sonoforge {
namespace {
constexpr double max_samples = 20e6;      // of one record; its transform takes about a second
constexpr double earliest_start = -0.01;  // of a record; long pulses are recorded whole by `pulse: causal` [s]
}

void ReceiveConfig::fields(FieldVisitor& visit) {
  visit(sampling_rate, {.key = "sampling_rate",
                        .doc = "Samples per second of each channel.",
                        .unit = Unit::hertz,
                        .min = 1e3,
                        .max = 1e11,
                        .required = sampling_rate == 0});
  visit(start, {.key = "start",
                .doc = "Time of the first sample after the first element fires.",
                .unit = Unit::second,
                .min = earliest_start,
                .max = 1});
  visit(depth, {.key = "depth",
                .doc = "Record until the echoes of this depth are in, with firing times and pulse.",
                .unit = Unit::metre,
                .min = 1e-6,
                .max = 1e3});
  visit(duration, {.key = "duration", .doc = "Length of each record.", .unit = Unit::second, .min = 1e-9, .max = 10});
  visit(samples, {.key = "samples", .doc = "Samples of each record.", .min = 1, .max = max_samples});
  visit.choice(pulse, {"centred", "causal"},
               {.key = "pulse",
                .doc = "Whether a pulse is centred at its firing time or begins there (then the lag is recorded)."});
  visit.choice(motion, {"between", "during"},
               {.key = "motion", .doc = "Whether scatterers move between transmits only, or also while the pulse travels."});
  visit.object(elements, {.key = "elements", .doc = "How the channels differ in reception."});
  visit(cross_talk, {.key = "cross_talk", .doc = "How loudly elements hear their neighbours."});
  visit(sensitivity, {.key = "sensitivity",
                      .doc = "Voltage of an element over the pressure on it; without one, samples stay pressures.",
                      .unit = Unit::volt_per_pascal,
                      .min = 1e-15,
                      .max = 1e6});
  visit.object(noise, {.key = "noise", .doc = "White noise added to the echoes."});
  visit(anti_alias, {.key = "anti_alias", .doc = "Low-pass filter before sampling."});
  visit(tgc, {.key = "tgc", .doc = "Gain that grows with depth, applied to the samples."});
  visit(adc, {.key = "adc", .doc = "Analogue-to-digital converter: rounding and clipping."});
}

void ReceiveConfig::check() const {
  if (!(sampling_rate > 0))
    throw ConfigError("sampling_rate", "sampling_rate = " + format_number(sampling_rate) +
                                           " (must be positive). Write for example 'sampling_rate: 40 MHz'");
  const int given = (depth ? 1 : 0) + (duration ? 1 : 0) + (samples ? 1 : 0);
  if (given == 0)
    throw ConfigError("",
                      "the length of the record is missing (one of 'depth', 'duration' and 'samples' is needed). "
                      "Write for example 'depth: 45 mm'");
  if (given > 1)
    throw ConfigError(samples ? "samples" : "duration",
                      "the length of the record is given more than once (only one of 'depth', 'duration' and 'samples' "
                      "can hold). Keep one of them");
  if (noise.figure && !sensitivity)
    throw ConfigError("noise", "a noise figure is given without a sensitivity (thermal noise is a voltage, the echoes "
                               "are pressures). Add for example 'sensitivity: 10 uV/Pa'");
  if (adc && adc->full_scale && !sensitivity)
    throw ConfigError("adc", "full_scale is a voltage (the echoes are pressures without a sensitivity). Add for "
                             "example 'sensitivity: 10 uV/Pa', or write headroom instead");
}

std::size_t ReceiveConfig::sample_count(double sound_speed, double last_firing, double pulse_duration) const {
  if (samples) return static_cast<std::size_t>(*samples);
  // A millionth of a sample of slack, so that 50 us at 40 MHz are 2000 samples whatever the rounding of the product.
  const double count =
      duration ? std::ceil(*duration * sampling_rate - 1e-6)
               : std::ceil((2 * *depth / sound_speed + last_firing + pulse_duration - start) * sampling_rate) + 1;
  const char* key = duration ? "duration" : "depth";
  if (!(count >= 1))
    throw ConfigError(key, "the record would be empty (it would end before 'start' = " +
                               format_quantity(start, Unit::second) + "). Use an earlier start or a larger " + key);
  if (count > max_samples)
    throw ConfigError(key, "the record would have " + format_number(count) + " samples (at most " +
                               format_number(max_samples) + " are supported). Use a smaller " + key +
                               " or sampling_rate");
  return static_cast<std::size_t>(count);
}

}  // namespace sonoforge
