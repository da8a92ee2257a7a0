#include "ai/predict.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "ai/heat_map.hpp"
#include "ai/mask_measures.hpp"
#include "ai/overlay.hpp"
#include "ai/resample.hpp"
#include "ai/several.hpp"
#include "core/progress.hpp"
#include "formats/reader.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"
#include "io/nifti.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

// A name for the results of each file: its own, with as many of its folders' names before it as tell all files apart.
std::vector<std::string> result_names(const std::vector<fs::path>& files) {
  std::vector<fs::path> folders;
  std::vector<std::string> names;
  std::set<fs::path> different;
  for (const auto& file : files) {
    const auto whole = fs::absolute(file).lexically_normal();
    if (!different.insert(whole).second) throw UserError("'" + file.string() + "' is given twice (two inputs would have one result). Name it once");
    folders.push_back(whole.parent_path());
    names.push_back(whole.stem().string());
  }
  while (std::set<std::string>(names.begin(), names.end()).size() < names.size()) {
    bool longer = false;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (folders[i].has_filename()) {
        longer = true;
        names[i] = folders[i].filename().string() + "_" + names[i];
        folders[i] = folders[i].parent_path();
      }
    if (!longer) throw UserError("two inputs are called '" + names.front() + "' but for their endings (two inputs would have one result). Rename one");
  }
  return names;
}

