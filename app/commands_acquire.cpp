#include <cmath>
#include <complex>
#include <iomanip>
#include <iostream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "ai/cohort.hpp"
#include "ai/labels.hpp"
#include "app/commands.hpp"
#include "app/experiment.hpp"
#include "app/figures.hpp"
#include "core/progress.hpp"
#include "formats/reader.hpp"
#include "io/atomic_file.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"
#include "io/json_text.hpp"
#include "io/png.hpp"
#include "recon/envelope.hpp"
#include "sim/mechanical_index.hpp"
#include "transducers/pressure_drive.hpp"

namespace sonoforge {

namespace {

std::string with_digits(double value, int digits) {
  std::ostringstream out;
  out << std::setprecision(digits) << value;
  return out.str();
}

// "name (subject)  value unit", lengths in mm.
void print_metrics(const std::vector<MetricValue>& metrics) {
  std::vector<std::string> names;
  std::size_t width = 0;
  for (const auto& metric : metrics) {
    names.push_back(metric.name + (metric.subject.empty() ? "" : " (" + metric.subject + ")"));
    width = std::max(width, names.back().size());
  }
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const bool length = metrics[i].unit == "m";
    const std::string unit = length ? "mm" : metrics[i].unit;
    std::cout << std::left << std::setw(static_cast<int>(width) + 2) << names[i] << (metrics[i].problem.empty() ? with_digits(metrics[i].value * (length ? 1e3 : 1), 4) : "not measured")
              << (unit.empty() ? "" : " " + unit) << "\n";
  }
}

// "FOLDER/{a, b}": those of the files that are there.
std::string listing(const std::filesystem::path& folder, const std::vector<std::string>& files) {
  std::string names;
  for (const auto& file : files)
    if (std::filesystem::exists(folder / file)) names += (names.empty() ? "" : ", ") + file;
  return folder.string() + "/{" + names + "}";
}

// A picture of an earlier run that this one did not draw would be taken for its own. Called once everything else is written, so that
// a full disk leaves what was there.
void remove_old(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::remove(file, error);
  if (error) throw UserError(Problem{{file.string(), 0, 0}, "cannot be removed (" + error.message() + "), and belongs to an earlier run. Choose another folder with -o"});
}

const LabelMap* find_label(const std::vector<LabelMap>& labels, const std::string& name) {
  for (const auto& label : labels)
    if (label.name == name) return &label;
  return nullptr;
}

// The middle elevation plane is what pictures show.
RealMap middle_plane(const RealMap& map) {
  if (map.grid.y.count == 1) return map;
  PixelGrid grid = map.grid;
  const std::size_t middle = grid.y.count / 2;
  grid.y = {grid.y.at(middle), 1, 1};
  RealMap plane(grid);
  for (std::size_t iz = 0; iz < grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) plane.values(iz, std::size_t{0}, ix) = map.values(iz, middle, ix);
  return plane;
}

LabelMap middle_plane(const LabelMap& map) {
  if (map.grid.y.count == 1) return map;
  LabelMap plane = map;
  const std::size_t middle = map.grid.y.count / 2;
  plane.grid.y = {map.grid.y.at(middle), 1, 1};
  plane.values = NdArray<float, 4>({map.values.extent(0), map.grid.z.count, 1, map.grid.x.count});
  for (std::size_t c = 0; c < map.values.extent(0); ++c)
    for (std::size_t iz = 0; iz < map.grid.z.count; ++iz)
      for (std::size_t ix = 0; ix < map.grid.x.count; ++ix)
        plane.values(c, iz, std::size_t{0}, ix) = map.values(c, iz, middle, ix);
  return plane;
}

void write_pictures(const std::filesystem::path& folder, const std::vector<RealMap>& images, const LabelMap* segmentation, double dynamic_range) {
  if (images.empty()) return;
  const RealMap first = middle_plane(images.front());
  write_png(folder / "bmode.png", draw_bmode(first, dynamic_range));
  if (segmentation && !segmentation->channels.empty())
    write_png(folder / "overlay.png", draw_overlay(first, middle_plane(*segmentation), dynamic_range));
}

void remove_stale_overlay(const std::filesystem::path& folder, const LabelMap* segmentation) {
  if (!segmentation || segmentation->channels.empty()) remove_old(folder / "overlay.png");
}

void report_json(const std::filesystem::path& file, const nlohmann::ordered_json& json, bool print) {
  const std::string text = json_text(json) + "\n";
  write_file_atomically(file, text);
  if (print) std::cout << text;
}

std::vector<double> axis_values(const Axis& axis) {
  std::vector<double> values;
  for (std::size_t i = 0; i < axis.count; ++i) values.push_back(axis.at(i));
  return values;
}

}  // namespace

