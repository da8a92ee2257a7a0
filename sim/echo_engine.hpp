#pragma once
#include <complex>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/smooth_response.hpp"
#include "transducers/sequence.hpp"

namespace sonoforge {

/// Point scatterers of one scattering law: strength (f / f0)^exponent.
struct ScattererGroup {
  std::vector<Vec3> positions;
  std::vector<double> strengths;
  double exponent = 0;
};

/// A linear pulse-echo model as the fast engine needs it. Spectra have the time factor exp(+i w t).
struct EchoModel {
  const Probe* probe = nullptr;
  int dimensions = 3;
  /// How elements are divided for scatterers at least `nearest_strip` before the face [m], where there are so many that
  /// values of the response are interpolated from tables; see Aperture. Empty: not divided.
  std::function<std::vector<Strip>(double wavenumber, double tolerance, double& nearest)> strips;
  WaveLaw law;
  double fewest_points = 0;                              ///< of values, for elements to be divided
  double reference_frequency = 0;                        ///< f0 of the scattering laws [Hz]
  std::function<std::complex<double>(double)> spectrum;  ///< what multiplies all echoes: drive, responses, scale
  std::function<std::complex<double>(double, std::size_t)>
      element_drive;                                  ///< further factor of each element; may be null
  double lowest = 0, highest = 0;                     ///< frequencies that the model has at all [Hz]
  double earliest_slowness = 0, latest_slowness = 0;  ///< of energy over the band [s/m]
  /// A(x, f) over a band of frequencies to a tolerance; `points` is how many values will be asked for.
  std::function<std::unique_ptr<SmoothResponse>(const Aperture&, double low, double high, double tolerance,
                                                double points)>
      response;
};

struct EchoRecord {
  double sampling_rate = 0, start = 0;
  std::size_t samples = 0;
  std::vector<double> receive_delays;  ///< [element] s; empty = none
};

/// Why add_fast_echoes cannot keep its promise for these scatterers; empty if it can.
std::string why_not_fast(const EchoModel& model, std::span<const ScattererGroup> groups,
                         std::span<const Transmit> transmits, const EchoRecord& record, double accuracy);

/// Adds the echoes of all transmits to out(transmit, element), with a relative L2 error below `accuracy`. `scales`: one
/// real factor a transmit. `done(n)` is told of scatterers finished, by any thread.
///
/// Method: scatterers are gathered in cells so small that (a) their echoes of one transmit last a few microseconds, so
/// that a few dozen frequencies describe them, with a time origin of their own for each cell and channel; (b) what the
/// cell sees of the aperture follows from a few virtual elements (see Aperture); (c) the amplitude of an element's
/// response is a low polynomial in place and frequency. A scatterer then costs a few complex multiply-adds a virtual
/// element and frequency. Cells stand inside of larger ones, whose virtual elements theirs are interpolated to, so that
/// the way to the channels - a matrix product and a short FFT each - is gone once for many cells. Where transmits are
/// many, it is matrices from virtual element to virtual element that are summed and passed on, whatever their number.
/// Elements whose width makes their response depend on frequency are divided into strips. Which sizes pay is worked out
/// for each part of the phantom.
void add_fast_echoes(const EchoModel& model, std::span<const ScattererGroup> groups,
                     std::span<const Transmit> transmits, std::span<const double> scales, const EchoRecord& record,
                     double accuracy, const std::function<void(std::size_t)>& done,
                     const std::function<std::span<float>(std::size_t, std::size_t)>& out);

}  // namespace sonoforge
