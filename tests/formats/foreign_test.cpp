#include "formats/foreign.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>
#include <numbers>

#include "formats/info.hpp"
#include "formats/reader.hpp"
#include "formats/zea.hpp"
#include "io/hdf5.hpp"
#include "tests/formats/support.hpp"
#include "tests/formats/zea_rules.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

/// A zea file of another program, every dataset written by hand.
struct HandMade {
  std::string data = "tracks/track_0/data/", scan = "tracks/track_0/scan/", geometry = "probe/probe_geometry";
  std::size_t frames = 2, transmits = 2, samples = 9, elements = 5, parts = 1;
  double pitch = 0.4e-3, sound_speed = 1480, frequency = 4e6;
  std::set<std::string> without;  ///< datasets left out
  std::vector<float> delays, focus_distances, polar_angles, apodization;
  std::function<void(Hdf5Writer&)> more = [](Hdf5Writer&) {};
  bool version = true, int16 = false;

  double x(std::size_t element) const {
    return (static_cast<double>(element) - 0.5 * static_cast<double>(elements - 1)) * pitch;
  }
  /// Plane waves of these angles, as any scanner would delay them.
  void plane_waves(const std::vector<double>& angles) {
    transmits = angles.size();
    for (double angle : angles) {
      const double earliest = -std::abs(x(elements - 1) * std::sin(angle));
      for (std::size_t e = 0; e < elements; ++e)
        delays.push_back(static_cast<float>((x(e) * std::sin(angle) - earliest) / sound_speed));
      focus_distances.push_back(INFINITY);
      polar_angles.push_back(static_cast<float>(angle));
    }
    apodization.assign(transmits * elements, 1.0F);
  }

  void write(const fs::path& file) const {
    Hdf5Writer writer(file);
    if (version) writer.attribute("", "zea_version", std::string("0.1.6"));
    auto array = [&](const std::string& path, const std::vector<float>& values, const std::vector<std::size_t>& shape) {
      if (!without.contains(path.substr(path.rfind('/') + 1))) writer.write<float>(path, values, shape);
    };
    std::vector<float> positions, starts(transmits, 3e-6F), raw(frames * transmits * samples * elements * parts);
    for (std::size_t e = 0; e < elements; ++e) positions.insert(positions.end(), {static_cast<float>(x(e)), 0, 0});
    for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = static_cast<float>(i % 1000) - 500;
    array(geometry, positions, {elements, 3});
    const std::vector<std::size_t> shape{frames, transmits, samples, elements, parts};
    if (int16) {
      const std::vector<std::int16_t> integers(raw.begin(), raw.end());
      writer.write<std::int16_t>(data + "raw_data", integers, shape);
    } else {
      array(data + "raw_data", raw, shape);
    }
    array(scan + "sampling_frequency", {16e6F}, {});
    array(scan + "center_frequency", {static_cast<float>(frequency)}, {});
    array(scan + "demodulation_frequency", {static_cast<float>(frequency)}, {});
    array(scan + "sound_speed", {static_cast<float>(sound_speed)}, {});
    array(scan + "initial_times", starts, {transmits});
    array(scan + "t0_delays", delays, {transmits, elements});
    array(scan + "tx_apodizations", apodization, {transmits, elements});
    array(scan + "focus_distances", focus_distances, {transmits});
    array(scan + "polar_angles", polar_angles, {transmits});
    array(scan + "transmit_origins", std::vector<float>(3 * transmits, 0.0F), {transmits, 3});
    more(writer);
    writer.commit();
  }
};

class Foreign : public TestFolder {
 protected:
  Acquisition read(const HandMade& made) {
    made.write(folder / "a.hdf5");
    return read_any(folder / "a.hdf5").acquisition;
  }
  static bool notes_hold(const Acquisition& acquisition, const std::string& word) {
    for (const auto& note : acquisition.notes)
      if (note.find(word) != std::string::npos) return true;
    return false;
  }
};

