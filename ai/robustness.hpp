#pragma once
#include <string>
#include <vector>

#include "ai/validate.hpp"

namespace sonoforge {

/// A metric of the same patients, acquired again with one factor set to this value.
struct RobustnessPoint {
  std::string value;  ///< as the manifest has it (SI where numeric)
  double number = 0;  ///< NaN where it is a word
  Estimate metric;    ///< mean over patients, Student's t with clustered error
  Estimate change;    ///< from the patients as drawn
};
struct RobustnessCurve {
  std::string factor, unit, metric;
  Estimate drawn;  ///< the same patients as drawn
  std::vector<RobustnessPoint> points;
};
/// Curves from the twins of a data set: `twins: [{do: {noise: 40 dB}}, {do: {noise: 20 dB}}, ...]`. A twin belongs to
/// the curve of the one factor that has the same value in all its samples and varies, or has another value, among the
/// patients as drawn. Factors with a single such twin have no curve. For metrics of single cases.
std::vector<RobustnessCurve> robustness_curves(const ValidateConfig& config, const Manifest& manifest,
                                               const std::vector<ValidationCase>& cases);
/// What the report says about them; empty where there are none.
ReportSection robustness_section(const ValidateConfig& config, const Manifest& manifest,
                                 const std::vector<ValidationCase>& cases);

/// What `drift:` asks for: the metric watched by a cumulative sum while a twin takes the patients' place at a known
/// onset. Throws `UserError` where metric or twin do not exist or have too few values.
ReportSection drift_section(const ValidateConfig& config, const Manifest& manifest,
                            const std::vector<ValidationCase>& cases);

}  // namespace sonoforge
