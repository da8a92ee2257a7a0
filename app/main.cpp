#include <CLI/CLI.hpp>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <new>
#include <string_view>

#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/printable.hpp"
#include "core/progress.hpp"
#include "io/json_text.hpp"

using namespace sonoforge;

namespace {

struct Command {
  const char* name;
  const char* doc;
  const char* inputs;  ///< as written in the usage line
  int fewest, most;    ///< how many of them
  bool sets;           ///< takes --set and --seed
  const char* output;  ///< what -o names; null: the command does not take it
  const char* example;
  int (*function)(const CommandLine&);
};

constexpr int any_number = 1'000'000;
const char* const default_folder = "folder to write to (default: out/NAME of the config)";

const Command commands[] = {
    {"run", "simulate, reconstruct, label and measure one acquisition", "CONFIG", 1, 1, true, default_folder,
     "sonoforge run configs/quickstart.yaml --set receive.noise.snr='20 dB'", run_command},
    {"simulate", "channel data only", "CONFIG", 1, 1, true, "file to write (default: out/NAME/acquisition.hdf5)",
     "sonoforge simulate configs/quickstart.yaml -o rf.hdf5", simulate_command},
    {"field", "transmitted pressure: maps, waveforms at points, movie of the wave", "CONFIG", 1, 1, true, default_folder,
     "sonoforge field configs/field.yaml --set field.movie_frames=60", field_command},
    {"reconstruct", "image from channel data, ours or anyone's", "FILE [CONFIG]", 1, 2, true, "folder to write to (default: out/NAME of the file)",
     "sonoforge reconstruct out/quickstart/acquisition.hdf5 --set beamformer.f_number=2", reconstruct_command},
    {"generate", "labelled training set; the same command again resumes", "CONFIG", 1, 1, true, default_folder,
     "sonoforge generate configs/datasets/cyst.yaml -o out/cysts --count 20", generate_command},
    {"train", "fit a LibTorch model to a training set", "CONFIG", 1, 1, true, default_folder, "sonoforge train configs/train_cyst.yaml", train_command},
    {"predict", "apply a model to files, or to a whole data set", "MODEL FILE... | MODEL DATASET", 2, any_number, false, "folder to write to (default: out/predictions)",
     "sonoforge predict out/train_cyst/model.pt out/cysts/samples/*/*.hdf5", predict_command},
    {"validate", "accuracy, uncertainty and bias against known truth; gates", "CONFIG", 1, 1, true, default_folder,
     "sonoforge validate configs/validate_cyst.yaml", validate_command},
    {"lab", "interactive physics lab in the browser", "[grade FILE]", 0, 2, false, nullptr, "sonoforge lab --model out/train_cyst/model.pt", lab_command},
    {"check", "report every mistake in a config, run nothing", "CONFIG", 1, 1, true, nullptr, "sonoforge check configs/quickstart.yaml", check_command},
    {"describe", "what exists, with keys, units, ranges and defaults", "[KIND[.TYPE]]", 0, 1, false, nullptr, "sonoforge describe probe.L11-5v", describe_command},
    {"info", "what is in a file", "FILE", 1, 1, false, nullptr, "sonoforge info out/quickstart/acquisition.hdf5", info_command},
    {"convert", "between file formats; a data set into a layout of others", "IN OUT", 2, 2, false, nullptr, "sonoforge convert out/quickstart/acquisition.hdf5 image.nii.gz", convert_command},
};

const Command* find_command(const std::string& name) {
  for (const auto& command : commands)
    if (name == command.name) return &command;
  return nullptr;
}

// The command among the arguments, whether they can be parsed or not.
const Command* named_command(int argc, char** argv) {
  for (int i = 1; i < argc; ++i)
    if (const Command* command = find_command(argv[i])) return command;
  return nullptr;
}

// CLI11's help with the usage line as our documentation writes it.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* app, std::string) const override {
    const Command* command = find_command(app->get_name());
    if (!command) return "Usage: sonoforge COMMAND ... [OPTIONS]      'sonoforge COMMAND --help' tells more\n";
    return "Usage: sonoforge " + app->get_name() + " " + command->inputs + " [OPTIONS]\n";
  }
  std::string make_positionals(const CLI::App*) const override { return ""; }
};

