#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ai/augmentation.hpp"
#include "ai/model.hpp"
#include "formats/zea.hpp"
#include "recon/beamformer.hpp"

namespace sonoforge {

/// How samples become what a model sees.
struct InputConfig {
  std::string input = "image";  ///< image, iq or rf
  std::size_t depth = 128, lateral = 128;
  double dynamic_range = 60;  ///< [dB]
  std::size_t frames = 1;     ///< image: how many are seen, as channels
  std::size_t groups = 8;     ///< rf: neighbouring elements that are summed,
  bool of_aperture = false;   ///< or parts of each pixel's receive aperture
  std::size_t transmits = 0;  ///< kept of each frame, around the middle one; 0: all
  const Beamformer* beamformer = nullptr;
  Attenuation compensation;

  std::int64_t channels() const;
  /// Whether channel data must be beamformed even where nothing is altered.
  bool needs_channels() const { return input == "rf" || transmits != 0; }
};

/// A grid of other size that covers the same area.
PixelGrid resized(const PixelGrid& grid, std::size_t depth, std::size_t lateral);

/// What is drawn from a file's first frame, its pulse compressed where its config says so, [channel, depth, lateral]:
///
/// image: decibels in [-dynamic_range, 0], resampled from the stored image; beamformed on its grid where channel data are
/// altered or transmits left out. With several `frames`: the first, the last and others evenly between, one a channel.
/// iq: in-phase and quadrature parts at the model's pixels, over the largest magnitude.
/// rf: the same of each group of neighbouring elements (or part of the aperture), delayed but not yet added to one another: first all in-phase,
/// then all quadrature parts, over the largest magnitude of their sum.
///
/// Throws `UserError`, naming `file`, where the file does not hold what is needed.
std::vector<float> model_input(const InputConfig& config, const ZeaFile& content, const std::string& file, const Alteration& alteration = {});

/// How a file's own image is made.
struct OwnImaging {
  Typed<Beamformer> beamformer;
  Attenuation compensation;
};
/// As the config in the file says; none in files without a config.
std::optional<OwnImaging> own_imaging(const ZeaFile& content, const std::string& file);

/// The part of an alteration that acts on decibels, for inputs that are read once and altered often; and mirroring.
void alter_image(std::vector<float>& image, std::size_t depth, std::size_t lateral, double dynamic_range, const Alteration& alteration);
/// The same for in-phase and quadrature parts: gain and slope.
void alter_levels(std::vector<float>& values, std::size_t depth, std::size_t lateral, const Alteration& alteration);
/// Mirrors every channel left-right; with `groups` also the order of the groups in both halves of the channels.
void mirror(std::vector<float>& values, const TensorShape& shape, bool groups = false);

/// The grid on which a file's predictions are given: of its image, its labels or what the file says.
std::optional<PixelGrid> grid_of(const ZeaFile& content);

}  // namespace sonoforge
