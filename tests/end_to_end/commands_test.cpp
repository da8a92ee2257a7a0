#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <nlohmann/json.hpp>

#include "ai/labels.hpp"
#include "command.hpp"
#include "formats/zea.hpp"
#include "io/hdf5.hpp"

namespace sonoforge {
namespace {

const std::string small = R"(sonoforge: 1
seed: 3
phantom:
  type: scene
  background: liver
  regions:
    - {shape: {type: ellipsoid, centre: [0 mm, 0 mm, 15 mm], radii: [3 mm, 3 mm, 3 mm]}, tissue: cyst, label: cyst}
  extent: {x: [-8 mm, 8 mm], y: [0 mm, 0 mm], z: [8 mm, 22 mm]}
probe: {type: L11-5v, elements: 32}
sequence: {type: plane_waves, angles: [0 deg]}
receive: {sampling_rate: 30.4 MHz, depth: 24 mm, noise: {snr: 40 dB}}
engine: {type: exact, model: simus, dimensions: 2}
image: {x: [-7 mm, 7 mm, 0.2 mm], z: [9 mm, 21 mm, 0.1 mm], dynamic_range: 50 dB}
labels: [segmentation, sound_speed]
metrics: [{type: gcnr, target: cyst, background: liver}]
)";

TEST(Commands, RunWritesAllOutputs) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  const auto result = sonoforge_command(folder, "run small.yaml --json");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_GT(json["metrics"][0]["value"].get<double>(), 0.2);
  for (const char* name : {"acquisition.hdf5", "bmode.png", "overlay.png", "report.json"})
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "out/small" / name)) << name;
  const ZeaFile file = read_zea(folder.path() / "out/small/acquisition.hdf5");
  EXPECT_EQ(file.seed, 3u);
  EXPECT_EQ(file.labels.size(), 2u);
  EXPECT_EQ(file.images.size(), 1u);
}

TEST(Commands, ResolvedConfigReproducesTheRun) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  ASSERT_EQ(sonoforge_command(folder, "simulate small.yaml -o first.hdf5 --set 'receive.noise.snr={uniform: [20 dB, 30 dB]}'").code, 0);
  const std::string resolved = Hdf5Reader(folder.path() / "first.hdf5").read_text("sonoforge/config");
  folder.write("resolved.yaml", resolved);
  const auto again = sonoforge_command(folder, "simulate resolved.yaml -o second.hdf5");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(read_zea(folder.path() / "first.hdf5").acquisition.samples, read_zea(folder.path() / "second.hdf5").acquisition.samples);
}

TEST(Commands, ReconstructUsesTheStoredConfig) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  ASSERT_EQ(sonoforge_command(folder, "run small.yaml -o a").code, 0);
  const auto result = sonoforge_command(folder, "reconstruct a/acquisition.hdf5 -o b");
  ASSERT_EQ(result.code, 0) << result.err;
  const ZeaFile before = read_zea(folder.path() / "a/acquisition.hdf5"), after = read_zea(folder.path() / "b/image.hdf5");
  ASSERT_EQ(after.images.size(), 1u);
  EXPECT_EQ(before.images[0].values, after.images[0].values);
}

// What was computed is kept, the exit code still says that not all was done.
TEST(Commands, AMetricWithoutPixelsLosesNothingElse) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  const auto result = sonoforge_command(folder, "run small.yaml -o a --set metrics='[{type: speckle_snr, target: cyst, margin: 20 mm}, {type: speckle_snr, target: liver}]'");
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("speckle_snr (cyst)"), std::string::npos) << result.err;
  EXPECT_NE(result.out.find("not measured"), std::string::npos) << result.out;
  EXPECT_EQ(read_zea(folder.path() / "a/acquisition.hdf5").images.size(), 1u);
  const auto report = nlohmann::json::parse(folder.read("a/report.json"));
  EXPECT_TRUE(report["metrics"][0]["value"].is_null());
  EXPECT_FALSE(report["metrics"][0]["problem"].get<std::string>().empty());
  EXPECT_TRUE(report["metrics"][1]["value"].is_number());
}


