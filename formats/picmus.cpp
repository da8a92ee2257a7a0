#include "formats/picmus.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "core/error.hpp"
#include "core/fft.hpp"
#include "core/progress.hpp"
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

namespace {

/// `signal`, which starts `late` samples after the new record, on that record of `length` samples; zero outside.
std::vector<std::complex<double>> moved(std::span<const std::complex<double>> signal, double late, std::size_t length) {
  double whole = std::floor(late + 1e-6);
  const double part = late - whole;
  std::vector<std::complex<double>> out(length);
  const auto place = [&](std::span<const std::complex<double>> from, std::ptrdiff_t first) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      const std::ptrdiff_t at = first + static_cast<std::ptrdiff_t>(i);
      if (at >= 0 && at < static_cast<std::ptrdiff_t>(length)) out[static_cast<std::size_t>(at)] = from[i];
    }
  };
  if (part < 1e-6) {
    place(signal, static_cast<std::ptrdiff_t>(whole));
    return out;
  }
  // The edges ring like sin(pi part) / (pi n): zeros on both sides keep the ends from meeting.
  constexpr std::size_t margin = 64;
  const ComplexFft<double> fft(good_fft_size(signal.size() + 2 * margin));
  const std::size_t n = fft.size();
  std::vector<std::complex<double>> padded(n), spectrum(n);
  std::copy(signal.begin(), signal.end(), padded.begin() + margin);
  fft.forward(padded, spectrum);
  for (std::size_t k = 0; k < n; ++k) {
    const double frequency = k <= n / 2 ? static_cast<double>(k) : static_cast<double>(k) - static_cast<double>(n);
    if (2 * k == n)
      spectrum[k] *= std::cos(std::numbers::pi * part);  // keeps real signals real
    else
      spectrum[k] *= std::polar(1.0, -2 * std::numbers::pi * frequency * part / static_cast<double>(n));
  }
  fft.inverse(spectrum, padded);
  for (auto& value : padded) value /= static_cast<double>(n);
  place(padded, static_cast<std::ptrdiff_t>(whole) - static_cast<std::ptrdiff_t>(margin));
  return out;
}

}  // namespace

void write_picmus(const std::filesystem::path& file, const ZeaFile& content) {
  const Acquisition& acquisition = content.acquisition;
  const auto refuse = [&](const std::string& text) { refuse_file(file, "cannot write PICMUS: " + text); };
  if (acquisition.samples.empty()) refuse("there is no channel data. Choose another format");
  if (acquisition.frames() != 1)
    refuse("there are " + std::to_string(acquisition.frames()) + " frames (PICMUS holds one). Write .hdf5 instead");
  if (!acquisition.sequence.receive_delays.empty()) refuse("receive delays have no place in it. Write .hdf5 instead");
  const auto& transmits = acquisition.sequence.transmits;
  bool tapered = false;
  for (const Transmit& transmit : transmits) {
    if (transmit.wave != Transmit::Wave::plane || transmit.azimuth != 0)
      refuse("a transmit is no plane wave steered in the x-z plane (PICMUS holds angles only). Write .hdf5 instead");
    for (double weight : transmit.laws.front().apodization) tapered = tapered || weight != 1;
  }
  const std::size_t elements = acquisition.probe.size(), waves = transmits.size();
  for (const Element& element : acquisition.probe.elements)
    if (std::abs(element.position.y) > 1e-9 || std::abs(element.position.z) > 1e-9)
      refuse("the elements are not on a line (PICMUS's readers take a linear array). Write .hdf5 instead");
  if (tapered) log_warning(file.string() + ": transmit apodization has no place in PICMUS and is left out");

  constexpr double pulse = 5.208e6;  // what readers of RF take for granted
  if (!acquisition.is_iq() && std::abs(acquisition.centre_frequency - pulse) > 1e-3 * pulse)
    log_warning(file.string() +
                ": PICMUS's RF files do not state their centre frequency, readers assume 5.208 MHz (this one has " +
                std::to_string(acquisition.centre_frequency * 1e-6) + " MHz)");

  // On PICMUS's axis each wave passes the origin at 0.
  std::vector<double> begin(waves);
  for (std::size_t t = 0; t < waves; ++t) begin[t] = acquisition.start[t] - transmits[t].time_of_origin;
  const auto [first, last] = std::minmax_element(begin.begin(), begin.end());
  const double rate = acquisition.sampling_rate;
  const auto initial_time = static_cast<double>(static_cast<float>(*first));
  const std::size_t length =
      acquisition.samples_per_channel() + static_cast<std::size_t>(std::ceil((*last - *first) * rate - 1e-6));
  const std::size_t block = elements * length;
  const double frequency = acquisition.is_iq() ? acquisition.demodulation_frequency : 0;
  std::vector<float> real(waves * block), imaginary(acquisition.is_iq() ? waves * block : 0);
  bool between = false;
  std::vector<std::complex<double>> signal(acquisition.samples_per_channel());
  for (std::size_t t = 0; t < waves; ++t) {
    const double late = (begin[t] - *first) * rate;
    between = between || std::abs(late - std::round(late)) > 1e-6;
    // Our phase counts from the first sample, PICMUS's from time 0.
    const std::complex<double> turn = std::polar(1.0, -2 * std::numbers::pi * frequency * begin[t]);
    for (std::size_t e = 0; e < elements; ++e) {
      for (std::size_t i = 0; i < signal.size(); ++i) {
        const double q = acquisition.is_iq() ? acquisition.samples_q(0, t, e, i) : 0.0;
        signal[i] = turn * std::complex<double>(acquisition.samples(0, t, e, i), q);
      }
      const auto record = moved(signal, late, length);
      const std::size_t at = t * block + e * length;
      for (std::size_t i = 0; i < length; ++i) {
        real[at + i] = static_cast<float>(record[i].real());
        if (acquisition.is_iq()) imaginary[at + i] = static_cast<float>(record[i].imag());
      }
    }
  }
  if (between)
    log_warning(file.string() +
                ": PICMUS has one start for all waves: those between two of its samples were moved by the rest of a "
                "sample (as band-limited signals)");

  Hdf5Writer writer(file);
  const std::string group = "US/US_DATASET0000";
  writer.group(group);
  writer.fixed_attribute(group, "type", "US");
  writer.fixed_attribute(group, "subtype", "CPW");
  writer.fixed_attribute(group, "signal_format", acquisition.is_iq() ? "IQ" : "RF");
  const auto scalar = [&](const std::string& name, double value) {
    const auto narrow = static_cast<float>(value);
    writer.write<float>(group + "/" + name, std::span(&narrow, 1), {1});
  };
  scalar("sound_speed", acquisition.sound_speed);
  scalar("initial_time", initial_time);
  scalar("sampling_frequency", rate);
  scalar("PRF", acquisition.sequence.frame_rate * static_cast<double>(waves));
  scalar("modulation_frequency", frequency);
  std::vector<float> angles, geometry(3 * elements, 0.0F);
  for (const Transmit& transmit : transmits) angles.push_back(static_cast<float>(transmit.angle));
  for (std::size_t e = 0; e < elements; ++e) geometry[e] = static_cast<float>(acquisition.probe.elements[e].position.x);
  writer.write<float>(group + "/angles", angles, {waves});
  writer.write<float>(group + "/probe_geometry", geometry, {3, elements});
  writer.write<float>(group + "/data/real", real, {waves, elements, length});
  if (acquisition.is_iq()) writer.write<float>(group + "/data/imag", imaginary, {waves, elements, length});
  writer.commit();
}

}  // namespace sonoforge
