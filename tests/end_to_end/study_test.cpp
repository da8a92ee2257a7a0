#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "command.hpp"

namespace sonoforge {
namespace {

using Json = nlohmann::json;

// A scene small enough for seconds: 12 elements, a few hundred scatterers.
const char* const small_study = R"(
sonoforge: 1
seed: 3
study: {type: detection, tissue: water, centre: [0 mm, 0 mm, 5 mm], radius: 0.5 mm, contrast: -2.5 dB, margin: 0.25 mm, cases: 800, channels: 4,
        lateral_spacing: 0.1 mm, axial_spacing: 0.05 mm, radii: [0.4 mm, 0.5 mm, 0.7 mm]}
probe: {type: linear_array, frequency: 5 MHz, elements: 12, pitch: 0.3 mm, width: 0.27 mm, height: 3 mm, response: {bandwidth: 60 %}}
sequence: {type: plane_waves, angles: [0 deg]}
receive: {sampling_rate: 20 MHz, depth: 8 mm, noise: {snr: 10 dB}}
engine: {type: exact, dimensions: 2}
beamformer: {type: delay_and_sum, f_number: 1.2}
image: {x: [-0.7 mm, 0.7 mm, 0.1 mm], z: [4.3 mm, 5.7 mm, 0.1 mm]}
)";

std::map<std::string, Json> observers(const Json& report) {
  std::map<std::string, Json> all;
  for (const auto& one : report["observers"]) all[one["name"].get<std::string>()] = one;
  return all;
}

TEST(DetectionStudy, LadderOnlyLosesInformation) {
  const TestFolder folder;
  folder.write("study.yaml", small_study);
  const auto run = sonoforge_command(folder, "validate study.yaml -o out --json");
  ASSERT_EQ(run.code, 0) << run.err;
  const auto report = Json::parse(run.out);
  const auto found = observers(report);
  // No function of the data holds more than the data: exact areas fall, to rounding of the integrals.
  const double rf = found.at("RF")["exact_auc"], pixels = found.at("beamformed")["exact_auc"],
               envelope = found.at("envelope")["exact_auc"];
  EXPECT_GT(rf, 0.7);
  EXPECT_LT(rf, 0.9999);
  EXPECT_LE(pixels, rf + 1e-6);
  EXPECT_LT(envelope, pixels);
  // Sampled areas agree with the exact ones within four standard errors.
  for (const char* name : {"RF", "beamformed", "envelope"}) {
    const auto& one = found.at(name);
    EXPECT_NEAR(one["auc"].get<double>(), one["exact_auc"].get<double>(), 4 * one["standard_error"].get<double>())
        << name;
  }
  // The display and a trained observer see the same envelope through less.
  EXPECT_LT(found.at("8 bit")["auc"].get<double>(), envelope + 4 * found.at("8 bit")["standard_error"].get<double>());
  EXPECT_LT(found.at("channelised Hotelling")["auc"].get<double>(),
            envelope + 4 * found.at("channelised Hotelling")["standard_error"].get<double>());
  EXPECT_LT(report["contrast_detail"]["slope"].get<double>(), -0.5);
  for (const auto& bound : report["bounds"]) EXPECT_GT(bound["deviation"].get<double>(), 0) << bound;
  EXPECT_EQ(report["alarm"], false);
  EXPECT_NE(folder.read("out/report.html").find("cannot show"), std::string::npos);

  // A "network" that was told the truth of every test case beats what the data hold: alarm, exit code 3.
  std::string scores = "id,prediction\n", cases = folder.read("out/cases.csv");
  std::istringstream lines(cases);
  std::string line;
  std::getline(lines, line);
  std::string honest = scores;
  while (std::getline(lines, line)) {
    std::vector<std::string> cells;
    std::istringstream row(line);
    for (std::string cell; std::getline(row, cell, ',');) cells.push_back(cell);
    scores += cells[0] + "," + cells[2] + "." + std::to_string(cells[0].back() - '0') + "\n";
    honest += cells[0] + "," + cells[5] + "\n";  // what the envelope's observer says
  }
  folder.write("leak.csv", scores);
  folder.write("honest.csv", honest);
  const auto leak =
      sonoforge_command(folder, "validate study.yaml -o leak --set study.network=leak.csv --set study.radii=[]");
  EXPECT_EQ(leak.code, 3) << leak.err;
  EXPECT_NE(leak.out.find("ALARM"), std::string::npos);
  const auto fair = sonoforge_command(
      folder, "validate study.yaml -o fair --set study.network=honest.csv --set study.radii=[] --json");
  ASSERT_EQ(fair.code, 0) << fair.err;
  const auto network = observers(Json::parse(fair.out)).at("network");
  EXPECT_EQ(network["auc"], found.at("envelope")["auc"]);
  EXPECT_LT(network["efficiency_low"].get<double>(), network["efficiency"].get<double>());
}

TEST(DetectionStudy, SameBitsForAnyNumberOfThreads) {
  const TestFolder folder;
  folder.write("study.yaml", small_study);
  ASSERT_EQ(sonoforge_command(folder, "validate study.yaml -o one --threads 1 --set study.radii=[]").code, 0);
  ASSERT_EQ(sonoforge_command(folder, "validate study.yaml -o two --threads 3 --set study.radii=[]").code, 0);
  EXPECT_EQ(folder.read("one/report.json"), folder.read("two/report.json"));
  EXPECT_EQ(folder.read("one/cases.csv"), folder.read("two/cases.csv"));
}

#ifdef SONOFORGE_WITH_LIBTORCH
TEST(DetectionStudy, TrainedNetworkReadsBeamformedDataAndNeverBeatsThem) {
  const TestFolder folder;
  folder.write("study.yaml", small_study);
  const std::string rest =
      " --set study.radii=[] --set 'study.train={samples: 4000, epochs: 3, optimizer: {type: adam, learning_rate: "
      "5e-3}}'";
  const auto run = sonoforge_command(folder, "validate study.yaml -o one --json --threads 1" + rest);
  ASSERT_EQ(run.code, 0) << run.err;
  const auto report = Json::parse(run.out);
  const auto found = observers(report);
  const auto network = found.at("network");
  EXPECT_EQ(report["alarm"], false);
  // It sees what the ideal observer of the pixels sees: no better than its exact area, to four standard errors.
  EXPECT_LT(network["auc"].get<double>(),
            found.at("beamformed")["exact_auc"].get<double>() + 4 * network["standard_error"].get<double>());
  // Phases are worth something: better than readers of 8 bit of the same cases.
  EXPECT_GT(network["auc"].get<double>(), found.at("channelised Hotelling")["auc"].get<double>());
  ASSERT_EQ(sonoforge_command(folder, "validate study.yaml -o two --threads 3" + rest).code, 0);
  EXPECT_EQ(folder.read("one/cases.csv"), folder.read("two/cases.csv"));
  const auto both = sonoforge_command(folder, "validate study.yaml -o three --set study.network=x.csv" + rest);
  EXPECT_EQ(both.code, 2);
  EXPECT_NE(both.err.find("one is judged"), std::string::npos) << both.err;
  EXPECT_EQ(sonoforge_command(folder, "validate study.yaml -o three --set 'study.train={model: unet}'").code, 2);
}

TEST(DetectionStudy, FiltersAsLargeAsTheImageBeginAtAQuadraticDiscriminant) {
  const TestFolder folder;
  folder.write("study.yaml", small_study);
  // Steps too small to teach anything: what the network knows, it knows from its beginning.
  const auto run = [&](const std::string& name, const std::string& threads) {
    return sonoforge_command(folder, "validate study.yaml --json -o " + name + " --threads " + threads +
                                         " --set study.radii=[] --set 'study.train={samples: 8000, epochs: 1, batch: 1000, floor: -60 "
                                         "dB, optimizer: {type: adam, learning_rate: 1e-9}, model: {type: energy, features: 16, kernel: 0}}'");
  };
  const auto one = run("one", "1");
  ASSERT_EQ(one.code, 0) << one.err;
  const auto report = Json::parse(one.out);
  const auto found = observers(report);
  const auto network = found.at("network");
  EXPECT_EQ(report["alarm"], false);
  const double area = network["auc"].get<double>(), error = network["standard_error"].get<double>();
  EXPECT_GT(area, 0.5 + 5 * error);
  EXPECT_LT(area, found.at("beamformed")["exact_auc"].get<double>() + 4 * error);
  ASSERT_EQ(run("two", "3").code, 0);
  EXPECT_EQ(folder.read("one/cases.csv"), folder.read("two/cases.csv"));
  const auto even = sonoforge_command(folder, "validate study.yaml -o three --set 'study.train={model: {type: energy, kernel: 4}}'");
  EXPECT_EQ(even.code, 2);
}
#endif

TEST(DetectionStudy, TellsWhatItCannotDo) {
  const TestFolder folder;
  folder.write("study.yaml", small_study);
  const auto attempt = [&](const std::string& change) {
    return sonoforge_command(folder, "validate study.yaml -o out " + change);
  };
  const auto silent = attempt("--set receive.noise.snr=none");
  EXPECT_EQ(silent.code, 2);
  EXPECT_NE(silent.err.find("no noise"), std::string::npos) << silent.err;
  const auto bent = attempt("--set beamformer.compounding=incoherent");
  EXPECT_EQ(bent.code, 2);
  EXPECT_NE(bent.err.find("not linear"), std::string::npos) << bent.err;
  EXPECT_EQ(attempt("--set study.contrast='0 dB'").code, 2);
  EXPECT_EQ(attempt("--set study.cases=42").code, 2);
  folder.write("few.csv", "id,prediction\ncase_00002,0.5\n");
  const auto few = attempt("--set study.network=few.csv");
  EXPECT_EQ(few.code, 2);
  EXPECT_NE(few.err.find("has no score of"), std::string::npos) << few.err;
  EXPECT_EQ(sonoforge_command(folder, "check study.yaml").code, 0);
  EXPECT_EQ(sonoforge_command(folder, "describe study.detection").code, 0);
}

}  // namespace
}  // namespace sonoforge
