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

/// n elements on the x axis, facing +z.
inline Probe flat_probe(std::size_t n, double pitch, double frequency) {
  Probe probe;
  probe.frequency = frequency;
  probe.pitch = pitch;
  probe.elements.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    probe.elements[i].position.x = (static_cast<double>(i) - static_cast<double>(n - 1) / 2) * pitch;
    probe.elements[i].width = 0.9 * pitch;
    probe.elements[i].height = 5e-3;
  }
  return probe;
}

}  // namespace sonoforge::testing
