#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>
#include <optional>

#include "core/error.hpp"
#include "formats/exact_store.hpp"
#include "formats/foreign.hpp"
#include "formats/zea.hpp"
#include "formats/zea_transmits.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_elements = 1'000'000;

/// Where the parts of one track stand: "tracks/track_0/" or, in older files, the root.
std::string find_track(const Hdf5Reader& reader, std::vector<std::string>& notes) {
  if (!reader.is_group("tracks")) {
    if (reader.is_group("data") || reader.is_group("scan")) return "";
    refuse_file(reader.file(),
                "neither group 'tracks' nor group 'data' is there (a zea file has one). Give a zea file");
  }
  std::vector<std::string> tracks;
  for (const std::string& name : reader.children("tracks"))
    if (reader.is_group("tracks/" + name + "/data")) tracks.push_back(name);
  if (tracks.empty())
    refuse_file(reader.file(), "group 'tracks' holds no track with data. Compare the file with its format");
  std::string chosen = tracks.front();
  for (const std::string& name : tracks)
    if (reader.has("tracks/" + name + "/data/raw_data")) {
      chosen = name;
      break;
    }
  if (tracks.size() > 1)
    notes.push_back("the file has " + std::to_string(tracks.size()) + " tracks: only '" + chosen + "' is read");
  return "tracks/" + chosen + "/";
}

class ZeaReading {
 public:
  explicit ZeaReading(const fs::path& file) : reader_(file), track_(find_track(reader_, notes())) {}

  ZeaFile read() {
    read_header();
    const bool has_scan = reader_.is_group(scan("")) && has_samples_or_delays();
    if (has_samples()) check_samples();
    if (!read_exact() && (has_scan || has_samples())) read_scan();
    read_gain_curve();
    if (has_samples()) read_samples();
    check_readable(reader_.file(), acquisition());
    read_maps();
    read_own();
    return std::move(content_);
  }

 private:
  Acquisition& acquisition() { return content_.acquisition; }
  std::vector<std::string>& notes() { return content_.acquisition.notes; }
  void note(const std::string& text) { notes().push_back(text); }
  [[noreturn]] void refuse(const std::string& text) const { refuse_file(reader_.file(), text); }
  std::string scan(const std::string& name) const { return track_ + (name.empty() ? "scan" : "scan/" + name); }
  std::string data(const std::string& name) const { return track_ + "data/" + name; }
  bool has_samples() const { return reader_.has(data("raw_data")); }
  bool has_samples_or_delays() const { return has_samples() || reader_.has(scan("t0_delays")); }

  /// The first of several places that exists, else "".
  std::string find(const std::vector<std::string>& paths) const {
    for (const std::string& path : paths)
      if (reader_.has(path) && !reader_.is_group(path)) return path;
    return "";
  }

  std::string text_or_empty(const std::string& dataset) const {
    if (!reader_.has(dataset) || reader_.is_group(dataset) || reader_.type_name(dataset) != "string") return "";
    const auto texts = reader_.read_texts(dataset);
    return texts.size() == 1 ? texts.front() : "";
  }
  std::string attribute_or_empty(const std::string& name) const {
    try {
      return reader_.has_attribute("/", name) ? reader_.text_attribute("/", name) : "";
    } catch (const UserError&) {
      return "";  // not a text: of no use here, and no reason to refuse the file
    }
  }

