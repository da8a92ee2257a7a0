#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "io/config.hpp"
#include "io/config_distributions.hpp"
#include "io/factor_keys.hpp"

namespace sonoforge {

namespace {

std::string kind_noun(const ConfigNode& node) {
  switch (node.kind) {
    case ConfigNode::Kind::null: return "nothing";
    case ConfigNode::Kind::scalar: return "'" + node.scalar + "'";
    case ConfigNode::Kind::list: return "a list";
    case ConfigNode::Kind::mapping: return "a mapping";
  }
  return "";
}

// A bound for people: six digits are enough, and 89 deg reads better than 89.00000000000001 deg.
std::string short_quantity(double value, Unit unit) {
  const std::string text = format_quantity(value, unit);
  const auto blank = text.find(' ');
  char number[32];
  std::snprintf(number, sizeof number, "%.6g", std::strtod(text.c_str(), nullptr));
  return text.substr(0, blank).size() <= std::string_view(number).size() ? text : number + (blank == std::string::npos ? "" : text.substr(blank));
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  const std::string near = nearest_word(word, known);
  return near.empty() ? "Known: " + listed(known) : "Did you mean '" + near + "'?";
}

bool holds_wrong(const ConfigNode& node) {
  return node.wrong || std::any_of(node.items.begin(), node.items.end(), holds_wrong) ||
         std::any_of(node.entries.begin(), node.entries.end(), [](const auto& entry) { return holds_wrong(entry.value); });
}

// Assigns the values of one file to the members, noting every mistake on the way.
class Reader : public FieldVisitor {
 public:
  Reader(std::filesystem::path folder, bool files, std::vector<Problem>& problems)
      : folder_(std::move(folder)), files_(files), problems_(problems) {}

  void read_object(Configurable& object, const ConfigNode& node, const std::string& what, const std::vector<std::string>& ignored = {}) {
    if (node.kind != ConfigNode::Kind::mapping && node.kind != ConfigNode::Kind::null) {
      note(node.where, what + " is " + kind_noun(node) + " (needs a mapping of keys). Write for example '" + what + ": {key: value}'");
      return;
    }
    const std::size_t problems_before = problems_.size();
    const ConfigNode* outer_node = std::exchange(node_, &node);
    const ConfigNode* outer_item = std::exchange(item_, nullptr);
    auto outer_known = std::exchange(known_, ignored);
    object.fields(*this);
    for (const auto& entry : node.entries)
      if (std::find(known_.begin(), known_.end(), entry.key) == known_.end())
        note(entry.where, "unknown key '" + entry.key + "'" + (what.empty() ? "" : " in " + what) + " (it would have no effect). " +
                              did_you_mean(entry.key, shown(known_, ignored)));
    if (problems_.size() == problems_before && !holds_wrong(node)) check(object, node, what);
    node_ = outer_node;
    item_ = outer_item;
    known_ = std::move(outer_known);
  }

  void operator()(double& value, const Field& field) override {
    if (const ConfigNode* node = scalar(field)) read_number(value, *node, field);
  }

  void operator()(std::int64_t& value, const Field& field) override {
    const ConfigNode* node = scalar(field);
    if (!node) return;
    // Plain whole numbers are read exactly; seeds may be larger than what a double holds.
    const char* end = node->scalar.data() + node->scalar.size();
    if (const auto digits = node->scalar.find_first_not_of("+-"); digits + 1 < node->scalar.size() && node->scalar[digits] == '0' &&
                                                                    node->scalar.find_first_not_of("0123456789", digits) == std::string::npos) {
      const auto first = std::min(node->scalar.find_first_not_of('0', digits), node->scalar.size() - 1);
      return note(node->where, name(field) + " = '" + node->scalar + "' begins with 0 (some read that as octal). Write '" + std::string(field.key) + ": " +
                                   node->scalar.substr(0, digits) + node->scalar.substr(first) + "'");
    }
    if (std::int64_t exact = 0; !node->scalar.empty() && std::from_chars(node->scalar.data(), end, exact).ptr == end &&
                                std::from_chars(node->scalar.data(), end, exact).ec == std::errc()) {
      if (in_range(static_cast<double>(exact), *node, field)) value = exact;
      return;
    }
    double number = 0;
    if (!quantity(number, *node, field)) return;
    if (number != std::floor(number))
      return note(node->where, name(field) + " = '" + node->scalar + "' is not a whole number (it counts something). Write for example '" +
                                   std::string(field.key) + ": 8'");
    if (!in_range(number, *node, field)) return;
    if (std::abs(number) > 9e15)
      return note(node->where, name(field) + " = '" + node->scalar + "' is not exact (numbers this large need all their digits). Write for example '" +
                                   std::string(field.key) + ": 9000000000000000001'");
    value = static_cast<std::int64_t>(number);
  }

