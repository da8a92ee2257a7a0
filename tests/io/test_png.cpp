#include <gtest/gtest.h>
#include <png.h>
#include <zlib.h>

#include <array>
#include <cstdio>
#include <functional>
#include <map>

#include "io/png.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

class Png : public TestFolder {
 protected:
  /// Encodes rows of packed samples by libpng itself, with any colour type, depth and interlacing.
  void encode(const std::filesystem::path& file, std::uint32_t width, std::uint32_t height, int depth, int colour,
              bool interlaced, std::vector<std::vector<std::uint8_t>> rows) const {
    FILE* stream = std::fopen(file.c_str(), "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, stream);
    png_set_IHDR(png, info, width, height, depth, colour, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE, 0, 0);
    const std::array<png_color, 4> palette{{{0, 0, 0}, {255, 0, 0}, {0, 255, 0}, {0, 0, 255}}};
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette.data(), 4);
    std::vector<png_bytep> pointers;
    for (auto& row : rows) pointers.push_back(row.data());
    png_set_rows(png, info, pointers.data());
    png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
    png_destroy_write_struct(&png, &info);
    std::fclose(stream);
  }
  struct Chunk {
    std::string name, content;
  };
  static std::uint32_t number(const std::string& text, std::size_t at, int size = 4) {
    std::uint32_t value = 0;
    for (int i = 0; i < size; ++i)
      value = value << 8 | static_cast<unsigned char>(text[at + static_cast<std::size_t>(i)]);
    return value;
  }
  /// All chunks, their checksums verified.
  static std::vector<Chunk> chunks(const std::string& png) {
    std::vector<Chunk> all;
    for (std::size_t at = 8; at + 12 <= png.size();) {
      const auto length = number(png, at);
      const auto body = png.substr(at + 4, 4 + length);
      EXPECT_EQ(crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size())),
                number(png, at + 8 + length));
      all.push_back({body.substr(0, 4), body.substr(4)});
      at += 12 + length;
    }
    return all;
  }
};

TEST_F(Png, GreyPictureComesBackAndEqualPicturesGiveEqualBytes) {
  Picture picture{5, 3, 1, {}};
  for (int i = 0; i < 15; ++i) picture.values.push_back(static_cast<std::uint8_t>(17 * i));
  write_png(folder / "a.png", picture);
  write_png(folder / "b.png", picture);
  EXPECT_EQ(bytes(folder / "a.png"), bytes(folder / "b.png"));
  const auto image = read_grey_png(folder / "a.png");
  EXPECT_EQ(image.width, 5U);
  EXPECT_EQ(image.height, 3U);
  EXPECT_EQ(image.bit_depth, 8);
  EXPECT_TRUE(std::equal(image.values.begin(), image.values.end(), picture.values.begin(), picture.values.end()));
}

TEST_F(Png, EveryDepthIndexAndInterlacingIsReadUnscaled) {
  for (const bool interlaced : {false, true}) {
    encode(folder / "1.png", 10, 1, 1, PNG_COLOR_TYPE_GRAY, interlaced, {{0b10110001, 0b01000000}});
    EXPECT_EQ(read_grey_png(folder / "1.png").values, (std::vector<std::uint16_t>{1, 0, 1, 1, 0, 0, 0, 1, 0, 1}));
    encode(folder / "2.png", 3, 2, 2, PNG_COLOR_TYPE_GRAY, interlaced, {{0b11100100}, {0b00011000}});
    EXPECT_EQ(read_grey_png(folder / "2.png").values, (std::vector<std::uint16_t>{3, 2, 1, 0, 1, 2}));
    encode(folder / "4.png", 3, 1, 4, PNG_COLOR_TYPE_PALETTE, interlaced, {{0x31, 0x20}});
    EXPECT_EQ(read_grey_png(folder / "4.png").values, (std::vector<std::uint16_t>{3, 1, 2}));
    encode(folder / "16.png", 2, 2, 16, PNG_COLOR_TYPE_GRAY, interlaced, {{0x12, 0x34, 0xff, 0xff}, {0, 1, 0x80, 0}});
    const auto image = read_grey_png(folder / "16.png");
    EXPECT_EQ(image.bit_depth, 16);
    EXPECT_EQ(image.values, (std::vector<std::uint16_t>{0x1234, 0xffff, 1, 0x8000}));
    encode(folder / "alpha.png", 2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, interlaced, {{7, 255, 9, 0}});
    EXPECT_EQ(read_grey_png(folder / "alpha.png").values, (std::vector<std::uint16_t>{7, 9}));
  }
}

