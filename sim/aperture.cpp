#include "sim/aperture.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/progress.hpp"
#include "sim/surface_quadrature.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

bool near(Vec3 a, Vec3 b, double tolerance) {
  return norm(a - b) <= tolerance;
}

bool same_kind(const Element& a, const Element& b) {
  const auto close = [](double p, double q) { return p == q || std::abs(p - q) <= 1e-12 * std::abs(p); };
  return a.shape == b.shape && close(a.width, b.width) && close(a.height, b.height) &&
         close(a.curvature_radius, b.curvature_radius);
}

/// The probe whose elements are the strips of this one's.
Probe divided(const Probe& probe, const std::vector<Strip>& strips) {
  Probe result = probe;
  result.elements.clear();
  for (const Element& element : probe.elements)
    for (const Strip& part : strips) {
      Element strip = element;
      strip.width = part.width * element.width;
      strip.position = element.position + part.offset * element.width * element.lateral;
      result.elements.push_back(strip);
    }
  return result;
}

/// Smallest and largest depth of a box above the face of an element.
std::pair<double, double> depths(const ElementFrame& frame, const Cell& cell) {
  const double middle = dot(cell.centre - frame.position, frame.normal);
  const double reach = std::abs(frame.normal.x) * cell.half.x + std::abs(frame.normal.y) * cell.half.y +
                       std::abs(frame.normal.z) * cell.half.z;
  return {middle - reach, middle + reach};
}

}  // namespace

ElementFrame frame_of(const Element& element) {
  return {element.position, element.lateral, cross(element.normal, element.lateral), element.normal};
}

ElementFrame Aperture::Row::at(double parameter) const {
  ElementFrame frame = first;
  if (!arc) {
    frame.position = first.position + parameter * direction;
    return frame;
  }
  const double c = std::cos(parameter), s = std::sin(parameter);
  frame.normal = c * first.normal + s * first.lateral;
  frame.lateral = c * first.lateral - s * first.normal;
  frame.position = centre + radius * frame.normal;
  return frame;
}

