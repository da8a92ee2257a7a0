#pragma once
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "phantoms/tissue.hpp"
#include "sim/aperture.hpp"
#include "sim/attenuation.hpp"
#include "transducers/probe.hpp"

namespace sonoforge {

/// How waves travel through the uniform background: exp(-i k(f) r - a(f) r).
struct WaveLaw {
  double sound_speed = 1540;                  ///< that times of flight are counted with [m/s]
  std::function<double(double)> wavenumber;   ///< k(f) [rad/m]
  std::function<double(double)> attenuation;  ///< a(f) [Np/m]
  bool lossless = true;
};

/// Frequencies at which smooth factors are worked out, Chebyshev points of the first kind of a band, with the wave law
/// there.
struct FrequencyNodes {
  std::vector<double> frequency, wavenumber, attenuation;  ///< [node] Hz, rad/m, Np/m
  std::size_t size() const { return frequency.size(); }
};
FrequencyNodes frequency_nodes(double low, double high, std::size_t count, const WaveLaw& law);

/// Chebyshev points of the first kind of [-1, 1], ascending, and their barycentric weights [berrut2004].
struct ChebyshevRule {
  explicit ChebyshevRule(std::size_t count);
  std::vector<double> points, weights;
  std::vector<float> float_points, float_weights;  ///< the same, padded to whole vectors
};
const ChebyshevRule& chebyshev_rule(std::size_t count);
/// Values at those points -> value at x: the weights of the interpolation.
void chebyshev_weights(std::size_t count, double x, double* weights);
/// To the digits of a float; writes whole vectors of 8.
void chebyshev_weights(std::size_t count, double x, float* weights);
/// One of the points.
double chebyshev_point(std::size_t count, std::size_t i);

/// The part of an element's response that varies slowly: G(x, f) = A(x, f) exp(-i k R - a R), R the distance of x from
/// the element's centre.
class SmoothResponse {
 public:
  /// Buffers of one thread.
  struct Workspace {
    virtual ~Workspace() = default;
  };
  /// A place on the element's surface, and how far its wave is ahead by the lens [m].
  struct Part {
    Vec3 position;
    double lead = 0;
  };
  virtual ~SmoothResponse() = default;
  /// Places that stand for the surface of an element of this kind, in its axes: from what they see of a cell follows
  /// how A varies over places...
  virtual const std::vector<Part>& parts(std::size_t kind) const = 0;
  /// ... and over frequencies.
  virtual const std::vector<Part>& frequency_parts(std::size_t kind) const { return parts(kind); }
  virtual std::unique_ptr<Workspace> workspace() const = 0;
  /// Whether A is smooth over the cell and from element to element; where it is not, nothing may be interpolated.
  virtual bool is_smooth(const Cell&) const { return true; }
  /// How much longer paths may count there than they are [m].
  virtual double longest_detour() const { return 0; }
  /// What a call of `amplitudes` takes, about [clock cycles].
  virtual double cycles(std::size_t frequencies) const = 0;
  /// A of an element of this kind at a point, at the nodes. 0 behind the element.
  virtual void amplitudes(std::size_t kind, const ElementFrame& frame, Vec3 point, const FrequencyNodes& nodes,
                          Workspace& workspace, double* real, double* imaginary) const = 0;
};

/// Lines across the width whose sum is the integral over it, where that is a sum of such integrals over the height; none
/// else. `nearest`: how far they must be from a point of the field [m].
std::vector<Strip> physical_lines(const Probe& probe, int dimensions, double wavenumber, double tolerance,
                                  double& nearest);

/// The Rayleigh integral over the element (three dimensions), or the integral of -(i/2) H0^(2) sqrt(f / fc) over its
/// width (two). Tabulated on bricks of (distance in the plane, angle, height) as tensors of Chebyshev polynomials, each
/// built when first asked for and checked against the integral; `direct` works out every value by quadrature instead.
/// The strips of the aperture are none or those of physical_lines.
std::unique_ptr<SmoothResponse> physical_response(const Probe& probe, const Aperture& aperture, const WaveLaw& law,
                                                  double low, double high, int dimensions, double tolerance,
                                                  bool direct);

/// The far-field sub-elements of model simus; see simus_kernel.hpp. Where elements stand in a line, the strips of the
/// aperture may be the sub-elements themselves, which hardly depend on frequency (simus_strips); else it has none.
std::unique_ptr<SmoothResponse> simus_response(const Probe& probe, const Tissue& background, const Aperture& aperture,
                                               int dimensions, bool full_frequency_directivity);
/// The strips that the aperture is best divided into; may be none.
std::vector<Strip> simus_strips(const Probe& probe, const Tissue& background, int dimensions);

}  // namespace sonoforge
