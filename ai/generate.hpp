#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "ai/cohort.hpp"
#include "ai/manifest.hpp"
#include "core/fields.hpp"
#include "io/config.hpp"

namespace sonoforge {

/// Shares of patients in the three parts of a data set; they sum to one.
struct SplitShares : Configurable {
  double train = 0.70, validation = 0.15, test = 0.15;
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// The top-level section `dataset:` of a config with distributions.
struct DatasetConfig : Configurable {
  std::int64_t patients = 100;
  SplitShares split;
  std::vector<std::string> store{"image", "labels"};  ///< parts of each sample's file: image, labels, rf

  void fields(FieldVisitor& visit) override;
  void check() const override;
  bool stores(const std::string& part) const;
};

/// What `generate_dataset` does.
struct GenerateRequest {
  DatasetConfig config;
  std::string text;          ///< the whole config, distributions included; tells data sets apart
  std::uint64_t seed = 1;    ///< of the data set
  std::filesystem::path folder;
  std::optional<std::int64_t> count = {};  ///< patients instead of config.patients; a larger one extends a data set
  std::int64_t shard = 1, shards = 1;      ///< this process makes patients with index % shards == shard - 1
  bool dry_run = false;
  /// The samples of a patient; a pure function of the patient's index (from 0).
  std::function<std::vector<SampleSpec>(std::uint64_t patient)> draw;
  /// Simulates a sample and writes its file; equal arguments give equal bytes.
  std::function<void(std::uint64_t patient, const SampleSpec& sample, const std::filesystem::path& file)> simulate;
};

struct GenerateResult {
  std::size_t samples = 0;    ///< asked for in this shard
  std::size_t made = 0;       ///< simulated now
  std::size_t kept = 0;       ///< found complete
  std::size_t listed = 0;     ///< rows of the manifest
  std::uint64_t bytes = 0;    ///< of this shard's files; of a dry run: estimated from one sample
  double seconds = 0;         ///< of simulation; of a dry run: estimated from one sample
};

/// Writes samples/PATIENT/NAME.hdf5, manifest.csv, dataset.yaml and README.md. The same request again keeps every sample
/// whose file has the recorded SHA-256 and makes the rest: however often it is killed, it ends with the same files.
/// Shards may run at once in one folder; the last to finish lists all. A dry run simulates one sample into a temporary
/// folder and writes nothing else. Throws `UserError` where the folder holds another data set or something else, or is
/// in use by the same shard, and `Interrupted` after Ctrl-C.
GenerateResult generate_dataset(const GenerateRequest& request);

/// "train", "validation" or "test" for a patient: a function of seed, index and shares alone, so that more patients
/// change nothing. Along the Weyl sequence of the golden ratio, so that also few consecutive patients have nearly the
/// shares asked for.
std::string split_of_patient(const SplitShares& shares, std::uint64_t seed, std::uint64_t patient);

/// "patient_00012".
std::string patient_name(std::uint64_t patient);

}  // namespace sonoforge
