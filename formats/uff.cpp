#include "formats/uff.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/progress.hpp"
#include "formats/foreign.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

namespace {

/// The class of an object, "" where it has none.
std::string class_of(const Hdf5Reader& reader, const std::string& path) {
  return reader.has_attribute(path, "class") ? reader.text_attribute(path, "class") : "";
}

std::string find_channel_data(const Hdf5Reader& reader) {
  for (const std::string& name : reader.children("/"))
    if (reader.is_group(name) && class_of(reader, name) == "uff.channel_data") return name;
  refuse_file(reader.file(),
              "no object of class 'uff.channel_data' is in this UFF file. Give a file with channel data");
}

/// Time from the first firing to the passage of the wave through the coordinate origin, UFF's time zero.
double origin_passage(const Transmit& transmit, double sound_speed) {
  if (transmit.wave == Transmit::Wave::plane) return transmit.time_of_origin;
  // A source clearly behind the origin has passed it later; a focus or an element counts as in front of it.
  const double travel = norm(transmit.focus) / sound_speed;
  return transmit.time_of_origin + (transmit.focus.z < -1e-3 ? travel : -travel);
}

class UffReading {
 public:
  explicit UffReading(const fs::path& file) : reader_(file), group_(find_channel_data(reader_) + "/") {}

  ZeaFile read() {
    acquisition_.sampling_rate = positive_scalar(group_ + "sampling_frequency");
    acquisition_.sound_speed = positive_scalar(group_ + "sound_speed");
    modulation_ = scalar(group_ + "modulation_frequency", 0);
    initial_time_ = scalar(group_ + "initial_time", 0);
    read_centre_frequency();
    read_probe();
    read_waves();
    read_samples();
    find_lines(acquisition_);
    check_readable(reader_.file(), acquisition_);
    ZeaFile content;
    content.acquisition = std::move(acquisition_);
    return content;
  }

 private:
  [[noreturn]] void refuse(const std::string& text) const { refuse_file(reader_.file(), text); }

  double scalar(const std::string& path, double otherwise) const {
    if (!reader_.has(path) || reader_.is_group(path)) return otherwise;
    return reader_.read_scalar<double>(path);
  }
  double positive_scalar(const std::string& path) const {
    const double value = reader_.read_scalar<double>(path);
    if (!(value > 0) || !std::isfinite(value)) refuse("dataset '" + path + "' is not positive. Correct the file");
    return value;
  }

  void read_centre_frequency() {
    const double pulse = scalar(group_ + "pulse/center_frequency", 0);
    if (pulse > 0 && std::isfinite(pulse)) {
      acquisition_.centre_frequency = pulse;
    } else if (modulation_ > 0) {
      acquisition_.centre_frequency = modulation_;
      acquisition_.notes.push_back("the pulse's frequency is not stated: the modulation frequency is taken");
    } else {
      acquisition_.centre_frequency = acquisition_.sampling_rate / 4;
      acquisition_.notes.push_back("no frequency is stated: a quarter of the sampling rate is assumed");
    }
  }

  void read_probe() {
    const std::string path = group_ + "probe/geometry";
    const auto shape = reader_.shape(path);
    if (shape.size() != 2 || (shape[0] != 7 && shape[1] != 7))
      refuse("dataset '" + path +
             "' has the wrong shape (needs 7 numbers an element). Compare the file with its format");
    const auto values = reader_.read<double>(path);
    const bool reversed = shape[0] == 7;  // as MATLAB writes N x 7
    const std::size_t elements = reversed ? shape[1] : shape[0];
    auto at = [&](std::size_t element, std::size_t column) {
      return reversed ? values[column * elements + element] : values[element * 7 + column];
    };
    std::vector<Vec3> positions;
    for (std::size_t e = 0; e < elements; ++e) positions.push_back({at(e, 0), at(e, 1), at(e, 2)});
    Probe& probe = acquisition_.probe;
    probe = probe_from_positions(reader_.file(), path, std::move(positions), elements ? at(0, 5) : 0,
                                 elements ? at(0, 6) : 0, acquisition_.notes);
    for (std::size_t e = 0; e < elements; ++e) {
      Element& element = probe.elements[e];
      const double theta = at(e, 3), phi = at(e, 4);
      if (!std::isfinite(theta) || !std::isfinite(phi)) refuse("dataset '" + path + "' holds NaN. Correct the file");
      element.normal = {std::sin(theta) * std::cos(phi), std::sin(phi), std::cos(theta) * std::cos(phi)};
      element.lateral = {std::cos(theta), 0, -std::sin(theta)};
      if (at(e, 5) > 0 && std::isfinite(at(e, 5))) element.width = at(e, 5);
      if (at(e, 6) > 0 && std::isfinite(at(e, 6))) element.height = at(e, 6);
    }
    probe.frequency = acquisition_.centre_frequency;
    const double bandwidth = scalar(group_ + "pulse/fractional_bandwidth", 0);
    if (bandwidth > 0) probe.bandwidth = bandwidth > 3 ? bandwidth / 100 : bandwidth;
  }

