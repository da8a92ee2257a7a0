#pragma once
#include <array>
#include <cstddef>

namespace sonoforge {

/// What the elements of a straight or round row send to one cell, as a function of the angle theta at which the cell
/// sees them: u = tan(theta) is the place on the row from the one nearest to the cell. Lengths are counted in the
/// distance of the cell from the row, so that the cell's centre is at 1 / cos(theta) from an element.
struct RowWave {
  double first = 0, last = 0;  ///< angles of the outermost elements
  double wavenumber = 0;       ///< largest k
  double half_power = 0;       ///< amplitude ~ range^-1 (three dimensions) or range^(-1/2) (two)
  double baffle = 0;           ///< as in Probe
  /// Arcs: 1 / (2 sqrt(radius * distance of the cell from the arc's centre)), and 1 / (2 radius); 0 on a line.
  double curvature = 0, fall = 0;
  /// A place of the cell seen from a place of the element. On a line it is `distance` off the element's line and
  /// `offset` along it; on an arc of stretched radius, offset is the sine of half its angle over the curvature.
  struct Way {
    double offset = 0, distance = 1, stretch = 1;
  };
  std::array<Way, 4> ways;  ///< the extremes: what lies between them is no harder
  double level = 1;         ///< root mean square of the amplitudes over the elements; 1 where an element is nearest
};

/// How many Chebyshev points of the angle leave a root mean square error of about `tolerance` of the level, for the
/// waves relative to that to the cell's centre. A function that is analytic inside of the ellipse rho around the
/// interval and at most M there is interpolated from n points to M rho^(1-n) [trefethen2013, Theorem 8.2]; the best
/// ellipse is looked for. More than `most` are not counted.
std::size_t chebyshev_points_of(const RowWave& wave, double tolerance, std::size_t most);

}  // namespace sonoforge
