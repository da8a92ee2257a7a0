#include "ai/predictions.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "io/csv.hpp"
#include "ai/groups.hpp"
#include "ai/heat_map.hpp"
#include "ai/image_metrics.hpp"
#include "ai/sha256.hpp"
#include "ai/survival_metrics.hpp"
#include "core/progress.hpp"
#include "formats/zea.hpp"
#include "io/atomic_file.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

std::string listed(const std::vector<std::string>& ids) {
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(3, ids.size()); ++i) text += (i ? ", " : "") + ids[i];
  return ids.size() > 3 ? text + " and " + std::to_string(ids.size() - 3) + " more" : text;
}

[[noreturn]] void refuse_missing(const fs::path& where, const std::vector<std::string>& ids,
                                 const std::string& suggestion) {
  throw UserError("'" + where.string() + "' has no prediction of " + listed(ids) +
                  " (a report must not leave cases out). " + suggestion);
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
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) inside += mask[iz * grid.x.count + ix] != 0;
    sum += static_cast<double>(inside) * pixel_area(grid, iz);
  }
  return sum;
}

/// Spacing of pixel centres; of a sector at its middle range.
MaskGrid mask_grid(const PixelGrid& grid) {
  const double across =
      grid.kind == PixelGrid::Kind::cartesian ? grid.x.step : grid.x.step * grid.z.at(grid.z.count / 2);
  return {{grid.z.count, grid.x.count}, {grid.z.step, across}};
}

/// A file of the data set, unchanged since its manifest was written.
ZeaFile read_sample(const Dataset& data, std::size_t row) {
  const auto& entry = data.manifest.rows[row];
  const auto file = data.folder / entry.file;
  if (sha256_of_file(file) != entry.sha256)
    refuse_file(file,
                "it is not the file that the manifest names (its SHA-256 differs). Generate it again or restore it");
  return read_zea(file);
}

/// The text of a factor.
const std::string& factor_text(const Manifest& manifest, std::size_t row, const std::string& name, const char* key) {
  const int factor = manifest.factor(name);
  if (factor < 0)
    throw ConfigError(key, "the data set has no factor '" + name +
                    "' (it is read from there). Name one of its columns");
  return manifest.rows[row].factors[static_cast<std::size_t>(factor)];
}

double factor_value(const Manifest& manifest, std::size_t row, const std::string& name, const char* key) {
  double value = 0;
  const auto& text = factor_text(manifest, row, name, key);
  if (!factor_number(text, value))
    throw ConfigError(key, "factor '" + name + "' of " + manifest.rows[row].id + " is '" + text +
                    "' (it needs a number). Name a numeric factor");
  return value;
}

bool is_positive(const ValidateConfig& config, const std::string& text) {
  return std::find(config.positive.begin(), config.positive.end(), text) != config.positive.end();
}

SurvivalCase follow_up(const ValidateConfig& config, const Manifest& manifest, std::size_t row, double risk) {
  SurvivalCase one{factor_value(manifest, row, config.truth, "truth"),
                   is_positive(config, factor_text(manifest, row, config.event, "event")), risk,
                   std::numeric_limits<double>::quiet_NaN()};
  if (!config.hazard.empty())
    one.true_risk = risk_of_hazard(factor_value(manifest, row, config.hazard, "hazard"), config.options.horizon);
  if (!config.risk.empty()) one.true_risk = factor_value(manifest, row, config.risk, "risk");
  return one;
}

/// The true number of a case: a factor, or a measurement of its file.
double true_value(const ValidateConfig& config, const Dataset& data, std::size_t row) {
  const auto& entry = data.manifest.rows[row];
  const int factor = data.manifest.factor(config.truth);
  if (factor < 0) {
    for (const auto& measurement : read_sample(data, row).measurements)
      if (measurement.name == config.truth) return measurement.value;
    throw ConfigError("truth", "'" + config.truth + "' is neither a factor of the data set nor a measurement of " +
                    entry.file + " (there is nothing to compare with). Name one that is");
  }
  if (config.task == ValidationTask::classification)
    return is_positive(config, entry.factors[static_cast<std::size_t>(factor)]);
  return factor_value(data.manifest, row, config.truth, "truth");
}

