#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <numbers>

#include "formats/convert.hpp"
#include "formats/must.hpp"
#include "formats/picmus.hpp"
#include "formats/reader.hpp"
#include "formats/uff.hpp"
#include "io/hdf5.hpp"
#include "tests/formats/support.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

class Readers : public TestFolder {
 protected:
  /// A file among the reference files of other programs, "" where they are not there.
  static fs::path reference(const std::string& name) {
    const char* root = std::getenv("SONOFORGE_REFERENCE");
    if (root == nullptr) return {};
    const fs::path file = fs::path(root) / "third_party" / name;
    return fs::exists(file) ? file : fs::path{};
  }
};

TEST_F(Readers, RotatingDiskOfMust) {
  const auto file = reference("PWI_disk.mat");
  if (file.empty()) GTEST_SKIP() << "set SONOFORGE_REFERENCE to the folder of reference files";
  EXPECT_EQ(detect_format(file), "must");
  const ZeaFile content = read_any(file);
  const Acquisition& disk = content.acquisition;
  ASSERT_EQ(disk.samples.shape(), (NdArray<float, 4>::Shape{32, 1, 128, 334}));
  // Read with SciPy: RF(101, 11, 4), RF(201, 65, 1), RF(152, 1, 1) in MATLAB's counting.
  EXPECT_EQ(disk.samples(3, 0, 10, 100), 398.0F);
  EXPECT_EQ(disk.samples(0, 0, 64, 200), -158.0F);
  EXPECT_EQ(disk.samples(0, 0, 0, 151), -146.0F);
  EXPECT_NEAR(disk.sampling_rate, 20e6 / 3, 1e-3);
  EXPECT_EQ(disk.centre_frequency, 5e6);
  EXPECT_EQ(disk.sound_speed, 1480);
  EXPECT_NEAR(disk.start.at(0), 9.95e-6, 1e-15);
  EXPECT_EQ(disk.sequence.frame_rate, 1e4);
  EXPECT_EQ(disk.probe.kind, Probe::Kind::linear);
  EXPECT_NEAR(disk.probe.elements.front().position.x, -63.5 * 0.298e-3, 1e-12);
  EXPECT_NEAR(disk.probe.elements.front().width, 0.262e-3, 1e-12);
  EXPECT_NEAR(disk.probe.bandwidth, 0.15, 1e-12);
  const Transmit& transmit = disk.sequence.transmits.at(0);
  EXPECT_EQ(transmit.wave, Transmit::Wave::plane);
  EXPECT_NEAR(transmit.angle, 0, 1e-9);
  EXPECT_NEAR(transmit.time_of_origin, 0, 1e-12);
  // 4/3 of the frequency is below Nyquist's rate: a note must say so.
  EXPECT_NE(disk.notes.back().find("band-pass sampled"), std::string::npos);
}

// Beams of a sector leave the centre of the face; their angles must survive the way through UFF.
TEST_F(Readers, SectorsSurviveUff) {
  ZeaFile content;
  Acquisition& acquisition = content.acquisition;
  acquisition.probe = test::small_probe(16);
  const std::vector<double> ones(16, 1.0);
  for (double angle : {-0.4, 0.0, 0.3})
    acquisition.sequence.transmits.push_back(focused_transmit(acquisition.probe, ones, {0.03 * std::sin(angle), 0, 0.03 * std::cos(angle)}, {}, 1540));
  acquisition.sequence.lines = true;
  acquisition.samples = test::numbered(1, 3, 16, 20);
  acquisition.start.assign(3, 0.0);
  acquisition.sampling_rate = 20e6;
  acquisition.centre_frequency = 5e6;
  write_uff(folder / "a.uff", content);
  const ZeaFile again = read_any(folder / "a.uff");
  const auto& transmits = again.acquisition.sequence.transmits;
  ASSERT_EQ(transmits.size(), 3u);
  for (std::size_t t = 0; t < 3; ++t) {
    EXPECT_NEAR(transmits[t].angle, acquisition.sequence.transmits[t].angle, 1e-6);  // single precision
    EXPECT_LT(norm(transmits[t].origin), 1e-6);
  }
}

TEST_F(Readers, FilesWithoutChannelDataAreRefusedByWhatTheyHold) {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"picmus_phantom_1.hdf5", "phantom"}, {"picmus_phantom_2.hdf5", "phantom"}, {"picmus_das_1.hdf5", "images"}};
  for (const auto& [name, word] : cases) {
    const auto file = reference(name);
    if (file.empty()) GTEST_SKIP() << "set SONOFORGE_REFERENCE to the folder of reference files";
    const auto text = error_of([&] { read_any(file); });
    EXPECT_NE(text.find(word), std::string::npos) << name << ": " << text;
  }
}

