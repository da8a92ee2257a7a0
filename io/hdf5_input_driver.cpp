#include "io/hdf5_input_driver.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "io/hdf5_driver.hpp"

namespace sonoforge::hdf5 {
namespace {

struct InputFile : DriverFile {
  int descriptor = -1;
};

InputFile* self(H5FD_t* file) {
  return static_cast<InputFile*>(file);
}

H5FD_t* open_file(const char* name, unsigned flags, hid_t, haddr_t) {
  if ((flags & H5F_ACC_RDWR) != 0) return nullptr;
  const int descriptor = open(name, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return nullptr;
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || status.st_size <= 0) {
    close(descriptor);
    return nullptr;
  }
  auto* file = new InputFile{};
  file->descriptor = descriptor;
  file->end_of_file = static_cast<haddr_t>(status.st_size);
  return file;
}

herr_t close_file(H5FD_t* file) {
  close(self(file)->descriptor);
  delete self(file);
  return 0;
}

int compare(const H5FD_t* a, const H5FD_t* b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  if (flags != nullptr) *flags = 0;
  return 0;
}

herr_t read_file(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
  const haddr_t end = self(file)->end_of_file;
  if (address > end || size > end - address) return -1;
  auto* bytes = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t got = pread(self(file)->descriptor, bytes, size, static_cast<off_t>(address));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return -1;
    bytes += got;
    size -= static_cast<size_t>(got);
    address += static_cast<haddr_t>(got);
  }
  return 0;
}

herr_t write_file(H5FD_t*, H5FD_mem_t, hid_t, haddr_t, size_t, const void*) {
  return -1;
}

}  // namespace

hid_t input_driver() {
  static const hid_t driver = [] {
    static H5FD_class_t description = driver_of("sonoforge_input");
    description.open = open_file;
    description.close = close_file;
    description.cmp = compare;
    description.query = query;
    description.read = read_file;
    description.write = write_file;
    return H5FDregister(&description);
  }();
  return driver;
}

}  // namespace sonoforge::hdf5
