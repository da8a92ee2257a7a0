#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ai/cohort.hpp"
#include "ai/dataset_checks.hpp"
#include "ai/image_print.hpp"
#include "ai/manifest.hpp"
#include "ai/split.hpp"
#include "core/fields.hpp"
#include "io/config.hpp"

namespace sonoforge {

/// The top-level section `store:`, what each file of a data set holds and how.
struct StoreConfig : Configurable {
  std::vector<std::string> parts{"image", "labels"};  ///< rf, iq, beamformed, image, labels
  enum class Type { float32, int16 };
  Type type = Type::float32;
  std::optional<double> compression;  ///< 0 to 9; missing: what suits each part
  void fields(FieldVisitor& visit) override;
  void check() const override;
  bool holds(const std::string& part) const;
};

/// The top-level section `dataset:` of a config with distributions.
struct DatasetConfig : Configurable {
  std::int64_t patients = 100;
  SplitShares split;
  std::optional<std::vector<std::string>> store;  ///< short for `parts` of the section `store`

  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// What `generate_dataset` does.
struct GenerateRequest {
  DatasetConfig config;
  StoreConfig store;
  std::string text;          ///< the whole config, distributions included; tells data sets apart
  std::map<std::string, std::string> inputs = {};  ///< files the config names, and their SHA-256; so do these
  std::uint64_t seed = 1;    ///< of the data set
  std::filesystem::path folder;
  std::optional<std::int64_t> count = {};  ///< patients instead of config.patients; a larger one extends a data set
  std::int64_t shard = 1, shards = 1;      ///< this process makes patients with index % shards == shard - 1
  bool dry_run = false;
  /// The samples of a patient; a pure function of the patient's index (from 0).
  std::function<std::vector<SampleSpec>(std::uint64_t patient)> draw;
  /// Simulates a sample, writes its file and tells its image's print; equal arguments give equal bytes. Safe from many
  /// threads.
  std::function<ImagePrint(std::uint64_t patient, const SampleSpec& sample, const std::filesystem::path& file)> simulate;
};

struct GenerateResult {
  std::size_t samples = 0;    ///< asked for in this shard
  std::size_t made = 0;       ///< simulated now
  std::size_t kept = 0;       ///< found complete
  std::size_t listed = 0;     ///< rows of the manifest
  std::uint64_t bytes = 0;    ///< of this shard's files; of a dry run: estimated from one sample
  double seconds = 0;         ///< of simulation, summed over threads; of a dry run: estimated from one sample
  DatasetChecks checks;       ///< of what is listed
};

/// Writes samples/PATIENT/NAME.hdf5, manifest.csv, dataset.yaml and README.md. The same request again keeps every sample
/// whose file has the recorded SHA-256 and makes the rest: however often it is killed, it ends with the same files.
/// Any number of processes may fill one folder at once, in shards or not: each takes the next patient that nobody
/// works on and returns when all of its shard are complete; the last to finish lists all. Folders filled apart may be
/// copied into one (with their `.progress`): the same command there lists the union. A dry run simulates one sample
/// into a temporary folder and writes nothing else. Throws `UserError` where the folder holds another data set or
/// something else, or where an input file has changed since, and `Interrupted` after Ctrl-C.
GenerateResult generate_dataset(const GenerateRequest& request);

/// The row of a sample, still without split and hash: what follows from patient and draw.
ManifestRow manifest_row(std::uint64_t patient, const SampleSpec& sample);

/// "patient_00012", and back.
std::string patient_name(std::uint64_t patient);
std::uint64_t patient_number(const std::string& name);

}  // namespace sonoforge
