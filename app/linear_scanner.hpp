#pragma once
#include <Eigen/Core>
#include <vector>

#include "app/experiment.hpp"

namespace sonoforge {

/// A scanner as the matrix that it is, as long as echoes and beamforming are linear: from scatterers on a lattice to RF
/// samples, and from RF samples to complex pixels.
struct LinearScanner {
  std::vector<Vec3> scatterers;  ///< places of the columns of `echoes` [m]
  Eigen::MatrixXd echoes;        ///< [RF sample, scatterer], of scatterers of unit amplitude
  Eigen::MatrixXd beamformer;    ///< [pixel, real then imaginary part; RF sample]
  Acquisition window;            ///< the acquisition with the samples of the rows of `echoes` alone
  PixelGrid grid;
  double noise_deviation = 0;  ///< of white noise in each RF sample

  std::size_t pixels() const { return grid.size(); }
  /// Row of `echoes`.
  std::size_t row(std::size_t transmit, std::size_t channel, std::size_t sample) const {
    return (transmit * window.channels() + channel) * window.samples_per_channel() + sample;
  }
};

/// The lattice, its echoes by the experiment's engine, one scatterer at a time, and the beamformer, one sample at a
/// time. Only samples that echoes of the lattice reach are kept. The noise is `receive.noise.snr` below the mean power
/// of the echoes in these samples. Throws `UserError` where the scanner is not linear, silent or without noise, or
/// where the matrices would be larger than 2 GB.
LinearScanner linear_scanner(const Experiment& experiment, const std::vector<Vec3>& scatterers);

/// The experiment of an acquisition without a phantom: uniform tissue around the lattice.
Experiment lattice_experiment(const ConfigTree& acquisition, const Tissue& tissue);

/// Sections that describe receivers the matrix cannot: `ConfigError`.
void check_linear(const ReceiveConfig& receive);

}  // namespace sonoforge
