#include "formats/zea.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "formats/reader.hpp"
#include "io/hdf5.hpp"
#include "tests/formats/support.hpp"
#include "tests/formats/zea_rules.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

using Zea = TestFolder;

template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

void expect_same(const Acquisition& a, const Acquisition& b) {
  EXPECT_EQ(a.samples, b.samples);
  EXPECT_EQ(a.samples_q, b.samples_q);
  EXPECT_EQ(a.sampling_rate, b.sampling_rate);
  EXPECT_EQ(a.start, b.start);
  EXPECT_EQ(a.centre_frequency, b.centre_frequency);
  EXPECT_EQ(a.demodulation_frequency, b.demodulation_frequency);
  EXPECT_EQ(a.sound_speed, b.sound_speed);
  EXPECT_EQ(a.description, b.description);
  EXPECT_EQ(a.notes, b.notes);
  EXPECT_EQ(a.probe.name, b.probe.name);
  EXPECT_EQ(a.probe.kind, b.probe.kind);
  EXPECT_EQ(a.probe.frequency, b.probe.frequency);
  EXPECT_EQ(a.probe.bandwidth, b.probe.bandwidth);
  EXPECT_EQ(a.probe.elevation_focus, b.probe.elevation_focus);
  EXPECT_EQ(a.probe.baffle, b.probe.baffle);
  EXPECT_EQ(a.probe.pitch, b.probe.pitch);
  EXPECT_EQ(a.probe.curvature_radius, b.probe.curvature_radius);
  ASSERT_EQ(a.probe.size(), b.probe.size());
  for (std::size_t i = 0; i < a.probe.size(); ++i) {
    const Element &p = a.probe.elements[i], &q = b.probe.elements[i];
    EXPECT_TRUE(p.position == q.position && p.normal == q.normal && p.lateral == q.lateral && p.width == q.width &&
                p.height == q.height && p.shape == q.shape && p.curvature_radius == q.curvature_radius);
  }
  EXPECT_EQ(a.sequence.receive_delays, b.sequence.receive_delays);
  EXPECT_EQ(a.sequence.frames, b.sequence.frames);
  EXPECT_EQ(a.sequence.frame_rate, b.sequence.frame_rate);
  EXPECT_EQ(a.sequence.lines, b.sequence.lines);
  ASSERT_EQ(a.sequence.transmits.size(), b.sequence.transmits.size());
  for (std::size_t t = 0; t < a.sequence.transmits.size(); ++t) {
    const Transmit &p = a.sequence.transmits[t], &q = b.sequence.transmits[t];
    EXPECT_EQ(p.wave, q.wave);
    EXPECT_TRUE(p.angle == q.angle && p.azimuth == q.azimuth && p.focus == q.focus && p.origin == q.origin &&
                p.direction == q.direction && p.time_of_origin == q.time_of_origin);
    ASSERT_EQ(p.laws.size(), q.laws.size());
    for (std::size_t l = 0; l < p.laws.size(); ++l) {
      EXPECT_TRUE(same_bits(p.laws[l].delays, q.laws[l].delays));
      EXPECT_TRUE(same_bits(p.laws[l].apodization, q.laws[l].apodization));
    }
  }
}

