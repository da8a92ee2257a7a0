#pragma once
#include <string_view>
#include <vector>

namespace sonoforge {

/// A taper over an aperture or in time.
enum class Window { none, hann, hamming, blackman, tukey25, tukey50, tukey75 };

/// The words of `Window` in configs, in order.
inline const std::vector<std::string_view> window_names{"none",    "hann",    "hamming", "blackman",
                                                        "tukey25", "tukey50", "tukey75"};

/// The taper at u = -1..1, its centre at 0 where it is 1 [harris1978]; 0 outside. tukey25 tapers the outer 25 % (cosine
/// fraction 0.25) and so on; none is 1 throughout.
double window_value(Window window, double u);

}  // namespace sonoforge
