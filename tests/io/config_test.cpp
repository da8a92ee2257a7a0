#include "io/config.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include <nlohmann/json.hpp>

namespace sonoforge {
namespace {

struct Round : Configurable {
  double radius = 2e-3;
  void fields(FieldVisitor& visit) override {
    visit(radius, {.key = "radius", .doc = "Radius.", .unit = Unit::metre, .min = positive});
  }
  void check() const override {
    if (radius > 1) throw ConfigError("radius", "larger than a patient (1 m). Write a smaller one");
  }
};
struct Square : Configurable {
  double side = 1e-3;
  bool filled = true;
  void fields(FieldVisitor& visit) override {
    visit(side, {.key = "side", .doc = "Side.", .unit = Unit::metre, .min = positive, .required = true});
    visit(filled, {.key = "filled", .doc = "Filled."});
  }
};
const Catalog& shapes() {
  static const Catalog catalog{"figure",
                               "Figures.",
                               {row_of<Round>("round", "A disc."), row_of<Square>("square", "A square.")},
                               {{"coin", "A coin.", [] { auto r = std::make_shared<Round>(); r->radius = 0.0116; return r; }, "round"}},
                               ""};
  return catalog;
}
enum class Mode { slow, fast };
struct Everything : Configurable {
  std::int64_t count = 3;
  double focus = std::numeric_limits<double>::infinity();
  Mode mode = Mode::slow;
  Vec3 centre{1e-3, 0, 0.1 + 0.2};
  Axis axis = Axis::from_to_step(-19e-3, 19e-3, 1e-4);
  std::vector<double> angles;
  std::vector<Typed<Configurable>> figures;
  Typed<Configurable> single;
  std::optional<double> depth;
  Attenuation loss{0.5, 1.1};
  std::filesystem::path file;
  std::string name = "a: b";
  void fields(FieldVisitor& visit) override {
    visit(count, {.key = "count", .doc = "Count.", .min = 1, .max = 10});
    visit(focus, {.key = "focus", .doc = "Focus.", .unit = Unit::metre, .words = {{"none", std::numeric_limits<double>::infinity()}}});
    visit.choice(mode, {"slow", "fast"}, {.key = "mode", .doc = "Mode."});
    visit(centre, {.key = "centre", .doc = "Centre.", .unit = Unit::metre});
    visit(axis, {.key = "axis", .doc = "Axis.", .unit = Unit::metre, .max_items = 1000});
    visit(angles, {.key = "angles", .doc = "Angles.", .unit = Unit::radian});
    visit.list(figures, shapes(), {.key = "figures", .doc = "Figures."});
    visit.typed(single, shapes(), {.key = "single", .doc = "One figure."});
    visit(depth, {.key = "depth", .doc = "Depth.", .unit = Unit::metre});
    visit(loss, {.key = "loss", .doc = "Loss.", .unit = Unit::attenuation});
    visit(file, {.key = "file", .doc = "File."});
    visit(name, {.key = "name", .doc = "Name."});
  }
};

Everything read(const std::string& text) {
  Everything out;
  ConfigTree::parse(text, "test.yaml").read(out);
  return out;
}

std::vector<std::string> mistakes(const std::string& text) {
  try {
    read(text);
  } catch (const UserError& error) {
    std::vector<std::string> out;
    for (const auto& problem : error.problems()) out.push_back(to_string(problem));
    return out;
  }
  return {};
}

TEST(Config, ReadsEveryKind) {
  const Everything e = read(R"(
count: 7
focus: none
mode: fast
centre: [1 mm, -2 mm, 3 cm]
axis: [-1 mm, 1 mm, 0.5 mm]
angles: {from: -12 deg, to: 12 deg, count: 11}
figures: [coin, {type: square, side: 2 mm, filled: off}, {type: coin, radius: 1 mm}]
depth: 45 mm
loss: 0.7 dB/cm/MHz
)");
  EXPECT_EQ(e.count, 7);
  EXPECT_TRUE(std::isinf(e.focus));
  EXPECT_EQ(e.mode, Mode::fast);
  EXPECT_EQ(e.centre.z, 0.03);
  EXPECT_EQ(e.axis.count, 5u);
  ASSERT_EQ(e.angles.size(), 11u);
  EXPECT_EQ(e.angles[5], 0.0);
  EXPECT_EQ(e.angles[0], -e.angles[10]);
  ASSERT_EQ(e.figures.size(), 3u);
  EXPECT_EQ(dynamic_cast<Round&>(*e.figures[0]).radius, 0.0116);
  EXPECT_FALSE(dynamic_cast<Square&>(*e.figures[1]).filled);
  EXPECT_EQ(dynamic_cast<Round&>(*e.figures[2]).radius, 0.001);
  EXPECT_EQ(e.figures[2].type, "round");
  EXPECT_EQ(e.depth, 0.045);
  EXPECT_EQ(e.loss, (Attenuation{0.7, 1}));
}

TEST(Config, ReportsEveryMistakeWithItsPlace) {
  const auto found = mistakes("count: 70\nmoed: fast\nmode: quick\nfigures: [{type: square}, {type: rund, radius: 4}]\ndepth: 4\n");
  ASSERT_EQ(found.size(), 6u);
  EXPECT_EQ(found[0], "test.yaml:1:8: count = '70' is out of range (needs a value from 1 to 10). Write for example 'count: 1'");
  EXPECT_EQ(found[1], "test.yaml:2:1: unknown key 'moed' (it would have no effect). Did you mean 'mode'?");
  EXPECT_EQ(found[2], "test.yaml:3:7: mode = 'quick' (needs one of slow, fast). Known: slow, fast");
  EXPECT_EQ(found[3], "test.yaml:4:11: the key 'side' is missing (Side.). Write for example 'side: 4 mm'");
  EXPECT_EQ(found[4], "test.yaml:4:34: unknown figure 'rund' (there is no such type). Did you mean 'round'?");
  EXPECT_EQ(found[5], "test.yaml:5:8: depth = '4' has no unit (needs a length). Write for example '4 mm'");
}

TEST(Config, ChecksRunWhereValuesStand) {
  const auto found = mistakes("single: {type: round, radius: 2 m}");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0], "test.yaml:1:31: radius: larger than a patient (1 m). Write a smaller one");
}

