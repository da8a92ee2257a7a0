#include "sim/reverberation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/parallel.hpp"
#include "sim/exact.hpp"
#include "sim/record.hpp"
#include "sim/shadow.hpp"

namespace sonoforge {
namespace {

constexpr double smallest_gain = 1e-9;  // of an echo beside that of the straight ways

/// A way between an element and a scatterer.
struct Way {
  int bounces = 0;
  double gain = 1;
  double depth = 0;  ///< of the image of an element at z = 0 [m]
  bool from_below = false;

  Element image(Element element) const {
    if (from_below) {
      element.position.z = depth - element.position.z;
      element.normal.z = -element.normal.z;
      element.lateral.z = -element.lateral.z;
    } else {
      element.position.z += depth;
    }
    return element;
  }
  /// At least this long [m], to the depth z from elements of which the lowest lies at `face`.
  double shortest(double z, double face) const { return from_below ? depth - face - z : z - face - depth; }
};

/// Ways with at most `bounces` bounces, by their number.
std::vector<Way> ways(const Reverberation& r, bool between, int bounces) {
  std::vector<Way> result;
  const double d = r.lower - r.upper;
  for (int b = 0; b <= bounces; b += between ? 1 : 2) {
    const int m = b / 2;
    const double pair = std::pow(r.upper_reflection * r.lower_reflection, m);
    result.push_back(b % 2 ? Way{b, r.lower_reflection * pair, 2 * r.lower + 2 * m * d, true}
                           : Way{b, pair, -2 * m * d, false});
  }
  return result;
}

/// The drive of a probe that consists of copies of another.
class RepeatedPulse : public Pulse {
 public:
  RepeatedPulse(const Pulse& pulse, std::size_t elements) : pulse_(pulse), elements_(elements) {}
  std::complex<double> spectrum(double f, std::size_t n) const override { return pulse_.spectrum(f, n % elements_); }
  double half_duration() const override { return pulse_.half_duration(); }
  double frequency() const override { return pulse_.frequency(); }
  bool per_element() const override { return pulse_.per_element(); }
  double burst_cycles() const override { return pulse_.burst_cycles(); }
  bool in_pascal() const override { return pulse_.in_pascal(); }

 private:
  const Pulse& pulse_;
  std::size_t elements_;
};

/// Images of a probe, one after the other, of which the first alone transmits.
struct Images {
  Probe probe;
  Sequence sequence;

  Images(const SimulationInput& input, const std::vector<Way>& sides) : probe(input.probe), sequence(input.sequence) {
    const std::size_t n = input.probe.size(), all = n * sides.size();
    probe.elements.clear();
    for (const Way& way : sides)
      for (const Element& element : input.probe.elements) probe.elements.push_back(way.image(element));
    for (Transmit& transmit : sequence.transmits)
      for (TransmitLaw& law : transmit.laws) {
        law.delays.resize(all, std::numeric_limits<double>::quiet_NaN());
        if (!law.apodization.empty()) law.apodization.resize(all, 0);
      }
    auto& delays = sequence.receive_delays;
    if (!delays.empty())
      for (std::size_t i = n; i < all; ++i) delays.push_back(delays[i % n]);
  }
};

/// The phantom whose ways are those of the background, echoes weakened as the engine asks.
Phantom in_background(const Engine& engine, const SimulationInput& input) {
  Phantom phantom = input.phantom;
  for (Region& region : phantom.regions) {
    region.tissue.sound_speed = phantom.background.sound_speed;
    region.tissue.attenuation = phantom.background.attenuation;
  }
  const auto* const linear = dynamic_cast<const Exact*>(&engine);
  if (linear && linear->propagation == PropagationKind::shadow) {
    const auto factors = shadow_factors(input);
    for (std::size_t s = 0; s < factors.size(); ++s) phantom.scatterers.amplitudes[s] *= factors[s];
  }
  return phantom;
}

Scatterers chosen(const Scatterers& all, const std::vector<std::size_t>& indices) {
  Scatterers some;
  some.motion = all.motion;
  for (std::size_t i : indices) {
    some.positions.push_back(all.positions[i]);
    some.amplitudes.push_back(all.amplitudes[i]);
    if (!all.regions.empty()) some.regions.push_back(all.regions[i]);
    if (!all.velocities.empty()) some.velocities.push_back(all.velocities[i]);
  }
  return some;
}

class ReverberationEchoes {
 public:
  ReverberationEchoes(const Engine& engine, const SimulationInput& input, const Reverberation& reflectors,
                      const std::function<Acquisition(const SimulationInput&)>& echoes)
      : input_(input),
        reflectors_(reflectors),
        echoes_(echoes),
        phantom_(in_background(engine, input)),
        moving_(scatterers_move(input)),
        sum_(empty_acquisition(input)) {
    const Probe& probe = input.probe;
    for (const Element& element : probe.elements) {
      face_ = std::max(face_, element.position.z);
      // A lens shortens the way of the outer parts of an element.
      if (std::isfinite(probe.elevation_focus))
        lens_ = std::max(lens_, std::hypot(element.height / 2, probe.elevation_focus) - probe.elevation_focus);
    }
    // Ringing of the probe goes on for some periods; no frequency travels a twentieth faster than the pulse's.
    const double end = record_start(input) + static_cast<double>(record_samples(input)) / input.receive.sampling_rate;
    const double ringing = input.pulse.half_duration() + 20 / input.pulse.frequency();
    longest_ = 1.05 * input.phantom.background.sound_speed * (end + ringing) + 2 * lens_;
  }

