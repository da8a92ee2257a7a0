#include "ai/losses.hpp"

#include "ai/script_number.hpp"
#include "ai/survival.hpp"

namespace sonoforge {
namespace {

const std::string dice_function =
    "def dice_loss(logits, truth):\n"
    "    inside = torch.sigmoid(logits)\n"
    "    both = torch.sum(inside * truth, [2, 3])\n"
    "    total = torch.sum(inside, [2, 3]) + torch.sum(truth, [2, 3])\n"
    "    return torch.mean(1.0 - (2.0 * both + 1.0) / (total + 1.0))\n";

std::string cross_entropy_function(double positive_weight) {
  return "def cross_entropy_loss(logits, truth):\n"
         "    weight = torch.full_like(truth, " + script_number(positive_weight) + ")\n"
         "    if logits.size(1) == 1:\n"
         "        value = torch.mean(torch.binary_cross_entropy_with_logits(logits, truth, None, weight, 0))\n"
         "    else:\n"
         "        value = -torch.mean(torch.sum(truth * torch.log_softmax(logits, 1), [1]))\n"
         "    return value\n";
}

}  // namespace

std::string DiceLoss::script() const {
  return dice_function + "def loss(logits, truth):\n    return dice_loss(logits, truth)\n";
}

void CrossEntropyLoss::fields(FieldVisitor& visit) {
  visit(positive_weight, {.key = "positive_weight", .doc = "Weight of what is inside the target, or diseased.", .min = positive, .max = 1e6});
}

std::string CrossEntropyLoss::script() const {
  return cross_entropy_function(positive_weight) + "def loss(logits, truth):\n    return cross_entropy_loss(logits, truth)\n";
}

void DiceCrossEntropyLoss::fields(FieldVisitor& visit) {
  visit(dice_weight, {.key = "dice_weight", .doc = "Weight of the Dice part.", .min = 0, .max = 1e6});
  visit(cross_entropy_weight, {.key = "cross_entropy_weight", .doc = "Weight of the cross entropy.", .min = 0, .max = 1e6});
}

void DiceCrossEntropyLoss::check() const {
  if (dice_weight + cross_entropy_weight == 0)
    throw ConfigError("dice_weight", "both weights are zero (nothing would be trained). Give at least one a positive weight");
}

std::string DiceCrossEntropyLoss::script() const {
  return dice_function + cross_entropy_function(1) + "def loss(logits, truth):\n    return " + script_number(dice_weight) +
         " * dice_loss(logits, truth) + " + script_number(cross_entropy_weight) + " * cross_entropy_loss(logits, truth)\n";
}

void FocalLoss::fields(FieldVisitor& visit) {
  visit(focus, {.key = "focus", .doc = "How strongly easy pixels or cases lose weight; 0: cross entropy.", .min = 0, .max = 10});
}

std::string FocalLoss::script() const {
  // log p of the truth, both ways without overflow.
  return "def loss(logits, truth):\n"
         "    if logits.size(1) == 1:\n"
         "        level = -torch.binary_cross_entropy_with_logits(logits, truth, None, None, 0)\n"
         "    else:\n"
         "        level = torch.sum(truth * torch.log_softmax(logits, 1), [1])\n"
         "    return -torch.mean(torch.pow(torch.clamp(1.0 - torch.exp(level), 1e-6, 1.0), " + script_number(focus) + ") * level)\n";
}

std::string SquaredLoss::script() const {
  return "def loss(logits, truth):\n    return torch.mean(torch.pow(logits - truth, 2.0))\n";
}

std::string AbsoluteLoss::script() const {
  return "def loss(logits, truth):\n    return torch.mean(torch.abs(logits - truth))\n";
}

void HuberLoss::fields(FieldVisitor& visit) {
  visit(delta, {.key = "delta", .doc = "Where the square ends, in standard deviations of the truth.", .min = 1e-3, .max = 1e3});
}

std::string HuberLoss::script() const {
  // With a = min(|e|, d): a (|e| - a / 2) is e^2 / 2 below d and d (|e| - d / 2) beyond.
  return "def loss(logits, truth):\n"
         "    error = torch.abs(logits - truth)\n"
         "    near = torch.clamp(error, 0.0, " + script_number(delta) + ")\n"
         "    return torch.mean(near * (error - 0.5 * near))\n";
}

std::string HeteroscedasticLoss::script() const {
  return "def loss(logits, truth):\n"
         "    n = truth.size(1)\n"
         "    s = torch.clamp(logits[:, n:], -12.0, 12.0)\n"
         "    return torch.mean(0.5 * (torch.exp(-s) * torch.pow(logits[:, :n] - truth, 2.0) + s))\n";
}

void CentreLoss::fields(FieldVisitor& visit) {
  visit(size_weight, {.key = "size_weight", .doc = "Weight of the logarithm of width and height.", .min = 0, .max = 1e3});
}

std::string CentreLoss::script() const {
  return "def loss(logits, truth):\n"
         "    heat = logits[:, 0:1]\n"
         "    target = truth[:, 0:1]\n"
         "    centre = truth[:, 3:4]\n"
         "    on = -torch.softplus(-heat)\n"
         "    off = -torch.softplus(heat)\n"
         "    count = torch.clamp(torch.sum(centre), 1.0, 1e9)\n"
         "    hit = torch.pow(1.0 - torch.sigmoid(heat), 2.0) * on * centre\n"
         "    miss = torch.pow(1.0 - target, 4.0) * torch.pow(torch.sigmoid(heat), 2.0) * off * (1.0 - centre)\n"
         "    size = torch.sum(torch.abs(logits[:, 1:3] - truth[:, 1:3]) * centre)\n"
         "    return (-torch.sum(hit + miss) + " + script_number(size_weight) + " * size) / count\n";
}

const Catalog& loss_catalog() {
  static const Catalog catalog{
      "loss",
      "What training makes small.",
      {row_of<DiceCrossEntropyLoss>("dice_cross_entropy", "Masks: soft Dice plus cross entropy."),
       row_of<CrossEntropyLoss>("cross_entropy", "Masks and classes: cross entropy."),
       row_of<DiceLoss>("dice", "Masks: one minus soft Dice."),
       row_of<FocalLoss>("focal", "Masks and classes: cross entropy with less weight on what is easy."),
       row_of<SquaredLoss>("squared", "Values and maps: mean squared error."),
       row_of<AbsoluteLoss>("absolute", "Values and maps: mean absolute error."),
       row_of<HuberLoss>("huber", "Values and maps: squared for small errors, linear for large ones."),
       row_of<HeteroscedasticLoss>("heteroscedastic", "Values and maps: normal density whose spread is learned too."),
       row_of<CentreLoss>("centre", "Detection: focal loss of a heat map of centres, and sizes."),
       row_of<SurvivalLoss>("survival", "Follow-up: likelihood of what was observed in each interval.")},
      {},
      "dice_cross_entropy"};
  return catalog;
}

}  // namespace sonoforge
