#include "app/trial_study.hpp"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <set>

#include "ai/generate.hpp"
#include "ai/hypothesis_tests.hpp"
#include "ai/observers.hpp"
#include "ai/report_page.hpp"
#include "ai/sha256.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/json_text.hpp"

namespace sonoforge {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using Json = nlohmann::ordered_json;

/// The acquisition of one patient in one scanner.
Experiment patient_in(const TrialStudy& study, const ConfigTree& acquisition, std::size_t scanner,
                      std::uint64_t patient) {
  ConfigTree tree = acquisition;
  for (const auto& assignment : study.scanners[scanner].set) tree.set(assignment);
  tree.set("patient=" + std::to_string(patient));
  tree.set("visit=" + std::to_string(scanner));  // another noise in the other scanner
  Factors factors = draw_config(tree, patient);
  return Experiment::build(tree, {"phantom", "probe", "sequence", "receive", "image"}, std::move(factors));
}

bool is_diseased(const TrialStudy& study, const Factors& factors) {
  const auto found = factors.find(study.truth);
  if (found == factors.end()) {
    std::string known;
    for (const auto& [name, value] : factors) known += (known.empty() ? "" : ", ") + name;
    throw UserError("study.truth: the config draws no factor '" + study.truth +
                    "' (known: " + (known.empty() ? "none" : known) + "). Write 'factor: " + study.truth +
                    "' beside the distribution that decides");
  }
  return std::find(study.positive.begin(), study.positive.end(), found->second.text) != study.positive.end();
}

/// Channels of the displayed image.
VectorXd read_image(const TrialStudy& study, const Experiment& e) {
  const Acquisition acquisition = e.simulate();
  const PixelGrid grid = e.grid(acquisition);
  auto maps = beamform(e.config, acquisition, grid);
  compensate_loss(maps, e.config.image.compensation, acquisition);
  const RealMap image = make_images(detect(maps, e.config.image)).front();
  std::vector<double> x, z;
  VectorXd grey(static_cast<Index>(grid.size()));
  for (std::size_t p = 0; p < grid.size(); ++p) {
    const std::size_t ix = p % grid.x.count, iz = p / (grid.x.count * grid.y.count);
    const Vec3 place = grid.position(iz, 0, ix);
    x.push_back(place.x - study.centre.x);
    z.push_back(place.z - study.centre.z);
    const double level = 1 + static_cast<double>(image.values.flat()[p]) / e.config.image.dynamic_range;
    grey(static_cast<Index>(p)) = std::round(255 * std::clamp(level, 0.0, 1.0));
  }
  return laguerre_gauss_channels(x, z, study.width, static_cast<std::size_t>(study.channels)) * grey;
}

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

struct Protocol {
  std::string text, hash;
};
Protocol protocol_of(const std::string& config) {
  const std::string text =
      "# Protocol of an in-silico trial: fixed before any patient is simulated.\n# Program: "
      "Sonoforge " SONOFORGE_VERSION
      "\n# Analysis: mean over readers of the areas under the ROC curve, second scanner minus first; standard error "
      "over patients by "
      "DeLong's covariance of all readers and scanners; two-sided 95 % interval.\n" +
      config;
  return {text, sha256(text)};
}

/// Writes the protocol, or finds the same one there.
void fix_protocol(const std::filesystem::path& folder, const Protocol& protocol) {
  const auto file = folder / "protocol.yaml";
  std::error_code error;
  if (std::filesystem::exists(file, error)) {
    if (read_file(file) != protocol.text)
      throw UserError(file.string() +
                      " holds another protocol (a trial is not changed after it began). Choose another folder with -o");
    return;
  }
  write_file_atomically(file, protocol.text);
  write_file_atomically(folder / "protocol.sha256", protocol.hash + "  protocol.yaml\n");
}

std::string roc_plot(const TrialStudy& study, const TrialResult& result) {
  XyPlot plot("1 - specificity", "sensitivity", {0, 1}, {0, 1});
  plot.line({0, 1}, {0, 1}, "stroke=\"#999\" stroke-dasharray=\"4 3\"");
  const char* const styles[]{"stroke=\"#1769aa\" stroke-width=\"1.5\"", "stroke=\"#d95f02\" stroke-width=\"1.5\""};
  for (std::size_t k = 0; k < result.scores.size(); ++k) {
    const auto curve = roc_curve(result.scores[k], result.truth);
    plot.line(curve.false_positive_rate, curve.true_positive_rate, styles[k % 2]);
  }
  return plot.svg("ROC of every reader. Blue: " + study.scanners[0].name + "; orange: " + study.scanners[1].name +
                  "; dashed: chance");
}

std::string page(const TrialStudy& study, const TrialResult& result, const Protocol& protocol) {
  const auto& d = result.difference;
  std::size_t diseased = 0;
  for (const auto one : result.truth) diseased += one;
  std::string text =
      "<p><b>" + html_escaped(study.hypothesis.empty() ? "No hypothesis was stated." : study.hypothesis) +
      "</b></p>\n<p>" + std::to_string(result.truth.size()) + " simulated patients (" + std::to_string(diseased) +
      " diseased), each through both scanners; " + std::to_string(study.readers) +
      " model observers, who learned from " + std::to_string(study.training) + " other patients.</p>\n<p>Area of <b>" +
      html_escaped(study.scanners[1].name) + "</b> minus that of <b>" + html_escaped(study.scanners[0].name) +
      "</b>: <b>" + fixed_text(d.difference, 4) + "</b> [" + fixed_text(d.interval.low, 4) + " to " +
      fixed_text(d.interval.high, 4) + "], standard error " + fixed_text(d.standard_error, 4) + " (planned " +
      fixed_text(study.planned_error(), 4) + ", wanted " + fixed_text(study.standard_error, 4) + "), p " +
      p_text(d.p_value) + ".</p>\n";
  if (study.margin)
    text += result.passed ? "<p class=\"pass\">Not inferior by more than the margin of " +
                                fixed_text(*study.margin, 3) + ".</p>\n"
                          : "<p class=\"fail\">Non-inferiority within the margin of " + fixed_text(*study.margin, 3) +
                                " is not shown.</p>\n";
  if (d.standard_error > study.standard_error)
    text += "<div class=\"note\"><b>Warning.</b> The standard error is above the one wanted: about " +
            fixed_text(patients_for_standard_error(d.standard_error, result.truth.size(), study.standard_error), 0) +
            " patients would reach it.</div>\n";
  text +=
      "<div class=\"note\"><b>What this report cannot show.</b> Patients, disease and scanners are simulated, the "
      "readers are model observers that know "
      "where to look, and they are taken as they are (the interval is over patients, not over readers). A difference "
      "here is a reason for a study with "
      "patients and physicians, not a replacement for one.</div>\n<h2>Areas</h2>\n";
  HtmlTable table({"reader", study.scanners[0].name, "standard error", study.scanners[1].name, "standard error"});
  std::vector<ForestRow> rows;
  for (std::size_t r = 0; r < static_cast<std::size_t>(study.readers); ++r) {
    table.row().words(std::to_string(r + 1));
    for (std::size_t s = 0; s < 2; ++s) {
      const std::size_t k = 2 * r + s;
      const Estimate area = result.areas.reported(k);
      table.number(fixed_text(area.value, 4)).number(fixed_text(area.standard_error, 4));
      rows.push_back({"reader " + std::to_string(r + 1) + ", " + study.scanners[s].name, area.value, area.interval});
    }
  }
  table.row().words("mean");
  for (int s = 0; s < 2; ++s)
    table.number(fixed_text(result.mean_area[s], 4)).number(fixed_text(result.mean_error[s], 4));
  text += forest_plot(rows, "area under the ROC curve", NAN) + table.html() + roc_plot(study, result) +
          "\n<h2>Protocol</h2>\n<p>SHA-256 <b>" + protocol.hash +
          "</b>, written to protocol.yaml before the first patient was simulated; a folder with another protocol is "
          "refused.</p>\n<pre>" +
          html_escaped(protocol.text) + "</pre>\n";
  return html_page("In-silico trial", text);
}

}  // namespace

