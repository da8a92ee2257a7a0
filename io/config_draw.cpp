#include <algorithm>
#include <optional>
#include <set>

#include "io/config_distributions.hpp"
#include "io/distribution.hpp"
#include "io/factor_copula.hpp"
#include "io/factor_laws.hpp"
#include "io/factor_table.hpp"

namespace sonoforge {

namespace {

bool has_key(const ConfigNode& node, const char* key) { return node.kind == ConfigNode::Kind::mapping && node.find(key); }

FactorValue factor_value(const ConfigNode& node) {
  FactorValue out;
  if (node.kind != ConfigNode::Kind::scalar) {
    out.text = node.text();
    while (!out.text.empty() && out.text.back() == '\n') out.text.pop_back();
    return out;
  }
  out.text = node.scalar;
  try {
    const AnyQuantity quantity = parse_any_quantity(node.scalar);
    out.numeric = true;
    out.value = quantity.value;
    out.unit = std::string(unit_symbol(quantity.unit));
  } catch (const std::invalid_argument&) {
  }
  return out;
}

// Removes a top-level section and returns it.
std::optional<ConfigNode> take(ConfigNode& root, const std::string& key) {
  const auto found = std::find_if(root.entries.begin(), root.entries.end(), [&](const auto& entry) { return entry.key == key; });
  if (found == root.entries.end()) return std::nullopt;
  ConfigNode section = std::move(found->value);
  root.entries.erase(found);
  return section;
}

std::string hint(const std::string& name, const std::vector<std::string>& known, const std::string& otherwise) {
  const std::string near = nearest_word(name, known);
  return near.empty() ? otherwise : "Did you mean '" + near + "'?";
}

/// The factors a config declares, under `factors:` or where they are used, and the laws that join them.
struct FactorModel {
  std::map<std::string, ConfigNode> declared;
  std::set<std::string> in_place;             ///< declared where they are used
  std::vector<std::pair<std::string, std::shared_ptr<const FactorTable>>> tables;
  FactorCopula copula;
  std::optional<Outcome> outcome;

  /// Takes its sections out of the root.
  /// `files`: whether tables may be read.
  FactorModel(ConfigNode& root, const std::filesystem::path& folder, bool files, FactorTables& cache) {
    auto correlations = take(root, "correlations");
    const auto outcome_section = take(root, "outcome");
    if (const auto section = take(root, "factors")) {
      if (section->kind != ConfigNode::Kind::mapping) refuse_node(*section, "factors is not a mapping. Write for example 'factors: {fat: {uniform: [5 mm, 30 mm]}}'");
      for (const auto& entry : section->entries) {
        if (entry.key == "table" && !files)
          refuse_node(entry.value, "tables of factors are files (this place takes configs without files). Run it with the command line");
        if (entry.key == "table") read_tables(entry.value, folder, cache);
        else if (entry.key == "correlations" && entry.value.kind == ConfigNode::Kind::list) correlations = entry.value;
        else declared[entry.key] = entry.value;
      }
    }
    find_in_place(root);
    for (const auto& [file, table] : tables)
      for (const auto& name : table->names)
        if (declared.count(name)) refuse_node(declared[name], "the factor '" + name + "' is also a column of '" + file + "'. Remove one");
    if (correlations) {
      std::set<std::string> drawn;
      for (const auto& [name, node] : declared)
        if (is_plain_distribution(node) || has_key(node, "linear")) drawn.insert(name);
      copula = FactorCopula(*correlations, drawn);
    }
    if (outcome_section) {
      outcome.emplace(*outcome_section);
      for (const auto& name : outcome->recorded())
        if (declared.count(name)) refuse_node(*outcome_section, "the outcome would record '" + name + "', which is the name of a factor. Rename one");
    }
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, unused] : declared) all.push_back(name);
    for (const auto& [file, table] : tables) all.insert(all.end(), table->names.begin(), table->names.end());
    return all;
  }

 private:
  void read_tables(const ConfigNode& node, const std::filesystem::path& folder, FactorTables& cache) {
    const std::vector<ConfigNode> files = node.kind == ConfigNode::Kind::list ? node.items : std::vector{node};
    std::set<std::string> seen;
    for (const auto& file : files) {
      if (file.kind != ConfigNode::Kind::scalar || file.scalar.empty()) refuse_node(file, "table needs the name of a CSV file. Write for example 'table: cohort.csv'");
      const auto path = folder / file.scalar;
      if (!std::filesystem::exists(path)) refuse_node(file, "there is no file '" + path.string() + "' (paths are relative to the config). Correct the path");
      try {
        tables.emplace_back(file.scalar, cache.get(path));
      } catch (const UserError& error) {
        std::vector<Problem> problems;
        for (const auto& problem : error.problems()) problems.push_back({file.where, to_string(problem)});
        throw UserError(std::move(problems));
      }
      for (const auto& name : tables.back().second->names)
        if (!seen.insert(name).second) refuse_node(file, "the factor '" + name + "' is a column of two tables. Rename one");
    }
  }

