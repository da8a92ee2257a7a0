#include "app/figures.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numbers>
#include <random>

#include "core/error.hpp"

namespace sonoforge {
namespace {

constexpr double silence = -std::numeric_limits<double>::infinity();

PixelGrid cartesian() {
  PixelGrid grid;
  grid.x = Axis::from_to_step(-19e-3, 19e-3, 0.1e-3);
  grid.z = Axis::from_to_step(2e-3, 45e-3, 0.05e-3);
  return grid;
}

PixelGrid sector() {
  PixelGrid grid;
  grid.kind = PixelGrid::Kind::polar;
  grid.x = {-35 * std::numbers::pi / 180, 0.25 * std::numbers::pi / 180, 281};
  grid.z = Axis::from_to_step(45e-3, 150e-3, 0.2e-3);
  grid.apex_depth = -40e-3;
  return grid;
}

/// Speckle with an anechoic disc of radius 5 mm at (4 mm, 28 mm).
RealMap speckle(const PixelGrid& grid) {
  RealMap map(grid);
  std::mt19937 random(1);
  for (std::size_t iz = 0; iz < grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) {
      const double draw = (static_cast<double>(random()) + 0.5) / 4294967296.0;
      const Vec3 p = grid.position(iz, 0, ix);
      map.values(iz, std::size_t{0}, ix) = static_cast<float>(
          std::hypot(p.x - 4e-3, p.z - 28e-3) < 5e-3 ? silence : -18 + 10 * std::log10(-std::log(draw)));
    }
  return map;
}

LabelMap lesion_and_fat(const PixelGrid& grid) {
  LabelMap labels;
  labels.name = "segmentation";
  labels.grid = grid;
  labels.channels = {"background", "lesion", "subcutaneous fat"};
  labels.values = NdArray<float, 4>({3, grid.z.count, 1, grid.x.count});
  for (std::size_t iz = 0; iz < grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) {
      const Vec3 p = grid.position(iz, 0, ix);
      const std::size_t c = std::hypot(p.x - 4e-3, p.z - 28e-3) < 5e-3 ? 1 : p.z < 8e-3 ? 2 : 0;
      labels.values(c, iz, std::size_t{0}, ix) = 1;
    }
  return labels;
}

std::vector<int> pixel(const Picture& picture, std::size_t x, std::size_t y) {
  const std::size_t at = 3 * (y * picture.width + x);
  return {picture.values[at], picture.values[at + 1], picture.values[at + 2]};
}

std::size_t count_of(const Picture& picture, const std::vector<int>& colour) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < picture.width * picture.height; ++i)
    if (pixel(picture, i % picture.width, i / picture.width) == colour) ++count;
  return count;
}

/// Cut letters would leave ink on the outermost pixels.
void expect_white_border(const Picture& picture) {
  const std::vector<int> white{255, 255, 255};
  for (std::size_t x = 0; x < picture.width; ++x) {
    ASSERT_EQ(pixel(picture, x, 0), white);
    ASSERT_EQ(pixel(picture, x, picture.height - 1), white);
  }
  for (std::size_t y = 0; y < picture.height; ++y) {
    ASSERT_EQ(pixel(picture, 0, y), white);
    ASSERT_EQ(pixel(picture, picture.width - 1, y), white);
  }
}

/// Pictures to look at, where SONOFORGE_FIGURES names a folder.
void keep(const std::string& name, const Picture& picture) {
  if (const char* folder = std::getenv("SONOFORGE_FIGURES")) write_png(std::filesystem::path(folder) / name, picture);
}

/// The image area of a figure whose map is one flat colour: its first and last columns and rows.
struct Box {
  std::size_t left = 1u << 30, right = 0, top = 1u << 30, bottom = 0;
};
Box box_of(const Picture& picture, const std::vector<int>& colour) {
  Box box;
  for (std::size_t y = 0; y < picture.height; ++y)
    for (std::size_t x = 0; x < picture.width; ++x)
      if (pixel(picture, x, y) == colour) {
        box.left = std::min(box.left, x), box.right = std::max(box.right, x);
        box.top = std::min(box.top, y), box.bottom = std::max(box.bottom, y);
      }
  return box;
}

