#pragma once
#include <complex>
#include <memory>

#include "transducers/probe.hpp"
#include "transducers/pulse.hpp"

namespace sonoforge {

/// i (2 pi f / c) p0: what turns the engines' field of a face into its pressure where that on the face is p0, see below.
std::complex<double> pressure_factor(double frequency, double pressure, double sound_speed);

/// The drive with which all pressures are in Pa, from one x(t) that tells the pressure on the face in units of
/// `pressure`.
///
/// By the Rayleigh integral a face under the pressure p0(f) radiates p(x) = i k p0 integral of exp(-i k r) / (2 pi r)
///, with p0 = density c v; the engines leave the factor i k to the drive. So the drive is
/// `pressure_factor` X(f).
std::shared_ptr<const Pulse> drive_in_pascal(std::shared_ptr<const Pulse> pulse, double pressure, double sound_speed);

/// Area of the face of an element [m^2]; of a bowl that of its cap.
double face_area(const Element& element);

}  // namespace sonoforge
