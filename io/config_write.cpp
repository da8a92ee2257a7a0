#include <nlohmann/json.hpp>

#include <utility>

#include "io/config.hpp"

namespace sonoforge {

namespace {

using Json = nlohmann::ordered_json;

ConfigNode scalar_node(std::string text, bool quoted = false) {
  return {ConfigNode::Kind::scalar, std::move(text), quoted, {}, {}, {}};
}
ConfigNode list_node() { return {ConfigNode::Kind::list, {}, false, {}, {}, {}}; }
ConfigNode mapping_node() { return {ConfigNode::Kind::mapping, {}, false, {}, {}, {}}; }

std::string number_text(double value, const Field& field) {
  for (const auto& word : field.words)
    if (value == word.value) return std::string(word.word);
  return format_quantity(value, field.unit);
}

// Writes every member, defaults included.
class Writer : public FieldVisitor {
 public:
  ConfigNode write(Configurable& object) {
    ConfigNode outer = std::exchange(node_, mapping_node());
    const bool outer_item = std::exchange(item_, false);
    object.fields(*this);
    item_ = outer_item;
    return std::exchange(node_, std::move(outer));
  }

  void operator()(double& value, const Field& field) override { put(field, scalar_node(number_text(value, field))); }
  void operator()(std::int64_t& value, const Field& field) override { put(field, scalar_node(std::to_string(value))); }
  void operator()(bool& value, const Field& field) override { put(field, scalar_node(value ? "on" : "off")); }
  void operator()(std::string& value, const Field& field) override { put(field, scalar_node(value, value.empty())); }
  void operator()(std::filesystem::path& value, const Field& field) override {
    if (!value.empty()) put(field, scalar_node(value.string()));
  }
  void operator()(Attenuation& value, const Field& field) override { put(field, scalar_node(format_attenuation(value))); }
  void operator()(Vec3& value, const Field& field) override { put(field, vec(value, field)); }
  void operator()(Axis& value, const Field& field) override {
    if (value.count == 1 && value.step == 1) return put(field, scalar_node(number_text(value.from, field)));
    ConfigNode node = list_node();
    for (double v : {value.from, value.last(), value.step}) node.items.push_back(scalar_node(number_text(v, field)));
    put(field, std::move(node));
  }
  void operator()(std::array<double, 2>& value, const Field& field) override { put(field, pair(value, field)); }
  void operator()(std::vector<double>& value, const Field& field) override {
    ConfigNode node = list_node();
    for (double v : value) node.items.push_back(scalar_node(number_text(v, field)));
    put(field, std::move(node));
  }
  void operator()(std::vector<std::string>& value, const Field& field) override {
    ConfigNode node = list_node();
    for (const auto& text : value) node.items.push_back(scalar_node(text, text.empty()));
    put(field, std::move(node));
  }
  void operator()(std::vector<Vec3>& value, const Field& field) override {
    ConfigNode node = list_node();
    for (const auto& v : value) node.items.push_back(vec(v, field));
    put(field, std::move(node));
  }
  void operator()(std::vector<std::array<double, 2>>& value, const Field& field) override {
    ConfigNode node = list_node();
    for (const auto& v : value) node.items.push_back(pair(v, field));
    put(field, std::move(node));
  }
  void choose(int& value, const std::vector<std::string_view>& names, const Field& field) override {
    put(field, scalar_node(std::string(names[static_cast<std::size_t>(value)])));
  }
  void object(Configurable& value, const Field& field) override { put(field, write(value)); }
  void typed(TypedSlot slot, const Field& field) override {
    Configurable* value = slot.get();
    if (!value) {
      if (item_) throw std::logic_error("a list holds an object without a type");
      return;
    }
    ConfigNode node = write(*value);
    const std::string type = slot.type.empty() ? slot.catalog.default_type : slot.type;
    node.entries.insert(node.entries.begin(), {"type", {}, scalar_node(type)});
    put(field, std::move(node));
  }
  void list(ListSlot slot, const Field& field) override {
    ConfigNode node = list_node();
    for (std::size_t i = 0; i < slot.size(); ++i) {
      const bool outer = std::exchange(item_, true);
      slot.visit_item(*this, i, field);
      item_ = outer;
      node.items.push_back(std::move(last_));
    }
    put(field, std::move(node));
  }
  bool present(bool has_value, const Field&) override { return has_value; }