  void find_in_place(const ConfigNode& node) {
    if (is_distribution(node)) {
      const ConfigNode* name = node.find("factor");
      if (!name || node.entries.size() == 1) return;
      if (name->kind != ConfigNode::Kind::scalar || name->scalar.empty()) refuse_node(*name, "factor needs a name. Write for example 'factor: lesion_radius'");
      if (!declared.emplace(name->scalar, node).second)
        refuse_node(*name, in_place.count(name->scalar)
                               ? "the factor '" + name->scalar + "' is declared twice. Declare it under 'factors:' and refer to it by {factor: " + name->scalar + "}"
                               : "the factor '" + name->scalar + "' is declared twice (here and under 'factors:'). Remove one");
      in_place.insert(name->scalar);
      return;
    }
    for (const auto& item : node.items) find_in_place(item);
    for (const auto& entry : node.entries) find_in_place(entry.value);
  }
};

/// The values of one patient at one visit. Every draw has its own stream, named by its factor or its path in the file.
class FactorDraw {
 public:
  FactorDraw(const FactorModel& model, const RandomStream& random, const std::map<std::string, std::string>& forced, Visit visit)
      : model_(model), random_(random), forced_(forced), visit_(visit) {
    for (const auto& [file, table] : model.tables) {
      auto stream = random_.child("factor table " + file);
      const auto& row = table->rows[stream.integer_below(table->rows.size())];
      for (std::size_t i = 0; i < table->names.size(); ++i) set(table->names[i], {ConfigNode::Kind::scalar, row[i], false, {}, {}, {}});
    }
  }

  const ConfigNode& value(const std::string& name, const ConfigNode& where) {
    if (const auto done = values_.find(name); done != values_.end()) return done->second;
    const auto declaration = model_.declared.find(name);
    if (declaration == model_.declared.end()) refuse_node(where, "there is no factor '" + name + "'. " + hint(name, model_.names(), "Declare it under 'factors:'"));
    if (!open_.insert(name).second) refuse_node(where, "the factor '" + name + "' follows from itself (its terms lead back to it). Break the circle");
    try {
      set(name, drawn(name, declaration->second));
    } catch (const UserError&) {
      open_.erase(name);
      throw;
    }
    open_.erase(name);
    return values_.at(name);
  }

  /// A distribution without a name.
  ConfigNode unnamed(const ConfigNode& node, const std::string& path) {
    return drawn_node(node, "path" + path, [&] { return uniform("path" + path, node); });
  }

  std::map<std::string, ConfigNode>& values() { return values_; }

 private:
  void set(const std::string& name, ConfigNode node) {
    if (const auto forced = forced_.find(name); forced != forced_.end()) {
      node.kind = ConfigNode::Kind::scalar;
      node.scalar = forced->second;
    }
    values_[name] = std::move(node);
  }

  // `per: visit` draws anew at each visit.
  double uniform(const std::string& purpose, const ConfigNode& node) {
    auto stream = random_.child(purpose);
    if (const ConfigNode* per = node.kind == ConfigNode::Kind::mapping ? node.find("per") : nullptr) {
      if (per->scalar != "visit" && per->scalar != "patient") refuse_node(*per, "per is '" + per->scalar + "' (a value is drawn once a patient or once a visit). Write 'per: visit'");
      if (per->scalar == "visit") stream = stream.child("visit", static_cast<std::uint64_t>(visit_.number));
    }
    return stream.uniform();
  }

  ConfigNode drawn(const std::string& name, const ConfigNode& node) {
    return drawn_node(node, "factor." + name, [&] {
      const auto own = [&](const std::string& factor) { return uniform("factor." + factor, model_.declared.at(factor)); };
      return model_.copula.holds(name) ? model_.copula.probability(name, own) : own(name);
    });
  }

  ConfigNode drawn_node(const ConfigNode& node, const std::string& purpose, const std::function<double()>& probability) {
    if (is_plain_distribution(node)) return Distribution(node).quantile(probability());
    const FactorLookup lookup = [this](const std::string& name, const ConfigNode& where) -> const ConfigNode& { return value(name, where); };
    if (has_key(node, "linear")) return linear_factor(node, probability(), lookup);
    if (has_key(node, "growth"))
      return growth_factor(node, visit_.time, [&](const ConfigNode& part, const std::string& key) {
        return drawn_node(part, purpose + "." + key, [&] { return uniform(purpose + "." + key, part); });
      });
    if (has_key(node, "factor") && node.entries.size() == 1) {
      ConfigNode copy = value(node.find("factor")->scalar, *node.find("factor"));
      copy.where = node.where;
      return copy;
    }
    return node;
  }

  const FactorModel& model_;
  const RandomStream& random_;
  const std::map<std::string, std::string>& forced_;
  Visit visit_;
  std::map<std::string, ConfigNode> values_;
  std::set<std::string> open_;
};

