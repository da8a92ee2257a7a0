#include "sim/memory_limit.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/units.hpp"

namespace sonoforge {
namespace {

constexpr double share = 1.0 / 3;

double machine_memory() {
  const double installed = installed_memory();
  rlimit limit{};
  const bool limited = getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  return limited ? std::min(installed, static_cast<double>(limit.rlim_cur)) : installed;
}

}  // namespace

double working_memory() {
  return share * machine_memory();
}

void check_working_memory(double bytes, const std::string& what, const std::string& suggestion) {
  if (bytes <= working_memory()) return;
  throw ConfigError("", what + " would take " + format_number(std::ceil(bytes * 1e-8) / 10) +
                            " GB (a simulation may hold " + format_number(std::floor(working_memory() * 1e-8) / 10) +
                            " GB on this machine). " + suggestion);
}

MemoryAccount::MemoryAccount(std::string what, std::string suggestion)
    : what_(std::move(what)), suggestion_(std::move(suggestion)) {}

void MemoryAccount::take(double bytes) {
  check_working_memory(taken_.fetch_add(bytes) + bytes, what_, suggestion_);
}

}  // namespace sonoforge