Aperture::Aperture(const Probe& whole, int dimensions, const std::vector<Strip>& strips)
    : dimensions_(dimensions), baffle_(whole.baffle), elevation_focus_(whole.elevation_focus) {
  const Probe probe = strips.empty() ? whole : divided(whole, strips);
  for (const Strip& strip : strips) strip_weights_.push_back(strip.weight);
  if (strips.empty()) strip_weights_.push_back(1);
  for (const Element& element : probe.elements) frames_.push_back(frame_of(element));
  std::vector<std::vector<std::size_t>> members;
  for (std::size_t n = 0; n < probe.size(); ++n) {
    check_interrupted();
    std::size_t kind = 0;
    while (kind < representatives_.size() && !same_kind(probe.elements[representatives_[kind]], probe.elements[n]))
      ++kind;
    if (kind == representatives_.size()) {
      representatives_.push_back(n), members.emplace_back();
      const Element& e = probe.elements[n];
      const double rim = e.width / 2, radius = e.curvature_radius;
      const bool bowl = e.shape == Element::Shape::bowl;
      half_sizes_.push_back({rim, dimensions == 2 ? 0 : e.height / 2,
                             bowl ? rim * rim / (radius + std::sqrt(std::max(0.0, radius * radius - rim * rim))) : 0});
    }
    kinds_.push_back(kind);
    members[kind].push_back(n);
  }
  // Each kind is one line, one arc, or several lines along the lateral axis (rows of a matrix); else elements stand alone.
  for (std::size_t kind = 0; kind < members.size(); ++kind) {
    std::vector<std::size_t> rest = members[kind];
    while (!rest.empty()) {
      check_interrupted();
      Row row;
      row.kind = kind;
      row.first = frames_[rest[0]];
      const double tolerance = 1e-9 * (1 + norm(row.first.position));
      std::vector<std::size_t> parallel, line;
      for (std::size_t n : rest)
        if (near(frames_[n].normal, row.first.normal, 1e-9) && near(frames_[n].lateral, row.first.lateral, 1e-9))
          parallel.push_back(n);
      // A line of all, or of those in the direction of the second one.
      if (parallel.size() > 1) {
        const auto on_line = [&](std::size_t n, Vec3 direction) {
          const Vec3 d = frames_[n].position - row.first.position;
          return norm(d - dot(d, direction) * direction) <= tolerance;
        };
        row.direction = normalized(frames_[parallel[1]].position - row.first.position);
        // Copies of an element one behind the other are no row.
        for (std::size_t n : parallel)
          if (std::abs(dot(row.direction, row.first.normal)) < 0.9 && on_line(n, row.direction)) line.push_back(n);
      }
      if (line.size() > 2) {
        for (std::size_t n : line) row.parameters.push_back(dot(frames_[n].position - row.first.position, row.direction));
        row.elements = line;
      } else {
        // An arc: normals meet in one point behind the face and turn about one axis.
        std::vector<std::size_t> on_arc;
        const Vec3 vertical = row.first.vertical;
        // All of them, or where copies of the array follow those with the second one.
        for (const std::size_t far : {rest.back(), rest[std::min<std::size_t>(1, rest.size() - 1)]}) {
          const double sine = dot(frames_[far].normal, row.first.lateral);
          if (on_arc.size() > 2 || rest.size() < 3 || std::abs(sine) <= 1e-6) continue;
          on_arc.clear(), row.parameters.clear();
          // position = centre + radius * normal for both elements.
          const Vec3 d = frames_[far].position - row.first.position;
          row.radius = dot(d, row.first.lateral) / sine;
          row.centre = row.first.position - row.radius * row.first.normal;
          if (row.radius > 0)
            for (std::size_t n : rest) {
              const double angle = std::atan2(dot(frames_[n].normal, row.first.lateral), dot(frames_[n].normal, row.first.normal));
              row.arc = true;
              const ElementFrame expected = row.at(angle);
              if (near(expected.position, frames_[n].position, tolerance) && near(expected.normal, frames_[n].normal, 1e-9) &&
                  near(expected.lateral, frames_[n].lateral, 1e-9) && near(vertical, frames_[n].vertical, 1e-9))
                on_arc.push_back(n), row.parameters.push_back(angle);
            }
        }
        row.arc = on_arc.size() > 2;
        if (row.arc) {
          row.elements = on_arc;
        } else {
          row.elements = {rest[0]};
          row.parameters = {0};
        }
      }
      // Sort by parameter.
      std::vector<std::size_t> order(row.elements.size());
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
      std::sort(order.begin(), order.end(), [&](auto a, auto b) { return row.parameters[a] < row.parameters[b]; });
      Row sorted = row;
      for (std::size_t i = 0; i < order.size(); ++i)
        sorted.elements[i] = row.elements[order[i]], sorted.parameters[i] = row.parameters[order[i]];
      std::vector<std::size_t> left;
      std::vector<bool> taken(probe.size(), false);
      for (std::size_t n : sorted.elements) taken[n] = true;
      for (std::size_t n : rest)
        if (!taken[n]) left.push_back(n);
      rest = std::move(left);
      rows_.push_back(std::move(sorted));
    }
  }
}

double Aperture::View::angle(const Row& row, double parameter) const {
  const double along = row.arc ? scale * std::sin((parameter - centre) / 2) : parameter - centre;
  return std::atan2(along, distance);
}

double Aperture::View::parameter(const Row& row, double angle) const {
  const double along = distance * std::tan(angle);
  return row.arc ? centre + 2 * std::asin(std::clamp(along / scale, -1.0, 1.0)) : centre + along;
}

Aperture::View Aperture::view(const Row& row, const Cell& cell) const {
  View view;
  if (row.arc) {
    // Distances obey r^2 = distance^2 + (scale sin(t/2))^2, t the angle on the arc from the place nearest to the cell.
    const Vec3 d = cell.centre - row.centre;
    const double x = dot(d, row.first.lateral), z = dot(d, row.first.normal), y = dot(d, row.first.vertical);
    const double from_centre = std::hypot(x, z);
    view.centre = std::atan2(x, z);
    view.distance = std::hypot(from_centre - row.radius, y);
    view.scale = 2 * std::sqrt(row.radius * from_centre);
  } else {
    const Vec3 d = cell.centre - row.first.position;
    view.centre = dot(d, row.direction);
    view.distance = norm(d - view.centre * row.direction);
  }
  view.distance = std::max(view.distance, 1e-9);
  return view;
}

