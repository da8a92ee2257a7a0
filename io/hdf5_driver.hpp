#pragma once
#include <hdf5.h>

#include <algorithm>
#include <array>

// Shared by the two file drivers only.
namespace sonoforge::hdf5 {

/// How the library sees an open file of a driver; both drivers derive their own from it.
struct DriverFile : H5FD_t {
  haddr_t end_of_address = 0;
  haddr_t end_of_file = 0;
};

/// A driver's description with what both drivers do alike: addresses, and a map of all kinds of data to two.
inline H5FD_class_t driver_of(const char* name) {
  H5FD_class_t description{};
  description.name = name;
  description.maxaddr = (haddr_t{1} << 62) - 1;
  description.fc_degree = H5F_CLOSE_STRONG;
  description.get_eoa = [](const H5FD_t* file, H5FD_mem_t) {
    return static_cast<const DriverFile*>(file)->end_of_address;
  };
  description.set_eoa = [](H5FD_t* file, H5FD_mem_t, haddr_t address) {
    static_cast<DriverFile*>(file)->end_of_address = address;
    return herr_t{0};
  };
  description.get_eof = [](const H5FD_t* file, H5FD_mem_t) {
    return static_cast<const DriverFile*>(file)->end_of_file;
  };
  const std::array<H5FD_mem_t, H5FD_MEM_NTYPES> map = H5FD_FLMAP_DICHOTOMY;
  std::copy(map.begin(), map.end(), description.fl_map);
  return description;
}

}  // namespace sonoforge::hdf5
