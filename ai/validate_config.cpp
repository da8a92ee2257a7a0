#include <algorithm>
#include <set>

#include "ai/validate.hpp"
#include "io/factor_keys.hpp"

namespace sonoforge {
namespace {

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const auto near = nearest_word(word, known);
  return near.empty() ? "Known: " + listed(known) : "Did you mean '" + near + "'?";
}

}  // namespace

void SubgroupConfig::fields(FieldVisitor& visit) {
  visit(factor, {.key = "factor", .doc = "A column of the manifest.", .required = true});
  visit(edges, {.key = "edges",
                .doc = "Increasing limits between groups, with units, as [3 mm, 5 mm]; none: one group a value.",
                .max_items = 50});
}

void IntersectionConfig::fields(FieldVisitor& visit) {
  visit(factors, {.key = "factors", .doc = "Two or more factors of `subgroups`.", .required = true, .max_items = 4});
}

void IntersectionConfig::check() const {
  if (std::set<std::string>(factors.begin(), factors.end()).size() != factors.size() || factors.size() < 2)
    throw ConfigError("factors", "an intersection needs two different factors (one alone is a subgroup). Name another");
}

void GateConfig::fields(FieldVisitor& visit) {
  visit(metric, {.key = "metric", .doc = "One of the metrics."});
  visit(subgroup, {.key = "subgroup", .doc = "all, a factor (every group of it), or the name of one group."});
  visit(at_least, {.key = "at_least", .doc = "The value that must be reached, with a unit where the metric has one."});
  visit(at_most, {.key = "at_most", .doc = "The value that must not be exceeded."});
  visit(margin, {.key = "margin", .doc = "Non-inferiority: how much worse than the baseline it must surely not be."});
  visit(gap, {.key = "gap", .doc = "How much worse than all other cases the group must surely not be."});
  visit.choice(interval, {"end", "mean", "lower", "upper"},
               {.key = "interval",
                .doc = "What is judged: the end of the 95 % interval on the side of failure (one-sided, 2.5 %), or the "
                       "estimate. lower and upper name that end."});
}

void GateConfig::check() const {
  const int conditions = at_least.has_value() + at_most.has_value() + margin.has_value() + gap.has_value();
  if (conditions != 1)
    throw ConfigError("at_least", "a gate has one condition (this one has " + std::to_string(conditions) +
                                      "). Give at_least, at_most, margin or gap");
  if ((interval == Bound::lower && at_most) || (interval == Bound::upper && at_least))
    throw ConfigError("interval",
                      "that end of the interval lies on the side of success (the gate would pass by being uncertain). "
                      "Leave 'interval' out");
}

void PlanConfig::fields(FieldVisitor& visit) {
  visit(metric, {.key = "metric", .doc = "The metric that the number of patients was chosen for."});
  visit(patients, {.key = "patients", .doc = "How many were planned.", .min = 2, .max = 1e9, .required = true});
  visit(deviation, {.key = "deviation",
                    .doc = "Standard deviation of the metric over patients that the plan expects, in SI units.",
                    .min = 0,
                    .max = 1e9,
                    .required = true});
}

void DriftConfig::fields(FieldVisitor& visit) {
  visit(metric, {.key = "metric", .doc = "What is watched: a metric of single cases."});
  visit(twin, {.key = "twin", .doc = "The twin that all cases come from after the onset.", .required = true});
  visit(onset, {.key = "onset", .doc = "Cases before it.", .min = 1, .max = 100000});
  visit(after, {.key = "after", .doc = "Cases within which it should be found.", .min = 1, .max = 100000});
  visit(false_alarm_every, {.key = "false_alarm_every", .doc = "Cases between false alarms, on average.", .min = 10, .max = 100000});
  visit(reference, {.key = "reference",
                    .doc = "Of the cumulative sum: half the shift looked for, in standard deviations.",
                    .min = 0.05,
                    .max = 5});
}

