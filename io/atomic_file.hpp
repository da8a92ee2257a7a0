#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace sonoforge {

/// Writes a file so that it appears whole or not at all: beside the target, synced, renamed. Throws `UserError` (full
/// disk, read-only folder) and then leaves nothing behind.
void write_file_atomically(const std::filesystem::path& file, std::string_view content);

/// Removes what killed processes left beside their targets in this folder (not below it). Call it only where no other
/// process is writing there.
void remove_unfinished_files(const std::filesystem::path& folder);

/// Creates a folder with its parents. Throws `UserError` when that is impossible, or when no file can be written there.
void make_folder(const std::filesystem::path& folder);

/// Creates the folder of a file, and throws `UserError` when the file could not be written: for the start of long work.
void make_place_for(const std::filesystem::path& file);

/// The whole file as text; `UserError` if missing or larger than `max_bytes`.
std::string read_file(const std::filesystem::path& file, std::size_t max_bytes = std::size_t{1} << 30);

/// The steps behind `write_file_atomically`, for writers that need the open file: fill `descriptor()`, then `commit()`.
/// Without a commit nothing remains.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& file);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  int descriptor() const { return descriptor_; }
  const std::filesystem::path& temporary() const { return temporary_; }
  /// Appends all of it. Throws `UserError` (full disk).
  void append(std::string_view content);
  void commit();
  /// Throws `UserError`: "`what` (reason of the system error number). Check free space ...".
  [[noreturn]] void fail(const std::string& what, int error) const;

 private:
  std::filesystem::path target_, temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

}  // namespace sonoforge
