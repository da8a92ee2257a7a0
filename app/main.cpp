#include <CLI/CLI.hpp>

#include <cstdio>
#include <functional>
#include <iostream>
#include <new>

#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"

using namespace sonoforge;

namespace {

struct Command {
  const char* name;
  const char* doc;
  const char* inputs;  ///< name of the positional arguments; empty = none
  int fewest, most;    ///< how many of them
  bool sets;           ///< takes --set and --seed
  int (*function)(const CommandLine&);
};

const Command commands[] = {
    {"run", "simulate, reconstruct, label and measure one acquisition", "CONFIG", 1, 1, true, run_command},
    {"simulate", "channel data only", "CONFIG", 1, 1, true, simulate_command},
    {"field", "transmitted pressure: maps, waveforms at points, movie of the wave", "CONFIG", 1, 1, true, field_command},
    {"reconstruct", "image from channel data, ours or anyone's", "FILE [CONFIG]", 1, 2, true, reconstruct_command},
    {"generate", "labelled training set; the same command again resumes", "CONFIG", 1, 1, true, generate_command},
    {"train", "fit a LibTorch model to a training set", "CONFIG", 1, 1, true, train_command},
    {"predict", "apply a model to files", "MODEL FILE", 2, 100000, false, predict_command},
    {"validate", "accuracy, uncertainty and bias against known truth; gates", "CONFIG", 1, 1, true, validate_command},
    {"lab", "interactive physics lab in the browser", "[grade FILE]", 0, 2, false, lab_command},
    {"check", "report every mistake in a config, run nothing", "CONFIG", 1, 1, true, check_command},
    {"describe", "what exists, with keys, units, ranges and defaults", "KIND[.TYPE]", 0, 1, false, describe_command},
    {"info", "what is in a file", "FILE", 1, 1, false, info_command},
    {"convert", "between file formats", "IN OUT", 2, 2, false, convert_command},
};

int fail(const std::vector<Problem>& problems, bool json) {
  for (const auto& problem : problems) std::cerr << "error: " << to_string(problem) << "\n";
  if (json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& problem : problems)
      list.push_back({{"file", problem.where.file}, {"line", problem.where.line}, {"column", problem.where.column}, {"text", problem.text}});
    std::cout << nlohmann::ordered_json{{"errors", list}}.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << std::endl;
  }
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Sonoforge: ultrasound channel data, images and labels whose truth is exact by construction.", "sonoforge"};
  app.set_version_flag("--version", std::string("sonoforge ") + SONOFORGE_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.get_formatter()->column_width(34);

  CommandLine line;
  int threads = 0;
  bool quiet = false;
  const Command* chosen = nullptr;
  for (const auto& command : commands) {
    CLI::App* sub = app.add_subcommand(command.name, command.doc);
    sub->fallthrough();
    auto* inputs = sub->add_option("inputs", line.inputs, command.inputs)->type_name(command.inputs)->option_text(command.inputs);
    inputs->expected(command.fewest, command.most);
    if (command.fewest > 0) inputs->required();
    const std::string name = command.name;
    if (name != "check" && name != "describe" && name != "info" && name != "convert" && name != "lab")
      sub->add_option("-o,--output", line.output, name == "simulate" ? "file to write" : "folder to write to (default: out/NAME of the config)");
    if (command.sets) {
      sub->add_option("--set", line.sets, "change a config value: a.b.c=VALUE (YAML; repeatable)")->allow_extra_args(false);
      sub->add_option("--seed", line.seed, "seed of all random streams");
    }
    if (name == "generate") {
      sub->add_option("--count", line.count, "number of patients instead of the config's");
      sub->add_option("--shard", line.shard, "make part i of n: i/n, i from 1");
      sub->add_flag("--dry-run", line.dry_run, "only say how many, how large and how long");
    }
    if (name == "train") sub->add_flag("--resume", line.resume, "go on from the last checkpoint");
    if (name == "lab") sub->add_option("--port", line.port, "port on 127.0.0.1")->check(CLI::Range(1, 65535));
    sub->callback([&chosen, &command] { chosen = &command; });
  }
  app.add_option("--threads", threads, "number of threads (default: all cores; results do not depend on it)")->check(CLI::Range(1, 4096));
  app.add_flag("--json", line.json, "machine-readable result on stdout");
  app.add_flag("--quiet", quiet, "no messages but errors");
  app.footer("Exit codes: 0 done, 1 a bug of ours, 2 a mistake in the input, 3 a validation gate failed, 130 interrupted.\n"
             "Start with: sonoforge run configs/quickstart.yaml");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::vector<std::string> names;
    for (const auto& command : commands) names.emplace_back(command.name);
    std::cerr << "error: " << error.what();
    if (argc > 1 && !chosen)
      if (const std::string near = nearest_word(argv[1], names); !near.empty() && near != argv[1]) std::cerr << ". Did you mean '" << near << "'?";
    std::cerr << "\nWrite 'sonoforge --help' for what there is.\n";
    return 2;
  }

  install_interrupt_handler();
  set_quiet(quiet);
  set_thread_count(threads);
  try {
    return chosen->function(line);
  } catch (const UserError& error) {
    return fail(error.problems(), line.json);
  } catch (const ConfigError& error) {
    return fail({{{}, (error.key().empty() ? "" : error.key() + ": ") + error.what()}}, line.json);
  } catch (const Interrupted& error) {
    std::cerr << "interrupted: " << error.what() << "\n";
    return 130;
  } catch (const std::bad_alloc&) {
    return fail({{{}, "the memory of this machine is not enough for this input (an array could not be allocated). Use fewer scatterers, "
                      "samples, pixels or frames"}}, line.json);
  } catch (const std::exception& error) {
    std::cerr << "internal error: " << error.what() << "\nThis is a bug in Sonoforge. Please report it with the config and this command:\n ";
    for (int i = 0; i < argc; ++i) std::cerr << " " << argv[i];
    std::cerr << "\n";
    return 1;
  }
}