void ValidateConfig::fields(FieldVisitor& visit) {
  visit(format, {.key = "sonoforge", .doc = "Version of the config format.", .min = 1, .max = 1});
  visit(data, {.key = "data", .doc = "Folder that `generate` wrote, or a config of `generate`: its samples are then made in memory, as they are needed.", .required = true});
  visit(model, {.key = "model", .doc = "The model.pt that `train` wrote, or any TorchScript file that `torchscript` describes."});
  visit(torchscript, {.key = "torchscript", .doc = "For a TorchScript file made elsewhere: what goes into it and what comes out."});
  visit(predictions,
        {.key = "predictions",
         .doc = "Instead of a model: a folder with ID.png, ID.nii, ID.nii.gz or ID.hdf5 a case, or predictions.csv."});
  visit(program, {.key = "program",
                  .doc = "Instead of a model: a command and its arguments, run for each case without a shell; {input} "
                         "is the sample's file, {output} where it writes the mask (ID.hdf5 or ID.png), {id} the case. "
                         "Scores and values it prints as its last line.",
                  .max_items = 200});
  visit(time_limit, {.key = "time_limit", .doc = "Of one run of the program.", .unit = Unit::second, .min = 0.01, .max = 86400});
  visit.choice(split, {"train", "validation", "test"}, {.key = "split", .doc = "Which patients."});
  visit.choice(
      task, validation_task_names,
      {.key = "task",
       .doc = "What is judged: masks, scores of disease, true numbers, maps, marks on lesions, or risks of an event."});
  visit(label,
        {.key = "label",
         .doc =
             "Segmentation: class that is the truth, empty: the one the model marks. Map: truth map, as sound_speed."});
  visit(truth, {.key = "truth",
                .doc = "Classification, measurement: the factor, or true measurement of the files, that is predicted; "
                       "survival: the factor that holds the time."});
  visit(positive, {.key = "positive",
                   .doc = "Values of `truth` that count as diseased; of `event`, as the event.",
                   .max_items = 100});
  visit(event, {.key = "event",
                .doc = "Survival: the factor that tells whether the time ended with the event (see `positive`)."});
  visit(hazard,
        {.key = "hazard", .doc = "Survival: the factor that holds the true hazard, constant in time, for regret."});
  visit(risk, {.key = "risk", .doc = "Survival, instead of hazard: the factor that holds the true risk within the horizon, as NAME_risk of an outcome."});
  visit(threshold, {.key = "threshold",
                    .doc = "Probability from which a pixel counts as inside, or a case as diseased.",
                    .min = 0,
                    .max = 1});
  visit.object(options, {.key = "options", .doc = "What single metrics need besides."});
  visit(metrics, {.key = "metrics", .doc = "Names of metrics of the task; none: the usual ones.", .max_items = 40});
  visit.list(subgroups, {.key = "subgroups", .doc = "Factors by which cases are told apart.", .max_items = 100});
  visit.list(intersections,
             {.key = "intersections", .doc = "Subgroups of several factors together.", .max_items = 100});
  visit.list(gates, {.key = "gates",
                     .doc = "Conditions that must hold; the program exits with 3 where one does not.",
                     .max_items = 1000});
  visit(baseline, {.key = "baseline", .doc = "report.json of an earlier validation, for gates with a margin."});
  visit(plan, {.key = "plan", .doc = "The plan of the sample size, to be set against what was reached."});
  visit(drift, {.key = "drift", .doc = "A monitor tried on the cases: how soon it finds a drift whose onset is known."});
  visit(privacy, {.key = "privacy",
                  .doc = "Also look for what test images, and the model, give away of training patients."});
  visit(resamples, {.key = "resamples", .doc = "Bootstrap samples behind each interval.", .min = 100, .max = 100000});
  visit(seed, {.key = "seed", .doc = "Of the bootstrap.", .min = 0});
}

std::vector<std::string> ValidateConfig::measured_metrics() const {
  if (!metrics.empty()) return metrics;
  switch (task) {
    case ValidationTask::segmentation:
      return {"dice", "iou", "hd95", "assd", "nsd"};
    case ValidationTask::classification:
      return {"auc", "sensitivity", "specificity", "sensitivity_at_specificity", "ppv",
              "npv", "brier",       "ece",         "calibration_slope"};
    case ValidationTask::measurement:
      return {"bias", "lower_limit", "upper_limit", "mae", "ccc"};
    case ValidationTask::survival:
      return hazard.empty() && risk.empty() ? std::vector<std::string>{"c_index", "brier"}
                            : std::vector<std::string>{"c_index", "brier", "regret"};
    case ValidationTask::detection:
      return {"froc", "average_precision", "sensitivity_at_false_alarms", "sensitivity", "false_alarms"};
    case ValidationTask::map:
      return {"rmse", "bias"};
  }
  return {};
}

