#pragma once
#include <complex>
#include <memory>
#include <optional>

#include "core/fields.hpp"

namespace sonoforge {

struct Probe;

/// The electrical drive of the elements, a real signal whose centre stands at t = 0.
class Pulse {
 public:
  virtual ~Pulse() = default;
  /// Its Fourier transform X(f) = integral x(t) exp(-i 2 pi f t) dt at f >= 0 [drive unit * s].
  virtual std::complex<double> spectrum(double frequency, std::size_t element) const = 0;
  /// x(t) is zero (or under 1e-6 of its peak) for |t| > half_duration [s].
  virtual double half_duration() const = 0;
  /// [Hz]
  virtual double frequency() const = 0;
  /// Whether elements differ; if not, spectrum(f, 0) holds for all.
  virtual bool per_element() const { return false; }
  /// Cycles of a plain sine burst (what model simus needs), or 0 for any other pulse.
  virtual double burst_cycles() const { return 0; }
  /// Whether pressures come out in Pa, see `drive_in_pascal`; if not, they are relative.
  virtual bool in_pascal() const { return false; }
};

class PulseConfig : public Configurable {
 public:
  /// `frequency` defaults to the probe's.
  virtual std::shared_ptr<const Pulse> build(const Probe& probe) const = 0;

  std::optional<double> pressure;  ///< on the faces where the drive is 1 [Pa]; missing: results are relative

 protected:
  void pressure_field(FieldVisitor& visit);
};

/// burst (default type: frequency, cycles), chirp, coded, square_wave, samples.
const Catalog& pulse_catalog();

}  // namespace sonoforge
