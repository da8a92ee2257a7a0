#include "sim/record.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "sim/propagation.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {
/// Of one acquisition's samples: a third of this machine's memory, since the receive chain and the beamformer copy
/// them.
double max_bytes() {
  return std::min(64e9, installed_memory() / 3);
}

bool any_moves(const Scatterers& scatterers) {
  if (!scatterers.motion && scatterers.velocities.empty()) return false;
  for (std::size_t i = 0; i < scatterers.size(); ++i)
    if (scatterers.moves(i)) return true;
  return false;
}
}  // namespace

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
  const bool repeated = input.sequence.frames > 1 || input.sequence.transmits.size() > 1;
  return repeated && input.sequence.frame_rate > 0 && any_moves(input.phantom.scatterers);
}

std::vector<Vec3> scatterer_positions(const Scatterers& scatterers, double time) {
  auto positions = scatterers.positions;
  if (time != 0 && (scatterers.motion || !scatterers.velocities.empty()))
    parallel_blocks(positions.size(), 1024, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) positions[i] = scatterers.position_at(i, time);
    });
  return positions;
}

std::vector<Vec3> positions_when_hit(const SimulationInput& input, std::size_t frame, std::size_t transmit) {
  const Scatterers& scatterers = input.phantom.scatterers;
  const double fired = firing_time(input.sequence, frame, transmit), speed = input.phantom.background.sound_speed;
  const auto& laws = input.sequence.transmits[transmit].laws;
  const auto arrival = [&](Vec3 place) {
    double first = std::numeric_limits<double>::infinity();
    for (const TransmitLaw& law : laws)
      for (std::size_t n = 0; n < law.delays.size(); ++n)
        if (std::isfinite(law.delays[n]) && (law.apodization.empty() || law.apodization[n] != 0))
          first = std::min(first, law.delays[n] + norm(place - input.probe.elements[n].position) / speed);
    return std::isfinite(first) ? first : 0.0;
  };
  std::vector<Vec3> positions(scatterers.size());
  parallel_blocks(positions.size(), 256, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      // Each round is nearer by the ratio of the scatterer's speed to that of sound: three reach 1e-9 of the way.
      positions[i] = scatterers.position_at(i, fired);
      for (int round = 0; round < 3; ++round) positions[i] = scatterers.position_at(i, fired + arrival(positions[i]));
    }
  });
  return positions;
}

Bounds scatterer_bounds(const SimulationInput& input) {
  const auto& sequence = input.sequence;
  const auto& scatterers = input.phantom.scatterers;
  auto positions = scatterers.positions;
  if (!scatterers_move(input)) return bounds_of(positions);
  const std::size_t last_frame = sequence.frames - 1, last = sequence.transmits.size() - 1;
  const auto include = [&](std::size_t frame, std::size_t transmit) {
    const Bounds box = bounds_of(scatterer_positions(scatterers, firing_time(sequence, frame, transmit)));
    positions.insert(positions.end(), {box.low, box.high});
  };
  if (!scatterers.motion) {
    include(last_frame, last);  // with velocities alone they move along straight lines
  } else {
    for (std::size_t frame = 0; frame <= last_frame; ++frame)
      for (std::size_t t = 0; t <= last; ++t) include(frame, t);
  }
  return bounds_of(positions);
}

void add_notes(Acquisition& acquisition, const Acquisition& part) {
  for (const auto& note : part.notes)
    if (std::find(acquisition.notes.begin(), acquisition.notes.end(), note) == acquisition.notes.end())
      acquisition.notes.push_back(note);
}

void check_record_size(const SimulationInput& input) {
  const std::size_t samples = record_samples(input);
  const auto& sequence = input.sequence;
  const double bytes = sizeof(float) * static_cast<double>(sequence.frames) *
                       static_cast<double>(sequence.transmits.size()) * static_cast<double>(input.probe.size()) *
                       static_cast<double>(samples);
  if (bytes > max_bytes())
    throw ConfigError("", "the echoes would take " + format_number(std::round(bytes / 1e9)) + " GB (" +
                              std::to_string(sequence.frames) + " frames x " +
                              std::to_string(sequence.transmits.size()) + " transmits x " +
                              std::to_string(input.probe.size()) + " elements x " + std::to_string(samples) +
                              " samples; at most " + format_number(std::floor(max_bytes() / 1e9)) +
                              " GB on this machine). Use fewer frames, transmits or samples");
}

Acquisition empty_acquisition(const SimulationInput& input) {
  check_record_size(input);
  const std::size_t samples = record_samples(input);
  const auto& sequence = input.sequence;
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
  if (any_moves(input.phantom.scatterers) && !(sequence.frame_rate > 0) &&
      sequence.frames * sequence.transmits.size() > 1)
    acquisition.notes.push_back("Scatterers stand still although they could move, since no frame rate is stated.");
  return acquisition;
}

}  // namespace sonoforge