void ScannerConfig::fields(FieldVisitor& visit) {
  visit(name, {.key = "name", .doc = "As the report calls it.", .required = true});
  visit(set,
        {.key = "set", .doc = "Values of its own, as after --set: ['sequence.angles=[0 deg]'].", .max_items = 100});
}

void TrialStudy::fields(FieldVisitor& visit) {
  visit(hypothesis, {.key = "hypothesis", .doc = "What is to be shown, in words."});
  visit(truth, {.key = "truth", .doc = "The factor that decides who is diseased.", .required = true});
  visit(positive, {.key = "positive", .doc = "Its values that count as diseased.", .required = true, .max_items = 100});
  visit.list(scanners, {.key = "scanners",
                        .doc = "The two scanners that every patient goes through.",
                        .required = true,
                        .max_items = 2});
  visit(patients, {.key = "patients", .doc = "Patients of the trial.", .min = 20, .max = 1e6});
  visit(training, {.key = "training", .doc = "Further patients from whom the readers learn.", .min = 20, .max = 1e6});
  visit(readers, {.key = "readers",
                  .doc = "Channelised Hotelling observers; each learns from a share of the training patients.",
                  .min = 1,
                  .max = 20});
  visit(channels, {.key = "channels", .doc = "Laguerre-Gauss channels of a reader.", .min = 1, .max = 50});
  visit(centre, {.key = "centre", .doc = "Where the readers look.", .unit = Unit::metre, .min = -1, .max = 1});
  visit(width, {.key = "width",
                .doc = "Of the channels, about the diameter of the lesion.",
                .unit = Unit::metre,
                .min = 1e-5,
                .max = 0.5});
  visit(expected_area,
        {.key = "expected_area", .doc = "Area under the ROC curve that the plan expects.", .min = 0.5, .max = 0.999});
  visit(expected_correlation, {.key = "expected_correlation",
                               .doc = "Correlation of the two scanners' areas that the plan expects.",
                               .min = 0,
                               .max = 0.99});
  visit(standard_error,
        {.key = "standard_error", .doc = "Wanted of the difference of areas.", .min = 1e-4, .max = 0.5});
  visit(margin, {.key = "margin",
                 .doc = "Non-inferiority: by how much less the second scanner's area must surely not be; exit code 3 "
                        "where not shown.",
                 .min = 0,
                 .max = 0.5});
}

