#include "phantoms/surface.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <stdexcept>

#include "io/atomic_file.hpp"
#include "phantoms/turn.hpp"

namespace sonoforge {

namespace {

__extension__ using Wide = __int128;
constexpr double grain = 0x1p-36;         // [m]
constexpr std::size_t most = 20'000'000;  // triangles

int sign(Wide v) {
  return (v > 0) - (v < 0);
}

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& text) {
  throw UserError(Problem{{file.string(), 0, 0}, text});
}

struct CornerNumbers {
  TriangleMesh mesh;
  std::map<std::array<double, 3>, std::uint32_t> known;
  std::uint32_t number(Vec3 p) {
    const auto [entry, added] =
        known.emplace(std::array{p.x, p.y, p.z}, static_cast<std::uint32_t>(mesh.corners.size()));
    if (added) mesh.corners.push_back(p);
    return entry->second;
  }
};

TriangleMesh read_binary(const std::filesystem::path& file, const std::string& bytes, std::size_t count, double unit) {
  CornerNumbers corners;
  for (std::size_t t = 0; t < count; ++t) {
    std::array<float, 12> values{};  // normal, then three corners
    std::memcpy(values.data(), bytes.data() + 84 + 50 * t, sizeof values);
    std::array<std::uint32_t, 3> triangle{};
    for (std::size_t c = 0; c < 3; ++c) {
      const Vec3 p{values[3 + 3 * c] * unit, values[4 + 3 * c] * unit, values[5 + 3 * c] * unit};
      if (!is_finite(p))
        refuse(file, "triangle " + std::to_string(t) + " has a corner that is not a number. Repair the surface");
      triangle[c] = corners.number(p);
    }
    corners.mesh.triangles.push_back(triangle);
  }
  return std::move(corners.mesh);
}

TriangleMesh read_text(const std::filesystem::path& file, const std::string& text, double unit) {
  CornerNumbers corners;
  std::vector<std::uint32_t> open;
  for (std::size_t at = text.find("vertex"); at != std::string::npos; at = text.find("vertex", at)) {
    at += 6;
    Vec3 p;
    for (double* v : {&p.x, &p.y, &p.z}) {
      char* end = nullptr;
      *v = std::strtod(text.c_str() + at, &end) * unit;
      const auto next = static_cast<std::size_t>(end - text.c_str());
      if (next == at || !std::isfinite(*v))
        refuse(file, "vertex " + std::to_string(open.size() + 3 * corners.mesh.triangles.size() + 1) +
                         " has no three numbers. Repair the surface");
      at = next;
    }
    open.push_back(corners.number(p));
    if (open.size() == 3) {
      corners.mesh.triangles.push_back({open[0], open[1], open[2]});
      open.clear();
    }
  }
  if (!open.empty()) refuse(file, "its last triangle lacks corners. Repair the surface");
  return std::move(corners.mesh);
}

}  // namespace

TriangleMesh read_stl(const std::filesystem::path& file, double unit) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) refuse(file, "cannot be read (" + error.message() + "). Check the path");
  if (size > 84 + 50 * most) refuse(file, "is larger than 20 million triangles. Simplify the surface");
  const std::string bytes = read_file(file);
  std::uint32_t count = 0;
  if (bytes.size() >= 84) std::memcpy(&count, bytes.data() + 80, 4);
  TriangleMesh mesh;
  // Text files begin with "solid", but so do some binary ones: the length decides.
  if (bytes.size() >= 84 && bytes.size() == 84 + 50 * static_cast<std::size_t>(count))
    mesh = read_binary(file, bytes, count, unit);
  else if (bytes.starts_with("solid"))
    mesh = read_text(file, bytes, unit);
  else
    refuse(file, "is no STL file (neither text nor a binary of its stated length). Export the surface as STL");
  if (mesh.triangles.empty()) refuse(file, "holds no triangles. Export a closed surface");
  return mesh;
}

