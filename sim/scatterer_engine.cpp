#include "sim/scatterer_engine.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numbers>
#include <tuple>

#include "core/progress.hpp"
#include "sim/echo_engine.hpp"
#include "sim/linear_models.hpp"
#include "sim/record.hpp"
#include "sim/shadow.hpp"
#include "sim/signal_grid.hpp"

namespace sonoforge {
namespace {

constexpr double two_pi = 2 * std::numbers::pi;

/// Scatterers of one scattering law each, in the order in which the laws appear.
std::vector<ScattererGroup> groups_of(const SimulationInput& input, const ScattererEngine& engine,
                                      const SimusOptions& simus, double time) {
  const Phantom& phantom = input.phantom;
  const Scatterers& scatterers = phantom.scatterers;
  std::vector<Vec3> positions = scatterer_positions(scatterers, time);
  // In two dimensions a scatterer is a line: its height does not count.
  if (engine.dimensions == 2)
    for (Vec3& position : positions) position.y = input.probe.elements.front().position.y;
  const bool is_simus = engine.model == Exact::Model::simus;
  const double default_exponent = is_simus ? 0 : 2;
  const auto in_shadow = is_simus ? simus_shadow(input, simus) : nullptr;
  std::vector<ScattererGroup> groups;
  for (std::size_t s = 0; s < scatterers.size(); ++s) {
    if (scatterers.amplitudes[s] == 0 || (in_shadow && in_shadow(positions[s]))) continue;
    const Tissue& tissue = phantom.tissue_of(scatterers.regions.empty() ? -1 : scatterers.regions[s]);
    const double exponent = tissue.scattering_exponent.value_or(default_exponent);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.exponent == exponent; });
    if (group == groups.end()) {
      groups.push_back({{}, {}, exponent});
      group = std::prev(groups.end());
    }
    group->positions.push_back(positions[s]);
    group->strengths.push_back(scatterers.amplitudes[s]);
  }
  return groups;
}

EchoModel physical_model(const SimulationInput& input, const ScattererEngine& engine) {
  const Pulse& pulse = input.pulse;
  const Probe& probe = input.probe;
  const int dimensions = static_cast<int>(engine.dimensions);
  const auto medium = std::make_shared<UniformMedium>(input.phantom.background.sound_speed,
                                                      input.phantom.background.attenuation, pulse.frequency(), engine.dispersion);
  EchoModel model;
  model.probe = &probe;
  model.dimensions = dimensions;
  model.law = {medium->sound_speed(), [medium](double f) { return std::copysign(medium->wavenumber(std::abs(f)), f); },
               [medium](double f) { return medium->attenuation(std::abs(f)); }, medium->lossless()};
  model.reference_frequency = pulse.frequency();
  // In two dimensions A is worked out times sqrt(f / fc), on either way.
  model.highest = std::max(input.receive.sampling_rate / 2, 5 * std::max(pulse.frequency(), probe.frequency));
  model.spectrum = [&pulse, &probe, dimensions, highest = model.highest](double f) {
    std::complex<double> value = probe.two_way_response(f) * band_taper(f, highest);
    if (!pulse.per_element()) value *= pulse.spectrum(f, 0);
    return dimensions == 2 ? value * (probe.frequency / f) : value;
  };
  if (pulse.per_element()) model.element_drive = [&pulse](double f, std::size_t n) { return pulse.spectrum(f, n); };
  model.lowest = 0;
  model.earliest_slowness = model.latest_slowness = 1 / medium->sound_speed();
  model.strips = [&probe, dimensions](double wavenumber, double tolerance, double& nearest) {
    return physical_lines(probe, dimensions, wavenumber, tolerance, nearest);
  };
  model.fewest_points = 30'000;  // fewer values are found sooner one by one than from a table
  model.response = [&probe, law = model.law, dimensions, few = model.fewest_points](
                       const Aperture& aperture, double low, double high, double tolerance, double points) {
    return physical_response(probe, aperture, law, low, high, dimensions, tolerance, points < few);
  };
  return model;
}

EchoModel simus_echo_model(const SimulationInput& input, const ScattererEngine& engine) {
  const Pulse& pulse = input.pulse;
  const Probe& probe = input.probe;
  const Tissue& background = input.phantom.background;
  const int dimensions = static_cast<int>(engine.dimensions);
  EchoModel model;
  model.probe = &probe;
  model.dimensions = dimensions;
  const double c = background.sound_speed;
  const Attenuation loss = background.attenuation;
  // 8.69 stands for 20 log10 e, as in SIMUS.
  model.law = {c, [c](double f) { return two_pi * f / c; },
               [loss](double f) { return loss.db_per_cm * std::pow(std::abs(f) / 1e6, loss.exponent) * 1e2 / 8.69; },
               loss.db_per_cm == 0};
  model.reference_frequency = probe.frequency;
  const double duration = pulse.burst_cycles() / pulse.frequency();
  model.spectrum = [&pulse, &probe, duration](double f) {
    return pulse.spectrum(f, 0) * (2 / duration) * probe.two_way_response(f);
  };
  // SIMUS leaves out what is below -100 dB.
  std::tie(model.lowest, model.highest) = simus_band(input, SimusOptions{}.threshold_db);
  model.earliest_slowness = model.latest_slowness = 1 / c;
  model.strips = [&probe, &background, dimensions](double, double, double&) {
    return simus_strips(probe, background, dimensions);
  };
  model.response = [&probe, &background, dimensions, full = engine.full_frequency_directivity](
                       const Aperture& aperture, double, double, double, double) {
    return simus_response(probe, background, aperture, dimensions, full);
  };
  return model;
}

