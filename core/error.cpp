#include "core/error.hpp"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <unordered_set>

namespace sonoforge {

std::string to_string(const Problem& problem) {
  if (problem.where.file.empty()) return problem.text;
  std::string place = problem.where.file;
  if (problem.where.line > 0) {
    place += ":" + std::to_string(problem.where.line) + ":" + std::to_string(problem.where.column);
  }
  return place + ": " + problem.text;
}

void add_once(std::vector<Problem>& problems, const std::vector<Problem>& more) {
  std::unordered_set<std::string> known;
  for (const auto& problem : problems) known.insert(to_string(problem));
  for (const auto& problem : more)
    if (known.insert(to_string(problem)).second) problems.push_back(problem);
}

void sort_by_place(std::vector<Problem>& problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.where.line, a.where.column) < std::tie(b.where.line, b.where.column);
  });
}

static std::string join(const std::vector<Problem>& problems) {
  std::string text;
  for (const auto& problem : problems) {
    if (!text.empty()) text += "\n";
    text += to_string(problem);
  }
  return text;
}

UserError::UserError(std::vector<Problem> problems)
    : std::runtime_error(join(problems)), problems_(std::move(problems)) {}

// Insertions, deletions, substitutions and swaps of neighbours [damerau1964]. Long words are never near each other.
static std::size_t edit_distance(const std::string& a, const std::string& b) {
  if (a.size() > 100 || b.size() > 100) return a == b ? 0 : 1000;
  std::vector<std::size_t> before, above, row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    before = std::move(above);
    above = row;
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({row[j] + 1, above[j + 1] + 1, above[j] + (a[i] != b[j])});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) row[j + 1] = std::min(row[j + 1], before[j - 1] + 1);
    }
  }
  return row.back();
}

std::string nearest_word(const std::string& word, const std::vector<std::string>& known) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : known) {
    const auto distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace sonoforge
