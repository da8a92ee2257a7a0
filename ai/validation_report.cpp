#include "ai/validation_report.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "ai/agreement.hpp"
#include "ai/calibration.hpp"
#include "ai/classification_metrics.hpp"
#include "ai/groups.hpp"
#include "ai/hypothesis_tests.hpp"
#include "ai/report_page.hpp"
#include "ai/report_plots.hpp"
#include "core/base64.hpp"

namespace sonoforge {
namespace {

using Table = HtmlTable;

class Page {
 public:
  Page(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation, const ReportOrigin& origin)
      : config_(config), manifest_(manifest), evaluation_(evaluation), origin_(origin) {}

  std::string html() const {
    return html_page("Validation report", summary() + limits() + warnings() + chapters("model_card") + gates() +
                                              comparisons() + groups() + task_plots() + disparities() + slices() +
                                              doses() + shares() + twins() + chapters("") + pictures() + methods() +
                                              chapters("checklist") + origin());
  }

 private:
  std::string unit(const std::string& metric) const { return metric_unit(config_, manifest_, metric); }
  const ValidationMetric& metric(const std::string& name) const { return *find_metric(config_.task, name); }

  std::string interval(const Interval& i, const std::string& of) const {
    return std::isfinite(i.low) || std::isfinite(i.high) ? metric_text(i.low, of) + " to " + metric_text(i.high, of)
                                                         : "none";
  }

  std::string summary() const {
    static const std::string tasks[]{"Segmentation", "Classification", "Measurement", "Map", "Detection", "Survival"};
    std::set<std::string> patients;
    std::size_t twins = 0;
    for (const auto& one : evaluation_.cases) {
      patients.insert(manifest_.rows[one.row].patient);
      twins += !manifest_.rows[one.row].twin.empty();
    }
    std::string positive;
    for (const auto& value : config_.positive) positive += (positive.empty() ? " = " : ", ") + value;
    std::string text =
        "<p>" + tasks[static_cast<int>(config_.task)] + " of <b>" + html_escaped(origin_.label + positive) +
        "</b> in " + std::to_string(evaluation_.cases.size()) + " images of " + std::to_string(patients.size()) +
        " simulated patients (split " + split_name(config_.split) +
        (twins ? "; " + std::to_string(twins) +
                     " of the images are forced twins, which enter only the comparison with their patient"
               : "") +
        ").</p>\n<p>";
    for (const auto& r : evaluation_.groups)
      if (r.group == "all")
        text += "<b>" + html_escaped(r.metric) + " " + metric_text(r.estimate.value, unit(r.metric)) + "</b> [" +
                interval(r.estimate.interval, unit(r.metric)) + "]<br>";
    text += "</p>\n";
    if (config_.gates.empty()) return text + "<p>No gate was set: nothing was required of the model.</p>\n";
    return text + (evaluation_.passed() ? "<p class=\"pass\">All gates hold.</p>\n"
                                        : "<p class=\"fail\">A gate does not hold.</p>\n");
  }

  std::string limits() const {
    std::string text =
        "<div class=\"note\"><b>What this report cannot show.</b> All images are simulated and their truth is exact. "
        "The numbers tell how the model does on images drawn from the distributions of this data "
        "set, and how that depends on factors that are known here and hidden in patients. They do not tell how it does "
        "on patients: devices, operators, anatomy and diseases that the simulation lacks are "
        "not in them, and an error of the simulation that image and truth share stays unseen. A gate that holds here "
        "is a reason to go on to a study with patients, not a replacement for one.";
    if (config_.split != ValidateConfig::Split::test)
      text +=
          " <b>Split " + split_name(config_.split) + " was used in making the model: these numbers are too good.</b>";
    if (config_.model.empty())
      text += " The predictions were made elsewhere: what they were trained on is not known here.";
    else if (!origin_.same_data_set)
      text +=
          " The model was trained on another data set than this one; whether patients of both have something in common "
          "was not checked.";
    else
      text += " The model was trained on the training patients of this same data set; no patient is in two splits.";
    if (origin_.models_judged > 1)
      text += " <b>" + std::to_string(origin_.models_judged) +
              " different models were judged on this split so far</b>: the best of several looks better than it is.";
    else if (origin_.models_judged == 1)
      text += " No other model was judged on this split before.";
    return text + " Small groups have wide intervals, and among many groups some look bad or good by chance.</div>\n";
  }