std::filesystem::path output_folder(const CommandLine& line) {
  if (!line.output.empty()) return line.output;
  std::string name = std::filesystem::path(line.inputs.front()).stem().string();
  return std::filesystem::path("out") / (name.empty() ? "result" : name);
}

int run_command(const CommandLine& line) {
  const auto loaded = load_config(line.inputs[0], line.sets, line.seed);
  const Experiment experiment = Experiment::build(loaded.tree, {"phantom", "probe", "sequence", "receive"}, loaded.factors);
  experiment.check_image();
  const auto folder = output_folder(line);
  make_folder(folder);
  const RunResult result = run(experiment);
  write_zea(folder / "acquisition.hdf5", result.file);
  const LabelMap* segmentation = find_label(result.file.labels, "segmentation");
  write_pictures(folder, result.file.images, segmentation, experiment.config.image.dynamic_range);
  report_json(folder / "report.json", result.report(), line.json);
  if (!result.engine_error.warning.empty()) log_warning(result.engine_error.warning);
  remove_stale_overlay(folder, segmentation);
  if (!line.json) {
    print_metrics(result.metrics);
    if (!line.quiet) std::cout << "wrote " << listing(folder, {"acquisition.hdf5", "bmode.png", "overlay.png", "report.json"}) << "\n";
  }
  refuse_unmeasured(result.metrics, line.inputs[0]);
  return 0;
}

int simulate_command(const CommandLine& line) {
  const auto loaded = load_config(line.inputs[0], line.sets, line.seed);
  const Experiment experiment = Experiment::build(loaded.tree, {"phantom", "probe", "sequence", "receive"}, loaded.factors);
  std::filesystem::path file = line.output;
  if (file.empty()) file = output_folder(line) / "acquisition.hdf5";
  std::error_code unknown;
  if (std::filesystem::is_directory(file, unknown))
    throw UserError(Problem{{file.string(), 0, 0}, "this is a folder (simulate writes one file). Write for example '-o " + (file / "rf.hdf5").string() + "'"});
  const std::string ending = ending_of(file);
  if (!ending.empty() && ending != ".hdf5" && ending != ".h5")
    throw UserError(Problem{{file.string(), 0, 0}, "simulate writes zea files (its name says '" + ending + "'). Write .hdf5, then 'sonoforge convert' makes other formats of it"});
  make_place_for(file);
  const auto start = std::chrono::steady_clock::now();
  ZeaFile content;
  content.acquisition = experiment.simulate();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const EngineError engine_error = experiment.engine_error();
  content.config = experiment.resolved;
  content.seed = static_cast<std::uint64_t>(experiment.config.seed);
  content.factors = experiment.factors;
  content.scatterer_positions = experiment.phantom.scatterers.positions;
  content.scatterer_amplitudes = experiment.phantom.scatterers.amplitudes;
  content.measurements = true_measurements(experiment.phantom);
  content.subject_id = std::to_string(experiment.config.patient);
  write_zea(file, content);
  const auto& rf = content.acquisition;
  if (!engine_error.warning.empty()) log_warning(engine_error.warning);
  if (line.json) {
    nlohmann::ordered_json warnings = nlohmann::ordered_json::array();
    if (!engine_error.warning.empty()) warnings.push_back(engine_error.warning);
    std::cout << json_text(nlohmann::ordered_json{{"file", file.string()},
                                        {"frames", rf.frames()},
                                        {"transmits", rf.transmits()},
                                        {"channels", rf.channels()},
                                        {"samples", rf.samples_per_channel()},
                                        {"seconds", seconds},
                                        {"engine_relative_l2", engine_error.predicted},
                                        {"error_budget", engine_error.json()},
                                        {"warnings", warnings}})
              << "\n";
  } else if (!line.quiet) {
    std::cout << "wrote " << file.string() << ": " << rf.frames() << " frames x " << rf.transmits() << " transmits x " << rf.channels() << " channels x "
              << rf.samples_per_channel() << " samples in " << with_digits(seconds, 3) << " s\n";
  }
  return 0;
}

