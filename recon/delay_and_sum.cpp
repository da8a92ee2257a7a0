#include "recon/delay_and_sum.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "recon/iq.hpp"

namespace sonoforge {
namespace {

void require(bool condition, const std::string& text) {
  if (!condition) throw UserError(text);
}

/// Data of unknown origin may contradict themselves: better a sentence than a crash.
void check_acquisition(const Acquisition& a) {
  const auto text = [](std::size_t n) { return std::to_string(n); };
  require(!a.samples.empty(), "the acquisition holds no samples (one of its extents is zero). Check the file");
  require(a.probe.size() == a.channels(), "the data have " + text(a.channels()) + " channels but the probe has " +
                                              text(a.probe.size()) + " elements (they must match). Check the file");
  require(a.sequence.transmits.size() == a.transmits(),
          "the data have " + text(a.transmits()) + " transmits but the sequence describes " +
              text(a.sequence.transmits.size()) + " (they must match). Check the file");
  require(a.start.size() == a.transmits(), "the data have " + text(a.transmits()) + " transmits but " +
                                               text(a.start.size()) + " start times (one each). Check the file");
  require(!a.is_iq() || a.samples_q.shape() == a.samples.shape(),
          "in-phase and quadrature data differ in shape (they must match). Check the file");
  require(a.sampling_rate > 0 && std::isfinite(a.sampling_rate),
          "the sampling rate is not a positive number (delays cannot be found). Check the file");
  require(a.sequence.receive_delays.empty() || a.sequence.receive_delays.size() == a.channels(),
          "the receive delays are not one a channel. Check the file");
  const auto finite = [](float v) { return std::isfinite(v); };
  const auto all_finite = [&](std::span<const float> v) { return std::all_of(v.begin(), v.end(), finite); };
  require(all_finite(a.samples.flat()) && all_finite(a.samples_q.flat()),
          "the channel data hold values that are not finite (one of them would spoil the whole image). Clean the data");
}

/// Pixels whose sums are held beside the image; whole tiles of the kernel.
constexpr std::size_t pixels_together = 1 << 16;

/// The images of all frames.
void check_image_memory(const PixelGrid& grid, std::size_t frames) {
  const double pixels =
      static_cast<double>(grid.x.count) * static_cast<double>(grid.y.count) * static_cast<double>(grid.z.count);
  // Of each pixel the beamformed value, its envelope and its level.
  const double bytes = pixels * static_cast<double>(frames) * (sizeof(std::complex<float>) + 2 * sizeof(float));
  const double machine = installed_memory();
  require(bytes <= 0.75 * machine, "an image of " + std::to_string(static_cast<long long>(pixels * 1e-6)) +
                                       " million pixels and " + std::to_string(frames) +
                                       " frames does not fit into memory. Choose larger steps of the image grid");
}

/// Complex samples of one record, ready for interpolation.
class RecordPreparation {
 public:
  RecordPreparation(const Acquisition& acquisition, DelayAndSum::Signal signal, double frequency,
                    std::size_t decimation)
      : acquisition_(acquisition), decimation_(decimation) {
    if (acquisition.is_iq()) return;
    const std::size_t n = acquisition.samples_per_channel();
    if (signal == DelayAndSum::Signal::rf) {
      analytic_.emplace(n);
    } else {
      demodulator_.emplace(Demodulation{.sampling_rate = acquisition.sampling_rate, .frequency = frequency}, n);
    }
  }
  std::size_t samples() const { return (acquisition_.samples_per_channel() + decimation_ - 1) / decimation_; }

  void operator()(std::size_t frame, std::size_t transmit, std::size_t channel,
                  std::vector<std::complex<float>>& record) const {
    const std::span<const float> rf = acquisition_.samples.row(frame, transmit, channel);
    record.resize(rf.size());
    if (acquisition_.is_iq()) {
      const std::span<const float> q = acquisition_.samples_q.row(frame, transmit, channel);
      for (std::size_t n = 0; n < rf.size(); ++n) record[n] = {rf[n], q[n]};
    } else if (analytic_) {
      (*analytic_)(rf, record);
    } else {
      (*demodulator_)(rf, record);
    }
    for (std::size_t n = 0; n < samples(); ++n) record[n] = record[n * decimation_];
    record.resize(samples());
  }

