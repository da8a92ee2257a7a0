#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/units.hpp"

namespace sonoforge::lab {

/// Lessons are Markdown files, compiled into the program. Their head is YAML: title, the scene to load, factors (drawn from the
/// student's seed), and tasks whose answers are closed forms of these factors. The text has three parts: Predict, Observe, Explain.

/// A closed form by its name in the lessons: SI in, SI out.
struct Formula {
  std::string_view name, doc;
  std::vector<std::string_view> needs;
  double (*value)(const std::map<std::string, double>& factors);
};
std::span<const Formula> formulas();

struct Task {
  std::string id, ask;
  double answer = 0;  ///< SI
  Unit unit = Unit::none;
  double tolerance = 0;  ///< relative
};
struct Lesson {
  std::string name, title, config, predict, observe, explain;
  std::map<std::string, double> factors;
  std::vector<Task> tasks;
  struct Curve {
    std::string title, x_label, y_label, formula, over, simulation;
    double x_scale = 1, y_scale = 1;  ///< shown over SI
    double agreement = 0;             ///< largest difference of simulation and theory, over the largest value of the theory
    std::vector<double> at;           ///< where the experiment measures, SI
    std::vector<double> x, theory;    ///< as shown
  };
  std::optional<Curve> curve;
};
/// Names in order.
std::vector<std::string> lesson_names();
/// Throws `UserError` for an unknown name.
Lesson lesson(const std::string& name, std::uint64_t seed);

/// The curve of a lesson measured on the engines, in SI, and as the page draws it.
struct LessonComparison {
  std::string how;  ///< it was measured
  std::vector<double> x, simulation, theory;
  std::vector<double> line;  ///< the closed form at `Curve::x`, as shown, with what the experiment itself found
};
LessonComparison compare_with_theory(const Lesson& lesson);
/// {"lesson", "seed"} -> how, line, x, simulation, residual (as shown), agreement.
nlohmann::json compared_page(const nlohmann::json& request);

/// For the page: [{name, title}], one lesson without its answers, and the judgement of {"lesson", "seed", "answers": {id: "0.3 mm"}}.
nlohmann::ordered_json lesson_list();
std::optional<nlohmann::ordered_json> lesson_page(const std::string& name, std::uint64_t seed);
nlohmann::ordered_json grade(const nlohmann::ordered_json& answers);

}  // namespace sonoforge::lab
