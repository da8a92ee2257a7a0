#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "io/config_distributions.hpp"

namespace sonoforge {

namespace {

constexpr std::array<std::string_view, 5> kinds{"uniform", "integers", "normal", "log_normal", "choice"};
constexpr std::array<std::string_view, 4> companions{"factor", "min", "max", "weights"};

template <std::size_t N>
bool among(const std::array<std::string_view, N>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

[[noreturn]] void fail(const ConfigNode& node, const std::string& text) { throw UserError(Problem{node.where, text}); }

const ConfigNode& argument(const ConfigNode& node, std::string_view& kind) {
  for (const auto& entry : node.entries)
    if (among(kinds, entry.key)) {
      for (auto known : kinds)
        if (entry.key == known) kind = known;
      return entry.value;
    }
  kind = {};
  return node;
}

AnyQuantity number(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::scalar) fail(node, "a distribution needs numbers here. Write for example '{uniform: [2 mm, 6 mm]}'");
  try {
    return parse_any_quantity(node.scalar);
  } catch (const std::invalid_argument& error) {
    fail(node, error.what());
  }
}

std::array<AnyQuantity, 2> pair(const ConfigNode& list, std::string_view kind, bool same_unit = true) {
  if (list.kind != ConfigNode::Kind::list || list.items.size() != 2)
    fail(list, std::string(kind) + " needs two values. Write for example '{" + std::string(kind) + ": [2 mm, 6 mm]}'");
  std::array<AnyQuantity, 2> out{number(list.items[0]), number(list.items[1])};
  if (same_unit && out[0].unit != out[1].unit)
    fail(list, "the two values measure different things (" + list.items[0].scalar + ", " + list.items[1].scalar + "). Give both the same kind of unit");
  return out;
}

std::string written(double value, Unit unit) { return format_quantity(value, unit); }

// The value of a distribution, as a node that takes its place.
ConfigNode draw_one(const ConfigNode& node, RandomStream random) {
  std::string_view kind;
  const ConfigNode& values = argument(node, kind);
  for (const auto& entry : node.entries)
    if (!among(kinds, entry.key) && !among(companions, entry.key))
      throw UserError(Problem{entry.where, "unknown key '" + entry.key + "' in a distribution. Known: uniform, integers, normal, log_normal, choice, factor, min, max, weights"});

  ConfigNode result{ConfigNode::Kind::scalar, {}, false, {}, {}, node.where};
  if (kind == "choice") {
    if (values.kind != ConfigNode::Kind::list || values.items.empty())
      fail(values, "choice needs a list of values. Write for example '{choice: [a, b, c]}'");
    std::vector<double> weights(values.items.size(), 1.0);
    if (const ConfigNode* given = node.find("weights")) {
      if (given->kind != ConfigNode::Kind::list || given->items.size() != weights.size())
        fail(*given, "weights needs as many numbers as choice has values (" + std::to_string(weights.size()) + "). Write one a value");
      for (std::size_t i = 0; i < weights.size(); ++i) {
        weights[i] = number(given->items[i]).value;
        if (!(weights[i] >= 0)) fail(given->items[i], "a weight is negative (weights are proportions). Write 0 or more");
      }
    }
    double total = 0;
    for (double weight : weights) total += weight;
    if (!(total > 0)) fail(node, "all weights are zero (nothing could be chosen). Give one of them a positive value");
    double u = random.uniform() * total;
    std::size_t pick = 0;
    while (pick + 1 < weights.size() && (u >= weights[pick] || weights[pick] == 0)) u -= weights[pick++];
    result = values.items[pick];
    result.where = node.where;
    return result;
  }

  double low = -INFINITY, high = INFINITY;
  AnyQuantity first, second;
  if (kind == "log_normal") {
    const auto both = pair(values, kind, false);
    first = both[0], second = both[1];
    if (second.unit != Unit::none) fail(values.items[1], "the second value of log_normal is the standard deviation of the logarithm (a bare number). Write for example '[8 mm, 0.3]'");
    if (!(first.value > 0)) fail(values.items[0], "the median of log_normal is not above zero (its logarithm is needed). Write a positive value");
  } else {
    const auto both = pair(values, kind);
    first = both[0], second = both[1];
  }
  for (const char* limit : {"min", "max"})
    if (const ConfigNode* given = node.find(limit)) {
      const AnyQuantity quantity = number(*given);
      if (quantity.unit != first.unit) fail(*given, std::string(limit) + " measures something else than the distribution. Give it the same kind of unit");
      (limit[1] == 'i' ? low : high) = quantity.value;
    }
  if (low > high) fail(node, "min is above max (no value fits). Swap them");

  double value = 0;
  if (kind == "uniform" || kind == "integers") {
    if (first.value > second.value) fail(values, std::string(kind) + " runs backwards (needs [low, high]). Swap the two");
    if (kind == "integers") {
      if (first.unit != Unit::none || first.value != std::floor(first.value) || second.value != std::floor(second.value) ||
          std::abs(first.value) > 1e15 || std::abs(second.value) > 1e15)
        fail(values, "integers needs two whole bare numbers. Write for example '{integers: [1, 5]}'");
      value = first.value + static_cast<double>(random.integer_below(static_cast<std::uint64_t>(second.value - first.value) + 1));
    } else {
      value = first.value + (second.value - first.value) * random.uniform();
    }
    value = std::clamp(value, low, high);
  } else {
    if (!(second.value >= 0)) fail(values.items[1], "a standard deviation is negative. Write 0 or more");
    // Truncation by drawing again keeps the shape of the distribution between its limits.
    constexpr std::uint64_t tries = 10000;
    std::uint64_t i = 0;
    for (; i < tries; ++i) {
      const double z = random.normal_pair_at(i)[0];
      value = kind == "normal" ? first.value + second.value * z : first.value * std::exp(second.value * z);
      if (value >= low && value <= high) break;
    }
    if (i == tries) fail(node, "min and max leave almost nothing of the distribution (10,000 draws missed). Move them");
  }
  result.scalar = written(value, first.unit);
  return result;
}

FactorValue factor_value(const ConfigNode& node) {
  FactorValue out;
  if (node.kind != ConfigNode::Kind::scalar) {
    out.text = node.text();
    while (!out.text.empty() && out.text.back() == '\n') out.text.pop_back();
    return out;
  }
  out.text = node.scalar;
  try {
    const AnyQuantity quantity = parse_any_quantity(node.scalar);
    out.numeric = true;
    out.value = quantity.value;
    out.unit = std::string(unit_symbol(quantity.unit));
  } catch (const std::invalid_argument&) {
  }
  return out;
}

class Drawer {
 public:
  Drawer(ConfigNode& root, const RandomStream& random, const std::map<std::string, std::string>& forced)
      : random_(random), forced_(forced) {
    if (ConfigNode* section = root.find("factors")) {
      if (section->kind != ConfigNode::Kind::mapping) fail(*section, "factors is not a mapping. Write for example 'factors: {fat: {uniform: [5 mm, 30 mm]}}'");
      for (auto& entry : section->entries) declared_[entry.key] = entry.value;
      root.entries.erase(std::find_if(root.entries.begin(), root.entries.end(), [](const auto& entry) { return entry.key == "factors"; }));
    }
    for (const auto& [name, node] : declared_) value_of(name, node);
    walk(root, "");
    for (const auto& [name, text] : forced_)
      if (!factors_.count(name)) {
        std::vector<std::string> known;
        for (const auto& [factor, value] : factors_) known.push_back(factor);
        const std::string near = nearest_word(name, known);
        fail(root, "there is no factor '" + name + "' to set" + (near.empty() ? "" : ". Did you mean '" + near + "'?"));
      }
  }

