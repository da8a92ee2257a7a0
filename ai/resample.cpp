#include "ai/resample.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace sonoforge {
namespace {

/// The source pixels that one new pixel is made of.
struct Taps {
  std::size_t first = 0;
  std::vector<double> weights;
};

std::vector<Taps> taps(std::size_t from, std::size_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to), reach = std::max(scale, 1.0);
  std::vector<Taps> all(to);
  for (std::size_t i = 0; i < to; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale - 0.5;
    const auto low = static_cast<std::ptrdiff_t>(std::ceil(centre - reach)), high = static_cast<std::ptrdiff_t>(std::floor(centre + reach));
    const auto last = static_cast<std::ptrdiff_t>(from) - 1;
    Taps& t = all[i];
    t.first = static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(low, 0, last));
    t.weights.resize(static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(high, 0, last)) - t.first + 1);
    double sum = 0;
    for (std::size_t k = 0; k < t.weights.size(); ++k) {
      t.weights[k] = std::max(0.0, 1 - std::abs(static_cast<double>(t.first + k) - centre) / reach);
      sum += t.weights[k];
    }
    for (double& weight : t.weights) weight /= sum;
  }
  return all;
}

}  // namespace

std::vector<float> resample(std::span<const float> values, std::size_t rows, std::size_t columns, std::size_t new_rows,
                            std::size_t new_columns) {
  if (values.size() != rows * columns || values.empty() || new_rows * new_columns == 0)
    throw std::invalid_argument("an image to resample needs pixels");
  const auto across = taps(columns, new_columns), down = taps(rows, new_rows);
  std::vector<double> narrow(rows * new_columns);
  for (std::size_t r = 0; r < rows; ++r)
    for (std::size_t c = 0; c < new_columns; ++c) {
      double sum = 0;
      for (std::size_t k = 0; k < across[c].weights.size(); ++k)
        sum += across[c].weights[k] * double{values[r * columns + across[c].first + k]};
      narrow[r * new_columns + c] = sum;
    }
  std::vector<float> result(new_rows * new_columns);
  for (std::size_t r = 0; r < new_rows; ++r)
    for (std::size_t c = 0; c < new_columns; ++c) {
      double sum = 0;
      for (std::size_t k = 0; k < down[r].weights.size(); ++k)
        sum += down[r].weights[k] * narrow[(down[r].first + k) * new_columns + c];
      result[r * new_columns + c] = static_cast<float>(sum);
    }
  return result;
}

}  // namespace sonoforge