TEST_F(Readers, FieldIIDataInPybfsLayout) {
  const auto file = reference("pybf.hdf5");
  if (file.empty()) GTEST_SKIP() << "set SONOFORGE_REFERENCE to the folder of reference files";
  EXPECT_EQ(detect_format(file), "pybf");
  const Acquisition read = read_any(file).acquisition;
  ASSERT_EQ(read.samples.shape(), (NdArray<float, 4>::Shape{1, 3, 192, 2313}));
  EXPECT_EQ(read.samples(0, 2, 10, 500), -1393.0F);  // read with h5py
  EXPECT_EQ(read.samples(0, 0, 191, 2000), 7.0F);
  EXPECT_EQ(read.sampling_rate, 20e6);
  EXPECT_NEAR(read.probe.elements.front().position.x, -95.5 * 0.23e-3, 1e-9);
  EXPECT_NEAR(read.probe.elements.front().height, 10e-3, 1e-9);
  const double angle = 12 * std::numbers::pi / 180;
  for (std::size_t t = 0; t < 3; ++t) {
    const double early = t == 1 ? 0 : 95.5 * 0.23e-3 * std::sin(angle) / 1540;
    EXPECT_NEAR(read.start[t], -3.6625e-6 + early, 1e-11);
    EXPECT_NEAR(read.sequence.transmits[t].angle, (static_cast<double>(t) - 1) * angle, 1e-6);
  }
}

/// A PICMUS file of `angles` with 4 elements at odd places, as its authors write it.
void write_picmus_by_hand(const fs::path& file, const std::vector<float>& angles, float modulation, bool iq,
                  const std::vector<float>& real, const std::vector<float>& imaginary, std::size_t samples) {
  const std::string group = "US/US_DATASET0000/";
  const std::vector<float> geometry{-3e-3F, -1e-3F, 1e-3F, 3e-3F, 0, 0, 0, 0, 0, 0, 0, 0};
  auto scalar = [&](Hdf5Writer& writer, const std::string& name, float value) {
    writer.write<float>(group + name, std::span(&value, 1), {1});
  };
  Hdf5Writer writer(file);
  scalar(writer, "sound_speed", 1540);
  scalar(writer, "initial_time", 3e-6F);
  scalar(writer, "sampling_frequency", 20.832e6F);
  scalar(writer, "PRF", 100);
  scalar(writer, "modulation_frequency", modulation);
  writer.write<float>(group + "angles", angles, {angles.size()});
  writer.write<float>(group + "probe_geometry", geometry, {3, 4});
  writer.write<float>(group + "data/real", real, {angles.size(), 4, samples});
  if (iq) writer.write<float>(group + "data/imag", imaginary, {angles.size(), 4, samples});
  writer.commit();
}

TEST_F(Readers, PicmusTimesAreMovedToTheFirstFiring) {
  const std::vector<float> angles{-0.25F, 0, 0.25F};
  std::vector<float> real(3 * 4 * 5);
  for (std::size_t i = 0; i < real.size(); ++i) real[i] = static_cast<float>(i);
  write_picmus_by_hand(folder / "a.hdf5", angles, 0, false, real, {}, 5);
  EXPECT_EQ(detect_format(folder / "a.hdf5"), "picmus");
  const Acquisition read = read_any(folder / "a.hdf5").acquisition;
  EXPECT_FALSE(read.is_iq());
  EXPECT_EQ(read.samples(0, 2, 1, 4), static_cast<float>((2 * 4 + 1) * 5 + 4));
  EXPECT_EQ(read.centre_frequency, 5.208e6);
  EXPECT_NEAR(read.sequence.frame_rate, 100.0 / 3, 1e-6);
  for (std::size_t t = 0; t < 3; ++t) {
    // The first element to fire does so 3 mm * sin(angle) / c before the wavefront passes the origin, PICMUS's zero.
    const double early = 3e-3 * std::sin(std::abs(static_cast<double>(angles[t]))) / 1540;
    EXPECT_NEAR(read.start[t], 3e-6 + early, 1e-12);  // float32 of 3 us: 2e-13
    const double expected = angles[t] == 0 ? 0 : 2 * early;
    EXPECT_NEAR(read.sequence.transmits[t].laws[0].delays[angles[t] > 0 ? 3 : 0], expected, 1e-12);
  }
}

