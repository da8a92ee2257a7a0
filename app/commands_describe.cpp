#include <algorithm>
#include <filesystem>
#include <iomanip>
#include <iostream>
#include <memory>

#include <nlohmann/json.hpp>

#include "ai/export.hpp"
#include "ai/generate.hpp"
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

void print_catalog(const Catalog& catalog) {
  const Json json = describe_catalog(catalog);
  std::cout << catalog.kind << ": " << catalog.doc << "\n";
  print_rows(json["types"]);
  if (!json["presets"].empty()) {
    std::cout << " by name:\n";
    print_rows(json["presets"]);
  }
}

/// The files that commands read: one acquisition, its section for data sets, a training, a validation.
struct ConfigFile {
  std::string name, doc;
  std::shared_ptr<Configurable> config;
};
std::vector<ConfigFile> config_files() {
  return {{"config", "what 'run', 'simulate', 'field' and 'reconstruct' read", std::make_shared<ExperimentConfig>()},
          {"dataset", "the section 'dataset:' that 'generate' reads beside these", std::make_shared<DatasetConfig>()},
          {"train", "what 'train' reads", std::make_shared<TrainConfig>()},
          {"validate", "what 'validate' reads", std::make_shared<ValidateConfig>()}};
}

}  // namespace

int describe_command(const CommandLine& line) {
  const auto catalogs = all_catalogs();
  const auto files = config_files();
  if (line.inputs.empty()) {
    if (line.json) {
      Json json;
      for (const auto& file : files) json[file.name] = describe_config(*file.config);
      for (const Catalog* catalog : catalogs) json[catalog->kind] = describe_catalog(*catalog);
      std::cout << json.dump(2) << "\n";
      return 0;
    }
    for (const auto& file : files) {
      std::cout << file.name << ": " << file.doc << "\n";
      if (file.name == "config") print_keys(describe_config(*file.config), "  ");
      else std::cout << "  (write 'sonoforge describe " << file.name << "' for its keys)\n";
    }
    std::cout << "\nKinds with 'type:' (write 'sonoforge describe KIND' or 'KIND.TYPE' for the keys):\n";
    for (const Catalog* catalog : catalogs) print_catalog(*catalog);
    return 0;
  }
  const std::string& wanted = line.inputs[0];
  const auto dot = wanted.find('.');
  const std::string kind = wanted.substr(0, dot);
  std::vector<std::string> kinds;
  for (const auto& file : files) {
    kinds.push_back(file.name);
    if (file.name != wanted) continue;
    const Json json = describe_config(*file.config);
    if (line.json) std::cout << json.dump(2) << "\n";
    else print_keys(json, "  ");
    return 0;
  }
  // Sections of a config that have no types: receive, image, field.
  ExperimentConfig acquisition;
  for (const auto& key : describe_config(acquisition)) {
    if (!key.contains("keys") || key.contains("catalog")) continue;
    kinds.push_back(key["key"]);
    if (key["key"] != wanted) continue;
    if (line.json) std::cout << key["keys"].dump(2) << "\n";
    else print_keys(key["keys"], "  ");
    return 0;
  }
  for (const Catalog* catalog : catalogs) {
    kinds.push_back(catalog->kind);
    if (catalog->kind != kind) continue;
    const Json json = describe_catalog(*catalog);
    if (dot == std::string::npos) {
      if (line.json) std::cout << json.dump(2) << "\n";
      else print_catalog(*catalog);
      return 0;
    }
    const std::string name = wanted.substr(dot + 1);
    std::vector<std::string> names;
    for (const char* list : {"types", "presets"})
      for (const auto& row : json[list]) {
        names.push_back(row["name"]);
        if (row["name"] != name) continue;
        if (line.json) {
          std::cout << row.dump(2) << "\n";
        } else {
          std::cout << wanted << ": " << row["doc"].get<std::string>() << "\n";
          print_keys(row["keys"], "  ");
        }
        return 0;
      }
    const std::string near = nearest_word(name, names);
    std::string known;
    for (const auto& n : names) known += (known.empty() ? "" : ", ") + n;
    throw UserError("unknown " + kind + " '" + name + "'. " + (near.empty() ? "Known: " + known : "Did you mean '" + near + "'?"));
  }
  const std::string near = nearest_word(kind, kinds);
  std::string known;
  for (const auto& n : kinds) known += (known.empty() ? "" : ", ") + n;
  throw UserError("unknown kind '" + kind + "'. " + (near.empty() ? "Known: " + known : "Did you mean '" + near + "'?"));
}

int info_command(const CommandLine& line) {
  const Json json = describe_file(line.inputs[0]);
  if (line.json) {
    std::cout << json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
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
    if (line.json) std::cout << Json{{"file", line.inputs[1]}, {"samples", shown}}.dump(2) << "\n";
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
    if (line.json) std::cout << Json{{"folder", line.inputs[1]}, {"samples", samples}}.dump(2) << "\n";
    else if (!line.quiet) std::cout << "wrote " << samples << " samples to " << line.inputs[1] << "\n";
    return 0;
  }
  convert_file(line.inputs[0], line.inputs[1], line.layout);
  if (line.json) std::cout << Json{{"file", line.inputs[1]}}.dump(2) << "\n";
  else if (!line.quiet) std::cout << "wrote " << line.inputs[1] << "\n";
  return 0;
}

}  // namespace sonoforge