RowWave Aperture::row_wave(const Row& row, const View& view, const Plan& plan, const Cell& cell,
                           double wavenumber) const {
  RowWave wave;
  const double d = view.distance;
  wave.first = plan.first, wave.last = plan.last;
  wave.wavenumber = wavenumber * d;
  wave.half_power = dimensions_ == 3 ? 0.5 : 0.25;
  wave.baffle = baffle_;
  // Of half a box along an axis.
  const auto extent = [](Vec3 axis, Vec3 half) {
    return std::abs(axis.x) * half.x + std::abs(axis.y) * half.y + std::abs(axis.z) * half.z;
  };
  const ElementFrame& frame = row.first;
  const Vec3 element = half_sizes_[row.kind];
  const auto element_extent = [&](Vec3 axis) {
    return std::abs(dot(axis, frame.lateral)) * element.x + std::abs(dot(axis, frame.vertical)) * element.y +
           std::abs(dot(axis, frame.normal)) * element.z;
  };
  double offset = 0;
  RowWave::Way near, far;
  if (row.arc) {
    const double height = extent(frame.vertical, cell.half),
                 reach = std::sqrt(std::max(0.0, dot(cell.half, cell.half) - height * height));
    const double y = std::abs(dot(cell.centre - row.centre, frame.vertical)), off_plane = element.y + height;
    const double middle = view.scale * view.scale / (4 * row.radius), outer = std::hypot(row.radius, element.x);
    const double inner = std::max(middle - reach, 1e-3 * middle);
    wave.curvature = d / view.scale, wave.fall = d / (2 * row.radius);
    offset =
        std::sin((std::atan(element.x / row.radius) + std::asin(std::min(1.0, reach / middle))) / 2) / wave.curvature;
    near = {0, std::hypot(std::max(inner - outer, 0.0), std::max(y - off_plane, 0.0)) / d,
            2 * std::sqrt(inner * outer) / view.scale};
    far = {0, std::hypot(middle + reach - row.radius, y + off_plane) / d,
           2 * std::sqrt((middle + reach) * row.radius) / view.scale};
  } else {
    const Vec3 from = cell.centre - row.first.position, across = from - dot(from, row.direction) * row.direction;
    const Vec3 aside = frame.normal - dot(frame.normal, row.direction) * row.direction;
    const Vec3 up = norm(aside) > 1e-9 ? normalized(aside) : normalized(cross(row.direction, frame.lateral));
    const Vec3 side = cross(row.direction, up);
    offset = (extent(row.direction, cell.half) + element_extent(row.direction)) / d;
    const double p = std::abs(dot(across, up)), q = std::abs(dot(across, side));
    const double up_reach = extent(up, cell.half) + element_extent(up),
                 side_reach = extent(side, cell.half) + element_extent(side);
    near.distance = std::hypot(std::max(p - up_reach, 0.0), std::max(q - side_reach, 0.0)) / d;
    far.distance = std::hypot(p + up_reach, q + side_reach) / d;
  }
  wave.ways = {near, near, far, far};
  for (std::size_t i = 0; i < 4; ++i) wave.ways[i].offset = i % 2 ? -offset : offset;
  double energy = 0;
  for (std::size_t i : plan.inner) {
    const double x = (row.parameters[i] - view.centre) / 2;
    const double u = row.arc ? view.scale * x * (1 - x * x * (1.0 / 6 - x * x / 120)) : 2 * x;
    const double square = d * d / (d * d + u * u), amplitude = dimensions_ == 3 ? square : std::sqrt(square);
    energy += baffle_ > 0 ? amplitude * square : amplitude;
  }
  wave.level = std::sqrt(energy / static_cast<double>(plan.inner.size()));
  // Of an element that is large before its focus only a zone adds up to more than its edges do.
  const double zone = std::sqrt(2 * pi * d / wavenumber),
               lens_zone = std::sqrt(2 * pi / wavenumber / std::max(std::abs(1 / d - 1 / elevation_focus_), 1e-9));
  wave.level *= std::min(1.0, zone / (2 * element.x)) * std::min(1.0, lens_zone / std::max(2 * element.y, 1e-9));
  return wave;
}

