#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "ai/segmenter.hpp"

namespace sonoforge::lab {

/// The trained networks that the lab was given: one file, or a folder in which they lie.
struct Models {
  std::filesystem::path place;  ///< empty: none
  SegmenterOpener open;
};

/// Names of the models at `place`: of the file itself, or of all `.pt` files in the folder and in the folders directly in it
/// ("train_cyst/model.pt"), in order, at most 100. Throws `UserError` where `place` is given and is not there.
std::vector<std::string> model_names(const std::filesystem::path& place);

/// The file of a name from that list; throws `UserError` for any other.
std::filesystem::path model_file(const std::filesystem::path& place, const std::string& name);

}  // namespace sonoforge::lab