TEST_F(Foreign, PlaneWavesOfAnotherProgram) {
  HandMade made;
  made.plane_waves({-0.2, 0.1});
  const Acquisition read = this->read(made);
  ASSERT_EQ(read.samples.shape(), (NdArray<float, 4>::Shape{2, 2, 5, 9}));
  // [frame 1, transmit 0, channel 3, sample 4] stands at ((1 * 2 + 0) * 9 + 4) * 5 + 3 = 113 in the file.
  EXPECT_EQ(read.samples(1, 0, 3, 4), 113.0F - 500);
  EXPECT_FALSE(read.is_iq());
  EXPECT_NEAR(read.start[0], 3e-6 - 1 / 4e6, 1e-12);
  EXPECT_EQ(read.sequence.frames, 2U);
  for (std::size_t t = 0; t < 2; ++t) {
    const Transmit& transmit = read.sequence.transmits[t];
    const double angle = t == 0 ? -0.2 : 0.1;
    EXPECT_EQ(transmit.wave, Transmit::Wave::plane);
    EXPECT_NEAR(transmit.angle, angle, 1e-7);
    // The middle element, at the origin, fires when the wave passes there.
    EXPECT_NEAR(transmit.time_of_origin, transmit.laws[0].delays[2], 1e-12);
  }
  EXPECT_EQ(read.probe.kind, Probe::Kind::linear);
  EXPECT_NEAR(read.probe.pitch, 0.4e-3, 1e-9);
  EXPECT_TRUE(notes_hold(read, "width"));
  EXPECT_TRUE(notes_hold(read, "height"));
}

TEST_F(Foreign, OldFlatLayoutsAndIntegers) {
  HandMade made;
  made.plane_waves({0, 0.1});
  made.data = "data/";
  made.scan = "scan/";
  made.geometry = "scan/probe_geometry";
  made.version = false;
  made.int16 = true;
  made.more = [](Hdf5Writer& writer) {
    const float width = 0.31e-3F;
    writer.write_scalar("scan/element_width", width);
    writer.attribute("", "probe", std::string("old probe"));
  };
  const Acquisition read = this->read(made);
  EXPECT_EQ(read.samples(1, 0, 3, 4), 113.0F - 500);
  EXPECT_EQ(read.probe.name, "old probe");
  EXPECT_NEAR(read.probe.elements[0].width, 0.31e-3, 1e-10);
  EXPECT_EQ(read.sequence.transmits[1].wave, Transmit::Wave::plane);
}

TEST_F(Foreign, IqOfAnotherProgram) {
  HandMade made;
  made.plane_waves({0});
  made.parts = 2;
  const Acquisition read = this->read(made);
  ASSERT_TRUE(read.is_iq());
  EXPECT_EQ(read.demodulation_frequency, 4e6);
  // [0, 0, channel 1, sample 2]: pair (2 * 5 + 1) = 11.
  EXPECT_EQ(read.samples(0, 0, 1, 2), 22.0F - 500);
  EXPECT_EQ(read.samples_q(0, 0, 1, 2), 23.0F - 500);
}

TEST_F(Foreign, WavesAreRecognisedByTheirDelays) {
  const double c = 1480, depth = 12e-3;
  HandMade made;
  made.elements = 8;
  made.plane_waves({0.1, 0.1, 0.1, 0.1, 0.1, 0.1});
  auto set = [&](std::size_t transmit, auto&& time) {
    double first = INFINITY;
    for (std::size_t e = 0; e < 8; ++e) first = std::min(first, time(made.x(e)));
    for (std::size_t e = 0; e < 8; ++e) made.delays[transmit * 8 + e] = static_cast<float>(time(made.x(e)) - first);
  };
  // 0: diverging, stated. 1: focused, stated. 2: focused, not stated. 3: plane of another angle than stated.
  set(0, [&](double x) { return std::hypot(x, depth) / c; });
  made.focus_distances[0] = -static_cast<float>(depth);
  made.polar_angles[0] = 0;
  set(1, [&](double x) { return -std::hypot(x - depth * std::sin(0.1), depth * std::cos(0.1)) / c; });
  made.focus_distances[1] = static_cast<float>(depth);
  set(2, [&](double x) { return -std::hypot(x - 1e-3, depth) / c; });
  set(3, [&](double x) { return x * std::sin(-0.15) / c; });
  set(4, [&](double x) { return 1e-6 * std::sin(9000 * x); });  // nothing known
  for (std::size_t e = 0; e < 8; ++e) made.apodization[5 * 8 + e] = e == 6 ? 1.0F : 0.0F;
  const Acquisition read = this->read(made);
  const auto& transmits = read.sequence.transmits;
  using Wave = Transmit::Wave;
  const Wave waves[6] = {Wave::diverging, Wave::focused, Wave::focused, Wave::plane, Wave::custom, Wave::element};
  for (std::size_t t = 0; t < 6; ++t) EXPECT_EQ(transmits[t].wave, waves[t]) << t;
  EXPECT_NEAR(transmits[0].focus.z, -depth, 1e-8);
  EXPECT_NEAR(transmits[1].focus.x, depth * std::sin(0.1), 1e-8);
  // Fitted from delays of float32 (1e-13 s): the depth comes out to a few micrometres.
  EXPECT_NEAR(transmits[2].focus.x, 1e-3, 2e-6);
  EXPECT_NEAR(transmits[2].focus.z, depth, 2e-5);
  EXPECT_NEAR(transmits[3].angle, -0.15, 1e-6);
  EXPECT_EQ(transmits[5].focus, read.probe.elements[6].position);
  // The times of origin make the stated arrival law true at the outermost element that fires first or last.
  for (std::size_t t : {0U, 1U, 2U}) {
    const double sign = transmits[t].wave == Wave::focused ? -1 : 1;
    for (std::size_t e = 0; e < 8; ++e) {
      const double arrival =
          transmits[t].time_of_origin + sign * norm(read.probe.elements[e].position - transmits[t].focus) / c;
      EXPECT_NEAR(arrival, transmits[t].laws[0].delays[e], 1e-11);
    }
  }
}

