#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/csv.hpp"
#include "ai/gates.hpp"
#include "ai/predictions.hpp"
#include "ai/sha256.hpp"
#include "ai/validate.hpp"
#include "io/atomic_file.hpp"
#include "io/config.hpp"
#include "io/hdf5.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

/// 200 patients: a score of disease that is worse at telling disease where fat is thick, a twin each without fat.
class AuditTest : public TestFolder {
 protected:
  AuditTest() {
    manifest.factor_names = {"fat", "lesion", "side"};
    manifest.factor_units = {"m", "", ""};
    RandomStream random(5, 0, "audit");
    for (int p = 0; p < 200; ++p) {
      const double fat = 0.03 * random.uniform(), signal = random.normal();
      const bool ill = p % 2 == 0;
      for (const std::string twin : {"", "thin"}) {
        const double thickness = twin.empty() ? fat : 0.0;
        ManifestRow row;
        row.patient = "p" + std::to_string(p);
        row.id = row.patient + (twin.empty() ? "" : "_thin");
        row.twin = twin;
        row.split = "test";
        row.file = row.id + ".hdf5";
        row.sha256 = sha256(row.id);
        row.factors = {shortest_number(thickness), ill ? "malignant" : "benign", p % 3 == 0 ? "left" : "right"};
        const double logit = (ill ? 1 : -1) * (3 - 100 * thickness) + signal;
        ValidationCase one{manifest.rows.size(), {}, ill ? 1.0 : 0.0, 1 / (1 + std::exp(-logit))};
        cases.push_back(one);
        manifest.rows.push_back(row);
      }
    }
  }
  ValidateConfig config(const std::string& more) const {
    ValidateConfig result;
    ConfigTree::parse(
        "sonoforge: 1\ndata: d\npredictions: p\ntask: classification\ntruth: lesion\npositive: [malignant]\n" + more)
        .read(result, {"sonoforge"});
    return result;
  }
  Evaluation judged(const ValidateConfig& config) const {
    auto measured = cases;
    for (auto& one : measured)
      for (const auto& name : config.measured_metrics())
        one.metrics.push_back(
            value_metric(*find_metric(config.task, name), one.predicted, one.truth, config.threshold));
    return evaluate(config, manifest, std::move(measured));
  }
  Evaluation judged(const std::string& more) const { return judged(config(more)); }

  Manifest manifest;
  std::vector<ValidationCase> cases;
};

TEST_F(AuditTest, FindsThePlantedBiasAndNothingElse) {
  const auto found = judged(
      "metrics: [auc, accuracy, sensitivity]\nsubgroups: [{factor: fat, edges: [10 mm, 20 mm]}, {factor: "
      "side}]\nintersections: [{factors: [fat, side]}]\n");
  // 1 + 3 + 2 + 6 groups in three metrics, of patients as drawn only.
  EXPECT_EQ(found.groups.size(), 36u);
  EXPECT_EQ(found.groups[0].estimate.cases, 200u);
  EXPECT_EQ(found.groups[0].method, "DeLong (logit)");
  bool thick_found = false;
  for (const auto& r : found.disparities) {
    if (r.factor == "side") {
      EXPECT_GT(r.adjusted_p_value, 0.05) << r.group << r.metric;
    }
    thick_found = thick_found || (r.group == "fat from 20 mm" && r.metric == "accuracy" && r.disparity.difference < 0 &&
                                  r.adjusted_p_value < 0.05);
    // Equal opportunity compares the diseased only.
    if (r.metric == "sensitivity") {
      EXPECT_LE(r.disparity.patients_a + r.disparity.patients_b, 100u);
    }
  }
  EXPECT_TRUE(thick_found);
  ASSERT_EQ(found.doses.size(), 1u);
  EXPECT_LT(found.doses[0].response.slope, 0);
  EXPECT_LT(found.doses[0].response.p_value, 1e-3);
  ASSERT_FALSE(found.slices.empty());
  EXPECT_NE(found.slices[0].slice.name.find("fat from 20 mm"), std::string::npos);
  EXPECT_LT(found.slices[0].slice.p_value, 0.05);
  // The truth itself is no factor of its own error.
  ASSERT_EQ(found.shares.size(), 1u);
  EXPECT_EQ(found.shares[0].factors, (std::vector<std::string>{"fat", "side"}));
  EXPECT_GT(found.shares[0].shares.share[0], 5 * std::abs(found.shares[0].shares.share[1]));
  ASSERT_EQ(found.twins.size(), 1u);
  EXPECT_EQ(found.twins[0].effect.effect.cases, 200u);
  EXPECT_GT(found.twins[0].effect.effect.interval.low, 0);  // without fat more decisions are right
  EXPECT_GT(found.twins[0].effect.flips, 0u);
}

