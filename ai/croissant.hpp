#pragma once
#include <string>

#include "ai/generate.hpp"
#include "ai/manifest.hpp"

namespace sonoforge {

/// The YAML front matter with which Hugging Face tells a data set's card from a text: licence left to the maker, size,
/// tasks and tags from config and manifest.
std::string card_front_matter(const GenerateRequest& request, const Manifest& manifest);

/// The data set in Croissant 1.0, JSON-LD of schema.org with the records of manifest.csv [akhtar2024]: name and text
/// from the config, counts, sizes and hashes from the set itself. `bytes`: of all sample files.
std::string croissant(const GenerateRequest& request, const Manifest& manifest, std::uint64_t bytes);

}  // namespace sonoforge