 private:
  const Acquisition& acquisition_;
  std::size_t decimation_;
  std::optional<Demodulator<float>> demodulator_;
  std::optional<AnalyticSignal<float>> analytic_;
};

}  // namespace

void DelayAndSum::fields(FieldVisitor& visit) {
  visit(f_number,
        {.key = "f_number",
         .doc = "Depth over receive aperture; 0 uses all elements, auto follows the element directivity. By default "
                "1.5, and 0 on a phased array, whose sector is wider than the cone of an f-number.",
         .min = 0,
         .max = 100,
         .words = {{"auto", auto_f_number}}});
  visit.choice(window, window_names, {.key = "window", .doc = "Taper over the receive aperture."});
  visit.choice(interpolation, interpolation_names,
               {.key = "interpolation", .doc = "How values between two samples are found."});
  visit.choice(signal, {"iq", "rf"}, {.key = "signal", .doc = "Sum baseband data or RF at its full rate."});
  visit(sound_speed, {.key = "sound_speed",
                      .doc = "Assumed speed of sound; by default the acquisition's.",
                      .unit = Unit::metre_per_second,
                      .min = 100,
                      .max = 20'000});
  visit.choice(compounding, {"coherent", "incoherent"},
               {.key = "compounding", .doc = "Add the transmits as complex values or as magnitudes."});
  visit.choice(
      normalization, {"none", "weights"},
      {.key = "normalization",
       .doc = "weights: divide by the sum of the aperture weights, so that depth does not brighten the image."});
  visit.choice(
      transmit_delay, {"virtual_source", "earliest_arrival"},
      {.key = "transmit_delay", .doc = "When the pulse passes a pixel: from the wave's geometry or its elements."});
  visit(demodulation_frequency, {.key = "demodulation_frequency",
                                 .doc = "What becomes 0 Hz; by default the acquisition's centre frequency.",
                                 .unit = Unit::hertz,
                                 .min = 1,
                                 .max = 1e10});
  visit(decimation, {.key = "decimation",
                     .doc = "Keep every n-th sample of demodulated data; saves memory, costs accuracy.",
                     .min = 1,
                     .max = 1000});
}

void DelayAndSum::check() const {
  if (f_number && !(*f_number >= 0) && *f_number != auto_f_number)
    throw ConfigError("f_number",
                      "f_number is negative (an aperture cannot be). Write 0 for all elements or for example 1.5");
  if (decimation < 1) throw ConfigError("decimation", "decimation is below 1 (1 keeps all samples). Write 1");
  if (signal == Signal::rf && decimation != 1)
    throw ConfigError("decimation",
                      "decimation needs baseband data (RF would fold over). Write 'signal: iq' or leave it out");
}

void DelayAndSum::check_signal(double sampling_rate, double centre_frequency) const {
  if (signal != Signal::iq) return;
  try {
    demodulation_cutoff(sampling_rate, demodulation_frequency.value_or(centre_frequency));
  } catch (const UserError& error) {
    throw ConfigError("sampling_rate", error.what());
  }
}

double DelayAndSum::directivity_f_number(const Probe& probe, double sound_speed) {
  if (probe.elements.empty() || !(probe.frequency > 0)) return 0;
  double width = 0;
  for (const Element& e : probe.elements) width = std::max(width, e.width);
  const double wavelength = sound_speed / (probe.frequency * (1 + probe.bandwidth / 2));
  const auto directivity = [&](double angle) {
    const double u = std::numbers::pi * width / wavelength * std::sin(angle);
    return std::cos(angle) * (u == 0 ? 1 : std::sin(u) / u);
  };
  double low = 0, high = std::numbers::pi / 2;  // falls steadily over the main lobe, and beyond it stays below 0.71
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (directivity(middle) > 0.71 ? low : high) = middle;
  }
  return 1 / (2 * std::tan(low));
}

std::vector<ComplexMap> DelayAndSum::beamform(const Acquisition& acquisition, const PixelGrid& grid) const {
  return std::move(beamform_frames(acquisition, grid, 1).front());
}

std::vector<ComplexMap> DelayAndSum::beamform_parts(const Acquisition& acquisition, const PixelGrid& grid,
                                                    std::size_t parts) const {
  const Probe::Kind kind = acquisition.probe.kind;
  require(kind != Probe::Kind::ring && kind != Probe::Kind::row_column,
          "its elements do not stand side by side along one line (parts of the receive aperture would not be "
          "directions). Use groups of elements");
  if (compounding == Compounding::incoherent && acquisition.transmits() > 1)
    throw ConfigError("compounding",
                      "magnitudes are added (parts of the aperture could not be compared by their phases). Write "
                      "'compounding: coherent'");
  std::vector<ComplexMap> maps;
  for (auto& frames : beamform_frames(acquisition, grid, parts)) maps.push_back(std::move(frames.front()));
  return maps;
}

std::vector<std::vector<ComplexMap>> DelayAndSum::beamform_frames(const Acquisition& acquisition, const PixelGrid& grid,
                                                                  std::size_t parts) const {
  check();
  check_acquisition(acquisition);
  check_image_memory(grid, acquisition.frames() * parts);
  const double speed = sound_speed.value_or(acquisition.sound_speed);
  require(speed > 0, "the speed of sound is not positive (delays cannot be found). Set the beamformer's sound_speed");
  double frequency = acquisition.demodulation_frequency;
  if (!acquisition.is_iq()) {
    frequency = demodulation_frequency.value_or(acquisition.centre_frequency > 0 ? acquisition.centre_frequency
                                                                                 : acquisition.probe.frequency);
    require(frequency > 0, "the centre frequency is not known (RF cannot be demodulated). Set demodulation_frequency");
    if (signal == Signal::rf && acquisition.sampling_rate < 2 * frequency)
      throw ConfigError("signal",
                        "the RF is band-pass sampled (its rate is below twice its centre frequency, so values "
                        "between its samples are not defined). Write 'signal: iq'");
  }
  const bool rotate = acquisition.is_iq() || signal == Signal::iq;
  const std::size_t step = acquisition.is_iq() ? 1 : static_cast<std::size_t>(decimation);

  DelayAndSumGeometry geometry;
  geometry.probe = &acquisition.probe;
  geometry.lines = acquisition.sequence.lines && acquisition.transmits() > 1;
  bool all_lines = true;
  for (std::size_t n = 0; n < acquisition.transmits(); ++n) {
    const Transmit& transmit = acquisition.sequence.transmits[n];
    for (const TransmitLaw& law : transmit.laws)
      require(law.delays.size() == acquisition.probe.size() && law.apodization.size() == acquisition.probe.size(),
              "a transmit does not have one delay and one weight an element. Check the file");
    const auto add_beam = [&](const Transmit& beam) {
      geometry.arrivals.emplace_back(beam, acquisition.probe, speed, transmit_delay);
      geometry.transmit_of.push_back(n);
      geometry.line_origins.push_back(beam.origin);
      geometry.line_directions.push_back(beam.direction);
    };
    // Focused beams sent at once: each makes its own lines out of the same record.
    std::vector<Transmit> beams;
    if (transmit.wave == Transmit::Wave::custom && transmit.laws.size() > 1)
      for (const TransmitLaw& law : transmit.laws)
        if (auto beam = recognise_wave(law, acquisition.probe, speed); beam && beam->wave == Transmit::Wave::focused)
          beams.push_back(std::move(*beam));
    if (!beams.empty() && beams.size() == transmit.laws.size()) {
      for (const Transmit& beam : beams) add_beam(beam);
      geometry.lines = true;
    } else {
      add_beam(transmit);
      all_lines = all_lines && transmit.wave != Transmit::Wave::custom;
    }
  }
  geometry.lines = geometry.lines && all_lines && geometry.arrivals.size() > 1;
  geometry.start = acquisition.start;
  geometry.receive_delays = acquisition.sequence.receive_delays;
  geometry.sampling_rate = acquisition.sampling_rate / static_cast<double>(step);
  geometry.rotation_frequency = rotate ? frequency : 0;
  geometry.sound_speed = speed;
  const double wanted = f_number.value_or(acquisition.probe.kind == Probe::Kind::phased ? 0.0 : 1.5);
  geometry.f_number = wanted == auto_f_number ? directivity_f_number(acquisition.probe, speed) : wanted;
  if (parts > 1 && geometry.f_number == 0)
    throw ConfigError("f_number",
                      "all elements count, at any depth, as on phased arrays by default (such an aperture has no parts "
                      "to tell apart). Write for example 'f_number: 1'");
  geometry.window = window;
  geometry.interpolation = interpolation;
  geometry.mean = normalization == Normalization::weights;
  geometry.incoherent = compounding == Compounding::incoherent;

  const RecordPreparation prepare(acquisition, signal, frequency, step);
  const std::size_t frames = acquisition.frames(), channels = acquisition.channels();
  std::vector<std::vector<ComplexMap>> images(parts);
  for (auto& part : images)
    for (std::size_t f = 0; f < frames; ++f, check_interrupted()) part.emplace_back(grid);
  Progress progress("Image", grid.size() * frames * parts, "pixels");
  for (std::size_t first = 0; first < frames; first += FrameInterleaved<float>::max_frames) {
    const std::size_t count = std::min(frames - first, FrameInterleaved<float>::max_frames);
    FrameInterleaved<float> data(acquisition.transmits(), channels, prepare.samples(), count);
    parallel_for(acquisition.transmits() * channels, [&](std::size_t i) {
      std::vector<std::complex<float>> record;
      for (std::size_t f = 0; f < count; ++f) {
        prepare(first + f, i / channels, i % channels, record);
        data.set(i / channels, i % channels, f, record);
      }
    });
    for (std::size_t begin = 0; begin < grid.size(); begin += pixels_together) {
      const std::size_t pixels = std::min(pixels_together, grid.size() - begin);
      std::vector<Vec3> points(pixels);
      parallel_blocks(pixels, 4096, [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; ++i) {
          const std::size_t pixel = begin + i, line = pixel / grid.x.count;
          points[i] = grid.position(line / grid.y.count, line % grid.y.count, pixel % grid.x.count);
        }
      });
      for (std::size_t p = 0; p < parts; ++p) {
        const double width = 2.0 / static_cast<double>(parts);
        geometry.part_from = -1 + static_cast<double>(p) * width;
        geometry.part_to = p + 1 == parts ? 1 : -1 + static_cast<double>(p + 1) * width;
        const std::vector<std::complex<float>> sums = delay_and_sum<float>(data, geometry, points);
        for (std::size_t f = 0; f < count; ++f)
          for (std::size_t i = 0; i < pixels; ++i)
            images[p][first + f].values.data()[begin + i] = sums[i * data.lanes() + f];
        progress.advance(pixels * count);
      }
    }
  }
  return images;
}

const Catalog& beamformer_catalog() {
  static const Catalog catalog{
      .kind = "beamformer",
      .doc = "How channel data become an image.",
      .types = {row_of<DelayAndSum>("delay_and_sum", "Delay and sum with dynamic receive focus, on IQ or RF data.")},
      .presets = {},
      .default_type = "delay_and_sum"};
  return catalog;
}

}  // namespace sonoforge