void TrialStudy::check() const {
  if (scanners.size() != 2)
    throw ConfigError("scanners",
                      "a trial compares two scanners (" + std::to_string(scanners.size()) + " are given). List two");
  if (scanners[0].name == scanners[1].name)
    throw ConfigError("scanners", "both scanners have the same name (which is which?). Rename one");
  if (training / readers < 4 * (channels + 1))
    throw ConfigError("training",
                      "a reader learns from too few patients for its channels (four times as many as channels are "
                      "needed). Ask for more");
}

double TrialStudy::planned_error() const {
  const auto half = static_cast<std::size_t>(patients / 2);
  return std::sqrt(2 * (1 - expected_correlation)) *
         planned_area_error(expected_area, half, static_cast<std::size_t>(patients) - half);
}

void TrialStudy::check_acquisition(const ConfigTree& acquisition) const {
  for (std::size_t s = 0; s < scanners.size(); ++s) is_diseased(*this, patient_in(*this, acquisition, s, 0).factors);
}

TrialResult run_trial(const TrialStudy& study, const ConfigTree& acquisition) {
  study.check_acquisition(acquisition);
  const auto all = static_cast<std::size_t>(study.training + study.patients),
             training = static_cast<std::size_t>(study.training);
  const auto readers = static_cast<std::size_t>(study.readers);
  MatrixXd features[2]{MatrixXd(study.channels, static_cast<Index>(all)),
                       MatrixXd(study.channels, static_cast<Index>(all))};
  std::vector<std::uint8_t> diseased(all);
  {
    Progress progress("patients", all);
    parallel_tasks(all, [&](std::size_t p) {
      for (std::size_t s = 0; s < 2; ++s) {
        const Experiment experiment = patient_in(study, acquisition, s, p);
        diseased[p] = is_diseased(study, experiment.factors);
        features[s].col(static_cast<Index>(p)) = read_image(study, experiment);
      }
      progress.advance();
    });
  }
  TrialResult result;
  for (std::size_t p = training; p < all; ++p) {
    result.patients.push_back(patient_name(p));
    result.truth.push_back(diseased[p]);
  }
  if (std::set<std::uint8_t>(result.truth.begin(), result.truth.end()).size() < 2)
    throw UserError("study: all patients are " + std::string(result.truth.front() ? "diseased" : "healthy") +
                    " (sensitivity and specificity need both). Check truth and positive");
  for (std::size_t r = 0; r < readers; ++r) {
    std::vector<Index> learned;
    std::vector<std::uint8_t> truth;
    for (std::size_t p = r; p < training; p += readers) {
      learned.push_back(static_cast<Index>(p));
      truth.push_back(diseased[p]);
    }
    for (auto& scanner : features) {
      VectorXd weights;
      try {
        weights = hotelling_template(scanner(Eigen::all, learned), truth);
      } catch (const std::invalid_argument&) {
        throw UserError("study.training: reader " + std::to_string(r + 1) +
                        " sees too few diseased or healthy patients for its channels. Ask for more training patients");
      }
      const VectorXd scores = scanner.rightCols(static_cast<Index>(all - training)).transpose() * weights;
      result.scores.emplace_back(scores.begin(), scores.end());
    }
  }
  result.areas = delong(result.scores, result.truth);
  const std::size_t count = result.scores.size();
  const auto variance_of = [&](const std::vector<double>& contrast) {
    double variance = 0;
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t j = 0; j < count; ++j)
        variance += contrast[i] * contrast[j] * result.areas.covariance[i * count + j];
    return std::max(variance, 0.0);
  };
  std::vector<double> contrast(count);
  for (std::size_t s = 0; s < 2; ++s) {
    std::vector<double> mean(count);
    for (std::size_t r = 0; r < readers; ++r) {
      mean[2 * r + s] = 1.0 / static_cast<double>(readers);
      contrast[2 * r + s] = (s == 1 ? 1.0 : -1.0) / static_cast<double>(readers);
      result.mean_area[s] += result.areas.area[2 * r + s] / static_cast<double>(readers);
    }
    result.mean_error[s] = std::sqrt(variance_of(mean));
  }
  // The same arithmetic as for two scores: the difference against nothing.
  result.difference =
      compare_independent_areas(result.mean_area[1], std::sqrt(variance_of(contrast)), result.mean_area[0], 0);
  result.passed = !study.margin || result.difference.interval.low >= -*study.margin;
  return result;
}

