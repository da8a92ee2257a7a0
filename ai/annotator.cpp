#include "ai/annotator.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/parallel.hpp"

namespace sonoforge {

namespace {

constexpr double pi = std::numbers::pi;

/// A normal field of rms 1: a sum of waves whose numbers are normal with deviation 1 / l, which has the covariance
/// exp(-r^2 / (2 l^2)).
class SmoothField {
 public:
  SmoothField(double length, RandomStream random) {
    for (auto& wave : waves_) wave = {random.normal() / length, random.normal() / length, random.uniform(0, 2 * pi)};
  }
  double operator()(double x, double z) const {
    double sum = 0;
    for (const auto& [kx, kz, phase] : waves_) sum += std::cos(kx * x + kz * z + phase);
    return sum * std::sqrt(2.0 / static_cast<double>(waves_.size()));
  }

 private:
  std::array<std::array<double, 3>, 64> waves_;
};

/// One plane of a class.
struct Plane {
  std::size_t nx, nz;
  std::vector<std::uint8_t> mask;  ///< [z, x]
};

/// Number of the connected part (edges touch) of every pixel, from 1; 0 outside.
std::vector<int> parts_of(const Plane& plane, int& count) {
  std::vector<int> part(plane.mask.size(), 0);
  std::vector<std::size_t> open;
  count = 0;
  for (std::size_t start = 0; start < part.size(); ++start) {
    if (!plane.mask[start] || part[start]) continue;
    part[start] = ++count;
    open.assign(1, start);
    while (!open.empty()) {
      const std::size_t i = open.back(), x = i % plane.nx, z = i / plane.nx;
      open.pop_back();
      const auto visit = [&](std::size_t k) {
        if (plane.mask[k] && !part[k]) part[k] = count, open.push_back(k);
      };
      if (x > 0) visit(i - 1);
      if (x + 1 < plane.nx) visit(i + 1);
      if (z > 0) visit(i - plane.nx);
      if (z + 1 < plane.nz) visit(i + plane.nx);
    }
  }
  return part;
}

/// Moves the outline of a mask outwards by shift(x, z), of which `reach` is a bound.
template <class Shift>
void move_outline(Plane& plane, const PixelGrid& grid, std::size_t iy, double reach, const Shift& shift) {
  const Plane old = plane;
  const std::size_t nx = plane.nx, nz = plane.nz;
  parallel_for(nz, [&](std::size_t z) {
    const double across =
        std::abs(grid.x.step) * (grid.kind == PixelGrid::Kind::polar ? std::max(grid.z.at(z), 1e-6) : 1);
    const double down = std::abs(grid.z.step), half = 0.5 * std::min(across, down);
    const auto wx = static_cast<std::size_t>(std::ceil((reach + across) / across)),
               wz = static_cast<std::size_t>(std::ceil((reach + down) / down));
    for (std::size_t x = 0; x < nx; ++x) {
      const bool inside = old.mask[z * nx + x];
      const Vec3 p = grid.position(z, iy, x);
      // Distance to the outline: half a pixel less than to the nearest pixel on its other side.
      double nearest = 1e300;
      for (std::size_t v = z > wz ? z - wz : 0; v <= std::min(z + wz, nz - 1); ++v)
        for (std::size_t u = x > wx ? x - wx : 0; u <= std::min(x + wx, nx - 1); ++u) {
          if (static_cast<bool>(old.mask[v * nx + u]) == inside) continue;
          const Vec3 q = grid.position(v, iy, u);
          nearest = std::min(nearest, (q.x - p.x) * (q.x - p.x) + (q.z - p.z) * (q.z - p.z));
        }
      if (nearest > 1e299) continue;  // out of the outline's reach
      const double distance = std::sqrt(nearest) - half;
      plane.mask[z * nx + x] = (inside ? distance : -distance) + shift(p.x, p.z) > 0;
    }
  });
}

std::int64_t poisson(double mean, RandomStream& random) {
  // Arrivals of a process of rate 1 within `mean`.
  std::int64_t count = 0;
  for (double at = -std::log(random.uniform()); at < mean; at -= std::log(random.uniform())) ++count;
  return count;
}

}  // namespace

void AnnotatorConfig::fields(FieldVisitor& visit) {
  visit(bias, {.key = "bias",
               .doc = "How far outside the true outlines the drawn ones lie on average.",
               .unit = Unit::metre,
               .min = -0.02,
               .max = 0.02});
  visit(jitter,
        {.key = "jitter", .doc = "Root mean square error of the outline.", .unit = Unit::metre, .min = 0, .max = 0.01});
  visit(correlation, {.key = "correlation",
                      .doc = "Length over which that error stays alike.",
                      .unit = Unit::metre,
                      .min = 1e-5,
                      .max = 0.5});
  visit(missed, {.key = "missed",
                 .doc = "Probability that a structure is not drawn.",
                 .unit = Unit::fraction,
                 .min = 0,
                 .max = 1});
  visit(invented, {.key = "invented", .doc = "Mean number of discs drawn where nothing is.", .min = 0, .max = 100});
  visit(invented_radius,
        {.key = "invented_radius", .doc = "Their median radius.", .unit = Unit::metre, .min = 1e-5, .max = 0.1});
  visit(invented_spread,
        {.key = "invented_spread", .doc = "Standard deviation of the logarithm of that radius.", .min = 0, .max = 2});
  visit(classes, {.key = "classes",
                  .doc = "Classes that the reader looks for (default: all); invented discs belong to the first."});
}

LabelMap AnnotatorConfig::annotate(const LabelMap& segmentation, const RandomStream& random) const {
  for (const auto& name : classes)
    if (std::find(segmentation.channels.begin(), segmentation.channels.end(), name) == segmentation.channels.end()) {
      const auto near = nearest_word(name, segmentation.channels);
      throw ConfigError("classes", "'" + name + "' is no class of this phantom (the reader could not find it). " +
                                       (near.empty() ? "Use a label of the phantom" : "Did you mean '" + near + "'?"));
    }
  const auto looks_for = [&](const std::string& name) {
    return classes.empty() || std::find(classes.begin(), classes.end(), name) != classes.end();
  };
  const PixelGrid& grid = segmentation.grid;
  const std::size_t nx = grid.x.count, ny = grid.y.count, nz = grid.z.count;
  LabelMap out = segmentation;
  out.name = "annotation";
  out.description = "outlines as a simulated reader draws them";
  std::fill(out.values.flat().begin(), out.values.flat().end(), 0.0F);
  const double reach = std::abs(bias) + 5 * jitter;
  std::size_t first = segmentation.channels.size();
  for (std::size_t c = 0; c < segmentation.channels.size(); ++c) {
    if (!looks_for(segmentation.channels[c])) continue;
    first = std::min(first, c);
    const RandomStream own = random.child(segmentation.channels[c]);
    const SmoothField field(correlation, own.child("outline"));
    const RandomStream attention = own.child("attention");
    for (std::size_t iy = 0; iy < ny; ++iy) {
      Plane plane{nx, nz, std::vector<std::uint8_t>(nx * nz)};
      for (std::size_t i = 0; i < plane.mask.size(); ++i)
        plane.mask[i] = segmentation.values(c, i / nx, iy, i % nx) != 0;
      int count = 0;
      const std::vector<int> part = parts_of(plane, count);
      for (std::size_t i = 0; i < part.size(); ++i)
        if (part[i] && attention.uniform_at(static_cast<std::uint64_t>(part[i])) < missed) plane.mask[i] = 0;
      if (reach > 0)
        move_outline(plane, grid, iy, reach, [&](double x, double z) {
          return bias + std::clamp(jitter * field(x, z), -5 * jitter, 5 * jitter);
        });
      for (std::size_t i = 0; i < plane.mask.size(); ++i) out.values(c, i / nx, iy, i % nx) = plane.mask[i];
    }
  }
  if (first == segmentation.channels.size() || !(invented > 0)) return out;
  RandomStream fancy = random.child("invented");
  const std::int64_t count = poisson(invented, fancy);
  for (std::int64_t i = 0; i < count; ++i) {
    const double radius = invented_radius * std::exp(invented_spread * fancy.normal());
    // Somewhere without a class; after many tries the picture is full and the reader desists.
    for (int attempt = 0; attempt < 200; ++attempt) {
      const std::size_t x = fancy.integer_below(nx), z = fancy.integer_below(nz);
      bool taken = false;
      for (std::size_t c = 0; c < segmentation.channels.size(); ++c)
        taken |= (segmentation.values(c, z, ny / 2, x) != 0 && looks_for(segmentation.channels[c])) ||
                 out.values(c, z, ny / 2, x) != 0;
      if (taken) continue;
      const Vec3 middle = grid.position(z, ny / 2, x);
      for (std::size_t v = 0; v < nz; ++v)
        for (std::size_t u = 0; u < nx; ++u) {
          const Vec3 p = grid.position(v, ny / 2, u);
          if (std::hypot(p.x - middle.x, p.z - middle.z) <= radius) out.values(first, v, ny / 2, u) = 1;
        }
      break;
    }
  }
  return out;
}

}  // namespace sonoforge
