#include "ai/torch/training.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ai/several.hpp"
#include "ai/temperature.hpp"
#include "ai/tensorboard.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/units.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// So many times the best training loss (and one more) is no training any more.
constexpr double divergence = 100;

}  // namespace

std::string history_text(const std::vector<Epoch>& history, const std::string& score_name) {
  std::string text = "epoch,learning_rate,training_loss,validation_loss,validation_" + score_name + "\n";
  auto number = [](double value) { return std::isnan(value) ? std::string() : shortest_number(value); };
  for (const Epoch& e : history)
    text += csv_line({std::to_string(e.epoch), number(e.learning_rate), number(e.training_loss), number(e.validation_loss), number(e.validation_score)});
  return text;
}

TrainingSet::TrainingSet(const TrainConfig& config, Dataset opened, const NetworkSource& draft)
    : data(std::move(opened)), input(draft.input), truth(draft.output), outputs(draft.output.channels) {
  const auto* several = dynamic_cast<const SeveralTask*>(config.task.value.get());
  loss = several ? std::make_shared<SeveralLoss>(*several) : std::shared_ptr<const LossConfig>(config.loss.value);
  const auto train_rows = data.rows_of("train"), validation_rows = data.rows_of("validation");
  if (train_rows.empty())
    throw UserError("'" + config.data.string() + "' has no samples in split train (nothing to learn from). Generate more patients or another split");
  training = std::make_unique<SampleStore>(config, data, train_rows, truth, "training samples");
  validation = std::make_unique<SampleStore>(config, data, validation_rows, truth, "validation samples");
  truth = training->truth_shape();
  scale = training->scale();
  log_info("Data: " + std::to_string(training->size()) + " training and " + std::to_string(validation->size()) + " validation samples");
  const auto classes = training->classes();
  if (config.task->kind() == TruthKind::mask && std::count(classes.begin(), classes.end(), std::size_t{1}) == 0)
    throw UserError("no training image shows '" + config.task->output_names().front() + "' (every mask is empty). Check the label's name and the data set");
  if (config.task->kind() == TruthKind::classes && std::count(classes.begin(), classes.end(), classes.front()) == static_cast<std::ptrdiff_t>(classes.size()))
    throw UserError("all training samples are of one class (nothing can be told apart). Check 'task.positive' or 'task.classes' and the data set");
}

Training::Training(const TrainConfig& config, const TrainingSet& set, std::int64_t seed, std::filesystem::path folder,
                   std::string yaml, Communicator& others)
    : config_(config), set_(set), seed_(seed), folder_(std::move(folder)), yaml_(std::move(yaml)), others_(others),
      random_(static_cast<std::uint64_t>(seed), 0, "train"), source_(network_source(config, set.scale)),
      network_(source_, random_.child("weights")) {
  state_.config = yaml_;
  state_.data_hash = set.data.hash;
  state_.seed = seed;
  state_.parameters = network_.parameters();
  state_.first.assign(state_.parameters.size(), 0.0F);
  state_.second = state_.first;
  state_.best_score = nan;
}

void Training::start() {
  if (std::filesystem::exists(last_file())) {
    Checkpoint found = read_checkpoint(last_file(), state_.parameters.size());
    if (found.config != yaml_ || found.data_hash != set_.data.hash || found.seed != seed_)
      throw UserError("'" + last_file().string() + "' comes from another config or data set (a resumed training must not differ). Restore them or choose another folder");
    state_ = std::move(found);
    network_.set_parameters(state_.parameters);
    log_info("Resuming after epoch " + std::to_string(state_.history.size()) +
             (state_.steps_in_epoch > 0 ? " and " + std::to_string(state_.steps_in_epoch) + " steps" : ""));
  }
}

bool Training::finished() const {
  const auto done = static_cast<std::int64_t>(state_.history.size());
  return done >= config_.epochs || (config_.patience > 0 && set_.validation->size() > 0 && done - state_.best_epoch >= config_.patience);
}

double Training::learning_rate() const {
  std::vector<double> losses;
  for (const Epoch& e : state_.history) losses.push_back(std::isnan(e.validation_loss) ? e.training_loss : e.validation_loss);
  const auto batch = static_cast<std::size_t>(config_.batch);
  const auto steps = static_cast<std::int64_t>((set_.training->size() + batch - 1) / batch);
  return config_.optimizer->learning_rate * config_.schedule->factor({state_.steps, steps, config_.epochs, losses});
}

