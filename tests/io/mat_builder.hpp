#pragma once
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace sonoforge::test {

/// Builds MAT v5 files by the published layout, independently of the product.
struct MatBuilder {
  bool big_endian = false;

  template <class T>
  std::string number(T value) const {
    std::string raw(sizeof(T), '\0');
    std::memcpy(raw.data(), &value, sizeof(T));
    if (big_endian) std::reverse(raw.begin(), raw.end());
    return raw;
  }
  template <class T>
  std::string numbers(const std::vector<T>& values) const {
    std::string text;
    for (auto value : values) text += number(value);
    return text;
  }
  std::string element(std::uint32_t type, std::string data) const {
    const auto size = static_cast<std::uint32_t>(data.size());
    data.resize((data.size() + 7) / 8 * 8);
    return number(type) + number(size) + data;
  }
  std::string small(std::uint16_t type, std::string data) const {
    const auto size = static_cast<std::uint32_t>(data.size());
    data.resize(4);
    return number(size << 16 | type) + data;
  }
  std::string matrix(unsigned array_class, const std::vector<std::int32_t>& size, const std::string& name,
                     const std::string& rest) const {
    return element(14, element(6, number(array_class) + number(std::uint32_t{0})) + element(5, numbers(size)) +
                           element(1, name) + rest);
  }
  std::string header(std::uint16_t version = 0x0100) const {
    std::string text = "MATLAB 5.0 MAT-file";
    text.resize(124, ' ');
    return text + number(version) + (big_endian ? "MI" : "IM");
  }
  std::string compressed(const std::string& plain) const {
    std::string packed(compressBound(plain.size()), '\0');
    uLongf size = packed.size();
    compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(plain.data()),
             plain.size());
    packed.resize(size);
    return number(std::uint32_t{15}) + number(static_cast<std::uint32_t>(size)) + packed;
  }
};

}  // namespace sonoforge::test
