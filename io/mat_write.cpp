#include <matio.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/file_checks.hpp"
#include "io/mat.hpp"

namespace sonoforge {
namespace {

struct FreeVariable {
  void operator()(matvar_t* variable) const { Mat_VarFree(variable); }
};
using OwnedVariable = std::unique_ptr<matvar_t, FreeVariable>;

// The library copies what it is given: its interface merely lacks the const.
OwnedVariable build(const std::string& name, const MatVariable& variable) {
  auto size = variable.size;
  while (size.size() < 2) size.push_back(1);
  const int rank = static_cast<int>(size.size());
  if (!variable.fields.empty()) {
    std::vector<const char*> names;
    for (const auto& [field, value] : variable.fields) names.push_back(field.c_str());
    std::size_t one[2] = {1, 1};
    OwnedVariable made(Mat_VarCreateStruct(name.c_str(), 2, one, names.data(), static_cast<unsigned>(names.size())));
    if (!made) throw std::bad_alloc();
    for (const auto& [field, value] : variable.fields)
      Mat_VarSetStructFieldByName(made.get(), field.c_str(), 0, build(field, value).release());
    return made;
  }
  matvar_t* made = nullptr;
  if (!variable.text.empty()) {
    std::size_t row[2] = {1, variable.text.size()};
    made = Mat_VarCreate(name.c_str(), MAT_C_CHAR, MAT_T_UINT8, 2, row, const_cast<char*>(variable.text.data()), 0);
  } else if (variable.single_precision) {
    const std::vector<float> values(variable.values.begin(), variable.values.end());
    made = Mat_VarCreate(name.c_str(), MAT_C_SINGLE, MAT_T_SINGLE, rank, size.data(), const_cast<float*>(values.data()),
                         0);
  } else {
    made = Mat_VarCreate(name.c_str(), MAT_C_DOUBLE, MAT_T_DOUBLE, rank, size.data(),
                         const_cast<double*>(variable.values.data()), 0);
  }
  if (!made) throw std::bad_alloc();
  return OwnedVariable(made);
}

}  // namespace

void write_mat(const std::filesystem::path& file, const std::map<std::string, MatVariable>& variables) {
  AtomicFile output(file);
  // A header of our own, since that of the library holds the time.
  std::unique_ptr<mat_t, int (*)(mat_t*)> mat(
      Mat_CreateVer(output.temporary().c_str(), "MATLAB 5.0 MAT-file, written by Sonoforge", MAT_FT_MAT5), Mat_Close);
  if (!mat) refuse_file(file, "the MAT file cannot be written. Check free space and permissions");
  for (const auto& [name, variable] : variables) {
    // MATLAB limits a variable of this version to 2 GiB.
    if (variable.values.size() * (variable.single_precision ? 4 : 8) >= (std::size_t{1} << 31))
      refuse_file(file, "'" + name + "' takes more than the 2 GiB that a MAT file of version 5 holds. Write .hdf5");
    if (Mat_VarWrite(mat.get(), build(name, variable).get(), MAT_COMPRESSION_ZLIB) != 0)
      refuse_file(file, "the MAT file cannot be written (the disk may be full). Check free space and permissions");
  }
  if (Mat_Close(mat.release()) != 0)
    refuse_file(file, "the MAT file cannot be closed (the disk may be full). Check free space and permissions");
  // The library does not tell of a full disk in every case: what was written is read back before it replaces a file.
  try {
    read_mat(output.temporary());
  } catch (const UserError&) {
    refuse_file(file, "the MAT file cannot be written whole (the disk may be full). Check free space and permissions");
  }
  output.commit();
}

}  // namespace sonoforge
