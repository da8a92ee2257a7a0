#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/config.hpp"

namespace sonoforge {

/// The value of a named factor, asked for at a place of the config. Throws `UserError` for unknown names and circles.
using FactorLookup = std::function<const ConfigNode&(const std::string& name, const ConfigNode& where)>;
/// The value that a node (a scalar, a distribution, {factor: NAME}) takes; `key` tells several nodes of one factor apart.
using NodeValue = std::function<ConfigNode(const ConfigNode& node, const std::string& key)>;

/// What other factors add to a quantity:
///     terms: [{factor: bmi, slope: 0.9 mm, centre: 25},              slope * (bmi - centre)
///             {factor: fat, slope: 2 dB, per: 10 mm, centre: 15 mm}, slope * (fat - centre) / per
///             {factor: sex, values: {female: 2 mm, male: 0 mm}}]
/// in the unit of the quantity.
class LinearTerms {
 public:
  LinearTerms() = default;
  LinearTerms(const ConfigNode& list, Unit unit);
  double sum(const FactorLookup& lookup) const;
  std::vector<std::string> factors() const;

 private:
  struct Term {
    ConfigNode name;
    double slope = 0, centre = 0, per = 1;
    Unit unit = Unit::none;                       ///< of the factor
    std::vector<std::pair<std::string, double>> values;  ///< by word; empty for a slope
  };
  std::vector<Term> terms_;
};

/// A factor that follows others: {linear: {intercept: 12 mm, terms: [...], spread: 2 mm}, min:, max:}. Normal around the sum.
ConfigNode linear_factor(const ConfigNode& node, double probability, const FactorLookup& lookup);

/// A factor that changes between visits, {growth: {law: ..., initial: 8 mm, time: 200 day, ...}, min:, max:}, at the time t
/// since the first visit. x0 is `initial`, T is `time`:
///     linear           x0 + change t / T
///     exponential      x0 exp(t / T)
///     volume_doubling  x0 2^(t / 3T): a diameter whose volume doubles every T [schwartz1961]
///     logistic         K / (1 + (K / x0 - 1) exp(-t / T)), K is `limit`
///     gompertz         K (x0 / K)^exp(-t / T), K is `limit` [laird1964]
ConfigNode growth_factor(const ConfigNode& node, double time, const NodeValue& value);

/// An event with a known hazard [cox1972]:
///     outcome:
///       name: cancer
///       hazard: {weibull: {shape: 1.5, scale: 10 year}}    or {discrete: {probability: 2 %, interval: 1 year}}
///       terms: [{factor: age, slope: 0.04, centre: 50}]     logarithm of the hazard ratio
///       horizon: 5 year
///       update: 1 year
/// The hazard is the baseline's times exp(sum of terms). Factors that change with time are taken anew at every `update` (or
/// `interval`), counted from the first visit; without it they are those of the first visit. A discrete event happens at the
/// end of an interval, with probability 1 - (1 - p)^ratio.
class Outcome {
 public:
  explicit Outcome(const ConfigNode& section);
  /// Factors at a time.
  using LookupAt = std::function<FactorLookup(double time)>;
  /// NAME (1 where the event comes before the horizon, else 0), NAME_time [s] (of the event or, without one, the horizon),
  /// NAME_risk (the true probability of NAME = 1 given the factors), NAME_log_hazard_ratio at the first visit.
  Factors draw(const LookupAt& lookup_at, double probability) const;
  const std::string& name() const { return name_; }
  /// Names of all it records.
  std::vector<std::string> recorded() const;

 private:
  double cumulative_baseline(double time) const;
  double time_of_baseline(double hazard) const;
  std::string name_;
  LinearTerms terms_;
  bool discrete_ = false;
  double shape_ = 1, scale_ = 1;             ///< Weibull
  double step_hazard_ = 0, interval_ = 0;    ///< discrete
  double horizon_ = 0, update_ = 0;          ///< update 0: never
};

}  // namespace sonoforge
