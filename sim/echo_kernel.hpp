#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "core/vec3.hpp"

namespace sonoforge {

/// What the scatterers of one cell share, ready for the sums over them. Bins are frequencies of the cell's own short
/// record; a node is a real or virtual element. T is float or double.
///
/// The response of node j at scatterer s, relative to the wave that node j sends to the cell's centre, is
///     psi_j(s, b) = sum_m interpolation[m][b] amplitude_j,m(s) * exp(-i (k0 + b k1) dR - (a0 + b a1) dR),
/// dR the difference of the distances of scatterer and centre from the node.
template <class T>
struct EchoCell {
  static constexpr std::size_t lanes = 32 / sizeof(T);
  std::size_t nodes = 0, bins = 0, frequencies = 1;  ///< bins: a multiple of lanes
  std::size_t padded = 0;                            ///< nodes, rounded up to a multiple of lanes
  std::vector<T> dx, dy, dz, range;                  ///< [padded] from the node to the cell's centre [m]
  T turns0 = 0, turns1 = 0;                          ///< k0 / 2 pi, k1 / 2 pi [1/m]
  T loss0 = 0, loss1 = 0;                            ///< a0, a1 [Np/m]
  bool lossy = false;
  const T* interpolation = nullptr;                  ///< [frequency][bin]
  std::vector<T> rest_turns, rest_loss;              ///< [frequency] of k and a beside the straight line; may be empty
  std::size_t terms = 0;                             ///< spatial basis functions; 0: amplitudes are given per scatterer
  std::vector<T> amplitudes;                         ///< [term or scatterer][node][frequency][2]

  std::size_t row() const { return 2 * bins; }  ///< of one node: real parts, then imaginary parts
};

/// A scatterer relative to the centre of its cell [m]. A strength of points that stand for scatterers is complex.
template <class T>
struct EchoPoint {
  T x, y, z, real, imaginary;
};

/// Buffers of one thread.
template <class T>
struct EchoWorkspace {
  std::vector<T> psi, amplitude, step_re, step_im, difference;
};

/// E_j(b) += sum_s strength_s P_s(b) psi_j(s, b), P_s(b) = sum_j drive_j(b) psi_j(s, b), for each transmit.
/// drive and echo: [transmit][node][row]. basis: [scatterer][term], unused where the cell has no terms.
template <class T>
void add_echoes(const EchoCell<T>& cell, std::span<const EchoPoint<T>> points, const T* basis, std::size_t transmits,
                const T* drive, T* echo, EchoWorkspace<T>& workspace);

/// K_ij(b) += sum_s strength_s psi_i(s, b) psi_j(s, b), i >= j, which serves any number of transmits.
/// matrix: [i (i + 1) / 2 + j][row].
template <class T>
void add_cell_matrix(const EchoCell<T>& cell, std::span<const EchoPoint<T>> points, const T* basis, T* matrix,
                     EchoWorkspace<T>& workspace);

/// echo_i(b) = sum_j K_ij(b) drive_j(b) of one transmit.
template <class T>
void apply_cell_matrix(const EchoCell<T>& cell, const T* matrix, const T* drive, T* echo);

/// cos and sin of 2 pi (first + l * step), l < count; turns in double, so that no digit of late phases is lost.
template <class T>
void phasor_row(double first, double step, std::size_t count, T* re, T* im);

}  // namespace sonoforge
