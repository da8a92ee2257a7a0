#include <unistd.h>

#include <fstream>
#include <iterator>
#include <vector>

#include "app/commands.hpp"
#include "app/study.hpp"
#include "core/error.hpp"

// LibTorch takes half a second to load. Commands that need it run in a program of their own beside this one, with the same arguments.
namespace sonoforge {

namespace {

[[noreturn]] int hand_over() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto program = self.parent_path() / "sonoforge_learn";
  std::ifstream stream("/proc/self/cmdline", std::ios::binary);
  std::string all((std::istreambuf_iterator<char>(stream)), {});
  std::vector<char*> arguments;
  for (std::size_t i = 0; i < all.size(); i += std::string_view(all.data() + i).size() + 1) arguments.push_back(all.data() + i);
  arguments.push_back(nullptr);
  execv(program.c_str(), arguments.data());
  throw UserError("training, prediction and validation need LibTorch, and this program was built without it ('" + program.string() +
                  "' cannot be started). Install libtorch-dev and build again");
}

}  // namespace

Segmenter open_segmenter(const std::filesystem::path&) { throw UserError("networks need LibTorch, and this program was built without it. Install libtorch-dev and build again"); }

int train_command(const CommandLine&) { hand_over(); }
int predict_command(const CommandLine&) { hand_over(); }
int validate_command(const CommandLine& line) {
  // Studies need no LibTorch, but for those that train a network.
  ConfigTree tree = ConfigTree::load(line.inputs[0]);
  for (const auto& assignment : line.sets) tree.set(assignment);
  if (line.seed) tree.set("seed=" + std::to_string(*line.seed));
  const ConfigNode* study = tree.root().find("study");
  if (!study || study->find("train")) hand_over();
  return study_command(tree, line);
}

}  // namespace sonoforge