TEST(Config, RefusesDuplicatesAliasesThatExplodeAndDepth) {
  EXPECT_NE(mistakes("count: 1\ncount: 2\n").at(0).find("test.yaml:2:1: duplicate key 'count'"), std::string::npos);
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'k'; ++c) bomb += std::string(1, c) + ": &" + c + " [" + std::string("*") + char(c - 1) + [&] {
    std::string rest;
    for (int i = 0; i < 9; ++i) rest += std::string(", *") + char(c - 1);
    return rest;
  }() + "]\n";
  EXPECT_THROW(ConfigTree::parse(bomb), UserError);
  EXPECT_THROW(ConfigTree::parse("a: " + std::string(10000, '[')), UserError);
  EXPECT_THROW(ConfigTree::parse(std::string("a: \0b", 5)), UserError);
  EXPECT_THROW(ConfigTree::parse("a: &x [*x]"), UserError);
  EXPECT_THROW(ConfigTree::parse("- 1\n- 2"), UserError);
  EXPECT_THROW(ConfigTree::parse("a: 1\n---\nb: 2"), UserError);
  EXPECT_THROW(ConfigTree::parse("a: [1, 2"), UserError);
}

TEST(Config, DumpReadsBackToTheSameDump) {
  Everything e = read("figures: [coin, {type: square, side: 2 mm}]\nangles: [-7.3 deg, 1e-17 rad]\nfocus: 0.123456789123 mm");
  const std::string first = dump_config(e);
  Everything again = read(first);
  EXPECT_EQ(dump_config(again), first);
  EXPECT_EQ(again.centre.z, e.centre.z);
  EXPECT_EQ(again.axis, e.axis);
  EXPECT_EQ(again.angles, e.angles);
  EXPECT_EQ(again.name, "a: b");
}

TEST(Config, SetReplacesValues) {
  ConfigTree tree = ConfigTree::parse("single: coin\nfigures: [coin]\ncount: 2");
  tree.set("count=5");
  tree.set("single.radius=3 mm");
  tree.set("figures.0={type: square, side: 1 mm}");
  tree.set("depth=2 cm");
  Everything e;
  tree.read(e);
  EXPECT_EQ(e.count, 5);
  EXPECT_EQ(dynamic_cast<Round&>(*e.single).radius, 0.003);
  EXPECT_EQ(e.figures[0].type, "square");
  EXPECT_EQ(e.depth, 0.02);
  EXPECT_THROW(tree.set("figures.7=coin"), UserError);
  EXPECT_THROW(tree.set("count"), UserError);
}

