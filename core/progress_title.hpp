#pragma once
#include <string>

namespace sonoforge {

/// While one lives, the names of what `Progress` shows begin with its words: "Self check: echoes".
class ProgressTitle {
 public:
  explicit ProgressTitle(std::string words);
  ~ProgressTitle();
  ProgressTitle(const ProgressTitle&) = delete;
  ProgressTitle& operator=(const ProgressTitle&) = delete;

 private:
  std::string before_;
};

}  // namespace sonoforge