  void read_header() {
    acquisition().description = attribute_or_empty("description");
    content_.subject_id = text_or_empty("metadata/subject/id");
    if (!reader_.has_attribute("/", "sonoforge_seed")) return;
    constexpr const char* damaged = "attribute 'sonoforge_seed' is not a whole number. The file is damaged";
    std::optional<double> small;
    try {
      small = reader_.number_attribute("/", "sonoforge_seed");
    } catch (const UserError&) {
      const std::string digits = reader_.text_attribute("/", "sonoforge_seed");
      std::uint64_t seed = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seed);
      if (error != std::errc() || end != digits.data() + digits.size()) refuse(damaged);
      content_.seed = seed;
    }
    if (!small) return;
    if (!(*small >= 0 && *small <= 0x1p53 && *small == std::floor(*small))) refuse(damaged);
    content_.seed = static_cast<std::uint64_t>(*small);
  }

  void check_samples() {
    shape_ = reader_.shape(data("raw_data"));
    const bool good = shape_.size() == 5 && std::all_of(shape_.begin(), shape_.end(), [](auto n) { return n > 0; }) &&
                      (shape_[4] == 1 || shape_[4] == 2) && shape_[3] <= most_elements;
    if (!good) {
      std::string text;
      for (auto extent : shape_) text += (text.empty() ? "" : ", ") + std::to_string(extent);
      refuse("dataset '" + data("raw_data") + "' has shape [" + text +
             "] (needs [frame, transmit, sample, element, 1 or 2]). Compare the file with its format");
    }
  }

  /// Values as they are meant: integers times their `scale_factor`, where there is one.
  std::vector<float> scaled(const std::string& dataset) {
    auto values = reader_.read<float>(dataset);
    if (reader_.has_attribute(dataset, "scale_factor")) {
      const double scale = reader_.number_attribute(dataset, "scale_factor");
      if (!std::isfinite(scale)) refuse("attribute 'scale_factor' of '" + dataset + "' is not a number. The file is damaged");
      for (float& v : values) v = static_cast<float>(static_cast<double>(v) * scale);
    }
    return values;
  }

  void read_samples() {
    const std::size_t frames = shape_[0], transmits = shape_[1], samples = shape_[2], channels = shape_[3];
    const std::size_t parts = shape_[4], record = channels * samples;
    check_memory(reader_.file(), "dataset '" + data("raw_data") + "'",
                 2 * sizeof(float) * frames * transmits * record * parts);
    const auto values = scaled(data("raw_data"));
    acquisition().samples = NdArray<float, 4>({frames, transmits, channels, samples});
    if (parts == 2) acquisition().samples_q = NdArray<float, 4>({frames, transmits, channels, samples});
    constexpr std::size_t block = 32;  // keeps both sides of the transposition in the cache
    for (std::size_t part = 0; part < parts; ++part) {
      float* to = (part == 0 ? acquisition().samples : acquisition().samples_q).data();
      const float* from = values.data() + part;
      for (std::size_t i = 0; i < frames * transmits; ++i, to += record, from += record * parts)
        for (std::size_t s0 = 0; s0 < samples; s0 += block)
          for (std::size_t c0 = 0; c0 < channels; c0 += block)
            for (std::size_t c = c0; c < std::min(c0 + block, channels); ++c)
              for (std::size_t s = s0; s < std::min(s0 + block, samples); ++s)
                to[c * samples + s] = from[(s * channels + c) * parts];
    }
  }

  /// Our own double-precision copy, where the zea part of the file still says the same.
  bool read_exact() {
    auto exact = read_exact_acquisition(reader_);
    if (!exact) return false;
    const std::string geometry = find({"probe/probe_geometry"});
    std::vector<double> positions;
    for (const Element& element : exact->probe.elements)
      positions.insert(positions.end(), {element.position.x, element.position.y, element.position.z});
    auto same = [&](const std::string& dataset, const std::vector<double>& values) {
      if (!reader_.has(dataset)) return false;
      const auto stored = reader_.read<float>(dataset);
      return std::equal(stored.begin(), stored.end(), values.begin(), values.end(),
                        [](float a, double b) { return a == static_cast<float>(b); });
    };
    auto stands = [&](const std::string& name, const std::vector<float>& values) {
      return reader_.has(scan(name)) && reader_.read<float>(scan(name)) == values;
    };
    bool agree = geometry.empty() ? exact->probe.elements.empty() : same(geometry, positions);
    if (!exact->sequence.transmits.empty()) {
      agree =
          agree && same(scan("sampling_frequency"), {exact->sampling_rate}) &&
          same(scan("center_frequency"), {exact->centre_frequency}) && same(scan("sound_speed"), {exact->sound_speed});
      const ZeaTransmits sequence = zea_transmits(*exact);
      agree = agree && stands("initial_times", sequence.starts) && stands("t0_delays", sequence.delays) &&
              stands("tx_apodizations", sequence.apodization) && stands("focus_distances", sequence.distances) &&
              stands("transmit_origins", sequence.origins) && stands("polar_angles", sequence.polar) &&
              stands("azimuth_angles", sequence.azimuths);
      if (exact->demodulation_frequency > 0)
        agree = agree && same(scan("demodulation_frequency"), {exact->demodulation_frequency});
    }
    if (has_samples())
      agree = agree && shape_[1] == exact->sequence.transmits.size() && shape_[3] == exact->probe.size();
    if (!agree) {
      note(
          "the exact values under /sonoforge do not agree with the rest of the file, which was changed by another "
          "program: they are ignored");
      return false;
    }
    exact->description = std::move(acquisition().description);
    exact->notes = std::move(notes());
    acquisition() = std::move(*exact);
    return true;
  }

  /// A scalar, or one value a transmit of which the first counts.
  double number(const std::string& dataset) {
    const auto values = reader_.read<double>(dataset);
    if (values.empty() || !std::isfinite(values.front()))
      refuse("dataset '" + dataset + "' is not a finite number. Correct the file");
    for (double v : values)
      if (v != values.front()) {
        note("'" + dataset + "' differs between transmits: the first value is taken for all");
        break;
      }
    return values.front();
  }

  std::vector<double> finite_values(const std::string& dataset, const std::vector<std::ptrdiff_t>& shape) {
    auto values = reader_.read<double>(dataset, shape);
    for (double v : values)
      if (!std::isfinite(v)) refuse("dataset '" + dataset + "' holds values that are not finite. Correct the file");
    return values;
  }

  void read_probe() {
    const std::string geometry = find({"probe/probe_geometry", scan("probe_geometry"), "scan/probe_geometry"});
    if (geometry.empty())
      refuse("dataset 'probe/probe_geometry' is missing (channel data needs the places of the elements). Add it");
    const auto shape = reader_.shape(geometry);
    if (shape.size() != 2 || shape[1] != 3 || shape[0] > most_elements)
      refuse("dataset '" + geometry + "' has the wrong shape (needs [element, 3]). Compare the file with its format");
    const auto values = finite_values(geometry, {-1, 3});
    std::vector<Vec3> positions;
    for (std::size_t i = 0; i + 2 < values.size(); i += 3)
      positions.push_back({values[i], values[i + 1], values[i + 2]});
    const std::string width = find({"probe/element_width", scan("element_width")});
    const std::string height = find({"probe/element_height"});
    acquisition().probe =
        probe_from_positions(reader_.file(), geometry, std::move(positions), width.empty() ? 0 : number(width),
                             height.empty() ? 0 : number(height), notes());
    Probe& probe = acquisition().probe;
    probe.name = text_or_empty("probe/name");
    if (probe.name.empty()) probe.name = attribute_or_empty("probe");
    if (probe.name.empty()) probe.name = attribute_or_empty("probe_name");
    if (probe.kind == Probe::Kind::linear && text_or_empty("probe/type") == "phased") probe.kind = Probe::Kind::phased;
    if (const auto path = find({"probe/probe_center_frequency"}); !path.empty()) probe.frequency = number(path);
    if (const auto path = find({"probe/probe_bandwidth_percent"}); !path.empty()) probe.bandwidth = number(path) / 100;
    if (!(probe.frequency > 0)) probe.frequency = acquisition().centre_frequency;
    if (!(probe.bandwidth > 0)) probe.bandwidth = 0;
  }

  void read_scan() {
    const std::string rate = find({scan("sampling_frequency")});
    if (rate.empty()) refuse("dataset '" + scan("sampling_frequency") + "' is missing. Add it to the file");
    const auto rates = reader_.read<double>(rate);
    if (std::any_of(rates.begin(), rates.end(), [&](double value) { return value != rates.front(); }))
      refuse("dataset '" + rate + "' holds " + std::to_string(rates.size()) +
             " values that differ (all transmits are sampled at one rate). Write one number");
    acquisition().sampling_rate = number(rate);
    const std::string centre = find({scan("center_frequency"), "probe/probe_center_frequency"});
    if (centre.empty()) refuse("dataset '" + scan("center_frequency") + "' is missing. Add it to the file");
    acquisition().centre_frequency = number(centre);
    if (!(acquisition().centre_frequency > 0) || !(acquisition().sampling_rate > 0))
      refuse("'" + rate + "' and '" + centre + "' must be positive. Correct the file");
    if (has_samples() && shape_[4] == 2) {
      const std::string path = find({scan("demodulation_frequency")});
      acquisition().demodulation_frequency = path.empty() ? acquisition().centre_frequency : number(path);
      if (path.empty()) note("the demodulation frequency is not stated: the centre frequency is assumed");
    }
    if (reader_.has(scan("sound_speed")))
      acquisition().sound_speed = number(scan("sound_speed"));
    else
      note("the sound speed is not stated: 1540 m/s is assumed");
    if (!(acquisition().sound_speed > 0)) refuse("'" + scan("sound_speed") + "' must be positive. Correct the file");
    read_probe();
    read_transmits();
    if (reader_.has(scan("tgc_gain_curve")))
      note("the samples carry the time-gain compensation of 'tgc_gain_curve': it is left in");
    for (const char* name : {"lens_sound_speed", "lens_thickness"})
      if (reader_.has(std::string("probe/") + name)) {
        note("the probe has a lens: its delay is not corrected");
        break;
      }
  }

  std::vector<double> per_transmit(const std::string& name, std::size_t transmits, bool finite = true) {
    if (!reader_.has(scan(name))) return {};
    const auto only = static_cast<std::ptrdiff_t>(transmits);
    auto values = finite ? finite_values(scan(name), {only}) : reader_.read<double>(scan(name), {only});
    for (double v : values)
      if (std::isnan(v)) refuse("dataset '" + scan(name) + "' holds NaN. Correct the file");
    return values;
  }

  void read_transmits() {
    const std::size_t elements = acquisition().probe.size();
    std::size_t transmits = 1;
    if (has_samples())
      transmits = shape_[1];
    else if (const auto shape = reader_.shape(scan("t0_delays")); !shape.empty())
      transmits = shape[0];
    if (has_samples() && shape_[3] != elements)
      refuse("dataset '" + data("raw_data") + "' has " + std::to_string(shape_[3]) + " channels (the probe has " +
             std::to_string(elements) + " elements). Correct the file");
    const std::vector<std::ptrdiff_t> table{static_cast<std::ptrdiff_t>(transmits),
                                            static_cast<std::ptrdiff_t>(elements)};
    const auto distances = per_transmit("focus_distances", transmits, false);
    const auto polar = per_transmit("polar_angles", transmits);
    const auto azimuths = per_transmit("azimuth_angles", transmits);
    const auto starts = per_transmit("initial_times", transmits);
    if (starts.empty()) note("'initial_times' is missing: the first sample is taken at the first firing");
    std::vector<double> origins, delays, apodization;
    if (reader_.has(scan("transmit_origins"))) origins = finite_values(scan("transmit_origins"), {table[0], 3});
    if (reader_.has(scan("tx_apodizations"))) {
      apodization = finite_values(scan("tx_apodizations"), table);
      for (double weight : apodization)
        if (std::abs(weight) > 1) refuse("dataset '" + scan("tx_apodizations") + "' leaves [-1, 1]. Correct the file");
    } else {
      note("'tx_apodizations' is missing: all elements are taken to fire alike");
    }
    if (reader_.has(scan("t0_delays")))
      delays = finite_values(scan("t0_delays"), table);
    else if (polar.empty() && transmits > 1)
      refuse("datasets '" + scan("t0_delays") + "' and '" + scan("polar_angles") +
             "' are both missing (the transmits are unknown). Add the delays");
    else
      note(polar.empty() ? "'t0_delays' is missing: a plane wave straight ahead is assumed"
                         : "'t0_delays' is missing: delays are worked out from the angles and focus distances");

    const double sound_speed = acquisition().sound_speed;
    bool changed_start = false;
    for (std::size_t t = 0; t < transmits; ++t) {
      const double polar_angle = polar.empty() ? 0 : polar[t], azimuth = azimuths.empty() ? 0 : azimuths[t];
      // zea's direction is spherical; ours are the projections' angles.
      const Vec3 direction{std::sin(polar_angle) * std::cos(azimuth), std::sin(polar_angle) * std::sin(azimuth),
                           std::cos(polar_angle)};
      TransmitHint hint;
      if (!origins.empty()) hint.origin = Vec3{origins[3 * t], origins[3 * t + 1], origins[3 * t + 2]};
      const double distance = distances.empty() ? 0 : distances[t];
      const bool is_plane = distance == 0 || std::isinf(distance);  // older files write 0 for plane waves
      if (!is_plane) hint.point = hint.origin.value_or(Vec3{}) + distance * direction;
      if (is_plane && !polar.empty()) {
        hint.angle = std::atan2(direction.x, direction.z);
        hint.azimuth = std::abs(direction.y) < 1e-12 ? 0 : std::atan2(direction.y, direction.z);
      }
      std::vector<double> weights(elements, 1.0), times(elements);
      for (std::size_t e = 0; e < elements; ++e) {
        const Vec3 position = acquisition().probe.elements[e].position;
        if (!apodization.empty()) weights[e] = apodization[t * elements + e];
        if (!delays.empty())
          times[e] = delays[t * elements + e];
        else if (is_plane)
          times[e] = dot(position, direction) / sound_speed;
        else
          times[e] = (distance > 0 ? -1 : 1) * norm(position - *hint.point) / sound_speed;
      }
      double shift = 0;
      auto transmit = transmit_from_delays(acquisition().probe, std::move(times), std::move(weights), hint, sound_speed,
                                           acquisition().centre_frequency, shift);
      if (!transmit)
        refuse("dataset '" + scan("tx_apodizations") + "' silences all elements of transmit " + std::to_string(t + 1) +
               ". Correct the file");
      if (delays.empty()) shift = 0;
      changed_start = changed_start || std::abs(shift) > 1e-10;
      const double start = starts.empty() ? 0 : starts[t];
      acquisition().start.push_back(start - 1 / acquisition().centre_frequency - shift);
      acquisition().sequence.transmits.push_back(std::move(*transmit));
    }
    if (changed_start)
      note("the delays of some transmits do not start at 0: their times are moved to the first firing");
    acquisition().sequence.frames = has_samples() ? shape_[0] : 1;
    if (reader_.has(scan("time_to_next_transmit"))) {
      const auto intervals = finite_values(scan("time_to_next_transmit"), {-1, table[0]});
      double total = 0;
      for (double v : intervals) total += v;
      if (total > 0) acquisition().sequence.frame_rate = static_cast<double>(intervals.size() / transmits) / total;
    }
    find_lines(acquisition());
  }

  /// One map, as [frame][channel, z, y, x]; nothing, with a note, where it cannot be used.
  struct MapData {
    PixelGrid grid;
    std::vector<std::string> labels;
    std::string unit, description, type;
    std::size_t frames = 0, channels = 1;
    std::vector<float> values;  ///< [frame, z, x, y, channel]
    float at(std::size_t f, std::size_t c, std::size_t z, std::size_t y, std::size_t x) const {
      return values[(((f * grid.z.count + z) * grid.x.count + x) * grid.y.count + y) * channels + c];
    }
  };

  std::optional<MapData> read_map(const std::string& name, const std::string& own_grid) {
    const std::string group = data(name), dataset = group + "/values";
    if (!reader_.has(dataset)) refuse("dataset '" + dataset + "' is missing. Compare the file with its format");
    MapData map;
    const auto shape = reader_.shape(dataset);
    map.type = reader_.type_name(dataset);
    if (map.type.starts_with("complex")) {
      note("map '" + name + "' is complex: it is left out");
      return std::nullopt;
    }
    if (shape.size() < 3 || shape.size() > 5 || std::any_of(shape.begin(), shape.end(), [](auto n) { return n == 0; }))
      refuse("dataset '" + dataset + "' has " + std::to_string(shape.size()) +
             " axes or an empty one (needs [frame, z, x], with y and a channel axis at most). Correct the file");
    if (reader_.has(group + "/labels")) map.labels = reader_.read_texts(group + "/labels");
    const bool with_channels = shape.size() == 5 || (shape.size() == 4 && !map.labels.empty());
    map.frames = shape[0];
    map.channels = with_channels ? shape.back() : 1;
    const std::size_t y_count = shape.size() - (with_channels ? 1 : 0) == 4 ? shape[3] : 1;
    if (with_channels && !map.labels.empty() && map.labels.size() != map.channels)
      refuse("dataset '" + group + "/labels' names " + std::to_string(map.labels.size()) +
             " channels (the values have " + std::to_string(map.channels) + "). Correct the file");
    map.unit = text_or_empty(group + "/unit");
    if (map.unit == "-") map.unit.clear();
    map.description = text_or_empty(group + "/description");
    auto grid = read_grid(reader_, own_grid);
    if (grid && (grid->z.count != shape[1] || grid->x.count != shape[2] || grid->y.count != y_count)) grid.reset();
    if (!grid && reader_.has(group + "/coordinates")) {
      auto positions = reader_.read<float>(group + "/coordinates");
      const std::size_t pixels = shape[1] * shape[2] * y_count;
      if (positions.size() != 3 * pixels && positions.size() != 3 * pixels * map.frames &&
          positions.size() != 3 * pixels * map.frames * map.channels)
        refuse("dataset '" + group + "/coordinates' does not fit the values. Correct the file");
      positions.resize(3 * pixels);  // the first frame's
      grid = grid_from_positions(positions, shape[1], shape[2], y_count);
    }
    if (!grid) {
      note("map '" + name + "' has no regular Cartesian or polar pixel grid: it is left out");
      return std::nullopt;
    }
    map.grid = *grid;
    map.values = scaled(dataset);
    return map;
  }

  void read_image() {
    auto map = read_map("image", "sonoforge/image_grid");
    if (!map) return;
    if (map->channels != 1)
      refuse("dataset '" + data("image/values") + "' has channels (an image has none). Correct the file");
    if (map->type == "uint8") {
      note("the image is stored as 8-bit grey: 60 dB are taken for its range");
      for (float& v : map->values) v = (v / 255.0F - 1.0F) * 60.0F;
    }
    float most = -std::numeric_limits<float>::infinity();
    for (float v : map->values) {
      if (std::isnan(v)) refuse("dataset '" + data("image/values") + "' holds NaN. Correct the file");
      most = std::max(most, v);
    }
    if (most > 0) {
      if (std::isinf(most)) refuse("dataset '" + data("image/values") + "' holds infinity. Correct the file");
      note("the image exceeds 0 dB: it is normalised to its brightest pixel");
      for (float& v : map->values) v -= most;
    }
    for (std::size_t f = 0; f < map->frames; ++f) {
      RealMap image(map->grid);
      for (std::size_t z = 0; z < map->grid.z.count; ++z)
        for (std::size_t y = 0; y < map->grid.y.count; ++y)
          for (std::size_t x = 0; x < map->grid.x.count; ++x) image.values(z, y, x) = map->at(f, 0, z, y, x);
      content_.images.push_back(std::move(image));
    }
    content_.image_grid = map->grid;
  }

  void read_beamformed() {
    auto map = read_map("beamformed_data", "sonoforge/image_grid");
    if (!map) return;
    if (map->channels != 2) return note("'" + data("beamformed_data") + "' has no I and Q: it is left out");
    for (std::size_t f = 0; f < map->frames; ++f) {
      ComplexMap frame(map->grid);
      for (std::size_t z = 0; z < map->grid.z.count; ++z)
        for (std::size_t y = 0; y < map->grid.y.count; ++y)
          for (std::size_t x = 0; x < map->grid.x.count; ++x)
            frame.values(z, y, x) = {map->at(f, 0, z, y, x), map->at(f, 1, z, y, x)};
      content_.beamformed.push_back(std::move(frame));
    }
    if (!content_.image_grid) content_.image_grid = map->grid;
  }

  void read_label(const std::string& name) {
    auto map = read_map(name, "sonoforge/label_grids/" + name);
    if (!map) return;
    const std::size_t one = map->values.size() / map->frames;
    bool changes = false;
    for (std::size_t f = 1; f < map->frames && !changes; ++f)
      changes = !std::equal(map->values.begin(), map->values.begin() + static_cast<std::ptrdiff_t>(one),
                            map->values.begin() + static_cast<std::ptrdiff_t>(f * one),
                            [](float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); });
    LabelMap label;
    label.name = name == "sos_map" ? "sound_speed" : name;
    label.unit = map->unit;
    label.description = map->description;
    label.grid = map->grid;
    label.channels = map->labels;
    const bool masks = name == "segmentation" || name == "annotation";
    if ((masks || map->channels > 1) && label.channels.empty()) {
      for (std::size_t c = 0; c < map->channels; ++c) label.channels.push_back("class " + std::to_string(c));
      note("map '" + name + "' does not name its channels");
    }
    const PixelGrid& grid = map->grid;
    const auto values_of = [&](std::size_t f) {
      NdArray<float, 4> values({map->channels, grid.z.count, grid.y.count, grid.x.count});
      for (std::size_t c = 0; c < map->channels; ++c)
        for (std::size_t z = 0; z < grid.z.count; ++z)
          for (std::size_t y = 0; y < grid.y.count; ++y)
            for (std::size_t x = 0; x < grid.x.count; ++x) values(c, z, y, x) = map->at(f, c, z, y, x);
      return values;
    };
    label.values = values_of(0);
    if (masks)
      for (float v : map->values)
        if (v != 0 && v != 1)
          refuse("dataset '" + data(name + "/values") + "' holds more than 0 and 1. Correct the file");
    if (changes)
      for (std::size_t f = 1; f < map->frames; ++f) content_.later_labels[label.name].push_back(values_of(f));
    content_.labels.push_back(std::move(label));
  }

  void read_maps() {
    const std::string group = track_ + "data";
    if (!reader_.is_group(group)) return;
    for (const std::string& name : reader_.children(group)) {
      if (name == "raw_data") continue;
      if (!reader_.is_group(data(name)))
        note("'" + data(name) + "' is a plain array without coordinates: it is left out");
      else if (name == "image")
        read_image();
      else if (name == "beamformed_data")
        read_beamformed();
      else if (name == "envelope_data" || name == "aligned_data")
        note("'" + data(name) + "' is left out");
      else
        read_label(name);
    }
    if (!content_.image_grid) content_.image_grid = read_grid(reader_, "sonoforge/image_grid");
    // Our own files keep the order in which the labels were given.
    auto index = [&](const LabelMap& label) {
      const std::string path = "sonoforge/label_grids/" + (label.name == "sound_speed" ? "sos_map" : label.name);
      return reader_.has_attribute(path, "index") ? reader_.number_attribute(path, "index") : 1e9;
    };
    std::stable_sort(content_.labels.begin(), content_.labels.end(),
                     [&](const LabelMap& a, const LabelMap& b) { return index(a) < index(b); });
  }

  void read_gain_curve() {
    const std::string curve = scan("tgc_gain_curve");
    if (has_samples() && reader_.has(curve) && reader_.shape(curve) == std::vector<std::size_t>{shape_[2]})
      acquisition().tgc_gain = finite_values(curve, {static_cast<std::ptrdiff_t>(shape_[2])});
  }

  void read_own() {
    if (!reader_.is_group("sonoforge")) return;
    if (reader_.has("sonoforge/config")) content_.config = reader_.read_text("sonoforge/config");
    if (reader_.has("sonoforge/notes"))
      for (std::string& text : reader_.read_texts("sonoforge/notes")) note(text);
    if (reader_.has("sonoforge/scatterers/positions")) {
      const auto values = finite_values("sonoforge/scatterers/positions", {-1, 3});
      for (std::size_t i = 0; i < values.size(); i += 3)
        content_.scatterer_positions.push_back({values[i], values[i + 1], values[i + 2]});
      content_.scatterer_amplitudes =
          finite_values("sonoforge/scatterers/amplitudes", {static_cast<std::ptrdiff_t>(values.size() / 3)});
    }
    auto attribute = [&](const std::string& path, const char* name) {
      return reader_.has_attribute(path, name) ? reader_.text_attribute(path, name) : std::string();
    };
    if (reader_.is_group("sonoforge/factors"))
      for (const std::string& name : reader_.children("sonoforge/factors")) {
        const std::string path = "sonoforge/factors/" + name;
        FactorValue factor;
        factor.numeric = reader_.type_name(path) != "string";
        if (factor.numeric) {
          factor.value = reader_.read_scalar<double>(path);
          factor.unit = attribute(path, "unit");
          factor.text = attribute(path, "text");
        } else {
          factor.text = reader_.read_text(path);
        }
        content_.factors[name] = factor;
      }
    if (reader_.is_group("sonoforge/measurements")) {
      std::vector<std::pair<double, Measurement>> found;
      for (const std::string& name : reader_.children("sonoforge/measurements")) {
        const std::string path = "sonoforge/measurements/" + name;
        const double index = reader_.has_attribute(path, "index") ? reader_.number_attribute(path, "index") : 1e9;
        found.push_back({index, {name, reader_.read_scalar<double>(path), attribute(path, "unit")}});
      }
      std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      for (auto& [index, measurement] : found) content_.measurements.push_back(std::move(measurement));
    }
  }

  ZeaFile content_;
  Hdf5Reader reader_;
  std::string track_;
  std::vector<std::size_t> shape_;
};

}  // namespace

ZeaFile read_zea(const fs::path& file) {
  return ZeaReading(file).read();
}

}  // namespace sonoforge
