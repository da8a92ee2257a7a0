#include "ai/schedules.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace sonoforge {
namespace {

/// From a at t = 0 to b at t = 1 along half a cosine.
double half_cosine(double a, double b, double t) { return b + (a - b) * 0.5 * (1 + std::cos(std::numbers::pi * t)); }

}  // namespace

void ScheduleConfig::fields(FieldVisitor& visit) {
  visit(warm_up, {.key = "warm_up", .doc = "Epochs over which the rate rises linearly from zero.", .min = 0, .max = 1e5});
}

double ScheduleConfig::factor(const ScheduleState& state) const {
  const double done = state.epochs_done(), all = static_cast<double>(state.epochs);
  // The first step of a warm-up already moves.
  if (done < warm_up)
    return (done + 1 / static_cast<double>(state.steps_per_epoch)) /
           (warm_up + 1 / static_cast<double>(state.steps_per_epoch));
  return shape(done - warm_up, std::max(all - warm_up, 1e-9), state);
}

void CosineSchedule::fields(FieldVisitor& visit) {
  ScheduleConfig::fields(visit);
  visit(end, {.key = "end", .doc = "Where the rate ends, relative to its largest.", .min = 0, .max = 1});
}

double CosineSchedule::shape(double done, double all, const ScheduleState&) const {
  return half_cosine(1, end, std::min(done / all, 1.0));
}

void OneCycleSchedule::fields(FieldVisitor& visit) {
  ScheduleConfig::fields(visit);
  visit(rise, {.key = "rise", .doc = "Share of the training over which the rate rises.", .min = 0.01, .max = 0.99});
  visit(start, {.key = "start", .doc = "Where it begins, relative to its largest.", .min = 0, .max = 1});
  visit(end, {.key = "end", .doc = "Where it ends.", .min = 0, .max = 1});
}

double OneCycleSchedule::shape(double done, double all, const ScheduleState&) const {
  const double t = std::min(done / all, 1.0);
  return t < rise ? half_cosine(start, 1, t / rise) : half_cosine(1, end, (t - rise) / (1 - rise));
}

void PlateauSchedule::fields(FieldVisitor& visit) {
  ScheduleConfig::fields(visit);
  visit(drop, {.key = "drop", .doc = "Factor on the rate at each plateau.", .min = 1e-3, .max = 0.999});
  visit(patience, {.key = "patience", .doc = "Epochs without progress that make a plateau.", .min = 1, .max = 1e5});
  visit(least, {.key = "least", .doc = "Relative fall of the loss that counts as progress.", .min = 0, .max = 1});
}

double PlateauSchedule::shape(double, double, const ScheduleState& state) const {
  double factor = 1, best = std::numeric_limits<double>::infinity();
  std::int64_t waiting = 0;
  for (const double loss : state.losses) {
    if (loss < best - least * std::abs(best) || !std::isfinite(best)) {
      best = loss;
      waiting = 0;
    } else if (++waiting >= patience) {
      factor *= drop;
      waiting = 0;
    }
  }
  return factor;
}

const Catalog& schedule_catalog() {
  static const Catalog catalog{"schedule",
                               "The learning rate over a training.",
                               {row_of<CosineSchedule>("cosine", "Down along half a cosine."),
                                row_of<ConstantSchedule>("constant", "Always the same."),
                                row_of<OneCycleSchedule>("one_cycle", "Up, then down."),
                                row_of<PlateauSchedule>("plateau", "Down wherever the loss stops falling.")},
                               {},
                               "cosine"};
  return catalog;
}

}  // namespace sonoforge
