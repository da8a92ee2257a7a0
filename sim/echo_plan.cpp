#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "sim/echo_tree.hpp"

// Which cells take least work.

namespace sonoforge {
namespace {

// Radii times the wavenumber beyond which boxes are halved without a look: none would be summed at once, or hold
// others.
constexpr std::size_t few_scatterers = 8;
constexpr double largest_sum = 60, largest_outer = 250;

}  // namespace

double EchoTree::blocks(const CellSight& sight) const {
  return std::ceil(sight.duration * (limits_.high - limits_.low) * 1.05 / 8) + 0.5;
}

// Clock cycles, measured on AVX2 in float.
double EchoTree::sums(const CellSight& sight, double n, double j, double b, bool by_matrix) const {
  const double m = static_cast<double>(sight.frequencies), t = static_cast<double>(transmit_count_);
  const double terms = sight.smooth ? static_cast<double>(sight.terms[0] * sight.terms[1] * sight.terms[2]) : n;
  const double responses = 3 + (m > 1 ? 3 + 1.2 * m : 0), pairs = by_matrix ? (j + 1) / 2 * 2.4 : 3.2 * t;
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
  const double mixed = j < senders ? std::min(1.0 * t * senders * j, 2.2 * senders * j + 4.6 * t * elements * j) : 0;
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
  const double apart = step + t * b * p * (14 + 1.0 * j);
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
