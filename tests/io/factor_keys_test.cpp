// What `describe` tells about random values is what the reader accepts.
#include "io/factor_keys.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "io/config.hpp"

namespace sonoforge {
namespace {

const std::string cohort = "age: {normal: [55, 10]}, fat_thickness: 12 mm, bmi: {uniform: [20, 30]}";

Factors draw(const std::string& text) {
  ConfigTree tree = ConfigTree::parse(text);
  return tree.draw(RandomStream(3, 0, "config"));
}
std::string error_of(const std::string& text) {
  try {
    draw(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(FactorKeys, EveryExampleOfADistributionIsDrawn) {
  for (const auto& doc : distribution_docs()) {
    const std::string text = "factors: {" + cohort + ", x: " + std::string(doc.example) + "}";
    EXPECT_EQ(error_of(text), "") << text;
    EXPECT_EQ(draw(text).count("x"), 1U) << text;
  }
}

TEST(FactorKeys, EveryKeyListedIsAcceptedAndOthersAreNot) {
  for (const auto& doc : distribution_docs()) {
    if (doc.name == "factor") continue;  // {factor: NAME} stands alone
    const std::string open(doc.example.substr(0, doc.example.size() - 1));
    for (const auto& key : doc.keys) {
      if (open.find(std::string(key.key) + ":") != std::string::npos) continue;
      const std::string value(doc.name == "integers" && (key.key == "min" || key.key == "max") ? "3" : key.example);
      const std::string text = "factors: {" + cohort + "}\nx: " + open + ", " + std::string(key.key) + ": " +
                               (key.key == "factor" ? "named" : value) + "}";
      EXPECT_EQ(error_of(text), "") << text;
    }
    for (const char* wrong : {"wieghts: [1]", "maxx: 3", "growth_law: linear"})
      EXPECT_NE(error_of("factors: {" + cohort + ", x: " + open + ", " + wrong + "}}").find("unknown key"),
                std::string::npos)
          << doc.name << " " << wrong;
  }
  // A key of one distribution is a mistake beside another: it would be passed over in silence.
  EXPECT_NE(error_of("x: {uniform: [1, 2], weights: [1, 1]}").find("unknown key 'weights' beside uniform"),
            std::string::npos);
  EXPECT_NE(error_of("x: {choice: [1, 2], min: 1}").find("unknown key 'min' beside choice"), std::string::npos);
  EXPECT_NE(error_of("x: {uniform: [1, 2], normal: [1, 2]}").find("unknown key"), std::string::npos);
}

TEST(FactorKeys, EveryChoiceAndEveryLawIsRead) {
  for (const auto& doc : distribution_docs())
    for (const auto& outer : doc.keys)
      for (const auto& key : outer.keys)
        for (const auto& law : key.choices) {
          const std::string text =
              "x: {growth: {law: " + std::string(law) + ", initial: 8 mm, time: 200 day, change: 1 mm, limit: 50 mm}}";
          EXPECT_EQ(error_of(text), "") << text;
        }
  for (const char* per : {"patient", "visit"})
    EXPECT_EQ(error_of("x: {uniform: [1, 2], per: " + std::string(per) + "}"), "");
}

TEST(FactorKeys, EveryExampleOfASectionIsRead) {
  for (const auto& doc : factor_section_docs()) {
    const std::string section = std::string(doc.name) + ": " + std::string(doc.example);
    const std::string text = doc.name == "factors" ? section : "factors: {" + cohort + "}\n" + section;
    EXPECT_EQ(error_of(text), "") << text;
  }
  const std::string head = "factors: {" + cohort + "}\noutcome: {name: a, horizon: 5 year, hazard: ";
  for (const auto& key : factor_section_docs().back().keys)
    for (const auto& law : key.keys) {
      if (key.key != "hazard") continue;
      EXPECT_EQ(error_of(head + "{" + std::string(law.key) + ": " + std::string(law.example) + "}}"), "") << law.key;
    }
  EXPECT_NE(error_of(head + "{weibul: {shape: 1}}}").find("Did you mean 'weibull'"), std::string::npos);
}

TEST(FactorKeys, ListsAreJson) {
  const auto json = describe_mappings("distribution", "", distribution_docs());
  EXPECT_EQ(json["types"].size(), distribution_docs().size());
  for (const auto& row : json["types"])
    for (const auto& key : row["keys"]) {
      EXPECT_FALSE(key["doc"].get<std::string>().empty()) << row["name"];
      EXPECT_FALSE(key["example"].get<std::string>().empty()) << row["name"];
    }
  EXPECT_THROW(known_keys("nothing"), std::logic_error);
  EXPECT_EQ(known_keys("outcome.hazard.weibull"), (std::vector<std::string>{"shape", "scale"}));
}

}  // namespace
}  // namespace sonoforge
