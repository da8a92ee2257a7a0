#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "ai/annotator.hpp"
#include "core/fields.hpp"
#include "formats/zea.hpp"
#include "io/config.hpp"
#include "phantoms/phantom.hpp"
#include "recon/beamformer.hpp"
#include "recon/image_filter.hpp"
#include "recon/metrics.hpp"
#include "sim/engine.hpp"
#include "sim/reverberation.hpp"
#include "transducers/probe.hpp"
#include "transducers/pulse.hpp"
#include "transducers/receive.hpp"
#include "transducers/sequence.hpp"

namespace sonoforge {

/// `image:` where pixels stand. Either x and z (and y), or angle and range around the apex of a convex array or the centre of a
/// phased one; both pairs missing: a grid is chosen from probe and depth.
struct ImageConfig : Configurable {
  std::optional<Axis> x, y, z;
  std::optional<Axis> angle, range;
  double dynamic_range = 60;  ///< of pictures [dB]
  std::vector<Typed<ImageFilter>> filters;  ///< of the envelope, in this order
  std::optional<bool> pulse_compression;  ///< matched filter with the pulse before beamforming; missing: chirps and codes alone
  Attenuation compensation;   ///< depth gain that undoes this loss on the way there and back, at the pulse's centre frequency
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// `field:` where the transmitted pressure is wanted.
struct FieldConfig : Configurable {
  std::optional<Axis> x, y, z;
  std::optional<std::filesystem::path> points;
  double frequency = 0;           ///< > 0: continuous wave [Hz]
  std::int64_t transmit = 0;
  double sampling_rate = 0;       ///< of waveforms [Hz]; 0 = eight times the probe's frequency
  std::int64_t movie_frames = 0;  ///< frames of a movie of the wave; 0 = none
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// One acquisition as its YAML file describes it (see README, "Config files").
struct ExperimentConfig : Configurable {
  std::int64_t format = 1;
  std::int64_t seed = 1;
  std::string description;   ///< the user's own words, kept with the data
  std::int64_t patient = 0;  ///< which patient of a training set: chooses the random streams
  std::int64_t visit_number = 0;  ///< which examination of the patient: chooses the noise; the patient stays the same
  Typed<PhantomConfig> phantom;
  Typed<ProbeConfig> probe;
  Typed<PulseConfig> pulse;
  Typed<SequenceConfig> sequence;
  std::optional<ReceiveConfig> receive;
  Typed<Engine> engine;
  std::optional<ReverberationConfig> reverberation;  ///< reflectors between which sound goes to and fro
  std::optional<double> sound_speed;  ///< that the scanner assumes, for delays and images [m/s]; default: the background's
  Typed<Beamformer> beamformer;
  ImageConfig image;
  std::vector<std::string> components;  ///< of the samples, stored beside the whole
  std::vector<std::string> labels{"segmentation"};
  std::optional<AnnotatorConfig> annotator;  ///< a simulated reader's outlines, stored beside the truth
  std::vector<Typed<MetricConfig>> metrics;
  std::optional<FieldConfig> field;

  ExperimentConfig();
  void fields(FieldVisitor& visit) override;
};

/// What an engine promises, what it was found to keep, and a warning where the two do not agree.
struct EngineError {
  double predicted = 0;
  std::optional<MeasuredError> measured;
  std::string warning;
  nlohmann::ordered_json json() const;
};
/// `engine`: its name, for the warning.
EngineError judge(const std::string& engine, double predicted, std::optional<MeasuredError> measured);

/// Everything a config describes, built: the one scene that RF, image, label and numbers share.
struct Experiment {
  ExperimentConfig config;
  std::string resolved;  ///< YAML with all defaults and draws; reproduces this experiment
  Factors factors;
  Phantom phantom;
  Probe probe;
  std::shared_ptr<const Pulse> pulse;
  Sequence sequence;
  std::optional<Reverberation> reverberation;
  std::shared_ptr<const ConfigTree> source;  ///< what it was built from, to say where mistakes stand

  /// Reads and builds. `needs`: top-level keys this command cannot do without. Throws `UserError` with every mistake.
  static Experiment build(const ConfigTree& tree, const std::vector<std::string>& needs, Factors factors = {});

