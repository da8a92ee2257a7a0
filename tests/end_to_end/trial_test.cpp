#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "ai/sha256.hpp"
#include "command.hpp"

namespace sonoforge {
namespace {

using Json = nlohmann::json;

const char* const small_trial = R"(
sonoforge: 1
seed: 4
study:
  type: trial
  hypothesis: The second scanner finds more.
  truth: disease
  positive: ['0.5']
  scanners:
    - {name: first, set: ['receive.noise.snr=-6 dB']}
    - {name: second, set: ['receive.noise.snr=-6 dB']}
  patients: 100
  training: 60
  readers: 2
  channels: 3
  centre: [0 mm, 0 mm, 5 mm]
  width: 2 mm
  standard_error: 0.05
phantom:
  type: scene
  background: water
  regions:
    - shape: {type: ellipsoid, centre: [0 mm, 0 mm, 5 mm], radii: [1 mm, 1 mm, 1 mm]}
      tissue: {scatterer_density: 100 /mm^3, scatterer_strength: {choice: [1, 0.5], factor: disease}}
      label: mass
    - {shape: {type: slab, z: [0 mm, 20 mm]}, tissue: {scatterer_density: 100 /mm^3, scatterer_strength: 1}, label: rest}
  extent: {x: [-2 mm, 2 mm], y: [0 mm, 0 mm], z: [3 mm, 7 mm]}
  scatterer_density: 25 /mm^3
probe: {type: linear_array, frequency: 5 MHz, elements: 12, pitch: 0.3 mm, width: 0.27 mm, height: 3 mm, response: {bandwidth: 60 %}}
sequence: {type: plane_waves, angles: [0 deg]}
receive: {sampling_rate: 20 MHz, depth: 8 mm, noise: {snr: 0 dB}}
engine: {type: scatterers, accuracy: 1e-2, dimensions: 2}
beamformer: {type: delay_and_sum, f_number: 1.2}
image: {x: [-1.6 mm, 1.6 mm, 0.2 mm], z: [3.6 mm, 6.4 mm, 0.1 mm]}
)";

std::string with_order(std::string text) {
  // The later region covers the earlier one: the rest must come first.
  const auto mass = text.find("    - shape:"), rest = text.find("    - {shape: {type: slab"),
             end = text.find("  extent:");
  return text.substr(0, mass) + text.substr(rest, end - rest) + text.substr(mass, rest - mass) + text.substr(end);
}

TEST(Trial, EqualScannersShowNoDifferenceAndAWorseOneIsFound) {
  const TestFolder folder;
  folder.write("trial.yaml", with_order(small_trial));
  // A against A: another noise, the same scanner. |z| above 3.5 has a probability of 5e-4.
  const auto same = sonoforge_command(folder, "validate trial.yaml -o same --json");
  ASSERT_EQ(same.code, 0) << same.err;
  const auto report = Json::parse(same.out);
  const double difference = report["difference"]["value"], error = report["difference"]["standard_error"];
  EXPECT_GT(error, 0);
  EXPECT_LT(std::abs(difference / error), 3.5);
  EXPECT_GT(report["scanners"][0]["mean_auc"].get<double>(), 0.55);
  // The protocol is what was hashed, and the report says so.
  EXPECT_EQ(report["protocol_sha256"], sha256(folder.read("same/protocol.yaml")));
  EXPECT_NE(folder.read("same/report.html").find(report["protocol_sha256"].get<std::string>()), std::string::npos);

  // 40 dB less noise in one scanner. Patients and tissue are the same, so the other scanner's scores are the same too.
  const auto better = sonoforge_command(
      folder, "validate trial.yaml -o better --json --set study.scanners.1.set=\"['receive.noise.snr=34 dB']\"");
  ASSERT_EQ(better.code, 0) << better.err;
  const auto found = Json::parse(better.out);
  EXPECT_GT(found["difference"]["value"].get<double>(), 2 * found["difference"]["standard_error"].get<double>());
  EXPECT_EQ(found["scanners"][0], report["scanners"][0]);
  EXPECT_NE(found["protocol_sha256"], report["protocol_sha256"]);

  // The worse scanner as the new one: non-inferiority is not shown.
  const auto worse = sonoforge_command(folder,
                                       "validate trial.yaml -o worse --set study.margin=0.01 --set "
                                       "study.scanners.0.set=\"['receive.noise.snr=34 dB']\"");
  EXPECT_EQ(worse.code, 3) << worse.out << worse.err;
}

TEST(Trial, ProtocolIsFixedBeforeTheData) {
  const TestFolder folder;
  folder.write("trial.yaml", with_order(small_trial));
  const std::string few = " --set study.patients=20";
  ASSERT_EQ(sonoforge_command(folder, "validate trial.yaml -o out" + few).code, 0);
  const auto first = folder.read("out/report.json");
  ASSERT_EQ(sonoforge_command(folder, "validate trial.yaml -o out --threads 1" + few).code, 0);
  EXPECT_EQ(folder.read("out/report.json"), first);
  const auto changed = sonoforge_command(folder, "validate trial.yaml -o out --set study.patients=40");
  EXPECT_EQ(changed.code, 2);
  EXPECT_NE(changed.err.find("another protocol"), std::string::npos) << changed.err;
  const auto unknown = sonoforge_command(folder, "validate trial.yaml -o other --set study.truth=desease");
  EXPECT_EQ(unknown.code, 2);
  EXPECT_NE(unknown.err.find("known: disease"), std::string::npos) << unknown.err;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "other/protocol.yaml"));
}

}  // namespace
}  // namespace sonoforge
