#include "io/png.hpp"

#include <png.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <csetjmp>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

#include "io/atomic_file.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {
namespace {

/// What libpng's callbacks share with us. libpng leaves its functions by longjmp, so the functions that call setjmp
/// below hold no object with a destructor.
struct Context {
  std::jmp_buf escape;
  std::array<char, 120> message{};
  std::string_view input;
  std::string* output = nullptr;
  bool out_of_memory = false;
};

void on_error(png_structp png, png_const_charp text) {
  auto* context = static_cast<Context*>(png_get_error_ptr(png));
  std::strncpy(context->message.data(), text, context->message.size() - 1);
  std::longjmp(context->escape, 1);
}
void on_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep bytes, png_size_t size) {
  auto* context = static_cast<Context*>(png_get_io_ptr(png));
  if (size > context->input.size()) png_error(png, "the file ends too early");
  std::memcpy(bytes, context->input.data(), size);
  context->input.remove_prefix(size);
}

void write_bytes(png_structp png, png_bytep bytes, png_size_t size) {
  auto* context = static_cast<Context*>(png_get_io_ptr(png));
  bool good = true;
  try {
    context->output->append(reinterpret_cast<const char*>(bytes), size);
  } catch (const std::bad_alloc&) {
    good = false;
  }
  if (!good) png_error(png, "out of memory");
}
void flush_bytes(png_structp) {}

bool encode(Context& context, const Picture& picture) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &context, on_error, on_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  if (info == nullptr || setjmp(context.escape) != 0) {
    png_destroy_write_struct(&png, &info);
    return false;
  }
  png_set_write_fn(png, &context, write_bytes, flush_bytes);
  const int colour = picture.channels == 1   ? PNG_COLOR_TYPE_GRAY
                     : picture.channels == 3 ? PNG_COLOR_TYPE_RGB
                                             : PNG_COLOR_TYPE_RGB_ALPHA;
  png_set_IHDR(png, info, static_cast<png_uint_32>(picture.width), static_cast<png_uint_32>(picture.height), 8, colour,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  for (std::size_t row = 0; row < picture.height; ++row) {
    png_write_row(png, picture.values.data() + row * picture.width * picture.channels);
  }
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return true;
}

std::string encode(const Picture& picture) {
  if (picture.width == 0 || picture.height == 0 ||
      (picture.channels != 1 && picture.channels != 3 && picture.channels != 4) ||
      picture.values.size() != picture.width * picture.height * picture.channels) {
    throw std::logic_error("a picture's size does not fit its values");
  }
  std::string bytes;
  Context context;
  context.output = &bytes;
  if (!encode(context, picture)) throw std::runtime_error(std::string("libpng: ") + context.message.data());
  return bytes;
}

std::string big_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) text += static_cast<char>((value >> shift) & 0xFF);
  return text;
}

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  return value;
}

/// Length, name, content, checksum.
std::string chunk(std::string_view name, std::string_view content) {
  const std::string body = std::string(name) + std::string(content);
  const auto checksum = crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(content.size()), 4) + body +
         big_endian(static_cast<std::uint32_t>(checksum), 4);
}

constexpr std::size_t signature_bytes = 8;

/// Calls use(name, content) for each chunk of a PNG that libpng wrote.
template <class Use>
void for_each_chunk(std::string_view png, Use&& use) {
  png.remove_prefix(signature_bytes);
  while (png.size() >= 12) {
    const auto length = big_endian(png);
    use(png.substr(4, 4), png.substr(8, length));
    png.remove_prefix(std::size_t{12} + length);
  }
}

/// The reader's state outside of libpng's reach: filled by `decode_header` and `decode_rows`.
struct Decoder {
  png_structp png = nullptr;
  png_infop info = nullptr;
  png_uint_32 width = 0, height = 0;
  int bit_depth = 0, colour = 0;
  ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
};

bool decode_header(Context& context, Decoder& decoder) {
  decoder.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &context, on_error, on_warning);
  decoder.info = decoder.png != nullptr ? png_create_info_struct(decoder.png) : nullptr;
  if (decoder.info == nullptr || setjmp(context.escape) != 0) return false;
  png_set_read_fn(decoder.png, &context, read_bytes);
  png_set_user_limits(decoder.png, 1 << 20, 1 << 20);
  png_set_chunk_cache_max(decoder.png, 100);
  png_set_chunk_malloc_max(decoder.png, 8 << 20);
  png_set_keep_unknown_chunks(decoder.png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
  png_read_info(decoder.png, decoder.info);
  png_get_IHDR(decoder.png, decoder.info, &decoder.width, &decoder.height, &decoder.bit_depth, &decoder.colour, nullptr,
               nullptr, nullptr);
  return true;
}

bool decode_rows(Context& context, Decoder& decoder, png_bytepp rows) {
  if (setjmp(context.escape) != 0) return false;
  png_set_packing(decoder.png);
  png_set_strip_alpha(decoder.png);
  png_set_interlace_handling(decoder.png);
  png_read_update_info(decoder.png, decoder.info);
  png_read_image(decoder.png, rows);
  png_read_end(decoder.png, nullptr);
  return true;
}

}  // namespace