TEST(Figures, BModeHasItsSizeAndIsTheSameEveryTime) {
  const RealMap map = speckle(cartesian());
  const Picture picture = draw_bmode(map, 60, {.title = "Anechoic cyst in speckle"});
  EXPECT_EQ(std::max(picture.width, picture.height), 900u);
  EXPECT_EQ(picture.values.size(), picture.width * picture.height * 3);
  EXPECT_EQ(picture.values, draw_bmode(map, 60, {.title = "Anechoic cyst in speckle"}).values);
  expect_white_border(picture);
  keep("bmode.png", picture);
}

TEST(Figures, SpaceKeepsItsAspectRatio) {
  for (const auto& [width, depth] : {std::pair{10e-3, 40e-3}, {40e-3, 40e-3}, {80e-3, 20e-3}, {4e-3, 60e-3}}) {
    RealMap map(PixelGrid{.x = {0, width / 50, 50}, .z = {0, depth / 50, 50}});
    for (float& v : map.values.flat()) v = -29.9F;  // mid grey: 0.5017 * 255 rounds to 128
    const Picture picture =
        draw_bmode(map, 60, {.title = "A title that is far wider than the picture " + std::string(120, 'w')});
    const std::vector<int> grey{128, 128, 128};
    Box box;
    std::size_t best = 0;
    // The longest run of grey in each row belongs to the image, not to the colour bar.
    for (std::size_t y = 0; y < picture.height; ++y)
      for (std::size_t x = 0; x < picture.width;) {
        std::size_t end = x;
        while (end < picture.width && pixel(picture, end, y) == grey) ++end;
        if (end - x > best) best = end - x, box.left = x, box.right = end - 1;
        x = std::max(end, x + 1);
      }
    std::size_t down = 0, run = 0;
    for (std::size_t y = 0; y < picture.height; ++y) {
      run = pixel(picture, box.left + best / 2, y) == grey ? run + 1 : 0;
      down = std::max(down, run);
    }
    const double ratio = static_cast<double>(best) / static_cast<double>(down);
    // Both sides are rounded to whole pixels.
    EXPECT_NEAR(ratio / (width / depth), 1, 1.0 / static_cast<double>(std::min(best, down))) << width << " x " << depth;
    expect_white_border(picture);
  }
}

TEST(Figures, LevelsBecomeGreys) {
  for (const auto& [level, grey] : {std::pair{0.0, 255}, {-60.0, 0}, {-45.0, 64}, {12.0, 255}, {silence, 0}}) {
    RealMap map(PixelGrid{.x = {0, 1e-3, 40}, .z = {0, 1e-3, 40}});
    for (float& v : map.values.flat()) v = static_cast<float>(level);
    const Picture picture = draw_bmode(map, 60);
    EXPECT_EQ(pixel(picture, 400, 400), (std::vector<int>{grey, grey, grey})) << level;
  }
  RealMap map(PixelGrid{.x = {0, 1e-3, 40}, .z = {0, 1e-3, 40}});
  for (float& v : map.values.flat()) v = std::nanf("");
  EXPECT_EQ(pixel(draw_bmode(map, 60), 400, 400), (std::vector<int>{128, 128, 128})) << "no number: mid grey";
}

TEST(Figures, SectorIsBlackOutside) {
  RealMap map(sector());
  for (float& v : map.values.flat()) v = 0;
  const Picture picture = draw_bmode(map, 60);
  expect_white_border(picture);
  // A sector of 70 degrees from 45 mm to 150 mm (half a pixel wider at each edge) fills its share of its bounding box.
  const double first = 45e-3 - 0.1e-3, last = 150e-3 + 0.1e-3, half = 35.125 * std::numbers::pi / 180;
  const double area = half * (last * last - first * first);
  const double box = 2 * last * std::sin(half) * (last - first * std::cos(half));
  const double black = static_cast<double>(count_of(picture, {0, 0, 0}));
  const double width = static_cast<double>(picture.width), height = static_cast<double>(picture.height);
  ASSERT_GT(black, 0.05 * width * height);
  // The height of the image in pixels follows from its black corners' extent.
  const Box corners = box_of(picture, {0, 0, 0});
  const double pixels = static_cast<double>((corners.right - corners.left + 1) * (corners.bottom - corners.top + 1));
  // The bounding box of black reaches into the colour bar on the right, so only the share of black is bounded.
  EXPECT_NEAR(black / pixels, 1 - area / box, 0.05);
  keep("sector.png", draw_bmode(speckle(sector()), 60, {.title = "Curved array"}));
}

