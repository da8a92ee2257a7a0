#include "core/memory.hpp"

#include <unistd.h>

namespace sonoforge {

double installed_memory() {
  return static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace sonoforge
