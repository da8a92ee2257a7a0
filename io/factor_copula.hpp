#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/random.hpp"
#include "io/config.hpp"

namespace sonoforge {

/// Correlated factors by a Gaussian copula [nelsen2006]: the section
///     correlations: [{factors: [age, fat_thickness], value: 0.6}]
/// correlates the normal scores of the named factors (all pairs, where there are more than two). Each keeps its own
/// distribution. A score is a sum over the independent normal numbers of the factor itself and of those that stand before it
/// in the section: changing a distribution moves no other factor.
class FactorCopula {
 public:
  FactorCopula() = default;
  /// Throws `UserError` where a value is not in (-1, 1), a name stands in no section, a pair is given twice, or no set of
  /// factors can have these correlations together (the matrix is not positive definite).
  FactorCopula(const ConfigNode& section, const std::set<std::string>& drawn);

  bool holds(const std::string& name) const { return place_.count(name) > 0; }
  /// The probability to draw a factor at; `independent` gives the probability that each factor has of its own.
  template <class Independent>
  double probability(const std::string& name, const Independent& independent) const {
    std::vector<double> own;
    const std::size_t last = place_.at(name);
    for (std::size_t i = 0; i <= last; ++i) own.push_back(factor_[last][i] == 0 ? 0.5 : independent(names_[i]));
    return combine(last, own);
  }

 private:
  double combine(std::size_t row, const std::vector<double>& own) const;
  std::vector<std::string> names_;
  std::map<std::string, std::size_t> place_;
  std::vector<std::vector<double>> factor_;  ///< lower triangle L of the correlation matrix L L'
};

}  // namespace sonoforge
