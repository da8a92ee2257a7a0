#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "ai/communicator.hpp"
#include "ai/sample_store.hpp"
#include "ai/torch/checkpoint.hpp"
#include "ai/torch/network.hpp"

namespace sonoforge {

/// What the members of an ensemble share.
struct TrainingSet {
  Dataset data;
  TensorShape input, truth;  ///< of one sample
  std::int64_t outputs = 1;  ///< channels of raw outputs
  std::unique_ptr<SampleStore> training, validation;
  TruthScale scale;
  std::shared_ptr<const LossConfig> loss;

  TrainingSet(const TrainConfig& config, Dataset opened, const NetworkSource& draft);
};

/// One network trained from one seed into one folder.
class Training {
 public:
  Training(const TrainConfig& config, const TrainingSet& set, std::int64_t seed, std::filesystem::path folder,
           std::string yaml, Communicator& others);
  /// Reads the last checkpoint, if there is one.
  void start();
  bool finished() const;
  void run_epoch();
  const Checkpoint& state() const { return state_; }
  std::size_t parameter_count() const { return network_.parameter_count(); }

  /// The best epoch's network: its source with everything measured built in, and its parameters.
  struct Best {
    NetworkSource source;
    std::vector<float> parameters;
    double temperature = 1;
    std::int64_t epoch = 0;
  };
  Best best();

 private:
  std::filesystem::path last_file() const { return folder_ / "checkpoints" / "last.hdf5"; }
  std::filesystem::path best_file() const { return folder_ / "checkpoints" / "best.hdf5"; }
  double learning_rate() const;
  void prepare(std::size_t k, Example& example, std::vector<float>& keep) const;
  void validate(Epoch& epoch) const;
  bool better(const Epoch& epoch) const;
  [[noreturn]] void diverged(const std::string& what, const std::vector<std::string>& ids, double rate) const;
  void write_progress() const;

  const TrainConfig& config_;
  const TrainingSet& set_;
  std::int64_t seed_;
  std::filesystem::path folder_;
  std::string yaml_;
  Communicator& others_;
  RandomStream random_;
  NetworkSource source_;
  Network network_;
  Checkpoint state_;
  std::vector<std::size_t> order_;  ///< of the epoch that is under way
};

/// The text of history.csv.
std::string history_text(const std::vector<Epoch>& history, const std::string& score_name);

}  // namespace sonoforge
