#include "io/hdf5_output_driver.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "io/hdf5_driver.hpp"

namespace sonoforge::hdf5 {
namespace {

OutputState* next_output = nullptr;

struct OutputFile : DriverFile {
  OutputState* state = nullptr;
};

OutputFile* self(H5FD_t* file) {
  return static_cast<OutputFile*>(file);
}
const OutputFile* self(const H5FD_t* file) {
  return static_cast<const OutputFile*>(file);
}

H5FD_t* open_file(const char*, unsigned flags, hid_t, haddr_t) {
  if (next_output == nullptr) return nullptr;
  auto* file = new OutputFile{};
  file->state = next_output;
  const off_t end = (flags & H5F_ACC_TRUNC) != 0 ? 0 : lseek(next_output->descriptor, 0, SEEK_END);
  file->end_of_file = end > 0 ? static_cast<haddr_t>(end) : 0;
  return file;
}

herr_t close_file(H5FD_t* file) {
  delete self(file);
  return 0;
}

int compare(const H5FD_t* a, const H5FD_t* b) {
  const auto* left = self(a)->state;
  const auto* right = self(b)->state;
  return left < right ? -1 : left > right ? 1 : 0;
}

herr_t query(const H5FD_t*, unsigned long* flags) {
  if (flags != nullptr) {
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA;
  }
  return 0;
}

herr_t read_file(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, void* buffer) {
  auto* bytes = static_cast<char*>(buffer);
  while (size > 0) {
    const ssize_t got = pread(self(file)->state->descriptor, bytes, size, static_cast<off_t>(address));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    bytes += got;
    size -= static_cast<size_t>(got);
    address += static_cast<haddr_t>(got);
  }
  std::memset(bytes, 0, size);  // beyond what was written a file reads as zeros
  return 0;
}

herr_t write_file(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, size_t size, const void* buffer) {
  auto& state = *self(file)->state;
  const auto* bytes = static_cast<const char*>(buffer);
  self(file)->end_of_file = std::max(self(file)->end_of_file, address + size);
  while (size > 0 && state.error == 0) {
    const ssize_t put = pwrite(state.descriptor, bytes, size, static_cast<off_t>(address));
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) {
      state.error = put < 0 ? errno : ENOSPC;
      break;
    }
    bytes += put;
    size -= static_cast<size_t>(put);
    address += static_cast<haddr_t>(put);
  }
  return 0;
}

herr_t truncate_file(H5FD_t* file, hid_t, hbool_t) {
  auto* output = self(file);
  if (output->end_of_address == output->end_of_file) return 0;
  if (ftruncate(output->state->descriptor, static_cast<off_t>(output->end_of_address)) != 0 &&
      output->state->error == 0) {
    output->state->error = errno;
  }
  output->end_of_file = output->end_of_address;
  return 0;
}

}  // namespace

void set_next_output(OutputState* state) {
  next_output = state;
}

hid_t output_driver() {
  static const hid_t driver = [] {
    static H5FD_class_t description = driver_of("sonoforge_output");
    description.open = open_file;
    description.close = close_file;
    description.cmp = compare;
    description.query = query;
    description.read = read_file;
    description.write = write_file;
    description.truncate = truncate_file;
    return H5FDregister(&description);
  }();
  return driver;
}

}  // namespace sonoforge::hdf5
