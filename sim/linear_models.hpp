#pragma once
#include <functional>
#include <span>
#include <utility>

#include "sim/engine.hpp"
#include "sim/propagation.hpp"

namespace sonoforge {

/// MUST's approximations to its digits [garcia2022, cigier2022]. The medium is the phantom's background, and beyond it what
/// `propagation` sees of the regions.
struct SimusOptions {
  int dimensions = 3;                        ///< 2 or 3
  bool full_frequency_directivity = false;   ///< directivity at every frequency instead of at the centre frequency
  double threshold_db = -100;                ///< bins whose spectrum is further below the maximum are left out
  PropagationKind propagation = PropagationKind::uniform;
};
Acquisition simulate_simus(const SimulationInput& input, const SimusOptions& options);
/// What the echoes of some transmits as SIMUS scales them are over 2 Re of the integral of their spectrum: its final factor over
/// n df, which depend on the farthest scatterer.
std::vector<double> simus_echo_scales(const SimulationInput& input, const SimusOptions& options, std::size_t first,
                                      std::size_t count, double time);
/// The frequencies that SIMUS keeps [Hz].
std::pair<double, double> simus_band(const SimulationInput& input, double threshold_db);
/// SIMUS's last step: all echoes of a transmit below 1e-5 of the largest one become zero, softly.
void drop_small_echoes(std::span<float> samples);
/// Whether SIMUS has no pressure at a point, behind the face of the probe.
std::function<bool(const Vec3&)> simus_shadow(const SimulationInput& input, const SimusOptions& options);
FieldResult field_simus(const SimulationInput& input, const SimusOptions& options, const FieldRequest& request,
                        std::size_t transmit, Engine::FieldOutput output);

/// Drives whose spectrum has not died away at the highest frequency that is worked out end there softly (cos^2 over its last
/// three tenths): a sharp end would ring on through the whole record.
double band_taper(double frequency, double highest);

/// The linear model without shortcuts: converges to the Rayleigh integral (3-D) or its two-dimensional analogue. The medium is
/// the phantom's background, and beyond it what `propagation` sees of the regions.
struct PhysicalOptions {
  int dimensions = 3;       ///< 2 or 3
  bool dispersion = true;   ///< the dispersion that causality demands of power-law attenuation
  double tolerance = 1e-4;  ///< relative error of the surface and frequency integrals
  PropagationKind propagation = PropagationKind::uniform;
};
Acquisition simulate_physical(const SimulationInput& input, const PhysicalOptions& options);
FieldResult field_physical(const SimulationInput& input, const PhysicalOptions& options, const FieldRequest& request,
                           std::size_t transmit, Engine::FieldOutput output);

}  // namespace sonoforge
