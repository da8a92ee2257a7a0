#include "phantoms/surface.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numbers>

#include "core/error.hpp"
#include "core/random.hpp"
#include "io/nifti.hpp"
#include "phantoms/anatomy.hpp"
#include "phantoms/volume.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;
constexpr double pi = std::numbers::pi;

/// A cube of this edge, its corners at multiples of it, each face of two triangles.
TriangleMesh cube(double edge, Vec3 low) {
  TriangleMesh mesh;
  for (int i = 0; i < 8; ++i)
    mesh.corners.push_back(low + edge * Vec3{double(i & 1), double(i >> 1 & 1), double(i >> 2 & 1)});
  mesh.triangles = {{0, 2, 1}, {1, 2, 3}, {4, 5, 6}, {5, 7, 6}, {0, 1, 4}, {1, 5, 4},
                    {2, 6, 3}, {3, 6, 7}, {0, 4, 2}, {2, 4, 6}, {1, 3, 5}, {3, 7, 5}};
  return mesh;
}

/// An octahedron whose faces are split n times into four, corners pushed onto the ball.
TriangleMesh ball(double radius, Vec3 centre, int splits) {
  std::vector<Vec3> corners{{1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}, {0, 0, 1}, {0, 0, -1}};
  std::vector<std::array<std::uint32_t, 3>> faces{{0, 2, 4}, {2, 1, 4}, {1, 3, 4}, {3, 0, 4},
                                                  {2, 0, 5}, {1, 2, 5}, {3, 1, 5}, {0, 3, 5}};
  for (int s = 0; s < splits; ++s) {
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> middles;
    const auto middle = [&](std::uint32_t a, std::uint32_t b) {
      const auto key = std::minmax(a, b);
      const auto [entry, added] =
          middles.emplace(std::pair{key.first, key.second}, static_cast<std::uint32_t>(corners.size()));
      if (added) corners.push_back(normalized(corners[a] + corners[b]));
      return entry->second;
    };
    std::vector<std::array<std::uint32_t, 3>> next;
    for (const auto& f : faces) {
      const auto ab = middle(f[0], f[1]), bc = middle(f[1], f[2]), ca = middle(f[2], f[0]);
      next.insert(next.end(), {{f[0], ab, ca}, {f[1], bc, ab}, {f[2], ca, bc}, {ab, bc, ca}});
    }
    faces = std::move(next);
  }
  for (Vec3& c : corners) c = centre + radius * c;
  return {corners, faces};
}

// Corners on a grid of powers of two stay exactly where they are, so that lines through edges and corners are met
// often.
TEST(Surface, ACubeHoldsExactlyItsPoints) {
  const double edge = 0x1p-6;
  const Surface body(cube(edge, {0, 0, edge}));
  EXPECT_NEAR(body.volume(), edge * edge * edge, 1e-18);
  EXPECT_NEAR(body.section_area(edge / 3), edge * edge, 1e-15);
  EXPECT_NEAR(body.surface_area(), 6 * edge * edge, 1e-15);
  EXPECT_EQ(body.section_area(-1e-6), 0);
  for (int i = -2; i <= 10; ++i)
    for (int j = -2; j <= 10; ++j)
      for (int k = -2; k <= 10; ++k) {
        const Vec3 p{edge * i / 8, edge * j / 8, edge + edge * k / 8};
        const bool inside = i >= 0 && i <= 8 && j >= 0 && j <= 8 && k >= 0 && k <= 8;
        ASSERT_EQ(body.contains(p), inside) << i << j << k;
      }
}

