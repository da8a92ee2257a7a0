#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "core/parallel.hpp"
#include "phantoms/breast_lesion.hpp"
#include "phantoms/carotid.hpp"
#include "phantoms/contrast_detail.hpp"
#include "phantoms/fetal_head.hpp"
#include "phantoms/left_ventricle.hpp"
#include "phantoms/liver.hpp"
#include "phantoms/star_body.hpp"
#include "phantoms/thyroid_nodule.hpp"
#include "tests/phantoms/lookup.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

/// Area of the pixels whose centres lie in the shape, in the plane y, over the box x by z.
double raster_area(const Shape& shape, double y, double half_x, double from_z, double to_z, double pixel) {
  double count = 0;
  // Off the axes of symmetry, so that symmetric shapes do not flatter the sum.
  for (double z = from_z + 0.37 * pixel; z < to_z; z += pixel)
    for (double x = -half_x + 0.21 * pixel; x < half_x; x += pixel) count += shape.contains({x, y, z});
  return count * pixel * pixel;
}

/// Every pixel that differs lies within half a diagonal of the contour: at most perimeter / pixel * sqrt(2) of them,
/// and their signs are as random as the contour is against the grid. So the error falls at least as pixel^1 below
/// perimeter * pixel, and about as pixel^1.5; a first-order bound is asserted at each resolution with a tenth of the
/// worst case, and the order from the coarsest to the finest.
void expect_raster_converges(const Shape& shape, double y, double half_x, double from_z, double to_z, double exact,
                             double perimeter) {
  double coarse = 0, fine = 0;
  for (double pixel : {0.4e-3, 0.2e-3, 0.1e-3, 0.05e-3}) {
    const double error = std::abs(raster_area(shape, y, half_x, from_z, to_z, pixel) - exact);
    EXPECT_LT(error, 0.1 * perimeter * pixel) << pixel;
    (pixel > 0.15e-3 ? coarse : fine) = std::max(pixel > 0.15e-3 ? coarse : fine, error);
  }
  EXPECT_LE(fine, std::max(coarse, 0.02 * perimeter * 0.1e-3));
}

StarBody circle(double radius) {
  return StarBody({0, 0, 20e-3}, {radius, radius, radius}, 0.3, StarContour({}, {}));
}

TEST(StarBody, WithoutTermsIsABall) {
  const StarBody ball = circle(5e-3);
  EXPECT_NEAR(ball.perimeter(), 2 * pi * 5e-3, 1e-15);
  EXPECT_NEAR(ball.volume(), 4 * pi / 3 * 125e-9, 1e-18);
  EXPECT_NEAR(ball.section_area(3e-3), pi * 16e-6, 1e-17);
  // 4096 points on a circle miss its extent by at most 1 - cos(pi / 4096), 3e-7.
  EXPECT_NEAR(ball.longest_diameter(), 10e-3, 10e-3 * 4e-7);
}

// One cosine of order k: area ratio 1 + a^2 / 2, whatever its phase. A spicule of width w: 2 b I + b^2 J by the
// modified Bessel function, exp(-1/w^2) I0(1/w^2) and exp(-2/w^2) I0(2/w^2).
TEST(StarBody, AreasMatchClosedForms) {
  EXPECT_NEAR(StarContour({{3, 0.2, 1.1}}, {}).area_ratio(), 1 + 0.02, 1e-14);
  const double b = 0.4, w = 0.25, k = 1 / (w * w);
  const double expected =
      1 + 2 * b * std::exp(-k) * std::cyl_bessel_i(0, k) + b * b * std::exp(-2 * k) * std::cyl_bessel_i(0, 2 * k);
  EXPECT_NEAR(StarContour({}, {{b, 0.7, w}}).area_ratio(), expected, 1e-13);
}

