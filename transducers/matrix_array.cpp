#include "transducers/matrix_array.hpp"

namespace sonoforge {
namespace {

/// Coordinate of element i of `count` that stand `pitch` apart, symmetric about 0.
double centred(std::size_t i, std::int64_t count, double pitch) {
  return (static_cast<double>(i) - static_cast<double>(count - 1) / 2) * pitch;
}

}  // namespace

void MatrixArray::fields(FieldVisitor& visit) {
  name_and_frequency_fields(visit);
  visit(elements_x, {.key = "elements_x",
                     .doc = "Number of elements along x.",
                     .min = 1,
                     .max = static_cast<double>(max_elements),
                     .required = elements_x == 0});
  visit(elements_y, {.key = "elements_y",
                     .doc = "Number of elements along y.",
                     .min = 1,
                     .max = static_cast<double>(max_elements),
                     .required = elements_y == 0});
  visit(pitch_x, {.key = "pitch_x",
                  .doc = "Distance between the centres of neighbouring elements along x.",
                  .unit = Unit::metre,
                  .min = 1e-7,
                  .max = 1,
                  .required = pitch_x == 0});
  visit(pitch_y, {.key = "pitch_y",
                  .doc = "Distance between the centres of neighbouring elements along y; by default pitch_x.",
                  .unit = Unit::metre,
                  .min = 1e-7,
                  .max = 1});
  visit(width, {.key = "width",
                .doc = "Size of an element along x; by default pitch_x.",
                .unit = Unit::metre,
                .min = 1e-7,
                .max = 1});
  visit(height, {.key = "height",
                 .doc = "Size of an element along y; by default pitch_y.",
                 .unit = Unit::metre,
                 .min = 1e-7,
                 .max = 1});
  baffle_and_response_fields(visit);
}

void MatrixArray::check() const {
  check_positive(frequency, "frequency");
  check_element_count(elements_x, "elements_x");
  check_element_count(elements_y, "elements_y");
  if (elements_x * elements_y > max_elements)  // each is at most max_elements, so the product cannot overflow
    throw ConfigError("elements_y", std::to_string(elements_x) + " x " + std::to_string(elements_y) +
                                        " elements (at most " + std::to_string(max_elements) +
                                        " are supported). Use fewer elements");
  check_positive(pitch_x, "pitch_x");
  if (pitch_y) check_positive(*pitch_y, "pitch_y");
  if (width) check_positive(*width, "width"), check_width_fits_pitch(*width, pitch_x, "width", "pitch_x");
  if (height)
    check_positive(*height, "height"), check_width_fits_pitch(*height, pitch_y.value_or(pitch_x), "height", "pitch_y");
}

Probe MatrixArray::build() const {
  check();
  Probe probe = common_probe(Probe::Kind::matrix);
  probe.pitch = pitch_x;
  const double step_y = pitch_y.value_or(pitch_x);
  const auto nx = static_cast<std::size_t>(elements_x), ny = static_cast<std::size_t>(elements_y);
  probe.elements.resize(nx * ny);
  for (std::size_t iy = 0; iy < ny; ++iy)
    for (std::size_t ix = 0; ix < nx; ++ix) {
      Element& element = probe.elements[iy * nx + ix];
      element.position = {centred(ix, elements_x, pitch_x), centred(iy, elements_y, step_y), 0};
      element.width = width.value_or(pitch_x);
      element.height = height.value_or(step_y);
    }
  return probe;
}

void RowColumnArray::fields(FieldVisitor& visit) {
  name_and_frequency_fields(visit);
  visit(columns,
        {.key = "columns",
         .doc = "Number of columns: elements side by side along x, each reaching over the whole aperture in y.",
         .min = 1,
         .max = static_cast<double>(max_elements),
         .required = columns == 0});
  visit(rows, {.key = "rows",
               .doc = "Number of rows: elements side by side along y, each reaching over the whole aperture in x.",
               .min = 1,
               .max = static_cast<double>(max_elements),
               .required = rows == 0});
  visit(pitch, {.key = "pitch",
                .doc = "Distance between the centres of neighbouring columns, and of neighbouring rows.",
                .unit = Unit::metre,
                .min = 1e-7,
                .max = 1,
                .required = pitch == 0});
  visit(width, {.key = "width",
                .doc = "Width of an element across its length; by default the pitch.",
                .unit = Unit::metre,
                .min = 1e-7,
                .max = 1});
  baffle_and_response_fields(visit);
}

void RowColumnArray::check() const {
  check_positive(frequency, "frequency");
  check_element_count(columns, "columns");
  check_element_count(rows, "rows");
  if (columns + rows > max_elements)
    throw ConfigError("rows", std::to_string(columns + rows) + " elements (at most " + std::to_string(max_elements) +
                                  " are supported). Use fewer rows and columns");
  check_positive(pitch, "pitch");
  if (width) check_positive(*width, "width"), check_width_fits_pitch(*width, pitch);
}

Probe RowColumnArray::build() const {
  check();
  Probe probe = common_probe(Probe::Kind::row_column);
  probe.pitch = pitch;
  const auto n_columns = static_cast<std::size_t>(columns), n_rows = static_cast<std::size_t>(rows);
  probe.elements.resize(n_columns + n_rows);
  for (std::size_t i = 0; i < n_columns; ++i) {
    Element& column = probe.elements[i];
    column.position.x = centred(i, columns, pitch);
    column.width = width.value_or(pitch);
    column.height = static_cast<double>(rows) * pitch;
  }
  for (std::size_t i = 0; i < n_rows; ++i) {
    Element& row = probe.elements[n_columns + i];
    row.position.y = centred(i, rows, pitch);
    row.lateral = {0, 1, 0};
    row.width = width.value_or(pitch);
    row.height = static_cast<double>(columns) * pitch;
  }
  return probe;
}

}  // namespace sonoforge