  std::string warnings() const {
    std::string text;
    for (const auto& warning : evaluation_.warnings)
      text += "<div class=\"note\"><b>Warning.</b> " + html_escaped(warning) + "</div>\n";
    return text;
  }

  std::string gates() const {
    if (evaluation_.gates.empty()) return "";
    Table table({"metric", "group", "required", "reached", ""});
    for (const auto& gate : evaluation_.gates)
      table.row()
          .words(gate.gate.metric)
          .words(gate.group)
          .words(gate.condition)
          .number(metric_text(gate.value, unit(gate.gate.metric)))
          .words(gate.passed           ? "holds"
                 : gate.reason.empty() ? "fails"
                                       : "fails: " + gate.reason,
                 gate.passed ? "pass" : "fail");
    return "<h2>Gates</h2>\n" + table.html();
  }

  std::string comparisons() const {
    if (evaluation_.comparisons.empty()) return "";
    Table table({"metric", "now - before", "95 % interval", "p", "p, Holm", "test"});
    for (const auto& r : evaluation_.comparisons)
      table.row()
          .words(r.metric)
          .number(metric_text(r.difference.value, unit(r.metric)))
          .number(interval(r.difference.interval, unit(r.metric)))
          .number(p_text(r.p_value))
          .number(p_text(r.adjusted_p_value))
          .words(r.method);
    return "<h2>Against the baseline</h2>\n" + table.html();
  }

  std::string groups() const {
    std::string text = "<h2>Groups</h2>\n";
    for (const auto& name : config_.measured_metrics()) {
      const auto shown = shown_unit(unit(name));
      const bool of_cases = metric(name).of == ValidationMetric::Of::one_case;
      std::vector<ForestRow> rows;
      const bool diseased = config_.task == ValidationTask::classification;
      std::vector<std::string> heads{"group", "cases", "patients"};
      if (diseased) heads.push_back("diseased");
      heads.insert(heads.end(), {of_cases ? "mean" : "value", "95 % interval", "standard error"});
      if (of_cases)
        heads.insert(heads.end(),
                     {"median", metric(name).better == ValidationMetric::Better::lower ? "highest" : "lowest"});
      Table table(heads);
      double overall = NAN;
      for (const auto& r : evaluation_.groups) {
        if (r.metric != name) continue;
        if (r.group == "all") overall = r.estimate.value * shown.scale;
        rows.push_back({r.group + " (" + std::to_string(r.estimate.patients) + ")",
                        r.estimate.value * shown.scale,
                        {r.estimate.interval.low * shown.scale, r.estimate.interval.high * shown.scale}});
        table.row().words(r.group).number(r.estimate.cases).number(r.estimate.patients);
        if (diseased) table.number(r.diseased);
        table.number(metric_text(r.estimate.value, unit(name)))
            .number(interval(r.estimate.interval, unit(name)))
            .number(metric_text(r.estimate.standard_error, unit(name)));
        if (of_cases) table.number(metric_text(r.median, unit(name))).number(metric_text(r.worst, unit(name)));
      }
      text += "<h3>" + html_escaped(name) + "</h3><p>" + html_escaped(metric(name).doc) + "</p>" +
              forest_plot(rows,
                          name + (shown.name.empty() ? "" : " [" + shown.name + "]") +
                              ": estimate and 95 % interval (patients)",
                          rows.size() > 1 ? overall : NAN) +
              "\n" + table.html();
    }
    return text;
  }

  /// Truth and prediction of the cases as drawn.
  void drawn(std::vector<double>& predicted, std::vector<double>& truth) const {
    std::vector<std::size_t> rows;
    for (const auto& one : evaluation_.cases) rows.push_back(one.row);
    std::sort(rows.begin(), rows.end());
    const auto kept = rows_as_drawn(manifest_, rows);
    for (const auto& one : evaluation_.cases)
      if (std::binary_search(kept.begin(), kept.end(), one.row)) {
        predicted.push_back(one.predicted);
        truth.push_back(one.truth);
      }
  }

