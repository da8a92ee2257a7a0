#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "core/error.hpp"
#include "transducers/probe.hpp"

/// A file of the reference results, or skips the test where they are not at hand.
#define SONOFORGE_REFERENCE_FILE(variable, name)                                                                 \
  const char* variable##_folder = std::getenv("SONOFORGE_REFERENCE");                                            \
  if (!variable##_folder) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set, so there is nothing to compare with"; \
  const std::filesystem::path variable = std::filesystem::path(variable##_folder) / (name)

namespace sonoforge::testing {

/// The probe of a catalog row or preset.
inline Probe library_probe(const std::string& name) {
  return Typed<ProbeConfig>::make(probe_catalog(), name)->build();
}

/// The key a ConfigError names, or "(none)" where nothing is thrown.
template <class Action>
std::string error_key(Action&& action) {
  try {
    action();
  } catch (const ConfigError& error) {
    return error.key();
  }
  return "(none)";
}

}  // namespace sonoforge::testing