TEST(Commands, ReportTellsTheEnginesErrorPromisedAndMeasured) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  const std::string engine = " --set engine.type=scatterers";
  ASSERT_EQ(sonoforge_command(folder, "run small.yaml -o a" + engine).code, 0);
  const auto report = nlohmann::json::parse(folder.read("a/report.json"));
  const auto simulated =
      nlohmann::json::parse(sonoforge_command(folder, "simulate small.yaml -o a.hdf5 --json" + engine).out);
  const auto& budget = report["error_budget"];
  EXPECT_EQ(budget, simulated["error_budget"]);
  EXPECT_EQ(budget["engine_relative_l2"], 1e-3);
  EXPECT_GT(budget["engine_relative_l2_measured"], 0);
  EXPECT_LE(budget["engine_relative_l2_measured"], 1e-3);
  EXPECT_GT(budget["engine_sample"]["scatterers"], 0);
  EXPECT_TRUE(report["warnings"].empty());
  EXPECT_TRUE(simulated["warnings"].empty());
}

// A phantom without labels has an empty segmentation: its file reads back, and metrics still know the background, by either name.
TEST(Commands, PhantomsWithoutLabelsAreWholeFiles) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  const auto result = sonoforge_command(folder, "run small.yaml -o a --set phantom.regions='[]' --set metrics='[{type: speckle_snr}, {type: speckle_snr, target: liver}]' --json");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["metrics"][0]["value"], json["metrics"][1]["value"]);
  EXPECT_EQ(sonoforge_command(folder, "info a/acquisition.hdf5").code, 0);
  const auto again = sonoforge_command(folder, "reconstruct a/acquisition.hdf5 -o b --json");
  ASSERT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(nlohmann::json::parse(again.out)["metrics"][0]["value"], json["metrics"][0]["value"]);
}

// What a config for `reconstruct` leaves out stays as the file has it: the phantom with its seed makes the labels on a new grid.
TEST(Commands, ReconstructKeepsWhatTheConfigLeavesOut) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  folder.write("image.yaml", "image: {x: [-6 mm, 6 mm, 0.3 mm], z: [9 mm, 20 mm, 0.2 mm]}\nmetrics: [{type: gcnr, target: cyst}]\n");
  ASSERT_EQ(sonoforge_command(folder, "run small.yaml -o a").code, 0);
  const auto result = sonoforge_command(folder, "reconstruct a/acquisition.hdf5 image.yaml -o b");
  ASSERT_EQ(result.code, 0) << result.err;
  const ZeaFile file = read_zea(folder.path() / "b/image.hdf5");
  ASSERT_EQ(file.labels.size(), 1u);
  EXPECT_EQ(file.labels[0].channels, std::vector<std::string>{"cyst"});
  EXPECT_EQ(file.labels[0].grid.x.count, 41u);
  EXPECT_NE(file.config.find("seed: 3"), std::string::npos) << file.config;
}

TEST(Commands, SimulateWritesZeaUnderItsNameOnly) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  const auto result = sonoforge_command(folder, "simulate small.yaml -o a.mat");
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("sonoforge convert"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "a.mat"));
}

// With a drive in Pa also continuous waves are in Pa: far from a face that is small against the wavelength, p = k p0 A / (2 pi r)
// for a rigid baffle. Its size of a tenth of a wavelength changes that by (k a)^2 / 8 < 1.3 %.
TEST(Commands, ContinuousWavesFollowTheDrivesPressure) {
  const TestFolder folder;
  folder.write("cw.yaml",
               "phantom: {type: points, background: {sound_speed: 1500 m/s, density: 1000 kg/m^3}, positions: [[0 mm, 0 mm, 5 mm]], amplitudes: [1]}\n"
               "probe: {type: linear_array, frequency: 1 MHz, elements: 1, pitch: 0.2 mm, width: 0.15 mm, height: 0.15 mm, baffle: rigid, response: none}\n"
               "pulse: {cycles: 2, pressure: 100 kPa}\nsequence: {type: plane_waves, angles: [0 deg]}\nengine: {type: exact}\n"
               "field: {x: [0 mm, 1 mm, 1 mm], z: [50 mm, 51 mm, 1 mm], frequency: 1 MHz}\n");
  const auto result = sonoforge_command(folder, "field cw.yaml -o cw");
  ASSERT_EQ(result.code, 0) << result.err;
  const Hdf5Reader file(folder.path() / "cw/field.hdf5");
  EXPECT_EQ(file.text_attribute("pressure", "unit"), "Pa");
  const double expected = 2 * M_PI * 1e6 / 1500 * 100e3 * 0.15e-3 * 0.15e-3 / (2 * M_PI * 0.05);
  EXPECT_NEAR(std::abs(file.read<std::complex<double>>("pressure")[0]) / expected, 1, 0.013);
}

TEST(Commands, QuietLeavesResultsAlone) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  const auto result = sonoforge_command(folder, "simulate small.yaml -o a.hdf5 --quiet");
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "");
}

