#include "ai/checklist.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "ai/bootstrap.hpp"
#include "ai/groups.hpp"
#include "ai/hypothesis_tests.hpp"
#include "ai/report_page.hpp"

namespace sonoforge {
namespace {

using Json = nlohmann::ordered_json;
using Status = ChecklistItem::Status;

const char* const words[]{"met", "partly", "missing"};

bool has_section(const ReportOrigin& origin, const std::string& key) {
  return std::any_of(origin.sections.begin(), origin.sections.end(),
                     [&](const ReportSection& s) { return s.key == key && !s.html.empty(); });
}

}  // namespace

std::vector<ChecklistItem> checklist(const ValidateConfig& config, const Manifest&, const Evaluation& evaluation,
                                     const ReportOrigin& origin) {
  const std::string all = "CLAIM, TRIPOD+AI, STARD-AI", claim = "CLAIM", models = "CLAIM, TRIPOD+AI",
                    tests = "CLAIM, STARD-AI";
  const bool has_model = !config.model.empty();
  const auto when = [](bool met, Status otherwise) { return met ? Status::met : otherwise; };
  std::set<std::string> patients;
  for (const auto& group : evaluation.groups)
    if (group.group == "all" && group.estimate.patients < few_cases) patients.insert("few");
  return {
      {"Title and summary say that a model is judged, on what data, and the main numbers", all, Status::met,
       "first lines"},
      {"Aim, intended use and place in care", all, Status::missing, "a matter of the product, not of simulated data"},
      {"Where the data come from", all, Status::met, "Origin; README.md of the data set"},
      {"Who is included and who is not", all, Status::partly,
       "distributions of the data set's config; simulated patients only"},
      {"How images were acquired: device, settings", all, Status::met,
       "dataset.yaml and the resolved config in every sample"},
      {"Processing of data before the model", models, when(has_model, Status::missing),
       has_model ? "metadata of the model, Origin" : "the predictions were made elsewhere"},
      {"Removal of what identifies persons", claim, Status::met, "no person's data are used"},
      {"Missing data and how they are handled", all, Status::met, "none are left out: cases.csv"},
      {"Reference standard and why it was chosen", all, Status::met,
       "exact truth of the phantom, How the numbers are made"},
      {"Who annotated, and how much annotators differ", tests, Status::met, "no annotators: the truth is computed"},
      {"Split into training, tuning and test, by patient", models, Status::met,
       "README.md of the data set; no patient is in two splits"},
      {"Sample size and how it was chosen", all, has_section(origin, "plan") ? Status::met : Status::partly,
       has_section(origin, "plan") ? "Plan" : "reached precision under Sample size; add 'plan:' before the data exist"},
      {"Model: inputs, outputs, structure, software", models, when(has_model, Status::missing),
       has_model ? "Origin" : "made elsewhere"},
      {"Training: start values, settings, choice of the final model", models, has_model ? Status::met : Status::missing,
       has_model ? "metadata of the model; train.yaml and history.csv beside it" : "made elsewhere"},
      {"Metrics and why these", all, Status::partly, "definitions under Groups; the choice is the user's"},
      {"Uncertainty and tests, and corrections for many of them", all, Status::met, "How the numbers are made"},
      {"Calibration", "TRIPOD+AI", config.task == ValidationTask::classification ? Status::met : Status::missing,
       config.task == ValidationTask::classification ? "Curves" : "no probabilities of cases are judged"},
      {"Subgroups and fairness", all, when(!config.subgroups.empty(), Status::missing),
       config.subgroups.empty() ? "add 'subgroups:'" : "Groups, Differences between groups"},
      {"Robustness and sensitivity analysis", models,
       when(has_section(origin, "robustness"), evaluation.twins.empty() ? Status::missing : Status::partly),
       has_section(origin, "robustness") ? "Robustness"
       : evaluation.twins.empty()        ? "generate twins"
                                         : "Twins"},
      {"How decisions of the model can be explained", claim, Status::missing, "not done here"},
      {"Test on data from elsewhere", all, Status::missing, "needs patients"},
      {"Flow of cases, and how many in each group", all, Status::met, "first lines, Groups"},
      {"Characteristics of the patients", all, Status::partly,
       "factors in manifest.csv; simulated patients have no other"},
      {"Results with intervals", all, Status::met, "first lines, Groups"},
      {"Number of cases is enough", all, patients.empty() ? Status::met : Status::partly,
       patients.empty() ? "Groups" : "fewer than 50 patients: see the warning"},
      {"Where and why the model fails", tests, when(!origin.pictures.empty(), Status::partly),
       origin.pictures.empty() ? "worst values in Groups" : "Cases, Worst slices"},
      {"Limits", all, Status::met, "What this report cannot show"},
      {"Protocol registered before the study", all, Status::missing, "needs a registry"},
      {"Code, data and model can be had", all, Status::partly,
       "hashes under Origin; where they are kept is the user's to say"},
      {"Funding and interests", all, Status::missing, "the user's to say"},
  };
}

ReportSection checklist_section(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation,
                                const ReportOrigin& origin) {
  HtmlTable table({"topic", "asked for by", "", "where, or why not"});
  Json json = Json::array();
  std::size_t count[3]{0, 0, 0};
  for (const auto& item : checklist(config, manifest, evaluation, origin)) {
    const auto status = static_cast<std::size_t>(item.status);
    ++count[status];
    table.row()
        .words(item.topic)
        .words(item.lists)
        .words(words[status], status == 0   ? "pass"
                              : status == 2 ? "fail"
                                            : "")
        .words(item.where);
    json.push_back({{"topic", item.topic}, {"lists", item.lists}, {"status", words[status]}, {"where", item.where}});
  }
  return {"checklist",
          "<h2>Checklist</h2>\n<p>Topics that CLAIM 2024, TRIPOD+AI and STARD-AI ask of a report, in our words: " +
              std::to_string(count[0]) + " met, " + std::to_string(count[1]) + " partly, " + std::to_string(count[2]) +
              " missing.</p>\n" + table.html(),
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
      {"What it is", !config.model.empty()     ? "model.pt, SHA-256 " + origin.model_sha256.substr(0, 16)
                     : !config.program.empty() ? "a program: " + config.program.front()
                                               : "predictions made elsewhere"},
      {"What it learned from", config.model.empty()   ? "not known here"
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
