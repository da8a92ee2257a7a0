#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/fields.hpp"
#include "core/random.hpp"

namespace sonoforge {

/// How one sample is changed before the model sees it. Drawn anew for every sample and epoch.
struct Alteration {
  bool mirrored = false;  ///< left-right
  double gain = 0;        ///< [dB]
  double slope = 0;       ///< gain that changes with depth: -slope / 2 at the top, +slope / 2 at the bottom [dB]
  double noise = 0;       ///< standard deviation of what is added to each pixel of an image [dB]
  // The rest changes the channel data, which are beamformed again.
  double sound_speed_error = 0;          ///< added to the speed that the beamformer assumes [m/s]
  std::size_t transmits = 0;             ///< how many are kept, around the middle one; 0: all
  std::vector<std::uint8_t> dead;        ///< by element: 1 hears nothing; empty: none
  double channel_noise = 0;              ///< standard deviation over the RMS of the samples
  std::uint64_t noise_key = 0;           ///< of the streams that noise is drawn from

  bool of_channels() const { return sound_speed_error != 0 || transmits != 0 || !dead.empty() || channel_noise != 0; }
};

/// What may be altered.
struct AlterationLimits {
  std::size_t elements = 0, transmits = 0;
};

class AugmentationConfig : public Configurable {
 public:
  double probability = 1;  ///< of a sample to be altered
  /// Draws what this kind changes. Pure: the same stream gives the same alteration.
  void draw(RandomStream random, const AlterationLimits& limits, Alteration& alteration) const;
  /// Whether stored channel data are needed.
  virtual bool of_channels() const { return false; }

 protected:
  void visit_probability(FieldVisitor& visit);
  virtual void alter(RandomStream& random, const AlterationLimits& limits, Alteration& alteration) const = 0;
};

class FlipAugmentation : public AugmentationConfig {
 public:
  FlipAugmentation() { probability = 0.5; }
  void fields(FieldVisitor& visit) override { visit_probability(visit); }

 protected:
  void alter(RandomStream&, const AlterationLimits&, Alteration& alteration) const override { alteration.mirrored = !alteration.mirrored; }
};

class GainAugmentation : public AugmentationConfig {
 public:
  double most = 6;
  void fields(FieldVisitor& visit) override;

 protected:
  void alter(RandomStream& random, const AlterationLimits&, Alteration& alteration) const override;
};

class TgcAugmentation : public AugmentationConfig {
 public:
  double most = 6;
  void fields(FieldVisitor& visit) override;

 protected:
  void alter(RandomStream& random, const AlterationLimits&, Alteration& alteration) const override;
};

class NoiseAugmentation : public AugmentationConfig {
 public:
  double most = 2;
  void fields(FieldVisitor& visit) override;

 protected:
  void alter(RandomStream& random, const AlterationLimits&, Alteration& alteration) const override;
};

class SoundSpeedAugmentation : public AugmentationConfig {
 public:
  double most = 40;
  void fields(FieldVisitor& visit) override;
  bool of_channels() const override { return true; }

 protected:
  void alter(RandomStream& random, const AlterationLimits&, Alteration& alteration) const override;
};

class FewerTransmitsAugmentation : public AugmentationConfig {
 public:
  std::int64_t least = 1;
  void fields(FieldVisitor& visit) override;
  bool of_channels() const override { return true; }

 protected:
  void alter(RandomStream& random, const AlterationLimits& limits, Alteration& alteration) const override;
};

class DeadElementsAugmentation : public AugmentationConfig {
 public:
  double most = 0.1;
  void fields(FieldVisitor& visit) override;
  bool of_channels() const override { return true; }

 protected:
  void alter(RandomStream& random, const AlterationLimits& limits, Alteration& alteration) const override;
};

class ChannelNoiseAugmentation : public AugmentationConfig {
 public:
  double least = 10, most = 40;
  void fields(FieldVisitor& visit) override;
  void check() const override;
  bool of_channels() const override { return true; }

 protected:
  void alter(RandomStream& random, const AlterationLimits&, Alteration& alteration) const override;
};

/// flip, gain, tgc, noise, sound_speed_error, fewer_transmits, dead_elements, channel_noise.
const Catalog& augmentation_catalog();

}  // namespace sonoforge
