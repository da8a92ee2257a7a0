#include "app/resolution_truth.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "core/parallel.hpp"
#include "recon/delay_and_sum.hpp"
#include "recon/metrics.hpp"
#include "sim/exact.hpp"
#include "sim/scan.hpp"

namespace sonoforge {

namespace {

constexpr std::size_t node_columns = 5, node_rows = 8;
constexpr std::size_t line_points = 65;  // of a profile
constexpr double largest_search = 401;   // pixels of the patch in which a peak is sought, along each axis
constexpr double no_level = -600;        // [dB]
constexpr int most_widenings = 5;        // of a profile, to twice its length

struct GridPlace {
  double x = 0, z = 0;  ///< coordinates of the grid's axes
};

GridPlace on_grid(const PixelGrid& grid, Vec3 p) {
  if (grid.kind == PixelGrid::Kind::cartesian) return {p.x, p.z};
  const double down = p.z - grid.apex_depth;
  return {std::atan2(p.x, down), std::hypot(p.x, down)};
}

/// Whether travel times depend on the phantom's regions.
bool sees_tissue(const Experiment& e) {
  const auto* linear = dynamic_cast<const Exact*>(e.config.engine.value.get());
  return !linear || linear->propagation == PropagationKind::straight || linear->propagation == PropagationKind::eikonal;
}

/// The echoes of points alone.
Acquisition record_points(const Experiment& e, const std::vector<Vec3>& places) {
  Scatterers points;
  points.positions = places;
  points.amplitudes.assign(places.size(), 1.0);
  points.regions.assign(places.size(), -1);
  // Losses alone do not change widths: without regions, nothing has to be added up along the ways.
  Phantom phantom;
  phantom.background = e.phantom.background, phantom.extent = e.phantom.extent;
  if (sees_tissue(e)) phantom = e.phantom.with({});
  phantom.scatterers = std::move(points);
  Sequence sequence = e.sequence;
  sequence.frames = 1;
  ReceiveConfig receive = *e.config.receive;
  receive.noise = {};
  receive.tgc.reset();
  receive.adc.reset();
  Acquisition record = scan(*e.config.engine, {phantom, e.probe, *e.pulse, sequence, receive}, {}, e.noise_stream());
  record.sound_speed = e.config.sound_speed.value_or(e.phantom.background.sound_speed);
  return record;
}

/// Earliest and latest instant at which a transmit's pulse centre may reach a point [s].
std::pair<double, double> arrival(const Transmit& transmit, const Probe& probe, Vec3 p, double speed) {
  const double way = norm(p - transmit.focus) / speed;
  switch (transmit.wave) {
    case Transmit::Wave::plane: {
      const double time = transmit.time_of_origin + dot(p, transmit.direction) / speed;
      return {time, time};
    }
    case Transmit::Wave::diverging:
    case Transmit::Wave::element:
      return {transmit.time_of_origin + way, transmit.time_of_origin + way};
    default:
      break;
  }
  double first = std::numeric_limits<double>::infinity(), last = -first;
  for (const auto& law : transmit.laws)
    for (std::size_t n = 0; n < law.delays.size(); ++n) {
      if (std::isnan(law.delays[n]) || law.apodization[n] == 0) continue;
      const double time = law.delays[n] + norm(p - probe.elements[n].position) / speed;
      first = std::min(first, time), last = std::max(last, time);
    }
  return {first, last};
}

/// The samples in which the echoes of one point lie.
Acquisition part_of(const Acquisition& record, const Acquisition& without_samples, const Experiment& e, Vec3 p) {
  const double speed = e.phantom.background.sound_speed;
  double near = std::numeric_limits<double>::infinity(), far = 0;
  for (const auto& element : e.probe.elements) {
    const double time = norm(p - element.position) / speed;
    near = std::min(near, time), far = std::max(far, time);
  }
  // A pulse before and after, the ways within the patch in which the point is sought, and other speeds on the way
  // there.
  const double margin = 2 * e.pulse->half_duration() + 8 / e.pulse->frequency() + 0.1 * near;
  std::vector<std::size_t> begins;
  std::size_t length = 1;
  const double rate = record.sampling_rate;
  const auto all = static_cast<double>(record.samples_per_channel());
  for (std::size_t t = 0; t < record.transmits(); ++t) {
    const auto [first, last] = arrival(record.sequence.transmits[t], e.probe, p, speed);
    const double begin = std::clamp(std::floor((first + near - margin - record.start[t]) * rate), 0.0, all - 1);
    const double end = std::clamp(std::ceil((last + far + margin - record.start[t]) * rate), begin + 1, all);
    begins.push_back(static_cast<std::size_t>(begin));
    length = std::max(length, static_cast<std::size_t>(end - begin));
  }
  Acquisition part = without_samples;
  part.samples = NdArray<float, 4>({1, record.transmits(), record.channels(), length});
  for (std::size_t t = 0; t < record.transmits(); ++t) {
    const std::size_t begin = std::min(begins[t], record.samples_per_channel() - length);
    part.start[t] += static_cast<double>(begin) / rate;
    for (std::size_t c = 0; c < record.channels(); ++c)
      std::copy_n(&record.samples(0, t, c, begin), length, &part.samples(0, t, c, 0));
  }
  return part;
}

/// Images of one point, on whatever pixels are asked for.
class PointImage {
 public:
  PointImage(const Experiment& e, const Acquisition& part, const PixelGrid& grid) : e_(e), part_(part), grid_(grid) {
    grid_.y = {grid.y.at(grid.y.count / 2), 1, 1};
  }
  /// [z, x] dB, not below `no_level`.
  std::vector<double> levels(Axis x, Axis z) {
    grid_.x = x, grid_.z = z;
    const ComplexMap map = std::move(beamform(e_.config, part_, grid_).front());
    std::vector<double> out;
    for (const auto& v : map.values.flat())
      out.push_back(20 * std::log10(std::max(static_cast<double>(std::abs(v)), 1e-30)));
    return out;
  }

