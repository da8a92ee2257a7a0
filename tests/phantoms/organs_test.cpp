#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "phantoms/abdominal_wall.hpp"
#include "phantoms/compression.hpp"
#include "phantoms/left_ventricle.hpp"
#include "phantoms/liver.hpp"
#include "phantoms/microbubbles.hpp"
#include "phantoms/placed.hpp"
#include "phantoms/resolution.hpp"
#include "phantoms/rotating_disk.hpp"
#include "phantoms/thyroid_nodule.hpp"
#include "phantoms/vessel.hpp"
#include "tests/phantoms/lookup.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

/// Area of the pixels whose centres lie inside, in the plane y = 0.
double raster_area(const Shape& shape, double half_x, double from_z, double to_z, double pixel) {
  double count = 0;
  for (double z = from_z + 0.37 * pixel; z < to_z; z += pixel)
    for (double x = -half_x + 0.21 * pixel; x < half_x; x += pixel) count += shape.contains({x, 0, z});
  return count * pixel * pixel;
}

ThyroidNodulePhantom small_nodule() {
  ThyroidNodulePhantom config;
  config.scatterer_density = 1e8;
  return config;
}

// Wrong pixels lie within half a diagonal of the contour and their signs are random: a tenth of perimeter times pixel.
TEST(ThyroidNodule, LabelsConvergeToTheMeasurements) {
  ThyroidNodulePhantom config = small_nodule();
  config.cystic_fraction = 0.4, config.lobulations = 5, config.tilt = 0.4;
  const Phantom phantom = config.build(RandomStream(2, 1, "phantom"));
  const Shape& nodule = *region(phantom, "nodule").shape;
  const Shape& fluid = *region(phantom, "nodule_fluid").shape;
  for (double pixel : {0.2e-3, 0.1e-3, 0.05e-3})
    EXPECT_NEAR(raster_area(nodule, 18e-3, 5e-3, 30e-3, pixel), nodule.section_area(0),
                0.1 * measured(phantom, "nodule.perimeter") * pixel);
  EXPECT_NEAR(fluid.volume() / nodule.volume(), 0.4, 1e-12);
  EXPECT_NEAR(measured(phantom, "lobe.volume"), pi / 6 * 18e-3 * 44e-3 * 16e-3, 1e-18);
  EXPECT_NEAR(measured(phantom, "nodule.height_over_width"),
              measured(phantom, "nodule.height") / measured(phantom, "nodule.width"), 1e-15);
}

TEST(ThyroidNodule, FociLieInItsSolidPart) {
  ThyroidNodulePhantom config = small_nodule();
  config.foci = 40, config.cystic_fraction = 0.3;
  const Phantom phantom = config.build(RandomStream(2, 1, "phantom"));
  ASSERT_EQ(phantom.targets.size(), 40u);
  for (const auto& target : phantom.targets) {
    const int r = phantom.region_at(target.position);
    ASSERT_GE(r, 0);
    EXPECT_EQ(phantom.regions[static_cast<std::size_t>(r)].label, "nodule");
  }
}

TEST(Liver, FatChangesTheMediumAsMixturesDo) {
  const Tissue lean = known_tissue("liver"), fat = known_tissue("fat");
  const FattyLiver none = fatty_liver(lean, 0, 0.9, 30), half = fatty_liver(lean, 0.5, 0.9, 30);
  EXPECT_DOUBLE_EQ(none.sound_speed, lean.sound_speed);
  EXPECT_EQ(none.attenuation, lean.attenuation);
  // Time through half a path of each.
  EXPECT_NEAR(1 / half.sound_speed, 0.5 / lean.sound_speed + 0.5 / fat.sound_speed, 1e-15);
  EXPECT_NEAR(half.density, 0.5 * (lean.density + fat.density), 1e-9);
  EXPECT_NEAR(half.attenuation.db_per_cm - lean.attenuation.db_per_cm, 0.45, 1e-12);
  EXPECT_EQ(steatosis_grade(0.05), 0);
  EXPECT_EQ(steatosis_grade(0.10), 1);
  EXPECT_EQ(steatosis_grade(0.20), 2);
  EXPECT_EQ(steatosis_grade(0.30), 3);
}