/// What the fast sums work on, and why they cannot; empty if they can.
struct Task {
  EchoModel model;
  SimusOptions simus;
  EchoRecord record;
  std::vector<ScattererGroup> at_start;
  std::string hindrance;

  Task(const SimulationInput& input, const ScattererEngine& engine)
      : model(engine.model == Exact::Model::physical ? physical_model(input, engine) : simus_echo_model(input, engine)),
        simus{.dimensions = static_cast<int>(engine.dimensions),
              .full_frequency_directivity = engine.full_frequency_directivity},
        record{input.receive.sampling_rate, record_start(input), record_samples(input), input.sequence.receive_delays},
        at_start(groups_of(input, engine, simus, 0)) {
    const Probe::Kind kind = input.probe.kind;
    const bool in_line = kind == Probe::Kind::linear || kind == Probe::Kind::phased || kind == Probe::Kind::curved;
    if (engine.propagation != PropagationKind::uniform && engine.propagation != PropagationKind::shadow)
      hindrance = "media that vary are not in the fast sums yet";
    else if (engine.model == Exact::Model::simus && engine.dimensions == 3 && in_line)
      hindrance = "model simus holds its elevation factor over blocks of frequencies: its echoes are not short";
    else
      hindrance = why_not_fast(model, at_start, input.sequence.transmits, record, engine.accuracy);
  }
};

}  // namespace

bool ScattererEngine::is_fast(const SimulationInput& input) const {
  return Task(input, *this).hindrance.empty();
}

Acquisition ScattererEngine::simulate(const SimulationInput& input) const {
  check();
  if (propagation == PropagationKind::shadow) {
    ScattererEngine uniform = *this;
    uniform.propagation = PropagationKind::uniform;
    const Phantom phantom = shadowed(input);
    return uniform.simulate({phantom, input.probe, input.pulse, input.sequence, input.receive});
  }
  const Task task(input, *this);
  if (!task.hindrance.empty()) {
    Acquisition exact = Exact::simulate(input);
    exact.notes.push_back("Computed by engine exact: " + task.hindrance + ".");
    return exact;
  }
  const Sequence& sequence = input.sequence;
  const std::size_t frames = sequence.frames, transmits = sequence.transmits.size();
  Acquisition acquisition = empty_acquisition(input);
  acquisition.description = "Simulated by the fast linear model in " + std::to_string(dimensions) + " dimensions";
  const bool moving = scatterers_move(input);
  Progress progress("Echoes", input.phantom.scatterers.size() * (moving ? frames * transmits : 1), "scatterers");
  const auto simulate = [&](std::span<const ScattererGroup> groups, std::size_t frame, std::size_t first,
                            std::size_t count, double time) {
    const auto part = std::span(sequence.transmits).subspan(first, count);
    std::vector<double> scales(count, 1);
    if (model == Model::simus) scales = simus_echo_scales(input, task.simus, first, count, time);
    add_fast_echoes(
        task.model, groups, part, scales, task.record, accuracy, [&](std::size_t n) { progress.advance(n); },
        [&](std::size_t t, std::size_t m) { return acquisition.samples.row(frame, first + t, m); });
    if (model == Model::physical) return;
    const std::size_t size = input.probe.size() * acquisition.samples_per_channel();
    for (std::size_t t = first; t < first + count; ++t)
      drop_small_echoes(acquisition.samples.flat().subspan((frame * transmits + t) * size, size));
  };
  if (moving) {
    for (std::size_t frame = 0; frame < frames; ++frame)
      for (std::size_t t = 0; t < transmits; ++t) {
        const double time = firing_time(sequence, frame, t);
        simulate(groups_of(input, *this, task.simus, time), frame, t, 1, time);
      }
    return acquisition;
  }
  simulate(task.at_start, 0, 0, transmits, 0);
  const auto all = acquisition.samples.flat();
  const std::size_t size = all.size() / frames;
  for (std::size_t frame = 1; frame < frames; ++frame)
    std::copy_n(all.begin(), size, all.begin() + static_cast<std::ptrdiff_t>(frame * size));
  return acquisition;
}

}  // namespace sonoforge
