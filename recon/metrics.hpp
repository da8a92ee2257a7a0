#pragma once
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/fields.hpp"
#include "core/image.hpp"

namespace sonoforge {

// ---- Numbers from samples ------------------------------------------------------------------------------------------

/// Mean and population variance.
struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(std::span<const double> values);

/// 20 log10(mean of target / mean of background) of envelope samples [dB].
double contrast_ratio(std::span<const double> target, std::span<const double> background);
/// |mu_t - mu_b| / sqrt(v_t + v_b) of envelope samples, population variances [patterson1983].
double contrast_to_noise(std::span<const double> target, std::span<const double> background);
/// 1 - overlap of the two histograms over `bins` equal bins between the least and the largest of all samples
/// [rodriguezmolares2020]. 0: the two cannot be told apart; 1: a threshold separates them.
double generalised_contrast_to_noise(std::span<const double> target, std::span<const double> background,
                                     std::size_t bins = 100);
/// mean / standard deviation of envelope samples: 1.913 in fully developed speckle.
double speckle_snr(std::span<const double> envelope);
/// PICMUS: 20 log10(|mu_t - mu_b| / sqrt((v_t + v_b) / 2)) of samples in dB, sample variances [liebgott2016].
double picmus_contrast(std::span<const double> target_db, std::span<const double> background_db);

/// Kolmogorov-Smirnov test of envelope samples against the Rayleigh distribution of their own mean square.
struct SpeckleTest {
  double statistic = 0;  ///< largest difference of the distribution functions
  double p_value = 1;    ///< of Kolmogorov's limit with Stephens' correction for few samples [stephens1970]
};
SpeckleTest speckle_test(std::vector<double> envelope);
/// Largest difference of two empirical distribution functions.
double two_sample_distance(std::vector<double> a, std::vector<double> b);

/// Width of a peak where the profile [dB] has fallen by `drop` on both sides, measured from its largest sample, refined
/// by the parabola through it and its neighbours; crossings by linear interpolation in dB. In units of the sample
/// distance; NaN where the profile does not fall that far within its ends.
double width_at_drop(std::span<const double> profile_db, double drop = 6.020599913279624);
/// PICMUS: the profile [dB] is interpolated linearly to ten times as many points; distance between the first and the
/// last of them within 6 dB of the largest. In units of the sample distance [liebgott2016].
double picmus_width(std::span<const double> profile_db);

// ---- Regions
// ---------------------------------------------------------------------------------------------------------

/// Indices into a map of the pixels of a class that lie at least `margin` [m] inside it (the image border does not
/// count as an edge). "background" is, where no channel has that name, what belongs to no channel. With `near`, only
/// pixels at most `within` [m] from that class. Distances on polar grids take the mean range for the pixel width.
/// Throws `UserError` for unknown classes and for regions without pixels.
struct RegionQuery {
  std::string label;
  double margin = 0;  ///< [m]
  std::string near = {};
  std::optional<double> within = {};  ///< [m]
};
std::vector<std::size_t> region_pixels(const LabelMap& segmentation, const RegionQuery& query);

// ---- Metrics as config objects
// ---------------------------------------------------------------------------------------

/// What metrics look at; all maps on one grid.
struct MetricInput {
  const RealMap& envelope;
  const RealMap& decibels;                 ///< relative to the image's maximum
  const LabelMap* segmentation = nullptr;  ///< truth, where known
};

/// One number, in SI units.
struct MetricValue {
  std::string name;
  double value = 0;
  std::string unit;          ///< "dB", "m", or "" for ratios
  std::string subject = {};  ///< what was measured, as "cyst, liver": set by whoever asked for it
  std::string problem = {};  ///< why there is no value (it is NaN then)
  bool mistake = false;      ///< of the config: the metric cannot be measured on this image at all
};

class MetricConfig : public Configurable {
 public:
  /// Throws `UserError` where the image does not hold what the metric needs.
  virtual std::vector<MetricValue> measure(const MetricInput& input) const = 0;
  /// The regions or the place that are measured, in words.
  virtual std::string subject() const = 0;
  /// The labels that must occur in the segmentation, with the key that names each.
  virtual std::vector<std::pair<std::string, std::string>> labels() const { return {}; }
};

/// cr, cnr, gcnr, speckle_snr, picmus_contrast, speckle_test, fwhm, picmus_resolution.
const Catalog& metric_catalog();

}  // namespace sonoforge