void expect_same(const ZeaFile& a, const ZeaFile& b) {
  expect_same(a.acquisition, b.acquisition);
  ASSERT_EQ(a.images.size(), b.images.size());
  for (std::size_t i = 0; i < a.images.size(); ++i) {
    EXPECT_EQ(a.images[i].grid, b.images[i].grid);
    EXPECT_EQ(a.images[i].values, b.images[i].values);
  }
  EXPECT_EQ(a.image_grid, b.image_grid);
  ASSERT_EQ(a.labels.size(), b.labels.size());
  for (std::size_t i = 0; i < a.labels.size(); ++i) {
    EXPECT_EQ(a.labels[i].name, b.labels[i].name);
    EXPECT_EQ(a.labels[i].unit, b.labels[i].unit);
    EXPECT_EQ(a.labels[i].description, b.labels[i].description);
    EXPECT_EQ(a.labels[i].grid, b.labels[i].grid);
    EXPECT_EQ(a.labels[i].channels, b.labels[i].channels);
    EXPECT_EQ(a.labels[i].values, b.labels[i].values);
  }
  EXPECT_EQ(a.config, b.config);
  if (!a.config.empty()) {
    EXPECT_EQ(a.seed, b.seed);  // a seed belongs to a config
  }
  EXPECT_EQ(a.scatterer_positions, b.scatterer_positions);
  EXPECT_EQ(a.scatterer_amplitudes, b.scatterer_amplitudes);
  ASSERT_EQ(a.factors.size(), b.factors.size());
  for (const auto& [name, factor] : a.factors) {
    ASSERT_TRUE(b.factors.contains(name));
    const FactorValue& other = b.factors.at(name);
    EXPECT_TRUE(factor.text == other.text && factor.numeric == other.numeric && factor.value == other.value &&
                factor.unit == other.unit);
  }
  ASSERT_EQ(a.measurements.size(), b.measurements.size());
  for (std::size_t i = 0; i < a.measurements.size(); ++i)
    EXPECT_TRUE(a.measurements[i].name == b.measurements[i].name &&
                a.measurements[i].value == b.measurements[i].value && a.measurements[i].unit == b.measurements[i].unit);
  EXPECT_EQ(a.subject_id, b.subject_id);
}

TEST_F(Zea, EverythingComesBackBitForBit) {
  const ZeaFile content = test::everything();
  write_zea(folder / "a.hdf5", content);
  expect_same(content, read_zea(folder / "a.hdf5"));
}

TEST_F(Zea, IqDataComesBackBitForBit) {
  ZeaFile content;
  content.acquisition = test::every_wave();
  content.acquisition.samples_q = test::numbered(2, 5, 6, 37, 2.0F);
  content.acquisition.demodulation_frequency = 5.1e6 / 1.03;
  content.acquisition.notes = {"the height is assumed"};
  content.acquisition.sequence.lines = true;
  content.seed = 7;
  write_zea(folder / "a.hdf5", content);
  expect_same(content, read_zea(folder / "a.hdf5"));
}

TEST_F(Zea, ImagesAloneComeBack) {
  ZeaFile content;
  content.images.push_back(RealMap(test::small_grid()));
  content.image_grid = test::small_grid();
  write_zea(folder / "a.hdf5", content);
  expect_same(content, read_zea(folder / "a.hdf5"));
}

TEST_F(Zea, OurFilesKeepTheRulesOfTheFormat) {
  const auto file = folder / "a.hdf5";
  const std::vector<std::string> none;
  write_zea(file, test::everything());
  EXPECT_EQ(test::ZeaRules::breaches(file), none);
  ZeaFile iq;
  iq.acquisition = test::every_wave();
  iq.acquisition.samples_q = iq.acquisition.samples;
  iq.acquisition.demodulation_frequency = 5e6;
  write_zea(file, iq);
  EXPECT_EQ(test::ZeaRules::breaches(file), none);
  // A volume: the elevation axis stands last in the file.
  ZeaFile volume;
  PixelGrid grid = test::small_grid();
  grid.y = {-1e-3, 1e-3, 3};
  volume.images.push_back(RealMap(grid));
  for (std::size_t i = 0; i < grid.size(); ++i) volume.images[0].values.data()[i] = -static_cast<float>(i);
  LabelMap label{"attenuation", "dB/(cm MHz)", "", grid, {}, NdArray<float, 4>({1, 5, 3, 7}, 0.5F)};
  volume.labels = {label};
  write_zea(file, volume);
  EXPECT_EQ(test::ZeaRules::breaches(file), none);
  const Hdf5Reader reader(file);
  EXPECT_EQ(reader.shape("tracks/track_0/data/image/values"), (std::vector<std::size_t>{1, 5, 7, 3}));
  // [z, y, x] = (2, 1, 4) is value (2 * 3 + 1) * 7 + 4 = 53 inside, and [z, x, y] = (2 * 7 + 4) * 3 + 1 = 55 in the
  // file.
  EXPECT_EQ(reader.read<float>("tracks/track_0/data/image/values")[55], -53.0F);
  const auto position = reader.read<float>("tracks/track_0/data/image/coordinates");
  EXPECT_EQ(position[3 * 55], static_cast<float>(grid.x.at(4)));
  EXPECT_EQ(position[3 * 55 + 1], static_cast<float>(grid.y.at(1)));
  EXPECT_EQ(position[3 * 55 + 2], static_cast<float>(grid.z.at(2)));
  EXPECT_EQ(read_zea(file).labels.at(0).values, label.values);
  EXPECT_EQ(read_zea(file).images.at(0).values, volume.images[0].values);
}

