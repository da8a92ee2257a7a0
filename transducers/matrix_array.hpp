#pragma once
#include <optional>

#include "transducers/common_probe.hpp"

namespace sonoforge {

/// Rectangular elements on a grid in the plane z = 0, centred at the origin. Element index = iy * elements_x + ix: x
/// runs fastest, and both grow with their coordinate.
struct MatrixArray : CommonProbeConfig {
  std::int64_t elements_x = 0;
  std::int64_t elements_y = 0;
  double pitch_x = 0;             ///< [m]
  std::optional<double> pitch_y;  ///< default: pitch_x [m]
  std::optional<double> width;    ///< along x, default: pitch_x [m]
  std::optional<double> height;   ///< along y, default: pitch_y [m]

  MatrixArray() : CommonProbeConfig("matrix array") {}
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Probe build() const override;
};

/// Two stacks of long elements in the plane z = 0, crossed at right angles and centred at the origin. Elements 0 to
/// columns - 1 are the columns: they stand side by side along x and each reaches over the whole aperture in y. The rows
/// follow: side by side along y, each as long as the aperture in x, their `lateral` along y since their width is
/// measured there. Row-column probes have no lens.
struct RowColumnArray : CommonProbeConfig {
  std::int64_t columns = 0;
  std::int64_t rows = 0;
  double pitch = 0;             ///< of columns and rows alike [m]
  std::optional<double> width;  ///< of one element, across its length; default: the pitch [m]

  RowColumnArray() : CommonProbeConfig("row-column array") {}
  void fields(FieldVisitor& visit) override;
  void check() const override;
  Probe build() const override;
};

}  // namespace sonoforge
