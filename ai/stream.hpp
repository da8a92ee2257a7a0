#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ai/cohort.hpp"
#include "ai/dataset.hpp"
#include "ai/generate.hpp"

namespace sonoforge {

/// A data set that is never stored: each sample is made when it is asked for.
struct StreamRequest {
  DatasetConfig config;
  std::string text;  ///< the whole config; with `inputs` and `seed` it tells streams apart
  std::map<std::string, std::string> inputs = {};  ///< files the config names, and their SHA-256
  std::uint64_t seed = 1;
  std::filesystem::path file;  ///< the config, for messages
  /// The samples of a patient; a pure function of the patient's index (from 0).
  std::function<std::vector<SampleSpec>(std::uint64_t patient)> draw;
  /// A sample as reading its stored file would give it, to the bit. Safe from many threads.
  std::function<ZeaFile(std::uint64_t patient, const SampleSpec& sample)> make;
};

/// Rows, factors and splits as `generate_dataset` lists them, but for files and their hashes, which are not there;
/// `content` makes the sample. The hash is that of config, inputs and seed.
Dataset stream_dataset(StreamRequest request);

}  // namespace sonoforge
