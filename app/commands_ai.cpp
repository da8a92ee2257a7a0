#include <iostream>

#include "app/commands.hpp"
#include "app/experiment.hpp"
#include "core/error.hpp"

namespace sonoforge {

int check_command(const CommandLine& line) {
  const auto loaded = load_config(line.inputs[0], line.sets, line.seed);
  std::vector<std::string> needs;
  if (loaded.tree.root().find("field") == nullptr) needs = {"phantom", "probe", "sequence", "receive"};
  Experiment::build(loaded.tree, needs, loaded.factors);
  if (line.json) std::cout << "{\"errors\": []}\n";
  else std::cout << line.inputs[0] << ": no mistakes found\n";
  return 0;
}

int generate_command(const CommandLine&) { throw UserError("not yet"); }
int train_command(const CommandLine&) { throw UserError("not yet"); }
int predict_command(const CommandLine&) { throw UserError("not yet"); }
int validate_command(const CommandLine&) { throw UserError("not yet"); }

}  // namespace sonoforge