// The pictures of an earlier run do not stay beside files that they do not show.
TEST(Commands, OldPicturesDoNotOutliveTheirRun) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  ASSERT_EQ(sonoforge_command(folder, "run small.yaml -o a --set labels='[segmentation]'").code, 0);
  ASSERT_TRUE(std::filesystem::exists(folder.path() / "a/overlay.png"));
  const auto result = sonoforge_command(folder, "run small.yaml -o a --set labels='[sound_speed]'");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "a/overlay.png"));
  EXPECT_EQ(result.out.find("overlay.png"), std::string::npos) << result.out;
}

TEST(Commands, FieldWritesMapsAndWaveforms) {
  const TestFolder folder;
  const std::string base = "probe: {type: L11-5v, elements: 32}\nsequence: {type: plane_waves, angles: [0 deg]}\nengine: {type: exact}\n";
  folder.write("map.yaml", base + "field: {x: [-5 mm, 5 mm, 1 mm], z: [2 mm, 20 mm, 1 mm], movie_frames: 4}\n");
  auto result = sonoforge_command(folder, "field map.yaml -o map");
  ASSERT_EQ(result.code, 0) << result.err;
  const Hdf5Reader map(folder.path() / "map/field.hdf5");
  EXPECT_EQ(map.shape("rms_pressure"), (std::vector<std::size_t>{19, 11}));
  EXPECT_EQ(map.shape("peak_pressure"), (std::vector<std::size_t>{19, 11}));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "map/field.png"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "map/field.apng"));

  Hdf5Writer points(folder.path() / "points.hdf5");
  const std::vector<double> positions{0, 0, 0.01, 0.001, 0, 0.02};
  points.write<double>("positions", positions, {2, 3});
  points.commit();
  folder.write("points.yaml", base + "field: {points: points.hdf5}\n");
  result = sonoforge_command(folder, "field points.yaml -o points");
  ASSERT_EQ(result.code, 0) << result.err;
  const Hdf5Reader waves(folder.path() / "points/field.hdf5");
  EXPECT_EQ(waves.shape("waveforms").at(0), 2u);
  EXPECT_EQ(waves.shape("waveforms").at(1), waves.shape("time").at(0));
  // The first point is one of the map's: its waveform has the map's rms. The sum over samples of a signal whose square
  // is band-limited below the sampling rate is its integral; float32 samples leave 1e-6.
  const auto samples = waves.read<float>("waveforms");
  const auto time = waves.read<double>("time");
  double energy = 0;
  for (std::size_t n = 0; n < time.size(); ++n) energy += static_cast<double>(samples[n]) * static_cast<double>(samples[n]) * (time[1] - time[0]);
  EXPECT_NEAR(std::sqrt(energy / map.read_scalar<double>("averaging_time")) / map.read<double>("rms_pressure")[8 * 11 + 5], 1, 1e-3);

  result = sonoforge_command(folder, "field map.yaml -o cw --set field='{x: [-5 mm, 5 mm, 1 mm], z: [2 mm, 20 mm, 1 mm], frequency: 5 MHz}'");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Hdf5Reader(folder.path() / "cw/field.hdf5").shape("pressure"), (std::vector<std::size_t>{19, 11}));
}

TEST(Commands, FieldOfContinuousWavesAtPointsHasItsPicture) {
  const TestFolder folder;
  Hdf5Writer points(folder.path() / "points.hdf5");
  points.write<double>("positions", std::vector<double>{0, 0, 0.01, 0.001, 0, 0.02}, {2, 3});
  points.commit();
  const std::string base = "probe: {type: L11-5v, elements: 32}\nsequence: {type: plane_waves, angles: [0 deg]}\nengine: {type: exact}\n";
  folder.write("cw.yaml", base + "field: {points: points.hdf5, frequency: 5 MHz}\n");
  const auto result = sonoforge_command(folder, "field cw.yaml -o cw");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(Hdf5Reader(folder.path() / "cw/field.hdf5").shape("pressure"), (std::vector<std::size_t>{2}));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "cw/field.png"));
}

TEST(Commands, FieldSaysWhetherPressuresAreInPascal) {
  const TestFolder folder;
  folder.write("map.yaml", "probe: {type: L11-5v, elements: 8}\nsequence: {type: plane_waves, angles: [0 deg]}\nfield: {x: [0 mm, 1 mm, 1 mm], z: [5 mm, 6 mm, 1 mm]}\n");
  ASSERT_EQ(sonoforge_command(folder, "field map.yaml -o relative").code, 0);
  ASSERT_EQ(sonoforge_command(folder, "field map.yaml -o pascal --set pulse.pressure='100 kPa'").code, 0);
  EXPECT_EQ(Hdf5Reader(folder.path() / "relative/field.hdf5").text_attribute("rms_pressure", "unit"), "-");
  EXPECT_EQ(Hdf5Reader(folder.path() / "pascal/field.hdf5").text_attribute("rms_pressure", "unit"), "Pa");
}