  void operator()(bool& value, const Field& field) override {
    const ConfigNode* node = scalar(field);
    if (!node) return;
    if (node->scalar == "on" || node->scalar == "true" || node->scalar == "yes") value = true;
    else if (node->scalar == "off" || node->scalar == "false" || node->scalar == "no") value = false;
    else note(node->where, name(field) + " = '" + node->scalar + "' (it is either on or off). Write '" + std::string(field.key) + ": on' or '" +
                               std::string(field.key) + ": off'");
  }

  void operator()(std::string& value, const Field& field) override {
    if (const ConfigNode* node = scalar(field)) value = node->scalar;
  }

  void operator()(std::filesystem::path& value, const Field& field) override {
    const ConfigNode* node = scalar(field);
    if (!node) return;
    if (node->scalar.empty()) return note(node->where, name(field) + " is empty (needs a path). Write for example '" + std::string(field.key) + ": data.hdf5'");
    if (!files_) return note(node->where, name(field) + " names a file (this place takes configs without files). Run it with the command line");
    const std::filesystem::path path = node->scalar;
    value = path.is_absolute() ? path : (folder_ / path).lexically_normal();
  }

  void operator()(Attenuation& value, const Field& field) override {
    if (const ConfigNode* node = scalar(field)) guard(*node, field, [&] { value = parse_attenuation(node->scalar); });
  }

  void operator()(Vec3& value, const Field& field) override {
    if (const ConfigNode* node = find(field, list_example(field, 3))) {
      std::array<double, 3> values{};
      if (numbers(values, *node, field)) value = {values[0], values[1], values[2]};
    }
  }

  void operator()(std::array<double, 2>& value, const Field& field) override {
    if (const ConfigNode* node = find(field, list_example(field, 2))) {
      std::array<double, 2> values{};
      if (!numbers(values, *node, field)) return;
      if (values[0] > values[1])
        return note(node->where, name(field) + " runs backwards (needs [from, to] with from before to). Swap the two");
      value = values;
    }
  }

  void operator()(Axis& value, const Field& field) override {
    const ConfigNode* node = find(field);
    if (!node) return;
    if (node->kind == ConfigNode::Kind::scalar) {  // one plane
      double at = 0;
      if (read_number(at, *node, field)) value = {at, 1, 1};
      return;
    }
    std::array<double, 3> values{};
    if (!numbers(values, *node, field, "[from, to, step]")) return;
    const auto [from, to, step] = values;
    if (!(step > 0)) return note(node->items[2].where, name(field) + " has the step " + node->items[2].scalar + " (needs a step above zero). Write [from, to, step]");
    if (to < from) return note(node->where, name(field) + " runs backwards (needs [from, to, step] with from before to). Swap the first two");
    const double count = std::floor((to - from) / step + 1e-6) + 1;
    if (!(count <= static_cast<double>(field.max_items)))
      return note(node->where, name(field) + " would have " + format_number(count) + " points (at most " + std::to_string(field.max_items) +
                                   " are allowed). Take a larger step");
    value = Axis::from_to_step(from, to, step);
  }

  void operator()(std::vector<double>& value, const Field& field) override {
    const ConfigNode* node = find(field, list_example(field, 1));
    if (!node) return;
    std::vector<double> values;
    bool good = true;
    if (node->kind == ConfigNode::Kind::mapping) {
      const ConfigNode* from = node->find("from");
      const ConfigNode* to = node->find("to");
      const ConfigNode* count = node->find("count");
      if (!from || !to || !count || node->entries.size() != 3)
        return note(node->where, name(field) + " is a mapping without exactly from, to and count. Write for example '{from: -12 deg, to: 12 deg, count: 11}'");
      double first = 0, last = 0, n = 0;
      good = read_number(first, *from, field) & read_number(last, *to, field) & quantity(n, *count, Field{.key = "count", .doc = ""});
      if (!good) return;
      if (n != std::floor(n) || n < 1 || n > static_cast<double>(field.max_items))
        return note(count->where, "count = '" + count->scalar + "' (needs a whole number from 1 to " + std::to_string(field.max_items) + "). Write for example 'count: 11'");
      // Symmetric about the middle, so that -12..12 holds 0 and its halves mirror each other exactly.
      const auto total = static_cast<std::size_t>(n);
      const double centre = (first + last) / 2, half = (last - first) / 2;
      for (std::size_t i = 0; i < total; ++i)
        values.push_back(total == 1 ? first : centre + half * (2 * static_cast<double>(i) - (n - 1)) / (n - 1));
      if (total > 1) values.front() = first, values.back() = last;
    } else if (node->kind == ConfigNode::Kind::list) {
      if (!few_enough(node->items.size(), *node, field)) return;
      for (const auto& item : node->items) {
        double number = 0;
        good &= read_number(number, item, field);
        values.push_back(number);
      }
    } else {
      double number = 0;
      good = read_number(number, *node, field);
      values = {number};
    }
    if (good) value = std::move(values);
  }

