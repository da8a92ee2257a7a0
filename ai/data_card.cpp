#include "ai/data_card.hpp"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "ai/croissant.hpp"
#include "ai/labels.hpp"
#include "ai/sha256.hpp"

namespace sonoforge {
namespace {

std::string cell(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

/// Markdown treats these as its own.
std::string plain(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '<' || c == '`' || c == '*' || c == '_') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

/// Patients of each stratum and split; empty without strata.
std::string strata_table(const GenerateRequest& request, const Manifest& manifest, PatientSplits& splits) {
  if (request.config.split.stratify.empty()) return "";
  std::map<std::string, std::map<std::string, std::size_t>> counts;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < manifest.rows.size(); ++i)
    if (seen.insert(manifest.rows[i].patient).second)
      ++counts[splits.stratum(patient_number(manifest.rows[i].patient))][manifest.rows[i].split];
  std::string text = "| stratum | train | validation | test |\n|---|---|---|---|\n";
  for (auto& [stratum, of] : counts) {
    text += "| " + plain(stratum);
    for (const char* split : {"train", "validation", "test"}) text += " | " + std::to_string(of[split]);
    text += " |\n";
  }
  return text + "\n";
}

/// What the config asks to be known of each image.
std::string label_table(const GenerateRequest& request) {
  if (!request.store.holds("labels")) return "";
  const ConfigTree tree = ConfigTree::parse(request.text, "dataset.yaml");
  std::vector<std::string> names{"segmentation"};
  if (const ConfigNode* labels = tree.root().find("labels")) {
    names.clear();
    for (const ConfigNode& item : labels->items) names.push_back(item.scalar);
  }
  std::string rows;
  for (const auto& label : label_docs())
    if (std::find(names.begin(), names.end(), label.name) != names.end())
      rows += "| " + plain(std::string(label.name)) + " | " + std::string(label.unit) + " | " +
              plain(std::string(label.doc)) + " |\n";
  return rows.empty() ? "" : "## Labels\n\n| label | unit | what it is |\n|---|---|---|\n" + rows + "\n";
}

}  // namespace

std::string data_card(const GenerateRequest& request, const Manifest& manifest, const DatasetChecks& checks,
                      PatientSplits& splits, std::uint64_t bytes) {
  std::string text = card_front_matter(request, manifest) + "# Simulated ultrasound data set\n\n";
  text +=
      "Made by Sonoforge " SONOFORGE_VERSION
      ". Every image is a simulation and every label the exact truth of its phantom: no "
      "patient was examined, and no image shows one.\n\n## Contents\n\n| split | patients | samples |\n|---|---|---|\n";
  std::size_t all_patients = 0;
  for (const std::string split : {"train", "validation", "test"}) {
    std::set<std::string> patients;
    std::size_t samples = 0;
    for (const auto& row : manifest.rows)
      if (row.split == split) {
        patients.insert(row.patient);
        ++samples;
      }
    all_patients += patients.size();
    text += "| " + split + " | " + std::to_string(patients.size()) + " | " + std::to_string(samples) + " |\n";
  }
  text += "| all | " + std::to_string(all_patients) + " | " + std::to_string(manifest.rows.size()) + " |\n\n";
  std::string parts;
  for (const auto& part : request.store.parts) parts += (parts.empty() ? "" : ", ") + part;
  text += "- Files: `samples/PATIENT/NAME.hdf5` in the zea layout, " + cell(static_cast<double>(bytes) / 1e6) +
          " MB, holding " + parts + (request.store.type == StoreConfig::Type::int16 ? " as int16 with a scale" : "") + ".\n";
  text += "- `manifest.csv`: one row a sample with split, seed, SHA-256 and factors (SI units).\n";
  text += "- `dataset.yaml`: the config with its distributions; seed " + std::to_string(request.seed) + ", SHA-256 `" +
          sha256(request.text) + "`.\n";
  text += "- Each file holds its own resolved config, which reproduces it alone.\n";
  text += "- A patient is in one split only. The split follows from seed and patient number";
  if (!request.config.split.stratify.empty()) text += ", within the patient's stratum";
  text += ", not from the number of patients.\n";
  for (const auto& [name, hash] : request.inputs) text += "- Made with `" + name + "`, SHA-256 `" + hash + "`.\n";
  text += "\n" + strata_table(request, manifest, splits);
  text += label_table(request);
  text += "## Checks\n\n" + checks.text(manifest.rows) + "\n";
  text += "## Factors\n\n";
  if (manifest.factor_names.empty())
    text += "None is named: images differ by their random speckle alone, or by unnamed draws.\n";
  else
    text += "| factor | unit | range or counts |\n|---|---|---|\n";
  for (std::size_t f = 0; f < manifest.factor_names.size(); ++f) {
    std::vector<double> numbers;
    std::map<std::string, std::size_t> words;
    for (const auto& row : manifest.rows) {
      double value = 0;
      if (row.factors[f].empty()) continue;
      if (factor_number(row.factors[f], value))
        numbers.push_back(value);
      else
        ++words[row.factors[f]];
    }
    std::string range;
    if (!numbers.empty()) {
      double sum = 0;
      for (const double value : numbers) sum += value;
      range = cell(*std::min_element(numbers.begin(), numbers.end())) + " to " +
              cell(*std::max_element(numbers.begin(), numbers.end())) + ", mean " +
              cell(sum / static_cast<double>(numbers.size()));
    }
    for (const auto& [word, count] : words)
      range += (range.empty() ? "" : ", ") + plain(word) + ": " + std::to_string(count);
    text += "| " + plain(manifest.factor_names[f]) + " | " + plain(manifest.factor_units[f]) + " | " + range + " |\n";
  }
  text +=
      "\n## Limits\n\n"
      "- Anatomy is as varied as the distributions in `dataset.yaml`, and no more. Diseases, devices and habits of "
      "real "
      "examinations that are not written there do not occur.\n"
      "- Factors are independent of each other unless the config says otherwise; in patients they are not.\n"
      "- Physics ends where the engine named in the config ends.\n"
      "- A model that does well here has been shown to work on these simulations. What it does on patients must be "
      "measured on patients.\n";
  return text;
}

}  // namespace sonoforge
