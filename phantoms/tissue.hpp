#pragma once
#include <optional>
#include <string>

#include "core/fields.hpp"
#include "core/units.hpp"

namespace sonoforge {

/// Acoustic properties of one tissue. Presets carry published values; the sources stand beside each row in tissue.cpp, with what is ours.
struct Tissue : Configurable {
  std::string name;
  double sound_speed = 1540;          ///< at the pulse's centre frequency [m/s]
  double density = 1000;              ///< [kg/m^3]
  Attenuation attenuation;            ///< amplitude
  double nonlinearity = 0;            ///< B/A
  double scatterer_density = 0;       ///< [1/m^3]; a phantom whose extent is one plane takes a slice of 1 mm, see speckle.hpp
  double scatterer_strength = 0;      ///< rms amplitude of one scatterer [m], relative
  std::optional<double> backscatter;  ///< instead of the strength: coefficient at the pulse's frequency [1/m/sr]
  std::optional<double> scattering_exponent;  ///< n in (f/f0)^n; default 2, and 0 under model simus

  void fields(FieldVisitor& visit) override;
  void check() const override;
  /// Root mean square scattering length of one scatterer [m]: scatterer_strength, or where a backscatter coefficient is
  /// given sqrt(backscatter / density), since n scatterers a volume of differential cross-section <s^2> have the
  /// coefficient n <s^2> [insana1990].
  double strength() const;
  /// Backscatter relative to unit: 10 log10(density * strength^2) [dB]; -inf where nothing scatters.
  double echogenicity() const;
};

/// kind "tissue": mapping without type (default_type "custom"), presets water, blood, fat, muscle, skin, liver, ...
const Catalog& tissue_catalog();

}  // namespace sonoforge
