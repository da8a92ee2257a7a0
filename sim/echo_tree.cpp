#include "sim/echo_tree.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/parallel.hpp"
#include "sim/firing.hpp"
#include "sim/surface_quadrature.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t sampled_elements = 33, sampled_transmits = 9;
constexpr double two_pi = 2 * std::numbers::pi;
constexpr double smallest_bin = 30;  // side of those times the wavenumber
constexpr double bin_size = 2000;    // scatterers of the first, coarse cells
// Radii times the wavenumber beyond which boxes are halved without a look: none would be summed at once, or hold
// others.
constexpr std::size_t few_scatterers = 8;
constexpr double largest_sum = 60, largest_outer = 250;

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
  double least = 0, most = 0, span = 0;
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
        const Vec3 turned = d / std::max(own, 1e-12) - direction;
        most_spread = {std::max(most_spread.x, std::abs(turned.x)), std::max(most_spread.y, std::abs(turned.y)),
                       std::max(most_spread.z, std::abs(turned.z))};
        least = std::min(least, extra), most = std::max(most, extra);
        low[p] = std::min(low[p], extra), high[p] = std::max(high[p], extra);
      }
      for (const auto& part : frequency_parts) {
        const double difference = norm(local - part.position) - part.lead - range;
        shortest_difference = std::min(shortest_difference, difference);
        longest_difference = std::max(longest_difference, difference);
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
  // A cell moves paths of parts and centre apart by no more than their directions differ.
  const double within = spreads.x * box.half.x + spreads.y * box.half.y + spreads.z * box.half.z;
  sight.least_extra = least - within, sight.most_extra = most + within;
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
    const int turns = oscillation_terms(wavenumber_ * size * component(spreads, axis), tolerance);
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

double EchoTree::blocks(const CellSight& sight) const {
  return std::ceil(sight.duration * (limits_.high - limits_.low) * 1.05 / 8) + 0.5;
}

// Clock cycles, measured on AVX2 in float.
double EchoTree::sums(const CellSight& sight, double n, double j, double b, bool by_matrix) const {
  const double m = static_cast<double>(sight.frequencies), t = static_cast<double>(transmit_count_);
  const double terms = sight.smooth ? static_cast<double>(sight.terms[0] * sight.terms[1] * sight.terms[2]) : n;
  const double responses = 4 + (m > 1 ? 3 + 1.2 * m : 0), pairs = by_matrix ? (j + 1) / 2 * 2.4 : 4.6 * t;
  return std::min(terms, n) * j * response_.cycles(sight.frequencies) + n * j * (25 + b * (responses + pairs)) +
         (terms < n ? n * (100 + 3 * terms + 0.3 * terms * m * j) : 0);
}

EchoTree::Cost EchoTree::with_points(const CellSight& sight, double n, double j, double b, bool by_matrix,
                                     double fixed) const {
  Cost cost{fixed + sums(sight, n, j, b, by_matrix), fixed, false};
  const double points = static_cast<double>(sight.grid.size());
  if (points == 0 || points >= n) return cost;
  const auto& counts = sight.grid.counts;
  const double gridded = fixed + sums(sight, points, j, b, by_matrix) +
                         n * (60 + 5 * static_cast<double>(counts[0] + counts[1] + counts[2]) + points);
  if (gridded < cost.cycles) cost.cycles = gridded, cost.gridded = true;
  return cost;
}

double EchoTree::channels(const CellSight& sight) const {
  const double senders = static_cast<double>(aperture_.frames().size()), t = static_cast<double>(transmit_count_);
  const double strips = static_cast<double>(aperture_.strips()), elements = senders / strips;
  const double j = static_cast<double>(sight.count.nodes), b = blocks(sight), bins = 8 * b;
  const double loss = model_.law.lossless ? 0 : 40 * 8, transform = 1.2 * bins * std::log2(bins) + 300;
  const double mixed = j < senders ? std::min(2.3 * t * senders * j, 2.2 * senders * j + 4.6 * t * elements * j) : 0;
  return 5000 + senders * (300 + b * (16 + loss)) + b * mixed +
         t * elements * (b * 20 * std::min(strips, 2.0) + transform) + t * j * b * 6;
}

EchoTree::Cost EchoTree::cost(const CellSight& sight, double n) const {
  const double j = static_cast<double>(sight.count.nodes), b = blocks(sight);
  const double t = static_cast<double>(transmit_count_), fixed = channels(sight);
  const Cost one_by_one = with_points(sight, n, j, b, false, fixed);
  const Cost matrix = with_points(sight, n, j, b, true, fixed + b * j * j * (2.4 * t + 4));
  return one_by_one.cycles <= matrix.cycles ? one_by_one : matrix;
}

EchoTree::Cost EchoTree::cost_inside(const CellSight& sight, double n, const Outer& outer) const {
  const double p = outer.nodes, b = outer.blocks;
  const double j = std::min(static_cast<double>(sight.count.inside), p), t = static_cast<double>(transmit_count_);
  const double step = 6000 + 8 * p * j + p * (100 + b * 6);
  if (outer.by_matrix)
    return with_points(sight, n, j, b, true, step + b * (j * j * 6 + p * j * (j + p / 2) * 1.2 + p * p * 3));
  const double apart = step + t * b * p * (16 + 2.3 * j);
  const Cost one_by_one = with_points(sight, n, j, b, false, apart);
  const Cost matrix = with_points(sight, n, j, b, true, apart + b * j * j * (2.4 * t + 4));
  return one_by_one.cycles <= matrix.cycles ? one_by_one : matrix;
}

EchoTree::Depths EchoTree::depths(const Part& part) const {
  // What boxes see when the part is halved once, twice ..., until they hold few scatterers.
  std::vector<CellSight> sights;
  std::vector<double> counts, extents;
  Cell box = part.box;
  const double t = static_cast<double>(transmit_count_);
  for (double n = static_cast<double>(part.end - part.begin);; n /= 2) {
    sights.push_back(sight(box)), counts.push_back(n), extents.push_back(wavenumber_ * box.radius());
    if (n < 2 * few_scatterers || box.radius() == 0) break;
    std::size_t axis = 0;
    for (std::size_t a = 1; a < 3; ++a)
      if (component(box.half, a) > component(box.half, axis)) axis = a;
    component(box.half, axis) /= 2;
  }
  Depths best;
  double least = std::numeric_limits<double>::infinity();
  for (std::size_t d = 0; d < sights.size(); ++d) {
    const CellSight& own = sights[d];
    const double cells = std::exp2(static_cast<double>(d));
    if (extents[d] <= largest_sum || d + 1 == sights.size()) {
      const double alone = cells * cost(own, counts[d]).cycles;
      if (alone < least) least = alone, best = {d, d, false};
    }
    if (extents[d] > largest_outer || !own.smooth || !own.count.whole) continue;
    for (const bool by_matrix : {false, true}) {
      if (by_matrix && transmit_count_ == 1) continue;
      const double j = static_cast<double>(own.count.nodes);
      const Outer outer{j, blocks(own), by_matrix};
      const double fixed = cells * (channels(own) + (by_matrix ? outer.blocks * j * j * (2.4 * t + 4) : 0));
      for (std::size_t i = d + 1; i < sights.size() && fixed < least; ++i) {
        if (extents[i] > largest_sum) continue;
        const double all = fixed + std::exp2(static_cast<double>(i)) * cost_inside(sights[i], counts[i], outer).cycles;
        if (all < least) least = all, best = {d, i, by_matrix};
      }
    }
  }
  return best;
}

void EchoTree::cut(Parts& parts, std::size_t part, std::size_t times, std::vector<std::size_t>& out) {
  if (times == 0 || !halve(parts, part)) {
    out.push_back(part);
    return;
  }
  const std::size_t first = parts[part].halves;
  cut(parts, first, times - 1, out);
  cut(parts, first + 1, times - 1, out);
}

void EchoTree::plan(Parts& parts, std::size_t part, std::vector<TreeCell>& cells) {
  const Depths best = depths(parts[part]);
  const double n = static_cast<double>(parts[part].end - parts[part].begin),
               usual = n / std::exp2(static_cast<double>(best.cells));
  std::vector<std::size_t> some, inner;
  cut(parts, part, best.cells, some);
  for (const std::size_t i : some) {
    const auto count = parts[i].end - parts[i].begin;
    const double share = static_cast<double>(count) / usual;
    // Scatterers that crowd together need a plan of their own.
    if (i != part && share > 3 && count > few_scatterers) {
      plan(parts, i, cells);
      continue;
    }
    const CellSight own = look(parts, i);
    const bool grouped = best.inner > best.cells;
    if (grouped ? !own.smooth || !own.count.whole : own.smooth != own.count.whole) {
      divide(parts, i, cells);
      continue;
    }
    TreeCell cell{parts[i].box, parts[i].begin, parts[i].end, own, false, {}, best.by_matrix};
    inner.clear();
    if (grouped) cut(parts, i, best.inner - best.cells, inner);
    if (inner.size() > 1) {
      const Outer outer{static_cast<double>(own.count.nodes), blocks(own), best.by_matrix};
      for (const std::size_t k : inner) {
        const CellSight seen = look(parts, k);
        const Part& p = parts[k];
        cell.inner.push_back({p.box,
                              p.begin,
                              p.end,
                              seen,
                              cost_inside(seen, static_cast<double>(p.end - p.begin), outer).gridded,
                              {},
                              false});
      }
    } else {
      cell.gridded = cost(own, static_cast<double>(count)).gridded;
    }
    cells.push_back(std::move(cell));
  }
}

const CellSight& EchoTree::look(Parts& parts, std::size_t part) const {
  Part& own = parts[part];
  if (!own.seen) own.sight = sight(own.box), own.seen = true;
  return own.sight;
}

bool EchoTree::halve(Parts& parts, std::size_t part) {
  if (parts[part].halves > 0 || parts[part].whole) return !parts[part].whole;
  const std::size_t begin = parts[part].begin, end = parts[part].end;
  const Cell box = parts[part].box;
  parts[part].whole = true;
  if (end - begin == 1 || box.radius() == 0) return false;
  std::size_t axis = 0;
  for (std::size_t a = 1; a < 3; ++a)
    if (component(box.half, a) > component(box.half, axis)) axis = a;
  const double middle = component(box.centre, axis);
  // Stable, so that the order depends on the data alone.
  std::vector<Vec3> far;
  std::vector<double> far_strengths;
  std::size_t at = begin;
  for (std::size_t s = begin; s < end; ++s) {
    if (component(positions_[s], axis) < middle) {
      positions_[at] = positions_[s], strengths_[at++] = strengths_[s];
    } else {
      far.push_back(positions_[s]), far_strengths.push_back(strengths_[s]);
    }
  }
  std::copy(far.begin(), far.end(), positions_.begin() + static_cast<std::ptrdiff_t>(at));
  std::copy(far_strengths.begin(), far_strengths.end(), strengths_.begin() + static_cast<std::ptrdiff_t>(at));
  if (at == begin || at == end) return false;
  parts[part].whole = false, parts[part].halves = parts.size();
  for (const auto& [from, to] : {std::pair{begin, at}, std::pair{at, end}}) {
    Part half;
    half.begin = from, half.end = to, half.box = box_of(from, to);
    parts.push_back(std::move(half));
  }
  return true;
}

double EchoTree::divide_inside(Parts& parts, std::size_t part, const Outer& outer, std::vector<TreeCell>& cells) {
  const std::size_t count = parts[part].end - parts[part].begin;
  const bool large = wavenumber_ * parts[part].box.radius() > largest_sum;
  Cost undivided{std::numeric_limits<double>::infinity(), 0, false};
  const auto keep = [&] {
    if (std::isinf(undivided.cycles)) undivided = cost_inside(look(parts, part), static_cast<double>(count), outer);
    const Part& own = parts[part];
    cells.push_back({own.box, own.begin, own.end, own.sight, undivided.gridded, {}, false});
    return undivided.cycles;
  };
  if (!large || count == 1) {
    undivided = cost_inside(look(parts, part), static_cast<double>(count), outer);
    // Halving doubles what is spent once a cell; once that is a good part of all, nothing is left to gain.
    if (count == 1 || undivided.fixed > 0.5 * undivided.cycles) return keep();
  }
  if (!halve(parts, part)) return keep();
  const std::size_t before = cells.size(), first = parts[part].halves;
  const double divided = divide_inside(parts, first, outer, cells) + divide_inside(parts, first + 1, outer, cells);
  if (divided < undivided.cycles) return divided;
  cells.resize(before);
  return keep();
}

double EchoTree::divide(Parts& parts, std::size_t part, std::vector<TreeCell>& cells) {
  const std::size_t count = parts[part].end - parts[part].begin;
  const double extent = wavenumber_ * parts[part].box.radius();
  const bool can_halve = count > 1 && halve(parts, part);
  if (extent > largest_outer && can_halve) {
    const std::size_t first = parts[part].halves;
    return divide(parts, first, cells) + divide(parts, first + 1, cells);
  }
  const CellSight sight = look(parts, part);
  TreeCell best{parts[part].box, parts[part].begin, parts[part].end, sight, false, {}, false};
  double least = std::numeric_limits<double>::infinity(), fixed = 0;
  if (extent <= largest_sum || !can_halve) {
    const Cost alone = cost(sight, static_cast<double>(count));
    least = alone.cycles, fixed = alone.fixed, best.gridded = alone.gridded;
  }
  if (can_halve && sight.smooth && sight.count.whole) {
    for (const bool by_matrix : {false, true}) {
      if (by_matrix && transmit_count_ == 1) continue;
      const double j = static_cast<double>(sight.count.nodes), t = static_cast<double>(transmit_count_);
      const Outer outer{j, blocks(sight), by_matrix};
      const double own = channels(sight) + (by_matrix ? outer.blocks * j * j * (2.4 * t + 4) : 0);
      std::vector<TreeCell> inner;
      const std::size_t first = parts[part].halves;
      const double cycles =
          own + divide_inside(parts, first, outer, inner) + divide_inside(parts, first + 1, outer, inner);
      if (cycles < least)
        least = cycles, fixed = own, best.gridded = false, best.inner = std::move(inner), best.by_matrix = by_matrix;
    }
  }
  // Halving doubles what is spent once a cell; once that is a good part of all, nothing is left to gain.
  if (can_halve && !(fixed > 0.5 * least)) {
    const std::size_t before = cells.size(), first = parts[part].halves;
    const double divided = divide(parts, first, cells) + divide(parts, first + 1, cells);
    if (divided < least) return divided;
    cells.resize(before);
  }
  cells.push_back(std::move(best));
  return least;
}

}  // namespace sonoforge
