#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "phantoms/compression.hpp"
#include "phantoms/flow_phantom.hpp"
#include "phantoms/rotating_disk.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

TEST(PulsatileFlow, BesselFunctionsMatchTables) {
  // J0(x e^(3 pi i / 4)) = ber x + i bei x: Abramowitz and Stegun, table 9.12.
  const auto kelvin = [](double x) { return bessel_j(0, std::polar(x, 0.75 * pi)); };
  EXPECT_NEAR(kelvin(1).real(), 0.9843817812, 1e-10);
  EXPECT_NEAR(kelvin(1).imag(), 0.2495660400, 1e-10);
  EXPECT_NEAR(kelvin(5).real(), -6.2300824787, 1e-10);
  EXPECT_NEAR(kelvin(5).imag(), 0.1160343816, 1e-10);
  for (double x : {0.3, 2.0, 9.0}) {
    EXPECT_NEAR(bessel_j(0, x).real(), std::cyl_bessel_j(0, x), 1e-11);
    EXPECT_NEAR(bessel_j(1, x).real(), std::cyl_bessel_j(1, x), 1e-11);
  }
}

TEST(PulsatileFlow, ObeysTheEquationOfMotion) {
  // u_t = G(t) + (w / alpha^2) (u_rr + u_r / r) with the pressure gradient G the same at all r. Second differences of
  // step h are good to h^2 = 1e-6 times the fourth derivative, about alpha^4 = 625 times the velocity at most.
  const double rate = 1.2, alpha = 5, w = 2 * pi * rate, h = 1e-3, dt = 1e-5;
  const PulsatileFlow flow(0.3, {0.2, 0.1}, {0.4, -1}, rate, alpha);
  for (double t : {0.0, 0.13, 0.5}) {
    double first = 0;
    for (double r : {0.1, 0.4, 0.7, 0.95}) {
      const double u_t = (flow.velocity(r, t + dt) - flow.velocity(r, t - dt)) / (2 * dt);
      const double up = flow.velocity(r + h, t), here = flow.velocity(r, t), down = flow.velocity(r - h, t);
      const double viscous = w / (alpha * alpha) * ((up - 2 * here + down) / (h * h) + (up - down) / (2 * h * r));
      if (r == 0.1) first = u_t - viscous;
      EXPECT_NEAR(u_t - viscous, first, 1e-3) << t << " " << r;
    }
    EXPECT_NEAR(flow.velocity(1, t), 0, 1e-12);
  }
}

TEST(PulsatileFlow, SectionMeanIsWhatWasAskedFor) {
  const PulsatileFlow flow(0.3, {0.2, 0.1}, {0.4, -1}, 1.2, 12);
  for (double t : {0.0, 0.2, 0.7}) {
    double mean = 0;
    constexpr int n = 4000;  // midpoint rule: error of order 1 / n^2
    for (int i = 0; i < n; ++i) {
      const double r = (i + 0.5) / n;
      mean += flow.velocity(r, t) * 2 * r / n;
    }
    const double w = 2 * pi * 1.2;
    EXPECT_NEAR(mean, 0.3 + 0.2 * std::cos(w * t + 0.4) + 0.1 * std::cos(2 * w * t - 1), 1e-6);
  }
}

TEST(PulsatileFlow, IsPoiseuilleWhereSteadyOrSlow) {
  const PulsatileFlow steady(0.3, {}, {}, 1, 5), slow(0, {0.3}, {}, 1, 0.05);
  for (double r : {0.0, 0.5, 0.9}) {
    EXPECT_DOUBLE_EQ(steady.velocity(r, 0.2), 0.6 * (1 - r * r));
    EXPECT_DOUBLE_EQ(steady.path(r, 2), 1.2 * (1 - r * r));
    // Inertia adds terms of order alpha^2 / 8 in quadrature, alpha^4 in phase.
    EXPECT_NEAR(slow.velocity(r, 0), 0.6 * (1 - r * r), 1e-5);
  }
}

TEST(PulsatileFlow, PathIsTheIntegralOfVelocity) {
  const PulsatileFlow flow(0.3, {0.2, 0.1}, {0.4, -1}, 1.2, 5);
  double way = 0;
  constexpr int n = 20000;
  for (int i = 0; i < n; ++i) way += flow.velocity(0.3, (i + 0.5) * 0.9 / n) * 0.9 / n;
  EXPECT_NEAR(flow.path(0.3, 0.9), way, 1e-8);
}

