#include "sim/echo_tree.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/parallel.hpp"
#include "sim/surface_quadrature.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t sampled_elements = 33, sampled_transmits = 9;
constexpr std::size_t task_size = 4096;  // scatterers of a part that is divided by one task

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

double& component(Vec3& v, int axis) {
  return axis == 0 ? v.x : (axis == 1 ? v.y : v.z);
}

}  // namespace

EchoTree::EchoTree(const EchoModel& model, const Aperture& aperture, const SmoothResponse& response,
                   const ScattererGroup& group, std::span<const Transmit> transmits, const Limits& limits)
    : model_(model),
      aperture_(aperture),
      response_(response),
      limits_(limits),
      exponent_(group.exponent),
      wavenumber_(std::max(model.law.wavenumber(limits.high), model.law.wavenumber(limits.low))),
      half_band_(std::abs(model.law.wavenumber(limits.high) - model.law.wavenumber(limits.low)) / 2 * 1.1),
      transmit_count_(transmits.size()),
      sample_(spread(aperture.frames().size(), sampled_elements)),
      positions_(group.positions),
      strengths_(group.strengths) {
  for (std::size_t t : spread(transmits.size(), sampled_transmits)) {
    std::vector<Timing> timings;
    for (std::size_t n = 0; n < aperture.frames().size(); ++n) {
      Timing timing{n, std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()};
      for (const TransmitLaw& law : transmits[t].laws)
        if (std::isfinite(law.delays[n]) && (law.apodization.empty() || law.apodization[n] != 0))
          timing.first = std::min(timing.first, law.delays[n]), timing.last = std::max(timing.last, law.delays[n]);
      if (timing.first <= timing.last) timings.push_back(timing);
    }
    std::vector<Timing> some;
    for (std::size_t i : spread(timings.size(), sampled_elements)) some.push_back(timings[i]);
    timings_.push_back(std::move(some));
  }
  // The upper levels of the tree one after another, each lower part as a task of its own, joined in order.
  std::vector<Part> parts{{0, positions_.size(), box_of(0, positions_.size())}};
  for (std::size_t i = 0; i < parts.size();) {
    const Part part = parts[i];
    if (part.end - part.begin <= task_size) {
      ++i;
      continue;
    }
    int axis = 0;
    Vec3 half = part.box.half;
    for (int a = 1; a < 3; ++a)
      if (component(half, a) > component(half, axis)) axis = a;
    const std::size_t middle = (part.begin + part.end) / 2;
    // Halving by count keeps tasks alike; ties are broken by the order in which scatterers were given.
    std::vector<std::size_t> order(part.end - part.begin);
    std::iota(order.begin(), order.end(), part.begin);
    std::nth_element(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(middle - part.begin), order.end(),
                     [&](std::size_t a, std::size_t b) {
                       const double x = component(positions_[a], axis), y = component(positions_[b], axis);
                       return x != y ? x < y : a < b;
                     });
    std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(middle - part.begin));
    std::sort(order.begin() + static_cast<std::ptrdiff_t>(middle - part.begin), order.end());
    std::vector<Vec3> positions;
    std::vector<double> strengths;
    for (std::size_t s : order) positions.push_back(positions_[s]), strengths.push_back(strengths_[s]);
    std::copy(positions.begin(), positions.end(), positions_.begin() + static_cast<std::ptrdiff_t>(part.begin));
    std::copy(strengths.begin(), strengths.end(), strengths_.begin() + static_cast<std::ptrdiff_t>(part.begin));
    parts[i] = {part.begin, middle, box_of(part.begin, middle)};
    parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1, Part{middle, part.end, box_of(middle, part.end)});
  }
  std::vector<std::vector<TreeCell>> cells(parts.size());
  parallel_for(parts.size(), [&](std::size_t i) { divide(parts[i], cells[i]); });
  for (auto& some : cells) cells_.insert(cells_.end(), some.begin(), some.end());
  for (const TreeCell& cell : cells_) longest_ = std::max(longest_, cell.duration);
  // Sampled transmits and elements may miss a little; sizes of records are rounded up too.
  longest_ = 1.3 * longest_ + 64 / (limits.high - limits.low);
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
  // The elements to look at: those that stand for all, and the nearest.
  std::size_t nearest = 0;
  double shortest = std::numeric_limits<double>::infinity(), farthest = 0;
  for (std::size_t n = 0; n < frames.size(); ++n) {
    const Vec3 d = box.centre - frames[n].position;
    const double square = dot(d, d);
    if (square < shortest) shortest = square, nearest = n;
    farthest = std::max(farthest, square);
  }
  farthest = std::sqrt(farthest);
  Vec3 spreads{0, 0, 0};
  double closest = std::numeric_limits<double>::infinity(), difference = 0;
  double least = 0, most = 0, span = 0;
  for (std::size_t kind = 0; kind < aperture_.kinds(); ++kind) {
    const auto &parts = response_.parts(kind), &frequency_parts = response_.frequency_parts(kind);
    std::vector<double> low(parts.size(), std::numeric_limits<double>::infinity()), high(parts.size(), -low[0]);
    for (std::size_t i = 0; i <= sample_.size(); ++i) {
      const std::size_t n = i < sample_.size() ? sample_[i] : nearest;
      if (aperture_.kind(n) != kind) continue;
      const ElementFrame& frame = frames[n];
      const Vec3 local = frame.local(box.centre);
      if (local.z + radius <= 0) continue;
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
      for (const auto& part : frequency_parts)
        difference = std::max(difference, std::abs(norm(local - part.position) - part.lead - range));
      // From the element's axes to the world's.
      const auto world = [&](Vec3 lateral, Vec3 vertical, Vec3 normal) {
        return Vec3{std::abs(lateral.x) * most_spread.x + std::abs(vertical.x) * most_spread.y + std::abs(normal.x) * most_spread.z,
                    std::abs(lateral.y) * most_spread.x + std::abs(vertical.y) * most_spread.y + std::abs(normal.y) * most_spread.z,
                    std::abs(lateral.z) * most_spread.x + std::abs(vertical.z) * most_spread.y + std::abs(normal.z) * most_spread.z};
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
  const double phase = half_band_ * (difference + within * difference / std::max(most - least, 1e-12));
  const int extra = model_.dimensions == 2 && phase > tolerance ? 1 : 0;
  sight.frequencies = phase <= tolerance ? 1 : static_cast<std::size_t>(oscillation_terms(phase, tolerance) + 1 + extra);
  const double away = std::max(closest, 1e-9);
  Vec3 half = box.half;
  for (int axis = 0; axis < 3; ++axis) {
    const double size = component(half, axis);
    if (size <= 0) continue;
    const int turns = oscillation_terms(wavenumber_ * size * component(spreads, axis), tolerance);
    const double ratio = std::max(away / size, 0.2), rho = ratio + std::sqrt(1 + ratio * ratio);
    const int falloff = static_cast<int>(std::ceil(std::max(0.0, std::log(1 / ratio / tolerance)) / std::log(rho)));
    sight.terms[static_cast<std::size_t>(axis)] = static_cast<std::size_t>(std::max(turns, falloff) + 1);
  }
  // Times of arrival over the transmitting elements.
  const double early = farthest * (model_.earliest_slowness - 1 / c), late = farthest * (model_.latest_slowness - 1 / c);
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
  sight.nodes = aperture_.node_count(box, wavenumber_, tolerance, sight.extra_span);
  return sight;
}

// Clock cycles, measured on AVX2 in float.
double EchoTree::cost(const CellSight& sight, std::size_t scatterers) const {
  const double n = static_cast<double>(scatterers), j = static_cast<double>(sight.nodes);
  const double elements = static_cast<double>(aperture_.frames().size()), t = static_cast<double>(transmit_count_);
  const double m = static_cast<double>(sight.frequencies);
  const double blocks = std::ceil(sight.duration * (limits_.high - limits_.low) * 1.05 / 8) + 0.5;
  const double terms = static_cast<double>(sight.terms[0] * sight.terms[1] * sight.terms[2]);
  const double pairs = std::min(2 * t, (j + 1) / 2 * 1.2);  // complex multiply-adds a node, bin and scatterer
  const double each = j * (40 + blocks * (5 + m + 2.6 * pairs) + (terms < n ? 0.25 * terms * m : 0));
  const double amplitudes = std::min(terms, n) * j * (300 + 40 * m);
  const double matrix = pairs < 2 * t ? t * j * j * blocks * 4 : 0;
  const double apart = j < elements ? 1 : 0;
  const double overhead = elements * blocks * 30 + t * elements * blocks * (60 + apart * 2.5 * j) + 4000 + matrix;
  return n * each + amplitudes + overhead;
}

double EchoTree::divide(const Part& part, std::vector<TreeCell>& cells) {
  const std::size_t count = part.end - part.begin;
  if (count == 0) return 0;
  const CellSight whole = sight(part.box);
  const double undivided = cost(whole, count);
  const auto keep = [&] {
    cells.push_back({part.box, part.begin, part.end, whole.duration});
    return undivided;
  };
  if (count == 1 || part.box.radius() == 0) return keep();
  // Halving cannot gain more than what scales with the number of scatterers.
  if (cost(whole, 0) > 0.6 * undivided && count < 64) return keep();

  int axis = 0;
  Vec3 half = part.box.half, centre = part.box.centre;
  for (int a = 1; a < 3; ++a)
    if (component(half, a) > component(half, axis)) axis = a;
  const double middle = component(centre, axis);
  // Stable, so that the order depends on the data alone.
  std::vector<Vec3> far;
  std::vector<double> far_strengths;
  std::size_t at = part.begin;
  for (std::size_t s = part.begin; s < part.end; ++s) {
    if (component(positions_[s], axis) < middle) {
      positions_[at] = positions_[s], strengths_[at++] = strengths_[s];
    } else {
      far.push_back(positions_[s]), far_strengths.push_back(strengths_[s]);
    }
  }
  std::copy(far.begin(), far.end(), positions_.begin() + static_cast<std::ptrdiff_t>(at));
  std::copy(far_strengths.begin(), far_strengths.end(), strengths_.begin() + static_cast<std::ptrdiff_t>(at));
  if (at == part.begin || at == part.end) return keep();
  const std::size_t before = cells.size();
  const double divided = divide({part.begin, at, box_of(part.begin, at)}, cells) +
                         divide({at, part.end, box_of(at, part.end)}, cells);
  if (divided < undivided) return divided;
  cells.resize(before);
  return keep();
}

}  // namespace sonoforge
