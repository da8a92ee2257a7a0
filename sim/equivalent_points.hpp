#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "sim/aperture.hpp"
#include "sim/echo_kernel.hpp"

namespace sonoforge {

/// Where the points of a cell that stand for its scatterers are, and how its echoes oscillate.
///
/// An echo is a smooth function of the place of its scatterer: F(x) = exp(-i q (x - centre)) S(x), S of few
/// oscillations over the cell. Interpolating S from a grid of Chebyshev points of the cell and summing over the
/// scatterers first gives the strengths of those points: the sum over elements and frequencies runs over the points
/// alone, however many scatterers there are. This is the transposed interpolation of a non-uniform Fourier transform
/// [dutt1993], on Chebyshev points as in black-box multipole methods [fong2009].
struct PointGrid {
  std::array<std::size_t, 3> counts{0, 0, 0};  ///< along x, y, z
  Vec3 carrier;                                ///< q [rad/m]
  std::size_t size() const { return counts[0] * counts[1] * counts[2]; }
};

/// Buffers of one thread.
template <class T>
struct SpreadWorkspace {
  std::vector<T> weights, rows, real, imaginary;
};

/// The points of the grid with the strengths of all scatterers; appended to `points`.
template <class T>
void spread(const Cell& box, const PointGrid& grid, std::span<const Vec3> positions, std::span<const double> strengths,
            SpreadWorkspace<T>& workspace, std::vector<EchoPoint<T>>& points);

}  // namespace sonoforge
