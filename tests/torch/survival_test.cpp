#include "ai/survival.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "ai/predict.hpp"
#include "ai/train.hpp"
#include "ai/validate.hpp"
#include "core/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

constexpr double year = 365.25 * 86400;

/// Tables of patients whose hazard in each of four years is known; no files are needed where no image is seen.
class SurvivalTest : public TestFolder {
 protected:
  /// `logit`: of the hazard, from the marker at the first and at the second visit; `constant`: it is the same at both.
  void write_table(int patients, const std::function<double(double, double)>& logit, bool constant = false) {
    std::vector<ManifestRow> rows;
    std::vector<Factors> factors;
    for (int p = 0; p < patients; ++p) {
      RandomStream random(8, static_cast<std::uint64_t>(p), "patient");
      const double first = random.normal(), second = constant ? first : random.normal(),
                   hazard = 1 / (1 + std::exp(-logit(first, second)));
      double time = 4 * year;
      bool came = false;
      for (int k = 0; k < 4 && !came; ++k)
        if (random.uniform() < hazard) came = true, time = (k + random.uniform()) * year;
      // Every third patient is watched for a random time only.
      const double watched = random.uniform(0, 6) * year;
      if (p % 3 == 0 && watched < time) came = false, time = watched;
      for (int v = 0; v < 2; ++v) {
        ManifestRow row;
        row.patient = "patient_" + std::to_string(p);
        row.id = row.patient + "_" + std::to_string(v);
        row.visit = v;
        row.split = p % 8 == 6 ? "validation" : p % 8 == 7 ? "test" : "train";
        row.file = "samples/" + row.id + ".hdf5";
        row.sha256 = std::string(64, '0');
        rows.push_back(row);
        Factors f;
        f["marker"] = {"", true, v == 0 ? first : second, ""};
        f["visit_time"] = {"", true, v * 0.5 * year, "s"};
        f["event"] = {"", true, came ? 1.0 : 0.0, ""};
        f["event_time"] = {"", true, time, "s"};
        f["event_risk"] = {"", true, 1 - std::pow(1 - hazard, 4), ""};
        factors.push_back(f);
      }
    }
    make_folder(folder / "data");
    write_manifest(folder / "data" / "manifest.csv", make_manifest(rows, factors));
  }
  void train_on(const std::string& more, const std::string& name) {
    TrainConfig config;
    ConfigTree::parse(
        "data: " + (folder / "data").string() +
        "\ntask: {type: survival, factors: [marker], horizon: 4 year, intervals: 4, visits: 2}\nbatch: 64\nseed: 2\n" +
        more)
        .read(config);
    train(config, folder / name, false);
  }
  /// Mean absolute error of the predicted against the true risk, at the second visits of the test split.
  double risk_error(const std::string& name) {
    const Dataset data = Dataset::open(folder / "data");
    std::vector<std::size_t> rows;
    for (const auto row : data.rows_of("test"))
      if (data.manifest.rows[row].visit == 1) rows.push_back(row);
    const auto found = predict_set(Predictor(folder / name / "model.pt"), data, rows, folder / (name + "_predicted"));
    double error = 0;
    const auto column = static_cast<std::size_t>(data.manifest.factor("event_risk"));
    for (std::size_t i = 0; i < rows.size(); ++i)
      error += std::abs(found[i].values.at(0) - std::stod(data.manifest.rows[rows[i]].factors[column])) /
               static_cast<double>(rows.size());
    return error;
  }
  void SetUp() override {
    TestFolder::SetUp();
    set_quiet(true);
  }
};

