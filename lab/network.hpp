#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "lab/models.hpp"

namespace sonoforge::lab {

struct Scene;

/// A trained segmenter on the drawn phantom, beside the exact mask. One bench keeps the model that it opened last.
class NetworkBench {
 public:
  explicit NetworkBench(Models models);
  ~NetworkBench();
  /// `request`: `model` (a name of `model_names`) and `truth` (the class to find; left out: the class that the model marks, else
  /// the first of the scene). Returns
  ///   image        as view image; found, truth [z, x] bytes 0 or 1: mask of probability 0.5 or more, exact mask of the class;
  ///   probability  [z, x] bytes, 255 is 1; dice of the two masks, areas {found, truth} [m^2]
  ///   classes      of the scene, and which one `truth` is (null: the scene has none; then nothing is to be found)
  ///   model        label, dynamic_range [dB], depth, lateral (pixels it sees), data (hash)
  /// Throws `UserError` where there is no such model or class, or where this program has no LibTorch.
  nlohmann::json answer(const nlohmann::json& request, const Scene& scene);

 private:
  struct Opened;
  Models models_;
  std::unique_ptr<Opened> opened_;
};

}  // namespace sonoforge::lab