TEST_F(AuditTest, FewCasesAreWarnedOf) {
  const auto found = judged("metrics: [accuracy]\nsubgroups: [{factor: fat, edges: [29 mm]}]\n");
  ASSERT_EQ(found.warnings.size(), 1u);
  EXPECT_NE(found.warnings[0].find("fat from 29 mm"), std::string::npos);
  EXPECT_EQ(found.warnings[0].find("all ("), std::string::npos);
}

TEST_F(AuditTest, GatesOnGapsAndUpperEnds) {
  const std::string groups = "metrics: [accuracy, brier, auc, ece]\nsubgroups: [{factor: fat, edges: [20 mm]}]\n";
  const auto found = judged(groups +
                            "gates: [{metric: brier, at_most: 0.3}, {metric: brier, at_most: 0.001}, {metric: "
                            "accuracy, subgroup: fat from 20 mm, gap: 0.01},\n"
                            "  {metric: accuracy, subgroup: fat below 20 mm, gap: 0.01}, {metric: brier, subgroup: fat "
                            "from 20 mm, gap: 0.01}]\n");
  ASSERT_EQ(found.gates.size(), 5u);
  EXPECT_TRUE(found.gates[0].passed);
  EXPECT_FALSE(found.gates[1].passed);
  EXPECT_FALSE(found.gates[2].passed);  // worse than others where fat is thick
  EXPECT_TRUE(found.gates[3].passed);
  EXPECT_FALSE(found.gates[4].passed);  // an error that is higher is worse
  EXPECT_EQ(found.gates[0].condition, "upper end <= 0.3");
  const auto xml = junit_text(found.gates);
  EXPECT_NE(xml.find("tests=\"5\" failures=\"3\""), std::string::npos);
  EXPECT_NE(xml.find("all: upper end &lt;= 0.3\"/>"), std::string::npos);
  auto error = [&](const std::string& gate) {
    try {
      return error_of([&] { judged(groups + "gates: [" + gate + "]\n"); });
    } catch (const ConfigError& mistake) {
      return mistake.key() + ": " + mistake.what();
    }
  };
  EXPECT_NE(error("{metric: brier, at_most: 3 mm}").find("gates.0.at_most: "), std::string::npos);
  EXPECT_NE(error("{metric: brier, at_most: 3 mm}").find("does not measure"), std::string::npos);
  EXPECT_NE(error("{metric: brier, at_most: 1, at_least: 0}").find("one condition"), std::string::npos);
  EXPECT_NE(error("{metric: brier, at_most: 1, interval: lower}").find("side of success"), std::string::npos);
  EXPECT_NE(error("{metric: ece, subgroup: fat, gap: 0.1}").find("not compared"), std::string::npos);
  EXPECT_NE(error("{metric: brier, margin: 0.1}").find("no baseline"), std::string::npos);
  EXPECT_NE(error("{metric: brier, gap: 0.1}").find("nobody else"), std::string::npos);
}

