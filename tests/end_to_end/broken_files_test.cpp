#include <gtest/gtest.h>
#include <hdf5.h>

#include <cmath>
#include <functional>

#include "command.hpp"
#include "formats/zea.hpp"
#include "io/hdf5.hpp"
#include "io/png.hpp"
#include "tests/formats/support.hpp"
#include "tests/io/mat_builder.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

/// The command must end with exit code 2 and one message that names the file and says each of `words`.
void expect_refusal(const TestFolder& folder, const std::string& arguments, const std::string& file,
                    const std::vector<std::string>& words) {
  const auto result = sonoforge_command(folder, arguments);
  EXPECT_EQ(result.code, 2) << arguments << "\n" << result.err;
  EXPECT_EQ(result.err.rfind("error: ", 0), 0u) << arguments << "\n" << result.err;
  EXPECT_NE(result.err.find(file), std::string::npos) << arguments << "\n" << result.err;
  for (const auto& word : words)
    EXPECT_NE(result.err.find(word), std::string::npos) << arguments << ": expected '" << word << "' in\n"
                                                        << result.err;
}

/// Changes to an intact file of ours; what only we store is taken out, so that the rest counts.
class BrokenZea {
 public:
  explicit BrokenZea(const TestFolder& folder) : folder_(folder) {
    write_zea(folder.path() / "good.hdf5", test::everything());
    change("good.hdf5", [](hid_t file) { H5Ldelete(file, "sonoforge", H5P_DEFAULT); });
  }
  void make(const std::string& name, const std::function<void(hid_t)>& spoil) const {
    fs::copy_file(folder_.path() / "good.hdf5", folder_.path() / name, fs::copy_options::overwrite_existing);
    change(name, spoil);
  }
  static void without(hid_t file, const std::string& path) {
    EXPECT_GE(H5Ldelete(file, path.c_str(), H5P_DEFAULT), 0) << path;
  }
  /// In place of what stands there: float32 of this shape, all `value`; where `stored` is false only the shape is
  /// declared.
  static void replace(hid_t file, const std::string& path, const std::vector<hsize_t>& shape, float value,
                      bool stored = true) {
    without(file, path);
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    if (!stored) {
      const std::vector<hsize_t> chunk(shape.size(), 1);
      H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    }
    const hid_t dataset = H5Dcreate2(file, path.c_str(), H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    ASSERT_GE(dataset, 0) << path;
    if (stored) {
      std::size_t size = 1;
      for (const hsize_t extent : shape) size *= extent;
      const std::vector<float> values(size, value);
      H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    }
    H5Dclose(dataset);
    H5Pclose(creation);
    H5Sclose(space);
  }

 private:
  void change(const std::string& name, const std::function<void(hid_t)>& spoil) const {
    const hid_t file = H5Fopen((folder_.path() / name).c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
    ASSERT_GE(file, 0);
    spoil(file);
    H5Fclose(file);
  }
  const TestFolder& folder_;
};

TEST(BrokenFiles, AcquisitionsThatLackOrSpoilAPart) {
  const TestFolder folder;
  const BrokenZea zea(folder);
  ASSERT_EQ(sonoforge_command(folder, "info good.hdf5").code, 0);
  const std::string scan = "tracks/track_0/scan", data = "tracks/track_0/data";
  struct Case {
    std::string name;
    std::function<void(hid_t)> spoil;
    std::vector<std::string> words;
  };
  constexpr hsize_t tera = hsize_t{1} << 40;
  const std::vector<Case> cases{
      {"no_probe", [&](hid_t f) { BrokenZea::without(f, "probe"); }, {"probe_geometry", "missing"}},
      {"no_geometry", [&](hid_t f) { BrokenZea::without(f, "probe/probe_geometry"); }, {"probe_geometry", "missing"}},
      {"no_scan", [&](hid_t f) { BrokenZea::without(f, scan); }, {"sampling_frequency", "missing"}},
      {"no_rate",
       [&](hid_t f) { BrokenZea::without(f, scan + "/sampling_frequency"); },
       {"sampling_frequency", "missing"}},
      {"no_centre",
       [&](hid_t f) {
         BrokenZea::without(f, scan + "/center_frequency"), BrokenZea::without(f, "probe/probe_center_frequency");
       },
       {"center_frequency", "missing"}},
      {"no_tracks", [&](hid_t f) { BrokenZea::without(f, "tracks"); }, {"track"}},
      {"flat_data",
       [&](hid_t f) {
         BrokenZea::replace(f, data + "/raw_data", {2, 5, 222}, 0);
       },
       {"raw_data", "shape"}},
      {"other_count",
       [&](hid_t f) {
         BrokenZea::replace(f, "probe/probe_geometry", {5, 3}, 0);
       },
       {"5"}},
      {"turned_geometry",
       [&](hid_t f) {
         BrokenZea::replace(f, "probe/probe_geometry", {3, 6}, 0);
       },
       {"probe_geometry"}},
      {"other_delays",
       [&](hid_t f) {
         BrokenZea::replace(f, scan + "/t0_delays", {4, 6}, 0);
       },
       {"t0_delays"}},
      {"nan_samples",
       [&](hid_t f) {
         BrokenZea::replace(f, data + "/raw_data", {2, 5, 37, 6, 1}, NAN);
       },
       {"not finite"}},
      {"nan_geometry",
       [&](hid_t f) {
         BrokenZea::replace(f, "probe/probe_geometry", {6, 3}, NAN);
       },
       {"probe_geometry", "finite"}},
      {"nan_rate",
       [&](hid_t f) { BrokenZea::replace(f, scan + "/sampling_frequency", {}, NAN); },
       {"sampling_frequency"}},
      {"negative_speed", [&](hid_t f) { BrokenZea::replace(f, scan + "/sound_speed", {}, -1540); }, {"sound"}},
      {"absurd_samples",
       [&](hid_t f) {
         BrokenZea::replace(f, data + "/raw_data", {2, 5, tera, 6, 1}, 0, false);
       },
       {"raw_data"}},
      {"absurd_frames",
       [&](hid_t f) {
         BrokenZea::replace(f, data + "/raw_data", {tera, 5, 37, 6, 1}, 0, false);
       },
       {"raw_data"}},
      {"absurd_elements",
       [&](hid_t f) {
         BrokenZea::replace(f, "probe/probe_geometry", {tera, 3}, 0, false);
       },
       {"probe_geometry"}},
  };
  for (const auto& broken : cases) {
    zea.make(broken.name + ".hdf5", broken.spoil);
    expect_refusal(folder, "info " + broken.name + ".hdf5", broken.name + ".hdf5", broken.words);
  }
  // What has no channel data is a file like any other, but no image can be made of it.
  zea.make("no_data.hdf5", [&](hid_t f) { BrokenZea::without(f, data + "/raw_data"); });
  expect_refusal(folder, "reconstruct no_data.hdf5 -o out", "no_data.hdf5", {"no channel data"});
  EXPECT_FALSE(fs::exists(folder.path() / "out"));
}

TEST(BrokenFiles, CutOffAnywhere) {
  const TestFolder folder;
  const BrokenZea zea(folder);
  const std::string whole = folder.read("good.hdf5");
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{100}, whole.size() / 3,
                                 whole.size() / 2, whole.size() - 1}) {
    folder.write("cut.hdf5", whole.substr(0, size));
    expect_refusal(folder, size % 2 ? "info cut.hdf5" : "reconstruct cut.hdf5 -o out", "cut.hdf5", {});
    EXPECT_FALSE(fs::exists(folder.path() / "out")) << size;
  }
  folder.write("cut.hdf5", "");
  expect_refusal(folder, "info cut.hdf5", "cut.hdf5", {"empty"});
}

