#include "io/factor_keys.hpp"

#include <algorithm>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace sonoforge {

namespace {

using Keys = std::vector<MappingKey>;

constexpr std::string_view per_doc = "Whether the value is drawn once a patient or anew at each visit.";

// The key that names the distribution, and what may stand beside it.
Keys distribution_keys(MappingKey own, bool limits) {
  Keys keys{std::move(own)};
  if (limits) {
    keys.push_back({.key = "min", .doc = "Truncates below, in the unit of the values.", .example = "5 mm"});
    keys.push_back({.key = "max", .doc = "Truncates above, in the unit of the values.", .example = "40 mm"});
  }
  keys.push_back({.key = "factor", .doc = "Names the value: it is recorded for each sample.", .example = "fat_thickness"});
  keys.push_back({.key = "per", .doc = per_doc, .example = "visit", .fallback = "patient", .choices = {"patient", "visit"}});
  return keys;
}

Keys term_keys(std::string_view slope) {
  return {{.key = "factor", .doc = "The factor that this term follows.", .example = "age", .required = true},
          {.key = "slope", .doc = "Added for each unit (or each 'per') of the factor above 'centre'.", .example = slope},
          {.key = "centre", .doc = "Value of the factor that adds nothing.", .example = "50", .fallback = "0"},
          {.key = "per", .doc = "Step of the factor that adds one slope; needed where the factor has a unit.", .example = "10 mm"},
          {.key = "values", .doc = "Instead of a slope: what each word of the factor adds.", .example = "{female: 2 mm, male: 0 mm}"}};
}

std::vector<MappingDoc> make_distributions() {
  std::vector<MappingDoc> docs;
  docs.push_back({"uniform", "Any value between two.", "{uniform: [2 mm, 6 mm]}",
                  distribution_keys({.key = "uniform", .doc = "Lowest and highest value.", .example = "[2 mm, 6 mm]", .required = true}, true)});
  docs.push_back({"integers", "Whole numbers, ends included.", "{integers: [1, 5]}",
                  distribution_keys({.key = "integers", .doc = "Smallest and largest number, without unit.", .example = "[1, 5]", .required = true}, true)});
  docs.push_back({"normal", "Gaussian, truncated where min or max say so.", "{normal: [15 mm, 4 mm], min: 5 mm, max: 40 mm}",
                  distribution_keys({.key = "normal", .doc = "Mean and standard deviation before truncation.", .example = "[15 mm, 4 mm]", .required = true}, true)});
  docs.push_back({"log_normal", "Logarithm is Gaussian: positive values with a long upper tail.", "{log_normal: [8 mm, 0.3]}",
                  distribution_keys({.key = "log_normal", .doc = "Median, and standard deviation of the natural logarithm.", .example = "[8 mm, 0.3]", .required = true}, true)});
  Keys choice = distribution_keys({.key = "choice", .doc = "Values of any kind, one of which is taken.", .example = "[cyst, fat, tumour]", .required = true}, false);
  choice.push_back({.key = "weights", .doc = "How often each is taken, in proportion.", .example = "[1, 2, 1]", .fallback = "equal"});
  docs.push_back({"choice", "One of a list.", "{choice: [cyst, fat, tumour], weights: [1, 2, 1]}", std::move(choice)});

  Keys linear = distribution_keys(
      {.key = "linear", .doc = "Normal around a sum over other factors.", .example = "{intercept: 12 mm, terms: [...], spread: 2 mm}", .required = true,
       .keys = {{.key = "intercept", .doc = "The sum where every term adds nothing.", .example = "12 mm", .required = true},
                {.key = "terms", .doc = "What other factors add.", .example = "[{factor: age, slope: 0.1 mm, centre: 50}]", .required = true, .keys = term_keys("0.1 mm")},
                {.key = "spread", .doc = "Standard deviation around the sum.", .example = "2 mm", .fallback = "0"}}},
      true);
  docs.push_back({"linear", "A value that follows other factors.", "{linear: {intercept: 12 mm, terms: [{factor: age, slope: 0.1 mm, centre: 50}], spread: 2 mm}}", std::move(linear)});

  Keys growth = distribution_keys(
      {.key = "growth", .doc = "A law of the time since the first visit; each of its values may be a distribution.",
       .example = "{law: volume_doubling, initial: 8 mm, time: 200 day}", .required = true,
       .keys = {{.key = "law", .doc = "How the value changes with time.", .example = "volume_doubling", .required = true,
                 .choices = {"linear", "exponential", "volume_doubling", "logistic", "gompertz"}},
                {.key = "initial", .doc = "Value at the first visit.", .example = "8 mm", .required = true},
                {.key = "time", .doc = "Time of the law: of one 'change', of growth by e, of doubling the volume, or of nearing the limit.", .example = "200 day", .required = true},
                {.key = "change", .doc = "Law linear: added each 'time'.", .example = "1 mm"},
                {.key = "limit", .doc = "Laws logistic and gompertz: the value in the end.", .example = "50 mm"}}},
      true);
  std::erase_if(growth, [](const MappingKey& key) { return key.key == "per"; });
  docs.push_back({"growth", "A value that changes from visit to visit.", "{growth: {law: volume_doubling, initial: 8 mm, time: 200 day}, max: 30 mm}", std::move(growth)});
  docs.push_back({"factor", "The value of a factor declared in the section 'factors:'.", "{factor: fat_thickness}",
                  {{.key = "factor", .doc = "Name of the factor.", .example = "fat_thickness", .required = true}}});
  return docs;
}

std::vector<MappingDoc> make_sections() {
  std::vector<MappingDoc> docs;
  docs.push_back({"factors", "Named values that the rest of the config refers to by {factor: NAME}.",
                  "{age: {normal: [55, 10], min: 30}, bmi: {normal: [26, 4], min: 16}}",
                  {{.key = "NAME", .doc = "A distribution or a fixed value (write 'describe distribution' for the kinds).", .example = "{uniform: [5 mm, 30 mm]}"},
                   {.key = "table", .doc = "One CSV file or a list: whole rows are drawn; the header names the factors, with units in brackets.", .example = "cohort.csv"},
                   {.key = "correlations", .doc = "May stand here instead of at the top.", .example = "[{factors: [age, bmi], value: 0.6}]"}}});
  docs.push_back({"correlations", "A list of rows that join factors by a Gaussian copula.", "[{factors: [age, bmi], value: 0.6}]",
                  {{.key = "factors", .doc = "Two or more names; all pairs have this correlation.", .example = "[age, bmi]", .required = true},
                   {.key = "value", .doc = "Correlation of the normal scores, between -1 and 1.", .example = "0.6", .required = true}}});
  docs.push_back({"outcome", "An event with a known hazard, recorded as the factors NAME, NAME_time, NAME_risk and NAME_log_hazard_ratio.",
                  "{name: cancer, hazard: {weibull: {shape: 1.5, scale: 10 year}}, terms: [{factor: age, slope: 0.04, centre: 50}], horizon: 5 year}",
                  {{.key = "name", .doc = "Of the event.", .example = "cancer", .required = true},
                   {.key = "hazard", .doc = "Baseline: one of two laws.", .example = "{weibull: {shape: 1.5, scale: 10 year}}", .required = true,
                    .keys = {{.key = "weibull", .doc = "Cumulative hazard (time / scale)^shape.", .example = "{shape: 1.5, scale: 10 year}",
                              .keys = {{.key = "shape", .doc = "Above 1 the risk grows with time.", .example = "1.5", .required = true},
                                       {.key = "scale", .doc = "Time at which the cumulative hazard is one.", .example = "10 year", .required = true}}},
                             {.key = "discrete", .doc = "An event at the end of an interval.", .example = "{probability: 2 %, interval: 1 year}",
                              .keys = {{.key = "probability", .doc = "Of an event in one interval at the baseline.", .example = "2 %", .required = true},
                                       {.key = "interval", .doc = "Length of an interval.", .example = "1 year", .required = true}}}}},
                   {.key = "terms", .doc = "What factors add to the logarithm of the hazard ratio.", .example = "[{factor: age, slope: 0.04, centre: 50}]", .keys = term_keys("0.04")},
                   {.key = "horizon", .doc = "End of observation.", .example = "5 year", .required = true},
                   {.key = "update", .doc = "With weibull: how often factors that change are taken anew; without it never.", .example = "1 year"}}});
  return docs;
}

const Keys* find_keys(const std::vector<MappingDoc>& docs, std::string_view path) {
  const std::string_view name = path.substr(0, path.find('.'));
  const auto doc = std::find_if(docs.begin(), docs.end(), [&](const MappingDoc& one) { return one.name == name; });
  if (doc == docs.end()) return nullptr;
  const Keys* keys = &doc->keys;
  while (path.find('.') != std::string_view::npos) {
    path.remove_prefix(path.find('.') + 1);
    const std::string_view part = path.substr(0, path.find('.'));
    const auto key = std::find_if(keys->begin(), keys->end(), [&](const MappingKey& one) { return one.key == part; });
    if (key == keys->end() || key->keys.empty()) return nullptr;
    keys = &key->keys;
  }
  return keys;
}

}  // namespace

