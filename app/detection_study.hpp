#pragma once
#include <array>
#include <optional>
#include <vector>

#include "ai/observer_network.hpp"
#include "ai/observers.hpp"
#include "ai/statistics.hpp"
#include "app/linear_scanner.hpp"
#include "app/study.hpp"

namespace sonoforge {

/// A round lesion (a cylinder along elevation) of known place and shape in speckle: present or not?
struct DetectionStudy : StudyConfig {
  Typed<Tissue> tissue;
  Vec3 centre{0, 0, 0.02};
  double radius = 1e-3;
  double contrast = -6;    ///< of the echo level inside [dB]
  double margin = 0.5e-3;  ///< of tissue around the lesion [m]
  std::optional<double> lateral_spacing,
      axial_spacing;          ///< of scatterers [m]; default: a half and a sixth of the wavelength
  std::int64_t cases = 1000;  ///< half of them with the lesion; odd pairs train, even ones test
  std::int64_t channels = 6;
  std::filesystem::path network;  ///< predictions.csv of a network, or
  std::optional<ObserverTrainingConfig> train;  ///< one that is trained here, on beamformed data
  std::vector<double> radii;      ///< of the contrast-detail curve
  double detectability = 0.5;     ///< d' of its threshold

  DetectionStudy();
  void fields(FieldVisitor& visit) override;
  void check() const override;
  StudyOutcome run(const ConfigTree& acquisition, const std::string& text,
                   const std::filesystem::path& folder) const override;
  void check_acquisition(const ConfigTree& acquisition) const override;

  /// Places of the scatterers; those within the radius are the lesion.
  std::vector<Vec3> lattice(double wavelength) const;
  std::vector<std::size_t> inside(const std::vector<Vec3>& lattice, double lesion_radius) const;
};

/// One step of the ladder.
struct Rung {
  std::string name, doc;
  double exact = 0;       ///< area under the ROC curve from the statistics alone; NaN where it is not known
  Estimate area;          ///< of the test cases, DeLong
  double efficiency = 0;  ///< share of the ideal observer's information; of `exact` where that is known
  Interval efficiency_interval;
  std::vector<double> scores;  ///< [case]
};

/// A bound of Cramer and Rao for this acquisition.
struct Bound {
  std::string name, unit, doc;
  double value = 0;
};

struct DetectionResult {
  LinearScanner scanner;
  std::vector<std::uint8_t> truth, test;  ///< [case]
  std::vector<Rung> rungs;
  double cells = 0;          ///< complex resolution cells that the RF hold: half the sum of squared information
  double detectability = 0;  ///< of the ideal observer, from its moments
  Interval ideal_interval;
  bool alarm = false;                                  ///< the network beats the ideal observer beyond its interval
  std::vector<std::array<double, 2>> contrast_detail;  ///< radius [m], threshold contrast (relative)
  double slope = 0;                                    ///< of their logarithms
  std::vector<Bound> bounds;
  std::vector<std::vector<std::uint8_t>> images;  ///< [case][pixel], grey levels
};

/// Who trains the network; none until a program that links LibTorch sets it.
ObserverTrainer& observer_trainer();

/// "case_00012".
std::string case_name(std::size_t number);

/// Everything but files. Equal for any number of threads.
DetectionResult study_detection(const DetectionStudy& study, const Experiment& experiment);

/// report.html, report.json, cases.csv and images.hdf5.
StudyOutcome write_detection(const std::filesystem::path& folder, const DetectionStudy& study,
                             const std::string& config, const DetectionResult& result);

}  // namespace sonoforge
