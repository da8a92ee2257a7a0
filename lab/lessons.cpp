#include "lab/lessons.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <nlohmann/json.hpp>

#include "app/experiment.hpp"
#include "io/config.hpp"
#include "lab/lesson_simulations.hpp"
#include "lab/page.hpp"

namespace sonoforge::lab {

namespace {

constexpr double pi = std::numbers::pi;
using Factors = std::map<std::string, double>;

double wilson_low(double p, double n) {
  constexpr double z = 1.959963984540054;
  return (p + z * z / (2 * n) - z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n);
}

const Formula table[] = {
    {"wavelength", "c / f", {"sound_speed", "frequency"}, [](const Factors& v) { return v.at("sound_speed") / v.at("frequency"); }},
    {"pulse_length", "cycles c / f", {"cycles", "sound_speed", "frequency"},
     [](const Factors& v) { return v.at("cycles") * v.at("sound_speed") / v.at("frequency"); }},
    {"axial_resolution", "half the pulse's length in space", {"cycles", "sound_speed", "frequency"},
     [](const Factors& v) { return v.at("cycles") * v.at("sound_speed") / v.at("frequency") / 2; }},
    {"impedance", "density c", {"density", "sound_speed"}, [](const Factors& v) { return v.at("density") * v.at("sound_speed"); }},
    {"reflected_energy", "((Z2 - Z1) / (Z2 + Z1))^2", {"density_1", "speed_1", "density_2", "speed_2"},
     [](const Factors& v) {
       const double a = v.at("density_1") * v.at("speed_1"), b = v.at("density_2") * v.at("speed_2");
       return (b - a) * (b - a) / ((b + a) * (b + a));
     }},
    {"loss_there_and_back", "2 a f d, a in dB/cm/MHz", {"attenuation", "frequency", "depth"},
     [](const Factors& v) { return 2 * v.at("attenuation") * v.at("frequency") / 1e6 * v.at("depth") * 100; }},
    {"echo_time", "2 z / c", {"depth", "sound_speed"}, [](const Factors& v) { return 2 * v.at("depth") / v.at("sound_speed"); }},
    {"lateral_resolution", "wavelength times f-number", {"sound_speed", "frequency", "f_number"},
     [](const Factors& v) { return v.at("sound_speed") / v.at("frequency") * v.at("f_number"); }},
    {"aperture", "focal depth / f-number", {"depth", "f_number"}, [](const Factors& v) { return v.at("depth") / v.at("f_number"); }},
    {"grating_lobe", "arcsin(wavelength / pitch)", {"sound_speed", "frequency", "pitch"},
     [](const Factors& v) { return std::asin(std::min(1.0, v.at("sound_speed") / v.at("frequency") / v.at("pitch"))); }},
    {"rayleigh_snr", "sqrt(pi / (4 - pi)): mean over standard deviation of a Rayleigh envelope", {}, [](const Factors&) { return std::sqrt(pi / (4 - pi)); }},
    {"compounded_snr", "sqrt(n) times that of one look", {"looks"}, [](const Factors& v) { return std::sqrt(v.at("looks") * pi / (4 - pi)); }},
    {"frame_rate", "c / (2 z n)", {"sound_speed", "depth", "transmits"},
     [](const Factors& v) { return v.at("sound_speed") / (2 * v.at("depth") * v.at("transmits")); }},
    {"displayed_depth", "z times assumed over true speed", {"depth", "assumed_speed", "true_speed"},
     [](const Factors& v) { return v.at("depth") * v.at("assumed_speed") / v.at("true_speed"); }},
    {"lateral_width", "1.2067 wavelengths times f-number: the half-amplitude width of sin(u) / u", {"sound_speed", "frequency", "f_number"},
     [](const Factors& v) { return 1.20671 * v.at("sound_speed") / v.at("frequency") * v.at("f_number"); }},
    {"rayleigh_density", "pi / 2 x exp(-pi x^2 / 4), x in units of the mean", {"level"},
     [](const Factors& v) { return pi / 2 * v.at("level") * std::exp(-pi / 4 * v.at("level") * v.at("level")); }},
    {"doppler_shift", "2 f v cos(angle) / c", {"frequency", "velocity", "angle", "sound_speed"},
     [](const Factors& v) { return 2 * v.at("frequency") * v.at("velocity") * std::cos(v.at("angle")) / v.at("sound_speed"); }},
    {"nyquist_velocity", "c PRF / (4 f cos(angle))", {"sound_speed", "prf", "frequency", "angle"},
     [](const Factors& v) { return v.at("sound_speed") * v.at("prf") / (4 * v.at("frequency") * std::cos(v.at("angle"))); }},
    {"standard_error", "spread / sqrt(n)", {"spread", "count"}, [](const Factors& v) { return v.at("spread") / std::sqrt(v.at("count")); }},
    {"detectability_auc", "area under the ROC curve of two normals a distance d apart: Phi(d / sqrt 2)", {"distance"},
     [](const Factors& v) { return 0.5 * std::erfc(-v.at("distance") / 2); }},
    {"wilson_low", "lower end of Wilson's 95 % interval", {"right", "count"}, [](const Factors& v) { return wilson_low(v.at("right") / v.at("count"), v.at("count")); }},
    {"wilson_low_of_share", "the same, of a share of count", {"share", "count"}, [](const Factors& v) { return wilson_low(v.at("share"), v.at("count")); }},
};

const Formula& formula(const std::string& name) {
  for (const Formula& one : table)
    if (one.name == name) return one;
  throw UserError("there is no formula '" + name + "' for lessons. Add it to lab/lessons.cpp");
}

double value_of(const Formula& one, const Factors& factors) {
  for (const auto need : one.needs)
    if (!factors.count(std::string(need))) throw UserError("the formula '" + std::string(one.name) + "' needs the factor '" + std::string(need) + "'. Declare it under 'factors:'");
  return one.value(factors);
}

const std::vector<std::pair<std::string_view, Unit>> units{{"length", Unit::metre},   {"time", Unit::second},       {"frequency", Unit::hertz}, {"speed", Unit::metre_per_second},
                                                           {"angle", Unit::radian},   {"level", Unit::decibel},     {"share", Unit::fraction},  {"number", Unit::none}};

struct TaskConfig : Configurable {
  std::string id, ask, formula;
  int quantity = 7;
  double tolerance = 0.05;
  void fields(FieldVisitor& visit) override {
    visit(id, {.key = "id", .doc = "Name of the answer.", .required = true});
    visit(ask, {.key = "ask", .doc = "The question; {factor} stands for a drawn value.", .required = true});
    visit(formula, {.key = "formula", .doc = "Closed form of the answer.", .required = true});
    std::vector<std::string_view> names;
    for (const auto& [name, unit] : units) names.push_back(name);
    visit.choose(quantity, names, {.key = "quantity", .doc = "What the answer measures.", .required = true});
    visit(tolerance, {.key = "tolerance", .doc = "Relative.", .unit = Unit::fraction, .min = 0, .max = 1});
  }
};

struct CurveConfig : Configurable {
  std::string title, formula, over, x_label, y_label, simulation;
  double from = 0, to = 1, x_scale = 1, y_scale = 1, agreement = 0;
  std::vector<double> at;
  void fields(FieldVisitor& visit) override {
    visit(title, {.key = "title", .doc = "Above the curve.", .required = true});
    visit(formula, {.key = "formula", .doc = "Closed form.", .required = true});
    visit(over, {.key = "over", .doc = "Factor along the axis.", .required = true});
    visit(x_label, {.key = "x_label", .doc = "Along the axis.", .required = true});
    visit(y_label, {.key = "y_label", .doc = "Up the axis.", .required = true});
    visit(from, {.key = "from", .doc = "In SI.", .required = true});
    visit(to, {.key = "to", .doc = "In SI.", .required = true});
    visit(x_scale, {.key = "x_scale", .doc = "Shown over SI."});
    visit(y_scale, {.key = "y_scale", .doc = "Shown over SI."});
    visit(simulation, {.key = "simulation", .doc = "Experiment on the engines that measures the same.", .required = true});
    visit(at, {.key = "at", .doc = "Where it measures, in SI.", .required = true});
    visit(agreement, {.key = "agreement", .doc = "Largest difference from the closed form, over the curve's largest value.", .min = 0, .max = 1, .required = true});
  }
};

struct LessonConfig : Configurable {
  std::string title, config;
  std::vector<TaskConfig> tasks;
  std::optional<CurveConfig> curve;
  void fields(FieldVisitor& visit) override {
    visit(title, {.key = "title", .doc = "Of the lesson.", .required = true});
    visit(config, {.key = "config", .doc = "Scene of the bench.", .required = true});
    visit.list(tasks, {.key = "tasks", .doc = "Questions.", .required = true});
    visit(curve, {.key = "curve", .doc = "Theory to look at afterwards."});
  }
};

/// The part of a text below the line "# HEAD", up to the next such line.
std::string part(const std::string& text, const std::string& head) {
  const std::string line = "# " + head + "\n";
  const auto at = text.find(line);
  if (at == std::string::npos) throw UserError("a lesson has no part '" + head + "'. Write '# " + head + "' above it");
  const auto from = at + line.size(), to = text.find("\n# ", from);
  return text.substr(from, to == std::string::npos ? to : to - from);
}

std::string filled(std::string text, const std::map<std::string, FactorValue>& factors) {
  for (const auto& [name, factor] : factors) {
    const std::string place = "{" + name + "}";
    for (auto at = text.find(place); at != std::string::npos; at = text.find(place, at + factor.text.size())) text.replace(at, place.size(), factor.text);
  }
  return text;
}

std::string file_of(const std::string& name) { return "lessons/" + name + ".md"; }

}  // namespace

std::span<const Formula> formulas() { return table; }

std::vector<std::string> lesson_names() {
  std::vector<std::string> names;
  for (const PageFile& file : lesson_files()) {
    std::string name(file.name);
    name = name.substr(name.find('/') + 1);
    names.push_back(name.substr(0, name.size() - 3));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Lesson lesson(const std::string& name, std::uint64_t seed) {
  const auto files = lesson_files();
  const auto found = std::find_if(files.begin(), files.end(), [&](const PageFile& file) { return file.name == file_of(name); });
  if (found == files.end()) {
    std::string known;
    for (const auto& one : lesson_names()) known += (known.empty() ? "" : ", ") + one;
    throw UserError("there is no lesson '" + name + "'. Known: " + known);
  }
  const std::string text(found->content);
  const auto end = text.find("\n---\n", 4);
  if (text.rfind("---\n", 0) != 0 || end == std::string::npos) throw UserError("the lesson '" + name + "' has no head between lines of '---'. Add one");
  ConfigTree tree = ConfigTree::parse(text.substr(4, end - 3), file_of(name));
  const auto drawn = tree.draw(RandomStream(seed, 0, "lesson " + name));
  LessonConfig config;
  tree.read(config);

  Lesson out;
  out.name = name;
  out.title = config.title;
  for (const auto& [key, factor] : drawn)
    if (factor.numeric) out.factors[key] = factor.value;
  out.config = filled(config.config, drawn);
  const std::string body = text.substr(end + 5);
  out.predict = filled(part(body, "Predict"), drawn);
  out.observe = filled(part(body, "Observe"), drawn);
  out.explain = filled(part(body, "Explain"), drawn);
  for (const auto& task : config.tasks)
    out.tasks.push_back({task.id, filled(task.ask, drawn), value_of(formula(task.formula), out.factors), units[static_cast<std::size_t>(task.quantity)].second, task.tolerance});
  if (config.curve) {
    const CurveConfig& c = *config.curve;
    Lesson::Curve curve{filled(c.title, drawn), c.x_label, c.y_label, c.formula, c.over, c.simulation, c.x_scale, c.y_scale, c.agreement, c.at, {}, {}};
    auto factors = out.factors;
    constexpr int points = 61;
    for (int i = 0; i < points; ++i) {
      factors[c.over] = c.from + (c.to - c.from) * i / (points - 1);
      curve.x.push_back(factors[c.over] * c.x_scale);
      curve.theory.push_back(value_of(formula(c.formula), factors) * c.y_scale);
    }
    out.curve = std::move(curve);
  }
  return out;
}

LessonComparison compare_with_theory(const Lesson& one) {
  if (!one.curve) throw UserError("the lesson '" + one.name + "' has no curve. Give it one");
  const Lesson::Curve& curve = *one.curve;
  const auto all = lesson_simulations();
  const auto found = std::find_if(all.begin(), all.end(), [&](const LessonSimulation& s) { return s.name == curve.simulation; });
  if (found == all.end()) throw UserError("there is no experiment '" + curve.simulation + "' for lessons. Add it to lab/lesson_simulations.cpp");
  SimulatedCurve measured = found->run(one.factors, curve.over, curve.at);
  LessonComparison out{std::string(found->doc), measured.x, measured.y, {}, {}};
  const auto theory = [&](double x) {
    measured.factors[curve.over] = x;
    return value_of(formula(curve.formula), measured.factors);
  };
  for (double x : out.x) out.theory.push_back(theory(x));
  for (double x : curve.x) out.line.push_back(theory(x / curve.x_scale) * curve.y_scale);
  return out;
}

nlohmann::json compared_page(const nlohmann::json& request) {
  if (!request.contains("lesson") || !request["lesson"].is_string() || !request.contains("seed") || !request["seed"].is_number_unsigned())
    throw UserError("a comparison needs the text 'lesson' and the number 'seed'. Send both");
  const Lesson one = lesson(request["lesson"], request["seed"]);
  const LessonComparison found = compare_with_theory(one);
  const Lesson::Curve& curve = *one.curve;
  nlohmann::json json{{"how", found.how}, {"line", found.line}, {"agreement", curve.agreement}};
  for (std::size_t i = 0; i < found.x.size(); ++i) {
    json["x"].push_back(found.x[i] * curve.x_scale);
    json["simulation"].push_back(found.simulation[i] * curve.y_scale);
    json["residual"].push_back((found.simulation[i] - found.theory[i]) * curve.y_scale);
  }
  return json;
}

nlohmann::ordered_json lesson_list() {
  auto list = nlohmann::ordered_json::array();
  for (const auto& name : lesson_names()) list.push_back({{"name", name}, {"title", lesson(name, 1).title}});
  return list;
}

std::optional<nlohmann::ordered_json> lesson_page(const std::string& name, std::uint64_t seed) {
  const auto names = lesson_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) return {};
  const Lesson one = lesson(name, seed);
  nlohmann::ordered_json json{{"name", name}, {"title", one.title}, {"config", one.config}, {"predict", one.predict}, {"observe", one.observe}, {"explain", one.explain}};
  json["tasks"] = nlohmann::ordered_json::array();
  for (const auto& task : one.tasks)
    json["tasks"].push_back({{"id", task.id}, {"ask", task.ask}, {"example", task.unit == Unit::none ? "1.5" : std::string(unit_example(task.unit))}});
  if (one.curve) json["curve"] = {{"title", one.curve->title}, {"x_label", one.curve->x_label}, {"y_label", one.curve->y_label}, {"x", one.curve->x}, {"theory", one.curve->theory}};
  return json;
}

nlohmann::ordered_json grade(const nlohmann::ordered_json& answers) {
  if (!answers.is_object() || !answers.contains("lesson") || !answers["lesson"].is_string() || !answers.contains("answers") || !answers["answers"].is_object())
    throw UserError("answers need 'lesson', 'seed' and 'answers' (a mapping from task to value). Write for example 'answers: {wavelength: 0.3 mm}'");
  std::uint64_t seed = 1;
  if (answers.contains("seed")) {
    if (!answers["seed"].is_number_unsigned()) throw UserError("the seed is not a whole number. Write the number that the lesson was drawn with");
    seed = answers["seed"].get<std::uint64_t>();
  }
  const Lesson one = lesson(answers["lesson"], seed);
  nlohmann::ordered_json json{{"lesson", one.name}, {"seed", seed}, {"right", 0}, {"of", one.tasks.size()}, {"tasks", nlohmann::ordered_json::array()}};
  for (const auto& [id, value] : answers["answers"].items())
    if (std::none_of(one.tasks.begin(), one.tasks.end(), [&, &name = id](const Task& task) { return task.id == name; }))
      throw UserError("the lesson '" + one.name + "' has no task '" + id + "'. Correct the name");
  int right = 0;
  for (const auto& task : one.tasks) {
    nlohmann::ordered_json mark{{"id", task.id}, {"tolerance", task.tolerance}, {"right", false}};
    if (!answers["answers"].contains(task.id)) {
      mark["problem"] = "no answer";
    } else {
      const auto& given = answers["answers"][task.id];
      try {
        const double value = parse_quantity(given.is_string() ? given.get<std::string>() : given.dump(), task.unit);
        const bool good = std::abs(value - task.answer) <= task.tolerance * std::abs(task.answer);
        mark["right"] = good;
        right += good;
      } catch (const std::invalid_argument& error) {
        mark["problem"] = error.what();
      }
    }
    json["tasks"].push_back(std::move(mark));
  }
  json["right"] = right;
  return json;
}

}  // namespace sonoforge::lab
