#include "app/figures.hpp"

#include <cairo.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>

#include "core/error.hpp"

namespace sonoforge {

namespace {

struct Colour {
  double r = 0, g = 0, b = 0;
};

// [okabe2008]
constexpr std::array<Colour, 8> class_colours{{{0.902, 0.624, 0.000},
                                               {0.337, 0.706, 0.914},
                                               {0.000, 0.620, 0.451},
                                               {0.941, 0.894, 0.259},
                                               {0.835, 0.369, 0.000},
                                               {0.800, 0.475, 0.655},
                                               {0.000, 0.447, 0.698},
                                               {0.600, 0.600, 0.600}}};

Colour mix(Colour a, Colour b, double t) { return {a.r + t * (b.r - a.r), a.g + t * (b.g - a.g), a.b + t * (b.b - a.b)}; }

Colour grey(double t) { return {t, t, t}; }

template <std::size_t N>
Colour ramp(const std::array<Colour, N>& stops, double t) {
  const double at = std::clamp(t, 0.0, 1.0) * (N - 1);
  const auto i = std::min<std::size_t>(static_cast<std::size_t>(at), N - 2);
  return mix(stops[i], stops[i + 1], at - static_cast<double>(i));
}

// Dark blue over green to yellow, with lightness rising evenly.
Colour sequential(double t) {
  static constexpr std::array<Colour, 6> stops{
      {{0.20, 0.02, 0.33}, {0.22, 0.24, 0.53}, {0.16, 0.43, 0.55}, {0.13, 0.62, 0.52}, {0.47, 0.80, 0.32}, {0.98, 0.90, 0.20}}};
  return ramp(stops, t);
}

Colour diverging(double t) {
  static constexpr std::array<Colour, 5> stops{{{0.02, 0.19, 0.38}, {0.26, 0.58, 0.77}, {0.97, 0.97, 0.97}, {0.84, 0.38, 0.30}, {0.40, 0.00, 0.12}}};
  return ramp(stops, t);
}

class Canvas {
 public:
  Canvas(std::size_t width, std::size_t height)
      : surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width), static_cast<int>(height))), context_(cairo_create(surface_)) {
    set({1, 1, 1});
    cairo_paint(context_);
    cairo_select_font_face(context_, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    cairo_font_options_t* options = cairo_font_options_create();
    cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
    cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
    cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
    cairo_set_font_options(context_, options);
    cairo_font_options_destroy(options);
  }
  ~Canvas() {
    cairo_destroy(context_);
    cairo_surface_destroy(surface_);
  }
  Canvas(const Canvas&) = delete;
  Canvas& operator=(const Canvas&) = delete;

  cairo_t* context() { return context_; }
  void set(Colour c, double alpha = 1) { cairo_set_source_rgba(context_, c.r, c.g, c.b, alpha); }

  double text_width(const std::string& text, double size) {
    cairo_set_font_size(context_, size);
    cairo_text_extents_t extents;
    cairo_text_extents(context_, text.c_str(), &extents);
    return extents.x_advance;
  }
  /// `anchor`: 0 left, 0.5 centred, 1 right at x; y is the middle of the letters' height.
  void text(const std::string& text, double x, double y, double size, double anchor, bool upright = false) {
    const double width = text_width(text, size);
    cairo_save(context_);
    cairo_translate(context_, x, y);
    if (upright) cairo_rotate(context_, -M_PI / 2);
    cairo_move_to(context_, -anchor * width, 0.36 * size);
    cairo_show_text(context_, text.c_str());
    cairo_restore(context_);
  }
  void line(double x0, double y0, double x1, double y1, double width = 1) {
    cairo_set_line_width(context_, width);
    cairo_move_to(context_, x0, y0);
    cairo_line_to(context_, x1, y1);
    cairo_stroke(context_);
  }
  void frame(double x, double y, double width, double height, double line_width = 1) {
    cairo_set_line_width(context_, line_width);
    cairo_rectangle(context_, x, y, width, height);
    cairo_stroke(context_);
  }
  void fill(double x, double y, double width, double height) {
    cairo_rectangle(context_, x, y, width, height);
    cairo_fill(context_);
  }
  /// Sets one pixel of the surface, under everything drawn later.
  void pixel(std::size_t x, std::size_t y, Colour c) {
    cairo_surface_flush(surface_);
    auto* row = reinterpret_cast<std::uint32_t*>(cairo_image_surface_get_data(surface_) + y * static_cast<std::size_t>(cairo_image_surface_get_stride(surface_)));
    const auto byte = [](double v) { return static_cast<std::uint32_t>(std::lround(std::clamp(v, 0.0, 1.0) * 255)); };
    row[x] = byte(c.r) << 16 | byte(c.g) << 8 | byte(c.b);
    cairo_surface_mark_dirty(surface_);
  }
  Picture picture() {
    cairo_surface_flush(surface_);
    Picture out;
    out.width = static_cast<std::size_t>(cairo_image_surface_get_width(surface_));
    out.height = static_cast<std::size_t>(cairo_image_surface_get_height(surface_));
    out.values.resize(out.width * out.height * 3);
    const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface_));
    for (std::size_t y = 0; y < out.height; ++y) {
      const auto* row = reinterpret_cast<const std::uint32_t*>(cairo_image_surface_get_data(surface_) + y * stride);
      for (std::size_t x = 0; x < out.width; ++x) {
        out.values[3 * (y * out.width + x)] = static_cast<std::uint8_t>(row[x] >> 16);
        out.values[3 * (y * out.width + x) + 1] = static_cast<std::uint8_t>(row[x] >> 8);
        out.values[3 * (y * out.width + x) + 2] = static_cast<std::uint8_t>(row[x]);
      }
    }
    return out;
  }

 private:
  cairo_surface_t* surface_;
  cairo_t* context_;
};

