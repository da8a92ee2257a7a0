#include "io/factor_laws.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "io/distribution.hpp"
#include "io/factor_keys.hpp"

namespace sonoforge {

namespace {

// `path`: where `known_keys` lists the keys.
void check_keys(const ConfigNode& node, const std::string& what, const std::string& path) {
  const auto known = known_keys(path);
  if (node.kind != ConfigNode::Kind::mapping) refuse_node(node, what + " is not a mapping of keys. Known: " + known.front() + " and others");
  for (const auto& entry : node.entries)
    if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
      const std::string near = nearest_word(entry.key, known);
      throw UserError(Problem{entry.where, "unknown key '" + entry.key + "' in " + what + ". " + (near.empty() ? "Known: " + listed(known) : "Did you mean '" + near + "'?")});
    }
}

const ConfigNode& needed(const ConfigNode& node, const std::string& what, const char* key, const char* example) {
  const ConfigNode* found = node.find(key);
  if (!found) refuse_node(node, what + " lacks '" + key + "' (there is no default). Write for example '" + key + ": " + example + "'");
  return *found;
}

double in_unit(const ConfigNode& node, Unit unit, const std::string& what) {
  const AnyQuantity quantity = number_of(node);
  if (quantity.unit != unit)
    refuse_node(node, what + " = '" + node.scalar + "' (" + std::string(unit_noun(unit)) + " is needed). Write for example '" + std::string(unit_example(unit)) + "'");
  return quantity.value;
}

double positive_in_unit(const ConfigNode& node, Unit unit, const std::string& what) {
  const double value = in_unit(node, unit, what);
  if (!(value > 0) || !std::isfinite(value)) refuse_node(node, what + " = '" + node.scalar + "' (needs a positive value). Write for example '" + std::string(unit_example(unit)) + "'");
  return value;
}

FactorValue number_value(double value, Unit unit) { return {format_quantity(value, unit), true, value, std::string(unit_symbol(unit))}; }

}  // namespace

LinearTerms::LinearTerms(const ConfigNode& list, Unit unit) {
  if (list.kind != ConfigNode::Kind::list) refuse_node(list, "terms is not a list. Write for example 'terms: [{factor: age, slope: 0.1 mm, centre: 50}]'");
  for (const auto& item : list.items) {
    check_keys(item, "a term", "linear.linear.terms");
    Term term;
    term.name = needed(item, "a term", "factor", "age");
    if (const ConfigNode* values = item.find("values")) {
      if (item.entries.size() != 2 || values->kind != ConfigNode::Kind::mapping)
        refuse_node(item, "a term has either values by word or a slope. Write for example '{factor: sex, values: {female: 2 mm, male: 0 mm}}'");
      for (const auto& entry : values->entries) term.values.emplace_back(entry.key, in_unit(entry.value, unit, entry.key));
    } else {
      term.slope = in_unit(needed(item, "a term", "slope", "0.1 mm"), unit, "slope");
      const ConfigNode *per = item.find("per"), *centre = item.find("centre");
      if (per) {
        const AnyQuantity quantity = number_of(*per);
        term.per = positive_in_unit(*per, quantity.unit, "per"), term.unit = quantity.unit;
      }
      if (centre) term.centre = per ? in_unit(*centre, term.unit, "centre") : in_unit(*centre, Unit::none, "centre");
    }
    terms_.push_back(std::move(term));
  }
}

double LinearTerms::sum(const FactorLookup& lookup) const {
  double sum = 0;
  for (const auto& term : terms_) {
    const ConfigNode& value = lookup(term.name.scalar, term.name);
    if (!term.values.empty()) {
      const auto found = std::find_if(term.values.begin(), term.values.end(), [&](const auto& pair) { return pair.first == value.scalar; });
      if (found == term.values.end())
        refuse_node(term.name, "the term has no value for " + term.name.scalar + " = '" + value.scalar + "'. Add '" + value.scalar + "' to its values");
      sum += found->second;
      continue;
    }
    const AnyQuantity quantity = number_of(value);
    if (quantity.unit != term.unit)
      refuse_node(term.name, term.name.scalar + " = '" + value.scalar + "' has a unit that the term does not state (its slope would be ambiguous). Write for example 'per: " +
                                 std::string(unit_example(quantity.unit)) + "'");
    sum += term.slope * (quantity.value - term.centre) / term.per;
  }
  return sum;
}

