#include "sim/echo_sums.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <type_traits>
#include <utility>
#include <vector>

#include "sim/lanes.hpp"

namespace sonoforge {
namespace {

/// Vectors of 32 bytes: the real parts of a block, and the imaginary ones.
namespace short_vectors {
#define SONOFORGE_VECTORS
#define SONOFORGE_LAMBDA
template <class T>
struct Pair {
  static constexpr std::size_t group = 2, columns = 6;  // that keep their sums in 16 registers
  V<T> re, im;
  static V<T> both(const T* p) { return sonoforge::load(p); }
  static V<T> both(T x) { return x - V<T>{}; }
  static Pair load(const T* p) { return {sonoforge::load(p), sonoforge::load(p + EchoCell<T>::lanes)}; }
  void store(T* p) const {
    sonoforge::store(p, re);
    sonoforge::store(p + EchoCell<T>::lanes, im);
  }
  void add(V<T> factor, const Pair& x) {
    re += factor * x.re;
    im += factor * x.im;
  }
  /// Adds i factor x.
  void add_turned(V<T> factor, const Pair& x) {
    re -= factor * x.im;
    im += factor * x.re;
  }
  Pair times(V<T> factor) const { return {re * factor, im * factor}; }
};
#include "sim/echo_sums.inc"
#undef SONOFORGE_LAMBDA
#undef SONOFORGE_VECTORS
}  // namespace short_vectors

#if defined(__x86_64__)
/// Vectors of 64 bytes: real and imaginary parts of a block in one.
namespace long_vectors {
#define SONOFORGE_VECTORS [[gnu::target("arch=x86-64-v4,prefer-vector-width=512")]]
#define SONOFORGE_LAMBDA __attribute__((target("arch=x86-64-v4,prefer-vector-width=512")))
template <class T>
struct Pair {
  static constexpr std::size_t group = 4, columns = 12;
  static constexpr std::size_t lanes = EchoCell<T>::lanes;
  typedef T Long __attribute__((vector_size(64)));
  Long x;
  template <std::size_t... i>
  SONOFORGE_VECTORS static Long swapped(Long v, std::index_sequence<i...>) {
    return __builtin_shufflevector(v, v, ((i + lanes) % (2 * lanes))...);
  }
  /// -1 for the real parts, 1 for the imaginary ones.
  template <std::size_t... i>
  SONOFORGE_VECTORS static Long signs(std::index_sequence<i...>) {
    return Long{(i < lanes ? T(-1) : T(1))...};
  }
  using All = std::make_index_sequence<2 * lanes>;
  SONOFORGE_VECTORS static Long both(const T* p) {
    if constexpr (sizeof(T) == 4)
      return _mm512_broadcast_f32x8(_mm256_loadu_ps(p));
    else
      return _mm512_broadcast_f64x4(_mm256_loadu_pd(p));
  }
  SONOFORGE_VECTORS static Long both(T value) { return value - Long{}; }
  SONOFORGE_VECTORS static Pair load(const T* p) {
    Pair pair;
    std::memcpy(&pair.x, p, sizeof pair.x);
    return pair;
  }
  SONOFORGE_VECTORS void store(T* p) const { std::memcpy(p, &x, sizeof x); }
  SONOFORGE_VECTORS void add(const Long& factor, const Pair& y) { x += factor * y.x; }
  SONOFORGE_VECTORS void add_turned(const Long& factor, const Pair& y) {
    x += factor * signs(All()) * swapped(y.x, All());
  }
  SONOFORGE_VECTORS Pair times(const Long& factor) const { return {x * factor}; }
};
#include "sim/echo_sums.inc"
#undef SONOFORGE_LAMBDA
#undef SONOFORGE_VECTORS
}  // namespace long_vectors
#endif

}  // namespace

template <class T>
std::span<const EchoSums<T>> all_echo_sums() {
  static const std::vector<EchoSums<T>> all = [] {
    std::vector<EchoSums<T>> kinds{short_vectors::sums<T>()};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("x86-64-v4")) kinds.push_back(long_vectors::sums<T>());
#endif
    return kinds;
  }();
  return all;
}

template <class T>
const EchoSums<T>& echo_sums() {
  static const EchoSums<T> best = all_echo_sums<T>().back();
  return best;
}

template const EchoSums<float>& echo_sums<float>();
template const EchoSums<double>& echo_sums<double>();
template std::span<const EchoSums<float>> all_echo_sums<float>();
template std::span<const EchoSums<double>> all_echo_sums<double>();

}  // namespace sonoforge
