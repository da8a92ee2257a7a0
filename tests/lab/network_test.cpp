#include <gtest/gtest.h>
#include <httplib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numbers>

#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "lab/models.hpp"
#include "tests/io/test_folder.hpp"
#include "tests/lab/lab_process.hpp"
#include "tests/torch/disc_data.hpp"

namespace sonoforge {
namespace {

using nlohmann::json;

class LabNetwork : public TestFolder {};

std::string from_base64(const std::string& text) {
  static const std::string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned held = 0;
  int bits = 0;
  for (char c : text) {
    if (c == '=') break;
    held = held << 6 | static_cast<unsigned>(letters.find(c));
    bits += 6;
    if (bits >= 8) bytes += static_cast<char>(held >> (bits -= 8) & 255U);
  }
  return bytes;
}

TEST_F(LabNetwork, ModelsAreFoundByName) {
  namespace fs = std::filesystem;
  fs::create_directories(folder / "b" / "deeper");
  for (const char* name : {"a.pt", "b/model.pt", "b/deeper/model.pt", "b/notes.txt"}) std::ofstream(folder / name) << "x";
  EXPECT_EQ(lab::model_names(folder), (std::vector<std::string>{"a.pt", "b/model.pt"}));
  EXPECT_EQ(lab::model_names(folder / "a.pt"), std::vector<std::string>{"a.pt"});
  EXPECT_EQ(lab::model_file(folder, "b/model.pt"), folder / "b/model.pt");
  EXPECT_EQ(lab::model_file(folder / "a.pt", "a.pt"), folder / "a.pt");
  EXPECT_THROW(lab::model_file(folder, "../a.pt"), UserError);
  EXPECT_THROW(lab::model_names(folder / "none"), UserError);
  EXPECT_TRUE(lab::model_names({}).empty());
}

// A network trained on drawn discs marks a simulated cyst: the answer's Dice is that of its two masks, the exact mask has the
// area of the ellipse, and mistakes are told.
TEST_F(LabNetwork, MarksTheDrawnCyst) {
  if (!std::filesystem::exists(SONOFORGE_BINARY_DIR "/sonoforge_learn")) GTEST_SKIP() << "built without LibTorch";
  write_disc_data(folder / "data", 24, 2);
  std::ofstream(folder / "train.yaml") << "data: " << (folder / "data").string()
                                       << "\ntask: {type: segmentation, input: image, label: lesion}\nmodel: {type: unet, width: 4, depth: 2}\noptimizer: {type: adamw, learning_rate: 1e-2}\nbatch: 4\nimage_size: [32, 32]\nepochs: 12\n";
  ASSERT_EQ(std::system((SONOFORGE_BINARY_DIR "/sonoforge train " + (folder / "train.yaml").string() + " -o " + (folder / "models" / "discs").string() + " --quiet > /dev/null 2>&1").c_str()), 0);

  LabProcess lab({"--model", (folder / "models").string()});
  if (lab.port() == 0) GTEST_SKIP() << "this build has no page (node was missing): " << lab.said();
  httplib::Client client("127.0.0.1", lab.port());
  client.set_read_timeout(60);
  const auto start = json::parse(client.Get("/api/start")->body);
  EXPECT_EQ(start["networks"]["names"], json::array({"discs/model.pt"}));
  int number = 0;
  const auto ask = [&](json request) {
    request["view"] = "network";
    const auto answer = client.Post("/api/network?page=t&number=" + std::to_string(++number), request.dump(), "application/json");
    return answer ? json::parse(answer->body) : json();
  };
  const auto scene = [](double radius, const char* more = "") {
    char text[2000];
    std::snprintf(text, sizeof text,
                  "phantom: {type: scene, background: liver, regions: [%s{shape: {type: ellipsoid, centre: [0 mm, 0 mm, 15 mm], radii: [%g mm, 5 mm, %g mm]}, tissue: cyst, label: cyst}], "
                  "extent: {x: [-10 mm, 10 mm], y: [0 mm, 0 mm], z: [2 mm, 26 mm]}, scatterer_density: 14 /mm^3}\nprobe: {type: L11-5v, elements: 64}\n"
                  "sequence: {type: plane_waves, angles: [0 deg]}\nreceive: {sampling_rate: 30.4 MHz, depth: 26 mm}\nengine: {type: scatterers, model: simus, dimensions: 2, accuracy: 0.01}\n"
                  "beamformer: {type: delay_and_sum, f_number: 1.5, window: hann}\nimage: {x: [-10 mm, 10 mm, 0.2 mm], z: [5 mm, 25 mm, 0.2 mm], compensation: 0.5 dB/cm/MHz}\n",
                  more, radius, radius);
    return std::string(text);
  };
  const auto found = ask({{"model", "discs/model.pt"}, {"config", scene(4)}});
  ASSERT_TRUE(found.contains("dice")) << found.dump();
  EXPECT_EQ(found["of"], "cyst");
  EXPECT_EQ(found["model"]["label"], "lesion");
  // Pixels whose centres lie inside: the area to within its edge of 2 pi r / 0.2 pixels, each right or wrong by half.
  EXPECT_NEAR(found["areas"]["truth"].get<double>(), std::numbers::pi * 16e-6, 0.02 * std::numbers::pi * 16e-6);
  const auto bytes = [&](const char* key) { return from_base64(found[key].get<std::string>()); };
  const std::string mask = bytes("found"), truth = bytes("truth"), probability = bytes("probability");
  ASSERT_EQ(mask.size(), 101u * 101u);
  ASSERT_EQ(truth.size(), mask.size());
  double both = 0, all = 0;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    both += mask[i] && truth[i];
    all += mask[i] + truth[i];
    EXPECT_EQ(mask[i] != 0, static_cast<unsigned char>(probability[i]) >= 128) << i;
  }
  EXPECT_NEAR(found["dice"].get<double>(), 2 * both / all, 1e-12);
  // Discs of drawn noise are no ultrasound, yet as dark and as round: it must find most of the cyst.
  EXPECT_GT(found["dice"].get<double>(), 0.6);

  const auto layered = ask({{"model", "discs/model.pt"}, {"config", scene(4, "{shape: {type: slab, z: [0 mm, 6 mm]}, tissue: fat, label: fat_layer}, ")}, {"truth", "cyst"}});
  EXPECT_EQ(layered["truth"], found["truth"]);
  EXPECT_EQ(layered["classes"], json::array({"fat_layer", "cyst"}));
  EXPECT_NE(layered["image"]["values"], found["image"]["values"]);

  EXPECT_NE(ask({{"model", "none.pt"}, {"config", scene(4)}})["errors"][0]["text"].get<std::string>().find("no model 'none.pt'"), std::string::npos);
  EXPECT_NE(ask({{"model", 7}, {"config", scene(4)}})["errors"][0]["text"].get<std::string>().find("'model' is no text"), std::string::npos);
  EXPECT_NE(ask({{"model", "discs/model.pt"}, {"config", scene(4)}, {"truth", "bone"}})["errors"][0]["text"].get<std::string>().find("no class 'bone'"), std::string::npos);
  EXPECT_EQ(lab.stop(), 130);
}

TEST_F(LabNetwork, RefusesModelsThatAreNotThere) {
  LabProcess lab({"--model", (folder / "none.pt").string()});
  EXPECT_EQ(lab.port(), 0);
  EXPECT_EQ(lab.stop(), 2);
}

}  // namespace
}  // namespace sonoforge
