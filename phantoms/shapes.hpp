#pragma once
#include <vector>

#include "phantoms/shape.hpp"

namespace sonoforge {

/// Everything between pairs of planes: `z: [0 mm, 8 mm]`, and the same for x and y; a missing pair is unbounded.
struct SlabConfig : ShapeConfig {
  std::optional<std::array<double, 2>> x, y, z;
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::shared_ptr<const Shape> build() const override;
};

struct BoxConfig : ShapeConfig {
  Vec3 centre, size{1e-3, 1e-3, 1e-3};
  Vec3 rotation;  ///< about x, then y, then z, each right-handed [rad]
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::shared_ptr<const Shape> build() const override;
};

struct EllipsoidConfig : ShapeConfig {
  Vec3 centre, radii{1e-3, 1e-3, 1e-3};
  Vec3 rotation;
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::shared_ptr<const Shape> build() const override;
};

/// Circular, with flat ends.
struct CylinderConfig : ShapeConfig {
  Vec3 centre, axis{0, 1, 0};
  double radius = 1e-3;
  double length = std::numeric_limits<double>::infinity();
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::shared_ptr<const Shape> build() const override;
};

/// All points within `radius` of a line through points: its ends are round.
struct TubeConfig : ShapeConfig {
  std::vector<Vec3> points;
  double radius = 1e-3;
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::shared_ptr<const Shape> build() const override;
};

/// A polygon in x-z, drawn out along y.
struct ExtrusionConfig : ShapeConfig {
  std::vector<std::array<double, 2>> points;  ///< [x, z]
  std::optional<std::array<double, 2>> y;     ///< missing = unbounded
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::shared_ptr<const Shape> build() const override;
};

/// union, intersection: of all shapes; difference: the first without the others.
struct CombinedConfig : ShapeConfig {
  enum class Rule { any, all, first_only };
  explicit CombinedConfig(Rule r) : rule(r) {}
  Rule rule;
  std::vector<Typed<ShapeConfig>> shapes;
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::shared_ptr<const Shape> build() const override;
};

}  // namespace sonoforge
