#pragma once
#include <atomic>
#include <string>

namespace sonoforge {

/// What one simulation may hold at a time beside its result [bytes]: a third of this machine's memory, or of what the process may
/// address where that is less.
double working_memory();

/// Throws a `ConfigError` of the section as a whole where `what` would take more than `working_memory()`. Called before
/// the memory is taken.
void check_working_memory(double bytes, const std::string& what, const std::string& suggestion);

/// Memory that is taken piece by piece and kept, by many threads; `take` throws before a piece that would be too much.
class MemoryAccount {
 public:
  MemoryAccount(std::string what, std::string suggestion);
  void take(double bytes);

 private:
  std::string what_, suggestion_;
  std::atomic<double> taken_{0};
};

}  // namespace sonoforge