  void operator()(std::vector<std::string>& value, const Field& field) override {
    const ConfigNode* node = find(field);
    if (!node || !is_list(*node, field, "[first, second]")) return;
    std::vector<std::string> values;
    for (const auto& item : node->items) {
      if (item.wrong) return;
      if (item.kind != ConfigNode::Kind::scalar) {
        note(item.where, "an item of " + name(field) + " is " + kind_noun(item) + " (needs a word). Write for example '[first, second]'");
        return;
      }
      values.push_back(item.scalar);
    }
    value = std::move(values);
  }

  void operator()(std::vector<Vec3>& value, const Field& field) override {
    const ConfigNode* node = find(field, "[" + list_example(field, 3) + "]");
    if (!node || !is_list(*node, field, "[[x, y, z], ...]")) return;
    std::vector<Vec3> values;
    bool good = true;
    for (const auto& item : node->items) {
      std::array<double, 3> v{};
      good &= numbers(v, item, field);
      values.push_back({v[0], v[1], v[2]});
    }
    if (good) value = std::move(values);
  }

  void operator()(std::vector<std::array<double, 2>>& value, const Field& field) override {
    const ConfigNode* node = find(field, "[" + list_example(field, 2) + "]");
    if (!node || !is_list(*node, field, "[[x, z], ...]")) return;
    std::vector<std::array<double, 2>> values;
    bool good = true;
    for (const auto& item : node->items) {
      std::array<double, 2> v{};
      good &= numbers(v, item, field);
      values.push_back(v);
    }
    if (good) value = std::move(values);
  }

  void choose(int& value, const std::vector<std::string_view>& names, const Field& field) override {
    const ConfigNode* node = scalar(field);
    if (!node) return;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (node->scalar == names[i]) {
        value = static_cast<int>(i);
        return;
      }
    std::vector<std::string> known(names.begin(), names.end());
    note(node->where, name(field) + " = '" + node->scalar + "' (needs one of " + listed(known) + "). " + did_you_mean(node->scalar, known));
  }

  void object(Configurable& value, const Field& field) override {
    if (const ConfigNode* node = find(field)) read_object(value, *node, std::string(field.key));
  }

  void typed(TypedSlot slot, const Field& field) override {
    const ConfigNode* node = find(field);
    if (!node) return;
    std::vector<std::string> known;
    for (const auto* rows : {&slot.catalog.types, &slot.catalog.presets})
      for (const auto& row : *rows) known.push_back(row.name);
    std::string wanted;
    SourceLocation where = node->where;
    if (node->kind == ConfigNode::Kind::scalar) {
      wanted = node->scalar;
    } else if (node->kind == ConfigNode::Kind::mapping) {
      const ConfigNode* type = node->find("type");
      if (type && type->wrong) return;
      if (type && is_distribution(*type)) return note_distribution(*type, field);
      if (type && type->kind != ConfigNode::Kind::scalar)
        return note(type->where, "type is " + kind_noun(*type) + " (needs a name). Known: " + listed(known));
      if (type) wanted = type->scalar, where = type->where;
      else if (!slot.catalog.default_type.empty()) wanted = slot.catalog.default_type;
      else
        return note(node->where, name(field) + " has no type (there are several kinds of " + slot.catalog.kind + "). Write 'type:' with one of " + listed(known));
    } else {
      return note(node->where, name(field) + " is " + kind_noun(*node) + " (needs a name, or a mapping with type:). Known: " + listed(known));
    }
    const CatalogRow* row = slot.catalog.find(wanted);
    if (!row)
      return note(where, "unknown " + slot.catalog.kind + " '" + wanted + "' (there is no such type). " + did_you_mean(wanted, known));
    slot.type = row->type.empty() ? row->name : row->type;
    slot.set(row->make());
    Configurable* made = slot.get();
    const ConfigNode empty{ConfigNode::Kind::mapping, {}, false, {}, {}, node->where};
    read_object(*made, node->kind == ConfigNode::Kind::mapping ? *node : empty, slot.catalog.kind + " " + wanted, {"type"});
  }

