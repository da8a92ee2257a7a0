// Engine scatterers against engine exact where scatterers lie a tenth of a millimetre to three millimetres before the
// face: elements see them at all angles, amplitudes vary a thousandfold along the array, and most records miss a part.
#include <gtest/gtest.h>

#include "core/progress.hpp"
#include "tests/sim/against_exact.hpp"
#include "transducers/burst.hpp"
#include "transducers/convex_array.hpp"
#include "transducers/focused_beams.hpp"
#include "transducers/linear_array.hpp"
#include "transducers/matrix_array.hpp"
#include "transducers/plane_waves.hpp"
#include "transducers/synthetic_aperture.hpp"

namespace sonoforge {
namespace {

using namespace against_exact;
constexpr double infinity = std::numeric_limits<double>::infinity();

/// Low elements and high ones, before and behind their focus.
template <class Config>
Probe built(Config config, Draw& draw, double frequency, double height) {
  config.frequency = frequency;
  const double baffles[] = {0, infinity, 1.75};
  config.baffle = baffles[draw.integer(0, 2)];
  if constexpr (requires { config.elevation_focus; }) {
    config.height = height;
    config.elevation_focus = draw.chance(0.5) ? infinity : draw.between(10e-3, 40e-3);
  }
  return config.build();
}

Probe random_probe(Draw& draw, double frequency) {
  const double wavelength = 1540 / frequency, height = wavelength * std::pow(10, draw.between(-0.5, 1.3));
  switch (draw.integer(0, 4)) {
    case 0: {
      ConvexArray probe;
      probe.elements = draw.integer(32, 132);
      probe.pitch = wavelength * draw.between(0.5, 1.5);
      probe.radius =
          std::max(20 * wavelength, static_cast<double>(probe.elements) * probe.pitch) * draw.between(0.5, 2);
      return built(probe, draw, frequency, height);
    }
    case 1: {
      MatrixArray probe;
      probe.elements_x = draw.integer(8, 32), probe.elements_y = draw.integer(1, 6);
      probe.pitch_x = wavelength * draw.between(0.5, 1.2);
      return built(probe, draw, frequency, height);
    }
    default: {
      LinearArray probe;
      probe.elements = draw.integer(32, 192);
      probe.pitch = wavelength * draw.between(0.4, 1.5);
      probe.width = probe.pitch * draw.between(0.5, 1);
      return built(probe, draw, frequency, height);
    }
  }
}

Sequence random_sequence(Draw& draw, const Probe& probe) {
  if (probe.kind == Probe::Kind::linear || probe.kind == Probe::Kind::phased) {
    if (draw.chance(0.4)) {
      PlaneWaves waves;
      waves.angles = {0, draw.between(-0.3, 0.3)};
      return waves.build(probe, 1540);
    }
    if (draw.chance(0.5)) {
      FocusedBeams beams;
      beams.focus = draw.between(2e-3, 30e-3);
      beams.angles = {draw.between(-0.3, 0.3)};
      return beams.build(probe, 1540);
    }
  }
  Sequence sequence = SyntheticAperture().build(probe, 1540);
  std::vector<Transmit> some;
  for (std::size_t i = 0; i < 3; ++i) some.push_back(sequence.transmits[i * (sequence.transmits.size() - 1) / 2]);
  sequence.transmits = some;
  return sequence;
}

Setting near_setting(std::uint64_t number, double depth) {
  Draw draw(number);
  Setting s;
  const double accuracies[] = {1e-2, 1e-3, 1e-4, 1e-5};
  s.engine.accuracy = accuracies[draw.integer(0, 3)];
  const double frequency = draw.between(2e6, 8e6), wavelength = 1540 / frequency;
  s.probe = random_probe(draw, frequency);
  const bool flat = draw.chance(0.2), planar = s.probe.kind == Probe::Kind::matrix;
  s.probe.bandwidth = flat ? 0 : draw.between(0.4, 0.9);
  if (!flat && draw.chance(0.5))
    s.engine.model = Exact::Model::simus, s.engine.full_frequency_directivity = draw.chance(0.5);
  if (!planar && (draw.chance(0.4) || s.engine.model == Exact::Model::simus)) s.engine.dimensions = 2;
  s.sequence = random_sequence(draw, s.probe);
  BurstConfig burst;
  burst.cycles = draw.between(1, 3);
  s.pulse = burst.build(s.probe);
  s.phantom.background.scattering_exponent = draw.chance(0.5) ? 2 : 0;
  if (draw.chance(0.4)) s.phantom.background.attenuation = {draw.between(0.1, 1.5), 1};
  // One, or some within few wavelengths; before the array or beside it.
  const double end = std::abs(s.probe.elements.back().position.x), place = end * draw.between(-1.1, 1.1);
  const double spread = wavelength * draw.between(0, 3), height = s.probe.elements[0].height / 2;
  for (std::int64_t i = 0, count = draw.chance(0.6) ? 1 : draw.integer(2, 30); i < count; ++i) {
    const double x = place + spread * draw.between(-1, 1),
                 y = s.engine.dimensions == 2 ? 0 : height * draw.between(-1, 1),
                 z = depth * (i == 0 ? 1 : draw.between(1, 1.5)), radius = s.probe.curvature_radius;
    if (s.probe.kind == Probe::Kind::curved) {
      const double turn = std::asin(std::clamp(x / radius, -0.9, 0.9));
      s.phantom.scatterers.positions.push_back(
          {(radius + z) * std::sin(turn), y, (radius + z) * std::cos(turn) - radius});
    } else {
      s.phantom.scatterers.positions.push_back({x, y, z});
    }
    s.phantom.scatterers.amplitudes.push_back(draw.normal());
  }
  s.receive.sampling_rate = frequency * draw.between(4, 8);
  s.receive.duration = (4 * end + 4 * depth) / 1540 + 10 / frequency;
  if (draw.chance(0.3)) s.receive.duration = *s.receive.duration * 0.3;
  s.what = s.probe.name + " " + std::to_string(number) + " at " + std::to_string(depth * 1e3) + " mm" +
           (s.engine.model == Exact::Model::simus ? ", simus" : ", physical") +
           (s.engine.dimensions == 2 ? " 2-D" : " 3-D") + ", accuracy " + std::to_string(s.engine.accuracy);
  return s;
}

void check(std::uint64_t first, std::uint64_t last) {
  set_quiet(true);
  for (double depth : {0.1e-3, 0.3e-3, 0.8e-3, 1.48e-3, 3e-3})
    for (std::uint64_t number = first; number < last; ++number) {
      const Setting setting = near_setting(number, depth);
      EXPECT_LE(difference_from_exact(setting), setting.engine.accuracy) << setting.what;
    }
}

TEST(NearFace, PromiseIsKept) {
  check(5000, 5012);
}
TEST(NearFace, PromiseIsKeptLong) {
  check(5012, 5060);
}

// A record of Field II has such a scene: 192 low elements, flat response, a plane wave.
TEST(NearFace, OnePointBeforeManyLowElements) {
  set_quiet(true);
  for (double accuracy : {1e-2, 1e-3, 1e-4, 1e-5}) {
    Setting s;
    LinearArray probe;
    probe.elements = 192, probe.pitch = 0.23e-3, probe.width = 0.2e-3, probe.height = 0.1e-3,
    probe.frequency = 5.2083e6;
    probe.baffle = 0, probe.elevation_focus = infinity;
    s.probe = probe.build();
    s.probe.bandwidth = 0;
    s.pulse = BurstConfig().build(s.probe);
    PlaneWaves waves;
    waves.angles = {-0.2, 0};
    s.sequence = waves.build(s.probe, 1540);
    s.phantom.scatterers.positions = {{0.3e-3, 0, 1.48e-3}}, s.phantom.scatterers.amplitudes = {1};
    s.phantom.background.scattering_exponent = 0;
    s.receive.sampling_rate = 21e6;
    s.engine.accuracy = accuracy;
    for (double duration : {40e-6, 6e-6}) {
      s.receive.duration = duration;
      EXPECT_LE(difference_from_exact(s), accuracy) << duration;
    }
  }
}

}  // namespace
}  // namespace sonoforge