// What stands after an option that counts; the parser's own messages do not say what is meant, and it takes 010 for 8. As large
// as the same numbers may be in a config.
CLI::Validator whole_number(const std::string& meaning) {
  return CLI::Validator(
      [meaning](std::string& text) {
        constexpr std::uint64_t most = 9'200'000'000'000'000'000;
        std::uint64_t number = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, error] = std::from_chars(text.data(), end, number);
        if (text.empty() || stop != end || error != std::errc() || number > most)
          return "'" + text + "' is not a whole number from 0 to 9.2e18 (it is " + meaning + ")";
        if (text.size() > 1 && text[0] == '0')
          return "'" + text + "' begins with 0 (some read that as octal). Write '" + std::to_string(number) + "'";
        return std::string();
      },
      "");
}

int fail(const std::vector<Problem>& problems, bool json) {
  constexpr std::size_t most_shown = 200;
  for (std::size_t i = 0; i < std::min(problems.size(), most_shown); ++i) std::cerr << "error: " << printable(to_string(problems[i])) << "\n";
  if (problems.size() > most_shown) std::cerr << "error: and " << problems.size() - most_shown << " more mistakes. Correct these first\n";
  if (json) {
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const auto& problem : problems)
      list.push_back({{"file", problem.where.file}, {"line", problem.where.line}, {"column", problem.where.column}, {"text", problem.text}});
    std::cout << json_text(nlohmann::ordered_json{{"errors", list}}) << std::endl;
  }
  return 2;
}

void add_command(CLI::App& app, const Command& command, CommandLine& line) {
  CLI::App* sub = app.add_subcommand(command.name, command.doc);
  sub->fallthrough();
  sub->add_option("inputs", line.inputs)->expected(0, any_number);  // counted by check_inputs
  const std::string name = command.name;
  if (command.output) sub->add_option("-o,--output", line.output, command.output)->option_text(name == "simulate" ? "FILE" : "DIR");
  if (command.sets) {
    sub->add_option("--set", line.sets, "change a config value (VALUE is YAML; repeatable)")->allow_extra_args(false)->option_text("a.b.c=VALUE");
    sub->add_option("--seed", line.seed, "seed of all random streams")->check(whole_number("a seed"))->option_text("N");
  }
  if (name == "generate") {
    sub->add_option("--count", line.count, "number of patients instead of the config's")->check(whole_number("a number of patients"))->option_text("N");
    sub->add_option("--shard", line.shard, "make part i of n, i from 1")->option_text("i/n");
    sub->add_flag("--dry-run", line.dry_run, "only say how many, how large and how long");
  }
  if (name == "convert") {
    sub->add_option("--count", line.count, "samples on the contact sheet of a data set (OUT ends in .png; 24 unless said)")->check(whole_number("a number of samples"))->option_text("N");
    sub->add_option("--to", line.layout, "layout to which a whole data set is exported: nnunet, coco, webdataset, nifti or dicom; for a file of channel data: picmus")->option_text("LAYOUT");
  }
  if (name == "train") sub->add_flag("--resume", line.resume, "go on from the last checkpoint");
  if (name == "lab") sub->add_option("--model", line.model, "trained segmenter for the AI bench: a model.pt, or a folder of such (default: the folder out, where it is)")->option_text("FILE");
  if (name == "lab") sub->add_option("--port", line.port, "port on 127.0.0.1")->check(CLI::Range(1, 65535))->option_text("N");
  sub->footer(std::string("Every command also takes --threads N, --json and --quiet.\nExample: ") + command.example);
}

// How many inputs a command takes is checked here, since the parser's own message names neither the command nor its inputs.
void check_inputs(const Command& command, const std::vector<std::string>& inputs) {
  const int given = static_cast<int>(inputs.size());
  if (given <= command.most && std::find(inputs.begin(), inputs.end(), "") != inputs.end() && std::string_view(command.name) != "describe")
    throw UserError("a name is empty (" + std::string(command.name) + " takes " + command.inputs + "). Write for example '" + command.example + "'");
  if (given >= command.fewest && given <= command.most) return;
  std::string list;
  for (const auto& input : inputs) list += (list.empty() ? ": " : ", ") + input;
  throw UserError(std::string(command.name) + " takes " + command.inputs + " (" + (given == 0 ? "nothing was" : std::to_string(given) + (given == 1 ? " was" : " were")) +
                  " given" + list + "). Write for example '" + command.example + "'");
}

