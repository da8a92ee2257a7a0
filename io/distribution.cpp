#include "io/distribution.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/normal_distribution.hpp"
#include "io/factor_keys.hpp"

namespace sonoforge {

namespace {

constexpr std::array<std::string_view, 5> kinds{"uniform", "integers", "normal", "log_normal", "choice"};

template <std::size_t N>
bool among(const std::array<std::string_view, N>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

const ConfigNode::Entry& kind_entry(const ConfigNode& node) {
  return *std::find_if(node.entries.begin(), node.entries.end(), [](const auto& entry) { return among(kinds, entry.key); });
}

std::array<AnyQuantity, 2> pair(const ConfigNode& list, const std::string& kind) {
  if (list.kind != ConfigNode::Kind::list || list.items.size() != 2)
    refuse_node(list, kind + " needs two values. Write for example '{" + kind + ": [2 mm, 6 mm]}'");
  std::array<AnyQuantity, 2> out{number_of(list.items[0]), number_of(list.items[1])};
  if (kind != "log_normal" && out[0].unit != out[1].unit)
    refuse_node(list, "the two values measure different things (" + list.items[0].scalar + ", " + list.items[1].scalar +
                          "). Give both the same kind of unit");
  return out;
}

// Normal quantile between two standardised limits. In the upper tail the survival function keeps the digits.
double truncated_normal(double low, double high, double probability) {
  if (low > 0) return -truncated_normal(-high, -low, 1 - probability);
  const double below = normal_probability(low), above = normal_probability(high);
  // So far in the tail neighbouring draws are no longer told apart.
  if (above - below < 1e-12) return std::numeric_limits<double>::quiet_NaN();
  return std::clamp(normal_quantile(below + probability * (above - below)), low, high);
}

}  // namespace

void refuse_node(const ConfigNode& node, const std::string& text) { throw UserError(Problem{node.where, text}); }

AnyQuantity number_of(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::scalar) refuse_node(node, "a distribution needs numbers here. Write for example '{uniform: [2 mm, 6 mm]}'");
  try {
    return parse_any_quantity(node.scalar);
  } catch (const std::invalid_argument& error) {
    refuse_node(node, error.what());
  }
}

ConfigNode number_node(double value, Unit unit, const ConfigNode& where) {
  return {ConfigNode::Kind::scalar, format_quantity(value, unit), false, {}, {}, where.where};
}

bool is_plain_distribution(const ConfigNode& node) {
  return node.kind == ConfigNode::Kind::mapping &&
         std::any_of(node.entries.begin(), node.entries.end(), [](const auto& entry) { return among(kinds, entry.key); });
}

Distribution::Distribution(const ConfigNode& node) : node_(node) {
  const auto& entry = kind_entry(node);
  const auto known = known_keys(entry.key);
  for (const auto& other : node.entries)
    if (&other != &entry && (among(kinds, other.key) || std::find(known.begin(), known.end(), other.key) == known.end())) {
      const std::string near = nearest_word(other.key, known);
      throw UserError(Problem{other.where, "unknown key '" + other.key + "' beside " + entry.key + ". " +
                                               (near.empty() ? "Known: " + listed(known) : "Did you mean '" + near + "'?")});
    }
  const ConfigNode& values = entry.value;
  kind_ = static_cast<Kind>(std::find(kinds.begin(), kinds.end(), entry.key) - kinds.begin());
  if (kind_ == Kind::choice) {
    read_choice(node, values);
    return;
  }
  const auto both = pair(values, entry.key);
  first_ = both[0].value, second_ = both[1].value, unit_ = both[0].unit;
  read_limits(node);
  if (kind_ == Kind::log_normal) {
    if (both[1].unit != Unit::none)
      refuse_node(values.items[1], "the second value of log_normal is the standard deviation of the logarithm (a bare number). Write for example '[8 mm, 0.3]'");
    if (!(first_ > 0)) refuse_node(values.items[0], "the median of log_normal is not above zero (its logarithm is needed). Write a positive value");
  }
  if (kind_ == Kind::normal || kind_ == Kind::log_normal) {
    if (!(second_ >= 0)) refuse_node(values.items[1], "a standard deviation is negative. Write 0 or more");
  } else if (first_ > second_) {
    refuse_node(values, entry.key + " runs backwards (needs [low, high]). Swap the two");
  }
  if (kind_ == Kind::integers &&
      (unit_ != Unit::none || first_ != std::floor(first_) || second_ != std::floor(second_) || std::abs(first_) > 1e15 || std::abs(second_) > 1e15))
    refuse_node(values, "integers needs two whole bare numbers. Write for example '{integers: [1, 5]}'");
}

Distribution::Distribution(double mean, double deviation, Unit unit, const ConfigNode& limits)
    : kind_(Kind::normal), node_(limits), first_(mean), second_(deviation), unit_(unit) {
  read_limits(limits);
}

void Distribution::read_limits(const ConfigNode& node) {
  low_ = -std::numeric_limits<double>::infinity(), high_ = -low_;
  for (const char* name : {"min", "max"})
    if (const ConfigNode* given = node.find(name)) {
      const AnyQuantity quantity = number_of(*given);
      if (quantity.unit != unit_) refuse_node(*given, std::string(name) + " measures something else than the distribution. Give it the same kind of unit");
      (name[1] == 'i' ? low_ : high_) = quantity.value;
    }
  if (low_ > high_) refuse_node(node, "min is above max (no value fits). Swap them");
}

void Distribution::read_choice(const ConfigNode& node, const ConfigNode& values) {
  if (values.kind != ConfigNode::Kind::list || values.items.empty())
    refuse_node(values, "choice needs a list of values. Write for example '{choice: [a, b, c]}'");
  choices_ = values.items;
  weights_.assign(choices_.size(), 1.0);
  if (const ConfigNode* given = node.find("weights")) {
    if (given->kind != ConfigNode::Kind::list || given->items.size() != weights_.size())
      refuse_node(*given, "weights needs as many numbers as choice has values (" + std::to_string(weights_.size()) + "). Write one a value");
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      weights_[i] = number_of(given->items[i]).value;
      if (!(weights_[i] >= 0)) refuse_node(given->items[i], "a weight is negative (weights are proportions). Write 0 or more");
    }
  }
  if (std::none_of(weights_.begin(), weights_.end(), [](double weight) { return weight > 0; }))
    refuse_node(node, "all weights are zero (nothing could be chosen). Give one of them a positive value");
}