TEST(Vessel, PlacesAndPointsAreInverse) {
  for (double bend : {std::numeric_limits<double>::infinity(), 30e-3}) {
    const Vessel vessel({1e-3, 2e-3, 25e-3}, 0.4, 40e-3, 4e-3, bend);
    for (Vessel::Place place : {Vessel::Place{3e-3, 2e-3, 1e-3}, {20e-3, -3e-3, 0}, {39e-3, 0, -2e-3}}) {
      const auto back = vessel.locate(vessel.point_at(place));
      EXPECT_NEAR(back.along, place.along, 1e-15);
      EXPECT_NEAR(back.offset, place.offset, 1e-15);
      EXPECT_NEAR(back.y, place.y, 1e-15);
      EXPECT_TRUE(vessel.contains(vessel.point_at(place)));
    }
    EXPECT_FALSE(vessel.contains(vessel.point_at({20e-3, 3e-3, 3e-3})));
    EXPECT_FALSE(vessel.contains(vessel.point_at({41e-3, 0, 0})));
    // Points of a fine lattice: volume and section to the size of its cells at the rim.
    std::size_t inside = 0, in_plane = 0;
    const double step = 0.25e-3;
    const Bounds box = vessel.bounds();
    for (double x = box.low.x; x <= box.high.x; x += step)
      for (double z = box.low.z; z <= box.high.z; z += step) {
        in_plane += vessel.contains({x, 3e-3, z});
        for (double y = box.low.y; y <= box.high.y; y += step) inside += vessel.contains({x, y, z});
      }
    EXPECT_NEAR(static_cast<double>(inside) * step * step * step, vessel.volume(), 0.01 * vessel.volume());
    EXPECT_NEAR(static_cast<double>(in_plane) * step * step, vessel.section_area(3e-3),
                0.01 * vessel.section_area(3e-3));
  }
}

TEST(VesselFlow, MovesAlongTheAxisWithTheProfile) {
  for (double bend : {std::numeric_limits<double>::infinity(), 30e-3}) {
    const auto vessel = std::make_shared<Vessel>(Vec3{0, 0, 25e-3}, 0.4, 40e-3, 4e-3, bend);
    const VesselFlow flow(vessel, PulsatileFlow(0.3, {0.1}, {}, 1, 5));
    const Vec3 start = vessel->point_at({15e-3, 2e-3, -1e-3});
    const double dt = 1e-7;
    const Vec3 velocity = flow.displacement(start, dt) / dt, expected = flow.velocity(start, 0);
    EXPECT_NEAR(norm(velocity - expected), 0, 1e-4 * norm(expected));
    // Distance from the axis, and with it the streamline, never changes.
    const auto place = vessel->locate(start + flow.displacement(start, 0.37));
    EXPECT_NEAR(place.offset, 2e-3, 1e-14);
    EXPECT_NEAR(place.y, -1e-3, 1e-14);
    EXPECT_EQ(flow.displacement({0, 0, 1e-3}, 1), Vec3{});
    EXPECT_FALSE(flow.moves({0, 0, 1e-3}));
  }
}

TEST(FlowPhantom, BloodStaysAsDenseAsItWas) {
  for (double bend : {std::numeric_limits<double>::infinity(), 25e-3}) {
    FlowPhantom config;
    config.bend_radius = bend;
    config.extent.y = {-4e-3, 4e-3};
    config.scatterer_density = 20e9;
    config.background->scatterer_density = 0;
    const Phantom phantom = config.build(RandomStream(1, 0, "phantom"));
    const Vessel vessel(config.centre, config.angle, config.length, config.radius, bend);
    const double expected = 20e9 * vessel.volume() / 10;
    for (double t : {0.0, 0.33, 2.0}) {
      std::array<double, 10> count{};
      for (std::size_t i = 0; i < phantom.scatterers.size(); ++i) {
        const Vec3 p = phantom.scatterers.position_at(i, t);
        // On a rim the last digit may lie outside.
        const auto place = vessel.locate(p);
        ASSERT_LT(vessel.relative_radius(place), 1 + 1e-12);
        ++count[static_cast<std::size_t>(std::clamp(place.along / config.length * 10, 0.0, 9.0))];
      }
      // Counts of a Poisson process: five standard deviations.
      for (double n : count) EXPECT_NEAR(n, expected, 5 * std::sqrt(expected)) << bend << " " << t;
    }
  }
}

TEST(FlowPhantom, RefusesVesselsThatDoNotFit) {
  FlowPhantom config;
  config.length = 60e-3;
  EXPECT_THROW(config.check(), ConfigError);
  config.length = 30e-3;
  config.bend_radius = 3e-3;
  EXPECT_THROW(config.check(), ConfigError);
  config.bend_radius = 1;
  config.phases = {0};
  EXPECT_THROW(config.check(), ConfigError);
}

