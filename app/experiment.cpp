#include "app/experiment.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

#include "ai/cohort.hpp"
#include "ai/labels.hpp"
#include "app/image_truth.hpp"
#include "core/progress.hpp"
#include "io/factor_keys.hpp"
#include "recon/envelope.hpp"
#include "recon/pulse_compression.hpp"
#include "sim/receive_chain.hpp"
#include "sim/record.hpp"
#include "sim/scan.hpp"
#include "transducers/pressure_drive.hpp"

namespace sonoforge {

namespace {

constexpr std::size_t max_pixels_per_axis = 20'000;
constexpr double max_pixels = 200e6;

// Runs one step of the pipeline and notes how long it took.
template <class Work>
auto timed(std::map<std::string, double>& seconds, const std::string& step, Work work) {
  const auto start = std::chrono::steady_clock::now();
  auto result = work();
  seconds[step] += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace

void ImageConfig::fields(FieldVisitor& visit) {
  visit(x, {.key = "x", .doc = "Lateral axis.", .unit = Unit::metre, .min = -10, .max = 10, .max_items = max_pixels_per_axis});
  visit(y, {.key = "y", .doc = "Elevation axis (default: the plane y = 0).", .unit = Unit::metre, .min = -10, .max = 10, .max_items = max_pixels_per_axis});
  visit(z, {.key = "z", .doc = "Depth axis.", .unit = Unit::metre, .min = -10, .max = 10, .max_items = max_pixels_per_axis});
  visit(angle, {.key = "angle", .doc = "Polar images: angle from the z axis.", .unit = Unit::radian, .min = -3.2, .max = 3.2, .max_items = max_pixels_per_axis});
  visit(range, {.key = "range", .doc = "Polar images: distance from the apex (the centre of a convex array's arc, or of a flat probe's face).",
                .unit = Unit::metre, .min = 0, .max = 10, .max_items = max_pixels_per_axis});
  visit(pulse_compression, {.key = "pulse_compression", .doc = "Matched filter with the drive before beamforming (left out: on for pulses of type chirp and coded, else off)."});
  visit(compensation, {.key = "compensation", .doc = "Depth gain that undoes this loss on the way there and back.", .unit = Unit::attenuation});
  visit.list(filters, image_filter_catalog(), {.key = "filters", .doc = "Smoothing of the envelope, one after the other; metrics see the result, stored beamformed data do not.", .max_items = 20});
  visit(dynamic_range, {.key = "dynamic_range", .doc = "Levels shown in pictures.", .unit = Unit::decibel, .min = 1, .max = 300});
}

void ImageConfig::check() const {
  if ((x || z) && (angle || range))
    throw ConfigError(angle ? "angle" : "range", "the image is both Cartesian and polar (x, z and angle, range). Keep one pair");
  if (x.has_value() != z.has_value())
    throw ConfigError(x ? "x" : "z", "one of x and z is missing (an image needs both). Write for example 'x: [-19 mm, 19 mm, 0.1 mm]' and 'z: [2 mm, 45 mm, 0.05 mm]'");
  if (angle.has_value() != range.has_value())
    throw ConfigError(angle ? "angle" : "range", "one of angle and range is missing (a polar image needs both). Write for example 'angle: [-30 deg, 30 deg, 0.5 deg]' and 'range: [50 mm, 150 mm, 0.2 mm]'");
  double pixels = 1;
  for (const auto* axis : {&x, &y, &z, &angle, &range})
    if (*axis) pixels *= static_cast<double>((*axis)->count);
  if (pixels > max_pixels)
    throw ConfigError("", "the image would have " + format_number(pixels) + " pixels (at most " + format_number(max_pixels) + " are allowed). Take larger steps");
}

void FieldConfig::fields(FieldVisitor& visit) {
  visit(x, {.key = "x", .doc = "Lateral axis of the grid.", .unit = Unit::metre, .max_items = max_pixels_per_axis});
  visit(y, {.key = "y", .doc = "Elevation axis of the grid (default: the plane y = 0).", .unit = Unit::metre, .max_items = max_pixels_per_axis});
  visit(z, {.key = "z", .doc = "Depth axis of the grid.", .unit = Unit::metre, .max_items = max_pixels_per_axis});
  visit(points, {.key = "points", .doc = "HDF5 file with /positions [n, 3] in m, instead of a grid; gives waveforms."});
  visit(frequency, {.key = "frequency", .doc = "Continuous wave at this frequency instead of the pulse.", .unit = Unit::hertz, .min = 0, .max = 1e10});
  visit(transmit, {.key = "transmit", .doc = "Which transmit of the sequence, from 0.", .min = 0, .max = 1e6});
  visit(sampling_rate, {.key = "sampling_rate", .doc = "Of waveforms; 0 Hz means eight times the probe's frequency.", .unit = Unit::hertz, .min = 0, .max = 1e11});
  visit(movie_frames, {.key = "movie_frames", .doc = "Pictures of a movie of the wave (field.apng); 0 for none.", .min = 0, .max = 2000});
}

void FieldConfig::check() const {
  if (!points && !(x && z)) throw ConfigError("", "neither a grid nor points are given (x and z, or points: FILE). Write for example 'x: [-10 mm, 10 mm, 0.2 mm]' and 'z: [1 mm, 40 mm, 0.2 mm]'");
  if (points && (x || y || z)) throw ConfigError("points", "both a grid and points are given (one of them is meant). Remove x, y, z or points");
  double count = 1;
  for (const auto* axis : {&x, &y, &z})
    if (*axis) count *= static_cast<double>((*axis)->count);
  if (count > 20e6) throw ConfigError("", "the grid would have " + format_number(count) + " points (at most 2e7 are allowed). Take larger steps");
  if (movie_frames > 0 && points) throw ConfigError("movie_frames", "a movie needs a grid (only points are given). Give x and z instead");
  if (movie_frames > 0 && y && y->count > 1) throw ConfigError("movie_frames", "a movie shows one plane (y has several). Remove y or movie_frames");
  if (movie_frames > 0 && frequency > 0) throw ConfigError("movie_frames", "a movie shows a pulse (frequency asks for a continuous wave). Remove one of the two");
}

ExperimentConfig::ExperimentConfig()
    : pulse(Typed<PulseConfig>::make(pulse_catalog(), "burst")),
      engine(Typed<Engine>::make(engine_catalog(), engine_catalog().default_type)),
      beamformer(Typed<Beamformer>::make(beamformer_catalog(), "delay_and_sum")) {}

void ExperimentConfig::fields(FieldVisitor& visit) {
  static const std::string labels_doc =
      "Truths about the pixels of the image ('describe label' tells what each is): " + listed(label_names()) + ".";
  visit(format, {.key = "sonoforge", .doc = "Version of the config format.", .min = 1, .max = 1});
  visit(seed, {.key = "seed", .doc = "Start of every random stream.", .min = 0, .max = 9.2e18});
  visit(description, {.key = "description", .doc = "Words of your own, stored in the file."});
  visit(patient, {.key = "patient", .doc = "Which patient of a training set this is; chooses the random streams.", .min = 0, .max = 9.2e18});
  visit(visit_number, {.key = "visit", .doc = "Which examination of the patient this is, from 0; chooses the noise.", .min = 0, .max = 1e6});
  visit.typed(phantom, phantom_catalog(), {.key = "phantom", .doc = "What is insonified."});
  visit.typed(probe, probe_catalog(), {.key = "probe", .doc = "The transducer: a name from the library, or a mapping with type:."});
  visit.typed(pulse, pulse_catalog(), {.key = "pulse", .doc = "The electrical drive of the elements."});
  visit.typed(sequence, sequence_catalog(), {.key = "sequence", .doc = "The transmits."});
  visit(receive, {.key = "receive", .doc = "What the receiver records."});
  visit.typed(engine, engine_catalog(), {.key = "engine", .doc = "How echoes are computed."});
  visit(reverberation, {.key = "reverberation", .doc = "Two flat reflectors between which sound goes to and fro, as clutter."});
  visit(sound_speed, {.key = "sound_speed", .doc = "Speed that the scanner assumes for delays and images (default: that of the phantom's background).",
                      .unit = Unit::metre_per_second, .min = 100, .max = 10000});
  visit.typed(beamformer, beamformer_catalog(), {.key = "beamformer", .doc = "How channel data become an image."});
  visit.object(image, {.key = "image", .doc = "Where the pixels stand, and how they are shown."});
  visit(components, {.key = "components", .doc = "Parts of the samples stored beside the whole: labels, background, reverberation, noise."});
  visit(labels, {.key = "labels", .doc = labels_doc});
  visit(annotator, {.key = "annotator", .doc = "A simulated reader who draws outlines with errors, beside the truth."});
  visit.list(metrics, metric_catalog(), {.key = "metrics", .doc = "What is measured in the image."});
  visit(field, {.key = "field", .doc = "Where the command 'field' computes the transmitted pressure."});
}

// A label that only the finished image would miss is worth a check before hours of simulation.
static void check_metric_label(const Phantom& phantom, const std::string& label, const std::string& key) {
  std::vector<std::string> known{"background"};
  if (!phantom.background.name.empty()) known.push_back(phantom.background.name);
  for (const auto& region : phantom.regions) known.push_back(region.label);
  for (const auto& target : phantom.targets) known.push_back(target.label);
  std::erase(known, "");
  if (std::find(known.begin(), known.end(), label) != known.end()) return;
  const std::string near = nearest_word(label, known);
  std::string all;
  for (const auto& name : known)
    if (all.find(name) == std::string::npos) all += (all.empty() ? "" : ", ") + name;
  throw ConfigError(key, "'" + label + "' is no label of this phantom (a metric needs its region). " +
                             (near.empty() ? "Known: " + all : "Did you mean '" + near + "'?"));
}

static RandomStream phantom_stream(const ExperimentConfig& config) {
  return RandomStream(static_cast<std::uint64_t>(config.seed), static_cast<std::uint64_t>(config.patient), "phantom");
}

Experiment Experiment::build(const ConfigTree& tree, const std::vector<std::string>& needs, Factors factors) {
  std::vector<Problem> problems;
  Experiment e;
  const auto& ignored = dataset_sections();
  try {
    tree.read(e.config, ignored);
  } catch (const UserError& error) {
    problems.insert(problems.end(), error.problems().begin(), error.problems().end());
  }
  for (const auto& key : needs)
    if (!tree.root().find(key))
      problems.push_back({{tree.file().string(), 0, 0}, "the section '" + key + "' is missing (this command needs it). Add '" + key + ":' to the file"});
  if (!problems.empty()) throw UserError(std::move(problems));

  // Build every part that can be built, so that all mistakes are reported at once.
  const auto attempt = [&](const std::string& section, const std::function<void()>& work) {
    try {
      tree.locate(section, work);
      return true;
    } catch (const UserError& error) {
      problems.insert(problems.end(), error.problems().begin(), error.problems().end());
      return false;
    }
  };
  const RandomStream random = phantom_stream(e.config);
  if (e.config.probe) attempt("probe", [&] { e.probe = e.config.probe->build(); });
  const bool have_probe = !e.probe.elements.empty();
  if (have_probe && e.config.pulse) attempt("pulse", [&] { e.pulse = e.config.pulse->build(e.probe); });
  const bool phantom_built = e.config.phantom && attempt("phantom", [&] { e.phantom = e.config.phantom->build(random); });
  if (phantom_built && have_probe && e.config.reverberation)
    attempt("reverberation", [&] {
      auto& reflectors = *e.config.reverberation;
      e.reverberation = reflectors.build(e.phantom, e.probe);
      reflectors.upper_reflection = e.reverberation->upper_reflection;
      reflectors.lower_reflection = e.reverberation->lower_reflection;
    });
  if (e.pulse && e.config.pulse->pressure)
    e.pulse = drive_in_pascal(e.pulse, *e.config.pulse->pressure, e.phantom.background.sound_speed);
  if (!e.config.sound_speed && e.config.phantom) e.config.sound_speed = e.phantom.background.sound_speed;
  if (have_probe && e.config.sequence)
    attempt("sequence", [&] { e.sequence = e.config.sequence->build(e.probe, e.config.sound_speed.value_or(1540)); });
  if (have_probe && e.config.receive)
    attempt("receive.elements", [&] { check_dead_elements(e.config.receive->elements, e.probe.size()); });
  if (problems.empty() && e.config.receive && e.pulse && e.config.sequence)
    attempt("receive", [&] {
      check_record_size({e.phantom, e.probe, *e.pulse, e.sequence, *e.config.receive});
    });
  // Name by name, so that all wrong ones are told.
  const auto each_name = [&](const char* section, const std::vector<std::string>& names, const auto& check) {
    for (auto name = names.begin(); name != names.end(); ++name)
      attempt(section, [&] {
        const std::string item = std::to_string(name - names.begin());
        try {
          check(*name);
        } catch (const ConfigError& error) {
          throw ConfigError(item, error.what());
        }
        if (std::find(names.begin(), name, *name) != name) throw ConfigError(item, "'" + *name + "' stands twice in the list (once is enough). Remove one");
      });
  };
  each_name("labels", e.config.labels, [](const std::string& name) { check_label_names({name}); });
  if (phantom_built && e.config.annotator)
    attempt("annotator", [&] {
      LabelMap classes;
      classes.grid.x = classes.grid.z = Axis{0, 1, 1};
      for (const auto& region : e.phantom.regions)
        if (!region.label.empty()) classes.channels.push_back(region.label);
      for (const auto& target : e.phantom.targets) classes.channels.push_back(target.label);
      classes.values = NdArray<float, 4>({classes.channels.size(), 1, 1, 1});
      AnnotatorConfig nothing = *e.config.annotator;
      nothing.invented = 0;
      nothing.annotate(classes, random);
    });
  if (phantom_built) {
    each_name("components", e.config.components, [&](const std::string& name) { check_components(e.phantom, {name}, e.reverberation.has_value()); });
    for (std::size_t i = 0; i < e.config.metrics.size(); ++i)
      for (const auto& [key, label] : e.config.metrics[i]->labels())
        attempt("metrics", [&, &key = key, &label = label] { check_metric_label(e.phantom, label, std::to_string(i) + "." + key); });
  }
  if (!problems.empty()) throw UserError(std::move(problems));
  e.resolved = dump_config(e.config);
  e.factors = std::move(factors);
  e.source = std::make_shared<const ConfigTree>(tree);
  return e;
}

void Experiment::located(const std::string& section, const std::function<void()>& work) const {
  if (!source) return work();
  const ConfigNode* node = source->root().find(section);
  try {
    work();
  } catch (const ConfigError& error) {
    // Engines name other sections by their key: "probe", "pulse".
    const std::string first = error.key().substr(0, error.key().find('.'));
    const bool other = first != section && source->root().find(first);
    source->locate(other ? "" : section, [&] { throw error; });
  } catch (const UserError& error) {
    std::vector<Problem> problems = error.problems();
    for (auto& problem : problems)
      if (problem.where.file.empty()) problem.where = node ? node->where : SourceLocation{source->file().string(), 0, 0};
    source->locate(section, [&] { throw UserError(problems); });
  }
}

Phantom Experiment::build_phantom(const ExperimentConfig& config, const ConfigTree& tree) {
  Phantom phantom;
  tree.locate("phantom", [&] { phantom = config.phantom->build(phantom_stream(config)); });
  return phantom;
}

void Experiment::check_image() const {
  if (!pulse || !config.receive || !config.beamformer) return;
  located("receive", [&] { config.beamformer->check_signal(config.receive->sampling_rate, pulse->frequency()); });
}

RandomStream Experiment::noise_stream() const {
  const RandomStream random(static_cast<std::uint64_t>(config.seed), static_cast<std::uint64_t>(config.patient), "noise");
  return config.visit_number == 0 ? random : random.child("visit", static_cast<std::uint64_t>(config.visit_number));
}

Acquisition Experiment::simulate() const {
  std::vector<std::string> components = config.components;
  const bool noisy = std::isfinite(config.receive->noise.snr) || config.receive->noise.figure || config.receive->adc;
  if (noisy && needs_clean_image(config.labels) && std::find(components.begin(), components.end(), noise_component) == components.end())
    components.emplace_back(noise_component);
  Acquisition acquisition;
  located("engine", [&] {
    acquisition = scan(*config.engine, {phantom, probe, *pulse, sequence, *config.receive}, components, noise_stream(),
                       reverberation);
  });
  if (!config.description.empty()) acquisition.description = config.description;
  acquisition.sound_speed = config.sound_speed.value_or(phantom.background.sound_speed);
  return acquisition;
}

EngineError Experiment::engine_error() const {
  const RandomStream random(static_cast<std::uint64_t>(config.seed), static_cast<std::uint64_t>(config.patient), "engine error");
  const double predicted = config.engine->predicted_error();
  const auto untold = [&](const std::string& why) {
    return EngineError{predicted, {}, "how far these echoes are from those of engine exact was not measured: " + why};
  };
  try {
    return judge(config.engine.type, predicted,
                 config.engine->measured_error({phantom, probe, *pulse, sequence, *config.receive}, random));
  } catch (const UserError& error) {
    return untold(error.what());
  } catch (const ConfigError& error) {
    return untold(error.what());
  }
}

EngineError judge(const std::string& engine, double predicted, std::optional<MeasuredError> measured) {
  EngineError error{predicted, measured, {}};
  if (!measured || measured->relative_l2 <= predicted) return error;
  std::array<char, 16> found{};
  std::snprintf(found.data(), found.size(), "%.2e", measured->relative_l2);
  error.warning = "engine " + engine + " promised echoes within " + format_number(predicted) + " of engine exact, but a sample of " +
                  std::to_string(measured->scatterers) + " scatterers is " + found.data() +
                  " away (relative L2). Trust these echoes no further than that; ask for a smaller 'engine.accuracy', or write 'engine: {type: exact}'";
  return error;
}

nlohmann::ordered_json EngineError::json() const {
  nlohmann::ordered_json json{{"engine_relative_l2", predicted}};
  if (measured) {
    json["engine_relative_l2_measured"] = measured->relative_l2;
    json["engine_sample"] = {{"scatterers", measured->scatterers}, {"transmits", measured->transmits}};
  }
  return json;
}

PixelGrid Experiment::grid(const Acquisition& acquisition) const { return image_grid(config.image, acquisition); }

PixelGrid image_grid(const ImageConfig& image, const Acquisition& acquisition) {
  const Probe& probe = acquisition.probe;
  const bool curved = probe.kind == Probe::Kind::curved && std::isfinite(probe.curvature_radius);
  PixelGrid grid;
  if (image.y) grid.y = *image.y;
  if (image.x) {
    grid.x = *image.x;
    grid.z = *image.z;
    return grid;
  }
  if (image.angle) {
    grid.kind = PixelGrid::Kind::polar;
    grid.x = *image.angle;
    grid.z = *image.range;
    grid.apex_depth = curved ? -probe.curvature_radius : 0;
    return grid;
  }
  // The whole record, a quarter of a wavelength apart in depth and half of one across, within a sensible number of pixels.
  const double wavelength = acquisition.sound_speed / std::max(acquisition.centre_frequency, 1e3);
  double first = std::numeric_limits<double>::infinity(), low = first, high = -first;
  for (double start : acquisition.start) first = std::min(first, start);
  const double end = first + static_cast<double>(acquisition.samples_per_channel()) / acquisition.sampling_rate;
  for (const auto& element : probe.elements) {
    low = std::min(low, element.position.x);
    high = std::max(high, element.position.x);
  }
  const double depth = std::max(end * acquisition.sound_speed / 2, 4 * wavelength);
  const double shallow = std::max(first * acquisition.sound_speed / 2, 2 * wavelength);
  const auto axis = [](double from, double to, double step, std::size_t most) {
    const double span = std::max(to - from, step);
    const auto count = std::clamp<std::size_t>(static_cast<std::size_t>(span / step) + 1, 2, most);
    return Axis{from, span / static_cast<double>(count - 1), count};
  };
  if (curved) {
    const double half = std::atan2(std::max(std::abs(low), std::abs(high)), probe.curvature_radius);
    const double radius = probe.curvature_radius;
    grid.kind = PixelGrid::Kind::polar;
    grid.apex_depth = -radius;
    grid.x = axis(-half, half, wavelength / 2 / (radius + depth), 512);
    grid.z = axis(radius + shallow, radius + depth, wavelength / 4, 2048);
    return grid;
  }
  const double pad = probe.kind == Probe::Kind::phased ? depth / 2 : 0;
  if (!(high > low)) low -= depth / 4, high += depth / 4;
  grid.x = axis(low - pad, high + pad, wavelength / 2, 512);
  grid.z = axis(shallow, depth, wavelength / 4, 2048);
  return grid;
}

bool compresses_pulse(const ExperimentConfig& config) {
  return compresses_pulse(config.image.pulse_compression, config.pulse.type);
}

std::vector<ComplexMap> beamform(const ExperimentConfig& config, const Acquisition& acquisition, const PixelGrid& grid) {
  return beamform(*config.beamformer, acquisition, grid, config.image.pulse_compression, config.pulse);
}

void compensate_loss(std::vector<ComplexMap>& maps, const Attenuation& loss, const Acquisition& acquisition) {
  const double rate = 2 * loss.nepers_per_metre(acquisition.centre_frequency);
  if (rate == 0) return;
  for (auto& map : maps)
    for (std::size_t iz = 0; iz < map.grid.z.count; ++iz) {
      double depth = map.grid.z.at(iz);
      if (map.grid.kind == PixelGrid::Kind::polar) depth += map.grid.apex_depth;
      const auto gain = static_cast<float>(std::exp(std::min(rate * std::max(depth, 0.0), 60.0)));
      for (std::size_t iy = 0; iy < map.grid.y.count; ++iy)
        for (auto& value : map.values.row(iz, iy)) value *= gain;
    }
}

std::vector<RealMap> detect(const std::vector<ComplexMap>& maps, const ImageConfig& config) {
  std::vector<RealMap> envelopes;
  for (const auto& map : maps) envelopes.push_back(filtered(envelope(map), config.filters));
  return envelopes;
}

std::vector<RealMap> make_images(const std::vector<RealMap>& envelopes) {
  // One reference level for all frames, so that a movie does not flicker.
  double top = 0;
  for (const auto& map : envelopes) top = std::max(top, maximum(map));
  std::vector<RealMap> images;
  for (const auto& map : envelopes) images.push_back(log_compress(map, top));
  return images;
}

LabelMap metric_classes(const Phantom& phantom, const PixelGrid& grid) {
  LabelMap classes = rasterize_labels(phantom, grid, {"segmentation"}).front();
  const std::string& background = phantom.background.name;
  return with_background(std::move(classes), background, [&](Vec3 point) { return phantom.region_at(point) < 0; });
}

LabelMap with_background(LabelMap classes, const std::string& name, const std::function<bool(Vec3)>& is_background) {
  const auto has = [&](const std::string& one) { return one.empty() || std::find(classes.channels.begin(), classes.channels.end(), one) != classes.channels.end(); };
  std::vector<std::string> added;
  for (const std::string& one : {name, std::string("background")})
    if (!has(one)) added.push_back(one);
  if (added.empty()) return classes;
  const PixelGrid& grid = classes.grid;
  const std::size_t pixels = grid.size(), channels = classes.channels.size();
  NdArray<float, 4> values({channels + added.size(), grid.z.count, grid.y.count, grid.x.count});
  for (std::size_t i = 0; i < pixels; ++i) {
    bool labelled = false;
    for (std::size_t c = 0; c < channels; ++c) {
      values.flat()[c * pixels + i] = classes.values.flat()[c * pixels + i];
      labelled |= classes.values.flat()[c * pixels + i] != 0;
    }
    const auto ix = i % grid.x.count, iy = i / grid.x.count % grid.y.count, iz = i / (grid.x.count * grid.y.count);
    for (std::size_t k = 0; k < added.size(); ++k)
      values.flat()[(channels + k) * pixels + i] = !labelled && (!is_background || is_background(grid.position(iz, iy, ix)));
  }
  classes.channels.insert(classes.channels.end(), added.begin(), added.end());
  classes.values = std::move(values);
  return classes;
}

std::vector<MetricValue> measure(const std::vector<Typed<MetricConfig>>& metrics, const RealMap& levels, const RealMap& decibels,
                                 const std::optional<LabelMap>& classes) {
  std::vector<MetricValue> values;
  if (metrics.empty()) return values;
  for (const auto& metric : metrics) {
    std::vector<MetricValue> measured;
    try {
      measured = metric->measure({levels, decibels, classes ? &*classes : nullptr});
    } catch (const UserError& error) {
      measured = {{metric.type, std::numeric_limits<double>::quiet_NaN(), "", "", error.what(), true}};
    }
    for (auto& value : measured) {
      if (!std::isfinite(value.value) && value.problem.empty()) value.problem = "has no finite value on this image (the profile does not fall far enough, or the region holds one level only)";
      value.subject = metric->subject();
      values.push_back(std::move(value));
    }
  }
  return values;
}

void refuse_unmeasured(const std::vector<MetricValue>& metrics, const std::string& where) {
  std::vector<Problem> problems;
  for (const auto& metric : metrics)
    if (metric.mistake) problems.push_back({{where, 0, 0}, "metrics: " + metric.name + " (" + metric.subject + "): " + metric.problem});
  if (!problems.empty()) throw UserError(problems);
}

RunResult run(const Experiment& e, bool judge_engine) {
  RunResult result;
  ZeaFile& file = result.file;
  file.acquisition = timed(result.seconds, "simulate", [&] { return e.simulate(); });
  const bool clean_wanted = needs_clean_image(e.config.labels);
  const PixelGrid grid = e.grid(file.acquisition);
  auto maps = timed(result.seconds, "reconstruct", [&] {
    std::vector<ComplexMap> made;
    e.located("beamformer", [&] { made = beamform(e.config, file.acquisition, grid); });
    return made;
  });
  compensate_loss(maps, e.config.image.compensation, file.acquisition);
  ComplexMap clean = maps.front();
  if (clean_wanted) clean = timed(result.seconds, "reconstruct", [&] { return clean_frame(e, file.acquisition, grid); });
  const auto envelopes = detect(maps, e.config.image);
  file.images = make_images(envelopes);
  file.image_grid = grid;
  timed(result.seconds, "label", [&] {
    add_labels(e, grid, file);
    ImageTruth truth = image_truth(e, file.acquisition, maps.front(), clean);
    std::move(truth.labels.begin(), truth.labels.end(), std::back_inserter(file.labels));
    file.measurements.insert(file.measurements.end(), truth.measurements.begin(), truth.measurements.end());
    return 0;
  });
  result.metrics = timed(result.seconds, "measure", [&] {
    std::optional<LabelMap> classes;
    if (!e.config.metrics.empty()) classes = metric_classes(e.phantom, grid);
    return measure(e.config.metrics, envelopes.front(), file.images.front(), classes);
  });
  result.beamformed = std::move(maps);
  const auto own = true_measurements(e.phantom);
  file.measurements.insert(file.measurements.begin(), own.begin(), own.end());
  file.config = e.resolved;
  file.seed = static_cast<std::uint64_t>(e.config.seed);
  file.factors = e.factors;
  file.subject_id = std::to_string(e.config.patient);
  for (std::size_t i = 0; i < e.phantom.scatterers.size(); ++i) {
    file.scatterer_positions.push_back(e.phantom.scatterers.positions[i]);
    file.scatterer_amplitudes.push_back(e.phantom.scatterers.amplitudes[i]);
  }
  if (judge_engine)
    result.engine_error = timed(result.seconds, "measure_engine_error", [&] { return e.engine_error(); });
  result.versions = {{"sonoforge", SONOFORGE_VERSION}, {"engine", e.config.engine.type}, {"compiler", __VERSION__}};
  return result;
}

nlohmann::ordered_json RunResult::report() const {
  nlohmann::ordered_json json;
  json["metrics"] = nlohmann::ordered_json::array();
  for (const auto& metric : metrics) {
    nlohmann::ordered_json entry{{"name", metric.name}};
    if (std::isfinite(metric.value)) entry["value"] = metric.value;
    else entry["value"] = nullptr;
    entry["unit"] = metric.unit;
    entry["of"] = metric.subject;
    if (!metric.problem.empty()) entry["problem"] = metric.problem;
    json["metrics"].push_back(std::move(entry));
  }
  json["measurements"] = nlohmann::ordered_json::array();
  for (const auto& m : file.measurements) json["measurements"].push_back({{"name", m.name}, {"value", m.value}, {"unit", m.unit}});
  json["factors"] = nlohmann::ordered_json::object();
  for (const auto& [name, factor] : file.factors) {
    if (factor.numeric) json["factors"][name] = {{"value", factor.value}, {"unit", factor.unit}};
    else json["factors"][name] = {{"value", factor.text}};
  }
  json["error_budget"] = engine_error.json();
  json["warnings"] = nlohmann::ordered_json::array();
  if (!engine_error.warning.empty()) json["warnings"].push_back(engine_error.warning);
  json["seconds"] = seconds;
  json["scatterers"] = file.scatterer_positions.size();
  const auto& rf = file.acquisition;
  json["shape"] = {{"frames", rf.frames()}, {"transmits", rf.transmits()}, {"channels", rf.channels()}, {"samples", rf.samples_per_channel()}};
  json["seed"] = file.seed;
  json["versions"] = versions;
  json["notes"] = rf.notes;
  return json;
}

LoadedConfig load_config(const std::filesystem::path& file, const std::vector<std::string>& sets, std::optional<std::uint64_t> seed,
                         std::uint64_t patient, const std::map<std::string, std::string>& forced) {
  LoadedConfig loaded{ConfigTree::load(file), {}};
  for (const auto& assignment : sets) loaded.tree.set(assignment);
  if (seed) loaded.tree.set("seed=" + std::to_string(*seed));
  if (patient > 0) loaded.tree.set("patient=" + std::to_string(patient));
  if (const ConfigNode* node = loaded.tree.root().find("patient"); node && patient == 0 && node->kind == ConfigNode::Kind::scalar)
    patient = std::strtoull(node->scalar.c_str(), nullptr, 10);
  loaded.factors = draw_config(loaded.tree, patient, forced);
  return loaded;
}

Factors draw_config(ConfigTree& tree, std::uint64_t patient, const std::map<std::string, std::string>& forced) {
  if (!tree.has_distributions()) return {};
  try {
    return tree.draw(RandomStream(seed_of(tree), patient, "config"), forced);
  } catch (const UserError&) {
    ExperimentConfig rest;  // all mistakes are told, not those of the distributions alone
    if (forced.empty()) tree.read(rest, dataset_sections());
    throw;
  }
}

std::uint64_t seed_of(const ConfigTree& tree) {
  const ConfigNode* node = tree.root().find("seed");
  if (!node || node->kind != ConfigNode::Kind::scalar) return 1;
  std::uint64_t seed = 0;
  const char* const end = node->scalar.data() + node->scalar.size();
  if (std::from_chars(node->scalar.data(), end, seed).ptr == end) return seed;
  try {
    return static_cast<std::uint64_t>(std::clamp(parse_quantity(node->scalar, Unit::none), 0.0, 9e15));
  } catch (const std::invalid_argument&) {
    return 1;  // the reader of the config tells the mistake
  }
}

}  // namespace sonoforge