TEST_F(Png, WhatIsNotAGreyPictureIsRefused) {
  write_png(folder / "colour.png", {1, 1, 3, {1, 2, 3}});
  EXPECT_NE(error_of([&] { read_grey_png(folder / "colour.png"); }).find("in colour"), std::string::npos);
  put(folder / "text.png", "this is text, not a picture");
  EXPECT_NE(error_of([&] { read_grey_png(folder / "text.png"); }).find("not a PNG"), std::string::npos);
  EXPECT_NE(error_of([&] { read_grey_png(folder / "none.png"); }).find("no such file"), std::string::npos);
  EXPECT_NE(error_of([&] { read_grey_png(folder); }).find("folder"), std::string::npos);
  write_png(folder / "grey.png", {40, 40, 1, std::vector<std::uint8_t>(1600, 3)});
  auto content = bytes(folder / "grey.png");
  put(folder / "cut.png", content.substr(0, content.size() / 2));
  EXPECT_NE(error_of([&] { read_grey_png(folder / "cut.png"); }).find("damaged"), std::string::npos);
  // A million by a million pixels in seventy bytes, with a valid checksum.
  for (const int at : {16, 20}) content.replace(static_cast<std::size_t>(at), 4, std::string("\x00\x0f\x00\x00", 4));
  const auto checksum = static_cast<std::uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(content.data() + 12), 17));
  for (int i = 0; i < 4; ++i) content[29 + static_cast<std::size_t>(i)] = static_cast<char>(checksum >> (24 - 8 * i));
  put(folder / "huge.png", content);
  EXPECT_NE(error_of([&] { read_grey_png(folder / "huge.png"); }).find("too small for them"), std::string::npos);
}

TEST_F(Png, DamagedFilesOnlyGiveUserErrors) {
  std::vector<std::vector<std::uint8_t>> rows(20, std::vector<std::uint8_t>(40));
  for (std::size_t i = 0; i < 800; ++i) rows[i / 40][i % 40] = static_cast<std::uint8_t>(i * i);
  encode(folder / "a.png", 20, 20, 16, PNG_COLOR_TYPE_GRAY, true, rows);
  const int refused = fuzz(bytes(folder / "a.png"), 1500, [](const auto& file) { read_grey_png(file); });
  EXPECT_GT(refused, 1000);  // checksums find nearly all
}

// Layout from the APNG specification: acTL, then fcTL + IDAT, fcTL + fdAT ..., one running sequence number.
TEST_F(Png, MovieFramesDecodeToTheirPictures) {
  std::vector<Picture> frames;
  for (int f = 0; f < 3; ++f) {
    Picture picture{7, 4, 3, std::vector<std::uint8_t>(84)};
    for (std::size_t i = 0; i < 84; ++i)
      picture.values[i] = static_cast<std::uint8_t>(i * 3 + 50 * static_cast<std::size_t>(f));
    frames.push_back(picture);
  }
  write_apng(folder / "movie.png", frames, 25);
  const auto movie = bytes(folder / "movie.png");
  std::vector<std::string> data(3);
  std::string header;
  std::uint32_t sequence = 0;
  int frame = -1;
  for (const auto& [name, content] : chunks(movie)) {
    if (name == "IHDR") header = content;
    if (name == "acTL") {
      EXPECT_EQ(number(content, 0), 3U);
      EXPECT_EQ(number(content, 4), 0U);  // for ever
    }
    if (name == "fcTL") {
      ++frame;
      EXPECT_EQ(number(content, 0), sequence++);
      EXPECT_EQ(number(content, 4), 7U);
      EXPECT_EQ(number(content, 8), 4U);
      EXPECT_DOUBLE_EQ(static_cast<double>(number(content, 20, 2)) / number(content, 22, 2), 0.04);
    }
    if (name == "IDAT") data[0] += content;
    if (name == "fdAT") {
      EXPECT_EQ(number(content, 0), sequence++);
      data[static_cast<std::size_t>(frame)] += content.substr(4);
    }
  }
  EXPECT_EQ(frame, 2);
  // Undo filter types 0 to 4 by hand: each decoded frame must be its picture.
  for (std::size_t f = 0; f < 3; ++f) {
    std::vector<std::uint8_t> raw(4 * 22);
    uLongf size = raw.size();
    ASSERT_EQ(uncompress(raw.data(), &size, reinterpret_cast<const Bytef*>(data[f].data()), data[f].size()), Z_OK);
    ASSERT_EQ(size, raw.size());
    for (std::size_t y = 0; y < 4; ++y) {
      const int filter = raw[22 * y];
      for (std::size_t x = 0; x < 21; ++x) {
        auto& here = raw[22 * y + 1 + x];
        const int a = x >= 3 ? raw[22 * y + x - 2] : 0, b = y > 0 ? raw[22 * (y - 1) + 1 + x] : 0,
                  c = x >= 3 && y > 0 ? raw[22 * (y - 1) + x - 2] : 0;
        const int p = a + b - c, pa = std::abs(p - a), pb = std::abs(p - b), pc = std::abs(p - c);
        const int paeth = pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
        const int predicted = filter == 0 ? 0 : filter == 1 ? a : filter == 2 ? b : filter == 3 ? (a + b) / 2 : paeth;
        here = static_cast<std::uint8_t>(here + predicted);
        EXPECT_EQ(here, frames[f].values[21 * y + x]) << f << " " << y << " " << x;
      }
    }
  }
}

TEST_F(Png, ImpossibleTargetIsAUserError) {
  EXPECT_NE(error_of([&] { write_png(folder / "no" / "a.png", {1, 1, 1, {0}}); }), "no error");
}

}  // namespace
}  // namespace sonoforge
