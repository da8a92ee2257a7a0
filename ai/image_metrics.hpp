#pragma once
#include <span>
#include <string>
#include <vector>

#include "ai/labels.hpp"
#include "ai/validation_metrics.hpp"

namespace sonoforge {

/// Whether a metric of maps looks at regions of an image [dB] (gcnr, contrast, lateral_width, erased, invented).
bool is_image_metric(const std::string& name);

/// Such a metric of an image that was computed instead of measured [dB, depth x lateral], on the grid of the
/// segmentation. `truth`: the image it should be. NaN where the class it needs is not there.
///
/// gcnr, contrast: class `options.target` against a ring of its surroundings as wide as `options.ring`: generalised
/// contrast-to-noise ratio [rodriguezmolares2020] of the amplitudes, and difference of the mean levels [dB].
/// lateral_width: mean over the connected regions of class `options.points` of the lateral width at half the amplitude
/// of the brightest pixel within. erased, invented: 1 where the target is seen in the truth (its contrast is at least
/// `options.seen` in size) and not in the image, or the reverse.
double image_metric(const std::string& name, std::span<const double> image, std::span<const double> truth,
                    const LabelMap& segmentation, const MetricOptions& options);

}  // namespace sonoforge
