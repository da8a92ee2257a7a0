#include "core/fft.hpp"

#include <fftw3.h>

#include <map>
#include <mutex>
#include <type_traits>

namespace sonoforge {

// FFTW's planner is not thread-safe; executing a plan on other arrays is. FFTW_ESTIMATE makes the choice of algorithm a function
// of the size alone, so results are the same in every run; FFTW_UNALIGNED allows any array.
static std::mutex planner;
static constexpr unsigned flags = FFTW_ESTIMATE | FFTW_UNALIGNED;

enum class Kind { r2c, c2r, forward, inverse };

template <class T>
static void* make_plan(Kind kind, int n) {
  if constexpr (std::is_same_v<T, double>) {
    auto* r = fftw_alloc_real(static_cast<std::size_t>(2 * n + 2));
    auto* c = fftw_alloc_complex(static_cast<std::size_t>(n + 1));
    auto* d = reinterpret_cast<fftw_complex*>(r);
    fftw_plan plan = nullptr;
    switch (kind) {
      case Kind::r2c: plan = fftw_plan_dft_r2c_1d(n, r, c, flags | FFTW_PRESERVE_INPUT); break;
      case Kind::c2r: plan = fftw_plan_dft_c2r_1d(n, c, r, flags | FFTW_PRESERVE_INPUT); break;
      case Kind::forward: plan = fftw_plan_dft_1d(n, c, d, FFTW_FORWARD, flags | FFTW_PRESERVE_INPUT); break;
      case Kind::inverse: plan = fftw_plan_dft_1d(n, c, d, FFTW_BACKWARD, flags | FFTW_PRESERVE_INPUT); break;
    }
    fftw_free(r);
    fftw_free(c);
    return plan;
  } else {
    auto* r = fftwf_alloc_real(static_cast<std::size_t>(2 * n + 2));
    auto* c = fftwf_alloc_complex(static_cast<std::size_t>(n + 1));
    auto* d = reinterpret_cast<fftwf_complex*>(r);
    fftwf_plan plan = nullptr;
    switch (kind) {
      case Kind::r2c: plan = fftwf_plan_dft_r2c_1d(n, r, c, flags | FFTW_PRESERVE_INPUT); break;
      case Kind::c2r: plan = fftwf_plan_dft_c2r_1d(n, c, r, flags | FFTW_PRESERVE_INPUT); break;
      case Kind::forward: plan = fftwf_plan_dft_1d(n, c, d, FFTW_FORWARD, flags | FFTW_PRESERVE_INPUT); break;
      case Kind::inverse: plan = fftwf_plan_dft_1d(n, c, d, FFTW_BACKWARD, flags | FFTW_PRESERVE_INPUT); break;
    }
    fftwf_free(r);
    fftwf_free(c);
    return plan;
  }
}

template <class T>
static void* cached_plan(Kind kind, std::size_t n) {
  // Kept for the life of the program; never destroyed, so that leak checkers still see them at its end.
  static auto& plans = *new std::map<std::pair<Kind, std::size_t>, void*>;
  const std::lock_guard lock(planner);
  void*& plan = plans[{kind, n}];
  if (!plan) plan = make_plan<T>(kind, static_cast<int>(n));
  return plan;
}

template <class T>
RealFft<T>::RealFft(std::size_t n)
    : n_(n), forward_plan_(cached_plan<T>(Kind::r2c, n)), inverse_plan_(cached_plan<T>(Kind::c2r, n)) {}

template <class T>
void RealFft<T>::forward(std::span<const T> in, std::span<std::complex<T>> out) const {
  // FFTW takes non-const input even where the plan preserves it.
  T* source = const_cast<T*>(in.data());
  if constexpr (std::is_same_v<T, double>)
    fftw_execute_dft_r2c(static_cast<fftw_plan>(forward_plan_), source, reinterpret_cast<fftw_complex*>(out.data()));
  else
    fftwf_execute_dft_r2c(static_cast<fftwf_plan>(forward_plan_), source, reinterpret_cast<fftwf_complex*>(out.data()));
}

template <class T>
void RealFft<T>::inverse(std::span<const std::complex<T>> in, std::span<T> out) const {
  auto* source = const_cast<std::complex<T>*>(in.data());
  if constexpr (std::is_same_v<T, double>)
    fftw_execute_dft_c2r(static_cast<fftw_plan>(inverse_plan_), reinterpret_cast<fftw_complex*>(source), out.data());
  else
    fftwf_execute_dft_c2r(static_cast<fftwf_plan>(inverse_plan_), reinterpret_cast<fftwf_complex*>(source), out.data());
}

template <class T>
ComplexFft<T>::ComplexFft(std::size_t n)
    : n_(n), forward_plan_(cached_plan<T>(Kind::forward, n)), inverse_plan_(cached_plan<T>(Kind::inverse, n)) {}

template <class T>
static void execute(void* plan, std::span<const std::complex<T>> in, std::span<std::complex<T>> out) {
  auto* source = const_cast<std::complex<T>*>(in.data());
  if constexpr (std::is_same_v<T, double>)
    fftw_execute_dft(static_cast<fftw_plan>(plan), reinterpret_cast<fftw_complex*>(source), reinterpret_cast<fftw_complex*>(out.data()));
  else
    fftwf_execute_dft(static_cast<fftwf_plan>(plan), reinterpret_cast<fftwf_complex*>(source), reinterpret_cast<fftwf_complex*>(out.data()));
}

template <class T>
void ComplexFft<T>::forward(std::span<const std::complex<T>> in, std::span<std::complex<T>> out) const {
  execute<T>(forward_plan_, in, out);
}

template <class T>
void ComplexFft<T>::inverse(std::span<const std::complex<T>> in, std::span<std::complex<T>> out) const {
  execute<T>(inverse_plan_, in, out);
}

std::size_t good_fft_size(std::size_t n) {
  for (;; ++n) {
    std::size_t rest = n;
    for (std::size_t p : {2, 3, 5, 7})
      while (rest > 1 && rest % p == 0) rest /= p;
    if (rest <= 1) return n;
  }
}

template class RealFft<float>;
template class RealFft<double>;
template class ComplexFft<float>;
template class ComplexFft<double>;

}  // namespace sonoforge