std::vector<std::string> LinearTerms::factors() const {
  std::vector<std::string> names;
  for (const auto& term : terms_) names.push_back(term.name.scalar);
  return names;
}

ConfigNode linear_factor(const ConfigNode& node, double probability, const FactorLookup& lookup) {
  check_keys(node, "a linear factor", "linear");
  const ConfigNode& law = *node.find("linear");
  check_keys(law, "linear", "linear.linear");
  const AnyQuantity intercept = number_of(needed(law, "linear", "intercept", "12 mm"));
  const LinearTerms terms(needed(law, "linear", "terms", "[{factor: age, slope: 0.1 mm, centre: 50}]"), intercept.unit);
  double spread = 0;
  if (const ConfigNode* given = law.find("spread")) {
    spread = in_unit(*given, intercept.unit, "spread");
    if (!(spread >= 0)) refuse_node(*given, "spread is negative (it is a standard deviation). Write 0 or more");
  }
  return Distribution(intercept.value + terms.sum(lookup), spread, intercept.unit, node).quantile(probability);
}

ConfigNode growth_factor(const ConfigNode& node, double time, const NodeValue& value) {
  check_keys(node, "a growing factor", "growth");
  const ConfigNode& law = *node.find("growth");
  check_keys(law, "growth", "growth.growth");
  const std::string name = needed(law, "growth", "law", "volume_doubling").scalar;
  const ConfigNode start = value(needed(law, "growth", "initial", "8 mm"), "initial");
  const AnyQuantity initial = number_of(start);
  const ConfigNode scale = value(needed(law, "growth", "time", "200 day"), "time");
  const double t = time / positive_in_unit(scale, Unit::second, "time");
  const auto limit = [&] {
    const ConfigNode given = value(needed(law, "growth", "limit", "50 mm"), "limit");
    const double top = positive_in_unit(given, initial.unit, "limit");
    if (!(initial.value > 0)) refuse_node(start, "initial is not above zero (the law '" + name + "' multiplies it). Write a positive value");
    return top;
  };
  double x = initial.value;
  if (name == "linear") x += in_unit(value(needed(law, "growth", "change", "1 mm"), "change"), initial.unit, "change") * t;
  else if (name == "exponential") x *= std::exp(t);
  else if (name == "volume_doubling") x *= std::exp2(t / 3);
  else if (name == "logistic") { const double top = limit(); x = top / (1 + (top / x - 1) * std::exp(-t)); }
  else if (name == "gompertz") { const double top = limit(); x = top * std::pow(x / top, std::exp(-t)); }
  else refuse_node(*law.find("law"), "unknown law '" + name + "'. Known: linear, exponential, volume_doubling, logistic, gompertz");
  if (!std::isfinite(x)) refuse_node(law, "the factor grows beyond every number. Give it a max, or a longer time");
  return Distribution(x, 0, initial.unit, node).quantile(0.5);
}

