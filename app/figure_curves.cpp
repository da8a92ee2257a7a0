#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "app/canvas.hpp"
#include "app/figures.hpp"

namespace sonoforge {
namespace {

/// The order on white paper: light colours last.
constexpr std::array<std::size_t, 8> curve_order{6, 4, 2, 3, 0, 1, 7, 5};

/// A plot's axis, linear or in powers of ten.
struct PlotAxis {
  bool log = false;
  double low = std::numeric_limits<double>::infinity(), high = -low;  // of value()
  std::vector<double> ticks;                                          // in value()
  std::vector<std::string> texts;

  double value(double v) const { return log ? (v > 0 ? std::log10(v) : std::nan("")) : v; }
  void include(double v) { low = std::min(low, v), high = std::max(high, v); }
  double share(double v) const { return (v - low) / (high - low); }

  void settle(double padding, std::size_t most) {
    if (!(low <= high)) low = 0, high = 1;
    if (low == high) {
      const double pad = low == 0 || log ? 0.5 : 0.1 * std::abs(low);
      low -= pad, high += pad;
    }
    const double pad = padding * (high - low);
    if (std::isfinite(pad)) low -= pad, high += pad;
    if (!log) {
      ticks = nice_ticks(low, high, most);
      texts = tick_texts(ticks);
      return;
    }
    const double first = std::ceil(low - 1e-9), last = std::floor(high + 1e-9);
    if (last - first >= 1) {
      const double step = std::max(1.0, std::ceil((last - first) / static_cast<double>(most)));
      for (double t = first; t <= last; t += step) {
        ticks.push_back(t);
        texts.push_back("10" + superscript(static_cast<int>(t)));
      }
      return;
    }
    std::vector<double> values = nice_ticks(std::pow(10.0, low), std::pow(10.0, high), most);
    std::erase_if(values, [](double v) { return !(v > 0); });
    texts = tick_texts(values);
    for (double v : values) ticks.push_back(std::log10(v));
  }
};

}  // namespace

std::vector<double> nice_ticks(double low, double high, std::size_t most) {
  if (!(high > low) || !std::isfinite(low) || !std::isfinite(high)) return {low};
  const double count = static_cast<double>(std::max<std::size_t>(most, 1));
  const double raw = high / count - low / count;  // the difference itself may overflow
  const double size = std::max(std::abs(low), std::abs(high));
  if (!(raw > size * 1e-12) || !(raw > 1e-290) || raw > 1e290) return {low};
  const double power = std::pow(10.0, std::floor(std::log10(raw)));
  double step = 10 * power;
  for (double factor : {5.0, 2.0, 1.0})
    if (factor * power >= raw * (1 - 1e-9)) step = factor * power;
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  for (double k = first; k <= last; ++k) ticks.push_back(k * step + 0.0);  // + 0.0 makes -0 plain
  if (ticks.empty()) return {low};
  return ticks;
}
Picture draw_curves(const std::vector<Curve>& curves, const std::string& x_label, const std::string& y_label,
                    const CurveStyle& style) {
  const double side = static_cast<double>(std::clamp<std::size_t>(style.long_side, 400, 20'000));
  PlotAxis x{.log = style.log_x, .ticks = {}, .texts = {}}, y{.log = style.log_y, .ticks = {}, .texts = {}};
  const auto points = [](const Curve& curve) { return std::min(curve.x.size(), curve.y.size()); };
  bool named = false;
  for (const Curve& curve : curves) {
    named = named || !curve.name.empty();
    for (std::size_t i = 0; i < points(curve); ++i) {
      const double u = x.value(curve.x[i]), v = y.value(curve.y[i]);
      if (std::isfinite(u) && std::isfinite(v)) x.include(u), y.include(v);
    }
  }
  x.settle(0, static_cast<std::size_t>(side / 110));
  y.settle(0.04, static_cast<std::size_t>(side / 130));

  Canvas measure(8, 8);
  double tick_width = 0;
  for (const auto& text : y.texts) tick_width = std::max(tick_width, measure.text_width(text, tick_size));
  const double left = std::ceil(34 + tick_width + 10), right = 28, top = style.title.empty() ? 20 : 46, bottom = 58;
  const double width = side - left - right, height = std::round(0.55 * side);
  std::vector<LegendItem> legend;
  double legend_height = 0;
  if (named) {
    double at = 0, down = 0;
    for (std::size_t c = 0; c < curves.size(); ++c) {
      const std::string name = measure.fitted(curves[c].name, tick_size, width - 60);
      const double item = 34 + measure.text_width(name, tick_size) + 24;
      if (at > 0 && at + item > width) at = 0, down += 24;
      legend.push_back({name, c, at, down});
      at += item;
    }
    legend_height = down + 32;
  }
  Canvas canvas(static_cast<std::size_t>(side), static_cast<std::size_t>(top + height + bottom + legend_height));
  const auto px = [&](double v) { return left + x.share(v) * width; };
  const auto py = [&](double v) { return top + (1 - y.share(v)) * height; };
  const Colour grid_colour{0.88, 0.88, 0.88};
  for (std::size_t i = 0; i < x.ticks.size(); ++i) {
    canvas.set(grid_colour);
    canvas.hair(px(x.ticks[i]), top, px(x.ticks[i]), top + height);
    canvas.set(ink);
    canvas.text(x.texts[i], px(x.ticks[i]), top + height + 16, tick_size, 0.5);
  }
  for (std::size_t i = 0; i < y.ticks.size(); ++i) {
    canvas.set(grid_colour);
    canvas.hair(left, py(y.ticks[i]), left + width, py(y.ticks[i]));
    canvas.set(ink);
    canvas.text(y.texts[i], left - 8, py(y.ticks[i]), tick_size, 1);
  }
  canvas.set(ink);
  canvas.frame(left, top, width, height);
  canvas.text(canvas.fitted(x_label, label_size, width), left + width / 2, top + height + 40, label_size, 0.5);
  canvas.text(canvas.fitted(y_label, label_size, height), 18, top + height / 2, label_size, 0.5, true);
  if (!style.title.empty())
    canvas.text(canvas.fitted(style.title, title_size, side - 12), left + width / 2, 24, title_size, 0.5);

  cairo_t* cairo = canvas.context();
  // Curves beyond the eighth repeat the colours with dashes.
  const auto style_of = [&](std::size_t c) {
    canvas.set(class_colours[curve_order[c % curve_order.size()]]);
    const std::array<double, 2> dashes{7, 4};
    cairo_set_dash(cairo, dashes.data(), c < curve_order.size() ? 0 : 2, 0);
    cairo_set_line_width(cairo, 2);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
  };
  for (std::size_t c = 0; c < curves.size(); ++c) {
    cairo_save(cairo);
    cairo_rectangle(cairo, left - 1, top - 1, width + 2, height + 2);
    cairo_clip(cairo);
    style_of(c);
    bool pen = false;
    std::vector<std::array<double, 2>> marks;
    for (std::size_t i = 0; i < points(curves[c]); ++i) {
      const double u = x.value(curves[c].x[i]), v = y.value(curves[c].y[i]);
      const bool usable = std::isfinite(u) && std::isfinite(v);
      if (usable && pen) cairo_line_to(cairo, px(u), py(v));
      if (usable && !pen) cairo_move_to(cairo, px(u), py(v));
      if (usable && curves[c].markers) marks.push_back({px(u), py(v)});
      pen = usable;
    }
    cairo_stroke(cairo);
    cairo_restore(cairo);
    style_of(c);
    for (const auto& mark : marks) {
      cairo_arc(cairo, mark[0], mark[1], 4, 0, 2 * std::numbers::pi);
      cairo_fill(cairo);
    }
  }
  for (const LegendItem& item : legend) {
    const double at = left + item.x, down = top + height + bottom + 12 + item.y;
    style_of(item.channel);
    cairo_set_line_width(cairo, 3);
    cairo_move_to(cairo, at, down);
    cairo_line_to(cairo, at + 26, down);
    cairo_stroke(cairo);
    canvas.set(ink);
    canvas.text(item.name, at + 33, down, tick_size, 0);
  }
  return canvas.picture();
}
}  // namespace sonoforge
