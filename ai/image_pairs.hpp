#pragma once
#include <filesystem>

#include "ai/dataset.hpp"

namespace sonoforge {

/// A folder of one's own images: images/NAME.png or .nii[.gz] and masks/NAME.* of the same size. A mask's values above 0
/// are inside; the class is called "lesion", or as the folder's classes.txt says: one name a line, for the values 1, 2, ...
/// Grey levels from 0 to the largest of their type become -60 to 0 dB; NIfTI values that are all at most 0 are taken as
/// decibels, others are scaled from their least to their largest. Pixels of PNG are 1 mm wide (unknown), of NIfTI as the
/// file says, i lateral and k depth.
///
/// splits.csv (id, split, and perhaps patient and further columns, which become factors) says where an image belongs;
/// without it the patient is the name up to its first underscore, and patients are shared out by 70, 15 and 15 %.
bool holds_image_pairs(const std::filesystem::path& folder);
/// Throws `UserError` for images without masks and broken tables.
Dataset open_image_pairs(const std::filesystem::path& folder);
/// One pair as image and segmentation.
ZeaFile read_image_pair(const std::filesystem::path& folder, const ManifestRow& row);

}  // namespace sonoforge