TEST_F(AuditTest, NonInferiorityToAStoredReport) {
  auto first = config("metrics: [accuracy, auc, brier]\n");
  write_validation(folder / "before", first, manifest, judged(first), {});
  const auto baseline =
      "metrics: [accuracy, auc, brier]\nbaseline: " + (folder / "before" / "report.json").string() + "\n";
  const auto same =
      judged(baseline +
             "gates: [{metric: brier, margin: 0.0001}, {metric: auc, margin: 0.001}, {metric: auc, margin: 0.2}]\n");
  // The same predictions, case by case: no difference and no uncertainty, also for the area, by DeLong's paired test.
  EXPECT_TRUE(same.gates[0].passed);
  EXPECT_EQ(same.gates[0].value, 0);
  EXPECT_TRUE(same.gates[1].passed);
  EXPECT_TRUE(same.gates[2].passed);
  ASSERT_EQ(same.comparisons.size(), 3u);
  EXPECT_EQ(same.comparisons[1].method, "DeLong, paired");
  EXPECT_EQ(same.comparisons[1].p_value, 1);
  // Without the cases beside it, the report alone knows the area's error only: the interval is that of independent
  // samples.
  std::filesystem::rename(folder / "before" / "cases.csv", folder / "elsewhere.csv");
  const auto alone = judged(baseline + "gates: [{metric: auc, margin: 0.001}, {metric: auc, margin: 0.2}]\n");
  EXPECT_EQ(alone.comparisons[1].method, "independent samples");
  EXPECT_FALSE(alone.gates[0].passed);
  EXPECT_TRUE(alone.gates[1].passed);
  std::filesystem::rename(folder / "elsewhere.csv", folder / "before" / "cases.csv");
  for (auto& one : cases) one.predicted = 0.3 + 0.4 * one.predicted;
  const auto worse = judged(baseline + "gates: [{metric: brier, margin: 0.01}, {metric: auc, margin: 0.2}]\n");
  EXPECT_FALSE(worse.gates[0].passed);
  EXPECT_TRUE(worse.gates[1].passed);  // the order of cases is the same
  write_file_atomically(folder / "no.json", "{\"groups\": 3}");
  EXPECT_NE(error_of([&] {
              judged("metrics: [brier]\nbaseline: " + (folder / "no.json").string() +
                     "\ngates: [{metric: brier, margin: 0.1}]\n");
            }).find("not the report"),
            std::string::npos);
}

TEST_F(AuditTest, ReportHoldsEverySection) {
  auto c = config(
      "subgroups: [{factor: fat, edges: [10 mm, 20 mm]}, {factor: side}]\ngates: [{metric: auc, at_least: 0.99}]\n");
  write_validation(folder / "out", c, manifest, judged(c),
                   {.config = "",
                    .model_sha256 = "",
                    .data_sha256 = "",
                    .model_metadata = "",
                    .label = "lesion",
                    .models_judged = 3});
  const auto page = bytes(folder / "out" / "report.html");
  for (const std::string text : {"A gate does not hold", "3 different models", "ROC", "Reliability", "Decision curve",
                                 "Differences between groups", "Worst slices", "Continuous factors",
                                 "What the variation comes from", "Twins", "Sample size"})
    EXPECT_NE(page.find(text), std::string::npos) << text;
  for (const std::string text : {">nan", " nan ", "inf<"}) EXPECT_EQ(page.find(text), std::string::npos) << text;
  EXPECT_EQ(page.find("http"), std::string::npos);
  const auto report = nlohmann::json::parse(bytes(folder / "out" / "report.json"));
  for (const std::string key : {"disparities", "dose_response", "slices", "variance_shares", "twins"})
    EXPECT_FALSE(report[key].empty()) << key;
  EXPECT_NE(bytes(folder / "out" / "junit.xml").find("failures=\"1\""), std::string::npos);
  EXPECT_EQ(parse_csv(bytes(folder / "out" / "cases.csv"), "cases.csv").size(), 401u);  // twins too
}

TEST_F(AuditTest, PredictionsOfEveryCaseAreNeeded) {
  const auto rows = std::vector<std::size_t>{0, 2};
  auto c = config("");
  c.predictions = folder / "p";
  make_folder(c.predictions);
  auto error = [&](const std::string& text) {
    write_file_atomically(folder / "p" / "predictions.csv", text);
    return error_of([&] { Predictions(c, manifest, rows); });
  };
  EXPECT_EQ(error("prediction,id\n0.25,p0\n0.5,p1\n"), "no error");
  EXPECT_EQ(Predictions(c, manifest, rows).value(0), 0.25);
  EXPECT_NE(error("id,prediction\np0,0.25\n").find("no prediction of p1"), std::string::npos);
  EXPECT_NE(error("id,score\np0,0.25\n").find("'prediction'"), std::string::npos);
  EXPECT_NE(error("id,prediction\np0,many\n").find("line 2"), std::string::npos);
  EXPECT_NE(error("id,prediction\np0,1\np0,1\n").find("twice"), std::string::npos);
}