Surface::Surface(const TriangleMesh& mesh) {
  bounds_ = {{1e300, 1e300, 1e300}, {-1e300, -1e300, -1e300}};
  for (const Vec3& p : mesh.corners) {
    for (double v : {p.x, p.y, p.z})
      if (!(std::abs(v) <= 1)) throw std::invalid_argument("it reaches more than 1 m from the origin");
    const Point q{std::llround(p.x / grain), std::llround(p.y / grain), std::llround(p.z / grain)};
    corners_.push_back(q);
    const Vec3 back{static_cast<double>(q.x) * grain, static_cast<double>(q.y) * grain,
                    static_cast<double>(q.z) * grain};
    places_.push_back(back);
    bounds_.low = {std::min(bounds_.low.x, back.x), std::min(bounds_.low.y, back.y), std::min(bounds_.low.z, back.z)};
    bounds_.high = {std::max(bounds_.high.x, back.x), std::max(bounds_.high.y, back.y),
                    std::max(bounds_.high.z, back.z)};
  }
  const auto snapped = [](Vec3 p) {
    return Point{std::llround(p.x / grain), std::llround(p.y / grain), std::llround(p.z / grain)};
  };
  low_ = snapped(bounds_.low), high_ = snapped(bounds_.high);

  // Closed: each directed edge once, and once the other way.
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> edges;
  for (const auto& t : mesh.triangles) {
    if (t[0] == t[1] || t[1] == t[2] || t[2] == t[0]) continue;  // without area
    triangles_.push_back(t);
    for (std::size_t c = 0; c < 3; ++c) ++edges[{t[c], t[(c + 1) % 3]}];
  }
  std::size_t open = 0;
  for (const auto& [edge, count] : edges) {
    const auto other = edges.find({edge.second, edge.first});
    open += other == edges.end() || other->second != count;
  }
  if (open > 0)
    throw std::invalid_argument("it is not closed: " + std::to_string(open) +
                                " edges have no partner that runs the other way");

  // About the middle of its box, which keeps digits of small surfaces far away.
  const Vec3 middle = 0.5 * (bounds_.low + bounds_.high);
  for (const auto& t : triangles_)
    volume_ += dot(places_[t[0]] - middle, cross(places_[t[1]] - middle, places_[t[2]] - middle)) / 6;
  volume_ = std::abs(volume_);

  columns_ =
      std::clamp<std::size_t>(static_cast<std::size_t>(std::sqrt(static_cast<double>(triangles_.size()))), 1, 1024);
  over_.resize(columns_ * columns_);
  for (std::uint32_t i = 0; i < triangles_.size(); ++i) {
    const auto& t = triangles_[i];
    const auto [x0, x1] = std::minmax({corners_[t[0]].x, corners_[t[1]].x, corners_[t[2]].x});
    const auto [y0, y1] = std::minmax({corners_[t[0]].y, corners_[t[1]].y, corners_[t[2]].y});
    for (std::size_t ix = column(x0, low_.x, high_.x); ix <= column(x1, low_.x, high_.x); ++ix)
      for (std::size_t iy = column(y0, low_.y, high_.y); iy <= column(y1, low_.y, high_.y); ++iy)
        over_[ix * columns_ + iy].push_back(i);
  }
}

std::size_t Surface::column(std::int64_t v, std::int64_t low, std::int64_t high) const {
  if (high <= low) return 0;
  return std::min(static_cast<std::size_t>(static_cast<Wide>(v - low) * static_cast<Wide>(columns_) / (high - low)),
                  columns_ - 1);
}

bool Surface::contains(Vec3 point) const {
  const Bounds& box = bounds_;
  if (!(point.x >= box.low.x && point.x <= box.high.x && point.y >= box.low.y && point.y <= box.high.y &&
        point.z >= box.low.z && point.z <= box.high.z))
    return false;
  const Point p{std::llround(point.x / grain), std::llround(point.y / grain), std::llround(point.z / grain)};
  // On which side of the directed edge from a to b the line through p along z passes, in one projection: exactly.
  const auto side = [](std::int64_t px, std::int64_t py, std::int64_t ax, std::int64_t ay, std::int64_t bx,
                       std::int64_t by) {
    return sign(static_cast<Wide>(bx - ax) * (py - ay) - static_cast<Wide>(by - ay) * (px - ax));
  };
  const auto mixed = [](int s0, int s1, int s2) { return std::min({s0, s1, s2}) < 0 && std::max({s0, s1, s2}) > 0; };
  // Never 0 for edges with a shadow, as the line counts as moved by e along x and e^2 along y, e vanishing.
  const auto decided = [](int s, const Point& from, const Point& to) {
    if (s != 0) return s;
    if (from.y != to.y) return to.y > from.y ? -1 : 1;
    return (to.x > from.x) - (to.x < from.x);
  };
  bool inside = false;
  for (const std::uint32_t i : over_[column(p.x, low_.x, high_.x) * columns_ + column(p.y, low_.y, high_.y)]) {
    const Point &a = corners_[triangles_[i][0]], &b = corners_[triangles_[i][1]], &c = corners_[triangles_[i][2]];
    const int s0 = side(p.x, p.y, a.x, a.y, b.x, b.y), s1 = side(p.x, p.y, b.x, b.y, c.x, c.y),
              s2 = side(p.x, p.y, c.x, c.y, a.x, a.y);
    if (mixed(s0, s1, s2)) continue;
    const std::int64_t ux = b.x - a.x, uy = b.y - a.y, uz = b.z - a.z, vx = c.x - a.x, vy = c.y - a.y, vz = c.z - a.z;
    const Wide nx = static_cast<Wide>(uy) * vz - static_cast<Wide>(uz) * vy,
               ny = static_cast<Wide>(uz) * vx - static_cast<Wide>(ux) * vz,
               nz = static_cast<Wide>(ux) * vy - static_cast<Wide>(uy) * vx;
    const int above = sign(nx * (p.x - a.x) + ny * (p.y - a.y) + nz * (p.z - a.z));
    // In the triangle's plane, and in its closed shadow from all three sides.
    if (above == 0 &&
        !mixed(side(p.y, p.z, a.y, a.z, b.y, b.z), side(p.y, p.z, b.y, b.z, c.y, c.z),
               side(p.y, p.z, c.y, c.z, a.y, a.z)) &&
        !mixed(side(p.z, p.x, a.z, a.x, b.z, b.x), side(p.z, p.x, b.z, b.x, c.z, c.x),
               side(p.z, p.x, c.z, c.x, a.z, a.x)))
      return true;
    const int d0 = decided(s0, a, b), d1 = decided(s1, b, c), d2 = decided(s2, c, a);
    if (nz != 0 && d0 == d1 && d1 == d2 && above * sign(nz) < 0) inside = !inside;
  }
  return inside;
}

