#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>

#include "formats/convert.hpp"
#include "formats/info.hpp"
#include "formats/reader.hpp"
#include "formats/uff.hpp"
#include "formats/zea.hpp"
#include "io/hdf5.hpp"
#include "io/png.hpp"
#include "tests/formats/support.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

class Hostile : public TestFolder {
 protected:
  /// Our own file with one dataset replaced (or left out, where `replace` writes nothing).
  void write_with(const std::string& replaced, const std::function<void(Hdf5Writer&, const std::string&)>& replace,
                  bool with_ours) {
    if (!good_reader_) good_reader_.emplace(good());
    const Hdf5Reader& reader = *good_reader_;
    Hdf5Writer writer(folder / "bad.hdf5");
    writer.attribute("", "zea_version", std::string("0.1.6"));
    std::function<void(const std::string&)> copy = [&](const std::string& group) {
      for (const auto& name : reader.children(group.empty() ? "/" : group)) {
        const std::string path = group.empty() ? name : group + "/" + name;
        if (path == "sonoforge" && !with_ours) continue;
        if (path == replaced) {
          replace(writer, path);
        } else if (reader.is_group(path)) {
          copy(path);
        } else if (reader.type_name(path) == "string") {
          const auto texts = reader.read_texts(path);
          if (reader.shape(path).empty())
            writer.write_text(path, texts.front());
          else
            writer.write_texts(path, texts);
        } else if (reader.type_name(path) == "bool") {
          writer.write_bools(path, reader.read<std::uint8_t>(path), reader.shape(path));
        } else if (reader.type_name(path) == "float32") {
          writer.write<float>(path, reader.read<float>(path), reader.shape(path));
        } else {
          writer.write<double>(path, reader.read<double>(path), reader.shape(path));
        }
      }
    };
    copy("");
    writer.commit();
  }
  fs::path good() {
    const auto file = folder / "good.hdf5";
    if (!fs::exists(file)) write_zea(file, test::everything());
    return file;
  }
  std::string refusal() {
    return error_of([&] { read_zea(folder / "bad.hdf5"); });
  }
  std::optional<Hdf5Reader> good_reader_;
};

TEST_F(Hostile, TruncatedFilesAreRefused) {
  const auto whole = bytes(good());
  for (std::size_t i = 0; i < 20; ++i) {
    put(folder / "bad.hdf5", whole.substr(0, whole.size() * i / 20));
    EXPECT_NE(refusal(), "no error") << i;
  }
}

TEST_F(Hostile, DamagedFilesNeverCrash) {
  write_uff(folder / "good.uff", [] {
    ZeaFile content = test::everything();
    content.acquisition.sequence.receive_delays.clear();
    content.acquisition.sequence.transmits.resize(4);
    content.acquisition.start.resize(4);
    content.acquisition.samples = test::numbered(2, 4, 6, 37);
    return content;
  }());
  for (const auto& file : {good(), folder / "good.uff"}) {
    // Other exceptions, or a crash, fail the test; damage in the samples alone goes unnoticed.
    const int refused = fuzz(bytes(file), 30, [](const fs::path& damaged) { describe_file(damaged); });
    EXPECT_GT(refused, 2) << file;
  }
}

TEST_F(Hostile, EveryNumberOfTheGeometryMustBeFinite) {
  const std::string scan = "tracks/track_0/scan/";
  for (const std::string& path :
       {std::string("probe/probe_geometry"), scan + "t0_delays", scan + "initial_times", scan + "sampling_frequency",
        scan + "center_frequency", scan + "sound_speed", scan + "polar_angles", scan + "focus_distances",
        scan + "transmit_origins", scan + "tx_apodizations", std::string("tracks/track_0/data/raw_data"),
        std::string("tracks/track_0/data/image/values")}) {
    const auto shape = Hdf5Reader(good()).shape(path);
    write_with(
        path,
        [&](Hdf5Writer& writer, const std::string& name) {
          auto values = Hdf5Reader(good()).read<float>(name);
          values.back() = NAN;
          writer.write<float>(name, values, shape);
        },
        false);
    EXPECT_NE(refusal().find("bad.hdf5"), std::string::npos) << path << ": " << refusal();
  }
}

// Whoever corrects delays or angles with another program means them: our own copy must not win over them in silence.
TEST_F(Hostile, EditedTransmitsCount) {
  const std::string scan = "tracks/track_0/scan/";
  EXPECT_TRUE(read_zea(good()).acquisition.notes.empty());
  for (const char* name : {"t0_delays", "tx_apodizations", "focus_distances", "polar_angles", "azimuth_angles", "transmit_origins"}) {
    const auto shape = Hdf5Reader(good()).shape(scan + name);
    write_with(
        scan + name,
        [&](Hdf5Writer& writer, const std::string& path) {
          auto values = Hdf5Reader(good()).read<float>(path);
          for (float& v : values)
            if (v != 0 && std::isfinite(v)) v *= 0.99F;
          values.front() += std::isfinite(values.front()) ? 1e-9F : 0.0F;
          writer.write<float>(path, values, shape);
        },
        true);
    const auto notes = read_zea(folder / "bad.hdf5").acquisition.notes;
    const bool told = std::any_of(notes.begin(), notes.end(), [](const std::string& note) { return note.find("do not agree") != std::string::npos; });
    EXPECT_TRUE(told) << name;
  }
}

