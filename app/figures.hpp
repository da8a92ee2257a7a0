#pragma once
#include <string>
#include <vector>

#include "core/image.hpp"
#include "io/png.hpp"

namespace sonoforge {

/// Pictures with axes in mm, a scale and a legend, fit for a paper. All functions are deterministic: the same data give the same
/// pixels. Polar maps are drawn as sectors, black outside. Maps must have one elevation plane; `UserError` otherwise.

/// B-mode: grey, 0 dB white, -dynamic_range black.
Picture draw_bmode(const RealMap& decibels, double dynamic_range, const std::string& title = "");

/// The same with the outline and a light tint of each class of a segmentation, named in a legend. The colours can be told apart by
/// people with any common colour vision [okabe2008].
Picture draw_overlay(const RealMap& decibels, const LabelMap& segmentation, double dynamic_range, const std::string& title = "");

struct MapStyle {
  std::string title;
  double low = 0, high = 0;  ///< limits of the colour scale; equal: those of the data
  bool diverging = false;    ///< blue - white - red about the middle instead of dark blue - green - yellow
};
Picture draw_map(const RealMap& map, const std::string& unit, const MapStyle& style = {});

/// A movie of a travelling wave: pressures relative to the largest of all frames, with the time in each title.
std::vector<Picture> draw_wave_movie(const std::vector<RealMap>& frames, const std::vector<double>& times);

struct Curve {
  std::string name;
  std::vector<double> x, y;
  bool markers = false;
};
struct CurveStyle {
  std::string title;
  bool log_x = false, log_y = false;
};
Picture draw_curves(const std::vector<Curve>& curves, const std::string& x_label, const std::string& y_label, const CurveStyle& style = {});

/// Pictures of one size side by side, `columns` a row, on white.
Picture draw_contact_sheet(const std::vector<Picture>& pictures, std::size_t columns, std::size_t gap = 8);

/// At most `most` + 1 round numbers (1, 2 or 5 times a power of ten) that span [low, high] from inside.
std::vector<double> nice_ticks(double low, double high, std::size_t most);

}  // namespace sonoforge
