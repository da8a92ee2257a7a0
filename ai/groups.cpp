#include "ai/groups.hpp"

#include <algorithm>
#include <map>

#include "core/units.hpp"

namespace sonoforge {
namespace {

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const auto near = nearest_word(word, known);
  if (!near.empty()) return "Did you mean '" + near + "'?";
  std::string all;
  for (const auto& name : known) all += (all.empty() ? "" : ", ") + name;
  return "Known: " + all;
}

/// The groups of one factor; every row of the split is in exactly one, also those without a value.
/// `key`: where the subgroup stands in the config.
std::vector<CaseGroup> groups_of(const SubgroupConfig& config, const std::string& key, const Manifest& manifest,
                                 const std::vector<std::size_t>& rows) {
  const int column = manifest.factor(config.factor);
  if (column < 0)
    throw ConfigError(key + ".factor", "the data set has no factor '" + config.factor +
                    "' (cases cannot be told apart by it). " + suggestion(config.factor, manifest.factor_names));
  const auto f = static_cast<std::size_t>(column);
  std::vector<CaseGroup> groups;
  if (config.edges.empty()) {
    std::map<std::string, std::vector<std::size_t>> by_value;
    for (const auto row : rows) by_value[manifest.rows[row].factors[f]].push_back(row);
    if (by_value.size() > 50)
      throw ConfigError(key + ".factor", "factor '" + config.factor + "' has " + std::to_string(by_value.size()) +
                      " values (groups would be single cases). Give edges, as 'edges: [3 mm, 5 mm]'");
    for (auto& [value, members] : by_value)
      groups.push_back({config.factor, value.empty() ? config.factor + " not given" : config.factor + " = " + value,
                        std::move(members)});
    return groups;
  }
  std::vector<double> edges;
  for (std::size_t i = 0; i < config.edges.size(); ++i) {
    const auto& text = config.edges[i];
    const std::string place = key + ".edges." + std::to_string(i);
    AnyQuantity edge;
    try {
      edge = parse_any_quantity(text);
    } catch (const std::invalid_argument& error) {
      throw ConfigError(place, error.what());
    }
    const std::string unit(unit_symbol(edge.unit));
    if (unit != manifest.factor_units[f])
      throw ConfigError(place, "edge '" + text + "' does not measure what factor '" + config.factor + "' does (" +
                      (manifest.factor_units[f].empty() ? "a bare number" : "in " + manifest.factor_units[f]) +
                      "). Correct its unit");
    if (!edges.empty() && edge.value <= edges.back())
      throw ConfigError(place, "the edges do not increase (groups would be empty). Sort them");
    edges.push_back(edge.value);
  }
  for (std::size_t g = 0; g <= edges.size(); ++g)
    groups.push_back({config.factor,
                      config.factor + (g == 0              ? " below " + config.edges[0]
                                       : g == edges.size() ? " from " + config.edges[g - 1]
                                                           : " " + config.edges[g - 1] + " to " + config.edges[g]),
                      {}});
  CaseGroup without{config.factor, config.factor + " not given", {}};
  for (const auto row : rows) {
    const auto& text = manifest.rows[row].factors[f];
    double value = 0;
    if (text.empty())
      without.rows.push_back(row);
    else if (!factor_number(text, value))
      throw ConfigError(key + ".edges", "factor '" + config.factor + "' has the value '" + text +
                      "' (edges need numbers). Leave the edges out: one group a value");
    else
      groups[static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), value) - edges.begin())]
          .rows.push_back(row);
  }
  if (!without.rows.empty()) groups.push_back(std::move(without));
  return groups;
}

/// Throws where a gate asks for a group that is not reported.
void check_gates(const ValidateConfig& config, const std::vector<CaseGroup>& groups) {
  std::vector<std::string> names;
  for (const auto& group : groups)
    for (const auto& name : {group.name, group.factor})
      if (!name.empty() && std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  for (std::size_t i = 0; i < config.gates.size(); ++i) {
    const auto& gate = config.gates[i];
    const std::string place = "gates." + std::to_string(i) + ".subgroup";
    if (std::find(names.begin(), names.end(), gate.subgroup) == names.end())
      throw ConfigError(place, "there is no subgroup '" + gate.subgroup + "' (a gate needs one that is reported). " +
                      suggestion(gate.subgroup, names));
    if (gate.gap && gate.subgroup == "all")
      throw ConfigError(place, "all cases have no gap (there is nobody else to compare with). Name a subgroup");
  }
}

}  // namespace

CaseGroup intersection_of(const CaseGroup& a, const CaseGroup& b) {
  CaseGroup both{a.factor + " and " + b.factor, a.name + " and " + b.name, {}};
  std::set_intersection(a.rows.begin(), a.rows.end(), b.rows.begin(), b.rows.end(), std::back_inserter(both.rows));
  return both;
}

std::vector<CaseGroup> case_groups(const ValidateConfig& config, const Manifest& manifest,
                                   const std::vector<std::size_t>& rows) {
  std::vector<CaseGroup> groups{{"", "all", rows}};
  std::map<std::string, std::vector<CaseGroup>> by_factor;
  for (std::size_t i = 0; i < config.subgroups.size(); ++i) {
    const auto& subgroup = config.subgroups[i];
    auto& own = by_factor[subgroup.factor] = groups_of(subgroup, "subgroups." + std::to_string(i), manifest, rows);
    groups.insert(groups.end(), own.begin(), own.end());
  }
  for (const auto& intersection : config.intersections) {
    std::vector<CaseGroup> crossed = by_factor.at(intersection.factors.front());
    for (std::size_t k = 1; k < intersection.factors.size(); ++k) {
      std::vector<CaseGroup> next;
      for (const auto& a : crossed)
        for (const auto& b : by_factor.at(intersection.factors[k]))
          if (auto both = intersection_of(a, b); !both.rows.empty()) next.push_back(std::move(both));
      crossed = std::move(next);
    }
    groups.insert(groups.end(), crossed.begin(), crossed.end());
  }
  check_gates(config, groups);
  return groups;
}

std::vector<std::size_t> rows_as_drawn(const Manifest& manifest, const std::vector<std::size_t>& rows) {
  std::vector<std::size_t> drawn;
  for (const auto row : rows)
    if (manifest.rows[row].twin.empty()) drawn.push_back(row);
  return drawn.empty() ? rows : drawn;
}

std::string metric_unit(const ValidateConfig& config, const Manifest& manifest, const std::string& name) {
  const auto* metric = find_metric(config.task, name);
  if (!metric || metric->unit != "truth") return metric ? metric->unit : "";
  if (config.task == ValidationTask::map) return config.label == "sound_speed" ? "m/s" : config.label == "image" ? "dB" : "";
  const int factor = manifest.factor(config.truth);
  return factor < 0 ? config.truth_unit : manifest.factor_units[static_cast<std::size_t>(factor)];
}

}  // namespace sonoforge
