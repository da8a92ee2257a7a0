#include "ai/tensorboard.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "io/atomic_file.hpp"

namespace sonoforge {
namespace {

void append_little(std::string& to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) to.push_back(static_cast<char>(value >> (8 * i) & 0xFF));
}

void append_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to.push_back(static_cast<char>((value & 0x7F) | 0x80));
  to.push_back(static_cast<char>(value));
}

// Wire types of protobuf: 0 varint, 1 eight bytes, 2 a length and that many bytes, 5 four bytes.
void append_key(std::string& to, int field, int type) { append_varint(to, static_cast<std::uint64_t>(field << 3 | type)); }
void append_bytes(std::string& to, int field, std::string_view bytes) {
  append_key(to, field, 2);
  append_varint(to, bytes.size());
  to.append(bytes);
}

/// Event: wall_time = 1, step = 2, file_version = 3, summary = 5.
std::string event(double wall_time, std::int64_t step) {
  std::string text;
  append_key(text, 1, 1);
  append_little(text, std::bit_cast<std::uint64_t>(wall_time), 8);
  if (step != 0) {
    append_key(text, 2, 0);
    append_varint(text, static_cast<std::uint64_t>(step));
  }
  return text;
}

void append_record(std::string& to, const std::string& data) {
  std::string length;
  append_little(length, data.size(), 8);
  to += length;
  append_little(to, masked_crc32c(length), 4);
  to += data;
  append_little(to, masked_crc32c(data), 4);
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> all{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = value >> 1 ^ ((value & 1) ? 0x82F63B78U : 0U);
      all[i] = value;
    }
    return all;
  }();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char c : bytes) crc = crc >> 8 ^ table[(crc ^ static_cast<unsigned char>(c)) & 0xFF];
  return ~crc;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xA282EAD8U;
}

void write_tensorboard(const std::filesystem::path& file, const std::vector<ScalarEvent>& events) {
  std::string text;
  std::string first = event(events.empty() ? 0 : events.front().wall_time, 0);
  append_bytes(first, 3, "brain.Event:2");
  append_record(text, first);
  for (const ScalarEvent& one : events) {
    // Summary: repeated value = 1; of it tag = 1, simple_value = 2.
    std::string value;
    append_bytes(value, 1, one.tag);
    append_key(value, 2, 5);
    append_little(value, std::bit_cast<std::uint32_t>(one.value), 4);
    std::string summary;
    append_bytes(summary, 1, value);
    std::string record = event(one.wall_time, one.step);
    append_bytes(record, 5, summary);
    append_record(text, record);
  }
  write_file_atomically(file, text);
}

}  // namespace sonoforge
