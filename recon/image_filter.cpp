#include "recon/image_filter.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace sonoforge {

namespace {

constexpr std::ptrdiff_t most_reach = 50;  // pixels on each side

/// Pixels' sizes at one depth.
struct PixelSize {
  double lateral, axial;
};

PixelSize pixel_size(const PixelGrid& grid, std::size_t iz) {
  const double across = std::abs(grid.x.step), down = std::abs(grid.z.step);
  if (grid.kind == PixelGrid::Kind::cartesian) return {across, down};
  return {across * std::max(std::abs(grid.z.at(iz)), down), down};  // the apex itself has no width
}

/// How many pixels `length` reaches to each side; an axis of one pixel has no neighbours.
std::ptrdiff_t reach(double length, double pixel, std::size_t count) {
  if (count < 2 || !(pixel > 0)) return 0;
  const double pixels = std::floor(length / pixel + 1e-9);
  // A polar grid's pixels shrink to nothing at its apex: there the whole row is the neighbourhood at most.
  const double bounded = std::min(pixels, static_cast<double>(count - 1));
  if (bounded > static_cast<double>(most_reach))
    throw UserError("an image filter reaches over " + std::to_string(static_cast<long long>(bounded)) +
                    " pixels on each side (at most " + std::to_string(most_reach) +
                    " are allowed). Choose a smaller width or a coarser image");
  return static_cast<std::ptrdiff_t>(bounded);
}

/// Calls visit(value) for all pixels of the rectangle around (iz, iy, ix) that the image holds.
template <class Visit>
void around(const RealMap& map, std::size_t iz, std::size_t iy, std::size_t ix, std::ptrdiff_t rows,
            std::ptrdiff_t columns, const Visit& visit) {
  const auto first = [](std::size_t at, std::ptrdiff_t by) {
    return static_cast<std::size_t>(std::max<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(at) - by, 0));
  };
  const auto last = [](std::size_t at, std::ptrdiff_t by, std::size_t count) {
    return std::min(at + static_cast<std::size_t>(by), count - 1);
  };
  for (std::size_t z = first(iz, rows); z <= last(iz, rows, map.grid.z.count); ++z)
    for (std::size_t x = first(ix, columns); x <= last(ix, columns, map.grid.x.count); ++x) visit(map.values(z, iy, x));
}

struct Gaussian : ImageFilter {
  double width = 0.3e-3;
  void fields(FieldVisitor& visit) override {
    visit(width,
          {.key = "width", .doc = "Full width at half maximum.", .unit = Unit::metre, .min = positive, .max = 0.1});
  }
  RealMap apply(const RealMap& in) const override {
    // exp(-4 ln 2 (r / width)^2), cut at 1.5 widths, where it is 0.2 % of its peak; the weights that remain sum to one.
    const auto pass = [&](const RealMap& from, bool lateral) {
      RealMap out(from.grid);
      parallel_for(from.grid.z.count, [&](std::size_t iz) {
        const PixelSize size = pixel_size(from.grid, iz);
        const double pixel = lateral ? size.lateral : size.axial;
        const std::size_t count = lateral ? from.grid.x.count : from.grid.z.count;
        const std::ptrdiff_t far = reach(1.5 * width, pixel, count);
        std::vector<double> weights;
        for (std::ptrdiff_t k = 0; k <= far; ++k) {
          const double r = static_cast<double>(k) * pixel / width;
          weights.push_back(std::exp2(-4 * r * r));
        }
        for (std::size_t iy = 0; iy < from.grid.y.count; ++iy)
          for (std::size_t ix = 0; ix < from.grid.x.count; ++ix) {
            double sum = 0, total = 0;
            const auto at = static_cast<std::ptrdiff_t>(lateral ? ix : iz);
            for (std::ptrdiff_t k = std::max(-far, -at); k <= far && at + k < static_cast<std::ptrdiff_t>(count); ++k) {
              const double weight = weights[static_cast<std::size_t>(std::abs(k))];
              const auto there = static_cast<std::size_t>(at + k);
              sum += weight * static_cast<double>(lateral ? from.values(iz, iy, there) : from.values(there, iy, ix));
              total += weight;
            }
            out.values(iz, iy, ix) = static_cast<float>(sum / total);
          }
      });
      return out;
    };
    return pass(pass(in, true), false);
  }
};

