#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>

namespace sonoforge::lab {

/// Pulsed Doppler on the real engines: scatterers that move between pulses, a gate, a wall filter, a sonogram, and the
/// true velocity beside what was measured.
class DopplerBench {
 public:
  DopplerBench();
  ~DopplerBench();
  /// `request`: config (a sequence of one plane wave with `frames: {count, rate}`), the gate's centre x, z and side
  /// `gate` [m], and `wall_filter` [Hz]: slower shifts are removed. The record is kept, so that a moved gate costs
  /// nothing anew. Returns (SI, velocities along the beam, positive towards the probe):
  ///   image      the first frame [dB]; colour [z, x]: velocities as bytes (128 = 0, 255 = +limit), 0 where there is
  ///   too little power sonogram   times, velocity axis, values [velocity, time] bytes over 40 dB samples    {i, q}:
  ///   the gate's filtered signal, one value a pulse, for the ear velocity   by autocorrelation in the gate
  ///   [kasai1985]; truth: of the scatterers there; limit: c rate / (4 f), beyond
  ///              which speeds are taken for others; angle between flow and beam [rad]
  /// Throws `UserError` where the config does not fit.
  nlohmann::json answer(const nlohmann::json& request);

 private:
  struct Flow;
  std::unique_ptr<Flow> flow_;
};

}  // namespace sonoforge::lab
