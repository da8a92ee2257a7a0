#pragma once
#include <array>
#include <map>
#include <mutex>

#include "sim/memory_limit.hpp"
#include "sim/element_integral.hpp"
#include "sim/response_bricks.hpp"

namespace sonoforge {

/// A(x, f) of one kind of element, tabulated on bricks of (distance in the plane, angle, height) that are built when
/// first asked for, and checked against the integral.
class ResponseTable {
 public:
  ResponseTable(const Probe& probe, const Element& element, const WaveLaw& law, double low, double high, int dimensions,
                double tolerance);

  /// By quadrature.
  void direct(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real,
              double* imaginary) const;

  void interpolate(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real, double* imaginary);

 private:
  /// From the brick's frequencies to those asked for.
  void convert(const FrequencyNodes& from, const FrequencyNodes& to, TableWorkspace& workspace, double* real,
               double* imaginary) const;

  const Contracted& contract(const Brick& brick, double height, TableWorkspace& workspace) const;

  /// To the next edge in range: the phase of the outermost parts turns by brick_span at most on either side of a
  /// brick's middle, and 1/r changes little.
  double range_step(double range) const;
  double height_step(double range) const;

  const Brick& brick_at(double range, double angle, double height, TableWorkspace& workspace);

  Vec3 point(double range, double angle, double height) const;

  void build(Brick& brick, TableWorkspace& workspace) const;

  double path_difference(const Brick& brick, double x, double y, double h, TableWorkspace& workspace) const;

  void fill(Brick& brick, TableWorkspace& workspace) const;

  /// Compares with the integral at a few places between the points, and at other frequencies.
  bool is_accurate(const Brick& brick, TableWorkspace& workspace) const;

  struct Slot {
    std::once_flag once;
    Brick brick;
  };
  ElementIntegral integral_;
  WaveLaw law_;
  double low_, high_, tolerance_, wavenumber_, half_band_;
  bool round_, tall_;
  double half_width_, half_height_, smallest_ = 0;
  mutable MemoryAccount memory_{
      "the tables of the elements' responses",
      "The elements are very large in wavelengths: use smaller ones, a lower frequency, or 'engine: {type: exact}'"};
  std::mutex mutex_;
  std::map<std::array<std::size_t, 3>, Slot> slots_;
};

}  // namespace sonoforge
