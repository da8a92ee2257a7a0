#include <cmath>
#include <numbers>

#include "io/hdf5.hpp"
#include "support.hpp"
#include "transducers/convex_array.hpp"
#include "transducers/linear_array.hpp"
#include "transducers/probe_library.hpp"

namespace sonoforge {
namespace {

using testing::error_key;
using testing::library_probe;

/// A small array with every key set.
LinearArray small_linear() {
  LinearArray array;
  array.frequency = 5_MHz;
  array.elements = 4;
  array.pitch = 0.5_mm;
  array.width = 0.4_mm;
  array.height = 6_mm;
  array.elevation_focus = 20_mm;
  array.baffle = 1.75;
  return array;
}

ConvexArray small_convex() {
  ConvexArray array;
  array.frequency = 3_MHz;
  array.elements = 3;
  array.pitch = 10_mm;
  array.radius = 10_mm;  // the chord equals the radius: neighbours are 60 deg apart
  return array;
}

TEST(LinearArray, ElementsStandSymmetricallyOnTheXAxis) {
  const Probe probe = small_linear().build();
  ASSERT_EQ(probe.size(), 4u);
  const double expected_x[] = {-0.75_mm, -0.25_mm, 0.25_mm, 0.75_mm};
  for (std::size_t i = 0; i < 4; ++i) {
    // Half-integers times a pitch: correct to the last bit or two.
    EXPECT_NEAR(probe.elements[i].position.x, expected_x[i], 1e-18);
    EXPECT_EQ(probe.elements[i].position.y, 0);
    EXPECT_EQ(probe.elements[i].position.z, 0);
    EXPECT_EQ(probe.elements[i].normal, (Vec3{0, 0, 1}));
    EXPECT_EQ(probe.elements[i].lateral, (Vec3{1, 0, 0}));
    EXPECT_EQ(probe.elements[i].width, 0.4_mm);
    EXPECT_EQ(probe.elements[i].height, 6_mm);
  }
  EXPECT_EQ(probe.pitch, 0.5_mm);
  EXPECT_EQ(probe.elevation_focus, 20_mm);
  EXPECT_EQ(probe.baffle, 1.75);
  EXPECT_EQ(probe.frequency, 5_MHz);
  EXPECT_TRUE(std::isinf(probe.curvature_radius));
}

TEST(LinearArray, WidthIsThePitchUnlessGiven) {
  LinearArray array = small_linear();
  array.width.reset();
  EXPECT_EQ(array.build().elements[0].width, 0.5_mm);
}

TEST(LinearArray, IsPhasedWhereThePitchIsFineEnoughToSteer) {
  LinearArray array = small_linear();  // wavelength at 5 MHz: 0.308 mm
  array.width.reset();
  array.pitch = 0.154_mm;
  EXPECT_EQ(array.build().kind, Probe::Kind::phased);
  array.pitch = 0.308_mm;
  EXPECT_EQ(array.build().kind, Probe::Kind::linear);
}

TEST(LinearArray, RefusesWhatCannotBeBuilt) {
  struct Case {
    const char* key;
    void (*spoil)(LinearArray&);
  };
  const Case cases[] = {
      {"width", [](LinearArray& a) { a.width = 0.51_mm; }},     {"width", [](LinearArray& a) { a.width = -0.1_mm; }},
      {"pitch", [](LinearArray& a) { a.pitch = 0; }},           {"height", [](LinearArray& a) { a.height = -1_mm; }},
      {"frequency", [](LinearArray& a) { a.frequency = NAN; }}, {"elements", [](LinearArray& a) { a.elements = 0; }},
      {"elements", [](LinearArray& a) { a.elements = 65'537; }}};
  for (const Case& c : cases) {
    LinearArray array = small_linear();
    c.spoil(array);
    EXPECT_EQ(error_key([&] { array.check(); }), c.key);
    EXPECT_EQ(error_key([&] { (void)array.build(); }), c.key);
  }
}

TEST(ConvexArray, ApexIsTheOriginAndNormalsFollowTheRadius) {
  const Probe probe = small_convex().build();
  const double sine = std::sqrt(3.0) / 2;  // of 60 deg
  EXPECT_EQ(probe.kind, Probe::Kind::curved);
  EXPECT_EQ(probe.curvature_radius, 10_mm);
  EXPECT_EQ(probe.elements[1].position, (Vec3{0, 0, 0}));
  EXPECT_EQ(probe.elements[1].normal, (Vec3{0, 0, 1}));
  // Rounding of one sine and one cosine at 10 mm: below 1e-17 m.
  EXPECT_NEAR(probe.elements[2].position.x, sine * 10_mm, 1e-17);
  EXPECT_NEAR(probe.elements[2].position.z, -5_mm, 1e-17);
  EXPECT_NEAR(probe.elements[2].normal.x, sine, 1e-15);
  EXPECT_NEAR(probe.elements[2].normal.z, 0.5, 1e-15);
  EXPECT_NEAR(norm(probe.elements[2].position - probe.elements[1].position), 10_mm, 1e-17);
}

TEST(ConvexArray, RefusesAnImpossibleArc) {
  ConvexArray array = small_convex();
  array.pitch = 20.1_mm;  // longer than the diameter
  EXPECT_EQ(error_key([&] { array.check(); }), "pitch");
  array = small_convex();
  array.elements = 6;  // 6 x 60 deg: exactly the full circle
  EXPECT_EQ(error_key([&] { array.check(); }), "(none)");
  array.elements = 7;
  EXPECT_EQ(error_key([&] { array.check(); }), "elements");
  array = small_convex();
  array.radius = 0;
  EXPECT_EQ(error_key([&] { array.check(); }), "radius");
}

TEST(ConvexArray, AgreesWithMustUpToItsOriginAtTheChord) {
  SONOFORGE_REFERENCE_FILE(file, "simus/convex_pw.h5");
  const Hdf5Reader reader(file);
  const auto x = reader.read<double>("in/element_x"), z = reader.read<double>("in/element_z"),
             theta = reader.read<double>("in/element_theta");
  // There z = 0 at the chord through the ends of the arc; here at its apex.
  const double apex = reader.read_scalar<double>("in/radius") - reader.read_scalar<double>("in/apothem_h");
  const Probe probe = library_probe("C5-2v");
  ASSERT_EQ(probe.size(), x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    // Lengths of 50 mm in double: a few units of 7e-18 m.
    EXPECT_NEAR(probe.elements[i].position.x, x[i], 3e-17);
    EXPECT_NEAR(probe.elements[i].position.z + apex, z[i], 3e-17);
    EXPECT_NEAR(probe.elements[i].normal.x, std::sin(theta[i]), 1e-15);
    EXPECT_NEAR(probe.elements[i].normal.z, std::cos(theta[i]), 1e-15);
  }
}

TEST(ProbeLibrary, HoldsThePublishedValues) {
  struct Row {
    const char* name;
    std::size_t elements;
    double frequency, pitch, width, height, focus, bandwidth, radius;
    Probe::Kind kind;
  };
  constexpr double flat = std::numeric_limits<double>::infinity();
  const Row rows[] = {{"L11-5v", 128, 7.6e6, 300e-6, 270e-6, 5e-3, 18e-3, 0.77, flat, Probe::Kind::linear},
                      {"L12-3v", 192, 7.54e6, 200e-6, 170e-6, 5e-3, 20e-3, 0.93, flat, Probe::Kind::linear},
                      {"C5-2v", 128, 3.57e6, 508e-6, 460e-6, 13.5e-3, 60e-3, 0.79, 49.57e-3, Probe::Kind::curved},
                      {"P4-2v", 64, 2.72e6, 300e-6, 250e-6, 14e-3, 60e-3, 0.74, flat, Probe::Kind::phased}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Probe probe = library_probe(row.name);
    EXPECT_EQ(probe.name, row.name);
    EXPECT_EQ(probe.kind, row.kind);
    EXPECT_EQ(probe.size(), row.elements);
    EXPECT_DOUBLE_EQ(probe.frequency, row.frequency);
    EXPECT_DOUBLE_EQ(probe.pitch, row.pitch);
    EXPECT_DOUBLE_EQ(probe.elements[0].width, row.width);
    EXPECT_DOUBLE_EQ(probe.elements[0].height, row.height);
    EXPECT_DOUBLE_EQ(probe.elevation_focus, row.focus);
    EXPECT_DOUBLE_EQ(probe.bandwidth, row.bandwidth);
    EXPECT_DOUBLE_EQ(probe.curvature_radius, row.radius);
    EXPECT_TRUE(std::isinf(probe.baffle)) << "the library's baffles are soft";
  }
}

TEST(ProbeResponse, IsHalfAtTheEdgesOfTheBandAndSmallAtZero) {
  const Probe probe = library_probe("L11-5v");
  EXPECT_EQ(probe.two_way_response(probe.frequency), 1);
  for (double side : {-1.0, 1.0}) {
    // -6 dB here means one half, by the definition of the window (ln 2 in its exponent).
    const double edge = probe.frequency * (1 + side * 0.77 / 2);
    EXPECT_NEAR(probe.two_way_response(edge), 0.5, 1e-14);
    EXPECT_NEAR(probe.one_way_response(edge), std::sqrt(0.5), 1e-14);
  }
  // p is chosen so that the exponent at 0 Hz is ln2 * 126 = 87.3; the power costs some digits.
  EXPECT_NEAR(std::log(probe.two_way_response(0)), -std::numbers::ln2 * 126, 1e-11);
}

TEST(ProbeResponse, AgreesWithTheReferenceSpectrum) {
  SONOFORGE_REFERENCE_FILE(file, "simus/convex_pw.h5");
  const Hdf5Reader reader(file);
  const auto f = reader.read<double>("pulse/f"), expected = reader.read<double>("pulse/probe_spectrum");
  const Probe probe = library_probe("C5-2v");
  for (std::size_t i = 0; i < f.size(); ++i) EXPECT_NEAR(probe.one_way_response(f[i]), expected[i], 1e-13) << f[i];
}

TEST(ProbeResponse, NoneIsFlat) {
  LinearArray array = small_linear();
  array.response = Typed<ResponseConfig>::make(response_catalog(), "none");
  const Probe probe = array.build();
  EXPECT_EQ(probe.bandwidth, 0);
  for (double f : {0.0, 1e6, 5e6, 2e7}) EXPECT_EQ(probe.two_way_response(f), 1);
}

}  // namespace
}  // namespace sonoforge
