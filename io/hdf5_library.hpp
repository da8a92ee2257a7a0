#pragma once
#include <hdf5.h>

#include <complex>
#include <cstdint>
#include <mutex>
#include <utility>

// Shared by the HDF5 reader and writer only.
namespace sonoforge::hdf5 {

/// A recursive mutex that counts its depth for each thread itself: unlike std::recursive_mutex it still belongs to the
/// calling thread in a process forked from it.
class LibraryMutex {
 public:
  void lock() {
    if (depth_++ == 0) mutex_.lock();
  }
  void unlock() {
    if (--depth_ == 0) mutex_.unlock();
  }

 private:
  std::mutex mutex_;
  static thread_local int depth_;
};

/// Debian's serial HDF5 is not thread-safe: every call into it happens under this lock. The first lock also sets the
/// library up: no error stacks on stderr, no plugins, and no links that lead out of a file.
std::unique_lock<LibraryMutex> lock();

/// Owns one HDF5 identifier. A negative identifier means "none".
template <herr_t (*Close)(hid_t)>
class Handle {
 public:
  Handle() = default;
  explicit Handle(hid_t id) : id_(id) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    return *this;
  }
  ~Handle() { reset(); }

  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  /// Closes now; false where the library reports a failure.
  bool reset() {
    if (id_ < 0) return true;
    return Close(std::exchange(id_, -1)) >= 0;
  }

 private:
  hid_t id_ = -1;
};
using FileHandle = Handle<H5Fclose>;
using GroupHandle = Handle<H5Gclose>;
using ObjectHandle = Handle<H5Oclose>;
using DatasetHandle = Handle<H5Dclose>;
using SpaceHandle = Handle<H5Sclose>;
using TypeHandle = Handle<H5Tclose>;
using AttributeHandle = Handle<H5Aclose>;
using PropertyHandle = Handle<H5Pclose>;

}  // namespace sonoforge::hdf5

/// Calls the macro F with each type of number that is read and written.
#define SONOFORGE_FOR_EACH_HDF5_TYPE(F) \
  F(float)                              \
  F(double)                             \
  F(std::int8_t)                        \
  F(std::int16_t)                       \
  F(std::int32_t)                       \
  F(std::int64_t)                       \
  F(std::uint8_t)                       \
  F(std::uint16_t)                      \
  F(std::uint32_t)                      \
  F(std::uint64_t)                      \
  F(std::complex<float>)                \
  F(std::complex<double>)
