#pragma once
#include <limits>
#include <string>
#include <vector>

#include "core/fields.hpp"
#include "core/vec3.hpp"

namespace sonoforge {

/// One radiating element.
struct Element {
  enum class Shape { rectangle, disc, bowl };
  Vec3 position;          ///< centre of the face [m] (bowl: its apex)
  Vec3 normal{0, 0, 1};   ///< unit, into the medium
  Vec3 lateral{1, 0, 0};  ///< unit, along the width; height runs along cross(normal, lateral)
  double width = 0;       ///< [m]; disc and bowl: the diameter
  double height = 0;      ///< [m]; disc and bowl: the diameter
  Shape shape = Shape::rectangle;
  double curvature_radius = std::numeric_limits<double>::infinity();  ///< bowl only [m]
};

/// A probe as the engines see it: plain data, no config.
struct Probe {
  enum class Kind { linear, phased, curved, matrix, row_column, ring, single, custom };
  std::string name;
  Kind kind = Kind::linear;
  std::vector<Element> elements;
  double frequency = 0;  ///< centre frequency [Hz]
  double bandwidth = 0;  ///< two-way -6 dB bandwidth over the centre frequency; 0 = no response (flat)
  double elevation_focus = std::numeric_limits<double>::infinity();  ///< lens [m]
  double baffle = std::numeric_limits<double>::infinity();           ///< impedance ratio: 0 = rigid, infinity = soft
  double pitch = 0;  ///< between neighbouring centres along the array (a chord on a curved one) [m]
  double curvature_radius = std::numeric_limits<double>::infinity();  ///< of a convex array [m]

  std::size_t size() const { return elements.size(); }
  /// Height of the arc of a convex array above its chord's ends: x = 0, z = -apex distance to the arc's centre.
  /// Two-way response at frequency f, real and >= 0: exp(-ln2 (2|w-wc|/wb)^p), p = ln126 / ln(2 wc/wb) [garcia2022];
  /// one way is its square root.
  double two_way_response(double f) const;
  double one_way_response(double f) const;
};

/// Base of all probe configs.
class ProbeConfig : public Configurable {
 public:
  /// Throws `ConfigError` for what cannot be built.
  virtual Probe build() const = 0;
};

/// linear_array, convex_array, matrix_array, row_column_array, ring_array, disc, bowl, custom; presets: the probe
/// library.
const Catalog& probe_catalog();

}  // namespace sonoforge