double Distribution::number_at(double probability) const {
  switch (kind_) {
    case Kind::uniform: {
      const double low = std::clamp(low_, first_, second_), high = std::clamp(high_, first_, second_);
      return std::clamp(low + (high - low) * probability, low_, high_);
    }
    case Kind::integers: {
      const double low = std::max(first_, std::ceil(low_)), high = std::min(second_, std::floor(high_));
      if (low > high) refuse_node(node_, "min and max leave no whole number of the distribution. Move them");
      return std::min(low + std::floor((high - low + 1) * probability), high);
    }
    case Kind::normal:
      if (second_ == 0) return std::clamp(first_, low_, high_);
      return first_ + second_ * truncated_normal((low_ - first_) / second_, (high_ - first_) / second_, probability);
    case Kind::log_normal: {
      if (second_ == 0) return std::clamp(first_, low_, high_);
      const auto standard = [&](double limit) { return limit > 0 ? std::log(limit / first_) / second_ : -std::numeric_limits<double>::infinity(); };
      if (!(high_ > 0)) refuse_node(node_, "max is not above zero (a log-normal value always is). Move it");
      return first_ * std::exp(second_ * truncated_normal(standard(low_), standard(high_), probability));
    }
    case Kind::choice: break;
  }
  return 0;
}

ConfigNode Distribution::quantile(double probability) const {
  if (kind_ == Kind::choice) {
    double total = 0;
    for (double weight : weights_) total += weight;
    double left = probability * total;
    std::size_t pick = 0;
    // Sums of weights round: the last value with a weight takes what is left.
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (weights_[i] > 0) pick = i;
      if (left < weights_[i]) break;
      left -= weights_[i];
    }
    ConfigNode value = choices_[pick];
    value.where = node_.where;
    return value;
  }
  const double value = number_at(probability);
  if (!std::isfinite(value)) refuse_node(node_, "min and max leave almost nothing of the distribution (less than one draw in 10^12). Move them");
  // Rounding must not cross a limit.
  return number_node(std::clamp(value, low_, high_), unit_, node_);
}

}  // namespace sonoforge
