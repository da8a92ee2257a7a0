#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "phantoms/shape.hpp"

namespace sonoforge {

/// A triangulated surface: corners and, a triangle, their numbers in the order that is left-handed seen from inside.
struct TriangleMesh {
  std::vector<Vec3> corners;
  std::vector<std::array<std::uint32_t, 3>> triangles;
};

/// An STL file, binary or text; corners at equal places become one. Lengths are numbers of `unit` [m]. Broken files are
/// `UserError`s.
TriangleMesh read_stl(const std::filesystem::path& file, double unit);

/// The inside of a closed surface. Every edge must belong to two triangles that run along it in opposite directions;
/// then a point is inside where a line through it leaves the surface an odd number of times. Places count as integers
/// of 2^-36 m (15 pm) and every decision is exact in integers, ties broken as if the line stood a little to the side,
/// so that no point is lost at edges or corners. Points on the surface are inside.
class Surface : public Shape {
 public:
  /// Throws std::invalid_argument where the surface is open, not consistently oriented, or reaches beyond 1 m.
  explicit Surface(const TriangleMesh& mesh);
  bool contains(Vec3 point) const override;
  Bounds bounds() const override { return bounds_; }
  /// By the divergence theorem: the sum of a . (b x c) / 6 over triangles [m^3].
  double volume() const override { return volume_; }
  /// By Green's theorem over the segments in which triangles meet the plane [m^2].
  double section_area(double y) const override;
  /// Sum of the triangles' areas [m^2].
  double surface_area() const;

 private:
  struct Point {
    std::int64_t x, y, z;
  };
  std::size_t column(std::int64_t v, std::int64_t low, std::int64_t high) const;
  std::vector<Point> corners_;
  std::vector<Vec3> places_;
  std::vector<std::array<std::uint32_t, 3>> triangles_;
  Point low_{}, high_{};
  Bounds bounds_;
  double volume_ = 0;
  std::size_t columns_ = 1;                       ///< along x and along y
  std::vector<std::vector<std::uint32_t>> over_;  ///< triangles whose shadow touches a column
};

/// `{type: surface, file: liver.stl, unit: 1 mm, centre: [...], scale: 1, rotation: [...]}`.
struct SurfaceConfig : ShapeConfig {
  std::filesystem::path file;
  double unit = 1e-3;  ///< of the file's numbers [m]
  Vec3 centre;         ///< where the middle of the file's box comes to lie
  Vec3 rotation;       ///< about that middle
  double scale = 1;
  bool keep_origin = false;
  void fields(FieldVisitor& visit) override;
  std::shared_ptr<const Shape> build() const override;
};

}  // namespace sonoforge
