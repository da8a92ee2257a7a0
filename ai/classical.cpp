#include "ai/classical.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "ai/heat_map.hpp"
#include "ai/segmentation_metrics.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

std::vector<float> blurred(std::span<const float> image, std::size_t rows, std::size_t columns, double deviation) {
  const auto reach = static_cast<std::ptrdiff_t>(std::ceil(3 * deviation));
  std::vector<double> weights;
  for (std::ptrdiff_t k = -reach; k <= reach; ++k) weights.push_back(std::exp(-0.5 * static_cast<double>(k * k) / (deviation * deviation)));
  const auto pass = [&](std::span<const float> from, bool across) {
    std::vector<float> to(from.size());
    const auto limit = static_cast<std::ptrdiff_t>(across ? columns : rows);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c) {
        double sum = 0, total = 0;
        for (std::ptrdiff_t k = -reach; k <= reach; ++k) {
          const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(across ? c : r) + k;
          if (at < 0 || at >= limit) continue;
          const double w = weights[static_cast<std::size_t>(k + reach)];
          sum += w * from[across ? r * columns + static_cast<std::size_t>(at) : static_cast<std::size_t>(at) * columns + c];
          total += w;
        }
        to[r * columns + c] = static_cast<float>(sum / total);
      }
    return to;
  };
  return pass(pass(image, true), false);
}

void take_row_medians(std::vector<float>& image, std::size_t columns) {
  std::vector<float> row(columns);
  for (std::size_t begin = 0; begin < image.size(); begin += columns) {
    std::copy_n(image.begin() + static_cast<std::ptrdiff_t>(begin), columns, row.begin());
    std::nth_element(row.begin(), row.begin() + static_cast<std::ptrdiff_t>(columns / 2), row.end());
    for (std::size_t c = 0; c < columns; ++c) image[begin + c] -= row[columns / 2];
  }
}

/// Largest (or smallest) of a square, one axis after the other; beyond the border nothing counts.
std::vector<std::uint8_t> spread(const std::vector<std::uint8_t>& mask, std::size_t rows, std::size_t columns, int radius, bool grow) {
  const auto pass = [&](const std::vector<std::uint8_t>& from, bool across) {
    std::vector<std::uint8_t> to(from.size());
    const auto limit = static_cast<std::ptrdiff_t>(across ? columns : rows);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c) {
        std::uint8_t value = grow ? 0 : 1;
        for (std::ptrdiff_t k = -radius; k <= radius; ++k) {
          const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(across ? c : r) + k;
          if (at < 0 || at >= limit) continue;
          const std::uint8_t one = from[across ? r * columns + static_cast<std::size_t>(at) : static_cast<std::size_t>(at) * columns + c];
          value = grow ? std::max(value, one) : std::min(value, one);
        }
        to[r * columns + c] = value;
      }
    return to;
  };
  return radius == 0 ? mask : pass(pass(mask, true), false);
}

std::vector<std::uint8_t> largest_region(const std::vector<std::uint8_t>& mask, std::size_t rows, std::size_t columns) {
  std::size_t count = 0;
  const auto region = connected_regions(mask, rows, columns, count);
  std::vector<std::size_t> sizes(count + 1, 0);
  for (const auto r : region) sizes[r] += r != 0;
  const auto best = static_cast<std::size_t>(std::max_element(sizes.begin(), sizes.end()) - sizes.begin());
  std::vector<std::uint8_t> one(mask.size(), 0);
  if (count > 0)
    for (std::size_t i = 0; i < mask.size(); ++i) one[i] = region[i] == best;
  return one;
}

