#pragma once
#include <cstdio>
#include <deque>
#include <numeric>

#include "field_ii_model.hpp"
#include "sim/scatterer_engine.hpp"

// The fit of strengths to the samples of two waves, and how well they tell other samples.

namespace sonoforge::field_ii {

using Vector = std::vector<double>;

inline double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
inline void add(Vector& to, double factor, const Vector& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * from[i];
}
/// Of the samples with keep[i] (empty: of all).
inline double correlation(std::span<const float> a, std::span<const float> b, const std::vector<bool>& keep = {}) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (!keep.empty() && !keep[i]) continue;
    const double x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    ab += x * y, aa += x * x, bb += y * y;
  }
  return ab / std::sqrt(aa * bb);
}

/// |recorded(echoes of the strengths) - measured|^2 over |measured|^2, over two waves.
class Misfit {
 public:
  Misfit(const Measurement& measurement, const EchoOperator& model, const Recorder& recorder,
         std::array<std::size_t, 2> pair)
      : measurement_(measurement), model_(model), recorder_(recorder), pair_(pair) {
    for (std::size_t i = 0; i < 2; ++i)
      for (std::size_t m = 0; m < model.receivers(); ++m)
        for (float value : measured(i, m)) power_ += static_cast<double>(value) * static_cast<double>(value);
  }
  double operator()(const Vector& strengths, Vector& gradient) const {
    auto signals = model_.echoes(strengths, pair_);
    const std::size_t rows = 2 * model_.receivers(), length = model_.fine_samples();
    Vector errors(rows);
    parallel_for(rows, [&](std::size_t row) {
      const auto signal = std::span(signals).subspan(row * length, length);
      std::vector<float> samples(recorder_.samples());
      recorder_.record(signal, samples);
      const auto wanted = measured(row / model_.receivers(), row % model_.receivers());
      for (std::size_t n = 0; n < samples.size(); ++n) {
        samples[n] -= wanted[n];
        errors[row] += static_cast<double>(samples[n]) * static_cast<double>(samples[n]);
      }
      recorder_.transposed(samples, signal);
    });
    gradient = model_.transposed(signals, pair_);
    for (double& value : gradient) value *= 2 / power_;
    return std::accumulate(errors.begin(), errors.end(), 0.0) / power_;
  }

 private:
  std::span<const float> measured(std::size_t i, std::size_t receiver) const {
    return std::span(measurement_.rf[pair_[i]]).subspan(model_.channel(receiver) * record_samples, recorder_.samples());
  }
  const Measurement& measurement_;
  const EchoOperator& model_;
  const Recorder& recorder_;
  std::array<std::size_t, 2> pair_;
  double power_ = 0;
};

struct Fit {
  Vector strengths;
  double misfit;  ///< |recorded - measured| over |measured|
};
/// Minimum from zero by limited-memory BFGS [nocedal1980], `evaluations` of the misfit and its gradient. Stopped early
/// it leaves alone what the data hardly decide: that is the regularisation.
inline Fit minimise(const Misfit& misfit, std::size_t size, int evaluations) {
  Vector x(size), gradient, next_gradient;
  double value = misfit(x, gradient);
  struct Change {
    Vector step, gradient;
    double product;
  };
  std::deque<Change> memory;
  for (int n = 1; n < evaluations;) {
    Vector direction = gradient, alpha(memory.size());
    for (std::size_t i = memory.size(); i-- > 0;) {
      alpha[i] = dot(memory[i].step, direction) / memory[i].product;
      add(direction, -alpha[i], memory[i].gradient);
    }
    // The first step would take off a tenth of the misfit if that fell on as it begins to.
    const double scale = memory.empty() ? 0.1 * value / dot(gradient, gradient)
                                        : memory.back().product / dot(memory.back().gradient, memory.back().gradient);
    for (double& d : direction) d *= scale;
    for (std::size_t i = 0; i < memory.size(); ++i)
      add(direction, alpha[i] - dot(memory[i].gradient, direction) / memory[i].product, memory[i].step);
    const double slope = dot(gradient, direction);
    for (double length = 1; n < evaluations; length /= 2) {
      Vector trial = x;
      add(trial, -length, direction);
      const double next = misfit(trial, next_gradient);
      ++n;
      if (!(next < value - 1e-4 * length * slope)) continue;
      Change change{trial, next_gradient, 0};
      add(change.step, -1, x), add(change.gradient, -1, gradient);
      change.product = dot(change.step, change.gradient);
      if (change.product > 0) memory.push_back(std::move(change));
      if (memory.size() > 20) memory.pop_front();
      x = std::move(trial), value = next, gradient = next_gradient;
      break;
    }
  }
  return {x, std::sqrt(value)};
}

