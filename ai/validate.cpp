#include "ai/validate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "core/units.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
const std::vector<std::string> known_metrics{"dice", "iou"};

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const auto near = nearest_word(word, known);
  return near.empty() ? "Known: " + joined(known) : "Did you mean '" + near + "'?";
}

struct Group {
  std::string factor, name;
  std::vector<std::size_t> rows;  ///< of the manifest
};

/// The groups of one factor; every row of the split is in exactly one, also those without a value.
std::vector<Group> groups_of(const SubgroupConfig& config, const Manifest& manifest, const std::vector<std::size_t>& rows) {
  const int column = manifest.factor(config.factor);
  if (column < 0)
    throw UserError("subgroups: the data set has no factor '" + config.factor + "' (cases cannot be told apart by it). " + suggestion(config.factor, manifest.factor_names));
  const auto f = static_cast<std::size_t>(column);
  std::vector<Group> groups;
  if (config.edges.empty()) {
    std::map<std::string, std::vector<std::size_t>> by_value;
    for (const auto row : rows) by_value[manifest.rows[row].factors[f]].push_back(row);
    if (by_value.size() > 50)
      throw UserError("subgroups: factor '" + config.factor + "' has " + std::to_string(by_value.size()) + " values (groups would be single cases). Give edges, as 'edges: [3 mm, 5 mm]'");
    for (auto& [value, members] : by_value)
      groups.push_back({config.factor, value.empty() ? config.factor + " not given" : config.factor + " = " + value, std::move(members)});
    return groups;
  }
  std::vector<double> edges;
  for (const auto& text : config.edges) {
    AnyQuantity edge;
    try {
      edge = parse_any_quantity(text);
    } catch (const std::invalid_argument& error) {
      throw UserError("subgroups: edge of " + config.factor + ": " + error.what());
    }
    const std::string unit(unit_symbol(edge.unit));
    if (unit != manifest.factor_units[f])
      throw UserError("subgroups: edge '" + text + "' does not measure what factor '" + config.factor + "' does (" +
                      (manifest.factor_units[f].empty() ? "a bare number" : "in " + manifest.factor_units[f]) + "). Correct its unit");
    if (!edges.empty() && edge.value <= edges.back()) throw UserError("subgroups: edges of " + config.factor + " do not increase (groups would be empty). Sort them");
    edges.push_back(edge.value);
  }
  for (std::size_t g = 0; g <= edges.size(); ++g)
    groups.push_back({config.factor,
                      config.factor + (g == 0 ? " below " + config.edges[0] : g == edges.size() ? " from " + config.edges[g - 1] : " " + config.edges[g - 1] + " to " + config.edges[g]),
                      {}});
  Group without{config.factor, config.factor + " not given", {}};
  for (const auto row : rows) {
    const auto& text = manifest.rows[row].factors[f];
    double value = 0;
    if (text.empty()) without.rows.push_back(row);
    else if (!factor_number(text, value)) throw UserError("subgroups: factor '" + config.factor + "' has the value '" + text + "' (edges need numbers). Leave the edges out: one group a value");
    else groups[static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), value) - edges.begin())].rows.push_back(row);
  }
  if (!without.rows.empty()) groups.push_back(std::move(without));
  return groups;
}

std::vector<Group> all_groups(const ValidateConfig& config, const Manifest& manifest, const std::vector<std::size_t>& rows) {
  std::vector<Group> groups{{"", "all", rows}};
  for (const auto& subgroup : config.subgroups)
    for (auto& group : groups_of(subgroup, manifest, rows)) groups.push_back(std::move(group));
  std::vector<std::string> names;
  for (const auto& group : groups) {
    names.push_back(group.name);
    if (!group.factor.empty() && std::find(names.begin(), names.end(), group.factor) == names.end()) names.push_back(group.factor);
  }
  for (const auto& gate : config.gates)
    if (std::find(names.begin(), names.end(), gate.subgroup) == names.end())
      throw UserError("gates: there is no subgroup '" + gate.subgroup + "' (a gate needs one that is reported). " + suggestion(gate.subgroup, names));
  return groups;
}

std::vector<std::size_t> rows_of(const ValidateConfig& config, const Manifest& manifest) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < manifest.rows.size(); ++i)
    if (manifest.rows[i].split == split_name(config.split)) rows.push_back(i);
  return rows;
}

}  // namespace

void SubgroupConfig::fields(FieldVisitor& visit) {
  visit(factor, {.key = "factor", .doc = "A column of the manifest.", .required = true});
  visit(edges, {.key = "edges", .doc = "Increasing limits between groups, with units, as [3 mm, 5 mm]; none: one group a value.", .max_items = 50});
}

void GateConfig::fields(FieldVisitor& visit) {
  visit(metric, {.key = "metric", .doc = "One of the metrics."});
  visit(subgroup, {.key = "subgroup", .doc = "all, a factor (every group of it), or the name of one group."});
  visit(at_least, {.key = "at_least", .doc = "The value that must be reached.", .min = 0, .max = 1, .required = true});
  visit.choice(interval, {"lower", "mean"}, {.key = "interval", .doc = "What must reach it: the lower end of the 95 % interval, or the mean."});
}