std::string tick_text(double value, double step) {
  const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f", std::min(digits, 12), std::abs(value) < 1e-9 * step ? 0.0 : value);
  std::string text = buffer;
  if (!text.empty() && text.front() == '-') text = "\u2212" + text.substr(1);
  return text;
}

// The rectangle of space that a grid covers, pixel edges included [m].
struct View {
  double x0, x1, z0, z1;
};

View view_of(const PixelGrid& grid) {
  if (grid.y.count != 1) throw UserError("a picture shows one plane, and this map has " + std::to_string(grid.y.count) + ". Choose one elevation");
  const double dx = std::abs(grid.x.step) / 2, dz = std::abs(grid.z.step) / 2;
  if (grid.kind == PixelGrid::Kind::cartesian) return {grid.x.from - dx, grid.x.last() + dx, grid.z.from - dz, grid.z.last() + dz};
  View view{1e300, -1e300, 1e300, -1e300};
  const auto include = [&](double range, double angle) {
    const double x = range * std::sin(angle), z = grid.apex_depth + range * std::cos(angle);
    view = {std::min(view.x0, x), std::max(view.x1, x), std::min(view.z0, z), std::max(view.z1, z)};
  };
  for (std::size_t i = 0; i <= 200; ++i) {
    const double angle = grid.x.from - dx + (grid.x.last() - grid.x.from + 2 * dx) * static_cast<double>(i) / 200;
    include(grid.z.from - dz, angle);
    include(grid.z.last() + dz, angle);
  }
  return view;
}

// Fractional pixel of a place; false outside the grid.
bool locate(const PixelGrid& grid, double x, double z, double& column, double& row) {
  if (grid.kind == PixelGrid::Kind::polar) {
    const double angle = std::atan2(x, z - grid.apex_depth), range = std::hypot(x, z - grid.apex_depth);
    x = angle, z = range;
  }
  column = grid.x.count > 1 ? grid.x.index_of(x) : 0;
  row = grid.z.count > 1 ? grid.z.index_of(z) : 0;
  return column >= -0.5 && row >= -0.5 && column <= static_cast<double>(grid.x.count) - 0.5 && row <= static_cast<double>(grid.z.count) - 0.5;
}

double bilinear(const RealMap& map, double column, double row) {
  const double last_column = static_cast<double>(map.grid.x.count - 1), last_row = static_cast<double>(map.grid.z.count - 1);
  column = std::clamp(column, 0.0, last_column);
  row = std::clamp(row, 0.0, last_row);
  const auto ix = static_cast<std::size_t>(std::min(column, std::max(0.0, last_column - 1)));
  const auto iz = static_cast<std::size_t>(std::min(row, std::max(0.0, last_row - 1)));
  const double tx = column - static_cast<double>(ix), tz = row - static_cast<double>(iz);
  const auto at = [&](std::size_t z, std::size_t x) {
    return static_cast<double>(map.values(std::min(z, map.grid.z.count - 1), std::size_t{0}, std::min(x, map.grid.x.count - 1)));
  };
  return (1 - tz) * ((1 - tx) * at(iz, ix) + tx * at(iz, ix + 1)) + tz * ((1 - tx) * at(iz + 1, ix) + tx * at(iz + 1, ix + 1));
}

