#include <algorithm>
#include <cmath>
#include <numbers>

#include "sim/line_table.hpp"
#include "sim/response_table.hpp"
#include "sim/smooth_response.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;

std::vector<SmoothResponse::Part> surface_parts(const Probe& probe, const Element& element, int dimensions,
                                                double width) {
  std::vector<SmoothResponse::Part> parts;
  if (element.shape != Element::Shape::rectangle) {
    const double radius = element.width / 2;
    const bool bowl = element.shape == Element::Shape::bowl;
    for (double part : {0.0, 0.5, 1.0})
      for (int i = 0; i < (part == 0 ? 1 : 12); ++i) {
        const double r = part * radius, turn = 2 * pi * i / 12;
        const double rise =
            bowl ? r * r /
                       (element.curvature_radius +
                        std::sqrt(std::max(0.0, element.curvature_radius * element.curvature_radius - r * r)))
                 : 0;
        parts.push_back({{r * std::cos(turn), r * std::sin(turn), rise}, 0});
      }
    return parts;
  }
  const bool lens = std::isfinite(probe.elevation_focus) && dimensions == 3;
  for (int j = dimensions == 2 ? 0 : -4; j <= (dimensions == 2 ? 0 : 4); ++j)
    for (int i = width > 0 ? -1 : 0; i <= (width > 0 ? 1 : 0); ++i) {
      const double y = j * element.height / 8;
      parts.push_back({{i * width / 2, y, 0}, lens ? std::hypot(y, probe.elevation_focus) - probe.elevation_focus : 0});
    }
  return parts;
}

class PhysicalResponse : public SmoothResponse {
 public:
  PhysicalResponse(const Probe& probe, const Aperture& aperture, const WaveLaw& law, double low, double high,
                   int dimensions, double tolerance, bool direct)
      : divided_(aperture.strips() > 1), direct_(direct) {
    for (std::size_t kind = 0; kind < aperture.kinds(); ++kind) {
      const Element& element = probe.elements[aperture.representative(kind) / aperture.strips()];
      tables_.push_back(std::make_unique<ResponseTable>(probe, element, law, low, high, dimensions, tolerance));
      lines_.push_back(dimensions == 3 && LineTable::fits(probe, element)
                           ? std::make_unique<LineTable>(probe, element, law, low, high, tolerance)
                           : nullptr);
      parts_.push_back(surface_parts(probe, element, dimensions, divided_ ? 0 : element.width));
    }
  }
  std::unique_ptr<Workspace> workspace() const override { return std::make_unique<TableWorkspace>(); }
  const std::vector<Part>& parts(std::size_t kind) const override { return parts_[kind]; }
  double cycles(std::size_t frequencies) const override {
    const double m = static_cast<double>(frequencies);
    return divided_ ? 300 + 12 * m : 500 + 60 * m;
  }
  void amplitudes(std::size_t kind, const ElementFrame& frame, Vec3 point, const FrequencyNodes& nodes,
                  Workspace& workspace, double* real, double* imaginary) const override {
    const Vec3 local = frame.local(point);
    auto& own = static_cast<TableWorkspace&>(workspace);
    if (local.z < 0) {
      std::fill_n(real, nodes.size(), 0.0);
      std::fill_n(imaginary, nodes.size(), 0.0);
    } else if (divided_) {
      lines_[kind]->line(local, nodes, own, real, imaginary);
    } else if (direct_) {
      tables_[kind]->direct(local, nodes, own, real, imaginary);
    } else if (lines_[kind]) {
      lines_[kind]->interpolate(local, nodes, own, real, imaginary);
    } else {
      tables_[kind]->interpolate(local, nodes, own, real, imaginary);
    }
  }

 private:
  std::vector<std::unique_ptr<ResponseTable>> tables_;
  std::vector<std::unique_ptr<LineTable>> lines_;  // where they fit; null elsewhere
  std::vector<std::vector<Part>> parts_;
  bool divided_, direct_;
};

}  // namespace

std::unique_ptr<SmoothResponse> physical_response(const Probe& probe, const Aperture& aperture, const WaveLaw& law,
                                                  double low, double high, int dimensions, double tolerance,
                                                  bool direct) {
  return std::make_unique<PhysicalResponse>(probe, aperture, law, low, high, dimensions, tolerance, direct);
}

std::vector<Strip> physical_lines(const Probe& probe, int dimensions, double wavenumber, double tolerance,
                                  double& nearest) {
  const Element& element = probe.elements.front();
  const bool straight = probe.kind == Probe::Kind::linear || probe.kind == Probe::Kind::phased;
  if (!straight || dimensions != 3 || !LineTable::fits(probe, element)) return {};
  const GaussRule& rule = LineTable::rule(wavenumber * element.width / 2, tolerance);
  nearest = LineTable::nearest(element.width / 2, wavenumber);
  std::vector<Strip> lines;
  for (std::size_t q = 0; q < rule.nodes.size(); ++q) lines.push_back({rule.nodes[q] / 2, 0, rule.weights[q]});
  return lines;
}

}  // namespace sonoforge
