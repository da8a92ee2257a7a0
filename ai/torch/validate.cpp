#include "ai/validate.hpp"

#include <algorithm>
#include <numeric>

#include "ai/dataset.hpp"
#include "ai/overlay.hpp"
#include "ai/predict.hpp"
#include "ai/segmentation_metrics.hpp"
#include "ai/sha256.hpp"
#include "core/progress.hpp"
#include "io/atomic_file.hpp"
#include "io/config.hpp"

namespace sonoforge {
namespace {

double measured(const std::string& metric, const std::vector<std::uint8_t>& mask, const std::vector<std::uint8_t>& truth) {
  return metric == "dice" ? dice(mask, truth) : intersection_over_union(mask, truth);
}

/// Area of one pixel [m^2]; of a sector at its own range.
double pixel_area(const PixelGrid& grid, std::size_t iz) {
  if (grid.kind == PixelGrid::Kind::cartesian) return grid.x.step * grid.z.step;
  return grid.z.at(iz) * grid.x.step * grid.z.step;
}

double area(const PixelGrid& grid, const std::vector<std::uint8_t>& mask) {
  double sum = 0;
  for (std::size_t iz = 0; iz < grid.z.count; ++iz) {
    std::size_t inside = 0;
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) inside += mask[iz * grid.x.count + ix];
    sum += static_cast<double>(inside) * pixel_area(grid, iz);
  }
  return sum;
}

}  // namespace

Evaluation validate(ValidateConfig& config, const std::filesystem::path& folder) {
  const Dataset data = Dataset::open(config.data);
  check_groups(config, data.manifest);
  const Predictor predictor(config.model);
  ReportOrigin origin;
  origin.label = config.label.empty() ? predictor.label() : config.label;
  origin.config = dump_config(config);
  origin.model_sha256 = sha256_of_file(config.model);
  origin.data_sha256 = data.hash;
  origin.model_metadata = predictor.metadata();
  origin.same_data_set = predictor.data_hash() == data.hash;

  const auto rows = data.rows_of(split_name(config.split));
  std::vector<ValidationCase> cases;
  {
    Progress progress("Validating", rows.size(), "images");
    for (const auto row : rows) {
      check_interrupted();
      const LabelledImage sample = data.read(row, origin.label);
      const auto found = predictor.apply(sample.image, config.threshold).mask;
      ValidationCase one{row, {}, area(sample.image.grid, sample.mask), area(sample.image.grid, found)};
      for (const auto& metric : config.metrics) one.metrics.push_back(measured(metric, found, sample.mask));
      cases.push_back(std::move(one));
      progress.advance();
    }
  }
  const Evaluation evaluation = evaluate(config, data.manifest, std::move(cases));

  // The worst cases are shown first: they are what a reader must judge.
  std::vector<std::size_t> order(evaluation.cases.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return evaluation.cases[a].metrics[0] < evaluation.cases[b].metrics[0]; });
  std::vector<std::pair<std::string, std::size_t>> shown;
  for (std::size_t i = 0; i < std::min<std::size_t>(4, order.size()); ++i) shown.emplace_back("Worst " + std::to_string(i + 1), order[i]);
  if (order.size() > 6) shown.emplace_back("Median", order[order.size() / 2]);
  if (order.size() > 5) shown.emplace_back("Best", order.back());
  make_folder(folder);
  const auto picture_file = folder / ".picture.png";
  for (const auto& [title, index] : shown) {
    const ValidationCase& one = evaluation.cases[index];
    const LabelledImage sample = data.read(one.row, origin.label);
    const auto found = predictor.apply(sample.image, config.threshold).mask;
    write_png(picture_file, overlay_picture(sample.image, found, sample.mask, predictor.dynamic_range(), 600));
    char value[32];
    std::snprintf(value, sizeof value, "%.3f", one.metrics[0]);
    origin.pictures.emplace_back(title + ": " + data.manifest.rows[one.row].id + ", " + config.metrics[0] + " " + value, read_file(picture_file));
    std::filesystem::remove(picture_file);
  }
  write_validation(folder, config, data.manifest, evaluation, origin);
  return evaluation;
}

}  // namespace sonoforge
