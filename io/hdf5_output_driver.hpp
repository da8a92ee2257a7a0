#pragma once
#include <hdf5.h>

namespace sonoforge::hdf5 {

/// A file being written. The library must never see a failed write: it could neither close the file nor exit cleanly
/// afterwards. So the driver remembers the first error number here, reports success, and the writer refuses to commit.
struct OutputState {
  int descriptor = -1;
  int error = 0;
};

/// The driver's identifier; `H5Pset_driver(access, output_driver(), nullptr)`. Call under `hdf5::lock()`.
hid_t output_driver();
/// The state that the next H5Fcreate with this driver uses. Call under `hdf5::lock()`.
void set_next_output(OutputState* state);

}  // namespace sonoforge::hdf5
