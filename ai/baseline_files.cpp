#include "ai/baseline_files.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "ai/classical.hpp"
#include "ai/mask_measures.hpp"
#include "ai/model_input.hpp"
#include "ai/resample.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/hdf5.hpp"

namespace sonoforge {
namespace {

struct Sample {
  PixelGrid grid;                          ///< of the file
  std::vector<std::vector<float>> frames;  ///< at the model's size
  std::vector<float> mask;                 ///< of the first
  std::vector<float> truth;                ///< of the task, where it is not the mask
};

/// Samples of the baseline, and what its methods share.
class BaselineWriter {
 public:
  BaselineWriter(const TrainConfig& config, const Dataset& data, std::filesystem::path folder)
      : config_(config), data_(data), folder_(std::move(folder)), rows_(static_cast<std::size_t>(config.image_size[0])),
        columns_(static_cast<std::size_t>(config.image_size[1])), training_(data.rows_of("train")), samples_(data.manifest.rows.size()) {
    read();
    make_folder(folder_);
  }

  void mark() {
    const auto found = fit_threshold();
    parallel_for(samples_.size(), [&](std::size_t row) {
      const Sample& one = samples_[row];
      const auto mask = found.mark(one.frames.front(), rows_, columns_);
      const auto back = resample(std::vector<float>(mask.begin(), mask.end()), rows_, columns_, one.grid.z.count, one.grid.x.count);
      Hdf5Writer writer(folder_ / (id(row) + ".hdf5"));
      writer.write<float>("prediction", back, {one.grid.z.count, one.grid.x.count}, {"", "Marked by a threshold.", 4});
      writer.commit();
    });
  }

  void classify() {
    std::vector<std::vector<double>> features;
    for (const Sample& one : samples_) features.push_back(size_and_contrast(one.frames.front(), one.mask, rows_, columns_));
    std::vector<std::uint8_t> truth;
    for (const auto row : training_) truth.push_back(samples_[row].truth.front() != 0);
    const auto found = LogisticRegression::fit(of_training(features), truth);
    json_ = {{"method", "logistic regression on size and contrast"}, {"features", {"log area", "contrast [dB]"}}, {"mean", found.mean},
             {"deviation", found.deviation}, {"weights", found.weights}};
    std::string text = "id,prediction\n";
    for (std::size_t row = 0; row < samples_.size(); ++row) text += csv_line({id(row), shortest_number(found.probability(features[row]))});
    write_file_atomically(folder_ / "predictions.csv", text);
  }

  void measure() {
    const auto threshold = fit_threshold();
    std::vector<std::vector<double>> features(samples_.size());
    parallel_for(samples_.size(), [&](std::size_t row) {
      std::vector<MaskMeasures> measures;
      for (const auto& frame : samples_[row].frames)
        measures.push_back(measure_mask(threshold.mark(frame, rows_, columns_), resized(samples_[row].grid, rows_, columns_)));
      features[row] = outline_features(measures);
    });
    const auto names = config_.task->output_names();
    const std::string unit = config_.task->unit(data_);
    std::vector<LinearRegression> found;
    for (std::size_t k = 0; k < names.size(); ++k) {
      std::vector<double> truth;
      for (const auto row : training_) truth.push_back(samples_[row].truth[k]);
      found.push_back(LinearRegression::fit(of_training(features), truth));
      json_["regressions"].push_back({{"truth", names[k]}, {"mean", found[k].mean}, {"deviation", found[k].deviation}, {"weights", found[k].weights}});
    }
    json_["method"] = "linear regression on outlines by threshold with morphology";
    json_["features"] = outline_feature_names(samples_.front().frames.size());
    std::vector<std::string> header{"id", "prediction" + (unit.empty() ? "" : " [" + unit + "]")};
    header.insert(header.end(), names.begin(), names.end());
    std::string text = csv_line(header);
    for (std::size_t row = 0; row < samples_.size(); ++row) {
      std::vector<std::string> cells{id(row), shortest_number(found.front().value(features[row]))};
      for (const auto& one : found) cells.push_back(shortest_number(one.value(features[row])));
      text += csv_line(cells);
    }
    write_file_atomically(folder_ / "predictions.csv", text);
  }