int field_command(const CommandLine& line) {
  const auto loaded = load_config(line.inputs[0], line.sets, line.seed);
  const Experiment e = Experiment::build(loaded.tree, {"probe", "sequence", "field"}, loaded.factors);
  const FieldConfig& field = *e.config.field;
  if (static_cast<std::size_t>(field.transmit) >= e.sequence.transmits.size())
    throw UserError(Problem{{line.inputs[0], 0, 0}, "field.transmit = " + std::to_string(field.transmit) + " (the sequence has " +
                                                        std::to_string(e.sequence.transmits.size()) + ", counted from 0). Write a smaller number"});
  const auto folder = output_folder(line);
  FieldRequest request;
  request.frequency = field.frequency;
  request.sampling_rate = field.sampling_rate > 0 ? field.sampling_rate : 8 * e.probe.frequency;
  PixelGrid grid;
  if (field.points) {
    loaded.tree.locate("field", [&] {
      const Hdf5Reader reader(*field.points);
      const auto shape = reader.shape("positions");
      const auto values = reader.read<double>("positions", {-1, 3});
      for (std::size_t i = 0; i < shape.at(0); ++i) {
        const Vec3 p{values[3 * i], values[3 * i + 1], values[3 * i + 2]};
        if (!std::isfinite(p.x) || !std::isfinite(p.y) || !std::isfinite(p.z))
          throw UserError(Problem{{field.points->string(), 0, 0}, "/positions has a value that is not a number (row " + std::to_string(i) + "). Give finite positions in m"});
        request.points.push_back(p);
      }
    });
  } else {
    grid.x = *field.x;
    grid.z = *field.z;
    if (field.y) grid.y = *field.y;
    for (std::size_t iz = 0; iz < grid.z.count; ++iz)
      for (std::size_t iy = 0; iy < grid.y.count; ++iy)
        for (std::size_t ix = 0; ix < grid.x.count; ++ix) request.points.push_back(grid.position(iz, iy, ix));
  }
  const ReceiveConfig receive = e.config.receive.value_or(ReceiveConfig{});
  const SimulationInput input{e.phantom, e.probe, *e.pulse, e.sequence, receive};
  const auto transmit = static_cast<std::size_t>(field.transmit);
  make_folder(folder);
  Hdf5Writer writer(folder / "field.hdf5");
  const char* pressure_unit = e.pulse->in_pascal() ? "Pa" : "-";  // relative where the drive has no pressure
  nlohmann::ordered_json summary{{"folder", folder.string()}, {"points", request.points.size()}};

  std::vector<std::size_t> map_shape{grid.z.count, grid.x.count};
  if (grid.y.count > 1) map_shape = {grid.z.count, grid.y.count, grid.x.count};
  const auto write_axes = [&] {
    writer.write<double>("x", axis_values(grid.x), {grid.x.count}, {.unit = "m", .description = "lateral position"});
    if (grid.y.count > 1) writer.write<double>("y", axis_values(grid.y), {grid.y.count}, {.unit = "m", .description = "elevation position"});
    writer.write<double>("z", axis_values(grid.z), {grid.z.count}, {.unit = "m", .description = "depth"});
  };
  const auto level_map = [&](const auto& level) {
    RealMap map(grid);
    double top = 0;
    for (std::size_t i = 0; i < request.points.size(); ++i) top = std::max(top, level(i));
    for (std::size_t i = 0; i < request.points.size(); ++i)
      map.values.flat()[i] = static_cast<float>(top > 0 ? 20 * std::log10(std::max(level(i) / top, 1e-10)) : -200);
    return middle_plane(map);
  };

  if (field.points && request.frequency == 0) {
    const auto result = e.config.engine->field(input, request, transmit, Engine::FieldOutput::waveforms);
    std::vector<double> time(result.waveforms.extent(1));
    for (std::size_t i = 0; i < time.size(); ++i) time[i] = result.start + static_cast<double>(i) / result.sampling_rate;
    writer.write<float>("waveforms", result.waveforms.flat(), {result.waveforms.extent(0), result.waveforms.extent(1)},
                        {.unit = pressure_unit, .description = "pressure over time at each point"});
    writer.write<double>("time", time, {time.size()}, {.unit = "s", .description = "after the first element fires its pulse centre"});
    std::vector<Curve> curves;
    for (std::size_t p = 0; p < std::min<std::size_t>(request.points.size(), 6); ++p) {
      Curve curve;
      curve.name = "point " + std::to_string(p);
      for (std::size_t i = 0; i < time.size(); ++i) curve.x.push_back(time[i] * 1e6), curve.y.push_back(static_cast<double>(result.waveforms(p, i)));
      curves.push_back(std::move(curve));
    }
    write_png(folder / "field.png", draw_curves(curves, "Time [us]", "Pressure"));
  } else if (request.frequency > 0) {
    auto result = e.config.engine->field(input, request, transmit, Engine::FieldOutput::maps);
    // In Pa where the drive is: the faces move so that the pressure on them has that amplitude (`drive_in_pascal`).
    const bool pascal = e.config.pulse->pressure.has_value();
    if (pascal) {
      const auto drive = pressure_factor(request.frequency, *e.config.pulse->pressure, e.phantom.background.sound_speed);
      for (auto& value : result.continuous) value *= drive;
    }
    const char* relative = "per unit velocity times density times sound speed, over i k";
    const std::vector<std::size_t> shape = field.points ? std::vector<std::size_t>{request.points.size()} : map_shape;
    writer.write<std::complex<double>>("pressure", result.continuous, shape, {.unit = pascal ? "Pa" : relative, .description = "complex pressure, time factor exp(+i w t)"});
    if (field.points) {
      Curve levels;
      for (std::size_t p = 0; p < request.points.size(); ++p) levels.x.push_back(static_cast<double>(p)), levels.y.push_back(std::abs(result.continuous[p]));
      write_png(folder / "field.png", draw_curves({levels}, "Point", "Pressure, continuous wave"));
    } else {
      write_axes();
      write_png(folder / "field.png", draw_map(level_map([&](std::size_t i) { return std::abs(result.continuous[i]); }), "dB", {.title = "Pressure, continuous wave", .low = -60, .high = 0}));
    }
  } else {
    const auto result = e.config.engine->field(input, request, transmit, Engine::FieldOutput::maps);
    write_axes();
    writer.write<double>("rms_pressure", result.rms, map_shape, {.unit = pressure_unit, .description = result.averaging_time > 0 ? "root mean square pressure: sqrt(integral of p^2 over the whole pulse / averaging_time)"
                                                                                           : "root mean square pressure as pfield of the MUST toolbox defines it"});
    if (result.averaging_time > 0)
      writer.write_scalar("averaging_time", result.averaging_time, {.unit = "s", .description = "length of the drive, which rms_pressure is taken over"});
    if (e.pulse->in_pascal()) {
      const auto index = mechanical_index(*e.config.engine, input, request.points, transmit);
      writer.write_scalar("mechanical_index", index.value, {.unit = "-", .description = "largest over the grid, derated by 0.3 dB/cm/MHz"});
      summary["mechanical_index"] = index.value;
    }
    writer.write<double>("peak_pressure", result.peak, map_shape, {.unit = pressure_unit, .description = "largest magnitude of the pressure"});
    write_png(folder / "field.png", draw_map(level_map([&](std::size_t i) { return result.rms[i]; }), "dB", {.title = "RMS pressure", .low = -60, .high = 0}));
    if (field.movie_frames > 0) {
      const auto waves = e.config.engine->field(input, request, transmit, Engine::FieldOutput::waveforms);
      const std::size_t samples = waves.waveforms.extent(1);
      float top = 0;
      for (float v : waves.waveforms.flat()) top = std::max(top, std::abs(v));
      std::vector<RealMap> frames;
      std::vector<double> times;
      for (std::int64_t f = 0; f < field.movie_frames; ++f) {
        const std::size_t sample = static_cast<std::size_t>((static_cast<double>(f) + 0.5) / static_cast<double>(field.movie_frames) * static_cast<double>(samples));
        RealMap map(grid);
        for (std::size_t i = 0; i < request.points.size(); ++i) map.values.flat()[i] = waves.waveforms(i, std::min(sample, samples - 1)) / (top > 0 ? top : 1);
        frames.push_back(std::move(map));
        times.push_back(waves.start + static_cast<double>(sample) / waves.sampling_rate);
      }
      write_apng(folder / "field.apng", draw_wave_movie(frames, times), 20);
    }
  }
  writer.write_text("sonoforge/config", e.resolved);
  writer.commit();
  if (field.movie_frames == 0 || field.points || request.frequency > 0) remove_old(folder / "field.apng");
  if (line.json) std::cout << json_text(summary) << "\n";
  else if (!line.quiet) std::cout << "wrote " << listing(folder, {"field.hdf5", "field.png", "field.apng"}) << "\n";
  return 0;
}

