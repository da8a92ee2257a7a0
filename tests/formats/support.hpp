#pragma once
#include <cmath>
#include <numbers>

#include "formats/zea.hpp"
#include "transducers/transmit_laws.hpp"

namespace sonoforge::test {

/// A small linear array of odd numbers, which float32 cannot hold exactly.
inline Probe small_probe(std::size_t elements = 6) {
  Probe probe;
  probe.name = "odd 6";
  probe.frequency = 5.1e6;
  probe.bandwidth = 0.73;
  probe.elevation_focus = 0.0201;
  probe.baffle = 1.7;
  probe.pitch = 0.3e-3 / 1.1;
  for (std::size_t i = 0; i < elements; ++i) {
    Element element;
    element.position = {(static_cast<double>(i) - 0.5 * static_cast<double>(elements - 1)) * probe.pitch, 0, 0};
    element.width = 0.21e-3 / 1.3;
    element.height = 5.3e-3;
    probe.elements.push_back(element);
  }
  return probe;
}

/// Samples that tell frame, transmit, channel and time apart.
inline NdArray<float, 4> numbered(std::size_t frames, std::size_t transmits, std::size_t channels, std::size_t samples,
                                  float offset = 0) {
  NdArray<float, 4> values({frames, transmits, channels, samples});
  for (std::size_t i = 0; i < values.size(); ++i) values.data()[i] = std::sin(0.37F * static_cast<float>(i)) + offset;
  return values;
}

/// Two frames of five transmits: plane, diverging, focused, one element, and two laws superposed.
inline Acquisition every_wave() {
  Acquisition acquisition;
  acquisition.probe = small_probe();
  const auto& probe = acquisition.probe;
  const std::vector<double> ones(probe.size(), 1.0);
  std::vector<double> tapered{0, 0.3, 1, 1, 0.3, 0};
  auto& transmits = acquisition.sequence.transmits;
  transmits.push_back(plane_transmit(probe, ones, 0.123, 0, 1537));
  transmits.push_back(diverging_transmit(probe, ones, {0.4e-3, 0, -3.3e-3}, {0, 0, 1}, 1537));
  transmits.push_back(focused_transmit(probe, tapered, {0.1e-3, 0, 7.7e-3}, {0.05e-3, 0, 0}, 1537));
  transmits.push_back(element_transmit(probe, 4));
  Transmit both = plane_transmit(probe, ones, 0.2, 0, 1537);
  both.laws.push_back(plane_transmit(probe, ones, -0.1, 0, 1537).laws.front());
  start_at_first_firing(both);
  both.wave = Transmit::Wave::custom;
  transmits.push_back(both);
  acquisition.sequence.receive_delays = {0, 1e-7 / 3, 0, 0, 2e-8, 0};
  acquisition.sequence.frames = 2;
  acquisition.sequence.frame_rate = 1000.0 / 3;
  acquisition.samples = numbered(2, transmits.size(), probe.size(), 37);
  acquisition.sampling_rate = 62.5e6 / 3;
  acquisition.start = {0, 1e-6 / 3, 2e-6, 0.7e-6, 5e-6 / 7};
  acquisition.centre_frequency = 5.1e6 / 1.01;
  acquisition.sound_speed = 1537;
  acquisition.description = "every kind of wave";
  return acquisition;
}

inline PixelGrid small_grid() {
  PixelGrid grid;
  grid.x = {-1.1e-3, 0.1e-3 / 3, 7};
  grid.z = {2e-3, 0.05e-3 / 7, 5};
  return grid;
}

inline PixelGrid small_sector() {
  PixelGrid grid;
  grid.kind = PixelGrid::Kind::polar;
  grid.x = {-0.4, 0.1 / 1.1, 9};
  grid.z = {11e-3, 0.3e-3 / 7, 6};
  grid.apex_depth = -10e-3 / 1.1;
  return grid;
}

/// The acquisition above with images, labels and all that our files hold.
inline ZeaFile everything() {
  ZeaFile content;
  content.acquisition = every_wave();
  content.image_grid = small_sector();
  for (int f = 0; f < 2; ++f) {
    RealMap image(small_sector());
    for (std::size_t i = 0; i < image.values.size(); ++i)
      image.values.data()[i] = -0.7F * static_cast<float>(i) - static_cast<float>(f);
    image.values.data()[3] = -std::numeric_limits<float>::infinity();
    content.images.push_back(std::move(image));
  }
  const PixelGrid grid = small_grid();
  LabelMap masks{"segmentation",
                 "",
                 "what is where",
                 grid,
                 {"lesion", "liver", "fat"},
                 NdArray<float, 4>({3, grid.z.count, grid.y.count, grid.x.count})};
  for (std::size_t i = 0; i < masks.values.size(); ++i) masks.values.data()[i] = i % 3 == 0 || i % 7 == 0 ? 1.0F : 0.0F;
  LabelMap speed{"sound_speed", "m/s", "speed of sound",
                 grid,          {},    NdArray<float, 4>({1, grid.z.count, grid.y.count, grid.x.count})};
  for (std::size_t i = 0; i < speed.values.size(); ++i) speed.values.data()[i] = 1500.0F + 0.3F * static_cast<float>(i);
  LabelMap attenuation = speed;
  attenuation.name = "attenuation";
  attenuation.unit = "dB/(cm MHz)";
  attenuation.grid = small_sector();
  attenuation.values = NdArray<float, 4>({1, 6, 1, 9}, 0.5F);
  content.labels = {speed, masks, attenuation};
  content.config = "sonoforge: 1\nseed: 18446744073709551615 # µ\n";
  content.seed = 18446744073709551615ULL;
  content.scatterer_positions = {{0.1, 0.2, 1.0 / 3}, {-0.1, 0, 0.05}};
  content.scatterer_amplitudes = {1.0 / 7, -2};
  content.factors["lesion.radius"] = {"4.2 mm", true, 4.2e-3, "m"};
  content.factors["kind"] = {"malignant", false, 0, ""};
  content.measurements = {{"width", 0.01 / 3, "m"}, {"area", 1e-4 / 7, "m^2"}};
  content.subject_id = "P0001";
  return content;
}

}  // namespace sonoforge::test
