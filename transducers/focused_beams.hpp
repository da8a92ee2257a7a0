#pragma once
#include <optional>
#include <vector>

#include "transducers/common_sequence.hpp"
#include "transducers/transmit_aperture.hpp"

namespace sonoforge {

/// One focused beam an image line. Either `lines` beams from places spread evenly from the first to the last element
/// (or over the middle `span` of that), each along the face's normal there (on a matrix array lines x lines_y of them,
/// x fastest), or one beam an angle from the centre of the face. The focus lies `focus` along the axis from where it
/// leaves the face.
struct FocusedBeams : CommonSequenceConfig {
  double focus = 0;                     ///< [m]
  std::optional<std::int64_t> lines;    ///< along the array
  std::optional<double> span;           ///< from the first line to the last along the face; default: all of it [m]
  std::optional<std::int64_t> lines_y;  ///< along y, matrix arrays only
  std::vector<double> angles;           ///< in x-z, positive towards +x [rad]
  std::vector<double> azimuths;         ///< in y-z: none, one for all, or one an angle [rad]
  TransmitAperture aperture;

  void fields(FieldVisitor& visit) override;
  void check() const override;
  Sequence build(const Probe& probe, double sound_speed) const override;

 private:
  std::vector<Transmit> beams_across(const Probe& probe, double sound_speed) const;
};

}  // namespace sonoforge
