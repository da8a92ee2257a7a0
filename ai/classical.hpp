#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ai/mask_measures.hpp"

namespace sonoforge {

/// What one would do without learning: smooth, compare with a threshold, clean by morphology, keep the largest region and fill
/// its holes. Its few numbers are the best of a grid on training images.
struct ThresholdBaseline {
  double blur = 2;        ///< standard deviation of a Gaussian [pixel]
  bool flatten = false;   ///< take the median of its row from each pixel first
  bool darker = true;     ///< marked is what lies below the threshold
  double threshold = -30; ///< [dB], after blurring and flattening
  int radius = 1;         ///< of opening and closing, by a square of 2 radius + 1 pixels [pixel]

  /// Image [dB] and mask [rows, columns].
  std::vector<std::uint8_t> mark(std::span<const float> image, std::size_t rows, std::size_t columns) const;
  /// The baseline with the highest mean Dice on these images; `score` is filled with it.
  static ThresholdBaseline fit(const std::vector<std::vector<float>>& images, const std::vector<std::vector<float>>& masks, std::size_t rows,
                               std::size_t columns, double& score);
};

/// Logistic regression on a few features, standardised, with a small ridge (1e-3 a case) that keeps it finite where classes
/// can be separated; by Newton's method.
struct LogisticRegression {
  std::vector<double> mean, deviation;  ///< of the features
  std::vector<double> weights;          ///< of the standardised features; the last one is the intercept

  double probability(std::span<const double> features) const;
  static LogisticRegression fit(const std::vector<std::vector<double>>& features, const std::vector<std::uint8_t>& truth);
};

/// Least squares on standardised features, with a ridge of 1e-3 a case.
struct LinearRegression {
  std::vector<double> mean, deviation;  ///< of the features
  std::vector<double> weights;          ///< of the standardised features; the last one is the intercept

  double value(std::span<const double> features) const;
  static LinearRegression fit(const std::vector<std::vector<double>>& features, const std::vector<double>& truth);
};

/// What outlines measure, for a regression. Of one frame: area, long axis and circumference [m^2, m, m]. Of several: least and
/// largest area and long axis, the share of the area that goes, and the ejection fraction by area and length, 1 - (A^2 / L at the
/// least area) / (A^2 / L at the largest) [folland1979]; 0 where nothing is marked.
std::vector<double> outline_features(const std::vector<MaskMeasures>& frames);
std::vector<std::string> outline_feature_names(std::size_t frames);

/// Size and contrast of a mask in an image [dB]: logarithm of the area [pixel], and mean level inside less that of a ring as wide
/// as `ring` pixels around. Levels are 0 where a region is empty.
std::vector<double> size_and_contrast(std::span<const float> image, std::span<const float> mask, std::size_t rows, std::size_t columns, std::size_t ring = 6);

}  // namespace sonoforge