TEST(StarBody, EllipseTurnsAndIsMeasured) {
  const StarBody body({0, 0, 20e-3}, {6e-3, 4e-3, 3e-3}, pi / 6, StarContour({}, {}));
  EXPECT_NEAR(body.perimeter(), ellipse_circumference(12e-3, 6e-3), 1e-14);
  const double c = std::cos(pi / 6), s = 0.5;
  EXPECT_NEAR(body.width(), 2 * std::hypot(6e-3 * c, 3e-3 * s), 1e-8);
  EXPECT_NEAR(body.height(), 2 * std::hypot(6e-3 * s, 3e-3 * c), 1e-8);
  // The tilt turns the long axis from x towards z.
  EXPECT_TRUE(body.contains({5.9e-3 * c, 0, 20e-3 + 5.9e-3 * s}));
  EXPECT_FALSE(body.contains({5.9e-3 * c, 0, 20e-3 - 5.9e-3 * s}));
}

BreastLesionPhantom small_lesion() {
  BreastLesionPhantom p;
  p.extent.x = {-10e-3, 10e-3}, p.extent.z = {1e-3, 30e-3};
  p.scatterer_density = 1e9;
  return p;
}

TEST(BreastLesion, LabelsConvergeToTheMeasurements) {
  for (int spicules : {0, 9})
    for (std::uint64_t patient : {1, 2, 3}) {
      BreastLesionPhantom config = small_lesion();
      config.spicules = spicules, config.irregularity = 0.3, config.tilt = 0.2;
      const Phantom phantom = config.build(RandomStream(5, patient, "phantom"));
      const Shape& lesion = *region(phantom, "lesion").shape;
      expect_raster_converges(lesion, 0, 15e-3, 5e-3, 35e-3, lesion.section_area(0),
                              measured(phantom, "lesion.perimeter"));
      // No curve is shorter for its area than a circle, none has a diameter above half its length.
      const double perimeter = measured(phantom, "lesion.perimeter"),
                   longest = measured(phantom, "lesion.longest_diameter");
      EXPECT_GE(perimeter * perimeter, 4 * pi * lesion.section_area(0));
      EXPECT_LE(longest, perimeter / 2);
      EXPECT_GE(longest * (1 + 1e-4), measured(phantom, "lesion.width"));
      EXPECT_GE(longest * (1 + 1e-4), measured(phantom, "lesion.height"));
    }
}

TEST(BreastLesion, SpiculesMakeTheSameAreaLonger) {
  BreastLesionPhantom smooth = small_lesion(), spiky = small_lesion();
  spiky.spicules = 12;
  const auto compactness = [](const BreastLesionPhantom& config) {
    const Phantom p = config.build(RandomStream(5, 1, "phantom"));
    return 4 * pi * region(p, "lesion").shape->section_area(0) / std::pow(measured(p, "lesion.perimeter"), 2);
  };
  EXPECT_GT(compactness(smooth), 0.8);
  EXPECT_LT(compactness(spiky), 0.6);
}

// The margin goes from the surroundings' level at the contour to the lesion's own: on the contour the two sides agree.
TEST(BreastLesion, SoftMarginFadesFromOneLevelToTheOther) {
  BreastLesionPhantom config = small_lesion();
  config.irregularity = 0, config.margin = 2e-3, config.texture = 0, config.lobules = 0;
  const Phantom phantom = config.build(RandomStream(5, 1, "phantom"));
  const double inside = config.lesion->echogenicity(), outside = config.background->echogenicity();
  const double z = config.centre.z + config.radii.z;
  EXPECT_NEAR(phantom.echogenicity_at({0, 0, z - 1e-9}), outside, 1e-3);
  EXPECT_NEAR(phantom.echogenicity_at({0, 0, z - 1e-3}),
              10 * std::log10(0.5 * (std::pow(10, inside / 10) + std::pow(10, outside / 10))), 1e-9);
  EXPECT_NEAR(phantom.echogenicity_at({0, 0, z - 2.1e-3}), inside, 1e-9);
  EXPECT_EQ(&phantom.tissue_at({0, 0, z - 1e-9}), &region(phantom, "lesion").tissue);
}

