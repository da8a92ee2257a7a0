#include "app/study.hpp"

#include <iostream>

#include "app/detection_study.hpp"
#include "app/trial_study.hpp"

namespace sonoforge {

const Catalog& study_catalog() {
  static const Catalog catalog{
      "study",
      "Experiments of `validate` on simulated patients of their own.",
      {row_of<DetectionStudy>("detection",
                              "A lesion of known place and shape: ideal observers of RF, beamformed data and envelope, "
                              "a channelised Hotelling observer and a network on the same cases, and bounds of Cramer "
                              "and Rao."),
       row_of<TrialStudy>("trial",
                          "An in-silico trial: every patient through two scanners, model observers, the difference of "
                          "areas under the ROC curve, by a protocol that is hashed before the data exist.")},
      {}};
  return catalog;
}

void StudyFile::fields(FieldVisitor& visit) {
  visit.typed(
      study, study_catalog(),
      {.key = "study", .doc = "What is studied; the acquisition stands in the other sections.", .required = true});
}

Typed<StudyConfig> take_study(ConfigTree& tree) {
  std::vector<std::string> others;
  for (const auto& entry : tree.root().entries)
    if (entry.key != "study") others.push_back(entry.key);
  StudyFile file;
  tree.read(file, others);
  std::erase_if(tree.root().entries, [](const ConfigNode::Entry& entry) { return entry.key == "study"; });
  return file.study;
}

int study_command(ConfigTree tree, const CommandLine& line) {
  StudyFile file;
  file.study = take_study(tree);
  const auto folder = output_folder(line);
  const StudyOutcome outcome = file.study->run(tree, dump_config(file), folder);
  if (line.json)
    std::cout << outcome.json << "\n";
  else
    std::cout << outcome.summary;
  if (!line.json && !line.quiet) std::cout << "wrote " << folder.string() << "/{report.html, report.json, cases.csv}\n";
  return outcome.passed ? 0 : 3;
}

}  // namespace sonoforge