/// IQ data must turn back into the RF it was made of: RF = Re(IQ exp(2 pi i f t)) on both time axes.
TEST_F(Readers, PicmusIqKeepsThePhaseOfItsRf) {
  const double f = 5.2e6, rate = 20.832e6, begin = static_cast<double>(3e-6F);
  std::vector<float> real(4 * 40), imaginary(4 * 40);
  auto envelope = [](std::size_t channel, std::size_t n) { return 1 + 0.1 * static_cast<double>(channel * n); };
  for (std::size_t c = 0; c < 4; ++c)
    for (std::size_t n = 0; n < 40; ++n) {
      real[c * 40 + n] = static_cast<float>(envelope(c, n) * std::cos(0.7));
      imaginary[c * 40 + n] = static_cast<float>(envelope(c, n) * std::sin(0.7));
    }
  write_picmus_by_hand(folder / "a.hdf5", {0}, static_cast<float>(f), true, real, imaginary, 40);
  const Acquisition read = read_any(folder / "a.hdf5").acquisition;
  ASSERT_TRUE(read.is_iq());
  for (std::size_t c = 0; c < 4; ++c)
    for (std::size_t n = 0; n < 40; ++n) {
      const double local = static_cast<double>(n) / rate, absolute = begin + local;
      const double truth = envelope(c, n) * std::cos(2 * std::numbers::pi * f * absolute + 0.7);
      const double phase = 2 * std::numbers::pi * read.demodulation_frequency * local;
      const double found = read.samples(0, 0, c, n) * std::cos(phase) - read.samples_q(0, 0, c, n) * std::sin(phase);
      EXPECT_NEAR(found, truth, 1e-4 * envelope(c, n));  // the rates are float32: 31 periods * 6e-8 * 2 pi
    }
}

/// A UFF file by hand, as MATLAB writes it: two waves, IQ, dimensions reversed.
TEST_F(Readers, UffByHand) {
  const double c = 1500, x_last = 2e-3, angle = 0.2, depth = 15e-3;
  {
    Hdf5Writer writer(folder / "a.uff");
    auto scalar = [&](const std::string& name, double value) {
      const auto narrow = static_cast<float>(value);
      writer.write<float>("channel_data/" + name, std::span(&narrow, 1), {1, 1});
    };
    writer.group("channel_data");
    writer.fixed_attribute("channel_data", "class", "uff.channel_data");
    scalar("sampling_frequency", 20e6);
    scalar("initial_time", 1e-6);
    scalar("sound_speed", c);
    scalar("modulation_frequency", 0);
    scalar("pulse/center_frequency", 5e6);
    scalar("PRF", 1000);
    const std::vector<float> geometry{-2e-3F, 0, 2e-3F, 0, 0,       0,       0,       0,     0,     0,    0,
                                      0,      0, 0,     0, 1.8e-3F, 1.8e-3F, 1.8e-3F, 5e-3F, 5e-3F, 5e-3F};
    writer.write<float>("channel_data/probe/geometry", geometry, {7, 3});
    scalar("sequence/sequence_0001/wavefront", 0);
    scalar("sequence/sequence_0001/source/distance", INFINITY);
    scalar("sequence/sequence_0001/source/azimuth", angle);
    scalar("sequence/sequence_0001/source/elevation", 0);
    scalar("sequence/sequence_0001/delay", 2e-6);
    scalar("sequence/sequence_0002/wavefront", 1);
    scalar("sequence/sequence_0002/source/distance", depth);
    scalar("sequence/sequence_0002/source/azimuth", 0);
    scalar("sequence/sequence_0002/source/elevation", 0);
    scalar("sequence/sequence_0003/wavefront", 1);
    scalar("sequence/sequence_0003/source/distance", depth);
    scalar("sequence/sequence_0003/source/azimuth", std::numbers::pi);
    scalar("sequence/sequence_0003/source/elevation", 0);
    std::vector<float> data(3 * 3 * 4);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<float>(i);
    writer.write<float>("channel_data/data", data, {3, 3, 4});
    writer.commit();
  }
  EXPECT_EQ(detect_format(folder / "a.uff"), "uff");
  const Acquisition read = read_any(folder / "a.uff").acquisition;
  ASSERT_EQ(read.samples.shape(), (NdArray<float, 4>::Shape{1, 3, 3, 4}));
  EXPECT_EQ(read.samples(0, 1, 2, 3), 23.0F);
  EXPECT_NEAR(read.sequence.frame_rate, 1000.0 / 3, 1e-4);
  ASSERT_EQ(read.sequence.transmits.size(), 3U);
  const auto& [plane, focused, diverging] =
      std::tie(read.sequence.transmits[0], read.sequence.transmits[1], read.sequence.transmits[2]);
  EXPECT_EQ(plane.wave, Transmit::Wave::plane);
  EXPECT_EQ(focused.wave, Transmit::Wave::focused);
  EXPECT_EQ(diverging.wave, Transmit::Wave::diverging);
  // UFF's zero: the wave passes the origin, where the middle element stands. So the first sample comes initial_time +
  // delay after the middle element has fired; the first firing is that of the outer (or, diverging, middle) element.
  const double edge = std::hypot(x_last, depth) - depth;
  const double tolerance = 1e-11;  // float32 of the numbers in the file
  EXPECT_NEAR(read.start[0], 1e-6 + 2e-6 + x_last * std::sin(angle) / c, tolerance);
  EXPECT_NEAR(read.start[1], 1e-6 + edge / c, tolerance);
  EXPECT_NEAR(read.start[2], 1e-6, tolerance);
  EXPECT_NEAR(plane.laws[0].delays[2], 2 * x_last * std::sin(angle) / c, tolerance);
  EXPECT_NEAR(focused.laws[0].delays[1], edge / c, tolerance);
  EXPECT_NEAR(diverging.laws[0].delays[0], edge / c, tolerance);
}