const std::vector<MappingDoc>& distribution_docs() {
  static const std::vector<MappingDoc> docs = make_distributions();
  return docs;
}

const std::vector<MappingDoc>& factor_section_docs() {
  static const std::vector<MappingDoc> docs = make_sections();
  return docs;
}

std::vector<std::string> known_keys(std::string_view path) {
  const Keys* keys = find_keys(distribution_docs(), path);
  if (!keys) keys = find_keys(factor_section_docs(), path);
  if (!keys) throw std::logic_error("no keys are listed for '" + std::string(path) + "'");
  std::vector<std::string> names;
  for (const auto& key : *keys) names.emplace_back(key.key);
  return names;
}

std::string listed(const std::vector<std::string>& words) {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

nlohmann::ordered_json describe_keys(const std::vector<MappingKey>& keys) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& key : keys) {
    nlohmann::ordered_json entry{{"key", key.key}, {"kind", key.keys.empty() ? "value" : "mapping"}, {"doc", key.doc}, {"example", key.example}};
    if (key.required) entry["required"] = true;
    else if (!key.fallback.empty()) entry["default"] = key.fallback;
    else entry["optional"] = true;
    if (!key.choices.empty()) entry["choices"] = key.choices;
    if (!key.keys.empty()) entry["keys"] = describe_keys(key.keys);
    out.push_back(std::move(entry));
  }
  return out;
}

nlohmann::ordered_json describe_mappings(std::string_view kind, std::string_view doc, const std::vector<MappingDoc>& mappings) {
  nlohmann::ordered_json out{{"kind", kind}, {"doc", doc}, {"types", nlohmann::ordered_json::array()}, {"presets", nlohmann::ordered_json::array()}};
  for (const auto& mapping : mappings)
    out["types"].push_back({{"name", mapping.name}, {"doc", mapping.doc}, {"example", mapping.example}, {"keys", describe_keys(mapping.keys)}});
  return out;
}

}  // namespace sonoforge