TEST(Liver, TheBackgroundHasTheMeasuredProperties) {
  LiverPhantom config;
  config.scatterer_density = 1e7, config.fat_fraction = 0.25, config.texture = 0;
  const Phantom phantom = config.build(RandomStream(2, 1, "phantom"));
  EXPECT_DOUBLE_EQ(phantom.background.attenuation.db_per_cm, measured(phantom, "liver.attenuation"));
  EXPECT_DOUBLE_EQ(phantom.background.sound_speed, measured(phantom, "liver.sound_speed"));
  // Against the kidney's cortex in the same phantom, at a place in each.
  const Region& kidney = region(phantom, "kidney");
  const double cortex = kidney.tissue.echogenicity() + kidney.gain_db;
  EXPECT_NEAR(phantom.background.echogenicity() - cortex, measured(phantom, "liver.over_kidney"), 1e-9);
  EXPECT_NEAR(measured(phantom, "liver.over_kidney"), 7.5 + 4, 1e-9);
}

TEST(Liver, FatLeavesVesselsWhereTheyWere) {
  LiverPhantom lean, fatty;
  lean.scatterer_density = fatty.scatterer_density = 1e7;
  fatty.fat_fraction = 0.3;
  const Phantom a = lean.build(RandomStream(2, 1, "phantom")), b = fatty.build(RandomStream(2, 1, "phantom"));
  ASSERT_EQ(a.regions.size(), b.regions.size());
  for (double z = 20e-3; z < 100e-3; z += 1.3e-3)
    for (double x = -45e-3; x < 45e-3; x += 1.7e-3) ASSERT_EQ(a.region_at({x, 0, z}), b.region_at({x, 0, z}));
}

LeftVentriclePhantom heart() {
  LeftVentriclePhantom config;
  config.scatterer_density = 1e7;
  return config;
}

TEST(LeftVentricle, VolumesAndStrainAreThoseAskedFor) {
  for (double ef : {0.25, 0.6, 0.75})
    for (double strain : {-0.08, -0.2}) {
      LeftVentriclePhantom config = heart();
      config.ejection_fraction = ef, config.strain = strain;
      const Phantom phantom = config.build(RandomStream(2, 1, "phantom"));
      const double a = config.diameter / 2;
      EXPECT_NEAR(measured(phantom, "left_ventricle.end_diastolic_volume"), 2 * pi / 3 * a * a * config.length, 1e-16);
      EXPECT_NEAR(measured(phantom, "left_ventricle.ejection_fraction"), ef, 1e-12);
      EXPECT_NEAR(measured(phantom, "left_ventricle.longitudinal_strain"), strain, 1e-12);
      EXPECT_NEAR(region(phantom, "wall").shape->volume(), measured(phantom, "left_ventricle.wall_volume"), 1e-16);
      EXPECT_GT(measured(phantom, "left_ventricle.end_systolic_wall_thickness"), config.wall);
    }
}

// The determinant of the map's gradient is the change of volume: 1 in the wall, 1 + q in the cavity. Differences over
// 2 h err by h^2 times third derivatives, here of the order of 1 / (10 mm)^2: h = 2e-5 m leaves 4e-6.
TEST(LeftVentricle, TheWallKeepsItsVolumeEverywhere) {
  const LeftVentriclePhantom config = heart();
  const Heartbeat beat = config.beat();
  const double end = config.systole / config.rate, h = 2e-5;
  const Phantom phantom = config.build(RandomStream(2, 1, "phantom"));
  const Shape &wall = *region(phantom, "wall").shape, &cavity = *region(phantom, "cavity").shape;
  RandomStream random(1, 1, "points");
  int in_wall = 0, in_cavity = 0;
  while (in_wall < 200 || in_cavity < 200) {
    const Vec3 p{random.uniform(-40e-3, 40e-3), random.uniform(-40e-3, 40e-3), random.uniform(20e-3, 110e-3)};
    const auto all_within = [&](const Shape& shape) {
      for (double d : {-h, h})
        if (!shape.contains(p + Vec3{d, 0, 0}) || !shape.contains(p + Vec3{0, d, 0}) ||
            !shape.contains(p + Vec3{0, 0, d}))
          return false;
      return true;
    };
    const bool muscle = all_within(wall), blood = all_within(cavity);
    if (!muscle && !blood) continue;
    ++(muscle ? in_wall : in_cavity);
    const auto moved = [&](Vec3 step) {
      return (0.5 / h) *
             ((p + step + beat.displacement(p + step, end)) - (p - step + beat.displacement(p - step, end)));
    };
    const double det = dot(moved({h, 0, 0}), cross(moved({0, h, 0}), moved({0, 0, h})));
    EXPECT_NEAR(det, muscle ? 1 : 1 - config.ejection_fraction, 2e-4) << p.x << " " << p.y << " " << p.z;
  }
}