std::vector<std::uint8_t> cleaned(const ThresholdBaseline& how, const std::vector<float>& levels, std::size_t rows, std::size_t columns) {
  std::vector<std::uint8_t> mask(levels.size());
  for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = (levels[i] < how.threshold) == how.darker;
  mask = spread(spread(mask, rows, columns, how.radius, false), rows, columns, how.radius, true);
  mask = spread(spread(mask, rows, columns, how.radius, true), rows, columns, how.radius, false);
  mask = largest_region(mask, rows, columns);
  // Holes are what the largest region of the rest, the surroundings, does not reach.
  std::vector<std::uint8_t> rest(mask.size());
  for (std::size_t i = 0; i < mask.size(); ++i) rest[i] = !mask[i];
  const auto around = largest_region(rest, rows, columns);
  if (std::count(mask.begin(), mask.end(), std::uint8_t{1}) > 0)
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = !around[i];
  return mask;
}

std::vector<float> levels_of(std::span<const float> image, std::size_t rows, std::size_t columns, double blur, bool flatten) {
  auto levels = blurred(image, rows, columns, blur);
  if (flatten) take_row_medians(levels, columns);
  return levels;
}

}  // namespace

std::vector<std::uint8_t> ThresholdBaseline::mark(std::span<const float> image, std::size_t rows, std::size_t columns) const {
  return cleaned(*this, levels_of(image, rows, columns, blur, flatten), rows, columns);
}

ThresholdBaseline ThresholdBaseline::fit(const std::vector<std::vector<float>>& images, const std::vector<std::vector<float>>& masks, std::size_t rows,
                                         std::size_t columns, double& score) {
  ThresholdBaseline best;
  score = -1;
  for (const double blur : {1.0, 2.0, 3.0})
    for (const bool flatten : {false, true}) {
      std::vector<ThresholdBaseline> tried;
      for (const bool darker : {true, false})
        for (const int radius : {0, 1, 2})
          for (int k = 0; k < 20; ++k) {
            const double threshold = flatten ? (darker ? -1.0 - k : 1.0 + k) : -58.0 + 3 * k;
            tried.push_back({blur, flatten, darker, threshold, radius});
          }
      std::vector<std::vector<double>> scores(images.size(), std::vector<double>(tried.size()));
      parallel_for(images.size(), [&](std::size_t i) {
        const auto levels = levels_of(images[i], rows, columns, blur, flatten);
        const std::vector<std::uint8_t> truth(masks[i].begin(), masks[i].end());
        for (std::size_t t = 0; t < tried.size(); ++t) scores[i][t] = dice(cleaned(tried[t], levels, rows, columns), truth);
      });
      for (std::size_t t = 0; t < tried.size(); ++t) {
        double mean = 0;
        for (const auto& one : scores) mean += one[t] / static_cast<double>(images.size());
        if (mean > score) score = mean, best = tried[t];
      }
    }
  return best;
}

namespace {

double weighed(const std::vector<double>& mean, const std::vector<double>& deviation, const std::vector<double>& weights, std::span<const double> features) {
  double sum = weights.back();
  for (std::size_t k = 0; k < features.size(); ++k) sum += weights[k] * (features[k] - mean[k]) / deviation[k];
  return sum;
}

/// Standardised features and a column of ones; fills mean and deviation.
Eigen::MatrixXd standardised(const std::vector<std::vector<double>>& features, std::vector<double>& means, std::vector<double>& deviations) {
  const auto n = static_cast<Eigen::Index>(features.size()), d = static_cast<Eigen::Index>(features.front().size());
  Eigen::MatrixXd x(n, d + 1);
  for (Eigen::Index k = 0; k < d; ++k) {
    double mean = 0, squares = 0;
    for (const auto& one : features) mean += one[static_cast<std::size_t>(k)] / static_cast<double>(n);
    for (const auto& one : features) squares += std::pow(one[static_cast<std::size_t>(k)] - mean, 2) / static_cast<double>(n);
    means.push_back(mean);
    deviations.push_back(squares > 0 ? std::sqrt(squares) : 1);
    for (Eigen::Index i = 0; i < n; ++i) x(i, k) = (features[static_cast<std::size_t>(i)][static_cast<std::size_t>(k)] - mean) / deviations.back();
  }
  x.col(d).setOnes();
  return x;
}

}  // namespace

double LinearRegression::value(std::span<const double> features) const { return weighed(mean, deviation, weights, features); }