std::size_t Aperture::few_nodes(const Row& row, const View& view, const Plan& plan, const Cell& cell, double wavenumber,
                                double tolerance, double extra_span) const {
  const double half = (plan.last - plan.first) / 2, radius = cell.radius();
  // The relative phase k (R(x) - R(centre)) changes with the angle at most by k * |x - centre| a radian of direction;
  // directions turn by as much as the angle does, and on an arc no more than the arc's own turn in addition.
  const ElementFrame one = row.at(row.parameters[plan.inner.front()]),
                     other = row.at(row.parameters[plan.inner.back()]);
  const Vec3 from_one = normalized(cell.centre - one.position), from_other = normalized(cell.centre - other.position);
  const double turn = row.arc ? std::acos(std::clamp(dot(from_one, from_other), -1.0, 1.0)) : 2 * half;
  const double span = wavenumber * radius * std::max(turn / 2, row.arc ? half : 0.0) + extra_span;
  // A point of the cell at d from its centre makes a singularity of the angle near i ln(2 h / d) / 2: Chebyshev series
  // over +-half converge as rho^-n, rho the sum of the half axes of the ellipse through it.
  const double relative = std::min(radius / view.distance, 0.9);
  const double height = std::atanh(1 / (1 + relative)) / std::max(half, 1e-9);
  const double rho = height + std::sqrt(1 + height * height);
  const double decay = std::max(0.0, std::log(relative / tolerance)) / std::log(rho);
  return static_cast<std::size_t>(oscillation_terms(span, tolerance)) + static_cast<std::size_t>(decay / 2) + 2;
}

Aperture::Plan Aperture::plan(const Row& row, const View& view, const Cell& cell, double wavenumber, double tolerance,
                              double extra_span, bool apart) const {
  Plan plan;
  for (std::size_t i = 0; i < row.elements.size(); ++i) {
    if (apart) {
      plan.alone.push_back(i);
      continue;
    }
    const auto [low, high] = depths(frames_[row.elements[i]], cell);
    if (high <= 0) continue;
    // Beside its face an element's response has a kink, which is not to be interpolated.
    if (low <= 0)
      plan.alone.push_back(i);
    else
      plan.inner.push_back(i);
  }
  const auto all_alone = [&] {
    plan.alone.insert(plan.alone.end(), plan.inner.begin(), plan.inner.end());
    std::sort(plan.alone.begin(), plan.alone.end());
    plan.inner.clear(), plan.count = 0;
  };
  plan.wanted = row.elements.size();
  if (plan.inner.size() < 6) {
    all_alone();
    return plan;
  }
  plan.first = view.angle(row, row.parameters[plan.inner.front()]);
  plan.last = view.angle(row, row.parameters[plan.inner.back()]);
  // Amplitudes hardly vary over small angles: what the phase asks for is enough, and quickly found.
  constexpr double small = 0.6;
  plan.count = std::max(std::abs(plan.first), std::abs(plan.last)) < small
                   ? few_nodes(row, view, plan, cell, wavenumber, tolerance, extra_span)
                   : chebyshev_points_of(row_wave(row, view, plan, cell, wavenumber), tolerance, row.elements.size());
  plan.wanted = std::min(plan.count, row.elements.size());
  if (plan.count * 4 >= plan.inner.size() * 3) all_alone();
  return plan;
}

NodeCount Aperture::node_count(const Cell& cell, double wavenumber, double tolerance, double extra_span,
                               bool apart) const {
  NodeCount count;
  count.whole = !apart;
  for (const Row& row : rows_) {
    const Plan plan = this->plan(row, view(row, cell), cell, wavenumber, tolerance, extra_span, apart);
    count.nodes += plan.count + plan.alone.size();
    count.inside += plan.wanted;
    for (std::size_t n : row.elements) count.whole = count.whole && depths(frames_[n], cell).first > 0;
  }
  return count;
}

/// Chebyshev points of the first kind and their barycentric weights [berrut2004].
class Aperture::Places {
 public:
  Places(const Row& row, const View& view, double first, double last, std::size_t count)
      : row_(row), view_(view), angles_(count), barycentric_(count) {
    for (std::size_t j = 0; j < count; ++j) {
      const double turn = pi * (2 * static_cast<double>(j) + 1) / (2 * static_cast<double>(count));
      angles_[j] = (first + last) / 2 - (last - first) / 2 * std::cos(turn);
      barycentric_[j] = (j % 2 ? -1 : 1) * std::sin(turn);
    }
  }
  void add_to(ApertureNodes& nodes, std::size_t index) const {
    for (double angle : angles_) {
      const double parameter = view_.parameter(row_, angle);
      nodes.frames.push_back(row_.at(parameter));
      nodes.kinds.push_back(row_.kind);
      nodes.rows.push_back(index);
      nodes.parameters.push_back(parameter);
    }
  }
  void weights(double parameter, float* out) const {
    const double angle = view_.angle(row_, parameter);
    double sum = 0;
    std::size_t hit = angles_.size();
    for (std::size_t j = 0; j < angles_.size(); ++j) {
      const double difference = angle - angles_[j];
      if (std::abs(difference) < 1e-14) hit = j;
      sum += barycentric_[j] / difference;
    }
    for (std::size_t j = 0; j < angles_.size(); ++j)
      out[j] = static_cast<float>(hit < angles_.size() ? (j == hit ? 1 : 0)
                                                       : barycentric_[j] / (angle - angles_[j]) / sum);
  }

