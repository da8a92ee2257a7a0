#pragma once
#include <utility>
#include <vector>

#include "phantoms/shape.hpp"

namespace sonoforge {

/// A closed curve about the origin, relative to the unit circle: rho(t) = 1 + sum_k a_k cos(k t - p_k) + sum_s b_s
/// exp((cos(t - t_s) - 1) / w_s^2). Cosines make it oval, lobulated or irregular, the narrow last terms are spicules.
class StarContour {
 public:
  struct Harmonic {
    int order = 2;
    double amplitude = 0, phase = 0;
  };
  struct Spicule {
    double length = 0, angle = 0, width = 0.1;  ///< relative to the radius; [rad]; [rad]
  };
  StarContour(std::vector<Harmonic> harmonics, std::vector<Spicule> spicules);

  double radius(double angle) const;
  double slope(double angle) const;  ///< d rho / d t
  /// Bounds of `radius` from the size of its terms.
  double least() const { return least_; }
  double most() const { return most_; }
  /// Tighter ones near an angle in [-pi, pi].
  double least_near(double angle) const { return low_[sector(angle)]; }
  double most_near(double angle) const { return high_[sector(angle)]; }
  /// Area over that of the unit circle.
  double area_ratio() const;

 private:
  std::vector<Harmonic> harmonics_;
  std::vector<Spicule> spicules_;
  double least_, most_;
  static constexpr std::size_t sectors = 256;
  std::vector<double> low_, high_;  ///< bounds in each sector, from -pi on
  static std::size_t sector(double angle);
};

/// A body whose every section across y is the same star-shaped curve, stretched by `radii`, turned about y and shrunk
/// along y as an ellipsoid is.
class StarBody : public Shape {
 public:
  /// `tilt` turns x towards z about the y axis [rad].
  StarBody(Vec3 centre, Vec3 radii, double tilt, StarContour contour);
  /// Distance from the middle over that of the surface in the same direction: 1 on the surface; far outside any value above 1.
  double relative_radius(Vec3 point) const;
  bool contains(Vec3 point) const override;
  Bounds bounds() const override;
  double volume() const override;
  double section_area(double y) const override;

  // Of the section through the middle.
  double perimeter() const;         ///< [m]
  double longest_diameter() const;  ///< between the two points farthest from each other [m]
  double width() const;             ///< along x [m]
  double height() const;            ///< along z [m]

 private:
  /// Distance from the middle in radii of the ellipse, and direction in its frame; infinite beyond the ends along y.
  std::pair<double, double> polar(Vec3 point) const;
  Vec3 point_at(double angle) const;
  std::vector<Vec3> outline() const;  ///< of the section through the middle
  Vec3 centre_, radii_;
  double cos_, sin_;
  StarContour contour_;
};

}  // namespace sonoforge