  void read_waves() {
    const std::string path = group_ + "sequence";
    std::vector<std::string> waves;
    if (reader_.is_group(path) && reader_.has(path + "/source")) {
      waves.push_back(path);
    } else {
      for (const std::string& name : reader_.children(path))
        if (reader_.is_group(path + "/" + name)) waves.push_back(path + "/" + name);
    }
    if (waves.empty()) refuse("group '" + path + "' holds no waves. Compare the file with its format");
    for (const std::string& wave : waves) read_wave(wave);
    acquisition_.notes.push_back("UFF keeps no delays: they are worked out from the waves, all elements firing alike");
  }

  void read_wave(const std::string& path) {
    const double distance = reader_.read_scalar<double>(path + "/source/distance");
    const double azimuth = scalar(path + "/source/azimuth", 0), elevation = scalar(path + "/source/elevation", 0);
    if (std::isnan(distance) || !std::isfinite(azimuth) || !std::isfinite(elevation))
      refuse("object '" + path + "/source' holds NaN. Correct the file");
    const Vec3 direction{std::sin(azimuth) * std::cos(elevation), std::sin(elevation),
                         std::cos(azimuth) * std::cos(elevation)};
    const double front = scalar(path + "/wavefront", 1);
    if (front != 0 && front != 1)
      refuse("dataset '" + path +
             "/wavefront' is neither plane nor spherical (photoacoustic data has no transmit). "
             "Give pulse-echo data");
    const Probe& probe = acquisition_.probe;
    const double sound_speed = acquisition_.sound_speed;
    const std::vector<double> ones(probe.size(), 1.0);
    Transmit transmit;
    try {
      if (front == 0 || std::isinf(distance)) {
        transmit = plane_transmit(probe, ones, std::atan2(direction.x, direction.z),
                                  direction.y == 0 ? 0 : std::atan2(direction.y, direction.z), sound_speed);
      } else {
        const Vec3 source = distance * direction;
        std::size_t nearest = 0;
        for (std::size_t e = 1; e < probe.size(); ++e)
          if (norm(probe.elements[e].position - source) < norm(probe.elements[nearest].position - source)) nearest = e;
        Vec3 centre{};
        for (const Element& element : probe.elements)
          centre = centre + element.position / static_cast<double>(probe.size());
        if (norm(probe.elements[nearest].position - source) < 0.1 * probe.pitch)
          transmit = element_transmit(probe, nearest);
        else if (source.z < 0)
          transmit = diverging_transmit(probe, ones, source, normalized(centre - source), sound_speed);
        else
          transmit = focused_transmit(probe, ones, source, wave_origin(path, source, centre), sound_speed);
      }
    } catch (const ConfigError& error) {
      refuse("object '" + path + "': " + error.what());
    }
    acquisition_.start.push_back(initial_time_ + scalar(path + "/delay", 0) + origin_passage(transmit, sound_speed));
    acquisition_.sequence.transmits.push_back(std::move(transmit));
  }

  /// Where the beam's axis leaves the face: as stated; without it, on sector scans the centre, else straight above.
  Vec3 wave_origin(const std::string& path, Vec3 source, Vec3 centre) const {
    const std::string origin = path + "/origin/";
    if (reader_.has(origin + "distance")) {
      const double distance = reader_.read_scalar<double>(origin + "distance");
      const double azimuth = scalar(origin + "azimuth", 0), elevation = scalar(origin + "elevation", 0);
      if (std::isfinite(distance) && distance > 0)
        return distance * Vec3{std::sin(azimuth) * std::cos(elevation), std::sin(elevation),
                               std::cos(azimuth) * std::cos(elevation)};
    }
    double half = 0;
    for (const Element& element : acquisition_.probe.elements)
      half = std::max(half, std::abs(element.position.x - centre.x));
    return std::abs(source.x - centre.x) <= half ? Vec3{source.x, centre.y, centre.z} : centre;
  }