 private:
  const Experiment& e_;
  const Acquisition& part_;
  PixelGrid grid_;
};

Axis about(double middle, double half, std::size_t points) {
  const double step = 2 * half / static_cast<double>(points - 1);
  return {middle - half, step, points};
}

double at_largest(const Axis& axis, const std::vector<double>& levels) {
  return axis.at(static_cast<std::size_t>(std::max_element(levels.begin(), levels.end()) - levels.begin()));
}

/// The width of a profile through `middle`, which becomes the place of its peak; as long as it takes, and no longer.
template <class Profile>
double width_along(const Profile& profile, double& middle, double half) {
  double width = 0;
  for (int widening = 0, narrowing = 0; widening < most_widenings;) {
    const Axis axis = about(middle, half, line_points);
    const std::vector<double> levels = profile(axis);
    const double samples = width_at_drop(levels);
    if (!std::isfinite(samples)) {
      half *= 2, ++widening;
      continue;
    }
    width = samples * axis.step;
    middle = at_largest(axis, levels);
    if (samples >= 8 || narrowing > 2) break;
    half = 1.5 * width, ++narrowing;
  }
  return width;
}

PointWidths widths_of(const Experiment& e, const Acquisition& part, const PixelGrid& grid, Vec3 place) {
  const double true_speed = e.phantom.background.sound_speed;
  double assumed = part.sound_speed;
  if (const auto* das = dynamic_cast<const DelayAndSum*>(e.config.beamformer.value.get()))
    assumed = das->sound_speed.value_or(assumed);
  const double wavelength = assumed / e.pulse->frequency();
  const bool curved = e.probe.kind == Probe::Kind::curved && std::isfinite(e.probe.curvature_radius);
  const Vec3 from{curved ? 0 : place.x, place.y, curved ? -e.probe.curvature_radius : 0};
  const double way = norm(place - from), depth = std::max(curved ? way - e.probe.curvature_radius : way, wavelength);
  const double deeper = (assumed / true_speed - 1) * depth;
  const GridPlace shown = on_grid(grid, place + (deeper / std::max(way, 1e-9)) * (place - from));
  const bool polar = grid.kind == PixelGrid::Kind::polar;
  const double across = polar ? shown.z : 1;  // metres per unit of x

  double left = 0, right = 0;
  for (const auto& element : e.probe.elements)
    left = std::min(left, element.position.x), right = std::max(right, element.position.x);
  const double aperture = std::max(right - left, wavelength);
  const double half_x = 2 * wavelength * std::max(1.5, depth / aperture);
  const double half_z = std::max(2 * wavelength, e.pulse->half_duration() * assumed / 2 + wavelength);
  const double slack = std::abs(deeper);
  const auto pixels = [](double half, double step) {
    return static_cast<std::size_t>(std::clamp(2 * std::ceil(half / step) + 1, 3.0, largest_search));
  };
  PointImage image(e, part, grid);
  const Axis x = about(shown.x, (half_x + slack) / across, pixels(half_x + slack, half_x / 6));
  const Axis z = about(shown.z, half_z + slack, pixels(half_z + slack, wavelength / 4));
  const std::vector<double> patch = image.levels(x, z);
  const auto best = static_cast<std::size_t>(std::max_element(patch.begin(), patch.end()) - patch.begin());
  if (patch[best] <= no_level) return {};
  double peak_x = x.at(best % x.count), peak_z = z.at(best / x.count);
  PointWidths widths;
  widths.axial = width_along([&](const Axis& axis) { return image.levels({peak_x, 1, 1}, axis); }, peak_z, half_z);
  widths.lateral = across * width_along(
                                [&](const Axis& axis) {
                                  return image.levels(axis, {peak_z, 1, 1});
                                },
                                peak_x, half_x / across);
  return widths;
}

using Nodes = std::vector<std::vector<PointWidths>>;  // [column][row]

/// All that the widths follow from; empty where that is too much to compare.
std::string identity_of(const Experiment& e, const PixelGrid& grid) {
  if (sees_tissue(e)) return "";
  ExperimentConfig config = e.config;
  config.phantom = {};
  config.description.clear(), config.labels.clear(), config.components.clear(), config.metrics.clear();
  config.annotator.reset(), config.field.reset(), config.reverberation.reset();
  config.image = {};
  config.image.pulse_compression = e.config.image.pulse_compression;
  config.receive->noise = {};
  config.receive->tgc.reset(), config.receive->adc.reset();
  const auto& elements = config.receive->elements;
  const bool drawn = elements.gain_spread > 0 || elements.phase_spread > 0 || elements.dead_count > 0;
  if (!drawn) config.patient = config.visit_number = 0;
  std::string text = dump_config(config);
  const auto add = [&](double value) { text += " " + format_number(value); };
  for (const Axis& axis : {grid.x, grid.y, grid.z})
    add(axis.from), add(axis.step), add(static_cast<double>(axis.count));
  const Tissue& tissue = e.phantom.background;
  for (const double value : {tissue.sound_speed, tissue.density, tissue.attenuation.db_per_cm,
                             tissue.attenuation.exponent, tissue.scattering_exponent.value_or(-1), grid.apex_depth})
    add(value);
  return text + (grid.kind == PixelGrid::Kind::polar ? " polar" : "");
}

/// Patients of a data set often share an acquisition: the last few are remembered.
class RememberedNodes {
 public:
  std::optional<Nodes> find(const std::string& identity) {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, nodes] : last_)
      if (name == identity) return nodes;
    return {};
  }
  void keep(const std::string& identity, const Nodes& nodes) {
    const std::lock_guard lock(mutex_);
    last_.emplace_back(identity, nodes);
    if (last_.size() > 8) last_.pop_front();
  }