void ValidateConfig::fields(FieldVisitor& visit) {
  visit(data, {.key = "data", .doc = "Folder that `generate` wrote.", .required = true});
  visit(model, {.key = "model", .doc = "The model.pt that `train` wrote.", .required = true});
  visit.choice(split, {"train", "validation", "test"}, {.key = "split", .doc = "Which patients."});
  visit(label, {.key = "label", .doc = "Class of the segmentation that is the truth; empty: the one the model marks."});
  visit(threshold, {.key = "threshold", .doc = "Probability from which a pixel counts as inside.", .min = 0, .max = 1});
  visit(metrics, {.key = "metrics", .doc = "dice, iou.", .max_items = 2});
  visit.list(subgroups, {.key = "subgroups", .doc = "Factors by which cases are told apart.", .max_items = 100});
  visit.list(gates, {.key = "gates", .doc = "Conditions that must hold; the program exits with 3 where one does not.", .max_items = 1000});
  visit(resamples, {.key = "resamples", .doc = "Bootstrap samples behind each interval.", .min = 100, .max = 100000});
  visit(seed, {.key = "seed", .doc = "Of the bootstrap.", .min = 0});
}

void ValidateConfig::check() const {
  if (metrics.empty()) throw ConfigError("metrics", "there is no metric (nothing would be measured). Write for example 'metrics: [dice]'");
  for (const auto& metric : metrics)
    if (std::find(known_metrics.begin(), known_metrics.end(), metric) == known_metrics.end())
      throw ConfigError("metrics", "unknown metric '" + metric + "' (known: dice, iou). " + suggestion(metric, known_metrics));
  if (std::set<std::string>(metrics.begin(), metrics.end()).size() != metrics.size()) throw ConfigError("metrics", "a metric is named twice (once is enough). Remove one");
  for (const auto& gate : gates)
    if (std::find(metrics.begin(), metrics.end(), gate.metric) == metrics.end())
      throw ConfigError("gates", "a gate asks for '" + gate.metric + "', which is not measured (metrics: " + joined(metrics) + "). " + suggestion(gate.metric, metrics));
  std::set<std::string> factors;
  for (const auto& subgroup : subgroups)
    if (!factors.insert(subgroup.factor).second) throw ConfigError("subgroups", "factor '" + subgroup.factor + "' is listed twice (its groups would share names). Remove one");
}

std::string split_name(ValidateConfig::Split split) {
  return split == ValidateConfig::Split::train ? "train" : split == ValidateConfig::Split::validation ? "validation" : "test";
}

bool Evaluation::passed() const {
  return std::all_of(gates.begin(), gates.end(), [](const GateResult& gate) { return gate.passed; });
}

void check_groups(const ValidateConfig& config, const Manifest& manifest) {
  const auto rows = rows_of(config, manifest);
  if (rows.empty()) throw UserError("the data set has no samples in split " + split_name(config.split) + " (nothing to measure). Generate more patients or choose another split");
  all_groups(config, manifest, rows);
}

Evaluation evaluate(const ValidateConfig& config, const Manifest& manifest, std::vector<ValidationCase> cases) {
  std::vector<std::size_t> rows;
  std::map<std::size_t, std::size_t> case_of;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    rows.push_back(cases[i].row);
    case_of[cases[i].row] = i;
  }
  Evaluation evaluation;
  const RandomStream random(static_cast<std::uint64_t>(config.seed), 0, "validate");
  for (const auto& group : all_groups(config, manifest, rows))
    for (std::size_t m = 0; m < config.metrics.size(); ++m) {
      std::vector<double> values;
      std::vector<std::string> patients;
      for (const auto row : group.rows) {
        values.push_back(cases[case_of.at(row)].metrics[m]);
        patients.push_back(manifest.rows[row].patient);
      }
      GroupResult result{group.factor, group.name, config.metrics[m], {}, nan, nan};
      result.mean = clustered_mean(values, patients, random.child(group.name), static_cast<std::size_t>(config.resamples));
      result.median = quantile(values, 0.5);
      if (!values.empty()) result.lowest = *std::min_element(values.begin(), values.end());
      evaluation.groups.push_back(std::move(result));
    }
  for (const auto& gate : config.gates)
    for (const auto& result : evaluation.groups) {
      if (result.metric != gate.metric || (result.group != gate.subgroup && result.factor != gate.subgroup)) continue;
      GateResult judged{gate, result.group, gate.interval == GateConfig::Bound::lower ? result.mean.interval.low : result.mean.mean, false};
      judged.passed = judged.value >= gate.at_least;  // false for NaN
      evaluation.gates.push_back(std::move(judged));
    }
  evaluation.cases = std::move(cases);
  return evaluation;
}

}  // namespace sonoforge
