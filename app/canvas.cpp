#include "app/canvas.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "core/error.hpp"

namespace sonoforge {

Canvas::Canvas(std::size_t width, std::size_t height)
    : surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width), static_cast<int>(height))),
      context_(cairo_create(surface_)),
      width_(width),
      height_(height) {
  if (cairo_status(context_) != CAIRO_STATUS_SUCCESS)
    throw UserError("a picture of " + std::to_string(width) + " x " + std::to_string(height) +
                    " pixels cannot be made (there is no memory for it, or it is too large). Make it smaller");
  set({1, 1, 1});
  cairo_paint(context_);
  cairo_select_font_face(context_, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_SLIGHT);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_set_font_options(context_, options);
  cairo_font_options_destroy(options);
}

Canvas::~Canvas() {
  cairo_destroy(context_);
  cairo_surface_destroy(surface_);
}

double Canvas::text_width(const std::string& text, double size) {
  cairo_set_font_size(context_, size);
  cairo_text_extents_t extents;
  cairo_text_extents(context_, text.c_str(), &extents);
  return extents.x_advance;
}

std::string Canvas::fitted(std::string text, double size, double room) {
  if (text_width(text, size) <= room) return text;
  while (!text.empty() && text_width(text + "\u2026", size) > room) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
    if (!text.empty()) text.pop_back();
  }
  return text + "\u2026";
}

void Canvas::text(const std::string& text, double x, double y, double size, double anchor, bool upright) {
  const double width = text_width(text, size);
  cairo_save(context_);
  if (upright) {
    cairo_translate(context_, x, y);
    cairo_rotate(context_, -std::numbers::pi / 2);
    cairo_move_to(context_, -anchor * width, 0.36 * size);
  } else {
    const double left = std::max(2.0, std::min(x - anchor * width, static_cast<double>(width_) - width - 2));
    cairo_move_to(context_, left, std::round(y + 0.36 * size));
  }
  cairo_show_text(context_, text.c_str());
  cairo_restore(context_);
}

void Canvas::hair(double x0, double y0, double x1, double y1) {
  cairo_set_line_width(context_, 1);
  cairo_move_to(context_, std::floor(x0) + 0.5, std::floor(y0) + 0.5);
  cairo_line_to(context_, std::floor(x1) + 0.5, std::floor(y1) + 0.5);
  cairo_set_line_cap(context_, CAIRO_LINE_CAP_SQUARE);
  cairo_stroke(context_);
  cairo_set_line_cap(context_, CAIRO_LINE_CAP_BUTT);
}

void Canvas::frame(double x, double y, double width, double height) {
  cairo_set_line_width(context_, 1);
  cairo_rectangle(context_, x - 0.5, y - 0.5, width + 1, height + 1);
  cairo_stroke(context_);
}

void Canvas::fill(double x, double y, double width, double height) {
  cairo_rectangle(context_, x, y, width, height);
  cairo_fill(context_);
}

void Canvas::put(std::size_t left, std::size_t top, std::size_t width, const std::vector<std::uint8_t>& rgb) {
  cairo_surface_flush(surface_);
  const std::size_t count = rgb.size() / 3;
  for (std::size_t i = 0; i < count; ++i)
    row(top + i / width)[left + i % width] =
        std::uint32_t{rgb[3 * i]} << 16 | std::uint32_t{rgb[3 * i + 1]} << 8 | rgb[3 * i + 2];
  cairo_surface_mark_dirty(surface_);
}

Picture Canvas::picture() {
  cairo_surface_flush(surface_);
  Picture out{.width = width_, .height = height_, .channels = 3, .values = {}};
  out.values.reserve(width_ * height_ * 3);
  for (std::size_t y = 0; y < height_; ++y)
    for (std::size_t x = 0; x < width_; ++x)
      for (int shift : {16, 8, 0}) out.values.push_back(static_cast<std::uint8_t>(row(y)[x] >> shift));
  return out;
}

std::uint32_t* Canvas::row(std::size_t y) {
  return reinterpret_cast<std::uint32_t*>(cairo_image_surface_get_data(surface_) +
                                          y * static_cast<std::size_t>(cairo_image_surface_get_stride(surface_)));
}

std::string superscript(int exponent) {
  static const std::array<const char*, 10> digits{"\u2070", "\u00b9", "\u00b2", "\u00b3", "\u2074",
                                                  "\u2075", "\u2076", "\u2077", "\u2078", "\u2079"};
  std::string text = exponent < 0 ? "\u207b" : "";
  for (char c : std::to_string(std::abs(exponent))) text += digits[static_cast<std::size_t>(c - '0')];
  return text;
}
std::vector<std::string> tick_texts(const std::vector<double>& ticks) {
  double largest = 0;
  for (double t : ticks) largest = std::max(largest, std::abs(t));
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : (largest > 0 ? largest : 1);
  const int power =
      largest >= 1e5 || (largest > 0 && largest < 1e-3) ? static_cast<int>(std::floor(std::log10(largest))) : 0;
  const double scale = std::pow(10.0, power);
  const int digits = std::clamp(static_cast<int>(std::ceil(-std::log10(step / scale) - 1e-9)), 0, 12);
  std::vector<std::string> texts;
  for (double t : ticks) {
    char buffer[64];
    std::snprintf(buffer, sizeof buffer, "%.*f", digits, std::abs(t) < 1e-9 * step ? 0.0 : t / scale);
    std::string text = buffer;
    if (text.front() == '-') text = "\u2212" + text.substr(1);
    if (power != 0 && t != 0) text += "\u00b710" + superscript(power);
    texts.push_back(text);
  }
  return texts;
}

}  // namespace sonoforge
