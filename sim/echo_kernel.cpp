#include "sim/echo_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/progress.hpp"
#include "sim/echo_sums.hpp"
#include "sim/lanes.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t together = EchoSums<float>::together;
constexpr std::size_t large_block = 8192;  // complex products of a block that take tens of microseconds
constexpr std::size_t matrix_chunk = 16;   // scatterers added to a block of the matrix while that is at hand

/// exp(x) for |x| < 1 or so: what a cell's size leaves of the loss.
template <class T>
inline V<T> small_exp(V<T> x) {
  V<T> p = T(1.0 / 362880) * x + T(1.0 / 40320);
  for (double c : {1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0}) p = p * x + T(c);
  return p;
}

/// out[r] = sum_q basis[r][q] rows[q], for `count` rows of `width` values.
template <class T>
void combine(const T* basis, std::size_t terms, const T* rows, std::size_t width, std::size_t count, T* out) {
  constexpr std::size_t lanes = EchoCell<T>::lanes;
  std::size_t r = 0;
  for (; r + together <= count; r += together) {
    const T* const b = basis + r * terms;
    for (std::size_t i = 0; i < width; i += lanes) {
      V<T> sum[together] = {};
      for (std::size_t q = 0; q < terms; ++q) {
        const V<T> row = load(rows + q * width + i);
        for (std::size_t g = 0; g < together; ++g) sum[g] += b[g * terms + q] * row;
      }
      for (std::size_t g = 0; g < together; ++g) store(out + (r + g) * width + i, sum[g]);
    }
  }
  for (; r < count; ++r)
    for (std::size_t i = 0; i < width; i += lanes) {
      V<T> sum{};
      for (std::size_t q = 0; q < terms; ++q) sum += basis[r * terms + q] * load(rows + q * width + i);
      store(out + r * width + i, sum);
    }
}

/// What the straight lines leave of phase and loss, at the frequency nodes.
template <class T>
void apply_rest(const EchoCell<T>& cell, const EchoPoint<T>& point, T* amplitude) {
  const T square = point.x * point.x + point.y * point.y + point.z * point.z;
  for (std::size_t j = 0; j < cell.nodes; ++j) {
    const T excess = square + 2 * (point.x * cell.dx[j] + point.y * cell.dy[j] + point.z * cell.dz[j]);
    const T difference = excess / (std::sqrt(std::max(cell.range[j] * cell.range[j] + excess, T(0))) + cell.range[j]);
    for (std::size_t m = 0; m < cell.frequencies; ++m) {
      T* const a = amplitude + (j * cell.frequencies + m) * 2;
      const T phase = -T(2 * std::numbers::pi) * cell.rest_turns[m] * difference,
              loss = std::exp(-cell.rest_loss[m] * difference);
      const T c = loss * std::cos(phase), s = loss * std::sin(phase);
      const T re = a[0] * c - a[1] * s;
      a[1] = a[0] * s + a[1] * c;
      a[0] = re;
    }
  }
}

/// Responses of some scatterers, block of bins by block: exp(-i k dR) turns on by a constant factor from one block to
/// the next.
template <class T>
class Responses {
 public:
  static constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;

  Responses(const EchoCell<T>& cell, std::span<const EchoPoint<T>> points, std::size_t first, std::size_t count,
            const T* basis, EchoWorkspace<T>& w)
      : cell_(cell), w_(w), count_(count) {
    const std::size_t width = cell.width(), nodes = cell.nodes;
    w.state.resize(count * nodes * pair), w.steps.resize(count * 2 * cell.padded);
    w.difference.resize(cell.padded);
    amplitude_ = cell.amplitudes.data() + (cell.terms == 0 ? first * width : 0);
    if (cell.terms > 0 || !cell.rest_turns.empty()) {
      w.amplitude.resize(count * width);
      if (cell.terms > 0)
        combine(basis + first * cell.terms, cell.terms, cell.amplitudes.data(), width, count, w.amplitude.data());
      else
        std::copy_n(amplitude_, count * width, w.amplitude.data());
      if (!cell.rest_turns.empty())
        for (std::size_t g = 0; g < count; ++g) apply_rest(cell, points[first + g], w.amplitude.data() + g * width);
      amplitude_ = w.amplitude.data();
    }
    for (std::size_t g = 0; g < count; ++g) start(points[first + g], g);
    if (cell.frequencies > 1) w.psi.resize(count * nodes * pair);
  }

