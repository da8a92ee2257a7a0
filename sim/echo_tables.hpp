#pragma once
#include <complex>
#include <cstddef>
#include <map>
#include <mutex>
#include <numbers>
#include <utility>
#include <vector>

#include "sim/aligned_vector.hpp"

#include "core/progress.hpp"
#include "sim/echo_band.hpp"
#include "sim/echo_kernel.hpp"
#include "sim/firing.hpp"
#include "sim/memory_limit.hpp"
#include "sim/smooth_response.hpp"

namespace sonoforge {

/// Tables that many cells share.
template <class T>
class EchoTables {
 public:
  EchoTables(const EchoModel& model, const std::vector<std::vector<Firing>>& firings, const EchoBand& band, double low,
             double width)
      : model_(model), firings_(firings), band_(band), low_(low), width_(width) {}

  const FrequencyNodes& nodes(std::size_t count) {
    const std::lock_guard lock(mutex_);
    FrequencyNodes& nodes = nodes_[count];
    if (nodes.size() == 0) nodes = frequency_nodes(low_, low_ + width_, count, model_.law);
    return nodes;
  }
  /// [frequency][bin]
  const T* interpolation(std::size_t count, std::size_t bins) {
    const std::lock_guard lock(mutex_);
    AlignedVector<T>& matrix = interpolations_[{count, bins}];
    if (matrix.empty()) {
      memory_.take(static_cast<double>(count) * static_cast<double>(bins) * sizeof(T));
      AlignedVector<T> made(count * bins);
      std::vector<double> weights(count);
      for (std::size_t b = 0; b < bins; ++b) {
        check_interrupted();
        chebyshev_weights(count, 2 * static_cast<double>(b) / static_cast<double>(bins) - 1, weights.data());
        for (std::size_t m = 0; m < count; ++m) made[m * bins + b] = static_cast<T>(weights[m]);
      }
      matrix = std::move(made);
    }
    return matrix.data();
  }
  /// sum over laws of weight exp(-i 2 pi f delay), times the element's own drive: [transmit], each
  /// [block][firing][2][lane].
  const std::vector<AlignedVector<T>>& drives(std::size_t bins) {
    Drives* drives;
    {
      const std::lock_guard lock(mutex_);
      drives = &drives_[bins];
    }
    std::call_once(drives->once, [&] {
      constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
      const double df = width_ / static_cast<double>(bins);
      double senders = 0;
      for (const auto& firings : firings_) senders += static_cast<double>(firings.size());
      memory_.take(senders * 2 * static_cast<double>(bins) * sizeof(T));
      drives->tables.clear();  // of an attempt that was interrupted
      AlignedVector<T> wave(2 * bins);
      for (const auto& firings : firings_) {
        AlignedVector<T> table(firings.size() * 2 * bins);
        const std::size_t stride = firings.size() * pair;
        for (std::size_t i = 0; i < firings.size(); ++i) {
          check_interrupted();
          T* const out = table.data() + i * pair;
          for (const auto& [delay, weight] : firings[i].delays_and_weights) {
            phasor_row<T>(-low_ * delay, -df * delay, bins / lanes, wave.data(), pair);
            for (std::size_t b = 0; b < bins / lanes; ++b)
              for (std::size_t l = 0; l < pair; ++l) out[b * stride + l] += static_cast<T>(weight) * wave[b * pair + l];
          }
          if (model_.element_drive)
            for (std::size_t b = 0; b < bins; ++b) {
              T* const re = out + b / lanes * stride + b % lanes;
              const std::complex<double> value =
                  std::complex<double>(re[0], re[lanes]) *
                  element_drive_at(model_, low_ + df * static_cast<double>(b), firings[i].element);
              re[0] = static_cast<T>(value.real()), re[lanes] = static_cast<T>(value.imag());
            }
        }
        drives->tables.push_back(std::move(table));
      }
    });
    return drives->tables;
  }
  /// The common spectrum times the scattering law, and the wave law at each bin.
  struct Bins {
    std::once_flag once;
    std::vector<std::complex<double>> spectrum;  // times df
    std::vector<double> turns_rest, loss;        // k / 2 pi - f / c and a at each bin
  };
  const Bins& bins(std::size_t count, double exponent) {
    Bins* bins;
    {
      const std::lock_guard lock(mutex_);
      bins = &bins_[{count, exponent}];
    }
    std::call_once(bins->once, [&] {
      const double df = width_ / static_cast<double>(count);
      bins->spectrum.clear(), bins->turns_rest.clear(), bins->loss.clear();  // of an attempt that was interrupted
      for (std::size_t b = 0; b < count; ++b) {
        check_interrupted();
        const double f = low_ + df * static_cast<double>(b);
        const bool inside = f <= band_.high * (1 + 1e-9);
        bins->spectrum.push_back(inside ? spectrum_at(model_, exponent, f) * band_.weight(f) * df : 0);
        bins->turns_rest.push_back(model_.law.wavenumber(f) / (2 * std::numbers::pi) - f / model_.law.sound_speed);
        bins->loss.push_back(model_.law.attenuation(f));
      }
    });
    return *bins;
  }

 private:
  struct Drives {
    std::once_flag once;
    std::vector<AlignedVector<T>> tables;
  };
  const EchoModel& model_;
  const std::vector<std::vector<Firing>>& firings_;
  EchoBand band_;
  double low_, width_;
  MemoryAccount memory_{"the spectra of what the elements send",
                        "Use fewer elements or transmits, a shorter pulse, or 'engine: {type: exact}'"};
  std::mutex mutex_;
  std::map<std::size_t, FrequencyNodes> nodes_;
  std::map<std::pair<std::size_t, std::size_t>, AlignedVector<T>> interpolations_;
  std::map<std::size_t, Drives> drives_;
  std::map<std::pair<std::size_t, double>, Bins> bins_;
};

}  // namespace sonoforge
