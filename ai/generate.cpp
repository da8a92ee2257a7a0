#include "ai/generate.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "io/csv.hpp"
#include "ai/sha256.hpp"
#include "core/progress.hpp"
#include "core/units.hpp"
#include "io/atomic_file.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

void SplitShares::fields(FieldVisitor& visit) {
  visit(train, {.key = "train", .doc = "Share of patients to learn from.", .unit = Unit::fraction, .min = 0, .max = 1});
  visit(validation, {.key = "validation", .doc = "Share of patients to choose models by.", .unit = Unit::fraction, .min = 0, .max = 1});
  visit(test, {.key = "test", .doc = "Share of patients for the final judgement.", .unit = Unit::fraction, .min = 0, .max = 1});
}

void SplitShares::check() const {
  const double sum = train + validation + test;
  if (std::abs(sum - 1) > 1e-9)
    throw ConfigError("train", "the shares sum to " + format_number(std::round(sum * 1e6) / 1e4) +
                                   " % (every patient belongs to exactly one split). Write for example '{train: 70 %, validation: 15 %, test: 15 %}'");
}

void DatasetConfig::fields(FieldVisitor& visit) {
  visit(patients, {.key = "patients", .doc = "How many patients to draw.", .min = 1, .max = 1e7});
  visit.object(split, {.key = "split", .doc = "Shares of patients for training, validation and test."});
  visit(store, {.key = "store", .doc = "What each file holds: image, labels, rf.", .max_items = 3});
}

void DatasetConfig::check() const {
  const std::vector<std::string> known{"image", "labels", "rf"};
  for (const auto& part : store)
    if (std::find(known.begin(), known.end(), part) == known.end()) {
      const auto near = nearest_word(part, known);
      throw ConfigError("store", "unknown part '" + part + "' (known: image, labels, rf). " + (near.empty() ? "Use these" : "Did you mean '" + near + "'?"));
    }
  if (std::set<std::string>(store.begin(), store.end()).size() != store.size())
    throw ConfigError("store", "a part is named twice (once is enough). Remove one");
  if (store.empty()) throw ConfigError("store", "nothing would be stored (files would be empty). Write for example 'store: [image, labels]'");
}

bool DatasetConfig::stores(const std::string& part) const { return std::find(store.begin(), store.end(), part) != store.end(); }

std::string patient_name(std::uint64_t patient) {
  std::string digits = std::to_string(patient);
  if (digits.size() < 5) digits.insert(0, 5 - digits.size(), '0');
  return "patient_" + digits;
}

std::string split_of_patient(const SplitShares& shares, std::uint64_t seed, std::uint64_t patient) {
  // Multiples of the golden ratio modulo one, in 64-bit integers and thus exact.
  constexpr std::uint64_t golden = 0x9e3779b97f4a7c15u;
  const std::uint64_t position = RandomStream(seed, 0, "split").key() + golden * patient;
  const double u = static_cast<double>(position >> 11) * 0x1p-53;
  if (u < shares.train) return "train";
  // Rounded sums of shares must not put a patient where the share is zero.
  if (u < shares.train + shares.validation || shares.test == 0) return shares.validation > 0 ? "validation" : "train";
  return "test";
}

