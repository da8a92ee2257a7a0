#include "ai/baseline_files.hpp"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "ai/classical.hpp"
#include "ai/resample.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/hdf5.hpp"

namespace sonoforge {
namespace {

struct Sample {
  PixelGrid grid;
  std::vector<float> image, mask;  ///< at the model's size
  bool positive = false;
};

}  // namespace

void write_baseline(const TrainConfig& config, const Dataset& data, const std::filesystem::path& folder) {
  const auto rows = static_cast<std::size_t>(config.image_size[0]), columns = static_cast<std::size_t>(config.image_size[1]);
  const TensorShape shape{1, static_cast<std::int64_t>(rows), static_cast<std::int64_t>(columns)};
  const bool marks = config.task->kind() == TruthKind::mask;
  SegmentationTask lesion;
  const TaskConfig& masks_of = marks ? *config.task : static_cast<const TaskConfig&>(lesion);
  InputConfig input = config.input();
  input.input = "image";
  std::vector<Sample> samples(data.manifest.rows.size());
  parallel_for(samples.size(), [&](std::size_t row) {
    const ZeaFile content = data.content(row);
    const SampleRecord record{content, data.manifest, row};
    Sample& one = samples[row];
    one.image = model_input(input, content, data.manifest.rows[row].file);
    one.grid = content.images.front().grid;
    one.mask = masks_of.truth(record, shape);
    if (!marks) one.positive = config.task->truth(record, {1, 1, 1}).front() != 0;
  });
  make_folder(folder);
  const auto training = data.rows_of("train");
  nlohmann::ordered_json json;
  if (marks) {
    std::vector<std::vector<float>> images, masks;
    // A few numbers need few images: at most 64, evenly from the split.
    const std::size_t used = std::min<std::size_t>(64, training.size());
    for (std::size_t k = 0; k < used; ++k) {
      const Sample& one = samples[training[k * training.size() / used]];
      images.push_back(one.image), masks.push_back(one.mask);
    }
    double score = 0;
    const auto found = ThresholdBaseline::fit(images, masks, rows, columns, score);
    json = {{"method", "threshold with morphology"}, {"blur", found.blur}, {"flatten", found.flatten}, {"darker", found.darker},
            {"threshold", found.threshold}, {"radius", found.radius}, {"training_images", used}, {"training_dice", score}};
    parallel_for(samples.size(), [&](std::size_t row) {
      const Sample& one = samples[row];
      const auto mask = found.mark(one.image, rows, columns);
      const auto back = resample(std::vector<float>(mask.begin(), mask.end()), rows, columns, one.grid.z.count, one.grid.x.count);
      Hdf5Writer writer(folder / (data.manifest.rows[row].id + ".hdf5"));
      writer.write<float>("prediction", back, {one.grid.z.count, one.grid.x.count}, {"", "Marked by a threshold.", 4});
      writer.commit();
    });
    log_info("Baseline: threshold with morphology, Dice " + shortest_number(std::round(score * 1e4) / 1e4) + " on " + std::to_string(used) + " training images");
  } else {
    std::vector<std::vector<double>> features;
    std::vector<std::uint8_t> truth;
    for (const auto row : training) {
      features.push_back(size_and_contrast(samples[row].image, samples[row].mask, rows, columns));
      truth.push_back(samples[row].positive);
    }
    const auto found = LogisticRegression::fit(features, truth);
    json = {{"method", "logistic regression on size and contrast"}, {"features", {"log area", "contrast [dB]"}}, {"mean", found.mean},
            {"deviation", found.deviation}, {"weights", found.weights}};
    std::string text = "id,prediction\n";
    for (std::size_t row = 0; row < samples.size(); ++row)
      text += csv_line({data.manifest.rows[row].id, shortest_number(found.probability(size_and_contrast(samples[row].image, samples[row].mask, rows, columns)))});
    write_file_atomically(folder / "predictions.csv", text);
  }
  write_file_atomically(folder / "baseline.json", json.dump(2) + "\n");
}

}  // namespace sonoforge
