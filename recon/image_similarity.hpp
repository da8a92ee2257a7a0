#pragma once
#include <cstddef>
#include <span>

namespace sonoforge {

/// Differences of two images on one grid. Sizes that do not fit throw `std::invalid_argument`.

double mean_square_error(std::span<const double> a, std::span<const double> b);
/// 10 log10(range^2 / mean square error) [dB]; infinite for equal images.
double peak_signal_to_noise(std::span<const double> truth, std::span<const double> image, double range);
/// Root of the mean square error over the root of the mean square of the truth.
double normalised_root_mean_square_error(std::span<const double> truth, std::span<const double> image);
/// (H(a) + H(b)) / H(a, b) from histograms of `bins` equal bins between either image's least and largest value
/// [studholme1999]; 1 for independent images, 2 for ones that determine each other.
double normalised_mutual_information(std::span<const double> a, std::span<const double> b, std::size_t bins = 100);

/// Structural similarity [wang2004] averaged over the windows that lie wholly inside the image; K1 = 0.01, K2 = 0.03.
/// `uniform`: 7 x 7 pixels of equal weight, sample covariances (n - 1). `gaussian`: standard deviation 1.5 pixels cut
/// at 5 pixels, covariances with the weights themselves. NaN where the image is smaller than the window.
enum class SimilarityWindow { uniform, gaussian };
double structural_similarity(std::span<const double> a, std::span<const double> b, std::size_t rows,
                             std::size_t columns, double range, SimilarityWindow window = SimilarityWindow::uniform);

}  // namespace sonoforge
