#pragma once
#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "sim/memory_limit.hpp"
#include "sim/element_integral.hpp"
#include "sim/response_bricks.hpp"

namespace sonoforge {

/// Rectangles behind a rigid or soft baffle: the integral over the height is tabulated for a line in the middle, in two
/// dimensions (distance from the line, height), and that over the width is a short Gauss-Legendre sum over such lines:
///     A = integral dx' w/rho' E(rho', b) exp(-(i k + a) (R' - R)), rho' = hypot(a - x', w), R' = hypot(rho', b)
/// (without w/rho' where the baffle is rigid).
class LineTable {
 public:
  LineTable(const Probe& probe, const Element& element, const WaveLaw& law, double low, double high, double tolerance);

  /// For the sum over the width.
  static const GaussRule& rule(double half_width_phase, double tolerance);
  /// Nearer than this the sum over the width needs more lines than that.
  static double nearest(double half_width, double wavenumber) { return std::max(4 * half_width, 1 / wavenumber); }

  static bool fits(const Probe& probe, const Element& element);
  /// A line alone, at least half a width nearer than elements may be.
  void line(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real, double* imaginary);
  void interpolate(Vec3 local, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real, double* imaginary);

 private:
  static Element narrow(const Element& element);

  void start(TableWorkspace& workspace) const;

  /// Values at one height; at the frequencies of `nodes` if there are any.
  const LineCache& line_at(double rho, double height, TableWorkspace& workspace, const FrequencyNodes* nodes);

  /// A brick's values at other frequencies: [height][range][2 * frequency].
  const std::vector<float>& at_frequencies(LineBrick& own_brick, const FrequencyNodes& nodes,
                                           TableWorkspace& workspace) const;

  void add_line(const LineCache& line, double rho, float weight, double beyond, TableWorkspace& workspace) const;

  /// From the brick's frequencies to those asked for.
  void add_sum(const Brick& brick, const FrequencyNodes& nodes, TableWorkspace& workspace, double* real,
               double* imaginary) const;

  const std::vector<float>& conversion(const FrequencyNodes& from, const FrequencyNodes& to,
                                       TableWorkspace& workspace) const;

  double range_step(double range) const;
  double height_step(double range) const;

  void contract(std::size_t i, double low, double high, double height, const FrequencyNodes* nodes,
                TableWorkspace& workspace, LineCache& line);

  void build(Brick& brick, TableWorkspace& workspace) const;

  /// E at (0, height, range): the narrow element's integral over its width, its phase counted from `shift`.
  void line_values(double range, double height, double shift, const FrequencyNodes& nodes, TableWorkspace& workspace,
                   double* out) const;

  void fill(Brick& brick, TableWorkspace& workspace) const;

  bool is_accurate(const Brick& brick, TableWorkspace& workspace) const;

  struct Slot {
    std::once_flag once;
    Brick brick;
  };
  static constexpr double line_span = 2;  // half of the phase that may turn across a brick [rad]
  double wavenumber_, half_band_;
  ElementIntegral line_, whole_;
  WaveLaw law_;
  double low_, high_, tolerance_;
  bool soft_;
  double half_width_, half_height_, smallest_ = 0;
  const GaussRule* rule_ = nullptr;
  mutable MemoryAccount memory_{
      "the tables of the elements' responses",
      "The elements are very large in wavelengths: use smaller ones, a lower frequency, or 'engine: {type: exact}'"};
  std::mutex mutex_;
  std::map<std::array<std::size_t, 2>, Slot> slots_;
};

}  // namespace sonoforge