  void read_samples() {
    const std::string path = group_ + "data";
    const bool complex_data = reader_.is_group(path);
    const std::string real = complex_data ? path + "/real" : path;
    auto shape = reader_.shape(real);
    while (shape.size() < 4) shape.insert(shape.begin(), 1);  // MATLAB drops trailing axes of length one
    const std::size_t waves = acquisition_.sequence.transmits.size(), elements = acquisition_.probe.size();
    if (shape.size() != 4 || shape[1] != waves || shape[2] != elements || shape[0] == 0 || shape[3] == 0)
      refuse("dataset '" + real + "' does not have the shape [frame, wave, channel, sample] of " +
             std::to_string(waves) + " waves and " + std::to_string(elements) +
             " channels. Compare the file with its format");
    const NdArray<float, 4>::Shape extents{shape[0], shape[1], shape[2], shape[3]};
    const auto values = reader_.read<float>(real);
    acquisition_.samples = NdArray<float, 4>(extents);
    std::copy(values.begin(), values.end(), acquisition_.samples.data());
    acquisition_.sequence.frames = shape[0];
    const double rate = scalar(group_ + "PRF", 0);
    if (rate > 0 && std::isfinite(rate)) acquisition_.sequence.frame_rate = rate / static_cast<double>(waves);
    if (!complex_data) {
      if (modulation_ > 0)
        refuse("dataset '" + path + "' is real (IQ data is complex). Correct the modulation frequency");
      return;
    }
    const auto imaginary = reader_.read<float>(path + "/imag");
    if (imaginary.size() != values.size()) refuse("datasets under '" + path + "' differ in shape. Correct the file");
    if (!(modulation_ > 0)) {
      acquisition_.notes.push_back("the RF is stored as an analytic signal: its real part is taken");
      return;
    }
    acquisition_.demodulation_frequency = modulation_;
    acquisition_.samples_q = NdArray<float, 4>(extents);
    // UFF's phase counts from time zero of its time axis, ours from the first sample.
    const std::complex<double> turn = std::polar(1.0, 2 * std::numbers::pi * modulation_ * initial_time_);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto turned = turn * std::complex<double>(values[i], imaginary[i]);
      acquisition_.samples.data()[i] = static_cast<float>(turned.real());
      acquisition_.samples_q.data()[i] = static_cast<float>(turned.imag());
    }
  }

  Hdf5Reader reader_;
  std::string group_;
  Acquisition acquisition_;
  double modulation_ = 0, initial_time_ = 0;
};

/// Writes objects and leaves with the attributes that UFF's readers look for.
class UffWriting {
 public:
  explicit UffWriting(const fs::path& file) : writer_(file) { writer_.fixed_attribute("", "version", "v1.2.0"); }

  void object(const std::string& path, const std::string& type, std::size_t array = 0) {
    writer_.group(path);
    writer_.fixed_attribute(path, "class", type);
    writer_.fixed_attribute(path, "name", path.substr(path.rfind('/') + 1));
    writer_.attribute(path, "size", std::vector<double>{1, static_cast<double>(std::max<std::size_t>(array, 1))});
    writer_.attribute(path, "array", std::vector<double>{array > 0 ? 1.0 : 0.0});
  }
  void leaf(const std::string& path, std::span<const float> values, const std::vector<std::size_t>& shape,
            const std::string& type = "single") {
    writer_.write<float>(path, values, shape);
    describe(path, shape, type, false);
  }
  void leaf(const std::string& path, double value, const std::string& type = "single") {
    const auto narrow = static_cast<float>(value);
    leaf(path, std::span(&narrow, 1), {1, 1}, type);
  }
  void complex_leaf(const std::string& path, std::span<const float> real, std::span<const float> imaginary,
                    const std::vector<std::size_t>& shape) {
    writer_.group(path);
    writer_.write<float>(path + "/real", real, shape);
    writer_.write<float>(path + "/imag", imaginary, shape);
    describe(path + "/real", shape, "single", false);
    describe(path + "/imag", shape, "single", false);
    writer_.attribute(path + "/imag", "imaginary", std::vector<double>{1});
    describe(path, shape, "single", true);
  }
  void point(const std::string& path, Vec3 direction, double distance) {
    object(path, "uff.point");
    leaf(path + "/distance", distance);
    leaf(path + "/azimuth", std::atan2(direction.x, direction.z));
    leaf(path + "/elevation", std::asin(std::clamp(direction.y, -1.0, 1.0)));
  }
  void commit() { writer_.commit(); }

 private:
  void describe(const std::string& path, const std::vector<std::size_t>& shape, const std::string& type, bool complex) {
    writer_.fixed_attribute(path, "class", type);
    writer_.fixed_attribute(path, "name", path.substr(path.rfind('/') + 1));
    writer_.attribute(path, "size", std::vector<double>(shape.rbegin(), shape.rend()));
    writer_.attribute(path, "imaginary", std::vector<double>{0});
    writer_.attribute(path, "complex", std::vector<double>{complex ? 1.0 : 0.0});
  }
  Hdf5Writer writer_;
};

}  // namespace

ZeaFile read_uff(const fs::path& file) {
  return UffReading(file).read();
}