TEST(RotatingDisk, TurnsRigidly) {
  const Rotation rotation({1e-3, 0, 20e-3}, 8e-3, 10);
  const Vec3 a{4e-3, 1e-3, 22e-3}, b{-2e-3, 0, 18e-3};
  const double t = 0.7;
  const Vec3 moved_a = a + rotation.displacement(a, t), moved_b = b + rotation.displacement(b, t);
  EXPECT_NEAR(norm(moved_a - moved_b), norm(a - b), 1e-17);
  const auto angle = [](Vec3 p) { return std::atan2(p.x - 1e-3, p.z - 20e-3); };
  EXPECT_NEAR(std::remainder(angle(moved_a) - angle(a) - 7, 2 * pi), 0, 1e-12);
  EXPECT_NEAR(norm(rotation.displacement(a, 1e-7) / 1e-7 - rotation.velocity(a)), 0, 1e-6);
  EXPECT_NEAR(norm(rotation.velocity(a)), 10 * std::hypot(3e-3, 2e-3), 1e-15);
  EXPECT_FALSE(rotation.moves({10e-3, 0, 20e-3}));
}

/// Gradient of the displacement in the plane: [[u_x,x  u_x,z], [u_z,x  u_z,z]], by central differences.
std::array<double, 4> gradient(const Compression& field, double x, double z) {
  const double h = 1e-7;
  const auto u = [&](double a, double b) { return field.displacement({a, 0, b}, 1); };
  const Vec3 dx = (u(x + h, z) - u(x - h, z)) / (2 * h), dz = (u(x, z + h) - u(x, z - h)) / (2 * h);
  return {dx.x, dz.x, dx.z, dz.z};
}

TEST(Compression, IsUniformWithoutInclusion) {
  const Compression field(0.02, 2, {});
  EXPECT_NEAR(field.displacement({3e-3, 1e-3, 10e-3}, 1).z, -0.01 * 10e-3, 1e-18);
  EXPECT_NEAR(field.displacement({3e-3, 1e-3, 10e-3}, 5).x, 0.02 * 3e-3, 1e-18);
  EXPECT_EQ(field.displacement({3e-3, 1e-3, 10e-3}, 0), Vec3{});
}

TEST(Compression, InclusionHasEshelbysStrainAndBalancedForces) {
  const double a = 5e-3, cx = 1e-3, cz = 20e-3, strain = 0.01;
  for (double k : {0.0, 0.3, 1.0, 4.0, 1e6}) {
    const Compression field(strain, 1, Compression::Inclusion{cx, cz, a, k});
    const auto inside = gradient(field, cx + 2e-3, cz - 1e-3);
    EXPECT_NEAR(inside[0], 2 / (1 + k) * strain, 1e-9);
    EXPECT_NEAR(inside[3], -2 / (1 + k) * strain, 1e-9);
    const auto far = gradient(field, cx + 1, cz);
    EXPECT_NEAR(far[3], -strain, 1e-3 * strain);
    for (double angle : {0.1, 0.8, 2.5, 4.0}) {
      const double nx = std::sin(angle), nz = std::cos(angle);
      const auto at = [&](double r) { return field.displacement({cx + r * nx, 0, cz + r * nz}, 1); };
      EXPECT_NEAR(norm(at(a * (1 + 1e-12)) - at(a * (1 - 1e-12))), 0, 1e-14);
      const auto out = gradient(field, cx + 1.001 * a * nx, cz + 1.001 * a * nz);
      EXPECT_NEAR(out[0] + out[3], 0, 1e-9) << "no change of volume";
      // Tractions n.(2 mu strain - pressure) on both sides of the rim. The pressure of the medium there is
      // 4 mu (b - 1) n.E n, from grad p = mu lap u of the term in d (d.E d) / |d|^4; the inclusion has none.
      const auto g_in = gradient(field, cx + 0.9999 * a * nx, cz + 0.9999 * a * nz);
      const auto g_out = gradient(field, cx + 1.0001 * a * nx, cz + 1.0001 * a * nz);
      const auto traction = [&](const std::array<double, 4>& g, double mu, double pressure) {
        const double shear = mu * (g[1] + g[2]);
        return std::array{nx * (2 * mu * g[0] - pressure) + nz * shear, nx * shear + nz * (2 * mu * g[3] - pressure)};
      };
      if (k > 100) continue;  // the inclusion's tiny strain times its stiffness is lost in the differences
      const double pressure = 4 * (2 / (1 + k) - 1) * strain * (nx * nx - nz * nz);
      const auto t_in = traction(g_in, k, 0), t_out = traction(g_out, 1, pressure);
      // 1e-4 of the radius away from the rim: fields differ by some 1e-3 of themselves.
      for (int i : {0, 1})
        EXPECT_NEAR(t_in[static_cast<std::size_t>(i)], t_out[static_cast<std::size_t>(i)], 3e-3 * strain)
            << k << " " << angle;
    }
  }
}

}  // namespace
}  // namespace sonoforge
