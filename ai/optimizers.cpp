#include "ai/optimizers.hpp"

#include <cmath>

namespace sonoforge {

void OptimizerConfig::visit_common(FieldVisitor& visit) {
  visit(learning_rate, {.key = "learning_rate", .doc = "Largest step size; the schedule multiplies it.", .min = positive, .max = 1e3});
  visit(weight_decay, {.key = "weight_decay", .doc = "Shrinking of all parameters.", .min = 0, .max = 1e3});
}

void Adam::fields(FieldVisitor& visit) {
  visit_common(visit);
  visit(beta1, {.key = "beta1", .doc = "Memory of the mean gradient.", .min = 0, .max = 0.999999});
  visit(beta2, {.key = "beta2", .doc = "Memory of the mean squared gradient.", .min = 0, .max = 0.999999});
}

void Adam::step(std::vector<float>& parameters, const std::vector<float>& gradient, std::vector<float>& first,
                std::vector<float>& second, std::int64_t number, double rate) const {
  const double n = static_cast<double>(number);
  const double first_scale = 1 / (1 - std::pow(beta1, n)), second_scale = 1 / (1 - std::pow(beta2, n));
  const double in_gradient = decoupled() ? 0 : weight_decay, apart = decoupled() ? weight_decay : 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double g = gradient[i] + in_gradient * parameters[i];
    const double m = beta1 * first[i] + (1 - beta1) * g, v = beta2 * second[i] + (1 - beta2) * g * g;
    first[i] = static_cast<float>(m);
    second[i] = static_cast<float>(v);
    parameters[i] = static_cast<float>(
        parameters[i] - rate * (m * first_scale / (std::sqrt(v * second_scale) + 1e-8) + apart * parameters[i]));
  }
}

void Sgd::fields(FieldVisitor& visit) {
  visit_common(visit);
  visit(momentum, {.key = "momentum", .doc = "Share of the last step that is kept.", .min = 0, .max = 0.999999});
  visit(nesterov, {.key = "nesterov", .doc = "Take the gradient's step after the momentum's."});
}

void Sgd::step(std::vector<float>& parameters, const std::vector<float>& gradient, std::vector<float>& first,
               std::vector<float>&, std::int64_t, double rate) const {
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const double g = gradient[i] + weight_decay * parameters[i];
    const double v = momentum * first[i] + g;
    first[i] = static_cast<float>(v);
    parameters[i] = static_cast<float>(parameters[i] - rate * (nesterov ? g + momentum * v : v));
  }
}

const Catalog& optimizer_catalog() {
  static const Catalog catalog{"optimizer",
                               "How parameters follow the gradient.",
                               {row_of<AdamW>("adamw", "Adam with decoupled weight decay."),
                                row_of<Adam>("adam", "Adaptive moments of the gradient."),
                                row_of<Sgd>("sgd", "Gradient descent with momentum.")},
                               {},
                               "adamw"};
  return catalog;
}

double gradient_length(const std::vector<float>& gradient) {
  double sum = 0;
  for (const float g : gradient) sum += double{g} * g;
  return std::sqrt(sum);
}

double clip_gradient(std::vector<float>& gradient, double longest) {
  const double length = gradient_length(gradient);
  if (length > longest)
    for (float& g : gradient) g = static_cast<float>(g * (longest / length));
  return length;
}

}  // namespace sonoforge
