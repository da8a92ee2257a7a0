#pragma once
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "io/hdf5.hpp"

namespace sonoforge::test {

/// The rules of the zea 0.1.6 format, one after the other, as its text states them; written against that text alone.
/// Returns a sentence for each breach.
class ZeaRules {
 public:
  static std::vector<std::string> breaches(const std::filesystem::path& file) {
    ZeaRules rules(file);
    rules.check_root();
    rules.check_probe();
    rules.check_tracks();
    rules.check_metadata();
    rules.check_attributes("");
    return rules.found_;
  }

 private:
  using Shape = std::vector<std::size_t>;

  explicit ZeaRules(const std::filesystem::path& file) : reader_(file) {}

  void require(bool holds, const std::string& rule) {
    if (!holds) found_.push_back(rule);
  }
  bool dataset(const std::string& path) const { return reader_.has(path) && !reader_.is_group(path); }
  std::string type(const std::string& path) const { return reader_.type_name(path); }
  std::vector<std::string> keys(const std::string& group) const {
    return reader_.is_group(group) ? reader_.children(group) : std::vector<std::string>{};
  }
  void only_keys(const std::string& group, const std::set<std::string>& allowed) {
    for (const auto& key : keys(group)) require(allowed.contains(key), group + "/" + key + ": no such key in zea");
  }
  void typed(const std::string& path, const std::set<std::string>& types) {
    if (dataset(path)) require(types.contains(type(path)), path + ": type " + type(path));
  }

  void check_root() {
    require(reader_.has_attribute("/", "zea_version"), "zea_version is missing");
    if (reader_.has_attribute("/", "zea_version"))
      require(reader_.text_attribute("/", "zea_version") == "0.1.6", "zea_version is not 0.1.6");
    for (const char* name : {"us_machine", "description"}) {
      require(reader_.has_attribute("/", name), std::string(name) + " is missing");
      if (reader_.has_attribute("/", name)) reader_.text_attribute("/", name);
    }
    // The old flat layout must not appear beside the new one.
    require(!reader_.has("data") && !reader_.has("scan"), "data or scan at the root");
  }

  void check_probe() {
    if (!reader_.has("probe")) return;
    only_keys("probe", {"name", "type", "probe_geometry", "probe_center_frequency", "probe_bandwidth_percent",
                        "element_width", "element_height", "lens_sound_speed", "lens_thickness"});
    typed("probe/name", {"string"});
    typed("probe/type", {"string"});
    if (dataset("probe/type")) {
      const std::set<std::string> kinds{"linear", "phased", "curved", "matrix", "custom"};
      require(kinds.contains(reader_.read_text("probe/type")), "probe/type is unknown");
    }
    for (const char* name : {"probe_center_frequency", "probe_bandwidth_percent", "element_width", "element_height"}) {
      const std::string path = std::string("probe/") + name;
      typed(path, {"float32"});
      if (dataset(path)) {
        require(reader_.shape(path).empty(), path + " is no scalar");
        require(reader_.read_scalar<double>(path) > 0, path + " is not positive");
      }
    }
    if (dataset("probe/probe_geometry")) {
      typed("probe/probe_geometry", {"float32"});
      const auto shape = reader_.shape("probe/probe_geometry");
      require(shape.size() == 2 && shape[1] == 3, "probe_geometry is not [n_el, 3]");
      elements_ = shape.empty() ? 0 : shape[0];
    }
  }

  void check_tracks() {
    const auto tracks = keys("tracks");
    require(!tracks.empty(), "no track");
    for (std::size_t i = 0; i < tracks.size(); ++i) {
      require(std::find(tracks.begin(), tracks.end(), "track_" + std::to_string(i)) != tracks.end(),
              "tracks are not numbered from 0");
      if (tracks.size() > 1) require(dataset("tracks/" + tracks[i] + "/label"), "a track of several lacks its label");
      check_track("tracks/" + tracks[i] + "/");
    }
  }

