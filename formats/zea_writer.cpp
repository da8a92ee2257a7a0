#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.hpp"
#include "formats/exact_store.hpp"
#include "formats/zea.hpp"
#include "formats/zea_transmits.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

namespace {

constexpr const char* track = "tracks/track_0/";
constexpr int light = 1;   ///< deflate: values of images and maps
constexpr int strong = 4;  ///< deflate: coordinates and masks, which shrink a hundredfold

[[noreturn]] void refuse(const fs::path& file, const std::string& text) {
  refuse_file(file, "cannot store the acquisition: " + text);
}

/// A name that can be a link in an HDF5 file and is not taken.
void check_name(const fs::path& file, const std::string& what, const std::string& name, std::set<std::string>& taken) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos ||
      name.find('\0') != std::string::npos)
    refuse(file, what + " '" + name + "' has a name that HDF5 cannot hold. Choose another, without '/'");
  if (!taken.insert(name).second) refuse(file, what + " '" + name + "' occurs twice. Give each its own name");
}

std::string label_dataset(const std::string& name) {
  return name == "sound_speed" ? "sos_map" : name;
}

/// Values [channel, sample] of one transmit to [sample, channel], `step` apart; in blocks that stay in the cache.
void transpose(std::span<const float> from, std::size_t channels, std::size_t samples, float* to, std::size_t step) {
  constexpr std::size_t block = 32;
  for (std::size_t c0 = 0; c0 < channels; c0 += block)
    for (std::size_t s0 = 0; s0 < samples; s0 += block)
      for (std::size_t s = s0; s < std::min(s0 + block, samples); ++s)
        for (std::size_t c = c0; c < std::min(c0 + block, channels); ++c)
          to[(s * channels + c) * step] = from[c * samples + s];
}

/// Writes arrays as `ZeaStorage` asks.
class ArrayWriter {
 public:
  ArrayWriter(Hdf5Writer& writer, const ZeaStorage& storage) : writer_(writer), storage_(storage) {}

  /// `meaning.deflate` is the usual one.
  void write(const std::string& dataset, const std::vector<float>& values, const std::vector<std::size_t>& shape,
             Hdf5Storage meaning) {
    meaning.deflate = storage_.compression.value_or(meaning.deflate);
    if (!storage_.int16) return writer_.write<float>(dataset, values, shape, meaning);
    float most = 0;
    for (float v : values)
      if (std::isfinite(v)) most = std::max(most, std::abs(v));
    const double scale = most > 0 ? static_cast<double>(most) / 32767 : 1;
    std::vector<std::int16_t> stored;
    stored.reserve(values.size());
    for (float v : values)  // -inf, an image's nothing, becomes the least that there is
      stored.push_back(std::isfinite(v) ? static_cast<std::int16_t>(std::lround(static_cast<double>(v) / scale))
                                        : static_cast<std::int16_t>(v < 0 ? -32768 : 32767));
    writer_.write<std::int16_t>(dataset, stored, shape, meaning);
    writer_.attribute(dataset, "scale_factor", scale);
  }
  void write_masks(const std::string& dataset, const std::vector<std::uint8_t>& values,
                   const std::vector<std::size_t>& shape, Hdf5Storage meaning) {
    meaning.deflate = storage_.compression.value_or(meaning.deflate);
    writer_.write_bools(dataset, values, shape, meaning);
  }
  int deflate(int usual) const { return storage_.compression.value_or(usual); }
  Hdf5Writer& plain() { return writer_; }

 private:
  Hdf5Writer& writer_;
  const ZeaStorage& storage_;
};

/// Samples [frame, transmit, channel, sample] in zea's order [frame, transmit, sample, channel, 1].
void write_components(ArrayWriter& writer, const fs::path& file, const Acquisition& acquisition) {
  std::set<std::string> taken;
  for (const SignalComponent& component : acquisition.components) {
    check_name(file, "component", component.name, taken);
    if (component.samples.shape() != acquisition.samples.shape())
      refuse(file, "component '" + component.name + "' does not have the shape of the samples");
    const auto [frames, transmits, channels, samples] = component.samples.shape();
    std::vector<float> values(component.samples.size());
    const std::size_t record = channels * samples;
    for (std::size_t i = 0; i < frames * transmits; ++i)
      transpose(component.samples.flat().subspan(i * record, record), channels, samples, values.data() + i * record, 1);
    writer.write("sonoforge/components/" + component.name, values, {frames, transmits, samples, channels, 1},
                        {"-", "Part of raw_data; the parts sum to the whole."});
  }
}

