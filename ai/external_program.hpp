#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "ai/dataset.hpp"
#include "ai/validate.hpp"

namespace sonoforge {

/// How a command ended.
struct ProgramRun {
  int code = 0;  ///< exit code; 128 + signal where one ended it
  bool timed_out = false;
  std::string out, error;  ///< the last 64 kB of what it wrote
};
/// Runs a command without a shell: every argument reaches it as it stands, whatever characters it holds. It and its
/// children are ended after `time_limit` [s] or by Ctrl-C (`Interrupted`). Throws `UserError` where it cannot be
/// started.
ProgramRun run_program(const std::vector<std::string>& command, double time_limit);

/// Runs `config.program` for each row: {input}, {output} and {id} in its arguments become the sample's file, the place
/// of the prediction without ending (the program adds .png, .nii, .nii.gz, .hdf5 or .h5), and the case's id. For
/// classification, measurement and survival the last line that it prints is the prediction. Afterwards `folder` holds
/// what `Predictions` reads. Throws `UserError` where a run fails, takes too long or gives nothing: a report must not
/// leave cases out.
void predict_with_program(const ValidateConfig& config, const Dataset& data, const std::vector<std::size_t>& rows,
                          const std::filesystem::path& folder);

}  // namespace sonoforge