void Training::prepare(std::size_t k, Example& example, std::vector<float>& keep) const {
  const auto epoch = static_cast<std::uint64_t>(state_.history.size());
  const RandomStream random = random_.child("epoch", epoch).child("sample", k);
  example = set_.training->example(order_[k], set_.scale, &random);
  keep.resize(source_.keeps > 0 ? static_cast<std::size_t>(source_.keeps) : 0);
  const RandomStream off = random.child("dropout");
  for (std::size_t i = 0; i < keep.size(); ++i)
    keep[i] = off.uniform_at(i) < source_.dropout ? 0.0F : static_cast<float>(1 / (1 - source_.dropout));
}

void Training::diverged(const std::string& what, const std::vector<std::string>& ids, double rate) const {
  float largest = 0;
  for (const float value : state_.parameters) largest = std::max(largest, std::abs(value));
  std::string images;
  for (std::size_t i = 0; i < std::min<std::size_t>(ids.size(), 4); ++i) images += (i ? ", " : "") + ids[i];
  throw UserError("training stopped in epoch " + std::to_string(state_.history.size() + 1) + ": " + what + " at samples " + images + (ids.size() > 4 ? ", ..." : "") +
                  " (learning rate " + format_number(rate) + ", largest parameter " + format_number(double{largest}) +
                  "; inputs were checked to be numbers, so the steps were too large). Lower optimizer.learning_rate, for example to " +
                  format_number(config_.optimizer->learning_rate / 10) + (config_.clip == 0 ? ", or limit the gradient: 'clip: 1'" : ""));
}

void Training::run_epoch() {
  const auto number = static_cast<std::int64_t>(state_.history.size()) + 1;
  const std::size_t samples = set_.training->size(), batch = static_cast<std::size_t>(config_.batch);
  order_ = sampling_order(samples, config_.balanced ? set_.training->classes() : std::vector<std::size_t>{}, random_.child("order", static_cast<std::uint64_t>(number)));
  const std::size_t first_step = static_cast<std::size_t>(state_.steps_in_epoch);
  Progress progress("Epoch " + std::to_string(number) + "/" + std::to_string(config_.epochs), samples, "samples");
  progress.advance(std::min(first_step * batch, samples));
  Epoch epoch{number, 0, 0, nan, nan};

  // What one process learns from of one batch.
  struct Part {
    std::size_t begin = 0, end = 0;  ///< of the order
    SampleArrays inputs, truths, keeps;
  };
  const auto part_of = [&](std::size_t begin) {
    Part part;
    const std::size_t count = begin < samples ? std::min(batch, samples - begin) : 0;
    const Share share = share_of(count, others_.rank(), others_.size());
    part.begin = begin + share.first, part.end = begin + share.last;
    for (auto* arrays : {&part.inputs, &part.truths, &part.keeps}) arrays->resize(part.end - part.begin);
    return part;
  };
  const auto fill = [&](Part& part, std::size_t i) {
    Example example;
    prepare(part.begin + i, example, part.keeps[i]);
    part.inputs[i] = std::move(example.input);
    part.truths[i] = std::move(example.truth);
  };
  Part next = part_of(first_step * batch);
  parallel_for(next.inputs.size(), [&](std::size_t i) { fill(next, i); });
  for (std::size_t step = first_step; step * batch < samples; ++step) {
    const Part now = std::move(next);
    const std::size_t begin = step * batch, end = std::min(samples, begin + batch);
    next = part_of(end);
    auto found = network_.gradient(*set_.loss, {now.inputs, now.truths, now.keeps, set_.input, set_.truth}, next.inputs.size(),
                                   [&](std::size_t i) { fill(next, i); });
    std::vector<double> sum(1, 0.0);
    for (const double loss : found.losses) sum[0] += loss;
    others_.sum(sum);
    others_.sum(found.gradient);
    const double rate = learning_rate();
    std::vector<std::string> ids;
    for (std::size_t k = begin; k < end; ++k) ids.push_back(set_.training->id(order_[k]));
    if (!std::isfinite(sum[0])) diverged("the loss is not a number", ids, rate);
    for (float& g : found.gradient) g /= static_cast<float>(end - begin);
    if (!std::isfinite(gradient_length(found.gradient))) diverged("the gradient is not a number", ids, rate);
    if (config_.clip > 0) clip_gradient(found.gradient, config_.clip);
    state_.loss_sum += sum[0];
    config_.optimizer->step(state_.parameters, found.gradient, state_.first, state_.second, state_.steps + 1, rate);
    ++state_.steps;
    ++state_.steps_in_epoch;
    network_.set_parameters(state_.parameters);
    epoch.learning_rate = rate;
    progress.advance(end - begin);
    if (config_.checkpoint_steps > 0 && end < samples && state_.steps % config_.checkpoint_steps == 0 && others_.rank() == 0)
      write_checkpoint(last_file(), state_);
  }
  epoch.training_loss = state_.loss_sum / static_cast<double>(samples);
  double best_loss = epoch.training_loss;
  for (const Epoch& e : state_.history) best_loss = std::min(best_loss, e.training_loss);
  if (epoch.training_loss > divergence * (std::abs(best_loss) + 1))
    diverged("the loss has grown to " + format_number(epoch.training_loss) + " from " + format_number(best_loss), {"of the whole epoch"}, epoch.learning_rate);
  validate(epoch);
  const bool best = better(epoch);
  state_.steps_in_epoch = 0;
  state_.loss_sum = 0;
  state_.history.push_back(epoch);
  if (best) {
    state_.best_epoch = number;
    state_.best_score = epoch.validation_score;
  }
  if (others_.rank() != 0) return;
  // The best model is written before the state that counts its epoch as done: a kill in between repeats the epoch to the
  // same bits.
  if (best) write_checkpoint(best_file(), state_);
  write_progress();
  write_checkpoint(last_file(), state_);
}

