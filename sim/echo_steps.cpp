#include <algorithm>

#include "core/progress.hpp"
#include "sim/echo_kernel.hpp"
#include "sim/echo_sums.hpp"
#include "sim/lanes.hpp"
#include "sim/vector_math.hpp"

// Spectra from nodes to nodes: interpolations, waves and matrices, block of bins by block.

namespace sonoforge {
namespace {

constexpr std::size_t many_products = 4096;  // of one row of a matrix, which take tens of microseconds

template <class T, std::size_t count>
void mix_wave_columns(const T* in, std::size_t rows, const T* weights, std::size_t row_step, std::size_t column_step,
                      T* out) {
  constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
  V<T> re[count] = {}, im[count] = {};
  for (std::size_t r = 0; r < rows; ++r, in += pair, weights += row_step * pair) {
    const V<T> x = load(in), y = load(in + lanes);
    for (std::size_t c = 0; c < count; ++c) {
      const T* const weight = weights + c * column_step * pair;
      const V<T> u = load(weight), v = load(weight + lanes);
      multiply_add<T>(u, v, x, y, re[c], im[c]);
    }
  }
  for (std::size_t c = 0; c < count; ++c) {
    store(out + c * pair, re[c]);
    store(out + c * pair + lanes, im[c]);
  }
}

/// Echoes at rows i, i + 1 .. of `transmits` drives, from the whole matrix of a block.
template <class T, std::size_t rows, std::size_t transmits>
void matrix_tile(std::size_t nodes, const T* matrix, const T* drive, std::size_t drive_step, T* echo) {
  constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
  const std::size_t each = nodes * pair;
  V<T> re[rows][transmits] = {}, im[rows][transmits] = {};
  for (std::size_t j = 0; j < each; j += pair) {
    V<T> d_re[transmits], d_im[transmits];
    for (std::size_t t = 0; t < transmits; ++t)
      d_re[t] = load(drive + t * drive_step + j), d_im[t] = load(drive + t * drive_step + j + lanes);
    for (std::size_t i = 0; i < rows; ++i) {
      const V<T> k_re = load(matrix + i * each + j), k_im = load(matrix + i * each + j + lanes);
      for (std::size_t t = 0; t < transmits; ++t) {
        multiply_add<T>(k_re, k_im, d_re[t], d_im[t], re[i][t], im[i][t]);
      }
    }
  }
  for (std::size_t t = 0; t < transmits; ++t)
    for (std::size_t i = 0; i < rows; ++i) {
      store(echo + t * drive_step + i * pair, re[i][t]);
      store(echo + t * drive_step + i * pair + lanes, im[i][t]);
    }
}

/// [i (i + 1) / 2 + j] -> [i][j], of one block.
template <class T>
void whole_matrix(std::size_t nodes, const T* lower, T* whole) {
  constexpr std::size_t pair = EchoCell<T>::pair;
  for (std::size_t i = 0; i < nodes; ++i)
    for (std::size_t j = 0; j <= i; ++j, lower += pair) {
      std::copy_n(lower, pair, whole + (i * nodes + j) * pair);
      if (j < i) std::copy_n(lower, pair, whole + (j * nodes + i) * pair);
    }
}

}  // namespace

template <class T>
void mix(const T* in, std::size_t rows, std::size_t in_step, const float* weights, std::size_t row_step,
         std::size_t column_step, T* out, std::size_t columns, std::size_t out_step) {
  echo_sums<T>().mix(in, rows, in_step, weights, row_step, column_step, out, columns, out_step);
}

template <class T>
void mix_waves(const T* in, std::size_t rows, const T* weights, std::size_t row_step, std::size_t column_step, T* out,
               std::size_t columns) {
  constexpr std::size_t pair = EchoCell<T>::pair;
  std::size_t c = 0;
  const auto part = [&](auto count) {
    mix_wave_columns<T, decltype(count)::value>(in, rows, weights + c * column_step * pair, row_step, column_step,
                                                out + c * pair);
    c += count;
  };
  while (c + 4 <= columns) part(std::integral_constant<std::size_t, 4>());
  while (c < columns) part(std::integral_constant<std::size_t, 1>());
}

template <class T>
void multiply_pairs(const T* a, const T* b, std::size_t count, T* out) {
  constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
  for (std::size_t i = 0; i < count * pair; i += pair) {
    const V<T> x = load(a + i), y = load(a + i + lanes), u = load(b + i), v = load(b + i + lanes);
    store(out + i, x * u - y * v);
    store(out + i + lanes, x * v + y * u);
  }
}

template <class T>
void multiply_add_pairs(const T* a, const T* b, std::size_t count, T* out) {
  constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
  for (std::size_t i = 0; i < count * pair; i += pair) {
    const V<T> x = load(a + i), y = load(a + i + lanes), u = load(b + i), v = load(b + i + lanes);
    V<T> re = load(out + i), im = load(out + i + lanes);
    multiply_add<T>(x, y, u, v, re, im);
    store(out + i, re);
    store(out + i + lanes, im);
  }
}

template <class T>
void scale_pairs(T* a, std::size_t count, const T* b) {
  constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
  const V<T> u = load(b), v = load(b + lanes);
  for (std::size_t i = 0; i < count * pair; i += pair) {
    const V<T> x = load(a + i), y = load(a + i + lanes);
    store(a + i, x * u - y * v);
    store(a + i + lanes, x * v + y * u);
  }
}

template <class T>
void interleave(const T* pair, T* out) {
  constexpr std::size_t lanes = EchoCell<T>::lanes;
  const V<T> re = load(pair), im = load(pair + lanes);
  if constexpr (lanes == 8) {
    store(out, __builtin_shufflevector(re, im, 0, 8, 1, 9, 2, 10, 3, 11));
    store(out + lanes, __builtin_shufflevector(re, im, 4, 12, 5, 13, 6, 14, 7, 15));
  } else {
    store(out, __builtin_shufflevector(re, im, 0, 4, 1, 5));
    store(out + lanes, __builtin_shufflevector(re, im, 2, 6, 3, 7));
  }
}

template <class T>
void apply_cell_matrix(std::size_t nodes, std::size_t blocks, std::size_t transmits, const T* matrix, const T* drive,
                       T* echo, EchoWorkspace<T>& w) {
  constexpr std::size_t pair = EchoCell<T>::pair;
  const std::size_t each = nodes * pair, all = blocks * each, slab = nodes * (nodes + 1) / 2 * pair;
  w.square.resize(nodes * each);
  for (std::size_t b = 0; b < blocks; ++b) {
    check_interrupted();
    whole_matrix(nodes, matrix + b * slab, w.square.data());
    std::size_t t = 0;
    const auto rows = [&](auto count) {
      const T* const d = drive + t * all + b * each;
      T* const e = echo + t * all + b * each;
      std::size_t i = 0;
      for (; i + 2 <= nodes; i += 2)
        matrix_tile<T, 2, decltype(count)::value>(nodes, w.square.data() + i * each, d, all, e + i * pair);
      if (i < nodes) matrix_tile<T, 1, decltype(count)::value>(nodes, w.square.data() + i * each, d, all, e + i * pair);
      t += count;
    };
    while (t + 2 <= transmits) check_interrupted(), rows(std::integral_constant<std::size_t, 2>());
    if (t < transmits) rows(std::integral_constant<std::size_t, 1>());
  }
}

template <class T>
void drive_inwards(const CellStep<T>& step, const T* outer, T* inner, EchoWorkspace<T>& w) {
  constexpr std::size_t pair = EchoCell<T>::pair;
  const std::size_t n = step.outer * pair;
  w.product.resize(n);
  for (std::size_t b = 0; b < step.blocks; ++b) {
    check_interrupted();
    multiply_pairs(outer + b * n, step.waves + b * n, step.outer, w.product.data());
    mix(w.product.data(), step.outer, pair, step.weights, step.inner, 1, inner + b * step.inner * pair, step.inner,
        pair);
  }
}

template <class T>
void add_echo_outwards(const CellStep<T>& step, const T* inner, T* outer, EchoWorkspace<T>& w) {
  constexpr std::size_t pair = EchoCell<T>::pair;
  const std::size_t n = step.outer * pair;
  w.product.resize(n);
  for (std::size_t b = 0; b < step.blocks; ++b) {
    check_interrupted();
    mix(inner + b * step.inner * pair, step.inner, pair, step.weights, 1, step.inner, w.product.data(), step.outer,
        pair);
    multiply_add_pairs(w.product.data(), step.waves + b * n, step.outer, outer + b * n);
  }
}

template <class T>
void add_matrix_outwards(const CellStep<T>& step, const T* inner, T* outer, EchoWorkspace<T>& w) {
  constexpr std::size_t pair = EchoCell<T>::pair;
  const std::size_t p = step.outer, c = step.inner;
  w.square.resize(c * c * pair), w.product.resize(p * c * pair + p * pair);
  T* const half = w.product.data();  // [outer][inner]
  T* const row = half + p * c * pair;
  for (std::size_t b = 0; b < step.blocks; ++b) {
    check_interrupted();
    whole_matrix(c, inner + b * c * (c + 1) / 2 * pair, w.square.data());
    const bool large = p * c > many_products;
    for (std::size_t j = 0; j < c; ++j) {
      if (large) check_interrupted();
      mix(w.square.data() + j * pair, c, c * pair, step.weights, 1, c, half + j * pair, p, c * pair);
    }
    const T* const waves = step.waves + b * p * pair;
    T* out = outer + b * p * (p + 1) / 2 * pair;
    for (std::size_t i = 0; i < p; ++i) {
      if (large) check_interrupted();
      mix(half + i * c * pair, c, pair, step.weights, 1, c, row, i + 1, pair);
      scale_pairs(row, i + 1, waves + i * pair);
      multiply_add_pairs(row, waves, i + 1, out);
      out += (i + 1) * pair;
    }
  }
}

template <class T>
void phasor_row(double first, double step, std::size_t blocks, T* out, std::size_t stride, double weight) {
  constexpr std::size_t lanes = EchoCell<T>::lanes;
  double c[lanes], s[lanes], step_c, step_s;
#pragma omp simd
  for (std::size_t l = 0; l < lanes; ++l) {
    double turns = first + static_cast<double>(l) * step;
    cis_turns(turns, c[l], s[l]);
  }
  cis_turns(static_cast<double>(lanes) * step, step_c, step_s);
  V<T> x, y;
  for (std::size_t l = 0; l < lanes; ++l) x[l] = static_cast<T>(weight * c[l]), y[l] = static_cast<T>(weight * s[l]);
  const T a = static_cast<T>(step_c), b = static_cast<T>(step_s);
  for (std::size_t i = 0; i < blocks; ++i, out += stride) {
    store(out, x);
    store(out + lanes, y);
    const V<T> next = x * a - y * b;
    y = x * b + y * a;
    x = next;
  }
}

#define SONOFORGE_ECHO_STEPS(T)                                                                                     \
  template void apply_cell_matrix<T>(std::size_t, std::size_t, std::size_t, const T*, const T*, T*,                 \
                                     EchoWorkspace<T>&);                                                            \
  template void drive_inwards<T>(const CellStep<T>&, const T*, T*, EchoWorkspace<T>&);                              \
  template void add_echo_outwards<T>(const CellStep<T>&, const T*, T*, EchoWorkspace<T>&);                          \
  template void add_matrix_outwards<T>(const CellStep<T>&, const T*, T*, EchoWorkspace<T>&);                        \
  template void mix<T>(const T*, std::size_t, std::size_t, const float*, std::size_t, std::size_t, T*, std::size_t, \
                       std::size_t);                                                                                \
  template void mix_waves<T>(const T*, std::size_t, const T*, std::size_t, std::size_t, T*, std::size_t);           \
  template void multiply_pairs<T>(const T*, const T*, std::size_t, T*);                                             \
  template void multiply_add_pairs<T>(const T*, const T*, std::size_t, T*);                                         \
  template void scale_pairs<T>(T*, std::size_t, const T*);                                                          \
  template void interleave<T>(const T*, T*);                                                                        \
  template void phasor_row<T>(double, double, std::size_t, T*, std::size_t, double);
SONOFORGE_ECHO_STEPS(float)
SONOFORGE_ECHO_STEPS(double)
#undef SONOFORGE_ECHO_STEPS

}  // namespace sonoforge
