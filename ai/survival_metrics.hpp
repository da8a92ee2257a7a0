#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace sonoforge {

/// Follow-up of patients: `time` to the event where `event` is not 0, else to the end of observation (censored). Sizes
/// that do not fit throw `std::invalid_argument`.

/// Harrell's C [harrell1982]: share of comparable pairs in which the patient with the earlier event has the higher
/// risk; equal risks count half. Comparable: the earlier time is an event, and an event at a time counts as earlier
/// than censoring at the same. NaN without such pairs.
double concordance_index(std::span<const double> time, std::span<const std::uint8_t> event,
                         std::span<const double> risk);

/// Kaplan and Meier's share that is free of the event just after each distinct event time [kaplan1958].
struct SurvivalCurve {
  std::vector<double> time, survival;
  double at(double t) const;      ///< P(T > t)
  double before(double t) const;  ///< P(T >= t)
};
SurvivalCurve kaplan_meier(std::span<const double> time, std::span<const std::uint8_t> event);

/// Brier score at time `horizon` of predicted probabilities of surviving it, cases weighted by the inverse probability
/// of not being censored [graf1999]. NaN where nobody is observed that long.
double survival_brier(std::span<const double> time, std::span<const std::uint8_t> event,
                      std::span<const double> survival, double horizon);

/// What decisions on predicted risk lose against decisions on the true risk, which simulated patients have: mean net
/// benefit lost [vickers2006] when those are treated whose risk reaches `threshold`; (|true - threshold| / (1 -
/// threshold)) of every patient decided wrongly. 0 is the least.
double decision_regret(std::span<const double> true_risk, std::span<const double> predicted_risk, double threshold);
/// Probability of an event within `duration` under a constant hazard [1/s].
double risk_of_hazard(double hazard, double duration);

}  // namespace sonoforge
