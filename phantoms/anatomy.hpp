#pragma once
#include <array>
#include <optional>

#include "phantoms/phantoms.hpp"

namespace sonoforge {

/// The key `scatterer_density` of phantoms made of several tissues.
void scatterer_density_field(FieldVisitor& visit, std::optional<double>& scatterer_density);

/// What parametric anatomies and test objects share: a background, an extent, speckle. A class lays out regions and
/// measurements.
struct AnatomyPhantom : PhantomConfig {
  Typed<Tissue> background;
  ExtentConfig extent;
  std::optional<double> scatterer_density;  ///< instead of the tissues' own, at equal echo levels [1/m^3]

  explicit AnatomyPhantom(const char* background_tissue);
  Phantom build(const RandomStream& random) const final;

 protected:
  /// The keys above; a class calls it from `fields`.
  void common_fields(FieldVisitor& visit);
  /// Adds regions, targets, echo map and measurements to a phantom that has background and extent.
  virtual void lay_out(Phantom& phantom, const RandomStream& random) const = 0;
};

/// Everything between two surfaces z(x) that undulate as sums of sines; unbounded along y.
class UndulatingLayer : public Shape {
 public:
  struct Wave {
    double amplitude = 0, wavelength = 1, phase = 0;  ///< [m], [m], [rad]
  };
  /// Depths between which the layer lies [m]; the waves move its lower surface.
  UndulatingLayer(double top, double bottom, std::vector<Wave> waves);
  double bottom_at(double x) const;
  bool contains(Vec3 p) const override;
  Bounds bounds() const override;

 private:
  double top_, bottom_, reach_ = 0;  ///< no wave carries the surface farther than reach from bottom
  std::vector<Wave> waves_;
};

/// Slow changes of the echo level from place to place: a sum of plane waves of random directions and wavelengths.
class Texture {
 public:
  /// `rms` of the level [dB]; wavelengths lie between the two [m].
  Texture(double rms, RandomStream random, double shortest = 2.5e-3, double longest = 8e-3);
  double gain_db(Vec3 point) const;

 private:
  struct Wave {
    Vec3 number;
    double phase = 0, amplitude = 0;
  };
  std::array<Wave, 16> waves_;
};

/// The same slow changes everywhere.
class TextureEcho : public EchoMap {
 public:
  explicit TextureEcho(Texture texture) : texture_(texture) {}
  double gain_db(Vec3 point) const override { return texture_.gain_db(point); }

 private:
  Texture texture_;
};

/// Adds a region; returns its index.
int add_region(Phantom& phantom, std::shared_ptr<const Shape> shape, const Tissue& tissue, std::string label,
               double gain_db = 0);
/// A copy of a tissue of the table.
Tissue known_tissue(const char* name);

/// Ready shapes.
std::shared_ptr<const Shape> layer(double from_z, double to_z);
std::shared_ptr<const Shape> ellipsoid(Vec3 centre, Vec3 radii, Vec3 rotation = {});
std::shared_ptr<const Shape> rod(Vec3 centre, Vec3 axis, double radius);
std::shared_ptr<const Shape> box(Vec3 centre, Vec3 size, Vec3 rotation = {});
std::shared_ptr<const Shape> tube(std::vector<Vec3> points, double radius);
/// The points of both.
std::shared_ptr<const Shape> common_part(std::shared_ptr<const Shape> one, std::shared_ptr<const Shape> other);

}  // namespace sonoforge
