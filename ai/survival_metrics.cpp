#include "ai/survival_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void check(std::size_t cases, std::size_t a, std::size_t b) {
  if (a != cases || b != cases) throw std::invalid_argument("every patient needs time, event and prediction");
}

}  // namespace

double concordance_index(std::span<const double> time, std::span<const std::uint8_t> event,
                         std::span<const double> risk) {
  check(time.size(), event.size(), risk.size());
  double comparable = 0, concordant = 0;
  for (std::size_t i = 0; i < time.size(); ++i) {
    if (!event[i]) continue;
    for (std::size_t j = 0; j < time.size(); ++j) {
      if (!(time[i] < time[j] || (time[i] == time[j] && !event[j]))) continue;
      ++comparable;
      concordant += risk[i] > risk[j] ? 1 : risk[i] == risk[j] ? 0.5 : 0;
    }
  }
  return comparable > 0 ? concordant / comparable : nan;
}

SurvivalCurve kaplan_meier(std::span<const double> time, std::span<const std::uint8_t> event) {
  check(time.size(), event.size(), event.size());
  std::vector<std::size_t> order(time.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return time[a] < time[b]; });
  SurvivalCurve curve;
  double survival = 1;
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin;
    double events = 0;
    for (; end < order.size() && time[order[end]] == time[order[begin]]; ++end) events += event[order[end]] != 0;
    if (events > 0) {
      survival *= 1 - events / static_cast<double>(order.size() - begin);
      curve.time.push_back(time[order[begin]]);
      curve.survival.push_back(survival);
    }
    begin = end;
  }
  return curve;
}

double SurvivalCurve::at(double t) const {
  const auto after = std::upper_bound(time.begin(), time.end(), t) - time.begin();
  return after == 0 ? 1 : survival[static_cast<std::size_t>(after - 1)];
}
double SurvivalCurve::before(double t) const {
  const auto from = std::lower_bound(time.begin(), time.end(), t) - time.begin();
  return from == 0 ? 1 : survival[static_cast<std::size_t>(from - 1)];
}

double survival_brier(std::span<const double> time, std::span<const std::uint8_t> event,
                      std::span<const double> survival, double horizon) {
  check(time.size(), event.size(), survival.size());
  std::vector<std::uint8_t> censored;
  for (const auto e : event) censored.push_back(e == 0);
  const auto observed = kaplan_meier(time, censored);
  double sum = 0;
  for (std::size_t i = 0; i < time.size(); ++i) {
    if (time[i] <= horizon && event[i])
      sum += survival[i] * survival[i] / observed.before(time[i]);
    else if (time[i] > horizon)
      sum += (1 - survival[i]) * (1 - survival[i]) / observed.at(horizon);
  }
  return time.empty() || observed.at(horizon) == 0 ? nan : sum / static_cast<double>(time.size());
}

double decision_regret(std::span<const double> true_risk, std::span<const double> predicted_risk, double threshold) {
  check(true_risk.size(), predicted_risk.size(), predicted_risk.size());
  if (!(threshold > 0 && threshold < 1) || true_risk.empty()) return nan;
  double sum = 0;
  for (std::size_t i = 0; i < true_risk.size(); ++i)
    if ((true_risk[i] >= threshold) != (predicted_risk[i] >= threshold))
      sum += std::abs(true_risk[i] - threshold) / (1 - threshold);
  return sum / static_cast<double>(true_risk.size());
}

double risk_of_hazard(double hazard, double duration) {
  return -std::expm1(-hazard * duration);
}

}  // namespace sonoforge
