#include "formats/info.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.hpp"
#include "formats/exact_store.hpp"
#include "formats/reader.hpp"
#include "io/byte_order.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"
#include "io/nifti.hpp"

namespace sonoforge {
namespace {

using nlohmann::json;

json describe_axis(const Axis& axis) {
  return {{"from", axis.from}, {"to", axis.last()}, {"step", axis.step}, {"count", axis.count}};
}

json describe_grid(const PixelGrid& grid) {
  const bool polar = grid.kind == PixelGrid::Kind::polar;
  json described{{"kind", polar ? "polar" : "cartesian"}};
  described[polar ? "angle" : "x"] = describe_axis(grid.x);
  if (grid.y.count > 1) described["y"] = describe_axis(grid.y);
  described[polar ? "range" : "z"] = describe_axis(grid.z);
  if (polar) described["apex_depth"] = grid.apex_depth;
  return described;
}

json describe_probe(const Probe& probe) {
  json described{{"name", probe.name}, {"kind", to_text(probe.kind)}, {"elements", probe.size()}};
  if (probe.frequency > 0) described["frequency"] = probe.frequency;
  if (probe.bandwidth > 0) described["bandwidth"] = probe.bandwidth;
  if (probe.pitch > 0) described["pitch"] = probe.pitch;
  if (std::isfinite(probe.curvature_radius)) described["curvature_radius"] = probe.curvature_radius;
  if (!probe.elements.empty()) {
    described["element_width"] = probe.elements.front().width;
    described["element_height"] = probe.elements.front().height;
  }
  return described;
}

json describe_sequence(const Acquisition& acquisition) {
  const Sequence& sequence = acquisition.sequence;
  std::map<std::string, std::size_t> waves;
  double least = INFINITY, most = -INFINITY;
  for (const Transmit& transmit : sequence.transmits) {
    ++waves[to_text(transmit.wave)];
    least = std::min(least, transmit.angle);
    most = std::max(most, transmit.angle);
  }
  json described{{"transmits", sequence.transmits.size()}, {"waves", waves}, {"lines", sequence.lines}};
  if (!sequence.transmits.empty()) described["angles"] = {least, most};
  if (sequence.frame_rate > 0) described["frame_rate"] = sequence.frame_rate;
  return described;
}

/// How the large arrays are stored: "image/values": {"type": "int16", "scale": 0.0018}.
void describe_storage(const Hdf5Reader& reader, const std::string& group, json& described) {
  if (!reader.is_group(group)) return;
  for (const std::string& name : reader.children(group)) {
    const std::string dataset = reader.is_group(group + "/" + name) ? name + "/values" : name;
    if (!reader.has(group + "/" + dataset)) continue;
    json& entry = described["stored"][dataset];
    entry["type"] = reader.type_name(group + "/" + dataset);
    if (reader.has_attribute(group + "/" + dataset, "scale_factor"))
      entry["scale"] = reader.number_attribute(group + "/" + dataset, "scale_factor");
  }
}

json describe_volume(const std::filesystem::path& file) {
  const NiftiVolume volume = read_nifti(file);
  const auto [least, most] = std::minmax_element(volume.values.begin(), volume.values.end());
  json described{{"file", file.string()}, {"format", "nifti"}, {"size", volume.size}, {"spacing", volume.spacing}, {"affine", volume.affine}};
  if (!volume.values.empty()) described["values"] = {*least, *most};
  return described;
}

/// Size and kind of a PNG, from its first chunk.
json describe_png(const std::filesystem::path& file, const std::string& start) {
  constexpr std::size_t header_bytes = 33;
  if (start.size() < header_bytes || start.substr(12, 4) != "IHDR") refuse_file(file, "the PNG is cut off. Take an intact copy");
  const auto number = [&](std::size_t at) { return load<std::uint32_t>(start, at, true); };
  const std::map<int, std::string> kinds{{0, "grey"}, {2, "colour"}, {3, "indexed"}, {4, "grey with alpha"}, {6, "colour with alpha"}};
  const auto kind = kinds.find(static_cast<unsigned char>(start[25]));
  return {{"file", file.string()}, {"format", "png"}, {"width", number(16)}, {"height", number(20)},
          {"bit_depth", static_cast<int>(static_cast<unsigned char>(start[24]))}, {"kind", kind == kinds.end() ? "unknown" : kind->second}};
}

/// What command `field` writes.
bool holds_field(const Hdf5Reader& reader) {
  return reader.has("sonoforge/config") && !reader.has("tracks") &&
         (reader.has("pressure") || reader.has("rms_pressure") || reader.has("waveforms"));
}
json describe_field(const Hdf5Reader& reader) {
  json described{{"file", reader.file().string()}, {"format", "field"}, {"has_config", true}};
  for (const std::string& name : reader.children("/")) {
    if (reader.is_group(name)) continue;
    json& entry = described["data"][name];
    entry["shape"] = reader.shape(name), entry["type"] = reader.type_name(name);
    for (const char* text : {"unit", "description"})
      if (reader.has_attribute(name, text)) entry[text] = reader.text_attribute(name, text);
  }
  return described;
}

}  // namespace

json describe_file(const std::filesystem::path& file) {
  regular_file_size(file);
  const std::string start = read_file_start(file, 33);
  if (start.starts_with("\x89PNG\r\n\x1a\n")) return describe_png(file, start);
  if (const std::string ending = ending_of(file); ending == ".nii" || ending == ".nii.gz") return describe_volume(file);
  if (start.starts_with("\x89HDF"))
    if (const Hdf5Reader reader(file); holds_field(reader)) return describe_field(reader);
  const std::string format = detect_format(file);
  const ZeaFile content = read_any(file);
  const Acquisition& acquisition = content.acquisition;
  json described{{"file", file.string()}, {"format", format}, {"description", acquisition.description}};
  if (acquisition.probe.size() > 0) described["probe"] = describe_probe(acquisition.probe);
  if (!acquisition.sequence.transmits.empty()) {
    described["sequence"] = describe_sequence(acquisition);
    described["sampling_rate"] = acquisition.sampling_rate;
    described["centre_frequency"] = acquisition.centre_frequency;
    described["sound_speed"] = acquisition.sound_speed;
  }
  if (!acquisition.samples.empty()) {
    described["data"] = {
        {"kind", acquisition.is_iq() ? "IQ" : "RF"},
        {"frames", acquisition.frames()},
        {"transmits", acquisition.transmits()},
        {"channels", acquisition.channels()},
        {"samples", acquisition.samples_per_channel()},
        {"start", acquisition.start.front()},
        {"duration", static_cast<double>(acquisition.samples_per_channel()) / acquisition.sampling_rate}};
    if (acquisition.is_iq()) described["data"]["demodulation_frequency"] = acquisition.demodulation_frequency;
  }
  described["images"] = content.images.size();
  if (!content.beamformed.empty()) described["beamformed"] = content.beamformed.size();
  if (content.image_grid) described["image_grid"] = describe_grid(*content.image_grid);
  json labels = json::array();
  for (const LabelMap& label : content.labels)
    labels.push_back({{"name", label.name},
                      {"unit", label.unit},
                      {"channels", label.channels},
                      {"grid", describe_grid(label.grid)}});
  described["labels"] = labels;
  if (!content.scatterer_positions.empty()) described["scatterers"] = content.scatterer_positions.size();
  for (const auto& [name, factor] : content.factors) {
    if (factor.numeric)
      described["factors"][name] = {{"value", factor.value}, {"unit", factor.unit}, {"text", factor.text}};
    else
      described["factors"][name] = factor.text;
  }
  for (const Measurement& measurement : content.measurements)
    described["measurements"][measurement.name] = {{"value", measurement.value}, {"unit", measurement.unit}};
  if (!content.subject_id.empty()) described["subject"] = content.subject_id;
  if (format == "zea") {
    const Hdf5Reader reader(file);
    describe_storage(reader, "tracks/track_0/data", described);
    for (const char* name : {"zea_version", "sonoforge_version"})
      if (reader.has_attribute("/", name)) described[name] = reader.text_attribute("/", name);
    if (reader.has_attribute("/", "sonoforge_seed")) described["seed"] = content.seed;
  }
  described["has_config"] = !content.config.empty();
  described["notes"] = acquisition.notes;
  return described;
}

}  // namespace sonoforge
