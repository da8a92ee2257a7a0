#pragma once
#include <Eigen/Core>
#include <vector>

#include "ai/dataset.hpp"
#include "ai/statistics.hpp"
#include "ai/validate.hpp"

namespace sonoforge {

/// Nine numbers that tell images of one scanner and kind of tissue from others: mean, deviation and 5 % and 95 % points
/// of the levels [dB], correlation with the next pixel across and along depth, trend over depth, mean over deviation of
/// the amplitude (1.91 in speckle), and share of pixels at the floor.
Eigen::VectorXd image_features(const RealMap& image);

/// How far an image is from those that a model learned from: the squared Mahalanobis distance of its features
/// [lee2018]. With few images, fewer than three a feature, correlations are left out.
class OutOfDistribution {
 public:
  explicit OutOfDistribution(const std::vector<Eigen::VectorXd>& training);
  double score(const Eigen::VectorXd& features) const;
  /// Scores of the training images, each by a reference without it.
  const std::vector<double>& training_scores() const { return training_; }

 private:
  OutOfDistribution() = default;
  void fit(const std::vector<Eigen::VectorXd>& training, std::size_t left_out);
  Eigen::VectorXd mean_;
  Eigen::MatrixXd inverse_;
  std::vector<double> training_;
};

/// Area under the ROC curve by which `members` score higher than `others`, with DeLong's interval; NaN interval with
/// fewer than two of either. For membership inference: 0.5 tells that the model treats its training cases like others
/// [shokri2017].
Estimate membership_area(const std::vector<double>& members, const std::vector<double>& others);

/// Out-of-distribution scores of the cases against the training split, and what twins change. `kept` gets the images'
/// chapters; empty where the data set has no training split with ten images or the samples have no image.
ReportSection out_of_distribution_section(const ValidateConfig& config, const Dataset& data,
                                          const Evaluation& evaluation);

/// Nearest training image of each test image, against that of each training image among other patients; and where
/// `training_values` (the first metric of single cases, on the training split) are given, membership inference.
ReportSection privacy_section(const ValidateConfig& config, const Dataset& data, const Evaluation& evaluation,
                              const std::vector<double>& training_values);

}  // namespace sonoforge