  Acquisition all() {
    add(false), add(true);
    return std::move(sum_);
  }

 private:
  bool is_between(double z) const { return z > reflectors_.upper && z <= reflectors_.lower; }

  /// Whether an echo by these two ways begins before the record ends.
  bool reaches_record(double z, const Way& there, const Way& back) const {
    return moving_ || there.shortest(z, face_) + back.shortest(z, face_) < longest_;
  }

  /// Echoes of all scatterers between the reflectors, or of all below both.
  void add(bool between) {
    const int most = 2 * reflectors_.orders;
    const auto sides = ways(reflectors_, between, most);
    const auto& positions = phantom_.scatterers.positions;
    for (const Way& there : sides) {
      // The first image transmits; those that hear the echoes follow.
      std::vector<Way> images{there};
      std::vector<std::pair<std::size_t, double>> gains;  // of the images that are heard
      std::vector<bool> heard(positions.size(), false);
      for (const Way& back : sides) {
        const int bounces = there.bounces + back.bounces;
        const double gain = there.gain * back.gain;
        if (bounces == 0 || bounces > most || std::abs(gain) < smallest_gain) continue;
        bool any = false;
        for (std::size_t s = 0; s < positions.size(); ++s) {
          const double z = positions[s].z;
          if (phantom_.scatterers.amplitudes[s] == 0 || (between ? !is_between(z) : z <= reflectors_.lower)) continue;
          if (reaches_record(z, there, back)) heard[s] = any = true;
        }
        if (!any) continue;
        const bool same = back.bounces == there.bounces;
        gains.emplace_back(same ? 0 : images.size(), gain);
        if (!same) images.push_back(back);
      }
      std::vector<std::size_t> scatterers;
      for (std::size_t s = 0; s < heard.size(); ++s)
        if (heard[s]) scatterers.push_back(s);
      if (!gains.empty()) add(images, gains, scatterers);
    }
  }

  void add(const std::vector<Way>& sides, const std::vector<std::pair<std::size_t, double>>& gains,
           const std::vector<std::size_t>& scatterers) {
    const std::size_t n = input_.probe.size();
    const Images images(input_, sides);
    const RepeatedPulse pulse(input_.pulse, n);
    const Phantom part = phantom_.with(chosen(phantom_.scatterers, scatterers));
    const Acquisition found = echoes_({part, images.probe, pulse, images.sequence, input_.receive});
    add_notes(sum_, found);
    const std::size_t transmits = sum_.transmits();
    parallel_for(sum_.frames() * transmits * n, [&](std::size_t row) {
      const std::size_t frame = row / n / transmits, t = row / n % transmits, m = row % n;
      const auto out = sum_.samples.row(frame, t, m);
      for (const auto& [image, gain] : gains) {
        const auto in = found.samples.row(frame, t, image * n + m);
        for (std::size_t i = 0; i < out.size(); ++i) out[i] += static_cast<float>(gain) * in[i];
      }
    });
  }

  const SimulationInput& input_;
  const Reverberation& reflectors_;
  const std::function<Acquisition(const SimulationInput&)>& echoes_;
  Phantom phantom_;
  bool moving_;
  Acquisition sum_;
  double face_ = -std::numeric_limits<double>::infinity(), lens_ = 0, longest_ = 0;
};

}  // namespace

Acquisition simulate_reverberation(const Engine& engine, const SimulationInput& input, const Reverberation& reflectors,
                                   const std::function<Acquisition(const SimulationInput&)>& echoes) {
  return ReverberationEchoes(engine, input, reflectors, echoes).all();
}

}  // namespace sonoforge