namespace {

/// A finished sample as the journal remembers it.
struct Finished {
  ManifestRow row;
  Factors factors;
  std::uint64_t patient = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
};

std::string journal_line(const Finished& done) {
  nlohmann::ordered_json json;
  json["patient"] = done.patient;
  json["id"] = done.row.id;
  json["visit"] = done.row.visit;
  json["twin"] = done.row.twin;
  json["seed"] = done.row.seed;
  json["file"] = done.row.file;
  json["sha256"] = done.row.sha256;
  json["bytes"] = done.bytes;
  json["seconds"] = done.seconds;
  for (const auto& [name, value] : done.factors) {
    auto& factor = json["factors"][name];
    factor["text"] = value.text;
    if (value.numeric) {
      factor["value"] = value.value;
      factor["unit"] = value.unit;
    }
  }
  return json.dump() + "\n";
}

// A line that does not read is one that was being written when the process died: its sample is made again.
std::optional<Finished> parse_journal_line(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  try {
    Finished done;
    done.patient = json.at("patient").get<std::uint64_t>();
    done.row.id = json.at("id").get<std::string>();
    done.row.visit = json.at("visit").get<int>();
    done.row.twin = json.at("twin").get<std::string>();
    done.row.seed = json.at("seed").get<std::uint64_t>();
    done.row.file = json.at("file").get<std::string>();
    done.row.sha256 = json.at("sha256").get<std::string>();
    done.bytes = json.at("bytes").get<std::uint64_t>();
    done.seconds = json.at("seconds").get<double>();
    if (json.contains("factors"))
      for (const auto& [name, value] : json.at("factors").items()) {
        FactorValue factor;
        factor.text = value.at("text").get<std::string>();
        factor.numeric = value.contains("value");
        if (factor.numeric) {
          factor.value = value.at("value").get<double>();
          factor.unit = value.at("unit").get<std::string>();
        }
        done.factors[name] = factor;
      }
    done.row.patient = patient_name(done.patient);
    return done;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

/// The list of finished samples of one shard: a line each, on disk before the next sample begins.
class Journal {
 public:
  explicit Journal(const fs::path& file) : file_(file) {
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail();
    if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
      ::close(descriptor_);
      throw UserError("'" + file.parent_path().parent_path().string() + "' is being generated by another process (both would write the same files). Wait for it, or give each its own --shard");
    }
    // A last line without its end would swallow the next one.
    const std::string content = read_file(file);
    const auto whole = content.rfind('\n') == std::string::npos ? 0 : content.rfind('\n') + 1;
    if (whole != content.size() && ::ftruncate(descriptor_, static_cast<off_t>(whole)) != 0) fail();
  }
  ~Journal() { ::close(descriptor_); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void append(const Finished& done) {
    const std::string line = journal_line(done);
    for (std::size_t at = 0; at < line.size();) {
      const auto written = ::write(descriptor_, line.data() + at, line.size() - at);
      if (written < 0 && errno != EINTR) fail();
      if (written > 0) at += static_cast<std::size_t>(written);
    }
    if (::fsync(descriptor_) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    throw UserError("cannot write '" + file_.string() + "' (" + std::strerror(errno) + "). Check free space and permissions");
  }
  fs::path file_;
  int descriptor_ = -1;
};

/// Holds a lock file until destroyed; waits for it.
class FolderLock {
 public:
  explicit FolderLock(const fs::path& file) : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644)) {
    if (descriptor_ < 0) throw UserError("cannot write '" + file.string() + "' (" + std::strerror(errno) + "). Check free space and permissions");
    while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {}
  }
  ~FolderLock() { ::close(descriptor_); }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_;
};

/// What all journals of a folder hold, later lines replacing earlier ones, in patient order.
std::map<std::pair<std::uint64_t, std::string>, Finished> read_journals(const fs::path& folder) {
  std::map<std::pair<std::uint64_t, std::string>, Finished> all;
  if (!fs::exists(folder)) return all;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const std::string text = read_file(file);
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
      if (auto done = parse_journal_line(text.substr(begin, end - begin))) {
        const auto key = std::pair{done->patient, done->row.file};
        all[key] = std::move(*done);
      }
  }
  return all;
}

bool is_complete(const fs::path& folder, const Finished& done) {
  std::error_code error;
  const fs::path file = folder / done.row.file;
  if (fs::file_size(file, error) != done.bytes || error) return false;
  return sha256_of_file(file) == done.row.sha256;
}

std::string cell(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// Markdown treats these as its own.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '`' || c == '*' || c == '_') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string data_card(const GenerateRequest& request, const Manifest& manifest, std::uint64_t bytes) {
  std::string text = "# Simulated ultrasound data set\n\n";
  text += "Made by Sonoforge " SONOFORGE_VERSION ". Every image is a simulation and every label the exact truth of its phantom: no "
          "patient was examined, and no image shows one.\n\n## Contents\n\n| split | patients | samples |\n|---|---|---|\n";
  std::size_t all_patients = 0;
  for (const std::string split : {"train", "validation", "test"}) {
    std::set<std::string> patients;
    std::size_t samples = 0;
    for (const auto& row : manifest.rows)
      if (row.split == split) {
        patients.insert(row.patient);
        ++samples;
      }
    all_patients += patients.size();
    text += "| " + split + " | " + std::to_string(patients.size()) + " | " + std::to_string(samples) + " |\n";
  }
  text += "| all | " + std::to_string(all_patients) + " | " + std::to_string(manifest.rows.size()) + " |\n\n";
  std::string parts;
  for (const auto& part : request.config.store) parts += (parts.empty() ? "" : ", ") + part;
  text += "- Files: `samples/PATIENT/NAME.hdf5` in the zea layout, " + cell(static_cast<double>(bytes) / 1e6) + " MB, holding " + parts + ".\n";
  text += "- `manifest.csv`: one row a sample with split, seed, SHA-256 and factors (SI units).\n";
  text += "- `dataset.yaml`: the config with its distributions; seed " + std::to_string(request.seed) + ", SHA-256 `" + sha256(request.text) + "`.\n";
  text += "- Each file holds its own resolved config, which reproduces it alone.\n";
  text += "- A patient is in one split only. The split follows from seed and patient number, not from the number of patients.\n\n";
  text += "## Factors\n\n";
  if (manifest.factor_names.empty()) text += "None is named: images differ by their random speckle alone, or by unnamed draws.\n";
  else text += "| factor | unit | range or counts |\n|---|---|---|\n";
  for (std::size_t f = 0; f < manifest.factor_names.size(); ++f) {
    std::vector<double> numbers;
    std::map<std::string, std::size_t> words;
    for (const auto& row : manifest.rows) {
      double value = 0;
      if (row.factors[f].empty()) continue;
      if (factor_number(row.factors[f], value)) numbers.push_back(value);
      else ++words[row.factors[f]];
    }
    std::string range;
    if (!numbers.empty()) {
      double sum = 0;
      for (const double value : numbers) sum += value;
      range = cell(*std::min_element(numbers.begin(), numbers.end())) + " to " + cell(*std::max_element(numbers.begin(), numbers.end())) +
              ", mean " + cell(sum / static_cast<double>(numbers.size()));
    }
    for (const auto& [word, count] : words) range += (range.empty() ? "" : ", ") + plain(word) + ": " + std::to_string(count);
    text += "| " + plain(manifest.factor_names[f]) + " | " + plain(manifest.factor_units[f]) + " | " + range + " |\n";
  }
  text += "\n## Limits\n\n"
          "- Anatomy is as varied as the distributions in `dataset.yaml`, and no more. Diseases, devices and habits of real "
          "examinations that are not written there do not occur.\n"
          "- Factors are independent of each other unless the config says otherwise; in patients they are not.\n"
          "- Physics ends where the engine named in the config ends.\n"
          "- A model that does well here has been shown to work on these simulations. What it does on patients must be "
          "measured on patients.\n";
  return text;
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

/// Claims the folder for this config, or refuses it.
void claim_folder(const GenerateRequest& request) {
  const fs::path file = request.folder / "dataset.yaml";
  std::error_code error;
  if (fs::exists(file, error)) {
    if (read_file(file) != request.text)
      throw UserError("'" + request.folder.string() + "' holds a data set of another config (mixing two would ruin both). Choose another folder, or restore the config in " + file.string());
    return;
  }
  if (fs::exists(request.folder / "manifest.csv", error) || fs::exists(request.folder / "samples", error))
    throw UserError("'" + request.folder.string() + "' holds samples of unknown origin (there is no dataset.yaml). Choose another folder");
  make_folder(request.folder);
  write_file_atomically(file, request.text);
}

}  // namespace

GenerateResult generate_dataset(const GenerateRequest& request) {
  check_request(request);
  const std::int64_t patients = request.count.value_or(request.config.patients);
  if (request.dry_run) return dry_run(request, patients);
  claim_folder(request);
  const fs::path journals = request.folder / ".progress";
  make_folder(journals);
  Journal journal(journals / ("shard_" + std::to_string(request.shard) + "_of_" + std::to_string(request.shards) + ".jsonl"));
  auto finished = read_journals(journals);

  GenerateResult result;
  const auto own = static_cast<std::size_t>(std::max<std::int64_t>(0, (patients - request.shard + request.shards) / request.shards));
  try {
    Progress progress("Generating", own, "patients");
    for (std::int64_t p = request.shard - 1; p < patients; p += request.shards) {
      const auto patient = static_cast<std::uint64_t>(p);
      for (const SampleSpec& sample : request.draw(patient)) {
        check_interrupted();
        ++result.samples;
        Finished done;
        done.patient = patient;
        done.row.patient = patient_name(patient);
        done.row.id = done.row.patient + "_" + sample.name;
        done.row.visit = sample.visit;
        done.row.twin = sample.twin;
        done.row.seed = sample.seed;
        done.row.file = "samples/" + done.row.patient + "/" + sample.name + ".hdf5";
        done.factors = sample.factors;
        const auto known = finished.find({patient, done.row.file});
        if (known != finished.end() && is_complete(request.folder, known->second)) {
          ++result.kept;
          result.bytes += known->second.bytes;
          continue;
        }
        const fs::path file = request.folder / done.row.file;
        make_folder(file.parent_path());
        remove_unfinished_files(file.parent_path());
        const auto start = std::chrono::steady_clock::now();
        request.simulate(patient, sample, file);
        done.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        done.row.sha256 = sha256_of_file(file);
        done.bytes = fs::file_size(file);
        journal.append(done);
        ++result.made;
        result.bytes += done.bytes;
        result.seconds += done.seconds;
      }
      progress.advance();
    }
  } catch (const Interrupted&) {
    throw Interrupted("generation was interrupted; " + std::to_string(result.made + result.kept) +
                      " samples are complete. Run the same command again to go on");
  }

  // Every shard lists what all shards have finished so far, one after the other.
  const FolderLock lock(journals / "lock");
  remove_unfinished_files(request.folder);
  finished = read_journals(journals);
  std::vector<ManifestRow> rows;
  std::vector<Factors> factors;
  std::uint64_t bytes = 0;
  for (auto& [key, done] : finished) {
    done.row.split = split_of_patient(request.config.split, request.seed, done.patient);
    rows.push_back(done.row);
    factors.push_back(done.factors);
    bytes += done.bytes;
  }
  result.listed = rows.size();
  const Manifest manifest = make_manifest(std::move(rows), factors);
  write_file_atomically(request.folder / "README.md", data_card(request, manifest, bytes));
  write_manifest(request.folder / "manifest.csv", manifest);
  return result;
}

}  // namespace sonoforge
