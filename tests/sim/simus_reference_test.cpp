#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "core/parallel.hpp"
#include "io/hdf5.hpp"
#include "sim/scatterer_engine.hpp"
#include "sim/simus_model.hpp"
#include "transducers/burst.hpp"

namespace sonoforge {
namespace {

/// One file of the reference: MUST's inputs as our objects.
struct Case {
  Hdf5Reader file;
  Probe probe;
  Phantom phantom;
  Sequence sequence;
  ReceiveConfig receive;
  std::shared_ptr<const Pulse> pulse;
  SimusOptions options;

  double number(const std::string& name) const { return file.read_scalar<double>("in/" + name); }
  std::vector<double> values(const std::string& name) const { return file.read<double>("in/" + name); }
  SimulationInput input() const { return {phantom, probe, *pulse, sequence, receive}; }

  explicit Case(const std::filesystem::path& path) : file(path) {
    const bool matrix = file.has("in/elements_xy");
    probe.frequency = number("fc");
    probe.bandwidth = number("bandwidth") / 100;
    probe.pitch = number("pitch");
    if (matrix) {
      const auto xy = values("elements_xy");
      const std::size_t n = xy.size() / 2;
      probe.kind = Probe::Kind::matrix;
      for (std::size_t e = 0; e < n; ++e)
        probe.elements.push_back(
            {.position = {xy[e], xy[n + e], 0}, .width = number("width"), .height = number("height")});
      sequence.receive_delays = {};
    } else {
      probe.kind = std::isfinite(number("radius")) ? Probe::Kind::curved : Probe::Kind::linear;
      probe.elevation_focus = number("focus");
      probe.curvature_radius = number("radius");
      const auto baffle = file.text_attribute("in", "baffle");
      probe.baffle = baffle == "soft"    ? std::numeric_limits<double>::infinity()
                     : baffle == "rigid" ? 0
                                         : std::stod(baffle);
      const auto x = values("element_x"), z = values("element_z"), theta = values("element_theta");
      for (std::size_t e = 0; e < x.size(); ++e)
        probe.elements.push_back({.position = {x[e], 0, z[e]},
                                  .normal = {std::sin(theta[e]), 0, std::cos(theta[e])},
                                  .lateral = {std::cos(theta[e]), 0, -std::sin(theta[e])},
                                  .width = number("width"),
                                  .height = number("height")});
      options.full_frequency_directivity = number("FullFrequencyDirectivity") != 0;
      options.threshold_db = number("dBThresh");
      phantom.background.attenuation = {number("attenuation"), 1};
      if (file.has("in/RXdelay")) sequence.receive_delays = values("RXdelay");
    }
    phantom.background.sound_speed = number("c");
    options.dimensions = file.has("in/y") ? 3 : 2;
    const auto x = values("x"), z = values("z");
    const auto y = options.dimensions == 3 ? values("y") : std::vector<double>(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) phantom.scatterers.positions.push_back({x[i], y[i], z[i]});
    if (file.has("in/RC")) phantom.scatterers.amplitudes = values("RC");
    BurstConfig burst;
    if (file.has("in/TXnow")) burst.cycles = number("TXnow");
    pulse = burst.build(probe);
    receive.sampling_rate = number("fs");
    receive.samples = 1;

    const auto delays = values("TXdelay");
    const auto apodization =
        file.has("in/TXapodization") ? values("TXapodization") : std::vector<double>(probe.size(), 1.0);
    Transmit transmit;
    for (std::size_t row = 0; row < delays.size() / probe.size(); ++row) {
      TransmitLaw law;
      for (std::size_t e = 0; e < probe.size(); ++e) {
        const double delay = delays[row * probe.size() + e];
        law.delays.push_back(delay);
        law.apodization.push_back(std::isnan(delay) ? 0 : apodization[e]);
      }
      transmit.laws.push_back(law);
    }
    sequence.transmits = {transmit};
  }
};

std::filesystem::path folder() {
  const char* root = std::getenv("SONOFORGE_REFERENCE");
  return root ? std::filesystem::path(root) / "simus" : std::filesystem::path();
}

class SimusReference : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (folder().empty()) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set: the reference results are not at hand";
  }
};

class SimusEchoReference : public SimusReference {};
class SimusPressureReference : public SimusReference {};

