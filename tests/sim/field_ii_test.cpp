// Strengths of the scatterers of another simulator's record, fitted to two of its plane waves with our model, predict
// the third.
#include <gtest/gtest.h>

#include <cstdio>

#include "core/random.hpp"
#include "field_ii_fit.hpp"
#include "sim/exact.hpp"

namespace sonoforge {
namespace {

using namespace field_ii;

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
  const EchoOperator model(few, {}, {5, 100, 150}, fit_fine_samples);
  const auto echoes = model.echoes(strengths, {0, 1});
  for (std::size_t i = 0; i < 2; ++i) {
    const auto engine = engine_echoes(few, strengths, {}, i, fit_fine_samples, Exact());
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

/// Every eighth channel alone is fitted, 72,000 samples for 2748 strengths; waves are predicted on all channels.
constexpr std::size_t channel_step = 8;
constexpr int evaluations = 40;

// How the samples came about was found on the four isolated wires in all three waves (Hann weights in transmission, a
// gain that grows with the square of time, the limit of a 12-bit converter, which the wires exceed tenfold, and only
// then the low-pass; delays rounded to 1 / 120 MHz), and the fitted waves alone confirm it: see the next test. The
// strengths never see the third wave.
//
// The limiter belongs to the fit and to the comparison: both take the samples as the file has them, those it clipped
// included, and the model clips its echoes. Samples away from clipped ones are told apart, 78 to 81 % of all.
//
// 0 deg lies between the fitted waves and is the fairest question: correlation 0.997, and 0.992 away from the limit. 12
// deg from -12 and 0 deg, and its mirror image, go beyond them: 0.972 and 0.92. What limits them:
// - the region that the two waves shine on: 12 deg reaches targets to one side that the others miss or see by edge
//   waves only. The same fit to our own echoes of known strengths (last test) comes to 1.0000 and
//   0.987, 0.969 away from the limit.
// - 7 % of the samples' size in the fitted waves themselves, which no variant of the elements (width, baffle), of the
//   low-pass, of the medium's loss or of the rounding of travel times takes away.
TEST(FieldTwo, StrengthsFittedToTwoWavesPredictTheThird) {
  const auto folder = physical_test::reference_folder();
  if (!folder) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set, so there is nothing to compare with";
  const Measurement measurement(*folder / "third_party/pybf.hdf5");
  const EchoOperator model(measurement, {}, every(channel_step), fit_fine_samples);
  for (std::size_t third : {1, 0, 2}) {
    const auto found = predict_third(measurement, {}, model, fit_samples, third, evaluations);
    std::printf(
        "  wave %zu from the two others: correlation %.4f; %.4f away from the limit (%.0f %% of the samples); "
        "misfit of the fitted waves %.3f\n",
        third, found.whole, found.unlimited, 100 * found.share, found.fit.misfit);
    EXPECT_GT(found.whole, 0.95) << third;
    // Beyond the fitted waves this holds of the whole alone, as said above.
    if (third == 1) {
      EXPECT_GT(found.unlimited, 0.95);
    }
  }
}

// The third wave must not choose the recorder either: of all variants the one that the tests use leaves the smallest
// misfit in the two waves that are fitted, here -12 and 12 deg.
TEST(FieldTwo, FittedWavesAloneTellTheRecorderLong) {
  const auto folder = physical_test::reference_folder();
  if (!folder) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set, so there is nothing to compare with";
  const Measurement measurement(*folder / "third_party/pybf.hdf5");
  const struct {
    const char* name;
    Recording recording;
  } variants[] = {{"as used", {}},
                  {"Hamming weights", {.weights = Window::hamming}},
                  {"Blackman weights", {.weights = Window::blackman}},
                  {"no weights", {.weights = Window::none}},
                  {"delays not rounded", {.rounded = false}},
                  {"gain with power 1.5", {.gain = 1.5}},
                  {"gain with power 2.5", {.gain = 2.5}},
                  {"no gain", {.gain = 0}},
                  {"no limit", {.limit = 1e9}}};
  double best = 0;
  for (const auto& variant : variants) {
    const EchoOperator model(measurement, variant.recording, every(channel_step), fit_fine_samples);
    const Recorder recorder(measurement, variant.recording, fit_fine_samples, fit_samples);
    const double misfit =
        minimise(Misfit(measurement, model, recorder, {0, 2}), model.scatterers(), evaluations).misfit;
    std::printf("  %-20s misfit of the fitted waves %.3f\n", variant.name, misfit);
    if (&variant == variants)
      best = misfit;
    else
      EXPECT_GT(misfit, best) << variant.name;
  }
}

// The ceiling of the method: our own echoes of known strengths, recorded the same way and rounded to whole numbers,
// fitted and predicted the same way.
TEST(FieldTwo, OwnEchoesOfKnownStrengthsLong) {
  const auto folder = physical_test::reference_folder();
  if (!folder) GTEST_SKIP() << "SONOFORGE_REFERENCE is not set, so there is nothing to compare with";
  const Measurement measurement(*folder / "third_party/pybf.hdf5");
  const EchoOperator model(measurement, {}, every(channel_step), fit_fine_samples);
  const Recorder recorder(measurement, {}, fit_fine_samples, fit_samples);
  // Gaussian numbers times what the fit finds at the place: strong and weak targets stand as in the record.
  Vector strengths = minimise(Misfit(measurement, model, recorder, {0, 2}), model.scatterers(), evaluations).strengths;
  const RandomStream random(3, 0, "strengths");
  for (std::size_t s = 0; s < strengths.size(); ++s) strengths[s] *= random.normal_pair_at(s)[0];
  Measurement own = measurement;
  for (std::size_t wave = 0; wave < waves; ++wave) {
    own.rf[wave] = predict(measurement, {}, strengths, wave);
    for (float& sample : own.rf[wave]) sample = std::round(sample);
  }
  for (std::size_t third : {1, 2}) {
    const auto found = predict_third(own, {}, model, fit_samples, third, evaluations);
    std::printf(
        "  wave %zu from the two others: correlation %.4f; %.4f away from the limit; misfit of the fitted waves "
        "%.3f\n",
        third, found.whole, found.unlimited, found.fit.misfit);
    // Inside the fitted waves the method itself loses less than a tenth of what Field II's record lacks (0.003), and
    // beyond them less than the whole of it (0.028).
    EXPECT_GT(found.whole, third == 1 ? 0.9997 : 0.972) << third;
  }
}

}  // namespace
}  // namespace sonoforge
