#pragma once
#include <array>
#include <optional>

#include "phantoms/phantoms.hpp"

namespace sonoforge {

/// Compression along z of an incompressible elastic medium that cannot move along y, perhaps with a round inclusion of
/// another stiffness (a cylinder along y). Far away u = strain (x, 0, -z). In the cylinder of radius a around c the
/// strain is uniform and 2 / (1 + k) times that, k = its shear modulus over the medium's [eshelby1957, for the cylinder
/// in plane strain at Poisson's ratio 1/2]; with E = strain diag(1, -1), d = (x, z) - c and b = 2 / (1 + k), outside
///     u = E (x, z) + (b - 1) [2 a^2 d (d.E d) / |d|^4 + a^4 E d / |d|^4 - 2 a^4 d (d.E d) / |d|^6].
/// Strain grows linearly over `duration`, then holds. Displacements are those of small strain.
class Compression : public DisplacementField {
 public:
  struct Inclusion {
    double x = 0, z = 0, radius = 0;  ///< [m]
    double stiffness = 1;             ///< over that of the medium
  };
  Compression(double strain, double duration, std::optional<Inclusion> inclusion)
      : strain_(strain), duration_(duration), inclusion_(inclusion) {}
  Vec3 displacement(Vec3 position, double time) const override;

 private:
  double strain_, duration_;
  std::optional<Inclusion> inclusion_;
};

/// Where an inclusion is and what it is made of.
struct InclusionConfig : Configurable {
  Vec3 centre{0, 0, 25e-3};
  double radius = 5e-3;
  double stiffness = 3;
  Typed<Tissue> tissue;
  std::string label = "inclusion";
  InclusionConfig();
  void fields(FieldVisitor& visit) override;
};

/// Tissue that the probe compresses, as in elastography.
struct CompressionPhantom : PhantomConfig {
  Typed<Tissue> background;
  double strain = 0.01, duration = 1;
  std::optional<InclusionConfig> inclusion;
  ExtentConfig extent;
  std::optional<double> scatterer_density;
  CompressionPhantom();
  void fields(FieldVisitor& visit) override;
  Phantom build(const RandomStream& random) const override;
};

}  // namespace sonoforge