TEST(BreastLesion, AThickerSkinLeavesTheLesionAsItWas) {
  BreastLesionPhantom one = small_lesion(), two = small_lesion();
  two.skin = 2.5e-3;
  const Phantom a = one.build(RandomStream(5, 1, "phantom")), b = two.build(RandomStream(5, 1, "phantom"));
  for (const char* name : {"lesion.perimeter", "lesion.longest_diameter"})
    EXPECT_EQ(measured(a, name), measured(b, name));
  EXPECT_EQ(region(a, "lesion").shape->volume(), region(b, "lesion").shape->volume());
}

TEST(Carotid, LabelsConvergeToTheMeasurements) {
  CarotidPhantom config;
  config.extent.x = {-5e-3, 5e-3};
  config.scatterer_density = 1e9;
  for (auto view : {CarotidPhantom::View::along, CarotidPhantom::View::across})
    for (double eccentricity : {0.0, 1.0}) {
      config.view = view, config.eccentricity = eccentricity;
      const Phantom phantom = config.build(RandomStream(1, 1, "phantom"));
      const Shape& plaque = *region(phantom, "plaque").shape;
      const double exact = plaque.section_area(0);
      // Two borders of at most one plaque length and its rise each, or of one circumference each.
      const double border =
          view == CarotidPhantom::View::along ? 4 * (config.plaque_length + config.diameter) : 2 * pi * config.diameter;
      expect_raster_converges(plaque, 0, 8e-3, 10e-3, 26e-3, exact, border);
      if (view == CarotidPhantom::View::across) {
        EXPECT_NEAR(exact / (pi * std::pow(config.diameter / 2, 2)), measured(phantom, "plaque.area_stenosis"), 1e-12);
      }
    }
}

// The volume by 20,000 discs (trapezoid over a whole period of cosines: exact to rounding) against the closed form.
TEST(Carotid, PlaqueVolumeIsTheSumOfItsDiscs) {
  const auto lumen =
      std::make_shared<NarrowedLumen>(NarrowedLumen::Geometry{{0, 0, 18e-3}, false, 3e-3, 0.6, 10e-3, 1});
  const Plaque plaque(lumen);
  double sum = 0;
  const int n = 20000;
  for (int i = 0; i < n; ++i) sum += plaque.section_area((-0.5 + (i + 0.5) / n) * 10e-3) * 10e-3 / n;
  EXPECT_NEAR(sum / plaque.volume(), 1, 1e-11);
}

TEST(Carotid, LeastDiameterIsWhereTheConfigSays) {
  CarotidPhantom config;
  config.scatterer_density = 1e9, config.extent.x = {-5e-3, 5e-3};
  config.plaque_position = 2e-3, config.stenosis = 0.5;
  const Phantom phantom = config.build(RandomStream(1, 1, "phantom"));
  const Shape& lumen = *region(phantom, "lumen").shape;
  double open = 0;
  const double step = 1e-6;
  for (double z = 10e-3; z < 26e-3; z += step) open += step * lumen.contains({2e-3, 0, z});
  EXPECT_NEAR(open, measured(phantom, "lumen.least_diameter"), 2 * step);
  EXPECT_NEAR(open, 0.5 * config.diameter, 2 * step);
}

// [papageorghiou2014] HC is the ellipse of BPD and OFD of the same fetuses. The three means were fitted apart, so that
// they need not agree exactly, but the difference has to vanish in the spread of fetuses: it stays within half a
// standard deviation of HC by the same source.
TEST(FetalHead, CircumferenceOfTheMeansAgreesWithTheMeanCircumference) {
  for (double week = 14; week <= 40; week += 1) {
    const FetalHeadSize mean = mean_fetal_head(week);
    const double ellipse = ellipse_circumference(mean.biparietal_diameter, mean.occipitofrontal_diameter);
    const double cube = week * week * week, log_week = std::log(week);
    const double deviation =
        1e-3 * (1.98735 + 0.0136772 * cube - 0.00726264 * cube * log_week + 0.000976253 * cube * log_week * log_week);
    EXPECT_NEAR(ellipse, mean.head_circumference, deviation / 2) << week;
  }
  EXPECT_NEAR(ellipse_circumference(2, 2), 2 * pi, 1e-14);
}