const LabelMap& truth_map(const ZeaFile& content, const std::string& name, const std::string& file) {
  const auto found =
      std::find_if(content.labels.begin(), content.labels.end(), [&](const LabelMap& map) { return map.name == name; });
  if (found == content.labels.end())
    throw UserError("'" + file + "' has no map '" + name + "' (nothing to compare with). Generate it with 'labels: [" +
                    name + "]'");
  return *found;
}

bool needs_ruler(const ValidateConfig& config) {
  const auto metrics = config.measured_metrics();
  return config.task == ValidationTask::measurement &&
         std::any_of(metrics.begin(), metrics.end(), [](const auto& name) { return name == "ruler" || name == "reader"; });
}

/// The file itself, or the one of that name in a folder.
fs::path table_file(const fs::path& given, const std::string& name) {
  std::error_code ignored;
  return fs::is_directory(given, ignored) ? given / name : given;
}

struct TableLine {
  std::string id;
  std::vector<double> numbers;
};
/// The column `id` and columns of numbers.
std::vector<TableLine> read_columns(const fs::path& file, const std::vector<std::string>& names) {
  const auto table = parse_csv(read_file(file), file.string());
  const auto header = table.empty() ? std::vector<std::string>{} : table.front().cells;
  auto column = [&](const std::string& name) {
    const auto found = std::find(header.begin(), header.end(), name);
    if (found == header.end())
      refuse_file(file, "its first line does not name the column '" + name +
                            "' (predictions are read from it). Write it, in SI units");
    return static_cast<std::size_t>(found - header.begin());
  };
  const std::size_t id = column("id");
  std::vector<std::size_t> columns;
  for (const auto& name : names) columns.push_back(column(name));
  std::vector<TableLine> lines;
  for (std::size_t r = 1; r < table.size(); ++r) {
    const auto& cells = table[r].cells;
    const std::string where = "line " + std::to_string(table[r].line);
    if (cells.size() != header.size())
      refuse_file(file, where + " has " + std::to_string(cells.size()) + " cells (the first line has " +
                            std::to_string(header.size()) + "). Correct it");
    TableLine line{cells[id], std::vector<double>(columns.size())};
    for (std::size_t k = 0; k < columns.size(); ++k)
      if (!factor_number(cells[columns[k]], line.numbers[k]) || !std::isfinite(line.numbers[k]))
        refuse_file(file, where + ": '" + cells[columns[k]] + "' is not a number (a prediction must be). Correct it");
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

Predictions::Predictions(const ValidateConfig& config, const Manifest& manifest, const std::vector<std::size_t>& rows)
    : folder_(config.predictions) {
  if (!is_there(folder_))
    throw UserError("'" + folder_.string() +
                    "' does not exist (predictions are read from it). Give the folder that holds them");
  if (config.task == ValidationTask::segmentation || config.task == ValidationTask::map)
    find_files(manifest, rows);
  else if (config.task == ValidationTask::detection)
    read_marks(manifest);
  else
    read_values(manifest, rows, config.task == ValidationTask::measurement ? metric_unit(config, manifest, "mae") : "",
                needs_ruler(config));
}

void Predictions::find_files(const Manifest& manifest, const std::vector<std::size_t>& rows) {
  std::vector<std::string> missing;
  for (const auto row : rows) {
    const auto& id = manifest.rows[row].id;
    for (const std::string extension : {".png", ".nii.gz", ".nii", ".hdf5", ".h5"}) {
      const auto file = folder_ / (id + extension);
      if (is_there(file)) files_.emplace(row, file);
    }
    if (!files_.contains(row)) missing.push_back(id);
  }
  if (!missing.empty())
    refuse_missing(folder_, missing, "Name files by id, as " + missing.front() + ".png, .nii, .nii.gz, .hdf5 or .h5");
}

void Predictions::read_values(const Manifest& manifest, const std::vector<std::size_t>& rows, const std::string& unit,
                              bool ruled) {
  const auto file = table_file(folder_, "predictions.csv");
  const std::string suffix = unit.empty() ? "" : " [" + unit + "]";
  std::vector<std::string> columns{"prediction" + suffix};
  if (ruled) columns.push_back("ruler" + suffix);
  std::map<std::string, std::vector<double>> by_id;
  for (const auto& line : read_columns(file, columns))
    if (!by_id.emplace(line.id, line.numbers).second)
      refuse_file(file, "'" + line.id + "' stands there twice (which one counts?). Remove one");
  std::vector<std::string> missing;
  for (const auto row : rows) {
    const auto found = by_id.find(manifest.rows[row].id);
    if (found == by_id.end())
      missing.push_back(manifest.rows[row].id);
    else {
      values_.emplace(row, found->second[0]);
      if (ruled) rulers_.emplace(row, found->second[1]);
    }
  }
  if (!missing.empty()) refuse_missing(file, missing, "Add a line for each");
}

void Predictions::read_marks(const Manifest& manifest) {
  const auto file = table_file(folder_, "marks.csv");
  std::map<std::string, std::size_t> rows;
  for (std::size_t row = 0; row < manifest.rows.size(); ++row) rows.emplace(manifest.rows[row].id, row);
  for (const auto& line : read_columns(file, {"x [m]", "z [m]", "score"})) {
    const auto row = rows.find(line.id);
    if (row == rows.end())
      refuse_file(file, "it has a mark in '" + line.id +
                            "', which the data set does not have (was another one marked?). Correct the id");
    marks_[row->second].push_back({line.numbers[0], line.numbers[1], line.numbers[2]});
  }
}

DetectionCase Predictions::marks(std::size_t row, const LabelledImage& sample, double tolerance) const {
  const auto& grid = sample.image.grid;
  DetectionCase result;
  const auto region = connected_regions(sample.mask, grid.z.count, grid.x.count, result.lesions);
  const auto found = marks_.find(row);
  if (found == marks_.end()) return result;
  for (const auto& mark : found->second) {
    Candidate candidate{mark.score, Candidate::no_lesion};
    double nearest = tolerance * (1 + 1e-9);
    for (std::size_t iz = 0; iz < grid.z.count; ++iz)
      for (std::size_t ix = 0; ix < grid.x.count; ++ix) {
        const std::size_t lesion = region[iz * grid.x.count + ix];
        if (lesion == 0) continue;
        const Vec3 at = grid.position(iz, 0, ix);
        const double distance = std::hypot(at.x - mark.x, at.z - mark.z);
        if (distance <= nearest) {
          nearest = distance;
          candidate.lesion = lesion - 1;
        }
      }
    result.marks.push_back(candidate);
  }
  return result;
}

std::vector<double> Predictions::pixels(std::size_t row, const PixelGrid& grid) const {
  const auto& file = files_.at(row);
  std::vector<double> values;
  std::size_t depth = 0, lateral = 0;
  if (file.extension() == ".png") {
    const auto picture = read_grey_png(file);
    depth = picture.height, lateral = picture.width;
    for (const auto value : picture.values) values.push_back(value != 0);
  } else if (file.extension() == ".hdf5" || file.extension() == ".h5") {
    const Hdf5Reader reader(file);
    auto shape = reader.shape("prediction");
    // An axis of one plane, frame or channel changes nothing.
    while (shape.size() > 2 && std::find(shape.begin(), shape.end(), 1u) != shape.end())
      shape.erase(std::find(shape.begin(), shape.end(), 1u));
    if (shape.size() != 2)
      refuse_file(file, "'prediction' has " + std::to_string(shape.size()) +
                            " axes (it must have depth and lateral). Write one plane");
    values = reader.read<double>("prediction");
    depth = shape[0], lateral = shape[1];
  } else {
    const auto volume = read_nifti(file);
    depth = volume.size[2], lateral = volume.size[0];
    if (volume.size[1] != 1)
      refuse_file(file,
                  "it has " + std::to_string(volume.size[1]) + " planes (images have one). Write i lateral, k depth");
    values.assign(volume.values.begin(), volume.values.end());
  }
  if (depth != grid.z.count || lateral != grid.x.count)
    refuse_file(file, "it has " + std::to_string(depth) + " x " + std::to_string(lateral) +
                          " pixels (depth, lateral), its image " + std::to_string(grid.z.count) + " x " +
                          std::to_string(grid.x.count) +
                          " (they are compared pixel by pixel). Write it on the image's pixels");
  if (std::any_of(values.begin(), values.end(), [](double v) { return !std::isfinite(v); }))
    refuse_file(file, "it has pixels that are not numbers (they cannot be judged). Write numbers everywhere");
  return values;
}

std::string Predictions::sha256() const {
  std::string all;
  for (const auto& [row, file] : files_) all += sha256_of_file(file) + "\n";
  for (const auto& [row, value] : values_) all += shortest_number(value) + "\n";
  for (const auto& [row, marks] : marks_)
    for (const auto& mark : marks)
      all += std::to_string(row) + "," + shortest_number(mark.x) + "," + shortest_number(mark.z) + "," +
             shortest_number(mark.score) + "\n";
  return sonoforge::sha256(all);
}

std::vector<std::uint8_t> thresholded(const std::vector<double>& pixels, double threshold) {
  std::vector<std::uint8_t> mask;
  for (const double value : pixels) mask.push_back(value > 0 && value >= threshold);
  return mask;
}

std::vector<ValidationCase> measure_cases(const ValidateConfig& config, const Dataset& data, const std::string& label,
                                          const MaskSource& mask_of, const Predictions* predictions) {
  const auto rows = data.rows_of(split_name(config.split));
  const auto metrics = config.measured_metrics();
  std::vector<ValidationCase> cases;
  Progress progress("Validating", rows.size(), "cases");
  for (const auto row : rows) {
    check_interrupted();
    ValidationCase one{row, {}, 0, 0};
    if (config.task == ValidationTask::segmentation) {
      const LabelledImage sample = data.read(row, label);
      const auto found = mask_of(row, sample.image);
      one.truth = area(sample.image.grid, sample.mask);
      one.predicted = area(sample.image.grid, found);
      for (const auto& name : metrics)
        one.metrics.push_back(mask_metric(name, found, sample.mask, mask_grid(sample.image.grid), config.options));
    } else if (config.task == ValidationTask::detection) {
      const LabelledImage sample = data.read(row, label);
      one.detection = predictions->marks(row, sample, config.options.tolerance);
      one.truth = static_cast<double>(one.detection.lesions);
      double false_alarms = 0;
      for (const auto& mark : one.detection.marks)
        if (mark.score >= config.threshold) {
          ++one.predicted;
          false_alarms += mark.lesion == Candidate::no_lesion;
        }
      for (const auto& name : metrics)
        one.metrics.push_back(name == "false_alarms" ? false_alarms : std::numeric_limits<double>::quiet_NaN());
    } else if (config.task == ValidationTask::map) {
      const auto content = read_sample(data, row);
      // The image itself may be the truth of one that was made otherwise.
      const bool image = label == "image";
      if (image && content.images.empty())
        throw UserError("'" + data.manifest.rows[row].file + "' has no image (nothing to compare with). Generate it with images stored");
      const LabelMap* const map = image ? nullptr : &truth_map(content, label, data.manifest.rows[row].file);
      const auto values = image ? content.images.front().values.flat() : map->values.flat();
      const std::vector<double> truth(values.begin(), values.end());
      const auto found = predictions->pixels(row, image ? content.images.front().grid : map->grid);
      if (truth.size() != found.size())
        throw UserError("'" + data.manifest.rows[row].file + "': map '" + label +
                        "' has several channels or planes (one is compared). Name a map of one plane");
      for (const double v : truth) one.truth += v / static_cast<double>(truth.size());
      for (const double v : found) one.predicted += v / static_cast<double>(found.size());
      for (const auto& name : metrics)
        one.metrics.push_back(is_image_metric(name) ? image_metric(name, found, truth, truth_map(content, "segmentation", data.manifest.rows[row].file), config.options)
                                                    : map_metric(name, found, truth));
    } else {
      one.truth = true_value(config, data, row);
      one.predicted = predictions->value(row);
      const double ruler = needs_ruler(config) ? predictions->ruler(row) : std::numeric_limits<double>::quiet_NaN();
      if (config.task == ValidationTask::survival) one.survival = follow_up(config, data.manifest, row, one.predicted);
      if (config.task != ValidationTask::measurement && !(one.predicted >= 0 && one.predicted <= 1))
        throw UserError("prediction of " + data.manifest.rows[row].id + " is " + shortest_number(one.predicted) +
                        " (a probability lies in 0 to 1). Map scores to probabilities");
      for (const auto& name : metrics)
        one.metrics.push_back(
            value_metric(*find_metric(config.task, name), one.predicted, one.truth, config.threshold, ruler));
    }
    cases.push_back(std::move(one));
    progress.advance();
  }
  return cases;
}

}  // namespace sonoforge