TEST(Commands, CheckTakesConfigsForFieldAndReconstruct) {
  const TestFolder folder;
  folder.write("field.yaml", "probe: L11-5v\nsequence: {type: plane_waves, angles: [0 deg]}\nfield: {x: [0 mm, 1 mm, 1 mm], z: [5 mm, 6 mm, 1 mm]}\n");
  folder.write("image.yaml", "beamformer: {f_number: 2}\nimage: {x: [-3 mm, 3 mm, 0.5 mm], z: [8 mm, 15 mm, 0.2 mm]}\n");
  for (const char* name : {"field.yaml", "image.yaml"}) {
    const auto result = sonoforge_command(folder, std::string("check ") + name);
    EXPECT_EQ(result.code, 0) << name << "\n" << result.err;
  }
  EXPECT_EQ(sonoforge_command(folder, "check image.yaml --set beamformer.f_number=-1").code, 2);
}

// The published numbers of the library stand among the defaults, also those that other probes may leave out.
TEST(Commands, DescribeShowsTheNumbersOfAPreset) {
  const TestFolder folder;
  const std::string text = sonoforge_command(folder, "describe probe.L11-5v").out;
  for (const char* fact : {"default 7.6 MHz", "default 128", "default 0.3 mm", "default 270 um", "default 5 mm", "default 18 mm", "bandwidth: 77 %"})
    EXPECT_NE(text.find(fact), std::string::npos) << fact << "\n" << text;
  EXPECT_NE(sonoforge_command(folder, "describe probe.convex_array").out.find("default 13 mm"), std::string::npos);
  // What may be left out and has no value of its own shows none.
  const auto json = nlohmann::json::parse(sonoforge_command(folder, "describe metric.gcnr --json").out);
  for (const auto& key : json["keys"]) {
    if (key["key"] == "within" || key["key"] == "target") { EXPECT_FALSE(key.contains("default")) << key; }
  }
  for (const char* section : {"receive", "image", "field"}) EXPECT_EQ(sonoforge_command(folder, std::string("describe ") + section).code, 0) << section;
  EXPECT_NE(sonoforge_command(folder, "describe config").out.find("echogenicity"), std::string::npos);
}

// The stored RF of a chirp passes its matched filter when it is made into an image again, as it did in `run`.
TEST(Commands, ReconstructOfAChirpIsTheImageOfRun) {
  const TestFolder folder;
  folder.write("chirp.yaml", small + "pulse: {type: chirp, frequency_from: 5 MHz, frequency_to: 10 MHz, duration: 4 us}\n");
  const std::string physical = " --set engine='{type: exact, dimensions: 2}' --set phantom.scatterer_density='2 /mm^3'";
  ASSERT_EQ(sonoforge_command(folder, "run chirp.yaml -o run" + physical).code, 0) << folder.read(".stderr");
  ASSERT_EQ(sonoforge_command(folder, "reconstruct run/acquisition.hdf5 -o again").code, 0) << folder.read(".stderr");
  ASSERT_EQ(sonoforge_command(folder, "reconstruct run/acquisition.hdf5 -o raw --set image.pulse_compression=off").code, 0)
      << folder.read(".stderr");
  const auto image = [&](const std::string& file) { return read_zea(folder.path() / file).images.front().values; };
  const auto values = image("run/acquisition.hdf5");
  EXPECT_TRUE(image("again/image.hdf5") == values);
  EXPECT_FALSE(image("raw/image.hdf5") == values);
}

TEST(Commands, MistakesExitWithTwo) {
  const TestFolder folder;
  folder.write("small.yaml", small);
  EXPECT_EQ(sonoforge_command(folder, "rnu small.yaml").code, 2);
  EXPECT_EQ(sonoforge_command(folder, "").code, 2);
  EXPECT_EQ(sonoforge_command(folder, "run missing.yaml").code, 2);
  EXPECT_EQ(sonoforge_command(folder, "run small.yaml --threads 0").code, 2);
  EXPECT_EQ(sonoforge_command(folder, "run small.yaml --set seed").code, 2);
  EXPECT_EQ(sonoforge_command(folder, "info small.yaml").code, 2);
  EXPECT_EQ(sonoforge_command(folder, "describe prbe").code, 2);
  EXPECT_EQ(sonoforge_command(folder, "run small.yaml -o /proc/nowhere").code, 2);
  const auto result = sonoforge_command(folder, "check small.yaml --set probe=L11-5w");
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("L11-5v"), std::string::npos) << result.err;
}

