#include "sim/echo_tree.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "sim/firing.hpp"
#include "sim/surface_quadrature.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t sampled_elements = 33, sampled_transmits = 9;
constexpr double two_pi = 2 * std::numbers::pi;
constexpr double smallest_bin = 30;  // side of those times the wavenumber
constexpr double bin_size = 2000;    // scatterers of the first, coarse cells

/// `count` indices spread evenly over [0, n), both ends among them.
std::vector<std::size_t> spread(std::size_t n, std::size_t count) {
  std::vector<std::size_t> indices;
  if (n <= count) {
    indices.resize(n);
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    return indices;
  }
  for (std::size_t i = 0; i < count; ++i) indices.push_back(i * (n - 1) / (count - 1));
  return indices;
}

/// Widens [low, high] by the directions of all points of a box of half sides `half`, its centre at d from an element.
void extend(Vec3& low, Vec3& high, Vec3 d, double square, Vec3 half) {
  const double range = std::sqrt(std::max(square, 1e-24)), shortest = std::max(range - norm(half), 1e-12);
  const Vec3 u = d / range, size{std::abs(u.x), std::abs(u.y), std::abs(u.z)};
  // A step along the direction does not turn it.
  const double along = dot(size, half);
  const auto turn = [&](double part, double own) {
    return (own * (1 - part * part) + part * (along - part * own)) / shortest;
  };
  const Vec3 spread{turn(size.x, half.x), turn(size.y, half.y), turn(size.z, half.z)};
  low = {std::min(low.x, u.x - spread.x), std::min(low.y, u.y - spread.y), std::min(low.z, u.z - spread.z)};
  high = {std::max(high.x, u.x + spread.x), std::max(high.y, u.y + spread.y), std::max(high.z, u.z + spread.z)};
}

/// Bounds of own - range over all places of a cell: own is the distance from a part of an element, range that from the
/// element's centre, `apart` from the part. Its gradient is the difference of two directions, which is at most
/// 2 apart / (own + range); where the cell is not small beside the distances, the directions at its centre tell little.
struct PathBounds {
  bool large;
  double slope = 0;          // of the difference, largest in the cell
  double low = 0, high = 0;  // [m]

  PathBounds(double apart, double own, double range, double radius) : large(radius > (own + range) / 8) {
    if (!large) return;
    const double middle = (own + range) / 2, difference = own - range;
    slope = middle - radius > apart / 2 ? apart / (middle - radius) : 2;
    // The slope summed from the centre outwards; no difference exceeds what the places are apart.
    const double change = middle > radius ? apart * std::log(middle / (middle - radius)) : 2 * apart;
    low = std::max(difference - change, -apart), high = std::min(difference + change, apart);
  }
};

/// What interpolation from 1, 2 .. Chebyshev nodes makes of k - i a beside the straight line over a band [1/m].
std::vector<double> interpolation_errors(const WaveLaw& law, double low, double high) {
  constexpr std::size_t places = 65, most = 24;
  if (law.lossless) return {0};
  std::vector<std::complex<double>> rest(places);
  const auto at = [&](double f) { return std::complex<double>(law.wavenumber(f), -law.attenuation(f)); };
  const auto first = at(low), last = at(high);
  const auto rest_at = [&](double x) { return at(low + (high - low) * x) - first - x * (last - first); };
  for (std::size_t i = 0; i < places; ++i) rest[i] = rest_at(static_cast<double>(i) / (places - 1));
  std::vector<double> errors, weights(most);
  for (std::size_t count = 1; count <= most; ++count) {
    std::vector<std::complex<double>> nodes;
    for (std::size_t m = 0; m < count; ++m) nodes.push_back(rest_at((1 + chebyshev_point(count, m)) / 2));
    double worst = 0;
    for (std::size_t i = 0; i < places; ++i) {
      chebyshev_weights(count, 2 * static_cast<double>(i) / (places - 1) - 1, weights.data());
      std::complex<double> value = 0;
      for (std::size_t m = 0; m < count; ++m) value += weights[m] * nodes[m];
      worst = std::max(worst, std::abs(value - rest[i]));
    }
    errors.push_back(worst);
  }
  return errors;
}

}  // namespace

