#include "sim/scan.hpp"

#include <algorithm>
#include <functional>

#include "core/parallel.hpp"
#include "sim/receive_chain.hpp"
#include "sim/record.hpp"

namespace sonoforge {
namespace {

/// A phantom with those of the scatterers for which keep(index) holds.
Phantom with_scatterers(const Phantom& phantom, const std::function<bool(std::size_t)>& keep) {
  Phantom part = phantom;
  const Scatterers& all = phantom.scatterers;
  Scatterers& kept = part.scatterers;
  kept = {};
  kept.motion = all.motion;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!keep(i)) continue;
    kept.positions.push_back(all.positions[i]);
    kept.amplitudes.push_back(all.amplitudes[i]);
    if (!all.regions.empty()) kept.regions.push_back(all.regions[i]);
    if (!all.velocities.empty()) kept.velocities.push_back(all.velocities[i]);
  }
  return part;
}

/// Adds the samples of `part`, whose frames repeat if it has fewer.
void add(NdArray<float, 4>& sum, const NdArray<float, 4>& part) {
  const std::size_t block = sum.size() / sum.extent(0);
  parallel_for(sum.extent(0), [&](std::size_t frame) {
    const float* from = part.data() + frame % part.extent(0) * block;
    float* to = sum.data() + frame * block;
    for (std::size_t i = 0; i < block; ++i) to[i] += from[i];
  });
}

/// Sets every transmit of every frame to the scatterers' places at that moment, and asks the engine for one at a time.
Acquisition simulate_moments(const Engine& engine, const SimulationInput& input) {
  Acquisition all = empty_acquisition(input);
  Phantom still = input.phantom;
  still.scatterers.velocities.clear();
  still.scatterers.motion.reset();
  Sequence one = input.sequence;
  one.frames = 1;
  for (std::size_t frame = 0; frame < input.sequence.frames; ++frame)
    for (std::size_t t = 0; t < input.sequence.transmits.size(); ++t) {
      one.transmits = {input.sequence.transmits[t]};
      still.scatterers.positions = positions_when_hit(input, frame, t);
      Acquisition part = engine.simulate({still, input.probe, input.pulse, one, input.receive});
      for (std::size_t m = 0; m < all.channels(); ++m)
        std::ranges::copy(part.samples.row(std::size_t{0}, std::size_t{0}, m), all.samples.row(frame, t, m).begin());
      if (frame == 0 && t == 0) all.description = part.description;
    }
  return all;
}

/// The component to which each scatterer belongs, by its region's label.
class ComponentsByLabel {
 public:
  ComponentsByLabel(const Phantom& phantom, const std::vector<std::string>& names) : phantom_(phantom) {
    for (const auto& name : names)
      if (name != noise_component && name != reverberation_component) labels_.push_back(name);
    of_region_.push_back(index_of("background", phantom.background.name));
    for (const auto& region : phantom.regions) of_region_.push_back(index_of(region.label, region.label));
  }

  const std::vector<std::string>& labels() const { return labels_; }
  /// labels().size() for scatterers of no component.
  std::size_t of_scatterer(std::size_t i) const {
    const auto& regions = phantom_.scatterers.regions;
    return of_region_[static_cast<std::size_t>((regions.empty() ? -1 : regions[i]) + 1)];
  }

 private:
  std::size_t index_of(const std::string& name, const std::string& alias) const {
    const auto found = std::find_if(labels_.begin(), labels_.end(),
                                    [&](const auto& label) { return label == name || label == alias; });
    return static_cast<std::size_t>(found - labels_.begin());
  }

  const Phantom& phantom_;
  std::vector<std::string> labels_;
  std::vector<std::size_t> of_region_;  // [region + 1]
};

/// Echoes by straight ways.
Acquisition straight_echoes(const Engine& engine, const SimulationInput& input) {
  if (!scatterers_move(input)) {
    Sequence one = input.sequence;
    one.frames = 1;
    Acquisition first = engine.simulate({input.phantom, input.probe, input.pulse, one, input.receive});
    if (input.sequence.frames == 1) return first;
    Acquisition all = empty_acquisition(input);
    all.description = first.description;
    all.notes = first.notes;
    add(all.samples, first.samples);
    return all;
  }
  const Scatterers& scatterers = input.phantom.scatterers;
  const Phantom moving = with_scatterers(input.phantom, [&](std::size_t i) { return scatterers.moves(i); });
  const SimulationInput moving_input{moving, input.probe, input.pulse, input.sequence, input.receive};
  Acquisition all = input.receive.motion == ReceiveConfig::Motion::during ? simulate_moments(engine, moving_input)
                                                                          : engine.simulate(moving_input);
  if (moving.scatterers.size() < scatterers.size()) {
    const Phantom still = with_scatterers(input.phantom, [&](std::size_t i) { return !scatterers.moves(i); });
    add(all.samples, straight_echoes(engine, {still, input.probe, input.pulse, input.sequence, input.receive}).samples);
  }
  return all;
}

