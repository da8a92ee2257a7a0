#pragma once
#include <filesystem>

#include "ai/dataset.hpp"
#include "ai/train.hpp"

namespace sonoforge {

/// Fits the classical method of a task (ai/classical.hpp) on the training split (a threshold on at most 64 of its images) and writes its predictions of all samples, as
/// `validate` reads them: ID.hdf5 or predictions.csv, and baseline.json with its numbers. A logistic regression sees size and
/// contrast of the class "lesion" in the true segmentation: what a careful reader would measure. A measurement is regressed on
/// the outlines of `baseline_classes` that such a threshold finds in every frame (`outline_features`). An image of few transmits stands as it is, at the model's size and back.
void write_baseline(const TrainConfig& config, const Dataset& data, const std::filesystem::path& folder);

}  // namespace sonoforge
