#include <gtest/gtest.h>

#include <cmath>
#include <ostream>

#include "app/experiment.hpp"

namespace sonoforge {
namespace {

struct Case {
  std::string name, probe, sequence, engine, beamformer, image;
  double x = 0, z = 0;  ///< where the scatterer is [m]
};

std::string config_of(const Case& c) {
  char position[100];
  std::snprintf(position, sizeof position, "[%.10g m, 0 m, %.10g m]", c.x, c.z);
  return "sonoforge: 1\nphantom: {type: points, background: water, positions: [" + std::string(position) + "]}\nprobe: " + c.probe +
         "\nsequence: " + c.sequence + "\nreceive: {sampling_rate: 40 MHz, depth: " + (c.z > 0.04 ? "75" : "36") + " mm}\nengine: " + c.engine +
         "\nbeamformer: " + c.beamformer + "\nimage: " + c.image + "\nlabels: [segmentation]\n";
}

std::ostream& operator<<(std::ostream& out, const Case& c) {
  return out << c.engine << ", " << c.beamformer << ", " << c.probe << ", scatterer at x = " << c.x * 1e3 << " mm, z = " << c.z * 1e3 << " mm";
}

class OneScatterer : public testing::TestWithParam<Case> {};

// The same point goes through engine, beamformer and label; image peak, label and the config's own numbers must agree
// within half a pixel. The peak is refined by a parabola through the neighbours, so that pixels may be as large as a
// resolution cell's sixth.
TEST_P(OneScatterer, PeakAndLabelStandWhereTheScattererIs) {
  const Case& c = GetParam();
  const Experiment e = Experiment::build(ConfigTree::parse(config_of(c)), {"phantom", "probe", "sequence", "receive"});
  const RunResult result = run(e);
  const RealMap& image = result.file.images.front();
  const PixelGrid& grid = image.grid;

  std::size_t best = 0;
  for (std::size_t i = 0; i < image.values.size(); ++i)
    if (image.values.flat()[i] > image.values.flat()[best]) best = i;
  const std::size_t ix = best % grid.x.count, iz = best / (grid.x.count * grid.y.count);
  ASSERT_GT(ix, 0u);
  ASSERT_LT(ix + 1, grid.x.count);
  ASSERT_GT(iz, 0u);
  ASSERT_LT(iz + 1, grid.z.count);
  const auto refined = [](double left, double middle, double right) {
    const double curvature = left - 2 * middle + right;
    return curvature < 0 ? 0.5 * (left - right) / curvature : 0.0;
  };
  const auto at = [&](std::size_t z, std::size_t x) { return static_cast<double>(image.values(z, std::size_t{0}, x)); };
  const double peak_x = static_cast<double>(ix) + refined(at(iz, ix - 1), at(iz, ix), at(iz, ix + 1));
  const double peak_z = static_cast<double>(iz) + refined(at(iz - 1, ix), at(iz, ix), at(iz + 1, ix));

  double wanted_x = grid.x.index_of(c.x), wanted_z = grid.z.index_of(c.z);
  if (grid.kind == PixelGrid::Kind::polar) {
    wanted_x = grid.x.index_of(std::atan2(c.x, c.z - grid.apex_depth));
    wanted_z = grid.z.index_of(std::hypot(c.x, c.z - grid.apex_depth));
  }
  EXPECT_NEAR(peak_x, wanted_x, 0.5);
  EXPECT_NEAR(peak_z, wanted_z, 0.5);

  ASSERT_EQ(result.file.labels.size(), 1u);
  const LabelMap& label = result.file.labels.front();
  std::size_t marked = 0;
  double label_x = 0, label_z = 0;
  for (std::size_t i = 0; i < label.values.size(); ++i)
    if (label.values.flat()[i] != 0) {
      ++marked;
      label_x = static_cast<double>(i % grid.x.count);
      label_z = static_cast<double>(i / (grid.x.count * grid.y.count) % grid.z.count);
    }
  ASSERT_EQ(marked, 1u);
  EXPECT_NEAR(label_x, wanted_x, 0.5);
  EXPECT_NEAR(label_z, wanted_z, 0.5);
}

// Every engine that this version can build, in both models and in two and three dimensions.
std::vector<std::string> engines() {
  std::vector<std::string> all;
  for (const CatalogRow& row : engine_catalog().types) {
    const auto engine = row.make();
    try {
      engine->check();
    } catch (const ConfigError& refusal) {
      if (std::string(refusal.what()).find("not in this version") == std::string::npos) throw;
      continue;
    }
    for (const char* keys : {"", ", dimensions: 2", ", model: simus", ", model: simus, dimensions: 2"}) all.push_back("{type: " + row.name + keys + "}");
  }
  return all;
}

std::vector<Case> cases() {
  std::vector<Case> all;
  const std::string flat = "{x: [-6 mm, 6 mm, 0.1 mm], z: [26 mm, 34 mm, 0.05 mm]}";
  const std::string wide = "{x: [-16 mm, 16 mm, 0.4 mm], z: [52 mm, 68 mm, 0.1 mm]}";
  const std::string sector = "{angle: [-20 deg, 20 deg, 0.25 deg], range: [100 mm, 120 mm, 0.1 mm]}";
  for (const std::string& engine : engines()) {
    std::string name;
    for (char ch : engine)
      if (std::isalnum(static_cast<unsigned char>(ch))) name += ch;
    all.push_back({name + "PlaneIq", "L11-5v", "{type: plane_waves, angles: [-8 deg, 0 deg, 8 deg]}", engine, "{type: delay_and_sum}", flat, 2.02e-3, 30.03e-3});
    all.push_back({name + "PlaneRf", "L11-5v", "{type: plane_waves, angles: [5 deg]}", engine, "{type: delay_and_sum, signal: rf}", flat, -1.3e-3, 29.4e-3});
    all.push_back({name + "Convex", "C5-2v", "{type: plane_waves, angles: [0 deg]}", engine, "{type: delay_and_sum}", sector, 8e-3, 60e-3});
    all.push_back({name + "PhasedDiverging", "P4-2v", "{type: diverging_waves, angles: [-10 deg, 10 deg], width: 60 deg}", engine, "{type: delay_and_sum}", wide, 7.1e-3, 60.2e-3});
    all.push_back({name + "Synthetic", "P4-2v", "{type: synthetic_aperture}", engine, "{type: delay_and_sum}", wide, -5e-3, 58e-3});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(EveryEngine, OneScatterer, testing::ValuesIn(cases()), [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace sonoforge