  std::string task_plots() const {
    std::vector<double> predicted, truth;
    drawn(predicted, truth);
    if (config_.task == ValidationTask::classification) return classification_plots(predicted, truth);
    if (config_.task == ValidationTask::map || config_.task == ValidationTask::survival) return "";
    if (config_.task == ValidationTask::detection) return froc_plot();
    const std::string of = config_.task == ValidationTask::measurement ? unit("mae") : "m^2";
    return agreement_plot(predicted, truth, of,
                          config_.task == ValidationTask::measurement ? origin_.label : "area of " + origin_.label);
  }

  std::string froc_plot() const {
    std::vector<DetectionCase> images;
    std::vector<std::size_t> all;
    for (const auto& one : evaluation_.cases)
      if (manifest_.rows[one.row].twin.empty()) {
        all.push_back(images.size());
        images.push_back(one.detection);
      }
    const auto curve = froc_curve(images, all);
    const double most = std::max(1.0, curve.false_alarms_per_image.back());
    XyPlot froc("false alarms an image", "share of lesions found", {0, most}, {0, 1});
    froc.line(curve.false_alarms_per_image, curve.sensitivity);
    XyPlot recall("share of lesions found", "precision", {0, 1}, {0, 1});
    recall.line(curve.sensitivity, curve.precision);
    return "<h2>Curves</h2>\n" + froc.svg("FROC") + recall.svg("Precision over lesions found") + "\n";
  }

  std::string classification_plots(const std::vector<double>& predicted, const std::vector<double>& truth) const {
    std::vector<std::uint8_t> label;
    for (const double t : truth) label.push_back(t != 0);
    const auto curve = roc_curve(predicted, label);
    if (!(curve.positives > 0 && curve.negatives > 0))
      return "<p>All cases are of one class: there is no curve to draw.</p>\n";
    const std::string dashed = "stroke=\"#555\" stroke-dasharray=\"4 3\"";
    XyPlot roc("1 - specificity", "sensitivity", {0, 1}, {0, 1});
    roc.line({0, 1}, {0, 1}, dashed);
    roc.line(curve.false_positive_rate, curve.true_positive_rate);
    XyPlot recall("recall", "precision", {0, 1}, {0, 1});
    const double prevalence = curve.positives / (curve.positives + curve.negatives);
    recall.line({0, 1}, {prevalence, prevalence}, dashed);
    recall.line(curve.true_positive_rate, curve.precision);
    const auto bins = reliability(predicted, label, 10);
    XyPlot calibration("predicted probability", "observed share", {0, 1}, {0, 1});
    calibration.line({0, 1}, {0, 1}, dashed);
    for (std::size_t k = 0; k < bins.count.size(); ++k) {
      const auto range = wilson_interval(
          static_cast<std::size_t>(std::lround(bins.accuracy[k] * static_cast<double>(bins.count[k]))), bins.count[k]);
      if (bins.count[k]) calibration.line({bins.confidence[k], bins.confidence[k]}, {range.low, range.high});
    }
    calibration.points(bins.confidence, bins.accuracy, 4);
    std::vector<double> at, model, everyone;
    for (int k = 1; k < 60; ++k) {
      at.push_back(k / 100.0);
      model.push_back(net_benefit(predicted, label, at.back()));
      everyone.push_back(net_benefit_of_all(label, at.back()));
    }
    XyPlot decision("risk from which one acts", "net benefit", {0, 0.6}, {-0.05, std::max(0.05, 1.05 * prevalence)});
    decision.horizontal(0, "nobody", dashed);
    decision.line(at, everyone, dashed);
    decision.line(at, model);
    return "<h2>Curves</h2>\n" + roc.svg("ROC. Dashed: chance") +
           recall.svg("Precision and recall. Dashed: prevalence") +
           calibration.svg("Reliability: ten bins with Wilson intervals (cases). Dashed: right") +
           decision.svg("Decision curve. Dashed: acting on everyone, and on nobody") + "\n";
  }