 private:
  std::mutex mutex_;
  std::deque<std::pair<std::string, Nodes>> last_;
};

Axis nodes_of(const Axis& axis, std::size_t most) {
  const std::size_t count = std::min(axis.count, most);
  return {axis.from, count > 1 ? (axis.last() - axis.from) / static_cast<double>(count - 1) : 1, count};
}

}  // namespace

std::vector<PointWidths> point_widths(const Experiment& e, const PixelGrid& grid, double x,
                                      const std::vector<double>& rows) {
  const double y = grid.y.at(grid.y.count / 2);
  std::vector<Vec3> places;
  for (const double z : rows) {
    PixelGrid one = grid;
    one.x = {x, 1, 1}, one.y = {y, 1, 1}, one.z = {z, 1, 1};
    places.push_back(one.position(0, 0, 0));
  }
  // Points whose echoes would overlap are recorded apart: a pulse's length and a few wavelengths of probe response and
  // search.
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 1; i < rows.size(); ++i) nearest = std::min(nearest, std::abs(rows[i] - rows[i - 1]));
  const double speed = e.phantom.background.sound_speed,
               apart = speed * (e.pulse->half_duration() + 8 / e.pulse->frequency());
  const auto records = static_cast<std::size_t>(
      std::clamp(std::ceil(apart / nearest), 1.0, static_cast<double>(std::max<std::size_t>(rows.size(), 1))));
  std::vector<PointWidths> widths(places.size());
  parallel_for(records, [&](std::size_t r) {
    std::vector<Vec3> own;
    for (std::size_t i = r; i < places.size(); i += records) own.push_back(places[i]);
    if (own.empty()) return;
    const Acquisition record = record_points(e, own);
    Acquisition without_samples = record;
    without_samples.samples = {};
    parallel_for(own.size(), [&](std::size_t i) {
      widths[r + i * records] = widths_of(e, part_of(record, without_samples, e, own[i]), grid, own[i]);
    });
  });
  return widths;
}