TEST_F(Hostile, WrongRanksAndTypesAreNamed) {
  const auto reader = Hdf5Reader(good());
  std::vector<std::string> paths;
  std::function<void(const std::string&)> collect = [&](const std::string& group) {
    for (const auto& name : reader.children(group.empty() ? "/" : group)) {
      const std::string path = group.empty() ? name : group + "/" + name;
      if (reader.is_group(path))
        collect(path);
      else if (name != "description" && name != "unit" && name != "min" && name != "max")
        paths.push_back(path);
    }
  };
  collect("");
  std::size_t refused = 0;
  // Each dataset meets one of five replacements; zea's own in a file without /sonoforge, where they count.
  for (const bool with_ours : {true, false})
    for (std::size_t i = 0; i < paths.size(); ++i) {
      const std::string& path = paths[i];
      if (with_ours != path.starts_with("sonoforge")) continue;
      const std::vector<std::function<void(Hdf5Writer&, const std::string&)>> replacements{
          [](Hdf5Writer& writer, const std::string& name) {
            const std::vector<float> values(12, 1.0F);
            writer.write<float>(name, values, {1, 1, 2, 1, 1, 6});
          },
          [](Hdf5Writer& writer, const std::string& name) { writer.write_text(name, "seven"); },
          [](Hdf5Writer& writer, const std::string& name) { writer.write<double>(name, {}, {0}); },
          [](Hdf5Writer& writer, const std::string& name) { writer.group(name); },
          [](Hdf5Writer& writer, const std::string& name) { writer.write_scalar(name, -1e300); },
      };
      write_with(path, replacements[(i + (with_ours ? 0 : 2)) % replacements.size()], with_ours);
      try {
        read_zea(folder / "bad.hdf5");  // some parts are optional and may be anything
      } catch (const UserError& error) {
        ++refused;
        EXPECT_NE(std::string(error.what()).find("bad.hdf5"), std::string::npos);
      }
    }
  EXPECT_GT(refused, paths.size() / 3);
}