std::string short_text(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// What the task measures on a mask.
double measured(const SegmentationTask& task, const std::vector<std::uint8_t>& mask, const PixelGrid& grid) {
  const MaskMeasures found = measure_mask(mask, grid);
  return task.measure == SegmentationTask::Measure::area            ? found.area
         : task.measure == SegmentationTask::Measure::diameter      ? found.diameter
         : task.measure == SegmentationTask::Measure::circumference ? found.circumference
                                                                    : found.long_axis;
}

/// Writes the results of one file, and remembers lines for the tables.
class Writer {
 public:
  Writer(const Predictor& predictor, fs::path folder, bool of_set, MapDrawing draw = {})
      : predictor_(predictor), config_(predictor.config()), folder_(std::move(folder)), of_set_(of_set), draw_(std::move(draw)) {
    make_folder(folder_);
  }

  PredictedFile write(const ZeaFile& content, const fs::path& file, const std::string& name, const Answer& answer) {
    PredictedFile result{file, {}, {}, 0, 0};
    result.name = name;
    switch (config_.task->kind()) {
      case TruthKind::mask: write_mask(content, answer, result); break;
      case TruthKind::heat_map: write_marks(content, answer, result); break;
      case TruthKind::classes:
      case TruthKind::follow_up: keep_values(answer, result); break;
      case TruthKind::several: throw std::logic_error("these answers are written elsewhere");
      case TruthKind::values:
        if (answer.shape.depth * answer.shape.lateral > 1) write_map(content, answer, result);
        else keep_values(answer, result);
    }
    return result;
  }

  /// What the same ruler reads off the true mask, where the task measures masks and the file has the truth.
  void rule(const SampleRecord& sample, PredictedFile& result) const {
    const auto* segmentation = dynamic_cast<const SegmentationTask*>(config_.task.value.get());
    if (!segmentation || segmentation->measure == SegmentationTask::Measure::none) return;
    const auto& labels = sample.content.labels;
    const auto map = std::find_if(labels.begin(), labels.end(), [](const LabelMap& one) { return one.name == "segmentation"; });
    if (map == labels.end() || map->grid.y.count != 1) return;
    const TensorShape whole{1, static_cast<std::int64_t>(map->grid.z.count), static_cast<std::int64_t>(map->grid.x.count)};
    const auto truth = segmentation->truth(sample, whole);
    result.ruler = measured(*segmentation, std::vector<std::uint8_t>(truth.begin(), truth.end()), map->grid);
  }

  /// predictions.csv or marks.csv, where the task has one.
  void write_tables(const std::vector<PredictedFile>& results) const {
    const auto* segmentation = dynamic_cast<const SegmentationTask*>(config_.task.value.get());
    if (config_.task->kind() == TruthKind::heat_map) {
      std::string text = "id,x [m],z [m],score,width [m],height [m]\n";
      for (const auto& mark : marks_)
        text += csv_line({mark.id, shortest_number(mark.box.x), shortest_number(mark.box.z), shortest_number(mark.box.score),
                          shortest_number(mark.box.width), shortest_number(mark.box.height)});
      write_file_atomically(folder_ / "marks.csv", text);
      return;
    }
    if (segmentation && segmentation->measure != SegmentationTask::Measure::none) {
      const bool area = segmentation->measure == SegmentationTask::Measure::area;
      const std::string unit = area ? " [m^2]" : " [m]";
      const bool ruled = !results.empty() && results.front().ruler;
      std::vector<std::string> header{"id", "prediction" + unit};
      if (ruled) header.push_back("ruler" + unit);
      std::string text = csv_line(header);
      for (const auto& one : results) {
        std::vector<std::string> cells{one.name, shortest_number(one.values.front())};
        if (ruled) cells.push_back(one.ruler ? shortest_number(*one.ruler) : "");
        text += csv_line(cells);
      }
      write_file_atomically(folder_ / "predictions.csv", text);
      return;
    }
    if (results.empty() || results.front().values.empty() || !results.front().mask.empty()) return;
    const auto names = config_.task->output_names();
    const std::string unit = predictor_.unit() == "probability" || predictor_.unit().empty() ? "" : " [" + predictor_.unit() + "]";
    std::vector<std::string> header{"id", "prediction" + unit};
    header.insert(header.end(), names.begin(), names.end());
    for (std::size_t k = 0; k < results.front().deviations.size(); ++k) header.push_back(names[k] + " deviation");
    std::string text = csv_line(header);
    for (const auto& one : results) {
      std::vector<std::string> cells{one.name, shortest_number(one.values.front())};
      for (const double value : one.values) cells.push_back(shortest_number(value));
      for (const double value : one.deviations) cells.push_back(shortest_number(value));
      text += csv_line(cells);
    }
    write_file_atomically(folder_ / "predictions.csv", text);
  }

 private:
  struct Mark {
    std::string id;
    Box box;
  };

  PixelGrid grid_for(const ZeaFile& content, const PredictedFile& result) const {
    const auto grid = grid_of(content);
    if (!grid) refuse_file(result.input, "it does not say where its pixels stand (an image or labels would). Reconstruct it first");
    return *grid;
  }
  static std::vector<float> on_grid(std::span<const float> values, const Answer& answer, const PixelGrid& grid) {
    return resample(values, static_cast<std::size_t>(answer.shape.depth), static_cast<std::size_t>(answer.shape.lateral), grid.z.count, grid.x.count);
  }
  void write_pixels(const fs::path& file, const std::vector<float>& values, const PixelGrid& grid, const std::string& unit, const std::string& what) const {
    Hdf5Writer writer(file);
    writer.write<float>("prediction", values, {grid.z.count, grid.x.count}, {unit, what, 4});
    for (const auto& [name, axis] : {std::pair{"x", &grid.x}, {"z", &grid.z}}) {
      std::vector<double> places(axis->count);
      for (std::size_t i = 0; i < places.size(); ++i) places[i] = axis->at(i);
      writer.write<double>(name, places, {places.size()}, {name == std::string("x") && grid.kind == PixelGrid::Kind::polar ? "rad" : "m", "Pixel centres."});
    }
    writer.commit();
  }

  void write_mask(const ZeaFile& content, const Answer& answer, PredictedFile& result) const {
    const PixelGrid grid = grid_for(content, result);
    const auto inside = on_grid(answer.values, answer, grid);
    std::vector<std::uint8_t> mask(inside.size());
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = inside[i] >= 0.5F;
    if (of_set_) {
      result.mask = folder_ / (result.name + ".hdf5");
      write_pixels(result.mask, inside, grid, "", "Probability that a pixel is inside.");
      result.pixels_inside = static_cast<std::size_t>(std::count(mask.begin(), mask.end(), std::uint8_t{1}));
      result.area = measure_mask(mask, grid).area;
    } else {
      result.mask = folder_ / (result.name + "_mask.nii.gz");
      const bool polar = grid.kind == PixelGrid::Kind::polar;
      const PixelGrid shown = polar ? picture_grid(grid, 4096) : grid;
      const auto pixels = polar ? convert_mask(grid, mask, shown) : mask;
      NiftiVolume volume;
      volume.size = {shown.x.count, 1, shown.z.count};
      volume.spacing = {shown.x.step, shown.y.step, shown.z.step};
      volume.affine = {{{shown.x.step, 0, 0, shown.x.from}, {0, shown.y.step, 0, shown.y.from}, {0, 0, shown.z.step, shown.z.from}}};
      volume.values.assign(pixels.begin(), pixels.end());
      result.pixels_inside = static_cast<std::size_t>(std::count(pixels.begin(), pixels.end(), std::uint8_t{1}));
      result.area = static_cast<double>(result.pixels_inside) * shown.x.step * shown.z.step;
      write_nifti(result.mask, volume);
      write_overlay(content, mask, result);
    }
    if (!answer.deviation.empty())
      write_pixels(folder_ / (result.name + "_deviation.hdf5"), on_grid(answer.deviation, answer, grid), grid, "", "Standard deviation of the probability over the networks.");
    result.summary = short_text(result.area * 1e6) + " mm^2";
    const auto& task = dynamic_cast<const SegmentationTask&>(*config_.task);
    if (task.measure == SegmentationTask::Measure::none) return;
    const double value = measured(task, mask, grid);
    result.values = {value};
    result.summary += task.measure == SegmentationTask::Measure::area ? "" : ", measured " + short_text(value * 1e3) + " mm";
  }

  void write_overlay(const ZeaFile& content, const std::vector<std::uint8_t>& mask, PredictedFile& result) const {
    if (content.images.empty()) return;
    result.overlay = folder_ / (result.name + "_overlay.png");
    write_png(result.overlay, overlay_picture(content.images.front(), mask, {}, predictor_.dynamic_range()));
  }

  void write_map(const ZeaFile& content, const Answer& answer, PredictedFile& result) const {
    const PixelGrid grid = grid_for(content, result);
    const std::size_t pixels = static_cast<std::size_t>(answer.shape.depth * answer.shape.lateral);
    const auto values = on_grid(std::span(answer.values).first(pixels), answer, grid);
    result.mask = folder_ / (result.name + ".hdf5");
    write_pixels(result.mask, values, grid, predictor_.unit(), predictor_.label());
    if (answer.shape.channels == 2 || !answer.deviation.empty()) {
      const auto spread = answer.deviation.empty() ? std::span(answer.values).subspan(pixels) : std::span(answer.deviation).first(pixels);
      write_pixels(folder_ / (result.name + "_deviation.hdf5"), on_grid(spread, answer, grid), grid, predictor_.unit(), "Standard deviation.");
    }
    double mean = 0;
    for (const float value : values) mean += double{value} / static_cast<double>(values.size());
    result.values = {mean};
    result.summary = "mean " + short_text(mean) + " " + predictor_.unit();
    if (of_set_) return;
    // Images from their dynamic range to 0 dB.
    RealMap shown(grid);
    result.overlay = folder_ / (result.name + ".png");
    const auto [least, largest] = std::minmax_element(values.begin(), values.end());
    const double low = *least, high = std::max(double{*largest}, low + 1e-30);
    const bool decibels = config_.task.type == "image";
    if (draw_ && !decibels) {
      std::copy(values.begin(), values.end(), shown.values.data());
      write_png(result.overlay, draw_(shown, predictor_.unit(), predictor_.label()));
      return;
    }
    for (std::size_t i = 0; i < values.size(); ++i)
      shown.values.data()[i] = decibels ? std::min(values[i], 0.0F) : static_cast<float>(60 * ((values[i] - low) / (high - low) - 1));
    write_png(result.overlay, overlay_picture(shown, {}, {}, decibels ? predictor_.dynamic_range() : 60));
  }

  void keep_values(const Answer& answer, PredictedFile& result) const {
    const std::size_t names = config_.task->output_names().size();
    for (std::size_t k = 0; k < names; ++k) result.values.push_back(answer.values[k]);
    if (!answer.deviation.empty())
      for (std::size_t k = 0; k < names; ++k) result.deviations.push_back(answer.deviation[k]);
    else
      for (std::size_t k = names; k < answer.values.size(); ++k) result.deviations.push_back(answer.values[k]);
    const auto labels = config_.task->output_names();
    for (std::size_t k = 0; k < names; ++k)
      result.summary += (k ? ", " : "") + labels[k] + " " + short_text(result.values[k]) +
                        (k < result.deviations.size() ? " +- " + short_text(result.deviations[k]) : "") +
                        (predictor_.unit().empty() || predictor_.unit() == "probability" ? "" : " " + predictor_.unit());
  }

  void write_marks(const ZeaFile& content, const Answer& answer, PredictedFile& result) {
    const PixelGrid grid = grid_for(content, result);
    const auto rows = static_cast<std::size_t>(answer.shape.depth), columns = static_cast<std::size_t>(answer.shape.lateral);
    const auto& task = dynamic_cast<const DetectionTask&>(*config_.task);
    std::vector<std::uint8_t> frames(grid.size(), 0);
    for (const Box& box : peaks(answer.values, rows, columns, task.threshold)) {
      // From shares of the sides to pixels of the file's grid, and from there into the world.
      const double column = box.x * static_cast<double>(grid.x.count) - 0.5, row = box.z * static_cast<double>(grid.z.count) - 0.5;
      const double across = grid.x.from + column * grid.x.step, down = grid.z.from + row * grid.z.step;
      const bool polar = grid.kind == PixelGrid::Kind::polar;
      Box placed = box;
      placed.x = polar ? down * std::sin(across) : across;
      placed.z = polar ? grid.apex_depth + down * std::cos(across) : down;
      placed.width = box.width * static_cast<double>(grid.x.count) * grid.x.step * (polar ? down : 1);
      placed.height = box.height * static_cast<double>(grid.z.count) * grid.z.step;
      marks_.push_back({result.name, placed});
      result.values.push_back(box.score);
      const auto pixel = [](double share, std::size_t count) {
        return static_cast<std::size_t>(std::clamp(std::floor(share * static_cast<double>(count)), 0.0, static_cast<double>(count - 1)));
      };
      const std::size_t top = pixel(box.z - box.height / 2, grid.z.count), bottom = pixel(box.z + box.height / 2, grid.z.count);
      const std::size_t left = pixel(box.x - box.width / 2, grid.x.count), right = pixel(box.x + box.width / 2, grid.x.count);
      for (std::size_t r = top; r <= bottom; ++r)
        for (std::size_t c = left; c <= right; ++c) frames[r * grid.x.count + c] = 1;
    }
    if (!of_set_) write_overlay(content, frames, result);
    result.summary = std::to_string(result.values.size()) + (result.values.size() == 1 ? " mark" : " marks") +
                     (result.values.empty() ? "" : ", the best with score " + short_text(result.values.front()));
  }

  const Predictor& predictor_;
  const TrainConfig& config_;
  fs::path folder_;
  bool of_set_;
  MapDrawing draw_;
  std::vector<Mark> marks_;
};

}  // namespace

