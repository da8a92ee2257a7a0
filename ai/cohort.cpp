#include "ai/cohort.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

#include "core/units.hpp"

namespace sonoforge {

namespace {

constexpr double max_visits = 10'000, max_time = 1e10;

[[noreturn]] void refuse(const SourceLocation& where, const std::string& text) { throw UserError(Problem{where, text}); }

// Part of a file name on every system.
std::string file_word(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-' || c == '_';
    if (plain) out += c;
    else if (!out.empty() && out.back() != '_') out += '_';
  }
  return out;
}

TwinConfig read_twin(const ConfigNode& node) {
  constexpr const char* example = "Write for example 'twins: [{do: {fat_thickness: 30 mm}, name: thick}]'";
  if (node.kind != ConfigNode::Kind::mapping) refuse(node.where, std::string("a twin is not a mapping. ") + example);
  TwinConfig twin;
  for (const auto& entry : node.entries) {
    if (entry.key == "name") {
      twin.name = entry.value.scalar;
      if (twin.name.empty() || file_word(twin.name) != twin.name || twin.name.front() == '.')
        refuse(entry.value.where, "the name of a twin becomes part of file names (letters, digits, '_', '-' and '.'). Write for example 'name: thick'");
    } else if (entry.key == "do") {
      if (entry.value.kind != ConfigNode::Kind::mapping || entry.value.entries.empty()) refuse(entry.value.where, std::string("do sets no factor. ") + example);
      for (const auto& setting : entry.value.entries) {
        if (setting.value.kind != ConfigNode::Kind::scalar) refuse(setting.where, "a twin sets a factor to one value. Write for example '" + setting.key + ": 30 mm'");
        twin.forced[setting.key] = setting.value.scalar;
      }
    } else {
      std::vector<std::string> known;
      for (const auto& key : twin_doc().keys) known.emplace_back(key.key);
      refuse(entry.where, "unknown key '" + entry.key + "' in a twin. Known: " + listed(known));
    }
  }
  if (twin.forced.empty()) refuse(node.where, std::string("a twin lacks 'do'. ") + example);
  if (twin.name.empty())
    for (const auto& [factor, value] : twin.forced) twin.name += (twin.name.empty() ? "" : "_") + file_word(factor) + "_" + file_word(value);
  return twin;
}

struct VisitsSection : Configurable {
  VisitsConfig visits;
  void fields(FieldVisitor& visit) override { visit.object(visits, {.key = "visits", .doc = "When each patient is examined."}); }
};

}  // namespace

const MappingDoc& twin_doc() {
  static const MappingDoc doc{"twins",
                              "A list: each makes every sample once more with factors set from outside, all else the same to the bit.",
                              "[{do: {fat_thickness: 30 mm}, name: thick}]",
                              {{.key = "do", .doc = "Factors and the values they are set to.", .example = "{fat_thickness: 30 mm}", .required = true},
                               {.key = "name", .doc = "Part of file names, and the column 'twin' of the manifest.", .example = "thick", .fallback = "made of factors and values"}}};
  return doc;
}

void VisitsConfig::fields(FieldVisitor& visit) {
  visit(times, {.key = "times", .doc = "Times since the first visit, instead of count and interval.", .unit = Unit::second, .min = 0, .max = max_time, .max_items = 10'000});
  visit(count, {.key = "count", .doc = "Number of visits.", .min = 1, .max = max_visits});
  visit(interval, {.key = "interval", .doc = "Time between visits.", .unit = Unit::second, .min = 0, .max = max_time});
  visit(jitter, {.key = "jitter", .doc = "Standard deviation of the time of every visit but the first.", .unit = Unit::second, .min = 0, .max = max_time});
}

void VisitsConfig::check() const {
  if (!times.empty() && (count != 1 || interval != 0)) throw ConfigError("times", "both times and count with interval are given (one of them is meant). Remove one");
  if (!times.empty() && times.front() != 0) throw ConfigError("times", "the first visit is not at time zero (times count from it). Write '0 day' first");
  if (!std::is_sorted(times.begin(), times.end())) throw ConfigError("times", "the visits are not in the order of time. Sort them");
  if (count > 1 && !(interval > 0)) throw ConfigError("interval", "several visits need a time between them. Write for example 'interval: 180 day'");
}

std::vector<double> VisitsConfig::draw(const RandomStream& random) const {
  std::vector<double> drawn = times;
  if (drawn.empty())
    for (std::int64_t i = 0; i < count; ++i) drawn.push_back(static_cast<double>(i) * interval);
  for (std::size_t i = 1; i < drawn.size(); ++i) {
    if (jitter > 0) drawn[i] += jitter * random.normal_pair_at(i)[0];
    drawn[i] = std::max(drawn[i], drawn[i - 1]);
  }
  return drawn;
}

Cohort Cohort::read(const ConfigTree& tree) {
  Cohort cohort;
  if (tree.root().find("visits")) {
    std::vector<std::string> others;
    for (const auto& entry : tree.root().entries)
      if (entry.key != "visits") others.push_back(entry.key);
    VisitsSection section;
    tree.read(section, others);
    cohort.visits = section.visits;
    cohort.has_visits = true;
  }
  if (const ConfigNode* twins = tree.root().find("twins")) {
    if (twins->kind != ConfigNode::Kind::list) refuse(twins->where, "twins is not a list. Write for example 'twins: [{do: {fat_thickness: 30 mm}}]'");
    std::set<std::string> names;
    for (const auto& item : twins->items) {
      cohort.twins.push_back(read_twin(item));
      if (!names.insert(cohort.twins.back().name).second) refuse(item.where, "two twins are named '" + cohort.twins.back().name + "'. Rename one");
    }
  }
  return cohort;
}

std::size_t Cohort::samples_per_patient() const {
  return (visits.times.empty() ? static_cast<std::size_t>(visits.count) : visits.times.size()) * (1 + twins.size());
}

const std::vector<std::string>& dataset_sections() {
  static const std::vector<std::string> sections{"dataset", "store", "visits", "twins"};
  return sections;
}

std::vector<SampleSpec> draw_samples(const ConfigTree& tree, std::uint64_t seed, std::uint64_t patient) {
  const Cohort cohort = Cohort::read(tree);
  ConfigTree plain = tree;
  std::erase_if(plain.root().entries, [](const ConfigNode::Entry& entry) {
    const auto& sections = dataset_sections();
    return std::find(sections.begin(), sections.end(), entry.key) != sections.end();
  });
  plain.set("patient=" + std::to_string(patient));
  const RandomStream random(seed, patient, "config");
  const auto times = cohort.visits.draw(random.child("visits"));
  std::vector<TwinConfig> variants{{}};
  variants.insert(variants.end(), cohort.twins.begin(), cohort.twins.end());

  std::vector<SampleSpec> samples;
  for (std::size_t v = 0; v < times.size(); ++v)
    for (const auto& variant : variants) {
      ConfigTree drawn = plain;
      if (cohort.has_visits) drawn.set("visit=" + std::to_string(v));
      SampleSpec sample;
      sample.seed = seed;
      sample.visit = static_cast<int>(v);
      sample.twin = variant.name;
      sample.name = "visit_" + std::to_string(v) + (variant.name.empty() ? "" : "_" + variant.name);
      sample.factors = drawn.draw(random, variant.forced, {static_cast<std::int64_t>(v), times[v]});
      if (cohort.has_visits) sample.factors["visit_time"] = {format_quantity(times[v], Unit::second), true, times[v], "s"};
      sample.config = drawn.text();
      samples.push_back(std::move(sample));
    }
  return samples;
}

}  // namespace sonoforge