 private:
  void put(const Field& field, ConfigNode node) {
    if (item_) last_ = std::move(node);
    else node_.entries.push_back({std::string(field.key), {}, std::move(node)});
  }
  static ConfigNode vec(const Vec3& v, const Field& field) {
    ConfigNode node = list_node();
    for (double x : {v.x, v.y, v.z}) node.items.push_back(scalar_node(number_text(x, field)));
    return node;
  }
  static ConfigNode pair(const std::array<double, 2>& v, const Field& field) {
    ConfigNode node = list_node();
    for (double x : v) node.items.push_back(scalar_node(number_text(x, field)));
    return node;
  }

  ConfigNode node_ = mapping_node();
  ConfigNode last_;
  bool item_ = false;  ///< the next value is a list item, not a key
};

// Lists keys instead of values.
class Describer : public FieldVisitor {
 public:
  Json describe(Configurable& object) {
    Json outer = std::exchange(keys_, Json::array());
    ++depth_;
    object.fields(*this);
    --depth_;
    return std::exchange(keys_, std::move(outer));
  }

  void operator()(double& value, const Field& field) override { set_default(add(field, "quantity"), number_text(value, field)); }
  void operator()(std::int64_t& value, const Field& field) override { set_default(add(field, "integer"), value); }
  void operator()(bool& value, const Field& field) override { set_default(add(field, "switch"), value ? "on" : "off"); }
  void operator()(std::string& value, const Field& field) override { set_default(add(field, "text"), value); }
  void operator()(std::filesystem::path& value, const Field& field) override { set_default(add(field, "path"), value.string()); }
  void operator()(Attenuation& value, const Field& field) override {
    Json& entry = add(field, "attenuation");
    entry["unit"] = "dB/cm/MHz";
    set_default(entry, format_attenuation(value));
  }
  void operator()(Vec3& value, const Field& field) override {
    set_default(add(field, "vector"), {number_text(value.x, field), number_text(value.y, field), number_text(value.z, field)});
  }
  void operator()(Axis& value, const Field& field) override {
    set_default(add(field, "axis"), {number_text(value.from, field), number_text(value.last(), field), number_text(value.step, field)});
  }
  void operator()(std::array<double, 2>& value, const Field& field) override {
    set_default(add(field, "interval"), {number_text(value[0], field), number_text(value[1], field)});
  }
  void operator()(std::vector<double>& value, const Field& field) override {
    Json& entry = add(field, "list of quantities");
    Json numbers = Json::array();
    for (std::size_t i = 0; i < std::min<std::size_t>(value.size(), 16); ++i) numbers.push_back(number_text(value[i], field));
    set_default(entry, std::move(numbers));
  }
  void operator()(std::vector<std::string>& value, const Field& field) override { set_default(add(field, "list of texts"), value); }
  void operator()(std::vector<Vec3>&, const Field& field) override { add(field, "list of vectors"); }
  void operator()(std::vector<std::array<double, 2>>&, const Field& field) override { add(field, "list of points"); }
  void choose(int& value, const std::vector<std::string_view>& names, const Field& field) override {
    Json& entry = add(field, "choice");
    entry["choices"] = Json::array();
    for (auto choice : names) entry["choices"].push_back(std::string(choice));
    set_default(entry, std::string(names[static_cast<std::size_t>(value)]));
  }
  void object(Configurable& value, const Field& field) override {
    Json keys = depth_ < 12 ? describe(value) : Json::array();
    add(field, "mapping")["keys"] = std::move(keys);
  }
  void typed(TypedSlot slot, const Field& field) override {
    Json& entry = add(field, "typed");
    entry["catalog"] = slot.catalog.kind;
    if (Configurable* value = slot.get()) {
      entry["default"] = slot.type;
      // A preset may set more than the type: the bandwidth of a probe's response.
      if (depth_ < 12) {
        Json values = Json::object();
        for (const auto& key : describe(*value))
          if (key.contains("default")) values[key["key"].get<std::string>()] = key["default"];
        keys_.back()["default_values"] = std::move(values);
      }
    } else if (!slot.catalog.default_type.empty()) entry["default"] = slot.catalog.default_type;
  }
  void list(ListSlot slot, const Field& field) override {
    // One item shows what the others look like; the caller's object is put back as it was.
    const std::size_t before = slot.size();
    if (before == 0) slot.append();
    Json outer = std::exchange(keys_, Json::array());
    slot.visit_item(*this, 0, field);
    Json item = std::exchange(keys_, std::move(outer));
    if (before == 0) slot.clear();
    Json& entry = add(field, "list");
    if (!item.empty() && item[0].contains("keys")) entry["keys"] = item[0]["keys"];
    if (!item.empty() && item[0].contains("catalog")) entry["catalog"] = item[0]["catalog"];
  }
  bool present(bool has_value, const Field&) override {
    optional_ = true;
    absent_ = !has_value;
    return true;
  }