TEST(BrokenFiles, OtherFormats) {
  const TestFolder folder;
  const test::MatBuilder b;
  const std::string rf = b.matrix(10, {5, 4}, "RF", b.element(3, b.numbers(std::vector<std::int16_t>(20, 7))));
  folder.write("no_param.mat", b.header() + rf);
  expect_refusal(folder, "info no_param.mat", "no_param.mat", {"param"});
  folder.write("cut.mat", (b.header() + rf).substr(0, 170));
  expect_refusal(folder, "info cut.mat", "cut.mat", {"cut off"});
  folder.write("absurd.mat", b.header() + b.matrix(10, {2147483647, 2147483647}, "RF", b.element(3, "")));
  expect_refusal(folder, "info absurd.mat", "absurd.mat", {"absurd"});
  folder.write("text.dat", "these are no data");
  expect_refusal(folder, "convert text.dat out.hdf5", "text.dat", {"unknown format"});
  folder.write("header.hdf5", "\x89HDF\r\n\x1a\n");
  expect_refusal(folder, "info header.hdf5", "header.hdf5", {});
  expect_refusal(folder, "info .", ".", {"folder"});
  expect_refusal(folder, "info /dev/zero", "/dev/zero", {"not a regular file"});
  Hdf5Writer writer(folder.path() / "other.hdf5");
  writer.write_scalar("anything", 1.0);
  writer.commit();
  expect_refusal(folder, "info other.hdf5", "other.hdf5", {"unknown format"});
  EXPECT_FALSE(fs::exists(folder.path() / "out.hdf5"));
}

