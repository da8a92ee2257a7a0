#pragma once
#include <memory>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "lab/models.hpp"

namespace sonoforge::lab {

class DopplerBench;
class NetworkBench;
struct Scene;

/// Computes what the lab's page shows, with the engines of the command line. One bench keeps the last scene, so that looking at
/// another stage of the same chain costs nothing anew.
class Bench {
 public:
  /// `models`: trained segmenters that view network may use.
  explicit Bench(Models models = {});
  ~Bench();
  /// `request`: {"view": NAME, "config": YAML, ...}. Views and what they need and return (SI; arrays of bytes are base64):
  ///   image     -> image [z, x] bytes (0 = lowest level shown, 255 = 0 dB), labels [z, x] bytes (0 none, else 1 + class),
  ///                facts about engine, speckle, times, and the metrics of the config
  ///   rf        transmit -> samples of all channels [element, sample] bytes (128 = 0)
  ///   channel   transmit, element -> one channel: samples, envelope, spectrum
  ///   delays    transmit, x, z -> firing times, receive delays and weights for that point
  ///   line      x -> the image's column: beamformed wave, envelope, level
  ///   beam      -> map of the rms pressure of a transmit
  ///   wave      transmit -> frames of the pressure field
  ///   psf       x, z -> image of one scatterer at that place, with its widths
  ///   point     x, z -> true tissue and measured level there
  ///   lesson    lesson, seed (no config) -> its curve measured, see lab/lessons.hpp
  ///   network   model, truth -> see lab/network.hpp
  ///   doppler   x, z, gate, wall_filter -> see lab/doppler.hpp
  /// Mistakes come back as {"errors": [{"line", "column", "text"}]}; nothing else is thrown but bugs.
  nlohmann::json answer(const nlohmann::json& request);

 private:
  std::unique_ptr<Scene> scene_;
  std::unique_ptr<DopplerBench> doppler_;
  std::unique_ptr<NetworkBench> network_;
  Scene& scene_of(const std::string& config);
};

}  // namespace sonoforge::lab