 private:
  // What must be given has no default, and neither has what may be left out, unless a preset gives it.
  void set_default(Json& entry, Json value) const {
    if (!entry.contains("required") && !(entry.contains("optional") && last_absent_)) entry["default"] = std::move(value);
  }

  Json& add(const Field& field, const char* kind) {
    Json entry;
    last_absent_ = std::exchange(absent_, false);
    entry["key"] = std::string(field.key);
    entry["kind"] = kind;
    entry["doc"] = std::string(field.doc);
    if (field.unit != Unit::none) {
      entry["unit"] = std::string(unit_symbol(field.unit));
      entry["example"] = std::string(unit_example(field.unit));
    }
    if (field.min == positive) entry["above"] = 0;
    else if (field.min > -std::numeric_limits<double>::infinity()) entry["min"] = field.min;
    if (field.max < std::numeric_limits<double>::infinity()) entry["max"] = field.max;
    if (field.required) entry["required"] = true;
    if (std::exchange(optional_, false)) entry["optional"] = true;
    if (!field.words.empty()) {
      entry["words"] = Json::array();
      for (const auto& word : field.words) entry["words"].push_back(std::string(word.word));
    }
    keys_.push_back(std::move(entry));
    return keys_.back();
  }

  Json keys_ = Json::array();
  int depth_ = 0;
  bool optional_ = false;     ///< of the next key
  bool absent_ = false;       ///< and it has no value
  bool last_absent_ = false;  ///< the same of the key added last
};

}  // namespace

std::string dump_config(Configurable& object) { return Writer().write(object).text(); }

nlohmann::ordered_json describe_config(Configurable& object) { return Describer().describe(object); }

nlohmann::ordered_json describe_catalog(const Catalog& catalog) {
  Json out;
  out["kind"] = catalog.kind;
  out["doc"] = catalog.doc;
  if (!catalog.default_type.empty()) out["default_type"] = catalog.default_type;
  for (const auto& [name, rows] : {std::pair{"types", &catalog.types}, std::pair{"presets", &catalog.presets}}) {
    out[name] = Json::array();
    for (const auto& row : *rows) {
      Json entry;
      entry["name"] = row.name;
      entry["doc"] = row.doc;
      if (!row.type.empty()) entry["type"] = row.type;
      entry["keys"] = Describer().describe(*row.make());
      out[name].push_back(std::move(entry));
    }
  }
  return out;
}

}  // namespace sonoforge