  void list(ListSlot slot, const Field& field) override {
    const ConfigNode* node = find(field);
    if (!node || !is_list(*node, field, "[{...}, {...}]")) return;
    slot.clear();
    for (std::size_t i = 0; i < node->items.size(); ++i) {
      slot.append();
      const ConfigNode* outer = std::exchange(item_, &node->items[i]);
      slot.visit_item(*this, i, field);
      item_ = outer;
    }
  }

  bool present(bool, const Field& field) override {
    if (item_) return true;
    const ConfigNode* node = node_->find(field.key);
    const bool there = node && node->kind != ConfigNode::Kind::null;
    if (!there) known_.emplace_back(field.key);
    return there;
  }

 private:
  static std::vector<std::string> shown(const std::vector<std::string>& known, const std::vector<std::string>& ignored) {
    std::vector<std::string> out;
    for (const auto& key : known)
      if (std::find(out.begin(), out.end(), key) == out.end() && (key == "type" || ignored.size() != 1 || key != ignored[0])) out.push_back(key);
    return out;
  }

  static std::string list_example(const Field& field, std::size_t items) {
    std::string text;
    for (std::size_t i = 0; i < items; ++i) text += (i ? ", " : "[") + std::string(unit_example(field.unit));
    return text + "]";
  }

  static std::string name(const Field& field) { return std::string(field.key); }

  void note(const SourceLocation& where, std::string text) { problems_.push_back({where, std::move(text)}); }

  void note_distribution(const ConfigNode& node, const Field& field) {
    note(node.where, name(field) + " is a distribution that was not drawn (one value is needed here). Write one value");
  }

  void check(Configurable& object, const ConfigNode& node, const std::string& what) {
    try {
      object.check();
    } catch (const ConfigError& error) {
      // A key of a part, as 'output.classes': as far down as the file has it.
      const ConfigNode* at = &node;
      for (std::size_t begin = 0; begin <= error.key().size() && !error.key().empty();) {
        const std::size_t end = std::min(error.key().find('.', begin), error.key().size());
        const ConfigNode* next = at->find(error.key().substr(begin, end - begin));
        if (!next) break;
        at = next;
        begin = end + 1;
      }
      const std::string prefix = error.key().empty() ? what : error.key();
      note(at->where, prefix.empty() ? error.what() : prefix + ": " + error.what());
    } catch (const UserError& error) {
      for (const auto& problem : error.problems()) note(problem.where.file.empty() ? node.where : problem.where, problem.text);
    }
  }

  // The node of a field, or null where it is missing (a problem if it is needed).
  const ConfigNode* find(const Field& field, const std::string& example = "") {
    if (item_) {
      const ConfigNode* item = std::exchange(item_, nullptr);
      return item->wrong ? nullptr : item;
    }
    known_.emplace_back(field.key);
    const ConfigNode* node = node_->find(field.key);
    if (!node) {
      if (field.required)
        note(node_->where, "the key '" + name(field) + "' is missing (" + std::string(field.doc) + "). Write for example '" + name(field) + ": " +
                               (!example.empty() ? example : std::string(field.unit == Unit::none ? "..." : unit_example(field.unit))) + "'");
      return nullptr;
    }
    if (node->kind == ConfigNode::Kind::null) {
      for (const auto& word : field.words)
        if (word.word == "none" || word.word == "null") return node;
      note(node->where, "the key '" + name(field) + "' has no value (" + std::string(field.doc) + "). Write one, or remove the key");
      return nullptr;
    }
    if (node->wrong) return nullptr;
    if (is_distribution(*node)) {
      note_distribution(*node, field);
      return nullptr;
    }
    return node;
  }

  const ConfigNode* scalar(const Field& field) {
    const ConfigNode* node = find(field);
    if (node && node->kind != ConfigNode::Kind::scalar && node->kind != ConfigNode::Kind::null) {
      note(node->where, name(field) + " is " + kind_noun(*node) + " (needs one value). Write for example '" + name(field) + ": " +
                            std::string(unit_example(field.unit)) + "'");
      return nullptr;
    }
    return node;
  }

  template <class Work>
  bool guard(const ConfigNode& node, const Field& field, Work work) {
    try {
      work();
      return true;
    } catch (const std::invalid_argument& error) {
      note(node.where, name(field) + " = " + error.what());
      return false;
    }
  }