TEST(FetalHead, LabelsConvergeToTheMeasurements) {
  FetalHeadPhantom config;
  config.scatterer_density = 1e7, config.tilt = 0.3;
  const Phantom phantom = config.build(RandomStream(1, 1, "phantom"));
  const double bpd = measured(phantom, "head.biparietal_diameter"),
               ofd = measured(phantom, "head.occipitofrontal_diameter");
  const Shape& skull = *region(phantom, "skull").shape;
  EXPECT_NEAR(skull.section_area(0), pi / 4 * bpd * ofd, 1e-12);
  expect_raster_converges(skull, 0, 50e-3, 20e-3, 105e-3, pi / 4 * bpd * ofd, measured(phantom, "head.circumference"));
  // The midline lies on the tilted long axis, towards both ends.
  for (double side : {-0.7, 0.7}) {
    const Vec3 p = config.centre + side * ofd / 2 * Vec3{std::cos(0.3), 0, std::sin(0.3)};
    const int r = phantom.region_at(p);
    ASSERT_GE(r, 0);
    EXPECT_EQ(phantom.regions[static_cast<std::size_t>(r)].label, "midline");
  }
}

TEST(ContrastDetail, RodsHaveTheirContrastAndArea) {
  ContrastDetailPhantom config;
  config.scatterer_density = 1e9;
  const Phantom phantom = config.build(RandomStream(1, 1, "phantom"));
  ASSERT_EQ(phantom.regions.size(), 20u);
  const double background = config.background->echogenicity();
  EXPECT_NEAR(phantom.echogenicity_at({7e-3, 0, 8e-3}) - background, 3, 1e-9);
  EXPECT_NEAR(phantom.echogenicity_at({-7e-3, 0, 8e-3}) - background, -6, 1e-9);
  EXPECT_NEAR(phantom.regions[3].shape->section_area(0), pi * 4e-6, 1e-18);
  EXPECT_EQ(phantom.targets.size(), 12u);
  EXPECT_NEAR(phantom.targets[2].position.x - phantom.targets[1].position.x, 2e-3, 1e-12);
}

template <class T>
class AnyAnatomy : public testing::Test {};
using Anatomies = testing::Types<BreastLesionPhantom, CarotidPhantom, FetalHeadPhantom, ContrastDetailPhantom, ThyroidNodulePhantom,
                                 LiverPhantom, LeftVentriclePhantom>;
TYPED_TEST_SUITE(AnyAnatomy, Anatomies);

TYPED_TEST(AnyAnatomy, DrawsTheSameBitsForAnyNumberOfThreads) {
  TypeParam config;
  config.scatterer_density = 2e8;
  const auto build = [&](int threads) {
    set_thread_count(threads);
    return config.build(RandomStream(3, 4, "phantom"));
  };
  const Phantom one = build(1), four = build(4);
  set_thread_count(0);
  ASSERT_GT(one.scatterers.size(), 100u);
  EXPECT_EQ(one.scatterers.amplitudes, four.scatterers.amplitudes);
  EXPECT_TRUE(one.scatterers.positions == four.scatterers.positions);
}

// What a shape holds lies within its bounds: rays and grids rely on them.
TYPED_TEST(AnyAnatomy, ShapesLieWithinTheirBounds) {
  TypeParam config;
  config.scatterer_density = 1e7;
  const Phantom phantom = config.build(RandomStream(3, 4, "phantom"));
  for (const auto& r : phantom.regions) {
    const Bounds b = r.shape->bounds();
    for (double z = -1e-3; z < 110e-3; z += 0.9e-3)
      for (double x = -50e-3; x < 50e-3; x += 0.9e-3) {
        if (!r.shape->contains({x, 0, z})) continue;
        ASSERT_TRUE(x >= b.low.x && x <= b.high.x && z >= b.low.z && z <= b.high.z && 0 >= b.low.y && 0 <= b.high.y)
            << r.label << x << z;
      }
  }
}

}  // namespace
}  // namespace sonoforge
