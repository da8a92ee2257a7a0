#pragma once
#include "phantoms/anatomy.hpp"

namespace sonoforge {

/// A lesion between the layers of a breast: skin, subcutaneous fat crossed by Cooper's ligaments, glandular tissue with
/// fat lobules, and the pectoral muscle. Shape, margin and orientation are those of the BI-RADS lexicon [birads2013];
/// shadow or enhancement behind it follows from the attenuation of its tissue. Layer depths are ours, typical of a
/// reclining patient.
struct BreastLesionPhantom : AnatomyPhantom {
  double skin = 1.5e-3;         ///< [m]
  double fat = 7e-3;            ///< mean thickness [m]
  double muscle_depth = 33e-3;  ///< [m]
  std::int64_t ligaments = 6;
  std::int64_t lobules = 8;
  Vec3 centre{0, 0, 19e-3};
  Vec3 radii{6e-3, 5e-3, 4.5e-3};
  double tilt = 0;             ///< long axis from x towards z [rad]
  double irregularity = 0.15;  ///< of the contour
  std::int64_t spicules = 0;
  double spicule_length = 0.4;  ///< relative to the radius
  double margin = 0.5e-3;       ///< depth over which the echo level fades into the surroundings [m]
  double texture = 1.5;         ///< rms of slow changes of the echo level [dB]
  Typed<Tissue> lesion;
  std::string label = "lesion";

  BreastLesionPhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;

 protected:
  void lay_out(Phantom& phantom, const RandomStream& random) const override;
};

}  // namespace sonoforge
