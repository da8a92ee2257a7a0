#include "transducers/common_sequence.hpp"

namespace sonoforge {

void FramesConfig::fields(FieldVisitor& visit) {
  visit(count, {.key = "count", .doc = "Number of frames.", .min = 1, .max = 1e6});
  visit(rate, {.key = "rate",
               .doc = "Frames per second; 0 Hz where it does not matter, since nothing moves.",
               .unit = Unit::hertz,
               .min = 0,
               .max = 1e6});
}

void CommonSequenceConfig::frames_field(FieldVisitor& visit) {
  visit.object(frames, {.key = "frames", .doc = "How often the transmits repeat."});
}

void CommonSequenceConfig::check_size(const Probe& probe, std::size_t laws, const char* key) const {
  if (laws > max_delays / std::max<std::size_t>(probe.size(), 1))
    throw ConfigError(key, std::to_string(laws) + " transmits of " + std::to_string(probe.size()) +
                               " elements (at most " + std::to_string(max_delays) +
                               " delays are supported). Use fewer transmits");
}

Sequence CommonSequenceConfig::sequence_of(std::vector<Transmit> transmits) const {
  Sequence sequence;
  sequence.transmits = std::move(transmits);
  sequence.frames = static_cast<std::size_t>(frames.count);
  sequence.frame_rate = frames.rate;
  return sequence;
}

}  // namespace sonoforge
