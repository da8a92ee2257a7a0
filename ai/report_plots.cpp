#include "ai/report_plots.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "io/text_encoding.hpp"

namespace sonoforge {
namespace {

constexpr double plot_width = 400, plot_height = 300, margin_left = 64, margin_bottom = 46, margin_top = 10,
                 margin_right = 14;

/// A step of 1, 2 or 5 times a power of ten that gives about five ticks.
double tick_step(double low, double high) {
  const double rough = (high - low) / 5, power = std::pow(10, std::floor(std::log10(rough))), part = rough / power;
  return power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
}

std::vector<double> ticks(double low, double high) {
  const double step = tick_step(low, high);
  std::vector<double> all;
  for (double k = std::ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; ++k) all.push_back(k * step + 0.0);
  return all;
}

std::string tick_text(double value, double step) {
  return fixed_text(value, std::clamp(static_cast<int>(std::ceil(-std::log10(step) - 1e-9)), 0, 9));
}

std::string text_at(double x, double y, const std::string& anchor, const std::string& text,
                    const std::string& more = "") {
  return "<text x=\"" + fixed_text(x, 1) + "\" y=\"" + fixed_text(y, 1) + "\" text-anchor=\"" + anchor + "\"" + more +
         ">" + html_escaped(text) + "</text>";
}

std::string line_between(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line x1=\"" + fixed_text(x1, 1) + "\" y1=\"" + fixed_text(y1, 1) + "\" x2=\"" + fixed_text(x2, 1) +
         "\" y2=\"" + fixed_text(y2, 1) + "\" " + style + "/>";
}

std::string circle(double x, double y, double radius, const std::string& style) {
  return "<circle cx=\"" + fixed_text(x, 1) + "\" cy=\"" + fixed_text(y, 1) + "\" r=\"" + fixed_text(radius, 1) +
         "\" " + style + "/>";
}

}  // namespace

std::string html_escaped(const std::string& text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string fixed_text(double value, int decimals) {
  if (!std::isfinite(value)) return "\xe2\x80\x93";
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

ShownUnit shown_unit(const std::string& unit) {
  if (unit == "m") return {1e3, "mm"};
  if (unit == "m^2") return {1e6, "mm^2"};
  return {1, unit};
}

std::string metric_text(double value, const std::string& unit) {
  const auto shown = shown_unit(unit);
  const double number = value * shown.scale;
  const std::string text = fixed_text(number, std::abs(number) < 100 ? 3 : 1);
  return shown.name.empty() || !std::isfinite(value) ? text : text + " " + shown.name;
}

std::string p_text(double p) {
  return p < 0.001 ? "< 0.001" : fixed_text(p, 3);
}

std::array<double, 2> plot_range(const std::vector<double>& values) {
  double low = INFINITY, high = -INFINITY;
  for (const double value : values)
    if (std::isfinite(value)) {
      low = std::min(low, value);
      high = std::max(high, value);
    }
  if (low > high) return {0, 1};
  const double more = high > low ? 0.05 * (high - low) : std::max(0.05 * std::abs(low), 1e-6);
  return {low - more, high + more};
}

std::string forest_plot(const std::vector<ForestRow>& rows, const std::string& axis, double reference) {
  std::size_t longest = 0;
  for (const auto& row : rows) longest = std::max(longest, row.name.size());
  constexpr double width = 370, row_height = 24, letter = 6.9;  // of 13 px text, on average
  const double left = std::max(160.0, letter * static_cast<double>(longest) + 20), all = left + width + 30;
  std::vector<double> ends{reference};
  for (const auto& row : rows) ends.insert(ends.end(), {row.value, row.interval.low, row.interval.high});
  const auto [low, high] = plot_range(ends);
  auto x = [&, l = low, h = high](double value) { return left + width * (value - l) / (h - l); };
  const double bottom = 12 + row_height * static_cast<double>(rows.size());
  std::string svg = "<svg role=\"img\" viewBox=\"0 0 " + fixed_text(all, 0) + " " + fixed_text(bottom + 40, 0) +
                    "\" width=\"" + fixed_text(all, 0) + "\" font-size=\"13\">";
  for (const double tick : ticks(low, high))
    svg += line_between(x(tick), 6, x(tick), bottom, "stroke=\"#ddd\"") +
           text_at(x(tick), bottom + 16, "middle", tick_text(tick, tick_step(low, high)));
  if (std::isfinite(reference))
    svg += line_between(x(reference), 6, x(reference), bottom, "stroke=\"#555\" stroke-dasharray=\"4 3\"");
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double y = 12 + row_height * (static_cast<double>(i) + 0.5);
    svg += text_at(left - 12, y + 4, "end", rows[i].name);
    if (!std::isfinite(rows[i].value)) continue;
    if (std::isfinite(rows[i].interval.low))
      svg += line_between(x(rows[i].interval.low), y, x(rows[i].interval.high), y,
                          "stroke=\"#1769aa\" stroke-width=\"2\"");
    svg += circle(x(rows[i].value), y, 4, "fill=\"#1769aa\"");
  }
  return svg + text_at(left + width / 2, bottom + 34, "middle", axis) + "</svg>";
}

XyPlot::XyPlot(std::string x_name, std::string y_name, std::array<double, 2> x, std::array<double, 2> y)
    : x_name_(std::move(x_name)), y_name_(std::move(y_name)), x_(x), y_(y) {}

double XyPlot::px(double x) const {
  return margin_left +
         (plot_width - margin_left - margin_right) * std::clamp((x - x_[0]) / (x_[1] - x_[0]), -0.01, 1.01);
}
double XyPlot::py(double y) const {
  return plot_height - margin_bottom -
         (plot_height - margin_bottom - margin_top) * std::clamp((y - y_[0]) / (y_[1] - y_[0]), -0.01, 1.01);
}

void XyPlot::line(const std::vector<double>& x, const std::vector<double>& y, const std::string& style) {
  const auto inside = [](double value, const std::array<double, 2>& range) {
    const double more = 1e-9 * (range[1] - range[0]);
    return value >= range[0] - more && value <= range[1] + more;  // false for NaN
  };
  std::string path;
  auto end_path = [&] {
    if (!path.empty()) body_ += "<polyline fill=\"none\" " + style + " points=\"" + path + "\"/>";
    path.clear();
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (inside(x[i], x_) && inside(y[i], y_))
      path += fixed_text(px(x[i]), 1) + "," + fixed_text(py(y[i]), 1) + " ";
    else
      end_path();
  }
  end_path();
}

void XyPlot::band(const std::vector<double>& x, const std::vector<Interval>& y) {
  std::string path;
  for (std::size_t i = 0; i < x.size(); ++i) path += fixed_text(px(x[i]), 1) + "," + fixed_text(py(y[i].high), 1) + " ";
  for (std::size_t i = x.size(); i-- > 0;) path += fixed_text(px(x[i]), 1) + "," + fixed_text(py(y[i].low), 1) + " ";
  body_ += "<polygon fill=\"#1769aa\" fill-opacity=\"0.18\" points=\"" + path + "\"/>";
}

void XyPlot::points(const std::vector<double>& x, const std::vector<double>& y, double radius) {
  for (std::size_t i = 0; i < x.size(); ++i)
    if (std::isfinite(x[i]) && std::isfinite(y[i]))
      body_ += circle(px(x[i]), py(y[i]), radius, "fill=\"#444\" fill-opacity=\"0.45\"");
}

void XyPlot::horizontal(double y, const std::string& text, const std::string& style) {
  body_ += line_between(px(x_[0]), py(y), px(x_[1]), py(y), style) +
           text_at(px(x_[1]) - 2, py(y) - 4, "end", text, " paint-order=\"stroke\" stroke=\"#fff\" stroke-width=\"3\"");
}

std::string XyPlot::svg(const std::string& title) const {
  std::string text = "<figure><svg role=\"img\" aria-label=\"" + html_escaped(title) +
                     "\" viewBox=\"0 0 400 300\" width=\"400\" font-size=\"12\">";
  const double bottom = plot_height - margin_bottom;
  for (const double tick : ticks(x_[0], x_[1]))
    text += line_between(px(tick), margin_top, px(tick), bottom, "stroke=\"#e4e4e4\"") +
            text_at(px(tick), bottom + 16, "middle", tick_text(tick, tick_step(x_[0], x_[1])));
  for (const double tick : ticks(y_[0], y_[1]))
    text += line_between(margin_left, py(tick), plot_width - margin_right, py(tick), "stroke=\"#e4e4e4\"") +
            text_at(margin_left - 6, py(tick) + 4, "end", tick_text(tick, tick_step(y_[0], y_[1])));
  text += body_ + line_between(margin_left, bottom, plot_width - margin_right, bottom, "stroke=\"#555\"") +
          line_between(margin_left, margin_top, margin_left, bottom, "stroke=\"#555\"");
  text += text_at((margin_left + plot_width) / 2, plot_height - 8, "middle", x_name_);
  text += text_at(14, (margin_top + bottom) / 2, "middle", y_name_,
                  " transform=\"rotate(-90 14 " + fixed_text((margin_top + bottom) / 2, 1) + ")\"");
  return text + "</svg><figcaption>" + html_escaped(title) + "</figcaption></figure>";
}

}  // namespace sonoforge