TEST(Config, SetNullRemovesAKey) {
  ConfigTree tree = ConfigTree::parse("single: {type: coin, radius: 3 mm}\ncount: 2\ndepth: 2 cm");
  const auto usual = Everything().depth;
  tree.set("single.radius=null");
  tree.set("depth=~");
  Everything e;
  tree.read(e);
  EXPECT_EQ(e.count, 2);
  EXPECT_EQ(e.depth, usual);
  EXPECT_EQ(dynamic_cast<Round&>(*e.single).radius, 11.6e-3);  // a coin's
  for (const char* absent : {"depth=null", "single.side=null", "nothing.at.all=null"}) EXPECT_THROW(tree.set(absent), UserError) << absent;
  EXPECT_EQ(dump_config(e).find("nothing"), std::string::npos);
}

TEST(Config, DrawsAreIndependentOfEachOther) {
  const std::string text = "focus: {uniform: [2 mm, 6 mm], factor: focus}\nname: {choice: [a, b, c], weights: [1, 0, 1], factor: kind}\n"
                           "depth: {normal: [15 mm, 4 mm], min: 14 mm, max: 16 mm}\n";
  const RandomStream random(7, 3, "config");
  ConfigTree tree = ConfigTree::parse(text);
  EXPECT_TRUE(tree.has_distributions());
  const Factors factors = tree.draw(random);
  EXPECT_FALSE(tree.has_distributions());
  Everything e;
  tree.read(e);
  EXPECT_EQ(factors.at("focus").value, e.focus);
  EXPECT_EQ(factors.at("focus").unit, "m");
  EXPECT_EQ(factors.at("kind").text, e.name);
  EXPECT_GE(*e.depth, 0.014);
  EXPECT_LE(*e.depth, 0.016);

  ConfigTree twin = ConfigTree::parse(text);
  twin.draw(random, {{"focus", "30 mm"}});
  Everything t;
  twin.read(t);
  EXPECT_EQ(t.focus, 0.03);
  EXPECT_EQ(t.depth, e.depth);
  EXPECT_EQ(t.name, e.name);

  ConfigTree undrawn = ConfigTree::parse(text);
  Everything u;
  EXPECT_THROW(undrawn.read(u), UserError);
  EXPECT_THROW(ConfigTree::parse(text).draw(random, {{"focsu", "1 mm"}}), UserError);
}

TEST(Config, DeclaredFactorsAreShared) {
  ConfigTree tree = ConfigTree::parse("factors: {size: {uniform: [2 mm, 6 mm]}}\nfocus: {factor: size}\ndepth: {factor: size}");
  tree.draw(RandomStream(1, 0, "config"));
  Everything e;
  tree.read(e);
  EXPECT_EQ(e.focus, *e.depth);
}

// Mean and variance of 4,000 draws within five standard errors of their exact values.
TEST(Config, DistributionsHaveTheirMoments) {
  const int n = 4000;
  double sum = 0, squares = 0, logs = 0, threes = 0;
  for (int i = 0; i < n; ++i) {
    ConfigTree tree = ConfigTree::parse("a: {normal: [10, 2], factor: a}\nb: {log_normal: [8, 0.5], factor: b}\nc: {integers: [1, 3], factor: c}");
    const Factors f = tree.draw(RandomStream(1, static_cast<std::uint64_t>(i), "config"));
    const double a = f.at("a").value;
    sum += a, squares += (a - 10) * (a - 10);
    logs += std::log(f.at("b").value / 8);
    threes += f.at("c").value == 3;
  }
  EXPECT_NEAR(sum / n, 10, 5 * 2 / std::sqrt(n));
  EXPECT_NEAR(squares / n, 4, 5 * 4 * std::sqrt(2.0 / n));
  EXPECT_NEAR(logs / n, 0, 5 * 0.5 / std::sqrt(n));
  EXPECT_NEAR(threes / n, 1.0 / 3, 5 * std::sqrt(2.0 / 9 / n));
}

TEST(Config, DescribesKeysUnitsAndDefaults) {
  const auto json = describe_catalog(shapes());
  EXPECT_EQ(json["types"][0]["keys"][0]["key"], "radius");
  EXPECT_EQ(json["types"][0]["keys"][0]["unit"], "m");
  EXPECT_EQ(json["types"][0]["keys"][0]["default"], "2 mm");
  EXPECT_EQ(json["presets"][0]["keys"][0]["default"], "11.6 mm");
  Everything e;
  EXPECT_EQ(describe_config(e).size(), 12u);
}

}  // namespace
}  // namespace sonoforge