TEST_F(Readers, UffRoundTrip) {
  ZeaFile content;
  content.acquisition = test::every_wave();
  Acquisition& written = content.acquisition;
  written.sequence.receive_delays.clear();
  written.sequence.transmits.pop_back();  // two laws superposed: refused below
  const std::vector<double> ones(6, 1.0);
  // UFF keeps no apodization: a full aperture comes back as it was.
  written.sequence.transmits[2] =
      focused_transmit(written.probe, ones, {0.1e-3, 0, 7.7e-3}, {0.05e-3, 0, 0}, written.sound_speed);
  written.sequence.transmits[1] =
      diverging_transmit(written.probe, ones, {0.4e-3, 0, -3.3e-3}, {0, 0, 1}, written.sound_speed);
  written.start.pop_back();
  written.samples = test::numbered(2, 4, 6, 37);
  for (const bool iq : {false, true}) {
    if (iq) {
      written.samples_q = test::numbered(2, 4, 6, 37, 1);
      written.demodulation_frequency = 5e6;
    }
    write_uff(folder / "a.uff", content);
    const Acquisition read = read_any(folder / "a.uff").acquisition;
    EXPECT_EQ(read.samples, written.samples);
    EXPECT_EQ(read.samples_q, written.samples_q);
    ASSERT_EQ(read.sequence.transmits.size(), 4U);
    for (std::size_t t = 0; t < 4; ++t) {
      const Transmit &a = written.sequence.transmits[t], &b = read.sequence.transmits[t];
      EXPECT_EQ(a.wave, b.wave);
      EXPECT_NEAR(written.start[t], read.start[t], 2e-12);  // float32 of microseconds
      EXPECT_NEAR(a.time_of_origin, b.time_of_origin, 2e-12);
      EXPECT_LT(norm(a.focus - b.focus), 2e-9);
      for (std::size_t e = 0; e < 6; ++e)
        EXPECT_TRUE(std::abs(a.laws[0].delays[e] - b.laws[0].delays[e]) < 2e-12 ||
                    (std::isnan(a.laws[0].delays[e]) && std::isnan(b.laws[0].delays[e])));
    }
  }
  content.acquisition = test::every_wave();
  EXPECT_NE(error_of([&] { write_uff(folder / "b.uff", content); }).find("receive delays"), std::string::npos);
  content.acquisition.sequence.receive_delays.clear();
  EXPECT_NE(error_of([&] { write_uff(folder / "b.uff", content); }).find("no plane"), std::string::npos);
  EXPECT_EQ(files(), 1U);
}

