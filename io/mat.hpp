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
  bool single_precision = false;  ///< `write_mat` stores the values as single, not double
};
/// All variables of a MAT file, version 5 (compressed or not, any byte order) or 7.3 (HDF5) [mathworks2023]. Broken
/// files are `UserError`s; sizes are checked before memory is taken. Version 5 is parsed here: libmatio 1.5.23 takes an
/// array shorter than declared without a word, 14 s for a file of 64 bytes that declares 2^31 cells, and 460 MB for one of
/// 130 bytes that declares 2^21 structs.
std::map<std::string, MatVariable> read_mat(const std::filesystem::path& file);

/// Writes a compressed MAT file of version 5 with libmatio: real arrays, text and structs of these. The same variables
/// give the same bytes. `UserError` where it cannot be written, or an array takes 2 GiB or more.
void write_mat(const std::filesystem::path& file, const std::map<std::string, MatVariable>& variables);

}  // namespace sonoforge
