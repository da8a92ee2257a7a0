#pragma once
#include <optional>
#include <vector>

#include "core/fields.hpp"
#include "transducers/probe.hpp"
#include "transducers/window.hpp"

namespace sonoforge {

/// The part of the probe that sends a focused beam, and its taper. Distances are taken from where the beam's axis
/// leaves the face: along the array (a chord, where it is curved) and along y; a matrix array has a rectangular
/// aperture whose taper is the product of the two.
struct TransmitAperture {
  std::optional<double> f_number;  ///< focal distance over the aperture's side; none: all elements
  Window window = Window::none;

  void fields(FieldVisitor& visit);
  /// Weights [element] of a beam from `origin` with this focal distance. Elements of weight 0 in `usable` stay silent;
  /// an aperture narrower than one element keeps the element nearest to the origin. Without an f-number the taper
  /// spans the whole probe, whichever line it sends.
  std::vector<double> weights(const Probe& probe, std::vector<double> usable, Vec3 origin, double focal_distance) const;
};

}  // namespace sonoforge
