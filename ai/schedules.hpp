#pragma once
#include <cstdint>
#include <vector>

#include "core/fields.hpp"

namespace sonoforge {

/// What a schedule may know: a pure function of it gives the same rates again after a resumption.
struct ScheduleState {
  std::int64_t step = 0;            ///< from 0
  std::int64_t steps_per_epoch = 1;
  std::int64_t epochs = 1;
  const std::vector<double>& losses;  ///< of finished epochs: on validation samples, or on training samples without those

  double epochs_done() const { return static_cast<double>(step) / static_cast<double>(steps_per_epoch); }
};

/// The learning rate over a training.
class ScheduleConfig : public Configurable {
 public:
  double warm_up = 0;  ///< epochs over which the rate rises linearly from zero
  void fields(FieldVisitor& visit) override;
  /// Factor on the optimizer's learning rate.
  double factor(const ScheduleState& state) const;

 protected:
  /// `done`: epochs since the warm-up, and how many there are.
  virtual double shape(double done, double all, const ScheduleState& state) const = 0;
};

class ConstantSchedule : public ScheduleConfig {
 protected:
  double shape(double, double, const ScheduleState&) const override { return 1; }
};

/// Towards `end` along half a cosine [loshchilov2017].
class CosineSchedule : public ScheduleConfig {
 public:
  double end = 0;
  void fields(FieldVisitor& visit) override;

 protected:
  double shape(double done, double all, const ScheduleState&) const override;
};

/// Up along half a cosine from `start` over the first `rise` of the training, then down towards `end` [smith2019].
class OneCycleSchedule : public ScheduleConfig {
 public:
  double rise = 0.3, start = 0.04, end = 1e-3;
  void fields(FieldVisitor& visit) override;

 protected:
  double shape(double done, double all, const ScheduleState&) const override;
};

/// Multiplied by `drop` whenever the loss has not fallen below its best by `least` (relative) for `patience` epochs.
class PlateauSchedule : public ScheduleConfig {
 public:
  double drop = 0.3, least = 1e-3;
  std::int64_t patience = 3;
  void fields(FieldVisitor& visit) override;

 protected:
  double shape(double, double, const ScheduleState& state) const override;
};

/// cosine, constant, one_cycle, plateau.
const Catalog& schedule_catalog();

}  // namespace sonoforge