using Palette = std::function<Colour(double)>;

struct Layout {
  double left = 0, top = 0, width = 0, height = 0;  // of the image area [px]
  View view;
  double x(double metre) const { return left + (metre - view.x0) / (view.x1 - view.x0) * width; }
  double z(double metre) const { return top + (metre - view.z0) / (view.z1 - view.z0) * height; }
};

struct FigureParts {
  std::string title, unit;
  double low = 0, high = 1;
  Palette palette;
  const LabelMap* segmentation = nullptr;
};

constexpr double tick_size = 15, label_size = 17, title_size = 18;

Colour outline_colour(std::size_t c) { return class_colours[c % class_colours.size()]; }

void draw_classes(Canvas& canvas, const Layout& layout, const LabelMap& segmentation) {
  const PixelGrid& grid = segmentation.grid;
  const std::size_t channels = segmentation.values.extent(0);
  const auto width = static_cast<std::size_t>(layout.width), height = static_cast<std::size_t>(layout.height);
  std::vector<std::int8_t> inside(width * height);
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t py = 0; py < height; ++py)
      for (std::size_t px = 0; px < width; ++px) {
        const double x = layout.view.x0 + (static_cast<double>(px) + 0.5) / layout.width * (layout.view.x1 - layout.view.x0);
        const double z = layout.view.z0 + (static_cast<double>(py) + 0.5) / layout.height * (layout.view.z1 - layout.view.z0);
        double column = 0, row = 0;
        bool in = false;
        if (locate(grid, x, z, column, row)) {
          const auto ix = static_cast<std::size_t>(std::clamp(std::lround(column), 0L, static_cast<long>(grid.x.count) - 1));
          const auto iz = static_cast<std::size_t>(std::clamp(std::lround(row), 0L, static_cast<long>(grid.z.count) - 1));
          in = segmentation.values(c, iz, std::size_t{0}, ix) != 0;
        }
        inside[py * width + px] = in;
      }
    const Colour colour = outline_colour(c);
    const auto at = [&](std::ptrdiff_t y, std::ptrdiff_t x) {
      return y >= 0 && x >= 0 && y < static_cast<std::ptrdiff_t>(height) && x < static_cast<std::ptrdiff_t>(width) &&
             inside[static_cast<std::size_t>(y) * width + static_cast<std::size_t>(x)];
    };
    for (std::size_t py = 0; py < height; ++py)
      for (std::size_t px = 0; px < width; ++px) {
        if (!inside[py * width + px]) continue;
        const auto y = static_cast<std::ptrdiff_t>(py), x = static_cast<std::ptrdiff_t>(px);
        bool edge = false;
        for (std::ptrdiff_t d = 1; d <= 2; ++d) edge |= !at(y, x - d) || !at(y, x + d) || !at(y - d, x) || !at(y + d, x);
        canvas.set(colour, edge ? 1.0 : 0.16);
        canvas.fill(layout.left + static_cast<double>(px), layout.top + static_cast<double>(py), 1, 1);
      }
  }
}

