#pragma once
#include "ai/model.hpp"

namespace sonoforge {

// Losses of masks and classes. With one channel truth is 0 or 1 by a sigmoid; with several, one of them by a softmax.

/// One minus the soft Dice coefficient [milletari2016] of each image and class, averaged. A smoothing of one pixel keeps
/// it defined for images without the class.
class DiceLoss : public LossConfig {
 public:
  void fields(FieldVisitor&) override {}
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::mask; }
};

/// Mean cross entropy.
class CrossEntropyLoss : public LossConfig {
 public:
  double positive_weight = 1;  ///< of what is inside, or diseased; one channel only
  void fields(FieldVisitor& visit) override;
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::mask || kind == TruthKind::classes; }
};

/// Weighted sum of both: overlap where the target is small, and a gradient where there is no overlap yet.
class DiceCrossEntropyLoss : public LossConfig {
 public:
  double dice_weight = 1;
  double cross_entropy_weight = 1;
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::mask; }
};

/// Cross entropy times (1 - p)^focus, where p is the probability given to the truth [lin2017].
class FocalLoss : public LossConfig {
 public:
  double focus = 2;
  void fields(FieldVisitor& visit) override;
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::mask || kind == TruthKind::classes; }
};

// Losses of standardised values.

/// Mean squared error.
class SquaredLoss : public LossConfig {
 public:
  void fields(FieldVisitor&) override {}
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::values; }
};

/// Mean absolute error.
class AbsoluteLoss : public LossConfig {
 public:
  void fields(FieldVisitor&) override {}
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::values; }
};

/// Half the square of errors below `delta` standard deviations of the truth, linear beyond [huber1964].
class HuberLoss : public LossConfig {
 public:
  double delta = 1;
  void fields(FieldVisitor& visit) override;
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::values; }
};

/// Negative logarithm of a normal density whose variance is learned too: (exp(-s) (y - m)^2 + s) / 2 [kendall2017, Eq. 5].
/// A second half of the outputs is s.
class HeteroscedasticLoss : public LossConfig {
 public:
  void fields(FieldVisitor&) override {}
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::values; }
  std::int64_t outputs_per_value() const override { return 2; }
};

/// Penalty-reduced focal loss of a heat map of centres, and the absolute error of the logarithms of width and height
/// at the centres [zhou2019, Eq. 1].
class CentreLoss : public LossConfig {
 public:
  double size_weight = 0.1;
  void fields(FieldVisitor& visit) override;
  std::string script() const override;
  bool fits(TruthKind kind) const override { return kind == TruthKind::heat_map; }
};

}  // namespace sonoforge
