#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "core/base64.hpp"
#include "core/error.hpp"
#include "core/image.hpp"

// What the lab's views share: numbers out of requests, pictures into answers.

namespace sonoforge::lab {

using Json = nlohmann::json;

/// Throws `nlohmann::json::exception` for no JSON, `UserError` where it is deeper than anything that the lab understands: some of
/// what works on it calls itself level by level.
template <class Value = Json>
Value parse_json(const std::string& text) {
  return Value::parse(text, [](int depth, typename Value::parse_event_t, Value&) {
    if (depth > 32) throw UserError("the request is nested more than 32 levels deep. Send a flat one");
    return true;
  });
}

inline double number(const Json& request, const char* key, double otherwise) {
  if (!request.contains(key)) return otherwise;
  if (!request[key].is_number()) throw UserError(std::string("'") + key + "' is not a number. Send one");
  const double value = request[key].get<double>();
  if (!std::isfinite(value)) throw UserError(std::string("'") + key + "' is not finite. Send a number");
  return value;
}

inline std::size_t index(const Json& request, const char* key, std::size_t count) {
  const double value = number(request, key, 0);
  if (value < 0 || value >= static_cast<double>(count) || value != std::floor(value))
    throw UserError(std::string("'") + key + "' must be a whole number from 0 to " + std::to_string(count - 1) +
                    ". Choose one of these");
  return static_cast<std::size_t>(value);
}

inline Json axis(const Axis& a) {
  return {{"from", a.from}, {"step", a.step}, {"count", a.count}};
}

inline Json finite(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

inline Json numbers(const auto& values) {
  Json list = Json::array();
  for (const auto& value : values) list.push_back(finite(static_cast<double>(value)));
  return list;
}

inline std::uint8_t byte(double zero_to_one) {
  return static_cast<std::uint8_t>(std::lround(255 * std::clamp(zero_to_one, 0.0, 1.0)));
}

/// Signed values around 128, the largest magnitude at either end.
inline std::string signed_bytes(std::span<const float> values, double top) {
  std::string bytes(values.size(), '\0');
  for (std::size_t i = 0; i < values.size(); ++i)
    bytes[i] = static_cast<char>(byte(0.5 + 0.5 * (top > 0 ? static_cast<double>(values[i]) / top : 0.0)));
  return base64(bytes);
}

/// Levels [dB] as bytes: 0 dB is 255, -range 0.
inline Json image_view(double range, const RealMap& levels) {
  std::string bytes(levels.values.size(), '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(byte(1 + static_cast<double>(levels.values.flat()[i]) / range));
  return {{"x", axis(levels.grid.x)}, {"z", axis(levels.grid.z)}, {"dynamic_range", range}, {"values", base64(bytes)}};
}

}  // namespace sonoforge::lab