ForeignModel ValidateConfig::foreign() const {
  ForeignModel one;
  one.model = model;
  if (torchscript) one.torchscript = *torchscript;
  one.task = task;
  one.label = label;
  one.truth = truth;
  one.positive = positive;
  return one;
}

void ValidateConfig::check() const {
  const int judged = !model.empty() + !predictions.empty() + !program.empty();
  if (judged != 1)
    throw ConfigError("model", std::string(judged == 0 ? "there is neither a model nor predictions"
                                                       : "there are several of model, predictions and program") +
                                   " (one of them is judged). Give either");
  if ((task == ValidationTask::segmentation || task == ValidationTask::detection) && label.empty() && model.empty())
    throw ConfigError("label",
                      "there is no label (which class do the predictions mark?). Name a class of the segmentation");
  if (task == ValidationTask::map && label.empty())
    throw ConfigError("label", "there is no label (which map is the truth?). Write for example 'label: sound_speed'");
  const bool of_values =
      task == ValidationTask::classification || task == ValidationTask::measurement || task == ValidationTask::survival;
  if (of_values && truth.empty())
    throw ConfigError("truth", "there is no truth (what do the predictions tell?). Name a factor of the data set");
  if (task == ValidationTask::survival && event.empty())
    throw ConfigError("event", "there is no event (which times were cut short?). Name the factor that tells");
  if (task == ValidationTask::survival && !hazard.empty() && !risk.empty())
    throw ConfigError("risk", "both the true hazard and the true risk are given (the one follows from the other). Remove one");
  if (task == ValidationTask::survival && hazard.empty() && risk.empty() &&
      std::find(metrics.begin(), metrics.end(), "regret") != metrics.end())
    throw ConfigError("hazard",
                      "regret needs the true hazard (decisions are compared with those on it). Name its factor");
  if ((task == ValidationTask::classification || task == ValidationTask::survival) && positive.empty())
    throw ConfigError(
        "positive", "no value counts as diseased (nothing could be found). Write for example 'positive: [malignant]'");

  if (torchscript) {
    if (model.empty()) throw ConfigError("torchscript", "there is no model that it would describe (predictions and programs need no description). Name the TorchScript file in 'model'");
    foreign().check();
  }

  const auto known = metric_names(task), measured = measured_metrics();
  for (const auto& metric : measured)
    if (!find_metric(task, metric))
      throw ConfigError("metrics", "unknown metric '" + metric + "' (task " +
                                       std::string(validation_task_names[static_cast<std::size_t>(task)]) +
                                       " has: " + listed(known) + "). " + suggestion(metric, known));
  if (std::set<std::string>(measured.begin(), measured.end()).size() != measured.size())
    throw ConfigError("metrics", "a metric is named twice (once is enough). Remove one");
  std::set<std::string> factors;
  for (const auto& subgroup : subgroups)
    if (!factors.insert(subgroup.factor).second)
      throw ConfigError("subgroups",
                        "factor '" + subgroup.factor + "' is listed twice (its groups would share names). Remove one");
  for (const auto& intersection : intersections)
    for (const auto& factor : intersection.factors)
      if (!factors.contains(factor))
        throw ConfigError(
            "intersections",
            "factor '" + factor + "' has no groups (intersections are made of those of `subgroups`). Add it there");
  for (const auto& gate : gates) {
    if (std::find(measured.begin(), measured.end(), gate.metric) == measured.end())
      throw ConfigError("gates", "a gate asks for '" + gate.metric + "', which is not measured (metrics: " +
                                     listed(measured) + "). " + suggestion(gate.metric, measured));
    const auto* metric = find_metric(task, gate.metric);
    if ((gate.margin || gate.gap) && metric->better == ValidationMetric::Better::none)
      throw ConfigError("gates",
                        "'" + gate.metric + "' is best in between (worse has no direction). Use at_least and at_most");
    if (gate.gap && !is_compared(*metric))
      throw ConfigError("gates", "'" + gate.metric +
                                     "' is not compared between groups (gaps are judged on metrics of single cases, "
                                     "auc, sensitivity and specificity). Use at_least or at_most");
    if (gate.margin && baseline.empty())
      throw ConfigError("baseline",
                        "a gate has a margin, and there is no baseline (nothing to compare with). Name the report.json "
                        "of an earlier validation");
  }
}

std::string split_name(ValidateConfig::Split split) {
  return split == ValidateConfig::Split::train        ? "train"
         : split == ValidateConfig::Split::validation ? "validation"
                                                      : "test";
}

}  // namespace sonoforge
