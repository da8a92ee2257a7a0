#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "ai/cohort.hpp"
#include "ai/export.hpp"
#include "ai/generate.hpp"
#include "ai/labels.hpp"
#include "ai/train.hpp"
#include "ai/validate.hpp"
#include "app/catalogs.hpp"
#include "app/commands.hpp"
#include "app/contact_sheet.hpp"
#include "app/experiment.hpp"
#include "core/progress.hpp"
#include "formats/convert.hpp"
#include "formats/info.hpp"
#include "io/config.hpp"
#include "io/factor_keys.hpp"
#include "io/json_text.hpp"

namespace sonoforge {

namespace {

using Json = nlohmann::ordered_json;

std::string value_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_array()) {
    std::string out = "[";
    for (const auto& item : value) out += (out.size() > 1 ? ", " : "") + value_text(item);
    return out + "]";
  }
  return value.dump();
}

std::string range_text(const Json& key) {
  const auto number = [](const Json& v) { return format_number(v.get<double>()); };
  const std::string unit = key.contains("unit") ? " " + key["unit"].get<std::string>() : "";
  if (key.contains("choices")) return value_text(key["choices"]);
  if (key.contains("catalog")) return key["catalog"].get<std::string>() + " (see 'describe " + key["catalog"].get<std::string>() + "')";
  std::string out;
  if (key.contains("above")) out = "> 0";
  if (key.contains("min")) out = ">= " + number(key["min"]);
  if (key.contains("max")) out += (out.empty() ? "" : ", ") + ("<= " + number(key["max"]));
  if (!out.empty()) out += unit;
  if (key.contains("words")) out += (out.empty() ? "or " : ", or ") + value_text(key["words"]);
  return out;
}

// "generalised_normal {bandwidth: 77 %}"; keys without a value of their own are left out.
std::string default_text(const Json& key) {
  std::string text = value_text(key["default"]), values;
  if (key.contains("default_values"))
    for (const auto& [name, value] : key["default_values"].items())
      if (!value_text(value).empty()) values += (values.empty() ? "" : ", ") + name + ": " + value_text(value);
  return values.empty() ? text : text + " {" + values + "}";
}

void print_keys(const Json& keys, const std::string& indent) {
  std::size_t width = 0;
  for (const auto& key : keys) width = std::max(width, key["key"].get<std::string>().size());
  for (const auto& key : keys) {
    std::cout << indent << std::left << std::setw(static_cast<int>(width) + 2) << key["key"].get<std::string>() << key["doc"].get<std::string>() << "\n";
    std::string facts;
    const auto add = [&](const std::string& text) {
      if (!text.empty()) facts += (facts.empty() ? "" : "; ") + text;
    };
    if (key.contains("unit")) add("unit as in " + key["example"].get<std::string>());
    else if (key.contains("example")) add("for example " + key["example"].get<std::string>());
    add(range_text(key));
    if (key.contains("required")) add("needed");
    else if (key.contains("default") && !value_text(key["default"]).empty()) add("default " + default_text(key));
    else if (key.contains("optional")) add("may be left out");
    if (!facts.empty()) std::cout << indent << std::string(width + 2, ' ') << "(" << facts << ")\n";
    if (key.contains("keys") && !key["keys"].empty()) print_keys(key["keys"], indent + "    ");
  }
}

void print_rows(const Json& rows) {
  std::size_t width = 0;
  for (const auto& row : rows) width = std::max(width, row["name"].get<std::string>().size());
  for (const auto& row : rows)
    std::cout << "  " << std::left << std::setw(static_cast<int>(width) + 2) << row["name"].get<std::string>() << row["doc"].get<std::string>() << "\n";
}

void print_catalog(const Json& json) {
  std::cout << json["kind"].get<std::string>() << ": " << json["doc"].get<std::string>() << "\n";
  print_rows(json["types"]);
  if (!json["presets"].empty()) {
    std::cout << " by name:\n";
    print_rows(json["presets"]);
  }
}

