#pragma once
#include <optional>

#include "phantoms/phantom.hpp"

namespace sonoforge {

/// The same echo level from another number of scatterers.
void set_density(Tissue& tissue, double density);

/// Isolated point targets in a medium without speckle.
struct PointsPhantom : PhantomConfig {
  Typed<Tissue> background;
  std::vector<Vec3> positions;
  std::vector<double> amplitudes;  ///< one a point; empty = all 1
  PointsPhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Phantom build(const RandomStream& random) const override;
};

struct RegionConfig : Configurable {
  Typed<ShapeConfig> shape;
  Typed<Tissue> tissue;
  std::string label;
  double gain = 0;  ///< [dB]
  void fields(FieldVisitor& visit) override;
};

/// Scatterers from a file: HDF5 /positions float64 [n, 3] m, /amplitudes float64 [n], optional /velocities [n, 3] m/s;
/// or a phantom file of PICMUS [liebgott2016]. `regions` say what they belong to: nothing is drawn or left out there.
struct ScatterersPhantom : PhantomConfig {
  Typed<Tissue> background;
  std::filesystem::path file;
  std::vector<RegionConfig> regions;
  ScatterersPhantom();
  void fields(FieldVisitor& visit) override;
  Phantom build(const RandomStream& random) const override;
};

struct ExtentConfig : Configurable {
  std::array<double, 2> x{-20e-3, 20e-3}, y{0, 0}, z{1e-3, 45e-3};
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Bounds bounds() const { return {{x[0], y[0], z[0]}, {x[1], y[1], z[1]}}; }
};

/// Thin bright lines along y.
struct WiresConfig : Configurable {
  std::vector<std::array<double, 2>> positions;  ///< [x, z] m
  double amplitude = 30;                         ///< of 1 mm of wire, relative to one scatterer of liver
  std::string label = "wire";
  void fields(FieldVisitor& visit) override;
};

/// Adds scatterers and targets along the phantom's extent in y. Throws `ConfigError("wires", ...)` for too many.
void add_wires(Phantom& phantom, const WiresConfig& wires);

/// A background and regions of tissue, filled with speckle.
struct ScenePhantom : PhantomConfig {
  Typed<Tissue> background;
  std::vector<RegionConfig> regions;
  ExtentConfig extent;
  std::optional<double> scatterer_density;  ///< instead of the tissues' own, at equal echo levels [1/m^3]
  std::optional<WiresConfig> wires;
  ScenePhantom();
  void fields(FieldVisitor& visit) override;
  Phantom build(const RandomStream& random) const override;
};

/// One grey value or label number of a picture.
struct ImageClassConfig : Configurable {
  std::int64_t value = 0;
  Typed<Tissue> tissue;
  std::string label;
  double gain = 0;  ///< [dB]
  void fields(FieldVisitor& visit) override;
};

/// A scene from a picture or volume (PNG, NIfTI, HDF5): label numbers mean tissues, or grey values mean echo levels.
struct ImagePhantom : PhantomConfig {
  Typed<Tissue> background;
  std::filesystem::path file;
  enum class Axes { xzy, xyz };
  Axes axes = Axes::xzy;                                 ///< of a NIfTI volume
  std::string dataset = "image";                         ///< HDF5: where in the file; [z, x] or [z, y, x]
  ExtentConfig extent;                                   ///< what the picture covers, edge to edge
  std::vector<ImageClassConfig> classes;                 ///< of a label map
  std::optional<std::array<double, 2>> echogenicity;     ///< dB of the smallest and the largest value of the file
  std::optional<double> scatterer_density;
  ImagePhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Phantom build(const RandomStream& random) const override;
};

}  // namespace sonoforge