TEST_F(Foreign, MissingKeysAreAssumedAndSaid) {
  HandMade made;
  made.sound_speed = 1540;
  made.plane_waves({0.1, -0.1});
  const Acquisition whole = this->read(made);
  const std::map<std::string, std::string> notes{{"sound_speed", "1540 m/s"},
                                                 {"initial_times", "first sample"},
                                                 {"tx_apodizations", "fire alike"},
                                                 {"t0_delays", "worked out"}};
  for (const auto& [name, word] : notes) {
    made.without = {name};
    made.delays.clear(), made.focus_distances.clear(), made.polar_angles.clear();
    made.plane_waves({0.1, -0.1});
    const Acquisition read = this->read(made);
    EXPECT_TRUE(notes_hold(read, word)) << name;
    for (std::size_t t = 0; t < 2; ++t)
      for (std::size_t e = 0; e < 5; ++e)
        EXPECT_NEAR(read.sequence.transmits[t].laws[0].delays[e], whole.sequence.transmits[t].laws[0].delays[e], 1e-12);
  }
  for (const char* name : {"sampling_frequency", "center_frequency", "probe_geometry"}) {
    made.without = {name};
    made.write(folder / "b.hdf5");
    const auto text = error_of([&] { read_any(folder / "b.hdf5"); });
    EXPECT_NE(text.find(name), std::string::npos) << text;
    EXPECT_NE(text.find("b.hdf5"), std::string::npos) << text;
  }
}

TEST_F(Foreign, DelaysThatDoNotStartAtZeroAreMoved) {
  HandMade made;
  made.plane_waves({0.1});
  for (float& delay : made.delays) delay += 1e-6F;
  const Acquisition read = this->read(made);
  EXPECT_NEAR(read.start[0], 3e-6 - 1 / 4e6 - 1e-6, 1e-12);
  EXPECT_EQ(*std::min_element(read.sequence.transmits[0].laws[0].delays.begin(),
                              read.sequence.transmits[0].laws[0].delays.end()),
            0);
}

TEST_F(Foreign, CurvedArraysAreRecognised) {
  std::vector<Vec3> positions;
  for (int i = -10; i <= 10; ++i) positions.push_back({0.04 * std::sin(0.02 * i), 0, 0.04 * std::cos(0.02 * i) - 0.04});
  std::vector<std::string> notes;
  const Probe probe = probe_from_positions("file", "geometry", positions, 0.3e-3, 5e-3, notes);
  EXPECT_EQ(probe.kind, Probe::Kind::curved);
  EXPECT_NEAR(probe.curvature_radius, 0.04, 1e-9);
  EXPECT_NEAR(probe.elements[0].normal.x, std::sin(-0.2), 1e-9);
  EXPECT_NEAR(probe.pitch, 2 * 0.04 * std::sin(0.01), 1e-9);
  EXPECT_TRUE(notes.empty());
}

