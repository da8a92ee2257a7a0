#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include "io/file_checks.hpp"
#include "io/memory_file.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

namespace {

// A name beside `file` that no other file has.
fs::path name_beside(const fs::path& file) {
  static std::atomic<unsigned> count{0};
  return file.parent_path() / ("." + file.filename().string() + "." + std::to_string(getpid()) + "." +
                               std::to_string(count.fetch_add(1)) + ".part");
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& file) : target_(file) {
  if (MemoryFile::is_one(file)) {
    temporary_ = file;
    descriptor_ = open(file.c_str(), O_RDWR | O_TRUNC | O_CLOEXEC);
    if (descriptor_ < 0) fail("cannot open the file in memory", errno);
    return;
  }
  std::error_code ignored;
  // A link keeps its place and gets new content where it points.
  for (int links = 0; links < 40 && fs::is_symlink(target_, ignored); ++links)
    target_ = target_.parent_path() / fs::read_symlink(target_, ignored);
  const auto status = fs::status(target_, ignored);
  if (fs::is_directory(status)) fail("cannot create the file", EISDIR);
  // Renaming would put a plain file in the place of the device.
  if (fs::exists(status) && !fs::is_regular_file(status))
    refuse_file(file, "not a regular file (a device or a pipe cannot be replaced by a file). Name another place");
  temporary_ = name_beside(target_);
  descriptor_ = open(temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail("cannot create the file", errno);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!committed_ && temporary_ != target_) unlink(temporary_.c_str());
}

void AtomicFile::fail(const std::string& what, int error) const {
  refuse_file(target_,
              what + " (" + std::strerror(error) + "). Check free space, permissions and limits of that place");
}

void AtomicFile::commit() {
  // A file in memory has no name to be given and no disk to be synced with.
  if (temporary_ == target_) {
    committed_ = true;
    return;
  }
  if (fsync(descriptor_) != 0) fail("cannot write the file", errno);
  if (close(std::exchange(descriptor_, -1)) != 0) fail("cannot write the file", errno);
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail("cannot create the file", errno);
  committed_ = true;
  const auto folder = target_.has_parent_path() ? target_.parent_path() : fs::path(".");
  const int descriptor = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  fsync(descriptor);  // some file systems cannot sync a folder; the file itself is already safe
  close(descriptor);
}

void AtomicFile::append(std::string_view content) {
  while (!content.empty()) {
    const ssize_t put = write(descriptor_, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) fail("cannot write the file", put < 0 ? errno : ENOSPC);
    content.remove_prefix(static_cast<std::size_t>(put));
  }
}

void remove_unfinished_files(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with('.') && name.ends_with(".part")) fs::remove(entry.path(), ignored);
  }
}

void write_file_atomically(const fs::path& file, std::string_view content) {
  AtomicFile output(file);
  output.append(content);
  output.commit();
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error && !fs::is_directory(folder, error) && !error) error = std::make_error_code(std::errc::not_a_directory);
  if (error) refuse_file(folder, "cannot make this folder (" + error.message() + "). Name another one with -o");
  // Hours of work should not end at a folder that takes no files.
  const auto trial = name_beside(folder / "trial");
  const int descriptor = open(trial.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0)
    refuse_file(folder, std::string("cannot write into this folder (") + std::strerror(errno) + "). Name another one with -o");
  close(descriptor);
  unlink(trial.c_str());
}

void make_place_for(const fs::path& file) {
  make_folder(file.has_parent_path() ? file.parent_path() : fs::path("."));
  AtomicFile trial(file);  // without a commit nothing remains
}

std::string read_file(const fs::path& file, std::size_t max_bytes) {
  std::error_code error;
  if (fs::is_regular_file(file, error) && fs::file_size(file, error) == 0 && !error) return "";
  const auto size = regular_file_size(file);
  if (size > max_bytes) {
    refuse_file(file, "the file has " + std::to_string(size) + " bytes (at most " + std::to_string(max_bytes) +
                          " are read). Give a smaller file");
  }
  check_memory(file, "the file", size);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) refuse_file(file, "cannot open the file (no permission). Check who may read it");
  std::string content(size, '\0');
  stream.read(content.data(), static_cast<std::streamsize>(size));
  content.resize(static_cast<std::size_t>(stream.gcount()));
  return content;
}

}  // namespace sonoforge