LabelMap resolution_map(const Experiment& e, const PixelGrid& grid) {
  const Axis columns = nodes_of(grid.x, node_columns), rows = nodes_of(grid.z, node_rows);
  std::vector<double> depths;
  for (std::size_t r = 0; r < rows.count; ++r) depths.push_back(rows.at(r));
  static RememberedNodes remembered;
  const std::string identity = identity_of(e, grid);
  Nodes nodes(columns.count);
  if (auto known = identity.empty() ? std::nullopt : remembered.find(identity)) {
    nodes = std::move(*known);
  } else {
    parallel_for(columns.count, [&](std::size_t c) { nodes[c] = point_widths(e, grid, columns.at(c), depths); });
    if (!identity.empty()) remembered.keep(identity, nodes);
  }

  LabelMap map;
  map.name = "resolution", map.unit = "m", map.grid = grid;
  map.description =
      "-6 dB widths of the image of a point, from simulated points, linear between them; 0 where a point has none";
  map.channels = {"lateral", "axial"};
  map.values = NdArray<float, 4>({2, grid.z.count, grid.y.count, grid.x.count});
  for (std::size_t iz = 0; iz < grid.z.count; ++iz)
    for (std::size_t ix = 0; ix < grid.x.count; ++ix) {
      const auto cell = [](const Axis& axis, double coordinate) {
        const double index = axis.count > 1 ? axis.index_of(coordinate) : 0;
        const double low = std::clamp(std::floor(index), 0.0, std::max(static_cast<double>(axis.count) - 2, 0.0));
        return std::pair{static_cast<std::size_t>(low), std::clamp(index - low, 0.0, 1.0)};
      };
      const auto [c, u] = cell(columns, grid.x.at(ix));
      const auto [r, v] = cell(rows, grid.z.at(iz));
      double sums[2] = {}, weights[2] = {};
      for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t column = std::min(c + i % 2, columns.count - 1), row = std::min(r + i / 2, rows.count - 1);
        const double weight = (i % 2 ? u : 1 - u) * (i / 2 ? v : 1 - v);
        const PointWidths& node = nodes[column][row];
        const double widths[2] = {node.lateral, node.axial};
        for (std::size_t k = 0; k < 2; ++k)
          if (widths[k] > 0) sums[k] += weight * widths[k], weights[k] += weight;
      }
      for (std::size_t k = 0; k < 2; ++k)
        for (std::size_t iy = 0; iy < grid.y.count; ++iy)
          map.values(k, iz, iy, ix) = static_cast<float>(weights[k] > 0 ? sums[k] / weights[k] : 0);
    }
  return map;
}

}  // namespace sonoforge