  /// Those of the current block: [scatterer][node][2][lane].
  const T* block(std::size_t b) {
    if (cell_.frequencies == 1) return w_.state.data();
    constexpr std::size_t tile = 4;
    const std::size_t m = cell_.frequencies, nodes = cell_.nodes;
    for (std::size_t g = 0; g < count_; ++g) {
      const T* const amplitude = amplitude_ + g * cell_.width();
      std::size_t j = 0;
      for (; j + tile <= nodes; j += tile) multiply<tile>(amplitude, g, j, m, b);
      for (; j < nodes; ++j) multiply<1>(amplitude, g, j, m, b);
    }
    return w_.psi.data();
  }
  void advance() {
    const std::size_t nodes = cell_.nodes;
    for (std::size_t g = 0; g < count_; ++g) {
      const T* const steps = w_.steps.data() + g * 2 * cell_.padded;
      T* state = w_.state.data() + g * nodes * pair;
      for (std::size_t j = 0; j < nodes; ++j, state += pair) {
        const V<T> re = load(state), im = load(state + lanes);
        store(state, re * steps[j] - im * steps[cell_.padded + j]);
        store(state + lanes, re * steps[cell_.padded + j] + im * steps[j]);
      }
    }
  }

 private:
  /// The first block of a scatterer, and the factors from block to block.
  void start(const EchoPoint<T>& point, std::size_t g) {
    const EchoCell<T>& cell = cell_;
    const T step = static_cast<T>(lanes);
    const T square = point.x * point.x + point.y * point.y + point.z * point.z;
    T* const step_re = w_.steps.data() + g * 2 * cell.padded;
    T* const step_im = step_re + cell.padded;
    for (std::size_t j = 0; j < cell.padded; j += lanes) {
      // |v + d|^2 - |v|^2 over the sum of the distances: no cancellation.
      const V<T> excess = square + 2 * (point.x * load(cell.dx.data() + j) + point.y * load(cell.dy.data() + j) +
                                        point.z * load(cell.dz.data() + j));
      const V<T> range = load(cell.range.data() + j);
      V<T> root = range * range + excess;
      for (std::size_t l = 0; l < lanes; ++l) root[l] = std::sqrt(std::max(root[l], T(0)));
      const V<T> difference = excess / (root + range);
      V<T> c, s;
      cis<T>(-step * cell.turns1 * difference, c, s);
      if (cell.lossy) {
        const V<T> loss = small_exp<T>(-step * cell.loss1 * difference);
        c *= loss, s *= loss;
      }
      store(w_.difference.data() + j, difference);
      store(step_re + j, c);
      store(step_im + j, s);
    }
    V<T> lane;
    for (std::size_t l = 0; l < lanes; ++l) lane[l] = static_cast<T>(l);
    const V<T> turns = -(cell.turns0 + cell.turns1 * lane), loss = -(cell.loss0 + cell.loss1 * lane);
    const T* const amplitude = amplitude_ + g * cell.width();
    T* out = w_.state.data() + g * cell.nodes * pair;
    for (std::size_t j = 0; j < cell.nodes; ++j, out += pair) {
      const T difference = w_.difference[j];
      V<T> re, im;
      cis<T>(turns * difference, re, im);
      if (cell.lossy) {
        const V<T> factor = small_exp<T>(loss * difference);
        re *= factor, im *= factor;
      }
      if (cell.frequencies == 1) {
        const T x = amplitude[2 * j], y = amplitude[2 * j + 1];
        const V<T> turned = re * x - im * y;
        im = re * y + im * x;
        re = turned;
      }
      store(out, re);
      store(out + lanes, im);
    }
  }

  /// psi = state times the amplitude at the bins, of `tile` nodes from j on.
  template <std::size_t tile>
  void multiply(const T* amplitude, std::size_t g, std::size_t j, std::size_t frequencies, std::size_t b) {
    V<T> x[tile] = {}, y[tile] = {};
    const T* row = cell_.interpolation + b * lanes;
    const T* a = amplitude + j * frequencies * 2;
    for (std::size_t m = 0; m < frequencies; ++m, row += cell_.bins, a += 2) {
      const V<T> weight = load(row);
      for (std::size_t i = 0; i < tile; ++i) {
        x[i] += weight * a[i * frequencies * 2];
        y[i] += weight * a[i * frequencies * 2 + 1];
      }
    }
    const std::size_t at = (g * cell_.nodes + j) * pair;
    const T* const state = w_.state.data() + at;
    T* const psi = w_.psi.data() + at;
    for (std::size_t i = 0; i < tile; ++i) {
      const V<T> re = load(state + i * pair), im = load(state + i * pair + lanes);
      store(psi + i * pair, re * x[i] - im * y[i]);
      store(psi + i * pair + lanes, re * y[i] + im * x[i]);
    }
  }

  const EchoCell<T>& cell_;
  EchoWorkspace<T>& w_;
  std::size_t count_;
  const T* amplitude_;  // [scatterer][width]
};

