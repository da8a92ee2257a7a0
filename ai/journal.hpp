#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ai/image_print.hpp"
#include "ai/manifest.hpp"

namespace sonoforge {

/// A finished sample as the journals of a data set remember it. The row has no split yet.
struct FinishedSample {
  ManifestRow row;
  Factors factors;
  std::uint64_t patient = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
  ImagePrint print;
  bool operator<(const FinishedSample& other) const {
    return std::pair(patient, row.file) < std::pair(other.patient, other.row.file);
  }
};

/// What processes that fill one folder tell each other, in files of the folder `.progress`: each has a journal with a
/// line a finished sample, and claims patients by locks that end with the process, however
/// it ends. Safe from many threads.
class Journals {
 public:
  /// `name`: of this process's journal; where another process holds it, a number is added.
  Journals(const std::filesystem::path& folder, const std::string& name);
  ~Journals();
  Journals(const Journals&) = delete;
  Journals& operator=(const Journals&) = delete;

  void append(const FinishedSample& done);
  /// The last record of a sample, by whatever process. Reads what has been added since.
  std::optional<FinishedSample> find(std::uint64_t patient, const std::string& file);
  /// All records in patient order, one a sample. Where two differ, `holds` tells which is true.
  template <class Holds>
  std::vector<FinishedSample> all(Holds holds);

  /// Whether this process may work on a patient; false while another does.
  bool claim(std::uint64_t patient);
  /// Waits until no other process works on the patient, and claims it. Throws `Interrupted`.
  void wait_and_claim(std::uint64_t patient);
  void release(std::uint64_t patient);

 private:
  void refresh();
  bool lock_patient(std::uint64_t patient, short type);

  std::filesystem::path folder_, file_;
  int journal_ = -1, claims_ = -1;
  std::mutex mutex_;
  std::map<std::filesystem::path, std::uint64_t> read_;  ///< bytes read of each journal
  std::map<std::pair<std::uint64_t, std::string>, std::vector<FinishedSample>> known_;
};

template <class Holds>
std::vector<FinishedSample> Journals::all(Holds holds) {
  const std::lock_guard guard(mutex_);
  refresh();
  std::vector<FinishedSample> samples;
  for (const auto& [key, records] : known_) {
    const FinishedSample* chosen = &records.back();
    for (const auto& record : records)
      if (record.row.sha256 != chosen->row.sha256 && holds(record)) chosen = &record;
    samples.push_back(*chosen);
  }
  return samples;
}

/// Holds a lock file until destroyed; waits for it.
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& file);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

}  // namespace sonoforge
