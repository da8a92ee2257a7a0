#pragma once
#include <optional>

#include "recon/beamformer.hpp"
#include "recon/das_kernel.hpp"

namespace sonoforge {

/// Delay and sum with dynamic receive focus. The value of a pixel is the sum over transmits and elements of the
/// analytic signal at the instant at which the echo of that point arrives, weighted over the aperture; it is not
/// divided by the number of elements, so deeper pixels of a growing aperture get brighter as in the usual toolboxes.
struct DelayAndSum : Beamformer {
  enum class Signal { iq, rf };
  enum class Compounding { coherent, incoherent };
  enum class Normalization { none, weights };

  /// Depth over aperture; 0 = all elements, `auto_f_number` = from the element directivity. By default 1.5, and 0 on a phased array,
  /// whose sector is far wider than the cone of any f-number.
  std::optional<double> f_number;
  Window window = Window::none;
  Interpolation interpolation = Interpolation::linear;
  Signal signal = Signal::iq;
  std::optional<double> sound_speed;  ///< default: the acquisition's [m/s]
  Compounding compounding = Compounding::coherent;
  Normalization normalization = Normalization::none;
  TransmitDelay transmit_delay = TransmitDelay::virtual_source;
  std::optional<double> demodulation_frequency;  ///< default: the acquisition's centre frequency [Hz]
  std::int64_t decimation = 1;                   ///< of IQ data made from RF: every n-th sample is kept

  static constexpr double auto_f_number = -1;

  void fields(FieldVisitor& visit) override;
  void check() const override;
  void check_signal(double sampling_rate, double centre_frequency) const override;
  /// Throws `UserError` where the acquisition contradicts itself or holds values that are not finite, `ConfigError`
  /// where a key does not fit it.
  std::vector<ComplexMap> beamform(const Acquisition& acquisition, const PixelGrid& grid) const override;
  /// Throws `ConfigError` ("f_number") where all elements count, so that the aperture has no width, and ("compounding") where
  /// magnitudes are added; `UserError` for rings and row-column arrays.
  std::vector<ComplexMap> beamform_parts(const Acquisition& acquisition, const PixelGrid& grid, std::size_t parts) const override;

  /// F = 1 / (2 tan a), where a is the angle at which the directivity cos(a) sinc(width sin(a) / wavelength) of a soft
  /// element has fallen to 0.71 at the upper edge of the band [perrot2021].
  static double directivity_f_number(const Probe& probe, double sound_speed);

 private:
  /// [part][frame]
  std::vector<std::vector<ComplexMap>> beamform_frames(const Acquisition& acquisition, const PixelGrid& grid, std::size_t parts) const;
};

}  // namespace sonoforge
