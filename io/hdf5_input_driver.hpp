#pragma once
#include <hdf5.h>

namespace sonoforge::hdf5 {

/// The driver through which files are read: it refuses every access beyond the end of the file and offers the library
/// none of the buffers (metadata accumulator, sieve) whose arithmetic damaged addresses can overflow.
/// `H5Pset_driver(access, input_driver(), nullptr)`. Call under `hdf5::lock()`.
hid_t input_driver();

}  // namespace sonoforge::hdf5