  std::string agreement_plot(const std::vector<double>& predicted, const std::vector<double>& truth,
                             const std::string& of, const std::string& name) const {
    if (predicted.size() < 2) return "";
    const auto found = bland_altman(predicted, truth);
    const auto shown = shown_unit(of);
    const std::string in_unit = shown.name.empty() ? "" : " [" + shown.name + "]";
    std::vector<double> mean, difference;
    for (std::size_t i = 0; i < truth.size(); ++i) {
      mean.push_back(0.5 * (predicted[i] + truth[i]) * shown.scale);
      difference.push_back((predicted[i] - truth[i]) * shown.scale);
    }
    auto span = difference;
    span.insert(span.end(), {found.limits.low * shown.scale, found.limits.high * shown.scale});
    XyPlot plot("mean of predicted and true" + in_unit, "predicted - true" + in_unit, plot_range(mean),
                plot_range(span));
    plot.points(mean, difference);
    const std::string dashed = "stroke=\"#b00020\" stroke-dasharray=\"4 3\"";
    plot.horizontal(found.bias * shown.scale, "bias " + fixed_text(found.bias * shown.scale), "stroke=\"#b00020\"");
    plot.horizontal(found.limits.low * shown.scale, fixed_text(found.limits.low * shown.scale), dashed);
    plot.horizontal(found.limits.high * shown.scale, fixed_text(found.limits.high * shown.scale), dashed);
    return "<h2>Agreement</h2>\n" + plot.svg("Bland and Altman: " + name + ". Dashed: 95 % limits of agreement") +
           "\n<p>Bias " + metric_text(found.bias, of) + " [" + interval(found.bias_interval, of) +
           "], limits of agreement " + metric_text(found.limits.low, of) + " [" + interval(found.lower_interval, of) +
           "] and " + metric_text(found.limits.high, of) + " [" + interval(found.upper_interval, of) +
           "]. These intervals take cases for independent.</p>\n";
  }

  std::string disparities() const {
    if (evaluation_.disparities.empty()) return "";
    std::string text =
        "<h2>Differences between groups</h2>\n<p>Each group against all other cases (for sensitivity among the "
        "diseased: equal opportunity; for specificity among the healthy). The last column is the smallest true "
        "difference that this many patients would show with a probability of 80 %: where it is large, no difference "
        "seen means little.</p>\n";
    for (const auto& name : config_.measured_metrics()) {
      Table table(
          {"group", "difference from all others", "95 % interval", "ratio", "p", "p, Holm", "found with 80 % from"});
      bool any = false;
      for (const auto& r : evaluation_.disparities) {
        if (r.metric != name) continue;
        any = true;
        const auto& d = r.disparity;
        table.row()
            .words(r.group)
            .number(metric_text(d.difference, unit(name)))
            .number(interval(d.interval, unit(name)))
            .number(std::isnan(d.ratio) ? "none" : fixed_text(d.ratio) + " [" + interval(d.ratio_interval, "") + "]")
            .number(p_text(d.p_value))
            .words(p_text(r.adjusted_p_value), r.adjusted_p_value < 0.05 ? "n fail" : "n")
            .number(metric_text(d.detectable, unit(name)));
      }
      if (any) text += "<h3>" + html_escaped(name) + "</h3>\n" + table.html();
    }
    return text;
  }

  std::string slices() const {
    if (evaluation_.slices.empty()) return "";
    Table table(
        {"metric", "slice", "difference in the search", "on fresh patients", "95 % interval", "p, one-sided, Holm"});
    for (const auto& r : evaluation_.slices)
      table.row()
          .words(r.metric)
          .words(r.slice.name)
          .number(metric_text(r.slice.searched.difference, unit(r.metric)))
          .number(metric_text(r.slice.confirmed.difference, unit(r.metric)))
          .number(interval(r.slice.confirmed.interval, unit(r.metric)))
          .words(p_text(r.slice.p_value), r.slice.p_value < 0.05 ? "n fail" : "n");
    return "<h2>Worst slices</h2>\n<p>Groups and pairs of groups that did worst among one half of the patients, tested "
           "once on the other half. The search alone proves nothing: among many slices some look bad by chance.</p>\n" +
           table.html();
  }