/// Pulses of known shape on starts between samples: what is read back is the same pulse on its own time axis. Gaussian pulses
/// whose spectrum at the Nyquist frequency is below 1e-8 of its peak move without error but float32's.
TEST_F(Readers, PicmusFilesAreWrittenOnOneTimeAxis) {
  const double rate = 40e6, carrier = 5e6, width = 0.25e-6;
  const std::size_t channels = 6, samples = 400;
  ZeaFile content;
  Acquisition& written = content.acquisition;
  written.probe = test::small_probe(channels);
  const std::vector<double> ones(channels, 1.0);
  for (double angle : {-0.2, 0.0, 0.15})
    written.sequence.transmits.push_back(plane_transmit(written.probe, ones, angle, 0, 1540));
  written.sequence.frame_rate = 50;
  written.sampling_rate = rate;
  written.centre_frequency = carrier;
  written.sound_speed = 1540;
  written.start = {0, 1e-6, 2.013e-6};
  // Time from the wave's passage through the origin to the pulse's centre.
  const auto centre = [](std::size_t t, std::size_t e) { return 5e-6 + 0.1e-6 * static_cast<double>(t) + 0.2e-6 * static_cast<double>(e); };
  const auto envelope = [&](double t) { return 100 * std::exp(-0.5 * t * t / (width * width)); };
  for (const bool iq : {false, true}) {
    written.samples = NdArray<float, 4>({1, 3, channels, samples});
    if (iq) written.samples_q = NdArray<float, 4>({1, 3, channels, samples});
    written.demodulation_frequency = iq ? carrier : 0;
    for (std::size_t t = 0; t < 3; ++t)
      for (std::size_t e = 0; e < channels; ++e)
        for (std::size_t n = 0; n < samples; ++n) {
          const double local = static_cast<double>(n) / rate;
          const double x = written.start[t] - written.sequence.transmits[t].time_of_origin + local - centre(t, e);
          // RF = envelope cos(w x); its IQ counts phase from the record's first sample.
          const double phase = 2 * std::numbers::pi * carrier * (x - (iq ? local : 0));
          written.samples(0, t, e, n) = static_cast<float>(envelope(x) * std::cos(phase));
          if (iq) written.samples_q(0, t, e, n) = static_cast<float>(envelope(x) * std::sin(phase));
        }
    write_picmus(folder / "a.hdf5", content);
    EXPECT_EQ(detect_format(folder / "a.hdf5"), "picmus");
    const Acquisition read = read_any(folder / "a.hdf5").acquisition;
    ASSERT_EQ(read.is_iq(), iq);
    EXPECT_NEAR(read.sequence.frame_rate, 50, 1e-4);
    double worst = 0;
    for (std::size_t t = 0; t < 3; ++t) {
      EXPECT_NEAR(read.sequence.transmits[t].angle, written.sequence.transmits[t].angle, 1e-7);
      for (std::size_t e = 0; e < channels; ++e)
        for (std::size_t n = 0; n < read.samples_per_channel(); ++n) {
          const double local = static_cast<double>(n) / rate;
          const double x = read.start[t] - read.sequence.transmits[t].time_of_origin + local - centre(t, e);
          const double turn = 2 * std::numbers::pi * read.demodulation_frequency * local;
          double found = read.samples(0, t, e, n);
          if (iq) found = found * std::cos(turn) - read.samples_q(0, t, e, n) * std::sin(turn);
          worst = std::max(worst, std::abs(found - envelope(x) * std::cos(2 * std::numbers::pi * carrier * x)));
        }
    }
    // float32: the initial time of 1 us to 6e-8 turns the carrier by 2e-6; the samples of 100 are good to 6e-6.
    EXPECT_LT(worst, 1e-3) << (iq ? "IQ" : "RF");
  }
  content.acquisition = test::every_wave();
  EXPECT_NE(error_of([&] { write_picmus(folder / "b.hdf5", content); }).find("2 frames"), std::string::npos);
  content.acquisition.samples = test::numbered(1, 5, 6, 37);
  EXPECT_NE(error_of([&] { write_picmus(folder / "b.hdf5", content); }).find("receive delays"), std::string::npos);
  content.acquisition.sequence.receive_delays.clear();
  EXPECT_NE(error_of([&] { write_picmus(folder / "b.hdf5", content); }).find("no plane wave"), std::string::npos);
  EXPECT_EQ(files(), 1U);
}

TEST_F(Readers, UnknownFilesAreRefused) {
  put(folder / "text.hdf5", "this is no channel data at all, whatever its name says");
  EXPECT_NE(error_of([&] { read_any(folder / "text.hdf5"); }).find("unknown format"), std::string::npos);
  EXPECT_NE(error_of([&] { read_any(folder); }).find("folder"), std::string::npos);
  EXPECT_NE(error_of([&] { read_any(folder / "none"); }).find("no such file"), std::string::npos);
  {
    Hdf5Writer writer(folder / "other.hdf5");
    writer.write_scalar("something", 1.0);
    writer.commit();
  }
  EXPECT_NE(error_of([&] { read_any(folder / "other.hdf5"); }).find("unknown format"), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