struct Median : ImageFilter {
  double width = 0.3e-3;
  void fields(FieldVisitor& visit) override {
    visit(width, {.key = "width",
                  .doc = "Side of the square whose median each pixel takes.",
                  .unit = Unit::metre,
                  .min = positive,
                  .max = 0.1});
  }
  RealMap apply(const RealMap& in) const override {
    RealMap out(in.grid);
    parallel_for(in.grid.z.count, [&](std::size_t iz) {
      const PixelSize size = pixel_size(in.grid, iz);
      const std::ptrdiff_t rows = reach(width / 2, size.axial, in.grid.z.count);
      const std::ptrdiff_t columns = reach(width / 2, size.lateral, in.grid.x.count);
      std::vector<float> values;
      for (std::size_t iy = 0; iy < in.grid.y.count; ++iy)
        for (std::size_t ix = 0; ix < in.grid.x.count; ++ix) {
          values.clear();
          around(in, iz, iy, ix, rows, columns, [&](float value) { values.push_back(value); });
          // Of an even number of values (at the edges) the mean of the middle two.
          const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
          std::nth_element(values.begin(), middle, values.end());
          float median = *middle;
          if (values.size() % 2 == 0) median = 0.5F * (median + *std::max_element(values.begin(), middle));
          out.values(iz, iy, ix) = median;
        }
    });
    return out;
  }
};

struct Lee : ImageFilter {
  double width = 0.6e-3;
  double speckle_snr = 1.9130;  // sqrt(pi / (4 - pi)): Rayleigh
  void fields(FieldVisitor& visit) override {
    visit(width, {.key = "width",
                  .doc = "Side of the square of local statistics.",
                  .unit = Unit::metre,
                  .min = positive,
                  .max = 0.1});
    visit(speckle_snr, {.key = "speckle_snr",
                        .doc = "Mean over standard deviation of speckle: 1.913 for one look, more after compounding.",
                        .min = 0.1,
                        .max = 100});
  }
  RealMap apply(const RealMap& in) const override {
    RealMap out(in.grid);
    const double noise = 1 / (speckle_snr * speckle_snr);  // squared coefficient of variation of speckle
    parallel_for(in.grid.z.count, [&](std::size_t iz) {
      const PixelSize size = pixel_size(in.grid, iz);
      const std::ptrdiff_t rows = reach(width / 2, size.axial, in.grid.z.count);
      const std::ptrdiff_t columns = reach(width / 2, size.lateral, in.grid.x.count);
      for (std::size_t iy = 0; iy < in.grid.y.count; ++iy)
        for (std::size_t ix = 0; ix < in.grid.x.count; ++ix) {
          double n = 0, sum = 0, squares = 0;
          around(in, iz, iy, ix, rows, columns, [&](float value) {
            const auto v = static_cast<double>(value);
            n += 1, sum += v, squares += v * v;
          });
          const double mean = sum / n, variance = std::max(squares / n - mean * mean, 0.0);
          // Variance of the scene below the speckle: (var - mean^2 noise) / (1 + noise) [lee1980, multiplicative
          // noise].
          const double scene = std::max(variance - mean * mean * noise, 0.0) / (1 + noise);
          const double gain = variance > 0 ? scene / variance : 0;
          const auto value = static_cast<double>(in.values(iz, iy, ix));
          out.values(iz, iy, ix) = static_cast<float>(mean + gain * (value - mean));
        }
    });
    return out;
  }
};

}  // namespace

const Catalog& image_filter_catalog() {
  static const Catalog catalog{
      "image_filter",
      "Smoothing of the envelope before it is shown and measured.",
      {row_of<Gaussian>("gaussian", "Weighted mean of the neighbourhood."),
       row_of<Median>("median", "Median of a square: removes single bright or dark pixels, keeps edges."),
       row_of<Lee>("lee",
                   "Local mean where the spread is that of speckle, the pixel itself at edges and points [lee1980].")},
      {}};
  return catalog;
}

RealMap filtered(RealMap envelope, const std::vector<Typed<ImageFilter>>& filters) {
  for (const auto& filter : filters) envelope = filter->apply(envelope);
  return envelope;
}

}  // namespace sonoforge
