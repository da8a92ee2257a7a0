#include "phantoms/speckle.hpp"

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"

namespace sonoforge {

namespace {
constexpr double edge = 1e-3;  // of a world cell [m]
}

void add_speckle(Phantom& phantom, const RandomStream& random) {
  double densest = phantom.background.scatterer_density;
  for (const auto& region : phantom.regions) densest = std::max(densest, region.tissue.scatterer_density);
  if (!(densest > 0)) return;

  const Bounds& extent = phantom.extent;
  const bool plane = extent.low.y == extent.high.y;
  for (double v : {extent.low.x, extent.low.y, extent.low.z, extent.high.x, extent.high.y, extent.high.z})
    if (!(std::abs(v) < 100)) throw ConfigError("extent", "the extent is not bounded (scatterers would fill space). Write for example 'extent: {x: [-20 mm, 20 mm], y: [0 mm, 0 mm], z: [1 mm, 45 mm]}'");
  const auto first = [](double v) { return static_cast<std::int64_t>(std::floor(v / edge)); };
  const auto last = [](double v) { return static_cast<std::int64_t>(std::ceil(v / edge)); };
  const std::int64_t x0 = first(extent.low.x), x1 = std::max(last(extent.high.x), x0 + 1), z0 = first(extent.low.z), z1 = std::max(last(extent.high.z), z0 + 1);
  const std::int64_t y0 = plane ? 0 : first(extent.low.y), y1 = plane ? 1 : last(extent.high.y);
  const double cells = static_cast<double>(x1 - x0) * static_cast<double>(y1 - y0) * static_cast<double>(z1 - z0);
  const double mean = densest * edge * edge * edge;
  if (cells * (mean + 1) > max_scatterers)
    throw ConfigError("extent", "about " + format_number(std::round(cells * mean)) + " scatterers would fill the extent (at most " +
                                    format_number(max_scatterers) + " are supported). Use a smaller extent or scatterer_density");

  // One row of cells along x at a time.
  const auto ny = static_cast<std::size_t>(y1 - y0), nz = static_cast<std::size_t>(z1 - z0);
  std::vector<Scatterers> rows(ny * nz);
  parallel_for(rows.size(), [&](std::size_t row) {
    const std::int64_t iz = z0 + static_cast<std::int64_t>(row / ny), iy = y0 + static_cast<std::int64_t>(row % ny);
    Scatterers& out = rows[row];
    for (std::int64_t ix = x0; ix < x1; ++ix) {
      // Cells within 2 km of the origin have distinct numbers.
      const auto number = [](std::int64_t i) { return static_cast<std::uint64_t>(i + (1 << 20)); };
      const RandomStream cell = random.child("speckle cell", number(ix) << 42 | number(iy) << 21 | number(iz));
      double height = 0;
      for (std::uint64_t i = 0;; ++i) {
        const auto bits = cell.block(2 * i);
        const auto unit = [](std::uint32_t b) { return (static_cast<double>(b) + 0.5) * 0x1p-32; };
        height += -std::log(unit(bits[3])) / (edge * edge * edge);
        if (height >= densest) break;
        Vec3 p{(static_cast<double>(ix) + unit(bits[0])) * edge, (static_cast<double>(iy) + unit(bits[1])) * edge,
               (static_cast<double>(iz) + unit(bits[2])) * edge};
        if (plane) p.y = extent.low.y;
        if (p.x < extent.low.x || p.x > extent.high.x || p.y < extent.low.y || p.y > extent.high.y || p.z < extent.low.z || p.z > extent.high.z) continue;
        const int region = phantom.region_at(p);
        const Tissue& tissue = phantom.tissue_of(region);
        if (height >= tissue.scatterer_density) continue;
        double gain = region >= 0 ? phantom.regions[static_cast<std::size_t>(region)].gain_db : 0;
        if (phantom.echo_map) gain += phantom.echo_map->gain_db(p);
        const double strength = tissue.strength() * std::pow(10.0, gain / 20);
        if (strength == 0) continue;
        out.positions.push_back(p);
        out.amplitudes.push_back(strength * cell.normal_pair_at(2 * i + 1)[0]);
        out.regions.push_back(region);
      }
    }
  });
  Scatterers& all = phantom.scatterers;
  for (const auto& row : rows) {
    all.positions.insert(all.positions.end(), row.positions.begin(), row.positions.end());
    all.amplitudes.insert(all.amplitudes.end(), row.amplitudes.begin(), row.amplitudes.end());
    all.regions.insert(all.regions.end(), row.regions.begin(), row.regions.end());
  }
}

}  // namespace sonoforge