void write_samples(ArrayWriter& writer, const fs::path& file, const Acquisition& acquisition) {
  const std::size_t parts = acquisition.is_iq() ? 2 : 1;
  const auto [frames, transmits, channels, samples] = acquisition.samples.shape();
  check_memory(file, "writing the samples", acquisition.samples.size() * parts * sizeof(float));
  std::vector<float> values(acquisition.samples.size() * parts);
  const std::size_t record = channels * samples;
  for (std::size_t i = 0; i < frames * transmits; ++i) {
    float* to = values.data() + i * record * parts;
    transpose(acquisition.samples.flat().subspan(i * record, record), channels, samples, to, parts);
    if (parts == 2) transpose(acquisition.samples_q.flat().subspan(i * record, record), channels, samples, to + 1, 2);
  }
  writer.write(std::string(track) + "data/raw_data", values, {frames, transmits, samples, channels, parts},
                      {"-", "Raw channel data."});
}

void write_scan(Hdf5Writer& writer, const Acquisition& acquisition, std::size_t frames) {
  const std::string group = std::string(track) + "scan/";
  const auto& transmits = acquisition.sequence.transmits;
  const std::size_t count = transmits.size(), elements = acquisition.probe.size();
  const ZeaTransmits scan = zea_transmits(acquisition);
  const auto centre = static_cast<float>(acquisition.centre_frequency);
  const auto demodulation = acquisition.is_iq() ? static_cast<float>(acquisition.demodulation_frequency) : centre;
  writer.write_scalar(group + "sampling_frequency", static_cast<float>(acquisition.sampling_rate),
                      {"Hz", "Sampling frequency."});
  writer.write_scalar(group + "center_frequency", centre, {"Hz", "Center frequency of the transmit pulse."});
  writer.write_scalar(group + "demodulation_frequency", demodulation, {"Hz", "Demodulation frequency."});
  writer.write_scalar(group + "sound_speed", static_cast<float>(acquisition.sound_speed), {"m/s", "Speed of sound."});
  writer.write<float>(group + "initial_times", scan.starts, {count},
                      {"s",
                       "Time from the first firing to the first sample, one period of the center frequency added "
                       "for the pulse's peak."});
  writer.write<float>(group + "t0_delays", scan.delays, {count, elements}, {"s", "Transmit delays per element."});
  writer.write<float>(group + "tx_apodizations", scan.apodization, {count, elements},
                      {"-", "Transmit apodization per element."});
  writer.write<float>(group + "focus_distances", scan.distances, {count},
                      {"m", "Transmit focus distances; infinite for plane waves, negative for diverging ones."});
  writer.write<float>(group + "transmit_origins", scan.origins, {count, 3}, {"m", "Transmit beam origins (x, y, z)."});
  writer.write<float>(group + "polar_angles", scan.polar, {count}, {"rad", "Polar angles of transmit beams."});
  writer.write<float>(group + "azimuth_angles", scan.azimuths, {count}, {"rad", "Azimuthal angles of transmit beams."});
  if (!acquisition.tgc_gain.empty()) {
    const std::vector<float> gain(acquisition.tgc_gain.begin(), acquisition.tgc_gain.end());
    writer.write<float>(group + "tgc_gain_curve", gain, {gain.size()},
                        {"-", "Time-gain compensation that the samples carry, a factor each."});
  }
  if (acquisition.sequence.frame_rate > 0) {
    const double interval = 1 / (acquisition.sequence.frame_rate * static_cast<double>(count));
    const std::vector<float> intervals(frames * count, static_cast<float>(interval));
    writer.write<float>(group + "time_to_next_transmit", intervals, {frames, count},
                        {"s", "Time between transmit events."});
  }
}

