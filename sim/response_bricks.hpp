#pragma once
#include <array>
#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "sim/smooth_response.hpp"
#include "sim/surface_quadrature.hpp"

// What tables of responses are made of, and what a thread remembers of them.

namespace sonoforge {

struct Interval {
  double low = 0, high = 0;
  double half() const { return (high - low) / 2; }
  double middle() const { return (high + low) / 2; }
  double at(double x) const { return middle() + half() * x; }
  double relative(double value) const { return half() > 0 ? (value - middle()) / half() : 0; }
};

/// Values of A on the Chebyshev points of a brick.
struct Brick {
  Interval range, angle, height;
  std::size_t ranges = 1, angles = 1, heights = 1;
  FrequencyNodes frequencies;
  double shift = 0;            // LineTable: of the path that the phase counts from [m]
  std::vector<double> values;  // [height][range][angle][2 * frequency]: real parts, then imaginary parts
  std::vector<float> floats;   // the same of a LineTable's bricks
  std::vector<float> turns;    // k / 2 pi at its frequencies [1/m]
};

struct Contracted {
  const Brick* brick = nullptr;
  double height = 0;
  std::vector<double> values;  // [range][angle][2 * frequency]
};

/// A column of bricks at one height.
struct LineCache {
  const Brick* brick = nullptr;
  double height = -1;
  const FrequencyNodes* nodes = nullptr;  // null: values are at the brick's own frequencies
  std::vector<float> values;              // [range][padded 2 * frequency]
};

/// A line's brick, and its values at the frequencies that were asked for, by their number.
struct LineBrick {
  struct Changed {
    const FrequencyNodes* nodes = nullptr;
    std::vector<float> values;  // [height][range][padded 2 * frequency]
  };
  const Brick* brick = nullptr;
  std::vector<Changed> changed;
};

struct TableWorkspace : SmoothResponse::Workspace {
  const void* table = nullptr;  // that `bricks`, `edges` and `lines` belong to
  std::map<std::array<std::size_t, 3>, const Brick*> bricks;
  std::vector<double> edges;
  SurfaceNodes nodes;
  std::vector<double> sum;
  std::vector<Contracted> contracted;
  std::size_t next = 0;
  std::map<std::pair<const FrequencyNodes*, const FrequencyNodes*>, std::vector<double>> conversions;
  std::map<std::pair<const FrequencyNodes*, const FrequencyNodes*>, std::vector<float>> float_conversions;
  std::vector<LineCache> lines;
  std::vector<std::vector<LineBrick>> line_bricks;  // [range][height]
  std::vector<float> line_sum, line_out, turns;
  const FrequencyNodes* turns_of = nullptr;
};

/// Terms of a Chebyshev series over +-half of a function with its nearest singularity at `distance` from the middle.
int falloff_terms(double half, double distance, double tolerance);

/// To whole vectors.
inline std::size_t padded(std::size_t count) {
  return (count + 7) / 8 * 8;
}

}  // namespace sonoforge
