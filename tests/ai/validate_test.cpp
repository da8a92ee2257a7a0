#include "ai/validate.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include "io/csv.hpp"
#include "ai/sha256.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

class ValidateTest : public TestFolder {
 protected:
  ValidateTest() {
    manifest.factor_names = {"radius", "side"};
    manifest.factor_units = {"m", ""};
    // Ten patients with two images each; Dice 0.9 for radii from 3 mm and 0.5, 0.6 below.
    for (int p = 0; p < 10; ++p)
      for (int v = 0; v < 2; ++v) {
        ManifestRow row;
        row.id = "p" + std::to_string(p) + "_" + std::to_string(v);
        row.patient = "p" + std::to_string(p);
        row.visit = v;
        row.split = "test";
        row.file = row.id + ".hdf5";
        row.sha256 = sha256(row.id);
        const double radius = p < 4 ? 0.002 : p < 7 ? 0.003 : 0.006;
        row.factors = {shortest_number(radius), v == 0 ? "left" : "<right>"};
        cases.push_back({manifest.rows.size(), {p < 4 ? 0.5 + 0.1 * v : 0.9 + 0.001 * p}, 1e-5, 2e-5});
        manifest.rows.push_back(row);
      }
  }
  ValidateConfig config(const std::string& more) const {
    ValidateConfig result;
    ConfigTree::parse("sonoforge: 1\ndata: d\nmodel: m.pt\nmetrics: [dice]\n" + more).read(result, {"sonoforge"});
    return result;
  }
  Evaluation judged(const std::string& more) const { return evaluate(config(more), manifest, cases); }
  Manifest manifest;
  std::vector<ValidationCase> cases;
};

TEST_F(ValidateTest, GroupsHoldEveryCaseOnce) {
  const auto found = judged("subgroups: [{factor: radius, edges: [3 mm, 5 mm]}, {factor: side}]\n");
  ASSERT_EQ(found.groups.size(), 6u);
  EXPECT_EQ(found.groups[0].group, "all");
  EXPECT_EQ(found.groups[0].estimate.cases, 20u);
  EXPECT_EQ(found.groups[0].estimate.patients, 10u);
  EXPECT_NEAR(found.groups[0].estimate.value, (4 * 1.1 + 2 * (6 * 0.9 + 0.001 * (4 + 5 + 6 + 7 + 8 + 9))) / 20, 1e-12);
  EXPECT_EQ(found.groups[1].group, "radius below 3 mm");
  EXPECT_EQ(found.groups[1].estimate.cases, 8u);
  EXPECT_NEAR(found.groups[1].estimate.value, 0.55, 1e-12);
  // An edge belongs to the group above it.
  EXPECT_EQ(found.groups[2].group, "radius 3 mm to 5 mm");
  EXPECT_EQ(found.groups[2].estimate.patients, 3u);
  EXPECT_EQ(found.groups[3].group, "radius from 5 mm");
  EXPECT_EQ(found.groups[3].estimate.cases, 6u);
  EXPECT_EQ(found.groups[5].group, "side = left");
  EXPECT_EQ(found.groups[4].estimate.cases + found.groups[5].estimate.cases, 20u);
  EXPECT_DOUBLE_EQ(found.groups[1].worst, 0.5);
  EXPECT_DOUBLE_EQ(found.groups[1].median, 0.55);
}

TEST_F(ValidateTest, GatesJudgeTheLowerEndOrTheMeanOfTheirGroup) {
  const std::string groups = "subgroups: [{factor: radius, edges: [3 mm]}]\n";
  EXPECT_TRUE(judged(groups).passed());
  EXPECT_TRUE(judged(groups + "gates: [{metric: dice, at_least: 0.7, interval: mean}]\n").passed());
  // The mean is 0.764; four of ten patients lie near 0.55, so the lower end must lie well below.
  EXPECT_FALSE(judged(groups + "gates: [{metric: dice, at_least: 0.75}]\n").passed());
  EXPECT_TRUE(judged(groups + "gates: [{metric: dice, subgroup: radius from 3 mm, at_least: 0.9}]\n").passed());
  const auto each = judged(groups + "gates: [{metric: dice, subgroup: radius, at_least: 0.6}]\n");
  ASSERT_EQ(each.gates.size(), 2u);
  EXPECT_FALSE(each.gates[0].passed);
  EXPECT_TRUE(each.gates[1].passed);
}

