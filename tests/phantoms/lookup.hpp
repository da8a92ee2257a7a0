#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <string>

#include "phantoms/phantom.hpp"

namespace sonoforge {

/// A measurement of a phantom by its name; fails the test where there is none.
inline double measured(const Phantom& phantom, const std::string& name) {
  for (const auto& m : phantom.measurements)
    if (m.name == name) return m.value;
  ADD_FAILURE() << "no measurement " << name;
  return NAN;
}

/// A region by its label.
inline const Region& region(const Phantom& phantom, const std::string& label) {
  for (const auto& r : phantom.regions)
    if (r.label == label) return r;
  throw std::logic_error("no region " + label);
}

}  // namespace sonoforge