void write_probe(Hdf5Writer& writer, const Probe& probe) {
  std::string type = "custom";
  if (probe.kind == Probe::Kind::linear) type = "linear";
  if (probe.kind == Probe::Kind::phased) type = "phased";
  if (probe.kind == Probe::Kind::curved) type = "curved";
  if (probe.kind == Probe::Kind::matrix) type = "matrix";
  writer.write_text("probe/name", probe.name, {"-", "Name of the probe."});
  writer.write_text("probe/type", type, {"-", "Type of the probe."});
  std::vector<float> geometry;
  for (const Element& element : probe.elements)
    for (double v : {element.position.x, element.position.y, element.position.z})
      geometry.push_back(static_cast<float>(v));
  writer.write<float>("probe/probe_geometry", geometry, {probe.size(), 3},
                      {"m", "Probe geometry (x, y, z) per element."});
  if (probe.frequency > 0)
    writer.write_scalar("probe/probe_center_frequency", static_cast<float>(probe.frequency),
                        {"Hz", "Center frequency of the probe."});
  if (probe.bandwidth > 0)
    writer.write_scalar("probe/probe_bandwidth_percent", static_cast<float>(100 * probe.bandwidth),
                        {"%", "Two-way -6 dB bandwidth of the probe."});
  const double width = probe.elements.front().width, height = probe.elements.front().height;
  if (width > 0) writer.write_scalar("probe/element_width", static_cast<float>(width), {"m", "Width of the elements."});
  if (height > 0)
    writer.write_scalar("probe/element_height", static_cast<float>(height), {"m", "Height of the elements."});
}

/// What a map group holds beside its values.
struct MapTexts {
  std::string unit, description;
  std::vector<std::string> labels;
};

void write_map_texts(ArrayWriter& arrays, const std::string& group, const PixelGrid& grid, const MapTexts& texts) {
  Hdf5Writer& writer = arrays.plain();
  std::vector<float> coordinates;
  coordinates.reserve(3 * grid.size());
  for (std::size_t z = 0; z < grid.z.count; ++z)
    for (std::size_t x = 0; x < grid.x.count; ++x)
      for (std::size_t y = 0; y < grid.y.count; ++y) {
        const Vec3 point = grid.position(z, y, x);
        for (double v : {point.x, point.y, point.z}) coordinates.push_back(static_cast<float>(v));
      }
  std::vector<std::size_t> shape{grid.z.count, grid.x.count, grid.y.count, 3};
  // Without an elevation axis the values have none either; masks always do.
  if (grid.y.count == 1 && texts.labels.empty()) shape.erase(shape.begin() + 2);
  writer.write<float>(group + "coordinates", coordinates, shape, {"m", "Position (x, y, z) of each pixel.", arrays.deflate(strong)});
  if (!texts.labels.empty()) writer.write_texts(group + "labels", texts.labels, {"-", "Name of each channel."});
  writer.write_text(group + "description", texts.description, {"-", "What the map shows."});
  writer.write_text(group + "unit", texts.unit.empty() ? "-" : texts.unit, {"-", "Unit of the values."});
}

void write_range(Hdf5Writer& writer, const std::string& group, std::span<const float> values, const std::string& unit) {
  float least = std::numeric_limits<float>::infinity(), most = -least;
  for (float v : values)
    if (std::isfinite(v)) least = std::min(least, v), most = std::max(most, v);
  if (least > most) return;
  writer.write_scalar(group + "min", least, {unit, "Least finite value."});
  writer.write_scalar(group + "max", most, {unit, "Largest finite value."});
}

