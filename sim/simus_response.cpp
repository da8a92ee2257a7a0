#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>

#include "sim/simus_kernel.hpp"
#include "sim/simus_model.hpp"
#include "sim/smooth_response.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

double shortest_wavelength(const Probe& probe, const Tissue& background) {
  return background.sound_speed / (probe.frequency * (1 + probe.bandwidth / 2));
}

double sinc(double x) {
  return std::abs(x) < 1e-8 ? 1 : std::sin(x) / x;
}

/// The equations of SimusKernel at one place, with the time factor exp(+i w t), over the wave from the element's
/// centre.
class SimusResponse : public SmoothResponse {
 public:
  SimusResponse(const Probe& probe, const Tissue& background, std::size_t strips, int dimensions,
                bool full_frequency_directivity)
      : dimensions_(dimensions),
        full_directivity_(full_frequency_directivity),
        baffle_(probe.baffle),
        height_(probe.elements.front().height),
        focus_(probe.elevation_focus),
        centre_wavenumber_(2 * pi * probe.frequency / background.sound_speed),
        shortest_range_(background.sound_speed / probe.frequency / 2) {
    const bool in_line =
        probe.kind == Probe::Kind::linear || probe.kind == Probe::Kind::phased || probe.kind == Probe::Kind::curved;
    planar_ = !in_line;
    lens_ = in_line && dimensions == 3;
    const Element& first = probe.elements.front();
    const double shortest = shortest_wavelength(probe, background);
    across_ = static_cast<std::size_t>(std::ceil(first.width / shortest));
    along_ = planar_ ? static_cast<std::size_t>(std::ceil(first.height / shortest)) : 1;
    half_strip_ = first.width / static_cast<double>(across_) / 2;
    half_height_ = first.height / static_cast<double>(along_) / 2;
    width_ = first.width;
    reach_ = std::hypot(width_, planar_ ? height_ : 0) / 2;
    face_ = -std::numeric_limits<double>::infinity();
    for (const Element& element : probe.elements) {
      centres_.push_back(element.position);
      const double tilt = std::abs(element.lateral.z) * width_ / 2;
      if (!planar_ && is_mirrored(element.normal, element.lateral))
        mirrored_face_ = std::min(mirrored_face_, element.position.z - tilt);
      else
        face_ = std::max(face_, element.position.z + tilt);
    }
    const double reach = planar_ || lens_ ? height_ / 2 : 0;
    for (int j = reach > 0 ? -4 : 0; j <= (reach > 0 ? 4 : 0); ++j) {
      const double y = j * reach / 4;
      const double lead = lens_ && std::isfinite(focus_) ? std::hypot(y, focus_) - focus_ : 0;
      for (int i = -1; i <= 1; ++i) parts_.push_back({{i * width_ / 2, y, 0}, lead});
      // Without a directivity of each frequency, the centres of the strips alone send.
      const double outermost = full_directivity_ ? width_ / 2 : width_ / 2 - half_strip_;
      for (int i = -1; i <= 1; ++i) frequency_parts_.push_back({{i * outermost, y, 0}, lead});
    }
    share_ = 1 / static_cast<double>(across_ * along_);
    if (strips == 1) return;
    // Each strip by itself.
    across_ = 1, width_ = 2 * half_strip_;
    parts_.clear(), frequency_parts_.clear();
    for (int i = -1; i <= 1; ++i) {
      parts_.push_back({{i * half_strip_, 0, 0}, 0});
      frequency_parts_.push_back({{full_directivity_ ? i * half_strip_ : 0, 0, 0}, 0});
    }
  }
  const std::vector<Part>& parts(std::size_t) const override { return parts_; }
  const std::vector<Part>& frequency_parts(std::size_t) const override { return frequency_parts_; }

  std::unique_ptr<Workspace> workspace() const override { return std::make_unique<Workspace>(); }

  /// Ranges are held at half a wavelength, and angles on a convex array are those of the mirror image above its
  /// element.
  bool is_smooth(const Cell& cell) const override {
    const double low = cell.centre.z - cell.half.z, high = cell.centre.z + cell.half.z, far = shortest_range_ + reach_;
    if (low > face_ + far && high < mirrored_face_ - far) return true;
    if (!planar_ && (low < face_ || high > mirrored_face_)) return false;
    return std::none_of(centres_.begin(), centres_.end(), [&](Vec3 centre) {
      return norm(cell.centre - centre) <= cell.radius() + shortest_range_ + reach_;
    });
  }
  double longest_detour() const override { return shortest_range_; }

