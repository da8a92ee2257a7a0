#include "ai/augmentation.hpp"

#include <algorithm>
#include <cmath>

namespace sonoforge {

void AugmentationConfig::draw(RandomStream random, const AlterationLimits& limits, Alteration& alteration) const {
  if (random.uniform() >= probability) return;
  alter(random, limits, alteration);
}

void AugmentationConfig::visit_probability(FieldVisitor& visit) {
  visit(probability, {.key = "probability", .doc = "Share of the samples that are altered.", .min = 0, .max = 1});
}

void GainAugmentation::fields(FieldVisitor& visit) {
  visit_probability(visit);
  visit(most, {.key = "most", .doc = "Gain between minus and plus this.", .unit = Unit::decibel, .min = 0, .max = 60});
}
void GainAugmentation::alter(RandomStream& random, const AlterationLimits&, Alteration& alteration) const {
  alteration.gain += random.uniform(-most, most);
}

void TgcAugmentation::fields(FieldVisitor& visit) {
  visit_probability(visit);
  visit(most, {.key = "most", .doc = "Gain from top to bottom between minus and plus this.", .unit = Unit::decibel, .min = 0, .max = 60});
}
void TgcAugmentation::alter(RandomStream& random, const AlterationLimits&, Alteration& alteration) const {
  alteration.slope += random.uniform(-most, most);
}

void NoiseAugmentation::fields(FieldVisitor& visit) {
  visit_probability(visit);
  visit(most, {.key = "most", .doc = "Standard deviation of what is added to pixels, from 0 to this.", .unit = Unit::decibel, .min = 0, .max = 30});
}
void NoiseAugmentation::alter(RandomStream& random, const AlterationLimits&, Alteration& alteration) const {
  alteration.noise = random.uniform(0, most);
}

void SoundSpeedAugmentation::fields(FieldVisitor& visit) {
  visit_probability(visit);
  visit(most, {.key = "most", .doc = "Error of the speed that the beamformer assumes, between minus and plus this.", .unit = Unit::metre_per_second, .min = 0, .max = 300});
}
void SoundSpeedAugmentation::alter(RandomStream& random, const AlterationLimits&, Alteration& alteration) const {
  alteration.sound_speed_error += random.uniform(-most, most);
}

void FewerTransmitsAugmentation::fields(FieldVisitor& visit) {
  visit_probability(visit);
  visit(least, {.key = "least", .doc = "Fewest transmits that are kept, around the middle one.", .min = 1, .max = 1e5});
}
void FewerTransmitsAugmentation::alter(RandomStream& random, const AlterationLimits& limits, Alteration& alteration) const {
  const auto fewest = std::min(static_cast<std::size_t>(least), limits.transmits);
  if (limits.transmits == 0) return;
  alteration.transmits = fewest + static_cast<std::size_t>(random.integer_below(limits.transmits - fewest + 1));
}

void DeadElementsAugmentation::fields(FieldVisitor& visit) {
  visit_probability(visit);
  visit(most, {.key = "most", .doc = "Largest share of the elements that hear nothing.", .min = 0, .max = 0.9});
}
void DeadElementsAugmentation::alter(RandomStream& random, const AlterationLimits& limits, Alteration& alteration) const {
  alteration.dead.assign(limits.elements, 0);
  const double share = random.uniform(0, most);
  for (auto& dead : alteration.dead) dead = random.uniform() < share;
}

void ChannelNoiseAugmentation::fields(FieldVisitor& visit) {
  visit_probability(visit);
  visit(least, {.key = "least", .doc = "Lowest ratio of signal to added noise.", .unit = Unit::decibel, .min = -40, .max = 120});
  visit(most, {.key = "most", .doc = "Highest ratio.", .unit = Unit::decibel, .min = -40, .max = 120});
}
void ChannelNoiseAugmentation::check() const {
  if (least > most) throw ConfigError("least", "the lowest ratio is above the highest (nothing lies between). Exchange them");
}
void ChannelNoiseAugmentation::alter(RandomStream& random, const AlterationLimits&, Alteration& alteration) const {
  alteration.channel_noise = std::pow(10.0, -random.uniform(least, most + 1e-12) / 20);
}

const Catalog& augmentation_catalog() {
  static const Catalog catalog{
      "augmentation",
      "How training samples are varied.",
      {row_of<FlipAugmentation>("flip", "Mirrored left-right."), row_of<GainAugmentation>("gain", "Brighter or darker as a whole."),
       row_of<TgcAugmentation>("tgc", "Gain that rises or falls with depth."), row_of<NoiseAugmentation>("noise", "Noise on the pixels of the image."),
       row_of<SoundSpeedAugmentation>("sound_speed_error", "Channel data beamformed with a wrong sound speed."),
       row_of<FewerTransmitsAugmentation>("fewer_transmits", "Images of fewer transmits."),
       row_of<DeadElementsAugmentation>("dead_elements", "Elements that hear nothing."),
       row_of<ChannelNoiseAugmentation>("channel_noise", "Noise on the channel data.")},
      {},
      ""};
  return catalog;
}

}  // namespace sonoforge
