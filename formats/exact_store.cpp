#include "formats/exact_store.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "io/file_checks.hpp"

namespace sonoforge {
namespace {

constexpr std::array<std::pair<Transmit::Wave, const char*>, 5> waves{{{Transmit::Wave::plane, "plane"},
                                                                       {Transmit::Wave::diverging, "diverging"},
                                                                       {Transmit::Wave::focused, "focused"},
                                                                       {Transmit::Wave::element, "element"},
                                                                       {Transmit::Wave::custom, "custom"}}};
constexpr std::array<std::pair<Probe::Kind, const char*>, 8> kinds{{{Probe::Kind::linear, "linear"},
                                                                    {Probe::Kind::phased, "phased"},
                                                                    {Probe::Kind::curved, "curved"},
                                                                    {Probe::Kind::matrix, "matrix"},
                                                                    {Probe::Kind::row_column, "row_column"},
                                                                    {Probe::Kind::ring, "ring"},
                                                                    {Probe::Kind::single, "single"},
                                                                    {Probe::Kind::custom, "custom"}}};
constexpr std::array<std::pair<Element::Shape, const char*>, 3> shapes{
    {{Element::Shape::rectangle, "rectangle"}, {Element::Shape::disc, "disc"}, {Element::Shape::bowl, "bowl"}}};

template <class Table, class Value>
std::string name_of(const Table& table, Value value) {
  for (const auto& [entry, name] : table)
    if (entry == value) return name;
  return "custom";
}

template <class Table>
auto value_of(const Hdf5Reader& reader, const std::string& dataset, const Table& table, const std::string& name) {
  for (const auto& [entry, known] : table)
    if (known == name) return entry;
  refuse_file(reader.file(), "dataset '" + dataset + "' holds the unknown word '" + name +
                                 "' (the file comes from a newer version or is damaged). Use a newer Sonoforge");
}

void write_vectors(Hdf5Writer& writer, const std::string& dataset, const std::vector<Vec3>& vectors,
                   const Hdf5Storage& storage) {
  std::vector<double> values;
  values.reserve(3 * vectors.size());
  for (const Vec3& v : vectors) values.insert(values.end(), {v.x, v.y, v.z});
  writer.write<double>(dataset, values, {vectors.size(), 3}, storage);
}

std::vector<Vec3> read_vectors(const Hdf5Reader& reader, const std::string& dataset, std::size_t count) {
  const auto values = reader.read<double>(dataset, {static_cast<std::ptrdiff_t>(count), 3});
  std::vector<Vec3> vectors(count);
  for (std::size_t i = 0; i < count; ++i) vectors[i] = {values[3 * i], values[3 * i + 1], values[3 * i + 2]};
  return vectors;
}

std::vector<std::string> read_names(const Hdf5Reader& reader, const std::string& dataset, std::size_t count) {
  auto names = reader.read_texts(dataset);
  if (names.size() != count)
    refuse_file(reader.file(), "dataset '" + dataset + "' holds " + std::to_string(names.size()) + " names (needs " +
                                   std::to_string(count) + "). The file is damaged");
  return names;
}

template <class Member>
std::vector<double> gather(const std::vector<Element>& elements, Member member) {
  std::vector<double> values;
  for (const Element& element : elements) values.push_back(element.*member);
  return values;
}

void write_probe(Hdf5Writer& writer, const Probe& probe) {
  const std::string group = "sonoforge/probe/";
  const auto& elements = probe.elements;
  const std::size_t count = elements.size();
  std::vector<Vec3> positions, normals, laterals;
  std::vector<std::string> names;
  for (const Element& element : elements) {
    positions.push_back(element.position);
    normals.push_back(element.normal);
    laterals.push_back(element.lateral);
    names.push_back(name_of(shapes, element.shape));
  }
  writer.write_text(group + "kind", to_text(probe.kind), {"-", "kind of array"});
  writer.write_text(group + "name", probe.name, {"-", "name of the probe"});
  writer.write_scalar(group + "frequency", probe.frequency, {"Hz", "centre frequency"});
  writer.write_scalar(group + "bandwidth", probe.bandwidth, {"-", "two-way -6 dB bandwidth over the centre frequency"});
  writer.write_scalar(group + "elevation_focus", probe.elevation_focus, {"m", "distance of the lens's focus"});
  writer.write_scalar(group + "baffle", probe.baffle, {"-", "impedance ratio: 0 rigid, infinity soft"});
  writer.write_scalar(group + "pitch", probe.pitch, {"m", "distance between neighbouring elements"});
  writer.write_scalar(group + "curvature_radius", probe.curvature_radius, {"m", "radius of the array"});
  write_vectors(writer, group + "positions", positions, {"m", "centres of the elements (x, y, z)"});
  write_vectors(writer, group + "normals", normals, {"-", "unit vectors into the medium"});
  write_vectors(writer, group + "laterals", laterals, {"-", "unit vectors along the elements' widths"});
  writer.write<double>(group + "widths", gather(elements, &Element::width), {count}, {"m", "widths of the elements"});
  writer.write<double>(group + "heights", gather(elements, &Element::height), {count},
                       {"m", "heights of the elements"});
  writer.write<double>(group + "curvature_radii", gather(elements, &Element::curvature_radius), {count},
                       {"m", "radii of bowls"});
  writer.write_texts(group + "shapes", names, {"-", "shapes of the elements"});
}

Probe read_probe(const Hdf5Reader& reader) {
  const std::string group = "sonoforge/probe/";
  Probe probe;
  probe.kind = value_of(reader, group + "kind", kinds, reader.read_text(group + "kind"));
  probe.name = reader.read_text(group + "name");
  probe.frequency = reader.read_scalar<double>(group + "frequency");
  probe.bandwidth = reader.read_scalar<double>(group + "bandwidth");
  probe.elevation_focus = reader.read_scalar<double>(group + "elevation_focus");
  probe.baffle = reader.read_scalar<double>(group + "baffle");
  probe.pitch = reader.read_scalar<double>(group + "pitch");
  probe.curvature_radius = reader.read_scalar<double>(group + "curvature_radius");
  const auto widths = reader.read<double>(group + "widths", {-1});
  const std::size_t count = widths.size();
  const auto only = static_cast<std::ptrdiff_t>(count);
  const auto heights = reader.read<double>(group + "heights", {only});
  const auto radii = reader.read<double>(group + "curvature_radii", {only});
  const auto positions = read_vectors(reader, group + "positions", count);
  const auto normals = read_vectors(reader, group + "normals", count);
  const auto laterals = read_vectors(reader, group + "laterals", count);
  const auto names = read_names(reader, group + "shapes", count);
  for (std::size_t i = 0; i < count; ++i) {
    const bool good = is_finite(positions[i]) && std::abs(norm(normals[i]) - 1) < 1e-6 &&
                      std::abs(norm(laterals[i]) - 1) < 1e-6 && widths[i] >= 0 && heights[i] >= 0 &&
                      std::isfinite(widths[i]) && std::isfinite(heights[i]) && !std::isnan(radii[i]);
    if (!good)
      refuse_file(reader.file(), "group 'sonoforge/probe' describes element " + std::to_string(i + 1) +
                                     " by impossible numbers. The file is damaged");
    probe.elements.push_back({positions[i], normals[i], laterals[i], widths[i], heights[i],
                              value_of(reader, group + "shapes", shapes, names[i]), radii[i]});
  }
  return probe;
}

void write_sequence(Hdf5Writer& writer, const Sequence& sequence, std::size_t elements) {
  const std::string group = "sonoforge/sequence/";
  const std::size_t count = sequence.transmits.size();
  std::size_t most_laws = 1;
  for (const Transmit& transmit : sequence.transmits) most_laws = std::max(most_laws, transmit.laws.size());
  std::vector<double> delays(count * most_laws * elements, std::numeric_limits<double>::quiet_NaN());
  std::vector<double> apodization(delays.size(), 0.0), angles, azimuths, times;
  std::vector<std::int32_t> laws;
  std::vector<std::string> names;
  std::vector<Vec3> focuses, origins, directions;
  for (std::size_t t = 0; t < count; ++t) {
    const Transmit& transmit = sequence.transmits[t];
    for (std::size_t l = 0; l < transmit.laws.size(); ++l) {
      const auto at = static_cast<std::ptrdiff_t>((t * most_laws + l) * elements);
      std::copy(transmit.laws[l].delays.begin(), transmit.laws[l].delays.end(), delays.begin() + at);
      std::copy(transmit.laws[l].apodization.begin(), transmit.laws[l].apodization.end(), apodization.begin() + at);
    }
    laws.push_back(static_cast<std::int32_t>(transmit.laws.size()));
    names.push_back(to_text(transmit.wave));
    angles.push_back(transmit.angle);
    azimuths.push_back(transmit.azimuth);
    times.push_back(transmit.time_of_origin);
    focuses.push_back(transmit.focus);
    origins.push_back(transmit.origin);
    directions.push_back(transmit.direction);
  }
  writer.write<double>(
      group + "delays", delays, {count, most_laws, elements},
      {"s", "delays [transmit, law, element]; the laws of a transmit are superposed; NaN = silent", 4});
  writer.write<double>(group + "apodization", apodization, {count, most_laws, elements},
                       {"-", "weights [transmit, law, element]", 4});
  writer.write<std::int32_t>(group + "laws", laws, {count}, {"-", "number of laws of each transmit"});
  writer.write_texts(group + "waves", names, {"-", "kind of wave of each transmit"});
  writer.write<double>(group + "angles", angles, {count}, {"rad", "steering in x-z: atan(direction x / z)"});
  writer.write<double>(group + "azimuths", azimuths, {count}, {"rad", "steering in y-z: atan(direction y / z)"});
  writer.write<double>(group + "times_of_origin", times, {count},
                       {"s", "when the wave passes the origin (plane) or its focus or source, after the first firing"});
  write_vectors(writer, group + "focuses", focuses, {"m", "focus, virtual source or element"});
  write_vectors(writer, group + "origins", origins, {"m", "where the beam axis meets the probe face"});
  write_vectors(writer, group + "directions", directions, {"-", "unit vectors of the beam axes"});
  if (!sequence.receive_delays.empty())
    writer.write<double>(group + "receive_delays", sequence.receive_delays, {sequence.receive_delays.size()},
                         {"s", "delays applied to the received echoes of each element"});
  writer.write_scalar(group + "frames", static_cast<std::uint64_t>(sequence.frames), {"-", "number of frames"});
  writer.write_scalar(group + "frame_rate", sequence.frame_rate, {"Hz", "frames a second; 0 = not stated"});
  const std::uint8_t lines = sequence.lines ? 1 : 0;
  writer.write_bools(group + "lines", std::span(&lines, 1), {1}, {"-", "each transmit makes its own image line"});
}

Sequence read_sequence(const Hdf5Reader& reader, std::size_t elements) {
  const std::string group = "sonoforge/sequence/";
  const auto damaged = [&](const std::string& name) {
    refuse_file(reader.file(), "dataset '" + group + name + "' holds impossible values. The file is damaged");
  };
  Sequence sequence;
  const auto laws = reader.read<std::int32_t>(group + "laws", {-1});
  const std::size_t count = laws.size();
  const auto only = static_cast<std::ptrdiff_t>(count);
  const auto shape = reader.shape(group + "delays");
  if (shape.size() != 3 || shape[0] != count || shape[2] != elements) damaged("delays");
  const std::vector<std::ptrdiff_t> fixed(shape.begin(), shape.end());
  const auto delays = reader.read<double>(group + "delays", fixed);
  const auto apodization = reader.read<double>(group + "apodization", fixed);
  const auto names = read_names(reader, group + "waves", count);
  const auto angles = reader.read<double>(group + "angles", {only});
  const auto azimuths = reader.read<double>(group + "azimuths", {only});
  const auto times = reader.read<double>(group + "times_of_origin", {only});
  const auto focuses = read_vectors(reader, group + "focuses", count);
  const auto origins = read_vectors(reader, group + "origins", count);
  const auto directions = read_vectors(reader, group + "directions", count);
  for (std::size_t t = 0; t < count; ++t) {
    Transmit transmit;
    transmit.wave = value_of(reader, group + "waves", waves, names[t]);
    if (laws[t] < 1 || static_cast<std::size_t>(laws[t]) > shape[1]) damaged("laws");
    for (std::size_t l = 0; l < static_cast<std::size_t>(laws[t]); ++l) {
      const auto at = static_cast<std::ptrdiff_t>((t * shape[1] + l) * elements);
      const auto end = at + static_cast<std::ptrdiff_t>(elements);
      transmit.laws.push_back(
          {{delays.begin() + at, delays.begin() + end}, {apodization.begin() + at, apodization.begin() + end}});
      for (std::size_t i = 0; i < elements; ++i) {
        const double delay = transmit.laws.back().delays[i], weight = transmit.laws.back().apodization[i];
        if (!(std::abs(weight) <= 1) || std::isnan(delay) != (weight == 0) || delay < 0 || std::isinf(delay))
          damaged("delays");
      }
    }
    transmit.angle = angles[t];
    transmit.azimuth = azimuths[t];
    transmit.time_of_origin = times[t];
    transmit.focus = focuses[t];
    transmit.origin = origins[t];
    transmit.direction = directions[t];
    if (!std::isfinite(angles[t]) || !std::isfinite(azimuths[t])) damaged("angles");
    if (!std::isfinite(times[t])) damaged("times_of_origin");
    if (!is_finite(focuses[t]) || !is_finite(origins[t]) || !is_finite(directions[t])) damaged("directions");
    sequence.transmits.push_back(std::move(transmit));
  }
  if (reader.has(group + "receive_delays")) {
    sequence.receive_delays = reader.read<double>(group + "receive_delays", {static_cast<std::ptrdiff_t>(elements)});
    if (!std::all_of(sequence.receive_delays.begin(), sequence.receive_delays.end(),
                     [](double delay) { return std::isfinite(delay); }))
      damaged("receive_delays");
  }
  sequence.frames = reader.read_scalar<std::uint64_t>(group + "frames");
  sequence.frame_rate = reader.read_scalar<double>(group + "frame_rate");
  if (!(sequence.frame_rate >= 0) || std::isinf(sequence.frame_rate)) damaged("frame_rate");
  sequence.lines = reader.read_scalar<std::uint8_t>(group + "lines") != 0;
  return sequence;
}

void write_axis(Hdf5Writer& writer, const std::string& dataset, const Axis& axis, const std::string& unit) {
  const std::array<double, 3> values{axis.from, axis.step, static_cast<double>(axis.count)};
  writer.write<double>(dataset, values, {3}, {unit, "first value, step, count"});
}

Axis read_axis(const Hdf5Reader& reader, const std::string& dataset) {
  const auto values = reader.read<double>(dataset, {3});
  const bool good = std::isfinite(values[0]) && std::isfinite(values[1]) && values[2] >= 1 && values[2] < 1e9;
  if (!good) refuse_file(reader.file(), "dataset '" + dataset + "' holds no axis. The file is damaged");
  return {values[0], values[1], static_cast<std::size_t>(values[2])};
}

}  // namespace

std::string to_text(Transmit::Wave wave) {
  return name_of(waves, wave);
}
std::string to_text(Probe::Kind kind) {
  return name_of(kinds, kind);
}

void write_exact_acquisition(Hdf5Writer& writer, const Acquisition& acquisition) {
  const std::string group = "sonoforge/scan/";
  write_probe(writer, acquisition.probe);
  write_sequence(writer, acquisition.sequence, acquisition.probe.size());
  writer.write_scalar(group + "sampling_rate", acquisition.sampling_rate, {"Hz", "sampling rate"});
  writer.write_scalar(group + "centre_frequency", acquisition.centre_frequency, {"Hz", "centre frequency"});
  writer.write_scalar(group + "demodulation_frequency", acquisition.demodulation_frequency,
                      {"Hz", "demodulation frequency of IQ data; 0 for RF"});
  writer.write_scalar(group + "sound_speed", acquisition.sound_speed, {"m/s", "sound speed for reconstruction"});
  writer.write<double>(group + "start", acquisition.start, {acquisition.start.size()},
                       {"s", "time of the first sample after the first element fired its pulse centre"});
}

std::optional<Acquisition> read_exact_acquisition(const Hdf5Reader& reader) {
  const std::string group = "sonoforge/scan/";
  if (!reader.is_group("sonoforge/scan") || !reader.is_group("sonoforge/probe") ||
      !reader.is_group("sonoforge/sequence"))
    return std::nullopt;
  Acquisition acquisition;
  acquisition.probe = read_probe(reader);
  acquisition.sequence = read_sequence(reader, acquisition.probe.size());
  acquisition.sampling_rate = reader.read_scalar<double>(group + "sampling_rate");
  acquisition.centre_frequency = reader.read_scalar<double>(group + "centre_frequency");
  acquisition.demodulation_frequency = reader.read_scalar<double>(group + "demodulation_frequency");
  acquisition.sound_speed = reader.read_scalar<double>(group + "sound_speed");
  acquisition.start =
      reader.read<double>(group + "start", {static_cast<std::ptrdiff_t>(acquisition.sequence.transmits.size())});
  return acquisition;
}

void write_grid(Hdf5Writer& writer, const std::string& group, const PixelGrid& grid) {
  const bool polar = grid.kind == PixelGrid::Kind::polar;
  writer.write_text(group + "/kind", polar ? "polar" : "cartesian", {"-", "kind of pixel grid"});
  write_axis(writer, group + "/x", grid.x, polar ? "rad" : "m");
  write_axis(writer, group + "/y", grid.y, "m");
  write_axis(writer, group + "/z", grid.z, "m");
  writer.write_scalar(group + "/apex_depth", grid.apex_depth, {"m", "depth of the apex of a polar grid"});
}

std::optional<PixelGrid> read_grid(const Hdf5Reader& reader, const std::string& group) {
  if (!reader.is_group(group)) return std::nullopt;
  PixelGrid grid;
  const auto kind = reader.read_text(group + "/kind");
  if (kind != "polar" && kind != "cartesian")
    refuse_file(reader.file(), "dataset '" + group + "/kind' holds the unknown word '" + kind +
                                   "'. Use a newer Sonoforge or an intact copy");
  grid.kind = kind == "polar" ? PixelGrid::Kind::polar : PixelGrid::Kind::cartesian;
  grid.x = read_axis(reader, group + "/x");
  grid.y = read_axis(reader, group + "/y");
  grid.z = read_axis(reader, group + "/z");
  grid.apex_depth = reader.read_scalar<double>(group + "/apex_depth");
  if (!std::isfinite(grid.apex_depth))
    refuse_file(reader.file(), "dataset '" + group + "/apex_depth' is not finite. The file is damaged");
  return grid;
}

}  // namespace sonoforge