StudyOutcome TrialStudy::run(const ConfigTree& acquisition, const std::string& text,
                             const std::filesystem::path& folder) const {
  check_acquisition(acquisition);
  make_folder(folder);
  const Protocol protocol = protocol_of(text + acquisition.text());
  fix_protocol(folder, protocol);
  const TrialResult result = run_trial(*this, acquisition);
  const auto& d = result.difference;
  Json json{{"study", "trial"},
            {"protocol_sha256", protocol.hash},
            {"patients", result.truth.size()},
            {"passed", result.passed},
            {"planned_standard_error", number(planned_error())},
            {"scanners", Json::array()}};
  for (std::size_t s = 0; s < 2; ++s) {
    Json one{{"name", scanners[s].name},
             {"mean_auc", number(result.mean_area[s])},
             {"standard_error", number(result.mean_error[s])},
             {"readers", Json::array()}};
    for (std::size_t k = s; k < result.scores.size(); k += 2)
      one["readers"].push_back(
          {{"auc", number(result.areas.area[k])}, {"standard_error", number(result.areas.standard_error(k))}});
    json["scanners"].push_back(std::move(one));
  }
  json["difference"] = {
      {"value", number(d.difference)}, {"standard_error", number(d.standard_error)},
      {"low", number(d.interval.low)}, {"high", number(d.interval.high)},
      {"p_value", number(d.p_value)},  {"detectable", number(detectable_difference(d.standard_error))}};
  std::vector<std::string> heads{"id", "truth"};
  for (std::size_t k = 0; k < result.scores.size(); ++k)
    heads.push_back(scanners[k % 2].name + ", reader " + std::to_string(k / 2 + 1));
  std::string cases = csv_line(heads);
  for (std::size_t i = 0; i < result.truth.size(); ++i) {
    std::vector<std::string> cells{result.patients[i], result.truth[i] ? "1" : "0"};
    for (const auto& scores : result.scores) cells.push_back(shortest_number(scores[i]));
    cases += csv_line(cells);
  }
  write_file_atomically(folder / "cases.csv", cases);
  write_file_atomically(folder / "report.html", page(*this, result, protocol));
  StudyOutcome outcome{result.passed, {}, json_text(json)};
  write_file_atomically(folder / "report.json", outcome.json + "\n");
  for (std::size_t s = 0; s < 2; ++s)
    outcome.summary += scanners[s].name + ": mean area " + fixed_text(result.mean_area[s], 4) + ", standard error " +
                       fixed_text(result.mean_error[s], 4) + "\n";
  outcome.summary += "difference " + fixed_text(d.difference, 4) + " [" + fixed_text(d.interval.low, 4) + ", " +
                     fixed_text(d.interval.high, 4) + "], standard error " + fixed_text(d.standard_error, 4) +
                     " (planned " + fixed_text(planned_error(), 4) + "), p " + p_text(d.p_value) +
                     "\nprotocol SHA-256 " + protocol.hash + "\n";
  if (!result.passed) outcome.summary += "FAILED: non-inferiority is not shown\n";
  return outcome;
}

}  // namespace sonoforge
