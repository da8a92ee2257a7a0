#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <vector>

namespace sonoforge {

/// Observers for a lesion whose place and shape are known: is the echo level inside it raised (or lowered) or not? The
/// scatterers are independent Gaussian, so that RF and beamformed data are Gaussian with a known covariance, and the
/// best any reader or network can do follows in closed form [wagner1983, zemp2005, abbey2006]. Rows of matrices are
/// data, columns scatterers or cases.

/// Data y = response * gamma + noise, gamma standard normal. A lesion multiplies the variance of the scatterers
/// `inside` by 1 + contrast.
struct LesionTask {
  Eigen::MatrixXd response;         ///< [datum, scatterer], in the unit of the data
  std::vector<std::size_t> inside;  ///< columns that belong to the lesion
  /// Variance of white noise, or its covariance [datum, datum] where that is not empty.
  double white_noise = 0;
  Eigen::MatrixXd noise;
};

/// What the data tell about the lesion: in the coordinates x = filter * y the background has independent values of
/// variance 1, the lesion of variance 1 + contrast * information[k]. Information is between 0 (lost) and 1 (as good as
/// seeing the scatterers), one value a degree of freedom; a complex resolution cell has two.
struct LesionSpectrum {
  Eigen::VectorXd information;
  /// x = filter * y. With white noise the filter is kept in two steps: x = filter * (response^T y), the matched filter
  /// first; `matched` tells.
  Eigen::MatrixXd filter;
  bool matched = false;
};
/// Throws `std::invalid_argument` for sizes that do not fit or noise that is not positive. A covariance is made
/// regular by adding 1e-9 of its mean variance, which can only take information away.
LesionSpectrum lesion_spectrum(const LesionTask& task);

/// Log-likelihood ratio of each case (column of `data`), up to a constant [abbey2006]: 1/2 sum (1 - 1/l_k) x_k^2 with
/// l_k = 1 + contrast * information[k]. No observer of these data does better. `contrast` > -1.
Eigen::VectorXd log_likelihood_ratio(const LesionSpectrum& spectrum, const LesionTask& task, double contrast,
                                     const Eigen::MatrixXd& data);
/// Area under its ROC curve, exactly: no sampling.
double ideal_area(const Eigen::VectorXd& information, double contrast);
/// Difference of its means over the root of the mean of its two variances. For low contrast d'^2 = contrast^2 / 2 *
/// sum information^2, which is contrast^2 times the number of resolution cells [wagner1983].
double ideal_detectability(const Eigen::VectorXd& information, double contrast);
/// The contrast above the background at which d' reaches a value. Infinite where the lesion is invisible.
double threshold_contrast(const Eigen::VectorXd& information, double detectability);

/// The best linear observer of intensities |b|^2 = u^2 + v^2 of complex Gaussian pixels b = u + i v, as an envelope
/// image gives them. For independent pixels it is the ideal observer of the envelope; for correlated ones no closed
/// form of that is known, and this is the Hotelling observer: covariances of intensities follow from those of u and v
/// [wagner1983].
struct IntensityObserver {
  Eigen::VectorXd weights;     ///< [pixel]; score = sum weights * |b|^2
  double signal_to_noise = 0;  ///< of the score: difference of means over the root of the mean variance
  double area = 0;             ///< under the ROC curve, exactly
};
/// Covariances [2 pixel, 2 pixel] of (u_0 .. u_P-1, v_0 .. v_P-1) of background and lesion. The weights allow for a
/// relative error of this standard deviation in each intensity, as rounding to grey levels makes it; area and signal to
/// noise are those without it.
IntensityObserver intensity_observer(const Eigen::MatrixXd& background, const Eigen::MatrixXd& lesion,
                                     double relative_error = 0);
/// The same numbers for given weights: all equal over the lesion, they are Smith and Wagner's observer [smith1984].
IntensityObserver intensity_observer(const Eigen::MatrixXd& background, const Eigen::MatrixXd& lesion,
                                     const Eigen::VectorXd& weights);

/// A linear observer of features with a covariance of its own, found from training cases: (mean covariance)^-1 times
/// the difference of means [barrett2004]. `features` [feature, case]; both classes need more cases than there are
/// features: `std::invalid_argument`.
Eigen::VectorXd hotelling_template(const Eigen::MatrixXd& features, const std::vector<std::uint8_t>& truth);

/// Laguerre-Gauss channels around a centre, [channel, pixel], each of unit length: sqrt(2)/a exp(-pi r^2 / a^2)
/// L_n(2 pi r^2 / a^2), the usual channels for round signals [gallas2003]. `x`, `z` are the places of the pixels [m].
Eigen::MatrixXd laguerre_gauss_channels(const std::vector<double>& x, const std::vector<double>& z, double width,
                                        std::size_t channels);

/// Detectability index of an area under the ROC curve: sqrt(2) times the normal quantile.
double detectability_of_area(double area);
/// Share of the ideal observer's information that an observer uses: the squared ratio of their detectability indices.
/// An observer below chance uses none.
double observer_efficiency(double area, double ideal);

}  // namespace sonoforge
