#include "ai/dataset_checks.hpp"

#include <cstdio>
#include <map>
#include <set>

namespace sonoforge {

DatasetChecks check_dataset(const std::vector<ManifestRow>& rows, const std::vector<ImagePrint>& prints) {
  DatasetChecks checks;
  std::map<std::string, std::set<std::string>> splits;
  std::map<std::string, std::map<std::string, std::size_t>> holders;  // patients of each file's hash
  for (const auto& row : rows) {
    splits[row.patient].insert(row.split);
    ++holders[row.sha256][row.patient];
  }
  checks.patients = splits.size();
  for (const auto& [patient, own] : splits)
    if (own.size() > 1) checks.patients_in_two_splits.push_back(patient);
  for (const auto& [hash, patients] : holders) {
    std::size_t before = 0;
    for (const auto& [patient, count] : patients) {
      checks.equal_files += before * count;
      before += count;
    }
  }
  std::map<std::string, std::uint64_t> number;
  std::vector<std::uint64_t> owners;
  for (const auto& row : rows) owners.push_back(number.emplace(row.patient, number.size()).first->second);
  for (const auto& print : prints) checks.images += !print.empty();
  checks.pairs = near_duplicates(prints, owners, checks.least_correlation);
  for (const auto& pair : checks.pairs.pairs)
    checks.pairs_across_splits += rows[pair.first].split != rows[pair.second].split;
  return checks;
}

std::string DatasetChecks::text(const std::vector<ManifestRow>& rows) const {
  constexpr std::size_t named = 10;
  std::string text = "- Patients in more than one split: " + std::to_string(patients_in_two_splits.size()) + " of " +
                     std::to_string(patients) + ".\n";
  text += "- Pairs of equal files of different patients: " + std::to_string(equal_files) + ".\n";
  if (images < 2) return text + "- Images: fewer than two, none compared.\n";
  char least[16];
  std::snprintf(least, sizeof least, "%g", least_correlation);
  std::size_t equal = 0;
  for (const auto& pair : pairs.pairs) equal += pair.equal;
  text += "- Pairs of images of different patients that are equal or whose speckle correlates by " +
          std::string(least) + " or more, all pairs of " + std::to_string(images) +
          " images compared: " + std::to_string(pairs.count);
  if (pairs.count > pairs.pairs.size())
    text += " (of the first " + std::to_string(pairs.pairs.size());
  else if (pairs.count > 0)
    text += " (of them";
  if (pairs.count > 0)
    text +=
        " " + std::to_string(equal) + " equal to the bit, " + std::to_string(pairs_across_splits) + " across splits)";
  text += ".\n";
  for (std::size_t i = 0; i < pairs.pairs.size() && i < named; ++i) {
    const auto& pair = pairs.pairs[i];
    char correlation[16];
    std::snprintf(correlation, sizeof correlation, "%.2f", pair.correlation);
    text += "  - " + rows[pair.first].id + " (" + rows[pair.first].split + ") and " + rows[pair.second].id + " (" +
            rows[pair.second].split + "): " + (pair.equal ? "equal" : "correlation " + std::string(correlation)) + "\n";
  }
  return text;
}

}  // namespace sonoforge
