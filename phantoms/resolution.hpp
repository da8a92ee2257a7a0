#pragma once
#include "phantoms/phantoms.hpp"

namespace sonoforge {

/// Test object for resolution: single wires in a column for the width of the point spread at each depth, and at some
/// depths pairs of wires whose gap shrinks from pair to pair, side by side and one below the other.
struct ResolutionPhantom : PhantomConfig {
  Typed<Tissue> background;
  std::vector<double> depths{10e-3, 20e-3, 30e-3, 40e-3};  ///< of single wires [m]
  std::vector<double> pair_depths{15e-3, 30e-3};           ///< of rows of pairs [m]
  std::vector<double> gaps{2e-3, 1e-3, 0.5e-3, 0.25e-3};   ///< between the centres of a pair's wires [m]
  double spacing = 5e-3;                                   ///< between pairs [m]
  double amplitude = 30;
  ExtentConfig extent;
  std::optional<double> scatterer_density;

  ResolutionPhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Phantom build(const RandomStream& random) const override;
};

}  // namespace sonoforge