void write_uff(const fs::path& file, const ZeaFile& content) {
  const Acquisition& acquisition = content.acquisition;
  const auto refuse = [&](const std::string& text) { refuse_file(file, "cannot write UFF: " + text); };
  if (acquisition.samples.empty()) refuse("there is no channel data. Choose another format");
  if (!acquisition.sequence.receive_delays.empty()) refuse("receive delays have no place in UFF. Write .hdf5 instead");
  for (const Transmit& transmit : acquisition.sequence.transmits)
    if (transmit.wave == Transmit::Wave::custom || transmit.laws.size() != 1)
      refuse("a transmit is no plane, spherical or focused wave (UFF holds no delays). Write .hdf5 instead");

  const auto is_tapered = [](const Transmit& transmit) {
    const auto& weights = transmit.laws.front().apodization;
    return std::any_of(weights.begin(), weights.end(), [](double w) { return w != 1; });
  };
  if (std::any_of(acquisition.sequence.transmits.begin(), acquisition.sequence.transmits.end(), is_tapered))
    log_warning(file.string() + ": transmit apodization has no place in UFF and is left out (delays of silent elements are those of the wave)");

  UffWriting writing(file);
  const std::string group = "channel_data/";
  writing.object("channel_data", "uff.channel_data");
  writing.leaf(group + "sampling_frequency", acquisition.sampling_rate);
  writing.leaf(group + "initial_time", 0);
  writing.leaf(group + "sound_speed", acquisition.sound_speed);
  writing.leaf(group + "modulation_frequency", acquisition.is_iq() ? acquisition.demodulation_frequency : 0);
  const auto& transmits = acquisition.sequence.transmits;
  if (acquisition.sequence.frame_rate > 0)
    writing.leaf(group + "PRF", acquisition.sequence.frame_rate * static_cast<double>(transmits.size()));

  const std::size_t elements = acquisition.probe.size();
  std::vector<float> geometry(7 * elements);
  for (std::size_t e = 0; e < elements; ++e) {
    const Element& element = acquisition.probe.elements[e];
    const double columns[7] = {element.position.x,
                               element.position.y,
                               element.position.z,
                               std::atan2(element.normal.x, element.normal.z),
                               std::asin(std::clamp(element.normal.y, -1.0, 1.0)),
                               element.width,
                               element.height};
    for (std::size_t k = 0; k < 7; ++k) geometry[k * elements + e] = static_cast<float>(columns[k]);
  }
  writing.object(group + "probe", "uff.probe");
  writing.leaf(group + "probe/geometry", geometry, {7, elements});
  writing.object(group + "pulse", "uff.pulse");
  writing.leaf(group + "pulse/center_frequency", acquisition.centre_frequency);
  if (acquisition.probe.bandwidth > 0) writing.leaf(group + "pulse/fractional_bandwidth", acquisition.probe.bandwidth);

  const bool several = transmits.size() > 1;
  if (several) writing.object(group + "sequence", "uff.wave", transmits.size());
  for (std::size_t t = 0; t < transmits.size(); ++t) {
    const Transmit& transmit = transmits[t];
    std::string path = group + "sequence";
    if (several) {
      auto number = std::to_string(t + 1);
      number.insert(0, number.size() < 4 ? 4 - number.size() : 0, '0');
      path += "/sequence_" + number;
    }
    writing.object(path, "uff.wave");
    const bool plane = transmit.wave == Transmit::Wave::plane;
    writing.leaf(path + "/wavefront", plane ? 0 : 1, "uff.wavefront");
    writing.leaf(path + "/sound_speed", acquisition.sound_speed);
    writing.leaf(path + "/delay", acquisition.start[t] - origin_passage(transmit, acquisition.sound_speed));
    const double distance = norm(transmit.focus);
    if (plane)
      writing.point(path + "/source", transmit.direction, std::numeric_limits<double>::infinity());
    else
      writing.point(path + "/source", distance > 0 ? transmit.focus / distance : Vec3{0, 0, 1}, distance);
    // Zero is what USTB writes where no origin is set: the coordinate origin itself stands a picometre in front of it.
    const double away = norm(transmit.origin);
    writing.point(path + "/origin", away > 0 ? transmit.origin / away : Vec3{0, 0, 1}, std::max(away, 1e-12));
  }
  const auto extents = acquisition.samples.shape();
  const std::vector<std::size_t> shape(extents.begin(), extents.end());
  if (acquisition.is_iq())
    writing.complex_leaf(group + "data", acquisition.samples.flat(), acquisition.samples_q.flat(), shape);
  else
    writing.leaf(group + "data", acquisition.samples.flat(), shape);
  writing.commit();
}

}  // namespace sonoforge
