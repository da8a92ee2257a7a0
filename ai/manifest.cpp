#include "ai/manifest.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "io/csv.hpp"
#include "io/atomic_file.hpp"

namespace sonoforge {
namespace {

const std::vector<std::string> fixed_columns{"id", "patient", "visit", "twin", "split", "seed", "file", "sha256"};

template <class Number>
bool whole_number(const std::string& text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool is_inside(const std::string& file) {
  const std::filesystem::path path(file);
  if (file.empty() || path.is_absolute()) return false;
  return std::none_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
}

}  // namespace

int Manifest::factor(const std::string& name) const {
  const auto found = std::find(factor_names.begin(), factor_names.end(), name);
  return found == factor_names.end() ? -1 : static_cast<int>(found - factor_names.begin());
}

Manifest make_manifest(std::vector<ManifestRow> rows, const std::vector<Factors>& factors) {
  Manifest manifest;
  std::map<std::string, std::string> units;
  for (const auto& sample : factors)
    for (const auto& [name, value] : sample) {
      auto& unit = units[name];
      if (value.numeric && !value.unit.empty()) unit = value.unit;
    }
  for (const auto& [name, unit] : units) {
    manifest.factor_names.push_back(name);
    manifest.factor_units.push_back(unit);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].factors.clear();
    for (const auto& name : manifest.factor_names) {
      const auto found = factors[i].find(name);
      if (found == factors[i].end()) rows[i].factors.emplace_back();
      else rows[i].factors.push_back(found->second.numeric ? shortest_number(found->second.value) : found->second.text);
    }
  }
  manifest.rows = std::move(rows);
  return manifest;
}

std::string manifest_text(const Manifest& manifest) {
  std::vector<std::string> header = fixed_columns;
  for (std::size_t f = 0; f < manifest.factor_names.size(); ++f) {
    const auto& unit = manifest.factor_units[f];
    header.push_back(manifest.factor_names[f] + (unit.empty() ? "" : " [" + unit + "]"));
  }
  std::string text = csv_line(header);
  for (const auto& row : manifest.rows) {
    std::vector<std::string> cells{row.id,    row.patient,                std::to_string(row.visit),
                                   row.twin,  row.split,                  std::to_string(row.seed),
                                   row.file,  row.sha256};
    cells.insert(cells.end(), row.factors.begin(), row.factors.end());
    text += csv_line(cells);
  }
  return text;
}

void write_manifest(const std::filesystem::path& file, const Manifest& manifest) {
  write_file_atomically(file, manifest_text(manifest));
}

Manifest read_manifest(const std::filesystem::path& file) {
  const std::string name = file.string();
  const auto records = parse_csv(read_file(file), name);
  if (records.empty()) throw UserError(Problem{{name, 0, 0}, "the manifest is empty (not even a header). Generate the data set again"});
  const auto& header = records.front().cells;
  if (header.size() < fixed_columns.size() || !std::equal(fixed_columns.begin(), fixed_columns.end(), header.begin()))
    throw UserError(Problem{{name, records.front().line, 1},
                            "not a manifest (its first columns must be id, patient, visit, twin, split, seed, file, sha256). "
                            "Give the folder that `sonoforge generate` wrote"});
  Manifest manifest;
  std::vector<Problem> problems;
  for (std::size_t c = fixed_columns.size(); c < header.size(); ++c) {
    std::string factor = header[c], unit;
    const auto open = factor.rfind(" [");
    if (open != std::string::npos && factor.ends_with(']')) {
      unit = factor.substr(open + 2, factor.size() - open - 3);
      factor.resize(open);
    }
    if (factor.empty() || manifest.factor(factor) >= 0)
      problems.push_back({{name, 1, 1}, "column " + std::to_string(c + 1) + " has no name of its own (every factor needs one). Name it"});
    manifest.factor_names.push_back(factor);
    manifest.factor_units.push_back(unit);
  }
  std::set<std::string> ids;
  std::map<std::string, std::string> split_of;
  for (std::size_t r = 1; r < records.size(); ++r) {
    const auto& cells = records[r].cells;
    auto wrong = [&](const std::string& text) { problems.push_back({{name, records[r].line, 1}, text}); };
    if (cells.size() != header.size()) {
      wrong("row of " + std::to_string(cells.size()) + " cells (the header has " + std::to_string(header.size()) + "). Restore the file");
      continue;
    }
    ManifestRow row;
    row.id = cells[0];
    row.patient = cells[1];
    row.twin = cells[3];
    row.split = cells[4];
    row.file = cells[6];
    row.sha256 = cells[7];
    row.factors.assign(cells.begin() + static_cast<std::ptrdiff_t>(fixed_columns.size()), cells.end());
    if (row.id.empty()) wrong("row without an id (every sample needs one). Give it one");
    else if (!ids.insert(row.id).second) wrong("id '" + row.id + "' appears twice (ids are unique). Rename one");
    if (row.patient.empty()) wrong("row without a patient (splits and intervals need it). Give it one");
    if (!whole_number(cells[2], row.visit) || row.visit < 0) wrong("visit '" + cells[2] + "' is not a count (0, 1, 2, ...). Correct it");
    if (!whole_number(cells[5], row.seed)) wrong("seed '" + cells[5] + "' is not a whole number (0 to 2^64 - 1). Correct it");
    if (row.split != "train" && row.split != "validation" && row.split != "test")
      wrong("unknown split '" + row.split + "' (known: train, validation, test). Correct it");
    else if (const auto [known, fresh] = split_of.emplace(row.patient, row.split); !fresh && known->second != row.split)
      wrong("patient '" + row.patient + "' is in split " + known->second + " and in " + row.split +
            " (a patient seen in training must not be tested). Move all its samples into one");
    if (!is_inside(row.file)) wrong("file '" + row.file + "' is not inside the data set (needs a relative path without ..). Correct it");
    if (row.sha256.size() != 64 || row.sha256.find_first_not_of("0123456789abcdef") != std::string::npos)
      wrong("sha256 '" + row.sha256 + "' is not a hash (64 lower-case hexadecimal digits). Restore the file");
    manifest.rows.push_back(std::move(row));
  }
  if (!problems.empty()) throw UserError(std::move(problems));
  return manifest;
}

bool factor_number(const std::string& text, double& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace sonoforge
