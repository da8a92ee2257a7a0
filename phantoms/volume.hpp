#pragma once
#include "phantoms/phantoms.hpp"

namespace sonoforge {

/// What the values from `from` to below `to` of a volume mean: one label number, or a range of Hounsfield units.
struct VolumeClassConfig : Configurable {
  double from = 0, to = 0;
  Typed<Tissue> tissue;
  std::string label;
  double gain = 0;  ///< [dB]
  void fields(FieldVisitor& visit) override;
  void check() const override;
};

/// A patient from CT or MRI: a NIfTI volume of labels or Hounsfield units, and a table from values to tissues. The
/// volume keeps its size and its patient frame (x right, y front, z head [cox2004]); the probe is set into it:
/// `position` is where its face stands, `depth` and `lateral` where its z and x axes point. Each place has the tissue
/// of its nearest voxel; values outside the table, and places outside the volume, are background.
struct VolumePhantom : PhantomConfig {
  Typed<Tissue> background;
  std::filesystem::path file;
  Vec3 position;  ///< in the patient's frame [m]
  Vec3 depth{0, -1, 0}, lateral{-1, 0, 0};
  std::vector<VolumeClassConfig> classes;
  ExtentConfig extent;  ///< in the probe's frame, as everywhere
  std::optional<double> scatterer_density;

  VolumePhantom();
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Phantom build(const RandomStream& random) const override;
};

}  // namespace sonoforge
