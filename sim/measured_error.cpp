#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

#include "core/progress_title.hpp"
#include "sim/scatterer_engine.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t most_scatterers = 40, fewest_scatterers = 4, most_transmits = 2;
// Places on the elements at which engine exact works out waves, about; what it does in a few hundredths of a second.
constexpr double most_work = 1.5e6;

/// How many of the scatterers to look at: their number follows from the probe, never from the time it takes, so that
/// the result is the same everywhere.
std::size_t sample_size(const SimulationInput& input, std::int64_t dimensions, bool simus) {
  const double wavenumber = 2 * std::numbers::pi * 2 * input.pulse.frequency() / input.phantom.background.sound_speed;
  double places = 0;
  for (const Element& element : input.probe.elements) {
    const double across = wavenumber * element.width / 4 + 4, along = wavenumber * element.height / 4 + 4;
    places += simus ? 40 : (dimensions == 2 ? 4 * across : across * along);
  }
  return static_cast<std::size_t>(
      std::clamp(most_work / places, static_cast<double>(fewest_scatterers), static_cast<double>(most_scatterers)));
}

/// `count` different numbers below n, in ascending order.
std::vector<std::size_t> draw(RandomStream random, std::size_t n, std::size_t count) {
  std::set<std::size_t> drawn;
  while (drawn.size() < std::min(n, count)) drawn.insert(random.integer_below(n));
  return {drawn.begin(), drawn.end()};
}

}  // namespace

Field ScattererEngine::accuracy_field() const {
  return {.key = "accuracy",
          .doc = "Largest relative error (L2, of the samples of all channels) against engine exact.",
          .min = 1e-5,
          .max = 1e-2};
}

std::optional<MeasuredError> ScattererEngine::measured_error(const SimulationInput& input,
                                                             const RandomStream& random) const {
  const Scatterers& all = input.phantom.scatterers;
  std::vector<std::size_t> heard;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all.amplitudes[i] != 0) heard.push_back(i);
  if (heard.empty() || input.sequence.transmits.empty()) return {};
  Scatterers some;
  for (std::size_t i :
       draw(random.child("scatterers"), heard.size(), sample_size(input, dimensions, model == Model::simus))) {
    some.positions.push_back(all.positions[heard[i]]);
    some.amplitudes.push_back(all.amplitudes[heard[i]]);
    if (!all.regions.empty()) some.regions.push_back(all.regions[heard[i]]);
  }
  const Phantom phantom = input.phantom.with(std::move(some));
  Sequence sequence = input.sequence;
  sequence.frames = 1;
  sequence.transmits.clear();
  for (std::size_t t : draw(random.child("transmits"), input.sequence.transmits.size(), most_transmits))
    sequence.transmits.push_back(input.sequence.transmits[t]);

  const SimulationInput sample{phantom, input.probe, input.pulse, sequence, input.receive};
  if (!is_fast(sample)) return {};
  Exact yardstick = *this;
  yardstick.accuracy = accuracy / 10;
  const ProgressTitle title("Self check");
  const Acquisition own = simulate(sample), exact = yardstick.simulate(sample);
  double error = 0, size = 0;
  for (std::size_t i = 0; i < exact.samples.size(); ++i) {
    const double wanted = static_cast<double>(exact.samples.flat()[i]),
                 got = static_cast<double>(own.samples.flat()[i]);
    error += (got - wanted) * (got - wanted), size += wanted * wanted;
  }
  if (!(size > 0)) return {};
  return MeasuredError{std::sqrt(error / size), phantom.scatterers.size(), sequence.transmits.size()};
}

}  // namespace sonoforge
