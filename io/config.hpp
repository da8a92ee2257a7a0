#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
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
  bool wrong = false;  ///< its mistake is already noted; readers pass over it

  const ConfigNode* find(std::string_view key) const;
  ConfigNode* find(std::string_view key);
  /// As YAML that parses back to the same node.
  std::string text() const;
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

/// One of a patient's examinations.
struct Visit {
  std::int64_t number = 0;  ///< from 0
  double time = 0;          ///< since the first [s]
};

class FactorTables;

/// A config file in memory. A distribution may stand in place of any scalar:
///     {uniform: [2 mm, 6 mm]}                      any value between
///     {integers: [1, 5]}                           whole numbers, ends included
///     {normal: [15 mm, 4 mm], min: 5 mm, max: 40 mm}   mean and standard deviation, truncated
///     {log_normal: [8 mm, 0.3], min:, max:}        median, and standard deviation of the natural logarithm
///     {choice: [a, b, c], weights: [1, 2, 1]}      one of a list
///     {linear: {intercept:, terms:, spread:}}      follows other factors (io/factor_laws.hpp)
///     {growth: {law:, initial:, time:}}            changes from visit to visit (io/factor_laws.hpp)
/// `factor: NAME` beside it names the value; `per: visit` draws it anew at each visit of a patient; `{factor: NAME}` alone refers to
/// the top-level section `factors:`, where `table: FILE` draws whole rows of a CSV file. The section `correlations:` joins factors
/// (io/factor_copula.hpp), and `outcome:` draws an event from a known hazard (io/factor_laws.hpp).
class ConfigTree {
 public:
  ConfigTree();
  /// A mistake that leaves the rest readable (a duplicate key) waits for `read`, which tells all mistakes at once.
  static ConfigTree load(const std::filesystem::path& file);
  static ConfigTree parse(const std::string& text, const std::string& name = "config");

  /// Applies one `--set a.b.c=VALUE` (VALUE is YAML; list items by index: `phantom.regions.0.label=x`). On a mapping it replaces the whole
  /// mapping; missing intermediate mappings are made. `null` removes the key. Throws `UserError` naming the assignment.
  void set(const std::string& assignment);

  /// For configs from strangers: from now on every key that names a file is a mistake, told by `read` and `draw`.
  void forbid_files() { files_ = false; }

  bool has_distributions() const;
  /// Replaces every distribution by a value. Each distribution has its own stream, named by its factor or else by its path in the file, so
  /// that adding, removing or forcing one changes no other but those that follow from it. `forced` gives factors a fixed value
  /// (twins). Returns the named factors and the outcome. Takes the sections `factors`, `correlations` and `outcome` out of the tree.
  /// Throws one `UserError` with every mistake; the tree can then still be read, for the mistakes of the rest.
  Factors draw(const RandomStream& random, const std::map<std::string, std::string>& forced = {}, Visit visit = {});

  /// Runs `work`; a `ConfigError` it throws becomes a `UserError` that points at the key below `path` ("probe", "phantom"), or at the
  /// nearest thing above it that stands in the file.
  void locate(const std::string& path, const std::function<void()>& work) const;

  /// The tree as YAML text that parses back to the same tree.
  std::string text() const;

  /// Reads `target`; throws one `UserError` with every mistake. `ignored` top-level keys belong to other readers.
  void read(Configurable& target, const std::vector<std::string>& ignored = {}) const;

  const ConfigNode& root() const { return root_; }
  ConfigNode& root() { return root_; }
  const std::filesystem::path& file() const { return file_; }

 private:
  ConfigNode root_;
  std::filesystem::path file_;
  bool files_ = true;                     ///< may name files
  std::vector<Problem> problems_;         ///< found so far, for `read` to report
  std::shared_ptr<FactorTables> tables_;  ///< read once for all copies
};

/// The object as YAML with every default written out; reads back to the same object, every double to the same bits.
std::string dump_config(Configurable& object);
/// The same as a tree of names, units, ranges, defaults and docs, for `describe`; typed members list their catalog.
nlohmann::ordered_json describe_config(Configurable& object);
nlohmann::ordered_json describe_catalog(const Catalog& catalog);

}  // namespace sonoforge
