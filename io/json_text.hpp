#pragma once
#include <string>

#include <nlohmann/json.hpp>

namespace sonoforge {

/// JSON as text; bytes that are no UTF-8, as names of files may hold, become U+FFFD instead of an exception. `indent` -1: one line.
template <class Json>
std::string json_text(const Json& json, int indent = 2) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace sonoforge