EchoTree::EchoTree(const EchoModel& model, const Aperture& aperture, const SmoothResponse& response,
                   const ScattererGroup& group, std::span<const Transmit> transmits, const Limits& limits)
    : model_(model),
      aperture_(aperture),
      response_(response),
      limits_(limits),
      exponent_(group.exponent),
      wavenumber_(std::max(std::abs(model.law.wavenumber(limits.high)), std::abs(model.law.wavenumber(limits.low)))),
      half_band_(std::abs(model.law.wavenumber(limits.high) - model.law.wavenumber(limits.low)) / 2 * 1.1),
      transmit_count_(transmits.size()),
      sample_(spread(aperture.frames().size(), sampled_elements)),
      positions_(group.positions),
      strengths_(group.strengths) {
  law_errors_ = interpolation_errors(model.law, limits.low, limits.high + 0.1 * (limits.high - limits.low));
  for (std::size_t t : spread(transmits.size(), sampled_transmits)) {
    std::vector<Timing> timings;
    for (const Firing& firing : firings_of(transmits[t], aperture.frames().size() / aperture.strips())) {
      const auto [first, last] =
          std::minmax_element(firing.delays_and_weights.begin(), firing.delays_and_weights.end());
      timings.push_back({firing.element * aperture.strips() + aperture.strips() / 2, first->first, last->first});
    }
    std::vector<Timing> some;
    for (std::size_t i : spread(timings.size(), sampled_elements)) some.push_back(timings[i]);
    timings_.push_back(std::move(some));
  }
  const Parts parts = sort_into_bins();
  std::vector<std::vector<TreeCell>> cells(parts.size());
  parallel_for(parts.size(), [&](std::size_t i) {
    Parts own{parts[i]};
    plan(own, 0, cells[i]);
  });
  for (auto& some : cells)
    cells_.insert(cells_.end(), std::make_move_iterator(some.begin()), std::make_move_iterator(some.end()));
  for (const TreeCell& cell : cells_) longest_ = std::max(longest_, cell.sight.duration);
  // Sampled transmits and elements may miss a little; sizes of records are rounded up too.
  longest_ = 1.3 * longest_ + 64 / (limits.high - limits.low);
}

std::size_t EchoTree::law_frequencies(double distance) const {
  std::size_t count = 1;
  while (count < law_errors_.size() && law_errors_[count - 1] * distance > 0.1 * limits_.tolerance) ++count;
  return count;
}

EchoTree::Parts EchoTree::sort_into_bins() {
  const std::size_t n = positions_.size();
  const Cell all = box_of(0, n);
  // Cubes with about bin_size scatterers each, as many as fit; only sides that are long enough are cut.
  const double wanted = std::clamp(static_cast<double>(n) / bin_size, 1.0, 4096.0);
  std::array<double, 3> sides{2 * all.half.x, 2 * all.half.y, 2 * all.half.z};
  std::array<std::size_t, 3> counts{1, 1, 1};
  const double longest = *std::max_element(sides.begin(), sides.end());
  // Many scatterers in few wavelengths are not for small cells: points may stand for them.
  double low = std::max(longest / wanted / 2, smallest_bin / wavenumber_), high = std::max(2 * longest, 2 * low);
  for (int step = 0; step < 60 && high > 0; ++step) {
    const double side = (low + high) / 2;
    double product = 1;
    for (double s : sides) product *= std::max(1.0, std::floor(s / side));
    (product > wanted ? low : high) = side;
  }
  for (std::size_t axis = 0; axis < 3; ++axis)
    if (high > 0) counts[axis] = static_cast<std::size_t>(std::max(1.0, std::floor(sides[axis] / high)));
  const std::size_t bins = counts[0] * counts[1] * counts[2];
  const auto place = [&](double value, double middle, double half, std::size_t count) {
    if (half <= 0) return std::size_t{0};
    const double at = (value - middle + half) / (2 * half) * static_cast<double>(count);
    return std::min(count - 1, static_cast<std::size_t>(std::max(at, 0.0)));
  };
  std::vector<std::uint32_t> bin(n);
  parallel_blocks(n, 16384, [&](std::size_t begin, std::size_t end) {
    for (std::size_t s = begin; s < end; ++s) {
      const Vec3 p = positions_[s];
      const std::size_t x = place(p.x, all.centre.x, all.half.x, counts[0]),
                        y = place(p.y, all.centre.y, all.half.y, counts[1]),
                        z = place(p.z, all.centre.z, all.half.z, counts[2]);
      bin[s] = static_cast<std::uint32_t>((z * counts[0] + x) * counts[1] + y);
    }
  });
  std::vector<std::size_t> starts(bins + 1, 0);
  for (std::uint32_t b : bin) ++starts[b + 1];
  for (std::size_t b = 0; b < bins; ++b) starts[b + 1] += starts[b];
  std::vector<Vec3> positions(n);
  std::vector<double> strengths(n);
  std::vector<std::size_t> next(starts.begin(), starts.end() - 1);
  for (std::size_t s = 0; s < n; ++s) {
    const std::size_t at = next[bin[s]]++;
    positions[at] = positions_[s], strengths[at] = strengths_[s];
  }
  positions_ = std::move(positions), strengths_ = std::move(strengths);
  Parts parts;
  for (std::size_t b = 0; b < bins; ++b) {
    if (starts[b + 1] == starts[b]) continue;
    Part part;
    part.begin = starts[b], part.end = starts[b + 1], part.box = box_of(part.begin, part.end);
    parts.push_back(std::move(part));
  }
  return parts;
}