TEST(LeftVentricle, TheOuterApexStaysAndTheBaseDescends) {
  LeftVentriclePhantom config = heart();
  config.tilt = 0.2;
  const Heartbeat beat = config.beat();
  const Vec3 apex{0, 0, config.apex_depth};
  for (double t : {0.1, 0.3, 0.5, 0.8}) EXPECT_LT(norm(beat.displacement(apex, t)), 1e-12) << t;
  const Vec3 base = apex + (config.length + 0.75 * config.wall) * Vec3{std::sin(0.2), 0, std::cos(0.2)};
  const Vec3 step = beat.displacement(base, config.systole / config.rate);
  EXPECT_GT(norm(step), 5e-3);
  EXPECT_NEAR(dot(step, normalized(apex - base)), norm(step), 1e-12);
  EXPECT_LT(norm(beat.displacement(base, 1 / config.rate)), 1e-12);  // a whole beat
}

// Of the area of the cavity in the image plane at end systole, by pixels that ask where they came from: the half
// ellipse.
TEST(LeftVentricle, LabelsAtEndSystoleHaveTheAreaOfTheEllipse) {
  const LeftVentriclePhantom config = heart();
  const Heartbeat beat = config.beat();
  const Phantom phantom = config.build(RandomStream(2, 1, "phantom"));
  const Shape& cavity = *region(phantom, "cavity").shape;
  const double end = config.systole / config.rate, pixel = 0.2e-3;
  double count = 0;
  for (double z = 20e-3; z < 120e-3; z += pixel)
    for (double x = -40e-3; x < 40e-3; x += pixel) count += cavity.contains(beat.origin({x, 0, z}, end));
  // Semi-axes from two points of the cavity's surface.
  const double a = 23e-3 - 1e-12;
  const Vec3 base{0, 0, config.apex_depth + config.length + 0.75 * config.wall};
  const Vec3 rim = base + Vec3{a, 0, 0}, tip = base - Vec3{0, 0, config.length};
  const double radius = (rim + beat.displacement(rim, end)).x;
  const double length = (base + beat.displacement(base, end)).z - (tip + beat.displacement(tip, end)).z;
  EXPECT_NEAR(count * pixel * pixel, pi / 2 * radius * length, 0.1 * beat.outline(end) * pixel);
  // And the volume is that of the half spheroid of these axes.
  EXPECT_NEAR(2 * pi / 3 * radius * radius * length / beat.volume(end), 1, 1e-9);
}

/// Fields and places in them; what leads back must lead forth.
TEST(Motion, OriginsInvertDisplacements) {
  const Compression squeeze(0.02, 1, Compression::Inclusion{0, 25e-3, 5e-3, 4});
  const Rotation turn({0, 0, 25e-3}, 10e-3, 2);
  const auto vessel = std::make_shared<Vessel>(Vec3{0, 0, 25e-3}, 0.4, 30e-3, 4e-3, 60e-3);
  const VesselFlow flow(vessel, PulsatileFlow(0.3, {}, {}, 1.2, 5));
  const Heartbeat beat = heart().beat();
  RandomStream random(1, 1, "places");
  for (const DisplacementField* field : std::initializer_list<const DisplacementField*>{&squeeze, &turn, &flow, &beat})
    for (int i = 0; i < 300; ++i) {
      const Vec3 p{random.uniform(-15e-3, 15e-3), random.uniform(-3e-3, 3e-3), random.uniform(12e-3, 60e-3)};
      const double t = random.uniform(0, 0.9);
      const Vec3 now = p + field->displacement(p, t);
      EXPECT_LT(norm(field->origin(now, t) - p), 1e-11) << i;
    }
}

