#include "lab/models.hpp"

#include <algorithm>

#include "core/error.hpp"

namespace sonoforge::lab {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_models = 100;

void add_files(const fs::path& place, const fs::path& folder, bool deeper, std::vector<std::string>& names) {
  std::error_code error;
  std::vector<fs::path> entries;
  for (fs::directory_iterator at(folder, fs::directory_options::skip_permission_denied, error), end; !error && at != end; at.increment(error))
    entries.push_back(at->path());
  std::sort(entries.begin(), entries.end());
  for (const auto& entry : entries) {
    if (names.size() >= most_models) return;
    if (deeper && fs::is_directory(entry, error)) add_files(place, entry, false, names);
    else if (entry.extension() == ".pt" && fs::is_regular_file(entry, error)) names.push_back(fs::relative(entry, place, error).generic_string());
  }
}

}  // namespace

std::vector<std::string> model_names(const fs::path& place) {
  std::error_code error;
  if (place.empty()) return {};
  if (fs::is_regular_file(place, error)) return {place.filename().string()};
  if (!fs::is_directory(place, error))
    throw UserError("there is no model '" + place.string() + "'. Name a model.pt that `sonoforge train` wrote, or the folder that holds it");
  std::vector<std::string> names;
  add_files(place, place, true, names);
  return names;
}

fs::path model_file(const fs::path& place, const std::string& name) {
  const auto names = model_names(place);
  if (std::find(names.begin(), names.end(), name) == names.end()) throw UserError("the lab was given no model '" + name + "'. Choose one of its list");
  std::error_code error;
  return fs::is_regular_file(place, error) ? place : place / name;
}

}  // namespace sonoforge::lab
