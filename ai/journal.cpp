#include "ai/journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "ai/generate.hpp"
#include "core/error.hpp"
#include "core/progress.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse(const fs::path& file, int error) {
  throw UserError("cannot write '" + file.string() + "' (" + std::strerror(error) +
                  "). Check free space and permissions; the same command then goes on");
}

int open_file(const fs::path& file, int flags) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | flags, 0644);
  if (descriptor < 0) refuse(file, errno);
  return descriptor;
}

std::string journal_line(const FinishedSample& done) {
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
  if (!done.print.empty()) {
    json["image_sha256"] = done.print.sha256;
    json["image_print"] = done.print.bits_text();
  }
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
std::optional<FinishedSample> parse_journal_line(const std::string& line) {
  const auto json = nlohmann::json::parse(line, nullptr, false);
  try {
    FinishedSample done;
    done.patient = json.at("patient").get<std::uint64_t>();
    done.row.id = json.at("id").get<std::string>();
    done.row.visit = json.at("visit").get<int>();
    done.row.twin = json.at("twin").get<std::string>();
    done.row.seed = json.at("seed").get<std::uint64_t>();
    done.row.file = json.at("file").get<std::string>();
    done.row.sha256 = json.at("sha256").get<std::string>();
    done.bytes = json.at("bytes").get<std::uint64_t>();
    done.seconds = json.at("seconds").get<double>();
    if (json.contains("image_sha256"))
      if (auto print =
              ImagePrint::parse(json.at("image_sha256").get<std::string>(), json.at("image_print").get<std::string>()))
        done.print = *print;
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

}  // namespace

Journals::Journals(const fs::path& folder, const std::string& name) : folder_(folder) {
  for (int number = 1;; ++number) {
    file_ = folder / (name + (number > 1 ? "." + std::to_string(number) : "") + ".jsonl");
    journal_ = open_file(file_, O_APPEND);
    if (::flock(journal_, LOCK_EX | LOCK_NB) == 0) break;
    const int error = errno;
    ::close(journal_);
    if (error != EWOULDBLOCK && error != EINTR) refuse(file_, error);
  }
  // A last line without its end would swallow the next one.
  std::ifstream stream(file_, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(stream), {}};
  const auto whole = content.rfind('\n') == std::string::npos ? 0 : content.rfind('\n') + 1;
  if (whole != content.size() && ::ftruncate(journal_, static_cast<off_t>(whole)) != 0) {
    const int error = errno;
    ::close(journal_);
    refuse(file_, error);
  }
  try {
    claims_ = open_file(folder / "claims", 0);
  } catch (...) {
    ::close(journal_);
    throw;
  }
}

Journals::~Journals() {
  ::close(claims_);
  ::close(journal_);
}

void Journals::append(const FinishedSample& done) {
  const std::string line = journal_line(done);
  const std::lock_guard guard(mutex_);
  const off_t start = ::lseek(journal_, 0, SEEK_END);
  const auto give_up = [&](int error) {
    // A part of a line would join the next one.
    if (start < 0 || ::ftruncate(journal_, start) != 0) error = errno;
    refuse(file_, error);
  };
  for (std::size_t at = 0; at < line.size();) {
    const auto written = ::write(journal_, line.data() + at, line.size() - at);
    if (written < 0 && errno != EINTR) give_up(errno);
    if (written > 0) at += static_cast<std::size_t>(written);
  }
  // Not synced: what a power failure takes from the journal is made again, and what it tears does not read.
}

void Journals::refresh() {
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().extension() != ".jsonl") continue;
    auto& done = read_[entry.path()];
    std::error_code error;
    if (fs::file_size(entry.path(), error) <= done || error) continue;
    std::ifstream stream(entry.path(), std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(done));
    // A line without its end is still being written.
    for (std::string line; std::getline(stream, line) && !stream.eof();) {
      done += line.size() + 1;
      if (auto sample = parse_journal_line(line))
        known_[{sample->patient, sample->row.file}].push_back(std::move(*sample));
    }
  }
}

std::optional<FinishedSample> Journals::find(std::uint64_t patient, const std::string& file) {
  const std::lock_guard guard(mutex_);
  refresh();
  const auto found = known_.find({patient, file});
  if (found == known_.end()) return std::nullopt;
  return found->second.back();
}

// Locks of an open file, not of a process: the system drops them when the last descriptor closes, also after SIGKILL.
bool Journals::lock_patient(std::uint64_t patient, short type) {
  struct flock range {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(patient);
  range.l_len = 1;
  while (::fcntl(claims_, F_OFD_SETLK, &range) != 0) {
    if (errno == EAGAIN || errno == EACCES) return false;
    if (errno != EINTR) refuse(folder_ / "claims", errno);
  }
  return true;
}

bool Journals::claim(std::uint64_t patient) {
  return lock_patient(patient, F_WRLCK);
}

void Journals::wait_and_claim(std::uint64_t patient) {
  using namespace std::chrono_literals;
  for (auto pause = 1ms; !claim(patient); pause = std::min(2 * pause, 200ms)) {
    check_interrupted();
    std::this_thread::sleep_for(pause);
  }
}

void Journals::release(std::uint64_t patient) {
  lock_patient(patient, F_UNLCK);
}

FolderLock::FolderLock(const fs::path& file) : descriptor_(open_file(file, 0)) {
  while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {
  }
}

FolderLock::~FolderLock() {
  ::close(descriptor_);
}

}  // namespace sonoforge