// Turning is no strain; far from an inclusion Green's strain of the gradient diag(s, -s) is (s + s^2/2, -s + s^2/2, 0).
TEST(Motion, StrainOfKnownFields) {
  const Rotation turn({0, 0, 25e-3}, 10e-3, 3);
  for (double e : green_strain(turn, {3e-3, 0, 27e-3}, 0.2)) EXPECT_NEAR(e, 0, 1e-9);
  const Compression squeeze(0.02, 1, std::nullopt);
  const auto e = green_strain(squeeze, {3e-3, 0, 27e-3}, 5);
  EXPECT_NEAR(e[0], 0.0202, 1e-9);
  EXPECT_NEAR(e[1], -0.0198, 1e-9);
  EXPECT_NEAR(e[2], 0, 1e-9);
  // A disk at angular speed w: v = w r.
  EXPECT_NEAR(norm(turn.DisplacementField::velocity({3e-3, 0, 29e-3}, 0.1)), 3 * 5e-3, 1e-9);
}

TEST(AbdominalWall, MovesWhatLiesBelowAndNothingElse) {
  auto liver = std::make_shared<LiverPhantom>();
  liver->scatterer_density = 1e8;
  AbdominalWallPhantom wall;
  wall.over = {"liver", liver};
  const Phantom below = liver->build(RandomStream(2, 1, "phantom")), whole = wall.build(RandomStream(2, 1, "phantom"));
  const double down = wall.thickness();
  EXPECT_NEAR(down, 29e-3, 1e-15);
  ASSERT_GT(whole.scatterers.size(), below.scatterers.size());
  const std::size_t added = whole.scatterers.size() - below.scatterers.size();
  for (std::size_t i = 0; i < added; ++i) ASSERT_LE(whole.scatterers.positions[i].z, down);
  for (std::size_t i = 0; i < below.scatterers.size(); ++i) {
    const Vec3 p = below.scatterers.positions[i];
    ASSERT_EQ(whole.scatterers.positions[added + i].z, p.z + down);
    ASSERT_EQ(whole.scatterers.amplitudes[added + i], below.scatterers.amplitudes[i]);
    ASSERT_EQ(whole.scatterers.regions[added + i], below.scatterers.regions[i]);
  }
  for (double z = 5e-3; z < 100e-3; z += 3e-3)
    EXPECT_EQ(whole.region_at({7e-3, 0, z + down}), below.region_at({7e-3, 0, z}));
  EXPECT_EQ(measured(whole, "liver.fat_fraction"), measured(below, "liver.fat_fraction"));
  // Mean thickness of the fat under the skin over many periods: waves average to nothing, to amplitude / (pi periods).
  double fat = 0;
  const int n = 4000;
  for (int i = 0; i < n; ++i)
    for (double z = 0.05e-3; z < wall.skin + wall.fat + wall.muscle / 2; z += 0.1e-3) {
      const Tissue& t = whole.tissue_at({-2 + 4.0 * i / n, 0, z});
      fat += 0.1e-3 / n * (t.name == "fat" || t.name == "connective_tissue");
    }
  EXPECT_NEAR(fat, wall.fat, 0.1e-3);
}

TEST(AbdominalWall, CarriesMotionAndTargetsDown) {
  auto config = std::make_shared<LeftVentriclePhantom>(heart());
  AbdominalWallPhantom wall;
  wall.over = {"left_ventricle", config};
  const Phantom phantom = wall.build(RandomStream(2, 1, "phantom"));
  const Heartbeat beat = config->beat();
  const Vec3 p{5e-3, 0, 80e-3}, q = p + Vec3{0, 0, wall.thickness()};
  ASSERT_TRUE(phantom.scatterers.motion);
  EXPECT_EQ(
      norm(phantom.scatterers.motion->displacement(q, 0.2) - beat.displacement(q - Vec3{0, 0, wall.thickness()}, 0.2)),
      0);
  EXPECT_FALSE(phantom.scatterers.motion->moves({0, 0, 10e-3}));
}

