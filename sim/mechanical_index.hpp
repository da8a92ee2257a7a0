#pragma once
#include <span>

#include "sim/engine.hpp"

namespace sonoforge {

/// How likely a pulse is to burst bubbles [apfel1991]: the largest rarefaction pressure anywhere, measured in water and
/// derated by 0.3 dB/cm/MHz from the face of the probe, in MPa, over the root of the centre frequency in MHz.
struct MechanicalIndex {
  double value = 0;
  double pressure = 0;  ///< derated peak rarefaction pressure there, positive [Pa]
  Vec3 place;           ///< [m]
};

/// Searches these points; the drive must be in Pa. The medium's own loss is left out of the
/// pressures, since the derating stands for it. Depth counts from the plane z = 0.
MechanicalIndex mechanical_index(const Engine& engine, const SimulationInput& input, std::span<const Vec3> points,
                                 std::size_t transmit);

/// 0.3 dB/cm/MHz over a depth, as a factor on pressure.
double derating(double depth, double frequency);

}  // namespace sonoforge