TEST_F(Foreign, GridsAreRecognisedFromTheirPixels) {
  for (const PixelGrid& grid : {test::small_grid(), test::small_sector()}) {
    std::vector<float> positions;
    for (std::size_t z = 0; z < grid.z.count; ++z)
      for (std::size_t x = 0; x < grid.x.count; ++x) {
        const Vec3 p = grid.position(z, 0, x);
        for (double v : {p.x, p.y, p.z}) positions.push_back(static_cast<float>(v));
      }
    const auto found = grid_from_positions(positions, grid.z.count, grid.x.count, 1);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->kind, grid.kind);
    for (std::size_t z = 0; z < grid.z.count; ++z)
      for (std::size_t x = 0; x < grid.x.count; ++x)
        EXPECT_LT(norm(found->position(z, 0, x) - grid.position(z, 0, x)), 1e-7);
    positions[7] += 1e-4F;
    positions[3] += 1e-3F;
    EXPECT_FALSE(grid_from_positions(positions, grid.z.count, grid.x.count, 1));
  }
}

TEST_F(Foreign, MapsOfAnotherProgram) {
  HandMade made;
  made.plane_waves({0});
  made.frames = 1;
  made.more = [](Hdf5Writer& writer) {
    const std::string data = "tracks/track_0/data/";
    const std::vector<std::uint8_t> grey{0, 255, 51, 102, 153, 204};
    std::vector<float> coordinates;
    for (int z = 0; z < 2; ++z)
      for (int x = 0; x < 3; ++x)
        coordinates.insert(coordinates.end(), {static_cast<float>(x) * 1e-3F, 0, static_cast<float>(z) * 2e-3F});
    writer.write<std::uint8_t>(data + "image/values", grey, {1, 2, 3});
    writer.write<float>(data + "image/coordinates", coordinates, {1, 2, 3, 3});  // with the frame axis
    const std::vector<float> strain{1, 2, 3, 4, 5, 6};
    writer.write<float>(data + "strain_percentage_map/values", strain, {1, 2, 3});
    writer.write<float>(data + "strain_percentage_map/coordinates", coordinates, {2, 3, 3});
    writer.write_text(data + "strain_percentage_map/unit", "%");
    writer.write<float>(data + "envelope_data/values", strain, {1, 2, 3});
  };
  made.write(folder / "a.hdf5");
  const ZeaFile content = read_zea(folder / "a.hdf5");
  ASSERT_EQ(content.images.size(), 1U);
  EXPECT_FLOAT_EQ(content.images[0].values(0, 0, 0), -60);
  EXPECT_FLOAT_EQ(content.images[0].values(0, 0, 1), 0);
  EXPECT_FLOAT_EQ(content.images[0].values(1, 0, 2), -12);
  EXPECT_NEAR(content.image_grid->x.step, 1e-3, 1e-9);
  EXPECT_NEAR(content.image_grid->z.step, 2e-3, 1e-9);
  ASSERT_EQ(content.labels.size(), 1U);
  EXPECT_EQ(content.labels[0].name, "strain_percentage_map");
  EXPECT_EQ(content.labels[0].unit, "%");
  EXPECT_EQ(content.labels[0].values(0, 1, 0, 2), 6);
  EXPECT_TRUE(notes_hold(content.acquisition, "8-bit"));
  EXPECT_TRUE(notes_hold(content.acquisition, "envelope_data"));
}

TEST_F(Foreign, TheCheckOfTheRulesFindsBreaches) {
  HandMade made;
  made.plane_waves({0.1});
  made.write(folder / "a.hdf5");
  const auto all = test::ZeaRules::breaches(folder / "a.hdf5");  // no units, no descriptions, no us_machine
  auto holds = [](const std::vector<std::string>& list, const std::string& word) {
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& text) { return text.find(word) != std::string::npos; });
  };
  EXPECT_TRUE(holds(all, "no attribute unit"));
  EXPECT_TRUE(holds(all, "us_machine"));
  made.more = [](Hdf5Writer& writer) {
    const std::vector<float> flat(6);
    writer.write<float>("tracks/track_0/data/flat", flat, {1, 2, 3});
    writer.write<float>("tracks/track_0/scan/own_key", flat, {6});
    writer.write<float>("tracks/track_0/data/sos_map/values", flat, {2, 1, 3});
  };
  made.write(folder / "a.hdf5");
  const auto more = test::ZeaRules::breaches(folder / "a.hdf5");
  EXPECT_TRUE(holds(more, "flat array"));
  EXPECT_TRUE(holds(more, "own_key"));
  EXPECT_TRUE(holds(more, "unit must be m/s"));
  EXPECT_TRUE(holds(more, "no coordinates"));
}

