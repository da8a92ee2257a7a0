#include "sim/echo_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sim/lanes.hpp"
#include "sim/vector_math.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t together = 4;  // scatterers that share loads and stores

/// exp(x) for |x| < 1 or so: what a cell's size leaves of the loss.
template <class T>
inline V<T> small_exp(V<T> x) {
  V<T> p = T(1.0 / 362880) * x + T(1.0 / 40320);
  for (double c : {1.0 / 5040, 1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0}) p = p * x + T(c);
  return p;
}

/// psi of one scatterer: [node][row].
template <class T>
void responses(const EchoCell<T>& cell, const EchoPoint<T>& point, const T* amplitude, EchoWorkspace<T>& w, T* psi) {
  constexpr std::size_t lanes = EchoCell<T>::lanes;
  const std::size_t blocks = cell.bins / lanes, count = cell.frequencies;
  const T step = static_cast<T>(lanes);
  const T square = point.x * point.x + point.y * point.y + point.z * point.z;
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
    store(w.difference.data() + j, difference);
    store(w.step_re.data() + j, c);
    store(w.step_im.data() + j, s);
  }
  V<T> lane;
  for (std::size_t l = 0; l < lanes; ++l) lane[l] = static_cast<T>(l);
  const V<T> turns = -(cell.turns0 + cell.turns1 * lane), loss = -(cell.loss0 + cell.loss1 * lane);
  for (std::size_t j = 0; j < cell.nodes; ++j) {
    const T difference = w.difference[j];
    V<T> re, im;
    cis<T>(turns * difference, re, im);
    if (cell.lossy) {
      const V<T> factor = small_exp<T>(loss * difference);
      re *= factor, im *= factor;
    }
    const V<T> step_re = w.step_re[j] - V<T>{}, step_im = w.step_im[j] - V<T>{};
    const T* const a = amplitude + j * count * 2;
    T* const out_re = psi + j * cell.row();
    T* const out_im = out_re + cell.bins;
    if (count == 1) {
      const V<T> turned = re * a[0] - im * a[1];
      im = re * a[1] + im * a[0];
      re = turned;
      for (std::size_t v = 0; v < blocks; ++v) {
        store(out_re + v * lanes, re);
        store(out_im + v * lanes, im);
        const V<T> next = re * step_re - im * step_im;
        im = re * step_im + im * step_re;
        re = next;
      }
      continue;
    }
    for (std::size_t v = 0; v < blocks; ++v) {
      V<T> x{}, y{};
      const T* row = cell.interpolation + v * lanes;
      for (std::size_t m = 0; m < count; ++m, row += cell.bins) {
        const V<T> weight = load(row);
        x += weight * a[2 * m];
        y += weight * a[2 * m + 1];
      }
      store(out_re + v * lanes, re * x - im * y);
      store(out_im + v * lanes, re * y + im * x);
      const V<T> next = re * step_re - im * step_im;
      im = re * step_im + im * step_re;
      re = next;
    }
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

/// psi of up to `together` scatterers, [scatterer][node][row]; missing ones are left as they are.
template <class T>
void group_responses(const EchoCell<T>& cell, std::span<const EchoPoint<T>> points, std::size_t first,
                     std::size_t count, const T* basis, EchoWorkspace<T>& w) {
  const std::size_t width = cell.nodes * cell.frequencies * 2;
  w.psi.resize(together * cell.nodes * cell.row());
  w.difference.resize(cell.padded), w.step_re.resize(cell.padded), w.step_im.resize(cell.padded);
  w.amplitude.resize(width);
  for (std::size_t g = 0; g < count; ++g) {
    const std::size_t s = first + g;
    const T* amplitude = cell.amplitudes.data() + (cell.terms == 0 ? s * width : 0);
    if (cell.terms > 0) {
      std::fill(w.amplitude.begin(), w.amplitude.end(), T(0));
      T* __restrict out = w.amplitude.data();
      std::size_t q = 0;
      for (; q + 4 <= cell.terms; q += 4) {
        const T *b = basis + s * cell.terms + q, *a0 = cell.amplitudes.data() + q * width, *a1 = a0 + width,
                *a2 = a1 + width, *a3 = a2 + width;
#pragma omp simd
        for (std::size_t i = 0; i < width; ++i) out[i] += b[0] * a0[i] + b[1] * a1[i] + b[2] * a2[i] + b[3] * a3[i];
      }
      for (; q < cell.terms; ++q) {
        const T b = basis[s * cell.terms + q];
        const T* __restrict a = cell.amplitudes.data() + q * width;
#pragma omp simd
        for (std::size_t i = 0; i < width; ++i) out[i] += b * a[i];
      }
      amplitude = w.amplitude.data();
    }
    if (!cell.rest_turns.empty()) {
      if (amplitude != w.amplitude.data()) std::copy_n(amplitude, width, w.amplitude.data());
      apply_rest(cell, points[s], w.amplitude.data());
      amplitude = w.amplitude.data();
    }
    responses(cell, points[s], amplitude, w, w.psi.data() + g * cell.nodes * cell.row());
  }
}

template <class T>
struct Strengths {
  T re[together] = {}, im[together] = {};
  explicit Strengths(std::span<const EchoPoint<T>> points) {
    for (std::size_t g = 0; g < points.size(); ++g) re[g] = points[g].real, im[g] = points[g].imaginary;
  }
};

/// One block of bins of a transmit: P of `count` scatterers, then their part of E.
template <class T, std::size_t count>
inline void echo_block(const EchoCell<T>& cell, const T* psi, const Strengths<T>& strengths, const T* drive, T* echo) {
  const std::size_t row = cell.row(), bins = cell.bins, per_scatterer = cell.nodes * row;
  V<T> pressure_re[count], pressure_im[count];
  for (std::size_t g = 0; g < count; ++g) pressure_re[g] = V<T>{}, pressure_im[g] = V<T>{};
  for (std::size_t j = 0; j < cell.nodes; ++j) {
    const V<T> d_re = load(drive + j * row), d_im = load(drive + j * row + bins);
    for (std::size_t g = 0; g < count; ++g) {
      const V<T> p_re = load(psi + g * per_scatterer + j * row), p_im = load(psi + g * per_scatterer + j * row + bins);
      pressure_re[g] += d_re * p_re - d_im * p_im;
      pressure_im[g] += d_re * p_im + d_im * p_re;
    }
  }
  for (std::size_t g = 0; g < count; ++g) {
    const V<T> turned = pressure_re[g] * strengths.re[g] - pressure_im[g] * strengths.im[g];
    pressure_im[g] = pressure_re[g] * strengths.im[g] + pressure_im[g] * strengths.re[g];
    pressure_re[g] = turned;
  }
  for (std::size_t j = 0; j < cell.nodes; ++j) {
    V<T> e_re = load(echo + j * row), e_im = load(echo + j * row + bins);
    for (std::size_t g = 0; g < count; ++g) {
      const V<T> p_re = load(psi + g * per_scatterer + j * row), p_im = load(psi + g * per_scatterer + j * row + bins);
      e_re += pressure_re[g] * p_re - pressure_im[g] * p_im;
      e_im += pressure_re[g] * p_im + pressure_im[g] * p_re;
    }
    store(echo + j * row, e_re);
    store(echo + j * row + bins, e_im);
  }
}

template <class T, std::size_t count>
void echo_group(const EchoCell<T>& cell, const T* psi, const Strengths<T>& strengths, std::size_t transmits,
                const T* drive, T* echo) {
  for (std::size_t t = 0; t < transmits; ++t)
    for (std::size_t b = 0; b < cell.bins; b += EchoCell<T>::lanes)
      echo_block<T, count>(cell, psi + b, strengths, drive + t * cell.nodes * cell.row() + b,
                           echo + t * cell.nodes * cell.row() + b);
}

}  // namespace

