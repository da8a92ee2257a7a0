// Every kind of transmit, superposed element by element, must put a point where it is.
#include <cmath>
#include <numbers>

#include "core/parallel.hpp"
#include "io/config.hpp"
#include "recon/delay_and_sum.hpp"
#include "recon/envelope.hpp"
#include "support.hpp"

namespace sonoforge {
namespace {

constexpr double c = 1540, fs = 25e6;

/// Echoes of one point from all elements of all transmits: Gaussian pulses, no directivity, no spreading.
Acquisition point_echoes(const Probe& probe, const Sequence& sequence, Vec3 point) {
  const std::size_t elements = probe.size(), samples = 1200;
  constexpr double fine = 400e6;
  Acquisition a;
  a.probe = probe;
  a.sequence = sequence;
  a.sampling_rate = fs;
  a.centre_frequency = probe.frequency;
  a.sound_speed = c;
  a.start.assign(sequence.transmits.size(), 0.0);
  a.samples = NdArray<float, 4>({1, sequence.transmits.size(), elements, samples});
  const double sigma = std::sqrt(2 * std::log(2.0)) / (std::numbers::pi * 0.6 * probe.frequency);
  const auto pulse = [&](double t) {
    return std::exp(-t * t / (2 * sigma * sigma)) * std::cos(2 * std::numbers::pi * probe.frequency * t);
  };
  parallel_for(sequence.transmits.size(), [&](std::size_t k) {
    // The wave at the point, on a fine time axis, is the sum over elements; each channel hears it later.
    std::vector<double> wave(static_cast<std::size_t>(samples * fine / fs));
    for (const TransmitLaw& law : sequence.transmits[k].laws)
      for (std::size_t n = 0; n < elements; ++n) {
        if (std::isnan(law.delays[n]) || law.apodization[n] == 0) continue;
        const double centre = law.delays[n] + norm(probe.elements[n].position - point) / c;
        for (double t = std::max(0.0, std::ceil((centre - 5 * sigma) * fine)); t < (centre + 5 * sigma) * fine; ++t)
          if (static_cast<std::size_t>(t) < wave.size())
            wave[static_cast<std::size_t>(t)] += law.apodization[n] * pulse(t / fine - centre);
      }
    for (std::size_t m = 0; m < elements; ++m)
      for (std::size_t i = 0; i < samples; ++i) {
        const double t = (static_cast<double>(i) / fs - norm(probe.elements[m].position - point) / c) * fine;
        if (t < 0 || t + 1 >= static_cast<double>(wave.size())) continue;
        const auto j = static_cast<std::size_t>(t);
        const double s = t - static_cast<double>(j);
        a.samples(0, k, m, i) = static_cast<float>((1 - s) * wave[j] + s * wave[j + 1]);
      }
  });
  return a;
}

struct Row {
  const char* name;
  const char* probe;
  const char* sequence;
  Vec3 point;
  bool behind_focus = false;  ///< where the earliest wave is not the main one
};

class Sequences : public ::testing::TestWithParam<Row> {};

TEST_P(Sequences, PutAPointWhereItIs) {
  const Row& row = GetParam();
  const auto make = [](const Catalog& catalog, const std::string& text) {
    const ConfigTree tree = ConfigTree::parse("item: " + text);
    struct Item : Configurable {
      const Catalog* catalog;
      Typed<Configurable> value;
      void fields(FieldVisitor& visit) override {
        visit.typed(value, *catalog, {.key = "item", .doc = "", .required = true});
      }
    } item;
    item.catalog = &catalog;
    tree.read(item);
    return item.value.value;
  };
  const Probe probe = std::dynamic_pointer_cast<ProbeConfig>(make(probe_catalog(), row.probe))->build();
  const Sequence sequence =
      std::dynamic_pointer_cast<SequenceConfig>(make(sequence_catalog(), row.sequence))->build(probe, c);
  const Acquisition acquisition = point_echoes(probe, sequence, row.point);
  DelayAndSum das;
  das.f_number = 1;
  PixelGrid grid;
  const double step = 0.1e-3;
  grid.x = {row.point.x - 30 * step, step, 61};
  grid.z = {row.point.z - 20 * step, step, 41};
  for (TransmitDelay delay : {TransmitDelay::virtual_source, TransmitDelay::earliest_arrival}) {
    if (row.behind_focus && delay == TransmitDelay::earliest_arrival) continue;
    das.transmit_delay = delay;
    const RealMap image = envelope(das.beamform(acquisition, grid).at(0));
    const auto flat = image.values.flat();
    const auto peak = static_cast<std::size_t>(std::max_element(flat.begin(), flat.end()) - flat.begin());
    EXPECT_GT(flat[peak], 0);
    EXPECT_LE(std::abs(grid.x.at(peak % 61) - row.point.x), step / 2 + 1e-9) << static_cast<int>(delay);
    EXPECT_LE(std::abs(grid.z.at(peak / 61) - row.point.z), step / 2 + 1e-9) << static_cast<int>(delay);
  }
}

constexpr const char* linear = "{type: linear_array, frequency: 5 MHz, elements: 48, pitch: 0.3 mm}";
constexpr const char* convex = "{type: convex_array, frequency: 3.5 MHz, elements: 64, pitch: 0.5 mm, radius: 50 mm}";

INSTANTIATE_TEST_SUITE_P(
    All, Sequences,
    ::testing::Values(
        Row{"plane_waves", linear, "{type: plane_waves, angles: [-10 deg, 0 deg, 10 deg]}", {1e-3, 0, 17e-3}},
        Row{"diverging_waves",
            linear,
            "{type: diverging_waves, angles: [-10 deg, 0 deg, 10 deg], width: 50 deg}",
            {-2e-3, 0, 17e-3}},
        Row{"synthetic_aperture", linear, "{type: synthetic_aperture}", {2e-3, 0, 15e-3}},
        Row{"focused_at_focus", linear, "{type: focused_beams, focus: 18 mm, lines: 48}", {1e-3, 0, 18e-3}},
        Row{"focused_before", linear, "{type: focused_beams, focus: 25 mm, lines: 48}", {1e-3, 0, 14e-3}},
        Row{"focused_behind", linear, "{type: focused_beams, focus: 10 mm, lines: 48}", {-1e-3, 0, 18e-3}, true},
        Row{"convex_focused", convex, "{type: focused_beams, focus: 25 mm, lines: 64}", {3e-3, 0, 20e-3}},
        Row{"multi_line",
            linear,
            "{type: multi_line, focus: 18 mm, angles: {from: -30 deg, to: 30 deg, count: 45}, beams: 3}",
            {1e-3, 0, 17e-3}},
        Row{"multi_line_behind",
            linear,
            "{type: multi_line, focus: 12 mm, angles: {from: -30 deg, to: 30 deg, count: 45}, beams: 3}",
            {-2e-3, 0, 19e-3},
            true},
        Row{"convex_diverging", convex, "{type: diverging_waves, angles: [0 deg], width: 60 deg}", {-4e-3, 0, 22e-3}}),
    [](const auto& info_row) { return std::string(info_row.param.name); });

}  // namespace
}  // namespace sonoforge
