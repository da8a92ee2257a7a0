#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/fields.hpp"
#include "core/random.hpp"
#include "core/vec3.hpp"
#include "phantoms/motion.hpp"
#include "phantoms/shape.hpp"
#include "phantoms/tissue.hpp"

namespace sonoforge {

/// One region of a phantom. A later region covers an earlier one.
struct Region {
  std::shared_ptr<const Shape> shape;
  Tissue tissue;
  std::string label;      ///< class name of the segmentation; empty = not labelled
  double gain_db = 0;     ///< echogenicity relative to its tissue (echogenicity images) [dB]
};

/// Point scatterers, all arrays of one length.
struct Scatterers {
  std::vector<Vec3> positions;           ///< [m]
  std::vector<double> amplitudes;        ///< gamma at the centre frequency, relative [m]
  std::vector<std::int32_t> regions;     ///< index into Phantom::regions, -1 = background (or none)
  std::vector<Vec3> velocities;          ///< [m/s]; empty = at rest
  std::shared_ptr<const DisplacementField> motion;  ///< added to what the velocities do; may be null

  std::size_t size() const { return positions.size(); }
  bool moves(std::size_t i) const {
    return (!velocities.empty() && !(velocities[i] == Vec3{})) || (motion && motion->moves(positions[i]));
  }
  /// Where scatterer i is at a time [s] after that of `positions`.
  Vec3 position_at(std::size_t i, double time) const {
    Vec3 place = positions[i];
    if (!velocities.empty()) place = place + time * velocities[i];
    if (motion) place = place + motion->displacement(positions[i], time);
    return place;
  }
};

/// A place that labels mark although it has no extent: a point or wire target.
struct PointTarget {
  Vec3 position;
  std::string label;
};

/// A true length, area, volume or ratio that the geometry alone decides.
struct TrueMeasurement {
  std::string name;  ///< "CLASS.quantity"
  double value = 0;  ///< SI; ratios as fractions
  std::string unit;  ///< "m", "m^2", "m^3", "s"; "" for ratios
};

/// Echo level that varies from place to place, for example from a picture.
class EchoMap {
 public:
  virtual ~EchoMap() = default;
  /// Relative to the tissue's own level [dB]; -inf where nothing scatters.
  virtual double gain_db(Vec3 point) const = 0;
};

/// What is insonified: the truth behind RF and labels alike. Plain data, no config.
struct Phantom {
  Tissue background;
  std::vector<Region> regions;
  Scatterers scatterers;
  std::vector<PointTarget> targets;
  std::shared_ptr<const EchoMap> echo_map;  ///< may be null
  std::vector<TrueMeasurement> measurements;  ///< beyond the volumes and areas that the shapes of labelled regions know
  Bounds extent;          ///< where scatterers and labels are meant to be [m]

  /// The same but for its scatterers, which are not copied.
  Phantom with(Scatterers others) const;

  /// Index of the region that holds a point, -1 for the background.
  int region_at(Vec3 point) const;
  const Tissue& tissue_at(Vec3 point) const;
  /// Backscatter at a point relative to that of unit density and strength [dB]: tissue, region gain and echo map.
  double echogenicity_at(Vec3 point) const;
  const Tissue& tissue_of(int region) const { return region < 0 ? background : regions[static_cast<std::size_t>(region)].tissue; }
};

class PhantomConfig : public Configurable {
 public:
  /// Builds geometry and draws scatterers; the same stream gives the same bits for any thread count.
  /// Throws `ConfigError` or `UserError` (files).
  virtual Phantom build(const RandomStream& random) const = 0;
};

/// points, scatterers, scene, image, and parametric anatomies and test objects.
const Catalog& phantom_catalog();

}  // namespace sonoforge
