#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace sonoforge {

/// One key of a mapping that stands for a random value or joins several: what the reader accepts and `describe` lists.
struct MappingKey {
  std::string_view key;
  std::string_view doc;      ///< one sentence
  std::string_view example;  ///< a value as it stands in a config
  bool required = false;
  std::string_view fallback = {};     ///< the value without the key, as text
  std::vector<MappingKey> keys = {};  ///< of the value, where that is a mapping or a list of mappings
  std::vector<std::string_view> choices = {};
};

/// A mapping and its keys. `example` is a whole value that the reader accepts.
struct MappingDoc {
  std::string_view name;
  std::string_view doc;
  std::string_view example;
  std::vector<MappingKey> keys;
};

/// What may stand in place of a scalar: the five distributions, {linear: ...}, {growth: ...}, {factor: NAME}.
const std::vector<MappingDoc>& distribution_docs();
const std::vector<MappingDoc>& factor_section_docs();

/// The keys that a mapping of `distribution_docs` or `factor_section_docs` may have: "growth", and for what lies inside
/// "growth.growth" or "outcome.hazard.weibull". Throws std::logic_error for a path without keys.
std::vector<std::string> known_keys(std::string_view path);
/// "a, b, c".
std::string listed(const std::vector<std::string>& words);

/// One mapping's keys as `describe_config` lists those of a class: key, kind, doc, example, required, choices, keys.
nlohmann::ordered_json describe_keys(const std::vector<MappingKey>& keys);
/// Mappings as `describe_catalog` lists the types of a kind.
nlohmann::ordered_json describe_mappings(std::string_view kind, std::string_view doc,
                                         const std::vector<MappingDoc>& mappings);

}  // namespace sonoforge
