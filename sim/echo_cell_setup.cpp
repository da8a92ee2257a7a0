#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/progress.hpp"
#include "sim/echo_cells.hpp"

// What the sums over one cell's scatterers need: distances, the law of waves, points and amplitudes.

namespace sonoforge {
namespace {

constexpr double two_pi = 2 * std::numbers::pi;

}  // namespace

template <class T>
void EchoCells<T>::prepare(const TreeCell& cell, const ApertureNodes& nodes, std::size_t bins, Scratch& s) {
  constexpr std::size_t lanes = EchoCell<T>::lanes;
  EchoCell<T>& work = s.cell;
  work.nodes = nodes.frames.size();
  work.bins = bins;
  work.padded = (work.nodes + lanes - 1) / lanes * lanes;
  for (auto* v : {&work.dx, &work.dy, &work.dz}) v->assign(work.padded, 0);
  work.range.assign(work.padded, 1);
  for (std::size_t j = 0; j < work.nodes; ++j) {
    const Vec3 d = cell.box.centre - nodes.frames[j].position;
    work.dx[j] = static_cast<T>(d.x), work.dy[j] = static_cast<T>(d.y), work.dz[j] = static_cast<T>(d.z);
    work.range[j] = static_cast<T>(norm(d));
  }
  // k and a as straight lines over the band; what they leave goes to the frequency nodes.
  const double top = grid_.low + grid_.width, f0 = grid_.low;
  const double k0 = model_.law.wavenumber(f0) / two_pi,
               k1 = (model_.law.wavenumber(top) / two_pi - k0) / static_cast<double>(bins);
  const double a0 = model_.law.attenuation(f0), a1 = (model_.law.attenuation(top) - a0) / static_cast<double>(bins);
  work.turns0 = static_cast<T>(k0), work.turns1 = static_cast<T>(k1);
  work.loss0 = static_cast<T>(a0), work.loss1 = static_cast<T>(a1);
  work.lossy = !model_.law.lossless;
  work.rest_turns.clear(), work.rest_loss.clear();
  work.terms = 0;
  work.frequencies = cell.sight.frequencies;
  const FrequencyNodes& frequencies = tables_.nodes(work.frequencies);
  work.interpolation = tables_.interpolation(work.frequencies, bins);
  if (work.lossy) {
    for (std::size_t m = 0; m < frequencies.size(); ++m) {
      const double at = (frequencies.frequency[m] - f0) / grid_.width * static_cast<double>(bins);
      work.rest_turns.push_back(static_cast<T>(frequencies.wavenumber[m] / two_pi - (k0 + k1 * at)));
      work.rest_loss.push_back(static_cast<T>(frequencies.attenuation[m] - (a0 + a1 * at)));
    }
    // Nothing left where k and a are straight lines over the cell's size.
    double largest = 0;
    for (std::size_t m = 0; m < frequencies.size(); ++m)
      largest = std::max(largest, std::hypot(two_pi * static_cast<double>(work.rest_turns[m]),
                                             static_cast<double>(work.rest_loss[m])));
    if (largest * cell.box.radius() < 0.02 * tree_.tolerance()) work.rest_turns.clear(), work.rest_loss.clear();
  }
  place_points(cell, s);
  place_amplitudes(cell, nodes, frequencies, s);
}

template <class T>
void EchoCells<T>::place_points(const TreeCell& cell, Scratch& s) const {
  s.points.clear();
  const auto positions = tree_.positions(cell);
  const auto strengths = tree_.strengths(cell);
  if (cell.gridded) {
    spread<T>(cell.box, cell.sight.grid, positions, strengths, s.spread, s.points);
    return;
  }
  for (std::size_t i = 0; i < positions.size(); ++i) {
    const Vec3 d = positions[i] - cell.box.centre;
    s.points.push_back(
        {static_cast<T>(d.x), static_cast<T>(d.y), static_cast<T>(d.z), static_cast<T>(strengths[i]), 0});
  }
}

/// Amplitudes at the Chebyshev points of the box, or at the scatterers themselves where those are fewer.
template <class T>
void EchoCells<T>::place_amplitudes(const TreeCell& cell, const ApertureNodes& nodes, const FrequencyNodes& frequencies,
                                    Scratch& s) const {
  EchoCell<T>& work = s.cell;
  const auto& points = s.points;
  const auto& counts = cell.sight.terms;
  const std::size_t terms = counts[0] * counts[1] * counts[2];
  std::vector<Vec3> places;
  // Beside the face of an element its response has a kink, or jumps.
  const bool beside =
      !cell.sight.smooth || std::any_of(nodes.frames.begin(), nodes.frames.end(), [&](const ElementFrame& frame) {
        return std::abs(dot(cell.box.centre - frame.position, frame.normal)) <= cell.box.radius();
      });
  if (terms < points.size() && !beside) {
    work.terms = terms;
    for (std::size_t z = 0; z < counts[2]; ++z)
      for (std::size_t y = 0; y < counts[1]; ++y)
        for (std::size_t x = 0; x < counts[0]; ++x)
          places.push_back(cell.box.centre + Vec3{cell.box.half.x * chebyshev_point(counts[0], x),
                                                  cell.box.half.y * chebyshev_point(counts[1], y),
                                                  cell.box.half.z * chebyshev_point(counts[2], z)});
    s.basis.resize(points.size() * terms);
    std::vector<double> wx(counts[0]), wy(counts[1]), wz(counts[2]);
    for (std::size_t i = 0; i < points.size(); ++i) {
      check_interrupted();
      const auto relative = [](double value, double half) { return half > 0 ? value / half : 0; };
      chebyshev_weights(counts[0], relative(points[i].x, cell.box.half.x), wx.data());
      chebyshev_weights(counts[1], relative(points[i].y, cell.box.half.y), wy.data());
      chebyshev_weights(counts[2], relative(points[i].z, cell.box.half.z), wz.data());
      T* out = s.basis.data() + i * terms;
      for (double z : wz)
        for (double y : wy)
          for (double x : wx) *out++ = static_cast<T>(x * y * z);
    }
  } else {
    for (const auto& p : points)
      places.push_back(cell.box.centre +
                       Vec3{static_cast<double>(p.x), static_cast<double>(p.y), static_cast<double>(p.z)});
  }
  const std::size_t count = work.frequencies;
  s.real.resize(count), s.imaginary.resize(count);
  work.amplitudes.assign(places.size() * work.width(), 0);
  std::vector<double> cosines, sines;
  for (double k : frequencies.wavenumber) {
    cosines.push_back(std::cos(k * cell.sight.shift));
    sines.push_back(std::sin(k * cell.sight.shift));
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    T* out = work.amplitudes.data() + i * work.width();
    for (std::size_t j = 0; j < work.nodes; ++j) {
      check_interrupted();
      response_.amplitudes(nodes.kinds[j], nodes.frames[j], places[i], frequencies, *s.response, s.real.data(),
                           s.imaginary.data());
      // Counted from the middle of the paths of an element's parts, A varies least over frequency.
      for (std::size_t m = 0; m < count; ++m) {
        *out++ = static_cast<T>(s.real[m] * cosines[m] - s.imaginary[m] * sines[m]);
        *out++ = static_cast<T>(s.real[m] * sines[m] + s.imaginary[m] * cosines[m]);
      }
    }
  }
}

#define SONOFORGE_CELL_SETUP(T)                                                                                        \
  template void EchoCells<T>::prepare(const TreeCell&, const ApertureNodes&, std::size_t, Scratch&);                   \
  template void EchoCells<T>::place_points(const TreeCell&, Scratch&) const;                                           \
  template void EchoCells<T>::place_amplitudes(const TreeCell&, const ApertureNodes&, const FrequencyNodes&, Scratch&) \
      const;
SONOFORGE_CELL_SETUP(float)
SONOFORGE_CELL_SETUP(double)
#undef SONOFORGE_CELL_SETUP

}  // namespace sonoforge
