#include "io/factor_copula.hpp"

#include <cmath>

#include "core/normal_distribution.hpp"
#include "io/distribution.hpp"

namespace sonoforge {

namespace {
constexpr const char* example = "Write for example 'correlations: [{factors: [age, fat_thickness], value: 0.6}]'";
constexpr double smallest_pivot = 1e-9;  // below it the factors are one up to rounding
}  // namespace

FactorCopula::FactorCopula(const ConfigNode& section, const std::set<std::string>& drawn) {
  if (section.kind != ConfigNode::Kind::list) refuse_node(section, std::string("correlations is not a list. ") + example);
  std::map<std::pair<std::size_t, std::size_t>, double> values;
  const auto place_of = [&](const std::string& name) {
    const auto [found, fresh] = place_.emplace(name, names_.size());
    if (fresh) names_.push_back(name);
    return found->second;
  };
  for (const auto& item : section.items) {
    const ConfigNode *members = item.find("factors"), *value = item.find("value");
    if (item.kind != ConfigNode::Kind::mapping || item.entries.size() != 2 || !members || !value || members->kind != ConfigNode::Kind::list || members->items.size() < 2)
      refuse_node(item, std::string("a correlation needs 'factors', a list of at least two, and 'value'. ") + example);
    const AnyQuantity correlation = number_of(*value);
    if (correlation.unit != Unit::none || !(std::abs(correlation.value) < 1)) refuse_node(*value, "a correlation lies between -1 and 1, ends excluded. Write for example 0.6");
    std::vector<std::size_t> places;
    for (const auto& member : members->items) {
      if (!drawn.count(member.scalar)) {
        const std::string near = nearest_word(member.scalar, {drawn.begin(), drawn.end()});
        refuse_node(member, "there is no factor '" + member.scalar + "' with a distribution of its own to correlate" + (near.empty() ? " (declare it under 'factors:')" : ". Did you mean '" + near + "'?"));
      }
      places.push_back(place_of(member.scalar));
    }
    for (std::size_t a = 0; a < places.size(); ++a)
      for (std::size_t b = 0; b < a; ++b) {
        if (places[a] == places[b]) refuse_node(item, "'" + names_[places[a]] + "' is correlated with itself. Name two factors");
        if (!values.emplace(std::minmax(places[a], places[b]), correlation.value).second)
          refuse_node(item, "the correlation of '" + names_[places[a]] + "' and '" + names_[places[b]] + "' is given twice. Remove one");
      }
  }
  // Cholesky's factorisation [golub2013] works exactly where the matrix is positive definite.
  const std::size_t n = names_.size();
  factor_.assign(n, std::vector<double>(n, 0.0));
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      const auto given = values.find(std::minmax(i, j));
      double rest = i == j ? 1.0 : given == values.end() ? 0.0 : given->second;
      for (std::size_t k = 0; k < j; ++k) rest -= factor_[i][k] * factor_[j][k];
      if (i == j && !(rest > smallest_pivot))
        refuse_node(section, "these correlations contradict each other: no factors have them all (the matrix is not positive definite at '" + names_[i] + "'). Lower some of them");
      factor_[i][j] = i == j ? std::sqrt(rest) : rest / factor_[j][j];
    }
}

double FactorCopula::combine(std::size_t row, const std::vector<double>& own) const {
  // A factor that depends on none before it keeps its probability to the bit.
  if (factor_[row][row] == 1) return own[row];
  double score = 0;
  for (std::size_t i = 0; i <= row; ++i) score += factor_[row][i] * normal_quantile(own[i]);
  const double probability = normal_probability(score);
  return std::fmin(std::fmax(probability, 0x1p-60), 1 - 0x1p-53);
}

}  // namespace sonoforge