template <class T>
void add_echoes(const EchoCell<T>& cell, std::span<const EchoPoint<T>> points, const T* basis, std::size_t transmits,
                const T* drive, T* echo, EchoWorkspace<T>& w) {
  for (std::size_t first = 0; first < points.size(); first += together) {
    const std::size_t count = std::min(together, points.size() - first);
    group_responses(cell, points, first, count, basis, w);
    const Strengths<T> strengths(points.subspan(first, count));
    switch (count) {
      case 1:
        echo_group<T, 1>(cell, w.psi.data(), strengths, transmits, drive, echo);
        break;
      case 2:
        echo_group<T, 2>(cell, w.psi.data(), strengths, transmits, drive, echo);
        break;
      case 3:
        echo_group<T, 3>(cell, w.psi.data(), strengths, transmits, drive, echo);
        break;
      default:
        echo_group<T, 4>(cell, w.psi.data(), strengths, transmits, drive, echo);
    }
  }
}

template <class T>
void add_cell_matrix(const EchoCell<T>& cell, std::span<const EchoPoint<T>> points, const T* basis, T* matrix,
                     EchoWorkspace<T>& w) {
  constexpr std::size_t lanes = EchoCell<T>::lanes;
  const std::size_t row = cell.row(), bins = cell.bins, per_scatterer = cell.nodes * row;
  for (std::size_t first = 0; first < points.size(); first += together) {
    const std::size_t count = std::min(together, points.size() - first);
    group_responses(cell, points, first, count, basis, w);
    // Scatterers that are missing from the last group count with strength 0.
    const Strengths<T> strengths(points.subspan(first, count));
    if (count < together)
      std::fill(w.psi.begin() + static_cast<std::ptrdiff_t>(count * per_scatterer), w.psi.end(), T(0));
    for (std::size_t b = 0; b < bins; b += lanes)
      for (std::size_t i = 0; i < cell.nodes; ++i) {
        V<T> a_re[together], a_im[together];
        for (std::size_t g = 0; g < together; ++g) {
          const T* const p = w.psi.data() + g * per_scatterer + i * row + b;
          const V<T> p_re = load(p), p_im = load(p + bins);
          a_re[g] = p_re * strengths.re[g] - p_im * strengths.im[g];
          a_im[g] = p_re * strengths.im[g] + p_im * strengths.re[g];
        }
        T* out = matrix + i * (i + 1) / 2 * row + b;
        for (std::size_t j = 0; j <= i; ++j, out += row) {
          V<T> k_re = load(out), k_im = load(out + bins);
          for (std::size_t g = 0; g < together; ++g) {
            const T* const p = w.psi.data() + g * per_scatterer + j * row + b;
            const V<T> p_re = load(p), p_im = load(p + bins);
            k_re += a_re[g] * p_re - a_im[g] * p_im;
            k_im += a_re[g] * p_im + a_im[g] * p_re;
          }
          store(out, k_re);
          store(out + bins, k_im);
        }
      }
  }
}

