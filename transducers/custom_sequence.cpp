#include "transducers/custom_sequence.hpp"

#include <algorithm>
#include <cmath>

#include "io/file_checks.hpp"
#include "io/hdf5.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {

/// No transmit takes longer; a larger number is a mistake of units.
constexpr double longest_delay = 1;  // s

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace

void CustomSequence::fields(FieldVisitor& visit) {
  visit(file, {.key = "file",
               .doc = "HDF5 file: /delays [transmit, element] or [transmit, law, element] in s, NaN = silent; optional "
                      "/apodization and /receive_delays.",
               .required = file.empty()});
  frames_field(visit);
}

Sequence CustomSequence::build(const Probe& probe, double /*sound_speed*/) const {
  check();
  const Hdf5Reader reader(file);
  const auto shape = reader.shape("delays");
  const std::size_t n = probe.size();
  if ((shape.size() != 2 && shape.size() != 3) || shape.back() != n ||
      std::find(shape.begin(), shape.end(), std::size_t{0}) != shape.end())
    refuse_file(file, "/delays has the shape " + shape_text(shape) + " (the probe has " + std::to_string(n) +
                          " elements). Use [transmit, " + std::to_string(n) + "] or [transmit, law, " +
                          std::to_string(n) + "]");
  const std::size_t transmits = shape[0], laws = shape.size() == 3 ? shape[1] : 1;
  if (transmits > max_delays / n || laws > max_delays / n / transmits)
    refuse_file(file, "/delays has the shape " + shape_text(shape) + " (at most " + std::to_string(max_delays) +
                          " delays are supported). Use fewer transmits");
  const auto delays = reader.read<double>("delays");
  std::vector<double> apodization;
  bool weights_of_each_law = false;
  if (reader.has("apodization")) {
    const auto weights_shape = reader.shape("apodization");
    weights_of_each_law = weights_shape == shape;
    if (!weights_of_each_law && weights_shape != std::vector<std::size_t>{transmits, n})
      refuse_file(file, "/apodization has the shape " + shape_text(weights_shape) + " (it must go with /delays). Use " +
                            shape_text({transmits, n}));
    apodization = reader.read<double>("apodization");
  }
  std::vector<Transmit> made(transmits);
  for (std::size_t t = 0; t < transmits; ++t) {
    made[t].wave = Transmit::Wave::custom;
    for (std::size_t l = 0; l < laws; ++l) {
      const std::size_t first = (t * laws + l) * n;
      TransmitLaw law{{delays.begin() + static_cast<std::ptrdiff_t>(first),
                       delays.begin() + static_cast<std::ptrdiff_t>(first + n)},
                      std::vector<double>(n, 1.0)};
      for (std::size_t e = 0; e < n; ++e) {
        const auto place = [&] { return "of transmit " + std::to_string(t) + ", element " + std::to_string(e); };
        if (std::abs(law.delays[e]) > longest_delay)  // false for NaN
          refuse_file(file, "the delay " + place() + " is " + format_number(law.delays[e]) +
                                " s (no transmit takes that long). Give delays in seconds, NaN for silent elements");
        if (!apodization.empty()) {
          law.apodization[e] = apodization[weights_of_each_law ? first + e : t * n + e];
          if (!(std::abs(law.apodization[e]) <= 1))
            refuse_file(file, "the apodization " + place() + " is " + format_number(law.apodization[e]) +
                                  " (weights run from -1 to 1). Scale the weights");
        }
      }
      made[t].laws.push_back(std::move(law));
    }
    try {
      start_at_first_firing(made[t]);
    } catch (const ConfigError&) {
      refuse_file(file, "no element fires in transmit " + std::to_string(t) +
                            " (all its delays are NaN or its apodization is 0). Remove the transmit or correct it");
    }
  }
  Sequence sequence = sequence_of(std::move(made));
  if (reader.has("receive_delays")) {
    if (reader.shape("receive_delays") != std::vector<std::size_t>{n})
      refuse_file(file, "/receive_delays has the shape " + shape_text(reader.shape("receive_delays")) +
                            " (the probe has " + std::to_string(n) + " elements). Use [" + std::to_string(n) + "]");
    sequence.receive_delays = reader.read<double>("receive_delays");
    for (std::size_t e = 0; e < n; ++e)
      if (!(std::abs(sequence.receive_delays[e]) <= longest_delay))
        refuse_file(file, "/receive_delays[" + std::to_string(e) + "] = " + format_number(sequence.receive_delays[e]) +
                              " (a receive delay is a finite time in seconds). Correct it");
  }
  return sequence;
}

}  // namespace sonoforge
