#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/image.hpp"
#include "transducers/acquisition.hpp"

namespace sonoforge {

/// Shared by the readers of other programs' files: what those files do not state is worked out from what they do.

/// A probe from the positions of its elements: a linear or curved array in the x-z plane, a matrix in the x-y plane,
/// else custom; normals, pitch and radius follow. `width`, `height`: 0 where the file does not state them; then a width
/// of the pitch and a height of 5 mm are assumed and `notes` says so. Throws `UserError` naming `dataset` where the
/// positions are not finite, more than 10 m away, or none.
Probe probe_from_positions(const std::filesystem::path& file, const std::string& dataset, std::vector<Vec3> positions,
                           double width, double height, std::vector<std::string>& notes);

/// What a file says about a transmit beside its delays. The delays decide where the two disagree.
struct TransmitHint {
  std::optional<double> angle, azimuth;  ///< as in `Transmit`
  std::optional<Vec3> point;             ///< focus, or virtual source (z < 0)
  std::optional<Vec3> origin;            ///< where the beam axis meets the face
};

/// The transmit whose elements fire after `delays` [s] with `apodization`; NaN or weight 0 is silent. Delays are moved
/// so that the first active element fires at 0; that time is added to `shift`. The wave is plane, diverging or focused
/// where such a wave reproduces every delay within a thirtieth of a period of `centre_frequency` (the hint first, then
/// a fit), one element's where one is active, else custom. Nothing where no element is active.
std::optional<Transmit> transmit_from_delays(const Probe& probe, std::vector<double> delays,
                                             std::vector<double> apodization, const TransmitHint& hint,
                                             double sound_speed, double centre_frequency, double& shift);

/// Sets `sequence.lines`, with a note, where several focused beams with different axes follow each other.
void find_lines(Acquisition& acquisition);

/// The regular Cartesian or polar grid whose pixels have these positions: x, y, z of each, shape [z, x, y, 3]. Nothing
/// where there is none.
std::optional<PixelGrid> grid_from_positions(const std::vector<float>& positions, std::size_t z_count,
                                             std::size_t x_count, std::size_t y_count);

/// The last check of every reader: sizes agree, numbers are finite, rates and speeds positive. Throws `UserError`.
void check_readable(const std::filesystem::path& file, const Acquisition& acquisition);

}  // namespace sonoforge
