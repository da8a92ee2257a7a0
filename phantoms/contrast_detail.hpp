#pragma once
#include "phantoms/anatomy.hpp"

namespace sonoforge {

/// A test object as sold for quality control: rods along y, one column a contrast and one row a diameter, and groups of
/// wires whose gaps shrink, along depth and across. Material: speed 1540 m/s and 0.5 dB/cm/MHz, as scanners assume.
struct ContrastDetailPhantom : AnatomyPhantom {
  std::vector<double> contrasts{-300, -6, -3, 3, 6};                 ///< of the columns [dB]; -300 dB is anechoic
  std::vector<double> diameters{1e-3, 2e-3, 3e-3, 4e-3};             ///< of the rows [m]
  double first_depth = 8e-3;                                         ///< of the first row [m]
  double spacing = 7e-3;                                             ///< of rows and columns [m]
  std::vector<double> wire_gaps{4e-3, 2e-3, 1e-3, 0.5e-3, 0.25e-3};  ///< between neighbouring wires of a group [m]
  double wire_depth = 37e-3;                                         ///< middle of both groups [m]
  double wire_amplitude = 40;                                        ///< of 1 mm of wire

  ContrastDetailPhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;

 protected:
  void lay_out(Phantom& phantom, const RandomStream& random) const override;
};

}  // namespace sonoforge