TEST_F(ValidateTest, AGateWithoutAnIntervalFails) {
  // No patient has a radius from 7 mm, and an interval of nothing proves nothing.
  const auto found = judged("subgroups: [{factor: radius, edges: [7 mm]}]\ngates: [{metric: dice, subgroup: radius from 7 mm, at_least: 0}]\n");
  EXPECT_TRUE(std::isnan(found.gates[0].value));
  EXPECT_FALSE(found.passed());
}

TEST_F(ValidateTest, MistakesAreExplained) {
  auto error = [&](const std::string& more) {
    try {
      return error_of([&] { judged(more); });
    } catch (const ConfigError& mistake) {
      return std::string(mistake.what());
    }
  };
  EXPECT_NE(error("subgroups: [{factor: radios}]\n").find("Did you mean 'radius'?"), std::string::npos);
  EXPECT_NE(error("subgroups: [{factor: radius, edges: [3 MHz]}]\n").find("does not measure"), std::string::npos);
  EXPECT_NE(error("subgroups: [{factor: radius, edges: [5 mm, 3 mm]}]\n").find("do not increase"), std::string::npos);
  EXPECT_NE(error("subgroups: [{factor: side, edges: [3]}]\n").find("edges need numbers"), std::string::npos);
  EXPECT_NE(error("gates: [{metric: dice, subgroup: radius, at_least: 0.5}]\n").find("no subgroup 'radius'"), std::string::npos);
  EXPECT_NE(error("gates: [{metric: iou, at_least: 0.5}]\n").find("not measured"), std::string::npos);
  EXPECT_NE(error("gates: [{metric: dice}]\n").find("at_least"), std::string::npos);
  // Each names the key that is wrong, which the command turns into line and column.
  const auto key = [&](const std::string& more) {
    try {
      judged(more);
    } catch (const ConfigError& mistake) {
      return mistake.key();
    }
    return std::string("none");
  };
  EXPECT_EQ(key("subgroups: [{factor: side}, {factor: radios}]\n"), "subgroups.1.factor");
  EXPECT_EQ(key("subgroups: [{factor: radius, edges: [5 mm, 3 mm]}]\n"), "subgroups.0.edges.1");
  EXPECT_EQ(key("subgroups: [{factor: side, edges: [3]}]\n"), "subgroups.0.edges");
  EXPECT_EQ(key("gates: [{metric: dice, at_least: 0.1}, {metric: dice, subgroup: radius, at_least: 0.5}]\n"), "gates.1.subgroup");
  EXPECT_EQ(key("gates: [{metric: dice, at_least: 3 mm}]\n"), "gates.0.at_least");
  auto training = config("split: train\n");
  EXPECT_THROW(check_groups(training, manifest), ConfigError);
}

TEST_F(ValidateTest, ReportsAreCompleteAndSelfContained) {
  auto c = config("subgroups: [{factor: side}]\ngates: [{metric: dice, at_least: 0.99}]\n");
  const auto found = evaluate(c, manifest, cases);
  ReportOrigin origin;
  origin.label = "lesion";
  origin.pictures = {{"Worst 1", "\x89PNG and more"}};
  write_validation(folder / "out", c, manifest, found, origin);
  const auto table = parse_csv(bytes(folder / "out" / "cases.csv"), "cases.csv");
  ASSERT_EQ(table.size(), 21u);
  EXPECT_EQ(table[0].cells, (std::vector<std::string>{"id", "patient", "visit", "twin", "split", "file", "dice", "true_area [m^2]", "predicted_area [m^2]", "radius [m]", "side"}));
  EXPECT_EQ(table[2].cells[0], "p0_1");
  EXPECT_EQ(table[2].cells[6], "0.6");
  const auto report = nlohmann::json::parse(bytes(folder / "out" / "report.json"));
  EXPECT_FALSE(report["passed"].get<bool>());
  EXPECT_EQ(report["cases"], 20);
  EXPECT_EQ(report["groups"].size(), 3u);
  const auto page = bytes(folder / "out" / "report.html");
  EXPECT_NE(page.find("cannot show"), std::string::npos);
  EXPECT_NE(page.find("A gate does not hold"), std::string::npos);
  // Nothing is loaded from elsewhere, and names from files are not markup. RFC 4648: "\x89PNG" begins with iVBORw.
  EXPECT_EQ(page.find("http"), std::string::npos);
  EXPECT_EQ(page.find("<right>"), std::string::npos);
  EXPECT_NE(page.find("side = &lt;right&gt;"), std::string::npos);
  EXPECT_NE(page.find("base64,iVBORyBhbmQgbW9yZQ=="), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
