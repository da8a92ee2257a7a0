#include "lab/bench.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include "app/experiment.hpp"

namespace sonoforge::lab {
namespace {

/// The scene that the page opens with (lab/web/src/scene.js).
const std::string start =
    "sonoforge: 1\nseed: 7\nphantom:\n  type: scene\n  background: liver\n  regions:\n"
    "    - {shape: {type: ellipsoid, centre: [-4 mm, 0 mm, 14 mm], radii: [2.5 mm, 5 mm, 2.5 mm]}, tissue: cyst, label: cyst}\n"
    "    - {shape: {type: ellipsoid, centre: [4 mm, 0 mm, 17 mm], radii: [2.5 mm, 5 mm, 1.8 mm]}, tissue: tumour, label: mass}\n"
    "  extent: {x: [-7.2 mm, 7.2 mm], y: [0 mm, 0 mm], z: [2 mm, 25 mm]}\n  scatterer_density: 50 /mm^3\n"
    "  wires: {positions: [[0 mm, 8 mm], [0 mm, 20 mm]], amplitude: 25}\nprobe: {type: L11-5v, elements: 48}\npulse: {cycles: 1}\n"
    "sequence: {type: plane_waves, angles: [0 deg]}\nreceive: {sampling_rate: 30.4 MHz, depth: 25 mm}\n"
    "engine: {type: scatterers, model: simus, dimensions: 2, accuracy: 0.01}\nbeamformer: {type: delay_and_sum, f_number: 1.5, window: hann}\n"
    "image: {x: [-7.2 mm, 7.2 mm, 0.1 mm], z: [2 mm, 25 mm, 0.08 mm], compensation: 0.5 dB/cm/MHz, dynamic_range: 60 dB}\nlabels: [segmentation]\n";

// What the page says of the error is asked of the engine, and holds: all echoes of the scene against those without shortcuts.
TEST(LabBench, TheAccuracyShownIsTheAccuracyRun) {
  Bench bench;
  const double shown = bench.answer({{"view", "image"}, {"config", start}})["facts"]["error"];
  EXPECT_EQ(shown, 0.01);
  const auto echoes = [](const std::string& text) {
    ConfigTree tree = ConfigTree::parse(text, "start");
    return Experiment::build(tree, {"phantom", "probe", "sequence", "receive"}, draw_config(tree, 0)).simulate();
  };
  std::string exact = start;
  exact.replace(exact.find("type: scatterers"), 16, "type: exact");
  exact.erase(exact.find(", accuracy: 0.01"), 16);
  const Acquisition fast = echoes(start), slow = echoes(exact);
  ASSERT_EQ(fast.samples.size(), slow.samples.size());
  double difference = 0, all = 0;
  for (std::size_t i = 0; i < fast.samples.size(); ++i) {
    const double truth = static_cast<double>(slow.samples.flat()[i]), off = static_cast<double>(fast.samples.flat()[i]) - truth;
    difference += off * off, all += truth * truth;
  }
  EXPECT_LE(std::sqrt(difference / all), shown);
}

// Enough scatterers for full speckle (1.91), for several draws of them.
TEST(LabBench, TheFirstSceneHasFullSpeckle) {
  Bench bench;
  for (const char* seed : {"seed: 7", "seed: 8", "seed: 9"}) {
    std::string scene = start;
    scene.replace(scene.find("seed: 7"), 7, seed);
    EXPECT_GE(bench.answer({{"view", "image"}, {"config", scene}})["facts"]["speckle_snr"].get<double>(), 1.7) << seed;
  }
}

// Of wires without tissue around them there is nothing to say.
TEST(LabBench, WiresAloneHaveNoSpeckle) {
  std::string scene = start;
  scene.erase(scene.find("  regions:"), scene.find("  extent:") - scene.find("  regions:"));
  scene.erase(scene.find("  scatterer_density:"), scene.find("  wires:") - scene.find("  scatterer_density:"));
  scene.replace(scene.find("background: liver"), 17, "background: water");
  const nlohmann::json facts = Bench().answer({{"view", "image"}, {"config", scene}})["facts"];
  ASSERT_TRUE(facts.is_object());
  EXPECT_EQ(facts["scatterers"], 2);
  EXPECT_TRUE(facts["speckle_snr"].is_null()) << facts;
}

}  // namespace
}  // namespace sonoforge::lab
