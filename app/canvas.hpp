#pragma once
#include <cairo.h>

#include <cstdint>
#include <string>
#include <vector>

#include "app/palette.hpp"
#include "io/png.hpp"

// Shared by the figures of this folder only.
namespace sonoforge {

inline constexpr Colour ink{0.1, 0.1, 0.1};
inline constexpr double tick_size = 14, label_size = 16, title_size = 18;  ///< of letters [px]

/// A white sheet of pixels to draw on. Throws `UserError` where it cannot be had.
class Canvas {
 public:
  Canvas(std::size_t width, std::size_t height);
  ~Canvas();
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  cairo_t* context() { return context_; }
  void set(Colour c, double alpha = 1) { cairo_set_source_rgba(context_, c.r, c.g, c.b, alpha); }

  double text_width(const std::string& text, double size);
  /// The text, or its beginning with an ellipsis where it is wider than `room`.
  std::string fitted(std::string text, double size, double room);
  /// `anchor`: 0 left, 0.5 centred, 1 right at x; y is the middle of the letters' height. A level text is moved
  /// sideways, if need be, to stay on the canvas.
  void text(const std::string& text, double x, double y, double size, double anchor, bool upright = false);
  /// A level or upright line, one pixel wide and sharp.
  void hair(double x0, double y0, double x1, double y1);
  /// A frame around pixels.
  void frame(double x, double y, double width, double height);
  void fill(double x, double y, double width, double height);
  /// Puts pixels, three bytes each, under everything drawn later.
  void put(std::size_t left, std::size_t top, std::size_t width, const std::vector<std::uint8_t>& rgb);
  Picture picture();

 private:
  std::uint32_t* row(std::size_t y);
  cairo_surface_t* surface_;
  cairo_t* context_;
  std::size_t width_, height_;
};

/// A legend's entry: its name, the class or curve it stands for, and its place from the legend's corner [px].
struct LegendItem {
  std::string name;
  std::size_t channel;
  double x, y;  // from the legend's corner
};

/// A whole number in raised digits.
std::string superscript(int exponent);

/// Texts of ticks that are `ticks[1] - ticks[0]` apart, with as many digits as that needs; powers of ten for very large
/// and very small numbers.
std::vector<std::string> tick_texts(const std::vector<double>& ticks);

}  // namespace sonoforge