  void check_track(const std::string& track) {
    frames_ = transmits_ = samples_ = 0;
    require(!keys(track + "data").empty(), "no data");
    for (const auto& name : keys(track + "data")) {
      const std::string path = track + "data/" + name;
      if (name == "raw_data" || name == "aligned_data") {
        typed(path, {"float32", "int16"});
        const auto shape = reader_.shape(path);
        require(shape.size() == 5 && (shape.back() == 1 || shape.back() == 2), path + ": shape");
        if (shape.size() != 5) continue;
        same(frames_, shape[0], path + ": frames");
        transmits_ = shape[1];
        samples_ = shape[2];
        require(elements_ == shape[3], path + ": elements");
        require(dataset("probe/probe_geometry"), "raw data without probe_geometry");
        require(reader_.has(track + "scan"), "raw data without scan");
      } else {
        require(reader_.is_group(path), path + ": a flat array under data is refused");
      }
    }
    for (const auto& name : keys(track + "data"))
      if (reader_.is_group(track + "data/" + name)) check_map(track + "data/" + name, name);
    if (reader_.has(track + "scan")) check_scan(track + "scan");
  }

  void same(std::size_t& known, std::size_t value, const std::string& rule) {
    if (known == 0) known = value;
    require(known == value, rule);
  }

  void check_map(const std::string& path, const std::string& name) {
    only_keys(path, {"values", "coordinates", "labels", "description", "unit", "min", "max"});
    require(dataset(path + "/values"), path + ": no values");
    if (!dataset(path + "/values")) return;
    const auto shape = reader_.shape(path + "/values");
    same(frames_, shape.empty() ? 0 : shape[0], path + ": frames");
    const bool labelled = dataset(path + "/labels");
    Shape spatial = shape;
    if (labelled) spatial.pop_back();
    require(spatial.size() == 3 || spatial.size() == 4, path + ": not [frame, z, x] or [frame, z, x, y]");
    std::set<std::string> types{"uint8", "float32", "int16", "complex64"};
    if (name == "image") types = {"float32", "uint8"};
    if (name == "segmentation") types = {"bool"};
    if (name == "sos_map") types = {"float32"};
    typed(path + "/values", types);
    if (labelled) {
      typed(path + "/labels", {"string"});
      require(reader_.read_texts(path + "/labels").size() == shape.back(), path + ": labels");
    }
    if (name == "segmentation") require(labelled && shape.size() == 5, path + ": not [frame, z, x, y, label]");
    if (name == "image") {
      require(!labelled, path + ": an image has no channels");
      if (type(path + "/values") == "float32")
        for (float v : reader_.read<float>(path + "/values"))
          if (!(v <= 0)) {
            require(false, path + ": not in dB <= 0");
            break;
          }
    }
    for (const char* text : {"description", "unit"}) typed(path + "/" + text, {"string"});
    for (const char* number : {"min", "max"}) typed(path + "/" + number, {"float32"});
    const std::string unit = dataset(path + "/unit") ? reader_.read_text(path + "/unit") : "";
    if (name == "sos_map" || name == "shear_wave_elastography_map" || name == "tissue_doppler" ||
        name == "color_doppler")
      require(unit == "m/s", path + ": unit must be m/s");
    if (name == "strain_percentage_map") require(unit == "%", path + ": unit must be %");
    require(dataset(path + "/coordinates"), path + ": no coordinates");
    if (!dataset(path + "/coordinates")) return;
    typed(path + "/coordinates", {"float32"});
    auto coordinates = reader_.shape(path + "/coordinates");
    require(!coordinates.empty() && coordinates.back() == 3, path + ": coordinates are not x, y, z");
    if (coordinates.empty()) return;
    coordinates.pop_back();
    const Shape without_frames(spatial.begin() + 1, spatial.end());
    require(coordinates == spatial || coordinates == without_frames, path + ": coordinates do not fit values");
    for (float v : reader_.read<float>(path + "/coordinates"))
      if (!(std::abs(v) <= 1)) {
        require(false, path + ": coordinates over 1 m");
        break;
      }
  }

