#include "formats/must.hpp"

#include <algorithm>
#include <cmath>

#include "formats/foreign.hpp"
#include "io/file_checks.hpp"
#include "io/mat.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {

/// One number of the struct `param`; `otherwise` where it is missing or empty.
double number(const std::filesystem::path& file, const MatVariable& param, const std::string& name, double otherwise) {
  const auto found = param.fields.find(name);
  if (found == param.fields.end() || found->second.values.empty()) return otherwise;
  const auto& values = found->second.values;
  if (values.size() != 1 || std::isnan(values.front()))
    refuse_file(file, "'param." + name + "' is not one number. Compare the file with MUST's documentation");
  return values.front();
}

double positive_number(const std::filesystem::path& file, const MatVariable& param, const std::string& name) {
  const double value = number(file, param, name, 0);
  if (!(value > 0) || !std::isfinite(value))
    refuse_file(file, "'param." + name + "' is missing or not positive. Add it to the struct 'param'");
  return value;
}

}  // namespace

ZeaFile read_must(const std::filesystem::path& file) {
  const auto variables = read_mat(file);
  const auto rf = variables.find("RF"), struct_at = variables.find("param");
  if (rf == variables.end() || struct_at == variables.end())
    refuse_file(file, "variables 'RF' and 'param' are not both there (MUST's channel data has them). Save both in it");
  const MatVariable& param = struct_at->second;
  const MatVariable& echoes = rf->second;
  if (echoes.fields.contains("imag")) refuse_file(file, "'RF' is complex (real RF is needed). Save the RF itself");
  if (echoes.values.empty() || echoes.size.size() < 2 || echoes.size.size() > 3)
    refuse_file(file, "'RF' is not an array [sample, element, frame]. Save one transmit a file, not a cell array");

  ZeaFile content;
  Acquisition& acquisition = content.acquisition;
  const std::size_t samples = echoes.size[0], elements = echoes.size[1];
  const std::size_t frames = echoes.size.size() == 3 ? echoes.size[2] : 1;
  acquisition.sampling_rate = positive_number(file, param, "fs");
  acquisition.centre_frequency = positive_number(file, param, "fc");
  acquisition.sound_speed = number(file, param, "c", 1540);
  if (!param.fields.contains("c")) acquisition.notes.push_back("the sound speed is not stated: 1540 m/s is assumed");
  const double pitch = positive_number(file, param, "pitch");
  const double stated = number(file, param, "Nelements", static_cast<double>(elements));
  if (stated != static_cast<double>(elements))
    refuse_file(
        file, "'RF' has " + std::to_string(elements) + " channels ('param.Nelements' differs). Correct one of the two");

  const double radius = number(file, param, "radius", std::numeric_limits<double>::infinity());
  if (!(radius > pitch)) refuse_file(file, "'param.radius' is not larger than the pitch. Correct it");
  std::vector<Vec3> positions;
  for (std::size_t i = 0; i < elements; ++i) {
    const double place = static_cast<double>(i) - 0.5 * static_cast<double>(elements - 1);
    if (std::isinf(radius)) {
      positions.push_back({place * pitch, 0, 0});
    } else {
      // The pitch is the chord between neighbours; the world's origin is the apex of the arc.
      const double angle = place * 2 * std::asin(pitch / 2 / radius);
      positions.push_back({radius * std::sin(angle), 0, radius * (std::cos(angle) - 1)});
    }
  }
  const double kerf = number(file, param, "kerf", 0);
  const double width = number(file, param, "width", kerf > 0 ? pitch - kerf : 0);
  const double height = number(file, param, "height", 0);
  acquisition.probe = probe_from_positions(file, "param.pitch", std::move(positions), width,
                                           std::isfinite(height) ? height : 0, acquisition.notes);
  acquisition.probe.pitch = pitch;
  acquisition.probe.curvature_radius = radius;
  acquisition.probe.frequency = acquisition.centre_frequency;
  acquisition.probe.bandwidth = std::max(0.0, number(file, param, "bandwidth", 0)) / 100;
  const double focus = number(file, param, "focus", std::numeric_limits<double>::infinity());
  if (focus > 0) acquisition.probe.elevation_focus = focus;

  std::vector<double> delays(elements, 0.0);
  std::size_t laws = 1;
  if (const auto found = param.fields.find("TXdelay"); found != param.fields.end() && !found->second.values.empty()) {
    const MatVariable& stored = found->second;
    if (stored.values.size() % elements != 0 || stored.size.size() != 2)
      refuse_file(file, "'param.TXdelay' does not have one delay an element. Correct it");
    laws = stored.values.size() / elements;
    delays.resize(stored.values.size());
    // MATLAB keeps columns together: one column is all laws of one element, or the whole law where it is a column.
    const bool column = stored.size[0] == elements && stored.size[1] == 1;
    for (std::size_t l = 0; l < laws; ++l)
      for (std::size_t e = 0; e < elements; ++e) delays[l * elements + e] = stored.values[column ? e : e * laws + l];
    for (double delay : delays)
      if (std::isinf(delay)) refuse_file(file, "'param.TXdelay' holds infinity. Use NaN for silent elements");
  } else {
    acquisition.notes.push_back("'param.TXdelay' is missing: a plane wave straight ahead is assumed");
  }
  double shift = 0;
  std::optional<Transmit> transmit;
  if (laws == 1) {
    transmit = transmit_from_delays(acquisition.probe, delays, std::vector<double>(elements, 1.0), {},
                                    acquisition.sound_speed, acquisition.centre_frequency, shift);
  } else {
    Transmit several;
    several.wave = Transmit::Wave::custom;
    bool any = false;
    for (std::size_t l = 0; l < laws; ++l) {
      const auto at = delays.begin() + static_cast<std::ptrdiff_t>(l * elements);
      TransmitLaw law{{at, at + static_cast<std::ptrdiff_t>(elements)}, std::vector<double>(elements, 1.0)};
      for (double delay : law.delays) any = any || !std::isnan(delay);
      several.laws.push_back(std::move(law));
    }
    if (any) {
      shift = start_at_first_firing(several);
      transmit = std::move(several);
    }
  }
  if (!transmit) refuse_file(file, "'param.TXdelay' silences all elements. Correct it");
  acquisition.sequence.transmits.push_back(std::move(*transmit));
  acquisition.sequence.frames = frames;
  acquisition.sequence.frame_rate = std::max(0.0, number(file, param, "PRF", 0));
  acquisition.start = {number(file, param, "t0", 0) - shift};
  if (acquisition.sampling_rate < 2 * acquisition.centre_frequency)
    acquisition.notes.push_back(
        "the RF is band-pass sampled (its rate is below twice the centre frequency): it must be demodulated before "
        "anything else");

  check_memory(file, "the samples", samples * elements * frames * sizeof(float));
  acquisition.samples = NdArray<float, 4>({frames, 1, elements, samples});
  // MATLAB's order is ours: samples of a channel together, then channels, then frames.
  std::transform(echoes.values.begin(), echoes.values.end(), acquisition.samples.data(),
                 [](double v) { return static_cast<float>(v); });
  check_readable(file, acquisition);
  return content;
}

