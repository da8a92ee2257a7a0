#pragma once
#include "phantoms/anatomy.hpp"

namespace sonoforge {

/// How a left ventricle beats. Its cavity is half a spheroid, base cut at the equator; with coordinates stretched so
/// that it is half a unit ball, a point at radius rho moves to cbrt(rho^3 + q) in the wall (cbrt(1 + q) rho in the
/// cavity), which keeps every volume of the wall: q = -EF w(t). A stretch l(t) along the axis and 1/sqrt(l) across it,
/// also of volume 1, sets how much the cavity's outline shortens, and a shift keeps the outer apex in place. Beyond the
/// wall motion fades out. w rises as (1 - cos) / 2 during systole and falls likewise during diastole.
class Heartbeat : public DisplacementField {
 public:
  struct Geometry {
    Vec3 base, axis{0, 0, -1};        ///< middle of the mitral plane at time 0 [m]; unit vector towards the apex
    double radius = 24e-3;            ///< a: of the cavity at the base [m]
    double length = 80e-3;            ///< L: base to apex of the cavity [m]
    double wall = 9e-3, apex = 7e-3;  ///< thickness at base and apex [m]
    double atrium = 40e-3;            ///< way behind the base over which motion fades out [m]
  };
  struct Beat {
    double ejection_fraction = 0.6,
           strain = -0.2;   ///< of the volume; of the cavity's outline from end diastole to end systole
    double rate = 1.1;      ///< [Hz]
    double systole = 0.35;  ///< part of the period
  };
  /// Throws std::invalid_argument where no stretch gives this strain.
  Heartbeat(const Geometry& geometry, const Beat& beat);

  Vec3 displacement(Vec3 position, double time) const override;
  bool moves(Vec3 position) const override;
  Vec3 origin(Vec3 place, double time) const override;

  /// w at a time: 0 at end diastole, 1 at end systole.
  double contraction(double time) const;
  /// Of the cavity [m^3].
  double volume(double time) const;
  /// Length of the cavity's outline in a plane through its axis, without the base [m].
  double outline(double time) const;
  /// Of the wall at the base [m].
  double wall_thickness(double time) const;
  double wall_volume() const;  ///< at any time [m^3]

 private:
  struct State {
    double q, stretch, shift;
  };
  State state(double time) const;
  double fading(double outer_radius, double along) const;
  double outer_radius(double across, double along) const;
  double outline_of(double q, double stretch) const;
  Geometry g_;
  Beat beat_;
  double end_stretch_ = 1;
};

/// The heart from its apex, as in the four-chamber view: left ventricle with wall and mitral leaflets, left atrium,
/// right ventricle and atrium, pericardium, chest wall. The leaflets stay closed; the right heart is carried along.
struct LeftVentriclePhantom : AnatomyPhantom {
  double apex_depth = 22e-3;  ///< of the outer apex [m]
  double diameter = 46e-3;    ///< of the cavity at the base, end diastole [m]
  double length = 78e-3;      ///< of the cavity [m]
  double wall = 9e-3;         ///< thickness at the base, end diastole [m]
  double tilt = 0;            ///< of the axis, from z towards x [rad]
  double ejection_fraction = 0.6, strain = -0.2;
  double rate = 1.1, systole = 0.35;
  double texture = 1.5;

  LeftVentriclePhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Heartbeat beat() const;

 protected:
  void lay_out(Phantom& phantom, const RandomStream& random) const override;
};

}  // namespace sonoforge
