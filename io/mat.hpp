#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sonoforge {

/// One variable of a MAT file. Numbers and logicals are in `values`, in MATLAB's column-major order; text is in `text`
/// (rows separated by newlines) and its code units in `values`. A struct has its fields in `fields`; arrays of structs
/// and cell arrays have their elements there under "1", "2", ... . Complex arrays keep the imaginary part under the
/// field "imag". Whatever else a MAT file can hold (objects, function handles, sparse matrices) comes as an empty
/// variable.
struct MatVariable {
  std::vector<std::size_t> size;
  std::vector<double> values;
  std::string text;
  std::map<std::string, MatVariable> fields;
};
/// All variables of a MAT file, version 5 (compressed or not, any byte order) or 7.3 (HDF5) [mathworks2023]. Broken
/// files are `UserError`s; sizes are checked before memory is taken.
std::map<std::string, MatVariable> read_mat(const std::filesystem::path& file);

}  // namespace sonoforge
