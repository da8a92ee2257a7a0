#pragma once
#include <optional>

#include "phantoms/anatomy.hpp"

namespace sonoforge {

/// What fat does to liver as an acoustic medium.
struct FattyLiver {
  double sound_speed = 0;  ///< time-average mixture: 1/c = (1 - f)/c_lean + f/c_fat [m/s]
  double density = 0;      ///< by volume [kg/m^3]
  Attenuation attenuation;
  double gain_db = 0;  ///< echo level above that of lean liver [dB]
};
/// `fat_fraction` f counts by volume. Attenuation and echo level [dB] rise linearly with it, by the slopes a unit of f.
FattyLiver fatty_liver(const Tissue& lean, double fat_fraction, double attenuation_slope, double backscatter_slope);

/// Grade of steatosis, 0 to 3, by the proton density fat fractions 6.4, 17.4 and 22.1 % that tell the histological
/// grades [kleiner2005] apart [tang2013].
int steatosis_grade(double fat_fraction);

/// The right lobe of the liver with the right kidney behind it: hepatic veins without walls, portal branches with
/// bright ones, capsule and diaphragm. Fat makes the liver brighter than the kidney and hides what lies deep. Daughters
/// of a vessel have 2^(-1/3) of its radius [murray1926]. How steeply attenuation and echoes rise with fat is ours, set
/// so that a liver of 25 % fat loses 0.23 dB/cm/MHz more and echoes 7.5 dB stronger than a lean one.
struct LiverPhantom : AnatomyPhantom {
  double fat_fraction = 0.03;
  double attenuation_slope = 0.9;  ///< [dB/cm/MHz] a unit of fat fraction
  double backscatter_slope = 30;   ///< [dB] a unit of fat fraction
  double depth = 16e-3;            ///< of the capsule under the skin [m]
  double thickness = 75e-3;        ///< capsule to diaphragm [m]
  double portal_radius = 3.5e-3;   ///< [m]
  std::int64_t generations = 4;    ///< of branches of each tree
  double kidney_depth = 70e-3;     ///< of its middle [m]
  double texture = 0.7;            ///< rms [dB]

  LiverPhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;

 protected:
  void lay_out(Phantom& phantom, const RandomStream& random) const override;
};

}  // namespace sonoforge
