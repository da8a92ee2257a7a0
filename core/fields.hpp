#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/axis.hpp"
#include "core/error.hpp"
#include "core/units.hpp"
#include "core/vec3.hpp"

namespace sonoforge {

class FieldVisitor;

/// Anything that a config can describe. One list, `fields`, reads YAML, finds unknown keys, prints `describe`, writes the
/// resolved config into every file and draws the lab's sliders.
class Configurable {
 public:
  virtual ~Configurable() = default;
  /// Calls `visit(member, {.key = ..., .doc = ...})` once for every key, always the same keys in the same order.
  virtual void fields(FieldVisitor& visit) = 0;
  /// Throws `ConfigError(key, "problem (why). Suggestion")` where values do not fit together. Runs after reading.
  virtual void check() const {}
};

/// A word that stands for a value: `elevation_focus: none` is infinity.
struct Word {
  std::string_view word;
  double value;
};

/// What one key means. Ranges are in SI units and inclusive.
struct Field {
  std::string_view key;
  std::string_view doc;  ///< one sentence
  Unit unit = Unit::none;
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool required = false;
  std::vector<Word> words = {};
  std::size_t max_items = 10'000'000;  ///< of lists and axes; larger ones are refused before memory is taken
};

/// Smallest value accepted where a value must be positive.
inline constexpr double positive = std::numeric_limits<double>::min();

/// One row of a catalog.
struct CatalogRow {
  std::string name;
  std::string doc;
  std::function<std::shared_ptr<Configurable>()> make;
  std::string type = {};  ///< for a preset: the row it is an instance of
};

/// The types of one kind ("probe", "phantom", "engine", ...): explicit rows, no self-registration.
struct Catalog {
  std::string kind;
  std::string doc;
  std::vector<CatalogRow> types;    ///< values of `type:`
  std::vector<CatalogRow> presets;  ///< named instances, written as a bare name or as `type: NAME` plus changes
  std::string default_type = {};    ///< meant where `type:` is missing; empty: `type:` is needed

  const CatalogRow* find(std::string_view name) const {
    for (const auto* rows : {&types, &presets})
      for (const auto& row : *rows)
        if (row.name == name) return &row;
    return nullptr;
  }
};

/// A member whose class is chosen by `type:`.
template <class Base>
struct Typed {
  std::string type;
  std::shared_ptr<Base> value;

  Base* operator->() const { return value.get(); }
  Base& operator*() const { return *value; }
  explicit operator bool() const { return value != nullptr; }

  static Typed make(const Catalog& catalog, std::string_view name);
};

/// The type-erased view of a `Typed<Base>` that visitors work with.
struct TypedSlot {
  const Catalog& catalog;
  std::string& type;
  std::function<Configurable*()> get;                            ///< may be null
  std::function<void(std::shared_ptr<Configurable>)> set;
};

/// The type-erased view of a list of configurables (plain or typed).
struct ListSlot {
  std::function<std::size_t()> size;
  std::function<void()> clear;
  std::function<void(FieldVisitor&, std::size_t, const Field&)> visit_item;  ///< visits item i as object or typed
  std::function<void()> append;                                              ///< adds a default item
};

/// Walks over the fields of a `Configurable`. Readers assign to the members, writers read them.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;

  virtual void operator()(double& value, const Field& field) = 0;
  virtual void operator()(std::int64_t& value, const Field& field) = 0;
  virtual void operator()(bool& value, const Field& field) = 0;  ///< on | off, true | false
  virtual void operator()(std::string& value, const Field& field) = 0;
  virtual void operator()(std::filesystem::path& value, const Field& field) = 0;  ///< relative to the config file
  virtual void operator()(Attenuation& value, const Field& field) = 0;
  virtual void operator()(Vec3& value, const Field& field) = 0;
  virtual void operator()(Axis& value, const Field& field) = 0;                   ///< [from, to, step]
  virtual void operator()(std::array<double, 2>& value, const Field& field) = 0;  ///< [from, to], from < to
  virtual void operator()(std::vector<double>& value, const Field& field) = 0;    ///< a list or {from, to, count}
  virtual void operator()(std::vector<std::string>& value, const Field& field) = 0;
  virtual void operator()(std::vector<Vec3>& value, const Field& field) = 0;
  virtual void operator()(std::vector<std::array<double, 2>>& value, const Field& field) = 0;  ///< 2-D points

  /// One of `names`; `value` is its index.
  virtual void choose(int& value, const std::vector<std::string_view>& names, const Field& field) = 0;
  virtual void object(Configurable& value, const Field& field) = 0;
  virtual void typed(TypedSlot slot, const Field& field) = 0;
  virtual void list(ListSlot slot, const Field& field) = 0;
  /// Whether an optional member should be visited: readers ask the file, writers are told `has_value`.
  virtual bool present(bool has_value, const Field& field) = 0;

  template <class E>
    requires std::is_enum_v<E>
  void choice(E& value, const std::vector<std::string_view>& names, const Field& field) {
    int index = static_cast<int>(value);
    choose(index, names, field);
    value = static_cast<E>(index);
  }

  template <class T>
  void operator()(std::optional<T>& value, const Field& field) {
    if (!present(value.has_value(), field)) return;
    if (!value) value.emplace();
    if constexpr (std::is_base_of_v<Configurable, T>) object(*value, field);
    else (*this)(*value, field);
  }

  template <class Base>
  void typed(Typed<Base>& value, const Catalog& catalog, const Field& field) {
    typed(slot_of(value, catalog), field);
  }

  template <class Item>
    requires std::is_base_of_v<Configurable, Item>
  void list(std::vector<Item>& items, const Field& field) {
    list(ListSlot{[&] { return items.size(); }, [&] { items.clear(); },
                  [&](FieldVisitor& v, std::size_t i, const Field& f) { v.object(items[i], f); },
                  [&] { items.emplace_back(); }},
         field);
  }

  template <class Base>
  void list(std::vector<Typed<Base>>& items, const Catalog& catalog, const Field& field) {
    list(ListSlot{[&] { return items.size(); }, [&] { items.clear(); },
                  [&](FieldVisitor& v, std::size_t i, const Field& f) { v.typed(slot_of(items[i], catalog), f); },
                  [&] { items.emplace_back(); }},
         field);
  }

 private:
  template <class Base>
  static TypedSlot slot_of(Typed<Base>& value, const Catalog& catalog) {
    return {catalog, value.type, [&value]() -> Configurable* { return value.value.get(); },
            [&value](std::shared_ptr<Configurable> made) {
              value.value = std::dynamic_pointer_cast<Base>(std::move(made));
            }};
  }
};

template <class Base>
Typed<Base> Typed<Base>::make(const Catalog& catalog, std::string_view name) {
  const CatalogRow* row = catalog.find(name);
  if (!row) throw std::logic_error("no row '" + std::string(name) + "' in catalog " + catalog.kind);
  return {row->type.empty() ? row->name : row->type, std::dynamic_pointer_cast<Base>(row->make())};
}

/// A catalog row for class T.
template <class T>
CatalogRow row_of(std::string name, std::string doc) {
  return {std::move(name), std::move(doc), [] { return std::make_shared<T>(); }};
}

}  // namespace sonoforge
