#pragma once
#include <filesystem>

namespace sonoforge {

/// A file of this process in memory, without a name on any disk; gone with the object. Whatever writes and reads files
/// takes its path; it is written in place.
class MemoryFile {
 public:
  /// Throws `UserError` where the system has no memory or no descriptor left.
  MemoryFile();
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  std::filesystem::path path() const;
  /// Whether a path is one of these.
  static bool is_one(const std::filesystem::path& path);

 private:
  int descriptor_ = -1;
};

}  // namespace sonoforge
