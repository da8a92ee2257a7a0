#pragma once
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "ai/statistics.hpp"

namespace sonoforge {

/// Text and pictures of reports: HTML and SVG without anything from elsewhere.

/// Text that is safe inside HTML and its attributes.
std::string html_escaped(const std::string& text);
/// A number with that many decimals; a dash where it is not finite.
std::string fixed_text(double value, int decimals = 3);

/// How values of an SI unit are shown: lengths in mm, areas in mm^2, others as they are.
struct ShownUnit {
  double scale = 1;
  std::string name;
};
ShownUnit shown_unit(const std::string& unit);
/// "0.912", "1.35 mm".
std::string metric_text(double value, const std::string& unit);
/// A probability value: "0.031", "< 0.001".
std::string p_text(double p);

/// Estimates with intervals, one row each.
struct ForestRow {
  std::string name;
  double value = 0;
  Interval interval;
};
/// `reference` draws a dashed vertical line where it is finite.
std::string forest_plot(const std::vector<ForestRow>& rows, const std::string& axis, double reference);

/// A plot of y over x with equally spaced round ticks.
class XyPlot {
 public:
  XyPlot(std::string x_name, std::string y_name, std::array<double, 2> x, std::array<double, 2> y);
  void line(const std::vector<double>& x, const std::vector<double>& y,
            const std::string& style = "stroke=\"#1769aa\" stroke-width=\"2\"");
  void band(const std::vector<double>& x, const std::vector<Interval>& y);
  void points(const std::vector<double>& x, const std::vector<double>& y, double radius = 2.5);
  void horizontal(double y, const std::string& text, const std::string& style);
  std::string svg(const std::string& title) const;

 private:
  double px(double x) const;
  double py(double y) const;
  std::string x_name_, y_name_, body_;
  std::array<double, 2> x_, y_;
};

/// Least and largest finite value, a little widened; {0, 1} without any.
std::array<double, 2> plot_range(const std::vector<double>& values);

}  // namespace sonoforge