Picture draw_figure(const RealMap& map, const FigureParts& parts) {
  const View view = view_of(map.grid);
  const double aspect = (view.x1 - view.x0) / (view.z1 - view.z0);
  // The image area has the aspect of space and fits into 620 x 640, but is never a sliver.
  double width = 640, height = width / aspect;
  if (height > 640) height = 640, width = height * aspect;
  width = std::round(std::max(width, 160.0));
  height = std::round(std::max(height, 160.0));
  const bool legend = parts.segmentation && !parts.segmentation->channels.empty();
  const double left = 78, top = parts.title.empty() ? 22 : 46, bottom = 62, bar_gap = 22, bar_width = 20;
  double legend_height = 0;
  Canvas measure(8, 8);
  std::vector<std::array<double, 2>> legend_places;
  const double total_width = left + width + bar_gap + bar_width + 78;
  if (legend) {
    double x = left, y = 0;
    for (const auto& name : parts.segmentation->channels) {
      const double item = 26 + measure.text_width(name, tick_size) + 18;
      if (x + item > total_width && x > left) x = left, y += 24;
      legend_places.push_back({x, y});
      x += item;
    }
    legend_height = y + 30;
  }
  Canvas canvas(static_cast<std::size_t>(std::ceil(total_width)), static_cast<std::size_t>(std::ceil(top + height + bottom + legend_height)));
  const Layout layout{left, top, width, height, view};

  for (std::size_t py = 0; py < static_cast<std::size_t>(height); ++py)
    for (std::size_t px = 0; px < static_cast<std::size_t>(width); ++px) {
      const double x = view.x0 + (static_cast<double>(px) + 0.5) / width * (view.x1 - view.x0);
      const double z = view.z0 + (static_cast<double>(py) + 0.5) / height * (view.z1 - view.z0);
      double column = 0, row = 0;
      Colour colour{};
      if (locate(map.grid, x, z, column, row)) colour = parts.palette((bilinear(map, column, row) - parts.low) / (parts.high - parts.low));
      canvas.pixel(static_cast<std::size_t>(left) + px, static_cast<std::size_t>(top) + py, colour);
    }
  if (legend) draw_classes(canvas, layout, *parts.segmentation);

  const Colour ink{0.1, 0.1, 0.1};
  canvas.set(ink);
  canvas.frame(left - 0.5, top - 0.5, width + 1, height + 1);
  const auto x_ticks = nice_ticks(view.x0 * 1e3, view.x1 * 1e3, std::max<std::size_t>(2, static_cast<std::size_t>(width / 80)));
  for (double t : x_ticks) {
    const double x = layout.x(t * 1e-3);
    canvas.line(x, top + height, x, top + height + 5);
    canvas.text(tick_text(t, x_ticks.size() > 1 ? x_ticks[1] - x_ticks[0] : 1), x, top + height + 17, tick_size, 0.5);
  }
  const auto z_ticks = nice_ticks(view.z0 * 1e3, view.z1 * 1e3, std::max<std::size_t>(2, static_cast<std::size_t>(height / 60)));
  for (double t : z_ticks) {
    const double z = layout.z(t * 1e-3);
    canvas.line(left - 5, z, left, z);
    canvas.text(tick_text(t, z_ticks.size() > 1 ? z_ticks[1] - z_ticks[0] : 1), left - 9, z, tick_size, 1);
  }
  canvas.text("Lateral [mm]", left + width / 2, top + height + 42, label_size, 0.5);
  canvas.text("Depth [mm]", 20, top + height / 2, label_size, 0.5, true);
  if (!parts.title.empty()) canvas.text(parts.title, left + width / 2, 22, title_size, 0.5);

  const double bar = left + width + bar_gap;
  for (std::size_t i = 0; i < static_cast<std::size_t>(height); ++i) {
    const Colour colour = parts.palette(1 - (static_cast<double>(i) + 0.5) / height);
    canvas.set(colour);
    canvas.fill(bar, top + static_cast<double>(i), bar_width, 1);
  }
  canvas.set(ink);
  canvas.frame(bar - 0.5, top - 0.5, bar_width + 1, height + 1);
  const auto levels = nice_ticks(parts.low, parts.high, std::max<std::size_t>(2, static_cast<std::size_t>(height / 80)));
  for (double level : levels) {
    const double y = top + (parts.high - level) / (parts.high - parts.low) * height;
    canvas.line(bar + bar_width, y, bar + bar_width + 4, y);
    std::string text = tick_text(level, levels.size() > 1 ? levels[1] - levels[0] : 1);
    canvas.text(text, bar + bar_width + 8, y, tick_size, 0);
  }
  canvas.text(parts.unit, bar + bar_width / 2, top + height + 17, tick_size, 0.5);

  for (std::size_t c = 0; c < legend_places.size(); ++c) {
    const double x = legend_places[c][0], y = top + height + bottom + 10 + legend_places[c][1];
    canvas.set(outline_colour(c));
    canvas.fill(x, y - 8, 18, 16);
    canvas.set(ink);
    canvas.text(parts.segmentation->channels[c], x + 25, y, tick_size, 0);
  }
  return canvas.picture();
}

}  // namespace

std::vector<double> nice_ticks(double low, double high, std::size_t most) {
  if (!(high > low) || !std::isfinite(low) || !std::isfinite(high)) return {low};
  const double raw = (high - low) / static_cast<double>(std::max<std::size_t>(most, 1));
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = power * 10;
  for (double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw * (1 - 1e-9)) {
      step = factor * power;
      break;
    }
  std::vector<double> ticks;
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k) ticks.push_back(k * step);
  return ticks;
}

