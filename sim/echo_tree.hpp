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
  NodeCount count;                            ///< of nodes of the aperture
  std::size_t frequencies = 1;                ///< nodes of the smooth factor over the band
  std::array<std::size_t, 3> terms{1, 1, 1};  ///< of the smooth factor over the cell, along x, y, z
  double extra_span = 0;                      ///< see Aperture::nodes
  double shift = 0;  ///< of the path that A counts its phase from: the middle of those of the parts [m]
  double least_extra = 0, most_extra = 0;  ///< paths of parts of elements beside those of their centres [m]
  double duration = 0;                     ///< of an echo [s]
  bool smooth = true;                      ///< see SmoothResponse::is_smooth
  PointGrid grid;                          ///< of the points that may stand for the scatterers; empty where none can
};

/// A box of scatterers whose echoes are worked out together, either at once or cell by cell inside of it: what its
/// inner cells send and hear goes by way of its own nodes, so that the transforms to the channels are needed once.
struct TreeCell {
  Cell box;
  std::size_t begin = 0, end = 0;  ///< of the scatterers in the tree's order
  CellSight sight;
  bool gridded = false;         ///< the points of CellSight::grid stand for the scatterers
  std::vector<TreeCell> inner;  ///< empty: summed at once
  bool by_matrix = false;       ///< the inner cells' matrices are added, not their echoes of each transmit
};

/// Scatterers sorted into cells of about the least cost: boxes are halved as long as the sums over their halves would
/// take less work than those over the whole.
class EchoTree {
 public:
  struct Limits {
    double low = 0, high = 0, reach = 0;  ///< band [Hz], of the pulse [s]
    double tolerance = 1e-4;
  };
  EchoTree(const EchoModel& model, const Aperture& aperture, const SmoothResponse& response,
           const ScattererGroup& group, std::span<const Transmit> transmits, const Limits& limits);

  const std::vector<TreeCell>& cells() const { return cells_; }
  std::span<const Vec3> positions(const TreeCell& cell) const {
    return {positions_.data() + cell.begin, cell.end - cell.begin};
  }
  std::span<const double> strengths(const TreeCell& cell) const {
    return {strengths_.data() + cell.begin, cell.end - cell.begin};
  }
  double exponent() const { return exponent_; }
  double wavenumber() const { return wavenumber_; }
  double tolerance() const { return limits_.tolerance; }
  double longest_echo() const { return longest_; }
  CellSight sight(const Cell& box) const;

 private:
  /// Scatterers of a box, which may be halved.
  struct Part {
    std::size_t begin = 0, end = 0;
    Cell box;
    std::size_t halves = 0;  // where the first half stands among all parts; the other follows. 0: not halved yet
    bool whole = false;      // cannot be halved
    bool seen = false;       // `sight` is known
    CellSight sight;
  };
  using Parts = std::vector<Part>;
  /// Estimated work [clock cycles].
  struct Cost {
    double cycles = 0;
    double fixed = 0;  // what the cell takes besides the sums over its scatterers
    bool gridded = false;
  };
  /// The cell around an inner one.
  struct Outer {
    double nodes = 0, blocks = 0;
    bool by_matrix = false;
  };
  /// Sorts all scatterers into cubes, quickly.
  Parts sort_into_bins();
  Cell box_of(std::size_t begin, std::size_t end) const;
  /// The grid of points that could stand for the scatterers of a box. `directions`: from where elements see it;
  /// `away`: from the nearest part of an element [m].
  struct Directions {
    Vec3 low, high;
  };
  PointGrid grid_of(const Cell& box, const Directions& directions, double away) const;
  /// Vectors of bins of an echo.
  double blocks(const CellSight& sight) const;
  /// Of the sums over points with so many nodes and blocks; all transmits, or their matrix.
  double sums(const CellSight& sight, double points, double nodes, double blocks, bool by_matrix) const;
  /// Of what leads from the nodes of a cell to the channels and back.
  double channels(const CellSight& sight) const;
  /// Of a cell alone, and of one inside of another.
  Cost cost(const CellSight& sight, double scatterers) const;
  Cost cost_inside(const CellSight& sight, double scatterers, const Outer& outer) const;
  /// The cheaper of the sums over `scatterers` or over the points that may stand for them.
  Cost with_points(const CellSight& sight, double scatterers, double nodes, double blocks, bool by_matrix,
                   double fixed) const;

  /// How many frequency nodes the law of waves needs over a distance, beside a straight line.
  std::size_t law_frequencies(double distance) const;
  const CellSight& look(Parts& parts, std::size_t part) const;
  /// Whether it could.
  bool halve(Parts& parts, std::size_t part);
  /// How often a part is halved into cells, and these into inner ones; the same where none hold others.
  struct Depths {
    std::size_t cells = 0, inner = 0;
    bool by_matrix = false;
  };
  /// The depths of least work if scatterers were spread evenly and all boxes saw what one in the middle sees.
  Depths depths(const Part& part) const;
  /// Cells for a part, appended: of the depths that are best for its scatterers on the average...
  void plan(Parts& parts, std::size_t part, std::vector<TreeCell>& cells);
  void cut(Parts& parts, std::size_t part, std::size_t times, std::vector<std::size_t>& out);
  /// ... or, where that is too coarse a view, the best cells by trial of all halvings. Returns their work.
  double divide(Parts& parts, std::size_t part, std::vector<TreeCell>& cells);
  double divide_inside(Parts& parts, std::size_t part, const Outer& outer, std::vector<TreeCell>& cells);

  const EchoModel& model_;
  const Aperture& aperture_;
  const SmoothResponse& response_;
  Limits limits_;
  double exponent_ = 0, wavenumber_ = 0, half_band_ = 0, longest_ = 0;
  std::size_t transmit_count_ = 0;
  std::vector<double> law_errors_;   // of k - i a beside a straight line from 1, 2, .. nodes [1/m]
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