// Outputs that were named, but with nothing.
void check_output(const CLI::App& app, const Command& command, const CommandLine& line) {
  if (!command.output || app.get_subcommand(command.name)->get_option("--output")->count() == 0 || !line.output.empty()) return;
  throw UserError(std::string("-o names nothing (it is the ") + command.output + "). Write for example '-o out/mine', or leave it out");
}

// The parser's complaint as "problem (why). Suggestion".
std::string explain(const CLI::ParseError& error, const Command* command, int argc, char** argv) {
  if (!command) {
    std::vector<std::string> names;
    std::string known;
    for (const auto& c : commands) {
      names.emplace_back(c.name);
      known += (known.empty() ? "" : ", ") + names.back();
    }
    const std::string word = argc > 1 && argv[1][0] != '-' ? argv[1] : "";
    const std::string near = nearest_word(word, names);
    return (word.empty() ? "no command is given" : "unknown command '" + word + "'") +
           (near.empty() ? " (known: " + known + "). Write 'sonoforge --help' for what they do" : ". Did you mean '" + near + "'?");
  }
  std::string text = error.what();
  if (dynamic_cast<const CLI::ExtrasError*>(&error)) text = std::string(command->name) + " does not know an argument (" + text + ")";
  return text + ". Write 'sonoforge " + command->name + " --help' for what it takes";
}

// Whoever reads our output has seen enough, as in `sonoforge describe | head`.
bool reader_left() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

// Whether all that was printed arrived.
bool told() {
  return static_cast<bool>(std::cout.flush()) || reader_left();
}
const char* const unwritable_output = "the result could not be written to standard output (the disk may be full). Send it elsewhere";

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Sonoforge: ultrasound channel data, images and labels whose truth is exact by construction.", "sonoforge"};
  app.set_version_flag("--version", std::string("sonoforge ") + SONOFORGE_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.formatter(std::make_shared<HelpFormatter>());
  app.get_formatter()->column_width(34);

  CommandLine line;
  int threads = 0;
  for (const auto& command : commands) add_command(app, command, line);
  app.add_option("--threads", threads, "number of threads (default: all cores; results do not depend on it)")->check(CLI::Range(1, 4096))->option_text("N");
  app.add_flag("--json", line.json, "machine-readable result on stdout");
  app.add_flag("--quiet", line.quiet, "no messages but errors; results (metrics, --json) are still printed");
  app.footer("Exit codes: 0 done, 1 a bug of ours, 2 a mistake in the input, 3 a validation gate failed, 130 interrupted.\n"
             "Start with: sonoforge run configs/quickstart.yaml");

  const Command* chosen = named_command(argc, argv);
  try {
    app.parse(argc, argv);
    check_inputs(*chosen, line.inputs);
    check_output(app, *chosen, line);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error);
      return told() ? 0 : fail({{{}, unwritable_output}}, false);
    }
    const bool json = std::any_of(argv + 1, argv + argc, [](const char* argument) { return std::string_view(argument) == "--json"; });
    return fail({{{}, explain(error, chosen, argc, argv)}}, json);
  } catch (const UserError& error) {
    return fail(error.problems(), line.json);
  }

  install_interrupt_handler();
  set_quiet(line.quiet);
  set_thread_count(threads);
  try {
    const int code = chosen->function(line);
    if (!told()) throw UserError(unwritable_output);
    return code;
  } catch (const UserError& error) {
    return fail(error.problems(), line.json);
  } catch (const ConfigError& error) {
    return fail({{{}, (error.key().empty() ? "" : error.key() + ": ") + error.what()}}, line.json);
  } catch (const Interrupted& error) {
    std::cerr << "interrupted: " << error.what() << "\n";
    return 130;
  } catch (const std::filesystem::filesystem_error& error) {
    return fail({{{error.path1().string(), 0, 0}, "the system refuses this name (" + error.code().message() + "). Choose another one"}}, line.json);
  } catch (const std::bad_alloc&) {
    return fail({{{}, "the memory of this machine is not enough for this input (an array could not be allocated). Use fewer scatterers, "
                      "samples, pixels or frames"}}, line.json);
  } catch (const std::exception& error) {
    std::cerr << "internal error: " << printable(error.what()) << "\nThis is a bug in Sonoforge. Please report it with the config and this command:\n ";
    for (int i = 0; i < argc; ++i) std::cerr << " " << printable(argv[i]);
    std::cerr << "\n";
    return 1;
  }
}
