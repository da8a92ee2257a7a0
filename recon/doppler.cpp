#include "recon/doppler.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "core/error.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

/// Sums over up to 2 r + 1 neighbours along x, then along z.
template <class T>
void sum_over_square(std::vector<T>& values, const PixelGrid& grid, std::size_t r) {
  if (r == 0) return;
  const std::size_t nx = grid.x.count, ny = grid.y.count, nz = grid.z.count;
  std::vector<T> sums(values.size());
  parallel_for(nz * ny, [&](std::size_t row) {
    for (std::size_t ix = 0; ix < nx; ++ix) {
      T sum{};
      for (std::size_t k = ix - std::min(ix, r); k <= std::min(ix + r, nx - 1); ++k) sum += values[row * nx + k];
      sums[row * nx + ix] = sum;
    }
  });
  parallel_for(nz, [&](std::size_t iz) {
    for (std::size_t i = 0; i < nx * ny; ++i) {
      T sum{};
      for (std::size_t k = iz - std::min(iz, r); k <= std::min(iz + r, nz - 1); ++k) sum += sums[k * nx * ny + i];
      values[iz * nx * ny + i] = sum;
    }
  });
}

}  // namespace

DopplerMaps color_doppler(const std::vector<ComplexMap>& frames, double frame_rate, double centre_frequency,
                          double sound_speed, std::size_t smoothing) {
  if (frames.size() < 2)
    throw UserError("velocity needs at least two frames (it is a phase between frames). Record more frames");
  for (const ComplexMap& frame : frames)
    if (!(frame.grid == frames[0].grid)) throw UserError("the frames have different grids (pixels must correspond)");
  if (!(frame_rate > 0 && centre_frequency > 0 && sound_speed > 0))
    throw UserError(
        "velocity needs frame rate, centre frequency and speed of sound (one is not known). Set 'frames: "
        "{rate: ...}'");
  const PixelGrid& grid = frames[0].grid;
  std::vector<std::complex<double>> lag_one(grid.size());
  std::vector<double> power(grid.size()), pair_power(grid.size());
  parallel_blocks(grid.size(), 4096, [&](std::size_t begin, std::size_t end) {
    for (std::size_t k = 0; k < frames.size(); ++k)
      for (std::size_t i = begin; i < end; ++i) {
        const std::complex<double> x(frames[k].values.data()[i]);
        power[i] += std::norm(x);
        if (k + 1 == frames.size()) continue;
        const std::complex<double> next(frames[k + 1].values.data()[i]);
        lag_one[i] += std::conj(x) * next;
        // The mean power of the two frames of each pair: with it |R(1)| / R(0) <= 1.
        pair_power[i] += (std::norm(x) + std::norm(next)) / 2;
      }
  });
  sum_over_square(lag_one, grid, smoothing);
  sum_over_square(pair_power, grid, smoothing);
  DopplerMaps maps{RealMap(grid), RealMap(grid), RealMap(grid)};
  const double scale = sound_speed * frame_rate / (4 * std::numbers::pi * centre_frequency);
  for (std::size_t i = 0; i < grid.size(); ++i) {
    maps.velocity.values.data()[i] = static_cast<float>(scale * std::arg(lag_one[i]));
    maps.power.values.data()[i] = static_cast<float>(power[i] / static_cast<double>(frames.size()));
    const double likeness = pair_power[i] > 0 ? std::abs(lag_one[i]) / pair_power[i] : 1;
    maps.variance.values.data()[i] = static_cast<float>(std::clamp(1 - likeness, 0.0, 1.0));
  }
  return maps;
}

}  // namespace sonoforge
