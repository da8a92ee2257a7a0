#include "phantoms/phantoms.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <map>

#include "core/parallel.hpp"
#include "io/hdf5.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"
#include "phantoms/shapes.hpp"
#include "phantoms/speckle.hpp"

namespace sonoforge {
namespace {

Typed<Tissue> tissue(const char* name) { return Typed<Tissue>::make(tissue_catalog(), name); }

RegionConfig ball(Vec3 centre, double radius, const char* name, const char* label) {
  RegionConfig region;
  region.shape = Typed<ShapeConfig>::make(shape_catalog(), "ellipsoid");
  auto& e = dynamic_cast<EllipsoidConfig&>(*region.shape);
  e.centre = centre, e.radii = {radius, radius, radius};
  region.tissue = tissue(name);
  region.label = label;
  return region;
}

ScenePhantom scene() {
  ScenePhantom s;
  s.background = tissue("liver");
  s.extent.x = {-5e-3, 5.3e-3}, s.extent.y = {-1e-3, 1e-3}, s.extent.z = {2e-3, 12.4e-3};
  return s;
}

TEST(Tissues, CatalogHoldsTheTissuesOfTheField) {
  for (const char* name : {"water", "blood", "fat", "muscle", "skin", "liver", "kidney", "breast_glandular", "tumour", "cyst", "skull_bone", "tendon", "thyroid", "heart_muscle"}) {
    const auto t = tissue(name);
    EXPECT_EQ(t->name, name);
    EXPECT_GT(t->sound_speed, 1400) << name;
    EXPECT_GT(t->density, 900) << name;
    EXPECT_NO_THROW(t->check());
  }
  EXPECT_LT(tissue("fat")->sound_speed, tissue("liver")->sound_speed);
  EXPECT_TRUE(std::isinf(tissue("cyst")->echogenicity()));
  EXPECT_NEAR(tissue("kidney")->echogenicity() - tissue("liver")->echogenicity(), -4, 1e-9);
}

// What is known of each independently of the table: liver scatters more than kidney and heart [fei1985], fluids are black, the speed in water at
// 37 degC is 1523.6 m/s by the polynomial of [delgrosso1972]; soft tissues stay within 15 % of 1540 m/s.
TEST(Tissues, AreAsTheLiteratureOrdersThem) {
  const auto echo = [](const char* name) { return tissue(name)->echogenicity(); };
  for (const char* name : {"kidney", "heart_muscle"}) EXPECT_LT(echo(name), echo("liver")) << name;
  for (const char* name : {"water", "cyst", "blood"}) EXPECT_LT(echo(name), echo("liver") - 25) << name;
  for (const char* name : {"skin", "tendon", "skull_bone"}) EXPECT_GT(echo(name), echo("liver")) << name;
  const double t = 37;
  const double water = 1402.388754 + t * (5.03711129 + t * (-5.80852166e-2 + t * (3.34198834e-4 + t * (-1.47800417e-6 + t * 3.14643091e-9))));
  EXPECT_NEAR(tissue("water")->sound_speed, water, 1);
  for (const auto& row : tissue_catalog().presets) {
    const auto t_row = tissue(row.name.c_str());
    if (row.name == "skull_bone") continue;
    EXPECT_NEAR(t_row->sound_speed, 1540, 0.15 * 1540) << row.name;
    EXPECT_GT(t_row->nonlinearity, 5) << row.name;
    // Loss never falls with frequency, and no soft tissue exceeds tendon.
    EXPECT_GE(t_row->attenuation.exponent, 1) << row.name;
    EXPECT_LE(t_row->attenuation.db_per_cm, tissue("tendon")->attenuation.db_per_cm) << row.name;
  }
}

// A Poisson number of points: five standard deviations about density times volume. Amplitudes are normal: mean square within five standard
// errors of strength squared (relative standard error sqrt(2 / n)).
TEST(Speckle, NumbersAndAmplitudesFollowTheTissue) {
  ScenePhantom s = scene();
  const Phantom phantom = s.build(RandomStream(1, 0, "test"));
  const double volume = 10.3e-3 * 2e-3 * 10.4e-3, expected = s.background->scatterer_density * volume;
  const auto n = static_cast<double>(phantom.scatterers.size());
  EXPECT_NEAR(n, expected, 5 * std::sqrt(expected));
  double squares = 0;
  for (double a : phantom.scatterers.amplitudes) squares += a * a;
  EXPECT_NEAR(squares / n, 1, 5 * std::sqrt(2 / n));
  // Even in space: eighths of the box hold equal numbers.
  std::map<int, double> octants;
  for (Vec3 p : phantom.scatterers.positions) {
    EXPECT_TRUE(p.x >= -5e-3 && p.x <= 5.3e-3 && std::abs(p.y) <= 1e-3 && p.z >= 2e-3 && p.z <= 12.4e-3);
    octants[(p.x > 0.15e-3) + 2 * (p.y > 0) + 4 * (p.z > 7.2e-3)] += 1;
  }
  for (const auto& [octant, count] : octants) EXPECT_NEAR(count, expected / 8, 5 * std::sqrt(expected / 8));
}

TEST(Speckle, PlaneHoldsWhatASliceOfOneMillimetreWould) {
  ScenePhantom s = scene();
  s.extent.y = {0.5e-3, 0.5e-3};
  const Phantom phantom = s.build(RandomStream(1, 0, "test"));
  const double expected = s.background->scatterer_density * 10.3e-3 * 10.4e-3 * 1e-3;
  EXPECT_NEAR(static_cast<double>(phantom.scatterers.size()), expected, 5 * std::sqrt(expected));
  for (Vec3 p : phantom.scatterers.positions) ASSERT_EQ(p.y, 0.5e-3);
}

std::map<std::array<double, 3>, double> by_position(const Scatterers& s) {
  std::map<std::array<double, 3>, double> out;
  for (std::size_t i = 0; i < s.size(); ++i) out[{s.positions[i].x, s.positions[i].y, s.positions[i].z}] = s.amplitudes[i];
  return out;
}

TEST(Speckle, AChangedRegionLeavesTheRestAsItWas) {
  ScenePhantom one = scene(), two = scene();
  one.regions = {ball({0, 0, 6e-3}, 2e-3, "cyst", "cyst"), ball({3e-3, 0, 10e-3}, 1e-3, "tumour", "mass")};
  two.regions = {ball({1e-3, 0, 6e-3}, 1.5e-3, "skin", "cyst"), ball({3e-3, 0, 10e-3}, 1e-3, "tumour", "mass")};
  const Phantom a = one.build(RandomStream(1, 0, "test")), b = two.build(RandomStream(1, 0, "test"));
  const auto in_a = by_position(a.scatterers), in_b = by_position(b.scatterers);
  std::size_t compared = 0;
  for (const auto& [p, amplitude] : in_a) {
    const Vec3 point{p[0], p[1], p[2]};
    if (a.regions[0].shape->contains(point) || b.regions[0].shape->contains(point)) continue;
    const auto other = in_b.find(p);
    ASSERT_NE(other, in_b.end());
    ASSERT_EQ(other->second, amplitude);
    ++compared;
  }
  EXPECT_GT(compared, 10000u);
  // A cyst is empty.
  for (const auto& [p, amplitude] : in_a) EXPECT_FALSE(a.regions[0].shape->contains({p[0], p[1], p[2]}));
}

TEST(Speckle, SameBitsForAnyNumberOfThreads) {
  ScenePhantom s = scene();
  s.regions = {ball({0, 0, 6e-3}, 2e-3, "tumour", "mass")};
  std::vector<Phantom> phantoms;
  for (int threads : {1, 2, 7}) {
    set_thread_count(threads);
    phantoms.push_back(s.build(RandomStream(5, 2, "test")));
  }
  set_thread_count(0);
  for (const auto& p : phantoms) {
    EXPECT_EQ(p.scatterers.positions, phantoms[0].scatterers.positions);
    EXPECT_EQ(p.scatterers.amplitudes, phantoms[0].scatterers.amplitudes);
    EXPECT_EQ(p.scatterers.regions, phantoms[0].scatterers.regions);
  }
  EXPECT_NE(s.build(RandomStream(6, 2, "test")).scatterers.positions, phantoms[0].scatterers.positions);
}

TEST(Speckle, DensityCanChangeAtEqualEchoLevel) {
  ScenePhantom s = scene();
  s.scatterer_density = 20e9;
  const Phantom p = s.build(RandomStream(1, 0, "test"));
  EXPECT_NEAR(p.background.echogenicity(), s.background->echogenicity(), 1e-9);
  EXPECT_LT(p.scatterers.size(), scene().build(RandomStream(1, 0, "test")).scatterers.size() / 3);
}

TEST(Speckle, AbsurdNumbersAreRefused) {
  ScenePhantom s = scene();
  s.scatterer_density = 1e15;
  EXPECT_THROW(s.build(RandomStream(1, 0, "test")), ConfigError);
}

TEST(Scene, ExtentsWithoutLengthAreRefused) {
  ScenePhantom s = scene();
  s.extent.y = {0, 0};
  EXPECT_NO_THROW(s.extent.check());
  s.extent.x = {1e-3, 1e-3};
  EXPECT_THROW(s.extent.check(), ConfigError);
  s.extent.x = {-1e-3, 1e-3}, s.extent.z = {5e-3, 5e-3};
  EXPECT_THROW(s.extent.check(), ConfigError);
}

TEST(Scene, TooManyPointsOfWiresAreRefused) {
  ScenePhantom s = scene();
  s.background = tissue("water");
  s.extent.y = {-10, 10};  // 2e5 points a wire
  s.wires.emplace();
  s.wires->positions.assign(1000, {1e-3, 5e-3});
  EXPECT_THROW(s.build(RandomStream(1, 0, "test")), ConfigError);
}

TEST(Scene, LaterRegionsCoverEarlierOnes) {
  ScenePhantom s = scene();
  s.regions = {ball({0, 0, 6e-3}, 2e-3, "fat", "a"), ball({0, 0, 6e-3}, 1e-3, "muscle", "b")};
  const Phantom p = s.build(RandomStream(1, 0, "test"));
  EXPECT_EQ(p.region_at({0, 0, 6e-3}), 1);
  EXPECT_EQ(p.region_at({0, 0, 7.5e-3}), 0);
  EXPECT_EQ(p.region_at({0, 0, 11e-3}), -1);
  EXPECT_EQ(p.tissue_at({0, 0, 11e-3}).name, "liver");
}

TEST(Scene, WiresAreLinesOrPoints) {
  ScenePhantom s = scene();
  s.background = tissue("water");
  s.wires.emplace();
  s.wires->positions = {{{1e-3, 5e-3}}};
  const Phantom line = s.build(RandomStream(1, 0, "test"));
  EXPECT_EQ(line.scatterers.size(), 20u);  // 2 mm at 0.1 mm
  double total = 0;
  for (double a : line.scatterers.amplitudes) total += a;
  EXPECT_NEAR(total, 2 * s.wires->amplitude, 1e-9);
  s.extent.y = {0, 0};
  EXPECT_EQ(s.build(RandomStream(1, 0, "test")).scatterers.size(), 1u);
}

class Files : public testing::Test {
 protected:
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("sonoforge_phantoms_" + std::to_string(getpid()));
  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }
};

TEST_F(Files, ScatterersComeFromHdf5) {
  const std::vector<double> positions{1e-3, 0, 2e-2, -1e-3, 1e-4, 3e-2}, amplitudes{1, -2}, velocities{0, 0, 1, 0, 0, -1};
  {
    Hdf5Writer writer(folder / "s.hdf5");
    writer.write<double>("positions", positions, {2, 3});
    writer.write<double>("amplitudes", amplitudes, {2});
    writer.write<double>("velocities", velocities, {2, 3});
    writer.commit();
  }
  ScatterersPhantom phantom;
  phantom.file = folder / "s.hdf5";
  const Phantom p = phantom.build(RandomStream(1, 0, "test"));
  EXPECT_EQ(p.scatterers.positions[1], (Vec3{-1e-3, 1e-4, 3e-2}));
  EXPECT_EQ(p.scatterers.amplitudes, amplitudes);
  EXPECT_EQ(p.scatterers.velocities[1].z, -1);
}

TEST_F(Files, ScatterersComeFromPicmus) {
  const std::vector<double> positions{1e-3, -1e-3, 0, 1e-4, 2e-2, 3e-2}, amplitudes{1, -2};  // one row a coordinate
  {
    Hdf5Writer writer(folder / "p.hdf5");
    writer.write<double>("US/US_DATASET0000/scatterers_positions", positions, {3, 2});
    writer.write<double>("US/US_DATASET0000/scatterers_amplitude", amplitudes, {2});
    writer.commit();
  }
  ScatterersPhantom phantom;
  phantom.file = folder / "p.hdf5";
  phantom.regions.resize(1);
  auto ball = std::make_shared<EllipsoidConfig>();
  ball->centre = {0, 0, 3e-2};
  ball->radii = {5e-3, 5e-3, 5e-3};
  phantom.regions[0].shape = {"ellipsoid", ball};
  phantom.regions[0].tissue = tissue("liver");
  phantom.regions[0].label = "lesion";
  const Phantom p = phantom.build(RandomStream(1, 0, "test"));
  EXPECT_EQ(p.scatterers.positions[0], (Vec3{1e-3, 0, 2e-2}));
  EXPECT_EQ(p.scatterers.positions[1], (Vec3{-1e-3, 1e-4, 3e-2}));
  EXPECT_EQ(p.scatterers.amplitudes, amplitudes);
  EXPECT_EQ(p.scatterers.regions, (std::vector<std::int32_t>{-1, 0}));
}

TEST_F(Files, BrokenScatterersAreRefused) {
  const std::vector<std::pair<std::vector<double>, std::vector<double>>> broken{
      {{0, 0, NAN}, {1}}, {{0, 0, 1e-2}, {NAN}}, {{0, 0, 1e-2}, {1, 2}}, {{0, 0, 30}, {1}}};
  for (const auto& [positions, amplitudes] : broken) {
    Hdf5Writer writer(folder / "b.hdf5");
    writer.write<double>("positions", positions, {positions.size() / 3, 3});
    writer.write<double>("amplitudes", amplitudes, {amplitudes.size()});
    writer.commit();
    ScatterersPhantom phantom;
    phantom.file = folder / "b.hdf5";
    EXPECT_THROW(phantom.build(RandomStream(1, 0, "test")), UserError);
  }
}

// A picture with one bright quarter: 2 x 2 pixels, edge to edge over the extent.
TEST_F(Files, PicturesBecomeRegionsOrEchoLevels) {
  Picture picture;
  picture.width = 2, picture.height = 2, picture.channels = 1;
  picture.values = {0, 255, 0, 0};
  write_png(folder / "map.png", picture);
  ImagePhantom image;
  image.background = tissue("liver");
  image.file = folder / "map.png";
  image.extent.x = {-4e-3, 4e-3}, image.extent.y = {0, 0}, image.extent.z = {2e-3, 10e-3};
  image.classes.resize(1);
  image.classes[0].value = 255;
  image.classes[0].tissue = tissue("cyst");
  image.classes[0].label = "bright";
  const Phantom labels = image.build(RandomStream(1, 0, "test"));
  EXPECT_EQ(labels.region_at({2e-3, 0, 4e-3}), 0);
  for (Vec3 p : {Vec3{-2e-3, 0, 4e-3}, Vec3{2e-3, 0, 8e-3}, Vec3{5e-3, 0, 4e-3}}) EXPECT_EQ(labels.region_at(p), -1);

  image.classes.clear();
  image.echogenicity = {-40.0, 0.0};
  const Phantom echo = image.build(RandomStream(1, 0, "test"));
  EXPECT_NEAR(echo.echogenicity_at({2e-3, 0, 4e-3}) - echo.echogenicity_at({-2e-3, 0, 4e-3}), 40, 1e-9);
  double bright = 0, dark = 0, n_bright = 0, n_dark = 0;
  for (std::size_t i = 0; i < echo.scatterers.size(); ++i) {
    const Vec3 p = echo.scatterers.positions[i];
    const double power = echo.scatterers.amplitudes[i] * echo.scatterers.amplitudes[i];
    if (p.x > 0 && p.z < 6e-3) bright += power, ++n_bright;
    else dark += power, ++n_dark;
  }
  // 40 dB in amplitude: 1e4 in mean square, within five standard errors of each mean.
  EXPECT_NEAR(std::log(bright / n_bright / (dark / n_dark)), std::log(1e4), 5 * std::sqrt(2 / n_bright + 2 / n_dark));
}

TEST_F(Files, VolumesPutDepthAlongTheSecondAxis) {
  NiftiVolume volume;
  volume.size = {2, 3, 2};  // x, z, y
  volume.values.assign(12, 0.f);
  volume.values[(1 * 3 + 2) * 2 + 0] = 5;  // k = 1 (+y), j = 2 (deep), i = 0 (-x)
  for (int i = 0; i < 3; ++i) volume.affine[static_cast<std::size_t>(i)][static_cast<std::size_t>(i)] = 1e-3;
  write_nifti(folder / "v.nii", volume);
  ImagePhantom image;
  image.file = folder / "v.nii";
  image.extent.x = {-1e-3, 1e-3}, image.extent.y = {-1e-3, 1e-3}, image.extent.z = {0, 3e-3};
  image.classes.resize(1);
  image.classes[0].value = 5;
  image.classes[0].tissue = tissue("fat");
  const Phantom p = image.build(RandomStream(1, 0, "test"));
  EXPECT_NEAR(p.regions[0].shape->volume(), 1e-9, 1e-18);
  EXPECT_NEAR(p.regions[0].shape->section_area(0.5e-3), 1e-6, 1e-15);
  EXPECT_EQ(p.regions[0].shape->section_area(-0.5e-3), 0);
  EXPECT_EQ(p.region_at({-0.5e-3, 0.5e-3, 2.5e-3}), 0);
  EXPECT_EQ(p.region_at({0.5e-3, 0.5e-3, 2.5e-3}), -1);
  EXPECT_EQ(p.region_at({-0.5e-3, -0.5e-3, 2.5e-3}), -1);
  EXPECT_EQ(p.region_at({-0.5e-3, 0.5e-3, 0.5e-3}), -1);
  image.extent.y = {0, 0};  // two planes of voxels without thickness
  EXPECT_THROW(image.build(RandomStream(1, 0, "test")), UserError);
}

}  // namespace
}  // namespace sonoforge
