#include "ai/croissant.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "ai/sha256.hpp"

namespace sonoforge {

using nlohmann::ordered_json;

namespace {

std::string phantom_of(const GenerateRequest& request) {
  const ConfigTree tree = ConfigTree::parse(request.text, "dataset.yaml");
  const ConfigNode* phantom = tree.root().find("phantom");
  std::string words;
  for (const ConfigNode* node = phantom; node;) {
    const ConfigNode* type = node->find("type");
    if (!type || type->scalar.empty()) break;
    words += (words.empty() ? "" : " over ") + type->scalar;
    const ConfigNode* inner = node->find("over");
    node = inner ? inner : node->find("of");
  }
  return words.empty() ? "phantom" : words;
}

std::size_t patients_of(const Manifest& manifest) {
  std::set<std::string> patients;
  for (const auto& row : manifest.rows) patients.insert(row.patient);
  return patients.size();
}

}  // namespace

std::string card_front_matter(const GenerateRequest& request, const Manifest& manifest) {
  const std::size_t n = manifest.rows.size();
  const char* size = n < 1'000       ? "n<1K"
                     : n < 10'000    ? "1K<n<10K"
                     : n < 100'000   ? "10K<n<100K"
                     : n < 1'000'000 ? "100K<n<1M"
                                     : "1M<n<10M";
  std::string text = "---\npretty_name: " + ordered_json("Simulated ultrasound: " + phantom_of(request)).dump() +
                     "\ntask_categories:\n";
  text += request.store.holds("labels") ? "- image-segmentation\n" : "- image-classification\n";
  text += "tags:\n- ultrasound\n- medical\n- synthetic\n- simulation\nsize_categories:\n- " + std::string(size) +
          "\nconfigs:\n- config_name: default\n"
          "  data_files: manifest.csv\n---\n\n";
  return text;
}

std::string croissant(const GenerateRequest& request, const Manifest& manifest, std::uint64_t bytes) {
  ordered_json context = {{"@language", "en"},
                          {"@vocab", "https://schema.org/"},
                          {"sc", "https://schema.org/"},
                          {"cr", "http://mlcommons.org/croissant/"},
                          {"dct", "http://purl.org/dc/terms/"},
                          {"conformsTo", "dct:conformsTo"},
                          {"recordSet", "cr:recordSet"},
                          {"field", "cr:field"},
                          {"fileObject", "cr:fileObject"},
                          {"fileSet", "cr:fileSet"},
                          {"includes", "cr:includes"},
                          {"source", "cr:source"},
                          {"extract", "cr:extract"},
                          {"column", "cr:column"},
                          {"key", "cr:key"},
                          {"isLiveDataset", "cr:isLiveDataset"},
                          {"dataType", {{"@id", "cr:dataType"}, {"@type", "@vocab"}}}};
  ordered_json json = {{"@context", context},
                       {"@type", "sc:Dataset"},
                       {"name", "simulated " + phantom_of(request)},
                       {"conformsTo", "http://mlcommons.org/croissant/1.0"}};
  json["description"] = "Simulated ultrasound of " + std::to_string(patients_of(manifest)) + " patients, " +
                        std::to_string(manifest.rows.size()) + " samples (" + phantom_of(request) +
                        "). Synthetic: no patient was examined; physics, anatomy and variation end where the config in "
                        "dataset.yaml ends, and what a model does on patients must be measured on patients.";
  json["creator"] = {
      {"@type", "sc:SoftwareApplication"}, {"name", "Sonoforge"}, {"softwareVersion", SONOFORGE_VERSION}};
  json["isLiveDataset"] = false;
  json["keywords"] = {"ultrasound", "synthetic", "simulation"};
  const std::string table = manifest_text(manifest);
  json["distribution"] = ordered_json::array({{{"@type", "cr:FileObject"},
                                               {"@id", "manifest.csv"},
                                               {"name", "manifest.csv"},
                                               {"contentUrl", "manifest.csv"},
                                               {"encodingFormat", "text/csv"},
                                               {"contentSize", std::to_string(table.size()) + " B"},
                                               {"sha256", sha256(table)}},
                                              {{"@type", "cr:FileObject"},
                                               {"@id", "dataset.yaml"},
                                               {"name", "dataset.yaml"},
                                               {"contentUrl", "dataset.yaml"},
                                               {"encodingFormat", "application/yaml"},
                                               {"sha256", sha256_of_file(request.folder / "dataset.yaml")}},
                                              {{"@type", "cr:FileSet"},
                                               {"@id", "samples"},
                                               {"name", "samples"},
                                               {"encodingFormat", "application/x-hdf5"},
                                               {"includes", "samples/*/*.hdf5"},
                                               {"contentSize", std::to_string(bytes) + " B"}}});
  ordered_json fields = ordered_json::array();
  const auto add = [&](const std::string& column, const char* type, const std::string& text) {
    fields.push_back({{"@type", "cr:Field"},
                      {"@id", "samples_table/" + column},
                      {"name", column},
                      {"description", text},
                      {"dataType", type},
                      {"source", {{"fileObject", {{"@id", "manifest.csv"}}}, {"extract", {{"column", column}}}}}});
  };
  add("id", "sc:Text", "unique name of the sample");
  add("patient", "sc:Text", "patient, in one split only");
  add("visit", "sc:Integer", "number of the visit");
  add("twin", "sc:Text", "name of the twin, empty for the patient as drawn");
  add("split", "sc:Text", "train, validation or test");
  add("seed", "sc:Integer", "seed of the set");
  add("file", "sc:Text", "HDF5 file with image and truth");
  add("sha256", "sc:Text", "of the file");
  for (std::size_t f = 0; f < manifest.factor_names.size(); ++f) {
    const std::string& unit = manifest.factor_units[f];
    double value = 0;
    const bool number = std::all_of(manifest.rows.begin(), manifest.rows.end(), [&](const auto& row) {
      return row.factors[f].empty() || factor_number(row.factors[f], value);
    });
    add(manifest.factor_names[f] + (unit.empty() ? "" : " [" + unit + "]"), number ? "sc:Float" : "sc:Text",
        "factor" + (unit.empty() ? std::string() : " in " + unit));
  }
  json["recordSet"] = ordered_json::array({{{"@type", "cr:RecordSet"},
                                            {"@id", "samples_table"},
                                            {"name", "samples_table"},
                                            {"key", {{"@id", "samples_table/id"}}},
                                            {"field", std::move(fields)}}});
  return json.dump(2) + "\n";
}

}  // namespace sonoforge
