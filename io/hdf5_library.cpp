#include "io/hdf5_library.hpp"

#include <H5PLpublic.h>

namespace sonoforge::hdf5 {

thread_local int LibraryMutex::depth_ = 0;

std::unique_lock<LibraryMutex> lock() {
  static LibraryMutex mutex;
  std::unique_lock<LibraryMutex> held(mutex);
  static const bool ready = [] {
    H5open();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5PLset_loading_state(0);
    // A file may name other files in external links. Without the link class the library refuses to follow them.
    H5Lunregister(H5L_TYPE_EXTERNAL);
    return true;
  }();
  static_cast<void>(ready);
  return held;
}

}  // namespace sonoforge::hdf5
