#include "app/detection_study.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "ai/classification_metrics.hpp"
#include "ai/cramer_rao.hpp"
#include "app/observer_data.hpp"
#include "core/parallel.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"

namespace sonoforge {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// Grey levels: the mean background lies so far below white.
constexpr double headroom_db = 15;

std::vector<double> values_of(const VectorXd& values) {
  return {values.begin(), values.end()};
}

/// RF of all cases, pixels, grey levels. A case is a pure function of seed and number.
struct Cases {
  MatrixXd rf, pixels;  ///< [datum, case]
  std::vector<std::uint8_t> truth, test;
};

Cases draw_cases(const LinearScanner& scanner, const LesionTask& task, double contrast, std::int64_t count,
                 std::uint64_t seed) {
  Cases cases;
  const auto number = static_cast<std::size_t>(count);
  MatrixXd scatterers(scanner.echoes.cols(), count);
  cases.rf.resize(scanner.echoes.rows(), count);
  cases.truth.resize(number);
  cases.test.resize(number);
  parallel_for(number, [&](std::size_t i) {
    RandomStream tissue(seed, i, "lesion study tissue"), noise(seed, i, "lesion study noise");
    const auto column = static_cast<Index>(i);
    for (Index j = 0; j < scatterers.rows(); ++j) scatterers(j, column) = tissue.normal();
    for (Index j = 0; j < cases.rf.rows(); ++j) cases.rf(j, column) = scanner.noise_deviation * noise.normal();
    cases.truth[i] = i % 2 != 0;
    cases.test[i] = i / 2 % 2 != 0;
    if (cases.truth[i])
      for (const auto k : task.inside) scatterers(static_cast<Index>(k), column) *= std::sqrt(1 + contrast);
  });
  cases.rf += scanner.echoes * scatterers;
  cases.pixels = scanner.beamformer * cases.rf;
  return cases;
}

/// What a display shows: logarithmic, 256 levels, at a fixed gain.
struct Display {
  double top_db = 0, range_db = 60;
  /// Standard deviation of the logarithm of intensity that rounding adds.
  double rounding() const { return range_db / 255 * std::log(10.0) / 10 / std::sqrt(12.0); }
  std::uint8_t level(double intensity) const {
    const double db = 10 * std::log10(std::max(intensity, 1e-300));
    return static_cast<std::uint8_t>(std::lround(255 * std::clamp(1 + (db - top_db) / range_db, 0.0, 1.0)));
  }
  double intensity(std::uint8_t level) const { return std::pow(10.0, (top_db + range_db * (level / 255.0 - 1)) / 10); }
};

/// Area of the test cases and what it says about the ideal observer's information.
void judge(Rung& rung, const Cases& cases, double ideal) {
  std::vector<double> scores;
  std::vector<std::uint8_t> truth;
  for (std::size_t i = 0; i < cases.truth.size(); ++i)
    if (cases.test[i]) {
      scores.push_back(rung.scores[i]);
      truth.push_back(cases.truth[i]);
    }
  const auto found = delong({scores}, truth);
  rung.area = found.reported(0);
  const bool known = std::isfinite(rung.exact);
  rung.efficiency = observer_efficiency(known ? rung.exact : rung.area.value, ideal);
  rung.efficiency_interval = known ? Interval{rung.efficiency, rung.efficiency}
                                   : Interval{observer_efficiency(rung.area.interval.low, ideal),
                                              observer_efficiency(rung.area.interval.high, ideal)};
}

std::vector<double> network_scores(const std::filesystem::path& file, const Cases& cases) {
  std::map<std::string, double> read;
  const auto records = parse_csv(read_file(file), file.string());
  const auto wrong = [&](int line, const std::string& what) {
    return UserError(Problem{{file.string(), line, 1}, what + ". Write lines 'id,prediction' as 'case_00002,0.81'"});
  };
  if (records.empty() || records.front().cells != std::vector<std::string>{"id", "prediction"})
    throw wrong(1, "the columns are not 'id,prediction' (a score of each case is read)");
  for (std::size_t i = 1; i < records.size(); ++i) {
    const auto& cells = records[i].cells;
    char* end = nullptr;
    const double value = cells.size() == 2 ? std::strtod(cells[1].c_str(), &end) : nan;
    if (cells.size() != 2 || end == cells[1].c_str() || *end != 0 || !std::isfinite(value))
      throw wrong(records[i].line, "a line is not an id and a finite number");
    if (!read.emplace(cells[0], value).second)
      throw wrong(records[i].line, "'" + cells[0] + "' stands twice (which score counts?)");
  }
  std::vector<double> scores(cases.truth.size(), 0);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const auto found = read.find(case_name(i));
    if (found != read.end())
      scores[i] = found->second;
    else if (cases.test[i])
      throw UserError(file.string() + " has no score of " + case_name(i) +
                      " (no test case may be left out). Score every case of fold 'test'");
  }
  return scores;
}

