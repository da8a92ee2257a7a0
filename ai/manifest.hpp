#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "io/config.hpp"

namespace sonoforge {

/// One sample of a data set: a row of manifest.csv.
struct ManifestRow {
  std::string id = {};        ///< unique
  std::string patient;
  int visit = 0;
  std::string twin = {};      ///< empty, or the name of the forced variant of its patient
  std::string split = {};     ///< "train", "validation" or "test"
  std::uint64_t seed = 1;
  std::string file = {};      ///< relative to the data set's folder
  std::string sha256 = {};    ///< of the file
  std::vector<std::string> factors = {};  ///< one a factor, as text; empty where the sample has none of that name
};

/// The table of a data set, one row a sample. Numeric factors stand in SI units; their unit follows the name in the
/// header, as "lesion_radius [m]".
struct Manifest {
  std::vector<std::string> factor_names;  ///< without units
  std::vector<std::string> factor_units;  ///< empty where the factor has none
  std::vector<ManifestRow> rows;

  /// Column of a factor, or -1.
  int factor(const std::string& name) const;
};

/// The manifest of rows whose factors come from draws: columns are the union of all names, sorted.
Manifest make_manifest(std::vector<ManifestRow> rows, const std::vector<Factors>& factors);

/// RFC 4180 text (CRLF is read, LF written); quotes where needed.
std::string manifest_text(const Manifest& manifest);
void write_manifest(const std::filesystem::path& file, const Manifest& manifest);

/// Strict: wrong header, row length, numbers, hashes, splits, duplicate ids, patients in two splits and files outside the
/// folder are `UserError`s with their line, all at once.
Manifest read_manifest(const std::filesystem::path& file);

/// The number a factor's text stands for; false where it is a word.
bool factor_number(const std::string& text, double& value);

}  // namespace sonoforge