TEST_P(SimusEchoReference, IsReproducedUnscaled) {
  const Case test(folder() / (std::string(GetParam()) + ".h5"));
  const auto echoes = simus_echoes(test.input(), test.options, 0);
  EXPECT_EQ(echoes.frequencies, test.file.read_scalar<std::int64_t>("out/Nf"));
  EXPECT_NEAR(echoes.effective_sampling_rate, test.file.read_scalar<double>("out/fs_effective"), 1e-3);
  if (test.file.has("out/active_band")) {
    const auto band = test.file.read<std::int64_t>("out/active_band");
    EXPECT_EQ(echoes.first, band[0]);
    EXPECT_EQ(echoes.last + 1, band[1]);
  }
  const auto shape = test.file.shape("out/RF");
  ASSERT_EQ(shape[0], echoes.samples.extent(1));
  ASSERT_EQ(shape[1], echoes.samples.extent(0));
  const auto expected = test.file.read<double>("out/RF");
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < shape[0]; ++i)
    for (std::size_t e = 0; e < shape[1]; ++e) {
      const double difference = echoes.samples(e, i) - expected[i * shape[1] + e];
      error += difference * difference;
      norm += expected[i * shape[1] + e] * expected[i * shape[1] + e];
    }
  // The reference computes in complex64 with a recursive product of phasors, which costs it 2e-5 to 1.2e-4.
  const double relative = std::sqrt(error / norm);
  RecordProperty("relative_l2", std::to_string(relative));
  std::cout << GetParam() << ": relative L2 " << relative << '\n';
  EXPECT_LT(relative, 3e-4);
}

INSTANTIATE_TEST_SUITE_P(All, SimusEchoReference,
                         testing::Values("apod_subap_rxdelay", "attenuation", "bandwidth", "convex_focused",
                                         "convex_pw", "cyst5000", "elev3d_linear", "elev3d_phased", "focused",
                                         "fs_noninteger", "full_freq_dir", "grid20", "mlt", "phased_diverging",
                                         "phased_focused", "point_onaxis", "points_offaxis", "pw_tilt",
                                         "simus3_matrix8", "single_element_1.5", "single_element_rigid",
                                         "single_element_soft"),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

// What users get: samples of an engine, at MUST's own times.
template <class SimusEngine>
double difference_of_engine(const std::string& name, SimusEngine engine) {
  Case test(folder() / (name + ".h5"));
  const auto shape = test.file.shape("out/RF");
  test.receive.samples = static_cast<std::int64_t>(shape[0]);
  // A rate a hair below the one that MUST comes to comes to that same one.
  test.receive.sampling_rate = test.file.read_scalar<double>("out/fs_effective") * (1 - 1e-12);
  engine.model = Exact::Model::simus;
  engine.dimensions = test.options.dimensions;
  engine.full_frequency_directivity = test.options.full_frequency_directivity;
  const Acquisition echoes = engine.simulate(test.input());
  const auto expected = test.file.read<double>("out/RF");
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < shape[0]; ++i)
    for (std::size_t e = 0; e < shape[1]; ++e) {
      const double wanted = expected[i * shape[1] + e];
      const double difference = static_cast<double>(echoes.samples(0, 0, e, i)) - wanted;
      error += difference * difference;
      norm += wanted * wanted;
    }
  std::cout << name << ": relative L2 " << std::sqrt(error / norm) << '\n';
  return std::sqrt(error / norm);
}

TEST_P(SimusEchoReference, IsReproducedByEngineExact) {
  EXPECT_LT(difference_of_engine(GetParam(), Exact()), 3e-4);  // as above
}
// Its accuracy and the digits of the reference together.
TEST_P(SimusEchoReference, IsReproducedByEngineScatterersWithinItsAccuracy) {
  ScattererEngine engine;
  engine.accuracy = 1e-3;
  EXPECT_LT(difference_of_engine(GetParam(), engine), 1e-3);
}

TEST_P(SimusPressureReference, IsReproducedUnscaled) {
  const Case test(folder() / (std::string(GetParam()) + ".h5"));
  const auto pressure = simus_pressure(test.input(), test.options, test.phantom.scatterers.positions, 0);
  EXPECT_EQ(pressure.frequencies, test.file.read_scalar<std::int64_t>("out/Nf"));
  const auto band = test.file.read<std::int64_t>("out/active_band");
  EXPECT_EQ(pressure.first, band[0]);
  EXPECT_EQ(pressure.last + 1, band[1]);
  const auto expected = test.file.read<double>("out/P_rms");
  ASSERT_EQ(expected.size(), pressure.rms.size());
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error += (pressure.rms[i] - expected[i]) * (pressure.rms[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  const double relative = std::sqrt(error / norm);
  std::cout << GetParam() << ": relative L2 " << relative << '\n';
  EXPECT_LT(relative, 3e-4);  // complex64 of the reference, as above
}

INSTANTIATE_TEST_SUITE_P(All, SimusPressureReference,
                         testing::Values("pfield_convex_att", "pfield_elev_plane", "pfield_linear_focused",
                                         "pfield_phased_3d"));

}  // namespace
}  // namespace sonoforge