/// Grey levels of each case through channels, trained on the training cases.
std::vector<double> channelised(const DetectionStudy& study, const LinearScanner& scanner, const Cases& cases,
                                const MatrixXd& grey) {
  std::vector<double> x, z;
  for (std::size_t p = 0; p < scanner.pixels(); ++p) {
    const std::size_t ix = p % scanner.grid.x.count, iz = p / (scanner.grid.x.count * scanner.grid.y.count);
    const Vec3 place = scanner.grid.position(iz, 0, ix);
    x.push_back(place.x - study.centre.x);
    z.push_back(place.z - study.centre.z);
  }
  // exp(-pi r^2 / a^2) has fallen to exp(-pi / 4) at the rim for a = diameter.
  const MatrixXd features =
      laguerre_gauss_channels(x, z, 2 * study.radius, static_cast<std::size_t>(study.channels)) * grey;
  std::vector<std::uint8_t> truth;
  std::vector<Index> training;
  for (std::size_t i = 0; i < cases.truth.size(); ++i)
    if (!cases.test[i]) {
      truth.push_back(cases.truth[i]);
      training.push_back(static_cast<Index>(i));
    }
  const MatrixXd learned = features(Eigen::all, training);
  return values_of(features.transpose() * hotelling_template(learned, truth));
}

double slope_of(const std::vector<std::array<double, 2>>& curve) {
  double x = 0, y = 0, xx = 0, xy = 0;
  const double n = static_cast<double>(curve.size());
  for (const auto& [radius, contrast] : curve) x += std::log(radius) / n, y += std::log(contrast) / n;
  for (const auto& [radius, contrast] : curve) {
    xx += (std::log(radius) - x) * (std::log(radius) - x);
    xy += (std::log(radius) - x) * (std::log(contrast) - y);
  }
  return xx > 0 ? xy / xx : nan;
}

std::vector<Bound> bounds_of(const DetectionStudy& study, const Experiment& e, const LinearScanner& scanner) {
  // One scatterer of unit strength at the centre, on the channel nearest to it.
  std::size_t nearest = 0, channel = 0;
  for (std::size_t i = 0; i < scanner.scatterers.size(); ++i)
    if (norm(scanner.scatterers[i] - study.centre) < norm(scanner.scatterers[nearest] - study.centre)) nearest = i;
  std::vector<double> x;
  for (std::size_t i = 0; i < scanner.window.probe.elements.size(); ++i) {
    x.push_back(scanner.window.probe.elements[i].position.x - study.centre.x);
    if (std::abs(x[i]) < std::abs(x[channel])) channel = i;
  }
  std::vector<double> echo;
  for (std::size_t i = 0; i < scanner.window.samples_per_channel(); ++i)
    echo.push_back(scanner.echoes(static_cast<Index>(scanner.row(scanner.window.transmits() / 2, channel, i)),
                                  static_cast<Index>(nearest)));
  const double rate = scanner.window.sampling_rate, speed = e.phantom.background.sound_speed;
  const double known = delay_bound(echo, rate, scanner.noise_deviation, EchoPhase::known);
  std::vector<Bound> bounds{{"delay, phase known", "s",
                             "Arrival of the echo of one scatterer at the centre on the channel nearest to it.", known},
                            {"delay, phase unknown", "s", "The same from the envelope alone.",
                             delay_bound(echo, rate, scanner.noise_deviation, EchoPhase::unknown)}};
  if (x.size() >= 2)
    bounds.push_back({"sound speed", "m/s", "From such arrivals on all elements, depth unknown.",
                      sound_speed_bound(x, study.centre.z, speed, known)});
  // Speckle in windows of a quarter of the height, one line, over the -6 dB band of the echo's envelope.
  const double height = 2 * (study.radius + study.margin), window = 2 * (height / 4) / speed;
  const double centre = scanner.window.centre_frequency, snr = std::pow(10.0, e.config.receive->noise.snr / 10);
  std::vector<double> frequencies, depths;
  for (double f = 1 / window; f < 2 * centre; f += 1 / window)
    if (std::abs(f - centre) < centre / 4) frequencies.push_back(f);
  for (int i = 0; i < 4; ++i) depths.push_back(study.centre.z + height * (i - 1.5) / 4);
  if (!frequencies.empty()) {
    const double neper = attenuation_bound(frequencies, depths, static_cast<double>(x.size()), 1, snr);
    bounds.push_back({"attenuation", "dB/cm/MHz",
                      "From the speckle of this height in four windows over half the centre frequency, every element "
                      "an independent line.",
                      neper * 20 / std::log(10.0) * 1e6 / 100});
  }
  return bounds;
}

}  // namespace

