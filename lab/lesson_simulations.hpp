#pragma once
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sonoforge::lab {

/// What an experiment on the engines gave for a curve of a lesson.
struct SimulatedCurve {
  std::vector<double> x, y;  ///< SI
  /// With which the closed form is to be compared: those given, and what the experiment itself found (the spread of its readings).
  std::map<std::string, double> factors;
};

/// An experiment by its name in the lessons. `x`: values of the factor `over` (SI) at which it measures; experiments whose axis is what
/// they find return other ones.
struct LessonSimulation {
  std::string_view name, doc;
  SimulatedCurve (*run)(const std::map<std::string, double>& factors, const std::string& over, std::span<const double> x);
};
std::span<const LessonSimulation> lesson_simulations();

}  // namespace sonoforge::lab
