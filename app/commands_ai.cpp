#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <tuple>

#include <nlohmann/json.hpp>

#include "ai/generate.hpp"
#include "ai/sha256.hpp"
#include "ai/stream.hpp"
#include "ai/train.hpp"
#include "ai/validate.hpp"
#include "app/commands.hpp"
#include "app/experiment.hpp"
#include "app/study.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "io/json_text.hpp"
#include "io/memory_file.hpp"
#include "recon/iq.hpp"

namespace sonoforge {

namespace {

// "i/n", i from 1.
std::pair<std::int64_t, std::int64_t> parse_shard(const std::string& text) {
  const auto wrong = [&]() { return UserError("--shard " + text + " (needs i/n with i from 1 to n). Write for example '--shard 1/4'"); };
  const auto slash = text.find('/');
  if (slash == std::string::npos || slash == 0 || slash > 9 || text.size() - slash > 10) throw wrong();
  for (char c : text.substr(0, slash) + text.substr(slash + 1))
    if (c < '0' || c > '9') throw wrong();
  if (slash + 1 == text.size()) throw wrong();
  const std::int64_t i = std::stoll(text.substr(0, slash)), n = std::stoll(text.substr(slash + 1));
  if (i < 1 || i > n) throw wrong();
  return {i, n};
}

struct DatasetSections : Configurable {
  DatasetConfig dataset;
  StoreConfig store;
  void fields(FieldVisitor& visit) override {
    visit.object(dataset, {.key = "dataset", .doc = "How many patients, and their split."});
    visit.object(store, {.key = "store", .doc = "What each file holds, and how."});
  }
};

// All other keys belong to the experiment.
DatasetSections read_dataset(const ConfigTree& tree) {
  std::vector<std::string> others;
  for (const auto& entry : tree.root().entries)
    if (entry.key != "dataset" && entry.key != "store") others.push_back(entry.key);
  DatasetSections sections;
  tree.read(sections, others);
  if (sections.dataset.store) {
    const ConfigNode* twice = tree.root().find("store");
    if (twice && twice->find("parts"))
      throw UserError(Problem{twice->find("parts")->where, "both dataset.store and store.parts are given (they mean the same). Remove one"});
    sections.store.parts = *sections.dataset.store;
  }
  return sections;
}

/// The quadrature components of all records, at the same sampling rate.
void demodulate(Acquisition& acquisition) {
  acquisition.demodulation_frequency = acquisition.centre_frequency;
  acquisition.components.clear();
  acquisition.samples_q = NdArray<float, 4>(acquisition.samples.shape());
  const Demodulator<float> demodulator({acquisition.sampling_rate, acquisition.centre_frequency}, acquisition.samples_per_channel());
  const std::size_t length = acquisition.samples_per_channel();
  parallel_for(acquisition.samples.size() / length, [&](std::size_t record) {
    const auto rf = acquisition.samples.flat().subspan(record * length, length);
    const auto q = acquisition.samples_q.flat().subspan(record * length, length);
    std::vector<std::complex<float>> iq(length);
    demodulator(rf, iq);
    for (std::size_t i = 0; i < length; ++i) rf[i] = iq[i].real(), q[i] = iq[i].imag();
  });
}

struct MadeSample {
  ZeaFile content;
  ImagePrint print;
};

/// What the file of a sample holds.
MadeSample make_sample(const std::string& config_file, const StoreConfig& store, std::uint64_t patient, const SampleSpec& sample) {
  const Experiment experiment = Experiment::build(ConfigTree::parse(sample.config, config_file), {"phantom", "probe", "sequence", "receive"}, sample.factors);
  RunResult result = run(experiment, false);
  ZeaFile& content = result.file;
  const ImagePrint print = image_print(content.images.front());
  if (store.holds("iq")) demodulate(content.acquisition);
  if (!store.holds("rf") && !store.holds("iq")) {
    content.acquisition.samples = {};
    content.acquisition.components.clear();
    content.scatterer_positions.clear();
    content.scatterer_amplitudes.clear();
  }
  if (store.holds("beamformed")) content.beamformed = std::move(result.beamformed);
  if (!store.holds("labels")) content.labels.clear();
  if (!store.holds("image")) {
    content.images.clear();
    if (!store.holds("beamformed")) content.image_grid.reset();
  }
  content.subject_id = patient_name(patient);
  return {std::move(content), print};
}

ZeaStorage storage_of(const StoreConfig& store) {
  ZeaStorage storage{store.type == StoreConfig::Type::int16, std::nullopt};
  if (store.compression) storage.compression = static_cast<int>(*store.compression);
  return storage;
}

// What a config without a model is for shows in its sections: an acquisition or a set of them, a field, or how to make an image of a
// file that exists.
std::vector<std::string> needed_sections(const ConfigNode& root) {
  const auto has = [&](const char* key) { return root.find(key) != nullptr; };
  if (has("field") && !(has("phantom") && has("receive"))) return {"probe", "sequence"};
  const bool acquires = has("phantom") || has("probe") || has("sequence") || has("receive") || has("dataset");
  if (!acquires && (has("beamformer") || has("image"))) return {};
  return {"phantom", "probe", "sequence", "receive"};
}

/// Files that a config names anywhere, with their hashes: scatterers, label maps, tables of factors.
std::map<std::string, std::string> hashes_of_inputs(const ConfigTree& tree) {
  std::map<std::string, std::string> hashes;
  const std::filesystem::path folder = tree.file().parent_path();
  const std::function<void(const ConfigNode&)> walk = [&](const ConfigNode& node) {
    std::error_code error;
    if (node.kind == ConfigNode::Kind::scalar && node.scalar.find('.') != std::string::npos &&
        std::filesystem::is_regular_file(folder / node.scalar, error))
      hashes.emplace(node.scalar, sha256_of_file(folder / node.scalar));
    for (const auto& item : node.items) walk(item);
    for (const auto& entry : node.entries) walk(entry.value);
  };
  walk(tree.root());
  return hashes;
}

/// Splits that cannot be balanced as asked are told before the work.
void check_splits(const ConfigTree& tree, const DatasetConfig& dataset, std::uint64_t seed) {
  tree.locate("dataset.split", [&] {
    PatientSplits(dataset.split, seed, [&](std::uint64_t patient) { return draw_samples(tree, seed, patient).front().factors; });
  });
}

/// The first patient shows the mistakes of the config before anything is made: where they stand in the file, then in each sample.
void check_first_patient(const ConfigTree& tree, const std::filesystem::path& file, const std::vector<std::string>& sets, std::optional<std::uint64_t> seed) {
  const std::vector<std::string> needs{"phantom", "probe", "sequence", "receive"};
  const auto loaded = load_config(file, sets, seed);
  Experiment::build(loaded.tree, needs, loaded.factors);
  for (const SampleSpec& first : draw_samples(tree, seed_of(tree), 0)) Experiment::build(ConfigTree::parse(first.config, file.string()), needs);
}

// Every mistake of all its readers, each once.
void check_acquisition(const ConfigTree& tree, const CommandLine& line) {
  std::vector<Problem> problems;
  const auto attempt = [&](const std::function<void()>& work) {
    try {
      work();
    } catch (const UserError& error) {
      add_once(problems, error.problems());
    }
  };
  const ConfigNode& root = tree.root();
  if (root.find("dataset") || root.find("store"))
    attempt([&] {
      const DatasetConfig dataset = read_dataset(tree).dataset;
      if (!dataset.split.stratify.empty()) check_splits(tree, dataset, seed_of(tree));
    });
  if (problems.empty() && (root.find("visits") || root.find("twins"))) attempt([&] { draw_samples(tree, seed_of(tree), 0); });
  attempt([&] {
    const auto loaded = load_config(line.inputs[0], line.sets, line.seed);
    Experiment::build(loaded.tree, needed_sections(root), loaded.factors).check_image();
  });
  sort_by_place(problems);
  if (!problems.empty()) throw UserError(std::move(problems));
}

}  // namespace

int check_command(const CommandLine& line) {
  ConfigTree tree = ConfigTree::load(line.inputs[0]);
  for (const auto& assignment : line.sets) tree.set(assignment);
  const ConfigNode& root = tree.root();
  const auto has_one_of = [&](const std::vector<std::string>& keys) { return std::any_of(keys.begin(), keys.end(), [&](const auto& key) { return root.find(key) != nullptr; }); };
  const bool learns = root.find("data") && !root.find("phantom") && has_one_of({"model", "predictions", "task", "optimizer", "loss", "epochs"});
  const ConfigNode* model = root.find("model");
  const bool judges = has_one_of({"predictions", "torchscript", "gates", "metrics", "subgroups", "split", "threshold", "truth"}) ||
                      (model && model->kind == ConfigNode::Kind::scalar && model->scalar.ends_with(".pt"));
  if (root.find("study")) {
    const auto study = take_study(tree);
    study->check_acquisition(tree);
  } else if (learns && !judges && has_one_of({"task", "optimizer", "loss", "schedule", "epochs", "batch"})) {
    TrainConfig config;
    tree.read(config);
  } else if (learns) {
    ValidateConfig config;
    tree.read(config);
  } else {
    check_acquisition(tree, line);
  }
  if (line.json) std::cout << "{\"errors\": []}\n";
  else std::cout << line.inputs[0] << ": no mistakes found\n";
  return 0;
}

Dataset open_data(const std::filesystem::path& data) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(data, ignored)) return Dataset::open(data);
  const auto tree = std::make_shared<ConfigTree>(ConfigTree::load(data));
  const DatasetSections sections = read_dataset(*tree);
  StreamRequest request;
  request.config = sections.dataset;
  request.text = tree->text();
  request.seed = seed_of(*tree);
  request.file = data;
  check_first_patient(*tree, data, {}, {});
  check_splits(*tree, request.config, request.seed);
  request.inputs = hashes_of_inputs(*tree);
  request.draw = [tree, seed = request.seed](std::uint64_t patient) { return draw_samples(*tree, seed, patient); };
  // Through the file format and back, in memory: what a stored set would give, to the bit.
  request.make = [store = sections.store, name = data.string()](std::uint64_t patient, const SampleSpec& sample) {
    const MemoryFile file;
    write_zea(file.path(), make_sample(name, store, patient, sample).content, storage_of(store));
    return read_zea(file.path());
  };
  return stream_dataset(std::move(request));
}