Outcome::Outcome(const ConfigNode& section) {
  check_keys(section, "outcome", "outcome");
  name_ = needed(section, "outcome", "name", "cancer").scalar;
  if (name_.empty() || name_.find('/') != std::string::npos) refuse_node(section, "outcome has no usable name. Write for example 'name: cancer'");
  horizon_ = positive_in_unit(needed(section, "outcome", "horizon", "5 year"), Unit::second, "horizon");
  if (const ConfigNode* terms = section.find("terms")) terms_ = LinearTerms(*terms, Unit::none);
  const ConfigNode& hazard = needed(section, "outcome", "hazard", "{weibull: {shape: 1.5, scale: 10 year}}");
  check_keys(hazard, "hazard", "outcome.hazard");
  if (hazard.entries.size() != 1) refuse_node(hazard, "hazard is one of two laws. Write for example '{weibull: {shape: 1.5, scale: 10 year}}'");
  const ConfigNode& law = hazard.entries[0].value;
  discrete_ = hazard.entries[0].key == "discrete";
  if (discrete_) {
    check_keys(law, "discrete", "outcome.hazard.discrete");
    const ConfigNode& probability = needed(law, "discrete", "probability", "2 %");
    const double p = in_unit(probability, Unit::fraction, "probability");
    if (!(p > 0 && p < 1)) refuse_node(probability, "a probability per interval lies between 0 % and 100 %, ends excluded. Write for example '2 %'");
    step_hazard_ = -std::log1p(-p);
    interval_ = update_ = positive_in_unit(needed(law, "discrete", "interval", "1 year"), Unit::second, "interval");
    if (section.find("update")) refuse_node(*section.find("update"), "a discrete hazard is taken anew every interval. Remove update");
  } else {
    check_keys(law, "weibull", "outcome.hazard.weibull");
    shape_ = positive_in_unit(needed(law, "weibull", "shape", "1.5"), Unit::none, "shape");
    scale_ = positive_in_unit(needed(law, "weibull", "scale", "10 year"), Unit::second, "scale");
    if (const ConfigNode* update = section.find("update")) update_ = positive_in_unit(*update, Unit::second, "update");
  }
  if (update_ > 0 && horizon_ / update_ > 10000) refuse_node(section, "more than 10000 intervals fit before the horizon. Make them longer");
}

std::vector<std::string> Outcome::recorded() const { return {name_, name_ + "_time", name_ + "_risk", name_ + "_log_hazard_ratio"}; }

double Outcome::cumulative_baseline(double time) const {
  // A discrete event falls due at the end of its interval. Times are multiples of it up to rounding.
  if (discrete_) return step_hazard_ * std::floor(time / interval_ + 1e-9);
  return std::pow(time / scale_, shape_);
}

double Outcome::time_of_baseline(double hazard) const {
  if (discrete_) return interval_ * std::ceil(hazard / step_hazard_);
  return scale_ * std::pow(hazard, 1 / shape_);
}

Factors Outcome::draw(const LookupAt& lookup_at, double probability) const {
  // The event comes when the cumulative hazard reaches a unit exponential number [bender2005].
  const double threshold = -std::log1p(-probability);
  const double log_ratio = terms_.sum(lookup_at(0));
  double hazard = 0, event = INFINITY;
  const double step = update_ > 0 ? std::min(update_, horizon_) : horizon_;
  for (std::int64_t i = 0; static_cast<double>(i) * step < horizon_ * (1 - 1e-12); ++i) {
    const double from = static_cast<double>(i) * step, to = std::min(static_cast<double>(i + 1) * step, horizon_);
    const double ratio = std::exp(i == 0 ? log_ratio : terms_.sum(lookup_at(from)));
    const double baseline = cumulative_baseline(from), added = ratio * (cumulative_baseline(to) - baseline);
    if (!std::isfinite(event) && hazard + added >= threshold && added > 0) event = std::clamp(time_of_baseline(baseline + (threshold - hazard) / ratio), from, to);
    hazard += added;
  }
  const bool happened = event <= horizon_;
  Factors out;
  out[name_] = number_value(happened ? 1 : 0, Unit::none);
  out[name_ + "_time"] = number_value(happened ? event : horizon_, Unit::second);
  out[name_ + "_risk"] = number_value(-std::expm1(-hazard), Unit::none);
  out[name_ + "_log_hazard_ratio"] = number_value(log_ratio, Unit::none);
  return out;
}

}  // namespace sonoforge
