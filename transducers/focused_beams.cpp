#include "transducers/focused_beams.hpp"

#include <cmath>

#include "transducers/transmit_laws.hpp"

namespace sonoforge {
namespace {

/// Place i of `count` from `first` to `last`; a single one stands in the middle.
double place(std::size_t i, std::size_t count, double first, double last) {
  if (count == 1) return (first + last) / 2;
  return first + (last - first) * (static_cast<double>(i) / static_cast<double>(count - 1));
}

}  // namespace

void FocusedBeams::fields(FieldVisitor& visit) {
  visit(focus, {.key = "focus",
                .doc = "Distance of the focus from the face, along the beam.",
                .unit = Unit::metre,
                .min = 1e-5,
                .max = 10,
                .required = focus == 0});
  visit(lines, {.key = "lines",
                .doc = "Number of beams side by side, from the first to the last element; or give angles.",
                .min = 1,
                .max = 100'000});
  visit(span,
        {.key = "span",
         .doc = "Distance from the first to the last of the lines, about the middle of the face; by default all of it.",
         .unit = Unit::metre,
         .min = 0,
         .max = 10});
  visit(lines_y,
        {.key = "lines_y", .doc = "On a matrix array: number of rows of lines along y.", .min = 1, .max = 100'000});
  angle_fields(visit, angles, azimuths,
               "Directions of beams from the centre of the face, in the x-z plane; or give lines.",
               "Directions in the y-z plane, for probes that extend along y: one for all angles or one each.");
  aperture.fields(visit);
  frames_field(visit);
}

void FocusedBeams::check() const {
  if (!(focus > 0)) throw ConfigError("focus", "the focus is missing. Write for example 'focus: 30 mm'");
  if (lines && !angles.empty())
    throw ConfigError("lines",
                      "both lines and angles are given (beams stand side by side or fan out from the centre). "
                      "Remove one of the two");
  if (!lines && span)
    throw ConfigError("span", "span goes with lines (beams at angles all leave the centre). Remove it or give lines");
  if (!lines) {
    if (angles.empty())
      throw ConfigError("lines",
                        "neither lines nor angles are given (the beams need a place or a direction). Write "
                        "for example 'lines: 128' or 'angles: {from: -37 deg, to: 37 deg, count: 96}'");
    if (lines_y)
      throw ConfigError("lines_y",
                        "lines_y without lines (it counts the rows of a grid of lines). Give lines, or "
                        "azimuths to go with the angles");
    check_angle_pairs(angles, azimuths);
  } else if (!azimuths.empty()) {
    throw ConfigError("azimuths",
                      "azimuths go with angles, not with lines (lines leave along the face's normal). Use "
                      "lines_y for rows of lines along y");
  }
}

std::vector<Transmit> FocusedBeams::beams_across(const Probe& probe, double sound_speed) const {
  const auto columns = static_cast<std::size_t>(*lines), rows = static_cast<std::size_t>(lines_y.value_or(1));
  if (probe.kind == Probe::Kind::ring)
    throw ConfigError("lines",
                      "a ring array has no aperture to stand side by side on (it closes upon itself). Give "
                      "angles instead");
  if (rows > 1 && probe.kind != Probe::Kind::matrix)
    throw ConfigError("lines_y",
                      "rows of lines need a matrix array (this probe cannot move its beam along y). Leave "
                      "lines_y out");
  if (columns > max_delays / rows) throw ConfigError("lines", "too many lines. Use fewer");
  check_size(probe, columns * rows, "lines");
  const auto usable = steerable_elements(probe, false);
  // Where the array begins and ends: as angles on an arc, as x and y elsewhere.
  const bool curved = std::isfinite(probe.curvature_radius);
  double first = std::numeric_limits<double>::infinity(), last = -first, first_y = first, last_y = -first;
  for (std::size_t i = 0; i < probe.size(); ++i) {
    if (usable[i] == 0) continue;
    const Element& element = probe.elements[i];
    const double along = curved ? std::atan2(element.normal.x, element.normal.z) : element.position.x;
    first = std::min(first, along), last = std::max(last, along);
    first_y = std::min(first_y, element.position.y), last_y = std::max(last_y, element.position.y);
  }
  if (span) {
    const double width = curved ? *span / probe.curvature_radius : *span, middle = (first + last) / 2;
    if (width > (last - first) * (1 + 1e-9))
      throw ConfigError("span",
                        "span = " + format_quantity(*span, Unit::metre) + " is wider than the array (" +
                            format_quantity((last - first) * (curved ? probe.curvature_radius : 1), Unit::metre) +
                            " from the first element to the last). Make it narrower or leave it out");
    first = middle - width / 2, last = middle + width / 2;
  }
  std::vector<Transmit> transmits;
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column) {
      const double along = place(column, columns, first, last), y = place(row, rows, first_y, last_y);
      Vec3 origin{along, y, 0}, direction{0, 0, 1};
      if (curved) {
        direction = {std::sin(along), 0, std::cos(along)};
        const double half_sine = std::sin(along / 2);
        origin = {probe.curvature_radius * direction.x, y, -2 * probe.curvature_radius * half_sine * half_sine};
      }
      transmits.push_back(focused_transmit(probe, aperture.weights(probe, usable, origin, focus),
                                           origin + focus * direction, origin, sound_speed));
    }
  return transmits;
}

Sequence FocusedBeams::build(const Probe& probe, double sound_speed) const {
  check();
  std::vector<Transmit> transmits;
  if (lines) {
    transmits = beams_across(probe, sound_speed);
  } else {
    check_size(probe, angles.size(), "angles");
    for (std::size_t i = 0; i < angles.size(); ++i) {
      const double azimuth = azimuth_of(azimuths, i);
      check_steering(probe, angles[i], azimuth);
      transmits.push_back(focused_transmit(probe,
                                           aperture.weights(probe, steerable_elements(probe, azimuth != 0), {}, focus),
                                           focus * steering_direction(angles[i], azimuth), {}, sound_speed));
    }
  }
  Sequence sequence = sequence_of(std::move(transmits));
  sequence.lines = true;
  return sequence;
}

}  // namespace sonoforge
