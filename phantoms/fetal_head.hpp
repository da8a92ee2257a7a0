#pragma once
#include <optional>

#include "phantoms/anatomy.hpp"

namespace sonoforge {

/// Mean size of a fetal head at a gestational age [weeks], 14 to 40, outer edge to outer edge [papageorghiou2014].
struct FetalHeadSize {
  double biparietal_diameter = 0;       ///< BPD [m]
  double occipitofrontal_diameter = 0;  ///< OFD [m]
  double head_circumference = 0;        ///< HC, as tabulated on its own [m]
};
FetalHeadSize mean_fetal_head(double gestational_age);

/// Circumference of an ellipse of two diameters: 4 a E(e), E the complete elliptic integral of the second kind [m].
double ellipse_circumference(double diameter_1, double diameter_2);

/// The transthalamic plane of a fetal head: skull, falx with the cavum septi pellucidi, thalami, choroid plexus, below
/// the mother's abdominal wall, the uterus and amniotic fluid. The forehead looks towards +x.
struct FetalHeadPhantom : AnatomyPhantom {
  double gestational_age = 22;                ///< [weeks]
  std::optional<double> biparietal_diameter;  ///< instead of the mean of the age [m]
  std::optional<double> occipitofrontal_diameter;
  Vec3 centre{0, 0, 62e-3};
  double tilt = 0;               ///< of the midline, from x towards z [rad]
  double skull = 1.2e-3;         ///< thickness [m]
  double maternal_wall = 22e-3;  ///< skin, fat and muscle [m]

  FetalHeadPhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;

 protected:
  void lay_out(Phantom& phantom, const RandomStream& random) const override;

 private:
  double bpd() const { return biparietal_diameter.value_or(mean_fetal_head(gestational_age).biparietal_diameter); }
  double ofd() const {
    return occipitofrontal_diameter.value_or(mean_fetal_head(gestational_age).occipitofrontal_diameter);
  }
};

}  // namespace sonoforge
