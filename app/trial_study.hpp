#pragma once
#include <optional>
#include <vector>

#include "ai/classification_metrics.hpp"
#include "app/experiment.hpp"
#include "app/study.hpp"

namespace sonoforge {

/// One arm of a trial: the acquisition with some values of its own.
struct ScannerConfig : Configurable {
  std::string name;
  std::vector<std::string> set;  ///< as on the command line: "sequence.angles=[0 deg]"
  void fields(FieldVisitor& visit) override;
};

/// An in-silico trial: every patient goes through two scanners, model observers read both images, and the areas under
/// their ROC curves are compared by a protocol that is fixed, and hashed, before any patient exists [badano2018].
struct TrialStudy : StudyConfig {
  std::string hypothesis;
  std::string truth;                  ///< factor
  std::vector<std::string> positive;  ///< its values that count as diseased
  std::vector<ScannerConfig> scanners;
  std::int64_t patients = 400;
  std::int64_t training = 200;  ///< further patients, from whom the readers learn
  std::int64_t readers = 3;     ///< each learns from a share of the training patients
  std::int64_t channels = 6;
  Vec3 centre{0, 0, 0.02};
  double width = 4e-3;                                     ///< of the channels [m]
  double expected_area = 0.8, expected_correlation = 0.5;  ///< of the two scanners' areas, for planning
  double standard_error = 0.02;                            ///< wanted, of the difference
  std::optional<double> margin;                            ///< of non-inferiority of the second scanner

  void fields(FieldVisitor& visit) override;
  void check() const override;
  StudyOutcome run(const ConfigTree& acquisition, const std::string& text,
                   const std::filesystem::path& folder) const override;
  void check_acquisition(const ConfigTree& acquisition) const override;
  /// By Hanley and McNeil, from what is expected.
  double planned_error() const;
};

/// A reader's areas with both scanners, and all readers together.
struct TrialResult {
  std::vector<std::string> patients;  ///< of the trial, not of the training
  std::vector<std::uint8_t> truth;
  std::vector<std::vector<double>> scores;  ///< [2 readers, scanner fastest][patient]
  DeLong areas;                             ///< of `scores`
  double mean_area[2] = {0, 0};             ///< over readers
  double mean_error[2] = {0, 0};            ///< standard errors over patients
  AreaDifference difference;                ///< second scanner - first, mean over readers
  bool passed = true;                       ///< non-inferior where a margin is given
};

/// Simulates and reads everything. Equal for any number of threads. The same patient has the same tissue in both
/// scanners and noise of its own in each.
TrialResult run_trial(const TrialStudy& study, const ConfigTree& acquisition);

}  // namespace sonoforge
