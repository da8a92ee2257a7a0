#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "core/error.hpp"
#include "core/fields.hpp"
#include "core/random.hpp"

namespace sonoforge {

/// One node of a config file with its place. Built from yaml-cpp, but strict: duplicate keys, anchors that explode, depth over
/// 64 and files over 16 MB are errors.
struct ConfigNode {
  enum class Kind { null, scalar, list, mapping };
  struct Entry;
  Kind kind = Kind::null;
  std::string scalar;
  bool quoted = false;
  std::vector<ConfigNode> items;       ///< of a list
  std::vector<Entry> entries;          ///< of a mapping, in file order
  SourceLocation where;

  const ConfigNode* find(std::string_view key) const;
  ConfigNode* find(std::string_view key);
};
struct ConfigNode::Entry {
  std::string key;
  SourceLocation where;  ///< of the key
  ConfigNode value;
};

/// The value a named factor took in one draw.
struct FactorValue {
  std::string text;            ///< as it stands in the config, e.g. "4.2 mm" or "malignant"
  bool numeric = false;
  double value = 0;            ///< SI where numeric
  std::string unit;            ///< SI symbol where numeric
};
using Factors = std::map<std::string, FactorValue>;

/// A config file in memory. Distributions (`{uniform: [2 mm, 6 mm]}`, see CONTRACT section 3) may stand in place of any scalar.
class ConfigTree {
 public:
  static ConfigTree load(const std::filesystem::path& file);
  static ConfigTree parse(const std::string& text, const std::string& name = "config");

  /// Applies one `--set a.b.c=VALUE` (VALUE is YAML; list items by index: `phantom.regions.0.label=x`). On a mapping it replaces the whole
  /// mapping; missing intermediate mappings are made. Throws `UserError` naming the assignment.
  void set(const std::string& assignment);

  bool has_distributions() const;
  /// Replaces every distribution by a value. Each distribution has its own stream, named by its factor or else by its path in the file, so
  /// that adding, removing or forcing one changes no other. `forced` gives factors a fixed value (twins). Returns the named factors.
  Factors draw(const RandomStream& random, const std::map<std::string, std::string>& forced = {});

  /// Reads `target`; throws one `UserError` with every mistake. `ignored` top-level keys belong to other readers.
  void read(Configurable& target, const std::vector<std::string>& ignored = {}) const;

  const ConfigNode& root() const { return root_; }
  ConfigNode& root() { return root_; }
  const std::filesystem::path& file() const { return file_; }

 private:
  ConfigNode root_;
  std::filesystem::path file_;
};

/// The object as YAML with every default written out; reads back to the same object, every double to the same bits.
std::string dump_config(Configurable& object);
/// The same as a tree of names, units, ranges, defaults and docs, for `describe`; typed members list their catalog.
nlohmann::json describe_config(Configurable& object);
nlohmann::json describe_catalog(const Catalog& catalog);

}  // namespace sonoforge
