// Strengths of the scatterers of another simulator's record, fitted to two of its plane waves with our model, predict
// the third.
#include <gtest/gtest.h>

#include <cstdio>
#include <deque>
#include <numeric>

#include "field_ii_model.hpp"
#include "sim/scatterer_engine.hpp"

namespace sonoforge {
namespace {

using namespace field_ii;
using Vector = std::vector<double>;

double dot(const Vector& a, const Vector& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}
void add(Vector& to, double factor, const Vector& from) {
  for (std::size_t i = 0; i < to.size(); ++i) to[i] += factor * from[i];
}
double correlation(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
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

/// Minimum from zero by limited-memory BFGS [nocedal1980], `evaluations` of the misfit and its gradient. Stopped early
/// it leaves alone what the data hardly decide: that is the regularisation.
Vector minimise(const Misfit& misfit, std::size_t size, int evaluations) {
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
  std::printf("  after %d evaluations the misfit is %.3f of the samples' size\n", evaluations, std::sqrt(value));
  return x;
}

/// The record of one wave on all channels before the receiver, from an engine.
std::vector<float> engine_echoes(const Measurement& measurement, const Vector& strengths, std::size_t wave,
                                 std::size_t fine_samples, const Engine& engine) {
  physical_test::Scene scene;
  scene.probe = probe_of(measurement);
  scene.phantom.background.sound_speed = sound_speed;
  scene.phantom.background.scattering_exponent = 0;
  for (std::size_t s = 0; s < strengths.size(); ++s) scene.add_target(measurement.scatterers[s], strengths[s]);
  TransmitLaw law = transmit_law(measurement, wave);
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

/// Correlation of a wave that these strengths predict with the measured one, all channels and samples.
double predict(const Measurement& measurement, const Vector& strengths, std::size_t wave) {
  const std::size_t fine = good_fft_size(record_samples * decimation + 600);
  auto echoes = engine_echoes(measurement, strengths, wave, fine, ScattererEngine());
  const Recorder recorder(measurement, fine, record_samples);
  std::vector<float> samples(channels * record_samples);
  parallel_for(channels, [&](std::size_t m) {
    recorder.record(std::span(echoes).subspan(m * fine, fine),
                    std::span(samples).subspan(m * record_samples, record_samples));
  });
  return correlation(samples, measurement.rf[wave]);
}

std::vector<std::size_t> every(std::size_t step) {
  std::vector<std::size_t> out;
  for (std::size_t m = step / 2; m < channels; m += step) out.push_back(m);
  return out;
}

/// Period of the echoes in the fit, 85.3 us. What comes later wraps round to where the gain is a thousandth.
constexpr std::size_t fit_fine_samples = 10240, fit_samples = 1500;

TEST(FieldTwo, OperatorOfTheFitIsTheEngine) {
  const auto folder = physical_test::reference_folder();
  if (!folder) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set, so there is nothing to compare with";
  const Measurement measurement(*folder / "third_party/pybf.hdf5");
  Measurement few = measurement;
  few.scatterers = {measurement.scatterers[150], measurement.scatterers[1500], measurement.scatterers[2746]};
  const Vector strengths{1, -0.5, 2};
  const EchoOperator model(few, {5, 100, 150}, fit_fine_samples);
  const auto echoes = model.echoes(strengths, {0, 1});
  for (std::size_t i = 0; i < 2; ++i) {
    const auto engine = engine_echoes(few, strengths, i, fit_fine_samples, Exact());
    double error = 0, size = 0;
    for (std::size_t m = 0; m < 3; ++m)
      for (std::size_t n = 0; n < fit_fine_samples; ++n) {
        const double a = static_cast<double>(echoes[(i * 3 + m) * fit_fine_samples + n]),
                     b = static_cast<double>(engine[model.channel(m) * fit_fine_samples + n]);
        error += (a - b) * (a - b), size += b * b;
      }
    // Both integrate to 1e-4, and the operator leaves out less than 1e-3 beyond the edges of its band.
    EXPECT_LT(std::sqrt(error / size), 1.2e-3);
  }
  // <A g, x> = <g, A' x>, to what float sums of 1e4 terms leave.
  std::vector<float> x(2 * 3 * fit_fine_samples);
  for (std::size_t n = 0; n < x.size(); ++n) x[n] = static_cast<float>(std::sin(0.27 * static_cast<double>(n % 4111)));
  double forwards = 0;
  for (std::size_t n = 0; n < x.size(); ++n) forwards += static_cast<double>(x[n]) * static_cast<double>(echoes[n]);
  EXPECT_NEAR(dot(model.transposed(x, {0, 1}), strengths) / forwards, 1, 1e-3);
}

// How the samples came about was found on the four isolated wires in all three waves, so the third wave is blind to the
// strengths but not to the recorder: Hamming weights in transmission; a gain that grows
// with the square of time (under which the fit finds all wires equally strong, to 10 %); the limit of a 12-bit
// converter, which the wires exceed tenfold; and only then the low-pass. Rounding the delays to 1 / 120 MHz halves the
// misfit of the fitted waves themselves. Each is needed: 0 deg from -12 and 12 deg comes to a correlation of 0.995;
// without the limiter in the model to 0.90, without the gain to 0.94, without the weights to 0.91, without any of the
// three to 0.77.
//
// 0 deg lies between the fitted waves and is the fairest question; 12 deg from -12 and 0 deg, and its mirror image, go
// beyond them and come to 0.966. What limits those is probably the insonified region: a wave of 12 deg shines on targets
// to one side that the two others miss or see by edge waves only. The error grows from 13 % of the samples' size at
// the top of the record to 33 % at its depth of 40 mm, and from 17 to 38 % towards the array's end on that side. It is
// not the limiter: samples beside limited ones hold 80 % of the energy and 40 % of the error. Of 0 deg 46 % of the
// error stands away from limited samples, in the weak echoes between the strong.
TEST(FieldTwo, StrengthsFittedToTwoWavesPredictTheThird) {
  const auto folder = physical_test::reference_folder();
  if (!folder) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set, so there is nothing to compare with";
  const Measurement measurement(*folder / "third_party/pybf.hdf5");
  // Every eighth channel alone is fitted, 72,000 samples for 2748 strengths; the third wave is predicted on all
  // channels.
  const EchoOperator model(measurement, every(8), fit_fine_samples);
  const Recorder recorder(measurement, fit_fine_samples, fit_samples);
  for (std::size_t third : {1, 0, 2}) {
    const std::array<std::size_t, 2> pair{third == 0 ? 1U : 0U, third == 2 ? 1U : 2U};
    const Misfit misfit(measurement, model, recorder, pair);
    const Vector strengths = minimise(misfit, model.scatterers(), 30);
    const double found = predict(measurement, strengths, third);
    std::printf("  wave %zu from waves %zu and %zu: correlation %.4f\n", third, pair[0], pair[1], found);
    EXPECT_GT(found, 0.95) << third;
  }
}

}  // namespace
}  // namespace sonoforge
