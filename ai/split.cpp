#include "ai/split.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/units.hpp"
#include "io/csv.hpp"

namespace sonoforge {
namespace {

/// Numbers without edges are cut at the quartiles of this many patients, whatever the size of the set.
constexpr std::uint64_t patients_behind_quartiles = 256;

const FactorValue& factor_of(const Factors& factors, const StratumConfig& config, std::size_t index) {
  const auto found = factors.find(config.factor);
  if (found != factors.end()) return found->second;
  std::vector<std::string> known;
  std::string all;
  for (const auto& [name, value] : factors) {
    known.push_back(name);
    all += (all.empty() ? "" : ", ") + name;
  }
  const auto near = nearest_word(config.factor, known);
  throw ConfigError("stratify." + std::to_string(index) + ".factor",
                    "the patients have no factor '" + config.factor + "' (splits are balanced over named factors). " +
                        (!near.empty()   ? "Did you mean '" + near + "'?"
                         : known.empty() ? "Name one with 'factor:' beside its distribution"
                                         : "Known: " + all));
}

}  // namespace

void StratumConfig::fields(FieldVisitor& visit) {
  visit(factor, {.key = "factor", .doc = "Name of a factor of the patients.", .required = true});
  visit(edges, {.key = "edges",
                .doc = "Increasing limits between strata, with units, as [3 mm, 5 mm]; none: words by value, numbers "
                       "at their quartiles.",
                .max_items = 50});
}

void SplitShares::fields(FieldVisitor& visit) {
  visit(train, {.key = "train", .doc = "Share of patients to learn from.", .unit = Unit::fraction, .min = 0, .max = 1});
  visit(validation, {.key = "validation",
                     .doc = "Share of patients to choose models by.",
                     .unit = Unit::fraction,
                     .min = 0,
                     .max = 1});
  visit(
      test,
      {.key = "test", .doc = "Share of patients for the final judgement.", .unit = Unit::fraction, .min = 0, .max = 1});
  visit.list(stratify, {.key = "stratify",
                        .doc = "Factors over which the shares hold alike; patients with the same values of all form "
                               "a stratum.",
                        .max_items = 8});
}

void SplitShares::check() const {
  const double sum = train + validation + test;
  if (std::abs(sum - 1) > 1e-9)
    throw ConfigError("train", "the shares sum to " + format_number(std::round(sum * 1e6) / 1e4) +
                                   " % (every patient belongs to exactly one split). Write for example '{train: 70 %, "
                                   "validation: 15 %, test: 15 %}'");
  std::set<std::string> seen;
  for (const auto& stratum : stratify)
    if (!seen.insert(stratum.factor).second)
      throw ConfigError("stratify", "factor '" + stratum.factor + "' is listed twice (once is enough). Remove one");
}

std::string split_of_patient(const SplitShares& shares, std::uint64_t seed, std::uint64_t patient,
                             const std::string& stratum) {
  // Multiples of the golden ratio modulo one, in 64-bit integers and thus exact.
  constexpr std::uint64_t golden = 0x9e3779b97f4a7c15u;
  RandomStream random(seed, 0, "split");
  if (!stratum.empty()) random = random.child(stratum);
  const std::uint64_t position = random.key() + golden * patient;
  const double u = static_cast<double>(position >> 11) * 0x1p-53;
  if (u < shares.train) return "train";
  // Rounded sums of shares must not put a patient where the share is zero.
  if (u < shares.train + shares.validation || shares.test == 0) return shares.validation > 0 ? "validation" : "train";
  return "test";
}

PatientSplits::PatientSplits(const SplitShares& shares, std::uint64_t seed, FactorsOf factors_of)
    : shares_(shares), seed_(seed), factors_of_(std::move(factors_of)) {
  if (shares.stratify.empty()) return;
  const Factors first = factors_of_(0);
  std::vector<Factors> sample;
  for (std::size_t i = 0; i < shares.stratify.size(); ++i) {
    const auto& config = shares.stratify[i];
    const FactorValue& value = factor_of(first, config, i);
    const std::string key = "stratify." + std::to_string(i) + ".edges";
    Cut& cut = cuts_.emplace_back();
    if (config.edges.empty() && !value.numeric) continue;
    if (!value.numeric)
      throw ConfigError(key, "the factor '" + config.factor + "' has the value '" + value.text +
                                 "' (edges need numbers). Leave the edges out: one stratum a value");
    std::vector<std::string> texts = config.edges;
    for (const auto& text : texts) {
      AnyQuantity edge;
      try {
        edge = parse_any_quantity(text);
      } catch (const std::invalid_argument& error) {
        throw ConfigError(key, error.what());
      }
      const std::string unit(unit_symbol(edge.unit));
      if (unit != value.unit)
        throw ConfigError(key, "edge '" + text + "' does not measure what factor '" + config.factor + "' does (" +
                                   (value.unit.empty() ? "a bare number" : "in " + value.unit) + "). Correct its unit");
      if (!cut.edges.empty() && edge.value <= cut.edges.back())
        throw ConfigError(key, "the edges do not increase (strata would be empty). Sort them");
      cut.edges.push_back(edge.value);
    }
    if (texts.empty()) {
      if (sample.empty())
        for (std::uint64_t p = 0; p < patients_behind_quartiles; ++p) sample.push_back(factors_of_(p));
      std::vector<double> values;
      for (const auto& factors : sample) {
        const auto found = factors.find(config.factor);
        if (found != factors.end() && found->second.numeric) values.push_back(found->second.value);
      }
      std::sort(values.begin(), values.end());
      for (std::size_t quarter = 1; quarter < 4; ++quarter) {
        const double edge = values[quarter * values.size() / 4];
        if (!cut.edges.empty() && edge <= cut.edges.back()) continue;
        cut.edges.push_back(edge);
        texts.push_back(shortest_number(edge) + (value.unit.empty() ? "" : " " + value.unit));
      }
    }
    for (std::size_t g = 0; g <= cut.edges.size(); ++g)
      cut.names.push_back(g == 0                  ? "below " + texts[0]
                          : g == cut.edges.size() ? "from " + texts[g - 1]
                                                  : texts[g - 1] + " to " + texts[g]);
  }
}

void PatientSplits::extend(std::uint64_t patient) {
  while (splits_.size() <= patient) {
    const std::uint64_t next = splits_.size();
    std::string stratum;
    if (!cuts_.empty()) {
      const Factors factors = factors_of_(next);
      for (std::size_t i = 0; i < cuts_.size(); ++i) {
        const auto& config = shares_.stratify[i];
        const auto found = factors.find(config.factor);
        stratum += (i == 0 ? "" : ", ") + config.factor + " ";
        if (found == factors.end())
          stratum += "not given";
        else if (cuts_[i].names.empty() || !found->second.numeric)
          stratum += "= " + found->second.text;
        else {
          const auto& edges = cuts_[i].edges;
          stratum += cuts_[i].names[static_cast<std::size_t>(
              std::upper_bound(edges.begin(), edges.end(), found->second.value) - edges.begin())];
        }
      }
    }
    const std::uint64_t rank = cuts_.empty() ? next : members_[stratum]++;
    splits_.push_back(split_of_patient(shares_, seed_, rank, stratum));
    strata_.push_back(std::move(stratum));
  }
}

const std::string& PatientSplits::split(std::uint64_t patient) {
  extend(patient);
  return splits_[patient];
}

const std::string& PatientSplits::stratum(std::uint64_t patient) {
  extend(patient);
  return strata_[patient];
}

}  // namespace sonoforge