bool Training::better(const Epoch& epoch) const {
  if (set_.validation->size() == 0 || state_.best_epoch == 0) return true;
  if (config_.task->chosen_by_loss() || std::isnan(epoch.validation_score) || std::isnan(state_.best_score)) {
    const double before = state_.history[static_cast<std::size_t>(state_.best_epoch - 1)].validation_loss;
    return epoch.validation_loss < before;
  }
  return config_.task->higher_is_better() ? epoch.validation_score > state_.best_score : epoch.validation_score < state_.best_score;
}

void Training::validate(Epoch& epoch) const {
  const SampleStore& store = *set_.validation;
  if (store.size() == 0) return;
  double loss = 0;
  std::vector<ScoredSample> scored;
  // In parts, so that inputs that are read anew need little memory.
  constexpr std::size_t together = 64;
  for (std::size_t begin = 0; begin < store.size(); begin += together) {
    const std::size_t count = std::min(together, store.size() - begin);
    SampleArrays inputs(count), truths(count);
    parallel_for(count, [&](std::size_t i) {
      Example example = store.example(begin + i, set_.scale, nullptr);
      inputs[i] = std::move(example.input);
      truths[i] = std::move(example.truth);
    });
    for (const double one : network_.losses(*set_.loss, inputs, truths, set_.input, set_.truth)) loss += one;
    auto found = network_.outputs(inputs, set_.input);
    for (std::size_t i = 0; i < count; ++i) scored.push_back({std::move(found[i]), store.truth(begin + i)});
  }
  epoch.validation_loss = loss / static_cast<double>(store.size());
  epoch.validation_score = config_.task->score(scored, set_.truth);
}

void Training::write_progress() const {
  const std::string score = config_.task->score_name();
  write_file_atomically(folder_ / "history.csv", history_text(state_.history, score));
  std::vector<ScalarEvent> events;
  for (const Epoch& e : state_.history) {
    const auto add = [&](const std::string& tag, double value) {
      // A second an epoch, so that the same training gives the same bytes.
      if (!std::isnan(value)) events.push_back({e.epoch, static_cast<double>(e.epoch), tag, static_cast<float>(value)});
    };
    add("loss/training", e.training_loss);
    add("loss/validation", e.validation_loss);
    add(score + "/validation", e.validation_score);
    add("learning_rate", e.learning_rate);
  }
  make_folder(folder_ / "tensorboard");
  write_tensorboard(folder_ / "tensorboard" / "events.out.tfevents.0.sonoforge", events);
}

Training::Best Training::best() {
  const Checkpoint chosen = read_checkpoint(best_file(), state_.parameters.size());
  Best best{source_, chosen.parameters, 1, state_.best_epoch};
  if (config_.calibrate && set_.validation->size() > 0) {
    network_.set_parameters(chosen.parameters);
    SampleArrays inputs, truths;
    for (std::size_t i = 0; i < set_.validation->size(); ++i) {
      Example example = set_.validation->example(i, set_.scale, nullptr);
      inputs.push_back(std::move(example.input));
      truths.push_back(std::move(example.truth));
    }
    best.temperature = best_temperature(network_.logits(inputs, set_.input), truths, config_.task->channels());
    best.source = network_source(config_, set_.scale, best.temperature);
    network_.set_parameters(state_.parameters);
  }
  return best;
}

}  // namespace sonoforge
