#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "app/experiment.hpp"

namespace sonoforge {
namespace {

TEST(EngineError, ABrokenPromiseIsAWarning) {
  const EngineError kept = judge("scatterers", 1e-3, MeasuredError{9e-4, 20, 2});
  EXPECT_EQ(kept.warning, "");
  EXPECT_EQ(kept.json()["engine_relative_l2_measured"], 9e-4);
  const EngineError broken = judge("scatterers", 1e-3, MeasuredError{1.5e-3, 20, 2});
  EXPECT_NE(broken.warning.find("within 0.001 of engine exact"), std::string::npos) << broken.warning;
  EXPECT_NE(broken.warning.find("1.50e-03"), std::string::npos) << broken.warning;
  const EngineError unmeasured = judge("exact", 1e-4, {});
  EXPECT_EQ(unmeasured.warning, "");
  EXPECT_FALSE(unmeasured.json().contains("engine_relative_l2_measured"));
}

}  // namespace
}  // namespace sonoforge