/// A list of keys by a name: files that commands read, and their sections.
struct KeyList {
  std::string name, doc;
  Json keys;
};
template <class Config>
Json keys_of() {
  Config config;
  return describe_config(config);
}
std::vector<KeyList> key_lists() {
  std::vector<KeyList> lists{{"config", "what 'run', 'simulate', 'field' and 'reconstruct' read", keys_of<ExperimentConfig>()}};
  lists.push_back({"dataset", "the section 'dataset:' that 'generate' reads beside these", keys_of<DatasetConfig>()});
  lists.push_back({"store", "the section 'store:' of 'generate': what each file holds and how", keys_of<StoreConfig>()});
  lists.push_back({"visits", "the section 'visits:' of 'generate': when each patient is examined", keys_of<VisitsConfig>()});
  lists.push_back({"twins", "the section 'twins:' of 'generate'. " + std::string(twin_doc().doc), describe_keys(twin_doc().keys)});
  for (const auto& section : factor_section_docs())
    lists.push_back({std::string(section.name), "the section '" + std::string(section.name) + ":' of any config. " + std::string(section.doc), describe_keys(section.keys)});
  lists.push_back({"train", "what 'train' reads", keys_of<TrainConfig>()});
  lists.push_back({"validate", "what 'validate' reads", keys_of<ValidateConfig>()});
  return lists;
}

/// Everything that has types: the catalogs, and what may stand in place of a scalar.
std::vector<Json> catalog_lists() {
  std::vector<Json> lists;
  for (const Catalog* catalog : all_catalogs()) lists.push_back(describe_catalog(*catalog));
  lists.push_back(describe_mappings("distribution", "What may stand in place of any scalar of a config.", distribution_docs()));
  std::vector<std::string> examples;  // MappingDoc looks at them
  for (const auto& label : label_docs()) examples.push_back("labels: [" + std::string(label.name) + "]");
  std::vector<MappingDoc> labels;
  for (std::size_t i = 0; i < examples.size(); ++i)
    labels.push_back({label_docs()[i].name, label_docs()[i].doc, examples[i], {}});
  lists.push_back(
      describe_mappings("label", "What 'labels:' of a config may name: truths about the pixels of the image.", labels));
  return lists;
}

[[noreturn]] void refuse_word(const std::string& kind, const std::string& word, const std::vector<std::string>& known) {
  const std::string near = nearest_word(word, known);
  throw UserError("unknown " + kind + " '" + word + "'. " + (near.empty() ? "Known: " + listed(known) : "Did you mean '" + near + "'?"));
}

void show_keys(const Json& keys, bool json) {
  if (json) std::cout << json_text(keys) << "\n";
  else print_keys(keys, "  ");
}

// "probe.linear_array": one row of a catalog.
void show_row(const Json& catalog, const std::string& name, bool json) {
  const std::string kind = catalog["kind"];
  std::vector<std::string> names;
  for (const char* list : {"types", "presets"})
    for (const auto& row : catalog[list]) {
      names.push_back(row["name"]);
      if (row["name"] != name) continue;
      if (json) {
        std::cout << json_text(row) << "\n";
        return;
      }
      std::cout << kind << "." << name << ": " << row["doc"].get<std::string>() << "\n";
      if (row.contains("example")) std::cout << "  " << row["example"].get<std::string>() << "\n";
      print_keys(row["keys"], "  ");
      return;
    }
  refuse_word(kind, name, names);
}

void describe_all(bool as_json) {
  if (as_json) {
    Json json;
    for (const auto& list : key_lists()) json[list.name] = list.keys;
    for (const auto& catalog : catalog_lists()) json[catalog["kind"].get<std::string>()] = catalog;
    std::cout << json_text(json) << "\n";
    return;
  }
  for (const auto& list : key_lists()) {
    std::cout << list.name << ": " << list.doc << "\n";
    if (list.name == "config") print_keys(list.keys, "  ");
    else std::cout << "  (write 'sonoforge describe " << list.name << "' for its keys)\n";
  }
  std::cout << "\nKinds with 'type:' (write 'sonoforge describe KIND' or 'KIND.TYPE' for the keys):\n";
  for (const auto& catalog : catalog_lists()) print_catalog(catalog);
}

}  // namespace