double Surface::section_area(double y) const {
  if (y < bounds_.low.y || y > bounds_.high.y) return 0;
  // The plane counts as lying just above y, so that corners on it belong to one side.
  const Vec3 middle = 0.5 * (bounds_.low + bounds_.high);
  double twice = 0;
  for (const auto& t : triangles_) {
    std::array<Vec3, 2> ends{};
    int found = 0;
    bool rising_first = false;
    for (std::size_t c = 0; c < 3; ++c) {
      const Vec3 &a = places_[t[c]], &b = places_[t[(c + 1) % 3]];
      if ((a.y > y) == (b.y > y)) continue;
      const Vec3 p = a + ((y - a.y) / (b.y - a.y)) * (b - a);
      if (found == 0) rising_first = b.y > a.y;
      if (found < 2) ends[static_cast<std::size_t>(found++)] = p - middle;
    }
    if (found < 2) continue;
    const double term = ends[0].x * ends[1].z - ends[1].x * ends[0].z;
    twice += rising_first ? term : -term;
  }
  return std::abs(twice) / 2;
}

double Surface::surface_area() const {
  double sum = 0;
  for (const auto& t : triangles_)
    sum += 0.5 * norm(cross(places_[t[1]] - places_[t[0]], places_[t[2]] - places_[t[0]]));
  return sum;
}

void SurfaceConfig::fields(FieldVisitor& visit) {
  visit(file, {.key = "file", .doc = "STL file, binary or text, of a closed surface", .required = true});
  visit(unit, {.key = "unit", .doc = "Length that 1 means in the file.", .unit = Unit::metre, .min = 1e-9, .max = 1e3});
  visit(keep_origin, {.key = "keep_origin",
                      .doc = "off: the middle of the file's box comes to lie at centre; on: the file's origin does."});
  visit(centre, {.key = "centre", .doc = "Its middle [x, y, z].", .unit = Unit::metre, .min = -1, .max = 1});
  visit(scale, {.key = "scale", .doc = "Enlarges the surface about its middle.", .min = 1e-6, .max = 1e6});
  visit(rotation, {.key = "rotation",
                   .doc = "Turn about x, then y, then z, right-handed.",
                   .unit = Unit::radian,
                   .min = -100,
                   .max = 100});
}

std::shared_ptr<const Shape> SurfaceConfig::build() const {
  TriangleMesh mesh = read_stl(file, unit);
  Vec3 low{1e300, 1e300, 1e300}, high{-1e300, -1e300, -1e300};
  for (const Vec3& p : mesh.corners) {
    low = {std::min(low.x, p.x), std::min(low.y, p.y), std::min(low.z, p.z)};
    high = {std::max(high.x, p.x), std::max(high.y, p.y), std::max(high.z, p.z)};
  }
  const Vec3 middle = keep_origin ? Vec3{} : 0.5 * (low + high);
  const Turn turn(rotation);
  for (Vec3& p : mesh.corners) p = centre + scale * turn.to_world(p - middle);
  try {
    return std::make_shared<Surface>(mesh);
  } catch (const std::invalid_argument& error) {
    refuse(file, std::string("cannot be used as a surface: ") + error.what() +
                     " (its inside would not be known). Repair it, or change unit or scale");
  }
}

}  // namespace sonoforge
