#pragma once
#include "core/fields.hpp"

namespace sonoforge {

/// How a probe turns voltage into pressure and back, as a function of frequency.
class ResponseConfig : public Configurable {
 public:
  /// Two-way -6 dB bandwidth over the centre frequency; 0 = flat.
  virtual double relative_bandwidth() const = 0;
};

/// `response: {bandwidth: 77 %}`: the generalised normal window of SIMUS, see `Probe::two_way_response` [garcia2022].
struct GeneralisedNormalResponse : ResponseConfig {
  double bandwidth = 0.75;  ///< two-way, -6 dB, over the centre frequency; below 2
  void fields(FieldVisitor& visit) override;
  double relative_bandwidth() const override { return bandwidth; }
};

/// `response: none`: every frequency passes alike.
struct FlatResponse : ResponseConfig {
  void fields(FieldVisitor&) override {}
  double relative_bandwidth() const override { return 0; }
};

/// generalised_normal (default), none.
const Catalog& response_catalog();

}  // namespace sonoforge