// A polyhedron in a ball of n-fold split faces misses of the volume about the sum of its caps: the error falls by four
// a split, and every point at less than the in-radius is inside, every one beyond the ball outside.
TEST(Surface, ABallOfTrianglesConvergesToTheBall) {
  const double radius = 10e-3;
  const Vec3 centre{1e-3, 0.5e-3, 30e-3};
  double before = 0;
  for (int splits : {2, 3, 4, 5}) {
    const Surface body(ball(radius, centre, splits));
    const double error = 4 * pi / 3 * std::pow(radius, 3) - body.volume();
    EXPECT_GT(error, 0);
    if (before > 0) {
      EXPECT_NEAR(std::log2(before / error), 2, 0.15);
    }
    before = error;
  }
  const Surface body(ball(radius, centre, 5));
  EXPECT_NEAR(body.section_area(0.5e-3), pi * radius * radius, 2e-3 * pi * radius * radius);
  RandomStream random(1, 1, "points");
  for (int i = 0; i < 20000; ++i) {
    const Vec3 d{random.uniform(-12e-3, 12e-3), random.uniform(-12e-3, 12e-3), random.uniform(-12e-3, 12e-3)};
    if (norm(d) < 0.998 * radius) {
      ASSERT_TRUE(body.contains(centre + d)) << i;
    }
    if (norm(d) > radius + 1e-10) {
      ASSERT_FALSE(body.contains(centre + d)) << i;
    }
  }
  // Along lines through its corners, where careless tests count an edge twice.
  for (const Vec3& corner : ball(radius, centre, 3).corners) {
    ASSERT_FALSE(body.contains({corner.x, corner.y, centre.z + 1.01 * radius}));
    if (std::hypot(corner.x - centre.x, corner.y - centre.y) < 0.9 * radius) {
      ASSERT_TRUE(body.contains({corner.x, corner.y, centre.z}));
    }
  }
}

