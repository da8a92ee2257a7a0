#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.hpp"

namespace sonoforge {

/// Factors measured together, one row a case: a comma-separated file whose header names the factors, "age" or
/// "fat_thickness [mm]" with the unit of all its cells.
struct FactorTable {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;  ///< values as they would stand in a config: "12 mm"
};

/// Throws `UserError` with every mistake of the file: cells missing or empty, names twice, no rows.
FactorTable read_factor_table(const std::filesystem::path& file);

/// Tables already read, shared by the copies of a config.
class FactorTables {
 public:
  std::shared_ptr<const FactorTable> get(const std::filesystem::path& file);

 private:
  std::mutex mutex_;
  std::map<std::filesystem::path, std::shared_ptr<const FactorTable>> tables_;
};

}  // namespace sonoforge