int reconstruct_command(const CommandLine& line) {
  const std::filesystem::path input = line.inputs[0];
  ZeaFile file = read_any(input);
  if (file.acquisition.samples.empty())
    throw UserError(Problem{{input.string(), 0, 0}, "holds no channel data (an image cannot be made from it). Give a file with RF or IQ data"});
  // The file's own config says what the data are; sections of the one given take the place of its sections.
  ConfigTree tree = ConfigTree::parse(file.config.empty() ? "sonoforge: 1" : file.config, input.string() + "/sonoforge/config");
  if (line.inputs.size() > 1) {
    ConfigTree given = ConfigTree::load(line.inputs[1]);
    const auto inherit = [&](std::initializer_list<const char*> keys) {
      for (const char* key : keys)
        if (const ConfigNode* stored = tree.root().find(key); stored && !given.root().find(key)) given.root().entries.push_back({key, stored->where, *stored});
    };
    // A phantom is drawn from its seed: both or neither.
    if (tree.root().find("phantom") && !given.root().find("phantom")) inherit({"phantom", "seed", "patient", "visit"});
    inherit({"description", "sound_speed", "probe", "pulse", "sequence", "receive", "engine"});
    tree = std::move(given);
  }
  for (const auto& assignment : line.sets) tree.set(assignment);
  if (line.seed) tree.set("seed=" + std::to_string(*line.seed));
  draw_config(tree, 0);
  ExperimentConfig config;
  tree.read(config, dataset_sections());
  if (config.sound_speed) file.acquisition.sound_speed = *config.sound_speed;

  const auto folder = output_folder(line);
  make_folder(folder);
  for (const auto& note : file.acquisition.notes) log_info(input.string() + ": " + note);
  const PixelGrid grid = image_grid(config.image, file.acquisition);
  const auto start = std::chrono::steady_clock::now();
  std::vector<ComplexMap> maps;
  tree.locate("beamformer", [&] {
    try {
      maps = beamform(config, file.acquisition, grid);
    } catch (const UserError& error) {
      // What no key of the config explains is in the data.
      std::vector<Problem> problems = error.problems();
      for (auto& problem : problems)
        if (problem.where.file.empty()) problem.where.file = input.string();
      throw UserError(problems);
    }
  });
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  compensate_loss(maps, config.image.compensation, file.acquisition);

  RunResult result;
  result.seconds["reconstruct"] = seconds;
  result.versions = {{"sonoforge", SONOFORGE_VERSION}};
  result.file = std::move(file);
  std::vector<RealMap> envelopes;
  tree.locate("image", [&] { envelopes = detect(maps, config.image); });
  result.file.images = make_images(envelopes);
  // Labels belong to the grid they were made for; the phantom makes them anew, if the config has one.
  std::vector<LabelMap> kept;
  std::optional<LabelMap> classes;
  if (config.phantom) {
    const Phantom phantom = Experiment::build_phantom(config, tree);
    kept = rasterize_labels(phantom, grid, config.labels);
    if (!config.metrics.empty()) classes = metric_classes(phantom, grid);
  } else {
    for (auto& label : result.file.labels) {
      if (label.grid == grid) kept.push_back(std::move(label));
      else log_warning("label '" + label.name + "' stands on another grid than this image and is left out");
    }
  }
  result.file.labels = std::move(kept);
  result.file.image_grid = grid;
  const LabelMap* segmentation = find_label(result.file.labels, "segmentation");
  if (!classes && segmentation) classes = with_background(*segmentation, "", {});
  tree.locate("metrics", [&] { result.metrics = measure(config.metrics, envelopes.front(), result.file.images.front(), classes); });
  result.file.config = dump_config(config);
  write_pictures(folder, result.file.images, segmentation, config.image.dynamic_range);
  const auto report = result.report();
  result.file.acquisition.samples = {};
  result.file.acquisition.samples_q = {};
  write_zea(folder / "image.hdf5", result.file);
  report_json(folder / "report.json", report, line.json);
  remove_stale_overlay(folder, segmentation);
  if (!line.json) {
    print_metrics(result.metrics);
    if (!line.quiet) std::cout << "wrote " << listing(folder, {"image.hdf5", "bmode.png", "overlay.png", "report.json"}) << "\n";
  }
  refuse_unmeasured(result.metrics, line.inputs.back());
  return 0;
}

}  // namespace sonoforge
