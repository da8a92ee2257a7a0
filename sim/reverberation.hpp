#pragma once
#include <functional>
#include <optional>

#include "sim/engine.hpp"

namespace sonoforge {

/// Two flat reflectors z = const between which sound goes to and fro, on its way to a scatterer and back. Their
/// amplitude coefficients are those of a pressure wave: `upper_reflection` for one that comes from below,
/// `lower_reflection` for one that comes from above.
struct Reverberation {
  double upper = 0, lower = 0;                        ///< depths, 0 <= upper < lower [m]
  double upper_reflection = 0, lower_reflection = 0;  ///< in [-1, 1]
  int orders = 0;  ///< echoes with at most twice as many bounces, those of both ways together, are worked out
};

/// `reverberation:` of a config. Coefficients that are left out follow from the impedances rho c beside the reflector,
/// below the middle of the probe.
struct ReverberationConfig : Configurable {
  double upper = 0, lower = 0;  ///< [m]; upper 0: the face of the probe
  std::optional<double> upper_reflection, lower_reflection;
  std::int64_t orders = 2;

  void fields(FieldVisitor& visit) override;
  void check() const override;
  /// Throws `ConfigError` where a coefficient neither is given nor follows from the tissues, or the probe does not lie
  /// above the reflectors.
  Reverberation build(const Phantom& phantom, const Probe& probe) const;
};

/// The echoes that `input.phantom.reverberation` adds to those of the straight ways, and nothing else. `echoes` gives
/// the latter for any input; it is asked for images of the probe (method of images): seen from a scatterer, a way with
/// bounces is the straight way from an element mirrored in the reflectors. With d = lower - upper, g = upper_reflection
/// * lower_reflection and m = 0, 1, ..., ways to a scatterer come
///     from above, with 2 m bounces:    gain g^m,                    from elements 2 m d farther up;
///     from below, with 2 m + 1:        gain lower_reflection g^m,   from elements mirrored at lower + m d.
/// Scatterers below both reflectors are reached from above, those between them by both kinds. Each way has the loss,
/// dispersion, obliquity and spreading of its own length. Every pair of a way there and one back with 1 to 2 orders
/// bounces in all is an echo.
///
/// Not in this model: scatterers above the upper reflector, the echoes of the reflectors themselves, what each passage
/// through one takes away, and sound speed or loss that differ from the background's, on all ways with bounces.
/// Scatterers that move stay on the side of a reflector on which they start.
Acquisition simulate_reverberation(const Engine& engine, const SimulationInput& input, const Reverberation& reflectors,
                                   const std::function<Acquisition(const SimulationInput&)>& echoes);

}  // namespace sonoforge