Picture draw_bmode(const RealMap& decibels, double dynamic_range, const std::string& title) {
  return draw_figure(decibels, {title, "dB", -dynamic_range, 0, [](double t) { return grey(std::clamp(t, 0.0, 1.0)); }, nullptr});
}

Picture draw_overlay(const RealMap& decibels, const LabelMap& segmentation, double dynamic_range, const std::string& title) {
  view_of(segmentation.grid);
  return draw_figure(decibels, {title, "dB", -dynamic_range, 0, [](double t) { return grey(std::clamp(t, 0.0, 1.0)); }, &segmentation});
}

Picture draw_map(const RealMap& map, const std::string& unit, const MapStyle& style) {
  double low = style.low, high = style.high;
  if (!(high > low)) {
    low = 1e300, high = -1e300;
    for (float v : map.values.flat())
      if (std::isfinite(v)) low = std::min(low, static_cast<double>(v)), high = std::max(high, static_cast<double>(v));
    if (low > high) low = 0, high = 1;
    if (!(high > low)) {
      const double pad = std::max(std::abs(low) * 0.01, 1e-3);
      low -= pad, high += pad;
    }
    if (style.diverging) {
      high = std::max(std::abs(low), std::abs(high));
      low = -high;
    }
  }
  return draw_figure(map, {style.title, unit, low, high, style.diverging ? Palette(diverging) : Palette(sequential), nullptr});
}

std::vector<Picture> draw_wave_movie(const std::vector<RealMap>& frames, const std::vector<double>& times) {
  std::vector<Picture> pictures;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    char title[64];
    std::snprintf(title, sizeof title, "Pressure at %.2f \u00b5s", i < times.size() ? times[i] * 1e6 : 0.0);
    // A square root of the level shows edge waves beside the main front.
    RealMap shown = frames[i];
    for (float& v : shown.values.flat()) v = std::copysign(std::sqrt(std::abs(v)), v);
    pictures.push_back(draw_figure(shown, {title, "\u221ap", -1, 1, diverging, nullptr}));
  }
  return pictures;
}