// What only the simulation, the image or the field finds out is told with its place too.
TEST(Commands, MistakesFoundAtWorkHaveAPlace) {
  const TestFolder folder;
  const auto first_error = [&](const std::string& command, const std::string& text) {
    folder.write("late.yaml", text);
    const auto result = sonoforge_command(folder, command + " late.yaml -o out");
    EXPECT_EQ(result.code, 2) << result.err;
    const auto at = result.err.find("error: ");
    return at == std::string::npos ? result.err : result.err.substr(at, result.err.find('\n', at) - at);
  };
  const std::string head = "phantom: {type: points, background: water, positions: [[0 mm, 0 mm, 20 mm]]}\n",
                    tail = "\nsequence: {type: plane_waves, angles: [0 deg]}\n"
                           "receive: {sampling_rate: 20 MHz, depth: 25 mm}\n";
  const std::string row = head + "probe: {type: linear_array, elements: 4, pitch: 0.3 mm, width: 0.27 mm, frequency: 5 MHz}" + tail;
  // Engines name a section, a key of their own, or neither.
  EXPECT_NE(first_error("run", head + "probe: {type: disc, diameter: 10 mm, frequency: 5 MHz}" + tail + "engine: {type: exact, dimensions: 2}\n")
                .find("late.yaml:5:9: a two-dimensional simulation of this probe"),
            std::string::npos);
  EXPECT_NE(first_error("run", row + "pulse: {frequency: 3 MHz}\nengine: {type: exact, model: simus}\n").find("late.yaml:5:8: pulse: model simus"),
            std::string::npos);
  const std::string slow = "phantom: {type: points, background: water, positions: [[0 mm, 0 mm, 20 mm]]}\n"
                           "probe: {type: linear_array, elements: 4, pitch: 0.3 mm, width: 0.27 mm, frequency: 5 MHz}\n"
                           "sequence: {type: plane_waves, angles: [0 deg]}\n"
                           "receive: {sampling_rate: 8 MHz, depth: 25 mm}\n"
                           "beamformer: {type: delay_and_sum, signal: rf}\n";
  EXPECT_NE(first_error("run", slow).find("late.yaml:5:43: signal: the RF is band-pass sampled"), std::string::npos);
}

TEST(Commands, DescribeAndHelpNameEverything) {
  const TestFolder folder;
  EXPECT_EQ(sonoforge_command(folder, "--help").code, 0);
  EXPECT_EQ(sonoforge_command(folder, "--version").code, 0);
  const auto result = sonoforge_command(folder, "describe --json");
  ASSERT_EQ(result.code, 0) << result.err;
  const auto json = nlohmann::json::parse(result.out);
  for (const char* kind : {"phantom", "tissue", "shape", "probe", "pulse", "sequence", "engine", "beamformer", "metric"}) {
    ASSERT_TRUE(json.contains(kind)) << kind;
    EXPECT_FALSE(json[kind]["types"].empty()) << kind;
  }
  for (const char* list : {"dataset", "store", "visits", "twins", "factors", "correlations", "outcome", "train", "validate"}) {
    ASSERT_TRUE(json.contains(list)) << list;
    EXPECT_FALSE(json[list].empty()) << list;
    EXPECT_EQ(sonoforge_command(folder, std::string("describe ") + list).code, 0) << list;
  }
  for (const char* kind : {"uniform", "integers", "normal", "log_normal", "choice", "linear", "growth", "factor"})
    EXPECT_EQ(sonoforge_command(folder, std::string("describe distribution.") + kind).code, 0) << kind;
  for (const auto& label : label_names())
    EXPECT_EQ(sonoforge_command(folder, "describe label." + label).code, 0) << label;
  EXPECT_NE(sonoforge_command(folder, "describe distribution.growth").out.find("volume_doubling"), std::string::npos);
  EXPECT_NE(sonoforge_command(folder, "describe twins").out.find("fat_thickness"), std::string::npos);
  EXPECT_EQ(sonoforge_command(folder, "describe probe.L11-5v").code, 0);
  EXPECT_NE(sonoforge_command(folder, "describe probe.linear_array").out.find("pitch"), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