  /// The phantom alone, drawn as `build` draws it.
  static Phantom build_phantom(const ExperimentConfig& config, const ConfigTree& tree);

  /// Runs `work`; what it refuses is told at the place in the config that `ConfigError::key` names, from the top or within
  /// `section`, or else at the section itself.
  void located(const std::string& section, const std::function<void()>& work) const;

  Acquisition simulate() const;
  /// Of the receive chain and its noise; another one at each visit.
  RandomStream noise_stream() const;
  /// Throws `UserError` where the record could not become an image: told before the simulation instead of after it.
  void check_image() const;
  /// How far the engine's echoes are from those without shortcuts: of a sample that the seed draws.
  EngineError engine_error() const;
  PixelGrid grid(const Acquisition& acquisition) const;
};

/// The pixels an image has where the config does not say: the view of the probe down to the end of the record.
PixelGrid image_grid(const ImageConfig& image, const Acquisition& acquisition);

/// What `run` makes.
struct RunResult {
  ZeaFile file;
  std::vector<ComplexMap> beamformed;  ///< what the images show, before detection
  std::vector<MetricValue> metrics;
  nlohmann::ordered_json report() const;
  std::map<std::string, double> seconds;  ///< wall time of each step
  EngineError engine_error;
  std::map<std::string, std::string> versions;
};

/// Simulate, reconstruct, label, measure.
/// `judge_engine`: also measure the engine's error on a sample, at the price of a part of the simulation.
RunResult run(const Experiment& experiment, bool judge_engine = true);

/// Whether channel data go through the matched filter of their pulse before they are beamformed.
bool compresses_pulse(const ExperimentConfig& config);
/// Compression of the pulse, where it is asked for, and the beamformer. `ConfigError`s are those of the section 'beamformer'.
std::vector<ComplexMap> beamform(const ExperimentConfig& config, const Acquisition& acquisition, const PixelGrid& grid);

/// Multiplies each pixel by the gain that undoes the loss on the way to its depth and back.
void compensate_loss(std::vector<ComplexMap>& maps, const Attenuation& loss, const Acquisition& acquisition);
/// The envelopes of all frames after the image's filters.
std::vector<RealMap> detect(const std::vector<ComplexMap>& maps, const ImageConfig& config);
/// Log-compressed images of all frames, in dB below the brightest pixel of all.
std::vector<RealMap> make_images(const std::vector<RealMap>& envelopes);

/// The segmentation that metrics see: the labelled classes, and the background under the name of its tissue.
LabelMap metric_classes(const Phantom& phantom, const PixelGrid& grid);
/// The classes and, under `name` and as "background", the pixels that have none and of which `is_background` (if given) holds.
LabelMap with_background(LabelMap classes, const std::string& name, const std::function<bool(Vec3)>& is_background);
/// `levels`: the envelope. A metric that the image does not allow (a region without pixels) has a `problem` instead of a value.
std::vector<MetricValue> measure(const std::vector<Typed<MetricConfig>>& metrics, const RealMap& levels, const RealMap& decibels,
                                 const std::optional<LabelMap>& classes);

/// Throws a `UserError` that names every metric with a problem: called once everything else is written.
void refuse_unmeasured(const std::vector<MetricValue>& metrics, const std::string& where);

/// Loads a config, applies `--set` and `--seed`, and draws its distributions for one patient.
struct LoadedConfig {
  ConfigTree tree;
  Factors factors;
};
LoadedConfig load_config(const std::filesystem::path& file, const std::vector<std::string>& sets, std::optional<std::uint64_t> seed,
                         std::uint64_t patient = 0, const std::map<std::string, std::string>& forced = {});
/// Draws the distributions of a config, if it has any; with a mistake in them, throws a `UserError` with every mistake of the config.
Factors draw_config(ConfigTree& tree, std::uint64_t patient, const std::map<std::string, std::string>& forced = {});
/// The seed a config states (default 1).
std::uint64_t seed_of(const ConfigTree& tree);

}  // namespace sonoforge
