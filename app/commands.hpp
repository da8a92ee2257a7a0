#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ai/dataset.hpp"
#include "ai/segmenter.hpp"

namespace sonoforge {

/// What stands on the command line.
struct CommandLine {
  std::vector<std::string> inputs;      ///< configs, files, names: what the command takes
  std::filesystem::path output;         ///< -o; empty = out/NAME of the first input
  std::vector<std::string> sets;        ///< --set a.b.c=VALUE
  std::optional<std::uint64_t> seed;
  bool json = false;
  bool quiet = false;                   ///< no messages but errors: also none of what was written where
  std::optional<std::size_t> count;     ///< generate
  std::string shard;                    ///< generate: "i/n"
  bool dry_run = false;
  bool resume = false;                  ///< train
  int port = 0;                         ///< lab
  std::filesystem::path model;          ///< lab: a model.pt, or a folder of such
  std::string layout;                   ///< convert: --to nnunet, coco, webdataset, nifti or dicom
};

// Each command returns the exit code 0 or 3; mistakes of the user are `UserError`s.
int run_command(const CommandLine& line);
int simulate_command(const CommandLine& line);
int field_command(const CommandLine& line);
int reconstruct_command(const CommandLine& line);
int generate_command(const CommandLine& line);
int train_command(const CommandLine& line);
int predict_command(const CommandLine& line);
int validate_command(const CommandLine& line);
int lab_command(const CommandLine& line);
int check_command(const CommandLine& line);
int describe_command(const CommandLine& line);
int info_command(const CommandLine& line);
int convert_command(const CommandLine& line);

/// Opens a trained network (`SegmenterOpener`). Programs without LibTorch throw `UserError` for every file.
Segmenter open_segmenter(const std::filesystem::path& model);

/// The data of a training: a folder, or a config of `generate` whose samples are made in memory.
Dataset open_data(const std::filesystem::path& data);

/// Where a command writes: -o, or out/NAME of the config or file.
std::filesystem::path output_folder(const CommandLine& line);

}  // namespace sonoforge