const std::string rest_of_config = R"(
probe: {type: L11-5v, elements: 16}
sequence: {type: plane_waves, angles: [0 deg]}
receive: {sampling_rate: 30.4 MHz, depth: 20 mm}
engine: {type: exact, model: simus, dimensions: 2}
)";

/// Files that a config names: the message stands where the config names the file.
TEST(BrokenFiles, FilesThatConfigsName) {
  const TestFolder folder;
  const std::string image =
      "phantom: {type: image, background: liver, extent: {x: [-5 mm, 5 mm], y: [0 mm, 0 mm], z: [1 mm, 20 mm]},\n"
      "  classes: [{value: 1, tissue: fat, label: fat}], file: FILE}" +
      rest_of_config;
  const std::string scatterers = "phantom:\n  {type: scatterers, background: liver, file: FILE}" + rest_of_config;
  const auto check = [&](const std::string& config, const std::string& file, const std::string& place,
                         const std::vector<std::string>& words) {
    std::string text = config;
    text.replace(text.find("FILE"), 4, file);
    folder.write("a.yaml", text);
    expect_refusal(folder, "check a.yaml", file, words);
    expect_refusal(folder, "check a.yaml", "a.yaml:" + place + ": ", {});
  };
  write_png(folder.path() / "good.png", {4, 4, 1, std::vector<std::uint8_t>(16, 1)});
  const std::string png = folder.read("good.png");
  folder.write("cut.png", png.substr(0, png.size() / 2));
  check(image, "cut.png", "2:57", {});
  folder.write("text.png", "not a picture");
  check(image, "text.png", "2:57", {"PNG"});
  folder.write("cut.nii", std::string("\x5c\1\0\0", 4) + std::string(200, '\0'));
  check(image, "cut.nii", "2:57", {});
  folder.write("text.nii.gz", "not a volume");
  check(image, "text.nii.gz", "2:57", {});

  const auto write_scatterers = [&](const std::string& name, std::vector<double> positions,
                                    std::vector<std::size_t> shape, std::size_t amplitudes) {
    Hdf5Writer writer(folder.path() / name);
    writer.write<double>("positions", positions, shape);
    writer.write<double>("amplitudes", std::vector<double>(amplitudes, 1.0), {amplitudes});
    writer.commit();
  };
  write_scatterers("nan.hdf5", {0, 0, NAN}, {1, 3}, 1);
  check(scatterers, "nan.hdf5", "2:47", {"positions"});
  write_scatterers("flat.hdf5", {0, 0, 0.01, 0}, {2, 2}, 2);
  check(scatterers, "flat.hdf5", "2:47", {"positions"});
  write_scatterers("counts.hdf5", {0, 0, 0.01}, {1, 3}, 2);
  check(scatterers, "counts.hdf5", "2:47", {"amplitudes"});

  const std::string points = "phantom: {type: points, positions: [[0 mm, 0 mm, 10 mm]], background: water}\n";
  const std::string tail = "\nreceive: {sampling_rate: 30.4 MHz, depth: 20 mm}\n";
  const std::string probe =
      points + "sequence: {type: plane_waves, angles: [0 deg]}\nprobe: {type: custom, frequency: 5 MHz, file: FILE}" +
      tail;
  check(probe, "nan.hdf5", "3:47", {"positions"});
  {
    Hdf5Writer writer(folder.path() / "heap.hdf5");
    writer.write<double>("positions", std::vector<double>{1e-3, 0, 0, 1e-3, 0, 0, 1e-3, 0, 0}, {3, 3});
    writer.write<double>("normals", std::vector<double>{0, 0, 1, 0, 0, 1, 0, 0, 1}, {3, 3});
    writer.write<double>("widths", std::vector<double>(3, 3e-4), {3});
    writer.write<double>("heights", std::vector<double>(3, 5e-3), {3});
    writer.commit();
  }
  check(probe, "heap.hdf5", "3:47", {"/positions puts all 3 elements at one place"});
  const std::string sequence =
      points + "probe: {type: L11-5v, elements: 16}\nsequence: {type: custom, file: FILE}" + tail;
  {
    Hdf5Writer writer(folder.path() / "delays.hdf5");
    writer.write<double>("delays", std::vector<double>(15, 0.0), {1, 15});
    writer.commit();
  }
  check(sequence, "delays.hdf5", "3:32", {"delays", "16"});
  const std::string pulse = points +
                            "probe: {type: L11-5v, elements: 16}\nsequence: {type: plane_waves, angles: [0 "
                            "deg]}\npulse: {type: samples, file: FILE}" +
                            tail;
  {
    Hdf5Writer writer(folder.path() / "pulse.hdf5");
    writer.write<double>("samples", std::vector<double>{1, 2}, {2});
    writer.write_scalar("sampling_rate", 0.0);
    writer.write_scalar("centre", 0.0);
    writer.commit();
  }
  check(pulse, "pulse.hdf5", "4:30", {"sampling_rate"});
  folder.write("empty.csv", "");
  const std::string table =
      points +
      "probe: {type: L11-5v, elements: 16}\nsequence: {type: plane_waves, angles: [0 deg]}\nfactors: {table: FILE}" +
      tail;
  check(table, "empty.csv", "4:18", {});
  check(table, "none.csv", "4:18", {"there is no file"});

  write_scatterers("field.hdf5", {0, 0, NAN}, {1, 3}, 1);
  folder.write("field.yaml",
               "probe: L11-5v\nsequence: {type: plane_waves, angles: [0 deg]}\nfield: {points: field.hdf5}\n");
  expect_refusal(folder, "field field.yaml -o out", "field.hdf5", {"positions", "field.yaml:3:17: "});
  EXPECT_FALSE(fs::exists(folder.path() / "out"));
}

