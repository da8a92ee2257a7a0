#pragma once
#include <memory>
#include <span>
#include <vector>

#include "core/eikonal.hpp"
#include "phantoms/phantom.hpp"
#include "transducers/probe.hpp"

namespace sonoforge {

/// How the linear engines see a phantom's sound speed and attenuation.
enum class PropagationKind {
  uniform,   ///< the background's everywhere
  straight,  ///< integrals of slowness and attenuation along straight rays
  eikonal,   ///< first arrivals, and attenuation along the rays they came by
  shadow,    ///< uniform, with echoes weakened by the mean loss before them (sim/shadow.hpp); fields are those of uniform
};

/// What the way from element n to a point adds to the uniform background. With one power law of attenuation j for each
/// exponent y_j among the tissues,
///     G_n(x,f) = G_n(x,f) of the background * exp(-i 2 pi f delay - sum_j loss_j g_j(f) (1 + i d_j(f))),
/// time factor exp(+i w t); g_j = (f / 1 MHz)^y_j, d_j the dispersion of that power law (0 without dispersion).
/// Delays and losses are smooth functions of the point and may be negative.
///
/// Rays leave the centre of an element. They are worked out on a grid: in the plane y = const of
/// the elements where all of them lie in one and no tissue changes with y over the region (sampled at every node in 5
/// planes), else in space. In the plane's case a point off that plane has the values of its projection times the
/// lengthening of the straight way: exact on straight rays, as nothing changes with y.
class Propagation {
 public:
  struct Options {
    PropagationKind kind = PropagationKind::eikonal;
    int dimensions = 3;      ///< 2: y does not count
    double delay_error = 0;  ///< aim of the rms error of delays [s]; 0: a hundredth of a period of the probe
    double memory = 512e6;   ///< bound of the tables [bytes]
  };

  /// `region`: all points for which `excess` will be asked. Throws UserError where the tables would miss ten times the
  /// aim within the memory.
  Propagation(const Phantom& phantom, const Probe& probe, const Bounds& region, const Options& options);

  /// The exponents y_j that occur, the background's first.
  const std::vector<double>& exponents() const { return exponents_; }
  /// Excess delays [element] (s) and losses [element][law] (Np at 1 MHz) from the given elements to a point. The point
  /// counts as moved to the nearest one of the region. Safe from many threads.
  void excess(Vec3 point, std::span<const std::size_t> elements, double* delay, double* loss) const;

  /// Of the grid chosen; 0 nodes where nothing differs from the background.
  const EikonalGrid& grid() const { return grid_; }
  bool uniform() const { return tables_.empty(); }
  /// Estimated rms error of the delays [s], from the last two grids.
  double delay_error() const { return delay_error_; }
  /// Smallest and largest slowness of any tissue met [s/m], the background's included.
  std::pair<double, double> slowness_range() const { return slowness_range_; }

 private:
  struct Maps {
    std::vector<double> slowness;            // [node] s/m
    std::vector<std::vector<double>> rates;  // [integral][node]: straight: excess slowness, then Np/m at 1 MHz a law
  };
  Maps maps(const EikonalGrid& grid) const;
  EikonalGrid grid_of(double spacing) const;
  FirstArrivals solve(const EikonalGrid& grid, const Maps& maps, std::size_t element) const;
  double compare(const EikonalGrid& coarse, const EikonalGrid& fine) const;
  void choose_grid();
  void fill();
  bool plane_suffices() const;
  double bytes(const EikonalGrid& grid) const;

  const Phantom& phantom_;
  const Probe& probe_;
  Options options_;
  Bounds box_;
  bool plane_ = false;
  std::vector<double> exponents_;
  std::vector<double> background_rates_;  // [law] Np/m at 1 MHz
  std::pair<double, double> slowness_range_;
  EikonalGrid grid_;
  double delay_error_ = 0;
  std::vector<float> tables_;  // [node][element][delay, losses]: what lies beyond the cone at the source
  std::vector<double> cone_;   // [element][delay, losses]: a metre of straight way
};

/// g(f) and g(f) d(f) of the class comment for one power law: loss and phase at f a neper of loss at 1 MHz.
struct LawAtFrequency {
  double loss = 0, phase = 0;
};
LawAtFrequency law_at(double exponent, double frequency, double reference_frequency, bool dispersion);

/// The smallest box that holds these points.
Bounds bounds_of(std::span<const Vec3> points);

/// Null where nothing of the phantom differs from its background for this kind.
std::unique_ptr<const Propagation> make_propagation(PropagationKind kind, const Phantom& phantom, const Probe& probe,
                                                    const Bounds& region, int dimensions);

}  // namespace sonoforge
