#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/fields.hpp"
#include "io/config.hpp"

namespace sonoforge {

/// A factor by which the splits are balanced.
struct StratumConfig : Configurable {
  std::string factor;
  std::vector<std::string> edges;  ///< with units, as "3 mm"; empty: words by value, numbers by quarters
  void fields(FieldVisitor& visit) override;
};

/// Shares of patients in the three parts of a data set; they sum to one.
struct SplitShares : Configurable {
  double train = 0.70, validation = 0.15, test = 0.15;
  std::vector<StratumConfig> stratify;
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// "train", "validation" or "test" for a patient: a function of seed, index and shares alone, so that more patients
/// change nothing. Along the Weyl sequence of the golden ratio, so that also few consecutive patients have nearly the
/// shares asked for. Within a stratum, the index counts its own patients, and each stratum starts elsewhere.
std::string split_of_patient(const SplitShares& shares, std::uint64_t seed, std::uint64_t patient,
                             const std::string& stratum = "");

/// Splits of the patients 0, 1, 2, ... of a data set, balanced over the strata. A patient's stratum follows from the
/// factors of its first sample; its split from its rank among the patients of its stratum: neither depends on how many
/// patients there are, which of them exist, or who made them.
class PatientSplits {
 public:
  using FactorsOf = std::function<Factors(std::uint64_t patient)>;
  /// Throws `ConfigError` at "stratify" for factors and edges that the patients do not have.
  PatientSplits(const SplitShares& shares, std::uint64_t seed, FactorsOf factors_of);

  const std::string& split(std::uint64_t patient);
  /// "side = left, cyst_radius below 3 mm"; empty without strata.
  const std::string& stratum(std::uint64_t patient);

 private:
  struct Cut {
    std::vector<double> edges;
    std::vector<std::string> names;  ///< of the groups between the edges; empty: the values themselves
  };
  void extend(std::uint64_t patient);

  SplitShares shares_;
  std::uint64_t seed_;
  FactorsOf factors_of_;
  std::vector<Cut> cuts_;
  std::map<std::string, std::uint64_t> members_;
  std::vector<std::string> splits_, strata_;
};

}  // namespace sonoforge
