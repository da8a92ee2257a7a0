#include "sim/record.hpp"

#include <algorithm>

#include "core/parallel.hpp"
#include "sim/propagation.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {
constexpr double max_bytes = 64e9;  // of one acquisition
}

double record_start(const SimulationInput& input) {
  const bool causal = input.receive.pulse == ReceiveConfig::Pulse::causal;
  return input.receive.start - (causal ? input.pulse.half_duration() : 0.0);
}

std::size_t record_samples(const SimulationInput& input) {
  return input.receive.sample_count(input.phantom.background.sound_speed, last_firing(input.sequence),
                                    2 * input.pulse.half_duration());
}

double firing_time(const Sequence& sequence, std::size_t frame, std::size_t transmit) {
  if (!(sequence.frame_rate > 0)) return 0;
  const double part = static_cast<double>(transmit) / static_cast<double>(sequence.transmits.size());
  return (static_cast<double>(frame) + part) / sequence.frame_rate;
}

bool scatterers_move(const SimulationInput& input) {
  const auto& velocities = input.phantom.scatterers.velocities;
  const bool any = std::any_of(velocities.begin(), velocities.end(), [](Vec3 v) { return !(v == Vec3{}); });
  const bool repeated = input.sequence.frames > 1 || input.sequence.transmits.size() > 1;
  return any && repeated && input.sequence.frame_rate > 0;
}

std::vector<Vec3> scatterer_positions(const Scatterers& scatterers, double time) {
  auto positions = scatterers.positions;
  if (time != 0 && !scatterers.velocities.empty())
    for (std::size_t i = 0; i < positions.size(); ++i) positions[i] = positions[i] + time * scatterers.velocities[i];
  return positions;
}

Bounds scatterer_bounds(const SimulationInput& input) {
  const auto& sequence = input.sequence;
  auto positions = input.phantom.scatterers.positions;
  if (scatterers_move(input)) {
    // They move along straight lines.
    const double last = firing_time(sequence, sequence.frames - 1, sequence.transmits.size() - 1);
    const auto moved = scatterer_positions(input.phantom.scatterers, last);
    positions.insert(positions.end(), moved.begin(), moved.end());
  }
  return bounds_of(positions);
}

Acquisition empty_acquisition(const SimulationInput& input) {
  const std::size_t samples = record_samples(input);
  const auto& sequence = input.sequence;
  const double bytes = sizeof(float) * static_cast<double>(sequence.frames) *
                       static_cast<double>(sequence.transmits.size()) * static_cast<double>(input.probe.size()) *
                       static_cast<double>(samples);
  if (bytes > max_bytes)
    throw ConfigError("", "the echoes would take " + format_number(std::round(bytes / 1e9)) + " GB (" +
                              std::to_string(sequence.frames) + " frames x " +
                              std::to_string(sequence.transmits.size()) + " transmits x " +
                              std::to_string(input.probe.size()) + " elements x " + std::to_string(samples) +
                              " samples; at most " + format_number(max_bytes / 1e9) +
                              " GB are supported). Use fewer frames, transmits or samples");
  Acquisition acquisition;
  acquisition.samples = NdArray<float, 4>({sequence.frames, sequence.transmits.size(), input.probe.size(), samples});
  acquisition.sampling_rate = input.receive.sampling_rate;
  acquisition.start.assign(sequence.transmits.size(), record_start(input));
  acquisition.centre_frequency = input.pulse.frequency();
  acquisition.sound_speed = input.phantom.background.sound_speed;
  acquisition.probe = input.probe;
  acquisition.sequence = sequence;
  if (input.receive.pulse == ReceiveConfig::Pulse::causal)
    acquisition.notes.push_back("The pulse begins at time zero of the receiver; its centre lags by " +
                                format_quantity(input.pulse.half_duration(), Unit::second) +
                                ", which the start times take into account.");
  const bool velocities = !input.phantom.scatterers.velocities.empty();
  if (velocities && !(sequence.frame_rate > 0) && sequence.frames * sequence.transmits.size() > 1)
    acquisition.notes.push_back("Scatterers stand still although they have velocities, since no frame rate is stated.");
  return acquisition;
}

}  // namespace sonoforge
