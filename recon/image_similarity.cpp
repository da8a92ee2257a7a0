#include "recon/image_similarity.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

namespace sonoforge {
namespace {

void check(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size() || a.empty()) throw std::invalid_argument("images of different sizes cannot be compared");
}

std::vector<double> weights_of(SimilarityWindow window) {
  if (window == SimilarityWindow::uniform) return std::vector<double>(7, 1.0 / 7);
  std::vector<double> weights;
  double sum = 0;
  for (int i = -5; i <= 5; ++i) sum += weights.emplace_back(std::exp(-0.5 * i * i / (1.5 * 1.5)));
  for (auto& weight : weights) weight /= sum;
  return weights;
}

/// Weighted means over all windows inside, [rows - width + 1, columns - width + 1].
template <class Value>
std::vector<double> window_means(Value&& value, std::size_t rows, std::size_t columns,
                                 const std::vector<double>& weights) {
  const std::size_t width = weights.size(), out_rows = rows - width + 1, out_columns = columns - width + 1;
  std::vector<double> along(rows * out_columns), means(out_rows * out_columns);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < out_columns; ++c)
      for (std::size_t k = 0; k < width; ++k) along[r * out_columns + c] += weights[k] * value(r * columns + c + k);
  for (std::size_t r = 0; r < out_rows; ++r)
    for (std::size_t k = 0; k < width; ++k)
      for (std::size_t c = 0; c < out_columns; ++c)
        means[r * out_columns + c] += weights[k] * along[(r + k) * out_columns + c];
  return means;
}

/// Bin of every value among equal bins from the least to the largest; the last includes its end.
std::vector<std::size_t> bins_of(std::span<const double> values, std::size_t bins) {
  auto [low, high] = [&] {
    const auto ends = std::minmax_element(values.begin(), values.end());
    return std::pair(*ends.first, *ends.second);
  }();
  if (low == high) low -= 0.5, high += 0.5;
  std::vector<double> edges(bins + 1);
  for (std::size_t k = 0; k <= bins; ++k)
    edges[k] = low + static_cast<double>(k) * ((high - low) / static_cast<double>(bins));
  edges[bins] = high;
  std::vector<std::size_t> result;
  for (const double value : values) {
    const auto above = static_cast<std::size_t>(std::upper_bound(edges.begin(), edges.end(), value) - edges.begin());
    result.push_back(std::min(above, bins) - 1);
  }
  return result;
}

double entropy(const std::vector<double>& counts, double total) {
  double sum = 0;
  for (const double count : counts)
    if (count > 0) sum -= count / total * std::log(count / total);
  return sum;
}

}  // namespace

double mean_square_error(std::span<const double> a, std::span<const double> b) {
  check(a, b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum / static_cast<double>(a.size());
}

double peak_signal_to_noise(std::span<const double> truth, std::span<const double> image, double range) {
  return 10 * std::log10(range * range / mean_square_error(truth, image));
}

double normalised_root_mean_square_error(std::span<const double> truth, std::span<const double> image) {
  const std::vector<double> zero(truth.size());
  return std::sqrt(mean_square_error(truth, image) / mean_square_error(truth, zero));
}

double normalised_mutual_information(std::span<const double> a, std::span<const double> b, std::size_t bins) {
  check(a, b);
  if (bins == 0) throw std::invalid_argument("a histogram needs a bin");
  const auto bin_a = bins_of(a, bins), bin_b = bins_of(b, bins);
  std::vector<double> of_a(bins), of_b(bins), joint(bins * bins);
  for (std::size_t i = 0; i < a.size(); ++i) {
    ++of_a[bin_a[i]];
    ++of_b[bin_b[i]];
    ++joint[bin_a[i] * bins + bin_b[i]];
  }
  const double total = static_cast<double>(a.size());
  return (entropy(of_a, total) + entropy(of_b, total)) / entropy(joint, total);
}

double structural_similarity(std::span<const double> a, std::span<const double> b, std::size_t rows,
                             std::size_t columns, double range, SimilarityWindow window) {
  check(a, b);
  if (a.size() != rows * columns) throw std::invalid_argument("an image has rows times columns values");
  const auto weights = weights_of(window);
  if (rows < weights.size() || columns < weights.size()) return std::numeric_limits<double>::quiet_NaN();
  auto means = [&](auto&& value) { return window_means(value, rows, columns, weights); };
  const auto mean_a = means([&](std::size_t i) { return a[i]; }), mean_b = means([&](std::size_t i) { return b[i]; });
  const auto square_a = means([&](std::size_t i) { return a[i] * a[i]; });
  const auto square_b = means([&](std::size_t i) { return b[i] * b[i]; });
  const auto product = means([&](std::size_t i) { return a[i] * b[i]; });
  const double pixels = static_cast<double>(weights.size() * weights.size());
  const double norm = window == SimilarityWindow::uniform ? pixels / (pixels - 1) : 1;
  const double c1 = 0.01 * range * 0.01 * range, c2 = 0.03 * range * 0.03 * range;
  double sum = 0;
  for (std::size_t i = 0; i < mean_a.size(); ++i) {
    const double variance_a = norm * (square_a[i] - mean_a[i] * mean_a[i]);
    const double variance_b = norm * (square_b[i] - mean_b[i] * mean_b[i]);
    const double covariance = norm * (product[i] - mean_a[i] * mean_b[i]);
    sum += (2 * mean_a[i] * mean_b[i] + c1) * (2 * covariance + c2) /
           ((mean_a[i] * mean_a[i] + mean_b[i] * mean_b[i] + c1) * (variance_a + variance_b + c2));
  }
  return sum / static_cast<double>(mean_a.size());
}

}  // namespace sonoforge
