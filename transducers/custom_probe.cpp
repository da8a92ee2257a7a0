#include "transducers/custom_probe.hpp"

#include "io/hdf5.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {
namespace {

std::vector<double> read_sizes(const Hdf5Reader& reader, const std::string& dataset, std::size_t count) {
  auto sizes = reader.read<double>(dataset, {static_cast<std::ptrdiff_t>(count)});
  for (std::size_t i = 0; i < count; ++i)
    if (!(sizes[i] > 0) || !std::isfinite(sizes[i]))
      refuse_file(reader.file(), "/" + dataset + "[" + std::to_string(i) + "] = " + format_number(sizes[i]) +
                                     " (a size must be positive and finite). Give every element its size in metres");
  return sizes;
}

std::vector<Vec3> read_vectors(const Hdf5Reader& reader, const std::string& dataset, std::ptrdiff_t count) {
  const auto values = reader.read<double>(dataset, {count, 3});
  std::vector<Vec3> vectors(values.size() / 3);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    vectors[i] = {values[3 * i], values[3 * i + 1], values[3 * i + 2]};
    if (!is_finite(vectors[i]))
      refuse_file(reader.file(), "/" + dataset + "[" + std::to_string(i) +
                                     "] is not finite (every element needs a place and a "
                                     "direction). Remove the element or correct its values");
  }
  return vectors;
}

Vec3 unit_vector(const Hdf5Reader& reader, const std::string& dataset, std::size_t i, Vec3 vector) {
  const double length = norm(vector);
  if (!(length > 1e-100) || !std::isfinite(length))
    refuse_file(reader.file(), "/" + dataset + "[" + std::to_string(i) + "] has no direction (its length is " +
                                   format_number(length) + "). Give it a unit vector");
  return vector / length;
}

}  // namespace

void CustomProbe::fields(FieldVisitor& visit) {
  name_and_frequency_fields(visit);
  visit(file, {.key = "file",
               .doc = "HDF5 file: /positions, /normals [n, 3], /widths, /heights [n], and optionally /laterals [n, 3].",
               .required = file.empty()});
  visit(elevation_focus, {.key = "elevation_focus",
                          .doc = "Distance at which the lens focuses in elevation, or none.",
                          .unit = Unit::metre,
                          .min = 1e-6,
                          .words = {{"none", std::numeric_limits<double>::infinity()}}});
  baffle_and_response_fields(visit);
}

void CustomProbe::check() const {
  check_positive(frequency, "frequency");
}

Probe CustomProbe::build() const {
  check();
  const Hdf5Reader reader(file);
  const auto shape = reader.shape("positions");
  if (shape.size() != 2 || shape[1] != 3 || shape[0] < 1 || shape[0] > static_cast<std::size_t>(max_elements))
    refuse_file(file, "/positions does not hold elements (it must have the shape [n, 3] with n from 1 to " +
                          std::to_string(max_elements) + "). Write one row x, y, z in metres an element");
  const auto count = static_cast<std::ptrdiff_t>(shape[0]);
  const auto positions = read_vectors(reader, "positions", count), normals = read_vectors(reader, "normals", count);
  const auto widths = read_sizes(reader, "widths", shape[0]), heights = read_sizes(reader, "heights", shape[0]);
  std::vector<Vec3> laterals;
  if (reader.has("laterals")) laterals = read_vectors(reader, "laterals", count);

  Probe probe = common_probe(Probe::Kind::custom);
  probe.elevation_focus = elevation_focus;
  probe.elements.resize(shape[0]);
  double path = 0;
  for (std::size_t i = 0; i < shape[0]; ++i) {
    Element& element = probe.elements[i];
    element.position = positions[i];
    element.normal = unit_vector(reader, "normals", i, normals[i]);
    element.width = widths[i];
    element.height = heights[i];
    Vec3 lateral = cross({0, 1, 0}, element.normal);
    if (!laterals.empty()) {
      const Vec3 given = unit_vector(reader, "laterals", i, laterals[i]);
      if (std::abs(dot(given, element.normal)) > 1e-3)
        refuse_file(file, "/laterals[" + std::to_string(i) +
                              "] is not at right angles to its normal (the width of an element lies "
                              "in its face). Correct one of the two");
      lateral = given - dot(given, element.normal) * element.normal;
    }
    if (norm(lateral) < 1e-9) lateral = {1, 0, 0};  // an element that faces along y has no preferred direction
    element.lateral = normalized(lateral - dot(lateral, element.normal) * element.normal);
    if (i > 0) path += norm(positions[i] - positions[i - 1]);
  }
  if (shape[0] > 1 && path == 0)
    refuse_file(file, "/positions puts all " + std::to_string(shape[0]) +
                          " elements at one place (an array of no size has no image). Give each its own place");
  probe.pitch = shape[0] > 1 ? path / static_cast<double>(shape[0] - 1) : widths[0];
  return probe;
}

}  // namespace sonoforge
