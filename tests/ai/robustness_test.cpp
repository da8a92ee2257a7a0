#include "ai/robustness.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include <cmath>
#include <nlohmann/json.hpp>

#include "ai/checklist.hpp"
#include "core/random.hpp"
#include "io/config.hpp"
#include "io/csv.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

/// Forty patients as drawn and as three twins with noise of 10, 20 and 40 dB and one of another speed; Dice falls by a
/// known amount, the same for all but for a part of its own.
class RobustnessTest : public TestFolder {
 protected:
  RobustnessTest() {
    manifest.factor_names = {"noise", "speed"};
    manifest.factor_units = {"dB", "m/s"};
    RandomStream random(1, 0, "robustness");
    const struct {
      const char* name;
      double noise, speed, loss;
    } variants[]{{"", 0, 1540, 0},
                 {"loud", 10, 1540, 0.3},
                 {"middle", 20, 1540, 0.1},
                 {"soft", 40, 1540, 0.01},
                 {"slow", 0, 1480, 0.05}};
    for (int p = 0; p < 40; ++p) {
      const double own = 0.9 + 0.02 * random.normal(), level = 25 + p % 5;
      for (const auto& variant : variants) {
        ManifestRow row;
        row.patient = "p" + std::to_string(p);
        row.id = row.patient + variant.name;
        row.twin = variant.name;
        row.split = "test";
        row.factors = {shortest_number(variant.noise > 0 ? variant.noise : level), shortest_number(variant.speed)};
        cases.push_back(
            {manifest.rows.size(), {own - variant.loss - (variant.loss > 0 ? 0.002 * (p % 3 - 1) : 0)}, 1e-5, 2e-5});
        manifest.rows.push_back(row);
      }
    }
  }
  ValidateConfig config(const std::string& more = "") const {
    ValidateConfig result;
    ConfigTree::parse("sonoforge: 1\ndata: d\nmodel: m.pt\nmetrics: [dice]\n" + more).read(result, {"sonoforge"});
    return result;
  }
  Manifest manifest;
  std::vector<ValidationCase> cases;
};

TEST_F(RobustnessTest, CurvesFollowTheForcedFactor) {
  const auto curves = robustness_curves(config(), manifest, cases);
  // The speed has one twin alone: no curve.
  ASSERT_EQ(curves.size(), 1u);
  EXPECT_EQ(curves[0].factor, "noise");
  ASSERT_EQ(curves[0].points.size(), 3u);
  const double losses[]{0.3, 0.1, 0.01};
  for (int i = 0; i < 3; ++i) {
    const auto& point = curves[0].points[i];
    EXPECT_DOUBLE_EQ(point.number, i == 0 ? 10 : i == 1 ? 20 : 40);
    // 40 patients: 14 of one sign more than of the other at most.
    EXPECT_NEAR(point.change.value, -losses[i], 0.0001);
    EXPECT_LT(point.change.interval.low, -losses[i] + 1e-4);
    // Patients cancel in the change: its interval is far narrower than that of the mean.
    EXPECT_LT(point.change.interval.high - point.change.interval.low,
              0.3 * (point.metric.interval.high - point.metric.interval.low));
    EXPECT_NEAR(point.metric.value - curves[0].drawn.value, point.change.value, 1e-12);
  }
  const auto section = robustness_section(config(), manifest, cases);
  EXPECT_EQ(nlohmann::json::parse(section.json).size(), 1u);
  EXPECT_NE(section.html.find("<svg"), std::string::npos);
}

TEST_F(RobustnessTest, DriftIsFoundAfterItsOnset) {
  const auto section =
      drift_section(config("drift: {twin: loud, onset: 50, after: 50, false_alarm_every: 500}\n"), manifest, cases);
  const auto json = nlohmann::json::parse(section.json);
  // 0.3 is 15 standard deviations, but forty ranks go no further than 2.2: each adds 1.7 to a sum with a limit
  // near 4.4.
  EXPECT_EQ(json["detected"], 1);
  EXPECT_LE(json["median_delay"].get<double>(), 4);
  EXPECT_NEAR(json["found_run_length"].get<double>() / 500, 1, 0.25);
  EXPECT_TRUE(drift_section(config(), manifest, cases).html.empty());
  EXPECT_NE(error_of([&] {
              drift_section(config("drift: {twin: loudest}\n"), manifest, cases);
            }).find("known: loud, middle, slow, soft"),
            std::string::npos);
  EXPECT_NE(error_of([&] {
              drift_section(config("drift: {twin: loud, metric: iou}\n"), manifest, cases);
            }).find("not measured"),
            std::string::npos);
}

TEST_F(RobustnessTest, PlanAndChecklistSayWhatIsThere) {
  const auto plan = config("plan: {patients: 100, deviation: 0.02}\nresamples: 200\n");
  const auto evaluation = evaluate(plan, manifest, cases);
  const auto json = nlohmann::json::parse(plan_section(plan, manifest, evaluation).json);
  EXPECT_NEAR(json["planned_standard_error"].get<double>(), 0.002, 1e-12);
  // Deviation 0.02 over 40 patients, known within 1 / sqrt(80) = 11 %.
  EXPECT_NEAR(json["reached_standard_error"].get<double>(), 0.02 / std::sqrt(40.0), 0.4 * 0.00316);
  ReportOrigin origin;
  const auto item = [&](const ValidateConfig& c, const std::string& list, const std::string& number) {
    for (const auto& one : checklist(c, evaluation, origin))
      if (one.list == list && one.number == number) return one;
    ADD_FAILURE() << list << " " << number;
    return ChecklistItem{};
  };
  using Status = ChecklistItem::Status;
  // Size, fairness and tests elsewhere, in all three lists.
  EXPECT_EQ(item(plan, "CLAIM 2024", "21").status, Status::partly);
  EXPECT_EQ(item(plan, "STARD-AI", "23").status, Status::missing);
  EXPECT_EQ(item(plan, "TRIPOD+AI", "14").status, Status::missing);
  EXPECT_EQ(item(plan, "CLAIM 2024", "33").status, Status::missing);
  EXPECT_NE(item(plan, "TRIPOD+AI", "10").where.find("add 'plan:'"), std::string::npos);
  origin.sections.push_back(plan_section(plan, manifest, evaluation));
  EXPECT_EQ(item(plan, "TRIPOD+AI", "10").where.find("Plan"), 0u);
  EXPECT_EQ(item(plan, "TRIPOD+AI", "10").status, Status::partly);  // 40 patients
  EXPECT_EQ(item(config("subgroups: [{factor: speed}]\n"), "STARD-AI", "23").status, Status::met);
  // Every number of each list once: 44, 27 and 40 items, some in parts.
  std::map<std::string, std::set<int>> numbers;
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& one : checklist(plan, evaluation, origin)) {
    EXPECT_TRUE(seen.emplace(one.list, one.number).second) << one.list << one.number;
    EXPECT_FALSE(one.topic.empty() || one.where.empty()) << one.list << one.number;
    numbers[one.list].insert(std::stoi(one.number));
  }
  for (const auto& [list, count] : {std::pair{"CLAIM 2024", 44}, {"TRIPOD+AI", 27}, {"STARD-AI", 40}}) {
    EXPECT_EQ(numbers[list].size(), static_cast<std::size_t>(count));
    EXPECT_EQ(*numbers[list].rbegin(), count);
  }
  EXPECT_NE(model_card_section(plan, manifest, evaluation, origin).html.find("simulated images only"),
            std::string::npos);
}

}  // namespace
}  // namespace sonoforge
