#pragma once
#include <memory>
#include <string>

#include "core/random.hpp"
#include "sim/engine.hpp"
#include "transducers/burst.hpp"
#include "transducers/plane_waves.hpp"
#include "transducers/probe_library.hpp"

namespace sonoforge::bench {

/// Where scatterers lie [m].
struct Region {
  double half_width, nearest, deepest, half_elevation;
};

/// The scenes that peers quote: scatterers all over a region, one plane wave, sampled at 4 fc.
struct Scene {
  Probe probe;
  Phantom phantom;
  Sequence sequence;
  ReceiveConfig receive;
  std::shared_ptr<const Pulse> pulse;

  Scene(const std::string& name, std::size_t scatterers, const Region& region) {
    probe = Typed<ProbeConfig>::make(probe_catalog(), name)->build();
    RandomStream random(1, 0, "bench");
    for (std::size_t i = 0; i < scatterers; ++i) {
      const double x = random.uniform(-region.half_width, region.half_width),
                   z = random.uniform(region.nearest, region.deepest);
      const double y = region.half_elevation > 0 ? random.uniform(-region.half_elevation, region.half_elevation) : 0;
      phantom.scatterers.positions.push_back({x, y, z});
      phantom.scatterers.amplitudes.push_back(random.normal());
    }
    PlaneWaves waves;
    waves.angles = {0};
    sequence = waves.build(probe, phantom.background.sound_speed);
    receive.sampling_rate = 4 * probe.frequency;
    receive.depth = region.deepest;
    pulse = BurstConfig().build(probe);
  }
  SimulationInput input() const { return {phantom, probe, *pulse, sequence, receive}; }
};

}  // namespace sonoforge::bench