  Factors factors() && { return std::move(factors_); }

 private:
  void walk(ConfigNode& node, const std::string& path) {
    if (is_distribution(node)) {
      node = resolve(node, path);
      return;
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) walk(node.items[i], path + "." + std::to_string(i));
    for (auto& entry : node.entries) walk(entry.value, path + "." + entry.key);
  }

  ConfigNode resolve(const ConfigNode& node, const std::string& path) {
    const ConfigNode* name = node.find("factor");
    if (!name) return draw_one(node, random_.child("path" + path));
    if (name->kind != ConfigNode::Kind::scalar || name->scalar.empty()) fail(*name, "factor needs a name. Write for example 'factor: lesion_radius'");
    if (node.entries.size() == 1) {
      const auto found = declared_.find(name->scalar);
      if (found == declared_.end()) {
        std::vector<std::string> known;
        for (const auto& [factor, unused] : declared_) known.push_back(factor);
        const std::string near = nearest_word(name->scalar, known);
        fail(*name, "the factor '" + name->scalar + "' is not declared (a bare {factor: NAME} refers to the section 'factors:'). " +
                        (near.empty() ? "Declare it there, or give a distribution beside it" : "Did you mean '" + near + "'?"));
      }
      ConfigNode value = value_of(name->scalar, found->second);
      value.where = node.where;
      return value;
    }
    if (declared_.count(name->scalar)) fail(*name, "the factor '" + name->scalar + "' is declared twice (here and under 'factors:'). Remove one");
    if (!inline_names_.insert(name->scalar).second)
      fail(*name, "the factor '" + name->scalar + "' is declared twice. Declare it under 'factors:' and refer to it by {factor: " + name->scalar + "}");
    return value_of(name->scalar, node);
  }

  // One stream a name: forcing or removing one factor changes no other.
  ConfigNode value_of(const std::string& name, const ConfigNode& node) {
    if (const auto done = values_.find(name); done != values_.end()) return done->second;
    ConfigNode value{ConfigNode::Kind::scalar, {}, false, {}, {}, node.where};
    if (const auto forced = forced_.find(name); forced != forced_.end()) {
      value.scalar = forced->second;
    } else if (is_distribution(node)) {
      value = draw_one(node, random_.child("factor." + name));
    } else {
      value = node;
    }
    values_[name] = value;
    factors_[name] = factor_value(value);
    return value;
  }

  RandomStream random_;
  const std::map<std::string, std::string>& forced_;
  std::map<std::string, ConfigNode> declared_;
  std::map<std::string, ConfigNode> values_;
  std::set<std::string> inline_names_;
  Factors factors_;
};

bool any_distribution(const ConfigNode& node) {
  return is_distribution(node) || std::any_of(node.items.begin(), node.items.end(), any_distribution) ||
         std::any_of(node.entries.begin(), node.entries.end(), [](const auto& entry) { return any_distribution(entry.value); });
}

}  // namespace

bool is_distribution(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::mapping) return false;
  if (node.entries.size() == 1 && node.entries[0].key == "factor") return true;
  return std::any_of(node.entries.begin(), node.entries.end(), [](const auto& entry) { return among(kinds, entry.key); });
}

bool ConfigTree::has_distributions() const { return root_.find("factors") || any_distribution(root_); }

Factors ConfigTree::draw(const RandomStream& random, const std::map<std::string, std::string>& forced) {
  return Drawer(root_, random, forced).factors();
}

}  // namespace sonoforge
