#pragma once
#include <string>
#include <vector>

#include "core/image.hpp"
#include "io/png.hpp"

namespace sonoforge {

/// Pictures with axes in mm, scales and legends, fit for a paper. The same data give the same pixels. Space keeps its
/// aspect ratio; polar maps are drawn as sectors, black outside; values that are not numbers are drawn in mid grey.
/// Maps must hold one elevation plane: `UserError` otherwise. All pictures are RGB, and all text lies inside.
struct FigureStyle {
  std::string title = {};
  std::size_t long_side = 900;  ///< of the picture, 400 at least [px]
};

/// B-mode: grey, 0 dB white, -dynamic_range black.
Picture draw_bmode(const RealMap& decibels, double dynamic_range, const FigureStyle& style = {});

/// The same with the outline and a light tint of each class of a segmentation, named in a legend. The colours can be
/// told apart with any common colour vision [okabe2008]. A class named "background" is left as it is.
Picture draw_overlay(const RealMap& decibels, const LabelMap& segmentation, double dynamic_range,
                     const FigureStyle& style = {});

struct MapStyle {
  std::string title = {};
  double low = 0, high = 0;  ///< limits of the colour scale; equal: those of the data
  bool diverging = false;    ///< blue - white - red about the middle instead of dark blue - green - yellow
  std::size_t long_side = 900;
};
Picture draw_map(const RealMap& map, const std::string& unit, const MapStyle& style = {});

/// A movie of a travelling wave, with the time [s] of each frame in its title. The pressures are divided by the largest
/// of all frames, and the signed square root is shown, so that edge waves can be seen beside the main front.
std::vector<Picture> draw_wave_movie(const std::vector<RealMap>& frames, const std::vector<double>& times,
                                     std::size_t long_side = 600);

struct Curve {
  std::string name = {};
  std::vector<double> x = {}, y = {};
  bool markers = false;
};
struct CurveStyle {
  std::string title = {};
  bool log_x = false, log_y = false;
  std::size_t long_side = 900;
};
/// Curves in one pair of axes. Points that are not finite (or not positive, on a logarithmic axis) interrupt a curve.
Picture draw_curves(const std::vector<Curve>& curves, const std::string& x_label, const std::string& y_label,
                    const CurveStyle& style = {});

/// Pictures side by side, `columns` a row, on white; each centred in its cell.
Picture draw_contact_sheet(const std::vector<Picture>& pictures, std::size_t columns, std::size_t gap = 8);

/// Round numbers in [low, high], about `most` at most: multiples of 1, 2 or 5 times a power of ten. Any doubles are
/// safe: where no round step can be told apart in double, the answer is {low}.
std::vector<double> nice_ticks(double low, double high, std::size_t most);

}  // namespace sonoforge
