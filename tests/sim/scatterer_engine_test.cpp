// Engine scatterers against engine exact: fixed-seed set-ups over all probes, sequences, pulses and media.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "tests/sim/against_exact.hpp"
#include "transducers/burst.hpp"
#include "transducers/chirp.hpp"
#include "transducers/coded.hpp"
#include "transducers/convex_array.hpp"
#include "transducers/diverging_waves.hpp"
#include "transducers/focused_beams.hpp"
#include "transducers/linear_array.hpp"
#include "transducers/matrix_array.hpp"
#include "transducers/multi_line.hpp"
#include "transducers/plane_waves.hpp"
#include "transducers/probe_library.hpp"
#include "transducers/ring_array.hpp"
#include "transducers/single_element.hpp"
#include "transducers/synthetic_aperture.hpp"

namespace sonoforge {
namespace {

using namespace against_exact;

constexpr double infinity = std::numeric_limits<double>::infinity();

template <class Config>
void common(Config& probe, Draw& draw, double frequency) {
  probe.frequency = frequency;
  const double baffles[] = {0, infinity, 1.75};
  probe.baffle = baffles[draw.integer(0, 2)];
}

Probe random_probe(Draw& draw, double frequency, double wavelength, std::string& what) {
  const auto lens = [&] { return draw.chance(0.6) ? draw.between(10e-3, 40e-3) : infinity; };
  switch (draw.integer(0, 7)) {
    case 0:
    case 1: {
      LinearArray probe;
      common(probe, draw, frequency);
      probe.elements = draw.integer(1, 40);
      probe.pitch = wavelength * draw.between(0.4, 2);
      probe.width = probe.pitch * draw.between(0.5, 1);
      probe.height = wavelength * draw.between(2, 15);
      probe.elevation_focus = lens();
      what += "linear";
      return probe.build();
    }
    case 2: {
      ConvexArray probe;
      common(probe, draw, frequency);
      probe.elements = draw.integer(3, 40);
      probe.pitch = wavelength * draw.between(0.5, 1.5);
      probe.radius = std::max(20 * wavelength, static_cast<double>(probe.elements) * probe.pitch) * draw.between(0.5, 2);
      probe.height = wavelength * draw.between(3, 12);
      probe.elevation_focus = lens();
      what += "convex";
      return probe.build();
    }
    case 3: {
      MatrixArray probe;
      common(probe, draw, frequency);
      probe.elements_x = draw.integer(1, 8), probe.elements_y = draw.integer(1, 6);
      probe.pitch_x = wavelength * draw.between(0.5, 1.2);
      what += "matrix";
      return probe.build();
    }
    case 4: {
      RowColumnArray probe;
      common(probe, draw, frequency);
      probe.columns = draw.integer(2, 10), probe.rows = draw.integer(2, 10);
      probe.pitch = wavelength * draw.between(0.5, 1.2);
      what += "row-column";
      return probe.build();
    }
    case 5: {
      RingArray probe;
      common(probe, draw, frequency);
      probe.elements = draw.integer(3, 24);
      probe.radius = wavelength * draw.between(15, 40);
      probe.width = wavelength * draw.between(0.5, 1.5);
      probe.height = wavelength * draw.between(2, 8);
      probe.elevation_focus = lens();
      what += "ring";
      return probe.build();
    }
    case 6: {
      Disc probe;
      common(probe, draw, frequency);
      probe.diameter = wavelength * draw.between(2, 20);
      what += "disc";
      return probe.build();
    }
    default: {
      Bowl probe;
      common(probe, draw, frequency);
      probe.diameter = wavelength * draw.between(4, 20);
      probe.radius = probe.diameter * draw.between(0.8, 3);
      what += "bowl";
      return probe.build();
    }
  }
}

Sequence random_sequence(Draw& draw, const Probe& probe, double depth, std::string& what) {
  const bool row = probe.kind == Probe::Kind::linear || probe.kind == Probe::Kind::phased || probe.kind == Probe::Kind::curved;
  const auto angle = [&] { return draw.between(-0.3, 0.3); };
  switch (row && probe.size() > 4 ? draw.integer(0, 5) : 5) {
    case 0:
      if (probe.kind != Probe::Kind::curved) {
        what += " plane";
        PlaneWaves waves;
        waves.angles = {angle(), angle()};
        return waves.build(probe, 1540);
      }
      [[fallthrough]];
    case 1: {
      what += " synthetic";
      return SyntheticAperture().build(probe, 1540);
    }
    case 2: {
      what += " focused";
      FocusedBeams beams;
      beams.focus = depth;
      beams.angles = {angle(), angle(), angle()};
      return beams.build(probe, 1540);
    }
    case 3:
      if (probe.kind != Probe::Kind::curved) {
        what += " diverging";
        DivergingWaves waves;
        waves.angles = {angle()};
        waves.width = draw.between(0.3, 1);
        return waves.build(probe, 1540);
      }
      [[fallthrough]];
    case 4: {
      what += " multi-line";
      MultiLine lines;
      lines.focus = depth;
      lines.angles = {-0.2, 0.1, 0.25};
      return lines.build(probe, 1540);
    }
    default: {
      // Delays and weights at random, some elements silent, delays on receive.
      what += " custom";
      Sequence sequence;
      for (std::int64_t t = draw.integer(1, 2); t > 0; --t) {
        Transmit transmit;
        transmit.wave = Transmit::Wave::custom;
        TransmitLaw law;
        for (std::size_t n = 0; n < probe.size(); ++n) {
          const bool silent = n > 0 && draw.chance(0.2);
          law.delays.push_back(silent ? std::numeric_limits<double>::quiet_NaN() : (n == 0 ? 0 : draw.between(0, 2 / probe.frequency)));
          law.apodization.push_back(silent ? 0 : draw.between(0.2, 1));
        }
        transmit.laws = {law};
        sequence.transmits.push_back(transmit);
      }
      if (draw.chance(0.3))
        for (std::size_t n = 0; n < probe.size(); ++n) sequence.receive_delays.push_back(draw.between(0, 3 / probe.frequency));
      return sequence;
    }
  }
}

Setting random_setting(std::uint64_t number) {
  Draw draw(number);
  Setting s;
  s.what = "setting " + std::to_string(number) + ": ";
  const double accuracies[] = {1e-2, 1e-3, 1e-3, 1e-4, 1e-5};
  s.engine.accuracy = accuracies[draw.integer(0, 4)];
  const double frequency = draw.between(1.5e6, 8e6), wavelength = 1540 / frequency;
  s.probe = random_probe(draw, frequency, wavelength, s.what);
  s.probe.bandwidth = draw.chance(0.85) ? draw.between(0.4, 0.9) : 0;
  const bool row = s.probe.kind == Probe::Kind::linear || s.probe.kind == Probe::Kind::phased || s.probe.kind == Probe::Kind::curved;
  if (row && draw.chance(0.3)) s.engine.dimensions = 2;
  const bool simus = s.probe.elements[0].shape == Element::Shape::rectangle && s.probe.kind != Probe::Kind::ring &&
                     s.probe.kind != Probe::Kind::row_column && s.probe.bandwidth > 0 && draw.chance(0.35);
  if (simus) s.engine.model = Exact::Model::simus, s.engine.full_frequency_directivity = draw.chance(0.5);
  const double depth = wavelength * draw.between(8, 60), spread = wavelength * draw.between(1, 15);
  s.sequence = random_sequence(draw, s.probe, depth, s.what);
  BurstConfig burst;
  burst.cycles = draw.between(1, 3);
  s.pulse = burst.build(s.probe);
  if (!simus && draw.chance(0.15)) {
    ChirpConfig chirp;
    chirp.frequency_from = 0.7 * frequency, chirp.frequency_to = 1.3 * frequency, chirp.duration = 8 / frequency;
    s.pulse = chirp.build(s.probe);
    s.what += " chirp";
  } else if (!simus && draw.chance(0.1)) {
    CodedConfig coded;
    s.pulse = coded.build(s.probe);
    s.what += " coded";
  }
  if (draw.chance(0.5)) {
    s.phantom.background.attenuation = {draw.between(0.1, 1.5), simus || draw.chance(0.5) ? 1 : draw.between(0.8, 1.6)};
    s.what += " lossy";
  }
  s.phantom.background.scattering_exponent = draw.chance(0.5) ? 2 : 0;
  // Many close together, so that cells hold many; now and then right before the face.
  const double centre_x = draw.between(-1, 1) * 6 * wavelength, nearest = draw.chance(0.2) ? 0.5 * wavelength : 3 * wavelength;
  const std::int64_t count = draw.integer(1, 60);
  const double height = s.engine.dimensions == 2 || draw.chance(0.3) ? 0 : draw.between(0.5, 5) * wavelength;
  const double z = std::max(nearest, depth - spread / 2);
  for (std::int64_t i = 0; i < count; ++i) {
    s.phantom.scatterers.positions.push_back(
        {centre_x + draw.between(-0.5, 0.5) * spread, height == 0 ? 0 : draw.between(-height, height), z + draw.between(0, 1) * spread});
    s.phantom.scatterers.amplitudes.push_back(draw.normal());
  }
  s.receive.sampling_rate = frequency * draw.between(4, 8);
  s.receive.duration = 3 * (z + spread + 2 * wavelength * 20) / 1540 + 20 / frequency;
  s.what += s.engine.model == Exact::Model::simus ? " simus" : " physical";
  s.what += s.engine.dimensions == 2 ? " 2-D" : " 3-D";
  s.what += s.probe.bandwidth > 0 ? "" : " flat";
  s.what += ", accuracy " + std::to_string(s.engine.accuracy);
  return s;
}

void check_settings(std::uint64_t first, std::uint64_t last) {
  set_quiet(true);
  for (std::uint64_t number = first; number < last; ++number) {
    const Setting setting = random_setting(number);
    const double difference = difference_from_exact(setting);
    EXPECT_LE(difference, setting.engine.accuracy) << setting.what;
  }
}

TEST(ScattererEngine, KeepsItsPromiseOnRandomSettings) { check_settings(0, 60); }
TEST(ScattererEngine, KeepsItsPromiseOnRandomSettingsLong) { check_settings(60, 500); }

// So many scatterers within few wavelengths that the points of a grid stand for them.
TEST(ScattererEngine, KeepsItsPromiseOnCrowdedSettings) {
  set_quiet(true);
  for (std::uint64_t number = 1000; number < 1012; ++number) {
    Setting setting = random_setting(number);
    auto& scatterers = setting.phantom.scatterers;
    RandomStream random(11, number, "crowd");
    const double wavelength = 1540 / setting.probe.frequency;
    const Vec3 middle{0, 0, 30 * wavelength};
    scatterers.positions.clear(), scatterers.amplitudes.clear();
    for (int i = 0; i < 1500; ++i) {
      const double x = random.uniform(-1, 1), y = random.uniform(-1, 1), z = random.uniform(-1, 1);
      scatterers.positions.push_back(middle + wavelength * Vec3{x, setting.engine.dimensions == 2 ? 0 : 0.3 * y, z});
      scatterers.amplitudes.push_back(random.normal());
    }
    setting.receive.duration = 90 / setting.probe.frequency + 40 * wavelength / 1540;
    EXPECT_LE(difference_from_exact(setting), setting.engine.accuracy) << setting.what;
  }
}

/// A region dense enough that cells hold many scatterers and expansions are at work.
Setting dense_scene(const char* probe, int dimensions, Exact::Model model, double accuracy) {
  Setting s;
  s.probe = Typed<ProbeConfig>::make(probe_catalog(), probe)->build();
  s.pulse = BurstConfig().build(s.probe);
  PlaneWaves waves;
  waves.angles = {0, 0.15};
  s.sequence = waves.build(s.probe, 1540);
  s.phantom.background.attenuation = {0.5, 1};
  s.engine.dimensions = dimensions, s.engine.model = model, s.engine.accuracy = accuracy;
  RandomStream random(3, 0, "dense");
  for (int i = 0; i < 600; ++i) {
    const double x = random.uniform(3e-3, 5e-3), y = dimensions == 2 ? 0 : random.uniform(-0.5e-3, 0.5e-3),
                 z = random.uniform(12e-3, 14e-3);
    s.phantom.scatterers.positions.push_back({x, y, z});
    s.phantom.scatterers.amplitudes.push_back(random.normal());
  }
  s.receive.sampling_rate = 4 * s.probe.frequency;
  s.receive.depth = 16e-3;
  return s;
}

TEST(ScattererEngine, DenseScenesStayWithinTheAccuracy) {
  set_quiet(true);
  for (const auto model : {Exact::Model::physical, Exact::Model::simus})
    for (const int dimensions : {2, 3})
      for (const double accuracy : {1e-2, 1e-3, 1e-5}) {
        if (model == Exact::Model::physical && dimensions == 3 && accuracy < 1e-4) continue;  // minutes of engine exact
        const Setting scene = dense_scene("P4-2v", dimensions, model, accuracy);
        EXPECT_LE(difference_from_exact(scene), accuracy)
            << (model == Exact::Model::physical ? "physical " : "simus ") << dimensions << "-D " << accuracy;
      }
}

/// Few scatterers share cells of centimetres, where the phases of single precision are off by 1e-4.
TEST(ScattererEngine, SparseScenesStayWithinTheAccuracy) {
  set_quiet(true);
  for (const double accuracy : {3e-4, 1e-4})
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      Setting scene = dense_scene("P4-2v", 2, Exact::Model::simus, accuracy);
      scene.phantom.background.attenuation = {};
      scene.sequence.transmits.resize(1);
      scene.receive.depth = 80e-3;
      RandomStream random(seed, 0, "sparse");
      scene.phantom.scatterers = {};
      for (int i = 0; i < 40; ++i) {
        const Vec3 place{random.uniform(-20e-3, 20e-3), 0, random.uniform(1e-3, 80e-3)};
        scene.phantom.scatterers.positions.push_back(i == 0 ? Vec3{5.6e-3, 0, 1.2e-3} : place);
        scene.phantom.scatterers.amplitudes.push_back(i == 0 ? 1.3 : random.normal());
      }
      EXPECT_LE(difference_from_exact(scene), accuracy) << seed;
    }
}

TEST(ScattererEngine, SameBitsForAnyNumberOfThreads) {
  set_quiet(true);
  const Setting scene = dense_scene("L11-5v", 3, Exact::Model::physical, 1e-3);
  set_thread_count(1);
  const Acquisition one = scene.engine.simulate(scene.input());
  for (const int threads : {2, 7}) {
    set_thread_count(threads);
    EXPECT_TRUE(scene.engine.simulate(scene.input()).samples == one.samples) << threads << " threads";
  }
  set_thread_count(0);
}

// What the report says of the engine's own error: measured on a sample that the seed alone draws.
TEST(ScattererEngine, MeasuresItsErrorOnASampleTheSameForAnyNumberOfThreads) {
  set_quiet(true);
  const Setting scene = dense_scene("L11-5v", 3, Exact::Model::physical, 1e-3);
  const RandomStream random(3, 0, "engine error");
  set_thread_count(1);
  const auto one = scene.engine.measured_error(scene.input(), random);
  ASSERT_TRUE(one);
  EXPECT_GT(one->relative_l2, 0);
  EXPECT_LE(one->relative_l2, 1e-3);
  EXPECT_GE(one->scatterers, 4);
  EXPECT_EQ(one->transmits, 2);
  for (const int threads : {2, 7}) {
    set_thread_count(threads);
    EXPECT_EQ(scene.engine.measured_error(scene.input(), random)->relative_l2, one->relative_l2) << threads;
  }
  set_thread_count(0);
  EXPECT_NE(scene.engine.measured_error(scene.input(), random.child("another"))->relative_l2, one->relative_l2);
  EXPECT_FALSE(Exact().measured_error(scene.input(), random)) << "the yardstick";
  Setting empty = scene;
  empty.phantom.scatterers = {};
  EXPECT_FALSE(empty.engine.measured_error(empty.input(), random));
}

}  // namespace
}  // namespace sonoforge