Cell EchoTree::box_of(std::size_t begin, std::size_t end) const {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Vec3 low{infinity, infinity, infinity}, high{-infinity, -infinity, -infinity};
  for (std::size_t s = begin; s < end; ++s) {
    const Vec3& p = positions_[s];
    low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
  }
  return {(low + high) / 2, (high - low) / 2};
}

CellSight EchoTree::sight(const Cell& box) const {
  check_interrupted();
  CellSight sight;
  const auto& frames = aperture_.frames();
  const double c = model_.law.sound_speed, radius = box.radius();
  sight.smooth = response_.is_smooth(box);
  // The elements to look at: those that stand for all, and the nearest.
  std::size_t nearest = 0;
  double shortest = std::numeric_limits<double>::infinity(), farthest = 0;
  Directions directions{{1, 1, 1}, {-1, -1, -1}};
  for (std::size_t n = 0; n < frames.size(); ++n) {
    const Vec3 d = box.centre - frames[n].position;
    const double square = dot(d, d);
    if (square < shortest) shortest = square, nearest = n;
    farthest = std::max(farthest, square);
    if (sight.smooth && dot(d, frames[n].normal) + radius > 0)
      extend(directions.low, directions.high, d, square, box.half);
  }
  farthest = std::sqrt(farthest);
  Vec3 spreads{0, 0, 0};
  double closest = std::numeric_limits<double>::infinity(),
         shortest_difference = std::numeric_limits<double>::infinity(), longest_difference = -shortest_difference;
  double least = 0, most = 0, span = 0, steepest = 0;
  for (std::size_t kind = 0; kind < aperture_.kinds(); ++kind) {
    const auto &parts = response_.parts(kind), &frequency_parts = response_.frequency_parts(kind);
    std::vector<double> low(parts.size(), std::numeric_limits<double>::infinity()), high(parts.size(), -low[0]);
    for (std::size_t i = 0; i <= sample_.size(); ++i) {
      const std::size_t n = i < sample_.size() ? sample_[i] : nearest;
      if (aperture_.kind(n) != kind) continue;
      const ElementFrame& frame = frames[n];
      const Vec3 local = frame.local(box.centre);
      if (local.z + radius <= 0 && sight.smooth) continue;
      const double range = norm(local);
      const Vec3 direction = local / std::max(range, 1e-12);
      Vec3 most_spread{0, 0, 0};
      for (std::size_t p = 0; p < parts.size(); ++p) {
        const Vec3 d = local - parts[p].position;
        const double own = norm(d), extra = own - parts[p].lead - range;
        closest = std::min(closest, own);
        const PathBounds bounds(norm(parts[p].position), own, range, radius);
        if (bounds.large) {
          const double first = bounds.low - parts[p].lead, last = bounds.high - parts[p].lead;
          steepest = std::max(steepest, bounds.slope);
          least = std::min(least, first), most = std::max(most, last);
          low[p] = std::min(low[p], first), high[p] = std::max(high[p], last);
          continue;
        }
        const Vec3 turned = d / std::max(own, 1e-12) - direction;
        most_spread = {std::max(most_spread.x, std::abs(turned.x)), std::max(most_spread.y, std::abs(turned.y)),
                       std::max(most_spread.z, std::abs(turned.z))};
        least = std::min(least, extra), most = std::max(most, extra);
        low[p] = std::min(low[p], extra), high[p] = std::max(high[p], extra);
      }
      for (const auto& part : frequency_parts) {
        const double own = norm(local - part.position);
        const PathBounds bounds(norm(part.position), own, range, radius);
        const double first = bounds.large ? bounds.low : own - range, last = bounds.large ? bounds.high : own - range;
        shortest_difference = std::min(shortest_difference, first - part.lead);
        longest_difference = std::max(longest_difference, last - part.lead);
      }
      // From the element's axes to the world's.
      const auto world = [&](Vec3 lateral, Vec3 vertical, Vec3 normal) {
        return Vec3{std::abs(lateral.x) * most_spread.x + std::abs(vertical.x) * most_spread.y +
                        std::abs(normal.x) * most_spread.z,
                    std::abs(lateral.y) * most_spread.x + std::abs(vertical.y) * most_spread.y +
                        std::abs(normal.y) * most_spread.z,
                    std::abs(lateral.z) * most_spread.x + std::abs(vertical.z) * most_spread.y +
                        std::abs(normal.z) * most_spread.z};
      }(frame.lateral, frame.vertical, frame.normal);
      spreads = {std::max(spreads.x, world.x), std::max(spreads.y, world.y), std::max(spreads.z, world.z)};
    }
    for (std::size_t p = 0; p < parts.size(); ++p)
      if (low[p] <= high[p]) span = std::max(span, (high[p] - low[p]) / 2);
  }
  const double tolerance = limits_.tolerance;
  // A small cell moves paths of parts and centre apart by no more than their directions differ.
  const double within = spreads.x * box.half.x + spreads.y * box.half.y + spreads.z * box.half.z;
  sight.least_extra = least - within, sight.most_extra = most + within;
  if (!sight.smooth) sight.most_extra += response_.longest_detour();
  sight.extra_span = wavenumber_ * (span + within);
  if (!sight.smooth) longest_difference += response_.longest_detour();
  const double difference = std::max((longest_difference - shortest_difference) / 2, 0.0);
  sight.shift = difference > 0 ? (longest_difference + shortest_difference) / 2 : 0;
  const double phase = half_band_ * (difference + within * 2 * difference / std::max(most - least, 1e-12));
  const int extra = model_.dimensions == 2 && phase > tolerance ? 1 : 0;
  sight.frequencies =
      phase <= tolerance ? 1 : static_cast<std::size_t>(oscillation_terms(phase, tolerance) + 1 + extra);
  sight.frequencies = std::max(sight.frequencies, law_frequencies(2 * radius));
  const double away = std::max(closest, 1e-9);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double size = component(box.half, axis);
    if (size <= 0) continue;
    const int turns = oscillation_terms(wavenumber_ * size * std::max(component(spreads, axis), steepest), tolerance);
    const double ratio = std::max(away / size, 0.2), rho = ratio + std::sqrt(1 + ratio * ratio);
    const int falloff = static_cast<int>(std::ceil(std::max(0.0, std::log(1 / ratio / tolerance)) / std::log(rho)));
    sight.terms[axis] = static_cast<std::size_t>(std::max(turns, falloff) + 1);
  }
  // Times of arrival over the transmitting elements.
  const double early = farthest * (model_.earliest_slowness - 1 / c),
               late = farthest * (model_.latest_slowness - 1 / c);
  double longest = 0;
  for (const auto& timings : timings_) {
    double first = std::numeric_limits<double>::infinity(), last = -first;
    for (const Timing& timing : timings) {
      const double time = norm(box.centre - frames[timing.element].position) / c;
      first = std::min(first, timing.first + time), last = std::max(last, timing.last + time);
    }
    longest = std::max(longest, last - first);
  }
  sight.duration = std::max(longest, 0.0) + (4 * radius + 2 * (sight.most_extra - sight.least_extra)) / c +
                   2 * (late - early) + 2 * limits_.reach;
  sight.count = aperture_.node_count(box, wavenumber_, tolerance, sight.extra_span, !sight.smooth);
  if (sight.smooth) sight.grid = grid_of(box, {directions.low - spreads, directions.high + spreads}, away);
  return sight;
}

