#pragma once
#include "ai/model.hpp"

namespace sonoforge {

/// One minus the soft Dice coefficient [milletari2016] of each image and class, averaged. A smoothing of one pixel keeps
/// it defined for images without the class.
class DiceLoss : public LossConfig {
 public:
  void fields(FieldVisitor&) override {}
  std::string script() const override;
};

/// Mean binary cross entropy of all pixels.
class CrossEntropyLoss : public LossConfig {
 public:
  double positive_weight = 1;  ///< of pixels inside, for small targets
  void fields(FieldVisitor& visit) override;
  std::string script() const override;
};

/// Weighted sum of both: overlap where the target is small, and a gradient where there is no overlap yet.
class DiceCrossEntropyLoss : public LossConfig {
 public:
  double dice_weight = 1;
  double cross_entropy_weight = 1;
  void fields(FieldVisitor& visit) override;
  void check() const override;
  std::string script() const override;
};

}  // namespace sonoforge
