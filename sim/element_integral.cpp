#include "sim/element_integral.hpp"

#include <cmath>
#include <complex>
#include <numbers>

#include "core/progress.hpp"
#include "sim/element_response.hpp"
#include "sim/vector_math.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

}  // namespace

ElementIntegral::ElementIntegral(const Probe& probe, const Element& element, int dimensions, double wavenumber,
                                 double tolerance)
    : element_(element),
      integral_{dimensions, probe.baffle, probe.elevation_focus, wavenumber, tolerance},
      centre_frequency_(probe.frequency) {
  element_.position = {}, element_.normal = {0, 0, 1}, element_.lateral = {1, 0, 0};
}

void ElementIntegral::values(Vec3 local, const FrequencyNodes& frequencies, SurfaceNodes& nodes, double* real,
                             double* imaginary) const {
  place_nodes(element_, local, integral_, nodes);
  const double range = distance(local);
  const std::size_t n = nodes.size();
  const double *path = nodes.path.data(), *r = nodes.distance.data(), *weight = nodes.weight.data();
  check_interrupted();
  for (std::size_t m = 0; m < frequencies.size(); ++m) {
    if (n > many_nodes) check_interrupted();
    const double k = frequencies.wavenumber[m], a = frequencies.attenuation[m];
    double re = 0, im = 0;
    if (integral_.dimensions == 3) {
      const double turns = k / (2 * pi);
#pragma omp simd reduction(+ : re, im)
      for (std::size_t q = 0; q < n; ++q) {
        double sine, cosine;
        cis_turns(turns * (path[q] - range), cosine, sine);
        const double amplitude = weight[q] * exp_bounded(-a * (r[q] - range));
        re += amplitude * cosine;
        im -= amplitude * sine;
      }
    } else {
      std::complex<double> sum = 0;
      const std::complex<double> wavenumber(k, -a);
      for (std::size_t q = 0; q < n; ++q)
        sum += weight[q] * std::polar(std::exp(-a * (r[q] - range)), -k * (path[q] - range)) *
               scaled_hankel(wavenumber * r[q]);
      sum *= std::complex<double>(0, -0.5) * std::sqrt(frequencies.frequency[m] / centre_frequency_);
      re = sum.real(), im = sum.imag();
    }
    real[m] = re, imaginary[m] = im;
  }
}

double ElementIntegral::distance(Vec3 local) const {
  return integral_.dimensions == 2 ? std::hypot(local.x, local.z) : norm(local);
}

}  // namespace sonoforge
