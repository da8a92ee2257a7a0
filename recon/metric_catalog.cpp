#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "recon/metrics.hpp"

namespace sonoforge {
namespace {

const LabelMap& truth_of(const MetricInput& input) {
  if (!input.segmentation)
    throw UserError(
        "there is no segmentation to find regions with (the data come without truth). Leave this metric out "
        "or simulate with 'labels: [segmentation]'");
  if (!(input.segmentation->grid == input.envelope.grid))
    throw UserError("image and segmentation have different grids (pixels must correspond). Compute both on one grid");
  return *input.segmentation;
}

std::vector<double> samples(const RealMap& map, const std::vector<std::size_t>& pixels) {
  std::vector<double> values(pixels.size());
  for (std::size_t i = 0; i < pixels.size(); ++i) values[i] = static_cast<double>(map.values.flat()[pixels[i]]);
  return values;
}

void margin_field(FieldVisitor& visit, double& margin) {
  visit(margin, {.key = "margin",
                 .doc = "Pixels nearer than this to the edge of their region are left out.",
                 .unit = Unit::metre,
                 .min = 0,
                 .max = 1});
}

/// What all metrics of two regions share.
struct TwoRegions : MetricConfig {
  std::string target, background = "background";
  double margin = 0;
  std::optional<double> within;

  void fields(FieldVisitor& visit) override {
    visit(target, {.key = "target", .doc = "Label of the region to measure.", .required = true});
    visit(background, {.key = "background", .doc = "Label of the region to compare with."});
    margin_field(visit, margin);
    visit(within, {.key = "within",
                   .doc = "Only background at most this far from the target; by default all of it.",
                   .unit = Unit::metre,
                   .min = 1e-6,
                   .max = 1});
  }
  std::string subject() const override { return target + ", " + background; }
  std::vector<std::pair<std::string, std::string>> labels() const override { return {{"target", target}, {"background", background}}; }

