#include "io/memory_file.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.hpp"

namespace sonoforge {
namespace {

const std::filesystem::path open_files = "/proc/self/fd";

}  // namespace

MemoryFile::MemoryFile() : descriptor_(memfd_create("sonoforge", MFD_CLOEXEC)) {
  if (descriptor_ < 0)
    throw UserError(std::string("cannot create a file in memory (") + std::strerror(errno) +
                    "). Close other programs, or generate the data set into a folder");
}

MemoryFile::~MemoryFile() {
  close(descriptor_);
}

std::filesystem::path MemoryFile::path() const {
  return open_files / std::to_string(descriptor_);
}

bool MemoryFile::is_one(const std::filesystem::path& path) {
  return path.parent_path() == open_files;
}

}  // namespace sonoforge
