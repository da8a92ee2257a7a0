#pragma once
#include <cmath>
#include <complex>
#include <cstdlib>
#include <filesystem>
#include <numbers>
#include <optional>
#include <vector>

#include "phantoms/phantom.hpp"
#include "sim/linear_models.hpp"
#include "transducers/acquisition.hpp"

namespace sonoforge::physical_test {

inline std::optional<std::filesystem::path> reference_folder() {
  const char* folder = std::getenv("SONOFORGE_REFERENCE");
  return folder ? std::optional<std::filesystem::path>(folder) : std::nullopt;
}

/// exp(-t^2 / (2 sigma^2)) cos(2 pi f0 t), or its derivative by t; its transform in closed form.
class GaussianPulse : public Pulse {
 public:
  /// `centre` [s] stands where reference signals have their own time zero.
  GaussianPulse(double frequency, double sigma, bool derivative = false, double centre = 0)
      : frequency_(frequency), sigma_(sigma), derivative_(derivative), centre_(centre) {}
  std::complex<double> spectrum(double f, std::size_t) const override {
    constexpr double pi = std::numbers::pi;
    const auto lobe = [&](double x) { return std::exp(-2 * pi * pi * sigma_ * sigma_ * x * x); };
    const double even = sigma_ * std::sqrt(pi / 2) * (lobe(f - frequency_) + lobe(f + frequency_));
    const auto shift = std::polar(1.0, -2 * pi * f * centre_);
    return shift * (derivative_ ? std::complex<double>(0, 2 * pi * f * even) : even);
  }
  double half_duration() const override { return 5.7 * sigma_ + std::abs(centre_); }
  double frequency() const override { return frequency_; }

 private:
  double frequency_, sigma_;
  bool derivative_;
  double centre_;
};

/// Everything a simulation needs, to be set up member by member.
struct Scene {
  Phantom phantom;
  Probe probe;
  Sequence sequence;
  ReceiveConfig receive;

  void add_target(Vec3 position, double amplitude = 1) {
    phantom.scatterers.positions.push_back(position);
    phantom.scatterers.amplitudes.push_back(amplitude);
  }
  void add_transmit(std::vector<double> delays, std::vector<double> weights = {}) {
    Transmit transmit;
    transmit.wave = Transmit::Wave::custom;
    if (weights.empty()) weights.assign(delays.size(), 1);
    transmit.laws = {{std::move(delays), std::move(weights)}};
    sequence.transmits.push_back(std::move(transmit));
  }
  Acquisition simulate(const Pulse& pulse, const PhysicalOptions& options = {}) const {
    return simulate_physical({phantom, probe, pulse, sequence, receive}, options);
  }
  FieldResult field(const Pulse& pulse, const FieldRequest& request, Engine::FieldOutput output,
                    const PhysicalOptions& options = {}) const {
    return field_physical({phantom, probe, pulse, sequence, receive}, options, request, 0, output);
  }
};

/// A row of `count` rectangular elements along x, rigid baffle, flat response, no lens.
inline Probe row_of_elements(std::size_t count, double pitch, double width, double height, double frequency) {
  Probe probe;
  probe.frequency = frequency;
  probe.pitch = pitch;
  probe.baffle = 0;
  for (std::size_t i = 0; i < count; ++i) {
    Element element;
    element.position.x = (static_cast<double>(i) - static_cast<double>(count - 1) / 2) * pitch;
    element.width = width, element.height = height;
    probe.elements.push_back(element);
  }
  return probe;
}

}  // namespace sonoforge::physical_test
