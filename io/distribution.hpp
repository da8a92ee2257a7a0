#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/units.hpp"
#include "io/config.hpp"

namespace sonoforge {

/// Throws a `UserError` that points at a node: "problem (why). Suggestion".
[[noreturn]] void refuse_node(const ConfigNode& node, const std::string& text);
/// The number a scalar node states, in SI units; refuses words, lists and mappings.
AnyQuantity number_of(const ConfigNode& node);
/// A scalar node that states a number, at the place of `where`.
ConfigNode number_node(double value, Unit unit, const ConfigNode& where);

/// Whether a mapping is one of the five distributions below.
bool is_plain_distribution(const ConfigNode& node);

/// One distribution of a config, read from its node:
///     {uniform: [2 mm, 6 mm]}  {integers: [1, 5]}  {normal: [mean, deviation]}  {log_normal: [median, deviation of the
///     logarithm]}  {choice: [a, b], weights: [1, 2]}
/// with `min:` and `max:`, which truncate. Values are quantiles: equal probabilities give comparable values whatever the
/// parameters, and correlated probabilities give correlated values (a copula). Mistakes are `UserError`s.
class Distribution {
 public:
  explicit Distribution(const ConfigNode& node);
  /// A normal distribution whose mean was worked out elsewhere, with the limits `min:` and `max:` of a node.
  Distribution(double mean, double deviation, Unit unit, const ConfigNode& limits);

  /// The value below which a draw lies with this probability, in (0, 1), as a node that takes the place of the
  /// distribution. The values of a choice count in the order in which they are listed.
  ConfigNode quantile(double probability) const;

 private:
  enum class Kind { uniform, integers, normal, log_normal, choice };
  void read_limits(const ConfigNode& node);
  void read_choice(const ConfigNode& node, const ConfigNode& values);
  double number_at(double probability) const;

  Kind kind_ = Kind::uniform;
  ConfigNode node_;
  double first_ = 0, second_ = 0;
  double low_, high_;
  Unit unit_ = Unit::none;
  std::vector<ConfigNode> choices_;
  std::vector<double> weights_;
};

}  // namespace sonoforge