TEST_F(Hostile, HugeDeclaredShapesTakeNoMemory) {
  // Terabytes of fill values: the shape is declared, not a byte is stored.
  const std::vector<std::pair<std::string, std::vector<hsize_t>>> cases{
      {"tracks/track_0/data/raw_data", {2, 5, hsize_t{1} << 36, 6, 1}},
      {"tracks/track_0/data/raw_data", {hsize_t{1} << 60, 5, 37, 6, 1}},
      {"probe/probe_geometry", {hsize_t{1} << 40, 3}},
      {"tracks/track_0/scan/t0_delays", {5, hsize_t{1} << 40}},
      {"tracks/track_0/data/image/values", {2, hsize_t{1} << 30, 9}},
      {"tracks/track_0/data/segmentation/labels", {hsize_t{1} << 40}}};
  for (const auto& [name, shape] : cases) {
    write_with(
        name, [](Hdf5Writer&, const std::string&) {}, false);
    const hid_t file = H5Fopen((folder / "bad.hdf5").c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    const std::vector<hsize_t> chunk(shape.size(), 1);
    H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    const hid_t dataset = H5Dcreate2(file, name.c_str(), H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    ASSERT_GE(dataset, 0);
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
    H5Fclose(file);
    EXPECT_NE(refusal().find("bad.hdf5"), std::string::npos) << name << ": " << refusal();
  }
}

TEST_F(Hostile, WhatCannotBeStoredIsRefusedAndLeavesNothing) {
  const auto refuse = [&](const std::function<void(ZeaFile&)>& spoil, const std::string& word) {
    ZeaFile content = test::everything();
    spoil(content);
    const auto text = error_of([&] { write_zea(folder / "a.hdf5", content); });
    EXPECT_NE(text.find(word), std::string::npos) << text;
    EXPECT_EQ(files(), 0U);
  };
  refuse([](ZeaFile& c) { c.images[0].values.data()[0] = NAN; }, "decibels");
  refuse([](ZeaFile& c) { c.images[0].values.data()[0] = 1; }, "decibels");
  refuse([](ZeaFile& c) { c.images.pop_back(); }, "one a frame");
  refuse([](ZeaFile& c) { c.labels[0].name = "image"; }, "twice");
  refuse([](ZeaFile& c) { c.labels[0].name = "a/b"; }, "HDF5 cannot hold");
  refuse([](ZeaFile& c) { c.labels[1].name = "sound_speed"; }, "twice");
  refuse([](ZeaFile& c) { c.labels[1].channels.pop_back(); }, "channel names");
  refuse([](ZeaFile& c) { c.factors["a/b"] = {}; }, "HDF5 cannot hold");
  refuse([](ZeaFile& c) { c.measurements[1].name = "width"; }, "twice");
  refuse([](ZeaFile& c) { c.scatterer_amplitudes.pop_back(); }, "amplitudes");
  refuse([](ZeaFile& c) { c.acquisition.start.pop_back(); }, "start");
  refuse([](ZeaFile& c) { c.acquisition.probe.elements.pop_back(); }, "channels");
  refuse([](ZeaFile& c) { c.acquisition.sequence.transmits[2].laws[0].delays.pop_back(); }, "delays");
}

TEST_F(Hostile, FullDisksLeaveNothing) {
  ZeaFile content = test::everything();
  content.acquisition.samples = test::numbered(2, 5, 6, 20000);  // 4.8 MB
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  for (const rlim_t limit : {rlim_t{100}, rlim_t{50'000}, rlim_t{2'000'000}}) {
    rlimit small = before;
    small.rlim_cur = limit;
    setrlimit(RLIMIT_FSIZE, &small);
    const auto zea = error_of([&] { write_zea(folder / "a.hdf5", content); });
    setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_NE(zea.find("a.hdf5"), std::string::npos) << zea;
    EXPECT_EQ(files(), 0U);
  }
  std::signal(SIGXFSZ, SIG_DFL);
  write_zea(folder / "a.hdf5", content);
  EXPECT_EQ(read_zea(folder / "a.hdf5").acquisition.samples, content.acquisition.samples);
}

TEST_F(Hostile, MissingAndForbiddenFolders) {
  EXPECT_NE(error_of([&] { write_zea(folder / "none" / "a.hdf5", test::everything()); }), "no error");
  if (geteuid() != 0) {
    fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
    EXPECT_NE(error_of([&] { write_zea(folder / "a.hdf5", test::everything()); }), "no error");
    fs::permissions(folder, fs::perms::owner_all);
  }
  EXPECT_EQ(files(), 0U);
}

TEST_F(Hostile, ConversionsByEnding) {
  ZeaFile content = test::everything();
  content.image_grid = test::small_grid();
  for (auto& image : content.images) image = RealMap(test::small_grid());
  content.images[0].values.data()[1] = -30;
  const auto in = folder / "in.hdf5";
  write_zea(in, content);
  convert_file(in, folder / "out.h5");
  EXPECT_EQ(bytes(in), bytes(folder / "out.h5"));
  convert_file(in, folder / "out.png");
  ZeaFile one = content;
  one.acquisition.samples = test::numbered(1, 5, 6, 4);
  one.images.resize(1);
  write_any(folder / "one.png", one);
  const GreyImage grey = read_grey_png(folder / "one.png");
  // Square pixels of the finer step, a seventh of 50 um: 6 steps of 100 / 3 um across are 28 of them.
  EXPECT_EQ(grey.width, 29U);
  EXPECT_EQ(grey.height, 5U);
  EXPECT_EQ(grey.values[0], 255);
  EXPECT_EQ(grey.values[1], 228);  // 3 / 14 of the way to -30 dB: 255 (1 - 30 * 3 / 14 / 60) = 227.7
  one.config = "image: {dynamic_range: 30 dB}";
  write_any(folder / "one.png", one);
  EXPECT_EQ(read_grey_png(folder / "one.png").values[1], 200);  // 255 (1 - 3 / 14) = 200.4
  write_any(folder / "out.nii.gz", one);
  EXPECT_EQ(describe_file(folder / "out.nii.gz").at("size"), (std::vector<std::size_t>{7, 1, 5}));
  EXPECT_EQ(describe_file(folder / "one.png").at("width"), 29);
  const std::size_t before = files();
  EXPECT_NE(error_of([&] { convert_file(in, folder / "out.mat"); }).find("transmits"), std::string::npos);
  EXPECT_NE(error_of([&] { convert_file(in, folder / "out.nii.gz"); }).find("one frame"), std::string::npos);
  EXPECT_NE(error_of([&] { convert_file(in, folder / "out.xyz"); }).find("unknown ending"), std::string::npos);
  EXPECT_NE(error_of([&] { convert_file(in, in); }).find("same file"), std::string::npos);
  EXPECT_NE(error_of([&] { convert_file(in, folder / "out.uff"); }).find("receive delays"), std::string::npos);
  content.images.clear();
  write_zea(in, content);
  EXPECT_NE(error_of([&] { convert_file(in, folder / "no.png"); }).find("no image"), std::string::npos);
  EXPECT_EQ(files(), before);
}

}  // namespace
}  // namespace sonoforge
