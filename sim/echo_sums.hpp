#pragma once
#include <cstddef>
#include <span>

#include "sim/echo_kernel.hpp"

namespace sonoforge {

/// The innermost loops of the sums over scatterers, for the longest vectors that this machine has. Every kind of
/// vectors gives the same bits.
template <class T>
struct EchoSums {
  static constexpr std::size_t together = 4;  ///< scatterers that share loads and stores

  /// One block of bins of a transmit: P of 1 .. 4 scatterers, then their part of E.
  /// psi: [scatterer][node][2][lane]; drive and echo: [node][2][lane].
  using Block = void (*)(std::size_t nodes, const T* psi, const EchoPoint<T>* points, const T* drive, T* echo,
                         const T* steps, std::size_t padded);
  /// The same, and psi turns on to the next block by the factors steps: [scatterer][re, im][padded node].
  using BlockOn = void (*)(std::size_t nodes, T* psi, const EchoPoint<T>* points, const T* drive, T* echo,
                           const T* steps, std::size_t padded);
  /// See mix of sim/echo_kernel.hpp.
  using Mix = void (*)(const T* in, std::size_t rows, std::size_t in_step, const float* weights, std::size_t row_step,
                       std::size_t column_step, T* out, std::size_t columns, std::size_t out_step);
  Block block[together];  ///< by the number of scatterers less one
  BlockOn block_on[together];
  Mix mix;
};

/// Of this machine.
template <class T>
const EchoSums<T>& echo_sums();

/// All kinds that this machine can run.
template <class T>
std::span<const EchoSums<T>> all_echo_sums();

}  // namespace sonoforge
