// Named factors: correlations, tables, laws between them, growth and outcomes.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/normal_distribution.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

constexpr double day = 86400, year = 365.25 * day;

Factors draw(const std::string& text, std::uint64_t patient = 0, const std::map<std::string, std::string>& forced = {}, Visit visit = {}) {
  ConfigTree tree = ConfigTree::parse(text);
  return tree.draw(RandomStream(3, patient, "config"), forced, visit);
}

std::string error_of(const std::string& text) {
  try {
    draw(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double n = static_cast<double>(a.size());
  double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) ma += a[i] / n, mb += b[i] / n;
  for (std::size_t i = 0; i < a.size(); ++i) ab += (a[i] - ma) * (b[i] - mb), aa += (a[i] - ma) * (a[i] - ma), bb += (b[i] - mb) * (b[i] - mb);
  return ab / std::sqrt(aa * bb);
}

// Normal scores of correlated factors have the correlation asked for; Fisher's transform of n draws has standard error 1 / sqrt(n - 3).
TEST(FactorCorrelations, NormalScoresHaveThem) {
  const std::string text =
      "factors: {a: {normal: [10, 2]}, b: {log_normal: [8 mm, 0.3]}, c: {normal: [0, 1]}, d: {normal: [5, 1]}}\n"
      "correlations: [{factors: [a, b], value: 0.6}, {factors: [b, c], value: -0.5}]";
  const int n = 3000;
  std::map<std::string, std::vector<double>> scores;
  for (int i = 0; i < n; ++i) {
    const Factors f = draw(text, static_cast<std::uint64_t>(i));
    scores["a"].push_back(f.at("a").value);
    scores["b"].push_back(std::log(f.at("b").value));
    scores["c"].push_back(f.at("c").value);
    scores["d"].push_back(f.at("d").value);
  }
  const double error = 5 / std::sqrt(n - 3.0);
  EXPECT_NEAR(std::atanh(correlation(scores["a"], scores["b"])), std::atanh(0.6), error);
  EXPECT_NEAR(std::atanh(correlation(scores["b"], scores["c"])), std::atanh(-0.5), error);
  EXPECT_NEAR(std::atanh(correlation(scores["a"], scores["c"])), 0, error);
  EXPECT_NEAR(std::atanh(correlation(scores["a"], scores["d"])), 0, error);
}

TEST(FactorCorrelations, KeepEachDistribution) {
  const std::string text = "factors: {a: {uniform: [2, 6]}, b: {choice: [low, high], weights: [3, 1]}}\ncorrelations: [{factors: [a, b], value: 0.9}]";
  const int n = 3000;
  double sum = 0, high = 0, a_given_high = 0;
  for (int i = 0; i < n; ++i) {
    const Factors f = draw(text, static_cast<std::uint64_t>(i));
    sum += f.at("a").value;
    if (f.at("b").text == "high") ++high, a_given_high += f.at("a").value;
  }
  EXPECT_NEAR(sum / n, 4, 5 * (4 / std::sqrt(12.0)) / std::sqrt(n));
  EXPECT_NEAR(high / n, 0.25, 5 * std::sqrt(0.25 * 0.75 / n));
  EXPECT_GT(a_given_high / high, 5);  // the upper quarter of [2, 6] starts at 5; 0.9 keeps most of it there
}

TEST(FactorCorrelations, AreCheckedTogether) {
  const std::string factors = "factors: {a: {normal: [0, 1]}, b: {normal: [0, 1]}, c: {normal: [0, 1]}, k: 3}\n";
  // a and b alike, b and c alike, a and c opposite: the determinant 1 + 2 abc - a^2 - b^2 - c^2 is negative.
  EXPECT_NE(error_of(factors + "correlations: [{factors: [a, b], value: 0.9}, {factors: [b, c], value: 0.9}, {factors: [a, c], value: -0.9}]").find("not positive definite"),
            std::string::npos);
  EXPECT_NE(error_of(factors + "correlations: [{factors: [a, b, c], value: -0.5}]").find("not positive definite"), std::string::npos);
  EXPECT_EQ(error_of(factors + "correlations: [{factors: [a, b, c], value: -0.49}]"), "no error");
  EXPECT_NE(error_of(factors + "correlations: [{factors: [a, b], value: 1}]").find("between -1 and 1"), std::string::npos);
  EXPECT_NE(error_of(factors + "correlations: [{factors: [a, b], value: 0.1}, {factors: [b, a], value: 0.2}]").find("twice"), std::string::npos);
  EXPECT_NE(error_of(factors + "correlations: [{factors: [a, k], value: 0.1}]").find("distribution of its own"), std::string::npos);
  EXPECT_NE(error_of(factors + "correlations: [{factors: [a], value: 0.1}]").find("at least two"), std::string::npos);
  EXPECT_NE(error_of(factors + "correlations: {a: 1}").find("not a list"), std::string::npos);
}

TEST(FactorCorrelations, ForcingOneMovesNoOther) {
  const std::string text = "factors: {a: {normal: [0, 1]}, b: {normal: [0, 1]}}\ncorrelations: [{factors: [a, b], value: 0.8}]";
  const std::string wider = "factors: {a: {normal: [0, 7]}, b: {normal: [0, 1]}}\ncorrelations: [{factors: [a, b], value: 0.8}]";
  for (std::uint64_t patient = 0; patient < 20; ++patient) {
    EXPECT_EQ(draw(text, patient, {{"a", "3"}}).at("b").value, draw(text, patient).at("b").value);
    EXPECT_EQ(draw(text, patient, {{"a", "3"}}).at("a").value, 3);
    EXPECT_EQ(draw(wider, patient).at("b").value, draw(text, patient).at("b").value);
  }
}

class FactorTableTest : public TestFolder {
 protected:
  Factors draw_file(std::uint64_t patient, const std::map<std::string, std::string>& forced = {}) {
    ConfigTree tree = ConfigTree::load(folder / "config.yaml");
    return tree.draw(RandomStream(3, patient, "config"), forced);
  }
};

TEST_F(FactorTableTest, WholeRowsAreDrawn) {
  put(folder / "cohort.csv", "age,fat [mm],sex\n40,11,female\n50,12,male\n60,13,female\n");
  put(folder / "config.yaml", "factors: {table: cohort.csv, x: {uniform: [0, 1]}}\nfat: {factor: fat}");
  std::map<double, int> ages;
  for (std::uint64_t patient = 0; patient < 600; ++patient) {
    const Factors f = draw_file(patient);
    const double age = f.at("age").value;
    ++ages[age];
    EXPECT_DOUBLE_EQ(f.at("fat").value, (7 + age / 10) * 1e-3);
    EXPECT_EQ(f.at("fat").unit, "m");
    EXPECT_EQ(f.at("sex").text, age == 50 ? "male" : "female");
  }
  EXPECT_EQ(ages.size(), 3u);
  for (const auto& [age, count] : ages) EXPECT_NEAR(count, 200, 5 * std::sqrt(600 * 2.0 / 9));
  const Factors twin = draw_file(4, {{"fat", "30 mm"}}), plain = draw_file(4);
  EXPECT_EQ(twin.at("fat").value, 0.03);
  EXPECT_EQ(twin.at("age").value, plain.at("age").value);
  EXPECT_EQ(twin.at("x").value, plain.at("x").value);
}

TEST_F(FactorTableTest, BrokenTablesAreRefused) {
  put(folder / "config.yaml", "factors: {table: cohort.csv, age: {uniform: [0, 1]}}");
  EXPECT_NE(TestFolder::error_of([&] { draw_file(0); }).find("there is no file"), std::string::npos);
  for (const auto& [content, expected] : std::map<std::string, std::string>{{"", "no rows"},
                                                                             {"size\n", "no rows"},
                                                                             {"size,fat\n1\n", "row of 1 cells"},
                                                                             {"size,size\n1,2\n", "occurs twice"},
                                                                             {"size,fat\n1,\n", "no value for 'fat'"},
                                                                             {"age\n1\n", "also a column"}}) {
    put(folder / "cohort.csv", content);
    EXPECT_NE(TestFolder::error_of([&] { draw_file(0); }).find(expected), std::string::npos) << content;
  }
}

TEST(FactorLaws, LinearFactorsFollowTheirTerms) {
  const std::string text =
      "factors:\n  sex: {choice: [female, male]}\n  fat: {uniform: [5 mm, 25 mm]}\n"
      "  level: {linear: {intercept: 3 dB, terms: [{factor: fat, slope: 2 dB, per: 10 mm, centre: 15 mm}, {factor: sex, values: {female: 1 dB, male: -1 dB}}]}}\n"
      "  noisy: {linear: {intercept: 1, terms: [{factor: level, slope: 0.1, per: 1 dB}], spread: 0.5}}";
  double sum = 0, squares = 0;
  const int n = 2000;
  for (int i = 0; i < n; ++i) {
    const Factors f = draw(text, static_cast<std::uint64_t>(i));
    const double level = 3 + 2 * (f.at("fat").value - 0.015) / 0.01 + (f.at("sex").text == "female" ? 1 : -1);
    EXPECT_NEAR(f.at("level").value, level, 1e-12);
    const double rest = f.at("noisy").value - 1 - 0.1 * level;
    sum += rest, squares += rest * rest;
  }
  EXPECT_NEAR(sum / n, 0, 5 * 0.5 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 0.25, 5 * 0.25 * std::sqrt(2.0 / n));
  // Setting a cause moves its effects and nothing else; the residual stays.
  const Factors plain = draw(text, 7), twin = draw(text, 7, {{"fat", "30 mm"}});
  EXPECT_EQ(twin.at("sex").text, plain.at("sex").text);
  EXPECT_NEAR(twin.at("noisy").value - plain.at("noisy").value, 0.1 * (twin.at("level").value - plain.at("level").value), 1e-12);
}

TEST(FactorLaws, MistakesAreNamed) {
  EXPECT_NE(error_of("factors: {a: {linear: {intercept: 1, terms: [{factor: b, slope: 1}]}}, b: {linear: {intercept: 1, terms: [{factor: a, slope: 1}]}}}").find("follows from itself"), std::string::npos);
  EXPECT_NE(error_of("factors: {a: {linear: {intercept: 1, terms: [{factor: aeg, slope: 1}]}}, age: 3}").find("Did you mean 'age'"), std::string::npos);
  EXPECT_NE(error_of("factors: {a: {linear: {intercept: 1, terms: [{factor: age, slope: 1}]}}, age: 3 mm}").find("unit that the term does not state"), std::string::npos);
  EXPECT_NE(error_of("factors: {a: {linear: {intercept: 1, terms: [{factor: sex, values: {male: 1}}]}}, sex: female}").find("no value for sex = 'female'"), std::string::npos);
  EXPECT_NE(error_of("factors: {a: {growth: {law: doubling, initial: 1 mm, time: 3 day}}}").find("unknown law"), std::string::npos);
  EXPECT_NE(error_of("factors: {a: {growth: {law: logistic, initial: 1 mm, time: 3 day}}}").find("lacks 'limit'"), std::string::npos);
  EXPECT_NE(error_of("a: {uniform: [0, 1], per: week}").find("per is 'week'"), std::string::npos);
}

TEST(FactorLaws, GrowthFollowsItsClosedForm) {
  const auto at = [](const std::string& law, double time) {
    return draw("factors: {x: {growth: {law: " + law + ", initial: 8 mm, time: 100 day}}}", 0, {}, {1, time}).at("x").value;
  };
  EXPECT_EQ(at("volume_doubling", 0), 0.008);
  EXPECT_NEAR(std::pow(at("volume_doubling", 100 * day) / 0.008, 3), 2, 1e-12);
  EXPECT_NEAR(at("exponential", 50 * day), 0.008 * std::exp(0.5), 1e-15);
  EXPECT_NEAR(at("linear, change: 3 mm", 200 * day), 0.014, 1e-15);
  // The logistic law solves x' = x (1 - x / K) / T, Gompertz' x' = x ln(K / x) / T: central differences of step h err by h^2.
  for (const double t : {30 * day, 200 * day, 700 * day}) {
    const double h = 0.1 * day, T = 100 * day, K = 0.04;
    const auto slope = [&](const std::string& law) { return (at(law, t + h) - at(law, t - h)) / (2 * h); };
    const double l = at("logistic, limit: 40 mm", t), g = at("gompertz, limit: 40 mm", t);
    EXPECT_NEAR(slope("logistic, limit: 40 mm"), l * (1 - l / K) / T, 1e-5 * K / T);
    EXPECT_NEAR(slope("gompertz, limit: 40 mm"), g * std::log(K / g) / T, 1e-5 * K / T);
  }
  const std::string limited = "factors: {x: {growth: {law: exponential, initial: {uniform: [8 mm, 9 mm]}, time: 1 day}, max: 50 mm}, y: {uniform: [0, 1], per: visit}, z: {uniform: [0, 1]}}";
  EXPECT_EQ(draw(limited, 0, {}, {3, 100 * day}).at("x").value, 0.05);
  const Factors first = draw(limited), second = draw(limited, 0, {}, {1, 0});
  EXPECT_EQ(first.at("x").value, second.at("x").value);
  EXPECT_EQ(first.at("z").value, second.at("z").value);
  EXPECT_NE(first.at("y").value, second.at("y").value);
}

// Survival of many patients follows exp(-H(t) ratio), and the recorded risk is 1 - exp(-H(horizon) ratio): binomial errors.
TEST(Outcome, WeibullHazardIsTheOneAskedFor) {
  const std::string text =
      "factors: {age: {uniform: [40, 80]}}\n"
      "outcome: {name: event, hazard: {weibull: {shape: 1.5, scale: 10 year}}, terms: [{factor: age, slope: 0.05, centre: 60}], horizon: 5 year}";
  const int n = 4000;
  double before_two = 0, expected_two = 0, variance_two = 0, events = 0, risks = 0, variance = 0;
  for (int i = 0; i < n; ++i) {
    const Factors f = draw(text, static_cast<std::uint64_t>(i));
    const double ratio = std::exp(0.05 * (f.at("age").value - 60));
    const auto risk = [&](double t) { return -std::expm1(-std::pow(t / (10 * year), 1.5) * ratio); };
    EXPECT_NEAR(f.at("event_risk").value, risk(5 * year), 1e-12);
    EXPECT_NEAR(f.at("event_log_hazard_ratio").value, std::log(ratio), 1e-12);
    EXPECT_EQ(f.at("event").value, f.at("event_time").value < 5 * year);
    EXPECT_LE(f.at("event_time").value, 5 * year);
    EXPECT_EQ(f.at("event_time").unit, "s");
    before_two += f.at("event_time").value < 2 * year;
    expected_two += risk(2 * year), variance_two += risk(2 * year) * (1 - risk(2 * year));
    events += f.at("event").value, risks += risk(5 * year), variance += risk(5 * year) * (1 - risk(5 * year));
  }
  EXPECT_NEAR(before_two, expected_two, 5 * std::sqrt(variance_two));
  EXPECT_NEAR(events, risks, 5 * std::sqrt(variance));
}

TEST(Outcome, DiscreteHazardFollowsWhatGrows) {
  // log hazard ratio = t in years, intervals of a year: 1 - prod (1 - p)^exp(k).
  const std::string text =
      "factors: {burden: {growth: {law: linear, initial: 0, change: 1, time: 1 year}}}\n"
      "outcome: {name: event, hazard: {discrete: {probability: 4 %, interval: 1 year}}, terms: [{factor: burden, slope: 1}], horizon: 3 year}";
  const int n = 3000;
  std::map<double, int> times;
  for (int i = 0; i < n; ++i) {
    const Factors f = draw(text, static_cast<std::uint64_t>(i));
    EXPECT_NEAR(f.at("event_risk").value, 1 - std::pow(0.96, 1 + std::exp(1.0) + std::exp(2.0)), 1e-12);
    if (f.at("event").value == 1) ++times[std::round(f.at("event_time").value / year)];
    EXPECT_NEAR(std::remainder(f.at("event_time").value, year), 0, 1);
  }
  double left = 1;
  for (int k = 0; k < 3; ++k) {
    const double p = left * (1 - std::pow(0.96, std::exp(static_cast<double>(k))));
    EXPECT_NEAR(times[k + 1], n * p, 5 * std::sqrt(n * p * (1 - p)));
    left *= std::pow(0.96, std::exp(static_cast<double>(k)));
  }
}

TEST(Outcome, IsTheSameAtEveryVisitAndFollowsOnlyItsCauses) {
  const std::string text =
      "factors: {a: {uniform: [0, 1]}, b: {uniform: [0, 1]}}\n"
      "outcome: {name: event, hazard: {weibull: {shape: 1, scale: 1 year}}, terms: [{factor: a, slope: 2}], horizon: 1 year}";
  const Factors plain = draw(text, 5), later = draw(text, 5, {}, {2, year}), other = draw(text, 5, {{"b", "0.3"}}), twin = draw(text, 5, {{"a", "7"}});
  for (const char* name : {"event", "event_time", "event_risk", "event_log_hazard_ratio"}) {
    EXPECT_EQ(later.at(name).value, plain.at(name).value);
    EXPECT_EQ(other.at(name).value, plain.at(name).value);
  }
  EXPECT_GT(twin.at("event_risk").value, plain.at("event_risk").value);
  EXPECT_LE(twin.at("event_time").value, plain.at("event_time").value);
  EXPECT_NE(error_of("outcome: {name: e, hazard: {discrete: {probability: 0 %, interval: 1 year}}, horizon: 1 year}").find("between 0 % and 100 %"), std::string::npos);
  EXPECT_NE(error_of("outcome: {name: e, horizon: 1 year}").find("lacks 'hazard'"), std::string::npos);
  EXPECT_NE(error_of("factors: {e_risk: 1}\noutcome: {name: e, hazard: {weibull: {shape: 1, scale: 1 year}}, horizon: 1 year}").find("name of a factor"), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
