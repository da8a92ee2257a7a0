#include "ai/generate.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>
#include <mutex>
#include <set>

#include "ai/croissant.hpp"
#include "ai/data_card.hpp"
#include "ai/journal.hpp"
#include "ai/sha256.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "io/atomic_file.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

namespace {
const std::vector<std::string> known_parts{"rf", "iq", "beamformed", "image", "labels"};

void check_parts(const std::vector<std::string>& parts, const std::string& key) {
  for (const auto& part : parts)
    if (std::find(known_parts.begin(), known_parts.end(), part) == known_parts.end()) {
      const auto near = nearest_word(part, known_parts);
      throw ConfigError(key, "unknown part '" + part + "' (known: rf, iq, beamformed, image, labels). " +
                                 (near.empty() ? "Use these" : "Did you mean '" + near + "'?"));
    }
  const std::set<std::string> set(parts.begin(), parts.end());
  if (set.size() != parts.size()) throw ConfigError(key, "a part is named twice (once is enough). Remove one");
  if (parts.empty()) throw ConfigError(key, "nothing would be stored (files would be empty). Write for example '[image, labels]'");
  if (set.contains("rf") && set.contains("iq"))
    throw ConfigError(key, "rf and iq would both be the file's channel data (iq follows from rf). Choose one");
}
}  // namespace

void StoreConfig::fields(FieldVisitor& visit) {
  visit(parts, {.key = "parts", .doc = "What each file holds: rf or iq, beamformed, image, labels.", .max_items = 5});
  visit.choice(type, {"float32", "int16"},
               {.key = "type", .doc = "Of samples, images and truth maps; int16 has a scale, the attribute scale_factor."});
  visit(compression, {.key = "compression",
                      .doc = "Deflate 1 to 9 of all arrays, or none; by default samples none, values of maps 1, masks 4.",
                      .min = 0,
                      .max = 9,
                      .words = {{"none", 0}}});
}

void StoreConfig::check() const {
  check_parts(parts, "parts");
  if (compression && *compression != std::floor(*compression))
    throw ConfigError("compression", "compression is no whole number (levels of deflate are 1 to 9). Write for example 'compression: 4'");
}

bool StoreConfig::holds(const std::string& part) const { return std::find(parts.begin(), parts.end(), part) != parts.end(); }

void DatasetConfig::fields(FieldVisitor& visit) {
  visit(patients, {.key = "patients", .doc = "How many patients to draw.", .min = 1, .max = 1e7});
  visit.object(split, {.key = "split", .doc = "Shares of patients for training, validation and test."});
  visit(store, {.key = "store", .doc = "What each file holds, as 'parts' of the section 'store'.", .max_items = 5});
}

void DatasetConfig::check() const {
  if (store) check_parts(*store, "store");
}

std::string patient_name(std::uint64_t patient) {
  std::string digits = std::to_string(patient);
  if (digits.size() < 5) digits.insert(0, 5 - digits.size(), '0');
  return "patient_" + digits;
}

ManifestRow manifest_row(std::uint64_t patient, const SampleSpec& sample) {
  ManifestRow row;
  row.patient = patient_name(patient);
  row.id = row.patient + "_" + sample.name;
  row.visit = sample.visit;
  row.twin = sample.twin;
  row.seed = sample.seed;
  row.file = "samples/" + row.patient + "/" + sample.name + ".hdf5";
  return row;
}

std::uint64_t patient_number(const std::string& name) {
  return std::strtoull(name.c_str() + std::min(name.size(), std::string("patient_").size()), nullptr, 10);
}

