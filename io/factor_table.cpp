#include "io/factor_table.hpp"

#include <set>

#include "io/atomic_file.hpp"
#include "io/csv.hpp"

namespace sonoforge {

FactorTable read_factor_table(const std::filesystem::path& file) {
  const auto records = parse_csv(read_file(file, std::size_t{1} << 26), file.string());
  std::vector<Problem> problems;
  const auto wrong = [&](int line, const std::string& text) { problems.push_back({{file.string(), line, 1}, text}); };
  if (records.size() < 2) {
    wrong(0, "the table has no rows (a header with the factors' names and at least one row are needed). Add them");
    throw UserError(std::move(problems));
  }
  FactorTable table;
  std::vector<std::string> units;
  std::set<std::string> seen;
  for (const auto& cell : records[0].cells) {
    const auto bracket = cell.find(" [");
    const bool has_unit = bracket != std::string::npos && cell.back() == ']';
    table.names.push_back(has_unit ? cell.substr(0, bracket) : cell);
    units.push_back(has_unit ? cell.substr(bracket + 2, cell.size() - bracket - 3) : "");
    if (table.names.back().empty()) wrong(records[0].line, "a column has no name (each column is a factor). Name it");
    else if (!seen.insert(table.names.back()).second) wrong(records[0].line, "the column '" + table.names.back() + "' occurs twice. Rename one");
  }
  for (std::size_t r = 1; r < records.size(); ++r) {
    auto cells = records[r].cells;
    if (cells.size() != table.names.size()) {
      wrong(records[r].line, "row of " + std::to_string(cells.size()) + " cells (the header has " + std::to_string(table.names.size()) + "). Complete it");
      continue;
    }
    for (std::size_t c = 0; c < cells.size(); ++c) {
      if (cells[c].empty()) wrong(records[r].line, "no value for '" + table.names[c] + "' (every row needs all factors). Fill it in or remove the row");
      if (!units[c].empty()) cells[c] += " " + units[c];
    }
    table.rows.push_back(std::move(cells));
  }
  if (!problems.empty()) throw UserError(std::move(problems));
  return table;
}

std::shared_ptr<const FactorTable> FactorTables::get(const std::filesystem::path& file) {
  const std::lock_guard lock(mutex_);
  auto& table = tables_[file];
  if (!table) table = std::make_shared<const FactorTable>(read_factor_table(file));
  return table;
}

}  // namespace sonoforge
