#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sonoforge {

/// One numeric or text variable of a MAT file (v5 or v7.3), or a struct with fields. Values in MATLAB's column-major order.
struct MatVariable {
  std::vector<std::size_t> size;
  std::vector<double> values;
  std::string text;
  std::map<std::string, MatVariable> fields;
};
/// All variables. Complex arrays keep the imaginary part under the field "imag". Broken files are `UserError`s.
std::map<std::string, MatVariable> read_mat(const std::filesystem::path& file);

}  // namespace sonoforge