Picture draw_curves(const std::vector<Curve>& curves, const std::string& x_label, const std::string& y_label, const CurveStyle& style) {
  const double left = 100, top = style.title.empty() ? 24 : 46, width = 700, height = 420, bottom = 66, right = 30;
  bool named = false;
  for (const auto& curve : curves) named |= !curve.name.empty();
  const auto fx = [&](double v) { return style.log_x ? std::log10(v) : v; };
  const auto fy = [&](double v) { return style.log_y ? std::log10(v) : v; };
  double x0 = 1e300, x1 = -1e300, y0 = 1e300, y1 = -1e300;
  for (const auto& curve : curves)
    for (std::size_t i = 0; i < std::min(curve.x.size(), curve.y.size()); ++i) {
      const double x = fx(curve.x[i]), y = fy(curve.y[i]);
      if (!std::isfinite(x) || !std::isfinite(y)) continue;
      x0 = std::min(x0, x), x1 = std::max(x1, x), y0 = std::min(y0, y), y1 = std::max(y1, y);
    }
  if (x0 > x1) x0 = 0, x1 = 1, y0 = 0, y1 = 1;
  if (x0 == x1) x0 -= 0.5, x1 += 0.5;
  if (y0 == y1) y0 -= 0.5, y1 += 0.5;
  const double pad = 0.04 * (y1 - y0);
  y0 -= pad, y1 += pad;
  const double legend_height = named ? 30 * std::ceil(static_cast<double>(curves.size()) / 3) + 4 : 0;
  Canvas canvas(static_cast<std::size_t>(left + width + right), static_cast<std::size_t>(top + height + bottom + legend_height));
  const auto px = [&](double x) { return left + (x - x0) / (x1 - x0) * width; };
  const auto py = [&](double y) { return top + (y1 - y) / (y1 - y0) * height; };
  const Colour ink{0.1, 0.1, 0.1};
  const auto power_text = [](double exponent) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "1e%g", exponent);
    return std::string(buffer);
  };
  const auto ticks = [&](double low, double high, std::size_t most, bool log) {
    std::vector<double> out;
    for (double t : nice_ticks(low, high, most))
      if (!log || std::abs(t - std::round(t)) < 1e-9) out.push_back(t);
    return out;
  };
  const auto xs = ticks(x0, x1, 8, style.log_x), ys = ticks(y0, y1, 6, style.log_y);
  for (double t : xs) {
    canvas.set({0.88, 0.88, 0.88});
    canvas.line(px(t), top, px(t), top + height);
    canvas.set(ink);
    canvas.text(style.log_x ? power_text(t) : tick_text(t, xs.size() > 1 ? xs[1] - xs[0] : 1), px(t), top + height + 17, tick_size, 0.5);
  }
  for (double t : ys) {
    canvas.set({0.88, 0.88, 0.88});
    canvas.line(left, py(t), left + width, py(t));
    canvas.set(ink);
    canvas.text(style.log_y ? power_text(t) : tick_text(t, ys.size() > 1 ? ys[1] - ys[0] : 1), left - 8, py(t), tick_size, 1);
  }
  canvas.set(ink);
  canvas.frame(left, top, width, height);
  canvas.text(x_label, left + width / 2, top + height + 44, label_size, 0.5);
  canvas.text(y_label, 22, top + height / 2, label_size, 0.5, true);
  if (!style.title.empty()) canvas.text(style.title, left + width / 2, 22, title_size, 0.5);
  // Blue first: the two lightest class colours are hard to see on white.
  constexpr std::array<std::size_t, 8> order{6, 4, 2, 5, 0, 1, 7, 3};
  cairo_t* cr = canvas.context();
  for (std::size_t c = 0; c < curves.size(); ++c) {
    const Colour colour = class_colours[order[c % order.size()]];
    canvas.set(colour);
    cairo_save(cr);
    cairo_rectangle(cr, left, top, width, height);
    cairo_clip(cr);
    cairo_set_line_width(cr, 2);
    cairo_set_line_join(cr, CAIRO_LINE_JOIN_ROUND);
    bool pen = false;
    for (std::size_t i = 0; i < std::min(curves[c].x.size(), curves[c].y.size()); ++i) {
      const double x = fx(curves[c].x[i]), y = fy(curves[c].y[i]);
      if (!std::isfinite(x) || !std::isfinite(y)) {
        pen = false;
        continue;
      }
      if (pen) cairo_line_to(cr, px(x), py(y));
      else cairo_move_to(cr, px(x), py(y));
      pen = true;
    }
    cairo_stroke(cr);
    if (curves[c].markers)
      for (std::size_t i = 0; i < std::min(curves[c].x.size(), curves[c].y.size()); ++i) {
        const double x = fx(curves[c].x[i]), y = fy(curves[c].y[i]);
        if (!std::isfinite(x) || !std::isfinite(y)) continue;
        cairo_arc(cr, px(x), py(y), 4, 0, 2 * M_PI);
        cairo_fill(cr);
      }
    cairo_restore(cr);
    if (named) {
      const double x = left + static_cast<double>(c % 3) * 240, y = top + height + bottom + 12 + 30 * static_cast<double>(c / 3);
      canvas.set(colour);
      canvas.line(x, y, x + 24, y, 3);
      canvas.set(ink);
      canvas.text(curves[c].name, x + 31, y, tick_size, 0);
    }
  }
  return canvas.picture();
}

Picture draw_contact_sheet(const std::vector<Picture>& pictures, std::size_t columns, std::size_t gap) {
  Picture sheet;
  if (pictures.empty() || columns == 0) return sheet;
  std::size_t width = 0, height = 0;
  for (const auto& p : pictures) width = std::max(width, p.width), height = std::max(height, p.height);
  columns = std::min(columns, pictures.size());
  const std::size_t rows = (pictures.size() + columns - 1) / columns;
  sheet.width = columns * width + (columns + 1) * gap;
  sheet.height = rows * height + (rows + 1) * gap;
  sheet.values.assign(sheet.width * sheet.height * 3, 255);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const Picture& p = pictures[i];
    const std::size_t x0 = gap + i % columns * (width + gap), y0 = gap + i / columns * (height + gap);
    for (std::size_t y = 0; y < p.height; ++y)
      for (std::size_t x = 0; x < p.width; ++x)
        for (std::size_t c = 0; c < 3; ++c)
          sheet.values[((y0 + y) * sheet.width + x0 + x) * 3 + c] = p.values[(y * p.width + x) * p.channels + (p.channels == 3 ? c : 0)];
  }
  return sheet;
}

}  // namespace sonoforge