void write_png(const std::filesystem::path& file, const Picture& picture) {
  write_file_atomically(file, encode(picture));
}

void write_apng(const std::filesystem::path& file, const std::vector<Picture>& frames, double frames_per_second) {
  if (frames.empty() || !(frames_per_second > 0)) throw std::logic_error("a movie needs frames and a rate");
  // The delay is a ratio of two 16-bit numbers of seconds: milliseconds are fine enough for any screen.
  const auto delay = static_cast<std::uint32_t>(std::clamp(std::round(1000 / frames_per_second), 1.0, 65535.0));
  std::string movie;
  std::uint32_t sequence = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto& frame = frames[i];
    if (frame.width != frames[0].width || frame.height != frames[0].height || frame.channels != frames[0].channels) {
      throw std::logic_error("the frames of a movie differ in size");
    }
    const auto png = encode(frame);
    const auto control = [&] {
      const std::string whole_frame = big_endian(static_cast<std::uint32_t>(frame.width), 4) +
                                      big_endian(static_cast<std::uint32_t>(frame.height), 4) + std::string(8, '\0');
      const std::string keep_and_replace(2, '\0');
      return chunk("fcTL", big_endian(sequence++, 4) + whole_frame + big_endian(delay, 2) + big_endian(1000, 2) +
                               keep_and_replace);
    };
    if (i == 0) movie = png.substr(0, signature_bytes);
    bool begun = false;
    for_each_chunk(png, [&](std::string_view name, std::string_view content) {
      if (name == "IDAT") {
        if (!begun) movie += control();
        begun = true;
        movie += i == 0 ? chunk("IDAT", content) : chunk("fdAT", big_endian(sequence++, 4) + std::string(content));
      } else if (i == 0 && name != "IEND") {
        movie += chunk(name, content);
        const std::string plays_for_ever = big_endian(0, 4);
        if (name == "IHDR")
          movie += chunk("acTL", big_endian(static_cast<std::uint32_t>(frames.size()), 4) + plays_for_ever);
      }
    });
  }
  movie += chunk("IEND", "");
  write_file_atomically(file, movie);
}

GreyImage read_grey_png(const std::filesystem::path& file) {
  regular_file_size(file);
  const auto bytes = read_file(file);
  if (bytes.size() < signature_bytes ||
      png_sig_cmp(reinterpret_cast<png_const_bytep>(bytes.data()), 0, signature_bytes) != 0) {
    refuse_file(file, "not a PNG picture (its signature is missing). Give a grey or indexed PNG");
  }
  Context context;
  context.input = bytes;
  Decoder decoder;
  const auto broken = [&] {
    refuse_file(file, std::string("the PNG picture is damaged (") + context.message.data() + "). Take an intact copy");
  };
  if (!decode_header(context, decoder)) broken();
  if ((decoder.colour & PNG_COLOR_MASK_COLOR) != 0 && decoder.colour != PNG_COLOR_TYPE_PALETTE) {
    refuse_file(
        file,
        "the PNG picture is in colour (grey values or palette indices are needed). Save it as grey or indexed PNG");
  }
  // Deflate cannot expand more than 1032-fold; each pixel takes at least one bit in the file's rows.
  const std::size_t pixels = std::size_t{decoder.width} * decoder.height;
  const std::size_t stored_bits = std::size_t{8} * 1032 * bytes.size();
  if (pixels * static_cast<std::size_t>(decoder.bit_depth) > stored_bits) {
    refuse_file(file, "the PNG picture declares " + std::to_string(decoder.width) + " x " +
                          std::to_string(decoder.height) +
                          " pixels (the file is too small for them). Take an intact copy");
  }
  // With an alpha channel libpng unpacks a row in place before it drops the channel.
  const std::size_t pixel_bytes =
      (decoder.bit_depth == 16 ? 2U : 1U) * (decoder.colour & PNG_COLOR_MASK_ALPHA ? 2U : 1U);
  check_memory(file, "the picture", pixels * (pixel_bytes + 2));
  std::vector<std::uint8_t> raw(pixels * pixel_bytes);
  std::vector<png_bytep> rows(decoder.height);
  for (std::size_t row = 0; row < rows.size(); ++row) rows[row] = raw.data() + row * decoder.width * pixel_bytes;
  if (!decode_rows(context, decoder, rows.data())) broken();

  GreyImage image{decoder.width, decoder.height, decoder.bit_depth, std::vector<std::uint16_t>(pixels)};
  for (std::size_t i = 0; i < pixels; ++i) {
    const auto* row = rows[i / image.width];
    const auto column = i % image.width;
    image.values[i] =
        image.bit_depth == 16 ? static_cast<std::uint16_t>(row[2 * column] << 8 | row[2 * column + 1]) : row[column];
  }
  return image;
}

}  // namespace sonoforge
