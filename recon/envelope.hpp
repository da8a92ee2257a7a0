#pragma once
#include "core/image.hpp"

namespace sonoforge {

/// |values|: the envelope of a beamformed image.
RealMap envelope(const ComplexMap& image);

/// 20 log10(value / reference) [dB], bounded below by `floor`. Values of zero become `floor`; without a positive
/// reference (an empty image) all do. Throws `UserError` if an envelope value is negative or not a number.
RealMap log_compress(const RealMap& envelope, double reference, double floor = -200);
/// Relative to the image's own maximum: values <= 0 dB.
RealMap log_compress(const RealMap& envelope);

/// The largest value, or 0 of an empty map.
double maximum(const RealMap& map);

}  // namespace sonoforge