  // A number in the field's unit, or one of its words.
  bool quantity(double& value, const ConfigNode& node, const Field& field) {
    if (node.wrong) return false;
    if (is_distribution(node)) return note_distribution(node, field), false;
    if (node.kind == ConfigNode::Kind::list || node.kind == ConfigNode::Kind::mapping) {
      note(node.where, name(field) + " is " + kind_noun(node) + " (needs one value). Write for example '" + std::string(unit_example(field.unit)) + "'");
      return false;
    }
    for (const auto& word : field.words)
      if (node.scalar == word.word || (node.kind == ConfigNode::Kind::null && word.word == "none")) {
        value = word.value;
        return true;
      }
    return guard(node, field, [&] {
      try {
        value = parse_quantity(node.scalar, field.unit);
      } catch (const std::invalid_argument& error) {
        if (field.words.empty()) throw;
        std::string words;
        for (const auto& word : field.words) words += (words.empty() ? "" : ", ") + std::string(word.word);
        throw std::invalid_argument(std::string(error.what()) + ", or one of: " + words);
      }
    });
  }

  bool in_range(double number, const ConfigNode& node, const Field& field) {
    if (number >= field.min && number <= field.max) return true;
    std::string range;
    const auto text = [&](double v) { return short_quantity(v, field.unit); };
    if (field.min == field.max) range = "needs the value " + text(field.min);
    else if (field.min == positive) range = "needs a value above zero";
    else if (std::isinf(field.max)) range = "needs at least " + text(field.min);
    else if (std::isinf(field.min)) range = "needs at most " + text(field.max);
    else range = "needs a value from " + text(field.min) + " to " + text(field.max);
    if (field.min == positive && !std::isinf(field.max)) range += " and at most " + text(field.max);
    std::string fix = "Write for example '" + name(field) + ": ";
    const double example = std::isinf(field.min) ? field.max : field.min == positive ? (std::isinf(field.max) ? 0.0 : field.max) : field.min;
    fix += example == 0 && field.min == positive ? std::string(unit_example(field.unit)) : text(example);
    note(node.where, name(field) + " = '" + node.scalar + "' is out of range (" + range + "). " + fix + "'");
    return false;
  }

  bool read_number(double& value, const ConfigNode& node, const Field& field) {
    double number = 0;
    if (!quantity(number, node, field)) return false;
    for (const auto& word : field.words)
      if (node.scalar == word.word || (node.kind == ConfigNode::Kind::null && word.word == "none")) {
        value = number;
        return true;
      }
    if (!in_range(number, node, field)) return false;
    value = number;
    return true;
  }

  template <std::size_t N>
  bool numbers(std::array<double, N>& values, const ConfigNode& node, const Field& field, const std::string& shape = "") {
    if (node.kind != ConfigNode::Kind::list || node.items.size() != N) {
      const std::string expected = shape.empty() ? list_example(field, N) : shape;
      note(node.where, name(field) + " is " +
                           (node.kind == ConfigNode::Kind::list ? "a list of " + std::to_string(node.items.size()) : kind_noun(node)) +
                           " (needs " + std::to_string(N) + " values). Write for example '" + name(field) + ": " + expected + "'");
      return false;
    }
    bool good = true;
    for (std::size_t i = 0; i < N; ++i) good &= read_number(values[i], node.items[i], field);
    return good;
  }

  bool is_list(const ConfigNode& node, const Field& field, const std::string& example) {
    if (node.kind != ConfigNode::Kind::list) {
      note(node.where, name(field) + " is " + kind_noun(node) + " (needs a list). Write for example '" + name(field) + ": " + example + "'");
      return false;
    }
    return few_enough(node.items.size(), node, field);
  }

  bool few_enough(std::size_t count, const ConfigNode& node, const Field& field) {
    if (count <= field.max_items) return true;
    note(node.where, name(field) + " has " + std::to_string(count) + " items (at most " + std::to_string(field.max_items) + " are allowed). Remove some");
    return false;
  }

  std::filesystem::path folder_;
  bool files_;
  std::vector<Problem>& problems_;
  const ConfigNode* node_ = nullptr;   ///< the mapping being read
  const ConfigNode* item_ = nullptr;   ///< the list item that the next visit means
  std::vector<std::string> known_;
};

}  // namespace

void ConfigTree::read(Configurable& target, const std::vector<std::string>& ignored) const {
  std::vector<Problem> problems = problems_;
  std::error_code error;
  std::filesystem::path folder = std::filesystem::absolute(file_, error).parent_path();
  Reader(folder, files_, problems).read_object(target, root_, "", ignored);
  if (!problems.empty()) {
    std::vector<Problem> once;
    add_once(once, problems);
    sort_by_place(once);
    throw UserError(std::move(once));
  }
}

}  // namespace sonoforge