TEST_F(SurvivalTest, TruthCountsIntervals) {
  SurvivalTask task;
  task.horizon = 4, task.intervals = 4;
  Manifest manifest;
  manifest.factor_names = {"event", "event_time"};
  manifest.factor_units = {"", "s"};
  const ZeaFile nothing;
  const auto truth = [&](const std::string& event, const std::string& time) {
    ManifestRow row;
    row.factors = {event, time};
    manifest.rows = {row};
    return task.truth({nothing, manifest, 0}, {});
  };
  using Row = std::vector<float>;
  EXPECT_EQ(truth("1", "1.5"), (Row{1, 0, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(truth("1", "4"), (Row{1, 1, 1, 0, 0, 0, 0, 1}));    // the end of the horizon is in it
  EXPECT_EQ(truth("1", "4.5"), (Row{1, 1, 1, 1, 0, 0, 0, 0}));  // beyond it: survived
  EXPECT_EQ(truth("0", "4"), (Row{1, 1, 1, 1, 0, 0, 0, 0}));
  EXPECT_EQ(truth("0", "1.4"), (Row{1, 0, 0, 0, 0, 0, 0, 0}));  // left in the first half of the second interval
  EXPECT_EQ(truth("0", "1.6"), (Row{1, 1, 0, 0, 0, 0, 0, 0}));
}

TEST_F(SurvivalTest, AKnownLogisticHazardIsRecovered) {
  write_table(
      640, [](double, double second) { return -1.5 + second; }, true);
  train_on("model: {type: visits, width: 0}\noptimizer: {type: adam, learning_rate: 3e-2}\nepochs: 12\n", "linear");
  // 480 patients: slope and intercept of an interval stand on some 40 to 70 units of information p (1 - p), so that
  // logits err by 0.12 to 0.16 and hazards by a sixth of that; four of them, times the share of a half that is still
  // free, make 0.03 in the risk, and as much again where slopes err. Without the marker the risk would err by 0.2.
  EXPECT_LT(risk_error("linear"), 0.07);
  ValidateConfig judged;
  ConfigTree::parse("data: " + (folder / "data").string() + "\nmodel: " + (folder / "linear" / "model.pt").string() +
                    "\ntask: survival\ntruth: event_time\nevent: event\npositive: [1]\nrisk: event_risk\nmetrics: "
                    "[c_index, brier, regret]\n"
                    "options: {horizon: 4 year, risk_threshold: 0.5}\n")
      .read(judged);
  const auto report = validate(judged, folder / "report");
  // Decisions differ only where the true risk lies within some 0.1 of the threshold, one in four: a twentieth over a
  // half lost there.
  for (const auto& group : report.groups)
    if (group.metric == "regret" && group.group == "all") {
      EXPECT_LT(group.estimate.value, 0.03);
    }
}

TEST_F(SurvivalTest, LongHistoryCountsWhereTheHazardFollowsTheChange) {
  write_table(1000, [](double first, double second) { return -1.5 + 1.5 * (second - first); });
  train_on("model: {type: visits, width: 0}\noptimizer: {type: adam, learning_rate: 3e-2}\nepochs: 6\n", "last");
  train_on("model: {type: visits, width: 12}\noptimizer: {type: adam, learning_rate: 2e-2}\nepochs: 15\n", "history");
  // The last visit alone misses 1.5 times a normal number in the logit.
  EXPECT_GT(risk_error("last"), 0.15);
  EXPECT_LT(risk_error("history"), 0.12);
}

TEST_F(SurvivalTest, MissingVisitsChangeNothing) {
  // A patient with one visit: the same answer whether the model has room for one visit or for three.
  write_table(16, [](double, double second) { return second; });
  TrainConfig config;
  ConfigTree::parse("data: " + (folder / "data").string() +
                    "\ntask: {type: survival, factors: [marker], horizon: 4 year, intervals: 4, visits: 3}\n")
      .read(config);
  config.resolve();
  const Dataset data = Dataset::open(folder / "data");
  const auto input = history_input(config, data, 0);
  ASSERT_EQ(input.size(), 9u);
  EXPECT_EQ(input[0], 1);
  for (std::size_t i = 3; i < 9; ++i) EXPECT_EQ(input[i], 0) << i;
  const auto both = history_input(config, data, 1);
  EXPECT_EQ(both[0], 1);
  EXPECT_EQ(both[3], 1);
  EXPECT_EQ(both[6], 0);
  EXPECT_NEAR(both[4], 0.5, 1e-6);  // years
}

TEST_F(SurvivalTest, MistakesAreTold) {
  write_table(16, [](double, double second) { return second; });
  const auto error = [&](const std::string& task) {
    return error_of([&] {
      TrainConfig config;
      ConfigTree::parse("data: " + (folder / "data").string() + "\ntask: {type: survival, horizon: 4 year, " + task +
                        "\n")
          .read(config);
      train(config, folder / "model", false);
    });
  };
  EXPECT_NE(error("factors: [colour]}").find("no factor 'colour'"), std::string::npos);
  EXPECT_NE(error("factors: []}").find("would see nothing"), std::string::npos);
  EXPECT_NE(error("factors: [event]}").find("only copy it"), std::string::npos);
  EXPECT_NE(error("factors: [marker]}\nmodel: {type: encoder}").find("reads visits"), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
