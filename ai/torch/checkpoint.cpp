#include "ai/torch/checkpoint.hpp"

#include "io/file_checks.hpp"
#include "io/hdf5.hpp"

namespace sonoforge {

void write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint) {
  Hdf5Writer writer(file);
  writer.write_text("config", checkpoint.config);
  writer.write_text("data_sha256", checkpoint.data_hash);
  writer.write_scalar<std::int64_t>("seed", checkpoint.seed);
  writer.write_scalar<std::int64_t>("steps", checkpoint.steps);
  writer.write_scalar<std::int64_t>("steps_in_epoch", checkpoint.steps_in_epoch);
  writer.write_scalar<double>("loss_sum", checkpoint.loss_sum);
  writer.write_scalar<std::int64_t>("best_epoch", checkpoint.best_epoch);
  writer.write_scalar<double>("best_score", checkpoint.best_score);
  for (const auto& [name, values] : {std::pair{"parameters", &checkpoint.parameters}, {"first_moment", &checkpoint.first}, {"second_moment", &checkpoint.second}})
    writer.write<float>(name, *values, {values->size()});
  std::vector<double> history;
  for (const Epoch& e : checkpoint.history)
    history.insert(history.end(), {static_cast<double>(e.epoch), e.learning_rate, e.training_loss, e.validation_loss, e.validation_score});
  writer.write<double>("history", history, {checkpoint.history.size(), 5},
                       {"-", "Epoch, learning rate, training loss, validation loss, validation score."});
  writer.commit();
}

Checkpoint read_checkpoint(const std::filesystem::path& file, std::size_t parameters) {
  const Hdf5Reader reader(file);
  Checkpoint checkpoint;
  checkpoint.config = reader.read_text("config");
  checkpoint.data_hash = reader.read_text("data_sha256");
  checkpoint.seed = reader.read_scalar<std::int64_t>("seed");
  checkpoint.steps = reader.read_scalar<std::int64_t>("steps");
  checkpoint.steps_in_epoch = reader.read_scalar<std::int64_t>("steps_in_epoch");
  checkpoint.loss_sum = reader.read_scalar<double>("loss_sum");
  checkpoint.best_epoch = reader.read_scalar<std::int64_t>("best_epoch");
  checkpoint.best_score = reader.read_scalar<double>("best_score");
  const std::vector<std::ptrdiff_t> shape{static_cast<std::ptrdiff_t>(parameters)};
  checkpoint.parameters = reader.read<float>("parameters", shape);
  checkpoint.first = reader.read<float>("first_moment", shape);
  checkpoint.second = reader.read<float>("second_moment", shape);
  const auto history = reader.read<double>("history", {-1, 5});
  for (std::size_t i = 0; i + 5 <= history.size(); i += 5)
    checkpoint.history.push_back({static_cast<std::int64_t>(history[i]), history[i + 1], history[i + 2], history[i + 3], history[i + 4]});
  if (checkpoint.steps < 0 || checkpoint.steps_in_epoch < 0)
    refuse_file(file, "this checkpoint counts its steps below zero. Train in a new folder");
  return checkpoint;
}

}  // namespace sonoforge