  double cycles(std::size_t frequencies) const override {
    const double waves = across_ * along_ > 1 ? 60.0 * static_cast<double>(frequencies) : 5;
    return 50 + static_cast<double>(across_ * along_) * (100 + waves);
  }
  void amplitudes(std::size_t, const ElementFrame& frame, Vec3 point, const FrequencyNodes& nodes, Workspace&,
                  double* real, double* imaginary) const override {
    std::fill_n(real, nodes.size(), 0.0);
    std::fill_n(imaginary, nodes.size(), 0.0);
    const Vec3 from_centre = point - frame.position;
    const double centre_range = norm(from_centre);
    const double subs = static_cast<double>(across_ * along_);
    double mean_range = 0;
    for (std::size_t i = 0; i < across_; ++i)
      for (std::size_t j = 0; j < along_; ++j) {
        const double across = (2 * static_cast<double>(i) + 1) * half_strip_ - width_ / 2;
        const double along = planar_ ? (2 * static_cast<double>(j) + 1) * half_height_ - height_ / 2 : 0;
        Vec3 d = from_centre - across * frame.lateral - along * frame.vertical;
        if (!planar_) d.z = std::copysign(d.z, frame.vertical.y);
        const double u = dot(d, frame.lateral), v = dimensions_ == 3 ? dot(d, frame.vertical) : 0,
                     w = dot(d, frame.normal);
        const double full = std::sqrt(u * u + v * v + w * w), range = std::max(full, shortest_range_);
        mean_range += range / subs;
        const double angle_range = planar_ ? full : std::sqrt(u * u + w * w);
        const double cosine = angle_range > 0 ? w / angle_range : 1;
        if (cosine <= 0) continue;
        const double sine_u = angle_range > 0 ? u / angle_range : 0, sine_v = angle_range > 0 ? v / angle_range : 0;
        double amplitude = std::isinf(baffle_) ? cosine : (baffle_ > 0 ? cosine / (cosine + baffle_) : 1);
        amplitude *= share_ / (dimensions_ == 3 ? range : std::sqrt(range));
        if (!full_directivity_) amplitude *= directivity(centre_wavenumber_, sine_u, sine_v);
        for (std::size_t m = 0; m < nodes.size(); ++m) {
          const double k = nodes.wavenumber[m];
          double value = amplitude;
          if (full_directivity_) value *= directivity(k, sine_u, sine_v);
          if (range == centre_range) {
            real[m] += value;
            continue;
          }
          value *= std::exp(-nodes.attenuation[m] * (range - centre_range));
          const double phase = -k * (range - centre_range);
          real[m] += value * std::cos(phase);
          imaginary[m] += value * std::sin(phase);
        }
      }
    if (!lens_) return;
    for (std::size_t m = 0; m < nodes.size(); ++m) {
      const auto value = std::complex<double>(real[m], imaginary[m]) *
                         std::conj(elevation(nodes.wavenumber[m], mean_range, dot(from_centre, frame.vertical)));
      real[m] = value.real(), imaginary[m] = value.imag();
    }
  }

 private:
  double directivity(double k, double sine_u, double sine_v) const {
    const double value = sinc(k * half_strip_ * sine_u);
    return planar_ ? value * sinc(k * half_height_ * sine_v) : value;
  }

  /// The elevation factor of four Gaussian beams [wen1988, cigier2022], time factor exp(-i w t).
  std::complex<double> elevation(double k, double r, double y) const {
    using C = std::complex<double>;
    constexpr C A[] = {{0.187, 0.275}, {0.288, -1.954}, {0.187, -0.275}, {0.288, 1.954}};
    constexpr C B[] = {{4.558, -25.59}, {8.598, -7.924}, {4.558, 25.59}, {8.598, 7.924}};
    C sum = 0;
    for (int i = 0; i < 4; ++i) {
      const C a = B[i] / (height_ * height_) + C(0, k / 2) * (1 / focus_ - 1 / r);
      const C b(0, -k * y / r), g(0, k * y * y / (2 * r));
      sum += A[i] * std::sqrt(pi / a) * std::exp(g + b * b / (4.0 * a));
    }
    return sum;
  }

  int dimensions_;
  bool full_directivity_, planar_ = false, lens_ = false;
  double baffle_, height_, focus_, centre_wavenumber_, shortest_range_;
  std::size_t across_ = 1, along_ = 1;
  double share_ = 1;  // of a sub-element
  double half_strip_ = 0, half_height_ = 0, width_ = 0;
  double mirrored_face_ = std::numeric_limits<double>::infinity();  // smallest z of an element seen in a mirror [m]
  double face_ = 0, reach_ = 0;  // largest z of any part, farthest that one is from its element's centre [m]
  std::vector<Vec3> centres_;
  std::vector<Part> parts_, frequency_parts_;
};

}  // namespace

std::unique_ptr<SmoothResponse> simus_response(const Probe& probe, const Tissue& background, const Aperture& aperture,
                                               int dimensions, bool full_frequency_directivity) {
  return std::make_unique<SimusResponse>(probe, background, aperture.strips(), dimensions, full_frequency_directivity);
}

std::vector<Strip> simus_strips(const Probe& probe, const Tissue& background, int dimensions) {
  const bool straight = probe.kind == Probe::Kind::linear || probe.kind == Probe::Kind::phased;
  const auto strips =
      static_cast<std::size_t>(std::ceil(probe.elements.front().width / shortest_wavelength(probe, background)));
  // Many strips would take longer on the way to the channels than the frequencies that they save.
  constexpr std::size_t most = 3;
  std::vector<Strip> result;
  if (!straight || dimensions != 2 || strips < 2 || strips > most) return result;
  const double width = 1 / static_cast<double>(strips);
  for (std::size_t i = 0; i < strips; ++i) result.push_back({(static_cast<double>(i) + 0.5) * width - 0.5, width, 1});
  return result;
}

}  // namespace sonoforge
