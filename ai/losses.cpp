#include "ai/losses.hpp"

#include "core/units.hpp"

namespace sonoforge {
namespace {

// TorchScript reads "1" as an integer; every number is written as a real.
std::string real(double value) {
  std::string text = format_number(value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

const std::string dice_function =
    "def dice_loss(logits, truth):\n"
    "    inside = torch.sigmoid(logits)\n"
    "    both = torch.sum(inside * truth, [2, 3])\n"
    "    total = torch.sum(inside, [2, 3]) + torch.sum(truth, [2, 3])\n"
    "    return torch.mean(1.0 - (2.0 * both + 1.0) / (total + 1.0))\n";

std::string cross_entropy_function(double positive_weight) {
  return "def cross_entropy_loss(logits, truth):\n"
         "    weight = torch.full_like(truth, " + real(positive_weight) + ")\n"
         "    return torch.mean(torch.binary_cross_entropy_with_logits(logits, truth, None, weight, 0))\n";
}

}  // namespace

std::string DiceLoss::script() const {
  return dice_function + "def loss(logits, truth):\n    return dice_loss(logits, truth)\n";
}

void CrossEntropyLoss::fields(FieldVisitor& visit) {
  visit(positive_weight, {.key = "positive_weight", .doc = "Weight of pixels inside the target.", .min = positive, .max = 1e6});
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
  return dice_function + cross_entropy_function(1) + "def loss(logits, truth):\n    return " + real(dice_weight) +
         " * dice_loss(logits, truth) + " + real(cross_entropy_weight) + " * cross_entropy_loss(logits, truth)\n";
}

const Catalog& loss_catalog() {
  static const Catalog catalog{"loss",
                               "What training makes small.",
                               {row_of<DiceCrossEntropyLoss>("dice_cross_entropy", "Soft Dice plus cross entropy."),
                                row_of<CrossEntropyLoss>("cross_entropy", "Binary cross entropy of all pixels."),
                                row_of<DiceLoss>("dice", "One minus soft Dice.")},
                               {},
                               "dice_cross_entropy"};
  return catalog;
}

}  // namespace sonoforge
