#pragma once
#include "phantoms/anatomy.hpp"

namespace sonoforge {

/// A nodule in one lobe of the thyroid, in a transverse section of the neck: skin, fat, strap muscles, lobe and
/// isthmus, the air-filled trachea on one side and the carotid artery on the other. Composition, echogenicity, shape,
/// margin and echogenic foci are those of ACR TI-RADS [tessler2017]. The volume of a lobe is that of an ellipsoid, pi/6
/// times its three diameters [brunn1981]. Sizes and places of the surroundings are ours, typical of adults.
struct ThyroidNodulePhantom : AnatomyPhantom {
  double skin = 1.5e-3;          ///< [m]
  double fat = 3e-3;             ///< [m]
  double muscle = 4e-3;          ///< strap muscles [m]
  Vec3 lobe{9e-3, 22e-3, 8e-3};  ///< half axes: across, along the neck, in depth [m]
  Vec3 centre{0, 0, 0};          ///< of the nodule from that of the lobe [m]
  Vec3 radii{4.5e-3, 4.5e-3, 3.5e-3};
  double tilt = 0;  ///< [rad]
  double irregularity = 0.1;
  std::int64_t lobulations = 0;  ///< spicule-like lobes of the margin
  double cystic_fraction = 0;    ///< of the nodule's volume
  double halo = 0;               ///< thickness of the dark rim [m]
  double foci = 0;               ///< number of punctate echogenic foci, rounded
  double focus_amplitude = 25;   ///< relative to a scatterer of liver
  double texture = 1;            ///< rms [dB]
  Typed<Tissue> nodule;
  std::string label = "nodule";

  ThyroidNodulePhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;
  /// Middle of the lobe [m].
  Vec3 lobe_centre() const;

 protected:
  void lay_out(Phantom& phantom, const RandomStream& random) const override;
};

}  // namespace sonoforge