std::vector<std::pair<std::string, fs::path>> head_models(const Predictor& predictor, const fs::path& model) {
  std::vector<std::pair<std::string, fs::path>> found;
  const auto* several = dynamic_cast<const SeveralTask*>(predictor.config().task.value.get());
  if (!several) return found;
  for (const auto& head : several->heads) {
    found.emplace_back(head.name, model.parent_path() / "heads" / head.name / "model.pt");
    std::error_code ignored;
    if (!fs::exists(found.back().second, ignored))
      refuse_file(found.back().second, "it is not there (`train` wrote a model for each head beside " + model.filename().string() + "). Copy the folder heads too");
  }
  return found;
}

std::vector<PredictedFile> predict_files(const std::filesystem::path& model, const std::vector<std::filesystem::path>& files,
                                         const std::filesystem::path& folder) {
  return predict_files(Predictor(model), files, folder);
}

std::vector<PredictedFile> predict_files(const Predictor& predictor, const std::vector<std::filesystem::path>& files,
                                         const std::filesystem::path& folder, const MapDrawing& draw) {
  for (const auto& file : files) regular_file_size(file);
  const auto names = result_names(files);
  Writer writer(predictor, folder, false, draw);
  Progress progress("Predicting", files.size(), "files");
  std::vector<PredictedFile> results;
  for (std::size_t i = 0; i < files.size(); ++i) {
    check_interrupted();
    const ZeaFile content = read_any(files[i]);
    results.push_back(writer.write(content, files[i], names[i], predictor.answer(content, files[i].string())));
    progress.advance();
  }
  writer.write_tables(results);
  return results;
}

std::vector<PredictedFile> predict_set(const Predictor& predictor, const Dataset& data, const std::vector<std::size_t>& rows,
                                       const std::filesystem::path& folder) {
  Writer writer(predictor, folder, true);
  Progress progress("Predicting", rows.size(), "samples");
  std::vector<PredictedFile> results;
  for (const std::size_t row : rows) {
    check_interrupted();
    const auto& entry = data.manifest.rows[row];
    // Visits are told by the table, and by images that the model reads itself.
    const ZeaFile content = predictor.config().task->kind() == TruthKind::follow_up ? ZeaFile{} : data.content(row);
    results.push_back(writer.write(content, data.folder / entry.file, entry.id, predictor.answer(data, row, content)));
    writer.rule({content, data.manifest, row}, results.back());
    progress.advance();
  }
  writer.write_tables(results);
  return results;
}

}  // namespace sonoforge
