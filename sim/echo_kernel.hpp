#pragma once
#include <cstddef>
#include <span>

#include "core/vec3.hpp"
#include "sim/aligned_vector.hpp"

namespace sonoforge {

// Spectra of several nodes lie in blocks of as many bins as a vector has lanes: [block][node][2][lane], real parts,
// then imaginary parts. What belongs to one block then stays in the nearest cache.

/// What the scatterers of one cell share, ready for the sums over them. Bins are frequencies of the cell's own short
/// record; a node is a real or virtual element. T is float or double.
///
/// The response of node j at scatterer s, relative to the wave that node j sends to the cell's centre, is
///     psi_j(s, b) = sum_m interpolation[m][b] amplitude_j,m(s) * exp(-i (k0 + b k1) dR - (a0 + b a1) dR),
/// dR the difference of the distances of scatterer and centre from the node.
template <class T>
struct EchoCell {
  static constexpr std::size_t lanes = 32 / sizeof(T);
  static constexpr std::size_t pair = 2 * lanes;     ///< of real and imaginary parts of a block
  std::size_t nodes = 0, bins = 0, frequencies = 1;  ///< bins: a multiple of lanes
  std::size_t padded = 0;                            ///< nodes, rounded up to a multiple of lanes
  AlignedVector<T> dx, dy, dz, range;                  ///< [padded] from the node to the cell's centre [m]
  T turns0 = 0, turns1 = 0;                          ///< k0 / 2 pi, k1 / 2 pi [1/m]
  T loss0 = 0, loss1 = 0;                            ///< a0, a1 [Np/m]
  bool lossy = false;
  const T* interpolation = nullptr;      ///< [frequency][bin]
  AlignedVector<T> rest_turns, rest_loss;  ///< [frequency] of k and a beside the straight line; may be empty
  std::size_t terms = 0;                 ///< spatial basis functions; 0: amplitudes are given per scatterer
  AlignedVector<T> amplitudes;             ///< [term or scatterer][width()]: [node][frequency][2]

  std::size_t blocks() const { return bins / lanes; }
  std::size_t size() const { return 2 * nodes * bins; }  ///< of the spectra of all nodes
  /// Of one set of amplitudes: 2 * nodes * frequencies, rounded up to whole vectors.
  std::size_t width() const { return (2 * nodes * frequencies + lanes - 1) / lanes * lanes; }
};

/// A scatterer relative to the centre of its cell [m]. A strength of points that stand for scatterers is complex.
template <class T>
struct EchoPoint {
  T x, y, z, real, imaginary;
};

/// Buffers of one thread.
template <class T>
struct EchoWorkspace {
  AlignedVector<T> psi, state, steps, amplitude, difference, square, product;
};

/// E_j(b) += sum_s strength_s P_s(b) psi_j(s, b), P_s(b) = sum_j drive_j(b) psi_j(s, b), for each transmit.
/// drive and echo: [transmit][block][node][2][lane]. basis: [scatterer][term], unused where the cell has no terms.
template <class T>
void add_echoes(const EchoCell<T>& cell, std::span<const EchoPoint<T>> points, const T* basis, std::size_t transmits,
                const T* drive, T* echo, EchoWorkspace<T>& workspace);

/// K_ij(b) += sum_s strength_s psi_i(s, b) psi_j(s, b), i >= j, which serves any number of transmits.
/// matrix: [block][i (i + 1) / 2 + j][2][lane].
template <class T>
void add_cell_matrix(const EchoCell<T>& cell, std::span<const EchoPoint<T>> points, const T* basis, T* matrix,
                     EchoWorkspace<T>& workspace);

/// echo_i(b) = sum_j K_ij(b) drive_j(b) of each transmit: [transmit][block][node][2][lane].
template <class T>
void apply_cell_matrix(std::size_t nodes, std::size_t blocks, std::size_t transmits, const T* matrix, const T* drive,
                       T* echo, EchoWorkspace<T>& workspace);

/// What a cell's nodes are to those of a larger cell around it: response of outer node i to a scatterer, relative to
/// the centre of the larger cell, is wave_i(b) sum_j weights[i][j] psi_j(s, b).
template <class T>
struct CellStep {
  std::size_t outer = 0, inner = 0, blocks = 0;
  const float* weights = nullptr;  ///< [outer][inner]
  const T* waves = nullptr;        ///< [block][outer][2][lane]
};
/// Drives of the outer nodes -> those of the inner ones, and echoes at the inner nodes added to those at the outer:
/// of one transmit, [block][node][2][lane].
template <class T>
void drive_inwards(const CellStep<T>& step, const T* outer, T* inner, EchoWorkspace<T>& workspace);
template <class T>
void add_echo_outwards(const CellStep<T>& step, const T* inner, T* outer, EchoWorkspace<T>& workspace);
/// The same of a matrix K.
template <class T>
void add_matrix_outwards(const CellStep<T>& step, const T* inner, T* outer, EchoWorkspace<T>& workspace);

/// One block: out[column] = sum over rows of weights[row * row_step + column * column_step] * in[row], each of them a
/// pair of vectors, `in_step` and `out_step` values apart.
template <class T>
void mix(const T* in, std::size_t rows, std::size_t in_step, const float* weights, std::size_t row_step,
         std::size_t column_step, T* out, std::size_t columns, std::size_t out_step);

/// The same with complex weights, pairs of vectors too; steps count pairs.
template <class T>
void mix_waves(const T* in, std::size_t rows, const T* weights, std::size_t row_step, std::size_t column_step, T* out,
               std::size_t columns);

/// out = a * b, `count` complex pairs of vectors.
template <class T>
void multiply_pairs(const T* a, const T* b, std::size_t count, T* out);
/// out += a * b
template <class T>
void multiply_add_pairs(const T* a, const T* b, std::size_t count, T* out);
/// a *= b, one pair for all.
template <class T>
void scale_pairs(T* a, std::size_t count, const T* b);
/// `count` complex values of a pair, one after the other: re im re im ...
template <class T>
void interleave(const T* pair, T* out);

/// weight times cos and sin of 2 pi (first + l * step), l < lanes * blocks; turns in double, so that no digit of late
/// phases is lost. A pair of vectors a block, `stride` values apart.
template <class T>
void phasor_row(double first, double step, std::size_t blocks, T* out, std::size_t stride, double weight = 1);

}  // namespace sonoforge
