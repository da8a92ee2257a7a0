#include "ai/detection_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace sonoforge {

FrocCurve froc_curve(std::vector<Candidate> candidates, std::size_t lesions, std::size_t images, SecondMark second) {
  for (const auto& candidate : candidates) {
    if (std::isnan(candidate.score)) throw std::invalid_argument("a score is not a number");
    if (candidate.lesion != Candidate::no_lesion && candidate.lesion >= lesions)
      throw std::invalid_argument("a mark hits a lesion that does not exist");
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  FrocCurve curve;
  std::vector<bool> found(lesions, false);
  double hits = 0, alarms = 0;
  auto add_point = [&](double threshold) {
    curve.threshold.push_back(threshold);
    curve.sensitivity.push_back(lesions ? hits / static_cast<double>(lesions) : nan);
    curve.false_alarms_per_image.push_back(images ? alarms / static_cast<double>(images) : nan);
    curve.precision.push_back(hits + alarms > 0 ? hits / (hits + alarms) : 1);
  };
  add_point(std::numeric_limits<double>::infinity());
  for (std::size_t k = 0; k < candidates.size(); ++k) {
    const auto lesion = candidates[k].lesion;
    if (lesion == Candidate::no_lesion)
      ++alarms;
    else if (!found[lesion]) {
      found[lesion] = true;
      ++hits;
    } else if (second == SecondMark::false_alarm)
      ++alarms;
    if (k + 1 == candidates.size() || candidates[k + 1].score != candidates[k].score) add_point(candidates[k].score);
  }
  return curve;
}

FrocCurve froc_curve(const std::vector<DetectionCase>& all, std::span<const std::size_t> images, SecondMark second) {
  std::vector<Candidate> candidates;
  std::size_t lesions = 0;
  for (const auto i : images) {
    for (auto mark : all[i].marks) {
      if (mark.lesion != Candidate::no_lesion) mark.lesion += lesions;
      candidates.push_back(mark);
    }
    lesions += all[i].lesions;
  }
  return froc_curve(std::move(candidates), lesions, images.size(), second);
}

double FrocCurve::sensitivity_at(double most) const {
  double best = sensitivity.front();  // no mark: no false alarm
  for (std::size_t k = 0; k < threshold.size(); ++k)
    if (false_alarms_per_image[k] <= most) best = std::max(best, sensitivity[k]);
  return best;
}

double FrocCurve::mean_sensitivity() const {
  double sum = 0;
  for (const double alarms : {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0}) sum += sensitivity_at(alarms);
  return sum / 7;
}

double FrocCurve::average_precision() const {
  double sum = std::isnan(sensitivity.front()) ? sensitivity.front() : 0;
  for (std::size_t k = 1; k < threshold.size(); ++k) sum += (sensitivity[k] - sensitivity[k - 1]) * precision[k];
  return sum;
}

}  // namespace sonoforge
