#include "io/inflate.hpp"

#include <zlib.h>

#include <algorithm>
#include <stdexcept>

#include "io/file_checks.hpp"

namespace sonoforge {

struct Inflater::State {
  std::filesystem::path file;
  std::string_view rest;
  z_stream stream{};
  bool ended = false;
};

constexpr std::size_t block = std::size_t{1} << 20;
/// zlib's window of 32 kB, with 32 added for "zlib or gzip, look at the header" and 16 for "gzip only".
constexpr int window_bits = 15;

Inflater::Inflater(const std::filesystem::path& file, std::string_view packed) : state_(std::make_unique<State>()) {
  state_->file = file;
  state_->rest = packed;
  if (inflateInit2(&state_->stream, window_bits + 32) != Z_OK) throw std::bad_alloc();
}

Inflater::~Inflater() {
  inflateEnd(&state_->stream);
}

std::string Inflater::take(std::size_t bytes) {
  auto& stream = state_->stream;
  std::string unpacked;
  while (unpacked.size() < bytes && !state_->ended) {
    if (stream.avail_in == 0) {
      if (state_->rest.empty()) break;
      const auto piece = std::min(state_->rest.size(), block);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(state_->rest.data()));
      stream.avail_in = static_cast<uInt>(piece);
      state_->rest.remove_prefix(piece);
    }
    const auto before = unpacked.size();
    const auto room = std::min(bytes - before, block);
    unpacked.resize(before + room);
    stream.next_out = reinterpret_cast<Bytef*>(unpacked.data() + before);
    stream.avail_out = static_cast<uInt>(room);
    const int result = inflate(&stream, Z_NO_FLUSH);
    unpacked.resize(before + room - stream.avail_out);
    if (result == Z_STREAM_END)
      state_->ended = true;
    else if (result != Z_OK && result != Z_BUF_ERROR) {
      refuse_file(state_->file, "the compressed data are damaged (zlib cannot unpack them). Take an intact copy");
    }
  }
  return unpacked;
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 6, Z_DEFLATED, window_bits + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) throw std::bad_alloc();
  std::string packed;
  int result = Z_OK;
  while (result != Z_STREAM_END) {
    if (stream.avail_in == 0 && !bytes.empty()) {
      const auto piece = std::min(bytes.size(), block);
      stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream.avail_in = static_cast<uInt>(piece);
      bytes.remove_prefix(piece);
    }
    const auto before = packed.size();
    packed.resize(before + block);
    stream.next_out = reinterpret_cast<Bytef*>(packed.data() + before);
    stream.avail_out = static_cast<uInt>(block);
    result = deflate(&stream, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
    packed.resize(before + block - stream.avail_out);
  }
  deflateEnd(&stream);
  return packed;
}

}  // namespace sonoforge