void write_must(const std::filesystem::path& file, const ZeaFile& content) {
  const Acquisition& acquisition = content.acquisition;
  const Probe& probe = acquisition.probe;
  const auto refuse = [&](const std::string& text) { refuse_file(file, "cannot write MUST's MAT file: " + text); };
  if (acquisition.samples.empty()) refuse("there is no channel data. Choose another format");
  if (acquisition.is_iq()) refuse("the data are IQ (it holds RF). Write .hdf5 instead");
  if (acquisition.sequence.transmits.size() != 1)
    refuse("there are " + std::to_string(acquisition.sequence.transmits.size()) +
           " transmits (it holds one). Write .hdf5 instead");
  if (!acquisition.sequence.receive_delays.empty()) refuse("receive delays have no place in it. Write .hdf5 instead");
  if (probe.kind != Probe::Kind::linear && probe.kind != Probe::Kind::phased && probe.kind != Probe::Kind::curved)
    refuse("the probe is no linear or convex array. Write .hdf5 instead");
  const Transmit& transmit = acquisition.sequence.transmits.front();
  for (const TransmitLaw& law : transmit.laws)
    for (double weight : law.apodization)
      if (weight != 0 && weight != 1) refuse("a transmit apodization has no place in it. Write .hdf5 instead");

  MatVariable param;
  param.size = {1, 1};
  const auto number = [&](const char* name, double value) { param.fields[name] = {{1, 1}, {value}, {}, {}}; };
  const std::size_t elements = probe.size(), laws = transmit.laws.size();
  number("fs", acquisition.sampling_rate);
  number("fc", acquisition.centre_frequency);
  number("c", acquisition.sound_speed);
  number("pitch", probe.pitch);
  number("width", probe.elements.front().width);
  number("height", probe.elements.front().height);
  number("Nelements", static_cast<double>(elements));
  number("t0", acquisition.start.front());
  if (probe.bandwidth > 0) number("bandwidth", 100 * probe.bandwidth);
  number("radius",
         probe.kind == Probe::Kind::curved ? probe.curvature_radius : std::numeric_limits<double>::infinity());
  number("focus", probe.elevation_focus > 0 ? probe.elevation_focus : std::numeric_limits<double>::infinity());
  if (acquisition.sequence.frame_rate > 0) number("PRF", acquisition.sequence.frame_rate);
  MatVariable delays;  // [law, element], column-major
  delays.size = {laws, elements};
  for (std::size_t e = 0; e < elements; ++e)
    for (const TransmitLaw& law : transmit.laws)
      delays.values.push_back(law.apodization[e] == 0 ? std::numeric_limits<double>::quiet_NaN() : law.delays[e]);
  param.fields["TXdelay"] = std::move(delays);

  MatVariable echoes;  // MATLAB's order is ours
  echoes.size = {acquisition.samples_per_channel(), elements, acquisition.frames()};
  echoes.single_precision = true;
  const auto samples = acquisition.samples.flat();
  echoes.values.assign(samples.begin(), samples.end());
  write_mat(file, {{"RF", std::move(echoes)}, {"param", std::move(param)}});
}

}  // namespace sonoforge