  std::string doses() const {
    std::string text;
    for (const auto& r : evaluation_.doses) {
      const auto x = shown_unit(r.unit), y = shown_unit(unit(r.metric));
      auto scaled = [](std::vector<double> values, double scale) {
        for (auto& value : values) value *= scale;
        return values;
      };
      const auto at = scaled(r.response.factor, x.scale), mean = scaled(r.response.mean, y.scale);
      std::vector<Interval> band;
      std::vector<double> ends;
      for (const auto& i : r.response.interval) {
        band.push_back({i.low * y.scale, i.high * y.scale});
        ends.insert(ends.end(), {band.back().low, band.back().high});
      }
      XyPlot plot(r.factor + (x.name.empty() ? "" : " [" + x.name + "]"),
                  r.metric + (y.name.empty() ? "" : " [" + y.name + "]"), {at.front(), at.back()}, plot_range(ends));
      plot.band(at, band);
      plot.line(at, mean);
      text += plot.svg(r.metric + " over " + r.factor + ": p of no slope " + p_text(r.response.p_value));
    }
    return text.empty()
               ? ""
               : "<h2>Continuous factors</h2>\n<p>Local linear regression with pointwise 95 % intervals.</p>\n" + text +
                     "\n";
  }

  std::string shares() const {
    if (evaluation_.shares.empty()) return "";
    std::vector<std::string> heads{"metric"};
    heads.insert(heads.end(), evaluation_.shares.front().factors.begin(), evaluation_.shares.front().factors.end());
    heads.push_back("unexplained");
    Table table(heads);
    for (const auto& r : evaluation_.shares) {
      table.row().words(r.metric);
      for (const double share : r.shares.share) table.number(fixed_text(100 * share, 1) + " %");
      table.number(fixed_text(100 * r.shares.unexplained, 1) + " %");
    }
    return "<h2>What the variation comes from</h2>\n<p>Shares of the variance over cases (Shapley values of the "
           "adjusted coefficient of determination; value and square of numeric factors, levels of others). "
           "Interactions, sharper bends and chance are in "
           "the last column.</p>\n" +
           table.html();
  }

  std::string twins() const {
    if (evaluation_.twins.empty()) return "";
    Table table({"metric", "forced", "pairs", "mean effect", "95 % interval", "p", "deviation over patients", "fell",
                 "rose", "decisions flipped"});
    for (const auto& r : evaluation_.twins) {
      const auto& e = r.effect;
      table.row()
          .words(r.metric)
          .words(r.twin)
          .number(e.effect.cases)
          .number(metric_text(e.effect.value, unit(r.metric)))
          .number(interval(e.effect.interval, unit(r.metric)))
          .number(p_text(e.p_value))
          .number(metric_text(e.deviation, unit(r.metric)))
          .number(e.worse)
          .number(e.better)
          .number(std::to_string(e.flips) + " [" + fixed_text(100 * e.flip_interval.low, 1) + " to " +
                  fixed_text(100 * e.flip_interval.high, 1) + " %]");
    }
    return "<h2>Twins</h2>\n<p>The same patients simulated again with one factor forced: what changed is what the "
           "factor did.</p>\n" +
           table.html();
  }

  /// The chapters that other parts wrote: the card first, the checklist last.
  std::string chapters(const std::string& key) const {
    std::string text;
    for (const auto& section : origin_.sections) {
      const bool apart = section.key == "model_card" || section.key == "checklist";
      if (key.empty() ? !apart : section.key == key) text += section.html;
    }
    return text;
  }

