#include "sim/propagation.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/units.hpp"
#include "sim/attenuation.hpp"

namespace sonoforge {
namespace {

constexpr double one_megahertz = 1e6;
constexpr double coarsest_nodes = 64;          // along the longest side of the box
constexpr std::size_t samples_along_side = 8;  // of a node's cell that a boundary crosses

double loss_at_one_megahertz(const Tissue& tissue) {
  return tissue.attenuation.nepers_per_metre(one_megahertz);
}

/// Whether sound travels in `tissue` otherwise than in `background`.
bool differs(const Tissue& tissue, const Tissue& background) {
  const bool both_lossless = tissue.attenuation.db_per_cm == 0 && background.attenuation.db_per_cm == 0;
  return tissue.sound_speed != background.sound_speed ||
         (!both_lossless && !(tissue.attenuation == background.attenuation));
}

/// The part of a node's cell that lies inside the grid, along one axis.
struct Side {
  double low, high;
  double at(double share) const { return low + share * (high - low); }
};
Side cell_side(double origin, double spacing, std::size_t index, std::size_t count) {
  const double centre = origin + spacing * static_cast<double>(index);
  if (count == 1) return {centre, centre};
  return {index == 0 ? centre : centre - spacing / 2, index + 1 == count ? centre : centre + spacing / 2};
}

}  // namespace

LawAtFrequency law_at(double exponent, double frequency, double reference_frequency, bool dispersion) {
  LawAtFrequency law;
  law.loss = std::pow(frequency / one_megahertz, exponent);
  if (dispersion && frequency > 0) law.phase = law.loss * dispersive_phase(exponent, frequency / reference_frequency);
  return law;
}

Bounds bounds_of(std::span<const Vec3> points) {
  if (points.empty()) return {{0, 0, 0}, {0, 0, 0}};
  Bounds box{points[0], points[0]};
  for (const Vec3& p : points) {
    box.low = {std::min(box.low.x, p.x), std::min(box.low.y, p.y), std::min(box.low.z, p.z)};
    box.high = {std::max(box.high.x, p.x), std::max(box.high.y, p.y), std::max(box.high.z, p.z)};
  }
  return box;
}

std::unique_ptr<const Propagation> make_propagation(PropagationKind kind, const Phantom& phantom, const Probe& probe,
                                                    const Bounds& region, int dimensions) {
  if (kind == PropagationKind::uniform || kind == PropagationKind::shadow) return nullptr;
  Propagation::Options options;
  options.kind = kind;
  options.dimensions = dimensions;
  auto propagation = std::make_unique<const Propagation>(phantom, probe, region, options);
  if (propagation->uniform()) return nullptr;
  return propagation;
}

Propagation::Propagation(const Phantom& phantom, const Probe& probe, const Bounds& region, const Options& options)
    : phantom_(phantom), probe_(probe), options_(options) {
  const Tissue& background = phantom.background;
  exponents_.push_back(background.attenuation.exponent);
  background_rates_.push_back(loss_at_one_megahertz(background));
  slowness_range_ = {1 / background.sound_speed, 1 / background.sound_speed};
  bool heterogeneous = false;
  for (const Region& r : phantom.regions) {
    if (!differs(r.tissue, background)) continue;
    heterogeneous = true;
    slowness_range_.first = std::min(slowness_range_.first, 1 / r.tissue.sound_speed);
    slowness_range_.second = std::max(slowness_range_.second, 1 / r.tissue.sound_speed);
    const double y = r.tissue.attenuation.exponent;
    if (r.tissue.attenuation.db_per_cm == 0 || std::find(exponents_.begin(), exponents_.end(), y) != exponents_.end())
      continue;
    exponents_.push_back(y);
    background_rates_.push_back(0);
  }
  if (!heterogeneous || options.kind == PropagationKind::uniform) return;
  if (options_.delay_error <= 0) options_.delay_error = 0.01 / probe.frequency;

  std::vector<Vec3> corners{region.low, region.high};
  for (const Element& element : probe.elements) corners.push_back(element.position);
  box_ = bounds_of(corners);
  if (!is_finite(box_.low) || !is_finite(box_.high)) throw UserError("the region of the travel times is not finite");
  plane_ = options.dimensions == 2 || plane_suffices();
  // Rays may leave the box of points and elements a little; behind the probe there is nothing.
  const double margin = 0.05 * std::max(box_.high.x - box_.low.x, box_.high.z - box_.low.z);
  box_.low.x -= margin, box_.high.x += margin, box_.high.z += margin;
  if (!plane_) box_.low.y -= margin, box_.high.y += margin;
  choose_grid();
  fill();
}

bool Propagation::plane_suffices() const {
  const double y = probe_.elements.front().position.y;
  for (const Element& element : probe_.elements)
    if (std::abs(element.position.y - y) > 1e-9) return false;
  const double spacing = std::max(box_.high.x - box_.low.x, box_.high.z - box_.low.z) / 256;
  if (spacing <= 0) return false;
  constexpr std::size_t planes = 5;
  for (double z = box_.low.z; z <= box_.high.z; z += spacing)
    for (double x = box_.low.x; x <= box_.high.x; x += spacing) {
      const Tissue& here = phantom_.tissue_at({x, y, z});
      for (std::size_t i = 0; i < planes; ++i) {
        const double share = static_cast<double>(i) / (planes - 1);
        const double other = box_.low.y + share * (box_.high.y - box_.low.y);
        if (differs(phantom_.tissue_at({x, other, z}), here)) return false;
      }
    }
  return true;
}

EikonalGrid Propagation::grid_of(double spacing) const {
  EikonalGrid grid;
  grid.spacing = spacing;
  grid.origin = box_.low;
  const auto nodes = [&](double length) {
    return std::max<std::size_t>(6, static_cast<std::size_t>(std::ceil(length / spacing)) + 1);
  };
  grid.counts = {nodes(box_.high.x - box_.low.x), plane_ ? 1 : nodes(box_.high.y - box_.low.y),
                 nodes(box_.high.z - box_.low.z)};
  if (plane_) grid.origin.y = probe_.elements.front().position.y;
  return grid;
}

double Propagation::bytes(const EikonalGrid& grid) const {
  const double nodes = static_cast<double>(grid.size());
  const double integrals = static_cast<double>(1 + exponents_.size());
  return nodes * integrals * (4.0 * static_cast<double>(probe_.size()) + 8.0 * static_cast<double>(thread_count()));
}

Propagation::Maps Propagation::maps(const EikonalGrid& grid) const {
  const bool straight = options_.kind == PropagationKind::straight;
  const std::size_t laws = exponents_.size(), first_law = straight ? 1 : 0;
  Maps maps;
  maps.slowness.assign(grid.size(), 1 / phantom_.background.sound_speed);
  maps.rates.assign(first_law + laws, std::vector<double>(grid.size()));
  const auto law_of = [&](const Tissue& tissue) {
    const auto found = std::find(exponents_.begin(), exponents_.end(), tissue.attenuation.exponent);
    return found == exponents_.end() ? std::size_t{0} : static_cast<std::size_t>(found - exponents_.begin());
  };
  parallel_for(grid.counts[2], [&](std::size_t k) {
    const Side z = cell_side(grid.origin.z, grid.spacing, k, grid.counts[2]);
    for (std::size_t j = 0; j < grid.counts[1]; ++j)
      for (std::size_t i = 0; i < grid.counts[0]; ++i) {
        const Side x = cell_side(grid.origin.x, grid.spacing, i, grid.counts[0]);
        const Side y = cell_side(grid.origin.y, grid.spacing, j, grid.counts[1]);
        // One sample where corners and centre agree, else the mean over the cell.
        const int region = phantom_.region_at(grid.position(i, j, k));
        bool mixed = false;
        for (int corner = 0; corner < 8 && !mixed; ++corner)
          mixed = phantom_.region_at({x.at(corner & 1), y.at(corner >> 1 & 1), z.at(corner >> 2 & 1)}) != region;
        const std::size_t n = mixed ? samples_along_side : 1, ny = mixed && !grid.plane() ? n : 1;
        const double share = 1 / static_cast<double>(n * n * ny);
        const std::size_t node = grid.index(i, j, k);
        double slowness = 0;
        for (std::size_t c = 0; c < n; ++c)
          for (std::size_t b = 0; b < ny; ++b)
            for (std::size_t a = 0; a < n; ++a) {
              const auto middle = [](std::size_t index, std::size_t count) {
                return (static_cast<double>(index) + 0.5) / static_cast<double>(count);
              };
              const Vec3 sample{x.at(middle(a, n)), y.at(middle(b, ny)), z.at(middle(c, n))};
              const Tissue& tissue = mixed ? phantom_.tissue_at(sample) : phantom_.tissue_of(region);
              slowness += share / tissue.sound_speed;
              maps.rates[first_law + law_of(tissue)][node] += share * loss_at_one_megahertz(tissue);
            }
        if (straight)
          maps.rates[0][node] = slowness - 1 / phantom_.background.sound_speed;
        else
          maps.slowness[node] = slowness;
      }
  });
  return maps;
}

FirstArrivals Propagation::solve(const EikonalGrid& grid, const Maps& maps, std::size_t element) const {
  return first_arrivals(grid, maps.slowness, maps.rates, probe_.elements[element].position);
}

namespace {

/// Travel time at a node beyond the uniform background's.
double excess_delay(const FirstArrivals& arrivals, const EikonalGrid& grid, std::size_t node, double background,
                    bool straight) {
  const std::size_t i = node % grid.counts[0], j = node / grid.counts[0] % grid.counts[1],
                    k = node / (grid.counts[0] * grid.counts[1]);
  const double r = norm(grid.position(i, j, k) - arrivals.source);
  if (straight) return arrivals.source_rates[0] * r + arrivals.excess_integrals[0][node];
  return (arrivals.source_slowness - background) * r + arrivals.excess_time[node];
}

}  // namespace

double Propagation::compare(const EikonalGrid& coarse, const EikonalGrid& fine) const {
  const Maps coarse_maps = maps(coarse), fine_maps = maps(fine);
  const bool straight = options_.kind == PropagationKind::straight;
  const double background = 1 / phantom_.background.sound_speed;
  double sum = 0;
  std::size_t count = 0;
  for (const std::size_t element : {std::size_t{0}, probe_.size() / 2}) {
    const FirstArrivals a = solve(coarse, coarse_maps, element), b = solve(fine, fine_maps, element);
    for (std::size_t k = 0; k < coarse.counts[2]; ++k)
      for (std::size_t j = 0; j < coarse.counts[1]; ++j)
        for (std::size_t i = 0; i < coarse.counts[0]; ++i) {
          const std::size_t fine_j = fine.plane() ? 0 : 2 * j;
          if (2 * i >= fine.counts[0] || fine_j >= fine.counts[1] || 2 * k >= fine.counts[2]) continue;
          const double difference = excess_delay(a, coarse, coarse.index(i, j, k), background, straight) -
                                    excess_delay(b, fine, fine.index(2 * i, fine_j, 2 * k), background, straight);
          sum += difference * difference;
          ++count;
        }
  }
  return std::sqrt(sum / static_cast<double>(count));
}

void Propagation::choose_grid() {
  const double longest =
      std::max({box_.high.x - box_.low.x, box_.high.z - box_.low.z, plane_ ? 0 : box_.high.y - box_.low.y});
  grid_ = grid_of(std::max(longest, 1e-4) / coarsest_nodes);
  delay_error_ = std::numeric_limits<double>::infinity();
  for (EikonalGrid finer = grid_of(grid_.spacing / 2); bytes(finer) <= options_.memory;
       finer = grid_of(grid_.spacing / 2)) {
    // At first order, the least that boundaries leave, the finer grid's error is the difference.
    delay_error_ = compare(grid_, finer);
    grid_ = finer;
    if (delay_error_ <= options_.delay_error) return;
  }
  if (!(delay_error_ <= 10 * options_.delay_error) || bytes(grid_) > options_.memory)
    throw UserError("travel times through this phantom need more than " +
                    format_quantity(options_.memory, Unit::bytes) + " (their tables for " +
                    std::to_string(probe_.size()) +
                    " elements would have too coarse a grid). Use a smaller region of scatterers, tissues that do not "
                    "vary along y, or 'propagation: uniform'");
}

void Propagation::fill() {
  const std::size_t elements = probe_.size(), laws = exponents_.size(), stride = 1 + laws;
  const bool straight = options_.kind == PropagationKind::straight;
  const Maps all = maps(grid_);
  tables_.resize(grid_.size() * elements * stride);
  cone_.resize(elements * stride);
  parallel_for(elements, [&](std::size_t n) {
    const FirstArrivals arrivals = solve(grid_, all, n);
    const std::size_t first_law = straight ? 1 : 0;
    const auto& delays = straight ? arrivals.excess_integrals[0] : arrivals.excess_time;
    double* const cone = cone_.data() + n * stride;
    cone[0] = straight ? arrivals.source_rates[0] : arrivals.source_slowness - 1 / phantom_.background.sound_speed;
    for (std::size_t law = 0; law < laws; ++law)
      cone[1 + law] = arrivals.source_rates[first_law + law] - background_rates_[law];
    for (std::size_t node = 0; node < grid_.size(); ++node) {
      float* const entry = tables_.data() + (node * elements + n) * stride;
      entry[0] = static_cast<float>(delays[node]);
      for (std::size_t law = 0; law < laws; ++law)
        entry[1 + law] = static_cast<float>(arrivals.excess_integrals[first_law + law][node]);
    }
  });
}

void Propagation::excess(Vec3 point, std::span<const std::size_t> elements, double* delay, double* loss) const {
  const std::size_t laws = exponents_.size(), stride = 1 + laws, row = probe_.size() * stride;
  if (uniform()) {
    std::fill_n(delay, elements.size(), 0.0);
    std::fill_n(loss, elements.size() * laws, 0.0);
    return;
  }
  const EikonalStencil stencil = stencil_at(grid_, point);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const std::size_t column = elements[i] * stride;
    Vec3 way = point - probe_.elements[elements[i]].position;
    if (options_.dimensions == 2) way.y = 0;
    const double length = norm(way), flat = plane_ ? std::hypot(way.x, way.z) : length;
    const double lengthening = flat > 0 ? length / flat : 1;
    for (std::size_t integral = 0; integral < stride; ++integral) {
      double sum = 0;
      for (std::size_t s = 0; s < stencil.count; ++s)
        sum += stencil.weight[s] * static_cast<double>(tables_[stencil.node[s] * row + column + integral]);
      const double value = length * cone_[column + integral] + lengthening * sum;
      (integral == 0 ? delay[i] : loss[i * laws + integral - 1]) = value;
    }
  }
}

}  // namespace sonoforge
