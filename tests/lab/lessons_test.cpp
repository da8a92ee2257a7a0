#include "lab/lessons.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <set>

#include <nlohmann/json.hpp>

#include "app/experiment.hpp"
#include "lab/bench.hpp"

namespace sonoforge::lab {
namespace {

using Json = nlohmann::ordered_json;

TEST(Lessons, AtLeastTwelveWithDifferentTasks) {
  const auto names = lesson_names();
  EXPECT_GE(names.size(), 12u);
  std::set<std::string> titles;
  for (const auto& name : names) titles.insert(lesson(name, 1).title);
  EXPECT_EQ(titles.size(), names.size());
}

// Every lesson, for several students: no place is left unfilled, the scene is a config that builds, the true answers are right
// in the unit asked for, and answers off by twice the tolerance are not.
TEST(Lessons, EveryStudentsLessonIsSound) {
  for (const auto& name : lesson_names())
    for (std::uint64_t seed : {1, 2, 3, 77, 4242}) {
      const Lesson one = lesson(name, seed);
      for (const std::string* text : {&one.predict, &one.observe, &one.explain}) {
        EXPECT_EQ(text->find('{'), std::string::npos) << name;
        EXPECT_GT(text->size(), 80u) << name;
      }
      ConfigTree tree = ConfigTree::parse(one.config, name);
      EXPECT_NO_THROW(Experiment::build(tree, {"phantom", "probe", "sequence", "receive"})) << name << "\n" << one.config;
      ASSERT_FALSE(one.tasks.empty()) << name;
      Json answers{{"lesson", name}, {"seed", seed}, {"answers", Json::object()}}, wrong = answers;
      for (const auto& task : one.tasks) {
        EXPECT_EQ(task.ask.find('{'), std::string::npos) << name << ": " << task.ask;
        ASSERT_TRUE(std::isfinite(task.answer)) << name;
        answers["answers"][task.id] = format_quantity(task.answer, task.unit);
        wrong["answers"][task.id] = format_quantity(task.answer * (1 + 2 * task.tolerance), task.unit);
      }
      EXPECT_EQ(grade(answers)["right"], one.tasks.size()) << name << answers.dump();
      EXPECT_EQ(grade(wrong)["right"], 0) << name << wrong.dump();
    }
}

// What a student loads must also compute: a config can be well formed and still be refused by its engine.
TEST(Lessons, EveryScenesImageIsComputed) {
  for (const auto& name : lesson_names()) {
    Bench bench;
    for (const std::uint64_t seed : {1, 5}) {
      const nlohmann::json answer = bench.answer({{"view", "image"}, {"config", lesson(name, seed).config}});
      EXPECT_TRUE(answer.contains("image")) << name << answer.dump().substr(0, 500);
    }
  }
}

TEST(Lessons, StudentsHaveNumbersOfTheirOwn) {
  std::set<double> answers;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) answers.insert(lesson("01_wavelength", seed).tasks[0].answer);
  EXPECT_GT(answers.size(), 5u);
  EXPECT_EQ(lesson("01_wavelength", 5).tasks[0].answer, lesson("01_wavelength", 5).tasks[0].answer);
}

TEST(Lessons, GradingTellsWhatIsWrong) {
  const auto mark = [](const char* answer) { return grade({{"lesson", "01_wavelength"}, {"seed", 1u}, {"answers", {{"wavelength", answer}}}})["tasks"][0]; };
  EXPECT_NE(mark("0.3")["problem"].get<std::string>().find("has no unit"), std::string::npos);
  EXPECT_TRUE(mark("0.3 MHz").contains("problem"));
  EXPECT_TRUE(grade({{"lesson", "01_wavelength"}, {"answers", Json::object()}})["tasks"][0].contains("problem"));
  EXPECT_THROW(grade({{"lesson", "99_none"}, {"answers", Json::object()}}), UserError);
  EXPECT_THROW(grade({{"lesson", "01_wavelength"}, {"answers", {{"other", "1 mm"}}}}), UserError);
  EXPECT_THROW(grade(Json::array()), UserError);
}

TEST(Lessons, FormulasAgainstKnownValues) {
  const auto value = [](std::string_view name, const std::map<std::string, double>& factors) {
    for (const Formula& one : formulas())
      if (one.name == name) return one.value(factors);
    return std::nan("");
  };
  EXPECT_NEAR(value("wavelength", {{"sound_speed", 1540}, {"frequency", 5e6}}), 0.308e-3, 1e-9);
  // Muscle to bone, from Z = 1.7 and 6.65 MRayl.
  EXPECT_NEAR(value("reflected_energy", {{"density_1", 1000}, {"speed_1", 1700}, {"density_2", 1900}, {"speed_2", 3500}}), std::pow(4.95 / 8.35, 2), 1e-12);
  EXPECT_NEAR(value("loss_there_and_back", {{"attenuation", 0.5}, {"frequency", 5e6}, {"depth", 0.04}}), 20, 1e-12);
  EXPECT_NEAR(value("rayleigh_snr", {}), 1.9131, 1e-4);
  EXPECT_NEAR(value("grating_lobe", {{"sound_speed", 1540}, {"frequency", 5.1333333333e6}, {"pitch", 0.6e-3}}), std::numbers::pi / 6, 1e-9);
  EXPECT_NEAR(value("displayed_depth", {{"depth", 0.02}, {"assumed_speed", 1540}, {"true_speed", 1440}}), 0.0213889, 1e-7);
  EXPECT_NEAR(value("doppler_shift", {{"frequency", 5e6}, {"velocity", 0.4}, {"angle", 0}, {"sound_speed", 1540}}), 2597.4, 0.1);
  EXPECT_NEAR(value("detectability_auc", {{"distance", 1}}), 0.76025, 1e-5);
  // Wilson's interval of 18 of 100: 0.1170 to 0.2667.
  EXPECT_NEAR(value("wilson_low", {{"right", 18}, {"count", 100}}), 0.11697, 1e-4);
}

// The closed form of each lesson against the same measured on the engines. What each may differ by is in the lesson's head
// (`agreement`, of the largest value), and comes from:
//   wavelength     a line's wave is a plane one but for 1 / (8 (k z)^2) of its phase: below 1e-5 at 40 waves; the burst's edges are
//                  12 waves away and soft. 1 %
//   border         grid of 40 cells a pulse: (k step)^2 / 24 of speed and impedance, below 0.1 % in the band; 2 %
//   loss           of a soft burst of 24 cycles, whose band (deviation f / 40) loses its upper half sooner: s^2 / 2 nepers for s
//                  nepers over one deviation; at 0.7 dB/cm/MHz, 9 MHz, 100 mm (126 dB) s = 0.36: 0.6 dB of 126. 5 %
//   width, focus   sine against tangent of half the aperture's angle, 1 / (8 F^2): 5.6 % of the width at F = 1.5, which is 0.375
//                  of the largest one; whole elements (0.3 mm of 3.75 mm at F = 4): 8 %. The focused aperture has no gaps: 5 %
//   grating lobe   the element's cosine and the falling distance draw the peak by a tenth of its width of c / (f D): 0.01 rad of
//                  1.03. 3 %
//   histogram      4 images of about 12 x 14 / (0.3 x 0.2) = 2800 cells: 11 200 counts over bins of up to 0.14 of them: 0.025 of
//                  the density 0.76, three deviations; cells are not counts. 10 %
//   looks          SNR of n cells has a deviation of about 1 / sqrt(n / 2): 0.03 of one look; looks share their mean in depth.
//                  16 looks leave more of what is no speckle (edges, rows): 10 %
//   rate, depth    peak of a soft burst of 6 cycles at 5 MHz, to a twentieth of its length: 0.06 us of 13 us at 10 mm. 1 %
//   doppler        32 pulses, the gate's spread of speeds: 0.04 of the mean and the band's own fall; 10 %
//   readings       deviation of k means: 1 / sqrt(2 k), 360 groups of 25: 4 % of a fifth of the largest value; one reading 0.7 %. 5 %
//   observer       252 discs, deviation of an area near 0.6: 0.5 / sqrt(252) = 0.03, of 1. 5 %
//   repeated tests tail of 4000 tests (100 +- 10): 0.04 deviations; Wilson's normal law leaves out the skewness,
//                  (1 - 2 p) (z^2 - 1) / (6 n) = 0.015 at 25 lesions, of 0.164. 10 %
TEST(Lessons, EveryCurveIsWhatTheEnginesMeasure) {
  for (const auto& name : lesson_names()) {
    const Lesson one = lesson(name, 3);
    ASSERT_TRUE(one.curve) << name;
    const LessonComparison found = compare_with_theory(one);
    ASSERT_GE(found.x.size(), 5u) << name;
    double largest = 0, difference = 0;
    std::string values;
    for (std::size_t i = 0; i < found.x.size(); ++i) {
      largest = std::max(largest, std::abs(found.theory[i]));
      difference = std::max(difference, std::abs(found.simulation[i] - found.theory[i]));
      values += "  " + std::to_string(found.x[i]) + ": " + std::to_string(found.simulation[i]) + " theory " + std::to_string(found.theory[i]) + "\n";
    }
    std::printf("%s: largest difference %.4f of the largest value (may be %.3f)\n", name.c_str(), difference / largest, one.curve->agreement);
    EXPECT_LE(difference / largest, one.curve->agreement) << name << "\n" << values;
    EXPECT_LE(one.curve->agreement, 0.1) << name;
  }
}

// What the lessons claim is what the bench shows.
TEST(Lessons, TheBenchShowsWhatTheLessonsSay) {
  Bench bench;
  const auto ask = [&](const std::string& config, nlohmann::json request) {
    request["config"] = config;
    return bench.answer(request);
  };
  // Lesson 10: a wire appears at assumed over true speed times its depth, to the image's step of 0.08 mm and the place of the
  // peak within a pulse of 0.2 mm.
  const Lesson speed = lesson("10_sound_speed", 1);
  std::string config = speed.config;
  const auto at = config.find("1540 m/s");
  ASSERT_NE(at, std::string::npos);
  config.replace(at, 8, "1600 m/s");
  auto line = ask(config, {{"view", "line"}, {"x", 0}});
  ASSERT_FALSE(line.contains("errors")) << line.dump();
  const double true_speed = ask(config, {{"view", "point"}, {"x", 0}, {"z", 0.02}})["sound_speed"];
  const double expected = 0.015 * 1600 / true_speed;
  double top = -1e9, place = 0;
  for (std::size_t i = 0; i < line["level"].size(); ++i) {
    const double z = line["z"]["from"].get<double>() + static_cast<double>(i) * line["z"]["step"].get<double>();
    if (std::abs(z - expected) < 1.5e-3 && line["level"][i].get<double>() > top) top = line["level"][i], place = z;
  }
  EXPECT_NEAR(place, expected, 0.1e-3);

  // Lesson 4: with one plane wave and a Hann taper the half-amplitude width is 2 wavelengths times the f-number (the transform of
  // that window falls to a half at 1 / aperture on either side). The attenuated middle of a wide band lies up to a fifth below the
  // nominal frequency, which widens it by as much.
  const auto psf = ask(lesson("04_resolution_cell", 1).config, {{"view", "psf"}, {"x", 0}, {"z", 0.015}});
  ASSERT_FALSE(psf.contains("errors")) << psf.dump();
  const double rule = true_speed / 7.6e6 * 1.5, width = psf["widths"]["lateral"];
  EXPECT_GT(width, 1.9 * rule);
  EXPECT_LT(width, 2.5 * rule);
}

}  // namespace
}  // namespace sonoforge::lab
