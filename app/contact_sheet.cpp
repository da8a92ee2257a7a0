#include "app/contact_sheet.hpp"

#include <algorithm>
#include <cmath>

#include "ai/dataset.hpp"
#include "app/figures.hpp"
#include "core/error.hpp"
#include "formats/convert.hpp"
#include "formats/reader.hpp"

namespace sonoforge {

namespace {

constexpr double most_width = 160, most_columns = 8;

/// Means of the pixels that each smaller pixel covers.
Picture smaller(const Picture& picture, double ratio) {
  if (ratio <= 1) return picture;
  Picture out;
  out.channels = picture.channels;
  out.width = std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(picture.width) / ratio));
  out.height = std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(picture.height) / ratio));
  out.values.resize(out.width * out.height * out.channels);
  const auto from = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<double>(i) * ratio); };
  for (std::size_t y = 0; y < out.height; ++y)
    for (std::size_t x = 0; x < out.width; ++x)
      for (std::size_t c = 0; c < out.channels; ++c) {
        double sum = 0, n = 0;
        for (std::size_t v = from(y); v < std::min(std::max(from(y + 1), from(y) + 1), picture.height); ++v)
          for (std::size_t u = from(x); u < std::min(std::max(from(x + 1), from(x) + 1), picture.width); ++u, ++n)
            sum += picture.values[(v * picture.width + u) * picture.channels + c];
        out.values[(y * out.width + x) * out.channels + c] = static_cast<std::uint8_t>(std::lround(sum / n));
      }
  return out;
}

}  // namespace

std::size_t write_contact_sheet(const std::filesystem::path& folder, const std::filesystem::path& picture,
                                std::size_t count) {
  const Dataset set = Dataset::open(folder);
  std::vector<Picture> pictures;
  const std::size_t shown = std::min(count, set.manifest.rows.size());
  if (shown == 0)
    throw UserError(
        "a contact sheet of no samples was asked for (there is nothing to show). Write for example --count 12");
  for (std::size_t i = 0; i < shown; ++i) {
    const ZeaFile content = read_any(folder / set.manifest.rows[i].file);
    if (content.images.empty())
      throw UserError("'" + set.manifest.rows[i].file +
                      "' holds no image (the set stores other parts). Generate it with 'store: {parts: [image]}'");
    std::vector<std::size_t> frames{0};
    if (content.images.size() > 2) frames.push_back(content.images.size() / 3);
    for (const std::size_t frame : frames) {
      const Picture one = grey_picture(content.images[frame], dynamic_range_of(content));
      pictures.push_back(smaller(one, static_cast<double>(one.width) / most_width));
    }
  }
  const double rows = std::ceil(static_cast<double>(pictures.size()) / most_columns);
  const auto columns = static_cast<std::size_t>(std::ceil(static_cast<double>(pictures.size()) / rows));
  Picture sheet = draw_contact_sheet(pictures, columns, 3);
  // All is grey: one channel says it.
  for (std::size_t i = 0; i < sheet.width * sheet.height; ++i) sheet.values[i] = sheet.values[3 * i];
  sheet.values.resize(sheet.width * sheet.height);
  sheet.channels = 1;
  write_png(picture, sheet);
  return shown;
}

}  // namespace sonoforge
