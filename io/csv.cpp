#include "io/csv.hpp"

#include <array>
#include <charconv>

#include "core/error.hpp"

namespace sonoforge {

std::vector<CsvRecord> parse_csv(std::string_view text, const std::string& file) {
  std::vector<CsvRecord> records;
  int line = 1;
  std::size_t at = 0;
  auto end_of_line = [&] { return at >= text.size() || text[at] == '\n' || (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n'); };
  while (at < text.size()) {
    CsvRecord record;
    record.line = line;
    bool quoted_any = false;
    for (;;) {
      std::string cell;
      if (at < text.size() && text[at] == '"') {
        quoted_any = true;
        ++at;
        for (;; ++at) {
          if (at >= text.size()) throw UserError(Problem{{file, record.line, 1}, "a quote is not closed (the table ends inside a cell). Close it or restore the file"});
          if (text[at] == '"') {
            if (at + 1 < text.size() && text[at + 1] == '"') ++at;
            else break;
          }
          if (text[at] == '\n') ++line;
          cell += text[at];
        }
        ++at;
        if (!end_of_line() && text[at] != ',')
          throw UserError(Problem{{file, line, 1}, "text follows a closed quote (a quote inside a quoted cell is written twice). Double it"});
      } else {
        while (!end_of_line() && text[at] != ',') {
          if (text[at] == '"') throw UserError(Problem{{file, line, 1}, "a quote stands inside a cell without quotes (not a comma-separated table). Quote the whole cell"});
          cell += text[at++];
        }
      }
      record.cells.push_back(std::move(cell));
      if (end_of_line()) break;
      ++at;  // the comma
    }
    if (at < text.size() && text[at] == '\r') ++at;
    if (at < text.size()) ++at, ++line;
    if (record.cells.size() > 1 || !record.cells[0].empty() || quoted_any) records.push_back(std::move(record));
  }
  return records;
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    line += csv_cell(cells[i]);
  }
  return line + "\n";
}

std::string shortest_number(double value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

}  // namespace sonoforge