TEST_F(Zea, TheNumbersInTheFileAreZeas) {
  const Acquisition acquisition = test::every_wave();
  ZeaFile content;
  content.acquisition = acquisition;
  write_zea(folder / "a.hdf5", content);
  const Hdf5Reader reader(folder / "a.hdf5");
  const std::string scan = "tracks/track_0/scan/";
  const auto starts = reader.read<double>(scan + "initial_times");
  const auto distances = reader.read<double>(scan + "focus_distances");
  const auto polar = reader.read<double>(scan + "polar_angles");
  for (std::size_t t = 0; t < 5; ++t)  // zea adds the pulse's peak, one period, on its own
    EXPECT_NEAR(starts[t], acquisition.start[t] + 1.01 / 5.1e6, 1e-12);
  EXPECT_EQ(distances[0], INFINITY);
  EXPECT_NEAR(distances[1], -3.3e-3, 1e-9);  // along the axis (0, 0, 1) to the face
  EXPECT_NEAR(distances[2], std::hypot(0.05e-3, 7.7e-3), 1e-9);
  EXPECT_NEAR(polar[0], 0.123, 1e-7);
  EXPECT_NEAR(polar[2], std::atan2(0.05, 7.7), 1e-7);
  const auto raw = reader.read<float>("tracks/track_0/data/raw_data", {2, 5, 37, 6, 1});
  EXPECT_EQ(raw[((1 * 5 + 3) * 37 + 30) * 6 + 5], acquisition.samples(1, 3, 5, 30));
  // RF is demodulated at its centre frequency.
  EXPECT_EQ(reader.read_scalar<float>(scan + "demodulation_frequency"), static_cast<float>(5.1e6 / 1.01));
}

TEST_F(Zea, ComponentsAndGainCurveStandWhereTheyBelong) {
  ZeaFile content;
  content.acquisition = test::every_wave();
  Acquisition& rf = content.acquisition;
  rf.tgc_gain.resize(rf.samples_per_channel());
  for (std::size_t i = 0; i < rf.tgc_gain.size(); ++i) rf.tgc_gain[i] = 1 + 0.25 * static_cast<double>(i);
  rf.components = {{"lesion", rf.samples}, {"noise", NdArray<float, 4>(rf.samples.shape())}};
  write_zea(folder / "parts.hdf5", content);
  const Hdf5Reader reader(folder / "parts.hdf5");
  const auto whole = reader.read<float>("tracks/track_0/data/raw_data");
  EXPECT_EQ(reader.read<float>("sonoforge/components/lesion"), whole);
  EXPECT_EQ(reader.shape("sonoforge/components/noise"), reader.shape("tracks/track_0/data/raw_data"));
  EXPECT_EQ(read_zea(folder / "parts.hdf5").acquisition.tgc_gain, rf.tgc_gain);
  rf.components[0].samples = {};
  EXPECT_THROW(write_zea(folder / "bad.hdf5", content), UserError);
}

TEST_F(Zea, EqualContentGivesEqualBytes) {
  write_zea(folder / "a.hdf5", test::everything());
  write_zea(folder / "b.hdf5", test::everything());
  EXPECT_EQ(bytes(folder / "a.hdf5"), bytes(folder / "b.hdf5"));
  EXPECT_EQ(files(), 2U);
}

}  // namespace
}  // namespace sonoforge