DetectionStudy::DetectionStudy() : tissue(Typed<Tissue>::make(tissue_catalog(), "liver")) {}

void DetectionStudy::fields(FieldVisitor& visit) {
  visit.typed(tissue, tissue_catalog(), {.key = "tissue", .doc = "Uniform tissue around: its speed and loss."});
  visit(centre, {.key = "centre", .doc = "Of the lesion.", .unit = Unit::metre, .min = -1, .max = 1});
  visit(radius, {.key = "radius",
                 .doc = "Of the lesion, a cylinder along elevation.",
                 .unit = Unit::metre,
                 .min = 1e-6,
                 .max = 0.1});
  visit(contrast, {.key = "contrast",
                   .doc = "Echo level inside the lesion above that of its surroundings.",
                   .unit = Unit::decibel,
                   .min = -100,
                   .max = 100});
  visit(margin, {.key = "margin",
                 .doc = "Width of tissue with scatterers around the lesion.",
                 .unit = Unit::metre,
                 .min = 0,
                 .max = 0.1});
  visit(lateral_spacing, {.key = "lateral_spacing",
                          .doc = "Of the scatterers' lattice (default: half a wavelength).",
                          .unit = Unit::metre,
                          .min = 1e-6,
                          .max = 0.1});
  visit(axial_spacing, {.key = "axial_spacing",
                        .doc = "Of the scatterers' lattice (default: a sixth of a wavelength).",
                        .unit = Unit::metre,
                        .min = 1e-6,
                        .max = 0.1});
  visit(cases, {.key = "cases",
                .doc = "Simulated cases, half with the lesion; half train the channelised observer, the others test.",
                .min = 40,
                .max = 100000});
  visit(channels, {.key = "channels",
                   .doc = "Laguerre-Gauss channels of the Hotelling observer, as wide as the lesion.",
                   .min = 1,
                   .max = 50});
  visit(network,
        {.key = "network",
         .doc = "Scores of a network for the cases of an earlier run of this config: CSV with id, prediction."});
  visit(train, {.key = "train", .doc = "Train a network on beamformed data of cases drawn for it alone, and let it read the same cases."});
  visit(radii, {.key = "radii",
                .doc = "Radii of a contrast-detail curve of the ideal observer.",
                .unit = Unit::metre,
                .min = 1e-6,
                .max = 0.1,
                .max_items = 50});
  visit(detectability,
        {.key = "detectability", .doc = "d' that its threshold contrast reaches.", .min = 0.01, .max = 10});
}