TEST_F(AuditTest, MasksOfEveryFormatReadTheSame) {
  // Three rows (depth) of two pixels.
  const std::vector<double> mask{0, 1, 1, 0, 0, 1};
  ValidateConfig c;
  c.predictions = folder / "masks";
  make_folder(c.predictions);
  write_png(c.predictions / "p0.png", {2, 3, 1, {0, 255, 255, 0, 0, 1}});
  NiftiVolume volume;
  volume.size = {2, 1, 3};
  volume.affine = {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}};
  volume.values.assign(mask.begin(), mask.end());
  write_nifti(c.predictions / "p1.nii.gz", volume);
  {
    Hdf5Writer writer(c.predictions / "p2.hdf5");
    writer.write<double>("prediction", mask, {3, 2});
    writer.commit();
  }
  const Predictions predictions(c, manifest, {0, 2, 4});
  PixelGrid grid;
  grid.x = {0, 1e-3, 2};
  grid.z = {0, 1e-3, 3};
  for (const std::size_t row : {0u, 2u, 4u}) EXPECT_EQ(predictions.pixels(row, grid), mask);
  grid.z = {0, 1e-3, 4};
  EXPECT_NE(error_of([&] { predictions.pixels(0, grid); }).find("3 x 2 pixels"), std::string::npos);
  EXPECT_NE(error_of([&] { Predictions(c, manifest, {6}); }).find("no prediction of p3"), std::string::npos);
  EXPECT_EQ(thresholded({0, 0.4, 0.5, 1}, 0.5), (std::vector<std::uint8_t>{0, 0, 1, 1}));
}

TEST_F(AuditTest, MarksAreJoinedToLesions) {
  // Two lesions on pixels of 1 mm: one at x = 1..2, z = 0 mm, one at x = 5, z = 3; regions that touch by a corner are
  // one.
  LabelledImage sample;
  sample.image.grid.x = {0, 1e-3, 8};
  sample.image.grid.z = {0, 1e-3, 5};
  sample.mask.assign(40, 0);
  sample.mask[1] = sample.mask[10] = sample.mask[3 * 8 + 5] = 1;
  ValidateConfig c;
  c.task = ValidationTask::detection;
  c.predictions = folder / "marks.csv";
  put(c.predictions, "id,x [m],z [m],score\np0,0.005,0.0041,0.9\np0,0.007,0,0.8\np0,0.002,0.0005,0.7\np1,0,0,0.5\n");
  const Predictions predictions(c, manifest, {0, 2, 4});
  const auto found = predictions.marks(0, sample, 1.2e-3);
  EXPECT_EQ(found.lesions, 2u);
  ASSERT_EQ(found.marks.size(), 3u);
  EXPECT_EQ(found.marks[0].lesion, 1u);  // 1.1 mm below the second
  EXPECT_EQ(found.marks[1].lesion, Candidate::no_lesion);
  EXPECT_EQ(found.marks[2].lesion, 0u);
  EXPECT_EQ(predictions.marks(0, sample, 1e-3).marks[0].lesion, Candidate::no_lesion);
  EXPECT_TRUE(predictions.marks(4, sample, 1e-3).marks.empty());
  put(c.predictions, "id,x [m],z [m],score\nstranger,0,0,1\n");
  EXPECT_NE(error_of([&] { Predictions(c, manifest, {0}); }).find("stranger"), std::string::npos);
}

TEST_F(AuditTest, DetectionHasItsGroupsAndReport) {
  ValidateConfig c;
  ConfigTree::parse(
      "data: d\npredictions: p\ntask: detection\nlabel: lesion\nsubgroups: [{factor: side}]\ngates: [{metric: "
      "sensitivity, at_least: 0.5}]\n")
      .read(c);
  // The lesion of every other patient is marked with score 0.9, and in every image something else with 0.4.
  for (auto& one : cases) {
    one.detection = {1, {{0.4, Candidate::no_lesion}}};
    if (one.truth != 0) one.detection.marks.push_back({0.9, 0});
    for (const auto& name : c.measured_metrics()) one.metrics.push_back(name == "false_alarms" ? 0 : std::nan(""));
  }
  const auto found = evaluate(c, manifest, cases);
  EXPECT_EQ(found.groups[0].metric, "froc");
  EXPECT_DOUBLE_EQ(found.groups[0].estimate.value, 0.5);  // at every count of false alarms
  EXPECT_DOUBLE_EQ(found.groups[3].estimate.value, 0.5);
  EXPECT_LT(found.groups[3].estimate.interval.low, 0.5);
  EXPECT_FALSE(found.gates[0].passed);
  write_validation(folder / "out", c, manifest, found,
                   {.config = "", .model_sha256 = "", .data_sha256 = "", .model_metadata = "", .label = "lesion"});
  EXPECT_NE(bytes(folder / "out" / "report.html").find("FROC"), std::string::npos);
}

