#pragma once
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

#include "sim/attenuation.hpp"

namespace sonoforge {

/// Frequencies of a few nodes and the matrix that interpolates from them to all bins.
struct BandNodes {
  std::vector<double> frequency;    ///< [node] Hz
  std::vector<double> wavenumber;   ///< [node] rad/m
  std::vector<double> attenuation;  ///< [node] Np/m
  std::vector<double> matrix;       ///< [node][bin]; empty where the nodes are the bins
};

/// The bins in which a signal has energy, with the medium at each. Functions that are smooth in frequency are worked
/// out at a few Chebyshev nodes and interpolated (barycentric Lagrange) [berrut2004].
class Band {
 public:
  Band(std::vector<double> frequencies, const UniformMedium& medium);

  std::size_t size() const { return frequency_.size(); }
  const std::vector<double>& frequency() const { return frequency_; }      ///< [bin] Hz, ascending
  const std::vector<double>& wavenumber() const { return wavenumber_; }    ///< [bin] rad/m
  const std::vector<double>& attenuation() const { return attenuation_; }  ///< [bin] Np/m
  /// [bin] wavenumber / (2 pi) [1/m]
  const std::vector<double>& turns_per_metre() const { return turns_per_metre_; }
  bool lossless() const { return medium_.lossless(); }
  double largest_wavenumber() const { return largest_wavenumber_; }
  /// Half of what the wavenumber spans [rad/m].
  double half_span() const { return half_span_; }
  /// The nearest set with at least `count` nodes; all bins where that is no fewer. Safe from many threads.
  std::size_t level_for(std::size_t count) const;
  const BandNodes& nodes(std::size_t level) const;

 private:
  struct Level {
    std::size_t count = 0;
    std::once_flag once;
    BandNodes nodes;
  };
  void build(Level& level) const;

  UniformMedium medium_;
  std::vector<double> frequency_, wavenumber_, attenuation_, turns_per_metre_;
  double largest_wavenumber_ = 0, half_span_ = 0;
  std::vector<std::unique_ptr<Level>> levels_;
};

}  // namespace sonoforge