void DetectionStudy::check() const {
  if (contrast == 0)
    throw ConfigError("contrast",
                      "the lesion is like its surroundings (there is nothing to detect). Write for example '-6 dB'");
  if (cases % 4 != 0)
    throw ConfigError(
        "cases", "the number of cases is no multiple of four (with and without lesion, training and test). Round it");
  if (cases / 4 <= channels)
    throw ConfigError(
        "cases",
        "there are no more training cases a class than channels (their covariance is needed). Ask for more cases");
  if (train && !network.empty())
    throw ConfigError("train", "a network is trained, and scores of another are given (one is judged). Remove 'train' or 'network'");
  for (const double r : radii)
    if (r > radius + margin)
      throw ConfigError("radii", "a radius reaches beyond the lattice (radius + margin). Enlarge the margin");
}

std::vector<Vec3> DetectionStudy::lattice(double wavelength) const {
  const double dx = lateral_spacing.value_or(wavelength / 2), dz = axial_spacing.value_or(wavelength / 6);
  const double half = radius + margin;
  const auto steps = [&](double step) { return static_cast<int>(std::floor(half / step + 1e-9)); };
  if ((2.0 * half / dx + 1) * (2.0 * half / dz + 1) > 20'000)
    throw UserError(
        "the lattice would have more than 20000 scatterers (the study's matrices grow with their square). Take a "
        "smaller lesion or margin, or a wider spacing");
  std::vector<Vec3> places;
  for (int ix = -steps(dx); ix <= steps(dx); ++ix)
    for (int iz = -steps(dz); iz <= steps(dz); ++iz)
      places.push_back({centre.x + ix * dx, centre.y, centre.z + iz * dz});
  return places;
}

std::vector<std::size_t> DetectionStudy::inside(const std::vector<Vec3>& places, double lesion_radius) const {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < places.size(); ++i)
    if (std::hypot(places[i].x - centre.x, places[i].z - centre.z) <= lesion_radius * (1 + 1e-9)) chosen.push_back(i);
  return chosen;
}

ObserverTrainer& observer_trainer() {
  static ObserverTrainer trainer;
  return trainer;
}