int describe_command(const CommandLine& line) {
  if (line.inputs.empty()) {
    describe_all(line.json);
    return 0;
  }
  const std::string& wanted = line.inputs[0];
  const auto dot = wanted.find('.');
  const std::string kind = wanted.substr(0, dot);
  std::vector<std::string> kinds;
  const auto lists = key_lists();
  for (const auto& list : lists) {
    kinds.push_back(list.name);
    if (list.name != wanted) continue;
    show_keys(list.keys, line.json);
    return 0;
  }
  // Sections of a config that have no types: receive, image, field.
  for (const auto& key : lists.front().keys) {
    if (!key.contains("keys") || key.contains("catalog")) continue;
    kinds.push_back(key["key"]);
    if (key["key"] != wanted) continue;
    show_keys(key["keys"], line.json);
    return 0;
  }
  for (const auto& catalog : catalog_lists()) {
    kinds.push_back(catalog["kind"]);
    if (catalog["kind"] != kind) continue;
    if (dot != std::string::npos) show_row(catalog, wanted.substr(dot + 1), line.json);
    else if (line.json) std::cout << json_text(catalog) << "\n";
    else print_catalog(catalog);
    return 0;
  }
  refuse_word("kind", kind, kinds);
}

int info_command(const CommandLine& line) {
  const Json json = describe_file(line.inputs[0]);
  if (line.json) {
    std::cout << json_text(json) << "\n";
    return 0;
  }
  const std::function<void(const Json&, int)> print = [&](const Json& object, int indent) {
    for (const auto& [key, value] : object.items()) {
      std::cout << std::string(static_cast<std::size_t>(indent), ' ') << key << ":";
      if (value.is_object()) {
        std::cout << "\n";
        print(value, indent + 2);
      } else {
        std::cout << " " << value_text(value) << "\n";
      }
    }
  };
  print(json, 0);
  return 0;
}

int convert_command(const CommandLine& line) {
  std::error_code error;
  const bool folder = std::filesystem::is_directory(line.inputs[0], error);
  if (folder && line.layout.empty() && std::filesystem::path(line.inputs[1]).extension() == ".png") {
    const std::size_t shown = write_contact_sheet(line.inputs[0], line.inputs[1], line.count.value_or(24));
    if (line.json) std::cout << json_text(Json{{"file", line.inputs[1]}, {"samples", shown}}) << "\n";
    else if (!line.quiet) std::cout << "wrote " << line.inputs[1] << ": " << shown << " samples\n";
    return 0;
  }
  if (folder || (!line.layout.empty() && line.layout != "picmus")) {
    const auto& names = export_format_names();
    const auto found = std::find(names.begin(), names.end(), line.layout);
    if (found == names.end())
      throw UserError(line.layout.empty()
                          ? "'" + line.inputs[0] + "' is a folder: say in which layout its data set is wanted. Write for example '--to nnunet'"
                          : "--to " + line.layout + " (known: nnunet, coco, webdataset, nifti, dicom for a data set; picmus for a file). Write one of them");
    const std::size_t samples = export_dataset(line.inputs[0], line.inputs[1], static_cast<ExportFormat>(found - names.begin()));
    if (line.json) std::cout << json_text(Json{{"folder", line.inputs[1]}, {"samples", samples}}) << "\n";
    else if (!line.quiet) std::cout << "wrote " << samples << " samples to " << line.inputs[1] << "\n";
    return 0;
  }
  convert_file(line.inputs[0], line.inputs[1], line.layout);
  if (line.json) std::cout << json_text(Json{{"file", line.inputs[1]}}) << "\n";
  else if (!line.quiet) std::cout << "wrote " << line.inputs[1] << "\n";
  return 0;
}

}  // namespace sonoforge