void write_images(ArrayWriter& writer, const fs::path& file, const ZeaFile& content) {
  const std::string group = std::string(track) + "data/image/";
  const PixelGrid& grid = content.images.front().grid;
  if (content.image_grid && !(*content.image_grid == grid))
    refuse(file, "the image grid differs from the images' own. Store images on one grid");
  std::vector<float> values;
  values.reserve(content.images.size() * grid.size());
  for (const RealMap& image : content.images) {
    if (!(image.grid == grid)) refuse(file, "its images lie on different grids. Store images on one grid");
    for (std::size_t z = 0; z < grid.z.count; ++z)
      for (std::size_t x = 0; x < grid.x.count; ++x)
        for (std::size_t y = 0; y < grid.y.count; ++y) {
          const float v = image.values(z, y, x);
          if (!(v <= 0))
            refuse(file, "an image holds " + std::to_string(v) + " (decibels <= 0 are needed). Normalise it");
          values.push_back(v);
        }
  }
  std::vector<std::size_t> shape{content.images.size(), grid.z.count, grid.x.count, grid.y.count};
  if (grid.y.count == 1) shape.pop_back();
  writer.write(group + "values", values, shape, {"dB", "Log-compressed image; 0 dB is the brightest.", light});
  write_map_texts(writer, group, grid, {"dB", "B-mode image", {}});
  write_range(writer.plain(), group, values, "dB");
}

void write_beamformed(ArrayWriter& writer, const fs::path& file, const ZeaFile& content) {
  const std::string group = std::string(track) + "data/beamformed_data/";
  const PixelGrid& grid = content.beamformed.front().grid;
  std::vector<float> values;
  values.reserve(2 * content.beamformed.size() * grid.size());
  for (const ComplexMap& map : content.beamformed) {
    if (!(map.grid == grid)) refuse(file, "its beamformed frames lie on different grids. Store them on one grid");
    for (std::size_t z = 0; z < grid.z.count; ++z)
      for (std::size_t x = 0; x < grid.x.count; ++x)
        for (std::size_t y = 0; y < grid.y.count; ++y) {
          values.push_back(map.values(z, y, x).real());
          values.push_back(map.values(z, y, x).imag());
        }
  }
  std::vector<std::size_t> shape{content.beamformed.size(), grid.z.count, grid.x.count, grid.y.count, 2};
  if (grid.y.count == 1) shape.erase(shape.begin() + 3);
  writer.write(group + "values", values, shape, {"-", "Beamformed samples before detection.", light});
  write_map_texts(writer, group, grid, {"-", "Beamformed samples", {"I", "Q"}});
}

void write_label(ArrayWriter& writer, const fs::path& file, const LabelMap& label,
                 const std::vector<NdArray<float, 4>>* later, std::size_t frames) {
  const std::string group = std::string(track) + "data/" + label_dataset(label.name) + "/";
  const PixelGrid& grid = label.grid;
  const bool masks = label.name == "segmentation" || label.name == "annotation";
  const std::size_t channels = label.values.extent(0);
  const NdArray<float, 4>::Shape expected{channels, grid.z.count, grid.y.count, grid.x.count};
  if (label.values.shape() != expected)
    refuse(file, "label '" + label.name + "' does not have the shape of its grid");
  const bool scalar = !masks && label.channels.empty();
  if (masks && channels == 0) return;  // nothing is labelled: zea has no masks without channels
  if (scalar ? channels != 1 : channels != label.channels.size())
    refuse(file, "label '" + label.name + "' has " + std::to_string(channels) + " channels and " +
                     std::to_string(label.channels.size()) + " channel names");
  if (later && later->size() + 1 != frames)
    refuse(file, "label '" + label.name + "' has " + std::to_string(later->size() + 1) + " frames and the file " +
                     std::to_string(frames));
  // The truth of one frame stands for all unless it changes: zea wants every map to have all frames.
  check_memory(file, "label '" + label.name + "'", label.values.size() * frames * sizeof(float));
  std::vector<float> all;
  all.reserve(label.values.size() * frames);
  for (std::size_t f = 0; f < frames; ++f) {
    const NdArray<float, 4>& one = f > 0 && later ? (*later)[f - 1] : label.values;
    if (one.shape() != expected) refuse(file, "label '" + label.name + "' changes its shape between frames");
    for (std::size_t z = 0; z < grid.z.count; ++z)
      for (std::size_t x = 0; x < grid.x.count; ++x)
        for (std::size_t y = 0; y < grid.y.count; ++y)
          for (std::size_t c = 0; c < channels; ++c) all.push_back(one(c, z, y, x));
  }
  std::vector<std::size_t> shape{frames, grid.z.count, grid.x.count, grid.y.count};
  const Hdf5Storage storage{label.unit.empty() ? "-" : label.unit, label.description, masks ? strong : light};
  if (!scalar) shape.push_back(channels);
  if (scalar && grid.y.count == 1) shape.pop_back();
  if (masks) {
    std::vector<std::uint8_t> values;
    values.reserve(all.size());
    for (float v : all) values.push_back(v > 0.5F ? 1 : 0);
    writer.write_masks(group + "values", values, shape, storage);
  } else {
    writer.write(group + "values", all, shape, storage);
  }
  const bool speed = label.name == "sound_speed";
  write_map_texts(writer, group, grid, {speed ? "m/s" : label.unit, label.description, label.channels});
  if (!masks) write_range(writer.plain(), group, all, speed ? "m/s" : storage.unit);
}