std::string case_name(std::size_t number) {
  const auto digits = std::to_string(number);
  return "case_" + std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

void DetectionStudy::check_acquisition(const ConfigTree& acquisition) const {
  lattice_experiment(acquisition, *tissue);
}

DetectionResult study_detection(const DetectionStudy& study, const Experiment& e) {
  DetectionResult result;
  const double wavelength = e.phantom.background.sound_speed / e.probe.frequency;
  result.scanner = linear_scanner(e, study.lattice(wavelength));
  const LinearScanner& scanner = result.scanner;
  const double contrast = std::pow(10.0, study.contrast / 10) - 1;

  LesionTask rf{scanner.echoes,
                study.inside(scanner.scatterers, study.radius),
                scanner.noise_deviation * scanner.noise_deviation,
                {}};
  const LesionSpectrum of_rf = lesion_spectrum(rf);
  result.cells = 0.5 * of_rf.information.squaredNorm();
  result.detectability = ideal_detectability(of_rf.information, contrast);
  const double ideal = ideal_area(of_rf.information, contrast);

  LesionTask beamformed{scanner.beamformer * scanner.echoes, rf.inside, 0,
                        MatrixXd::Zero(scanner.beamformer.rows(), scanner.beamformer.rows())};
  beamformed.noise.selfadjointView<Eigen::Lower>().rankUpdate(scanner.beamformer, rf.white_noise);
  beamformed.noise.triangularView<Eigen::StrictlyUpper>() = beamformed.noise.transpose();
  const LesionSpectrum of_pixels = lesion_spectrum(beamformed);

  MatrixXd background = beamformed.noise;
  background.selfadjointView<Eigen::Lower>().rankUpdate(beamformed.response);
  background.triangularView<Eigen::StrictlyUpper>() = background.transpose();
  MatrixXd lesion = background;
  for (const auto k : rf.inside) {
    const auto column = beamformed.response.col(static_cast<Index>(k));
    lesion.selfadjointView<Eigen::Lower>().rankUpdate(column, contrast);
  }
  lesion.triangularView<Eigen::StrictlyUpper>() = lesion.transpose();
  const IntensityObserver intensity = intensity_observer(background, lesion);

  const Cases cases = draw_cases(scanner, rf, contrast, study.cases, static_cast<std::uint64_t>(e.config.seed));
  result.truth = cases.truth;
  result.test = cases.test;
  const auto pixels = static_cast<Index>(scanner.pixels());
  const MatrixXd intensities = cases.pixels.topRows(pixels).cwiseAbs2() + cases.pixels.bottomRows(pixels).cwiseAbs2();
  const double mean = background.trace() / static_cast<double>(pixels);
  const Display display{10 * std::log10(mean) + headroom_db, e.config.image.dynamic_range};
  MatrixXd grey(pixels, study.cases), shown(pixels, study.cases);
  result.images.resize(cases.truth.size());
  for (Index i = 0; i < study.cases; ++i)
    for (Index p = 0; p < pixels; ++p) {
      const std::uint8_t level = display.level(intensities(p, i));
      result.images[static_cast<std::size_t>(i)].push_back(level);
      grey(p, i) = level;
      shown(p, i) = display.intensity(level);
    }

  const auto add = [&](const std::string& name, const std::string& doc, double exact, std::vector<double> scores) {
    Rung rung{name, doc, exact, {}, 0, {}, std::move(scores)};
    judge(rung, cases, ideal);
    result.rungs.push_back(std::move(rung));
  };
  add("RF", "Ideal observer of the channel data: likelihood ratio.", ideal,
      values_of(log_likelihood_ratio(of_rf, rf, contrast, cases.rf)));
  add("beamformed", "Ideal observer of the complex pixels: likelihood ratio.",
      ideal_area(of_pixels.information, contrast),
      values_of(log_likelihood_ratio(of_pixels, beamformed, contrast, cases.pixels)));
  add("envelope", "Best linear observer of the squared envelope (Smith and Wagner's, correlations included).",
      intensity.area, values_of(intensities.transpose() * intensity.weights));
  add("8 bit", "The same observer of intensities read back from 256 grey levels; its weights allow for the rounding.",
      nan, values_of(shown.transpose() * intensity_observer(background, lesion, display.rounding()).weights));
  add("channelised Hotelling", "Laguerre-Gauss channels of the grey levels, trained on the training cases.", nan,
      channelised(study, scanner, cases, grey));
  if (!study.network.empty()) {
    add("network", "Scores read from " + study.network.filename().string() + ".", nan,
        network_scores(study.network, cases));
    result.alarm = result.rungs.back().area.interval.low > ideal;
  }
  if (study.train) {
    if (!observer_trainer())
      throw UserError("study.train needs LibTorch, and this program was built without it. Install libtorch-dev and build again");
    const ObserverData data = observer_data(*study.train, scanner, beamformed, contrast, cases.pixels);
    const double own = ideal_area(of_pixels.information, contrast);
    add("network", "Model " + study.train->model.type + " on whitened beamformed data, trained on " + std::to_string(study.train->samples * study.train->epochs) + " cases of its own.", nan,
        observer_trainer()(*study.train, data.shape, data.cases, data.components, data.judged));
    // What it sees are the beamformed data: their ideal observer is the bound.
    result.alarm = result.rungs.back().area.interval.low > own;
  }

  for (const double radius : study.radii) {
    LesionTask other = rf;
    other.inside = study.inside(scanner.scatterers, radius);
    // The disc's own radius: that of the area its scatterers stand for.
    const double share = static_cast<double>(other.inside.size()) / static_cast<double>(rf.inside.size());
    const double threshold = threshold_contrast(lesion_spectrum(other).information, study.detectability);
    if (std::isfinite(threshold)) result.contrast_detail.push_back({study.radius * std::sqrt(share), threshold});
  }
  result.slope = result.contrast_detail.size() >= 2 ? slope_of(result.contrast_detail) : nan;
  result.bounds = bounds_of(study, e, scanner);
  return result;
}

StudyOutcome DetectionStudy::run(const ConfigTree& acquisition, const std::string& text,
                                 const std::filesystem::path& folder) const {
  make_folder(folder);
  const Experiment experiment = lattice_experiment(acquisition, *tissue);
  return write_detection(folder, *this, experiment.resolved + text, study_detection(*this, experiment));
}

}  // namespace sonoforge