/// Goes on after a mistake, to find the others.
class Mistakes {
 public:
  template <class Work>
  bool pass(Work work) {
    try {
      work();
      return true;
    } catch (const UserError& error) {
      add_once(found, error.problems());
      return false;
    }
  }
  std::vector<Problem> found;
};

// Puts values in the place of distributions.
class Replacer {
 public:
  Replacer(const FactorModel& model, FactorDraw& draw, Mistakes& mistakes) : model_(model), draw_(draw), mistakes_(mistakes) {}

  void walk(ConfigNode& node, const std::string& path) {
    if (is_distribution(node)) {
      if (!mistakes_.pass([&] { node = value_of(node, path); })) node.wrong = true;
      return;
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) walk(node.items[i], path + "." + std::to_string(i));
    for (auto& entry : node.entries) walk(entry.value, path + "." + entry.key);
  }

 private:
  ConfigNode value_of(const ConfigNode& node, const std::string& path) {
    const ConfigNode* name = node.find("factor");
    if (!name) return draw_.unnamed(node, path);
    const auto known = model_.names();
    if (node.entries.size() == 1 && (model_.in_place.count(name->scalar) || std::find(known.begin(), known.end(), name->scalar) == known.end()))
      refuse_node(*name, "the factor '" + name->scalar + "' is not declared (a bare {factor: NAME} refers to the section 'factors:'). " +
                             (model_.in_place.count(name->scalar) ? "Declare it there" : hint(name->scalar, known, "Declare it there, or give a distribution beside it")));
    ConfigNode value = draw_.value(name->scalar, *name);
    value.where = node.where;
    return value;
  }

  const FactorModel& model_;
  FactorDraw& draw_;
  Mistakes& mistakes_;
};

void mark_distributions(ConfigNode& node) {
  node.wrong |= is_distribution(node);
  for (auto& item : node.items) mark_distributions(item);
  for (auto& entry : node.entries) mark_distributions(entry.value);
}

bool any_distribution(const ConfigNode& node) {
  return is_distribution(node) || std::any_of(node.items.begin(), node.items.end(), any_distribution) ||
         std::any_of(node.entries.begin(), node.entries.end(), [](const auto& entry) { return any_distribution(entry.value); });
}

}  // namespace

bool is_distribution(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::mapping) return false;
  if (node.entries.size() == 1 && node.entries[0].key == "factor") return true;
  return is_plain_distribution(node) || (has_key(node, "linear") && node.find("linear")->kind == ConfigNode::Kind::mapping) ||
         (has_key(node, "growth") && node.find("growth")->kind == ConfigNode::Kind::mapping);
}

ConfigTree::ConfigTree() : tables_(std::make_shared<FactorTables>()) {}

bool ConfigTree::has_distributions() const {
  return root_.find("factors") || root_.find("correlations") || root_.find("outcome") || any_distribution(root_);
}

Factors ConfigTree::draw(const RandomStream& random, const std::map<std::string, std::string>& forced, Visit visit) {
  Mistakes mistakes;
  std::optional<FactorModel> built;
  if (!mistakes.pass([&] { built.emplace(root_, file_.parent_path(), files_, *tables_); })) {
    for (const char* section : {"factors", "correlations", "outcome"}) take(root_, section);
    mark_distributions(root_);
    problems_.insert(problems_.end(), mistakes.found.begin(), mistakes.found.end());
    throw UserError(std::move(mistakes.found));
  }
  const FactorModel& model = *built;
  const auto known = model.names();
  for (const auto& [name, text] : forced)
    if (std::find(known.begin(), known.end(), name) == known.end())
      refuse_node(root_, "there is no factor '" + name + "' to set. " + hint(name, known, "Declare it under 'factors:'"));
  FactorDraw draw(model, random, forced, visit);
  for (const auto& [name, node] : model.declared) mistakes.pass([&, &name = name, &node = node] { draw.value(name, node); });
  Replacer(model, draw, mistakes).walk(root_, "");
  if (!mistakes.found.empty()) {
    problems_.insert(problems_.end(), mistakes.found.begin(), mistakes.found.end());
    throw UserError(std::move(mistakes.found));
  }
  Factors factors;
  for (const auto& [name, value] : draw.values()) factors[name] = factor_value(value);
  if (model.outcome) {
    const Outcome::LookupAt at = [&](double time) -> FactorLookup {
      // Visits between the planned ones have the factors that grow; what is drawn once a visit is that of the first.
      auto then = std::make_shared<FactorDraw>(model, random, forced, Visit{0, time});
      return [then](const std::string& name, const ConfigNode& where) -> const ConfigNode& { return then->value(name, where); };
    };
    for (auto& [name, value] : model.outcome->draw(at, random.child("outcome").uniform())) factors[name] = value;
  }
  return factors;
}

}  // namespace sonoforge
