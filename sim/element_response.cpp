#include "sim/element_response.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/progress.hpp"
#include "sim/vector_math.hpp"

namespace sonoforge {

std::complex<double> scaled_hankel(std::complex<double> z) {
  using std::numbers::pi;
  constexpr std::complex<double> i(0, 1);
  if (std::abs(z) < 12) {
    // J0 and Y0 by their power series; terms reach 2e3 at most here, so 12 digits remain.
    const auto quarter = -z * z / 4.0;
    std::complex<double> term = 1, bessel = 1, sum = 0;
    double harmonic = 0;
    for (int k = 1; k < 60; ++k) {
      term *= quarter / static_cast<double>(k * k);
      harmonic += 1.0 / k;
      bessel += term;
      sum += harmonic * term;
      if (std::abs(term) < 1e-18) break;
    }
    const auto neumann = 2 / pi * ((std::log(z / 2.0) + std::numbers::egamma) * bessel - sum);
    return (bessel - i * neumann) * std::exp(i * z);
  }
  // Hankel's asymptotic series, cut where its terms stop to fall (4e-11 at |z| = 12).
  const auto inverse = i * std::conj(z) / std::norm(z);
  std::complex<double> term = 1, sum = 1;
  for (int k = 1; k < 40; ++k) {
    const double odd = 2 * k - 1;
    const auto next = term * (odd * odd / (8.0 * k)) * inverse;
    if (std::norm(next) >= std::norm(term)) break;
    term = next;
    sum += term;
    if (std::norm(term) < 1e-30) break;
  }
  return std::sqrt(2.0 / (pi * z)) * std::polar(1.0, pi / 4) * sum;
}

ElementResponses::ElementResponses(const Probe& probe, const Band& band, int dimensions, double tolerance)
    : probe_(probe),
      band_(band),
      integral_{dimensions, probe.baffle, probe.elevation_focus, band.largest_wavenumber(), tolerance / 4} {
  for (const Element& element : probe.elements) {
    // Nodes at the closest: about one an angle of two radians on either axis.
    const double across = 1 + band.largest_wavenumber() * element.width / 4,
                 along = dimensions == 2 ? 1 : 1 + band.largest_wavenumber() * element.height / 4;
    if (across * along > 1e7)
      throw UserError(
          "an element of " + format_quantity(element.width, Unit::metre) + " x " +
          format_quantity(element.height, Unit::metre) + " at wavelengths down to " +
          format_quantity(2 * std::numbers::pi / band.largest_wavenumber(), Unit::metre) +
          " (its surface would need more than 10 million nodes). Use a smaller element or a lower frequency");
  }
  if (dimensions != 2) return;
  for (std::size_t b = 0; b < band.size(); ++b) {
    const std::complex<double> k(band.wavenumber()[b], -band.attenuation()[b]);
    inverse_wavenumber_.push_back(std::complex<double>(0, 1) / k);
    far_amplitude_.push_back(std::sqrt(2.0 / (std::numbers::pi * k)) * std::polar(1.0, std::numbers::pi / 4));
  }
  const double low = band.frequency().front(), high = band.frequency().back();
  if (high > low) {
    const double zero = (high + low) / (high - low);
    ellipse_ = zero + std::sqrt(zero * zero - 1);
  }
}

PointResponse ElementResponses::evaluate(std::size_t element, Vec3 point, Workspace& workspace,
                                         std::vector<double>& store) const {
  SurfaceNodes& nodes = workspace.nodes;
  place_nodes(probe_.elements[element], point, integral_, nodes);
  PointResponse response;
  if (nodes.size() == 0) return response;
  const auto [shortest, longest] = std::minmax_element(nodes.path.begin(), nodes.path.end());
  const auto [nearest, farthest] = std::minmax_element(nodes.distance.begin(), nodes.distance.end());
  response.path = (*shortest + *longest) / 2;
  response.distance = (*nearest + *farthest) / 2;
  const double span = band_.half_span() * (*longest - *shortest) / 2;
  int terms = oscillation_terms(span, integral_.tolerance) + 1;
  if (integral_.dimensions == 2) {
    // The ratio of the cylindrical waves from two parts of the element tends to a constant as 1/(8 k r), with a
    // singularity at 0 Hz: its Chebyshev series falls as ellipse^(-n).
    const double difference = (1 / *nearest - 1 / response.distance) / (8 * band_.wavenumber().front());
    if (difference > integral_.tolerance)
      terms += static_cast<int>(
          std::min(1e6, std::ceil(std::log(difference / integral_.tolerance) / std::log(std::max(ellipse_, 1.0001)))));
  }
  response.level = band_.level_for(static_cast<std::size_t>(terms));
  const BandNodes& band_nodes = band_.nodes(response.level);
  response.count = band_nodes.frequency.size();
  response.offset = store.size();
  store.resize(store.size() + 2 * response.count);
  double* values = store.data() + response.offset;
  if (integral_.dimensions == 3)
    values_3d(nodes, response, band_nodes, values);
  else
    values_2d(nodes, response, band_nodes, values);
  return response;
}

void ElementResponses::values_3d(const SurfaceNodes& nodes, const PointResponse& response, const BandNodes& band_nodes,
                                 double* values) const {
  const std::size_t n = nodes.size();
  const double *path = nodes.path.data(), *distance = nodes.distance.data(), *weight = nodes.weight.data();
  for (std::size_t j = 0; j < response.count; ++j) {
    if (n > many_nodes) check_interrupted();
    const double turns = band_nodes.wavenumber[j] / (2 * std::numbers::pi), a = band_nodes.attenuation[j];
    double real = 0, imaginary = 0;
    if (a == 0) {
#pragma omp simd reduction(+ : real, imaginary)
      for (std::size_t q = 0; q < n; ++q) {
        double sine, cosine;
        cis_turns(turns * (path[q] - response.path), cosine, sine);
        real += weight[q] * cosine;
        imaginary -= weight[q] * sine;
      }
    } else {
#pragma omp simd reduction(+ : real, imaginary)
      for (std::size_t q = 0; q < n; ++q) {
        double sine, cosine;
        cis_turns(turns * (path[q] - response.path), cosine, sine);
        const double amplitude = weight[q] * exp_bounded(-a * (distance[q] - response.distance));
        real += amplitude * cosine;
        imaginary -= amplitude * sine;
      }
    }
    values[j] = real;
    values[response.count + j] = imaginary;
  }
}

void ElementResponses::values_2d(const SurfaceNodes& nodes, const PointResponse& response, const BandNodes& band_nodes,
                                 double* values) const {
  for (std::size_t j = 0; j < response.count; ++j) {
    if (nodes.size() > many_nodes) check_interrupted();
    const std::complex<double> k(band_nodes.wavenumber[j], -band_nodes.attenuation[j]);
    std::complex<double> sum = 0;
    for (std::size_t q = 0; q < nodes.size(); ++q) {
      const double phase = -k.real() * (nodes.path[q] - response.path);
      const double loss = k.imag() * (nodes.distance[q] - response.distance);
      sum += nodes.weight[q] * std::polar(std::exp(loss), phase) * scaled_hankel(k * nodes.distance[q]);
    }
    sum *= std::complex<double>(0, -0.5) / scaled_hankel(k * response.distance);
    values[j] = sum.real();
    values[response.count + j] = sum.imag();
  }
}

void ElementResponses::expand(const PointResponse& response, const double* values, std::size_t begin, std::size_t end,
                              double* real, double* imaginary) const {
  const std::size_t n = end - begin;
  std::fill(real, real + n, 0.0);
  std::fill(imaginary, imaginary + n, 0.0);
  if (response.count == 0) return;
  const BandNodes& band_nodes = band_.nodes(response.level);
  if (band_nodes.matrix.empty()) {
    std::copy(values + begin, values + end, real);
    std::copy(values + response.count + begin, values + response.count + end, imaginary);
  } else {
    // Four nodes a pass, so that the sums are loaded and stored a quarter as often.
    const double* row = band_nodes.matrix.data() + begin;
    std::size_t j = 0;
    for (; j + 4 <= response.count; j += 4) {
      const double *row0 = row + j * band_.size(), *row1 = row0 + band_.size(), *row2 = row1 + band_.size(),
                   *row3 = row2 + band_.size();
      const double *x = values + j, *y = values + response.count + j;
#pragma omp simd
      for (std::size_t b = 0; b < n; ++b) {
        real[b] += row0[b] * x[0] + row1[b] * x[1] + row2[b] * x[2] + row3[b] * x[3];
        imaginary[b] += row0[b] * y[0] + row1[b] * y[1] + row2[b] * y[2] + row3[b] * y[3];
      }
    }
    for (; j < response.count; ++j) {
      const double* last = row + j * band_.size();
#pragma omp simd
      for (std::size_t b = 0; b < n; ++b) {
        real[b] += last[b] * values[j];
        imaginary[b] += last[b] * values[response.count + j];
      }
    }
  }
  const double *turns = band_.turns_per_metre().data() + begin, *attenuation = band_.attenuation().data() + begin;
  const double path = response.path, distance = response.distance;
#pragma omp simd
  for (std::size_t b = 0; b < n; ++b) {
    double sine, cosine;
    cis_turns(turns[b] * path, cosine, sine);
    const double turned = real[b] * cosine + imaginary[b] * sine;
    imaginary[b] = imaginary[b] * cosine - real[b] * sine;
    real[b] = turned;
  }
  if (!band_.lossless()) {
#pragma omp simd
    for (std::size_t b = 0; b < n; ++b) {
      const double loss = exp_bounded(-attenuation[b] * distance);
      real[b] *= loss;
      imaginary[b] *= loss;
    }
  }
  if (integral_.dimensions == 2) multiply_by_cylindrical_wave(distance, begin, end, real, imaginary);
}

void ElementResponses::multiply_by_cylindrical_wave(double distance, std::size_t begin, std::size_t end, double* real,
                                                    double* imaginary) const {
  // From |z| = 25 on nine terms of Hankel's asymptotic series, prod (2j-1)^2 / (k! 8^k) (i/z)^k, hold to 1e-11.
  constexpr double far = 25;
  constexpr std::size_t terms = 9;
  static const auto coefficients = [] {
    std::array<double, terms + 1> c{1};
    for (std::size_t k = 1; k <= terms; ++k) {
      const double odd = 2 * static_cast<double>(k) - 1;
      c[k] = c[k - 1] * odd * odd / (8 * static_cast<double>(k));
    }
    return c;
  }();
  const double inverse_root = 1 / std::sqrt(distance);
  std::size_t b = begin;
  for (; b < end && band_.wavenumber()[b] * distance < far; ++b) {
    const std::complex<double> k(band_.wavenumber()[b], -band_.attenuation()[b]);
    const auto value = std::complex<double>(real[b - begin], imaginary[b - begin]) * scaled_hankel(k * distance);
    real[b - begin] = value.real(), imaginary[b - begin] = value.imag();
  }
  const auto* const inverse = reinterpret_cast<const double*>(inverse_wavenumber_.data());
  const auto* const amplitude = reinterpret_cast<const double*>(far_amplitude_.data());
#pragma omp simd
  for (std::size_t i = b; i < end; ++i) {
    const double v = inverse[2 * i] / distance, w = inverse[2 * i + 1] / distance;
    double x = coefficients[terms], y = 0;
    for (std::size_t k = terms; k-- > 0;) {
      const double next = x * v - y * w + coefficients[k];
      y = x * w + y * v;
      x = next;
    }
    const double p = (x * amplitude[2 * i] - y * amplitude[2 * i + 1]) * inverse_root;
    const double q = (x * amplitude[2 * i + 1] + y * amplitude[2 * i]) * inverse_root;
    const double turned = real[i - begin] * p - imaginary[i - begin] * q;
    imaginary[i - begin] = real[i - begin] * q + imaginary[i - begin] * p;
    real[i - begin] = turned;
  }
}

}  // namespace sonoforge