TEST_F(AuditTest, SurvivalAgainstTheTrueHazard) {
  ValidateConfig c;
  ConfigTree::parse(
      "data: d\npredictions: p\ntask: survival\ntruth: time\nevent: side\npositive: [left]\nhazard: fat\noptions: "
      "{horizon: 10 s}\n")
      .read(c);
  EXPECT_EQ(c.measured_metrics().size(), 3u);
  // Exponential times, hazards from 0.01 to 0.1 per second, nobody censored; the prediction is the true risk.
  RandomStream random(4, 0, "survival");
  for (auto& one : cases) {
    const double hazard = 0.01 + 0.09 * random.uniform(), risk = 1 - std::exp(-10 * hazard);
    one.survival = {-std::log(random.uniform()) / hazard, true, risk, risk};
    one.metrics.assign(3, std::nan(""));
  }
  const auto right = evaluate(c, manifest, cases);
  EXPECT_GT(right.groups[0].estimate.interval.low, 0.5);  // concordance
  EXPECT_EQ(right.groups[2].estimate.value, 0);           // regret
  for (auto& one : cases) one.survival.risk = 1 - one.survival.true_risk;
  const auto wrong = evaluate(c, manifest, cases);
  EXPECT_NEAR(wrong.groups[0].estimate.value, 1 - right.groups[0].estimate.value, 1e-12);
  EXPECT_GT(wrong.groups[1].estimate.value, right.groups[1].estimate.value);
  EXPECT_GT(wrong.groups[2].estimate.interval.low, 0);
  c.hazard.clear();
  c.metrics = {"regret"};
  EXPECT_THROW(c.check(), ConfigError);
}

TEST_F(AuditTest, ATestSetCountsTheModelsItJudged) {
  EXPECT_EQ(count_use(folder, "test", "a"), 1u);
  EXPECT_EQ(count_use(folder, "test", "a"), 1u);  // the same model again tells nothing new
  EXPECT_EQ(count_use(folder, "test", "b"), 2u);
  EXPECT_EQ(count_use(folder, "validation", "b"), 1u);
  EXPECT_EQ(count_use(folder / "missing", "test", "a"), 0u);
}

TEST_F(AuditTest, MeasurementsHaveLimitsOfAgreement) {
  ValidateConfig c;
  ConfigTree::parse("data: d\npredictions: p\ntask: measurement\ntruth: fat\ngates: [{metric: mae, at_most: 1 mm}]\n")
      .read(c);
  RandomStream random(2, 0, "values");
  for (auto& one : cases) {
    double fat = 0;
    factor_number(manifest.rows[one.row].factors[0], fat);
    one.truth = fat;
    one.predicted = fat + 1e-3 + 0.5e-3 * random.normal();
    for (const auto& name : c.measured_metrics())
      one.metrics.push_back(value_metric(*find_metric(c.task, name), one.predicted, one.truth, 0));
  }
  const auto found = evaluate(c, manifest, cases);
  // Planted: bias 1 mm, deviation 0.5 mm over 200 cases; intervals of a known half width hold the truth here.
  const auto& bias = found.groups[0].estimate;
  EXPECT_LT(bias.interval.low, 1e-3);
  EXPECT_GT(bias.interval.high, 1e-3);
  EXPECT_NEAR(bias.standard_error, 0.5e-3 / std::sqrt(200.0), 0.5e-5);
  EXPECT_NEAR(found.groups[1].estimate.value, 1e-3 - 1.96 * 0.5e-3, 4 * found.groups[1].estimate.standard_error);
  EXPECT_EQ(found.groups[1].method, "Bland and Altman");
  EXPECT_FALSE(found.gates[0].passed);
}

}  // namespace
}  // namespace sonoforge