TEST_F(Foreign, ChangedFilesAreReadAsTheyStand) {
  write_zea(folder / "a.hdf5", test::everything());
  // Another program halves the gain and moves the start by a microsecond, leaving /sonoforge as it is.
  {
    const Hdf5Reader reader(folder / "a.hdf5");
    Hdf5Writer writer(folder / "b.hdf5");
    writer.attribute("", "zea_version", std::string("0.1.6"));
    std::function<void(const std::string&)> copy = [&](const std::string& group) {
      for (const auto& name : reader.children(group.empty() ? "/" : group)) {
        const std::string path = group.empty() ? name : group + "/" + name;
        if (reader.is_group(path)) {
          copy(path);
        } else if (reader.type_name(path) == "string") {
          const auto texts = reader.read_texts(path);
          if (reader.shape(path).empty())
            writer.write_text(path, texts.front());
          else
            writer.write_texts(path, texts);
        } else if (reader.type_name(path) == "bool") {
          writer.write_bools(path, reader.read<std::uint8_t>(path), reader.shape(path));
        } else {
          auto values = reader.read<double>(path);
          if (name == "initial_times")
            for (double& v : values) v += 1e-6;
          if (reader.type_name(path) == "float32") {
            const std::vector<float> narrow(values.begin(), values.end());
            writer.write<float>(path, narrow, reader.shape(path));
          } else {
            writer.write<double>(path, values, reader.shape(path));
          }
        }
      }
    };
    copy("");
    writer.commit();
  }
  const Acquisition before = read_zea(folder / "a.hdf5").acquisition, after = read_zea(folder / "b.hdf5").acquisition;
  EXPECT_TRUE(notes_hold(after, "changed by another program"));
  for (std::size_t t = 0; t < 5; ++t) EXPECT_NEAR(after.start[t], before.start[t] + 1e-6, 2e-12);
  // What the file states without us is still understood, the two superposed laws excepted.
  for (std::size_t t = 0; t < 4; ++t)
    EXPECT_EQ(after.sequence.transmits[t].wave, before.sequence.transmits[t].wave) << t;
}

TEST_F(Foreign, DescriptionsSayWhatAFieldHolds) {
  Hdf5Writer writer(folder / "field.hdf5");
  writer.write<double>("rms_pressure", std::vector<double>(6, 1.5), {2, 3}, {.unit = "Pa", .description = "root mean square"});
  writer.write<double>("x", std::vector<double>{0, 1, 2}, {3}, {.unit = "m", .description = "lateral position"});
  writer.write_text("sonoforge/config", "sonoforge: 1\n");
  writer.commit();
  const auto info = describe_file(folder / "field.hdf5");
  EXPECT_EQ(info.at("format"), "field");
  EXPECT_EQ(info.at("data").at("rms_pressure").at("shape"), (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(info.at("data").at("rms_pressure").at("unit"), "Pa");
  EXPECT_EQ(info.at("data").at("x").at("type"), "float64");
}

TEST_F(Foreign, DescriptionsSayWhatIsInAFile) {
  write_zea(folder / "a.hdf5", test::everything());
  const auto info = describe_file(folder / "a.hdf5");
  EXPECT_EQ(info.at("format"), "zea");
  EXPECT_EQ(info.at("data").at("kind"), "RF");
  EXPECT_EQ(info.at("data").at("frames"), 2);
  EXPECT_EQ(info.at("data").at("samples"), 37);
  EXPECT_EQ(info.at("sequence").at("transmits"), 5);
  EXPECT_EQ(info.at("sequence").at("waves").at("custom"), 1);
  EXPECT_EQ(info.at("probe").at("elements"), 6);
  EXPECT_EQ(info.at("labels").size(), 3U);
  EXPECT_EQ(info.at("labels").at(1).at("channels").at(0), "lesion");
  EXPECT_EQ(info.at("images"), 2);
  EXPECT_EQ(info.at("image_grid").at("kind"), "polar");
  EXPECT_EQ(info.at("seed"), 18446744073709551615ULL);
  EXPECT_EQ(info.at("sonoforge_version"), SONOFORGE_VERSION);
  EXPECT_EQ(info.at("measurements").at("area").at("unit"), "m^2");
  EXPECT_EQ(info.at("factors").at("kind"), "malignant");
}

}  // namespace
}  // namespace sonoforge
