#pragma once
#include <complex>
#include <vector>

#include "sim/band.hpp"
#include "sim/surface_quadrature.hpp"
#include "transducers/probe.hpp"

namespace sonoforge {

/// H0^(2)(z) exp(+i z), the cylindrical wave without its oscillation; Re z > 0, |Im z| << |z|. Relative error 1e-10.
std::complex<double> scaled_hankel(std::complex<double> z);

/// Nodes of a surface from which on its sum at one frequency takes tens of microseconds: then each looks for an interruption.
inline constexpr std::size_t many_nodes = 4096;

/// The response G(x, f) of one element at one point, held as its values at a few frequencies once the phase of a mean
/// path, the loss over it and, in two dimensions, the cylindrical wave's amplitude there are taken out: what remains is
/// smooth.
struct PointResponse {
  double path = 0;         ///< mean path with lens [m]: phase exp(-i k path)
  double distance = 0;     ///< mean distance [m]: loss exp(-a distance)
  std::size_t level = 0;   ///< of Band::nodes
  std::size_t count = 0;   ///< number of values; 0 = no response (the point lies behind the element)
  std::size_t offset = 0;  ///< of the first value in the caller's store: count real parts, then count imaginary parts
};

/// G_n(x, f): the integral over the element's surface of obliquity * lens * exp(-i k r - a r) / (2 pi r)
/// (three dimensions; [m]) or times -(i/2) H0^(2)((k - i a) r) (two dimensions, over the width; [m]).
class ElementResponses {
 public:
  /// Keeps references to `probe` and `band`.
  ElementResponses(const Probe& probe, const Band& band, int dimensions, double tolerance);

  /// Buffers of one thread.
  struct Workspace {
    SurfaceNodes nodes;
  };
  /// Works out the response of `element` at `point`; the values are appended to `store`.
  PointResponse evaluate(std::size_t element, Vec3 point, Workspace& workspace, std::vector<double>& store) const;

  /// G at the bins [begin, end), as real and imaginary parts; `values` is store.data() + offset.
  void expand(const PointResponse& response, const double* values, std::size_t begin, std::size_t end, double* real,
              double* imaginary) const;

 private:
  void values_3d(const SurfaceNodes& nodes, const PointResponse& response, const BandNodes& band_nodes,
                 double* values) const;
  void values_2d(const SurfaceNodes& nodes, const PointResponse& response, const BandNodes& band_nodes,
                 double* values) const;

  const Probe& probe_;
  const Band& band_;
  void multiply_by_cylindrical_wave(double distance, std::size_t begin, std::size_t end, double* real,
                                    double* imaginary) const;

  SurfaceIntegral integral_;
  // Two dimensions: i / k and sqrt(2 / (pi k)) exp(i pi / 4) of each bin, k the complex wavenumber k - i a.
  std::vector<std::complex<double>> inverse_wavenumber_, far_amplitude_;
  double ellipse_ = 1;  // sum of half axes of the ellipse with foci at the band's edges through 0 Hz
};

}  // namespace sonoforge
