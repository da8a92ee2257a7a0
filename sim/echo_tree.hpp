#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "sim/echo_engine.hpp"
#include "sim/equivalent_points.hpp"

namespace sonoforge {

/// What the aperture looks like from a cell: how many terms each expansion needs, and how long an echo lasts.
struct CellSight {
  std::size_t nodes = 0;                     ///< of the aperture
  std::size_t frequencies = 1;               ///< nodes of the smooth factor over the band
  std::array<std::size_t, 3> terms{1, 1, 1}; ///< of the smooth factor over the cell, along x, y, z
  double extra_span = 0;                     ///< see Aperture::nodes
  double shift = 0;                          ///< of the path that A counts its phase from: the middle of those of the parts [m]
  double least_extra = 0, most_extra = 0;    ///< paths of parts of elements beside those of their centres [m]
  double duration = 0;                       ///< of an echo [s]
  bool smooth = true;                        ///< see SmoothResponse::is_smooth
  PointGrid grid;                            ///< of the points that may stand for the scatterers; empty where none can
};

struct TreeCell {
  Cell box;
  std::size_t begin = 0, end = 0;  ///< of the scatterers in the tree's order
  double duration = 0;             ///< [s]
  bool gridded = false;            ///< the points of CellSight::grid stand for the scatterers
};

/// Scatterers sorted into cells of about the least cost: boxes are halved as long as the sums over their halves would
/// take less work than those over the whole.
class EchoTree {
 public:
  struct Limits {
    double low = 0, high = 0, reach = 0;  ///< band [Hz], of the pulse [s]
    double tolerance = 1e-4;
  };
  EchoTree(const EchoModel& model, const Aperture& aperture, const SmoothResponse& response, const ScattererGroup& group,
           std::span<const Transmit> transmits, const Limits& limits);

  const std::vector<TreeCell>& cells() const { return cells_; }
  std::span<const Vec3> positions(const TreeCell& cell) const { return {positions_.data() + cell.begin, cell.end - cell.begin}; }
  std::span<const double> strengths(const TreeCell& cell) const { return {strengths_.data() + cell.begin, cell.end - cell.begin}; }
  double exponent() const { return exponent_; }
  double wavenumber() const { return wavenumber_; }
  double tolerance() const { return limits_.tolerance; }
  double longest_echo() const { return longest_; }
  CellSight sight(const Cell& box) const;
  /// Estimated work of a cell [clock cycles], and whether points in the place of scatterers make it less.
  struct Cost {
    double cycles = 0;
    double fixed = 0;  ///< what the cell takes besides the sums over its scatterers
    bool gridded = false;
  };
  Cost cost(const CellSight& sight, std::size_t scatterers) const;

 private:
  struct Part {
    std::size_t begin, end;
    Cell box;
  };
  /// Sorts all scatterers into cubes, quickly.
  std::vector<Part> sort_into_bins();
  Cell box_of(std::size_t begin, std::size_t end) const;
  Cost cost_of_points(const CellSight& sight, double points) const;
  /// The grid of points that could stand for the scatterers of a box. `directions`: from where elements see it;
  /// `away`: from the nearest part of an element [m].
  struct Directions {
    Vec3 low, high;
  };
  PointGrid grid_of(const Cell& box, const Directions& directions, double away) const;
  /// Vectors of bins of an echo.
  double blocks(const CellSight& sight) const;
  /// Best cost of a part; appends its cells.
  double divide(const Part& part, std::vector<TreeCell>& cells);

  const EchoModel& model_;
  const Aperture& aperture_;
  const SmoothResponse& response_;
  Limits limits_;
  double exponent_ = 0, wavenumber_ = 0, half_band_ = 0, longest_ = 0;
  std::size_t transmit_count_ = 0;
  std::vector<std::size_t> sample_;  // elements that stand for all
  struct Timing {
    std::size_t element;
    double first, last;  // delays [s]
  };
  std::vector<std::vector<Timing>> timings_;  // of some transmits
  std::vector<Vec3> positions_;
  std::vector<double> strengths_;
  std::vector<TreeCell> cells_;
};

}  // namespace sonoforge
