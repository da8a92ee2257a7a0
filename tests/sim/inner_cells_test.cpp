// Engine scatterers against engine exact where cells hold others inside and elements are divided into strips: large
// arrays, thousands of scatterers over many wavelengths, one transmit and many.
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

template <class Config>
Probe built(Config config, Draw& draw, double frequency) {
  config.frequency = frequency;
  const double baffles[] = {0, infinity, 1.75};
  config.baffle = baffles[draw.integer(0, 2)];
  return config.build();
}

Probe random_probe(Draw& draw, double frequency) {
  const double wavelength = 1540 / frequency;
  switch (draw.integer(0, 5)) {
    case 0: {
      ConvexArray probe;
      probe.elements = draw.integer(48, 96);
      probe.pitch = wavelength * draw.between(0.5, 1.2);
      probe.radius = static_cast<double>(probe.elements) * probe.pitch * draw.between(0.6, 2);
      probe.height = wavelength * draw.between(3, 15);
      probe.elevation_focus = 25e-3;
      return built(probe, draw, frequency);
    }
    case 1: {
      MatrixArray probe;
      probe.elements_x = draw.integer(24, 40), probe.elements_y = draw.integer(1, 4);
      probe.pitch_x = wavelength * draw.between(0.5, 1);
      return built(probe, draw, frequency);
    }
    default: {
      LinearArray probe;
      probe.elements = draw.integer(48, 96);
      probe.pitch = wavelength * draw.between(0.5, 1.6);
      probe.width = probe.pitch * draw.between(0.5, 1);
      probe.height = wavelength * draw.between(3, 20);
      probe.elevation_focus = draw.chance(0.5) ? infinity : draw.between(10e-3, 40e-3);
      return built(probe, draw, frequency);
    }
  }
}

Sequence random_sequence(Draw& draw, const Probe& probe) {
  const bool many = draw.chance(0.5);
  if (probe.kind == Probe::Kind::linear || probe.kind == Probe::Kind::phased) {
    PlaneWaves waves;
    FocusedBeams beams;
    waves.angles.clear(), beams.angles.clear(), beams.focus = draw.between(10e-3, 30e-3);
    for (int i = 0; i < (many ? 40 : 1); ++i) {
      waves.angles.push_back(draw.between(-0.3, 0.3));
      beams.angles.push_back(waves.angles.back());
    }
    return draw.chance(0.7) ? waves.build(probe, 1540) : beams.build(probe, 1540);
  }
  Sequence sequence = SyntheticAperture().build(probe, 1540);
  sequence.transmits.resize(many ? 40 : 1);
  return sequence;
}

Setting wide_setting(std::uint64_t number) {
  Draw draw(number);
  Setting s;
  const double accuracies[] = {1e-2, 1e-3, 1e-3, 1e-4, 1e-5};
  s.engine.accuracy = accuracies[draw.integer(0, 4)];
  const double frequency = draw.between(2e6, 8e6), wavelength = 1540 / frequency;
  s.probe = random_probe(draw, frequency);
  s.probe.bandwidth = draw.between(0.4, 0.9);
  const bool planar = s.probe.kind == Probe::Kind::matrix;
  if (draw.chance(0.5)) s.engine.model = Exact::Model::simus, s.engine.full_frequency_directivity = draw.chance(0.5);
  if (!planar && (draw.chance(0.2) || s.engine.model == Exact::Model::simus)) s.engine.dimensions = 2;
  const bool flat = s.engine.dimensions == 2;
  s.sequence = random_sequence(draw, s.probe);
  BurstConfig burst;
  burst.cycles = draw.between(1, 3);
  s.pulse = burst.build(s.probe);
  if (draw.chance(0.4)) s.phantom.background.attenuation = {draw.between(0.1, 1), draw.chance(0.5) ? 1 : 1.3};
  // From before the face on; the exact engine needs long where many transmits meet a high accuracy.
  const bool dear = s.engine.accuracy < 1e-3 && !flat;
  const Vec3 half = wavelength * (flat ? Vec3{20, 0, 24} : Vec3{10, draw.between(0, 3), 12});
  const double nearest = wavelength * draw.between(0.5, 20);
  for (int i = 0; i < (dear ? 400 : 1500); ++i) {
    s.phantom.scatterers.positions.push_back(
        {half.x * draw.between(-1, 1), half.y * draw.between(-1, 1), nearest + half.z * draw.between(0, 2)});
    s.phantom.scatterers.amplitudes.push_back(draw.normal());
  }
  s.receive.sampling_rate = frequency * draw.between(4, 8);
  s.receive.duration = 2.2 * (nearest + 2 * half.z + 30 * wavelength) / 1540 + 20 / frequency;
  s.what = s.probe.name + " " + std::to_string(number) +
           (s.engine.model == Exact::Model::simus ? ", simus" : ", physical") + (flat ? " 2-D, " : " 3-D, ") +
           std::to_string(s.sequence.transmits.size()) + " transmits, accuracy " + std::to_string(s.engine.accuracy);
  return s;
}

void check(std::uint64_t first, std::uint64_t last) {
  set_quiet(true);
  for (std::uint64_t number = first; number < last; ++number) {
    const Setting setting = wide_setting(number);
    EXPECT_LE(difference_from_exact(setting), setting.engine.accuracy) << setting.what;
  }
}

TEST(InnerCells, PromiseIsKept) {
  check(7000, 7012);
}
TEST(InnerCells, PromiseIsKeptLong) {
  check(7012, 7060);
}

}  // namespace
}  // namespace sonoforge