 protected:
  struct Samples {
    std::vector<double> target, background;
  };
  Samples take(const MetricInput& input, const RealMap& map) const {
    const LabelMap& truth = truth_of(input);
    return {samples(map, region_pixels(truth, {target, margin, {}, {}})),
            samples(map, region_pixels(truth, {background, margin, target, within}))};
  }
};

struct ContrastRatio : TwoRegions {
  std::vector<MetricValue> measure(const MetricInput& input) const override {
    const Samples s = take(input, input.envelope);
    return {{"cr", contrast_ratio(s.target, s.background), "dB"}};
  }
};

struct ContrastToNoise : TwoRegions {
  std::vector<MetricValue> measure(const MetricInput& input) const override {
    const Samples s = take(input, input.envelope);
    return {{"cnr", contrast_to_noise(s.target, s.background), ""}};
  }
};

struct GeneralisedContrastToNoise : TwoRegions {
  std::int64_t bins = 100;
  void fields(FieldVisitor& visit) override {
    TwoRegions::fields(visit);
    visit(bins, {.key = "bins", .doc = "Bins of the two histograms of the envelope.", .min = 2, .max = 100'000});
  }
  std::vector<MetricValue> measure(const MetricInput& input) const override {
    const Samples s = take(input, input.envelope);
    return {{"gcnr", generalised_contrast_to_noise(s.target, s.background, static_cast<std::size_t>(bins)), ""}};
  }
};

struct PicmusContrast : TwoRegions {
  std::vector<MetricValue> measure(const MetricInput& input) const override {
    const Samples s = take(input, input.decibels);
    return {{"picmus_contrast", picmus_contrast(s.target, s.background), "dB"}};
  }
};

struct OneRegion : MetricConfig {
  std::string target = "background";
  double margin = 0;
  void fields(FieldVisitor& visit) override {
    visit(target, {.key = "target", .doc = "Label of the region to measure."});
    margin_field(visit, margin);
  }
  std::string subject() const override { return target; }
  std::vector<std::pair<std::string, std::string>> labels() const override { return {{"target", target}}; }
};

struct SpeckleSnr : OneRegion {
  std::vector<MetricValue> measure(const MetricInput& input) const override {
    const auto values = samples(input.envelope, region_pixels(truth_of(input), {target, margin, {}, {}}));
    return {{"speckle_snr", speckle_snr(values), ""}};
  }
};

struct SpeckleDistribution : OneRegion {
  std::int64_t stride = 5;
  void fields(FieldVisitor& visit) override {
    OneRegion::fields(visit);
    visit(stride, {.key = "stride",
                   .doc = "Every n-th pixel along x and z is tested, so that samples are independent.",
                   .min = 1,
                   .max = 1000});
  }
  std::vector<MetricValue> measure(const MetricInput& input) const override {
    const auto pixels = region_pixels(truth_of(input), {target, margin, {}, {}});
    const PixelGrid& grid = input.envelope.grid;
    const auto step = static_cast<std::size_t>(stride);
    std::vector<double> values;
    for (std::size_t i : pixels) {
      const std::size_t ix = i % grid.x.count, iz = i / (grid.x.count * grid.y.count);
      if (ix % step == 0 && iz % step == 0) values.push_back(static_cast<double>(input.envelope.values.flat()[i]));
    }
    if (values.size() < 5)
      throw UserError("region '" + target + "' has too few pixels for a test of its distribution (" +
                      std::to_string(values.size()) + " after thinning). Choose a larger region or a smaller stride");
    const SpeckleTest test = speckle_test(std::move(values));
    return {{"speckle_test_statistic", test.statistic, ""}, {"speckle_test_p_value", test.p_value, ""}};
  }
};

/// Profiles through the brightest pixel near a point.
struct PointProfiles : MetricConfig {
  std::optional<Vec3> position;
  std::string target;
  double radius = 1.8e-3;

  std::string subject() const override {
    if (!position) return target;
    return "(" + format_number(position->x * 1e3) + ", " + format_number(position->z * 1e3) + ") mm";
  }
  std::vector<std::pair<std::string, std::string>> labels() const override {
    if (position) return {};
    return {{"target", target}};
  }
  void fields(FieldVisitor& visit) override {
    visit(position, {.key = "position", .doc = "Where the point target stands.", .unit = Unit::metre});
    visit(target, {.key = "target", .doc = "Label of the region that holds the point target, instead of a position."});
    visit(radius, {.key = "radius",
                   .doc = "Half side of the box around the target in which its profiles are taken.",
                   .unit = Unit::metre,
                   .min = 1e-6,
                   .max = 1});
  }
  void check() const override {
    if (position.has_value() == !target.empty())
      throw ConfigError("position", position
                                        ? "both position and target are given (the point is one place). Keep one"
                                        : "neither position nor target is given (the point is not known). Write for "
                                          "example 'position: [0 mm, 0 mm, 20 mm]'");
  }

 protected:
  struct Profiles {
    std::vector<double> axial, lateral;
    double axial_step = 0, lateral_step = 0;  ///< [m]
    Vec3 peak;
  };
  Profiles take(const MetricInput& input) const {
    const PixelGrid& grid = input.decibels.grid;
    const auto& values = input.decibels.values;
    std::size_t best = values.size();
    const auto consider = [&](std::size_t i) {
      if (best == values.size() || values.flat()[i] > values.flat()[best]) best = i;
    };
    if (position) {
      for (std::size_t iz = 0, i = 0; iz < grid.z.count; ++iz)
        for (std::size_t iy = 0; iy < grid.y.count; ++iy)
          for (std::size_t ix = 0; ix < grid.x.count; ++ix, ++i) {
            const Vec3 away = grid.position(iz, iy, ix) - *position;
            // A plane image looks for the point in its plane, wherever it stands in elevation.
            const double elevation = grid.y.count > 1 ? std::abs(away.y) : 0;
            if (std::max({std::abs(away.x), elevation, std::abs(away.z)}) <= radius) consider(i);
          }
    } else {
      for (std::size_t i : region_pixels(truth_of(input), {target, 0, {}, {}})) consider(i);
    }
    if (best == values.size())
      throw UserError(
          "no pixel lies near the point target (it is outside the image or the radius is below a pixel). "
          "Check position, radius and image grid");
    if (!(values.flat()[best] > -150))
      throw UserError("nothing is bright near the point target (the image is empty there). Check its position and the aperture, which may not see it");
    const std::size_t ix = best % grid.x.count, iy = best / grid.x.count % grid.y.count,
                      iz = best / (grid.x.count * grid.y.count);
    Profiles p;
    p.peak = grid.position(iz, iy, ix);
    p.axial_step = std::abs(grid.z.step);
    p.lateral_step = std::abs(grid.x.step);
    if (grid.kind == PixelGrid::Kind::polar) p.lateral_step *= std::abs(grid.z.at(iz));
    const auto reach = [&](double step) { return static_cast<std::size_t>(std::floor(radius / step + 1e-9)); };
    const std::size_t rz = reach(p.axial_step), rx = reach(p.lateral_step);
    for (std::size_t k = iz - std::min(iz, rz); k <= std::min(iz + rz, grid.z.count - 1); ++k)
      p.axial.push_back(static_cast<double>(values(k, iy, ix)));
    for (std::size_t k = ix - std::min(ix, rx); k <= std::min(ix + rx, grid.x.count - 1); ++k)
      p.lateral.push_back(static_cast<double>(values(iz, iy, k)));
    return p;
  }
};

struct FullWidthHalfMaximum : PointProfiles {
  std::vector<MetricValue> measure(const MetricInput& input) const override {
    const Profiles p = take(input);
    return {{"fwhm_axial", p.axial_step * width_at_drop(p.axial), "m"},
            {"fwhm_lateral", p.lateral_step * width_at_drop(p.lateral), "m"},
            {"peak_x", p.peak.x, "m"},
            {"peak_z", p.peak.z, "m"}};
  }
};

struct PicmusResolution : PointProfiles {
  std::vector<MetricValue> measure(const MetricInput& input) const override {
    const Profiles p = take(input);
    return {{"picmus_resolution_axial", p.axial_step * picmus_width(p.axial), "m"},
            {"picmus_resolution_lateral", p.lateral_step * picmus_width(p.lateral), "m"}};
  }
};

}  // namespace

const Catalog& metric_catalog() {
  static const Catalog catalog{
      .kind = "metric",
      .doc = "Numbers measured on an image, with the truth where it is needed.",
      .types = {row_of<ContrastRatio>("cr", "Contrast ratio: 20 log10 of the ratio of mean envelopes."),
                row_of<ContrastToNoise>("cnr", "Contrast-to-noise ratio of the envelope."),
                row_of<GeneralisedContrastToNoise>("gcnr", "Generalised CNR: 1 - overlap of the envelope histograms."),
                row_of<SpeckleSnr>("speckle_snr",
                                   "Mean over standard deviation of the envelope; 1.91 in full speckle."),
                row_of<FullWidthHalfMaximum>("fwhm", "Axial and lateral width of a point target at half its maximum."),
                row_of<PicmusContrast>("picmus_contrast", "Contrast of the log image as PICMUS defines it."),
                row_of<PicmusResolution>("picmus_resolution",
                                         "Width of a point target at -6 dB as PICMUS measures it."),
                row_of<SpeckleDistribution>("speckle_test",
                                            "Kolmogorov-Smirnov test of the envelope against Rayleigh statistics.")},
      .presets = {}};
  return catalog;
}

}  // namespace sonoforge