void write_own(ArrayWriter& arrays, const fs::path& file, const ZeaFile& content) {
  Hdf5Writer& writer = arrays.plain();
  writer.group("sonoforge");
  if (!content.acquisition.samples.empty()) write_components(arrays, file, content.acquisition);
  if (!content.config.empty())
    writer.write_text("sonoforge/config", content.config, {"-", "resolved configuration (YAML)"});
  if (!content.acquisition.notes.empty())
    writer.write_texts("sonoforge/notes", content.acquisition.notes, {"-", "assumptions made about the source"});
  if (!content.acquisition.probe.elements.empty()) write_exact_acquisition(writer, content.acquisition);
  if (!content.images.empty())
    write_grid(writer, "sonoforge/image_grid", content.images.front().grid);
  else if (!content.beamformed.empty())
    write_grid(writer, "sonoforge/image_grid", content.beamformed.front().grid);
  else if (content.image_grid)
    write_grid(writer, "sonoforge/image_grid", *content.image_grid);
  std::int64_t index = 0;
  for (const LabelMap& label : content.labels) {
    const std::string group = "sonoforge/label_grids/" + label_dataset(label.name);
    write_grid(writer, group, label.grid);
    writer.attribute(group, "index", index++);
  }
  if (!content.scatterer_positions.empty()) {
    const std::size_t count = content.scatterer_positions.size();
    if (content.scatterer_amplitudes.size() != count) refuse(file, "its scatterers lack amplitudes");
    std::vector<double> positions;
    for (const Vec3& p : content.scatterer_positions) positions.insert(positions.end(), {p.x, p.y, p.z});
    writer.write<double>("sonoforge/scatterers/positions", positions, {count, 3}, {"m", "positions (x, y, z)"});
    writer.write<double>("sonoforge/scatterers/amplitudes", content.scatterer_amplitudes, {count},
                         {"-", "reflection amplitudes"});
  }
  std::set<std::string> taken;
  for (const auto& [name, factor] : content.factors) {
    check_name(file, "factor", name, taken);
    const std::string dataset = "sonoforge/factors/" + name;
    if (factor.numeric) {
      writer.write_scalar(dataset, factor.value, {factor.unit, "value of a factor"});
      writer.attribute(dataset, "text", factor.text);
    } else {
      writer.write_text(dataset, factor.text, {"-", "value of a factor"});
    }
  }
  taken.clear();
  index = 0;
  for (const Measurement& measurement : content.measurements) {
    check_name(file, "measurement", measurement.name, taken);
    const std::string dataset = "sonoforge/measurements/" + measurement.name;
    writer.write_scalar(dataset, measurement.value, {measurement.unit, "true value"});
    writer.attribute(dataset, "index", index++);
  }
}