TEST(Surface, OpenAndTwistedOnesAreRefused) {
  TriangleMesh open = cube(10e-3, {});
  open.triangles.pop_back();
  EXPECT_THROW(Surface{open}, std::invalid_argument);
  TriangleMesh twisted = cube(10e-3, {});
  std::swap(twisted.triangles[3][0], twisted.triangles[3][1]);
  EXPECT_THROW(Surface{twisted}, std::invalid_argument);
  EXPECT_THROW(Surface{cube(2, {})}, std::invalid_argument);
}

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() : folder_(fs::temp_directory_path() / ("sonoforge_surface_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~FilesTest() override { fs::remove_all(folder_); }
  fs::path folder_;
};

void write_stl(const fs::path& file, const TriangleMesh& mesh, bool text) {
  std::ofstream out(file, std::ios::binary);
  if (text) {
    out.precision(9);
    out << "solid body\n";
    for (const auto& t : mesh.triangles) {
      out << "facet normal 0 0 0\nouter loop\n";
      for (auto c : t)
        out << "vertex " << 1e3 * mesh.corners[c].x << " " << 1e3 * mesh.corners[c].y << " " << 1e3 * mesh.corners[c].z
            << "\n";
      out << "endloop\nendfacet\n";
    }
    out << "endsolid\n";
    return;
  }
  out << std::string(80, 's');
  const auto count = static_cast<std::uint32_t>(mesh.triangles.size());
  out.write(reinterpret_cast<const char*>(&count), 4);
  for (const auto& t : mesh.triangles) {
    std::array<float, 12> values{};
    for (std::size_t c = 0; c < 3; ++c) {
      const Vec3 p = 1e3 * mesh.corners[t[c]];
      values[3 + 3 * c] = static_cast<float>(p.x), values[4 + 3 * c] = static_cast<float>(p.y),
                     values[5 + 3 * c] = static_cast<float>(p.z);
    }
    out.write(reinterpret_cast<const char*>(values.data()), sizeof values);
    out.write("\0\0", 2);
  }
}

TEST_F(FilesTest, StlOfBothKindsIsReadAndPlaced) {
  for (bool text : {false, true}) {
    const fs::path file = folder_ / "ball.stl";
    write_stl(file, ball(5e-3, {100e-3, 0, 0}, 4), text);
    SurfaceConfig config;
    config.file = file, config.centre = {0, 0, 20e-3}, config.scale = 2;
    const auto body = config.build();
    // Corners are rounded to 24 bits of 105 mm.
    EXPECT_NEAR(body->volume() / (8 * Surface(ball(5e-3, {}, 4)).volume()), 1, 1e-5);
    EXPECT_TRUE(body->contains({0, 0, 29.8e-3}));
    EXPECT_FALSE(body->contains({0, 0, 30.1e-3}));
  }
  std::ofstream(folder_ / "broken.stl") << "no surface at all";
  EXPECT_THROW(read_stl(folder_ / "broken.stl", 1e-3), UserError);
  EXPECT_THROW(read_stl(folder_ / "missing.stl", 1e-3), UserError);
  std::ofstream(folder_ / "half.stl") << "solid x\nfacet\nouter loop\nvertex 0 0 0\nvertex 1 0 0\n";
  EXPECT_THROW(read_stl(folder_ / "half.stl", 1e-3), UserError);
}

// A CT of Hounsfield units: a ball of 50 in fat of -100, voxels of 0.5 x 0.4 x 0.8 mm, turned about the patient's z
// axis.
TEST_F(FilesTest, AVolumeIsSeenFromTheProbe) {
  NiftiVolume ct;
  ct.size = {64, 80, 40};
  ct.spacing = {0.5e-3, 0.4e-3, 0.8e-3};
  const double c = std::cos(0.3), s = std::sin(0.3);
  ct.affine = {{{0.5e-3 * c, -0.4e-3 * s, 0, 10e-3}, {0.5e-3 * s, 0.4e-3 * c, 0, -20e-3}, {0, 0, 0.8e-3, 5e-3}}};
  const auto patient = [&](double i, double j, double k) {
    const auto row = [&](std::size_t r) {
      return ct.affine[r][0] * i + ct.affine[r][1] * j + ct.affine[r][2] * k + ct.affine[r][3];
    };
    return Vec3{row(0), row(1), row(2)};
  };
  const Vec3 middle = patient(32, 40, 20);
  std::size_t in_ball = 0;
  for (int k = 0; k < 40; ++k)
    for (int j = 0; j < 80; ++j)
      for (int i = 0; i < 64; ++i) {
        const bool inside = norm(patient(i, j, k) - middle) <= 6e-3;
        ct.values.push_back(inside ? 50.0F : -100.0F);
        in_ball += inside;
      }
  write_nifti(folder_ / "ct.nii.gz", ct);
  VolumePhantom config;
  config.file = folder_ / "ct.nii.gz";
  config.position = middle + Vec3{0, 20e-3, 0};  // the face lies 20 mm in front of the ball
  config.scatterer_density = 1e8;
  config.extent.x = {-8e-3, 8e-3}, config.extent.z = {8e-3, 32e-3};
  VolumeClassConfig fat, muscle;
  fat.from = -150, fat.to = -30, fat.tissue = Typed<Tissue>::make(tissue_catalog(), "fat"), fat.label = "fat";
  muscle.from = 0, muscle.to = 90, muscle.tissue = Typed<Tissue>::make(tissue_catalog(), "muscle"),
  muscle.label = "ball";
  config.classes = {fat, muscle};
  const Phantom phantom = config.build(RandomStream(1, 1, "phantom"));
  const auto label = [&](Vec3 p) {
    const int r = phantom.region_at(p);
    return r < 0 ? std::string() : phantom.regions[static_cast<std::size_t>(r)].label;
  };
  EXPECT_EQ(label({0, 0, 20e-3}), "ball");
  EXPECT_EQ(label({0, 0, 20e-3 - 5.3e-3}), "ball");
  EXPECT_EQ(label({0, 0, 20e-3 - 6.7e-3}), "fat");
  EXPECT_EQ(label({5.3e-3, 0, 20e-3}), "ball");
  EXPECT_EQ(label({0, 0, 0.1}), "");
  EXPECT_NEAR(phantom.regions[1].shape->volume(), static_cast<double>(in_ball) * 0.5e-3 * 0.4e-3 * 0.8e-3, 1e-13);
  // The place of the ball in the probe's frame is that of its voxels in the patient's: lateral is -x, elevation z x
  // lateral.
  double x = 0, z = 0, n = 0;
  for (double pz = 10e-3; pz < 30e-3; pz += 0.1e-3)
    for (double px = -8e-3; px < 8e-3; px += 0.1e-3)
      if (label({px, 0, pz}) == "ball") x += px, z += pz, ++n;
  EXPECT_NEAR(x / n, 0, 0.1e-3);
  EXPECT_NEAR(z / n, 20e-3, 0.1e-3);
}

}  // namespace
}  // namespace sonoforge
