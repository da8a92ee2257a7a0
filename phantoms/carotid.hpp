#pragma once
#include "phantoms/anatomy.hpp"

namespace sonoforge {

/// The open part of a round vessel with one narrowing: its radius is R (1 - s (1 + cos(2 pi (u - u0) / L)) / 2) within
/// L / 2 of the narrowest place u0, R elsewhere, u running along the vessel.
class NarrowedLumen : public Shape {
 public:
  struct Geometry {
    Vec3 centre;              ///< on the axis, at the narrowest place [m]
    bool along_x = true;      ///< the axis runs along x, else along y
    double radius = 3e-3;     ///< [m]
    double narrowing = 0;     ///< s: 1 - least over normal diameter
    double length = 10e-3;    ///< L [m]
    double eccentricity = 1;  ///< 0: concentric; 1: all plaque on the far wall
  };
  explicit NarrowedLumen(const Geometry& geometry) : g_(geometry) {}
  const Geometry& geometry() const { return g_; }
  double radius_at(double u) const;  ///< u from the narrowest place [m]
  /// Along the vessel, across it in the horizontal, and in depth, from the narrowest place of the axis.
  Vec3 local(Vec3 point) const;
  bool contains(Vec3 point) const override;
  Bounds bounds() const override;
  double section_area(double y) const override;

 private:
  Geometry g_;
};

/// What the narrowing takes from the vessel.
class Plaque : public Shape {
 public:
  explicit Plaque(std::shared_ptr<const NarrowedLumen> lumen) : lumen_(std::move(lumen)) {}
  bool contains(Vec3 point) const override;
  Bounds bounds() const override;
  double volume() const override;
  double section_area(double y) const override;

 private:
  std::shared_ptr<const NarrowedLumen> lumen_;
};

/// A common carotid artery in the neck, along or across the image, perhaps narrowed by plaque. The wall shows as two
/// bright lines about a dark one: intima, media, adventitia; intima and media together are the IMT [touboul2012].
/// Stenosis is given as in NASCET, one minus the least over the normal diameter [nascet1991]; its area counterpart
/// follows. The default diameter is a mean of adults, ours.
struct CarotidPhantom : AnatomyPhantom {
  enum class View { along, across };
  View view = View::along;
  double depth = 18e-3;          ///< of the axis [m]
  double diameter = 6.2e-3;      ///< of the open vessel without plaque [m]
  double imt = 0.7e-3;           ///< [m]
  double stenosis = 0.4;         ///< of the diameter
  double plaque_length = 12e-3;  ///< [m]
  double plaque_position = 0;    ///< along the vessel from the middle [m]
  double eccentricity = 1;
  Typed<Tissue> plaque;

  CarotidPhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;

 protected:
  void lay_out(Phantom& phantom, const RandomStream& random) const override;
};

}  // namespace sonoforge
