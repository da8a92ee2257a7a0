#include "ai/cohort.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace sonoforge {
namespace {

// Thirteen factors: f0 to f9 stand alone but for two correlations, `effect` follows f0, `second` follows `effect`, `grown` changes with time.
std::string thirteen_factors() {
  std::string text = "factors:\n";
  for (int i = 0; i < 10; ++i) text += "  f" + std::to_string(i) + ": " + (i % 3 == 0 ? "{normal: [10, 2]}" : i % 3 == 1 ? "{log_normal: [8, 0.3]}" : "{uniform: [2, 6]}") + "\n";
  text += "  effect: {linear: {intercept: 3, terms: [{factor: f0, slope: 2}], spread: 0.5}}\n"
          "  second: {linear: {intercept: 1, terms: [{factor: effect, slope: -1}], spread: 0.1}}\n"
          "  grown: {growth: {law: volume_doubling, initial: {uniform: [8, 9]}, time: 200 day}}\n"
          "correlations: [{factors: [f0, f1], value: 0.7}, {factors: [f2, f3, f4], value: 0.4}]\n";
  for (int i = 0; i < 10; ++i) text += "k" + std::to_string(i) + ": {factor: f" + std::to_string(i) + "}\n";
  return text + "unnamed: {uniform: [0, 1]}\nke: {factor: effect}\nks: {factor: second}\nkg: {factor: grown}\n";
}

TEST(Twins, DifferOnlyInWhatFollowsFromTheForcedFactor) {
  const std::string base = thirteen_factors();
  const std::set<std::string> of_f0{"f0", "effect", "second"}, of_effect{"effect", "second"};
  std::vector<std::string> names{"effect", "second", "grown"};
  for (int i = 0; i < 10; ++i) names.push_back("f" + std::to_string(i));
  for (const auto& forced : names) {
    const auto tree = ConfigTree::parse(base + "visits: {count: 2, interval: 90 day}\ntwins: [{do: {" + forced + ": 77}, name: t}]");
    const std::set<std::string> moved = forced == "f0" ? of_f0 : forced == "effect" ? of_effect : std::set<std::string>{forced};
    for (std::uint64_t patient = 0; patient < 5; ++patient) {
      const auto samples = draw_samples(tree, 3, patient);
      ASSERT_EQ(samples.size(), 4u);
      for (const std::size_t v : {0u, 2u}) {
        EXPECT_EQ(samples[v].twin, "");
        EXPECT_EQ(samples[v + 1].twin, "t");
        EXPECT_EQ(samples[v + 1].factors.at(forced).value, 77);
        for (const auto& [name, value] : samples[v].factors) {
          if (moved.count(name)) EXPECT_NE(samples[v + 1].factors.at(name).value, value.value) << forced << " moves " << name;
          else EXPECT_EQ(samples[v + 1].factors.at(name).text, value.text) << forced << " must not move " << name;
        }
        // Resolved configs differ in as many lines as there are factors that moved.
        const auto lines = [](const std::string& text) {
          std::set<std::string> all;
          for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) all.insert(text.substr(begin, end - begin));
          return all;
        };
        const auto plain = lines(samples[v].config), twin = lines(samples[v + 1].config);
        std::size_t changed = 0;
        for (const auto& line : plain) changed += !twin.count(line);
        EXPECT_EQ(changed, moved.size());
      }
    }
  }
}

TEST(Visits, RepeatThePatientAndGrowWhatGrows) {
  const auto tree = ConfigTree::parse(thirteen_factors() + "visits: {times: [0 day, 100 day, 200 day], jitter: 5 day}");
  const auto samples = draw_samples(tree, 3, 1);
  ASSERT_EQ(samples.size(), 3u);
  double before = -1;
  for (std::size_t v = 0; v < 3; ++v) {
    EXPECT_EQ(samples[v].visit, static_cast<int>(v));
    EXPECT_EQ(samples[v].name, "visit_" + std::to_string(v));
    EXPECT_NE(samples[v].config.find("visit: " + std::to_string(v) + "\n"), std::string::npos);
    EXPECT_EQ(samples[v].factors.at("f3").text, samples[0].factors.at("f3").text);
    const double time = samples[v].factors.at("visit_time").value;
    EXPECT_GT(time, before);
    EXPECT_NEAR(samples[v].factors.at("grown").value, samples[0].factors.at("grown").value * std::exp2(time / (200 * 86400.0) / 3), 1e-12);
    before = time;
  }
  EXPECT_EQ(samples[0].factors.at("visit_time").value, 0);
}

TEST(Visits, MistakesOfTheSectionsAreNamed) {
  const auto error_of = [](const std::string& text) -> std::string {
    try {
      draw_samples(ConfigTree::parse("factors: {fat: {uniform: [1 mm, 2 mm]}}\n" + text), 1, 0);
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_NE(error_of("visits: {count: 3}").find("time between"), std::string::npos);
  EXPECT_NE(error_of("visits: {times: [1 day, 2 day]}").find("time zero"), std::string::npos);
  EXPECT_NE(error_of("visits: {times: [0 day, 3 day, 2 day]}").find("order of time"), std::string::npos);
  EXPECT_NE(error_of("twins: [{do: {fatt: 3 mm}}]").find("Did you mean 'fat'"), std::string::npos);
  EXPECT_NE(error_of("twins: [{name: a}]").find("lacks 'do'"), std::string::npos);
  EXPECT_NE(error_of("twins: [{do: {fat: 3 mm}, name: ../x}]").find("file names"), std::string::npos);
  EXPECT_NE(error_of("twins: [{do: {fat: 3 mm}}, {do: {fat: 3 mm}}]").find("two twins"), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