namespace {

bool is_complete(const fs::path& folder, const FinishedSample& done) {
  std::error_code error;
  const fs::path file = folder / done.row.file;
  if (fs::file_size(file, error) != done.bytes || error) return false;
  return sha256_of_file(file) == done.row.sha256;
}

void check_request(const GenerateRequest& request) {
  if (request.shards < 1 || request.shards > 100000 || request.shard < 1 || request.shard > request.shards)
    throw UserError("--shard " + std::to_string(request.shard) + "/" + std::to_string(request.shards) + " is not a part of a whole (needs i/n with 1 <= i <= n). Write for example --shard 1/4");
  if (request.count && (*request.count < 1 || *request.count > 10'000'000))
    throw UserError("--count " + std::to_string(*request.count) + " is out of range (needs 1 to 10000000 patients). Write for example --count 20");
}

GenerateResult dry_run(const GenerateRequest& request, std::int64_t patients) {
  GenerateResult result;
  for (std::int64_t p = request.shard - 1; p < patients; p += request.shards) {
    if (p == request.shard - 1) {
      const auto samples = request.draw(static_cast<std::uint64_t>(p));
      result.samples = samples.size();
      if (samples.empty()) break;
      const fs::path folder = fs::temp_directory_path() / ("sonoforge_dry_run_" + std::to_string(::getpid()));
      make_folder(folder);
      const auto start = std::chrono::steady_clock::now();
      try {
        request.simulate(static_cast<std::uint64_t>(p), samples.front(), folder / "sample.hdf5");
        result.bytes = fs::file_size(folder / "sample.hdf5");
      } catch (...) {
        fs::remove_all(folder);
        throw;
      }
      fs::remove_all(folder);
      result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
  }
  const auto own = static_cast<std::size_t>((patients - request.shard + request.shards) / request.shards);
  result.samples *= own;
  result.bytes *= result.samples;
  result.seconds *= static_cast<double>(result.samples);
  return result;
}

constexpr const char* inputs_title = "# SHA-256 of the files named above, which belong to the data set:\n";

/// What tells this data set from others: the config, and as comments the hashes of the files it names.
std::string identity(const GenerateRequest& request) {
  std::string text = request.text;
  if (!text.empty() && text.back() != '\n') text += '\n';
  if (!request.inputs.empty()) text += inputs_title;
  for (const auto& [name, hash] : request.inputs) text += "# " + hash + "  " + name + "\n";
  return text;
}

/// Throws where the folder belongs to something else.
void check_identity(const GenerateRequest& request, const fs::path& file) {
  const std::string now = identity(request), then = read_file(file);
  if (now == then) return;
  const auto title = then.find(inputs_title);
  const std::string inputs = title == std::string::npos ? "" : then.substr(title);
  if (then.substr(0, title) == now.substr(0, now.find(inputs_title)))
    for (const auto& [name, hash] : request.inputs)
      if (inputs.find(hash + "  " + name + "\n") == std::string::npos)
        throw UserError("'" + name + "' has changed since the data set in '" + request.folder.string() +
                        "' was begun (its samples would not belong together). Restore the file, or choose another folder");
  throw UserError("'" + request.folder.string() + "' holds a data set of another config (mixing two would ruin both). "
                  "Choose another folder, or restore the config in " + file.string());
}

/// Claims the folder for this config, or refuses it.
void claim_folder(const GenerateRequest& request) {
  const fs::path file = request.folder / "dataset.yaml";
  std::error_code error;
  if (fs::exists(file, error)) return check_identity(request, file);
  if (fs::exists(request.folder / "manifest.csv", error) || fs::exists(request.folder / "samples", error))
    throw UserError("'" + request.folder.string() + "' holds samples of unknown origin (there is no dataset.yaml). Choose another folder");
  make_folder(request.folder);
  make_folder(request.folder / ".progress");
  // Of several processes that begin at once the first decides.
  const FolderLock lock(request.folder / ".progress" / "lock");
  if (fs::exists(file, error)) return check_identity(request, file);
  write_file_atomically(file, identity(request));
}

/// Makes the samples of patients, on all threads of this process and beside other processes.
class Factory {
 public:
  Factory(const GenerateRequest& request, Journals& journals, GenerateResult& result)
      : request_(request), journals_(journals), result_(result) {}

  void make_all(std::int64_t patients) {
    std::vector<std::uint64_t> own;
    for (std::int64_t p = request_.shard - 1; p < patients; p += request_.shards) own.push_back(static_cast<std::uint64_t>(p));
    Progress progress("Generating", own.size(), "patients");
    // In the order of patients, each by the next thread that is free; those that another process is working on come last.
    std::atomic<std::size_t> next{0};
    std::vector<std::uint64_t> elsewhere;
    parallel_tasks(own.size(), [&](std::size_t) {
      const std::uint64_t patient = own[next++];
      if (!journals_.claim(patient)) {
        const std::lock_guard guard(mutex_);
        elsewhere.push_back(patient);
        return;
      }
      make_claimed(patient);
      progress.advance();
    });
    std::sort(elsewhere.begin(), elsewhere.end());
    for (const auto patient : elsewhere) {
      journals_.wait_and_claim(patient);
      make_claimed(patient);
      progress.advance();
    }
  }

 private:
  void make_claimed(std::uint64_t patient) {
    for (const SampleSpec& sample : request_.draw(patient)) {
      check_interrupted();
      make(patient, sample);
    }
    journals_.release(patient);
  }

  void make(std::uint64_t patient, const SampleSpec& sample) {
    FinishedSample done;
    done.patient = patient;
    done.row = manifest_row(patient, sample);
    done.factors = sample.factors;
    const auto known = journals_.find(patient, done.row.file);
    if (known && is_complete(request_.folder, *known)) return count(*known, false);
    const fs::path file = request_.folder / done.row.file;
    make_folder(file.parent_path());
    remove_unfinished_files(file.parent_path());
    const auto start = std::chrono::steady_clock::now();
    done.print = request_.simulate(patient, sample, file);
    done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    done.row.sha256 = sha256_of_file(file);
    done.bytes = fs::file_size(file);
    journals_.append(done);
    count(done, true);
  }

  void count(const FinishedSample& sample, bool made) {
    const std::lock_guard guard(mutex_);
    ++result_.samples;
    ++(made ? result_.made : result_.kept);
    result_.bytes += sample.bytes;
    if (made) result_.seconds += sample.seconds;
  }

  const GenerateRequest& request_;
  Journals& journals_;
  GenerateResult& result_;
  std::mutex mutex_;
};

/// The factors of patients: of those that are made from their journals, of others drawn.
PatientSplits::FactorsOf factors_of(const GenerateRequest& request, const std::vector<FinishedSample>& finished) {
  std::map<std::uint64_t, Factors> known;
  for (const auto& done : finished)
    if (done.row.visit == 0 && done.row.twin.empty()) known[done.patient] = done.factors;
  return [&request, known = std::move(known)](std::uint64_t patient) {
    const auto found = known.find(patient);
    return found != known.end() ? found->second : request.draw(patient).front().factors;
  };
}

/// Every process lists what all have finished so far, one after the other.
void list(const GenerateRequest& request, Journals& journals, GenerateResult& result) {
  const FolderLock lock(request.folder / ".progress" / "lock");
  remove_unfinished_files(request.folder);
  const auto finished = journals.all([&](const FinishedSample& record) { return is_complete(request.folder, record); });
  PatientSplits splits(request.config.split, request.seed, factors_of(request, finished));
  std::vector<ManifestRow> rows;
  std::vector<Factors> factors;
  std::vector<ImagePrint> prints;
  std::uint64_t bytes = 0;
  for (const auto& done : finished) {
    rows.push_back(done.row);
    rows.back().split = splits.split(done.patient);
    factors.push_back(done.factors);
    prints.push_back(done.print);
    bytes += done.bytes;
  }
  result.listed = rows.size();
  const Manifest manifest = make_manifest(std::move(rows), factors);
  result.checks = check_dataset(manifest.rows, prints);
  write_file_atomically(request.folder / "README.md", data_card(request, manifest, result.checks, splits, bytes));
  write_file_atomically(request.folder / "croissant.json", croissant(request, manifest, bytes));
  write_manifest(request.folder / "manifest.csv", manifest);
}

}  // namespace

GenerateResult generate_dataset(const GenerateRequest& request) {
  check_request(request);
  const std::int64_t patients = request.count.value_or(request.config.patients);
  if (request.dry_run) return dry_run(request, patients);
  claim_folder(request);
  make_folder(request.folder / ".progress");
  Journals journals(request.folder / ".progress", "shard_" + std::to_string(request.shard) + "_of_" + std::to_string(request.shards));
  GenerateResult result;
  try {
    Factory(request, journals, result).make_all(patients);
  } catch (const Interrupted&) {
    throw Interrupted("generation was interrupted; " + std::to_string(result.made + result.kept) +
                      " samples are complete. Run the same command again to go on");
  }
  list(request, journals, result);
  return result;
}

}  // namespace sonoforge
