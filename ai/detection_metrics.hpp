#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace sonoforge {

/// One mark of a detector in one image.
struct Candidate {
  static constexpr std::size_t no_lesion = static_cast<std::size_t>(-1);
  double score = 0;
  std::size_t lesion = no_lesion;  ///< the true lesion that it hits, counted over all images
};

/// A second mark on a lesion: a false alarm, or of no account.
enum class SecondMark { false_alarm, ignored };

/// The lesions of one image and the marks made in it.
struct DetectionCase {
  std::size_t lesions = 0;
  std::vector<Candidate> marks;  ///< lesions counted within this image
};

/// Free-response operating points [bunch1977]: every threshold of the score, ties taken together, from "no mark" on. A
/// lesion without a mark is missed at every threshold.
struct FrocCurve {
  std::vector<double> threshold;  ///< falling; the first is infinite
  std::vector<double> sensitivity, false_alarms_per_image, precision;

  /// Sensitivity at so many false alarms an image, between operating points the last one reached.
  double sensitivity_at(double false_alarms_per_image) const;
  /// Mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false alarms an image [setio2017].
  double mean_sensitivity() const;
  /// Step-wise area under precision over sensitivity, without interpolation.
  double average_precision() const;
};
/// Throws `std::invalid_argument` for a lesion index not below `lesions` and scores that are NaN. Without lesions or
/// images the rates are NaN.
FrocCurve froc_curve(std::vector<Candidate> candidates, std::size_t lesions, std::size_t images,
                     SecondMark second = SecondMark::ignored);

/// The same of the images with these indices, with repetitions.
FrocCurve froc_curve(const std::vector<DetectionCase>& all, std::span<const std::size_t> images,
                     SecondMark second = SecondMark::ignored);

}  // namespace sonoforge
