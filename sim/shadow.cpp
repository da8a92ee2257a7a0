#include "sim/shadow.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/parallel.hpp"
#include "sim/propagation.hpp"

namespace sonoforge {
namespace {

constexpr double spacing = 0.25e-3;                       // of the map of losses [m]
constexpr double most_nodes = 1024;                       // along a side of it
constexpr double widest = 40.0 / 180 * std::numbers::pi;  // of the directions [rad]
constexpr int directions = 17;                            // 5 degrees apart
constexpr double listening =
    25.0 / 180 * std::numbers::pi;  // of the echoes that images use, about an f-number of 1 [rad]

/// Integrals of the loss beyond the background's, from the face to any depth, along parallel rays:
/// [direction][entry][z].
class LossIntegrals {
 public:
  LossIntegrals(const Phantom& phantom, const Bounds& box, double y, double frequency) : box_(box) {
    for (int d = 0; d < directions; ++d) slopes_[static_cast<std::size_t>(d)] = std::tan(angle(d));
    step_ = std::max({spacing, (box.high.x - box.low.x) / most_nodes, (box.high.z - box.low.z) / most_nodes});
    nx_ = static_cast<std::size_t>((box.high.x - box.low.x) / step_) + 2;
    nz_ = static_cast<std::size_t>((box.high.z - box.low.z) / step_) + 2;
    const double background = phantom.background.attenuation.nepers_per_metre(frequency);
    std::vector<float> loss(nx_ * nz_);  // at the middle of each step in depth
    parallel_for(nz_, [&](std::size_t iz) {
      for (std::size_t ix = 0; ix < nx_; ++ix) {
        const Tissue& tissue = phantom.tissue_at({x_of(ix), y, box_.low.z + (static_cast<double>(iz) + 0.5) * step_});
        loss[iz * nx_ + ix] = static_cast<float>(tissue.attenuation.nepers_per_metre(frequency) - background);
      }
    });
    entries_ = nx_ + 2 * static_cast<std::size_t>(std::ceil((box.high.z - box.low.z) * std::tan(widest) / step_));
    table_.resize(static_cast<std::size_t>(directions) * entries_ * nz_);
    parallel_for(static_cast<std::size_t>(directions), [&](std::size_t d) {
      const double slope = slopes_[d], length = step_ * std::hypot(1.0, slope);
      for (std::size_t entry = 0; entry < entries_; ++entry) {
        float* const ray = table_.data() + (d * entries_ + entry) * nz_;
        double sum = 0;
        for (std::size_t iz = 0; iz < nz_; ++iz) {
          ray[iz] = static_cast<float>(sum);
          const double x = entry_x(entry) + slope * (static_cast<double>(iz) + 0.5) * step_;
          const double index = std::clamp((x - box_.low.x) / step_, 0.0, static_cast<double>(nx_ - 1));
          sum += length * static_cast<double>(loss[iz * nx_ + static_cast<std::size_t>(index + 0.5)]);
        }
      }
    });
  }

  static double angle(int direction) { return widest * (2.0 * direction / (directions - 1) - 1); }

  /// Loss [Np] on the way to a point that travels in this direction, which may lie between two of the table.
  double along(double x, double z, double ray_angle) const {
    const double d = std::clamp((ray_angle / widest + 1) / 2 * (directions - 1), 0.0, directions - 1.0);
    const int below = std::min(static_cast<int>(d), directions - 2);
    const double share = d - below;
    return (1 - share) * at(below, x, z) + share * at(below + 1, x, z);
  }