LinearRegression LinearRegression::fit(const std::vector<std::vector<double>>& features, const std::vector<double>& truth) {
  LinearRegression found;
  const Eigen::MatrixXd x = standardised(features, found.mean, found.deviation);
  const Eigen::Index d = x.cols() - 1;
  Eigen::MatrixXd curvature = x.transpose() * x;
  for (Eigen::Index k = 0; k < d; ++k) curvature(k, k) += 1e-3 * static_cast<double>(x.rows());
  const Eigen::VectorXd w = curvature.ldlt().solve(x.transpose() * Eigen::Map<const Eigen::VectorXd>(truth.data(), x.rows()));
  found.weights.assign(w.data(), w.data() + w.size());
  return found;
}

double LogisticRegression::probability(std::span<const double> features) const { return 1 / (1 + std::exp(-weighed(mean, deviation, weights, features))); }

LogisticRegression LogisticRegression::fit(const std::vector<std::vector<double>>& features, const std::vector<std::uint8_t>& truth) {
  LogisticRegression found;
  const Eigen::MatrixXd x = standardised(features, found.mean, found.deviation);
  const Eigen::Index n = x.rows(), d = x.cols() - 1;
  Eigen::VectorXd w = Eigen::VectorXd::Zero(d + 1);
  const double ridge = 1e-3 * static_cast<double>(n);
  for (int step = 0; step < 50; ++step) {
    const Eigen::VectorXd p = (1 + (-(x * w).array()).exp()).inverse();
    Eigen::VectorXd gradient = -ridge * w;
    gradient(d) = 0;
    for (Eigen::Index i = 0; i < n; ++i) gradient += (truth[static_cast<std::size_t>(i)] - p(i)) * x.row(i).transpose();
    Eigen::MatrixXd curvature = ridge * Eigen::MatrixXd::Identity(d + 1, d + 1);
    curvature(d, d) = 1e-12;
    curvature += x.transpose() * (p.array() * (1 - p.array())).matrix().asDiagonal() * x;
    const Eigen::VectorXd move = curvature.ldlt().solve(gradient);
    w += move;
    if (move.norm() < 1e-10) break;
  }
  found.weights.assign(w.data(), w.data() + w.size());
  return found;
}

std::vector<double> outline_features(const std::vector<MaskMeasures>& frames) {
  if (frames.size() == 1) return {frames[0].area, frames[0].long_axis, frames[0].circumference};
  const auto [least, largest] = std::minmax_element(frames.begin(), frames.end(), [](const auto& a, const auto& b) { return a.area < b.area; });
  const auto volume = [](const MaskMeasures& one) { return one.long_axis > 0 ? one.area * one.area / one.long_axis : 0; };
  const double whole = volume(*largest);
  return {least->area, largest->area, least->long_axis, largest->long_axis, largest->area > 0 ? 1 - least->area / largest->area : 0,
          whole > 0 ? 1 - volume(*least) / whole : 0};
}

std::vector<std::string> outline_feature_names(std::size_t frames) {
  if (frames == 1) return {"area [m^2]", "long axis [m]", "circumference [m]"};
  return {"least area [m^2]", "largest area [m^2]", "least long axis [m]", "largest long axis [m]", "share of the area that goes", "ejection fraction by area and length"};
}

std::vector<double> size_and_contrast(std::span<const float> image, std::span<const float> mask, std::size_t rows, std::size_t columns, std::size_t ring) {
  std::vector<std::uint8_t> inside(mask.size());
  for (std::size_t i = 0; i < mask.size(); ++i) inside[i] = mask[i] != 0;
  const auto grown = spread(inside, rows, columns, static_cast<int>(ring), true);
  double in = 0, out = 0, area = 0, around = 0;
  for (std::size_t i = 0; i < mask.size(); ++i) {
    if (inside[i]) in += image[i], area += 1;
    else if (grown[i]) out += image[i], around += 1;
  }
  return {std::log(std::max(area, 1.0)), area > 0 && around > 0 ? in / area - out / around : 0};
}

}  // namespace sonoforge