/// The record of one wave on all channels before the receiver, from an engine.
inline std::vector<float> engine_echoes(const Measurement& measurement, const Vector& strengths,
                                        const Recording& recording, std::size_t wave, std::size_t fine_samples,
                                        const Engine& engine) {
  physical_test::Scene scene;
  scene.probe = probe_of(measurement);
  scene.phantom.background.sound_speed = sound_speed;
  scene.phantom.background.scattering_exponent = 0;
  for (std::size_t s = 0; s < strengths.size(); ++s) scene.add_target(measurement.scatterers[s], strengths[s]);
  TransmitLaw law = transmit_law(measurement, recording, wave);
  const double first = *std::min_element(law.delays.begin(), law.delays.end());
  for (double& delay : law.delays) delay -= first;
  scene.add_transmit(law.delays, law.apodization);
  scene.receive.sampling_rate = measurement.fine_rate;
  scene.receive.start = measurement.start - first;
  scene.receive.samples = static_cast<std::int64_t>(fine_samples);
  const TwoWayPulse pulse(measurement);
  const Acquisition echoes = engine.simulate({scene.phantom, scene.probe, pulse, scene.sequence, scene.receive});
  return {echoes.samples.flat().begin(), echoes.samples.flat().end()};
}

/// The samples of one wave on all channels that these strengths give, by the engine.
inline std::vector<float> predict(const Measurement& measurement, const Recording& recording, const Vector& strengths,
                                  std::size_t wave) {
  const std::size_t fine = good_fft_size(record_samples * decimation + 600);
  auto echoes = engine_echoes(measurement, strengths, recording, wave, fine, ScattererEngine());
  const Recorder recorder(measurement, recording, fine, record_samples);
  std::vector<float> samples(channels * record_samples);
  parallel_for(channels, [&](std::size_t m) {
    recorder.record(std::span(echoes).subspan(m * fine, fine),
                    std::span(samples).subspan(m * record_samples, record_samples));
  });
  return samples;
}

/// Samples of whole channels that stand further than a period from all that come near the limit.
inline std::vector<bool> away_from_limit(std::span<const float> samples, double limit) {
  constexpr std::size_t period = 4;
  std::vector<bool> away(samples.size(), true);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (std::abs(samples[i]) < 0.9 * limit) continue;
    const std::size_t n = i % record_samples, first = i - std::min(n, period),
                      last = i + std::min(record_samples - 1 - n, period);
    for (std::size_t k = first; k <= last; ++k) away[k] = false;
  }
  return away;
}

/// One wave as the strengths that fit the two others predict it.
struct Prediction {
  Fit fit;
  double whole;      ///< correlation with the measured wave, all channels and samples
  double unlimited;  ///< the same of the samples away from the limit
  double share;      ///< of the samples that are
};
inline Prediction predict_third(const Measurement& measurement, const Recording& recording, const EchoOperator& model,
                                std::size_t fit_samples, std::size_t third, int evaluations) {
  const std::array<std::size_t, 2> pair{third == 0 ? 1U : 0U, third == 2 ? 1U : 2U};
  const Recorder recorder(measurement, recording, model.fine_samples(), fit_samples);
  Prediction out{minimise(Misfit(measurement, model, recorder, pair), model.scatterers(), evaluations), 0, 0, 0};
  const auto samples = predict(measurement, recording, out.fit.strengths, third);
  const auto away = away_from_limit(measurement.rf[third], recording.limit);
  out.whole = correlation(samples, measurement.rf[third]);
  out.unlimited = correlation(samples, measurement.rf[third], away);
  out.share = static_cast<double>(std::count(away.begin(), away.end(), true)) / static_cast<double>(away.size());
  return out;
}

}  // namespace sonoforge::field_ii
