#include "recon/metrics.hpp"

#include <cmath>

#include "core/random.hpp"
#include "io/config.hpp"
#include "io/hdf5.hpp"
#include "recon/envelope.hpp"
#include "support.hpp"

namespace sonoforge {
namespace {

std::vector<double> rayleigh_quantiles(std::size_t n) {
  // The quantiles of the Rayleigh distribution at the middles of n equal shares.
  std::vector<double> values(n);
  for (std::size_t i = 0; i < n; ++i)
    values[i] = std::sqrt(-2 * std::log(1 - (static_cast<double>(i) + 0.5) / static_cast<double>(n)));
  return values;
}

TEST(Metrics, SpeckleSnrOfRayleighIsItsClosedForm) {
  // mean / sd = sqrt(pi / (4 - pi)) = 1.9131; 1e5 quantiles miss it by the tail beyond the last one, below 1e-4
  EXPECT_NEAR(speckle_snr(rayleigh_quantiles(100'000)), std::sqrt(M_PI / (4 - M_PI)), 2e-4);
}

TEST(Metrics, GcnrOfTwoUniformDistributionsIsTheirSeparateShare) {
  // U(0, 1) and U(0.5, 1.5) overlap over half their samples. 3 bins of 0.5 hold them exactly.
  std::vector<double> a, b;
  for (int i = 0; i <= 1000; ++i) a.push_back(i / 1000.0), b.push_back(0.5 + i / 1000.0);
  EXPECT_NEAR(generalised_contrast_to_noise(a, b, 3), 0.5, 2e-3);  // the samples on the bin edges: 1 in 1001
  EXPECT_NEAR(generalised_contrast_to_noise(a, b, 100), 0.5, 2e-2);
  std::vector<double> far;
  for (double v : a) far.push_back(v + 10);
  EXPECT_DOUBLE_EQ(generalised_contrast_to_noise(a, far), 1);
  EXPECT_NEAR(generalised_contrast_to_noise(a, a), 0, 1e-12);
}

TEST(Metrics, ContrastAndNoiseOfTwoValues) {
  const std::vector<double> t{1, 3}, b{20, 20};  // means 2 and 20, variances 1 and 0
  EXPECT_NEAR(contrast_ratio(t, b), -20, 1e-12);
  EXPECT_NEAR(contrast_to_noise(t, b), 18, 1e-12);
  EXPECT_NEAR(picmus_contrast(t, b), 20 * std::log10(18 / std::sqrt(1.0)), 1e-12);  // sample variances 2 and 0
}

TEST(Metrics, AgreeWithIndependentImplementations) {
  SONOFORGE_REFERENCE_FILE(file, "metrics/image_quality.h5");
  const Hdf5Reader h5(file);
  for (const std::string c : {"c0", "c1"}) {
    const auto in = h5.read<double>("in/" + c + "/env_in"), out = h5.read<double>("in/" + c + "/env_out");
    const auto expected = [&](const char* name) { return h5.read_scalar<double>("out/" + c + "/" + name); };
    EXPECT_NEAR(contrast_to_noise(in, out), expected("cnr"), 1e-12);
    EXPECT_NEAR(contrast_ratio(in, out), expected("contrast_db"), 1e-12);
    EXPECT_NEAR(generalised_contrast_to_noise(in, out, 256), expected("gcnr_256"), 1e-12);
    EXPECT_NEAR(speckle_snr(in), expected("speckle_snr_in"), 1e-12);
    EXPECT_NEAR(two_sample_distance(in, out), expected("ks_stat"), 1e-12);
  }
}

TEST(Metrics, SpeckleTestTellsRayleighFromUniform) {
  const SpeckleTest speckle = speckle_test(rayleigh_quantiles(500));
  EXPECT_NEAR(speckle.statistic, 0.5 / 500, 5e-3);  // quantiles: half a share, plus the error of the fitted scale
  EXPECT_GT(speckle.p_value, 0.99);
  std::vector<double> uniform;
  for (int i = 0; i < 500; ++i) uniform.push_back((i + 0.5) / 500);
  // max |F_rayleigh - F_uniform|: 1 - exp(-3 x^2) - x is extreme where 6 x exp(-3 x^2) = 1, at x = 0.1822 and
  // 0.7386, where it is -0.0870 and 0.0668; the mean square of a uniform variable is 1/3
  EXPECT_NEAR(speckle_test(uniform).statistic, 0.0870, 2e-3);
  EXPECT_LT(speckle_test(uniform).p_value, 0.01);
}

TEST(Metrics, WidthOfAGaussianIsItsClosedForm) {
  // exp(-x^2 / (2 s^2)) in dB is a parabola: its width at a drop of D dB is 2 s sqrt(D ln10 / 10). Between samples the
  // crossing is taken on the chord, wrong by at most curvature / 8 = 0.07 dB here, or 0.02 samples on each side.
  const double s = 4, centre = 30.3;
  std::vector<double> profile;
  for (int i = 0; i < 61; ++i) profile.push_back(-10 / std::log(10.0) * (i - centre) * (i - centre) / (s * s));
  EXPECT_NEAR(width_at_drop(profile), 2 * s * std::sqrt(2 * std::log(2.0)), 0.04);
  // PICMUS counts points of a ten times finer grid from the largest sample: up to 0.2 samples short.
  EXPECT_NEAR(picmus_width(profile), 2 * s * std::sqrt(0.6 * std::log(10.0)), 0.25);
  EXPECT_TRUE(std::isnan(width_at_drop(std::vector<double>(10, 0.0))));
}

LabelMap disc_segmentation(double radius) {
  LabelMap map;
  map.name = "segmentation";
  map.channels = {"lesion"};
  map.grid.x = {-10e-3, 0.1e-3, 201};
  map.grid.z = {0, 0.2e-3, 101};
  map.values = NdArray<float, 4>({1, 101, 1, 201});
  for (std::size_t iz = 0; iz < 101; ++iz)
    for (std::size_t ix = 0; ix < 201; ++ix)
      map.values(0, iz, 0, ix) = std::hypot(map.grid.x.at(ix), map.grid.z.at(iz) - 10e-3) < radius;
  return map;
}

TEST(Metrics, MarginsShrinkRegionsByTheirDistance) {
  const LabelMap map = disc_segmentation(5e-3);
  const double pixel = 0.1e-3 * 0.2e-3;
  const auto area = [&](const RegionQuery& query) {
    return pixel * static_cast<double>(region_pixels(map, query).size());
  };
  // Discs drawn on pixels keep their area to about (perimeter x pixel / 4).
  EXPECT_NEAR(area({.label = "lesion"}), M_PI * 25e-6, 1e-6);
  EXPECT_NEAR(area({.label = "lesion", .margin = 2e-3}), M_PI * 9e-6, 1.5e-6);
  EXPECT_NEAR(area({.label = "background", .near = "lesion", .within = 2e-3}), M_PI * (49 - 25) * 1e-6, 3e-6);
  EXPECT_THROW(region_pixels(map, {.label = "lesion", .margin = 6e-3}), UserError);
  try {
    region_pixels(map, {.label = "leson"});
    FAIL() << "an unknown label was accepted";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("Did you mean 'lesion'"), std::string::npos) << error.what();
  }
}

TEST(Metrics, EveryRowOfTheCatalogMeasures) {
  const LabelMap truth = disc_segmentation(5e-3);
  RealMap image(truth.grid);
  const RandomStream random(3, 0, "metrics");
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    const auto pair = random.normal_pair_at(i);
    image.values.data()[i] =
        static_cast<float>(std::hypot(pair[0], pair[1]) * (truth.values.data()[i] > 0.5f ? 0.1 : 1));
  }
  image.values(50, 0, 100) = 1000;
  const RealMap decibels = log_compress(image);
  const MetricInput input{image, decibels, &truth};
  for (const CatalogRow& row : metric_catalog().types) {
    const auto metric = std::dynamic_pointer_cast<MetricConfig>(row.make());
    ASSERT_TRUE(metric) << row.name;
    const bool point = row.name == "fwhm" || row.name == "picmus_resolution";
    ConfigTree::parse(point ? "position: [0 mm, 0 mm, 10 mm]" : "target: lesion\nmargin: 0.5 mm").read(*metric);
    metric->check();
    const auto values = metric->measure(input);
    ASSERT_FALSE(values.empty()) << row.name;
    for (const MetricValue& value : values) EXPECT_TRUE(std::isfinite(value.value)) << value.name;
  }
}

TEST(Metrics, PointMetricsWantOnePlace) {
  for (const char* text : {"radius: 1 mm", "{target: wire, position: [0 mm, 0 mm, 10 mm]}"})
    EXPECT_THROW(ConfigTree::parse(text).read(*metric_catalog().find("fwhm")->make()), UserError) << text;
}

TEST(Metrics, FwhmOfAGaussianPoint) {
  RealMap image;
  image.grid.x = {-2e-3, 0.05e-3, 81};
  image.grid.z = {18e-3, 0.02e-3, 201};
  image.values = NdArray<float, 3>(image.grid.shape());
  const double sx = 0.3e-3, sz = 0.1e-3;
  for (std::size_t iz = 0; iz < 201; ++iz)
    for (std::size_t ix = 0; ix < 81; ++ix)
      image.values(iz, 0, ix) = static_cast<float>(
          std::exp(-std::pow(image.grid.x.at(ix) / sx, 2) / 2 - std::pow((image.grid.z.at(iz) - 20e-3) / sz, 2) / 2));
  const RealMap decibels = log_compress(image);
  const auto metric = std::dynamic_pointer_cast<MetricConfig>(metric_catalog().find("fwhm")->make());
  ConfigTree::parse("position: [0.2 mm, 0 mm, 20.3 mm]").read(*metric);
  const auto values = metric->measure({image, decibels, nullptr});
  ASSERT_EQ(values.size(), 4u);
  const double fwhm = 2 * std::sqrt(2 * std::log(2.0));  // chords under the parabola in dB: below 0.5 % here
  EXPECT_NEAR(values[0].value, fwhm * sz, 0.005 * fwhm * sz);
  EXPECT_NEAR(values[1].value, fwhm * sx, 0.005 * fwhm * sx);
  EXPECT_NEAR(values[2].value, 0, 1e-9);
  EXPECT_NEAR(values[3].value, 20e-3, 1e-9);
}

TEST(Metrics, WidthsOfThePublishedPicmusImage) {
  SONOFORGE_REFERENCE_FILE(file, "third_party/picmus_das_1.hdf5");
  const Hdf5Reader h5(file);
  const Hdf5Reader phantom(file.parent_path() / "picmus_phantom_1.hdf5");
  const std::string root = "US/US_DATASET0000/";
  const auto x = h5.read<double>(root + "scan/x_axis"), z = h5.read<double>(root + "scan/z_axis");
  const auto real = h5.read<double>(root + "data/real");
  const auto px = phantom.read<double>(root + "phantom_xPts"), pz = phantom.read<double>(root + "phantom_zPts");
  RealMap image;
  image.grid.x = {x[0], (x.back() - x[0]) / static_cast<double>(x.size() - 1), x.size()};
  image.grid.z = {z[0], (z.back() - z[0]) / static_cast<double>(z.size() - 1), z.size()};
  image.values = NdArray<float, 3>(image.grid.shape());
  const std::size_t last = 3 * x.size() * z.size();  // 75 plane waves; stored [frame, x, z]
  for (std::size_t ix = 0; ix < x.size(); ++ix)
    for (std::size_t iz = 0; iz < z.size(); ++iz)
      image.values(iz, 0, ix) = static_cast<float>(std::abs(real[last + ix * z.size() + iz]));
  const RealMap decibels = log_compress(image);
  double axial = 0, lateral = 0;
  for (std::size_t i = 0; i < px.size(); ++i) {
    std::size_t bz = 0, bx = 0;
    double best = -1e9;
    for (std::size_t iz = 0; iz < z.size(); ++iz)
      for (std::size_t ix = 0; ix < x.size(); ++ix)
        if (std::abs(x[ix] - px[i]) < 1.8e-3 && std::abs(z[iz] - pz[i]) < 1.8e-3 &&
            static_cast<double>(decibels.values(iz, 0, ix)) > best)
          best = static_cast<double>(decibels.values(iz, 0, ix)), bz = iz, bx = ix;
    std::vector<double> along_z, along_x;
    for (std::size_t k = bz - std::min<std::size_t>(bz, 12); k <= std::min(bz + 12, z.size() - 1); ++k)
      along_z.push_back(static_cast<double>(decibels.values(k, 0, bx)));
    for (std::size_t k = bx - std::min<std::size_t>(bx, 12); k <= std::min(bx + 12, x.size() - 1); ++k)
      along_x.push_back(static_cast<double>(decibels.values(bz, 0, k)));
    axial += picmus_width(along_z) * image.grid.z.step / static_cast<double>(px.size());
    lateral += picmus_width(along_x) * image.grid.x.step / static_cast<double>(px.size());
  }
  std::printf("published PICMUS image: %.4f mm axial, %.4f mm lateral\n", axial * 1e3, lateral * 1e3);
  // The means known for this image are 0.380 and 0.558 mm; where the finer points stand, to a tenth of a pixel of 0.141
  // mm, is a matter of the routine.
  EXPECT_NEAR(axial * 1e3, 0.380, 0.0141);
  EXPECT_NEAR(lateral * 1e3, 0.558, 0.0141);
}

}  // namespace
}  // namespace sonoforge
