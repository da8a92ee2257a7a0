#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "io/config.hpp"
#include "io/factor_keys.hpp"

namespace sonoforge {

/// One sample to be simulated.
struct SampleSpec {
  std::string name = "visit_0";  ///< file name without ending, unique for its patient
  int visit = 0;
  std::string twin = {};
  std::uint64_t seed = 1;
  std::string config = {};       ///< resolved YAML: simulating it gives this sample
  Factors factors = {};
};

/// The section `visits:` of a config, when each patient is examined:
///     visits: {times: [0 day, 180 day, 1 year]}   or   {count: 4, interval: 180 day, jitter: 10 day}
/// The jitter is the standard deviation of every time but the first; visits keep their order.
struct VisitsConfig : Configurable {
  std::vector<double> times;  ///< since the first visit [s]
  std::int64_t count = 1;
  double interval = 0, jitter = 0;  ///< [s]
  void fields(FieldVisitor& visit) override;
  void check() const override;
  /// The times of one patient [s]; a pure function of the stream.
  std::vector<double> draw(const RandomStream& random) const;
};

/// One row of the section `twins: [{do: {fat_thickness: 30 mm}, name: thick}]`: each sample once more with factors set from outside.
struct TwinConfig {
  std::string name;  ///< default: made of factors and values
  std::map<std::string, std::string> forced;
};

/// The keys of such a row, for the reader and for `describe`.
const MappingDoc& twin_doc();

/// What makes several samples of one patient: the sections `visits` and `twins`.
struct Cohort {
  VisitsConfig visits;
  bool has_visits = false;
  std::vector<TwinConfig> twins;
  /// Throws `UserError` with the mistakes of the two sections.
  static Cohort read(const ConfigTree& tree);
  std::size_t samples_per_patient() const;
};

/// Top-level sections that describe a data set and not one acquisition: dataset, store, visits, twins.
const std::vector<std::string>& dataset_sections();

/// All samples of a patient: for each visit the plain one, then its twins. Distributions of `tree` are replaced by values of the
/// patient's own streams, the keys `patient` and `visit` are set, and the sections of the data set are taken out. Where there are
/// visits, their time is the factor `visit_time`. In a twin everything that does not follow from the forced factors is the same
/// to the bit.
std::vector<SampleSpec> draw_samples(const ConfigTree& tree, std::uint64_t seed, std::uint64_t patient);

}  // namespace sonoforge