Acquisition echoes_by_reflectors(const Engine& engine, const SimulationInput& input, const Reverberation& reflectors) {
  return simulate_reverberation(engine, input, reflectors,
                                [&](const SimulationInput& images) { return straight_echoes(engine, images); });
}

}  // namespace

Acquisition simulate_echoes(const Engine& engine, const SimulationInput& input,
                            const std::optional<Reverberation>& reflectors) {
  Acquisition echoes = straight_echoes(engine, input);
  if (!reflectors) return echoes;
  const Acquisition bounced = echoes_by_reflectors(engine, input, *reflectors);
  add(echoes.samples, bounced.samples);
  add_notes(echoes, bounced);
  return echoes;
}

void check_components(const Phantom& phantom, const std::vector<std::string>& components, bool reflectors) {
  std::vector<std::string> known{"background", phantom.background.name, noise_component};
  if (reflectors) known.emplace_back(reverberation_component);
  for (const auto& region : phantom.regions) known.push_back(region.label);
  for (std::size_t i = 0; i < components.size(); ++i) {
    const std::string& label = components[i];
    if (label == reverberation_component && !reflectors)
      throw ConfigError(
          std::to_string(i),
          "'" + label +
              "' is asked for, but there are no reflectors (it is the clutter that they make). "
              "Add for example 'reverberation: {lower: 10 mm, upper_reflection: 0.5, lower_reflection: 0.3}'");
    if (label.empty() || std::find(known.begin(), known.end(), label) == known.end())
      throw ConfigError(std::to_string(i), "'" + label +
                                               "' is no label of this phantom (components are labels of regions, "
                                               "background, reverberation and noise). Write one of its labels");
  }
}

Acquisition scan(const Engine& engine, const SimulationInput& input, const std::vector<std::string>& components,
                 const RandomStream& noise, const std::optional<Reverberation>& reflectors) {
  const ReceiveChain chain(input, noise.child("receiver"));
  const ReceiveConfig record = chain.engine_record();
  const auto echoes_of = [&](const Phantom& phantom, const std::optional<Reverberation>& by_way_of) {
    return simulate_echoes(engine, {phantom, input.probe, input.pulse, input.sequence, record}, by_way_of);
  };
  if (components.empty()) {
    Acquisition whole = echoes_of(input.phantom, reflectors);
    chain.receive_and_digitise(whole, noise);
    return whole;
  }
  check_components(input.phantom, components, reflectors.has_value());
  const bool split_off = std::find(components.begin(), components.end(), reverberation_component) != components.end();
  const ComponentsByLabel parts(input.phantom, components);
  Acquisition whole;
  std::vector<SignalComponent> split;
  for (std::size_t c = 0; c <= parts.labels().size(); ++c) {
    const Phantom part = with_scatterers(input.phantom, [&](std::size_t i) { return parts.of_scatterer(i) == c; });
    const bool other = c == parts.labels().size();
    if (other && part.scatterers.size() == 0 && !whole.samples.empty()) continue;
    Acquisition echoes = echoes_of(part, split_off ? std::nullopt : reflectors);
    if (whole.samples.empty())
      whole = echoes;
    else
      add(whole.samples, echoes.samples);
    chain.receive(echoes);
    split.push_back({other ? other_component : parts.labels()[c], std::move(echoes.samples)});
  }
  if (split_off) {
    Acquisition bounced =
        echoes_by_reflectors(engine, {input.phantom, input.probe, input.pulse, input.sequence, record}, *reflectors);
    add(whole.samples, bounced.samples);
    add_notes(whole, bounced);
    chain.receive(bounced);
    split.push_back({reverberation_component, std::move(bounced.samples)});
  }
  chain.receive_and_digitise(whole, noise);
  if (std::find(components.begin(), components.end(), noise_component) != components.end()) {
    NdArray<float, 4> rest = whole.samples;
    parallel_blocks(rest.size(), 65'536, [&](std::size_t begin, std::size_t end) {
      for (std::size_t i = begin; i < end; ++i) {
        double echoes = 0;
        for (const auto& component : split) echoes += component.samples.flat()[i];
        rest.flat()[i] = static_cast<float>(rest.flat()[i] - echoes);
      }
    });
    split.push_back({noise_component, std::move(rest)});
  }
  whole.components = std::move(split);
  return whole;
}

}  // namespace sonoforge
