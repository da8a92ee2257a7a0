#pragma once
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "transducers/probe.hpp"
#include "transducers/response.hpp"

namespace sonoforge {

/// More elements than this are refused, so that a slip of the pen cannot exhaust memory.
inline constexpr std::int64_t max_elements = 65'536;

/// The keys that all probes share.
struct CommonProbeConfig : ProbeConfig {
  std::string name;                                         ///< written to files
  double frequency = 0;                                     ///< centre frequency [Hz]
  double baffle = std::numeric_limits<double>::infinity();  ///< as Probe::baffle
  Typed<ResponseConfig> response = Typed<ResponseConfig>::make(response_catalog(), "generalised_normal");

 protected:
  explicit CommonProbeConfig(std::string default_name) : name(std::move(default_name)) {}
  void name_and_frequency_fields(FieldVisitor& visit);
  void baffle_and_response_fields(FieldVisitor& visit);
  /// The keys height and elevation_focus of a single row of elements.
  static void elevation_fields(FieldVisitor& visit, double& height, double& focus,
                               std::string_view focus_doc = "Depth at which the lens focuses in elevation, or none.");
  /// A probe of this name, frequency, baffle and response, without elements.
  Probe common_probe(Probe::Kind kind) const;
};

/// Throws `ConfigError("width", ...)` if elements of this width overlap at this pitch.
void check_width_fits_pitch(double width, double pitch, const char* width_key = "width",
                            const char* pitch_key = "pitch");

/// Throws `ConfigError(key, ...)` unless value > 0: for configs that code fills in, which no reader has checked.
void check_positive(double value, const char* key);
/// Throws `ConfigError(key, ...)` if a probe would have no element or more than `max_elements`.
void check_element_count(std::int64_t count, const char* key);

}  // namespace sonoforge