TEST(Placed, TurnsAndMovesAllAlike) {
  auto config = std::make_shared<LeftVentriclePhantom>(heart());
  config->scatterer_density = 1e8;
  PlacedPhantom tilted;
  tilted.of = {"left_ventricle", config}, tilted.offset = {4e-3, 0, 2e-3}, tilted.rotation = {0, 0.15, 0};
  const Phantom still = config->build(RandomStream(2, 1, "phantom")),
                moved = tilted.build(RandomStream(2, 1, "phantom"));
  const Pose pose{tilted.offset, Turn(tilted.rotation)};
  ASSERT_EQ(still.scatterers.size(), moved.scatterers.size());
  for (std::size_t i = 0; i < still.scatterers.size(); i += 17) {
    EXPECT_LT(norm(moved.scatterers.positions[i] - pose.to_world(still.scatterers.positions[i])), 1e-15);
    const Vec3 later = still.scatterers.position_at(i, 0.3);
    EXPECT_LT(norm(moved.scatterers.position_at(i, 0.3) - pose.to_world(later)), 1e-12);
    // Places on a boundary may round to either side: the points of speckle do not lie on one.
    EXPECT_EQ(moved.region_at(moved.scatterers.positions[i]), still.scatterers.regions[i]);
  }
  EXPECT_EQ(region(moved, "cavity").shape->section_area(0), region(still, "cavity").shape->section_area(0));
  tilted.rotation = {0.1, 0, 0};
  EXPECT_THROW(tilted.build(RandomStream(2, 1, "phantom")), ConfigError);
}

TEST(Resolution, PairsHaveTheirGaps) {
  ResolutionPhantom config;
  const Phantom phantom = config.build(RandomStream(2, 1, "phantom"));
  ASSERT_EQ(phantom.targets.size(), 4u + 2 * 2 * 4 * 2);
  for (std::size_t i = 4; i < phantom.targets.size(); i += 2) {
    const Vec3 d = phantom.targets[i + 1].position - phantom.targets[i].position;
    const bool lateral = phantom.targets[i].label == "lateral_pair";
    const double gap = config.gaps[(i - 4) / 2 % 4];
    EXPECT_NEAR(lateral ? d.x : d.z, gap, 1e-15);
    EXPECT_NEAR(lateral ? d.z : d.x, 0, 1e-15);
  }
}

// Far below resonance s = R (f/f0)^2: a quarter of the echo amplitude at half the frequency. Far above s = R. At
// resonance R / damping. A free bubble of 1 um radius in water resonates near 2.9 MHz in this formula.
TEST(Microbubbles, ScatterLikeAnOscillator) {
  const double r = 1.5e-6, f0 = bubble_resonance(r);
  EXPECT_NEAR(bubble_resonance(1e-6), std::sqrt(3 * 1.07 * 101300.0 / 1000) / (2 * pi * 1e-6), 1e-6);
  EXPECT_NEAR(bubble_scattering_length(r, f0 / 100, f0, 0.2) / bubble_scattering_length(r, f0 / 200, f0, 0.2), 4, 1e-3);
  EXPECT_NEAR(bubble_scattering_length(r, 1000 * f0, f0, 1e-3) / r, 1, 1e-5);
  EXPECT_NEAR(bubble_scattering_length(r, f0, f0, 0.2), r / 0.2, 1e-15);
}

// A Poisson number: within four standard deviations.
TEST(Microbubbles, AreAsManyAsTheConcentrationSaysAndStayInTheVessel) {
  MicrobubblesPhantom config;
  config.scatterer_density = 1e8, config.concentration = 5e10;
  config.extent.y = {-4.5e-3, 4.5e-3};
  const Phantom phantom = config.build(RandomStream(2, 1, "phantom"));
  const Shape& vessel = *phantom.regions[0].shape;
  const double expected = config.concentration * vessel.volume(), count = measured(phantom, "bubble.count");
  EXPECT_NEAR(count, expected, 4 * std::sqrt(expected));
  EXPECT_EQ(static_cast<double>(phantom.targets.size()), count);
  for (const auto& target : phantom.targets) {
    ASSERT_TRUE(vessel.contains(target.position));
    ASSERT_TRUE(phantom.scatterers.motion->moves(target.position));
  }
}

}  // namespace
}  // namespace sonoforge
