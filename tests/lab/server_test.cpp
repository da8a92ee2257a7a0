#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>

#include <chrono>
#include <optional>
#include <random>
#include <thread>

#include <nlohmann/json.hpp>

#include "tests/lab/lab_process.hpp"

namespace {

using nlohmann::json;

/// `sonoforge lab` in a process of its own, on a free port.
class Lab : public ::testing::Test {
 protected:
  void SetUp() override {
    signal(SIGPIPE, SIG_IGN);  // a refused body may be cut off
    lab_.emplace();
    if (lab_->port() == 0) GTEST_SKIP() << "this build has no page (node was missing): " << lab_->said();
  }
  void TearDown() override {
    if (lab_->port() == 0) return;
    EXPECT_EQ(lab_->stop(), 130);
  }
  httplib::Client client() const {
    httplib::Client c("127.0.0.1", lab_->port());
    c.set_read_timeout(60);
    return c;
  }
  json compute(const json& request, const std::string& page = "test", int number = 1) {
    auto c = client();
    const auto answer = c.Post("/api/compute?page=" + page + "&number=" + std::to_string(number), request.dump(), "application/json");
    return answer ? json::parse(answer->body) : json();
  }

  const std::string scene_ =
      "phantom: {type: points, background: water, positions: [[0 mm, 0 mm, 10 mm]], amplitudes: [1]}\n"
      "probe: {type: L11-5v, elements: 16}\nsequence: {type: plane_waves, angles: [0 deg]}\n"
      "receive: {sampling_rate: 30.4 MHz, depth: 14 mm}\nengine: {type: scatterers, model: simus, dimensions: 2, accuracy: 0.01}\n"
      "image: {x: [-3 mm, 3 mm, 0.2 mm], z: [5 mm, 14 mm, 0.1 mm]}\n";
  std::optional<sonoforge::LabProcess> lab_;
};

TEST_F(Lab, ServesItsPageAndEveryView) {
  auto c = client();
  for (const char* file : {"/", "/index.html", "/app.js", "/app.css"}) {
    const auto answer = c.Get(file);
    ASSERT_TRUE(answer) << file;
    EXPECT_EQ(answer->status, 200) << file;
    EXPECT_GT(answer->body.size(), 100u) << file;
    EXPECT_NE(answer->get_header_value("Content-Security-Policy").find("default-src 'none'"), std::string::npos);
  }
  const auto start = json::parse(c.Get("/api/start")->body);
  EXPECT_GE(start["lessons"].size(), 12u);
  EXPECT_TRUE(start["catalogs"].contains("probe"));

  const auto image = compute({{"view", "image"}, {"config", scene_}});
  ASSERT_TRUE(image.contains("image")) << image.dump();
  EXPECT_EQ(image["image"]["x"]["count"], 31);
  EXPECT_EQ(image["image"]["z"]["count"], 91);
  EXPECT_EQ(image["facts"]["scatterers"], 1);
  EXPECT_EQ(image["facts"]["error"], 0.01);
  for (const char* view : {"rf", "channel", "delays", "line", "beam", "wave", "psf", "point"}) {
    const auto answer = compute({{"view", view}, {"config", scene_}, {"x", 0}, {"z", 0.01}});
    EXPECT_FALSE(answer.empty() || answer.contains("errors")) << view << answer.dump();
  }
  // One scatterer at 10 mm: the point spread function peaks there, within the step of a twelfth of a wavelength.
  const auto psf = compute({{"view", "psf"}, {"config", scene_}, {"x", 0}, {"z", 0.01}});
  EXPECT_NEAR(psf["peak"]["z"].get<double>(), 0.01, 0.05e-3);
}

// Blood that moves straight down a vertical vessel, seen by one plane wave straight down: what the gate measures is its velocity.
// The medium loses nothing, so that the echo keeps its frequency. The image of the gate's pixels reaches half a millimetre over it, where the
// parabola has fallen by (1 / 3)^2 = 11 %, in the mean over that square by 4 %; the mean path of an aperture of f-number 2 (14 degrees) is 1 % short.
// The speckle of so small a gate adds chance: its phase between pulses spreads by some 5 %.
TEST_F(Lab, DopplerMeasuresWhatIsThere) {
  const auto config = [](const std::string& velocity) {
    return "phantom: {type: flow, background: {sound_speed: 1540 m/s, scatterer_density: 100 /mm^3, scatterer_strength: 1}, centre: [0 mm, 0 mm, 14 mm], angle: 90 deg, radius: 3 mm, length: 12 mm, mean_velocity: " + velocity +
           ", extent: {x: [-5 mm, 5 mm], y: [0 mm, 0 mm], z: [7 mm, 21 mm]}, scatterer_density: 10 /mm^3}\n"
           "probe: {type: L11-5v, elements: 48, frequency: 5 MHz}\npulse: {cycles: 8}\n"
           "sequence: {type: plane_waves, angles: [0 deg], frames: {count: 64, rate: 4 kHz}}\n"
           "receive: {sampling_rate: 20 MHz, depth: 22 mm}\nengine: {type: scatterers, model: simus, dimensions: 2, accuracy: 0.01}\n"
           "beamformer: {type: delay_and_sum, f_number: 2}\nimage: {x: [-5 mm, 5 mm, 0.2 mm], z: [8 mm, 20 mm, 0.2 mm]}\nlabels: []\n";
  };
  const json request{{"view", "doppler"}, {"x", 0}, {"z", 0.014}, {"gate", 1e-3}, {"wall_filter", 60}};
  for (const auto& [text, axis] : {std::pair("10 cm/s", -0.2), std::pair("-8 cm/s", 0.16)}) {  // twice the mean on the axis; down is away
    json ask = request;
    ask["config"] = config(text);
    const auto answer = compute(ask, "doppler");
    ASSERT_TRUE(answer.contains("velocity")) << answer.dump();
    EXPECT_NEAR(answer["truth"].get<double>(), axis, 0.05 * std::abs(axis));
    EXPECT_NEAR(answer["velocity"].get<double>(), axis, 0.1 * std::abs(axis));
    EXPECT_NEAR(answer["limit"].get<double>(), 4e3 / (4 * 5e6) * 1540, 1e-9);
  }
  // Faster than the limit of some 0.31 m/s: 0.4 m/s away is taken for 0.4 - 2 * 0.31 towards.
  json fast = request;
  fast["config"] = config("20 cm/s");
  const auto answer = compute(fast, "doppler");
  EXPECT_GT(std::abs(answer["truth"].get<double>()), answer["limit"].get<double>());
  EXPECT_GT(answer["velocity"].get<double>(), 0);
  json still = request;
  still["config"] = scene_;
  EXPECT_NE(compute(still, "doppler").dump().find("frames"), std::string::npos);
}

TEST_F(Lab, AnswersItsOwnPageOnly) {
  auto c = client();
  const std::string own = "127.0.0.1:" + std::to_string(lab_->port());
  EXPECT_EQ(c.Get("/", {{"Host", "evil.example:" + std::to_string(lab_->port())}})->status, 403);
  EXPECT_EQ(c.Get("/", {{"Host", own}, {"Origin", "http://evil.example"}})->status, 403);
  EXPECT_EQ(c.Get("/", {{"Host", own}, {"Sec-Fetch-Site", "cross-site"}})->status, 403);
  EXPECT_EQ(c.Get("/", {{"Host", own}, {"Origin", "http://" + own}})->status, 200);
  EXPECT_EQ(c.Post("/api/compute?page=a&number=1", "{}", "text/plain")->status, 415);
  EXPECT_EQ(c.Post("/api/compute?page=a", "{}", "application/json")->status, 400);
  EXPECT_EQ(c.Get("/api/none")->status, 404);
  EXPECT_EQ(c.Get("/../etc/passwd")->status, 404);
  const auto large = c.Post("/api/compute?page=a&number=1", std::string(1'000'000, 'x'), "application/json");
  EXPECT_TRUE(!large || large->status == 413);
}

TEST_F(Lab, MistakesAreToldAndFilesRefused) {
  const auto text = [&](const std::string& config, const std::string& view = "image") {
    const auto answer = compute({{"view", view}, {"config", config}});
    return answer.contains("errors") ? answer["errors"][0]["text"].get<std::string>() : answer.dump();
  };
  EXPECT_NE(text("phantom: 3").find("phantom"), std::string::npos);
  EXPECT_NE(text("a: [").size(), 0u);
  EXPECT_NE(text(scene_, "nonsense").find("no view"), std::string::npos);
  EXPECT_NE(text(scene_ + "probe: P4-2v\n").find("probe"), std::string::npos);
  std::string file = scene_;
  file.replace(0, file.find('\n'), "phantom: {type: scatterers, background: water, file: /etc/passwd}");
  EXPECT_NE(text(file).find("names a file"), std::string::npos) << text(file);
  std::string large = scene_;
  large.replace(0, large.find('\n'), "phantom: {type: scene, background: liver, scatterer_density: 100 /mm^3, extent: {x: [-20 mm, 20 mm], y: [-5 mm, 5 mm], z: [1 mm, 40 mm]}}");
  EXPECT_NE(text(large).find("scatterers"), std::string::npos) << text(large);
}

TEST_F(Lab, NewerRequestsOfAPageReplaceOlderOnes) {
  // Long enough to be overtaken: many elements, many transmits.
  const std::string slow =
      "phantom: {type: scene, background: liver, scatterer_density: 8 /mm^3, extent: {x: [-19 mm, 19 mm], y: [0 mm, 0 mm], z: [2 mm, 60 mm]}}\n"
      "probe: L11-5v\nsequence: {type: plane_waves, angles: {from: -10 deg, to: 10 deg, count: 41}}\n"
      "receive: {sampling_rate: 30.4 MHz, depth: 60 mm}\nengine: {type: exact, dimensions: 3}\n";
  bool replaced = false;
  std::thread old([&] {
    auto c = client();
    const auto answer = c.Post("/api/compute?page=p&number=1", json{{"view", "image"}, {"config", slow}}.dump(), "application/json");
    replaced = answer && answer->status == 200 && json::parse(answer->body).value("replaced", false);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  const auto answer = compute({{"view", "image"}, {"config", scene_}}, "p", 2);
  EXPECT_TRUE(answer.contains("image")) << answer.dump();
  old.join();
  EXPECT_TRUE(replaced);

  // The same as a long computation: started, seen, cancelled.
  auto c = client();
  const auto job = json::parse(c.Post("/api/jobs", json{{"view", "image"}, {"config", slow}}.dump(), "application/json")->body);
  ASSERT_TRUE(job.contains("job")) << job.dump();
  const std::string path = "/api/jobs/" + std::to_string(job["job"].get<int>());
  EXPECT_FALSE(json::parse(c.Get(path)->body)["done"].get<bool>());
  EXPECT_EQ(c.Delete(path, "{}", "application/json")->status, 200);
  for (int i = 0; i < 100 && !json::parse(c.Get(path)->body)["done"].get<bool>(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(json::parse(c.Get(path)->body)["why"], "cancelled");
}

TEST_F(Lab, GradesAnswers) {
  auto c = client();
  const auto page = json::parse(c.Get("/api/lessons/07_speckle?seed=3")->body);
  EXPECT_FALSE(page.dump().find("answer\"") != std::string::npos);  // the page does not know them
  const auto graded = json::parse(c.Post("/api/grade", json{{"lesson", "07_speckle"}, {"seed", 3}, {"answers", {{"snr", "1.9"}}}}.dump(), "application/json")->body);
  EXPECT_EQ(graded["right"], 1) << graded.dump();
  EXPECT_EQ(c.Get("/api/lessons/none")->status, 404);
}

// Damaged requests of every kind, by a generator of fixed seed: an answer to each, and the server lives.
TEST_F(Lab, DamagedRequestsNeverEndIt) {
  std::mt19937 random(7);
  auto c = client();
  c.set_keep_alive(true);
  const std::string good = json{{"view", "image"}, {"config", scene_}, {"x", 0}, {"z", 0.01}}.dump();
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    std::string body = good;
    for (unsigned k = 0; k <= random() % 8; ++k) {
      const auto at = random() % body.size();
      switch (random() % 3) {
        case 0: body[at] = static_cast<char>(random()); break;
        case 1: body.erase(at, random() % 10); break;
        default: body.insert(at, body.substr(random() % body.size(), random() % 30));
      }
      if (body.empty()) body = "{";
    }
    const auto answer = c.Post("/api/compute?page=f&number=" + std::to_string(i + 1), body, "application/json");
    if (answer) ++answered;
  }
  EXPECT_EQ(answered, 100);
  EXPECT_TRUE(compute({{"view", "image"}, {"config", scene_}}, "f", 1000).contains("image"));
}

}  // namespace