 private:
  const Row& row_;
  const View& view_;
  std::vector<double> angles_, barycentric_;
};

ApertureNodes Aperture::nodes(const Cell& cell, double wavenumber, double tolerance, double extra_span,
                              bool apart) const {
  ApertureNodes nodes;
  std::vector<Plan> plans;
  std::vector<View> views;
  bool interpolated = false;
  std::size_t count = 0;
  for (const Row& row : rows_) {
    views.push_back(view(row, cell));
    plans.push_back(plan(row, views.back(), cell, wavenumber, tolerance, extra_span, apart));
    interpolated |= plans.back().count > 0;
    count += plans.back().count + plans.back().alone.size();
    for (const auto* part : {&plans.back().inner, &plans.back().alone})
      for (std::size_t i : *part) nodes.elements.push_back(row.elements[i]);
  }
  if (interpolated) nodes.weights.assign(nodes.elements.size() * count, 0);
  std::size_t element = 0, node = 0;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    const Row& row = rows_[r];
    const Plan& plan = plans[r];
    const Places places(row, views[r], plan.first, plan.last, plan.count);
    places.add_to(nodes, r);
    for (std::size_t i : plan.inner) places.weights(row.parameters[i], nodes.weights.data() + element++ * count + node);
    node += plan.count;
    for (std::size_t i : plan.alone) {
      nodes.frames.push_back(frames_[row.elements[i]]);
      nodes.kinds.push_back(row.kind);
      nodes.rows.push_back(r);
      nodes.parameters.push_back(row.parameters[i]);
      if (interpolated) nodes.weights[element * count + node] = 1;
      ++element, ++node;
    }
  }
  return nodes;
}

ApertureNodes Aperture::nodes_within(const ApertureNodes& outer, const Cell& cell, double wavenumber, double tolerance,
                                     double extra_span) const {
  ApertureNodes nodes;
  const std::size_t all = outer.frames.size();
  // Rows that need as many nodes as there are keep them.
  std::vector<std::size_t> counts(rows_.size(), 0), wanted(rows_.size());
  for (std::size_t r : outer.rows) ++counts[r];
  std::vector<Plan> plans;
  std::vector<View> views;
  std::size_t count = 0;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    views.push_back(view(rows_[r], cell));
    plans.push_back(plan(rows_[r], views[r], cell, wavenumber, tolerance, extra_span, false));
    wanted[r] = plans[r].wanted < counts[r] ? plans[r].wanted : 0;
    count += wanted[r] > 0 ? wanted[r] : counts[r];
  }
  nodes.weights.assign(all * count, 0);
  std::size_t from = 0, node = 0;
  for (std::size_t r = 0; r < rows_.size(); ++r) {
    if (wanted[r] > 0) {
      const Places places(rows_[r], views[r], plans[r].first, plans[r].last, wanted[r]);
      places.add_to(nodes, r);
      for (std::size_t i = from; i < from + counts[r]; ++i)
        places.weights(outer.parameters[i], nodes.weights.data() + i * count + node);
      node += wanted[r];
    } else {
      for (std::size_t i = from; i < from + counts[r]; ++i) {
        nodes.frames.push_back(outer.frames[i]);
        nodes.kinds.push_back(outer.kinds[i]);
        nodes.rows.push_back(r);
        nodes.parameters.push_back(outer.parameters[i]);
        nodes.weights[i * count + node++] = 1;
      }
    }
    from += counts[r];
  }
  for (std::size_t i = 0; i < all; ++i) nodes.elements.push_back(i);
  return nodes;
}

}  // namespace sonoforge
