#pragma once
#include <filesystem>
#include <string>

#include "app/commands.hpp"
#include "core/fields.hpp"
#include "io/config.hpp"

namespace sonoforge {

/// What a study found; its files are in the folder.
struct StudyOutcome {
  bool passed = true;   ///< false: exit code 3
  std::string summary;  ///< for people, lines
  std::string json;     ///< for programs: what report.json holds
};

/// `study:` in a config for `validate`: an experiment on simulated patients of its own, whose acquisition the other
/// sections of the file describe.
class StudyConfig : public Configurable {
 public:
  /// `acquisition`: the config without the section `study`; `text`: the section as YAML with all
  /// defaults. Writes report.html,
  /// report.json and more into `folder`.
  virtual StudyOutcome run(const ConfigTree& acquisition, const std::string& text,
                           const std::filesystem::path& folder) const = 0;
  /// Every mistake of the rest of the file that shows without running: `UserError`.
  virtual void check_acquisition(const ConfigTree& acquisition) const = 0;
};

/// detection, trial.
const Catalog& study_catalog();

/// What `validate` reads where the file has a section `study`.
struct StudyFile : Configurable {
  Typed<StudyConfig> study;
  void fields(FieldVisitor& visit) override;
};

/// Reads the section, and takes it out of the tree.
Typed<StudyConfig> take_study(ConfigTree& tree);

/// `validate` with a section `study`: exit code 0, or 3 where the study did not pass.
int study_command(ConfigTree tree, const CommandLine& line);

}  // namespace sonoforge
