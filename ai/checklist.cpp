#include "ai/checklist.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "ai/groups.hpp"
#include "ai/hypothesis_tests.hpp"
#include "ai/report_page.hpp"

namespace sonoforge {
namespace {

using Json = nlohmann::ordered_json;
const char* const words[]{"met", "partly", "missing"};

}  // namespace

ReportSection checklist_section(const ValidateConfig& config, const Evaluation& evaluation,
                                const ReportOrigin& origin) {
  HtmlTable table({"list", "item", "topic", "", "where, or why not"});
  Json json = Json::array();
  std::map<std::string, std::array<std::size_t, 3>> counts;
  std::vector<std::string> lists;
  for (const auto& item : checklist(config, evaluation, origin)) {
    const auto status = static_cast<std::size_t>(item.status);
    if (!counts.contains(item.list)) lists.push_back(item.list);
    ++counts[item.list][status];
    table.row()
        .words(item.list)
        .number(item.number)
        .words(item.topic)
        .words(words[status], status == 0   ? "pass"
                              : status == 2 ? "fail"
                                            : "")
        .words(item.where);
    json.push_back({{"list", item.list},
                    {"item", item.number},
                    {"topic", item.topic},
                    {"status", words[status]},
                    {"where", item.where}});
  }
  std::string sums;
  for (const auto& list : lists) {
    const auto& count = counts[list];
    sums += (sums.empty() ? "" : "; ") + list + ": " + std::to_string(count[0]) + " met, " + std::to_string(count[1]) +
            " partly, " + std::to_string(count[2]) + " missing";
  }
  return {"checklist",
          "<h2>Checklist</h2>\n<p>Items of three lists for reports by their published numbers, in our words. " + sums +
              ".</p>\n" + table.html(),
          json.dump()};
}

ReportSection model_card_section(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation,
                                 const ReportOrigin& origin) {
  const auto metrics = config.measured_metrics();
  const auto& metric = metrics.front();
  const std::string unit = metric_unit(config, manifest, metric);
  const GroupResult* all = nullptr;
  const GroupResult* worst = nullptr;
  const bool lower = find_metric(config.task, metric)->better == ValidationMetric::Better::lower;
  for (const auto& group : evaluation.groups) {
    if (group.metric != metric || std::isnan(group.estimate.value)) continue;
    if (group.group == "all")
      all = &group;
    else if (!worst ||
             (lower ? group.estimate.value > worst->estimate.value : group.estimate.value < worst->estimate.value))
      worst = &group;
  }
  const auto value = [&](const GroupResult& g) {
    return metric_text(g.estimate.value, unit) + " [" + metric_text(g.estimate.interval.low, unit) + " to " +
           metric_text(g.estimate.interval.high, unit) + "], " + std::to_string(g.estimate.patients) + " patients";
  };
  static const char* const tasks[]{"marks the class", "tells the presence of", "measures", "maps",
                                   "finds",           "tells the risk of"};
  std::vector<std::pair<std::string, std::string>> lines{
      {"What it does", std::string(tasks[static_cast<int>(config.task)]) + " '" + origin.label + "' in B-mode images"},
      {"What it is", config.torchscript
                         ? "a TorchScript file made elsewhere, SHA-256 " + origin.model_sha256.substr(0, 16)
                     : !config.model.empty()   ? "model.pt, SHA-256 " + origin.model_sha256.substr(0, 16)
                     : !config.program.empty() ? "a program: " + config.program.front()
                                               : "predictions made elsewhere"},
      {"What it learned from", config.model.empty() || config.torchscript ? "not known here"
                               : origin.same_data_set ? "the training patients of this data set, all simulated"
                                                      : "another data set"},
      {"How well", all ? metric + " " + value(*all) : "not known"},
      {"For whom worst", worst ? worst->group + ": " + metric + " " + value(*worst) : "no groups were asked for"},
      {"Not for", "patients. It was judged on simulated images only"}};
  HtmlTable table({"", ""});
  Json json = Json::object();
  for (const auto& [name, text] : lines) {
    table.row().words(name).words(text);
    json[name] = text;
  }
  return {"model_card", "<h2>Model card</h2>\n" + table.html(), json.dump()};
}

ReportSection plan_section(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation) {
  if (!config.plan) return {};
  const PlanConfig& plan = *config.plan;
  const auto found = std::find_if(evaluation.groups.begin(), evaluation.groups.end(),
                                  [&](const GroupResult& g) { return g.group == "all" && g.metric == plan.metric; });
  if (found == evaluation.groups.end())
    throw UserError("plan.metric: '" + plan.metric +
                    "' is not measured (the plan is compared with what was reached). Name one of the metrics");
  const std::string unit = metric_unit(config, manifest, plan.metric);
  const double reached = found->estimate.standard_error;
  const double planned = plan.deviation / std::sqrt(static_cast<double>(plan.patients));
  const auto number = [](double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); };
  HtmlTable table({"", "planned", "reached"});
  table.row().words("patients").number(std::to_string(plan.patients)).number(found->estimate.patients);
  table.row()
      .words("standard error of " + plan.metric)
      .number(metric_text(planned, unit))
      .number(metric_text(reached, unit));
  table.row()
      .words("difference from a fixed value found with 80 %")
      .number(metric_text(detectable_difference(planned), unit))
      .number(metric_text(detectable_difference(reached), unit));
  return {"plan",
          "<h2>Plan</h2>\n<p>The deviation over patients that the plan expected: " + metric_text(plan.deviation, unit) +
              ".</p>\n" + table.html(),
          Json{{"metric", plan.metric},
               {"planned_patients", plan.patients},
               {"planned_standard_error", number(planned)},
               {"reached_standard_error", number(reached)},
               {"planned_detectable_difference", number(detectable_difference(planned))},
               {"detectable_difference", number(detectable_difference(reached))}}
              .dump()};
}

}  // namespace sonoforge
