#include "formats/zea.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "formats/reader.hpp"
#include "io/hdf5.hpp"
#include "tests/formats/support.hpp"
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
  EXPECT_EQ(a.seed, b.seed);
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

TEST_F(Zea, EqualContentGivesEqualBytes) {
  write_zea(folder / "a.hdf5", test::everything());
  write_zea(folder / "b.hdf5", test::everything());
  EXPECT_EQ(bytes(folder / "a.hdf5"), bytes(folder / "b.hdf5"));
  EXPECT_EQ(files(), 2U);
}

}  // namespace
}  // namespace sonoforge
