#include "formats/pybf.hpp"

#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "formats/foreign.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {

ZeaFile read_pybf(const std::filesystem::path& file) {
  const Hdf5Reader reader(file);
  auto number = [&](const std::string& path) {
    const double value = reader.read_scalar<double>(path);
    if (!std::isfinite(value)) refuse_file(file, "dataset '" + path + "' is not finite. Correct the file");
    return value;
  };
  auto count = [&](const std::string& path) {
    const double value = number(path);
    if (!(value >= 1 && value <= 100'000)) refuse_file(file, "dataset '" + path + "' is no count. Correct the file");
    return static_cast<std::size_t>(value);
  };
  ZeaFile content;
  Acquisition& acquisition = content.acquisition;
  acquisition.sampling_rate = number("data/f_sampling");
  acquisition.centre_frequency = number("trans_params/f_central");
  acquisition.notes.push_back("the sound speed is not stated: 1540 m/s is assumed");
  const std::size_t elements = count("trans_params/x_num_of_elements");
  if (count("trans_params/y_num_of_elements") != 1)
    refuse_file(file, "the array is two-dimensional (linear arrays are read of this format). Convert it to zea");
  const double pitch = number("trans_params/x_pitch");
  std::vector<Vec3> positions;
  for (std::size_t i = 0; i < elements; ++i)
    positions.push_back({(static_cast<double>(i) - 0.5 * static_cast<double>(elements - 1)) * pitch, 0, 0});
  acquisition.probe =
      probe_from_positions(file, "trans_params/x_pitch", std::move(positions), number("trans_params/x_width"),
                           number("trans_params/y_width"), acquisition.notes);
  acquisition.probe.frequency = acquisition.centre_frequency;
  acquisition.probe.bandwidth = std::max(0.0, number("trans_params/bandwidth"));

  const auto modes = reader.children("data/tx_mode");
  if (modes.size() != 1 || !modes.front().starts_with("PW"))
    refuse_file(file,
                "group 'data/tx_mode' is not one set of plane waves (other transmits are not read). Convert it to zea");
  const auto angles = reader.read<double>("data/tx_mode/" + modes.front());
  const double begin = -number("data/correction_time_shift");
  for (double angle : angles) {
    if (!(std::abs(angle) < std::numbers::pi / 2))
      refuse_file(file, "dataset 'data/tx_mode/" + modes.front() + "' leaves -90 to 90 degrees. Correct the file");
    acquisition.sequence.transmits.push_back(
        plane_transmit(acquisition.probe, std::vector<double>(elements, 1.0), angle, 0, acquisition.sound_speed));
    acquisition.start.push_back(begin + acquisition.sequence.transmits.back().time_of_origin);
  }
  const std::size_t frames = reader.children("data/rf_data").size();
  if (frames == 0 || angles.empty()) refuse_file(file, "group 'data/rf_data' is empty. Take an intact copy");
  const auto shot = [](std::size_t frame, std::size_t transmit) {
    return "data/rf_data/frame_" + std::to_string(frame + 1) + "/shot_" + std::to_string(transmit + 1);
  };
  const auto shape = reader.shape(shot(0, 0));
  if (shape.size() != 2 || shape[0] != elements || shape[1] == 0)
    refuse_file(file, "dataset '" + shot(0, 0) + "' is not [channel, sample]. Compare the file with its format");
  check_memory(file, "the samples", frames * angles.size() * shape[0] * shape[1] * sizeof(float));
  acquisition.samples = NdArray<float, 4>({frames, angles.size(), elements, shape[1]});
  float* to = acquisition.samples.data();
  for (std::size_t f = 0; f < frames; ++f)
    for (std::size_t t = 0; t < angles.size(); ++t) {
      const auto values = reader.read<float>(
          shot(f, t), {static_cast<std::ptrdiff_t>(elements), static_cast<std::ptrdiff_t>(shape[1])});
      to = std::copy(values.begin(), values.end(), to);
    }
  acquisition.sequence.frames = frames;
  const double rate = reader.has("data/fps") ? number("data/fps") : 0;
  if (rate > 0 && frames > 1) acquisition.sequence.frame_rate = rate;
  check_readable(file, acquisition);
  return content;
}

}  // namespace sonoforge
