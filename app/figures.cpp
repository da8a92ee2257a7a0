#include "app/figures.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numbers>

#include "app/canvas.hpp"
#include "app/palette.hpp"
#include "core/error.hpp"

namespace sonoforge {
namespace {

constexpr Colour missing{0.5, 0.5, 0.5};

template <std::size_t N>
Colour ramp(const std::array<Colour, N>& stops, double t) {
  const double at = std::clamp(t, 0.0, 1.0) * static_cast<double>(N - 1);
  const auto i = std::min<std::size_t>(static_cast<std::size_t>(at), N - 2);
  const double u = at - static_cast<double>(i);
  const Colour a = stops[i], b = stops[i + 1];
  return {a.r + u * (b.r - a.r), a.g + u * (b.g - a.g), a.b + u * (b.b - a.b)};
}

enum class Palette { grey, sequential, diverging };

Colour colour_of(Palette palette, double t) {
  // Dark violet over green to yellow, its lightness rising evenly.
  static constexpr std::array<Colour, 6> sequential{{{0.20, 0.02, 0.33},
                                                     {0.22, 0.24, 0.53},
                                                     {0.16, 0.43, 0.55},
                                                     {0.13, 0.62, 0.52},
                                                     {0.47, 0.80, 0.32},
                                                     {0.98, 0.90, 0.20}}};
  static constexpr std::array<Colour, 5> diverging{
      {{0.02, 0.19, 0.38}, {0.26, 0.58, 0.77}, {0.97, 0.97, 0.97}, {0.84, 0.38, 0.30}, {0.40, 0.00, 0.12}}};
  if (std::isnan(t)) return missing;
  if (palette == Palette::sequential) return ramp(sequential, t);
  if (palette == Palette::diverging) return ramp(diverging, t);
  const double v = std::clamp(t, 0.0, 1.0);
  return {v, v, v};
}

std::uint8_t byte_of(double v) {
  return static_cast<std::uint8_t>(std::lround(std::clamp(v, 0.0, 1.0) * 255));
}
/// The rectangle of space that a grid covers, to the outer edges of its pixels [m].
struct View {
  double x0, x1, z0, z1;
  double width() const { return x1 - x0; }
  double height() const { return z1 - z0; }
};

View view_of(const PixelGrid& grid) {
  if (grid.y.count != 1)
    throw UserError("a picture shows one plane, and this map has " + std::to_string(grid.y.count) +
                    " (they lie behind each other). Choose one elevation");
  if (grid.x.count == 0 || grid.z.count == 0)
    throw UserError("a map without pixels cannot be drawn (its grid is empty). Give the grid some extent");
  const double dx = std::abs(grid.x.step) / 2, dz = std::abs(grid.z.step) / 2;
  const double first = std::min(grid.x.from, grid.x.last()) - dx, last = std::max(grid.x.from, grid.x.last()) + dx;
  const double near = std::min(grid.z.from, grid.z.last()) - dz, far = std::max(grid.z.from, grid.z.last()) + dz;
  View view{first, last, near, far};
  if (grid.kind == PixelGrid::Kind::polar) {
    constexpr double huge = std::numeric_limits<double>::infinity();
    view = {huge, -huge, huge, -huge};
    for (int i = 0; i <= 720; ++i) {
      const double angle = first + (last - first) * i / 720;
      for (double range : {std::max(near, 0.0), far}) {
        const double x = range * std::sin(angle), z = grid.apex_depth + range * std::cos(angle);
        view = {std::min(view.x0, x), std::max(view.x1, x), std::min(view.z0, z), std::max(view.z1, z)};
      }
    }
  }
  if (!std::isfinite(view.width()) || !std::isfinite(view.height()) || !(view.width() > 0) || !(view.height() > 0))
    throw UserError(
        "a map without extent cannot be drawn (its grid is a point or a line, or not finite). Give the "
        "grid some extent");
  return view;
}

/// Fractional pixel of a place.
struct PixelPlace {
  double column = 0, row = 0;
  bool inside = false;
};

PixelPlace locate(const PixelGrid& grid, double x, double z) {
  if (grid.kind == PixelGrid::Kind::polar) {
    const double down = z - grid.apex_depth;
    z = std::hypot(x, down);
    x = std::atan2(x, down);
  }
  // Not index_of alone: with one pixel the step still says how wide it is.
  PixelPlace place{grid.x.index_of(x), grid.z.index_of(z), false};
  place.inside = place.column >= -0.5 && place.row >= -0.5 && place.column <= static_cast<double>(grid.x.count) - 0.5 &&
                 place.row <= static_cast<double>(grid.z.count) - 0.5;
  return place;
}

/// Bilinear between pixels. Values are first clamped to the scale, since the decibels of silence are -infinity.
double sample(const RealMap& map, PixelPlace place, double low, double high) {
  const auto split = [](double at, std::size_t count, std::size_t& i, std::size_t& next) {
    at = std::clamp(at, 0.0, static_cast<double>(count - 1));
    i = std::min(static_cast<std::size_t>(at), count - 1);
    next = std::min(i + 1, count - 1);
    return at - static_cast<double>(i);
  };
  std::size_t x0, x1, z0, z1;
  const double u = split(place.column, map.grid.x.count, x0, x1), v = split(place.row, map.grid.z.count, z0, z1);
  const auto at = [&](std::size_t z, std::size_t x) {
    const double value = map.values(z, std::size_t{0}, x);
    return std::isnan(value) ? value : std::clamp(value, low, high);
  };
  return (1 - v) * ((1 - u) * at(z0, x0) + u * at(z0, x1)) + v * ((1 - u) * at(z1, x0) + u * at(z1, x1));
}

struct FigureParts {
  FigureStyle style;
  std::string unit;
  double low = 0, high = 1;
  Palette palette = Palette::grey;
  const LabelMap* segmentation = nullptr;
};
/// The image area of a figure, in whole pixels.
struct Area {
  std::size_t left = 0, top = 0, width = 0, height = 0;
  View view;
  double x_at(double column) const { return view.x0 + column / static_cast<double>(width) * view.width(); }
  double z_at(double row) const { return view.z0 + row / static_cast<double>(height) * view.height(); }
};

std::vector<std::uint8_t> paint_map(const RealMap& map, const FigureParts& parts, const Area& area) {
  // Where the grid is finer than the picture, each pixel is a mean of several places, so that speckle does not alias.
  const double pixel = area.view.height() / static_cast<double>(area.height);
  const double fine = pixel / std::abs(map.grid.z.step);
  const int sub = std::clamp(static_cast<int>(std::ceil(fine - 0.01)), 1, 4);
  std::vector<std::uint8_t> rgb;
  rgb.reserve(area.width * area.height * 3);
  for (std::size_t py = 0; py < area.height; ++py)
    for (std::size_t px = 0; px < area.width; ++px) {
      double sum = 0;
      int inside = 0;
      for (int i = 0; i < sub * sub; ++i) {
        const double column = static_cast<double>(px) + (i % sub + 0.5) / sub;
        const double row = static_cast<double>(py) + (i / sub + 0.5) / sub;
        const PixelPlace place = locate(map.grid, area.x_at(column), area.z_at(row));
        if (place.inside) sum += sample(map, place, parts.low, parts.high), ++inside;
      }
      const Colour colour =
          inside == 0 ? Colour{} : colour_of(parts.palette, (sum / inside - parts.low) / (parts.high - parts.low));
      for (double v : {colour.r, colour.g, colour.b}) rgb.push_back(byte_of(v));
    }
  return rgb;
}

/// Outline two pixels wide and a light tint of every channel, into the painted image.
void paint_class(const LabelMap& labels, std::size_t channel, const Area& area, std::vector<std::uint8_t>& rgb) {
  std::vector<std::uint8_t> in(area.width * area.height);
  for (std::size_t i = 0; i < in.size(); ++i) {
    const PixelPlace place = locate(labels.grid, area.x_at(static_cast<double>(i % area.width) + 0.5),
                                    area.z_at(static_cast<double>(i / area.width) + 0.5));
    if (!place.inside) continue;
    const auto nearest = [](double at, std::size_t count) {
      return std::min(static_cast<std::size_t>(std::max(at + 0.5, 0.0)), count - 1);
    };
    const float value = labels.values(channel, nearest(place.row, labels.grid.z.count), std::size_t{0},
                                      nearest(place.column, labels.grid.x.count));
    in[i] = value > 0.5F;
  }
  const Colour colour = class_colour(channel);
  const auto outside = [&](std::ptrdiff_t x, std::ptrdiff_t y) {
    return x < 0 || y < 0 || x >= static_cast<std::ptrdiff_t>(area.width) ||
           y >= static_cast<std::ptrdiff_t>(area.height) ||
           !in[static_cast<std::size_t>(y) * area.width + static_cast<std::size_t>(x)];
  };
  for (std::size_t i = 0; i < in.size(); ++i) {
    if (!in[i]) continue;
    const auto x = static_cast<std::ptrdiff_t>(i % area.width), y = static_cast<std::ptrdiff_t>(i / area.width);
    bool edge = false;
    for (std::ptrdiff_t d : {-2, -1, 1, 2}) edge = edge || outside(x + d, y) || outside(x, y + d);
    const double alpha = edge ? 1 : 0.15;
    const std::array<double, 3> parts{colour.r, colour.g, colour.b};
    for (std::size_t c = 0; c < 3; ++c)
      rgb[3 * i + c] = byte_of((1 - alpha) * rgb[3 * i + c] / 255.0 + alpha * parts[c]);
  }
}

Picture draw_figure(const RealMap& map, const FigureParts& parts) {
  const double side = static_cast<double>(std::clamp<std::size_t>(parts.style.long_side, 400, 20'000));
  Area area;
  area.view = view_of(map.grid);
  Canvas measure(8, 8);
  // Room for the numbers is measured, not guessed.
  const auto levels = nice_ticks(parts.low, parts.high, 6);
  const auto level_texts = tick_texts(levels);
  double level_width = measure.text_width(parts.unit, tick_size) - 26;
  for (const auto& text : level_texts) level_width = std::max(level_width, measure.text_width(text, tick_size));
  double depth_width = 0;
  for (const auto& text : tick_texts(nice_ticks(area.view.z0 * 1e3, area.view.z1 * 1e3, 10)))
    depth_width = std::max(depth_width, measure.text_width(text, tick_size));
  const double left = std::ceil(34 + depth_width + 10), gap = 20, bar = 18,
               right = std::ceil(gap + bar + 8 + level_width + 8);
  const double top = parts.style.title.empty() ? 18 : 44, bottom = 58;

  std::vector<LegendItem> legend;
  double legend_height = 0;
  // The legend wraps at the picture's width, which itself depends on the legend's height: two passes settle it.
  double width = 0, height = 0, total_width = 0;
  for (int pass = 0; pass < 2; ++pass) {
    const double scale =
        std::min((side - left - right) / area.view.width(), (side - top - bottom - legend_height) / area.view.height());
    width = std::max(1.0, std::round(scale * area.view.width()));
    height = std::max(1.0, std::round(scale * area.view.height()));
    total_width = std::min(side, std::max(left + width + right, 300.0));
    legend.clear();
    legend_height = 0;
    if (parts.segmentation == nullptr) break;
    double x = 0, y = 0;
    for (std::size_t c = 0; c < parts.segmentation->values.extent(0); ++c) {
      std::string name = c < parts.segmentation->channels.size() ? parts.segmentation->channels[c] : std::to_string(c);
      if (name == "background") continue;
      name = measure.fitted(name, tick_size, total_width - 60);
      const double item = 24 + measure.text_width(name, tick_size) + 20;
      if (x > 0 && x + item > total_width - 24) x = 0, y += 24;
      legend.push_back({name, c, x, y});
      x += item;
      legend_height = y + 30;
    }
  }
  // A slender image stands in the middle of its picture.
  area.left = static_cast<std::size_t>(left + std::floor(std::max(0.0, total_width - left - width - right) / 2));
  area.top = static_cast<std::size_t>(top);
  area.width = static_cast<std::size_t>(width);
  area.height = static_cast<std::size_t>(height);
  const double total_height = std::max(top + height + bottom + legend_height, 160.0);
  Canvas canvas(static_cast<std::size_t>(total_width), static_cast<std::size_t>(total_height));

  auto rgb = paint_map(map, parts, area);
  for (const LegendItem& item : legend) paint_class(*parts.segmentation, item.channel, area, rgb);
  canvas.put(area.left, area.top, area.width, rgb);

  const double x0 = static_cast<double>(area.left);
  canvas.set(ink);
  canvas.frame(x0, top, width, height);
  const auto ticks = [&](double low, double high, double pixels, double spacing) {
    return nice_ticks(low * 1e3, high * 1e3, static_cast<std::size_t>(std::max(1.0, pixels / spacing)));
  };
  const auto xs = ticks(area.view.x0, area.view.x1, width, 70), zs = ticks(area.view.z0, area.view.z1, height, 55);
  const auto x_texts = tick_texts(xs), z_texts = tick_texts(zs);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const double x = x0 + (xs[i] * 1e-3 - area.view.x0) / area.view.width() * width;
    canvas.hair(x, top + height + 1, x, top + height + 5);
    canvas.text(x_texts[i], x, top + height + 16, tick_size, 0.5);
  }
  for (std::size_t i = 0; i < zs.size(); ++i) {
    const double z = top + (zs[i] * 1e-3 - area.view.z0) / area.view.height() * height;
    canvas.hair(x0 - 6, z, x0 - 2, z);
    canvas.text(z_texts[i], x0 - 10, z, tick_size, 1);
  }
  canvas.text("Lateral [mm]", x0 + width / 2, top + height + 40, label_size, 0.5);
  // "Depth [mm]" is about 95 px long.
  canvas.text("Depth [mm]", x0 - left + 16, std::max(top + height / 2, 52.0), label_size, 0.5, true);
  if (!parts.style.title.empty())
    canvas.text(canvas.fitted(parts.style.title, title_size, total_width - 12), x0 + width / 2, 23, title_size, 0.5);

  const double bar_left = x0 + width + gap;
  for (double i = 0; i < height; ++i) {
    canvas.set(colour_of(parts.palette, 1 - (i + 0.5) / height));
    canvas.fill(bar_left, top + i, bar, 1);
  }
  canvas.set(ink);
  canvas.frame(bar_left, top, bar, height);
  double last_y = -100;
  for (std::size_t i = levels.size(); i-- > 0;) {
    const double y = top + (parts.high - levels[i]) / (parts.high - parts.low) * height;
    if (y - last_y < 16) continue;  // a low picture has no room for all
    last_y = y;
    canvas.hair(bar_left + bar + 1, std::min(y, top + height - 1), bar_left + bar + 4, std::min(y, top + height - 1));
    canvas.text(level_texts[i], bar_left + bar + 8, y, tick_size, 0);
  }
  canvas.text(parts.unit, bar_left, top + height + 16, tick_size, 0);

  for (const LegendItem& item : legend) {
    const double x = 16 + item.x, y = top + height + bottom + 12 + item.y;
    canvas.set(class_colour(item.channel));
    canvas.fill(x, y - 8, 16, 16);
    canvas.set(ink);
    canvas.frame(x, y - 8, 16, 16);
    canvas.text(item.name, x + 23, y, tick_size, 0);
  }
  return canvas.picture();
}

/// The limits of finite values, or 0 and 1 where there are none; never equal.
std::array<double, 2> limits_of(const NdArray<float, 3>& values) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (float v : values.flat())
    if (std::isfinite(v)) low = std::min(low, static_cast<double>(v)), high = std::max(high, static_cast<double>(v));
  if (low > high) return {0, 1};
  if (low == high) {
    const double pad = low == 0 ? 1 : 0.01 * std::abs(low);
    return {low - pad, high + pad};
  }
  return {low, high};
}
}  // namespace

Picture draw_bmode(const RealMap& decibels, double dynamic_range, const FigureStyle& style) {
  return draw_figure(decibels, {style, "dB", -std::max(dynamic_range, 1e-3), 0, Palette::grey, nullptr});
}

Picture draw_overlay(const RealMap& decibels, const LabelMap& segmentation, double dynamic_range,
                     const FigureStyle& style) {
  (void)view_of(segmentation.grid);
  return draw_figure(decibels, {style, "dB", -std::max(dynamic_range, 1e-3), 0, Palette::grey, &segmentation});
}

Picture draw_map(const RealMap& map, const std::string& unit, const MapStyle& style) {
  double low = style.low, high = style.high;
  if (!(high > low)) {
    const auto limits = limits_of(map.values);
    low = limits[0], high = limits[1];
    if (style.diverging) {
      high = std::max(std::abs(low), std::abs(high));
      low = -high;
    }
  }
  return draw_figure(map, {{style.title, style.long_side},
                           unit,
                           low,
                           high,
                           style.diverging ? Palette::diverging : Palette::sequential,
                           nullptr});
}

std::vector<Picture> draw_wave_movie(const std::vector<RealMap>& frames, const std::vector<double>& times,
                                     std::size_t long_side) {
  float peak = 0;
  for (const RealMap& frame : frames)
    for (float v : frame.values.flat())
      if (std::isfinite(v)) peak = std::max(peak, std::abs(v));
  std::vector<Picture> pictures;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    char title[64] = "";
    if (i < times.size()) std::snprintf(title, sizeof title, "t = %.2f \u00b5s", times[i] * 1e6);
    RealMap shown = frames[i];
    for (float& v : shown.values.flat()) v = peak > 0 ? std::copysign(std::sqrt(std::abs(v) / peak), v) : 0;
    pictures.push_back(
        draw_figure(shown, {{title, long_side}, "\u00b1\u221a|p/p\u2098|", -1, 1, Palette::diverging, nullptr}));
  }
  return pictures;
}
Picture draw_contact_sheet(const std::vector<Picture>& pictures, std::size_t columns, std::size_t gap) {
  Picture sheet;
  if (pictures.empty()) return sheet;
  std::size_t width = 0, height = 0;
  for (const Picture& p : pictures) width = std::max(width, p.width), height = std::max(height, p.height);
  columns = std::clamp<std::size_t>(columns, 1, pictures.size());
  const std::size_t rows = (pictures.size() + columns - 1) / columns;
  sheet.width = columns * width + (columns + 1) * gap;
  sheet.height = rows * height + (rows + 1) * gap;
  if (sheet.width > 30'000 || sheet.height > 30'000)
    throw UserError("a contact sheet of " + std::to_string(sheet.width) + " x " + std::to_string(sheet.height) +
                    " pixels is too large (at most 30000 a side). Show fewer pictures");
  sheet.values.assign(sheet.width * sheet.height * 3, 255);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const Picture& p = pictures[i];
    const std::size_t left = gap + i % columns * (width + gap) + (width - p.width) / 2;
    const std::size_t top = gap + i / columns * (height + gap) + (height - p.height) / 2;
    for (std::size_t y = 0; y < p.height; ++y)
      for (std::size_t x = 0; x < p.width; ++x)
        for (std::size_t c = 0; c < 3; ++c)
          sheet.values[((top + y) * sheet.width + left + x) * 3 + c] =
              p.values[(y * p.width + x) * p.channels + (p.channels >= 3 ? c : 0)];
  }
  return sheet;
}

}  // namespace sonoforge