/// One block of the matrix: K += sum over `count` scatterers.
template <class T, std::size_t count>
void matrix_block(std::size_t nodes, const T* psi, const EchoPoint<T>* points, T* matrix) {
  constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
  const std::size_t each = nodes * pair;
  T* out = matrix;
  for (std::size_t i = 0; i < each; i += pair) {
    V<T> a_re[count], a_im[count];
    for (std::size_t g = 0; g < count; ++g) {
      const V<T> p_re = load(psi + g * each + i), p_im = load(psi + g * each + i + lanes);
      a_re[g] = p_re * points[g].real - p_im * points[g].imaginary;
      a_im[g] = p_re * points[g].imaginary + p_im * points[g].real;
    }
    for (std::size_t j = 0; j <= i; j += pair, out += pair) {
      V<T> k_re = load(out), k_im = load(out + lanes);
      for (std::size_t g = 0; g < count; ++g) {
        const V<T> p_re = load(psi + g * each + j), p_im = load(psi + g * each + j + lanes);
        multiply_add<T>(a_re[g], a_im[g], p_re, p_im, k_re, k_im);
      }
      store(out, k_re);
      store(out + lanes, k_im);
    }
  }
}

}  // namespace

template <class T>
void add_echoes(const EchoCell<T>& cell, std::span<const EchoPoint<T>> points, const T* basis, std::size_t transmits,
                const T* drive, T* echo, EchoWorkspace<T>& w) {
  const EchoSums<T>& sums = echo_sums<T>();
  const std::size_t slab = cell.nodes * EchoCell<T>::pair;
  for (std::size_t first = 0; first < points.size(); first += together) {
    const std::size_t count = std::min(together, points.size() - first);
    check_interrupted();
    Responses<T> responses(cell, points, first, count, basis, w);
    const EchoPoint<T>* const some = points.data() + first;
    if (cell.frequencies == 1 && transmits == 1) {
      // Responses are the states themselves.
      for (std::size_t b = 0; b < cell.blocks(); ++b)
        sums.block_on[count - 1](cell.nodes, w.state.data(), some, drive + b * slab, echo + b * slab, w.steps.data(),
                                 cell.padded);
      continue;
    }
    const bool large = cell.nodes * (transmits + cell.frequencies) > large_block;
    for (std::size_t b = 0; b < cell.blocks(); ++b) {
      if (large) check_interrupted();
      const T* const psi = responses.block(b);
      for (std::size_t t = 0; t < transmits; ++t) {
        const std::size_t at = t * cell.size() + b * slab;
        sums.block[count - 1](cell.nodes, psi, some, drive + at, echo + at, nullptr, 0);
      }
      if (b + 1 < cell.blocks()) responses.advance();
    }
  }
}

template <class T>
void add_cell_matrix(const EchoCell<T>& cell, std::span<const EchoPoint<T>> points, const T* basis, T* matrix,
                     EchoWorkspace<T>& w) {
  const std::size_t each = cell.nodes * EchoCell<T>::pair, slab = cell.nodes * (cell.nodes + 1) / 2 * EchoCell<T>::pair;
  for (std::size_t first = 0; first < points.size(); first += matrix_chunk) {
    const std::size_t count = std::min(matrix_chunk, points.size() - first);
    check_interrupted();
    Responses<T> responses(cell, points, first, count, basis, w);
    const EchoPoint<T>* const some = points.data() + first;
    const bool large = cell.nodes * (cell.nodes + cell.frequencies) > large_block;
    for (std::size_t b = 0; b < cell.blocks(); ++b) {
      if (large) check_interrupted();
      const T* const psi = responses.block(b);
      T* const out = matrix + b * slab;
      std::size_t g = 0;
      for (; g + 4 <= count; g += 4) matrix_block<T, 4>(cell.nodes, psi + g * each, some + g, out);
      for (; g + 2 <= count; g += 2) matrix_block<T, 2>(cell.nodes, psi + g * each, some + g, out);
      if (g < count) matrix_block<T, 1>(cell.nodes, psi + g * each, some + g, out);
      if (b + 1 < cell.blocks()) responses.advance();
    }
  }
}

#define SONOFORGE_ECHO_KERNEL(T)                                                                                      \
  template void add_echoes<T>(const EchoCell<T>&, std::span<const EchoPoint<T>>, const T*, std::size_t, const T*, T*, \
                              EchoWorkspace<T>&);                                                                     \
  template void add_cell_matrix<T>(const EchoCell<T>&, std::span<const EchoPoint<T>>, const T*, T*, EchoWorkspace<T>&);
SONOFORGE_ECHO_KERNEL(float)
SONOFORGE_ECHO_KERNEL(double)
#undef SONOFORGE_ECHO_KERNEL

}  // namespace sonoforge
