#include <cstdlib>
#include <iostream>

#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "core/error.hpp"
#include "core/progress.hpp"
#include "io/config.hpp"
#include "io/json_text.hpp"
#include "lab/lessons.hpp"
#include "lab/server.hpp"
#include "lab/worker.hpp"

namespace sonoforge {

namespace {

/// The answers of a student, YAML:  lesson: 01_wavelength / seed: 7 / answers: {wavelength: 0.3 mm}
nlohmann::ordered_json read_answers(const std::filesystem::path& file) {
  const ConfigTree tree = ConfigTree::load(file);
  nlohmann::ordered_json json;
  for (const auto& entry : tree.root().entries) {
    if (entry.key == "answers" && entry.value.kind == ConfigNode::Kind::mapping) {
      json["answers"] = nlohmann::ordered_json::object();
      for (const auto& answer : entry.value.entries) json["answers"][answer.key] = answer.value.scalar;
    } else if (entry.key == "seed") {
      const std::string& text = entry.value.scalar;
      if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos)
        throw UserError(Problem{entry.value.where, "the seed '" + text + "' is not a whole number. Write the number that the lesson was drawn with"});
      json["seed"] = std::stoull(text);
    } else if (entry.key == "lesson") {
      json["lesson"] = entry.value.scalar;
    } else if (entry.key != "sonoforge" && entry.key != "student") {
      throw UserError(Problem{entry.where, "unknown key '" + entry.key + "' (known: lesson, seed, answers, student). Correct it"});
    }
  }
  return json;
}

int grade_command(const CommandLine& line) {
  nlohmann::ordered_json graded;
  try {
    graded = lab::grade(read_answers(line.inputs[1]));
  } catch (const UserError& error) {
    if (!error.problems().front().where.file.empty()) throw;
    throw UserError(Problem{{line.inputs[1], 0, 0}, error.problems().front().text});
  }
  if (line.json) {
    std::cout << json_text(graded) << "\n";
    return 0;
  }
  for (const auto& task : graded["tasks"])
    std::cout << task["id"].get<std::string>() << ": "
              << (task["right"].get<bool>() ? "right" : task.contains("problem") ? task["problem"].get<std::string>() : "not within the tolerance") << "\n";
  std::cout << graded["right"] << " of " << graded["of"] << " right\n";
  return 0;
}

}  // namespace

int lab_command(const CommandLine& line) {
  if (std::getenv("SONOFORGE_LAB_WORKER")) return lab::run_worker(open_segmenter);
  if (!line.inputs.empty()) {
    if (line.inputs[0] != "grade" || line.inputs.size() != 2) throw UserError("lab takes nothing, or 'grade FILE'. Write for example 'sonoforge lab grade answers.yaml'");
    return grade_command(line);
  }
  std::error_code error;
  std::filesystem::path models = line.model;
  if (models.empty() && std::filesystem::is_directory("out", error)) models = "out";
  lab::serve(line.port, models.empty() ? models : std::filesystem::absolute(models), [](int port) {
    std::cout << "The lab is at http://127.0.0.1:" << port << "/ (Ctrl-C ends it)" << std::endl;
  });
  return 130;
}

}  // namespace sonoforge