  std::string pictures() const {
    if (origin_.pictures.empty()) return "";
    std::string text = "<h2>Cases</h2>\n<p>Blue: truth. Orange: model. White: both.</p>\n";
    for (const auto& [title, png] : origin_.pictures)
      text += "<figure><img alt=\"" + html_escaped(title) + "\" src=\"data:image/png;base64," + base64(png) +
              "\"><figcaption>" + html_escaped(title) + "</figcaption></figure>\n";
    return text;
  }

  std::string methods() const {
    std::string text = "<h2>How the numbers are made</h2>\n<p>";
    if (config_.task == ValidationTask::segmentation)
      text += "A pixel counts as inside from probability " + fixed_text(config_.threshold, 2) +
              "; masks are judged on the image's own pixels. Where truth and model are both empty, overlaps are 1 and "
              "distances 0; where one is, overlaps are 0 and "
              "distances the diagonal of the image, so that a miss never improves a mean. Distances in sectors take "
              "the width of a pixel at the middle range. ";
    if (config_.task == ValidationTask::detection)
      text += "A lesion is a connected region of the true mask; a mark hits the nearest one within " +
              metric_text(config_.options.tolerance, "m") +
              ". The mark with the highest score claims a lesion, further ones on it do not count. ";
    if (config_.task == ValidationTask::classification)
      text += "A case counts as diseased from probability " + fixed_text(config_.threshold, 2) +
              ". Predictive values are for a prevalence of " + fixed_text(config_.options.prevalence, 3) + ". ";
    return text +
           "Intervals of means over cases are bias-corrected and accelerated bootstrap intervals (Efron 1987) from " +
           std::to_string(config_.resamples) +
           " samples that draw whole patients with replacement. Where every patient has one case, areas under the "
           "curve have DeLong's interval on the logit scale (where that has no width, as where all cases are told "
           "apart, Newcombe's of 2006), sensitivity and specificity Wilson's, and limits of "
           "agreement Bland and Altman's. "
           "Medians have no interval: the bootstrap is wrong for them. Differences between groups have Student's t "
           "intervals with standard errors that allow for clusters of patients, and p values by permuting patients "
           "between the groups (1999 times; by t where a patient is in both). Intervals are not corrected for the "
           "number of groups; "
           "p values in columns named Holm are, within each metric. Forced twins enter only the section on twins. "
           "Every image of the split is in cases.csv; none is left out.</p>\n" +
           planning();
  }

  std::string planning() const {
    std::string text;
    for (const auto& r : evaluation_.groups)
      if (r.group == "all" && std::isfinite(r.estimate.standard_error) && r.estimate.standard_error > 0)
        text += html_escaped(r.metric) + ": standard error " + metric_text(r.estimate.standard_error, unit(r.metric)) +
                "; half of it would take about " +
                fixed_text(patients_for_standard_error(2, r.estimate.patients, 1), 0) +
                " patients; against another model judged on as many other patients, a difference of " +
                metric_text(detectable_difference(std::sqrt(2.0) * r.estimate.standard_error), unit(r.metric)) +
                " would be found with 80 %.<br>";
    return text.empty() ? "" : "<h3>Sample size</h3>\n<p>" + text + "</p>\n";
  }

  std::string origin() const {
    Table table({"", ""});
    table.row().words("program").words("Sonoforge " SONOFORGE_VERSION);
    table.row().words(config_.model.empty() ? "predictions, SHA-256" : "model, SHA-256").words(origin_.model_sha256);
    table.row().words("data (manifest), SHA-256").words(origin_.data_sha256);
    table.row().words("samples in the data set").words(std::to_string(manifest_.rows.size()));
    return "<h2>Origin</h2>\n" + table.html() + "<pre>" + html_escaped(origin_.config) + "</pre>\n" +
           (origin_.model_metadata.empty() ? "" : "<pre>" + html_escaped(origin_.model_metadata) + "</pre>\n");
  }

  const ValidateConfig& config_;
  const Manifest& manifest_;
  const Evaluation& evaluation_;
  const ReportOrigin& origin_;
};

}  // namespace

std::string validation_page(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation,
                            const ReportOrigin& origin) {
  return Page(config, manifest, evaluation, origin).html();
}

}  // namespace sonoforge