template <class T>
void apply_cell_matrix(const EchoCell<T>& cell, const T* matrix, const T* drive, T* echo) {
  constexpr std::size_t lanes = EchoCell<T>::lanes;
  const std::size_t row = cell.row(), bins = cell.bins;
  for (std::size_t b = 0; b < bins; b += lanes)
    for (std::size_t i = 0; i < cell.nodes; ++i) {
      // The matrix is symmetric: row i up to its diagonal, then down its column.
      V<T> re{}, im{};
      const V<T> d_re = load(drive + i * row + b), d_im = load(drive + i * row + bins + b);
      const T* k = matrix + i * (i + 1) / 2 * row + b;
      for (std::size_t j = 0; j <= i; ++j, k += row) {
        const V<T> k_re = load(k), k_im = load(k + bins);
        const V<T> x = load(drive + j * row + b), y = load(drive + j * row + bins + b);
        re += k_re * x - k_im * y;
        im += k_re * y + k_im * x;
        if (j == i) break;
        T* const e = echo + j * row + b;
        store(e, load(e) + (k_re * d_re - k_im * d_im));
        store(e + bins, load(e + bins) + (k_re * d_im + k_im * d_re));
      }
      T* const e = echo + i * row + b;
      store(e, load(e) + re);
      store(e + bins, load(e + bins) + im);
    }
}

template <class T>
void phasor_row(double first, double step, std::size_t count, T* re, T* im) {
  constexpr std::size_t lanes = EchoCell<T>::lanes;
  double c[lanes], s[lanes], step_c, step_s;
#pragma omp simd
  for (std::size_t l = 0; l < lanes; ++l) {
    double turns = first + static_cast<double>(l) * step;
    cis_turns(turns, c[l], s[l]);
  }
  cis_turns(static_cast<double>(lanes) * step, step_c, step_s);
  V<T> x, y;
  for (std::size_t l = 0; l < lanes; ++l) x[l] = static_cast<T>(c[l]), y[l] = static_cast<T>(s[l]);
  const T a = static_cast<T>(step_c), b = static_cast<T>(step_s);
  for (std::size_t i = 0; i < count; i += lanes) {
    store(re + i, x);
    store(im + i, y);
    const V<T> next = x * a - y * b;
    y = x * b + y * a;
    x = next;
  }
}

#define SONOFORGE_ECHO_KERNEL(T)                                                                                      \
  template void add_echoes<T>(const EchoCell<T>&, std::span<const EchoPoint<T>>, const T*, std::size_t, const T*, T*, \
                              EchoWorkspace<T>&);                                                                     \
  template void add_cell_matrix<T>(const EchoCell<T>&, std::span<const EchoPoint<T>>, const T*, T*,                   \
                                   EchoWorkspace<T>&);                                                                \
  template void apply_cell_matrix<T>(const EchoCell<T>&, const T*, const T*, T*);                                     \
  template void phasor_row<T>(double, double, std::size_t, T*, T*);
SONOFORGE_ECHO_KERNEL(float)
SONOFORGE_ECHO_KERNEL(double)
#undef SONOFORGE_ECHO_KERNEL

}  // namespace sonoforge