  /// The image of the few transmits.
  void show() {
    parallel_for(samples_.size(), [&](std::size_t row) {
      const Sample& one = samples_[row];
      const auto back = resample(one.frames.front(), rows_, columns_, one.grid.z.count, one.grid.x.count);
      Hdf5Writer writer(folder_ / (id(row) + ".hdf5"));
      writer.write<float>("prediction", back, {one.grid.z.count, one.grid.x.count}, {"dB", "Image of few transmits.", 4});
      writer.commit();
    });
    json_ = {{"method", "image of few transmits"}, {"transmits", config_.task->transmits_kept()}};
  }

  void finish() const { write_file_atomically(folder_ / "baseline.json", json_.dump(2) + "\n"); }

 private:
  const std::string& id(std::size_t row) const { return data_.manifest.rows[row].id; }

  void read() {
    const TensorShape shape{1, static_cast<std::int64_t>(rows_), static_cast<std::int64_t>(columns_)};
    const bool marks = config_.task->kind() == TruthKind::mask;
    SegmentationTask target;
    if (!config_.baseline_classes.empty()) {
      target.label = config_.baseline_classes.front();
      target.also.assign(config_.baseline_classes.begin() + 1, config_.baseline_classes.end());
    }
    const TaskConfig& masks_of = marks ? *config_.task : static_cast<const TaskConfig&>(target);
    InputConfig input = config_.input();
    input.input = "image";
    parallel_for(samples_.size(), [&](std::size_t row) {
      const ZeaFile content = data_.content(row);
      const SampleRecord record{content, data_.manifest, row};
      Sample& one = samples_[row];
      const std::string& file = data_.manifest.rows[row].file;
      InputConfig as_stored = input;
      // The image of few transmits, made as the set's own images of all of them are.
      const auto own = config_.task->transmits_kept() > 0 ? own_imaging(content, file) : std::nullopt;
      if (own) as_stored.beamformer = own->beamformer.value.get(), as_stored.compensation = own->compensation;
      const auto values = model_input(as_stored, content, file);
      for (auto at = values.begin(); at < values.end(); at += static_cast<std::ptrdiff_t>(shape.size()))
        one.frames.emplace_back(at, at + static_cast<std::ptrdiff_t>(shape.size()));
      one.grid = content.images.front().grid;
      if (config_.task->transmits_kept() > 0) return;
      one.mask = masks_of.truth(record, shape);
      if (!marks) one.truth = config_.task->truth(record, {1, 1, 1});
    });
  }

  ThresholdBaseline fit_threshold() {
    // A few numbers need few images: at most 64, evenly from the split.
    const std::size_t used = std::min<std::size_t>(64, training_.size());
    std::vector<std::vector<float>> images, masks;
    for (std::size_t k = 0; k < used; ++k) {
      const Sample& one = samples_[training_[k * training_.size() / used]];
      images.push_back(one.frames.front()), masks.push_back(one.mask);
    }
    double score = 0;
    const auto found = ThresholdBaseline::fit(images, masks, rows_, columns_, score);
    json_ = {{"method", "threshold with morphology"}, {"blur", found.blur}, {"flatten", found.flatten}, {"darker", found.darker},
             {"threshold", found.threshold}, {"radius", found.radius}, {"training_images", used}, {"training_dice", score}};
    log_info("Baseline: threshold with morphology, Dice " + shortest_number(std::round(score * 1e4) / 1e4) + " on " + std::to_string(used) + " training images");
    return found;
  }

  std::vector<std::vector<double>> of_training(const std::vector<std::vector<double>>& all) const {
    std::vector<std::vector<double>> chosen;
    for (const auto row : training_) chosen.push_back(all[row]);
    return chosen;
  }

  const TrainConfig& config_;
  const Dataset& data_;
  std::filesystem::path folder_;
  std::size_t rows_, columns_;
  std::vector<std::size_t> training_;
  std::vector<Sample> samples_;
  nlohmann::ordered_json json_;
};

}  // namespace

void write_baseline(const TrainConfig& config, const Dataset& data, const std::filesystem::path& folder) {
  BaselineWriter writer(config, data, folder);
  if (config.task->kind() == TruthKind::mask) writer.mark();
  else if (config.task->kind() == TruthKind::classes) writer.classify();
  else if (config.task->transmits_kept() > 0) writer.show();
  else writer.measure();
  writer.finish();
}

}  // namespace sonoforge
