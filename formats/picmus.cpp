#include "formats/picmus.hpp"

#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "formats/foreign.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {

ZeaFile read_picmus(const std::filesystem::path& file) {
  const Hdf5Reader reader(file);
  const std::string group = "US/US_DATASET0000/";
  if (!reader.is_group(group)) refuse_file(file, "group 'US/US_DATASET0000' is missing. Give a PICMUS file");
  if (reader.has(group + "scatterers_positions"))
    refuse_file(file,
                "this PICMUS file describes a phantom (no channel data is in it). Give the file of the acquisition");
  if (reader.has(group + "scan/x_axis"))
    refuse_file(file, "this PICMUS file holds images (no channel data is in it). Give the file of the acquisition");
  auto scalar = [&](const std::string& name) {
    const double value = reader.read_scalar<double>(group + name);
    if (!std::isfinite(value)) refuse_file(file, "dataset '" + group + name + "' is not finite. Correct the file");
    return value;
  };
  ZeaFile content;
  Acquisition& acquisition = content.acquisition;
  acquisition.sampling_rate = scalar("sampling_frequency");
  acquisition.sound_speed = scalar("sound_speed");
  const double initial_time = scalar("initial_time");
  const double modulation = reader.has(group + "modulation_frequency") ? scalar("modulation_frequency") : 0;
  acquisition.centre_frequency = modulation;
  if (!(modulation > 0)) {
    acquisition.centre_frequency = 5.208e6;
    acquisition.notes.push_back("the centre frequency is not stated: PICMUS's 5.208 MHz is assumed");
  }
  if (!(acquisition.sampling_rate > 0) || !(acquisition.sound_speed > 0))
    refuse_file(file, "the sampling frequency and the sound speed must be positive. Correct the file");

  const auto geometry = reader.read<double>(group + "probe_geometry", {3, -1});
  const std::size_t elements = geometry.size() / 3;
  std::vector<Vec3> positions(elements);
  for (std::size_t i = 0; i < elements; ++i)
    positions[i] = {geometry[i], geometry[elements + i], geometry[2 * elements + i]};
  acquisition.probe =
      probe_from_positions(file, group + "probe_geometry", std::move(positions), 0, 0, acquisition.notes);
  acquisition.probe.frequency = acquisition.centre_frequency;

  const auto angles = reader.read<double>(group + "angles", {-1});
  const auto shape = reader.shape(group + "data/real");
  if (shape.size() != 3 || shape[0] != angles.size() || shape[1] != elements || shape[2] == 0 || angles.empty())
    refuse_file(file, "dataset '" + group + "data/real' does not have the shape [angle, channel, sample] of " +
                          std::to_string(angles.size()) + " angles and " + std::to_string(elements) +
                          " channels. Compare the file with its format");
  for (double angle : angles) {
    if (!(std::abs(angle) < std::numbers::pi / 2))
      refuse_file(file, "dataset '" + group + "angles' leaves -90 to 90 degrees. Correct the file");
    acquisition.sequence.transmits.push_back(
        plane_transmit(acquisition.probe, std::vector<double>(elements, 1.0), angle, 0, acquisition.sound_speed));
    // PICMUS counts from the wavefront's passage through the origin.
    acquisition.start.push_back(initial_time + acquisition.sequence.transmits.back().time_of_origin);
  }
  const double rate = reader.has(group + "PRF") ? scalar("PRF") : 0;
  if (rate > 0) acquisition.sequence.frame_rate = rate / static_cast<double>(angles.size());

  const std::vector<std::ptrdiff_t> extents(shape.begin(), shape.end());
  const auto real = reader.read<float>(group + "data/real", extents);
  acquisition.samples = NdArray<float, 4>({1, shape[0], shape[1], shape[2]});
  std::copy(real.begin(), real.end(), acquisition.samples.data());
  if (modulation > 0 && reader.has(group + "data/imag")) {
    acquisition.demodulation_frequency = modulation;
    const auto imaginary = reader.read<float>(group + "data/imag", extents);
    acquisition.samples_q = NdArray<float, 4>({1, shape[0], shape[1], shape[2]});
    // Its phase counts from time 0, ours from the first sample.
    const std::complex<double> turn = std::polar(1.0, 2 * std::numbers::pi * modulation * initial_time);
    for (std::size_t i = 0; i < real.size(); ++i) {
      const auto turned = turn * std::complex<double>(real[i], imaginary[i]);
      acquisition.samples.data()[i] = static_cast<float>(turned.real());
      acquisition.samples_q.data()[i] = static_cast<float>(turned.imag());
    }
  }
  check_readable(file, acquisition);
  return content;
}

}  // namespace sonoforge
