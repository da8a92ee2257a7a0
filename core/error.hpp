#pragma once
#include <stdexcept>
#include <string>
#include <vector>

namespace sonoforge {

/// Where in the user's input a mistake stands. Lines and columns count from one; zero means "whole file".
struct SourceLocation {
  std::string file;
  int line = 0;
  int column = 0;
};

/// One mistake of the user: `text` reads "problem (why). Suggestion".
struct Problem {
  SourceLocation where;
  std::string text;
};

/// "configs/cyst.yaml:3:11: text", or only the text where the place is unknown.
std::string to_string(const Problem& problem);
/// Appends those of `more` that are not there yet: a part that two mistakes lead to is told once.
void add_once(std::vector<Problem>& problems, const std::vector<Problem>& more);
/// By line and column; problems of one place keep their order.
void sort_by_place(std::vector<Problem>& problems);

/// The user's input is wrong (exit code 2). Holds every mistake found, not the first only.
class UserError : public std::runtime_error {
 public:
  explicit UserError(std::vector<Problem> problems);
  explicit UserError(Problem problem) : UserError(std::vector<Problem>{std::move(problem)}) {}
  /// A mistake without a place, for example on the command line.
  explicit UserError(std::string text) : UserError(Problem{{}, std::move(text)}) {}

  const std::vector<Problem>& problems() const { return problems_; }

 private:
  std::vector<Problem> problems_;
};

/// Thrown by constructors and `check()` of config objects: the value under `key` (empty: the object as a whole) cannot
/// be used. The YAML reader turns it into a located `Problem`; no class needs to know YAML.
class ConfigError : public std::invalid_argument {
 public:
  ConfigError(std::string key, const std::string& text) : std::invalid_argument(text), key_(std::move(key)) {}
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

/// The user interrupted the work (exit code 130).
class Interrupted : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The known word nearest to `word`, or "" when none is near (edit distance over a third of its length).
std::string nearest_word(const std::string& word, const std::vector<std::string>& known);

}  // namespace sonoforge
