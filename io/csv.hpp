#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace sonoforge {

/// One record of a comma-separated table [shafranovich2005] and the line where it starts (from 1).
struct CsvRecord {
  std::vector<std::string> cells;
  int line = 0;
};

/// All records; a record may span lines inside quotes. Throws `UserError` naming `file` and the line of a stray or
/// unclosed quote. Empty lines are skipped.
std::vector<CsvRecord> parse_csv(std::string_view text, const std::string& file);

/// A cell as it must be written: quoted where it holds commas, quotes or line ends.
std::string csv_cell(const std::string& text);
/// Cells joined by commas and ended by a newline.
std::string csv_line(const std::vector<std::string>& cells);

/// The shortest decimal text that reads back to the same double.
std::string shortest_number(double value);

}  // namespace sonoforge