  void check_scan(const std::string& scan) {
    only_keys(scan,
              {"sampling_frequency", "center_frequency", "demodulation_frequency", "initial_times", "t0_delays",
               "tx_apodizations", "focus_distances", "transmit_origins", "polar_angles", "azimuth_angles",
               "time_to_next_transmit", "sound_speed", "tgc_gain_curve", "waveforms_one_way", "waveforms_two_way"});
    for (const char* needed : {"sampling_frequency", "center_frequency", "demodulation_frequency", "initial_times",
                               "t0_delays", "tx_apodizations", "focus_distances", "transmit_origins", "polar_angles"})
      require(dataset(scan + "/" + needed), std::string(needed) + " is missing");
    if (!found_.empty()) return;  // what follows reads these
    for (const auto& name : keys(scan)) typed(scan + "/" + name, {"float32"});
    const auto delays = reader_.read<double>(scan + "/t0_delays"),
               weights = reader_.read<double>(scan + "/tx_apodizations");
    const auto table = reader_.shape(scan + "/t0_delays");
    require(table.size() == 2, "t0_delays is not [n_tx, n_el]");
    if (table.size() != 2) return;
    same(transmits_, table[0], "t0_delays: transmits");
    require(table[1] == elements_, "t0_delays: elements");
    auto shaped = [&](const std::string& name, const Shape& shape) {
      if (dataset(scan + "/" + name)) require(reader_.shape(scan + "/" + name) == shape, name + ": shape");
    };
    shaped("tx_apodizations", table);
    for (const char* name : {"initial_times", "focus_distances", "polar_angles", "azimuth_angles"})
      shaped(name, {transmits_});
    shaped("transmit_origins", {transmits_, 3});
    shaped("time_to_next_transmit", {frames_, transmits_});
    shaped("tgc_gain_curve", {samples_});
    shaped("sampling_frequency", {});
    shaped("sound_speed", {});
    for (const char* name : {"center_frequency", "demodulation_frequency"}) {
      const auto shape = reader_.shape(scan + "/" + name);
      require(shape.empty() || shape == Shape{transmits_}, std::string(name) + ": shape");
    }
    require(reader_.read_scalar<double>(scan + "/sampling_frequency") > 0, "sampling_frequency");
    if (weights.size() != delays.size()) return;
    for (std::size_t t = 0; t < table[0]; ++t) {
      double first = INFINITY;
      for (std::size_t e = 0; e < table[1]; ++e) {
        const double delay = delays[t * table[1] + e], weight = weights[t * table[1] + e];
        require(delay >= 0 && std::isfinite(delay), "t0_delays: negative or not finite");
        require(std::abs(weight) <= 1, "tx_apodizations leave [-1, 1]");
        if (weight == 0)
          require(delay == 0, "a silent element has a delay");
        else
          first = std::min(first, delay);
      }
      require(first == 0, "the first firing element is not at 0");
    }
    for (const char* name : {"polar_angles", "azimuth_angles"})
      if (dataset(scan + "/" + name))
        for (double v : reader_.read<double>(scan + "/" + name))
          require(std::abs(v) <= 3.1416, std::string(name) + " over pi");
    for (double v : reader_.read<double>(scan + "/focus_distances")) require(!std::isnan(v), "focus_distances: NaN");
  }

  void check_metadata() {
    if (!reader_.has("metadata")) return;
    only_keys("metadata/subject", {"id", "type", "age", "sex", "weight", "bmi", "fat_percentage"});
    only_keys("metadata/annotations", {"anatomy", "view", "label", "image_quality"});
    only_keys("metrics", {"coherence_factor", "common_midpoint_phase_error"});
    typed("metadata/subject/id", {"string"});
    typed("metadata/subject/age", {"uint8"});
  }

  /// Each dataset has the text attributes unit and description.
  void check_attributes(const std::string& group) {
    for (const auto& name : reader_.children(group.empty() ? "/" : group)) {
      const std::string path = group.empty() ? name : group + "/" + name;
      if (reader_.is_group(path)) {
        check_attributes(path);
        continue;
      }
      for (const char* attribute : {"unit", "description"}) {
        require(reader_.has_attribute(path, attribute), path + ": no attribute " + attribute);
        if (reader_.has_attribute(path, attribute)) reader_.text_attribute(path, attribute);
      }
    }
  }

  Hdf5Reader reader_;
  std::vector<std::string> found_;
  std::size_t elements_ = 0, frames_ = 0, transmits_ = 0, samples_ = 0;
};

}  // namespace sonoforge::test