void check_acquisition(const fs::path& file, const Acquisition& acquisition) {
  const std::size_t transmits = acquisition.sequence.transmits.size(), elements = acquisition.probe.size();
  if (!acquisition.samples.empty()) {
    if (acquisition.transmits() != transmits || acquisition.channels() != elements)
      refuse(file, "its samples have " + std::to_string(acquisition.transmits()) + " transmits and " +
                       std::to_string(acquisition.channels()) + " channels (its sequence " + std::to_string(transmits) +
                       ", its probe " + std::to_string(elements) + ")");
    if (acquisition.is_iq() && acquisition.samples_q.shape() != acquisition.samples.shape())
      refuse(file, "its two IQ parts differ in shape");
  }
  if (transmits > 0 && elements > 0) {
    if (acquisition.start.size() != transmits) refuse(file, "it lacks start times of its transmits");
    if (!(acquisition.centre_frequency > 0)) refuse(file, "its centre frequency is not positive");
  }
  for (const Transmit& transmit : acquisition.sequence.transmits) {
    if (transmit.laws.empty()) refuse(file, "a transmit has no delays");
    for (const TransmitLaw& law : transmit.laws)
      if (law.delays.size() != elements || law.apodization.size() != elements)
        refuse(file, "a transmit has delays of another probe");
  }
}

}  // namespace

void write_zea(const fs::path& file, const ZeaFile& content, const ZeaStorage& storage) {
  const Acquisition& acquisition = content.acquisition;
  check_acquisition(file, acquisition);
  std::set<std::string> taken{"raw_data", "aligned_data", "image", "envelope_data", "beamformed_data"};
  for (const LabelMap& label : content.labels) {
    if (label.name == "sos_map") refuse(file, "label 'sos_map' must be named 'sound_speed'");
    check_name(file, "label", label_dataset(label.name), taken);
  }
  const bool has_samples = !acquisition.samples.empty();
  if (!has_samples && content.images.empty() && content.beamformed.empty() && content.labels.empty())
    refuse(file, "it has neither samples nor images nor labels (one is needed)");
  std::size_t frames = has_samples ? acquisition.frames()
                                   : std::max<std::size_t>({content.images.size(), content.beamformed.size(), 1});
  if (!content.beamformed.empty() && content.beamformed.size() != frames)
    refuse(file, "it has " + std::to_string(frames) + " frames and " + std::to_string(content.beamformed.size()) +
                     " beamformed ones (one each is needed)");
  if (!content.images.empty() && content.images.size() != frames)
    refuse(file, "it has " + std::to_string(frames) + " frames of samples and " +
                     std::to_string(content.images.size()) + " images (one a frame is needed)");

  Hdf5Writer writer(file);
  writer.attribute("", "zea_version", std::string("0.1.6"));
  writer.attribute("", "us_machine", acquisition.probe.name.empty() ? std::string("unknown") : acquisition.probe.name);
  writer.attribute("", "description", acquisition.description);
  writer.attribute("", "sonoforge_version", std::string(SONOFORGE_VERSION));
  // Readers of attributes see numbers as double: larger seeds would lose digits.
  // Data that no config of ours describes have no seed.
  if (!content.config.empty() && content.seed <= (std::uint64_t{1} << 53))
    writer.attribute("", "sonoforge_seed", static_cast<std::int64_t>(content.seed));
  else if (!content.config.empty())
    writer.attribute("", "sonoforge_seed", std::to_string(content.seed));
  if (!acquisition.probe.elements.empty()) write_probe(writer, acquisition.probe);
  ArrayWriter arrays(writer, storage);
  if (has_samples) write_samples(arrays, file, acquisition);
  if (!content.images.empty()) write_images(arrays, file, content);
  if (!content.beamformed.empty()) write_beamformed(arrays, file, content);
  for (const LabelMap& label : content.labels) {
    const auto later = content.later_labels.find(label.name);
    write_label(arrays, file, label, later == content.later_labels.end() ? nullptr : &later->second, frames);
  }
  if (!acquisition.probe.elements.empty() && !acquisition.sequence.transmits.empty())
    write_scan(writer, acquisition, frames);
  if (!content.subject_id.empty()) writer.write_text("metadata/subject/id", content.subject_id, {"-", "Subject ID."});
  write_own(arrays, file, content);
  writer.commit();
}

}  // namespace sonoforge