int generate_command(const CommandLine& line) {
  ConfigTree tree = ConfigTree::load(line.inputs[0]);
  for (const auto& assignment : line.sets) tree.set(assignment);
  if (line.seed) tree.set("seed=" + std::to_string(*line.seed));
  GenerateRequest request;
  const DatasetSections sections = read_dataset(tree);
  request.config = sections.dataset;
  request.store = sections.store;
  request.text = tree.text();
  request.seed = seed_of(tree);
  request.folder = output_folder(line);
  if (line.count) request.count = static_cast<std::int64_t>(*line.count);
  if (!line.shard.empty()) std::tie(request.shard, request.shards) = parse_shard(line.shard);
  request.dry_run = line.dry_run;
  check_first_patient(tree, line.inputs[0], line.sets, line.seed);
  check_splits(tree, request.config, request.seed);
  request.inputs = hashes_of_inputs(tree);
  request.draw = [&](std::uint64_t patient) { return draw_samples(tree, request.seed, patient); };
  request.simulate = [&](std::uint64_t patient, const SampleSpec& sample, const std::filesystem::path& file) {
    const MadeSample made = make_sample(line.inputs[0], request.store, patient, sample);
    write_zea(file, made.content, storage_of(request.store));
    return made.print;
  };
  const GenerateResult result = generate_dataset(request);
  if (!result.checks.clean())
    log_warning("the checks found patients in two splits, or images of different patients that are (nearly) equal; see 'Checks' in " +
                (request.folder / "README.md").string());
  if (line.json) {
    std::cout << json_text(nlohmann::ordered_json{{"folder", request.folder.string()}, {"dry_run", line.dry_run}, {"samples", result.samples}, {"made", result.made},
                                        {"kept", result.kept}, {"listed", result.listed}, {"bytes", result.bytes}, {"seconds", result.seconds},
                                        {"patients_in_two_splits", result.checks.patients_in_two_splits.size()},
                                        {"equal_files", result.checks.equal_files}, {"near_duplicates", result.checks.pairs.count}})
              << "\n";
  } else if (line.dry_run) {
    std::cout << result.samples << " samples, about " << static_cast<double>(result.bytes) / 1e6 << " MB and " << result.seconds << " s\n";
  } else if (!line.quiet) {
    std::cout << "wrote " << request.folder.string() << ": " << result.made << " samples made, " << result.kept << " kept, " << result.listed << " listed\n";
  }
  return 0;
}

}  // namespace sonoforge
