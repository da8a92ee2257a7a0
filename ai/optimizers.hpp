#pragma once
#include <cstdint>
#include <vector>

#include "core/fields.hpp"

namespace sonoforge {

/// How parameters follow the gradient.
class OptimizerConfig : public Configurable {
 public:
  /// Step `number` (from 1) with learning rate `rate`; `first` and `second` are the optimizer's memory, of the
  /// parameters' size, zero before the first step.
  virtual void step(std::vector<float>& parameters, const std::vector<float>& gradient, std::vector<float>& first,
                    std::vector<float>& second, std::int64_t number, double rate) const = 0;
  double learning_rate = 1e-3;
  double weight_decay = 0;

 protected:
  void visit_common(FieldVisitor& visit);
};

/// Adaptive moments [kingma2015, Alg. 1]; weight decay is part of the gradient.
class Adam : public OptimizerConfig {
 public:
  double beta1 = 0.9, beta2 = 0.999;
  void fields(FieldVisitor& visit) override;
  void step(std::vector<float>& parameters, const std::vector<float>& gradient, std::vector<float>& first,
            std::vector<float>& second, std::int64_t number, double rate) const override;

 protected:
  /// Weight decay by the gradient, or apart from it.
  virtual bool decoupled() const { return false; }
};

/// Adam with decoupled weight decay [loshchilov2019, Alg. 2].
class AdamW : public Adam {
 public:
  AdamW() { weight_decay = 1e-2; }

 protected:
  bool decoupled() const override { return true; }
};

/// Gradient descent with momentum: v = momentum v + g + weight_decay x; x = x - rate v.
class Sgd : public OptimizerConfig {
 public:
  double momentum = 0.9;
  bool nesterov = false;  ///< looks ahead: steps along g + momentum v [sutskever2013]
  Sgd() { learning_rate = 1e-2; }
  void fields(FieldVisitor& visit) override;
  void step(std::vector<float>& parameters, const std::vector<float>& gradient, std::vector<float>& first,
            std::vector<float>& second, std::int64_t number, double rate) const override;
};

/// adam, adamw, sgd.
const Catalog& optimizer_catalog();

/// The Euclidean length of a gradient.
double gradient_length(const std::vector<float>& gradient);
/// Shortens a gradient to `longest` where it is longer [pascanu2013]. Returns its length before.
double clip_gradient(std::vector<float>& gradient, double longest);

}  // namespace sonoforge
