#pragma once
#include <complex>
#include <string>
#include <vector>

#include "core/axis.hpp"
#include "core/nd_array.hpp"
#include "core/vec3.hpp"

namespace sonoforge {

/// The points at which an image or a label is computed, shape [z, y, x]. Either Cartesian, or polar around an apex:
/// then `x` holds the angle from +z towards +x [rad] and `z` the range from the apex [m].
struct PixelGrid {
  enum class Kind { cartesian, polar };
  Kind kind = Kind::cartesian;
  Axis x;                    ///< lateral [m], or angle [rad]
  Axis y{0.0, 1.0, 1};       ///< elevation [m]
  Axis z;                    ///< depth [m], or range from the apex [m]
  double apex_depth = 0;     ///< polar only: z of the apex [m], negative behind the probe face

  std::size_t size() const { return x.count * y.count * z.count; }
  NdArray<float, 3>::Shape shape() const { return {z.count, y.count, x.count}; }

  /// World position of pixel (iz, iy, ix) [m].
  Vec3 position(std::size_t iz, std::size_t iy, std::size_t ix) const {
    if (kind == Kind::cartesian) return {x.at(ix), y.at(iy), z.at(iz)};
    const double range = z.at(iz), angle = x.at(ix);
    return {range * std::sin(angle), y.at(iy), apex_depth + range * std::cos(angle)};
  }
  friend bool operator==(const PixelGrid&, const PixelGrid&) = default;
};

/// Values on a grid, shape [z, y, x].
template <class T>
struct Map {
  PixelGrid grid;
  NdArray<T, 3> values;

  Map() = default;
  explicit Map(const PixelGrid& g) : grid(g), values(g.shape()) {}
};

using RealMap = Map<float>;
using ComplexMap = Map<std::complex<float>>;

/// One named truth map or mask set, as it is stored and drawn.
struct LabelMap {
  std::string name;                      ///< "segmentation", "sound_speed", ...
  std::string unit;                      ///< "m/s", "dB", "" ...
  std::string description;
  PixelGrid grid;
  std::vector<std::string> channels;     ///< one name a channel of a segmentation; empty for a scalar map
  NdArray<float, 4> values;              ///< [channel, z, y, x]; masks hold 0 or 1
};

}  // namespace sonoforge