  /// The same in a direction of the table.
  double at(int direction, double x, double z) const {
    const double depth = std::clamp(z - box_.low.z, 0.0, step_ * static_cast<double>(nz_ - 1));
    const double start = x - depth * slope(direction);
    const double e = std::clamp((start - entry_x(0)) / step_, 0.0, static_cast<double>(entries_ - 1) - 1e-9);
    const double k = std::min(depth / step_, static_cast<double>(nz_ - 1) - 1e-9);
    const auto e0 = static_cast<std::size_t>(e), k0 = static_cast<std::size_t>(k);
    const double fe = e - static_cast<double>(e0), fk = k - static_cast<double>(k0);
    const float* const row = table_.data() + (static_cast<std::size_t>(direction) * entries_ + e0) * nz_ + k0;
    return (1 - fe) * ((1 - fk) * static_cast<double>(row[0]) + fk * static_cast<double>(row[1])) +
           fe * ((1 - fk) * static_cast<double>(row[nz_]) + fk * static_cast<double>(row[nz_ + 1]));
  }
  double slope(int direction) const { return slopes_[static_cast<std::size_t>(direction)]; }

 private:
  double x_of(std::size_t ix) const { return box_.low.x + step_ * static_cast<double>(ix); }
  double entry_x(std::size_t entry) const {
    return box_.low.x + step_ * (static_cast<double>(entry) - static_cast<double>(entries_ - nx_) / 2);
  }

  Bounds box_;
  double step_ = 0;
  std::size_t nx_ = 0, nz_ = 0, entries_ = 0;
  std::array<double, directions> slopes_{};
  std::vector<float> table_;
};

/// The mean factor over rays from the elements between two places; the weight is the cosine of their angle, squared: an
/// element hears less from the side, and the image's aperture leaves steep rays out.
double mean_over_aperture(const LossIntegrals& losses, double x, double z, double left, double right) {
  double sum = 0, weights = 0;
  for (int d = 0; d < directions; ++d) {
    const double ray = LossIntegrals::angle(d), start = x - z * losses.slope(d);
    if (start < left || start > right || std::abs(ray) > listening) continue;
    const double weight =
        std::pow(std::cos(ray), 4);  // as many elements lie in a degree as 1 / cos^2, twice the cosine
    sum += weight * std::exp(-losses.at(d, x, z));
    weights += weight;
  }
  if (weights > 0) return sum / weights;
  const double nearest = std::clamp(x, left, right);  // beside the aperture all rays are steep
  return std::exp(-losses.along(x, z, std::atan2(x - nearest, std::max(z, 1e-6))));
}

}  // namespace

std::vector<double> shadow_factors(const SimulationInput& input) {
  const Scatterers& scatterers = input.phantom.scatterers;
  std::vector<double> factors(scatterers.size(), 1.0);
  if (scatterers.size() == 0) return factors;
  const Probe& probe = input.probe;
  std::vector<Vec3> corners;
  double left = probe.elements.front().position.x, right = left, y = 0;
  for (const Element& element : probe.elements) {
    left = std::min(left, element.position.x), right = std::max(right, element.position.x);
    y += element.position.y / static_cast<double>(probe.size());
  }
  Bounds box = bounds_of(scatterers.positions);
  box.low.x = std::min(box.low.x, left), box.high.x = std::max(box.high.x, right), box.low.z = 0;
  const LossIntegrals losses(input.phantom, box, y, input.pulse.frequency());
  // Directions of plane waves; other transmits reach a point from all over the aperture.
  std::vector<double> plane;
  for (const Transmit& transmit : input.sequence.transmits)
    if (transmit.wave == Transmit::Wave::plane) plane.push_back(std::atan2(transmit.direction.x, transmit.direction.z));
  const std::size_t others = input.sequence.transmits.size() - plane.size();
  parallel_blocks(scatterers.size(), 1024, [&](std::size_t begin, std::size_t end) {
    for (std::size_t s = begin; s < end; ++s) {
      const Vec3 p = scatterers.positions[s];
      const double back = mean_over_aperture(losses, p.x, p.z, left, right);
      double there = static_cast<double>(others) * back;
      for (const double angle : plane) there += std::exp(-losses.along(p.x, p.z, angle));
      factors[s] = back * there / static_cast<double>(input.sequence.transmits.size());
    }
  });
  return factors;
}

Phantom shadowed(const SimulationInput& input) {
  Phantom phantom = input.phantom;
  const auto factors = shadow_factors(input);
  for (std::size_t s = 0; s < factors.size(); ++s) phantom.scatterers.amplitudes[s] *= factors[s];
  return phantom;
}

}  // namespace sonoforge