TEST(Figures, OverlayNamesAndTintsClasses) {
  const RealMap map = speckle(cartesian());
  const LabelMap labels = lesion_and_fat(cartesian());
  const Picture plain = draw_bmode(map, 60), overlay = draw_overlay(map, labels, 60);
  expect_white_border(overlay);
  const std::vector<int> sky_blue{86, 180, 233}, green{0, 158, 115}, orange{230, 159, 0};
  EXPECT_GT(count_of(overlay, sky_blue), 2u * 256u) << "outline of the lesion, and more than its legend's square";
  EXPECT_GT(count_of(overlay, green), 2u * 256u);
  EXPECT_EQ(count_of(overlay, orange), 0u) << "the background is left as it is";
  EXPECT_EQ(count_of(plain, sky_blue), 0u);
  keep("overlay.png", draw_overlay(map, labels, 60, {.title = "Segmentation"}));
}

TEST(Figures, MapsFindTheirLimits) {
  RealMap map(cartesian());
  for (std::size_t iz = 0; iz < map.grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < map.grid.x.count; ++ix)
      map.values(iz, std::size_t{0}, ix) = static_cast<float>(1450 + 3 * static_cast<double>(ix) / 10);
  const Picture picture = draw_map(map, "m/s", {.title = "Speed of sound"});
  expect_white_border(picture);
  EXPECT_GT(count_of(picture, {51, 5, 84}), 100u) << "the lowest value has the first colour of the scale";
  EXPECT_GT(count_of(picture, {250, 230, 51}), 10u) << "and the highest the last";
  keep("map.png", picture);
  for (float& v : map.values.flat()) v = 0;
  EXPECT_GT(count_of(draw_map(map, "Pa", {.diverging = true}), {247, 247, 247}), 100'000u) << "zero is white";
  for (float& v : map.values.flat()) v = std::nanf("");
  EXPECT_GT(count_of(draw_map(map, "Pa"), {128, 128, 128}), 100'000u);
}

TEST(Figures, MovieFramesShareOneScale) {
  std::vector<RealMap> frames(2, RealMap(PixelGrid{.x = {-10e-3, 0.2e-3, 101}, .z = {0, 0.2e-3, 101}}));
  for (int f = 0; f < 2; ++f)
    for (std::size_t iz = 0; iz < 101; ++iz)
      for (std::size_t ix = 0; ix < 101; ++ix) {
        const Vec3 p = frames[0].grid.position(iz, 0, ix);
        const double phase = (std::hypot(p.x, p.z) - 8e-3 - 4e-3 * f) / 0.5e-3;
        frames[static_cast<std::size_t>(f)].values(iz, std::size_t{0}, ix) =
            static_cast<float>(5e4 / (1 + f) * std::exp(-phase * phase) * std::cos(4 * phase));
      }
  const auto movie = draw_wave_movie(frames, {5e-6, 7.6e-6});
  ASSERT_EQ(movie.size(), 2u);
  EXPECT_EQ(movie[0].width, movie[1].width);
  EXPECT_EQ(movie[0].height, movie[1].height);
  EXPECT_NE(movie[0].values, movie[1].values);
  EXPECT_EQ(std::max(movie[0].width, movie[0].height), 600u);
  expect_white_border(movie[0]);
  keep("movie.png", movie[0]);
}

TEST(Figures, CurvesOnLinearAndLogarithmicAxes) {
  Curve training{.name = "Training", .x = {}, .y = {}},
      validation{.name = "Validation", .x = {}, .y = {}, .markers = true};
  for (int i = 1; i <= 60; ++i) {
    training.x.push_back(i), training.y.push_back(std::exp(-i / 15.0) + 0.01);
    if (i % 4 == 0) validation.x.push_back(i), validation.y.push_back(std::exp(-i / 17.0) + 0.03);
  }
  training.y[30] = std::nan("");
  training.y[31] = -1;  // no place on a logarithmic axis
  for (bool log : {false, true}) {
    const Picture picture =
        draw_curves({training, validation}, "Epoch", "Dice loss", {.title = "Training history", .log_y = log});
    EXPECT_EQ(picture.width, 900u);
    expect_white_border(picture);
    EXPECT_GT(count_of(picture, {0, 114, 178}), 300u) << "the first curve is blue";
    EXPECT_GT(count_of(picture, {213, 94, 0}), 300u) << "the second vermilion";
    keep(log ? "curves_log.png" : "curves.png", picture);
  }
  expect_white_border(draw_curves({}, "x", "y"));
  expect_white_border(draw_curves({{.name = "", .x = {1e-300, 1e300}, .y = {-1.7e308, 1.7e308}}}, "x", "y"));
  expect_white_border(
      draw_curves({{.name = "", .x = {2, 3}, .y = {5, 5}}}, "x", std::string(300, 'y'), {.log_x = true}));
  Picture many;
  std::vector<Curve> curves(20, training);
  for (std::size_t i = 0; i < curves.size(); ++i) curves[i].name = "A rather long name of curve " + std::to_string(i);
  expect_white_border(draw_curves(curves, "x", "y"));
}

TEST(Figures, ContactSheetKeepsEveryPixel) {
  const Picture red{.width = 2, .height = 1, .channels = 3, .values = {255, 0, 0, 255, 0, 0}};
  const Picture grey{.width = 1, .height = 2, .channels = 1, .values = {7, 9}};
  const Picture sheet = draw_contact_sheet({red, grey, red}, 2, 1);
  EXPECT_EQ(sheet.width, 7u);   // two cells of 2 and three gaps of 1
  EXPECT_EQ(sheet.height, 7u);  // the same downwards
  EXPECT_EQ(pixel(sheet, 1, 1), (std::vector<int>{255, 0, 0}));
  EXPECT_EQ(pixel(sheet, 4, 2), (std::vector<int>{9, 9, 9}));
  EXPECT_EQ(count_of(sheet, {255, 0, 0}), 4u);
  EXPECT_EQ(draw_contact_sheet({}, 3).width, 0u);
}

TEST(Figures, RefuseWhatIsNoPlane) {
  RealMap volume(PixelGrid{.x = {0, 1e-3, 4}, .y = {0, 1e-3, 3}, .z = {0, 1e-3, 4}});
  EXPECT_THROW(draw_bmode(volume, 60), UserError);
  EXPECT_THROW(draw_bmode(RealMap(PixelGrid{.x = {0, 1e-3, 0}, .z = {0, 1e-3, 4}}), 60), UserError);
  EXPECT_THROW(draw_bmode(RealMap(PixelGrid{.x = {0, NAN, 4}, .z = {0, 1e-3, 4}}), 60), UserError);
}

TEST(NiceTicks, AreRoundAndInside) {
  EXPECT_EQ(nice_ticks(-60, 0, 6), (std::vector<double>{-60, -50, -40, -30, -20, -10, 0}));
  EXPECT_EQ(nice_ticks(0.3, 9.7, 5), (std::vector<double>{2, 4, 6, 8}));
  EXPECT_EQ(nice_ticks(-1, 1, 2), (std::vector<double>{-1, 0, 1}));
  for (double size : {1e-250, 1e-9, 1.0, 1e250})
    for (double low : {-3.7, 0.0, 2.2}) {
      const auto ticks = nice_ticks(low * size, (low + 4.1) * size, 8);
      EXPECT_GE(ticks.size(), 4u) << size;
      EXPECT_LE(ticks.size(), 9u);
      EXPECT_GE(ticks.front(), low * size * (1 + 1e-9) - 1e-8 * size);
      EXPECT_LE(ticks.back(), (low + 4.1) * size + 1e-8 * size);
    }
}

TEST(NiceTicks, AnyDoublesEnd) {
  const double huge = std::numeric_limits<double>::max(), infinite = std::numeric_limits<double>::infinity();
  EXPECT_EQ(nice_ticks(1e20, 1e20 + 16384, 5).size(), 1u) << "no step between neighbouring doubles";
  EXPECT_EQ(nice_ticks(1, 1, 5), std::vector<double>{1});
  EXPECT_EQ(nice_ticks(2, 1, 5), std::vector<double>{2});
  EXPECT_EQ(nice_ticks(-infinite, infinite, 5).size(), 1u);
  EXPECT_EQ(nice_ticks(0, std::nan(""), 5).size(), 1u);
  EXPECT_LE(nice_ticks(-huge, huge, 5).size(), 6u);
  EXPECT_LE(nice_ticks(0, 5e-324, 5).size(), 6u);
  EXPECT_LE(nice_ticks(0, 1, 0).size(), 2u);
}

}  // namespace
}  // namespace sonoforge