#ifdef SONOFORGE_WITH_LIBTORCH
TEST(BrokenFiles, DataSetsAndModels) {
  const TestFolder folder;
  folder.write("train.yaml", "sonoforge: 1\ndata: cysts\ntask: {type: segmentation, label: cyst}\nepochs: 1\n");
  expect_refusal(folder, "train train.yaml -o out", "cysts", {});
  folder.write("validate.yaml", "sonoforge: 1\ndata: cysts\nmodel: model.pt\n");
  expect_refusal(folder, "validate validate.yaml -o out", "cysts", {});
  fs::create_directory(folder.path() / "cysts");
  folder.write("cysts/manifest.csv", "id,patient\n1\n");
  expect_refusal(folder, "train train.yaml -o out", "manifest.csv", {});
  write_zea(folder.path() / "a.hdf5", test::everything());
  folder.write("model.pt", "no model");
  expect_refusal(folder, "predict model.pt a.hdf5 -o out", "model.pt", {});
  EXPECT_FALSE(fs::exists(folder.path() / "out"));
}
#else
TEST(BrokenFiles, TrainingWithoutLibTorchSaysWhatToInstall) {
  const TestFolder folder;
  folder.write("train.yaml", "sonoforge: 1\ndata: cysts\ntask: {type: segmentation, label: cyst}\nepochs: 1\n");
  expect_refusal(folder, "train train.yaml -o out", "libtorch-dev", {"built without it"});
}
#endif

}  // namespace
}  // namespace sonoforge