PointGrid EchoTree::grid_of(const Cell& box, const Directions& directions, double away) const {
  PointGrid grid;
  // Close to an element its response is not smooth.
  if (away < 2 * box.radius() || away < 2 * two_pi / wavenumber_) return {};
  const double lowest = model_.law.wavenumber(limits_.low), highest = model_.law.wavenumber(limits_.high);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    // The phase of an echo turns over the cell by 2 k times the direction, k and direction each from an interval.
    const double a = std::max(component(directions.low, axis), -1.0),
                 b = std::min(component(directions.high, axis), 1.0), size = component(box.half, axis);
    const auto [least, most] = std::minmax({2 * lowest * a, 2 * lowest * b, 2 * highest * a, 2 * highest * b});
    component(grid.carrier, axis) = (least + most) / 2;
    std::size_t& count = grid.counts[axis];
    count = 1;
    if (size <= 0) continue;
    const double phase = (most - least) / 2 * size + 2 * model_.law.attenuation(limits_.high) * size;
    const double ratio = away / size, rho = ratio + std::sqrt(1 + ratio * ratio);
    const double falloff = std::ceil(std::max(0.0, std::log(2 / ratio / limits_.tolerance)) / std::log(rho));
    count =
        static_cast<std::size_t>(std::max(oscillation_terms(phase, limits_.tolerance), static_cast<int>(falloff)) + 1);
  }
  return grid;
}

}  // namespace sonoforge
