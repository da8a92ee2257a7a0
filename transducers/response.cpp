#include "transducers/response.hpp"

namespace sonoforge {

void GeneralisedNormalResponse::fields(FieldVisitor& visit) {
  // At 200 % and above the -6 dB band would reach below 0 Hz and the window's exponent ceases to exist.
  visit(bandwidth, {.key = "bandwidth",
                    .doc = "Two-way (pulse-echo) -6 dB bandwidth over the centre frequency.",
                    .unit = Unit::fraction,
                    .min = 0.01,
                    .max = 1.99});
}

const Catalog& response_catalog() {
  static const Catalog catalog{
      .kind = "response",
      .doc = "Frequency response of a probe's elements; each way has the square root of the two-way response.",
      .types = {row_of<GeneralisedNormalResponse>("generalised_normal",
                                                  "A generalised normal window with a given two-way -6 dB bandwidth."),
                row_of<FlatResponse>("none", "A flat response: every frequency passes alike.")},
      .presets = {},
      .default_type = "generalised_normal"};
  return catalog;
}

}  // namespace sonoforge
