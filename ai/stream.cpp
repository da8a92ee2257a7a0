#include "ai/stream.hpp"

#include <memory>
#include <utility>

#include "ai/sha256.hpp"
#include "ai/split.hpp"

namespace sonoforge {

Dataset stream_dataset(StreamRequest request) {
  struct Sample {
    std::uint64_t patient;
    SampleSpec spec;
  };
  auto samples = std::make_shared<std::vector<Sample>>();
  PatientSplits splits(request.config.split, request.seed,
                       [&](std::uint64_t patient) { return request.draw(patient).front().factors; });
  std::vector<ManifestRow> rows;
  std::vector<Factors> factors;
  for (std::uint64_t patient = 0; patient < static_cast<std::uint64_t>(request.config.patients); ++patient)
    for (SampleSpec& spec : request.draw(patient)) {
      ManifestRow row = manifest_row(patient, spec);
      row.split = splits.split(patient);
      rows.push_back(std::move(row));
      factors.push_back(spec.factors);
      samples->push_back({patient, std::move(spec)});
    }
  Dataset data;
  data.folder = request.file;
  data.manifest = make_manifest(std::move(rows), factors);
  std::string all = request.text + "\n" + std::to_string(request.seed) + "\n";
  for (const auto& [name, hash] : request.inputs) all += name + " " + hash + "\n";
  data.hash = sha256(all);
  data.make = [samples, make = std::move(request.make)](std::size_t row) {
    return make((*samples)[row].patient, (*samples)[row].spec);
  };
  return data;
}

}  // namespace sonoforge
