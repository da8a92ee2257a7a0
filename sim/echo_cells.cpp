#include "sim/echo_cells.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/fft.hpp"
#include "core/progress.hpp"
#include "sim/vector_math.hpp"

namespace sonoforge {
namespace {

using Complex = std::complex<double>;
constexpr double two_pi = 2 * std::numbers::pi;
constexpr std::size_t few_bins = 128;  // beyond them lengths are rounded up further, so that few tables are needed

std::size_t round_bins(double wanted, std::size_t lanes) {
  const auto at_least = static_cast<std::size_t>(std::ceil(std::max(wanted, 2.0 * static_cast<double>(lanes))));
  const std::size_t step = at_least > few_bins ? 2 * lanes : lanes;
  for (std::size_t n = (at_least + step - 1) / step * step;; n += step)
    if (good_fft_size(n) == n) return n;
}

}  // namespace

template <class T>
struct EchoCells<T>::Arrivals {
  std::size_t bins = 0;
  std::vector<double> ranges;          // [sender] of the cell's centre [m]
  std::vector<std::int64_t> instants;  // [transmit] of the middle of what arrives [samples]
  std::vector<std::int64_t> lags;      // [element] from there to the first sample of its echo
  std::vector<std::size_t> channels;   // elements that hear the cell
  std::vector<std::size_t> heard;      // transmits with echoes in the record
  double shift = 0;                    // see CellSight [m]
};

template <class T>
EchoCells<T>::EchoCells(const EchoModel& model, const Aperture& aperture, const SmoothResponse& response,
                        const EchoBand& band, const std::vector<std::vector<Firing>>& firings,
                        std::span<const double> scales, const EchoRecord& record, const EchoTree& tree,
                        const EchoGrid& grid)
    : model_(model),
      aperture_(aperture),
      response_(response),
      band_(band),
      firings_(firings),
      scales_(scales),
      record_(record),
      tree_(tree),
      grid_(grid),
      elements_(aperture.frames().size() / aperture.strips()),
      senders_(aperture.frames().size()),
      tables_(model, firings, band, grid.low, grid.width) {}

template <class T>
void EchoCells<T>::operator()(const TreeCell& cell, Scratch& s, CellEchoes<T>& result) {
  result.bins = 0;
  const ApertureNodes nodes =
      aperture_.nodes(cell.box, tree_.wavenumber(), tree_.tolerance(), cell.sight.extra_span, !cell.sight.smooth);
  if (nodes.elements.empty()) return;
  const Arrivals arrivals = this->arrivals(cell, nodes, result);
  if (arrivals.heard.empty()) return;
  const std::size_t bins = arrivals.bins, size = 2 * bins * nodes.frames.size() * arrivals.heard.size();
  const std::size_t count = nodes.elements.size(), stride = count * EchoCell<T>::pair;
  s.waves.resize(count * 2 * bins);
  for (std::size_t i = 0; i < count; ++i) {
    check_interrupted();
    wave(arrivals.ranges[nodes.elements[i]], arrivals.shift, weight_of(nodes.elements[i]), bins,
         s.waves.data() + i * EchoCell<T>::pair, stride, s.row);
  }
  drive_nodes(arrivals, nodes, s);
  s.echo.assign(size, 0);
  if (cell.inner.empty()) {
    prepare(cell, nodes, bins, s);
    sum_over_scatterers(arrivals.heard.size(), s.drive.data(), s.echo.data(), s);
  } else {
    sum_inside(cell, nodes, bins, arrivals.heard.size(), s);
  }
  write_channels(arrivals, nodes, s, result);
}

template <class T>
typename EchoCells<T>::Arrivals EchoCells<T>::arrivals(const TreeCell& cell, const ApertureNodes& nodes,
                                                       CellEchoes<T>& result) const {
  const std::size_t transmits = firings_.size(), strips = aperture_.strips();
  const double c = model_.law.sound_speed;
  const CellSight& sight = cell.sight;
  Arrivals arrivals;
  // Inner cells have shifts of their own.
  arrivals.shift = cell.inner.empty() ? sight.shift : 0;
  auto& ranges = arrivals.ranges;
  ranges.assign(senders_, 0);
  // How much nearer and farther than the centre the box's nearest place and farthest corner are. Of a box that is wide
  // across the direction it is seen in, the corners lie farther off than half its size along that direction.
  const double radius = cell.box.radius();
  std::vector<double> nearer(senders_), farther(senders_);
  for (std::size_t n : nodes.elements) {
    const Vec3 d = cell.box.centre - aperture_.frames()[n].position, half = cell.box.half;
    const Vec3 size{std::abs(d.x), std::abs(d.y), std::abs(d.z)};
    ranges[n] = norm(d);
    nearer[n] = ranges[n] - norm(Vec3{std::max(size.x - half.x, 0.0), std::max(size.y - half.y, 0.0),
                                      std::max(size.z - half.z, 0.0)});
    farther[n] = norm(size + half) - ranges[n];
    // Where the record holds an echo's tails alone, no side is shorter than that half size.
    const double along = std::clamp(dot(size, half) / std::max(ranges[n], 1e-12), 0.1 * radius, radius);
    nearer[n] = std::max(nearer[n], along), farther[n] = std::max(farther[n], along);
  }
  std::vector<bool> seen(senders_, false);
  double receive_nearer = 0, receive_farther = 0, farthest = 0;
  for (std::size_t n : nodes.elements) {
    seen[n] = true, farthest = std::max(farthest, ranges[n]);
    receive_nearer = std::max(receive_nearer, nearer[n]), receive_farther = std::max(receive_farther, farther[n]);
  }
  const double early = farthest * (model_.earliest_slowness - 1 / c),
               late = farthest * (model_.latest_slowness - 1 / c);
  std::vector<double> centres(transmits);
  double longest = 0;
  for (std::size_t t = 0; t < transmits; ++t) {
    check_interrupted();
    double first = std::numeric_limits<double>::infinity(), last = -first;
    for (const Firing& firing : firings_[t]) {
      for (std::size_t n = firing.element * strips; n < (firing.element + 1) * strips; ++n) {
        if (!seen[n]) continue;
        for (const auto& [delay, weight] : firing.delays_and_weights) {
          first = std::min(first, delay + (ranges[n] - nearer[n]) / c);
          last = std::max(last, delay + (ranges[n] + farther[n]) / c);
        }
      }
    }
    if (!(first <= last)) {
      centres[t] = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    first += (2 * sight.least_extra - receive_nearer) / c + 2 * early;
    last += (2 * sight.most_extra + receive_farther) / c + 2 * late;
    centres[t] = (first + last) / 2;
    longest = std::max(longest, last - first + 2 * band_.reach);
  }
  if (longest == 0) return arrivals;
  arrivals.bins = round_bins(longest * grid_.width + 2, EchoCell<T>::lanes);

  // Where each channel's echo stands in its record; which transmits are heard at all.
  result.starts.assign(transmits * elements_, CellEchoes<T>::none);
  const double record_end = record_.start + static_cast<double>(record_.samples) / record_.sampling_rate;
  arrivals.instants.assign(transmits, 0), arrivals.lags.assign(elements_, 0);
  const auto middle = static_cast<std::int64_t>(arrivals.bins / 2);
  auto& channels = arrivals.channels;
  for (std::size_t sender : nodes.elements) {
    const std::size_t n = sender / strips;
    const double delay = record_.receive_delays.empty() ? 0 : record_.receive_delays[n];
    arrivals.lags[n] = static_cast<std::int64_t>(std::nearbyint((ranges[sender] / c + delay) * grid_.width)) - middle;
    channels.push_back(n);
  }
  std::sort(channels.begin(), channels.end());
  channels.erase(std::unique(channels.begin(), channels.end()), channels.end());
  for (std::size_t t = 0; t < transmits; ++t) {
    if (std::isnan(centres[t])) continue;
    arrivals.instants[t] = static_cast<std::int64_t>(std::nearbyint((centres[t] - grid_.origin) * grid_.width));
    bool any = false;
    for (std::size_t n : channels) {
      const std::int64_t start = arrivals.instants[t] + arrivals.lags[n];
      const double begins = grid_.origin + static_cast<double>(start) / grid_.width,
                   ends = begins + static_cast<double>(arrivals.bins) / grid_.width;
      if (begins >= record_end || ends <= record_.start) continue;
      if (start < 0 || start + static_cast<std::int64_t>(arrivals.bins) > static_cast<std::int64_t>(grid_.length))
        continue;
      result.starts[t * elements_ + n] = start;
      any = true;
    }
    if (any) arrivals.heard.push_back(t);
  }
  return arrivals;
}

template <class T>
void EchoCells<T>::wave(double range, double shift, double weight, std::size_t bins, T* out, std::size_t stride,
                        AlignedVector<T>& row) {
  constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
  const double time = (range + shift) / model_.law.sound_speed, df = grid_.width / static_cast<double>(bins);
  phasor_row<T>(-grid_.low * time, -df * time, bins / lanes, out, stride, weight);
  if (model_.law.lossless) return;
  // What dispersion and loss add.
  const auto& table = tables_.bins(bins, tree_.exponent());
  row.resize(2 * bins);
#pragma omp simd
  for (std::size_t b = 0; b < bins; ++b) {
    double cosine, sine;
    cis_turns(-table.turns_rest[b] * (range + shift), cosine, sine);
    const double loss = exp_bounded(-table.loss[b] * range);
    row[b] = static_cast<T>(loss * cosine), row[bins + b] = static_cast<T>(loss * sine);
  }
  for (std::size_t b = 0; b < bins; b += lanes, out += stride) {
    T factor[pair];
    std::copy_n(row.data() + b, lanes, factor);
    std::copy_n(row.data() + bins + b, lanes, factor + lanes);
    scale_pairs(out, 1, factor);
  }
}

template <class T>
bool EchoCells<T>::by_elements(const Arrivals& arrivals, const ApertureNodes& nodes) const {
  const std::size_t strips = aperture_.strips(), transmits = arrivals.heard.size();
  if (nodes.weights.empty() || nodes.elements.size() != senders_) return false;
  if (!(2 * strips + 4 * transmits < 2 * strips * transmits)) return false;
  for (std::size_t i = 0; i < senders_; ++i)
    if (nodes.elements[i] / strips != nodes.elements[i / strips * strips] / strips) return false;
  return true;
}

template <class T>
void EchoCells<T>::combine_strips(const ApertureNodes& nodes, std::size_t block, Scratch& s) const {
  constexpr std::size_t pair = EchoCell<T>::pair;
  const std::size_t strips = aperture_.strips(), width = nodes.frames.size();
  s.element_weights.resize(elements_ * width * pair);
  for (std::size_t i = 0; i < senders_; i += strips) {
    check_interrupted();
    mix(s.waves.data() + (block * senders_ + i) * pair, strips, pair, nodes.weights.data() + i * width, width, 1,
        s.element_weights.data() + nodes.elements[i] / strips * width * pair, width, pair);
  }
}

/// What the nodes send: drives times waves, gathered at the nodes; the common spectrum, and time counted from the
/// arrival at the cell.
template <class T>
void EchoCells<T>::drive_nodes(const Arrivals& arrivals, const ApertureNodes& nodes, Scratch& s) {
  constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
  const std::size_t bins = arrivals.bins, count = nodes.elements.size(), width = nodes.frames.size();
  const double df = grid_.width / static_cast<double>(bins);
  const auto& table = tables_.bins(bins, tree_.exponent());
  const auto& drives = tables_.drives(bins);
  std::vector<std::size_t> place(senders_, count);
  for (std::size_t i = 0; i < count; ++i) place[nodes.elements[i]] = i;
  s.drive.assign(arrivals.heard.size() * width * 2 * bins, 0);
  s.row.resize(2 * bins);
  const bool whole = by_elements(arrivals, nodes);
  const std::size_t strips = whole ? 1 : aperture_.strips();
  struct Sending {
    std::vector<std::size_t> firings, places;  // among the firings, and among the cell's elements
    std::vector<float> weights;
    AlignedVector<T> spectrum;  // [block][2][lane], with the time that counts from the arrival
  };
  std::vector<Sending> all(arrivals.heard.size());
  for (std::size_t h = 0; h < all.size(); ++h) {
    check_interrupted();
    const std::size_t t = arrivals.heard[h];
    const auto& firings = firings_[t];
    for (std::size_t i = 0; i < firings.size(); ++i)
      for (std::size_t n = firings[i].element * strips; n < (firings[i].element + 1) * strips; ++n) {
        const std::size_t at = whole ? n : place[n];
        if (!whole && at == count) continue;
        all[h].firings.push_back(i), all[h].places.push_back(at);
        if (!whole && !nodes.weights.empty())
          all[h].weights.insert(all[h].weights.end(), nodes.weights.begin() + static_cast<std::ptrdiff_t>(at * width),
                                nodes.weights.begin() + static_cast<std::ptrdiff_t>((at + 1) * width));
      }
    const double instant = grid_.origin + static_cast<double>(arrivals.instants[t]) / grid_.width;
    phasor_row<T>(0, df * instant, bins / lanes, s.row.data(), pair);
    all[h].spectrum.resize(2 * bins);
    for (std::size_t b = 0; b < bins; ++b) {
      const std::size_t at = b / lanes * pair + b % lanes;
      const Complex value = table.spectrum[b] * scales_[t] * Complex(s.row[at], s.row[at + lanes]);
      all[h].spectrum[at] = static_cast<T>(value.real()), all[h].spectrum[at + lanes] = static_cast<T>(value.imag());
    }
  }
  for (std::size_t b = 0; b < bins / lanes; ++b) {
    if (whole) combine_strips(nodes, b, s);
    const T* const waves = s.waves.data() + b * count * pair;
    for (std::size_t h = 0; h < all.size(); ++h) {
      check_interrupted();
      const Sending& sending = all[h];
      const std::size_t sends = sending.firings.size();
      T* const drive = s.drive.data() + (h * (bins / lanes) + b) * width * pair;
      const T* const from = drives[arrivals.heard[h]].data() + b * firings_[arrivals.heard[h]].size() * pair;
      s.sent.resize(std::max(sends, elements_) * pair);
      if (whole && sends == elements_) {
        mix_waves(from, elements_, s.element_weights.data(), width, 1, drive, width);
      } else if (whole) {
        std::fill(s.sent.begin(), s.sent.end(), T(0));
        for (std::size_t i = 0; i < sends; ++i)
          std::copy_n(from + sending.firings[i] * pair, pair, s.sent.data() + sending.places[i] * pair);
        const auto [first, last] = std::minmax_element(sending.places.begin(), sending.places.end());
        if (sends > 0)
          mix_waves(s.sent.data() + *first * pair, *last - *first + 1, s.element_weights.data() + *first * width * pair,
                    width, 1, drive, width);
      } else {
        for (std::size_t i = 0; i < sends; ++i)
          multiply_pairs(from + sending.firings[i] * pair, waves + sending.places[i] * pair, 1,
                         s.sent.data() + i * pair);
        if (nodes.weights.empty())
          for (std::size_t i = 0; i < sends; ++i)
            std::copy_n(s.sent.data() + i * pair, pair, drive + sending.places[i] * pair);
        else
          mix(s.sent.data(), sends, pair, sending.weights.data(), width, 1, drive, width, pair);
      }
      scale_pairs(drive, width, sending.spectrum.data() + b * pair);
    }
  }
}

/// Back to the elements, each with the time origin of its own record, which is demodulated by the lowest frequency.
template <class T>
void EchoCells<T>::write_channels(const Arrivals& arrivals, const ApertureNodes& nodes, Scratch& s,
                                  CellEchoes<T>& result) {
  constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
  const std::size_t bins = arrivals.bins, count = nodes.elements.size(), width = nodes.frames.size();
  const double df = grid_.width / static_cast<double>(bins), c = model_.law.sound_speed;
  // Waves whose time counts from the first sample of the element's echo; of whole elements, the waves are in the
  // weights.
  const bool whole = by_elements(arrivals, nodes);
  const std::size_t strips = whole ? 1 : aperture_.strips(), rows = whole ? elements_ : count;
  s.heard_waves.resize(rows * 2 * bins), s.row.resize(2 * bins);
  std::vector<std::size_t> slots(rows);  // among the channels
  for (std::size_t i = 0; i < rows; ++i) {
    check_interrupted();
    const std::size_t sender = whole ? i : nodes.elements[i], n = sender / strips;
    slots[i] = static_cast<std::size_t>(std::lower_bound(arrivals.channels.begin(), arrivals.channels.end(), n) -
                                        arrivals.channels.begin());
    const double delay = record_.receive_delays.empty() ? 0 : record_.receive_delays[n];
    const double turns = -grid_.low * delay, later = delay - static_cast<double>(arrivals.lags[n]) / grid_.width;
    if (whole) {
      phasor_row<T>(turns, -df * later, bins / lanes, s.heard_waves.data() + i * pair, rows * pair);
    } else if (model_.law.lossless) {
      // In one go: the times nearly cancel.
      const double time = (arrivals.ranges[sender] + arrivals.shift) / c;
      phasor_row<T>(turns - grid_.low * time, -df * (time + later), bins / lanes, s.heard_waves.data() + i * pair,
                    rows * pair, weight_of(sender));
    } else {
      phasor_row<T>(turns, -df * later, bins / lanes, s.row.data(), pair);
      for (std::size_t b = 0; b < bins / lanes; ++b) {
        const std::size_t at = (b * rows + i) * pair;
        multiply_pairs(s.waves.data() + at, s.row.data() + b * pair, 1, s.heard_waves.data() + at);
      }
    }
  }
  result.bins = bins;
  const std::size_t samples = firings_.size() * elements_ * bins, channels = arrivals.channels.size();
  if (result.samples.size() < samples) result.samples.resize(samples);
  s.received.resize(rows * pair), s.summed.resize(channels * pair);
  s.spectra.resize(arrivals.heard.size() * channels * bins);
  for (std::size_t b = 0; b < bins / lanes; ++b) {
    if (whole) combine_strips(nodes, b, s);
    const T* const waves = s.heard_waves.data() + b * rows * pair;
    for (std::size_t h = 0; h < arrivals.heard.size(); ++h) {
      check_interrupted();
      const T* received = s.echo.data() + (h * (bins / lanes) + b) * width * pair;
      if (whole) {
        mix_waves(received, width, s.element_weights.data(), 1, width, s.received.data(), elements_);
        received = s.received.data();
      } else if (!nodes.weights.empty()) {
        mix(received, width, pair, nodes.weights.data(), 1, width, s.received.data(), count, pair);
        received = s.received.data();
      }
      std::fill(s.summed.begin(), s.summed.end(), T(0));
      for (std::size_t i = 0; i < rows; ++i)
        multiply_add_pairs(received + i * pair, waves + i * pair, 1, s.summed.data() + slots[i] * pair);
      std::complex<T>* const spectra = s.spectra.data() + h * channels * bins + b * lanes;
      for (std::size_t i = 0; i < channels; ++i)
        interleave(s.summed.data() + i * pair, reinterpret_cast<T*>(spectra + i * bins));
    }
  }
  const ComplexFft<T> fft(bins);
  for (std::size_t h = 0; h < arrivals.heard.size(); ++h)
    for (std::size_t i = 0; i < channels; ++i) {
      const std::size_t channel = arrivals.heard[h] * elements_ + arrivals.channels[i];
      if (result.starts[channel] == CellEchoes<T>::none) continue;
      check_interrupted();
      fft.inverse(std::span<const std::complex<T>>(s.spectra.data() + (h * channels + i) * bins, bins),
                  std::span(result.samples.data() + channel * bins, bins));
    }
}

template <class T>
void EchoCells<T>::sum_inside(const TreeCell& cell, const ApertureNodes& nodes, std::size_t bins, std::size_t transmits,
                              Scratch& s) {
  constexpr std::size_t lanes = EchoCell<T>::lanes, pair = EchoCell<T>::pair;
  const std::size_t outer = nodes.frames.size(), blocks = bins / lanes;
  std::vector<double> ranges;
  for (const ElementFrame& frame : nodes.frames) ranges.push_back(norm(cell.box.centre - frame.position));
  if (cell.by_matrix) s.outer_matrix.assign(outer * (outer + 1) / 2 * 2 * bins, 0);
  for (const TreeCell& inner : cell.inner) {
    const ApertureNodes own =
        aperture_.nodes_within(nodes, inner.box, tree_.wavenumber(), tree_.tolerance(), inner.sight.extra_span);
    prepare(inner, own, bins, s);
    const std::size_t count = own.frames.size();
    s.inner_waves.resize(outer * 2 * bins);
    for (std::size_t i = 0; i < outer; ++i) {
      check_interrupted();
      wave(norm(inner.box.centre - nodes.frames[i].position) - ranges[i], inner.sight.shift, 1, bins,
           s.inner_waves.data() + i * pair, outer * pair, s.row);
    }
    const CellStep<T> step{outer, count, blocks, own.weights.data(), s.inner_waves.data()};
    if (cell.by_matrix) {
      s.matrix.assign(count * (count + 1) / 2 * 2 * bins, 0);
      add_cell_matrix<T>(s.cell, s.points, s.basis.data(), s.matrix.data(), s.echoes);
      add_matrix_outwards(step, s.matrix.data(), s.outer_matrix.data(), s.echoes);
      continue;
    }
    const std::size_t width = 2 * bins * count, outer_width = 2 * bins * outer;
    s.inner_drive.resize(transmits * width), s.inner_echo.assign(transmits * width, 0);
    for (std::size_t h = 0; h < transmits; ++h)
      drive_inwards(step, s.drive.data() + h * outer_width, s.inner_drive.data() + h * width, s.echoes);
    sum_over_scatterers(transmits, s.inner_drive.data(), s.inner_echo.data(), s);
    for (std::size_t h = 0; h < transmits; ++h)
      add_echo_outwards(step, s.inner_echo.data() + h * width, s.echo.data() + h * outer_width, s.echoes);
  }
  if (cell.by_matrix)
    apply_cell_matrix(outer, blocks, transmits, s.outer_matrix.data(), s.drive.data(), s.echo.data(), s.echoes);
}

template <class T>
void EchoCells<T>::sum_over_scatterers(std::size_t transmits, const T* drive, T* echo, Scratch& s) const {
  const std::span<const EchoPoint<T>> points(s.points);
  // Either way counts complex multiply-adds a bin.
  const double n = static_cast<double>(points.size()), j = static_cast<double>(s.cell.nodes),
               t = static_cast<double>(transmits);
  const double one_by_one = n * 2 * j * t, by_matrix = n * j * (j + 1) / 2 * 1.1 + t * j * j + 2 * j * j;
  if (one_by_one <= by_matrix) {
    add_echoes<T>(s.cell, points, s.basis.data(), transmits, drive, echo, s.echoes);
    return;
  }
  s.matrix.assign(s.cell.nodes * (s.cell.nodes + 1) / 2 * 2 * s.cell.bins, 0);
  add_cell_matrix<T>(s.cell, points, s.basis.data(), s.matrix.data(), s.echoes);
  apply_cell_matrix(s.cell.nodes, s.cell.blocks(), transmits, s.matrix.data(), drive, echo, s.echoes);
}

template <class T>
double EchoCells<T>::bins_of(const TreeCell& cell) const {
  return 1.1 * cell.sight.duration * grid_.width + static_cast<double>(few_bins);
}

template <class T>
double EchoCells<T>::echo_bytes(const TreeCell& cell) const {
  return bins_of(cell) * static_cast<double>(firings_.size() * elements_) * 2 * sizeof(T);
}

// In the order in which operator() takes them.
template <class T>
double EchoCells<T>::scratch_bytes(const TreeCell& cell) const {
  const CellSight& sight = cell.sight;
  const double bins = bins_of(cell), nodes = static_cast<double>(sight.count.nodes),
               senders = static_cast<double>(senders_), elements = static_cast<double>(elements_),
               transmits = static_cast<double>(firings_.size());
  // Weights from senders to nodes, in single precision, are copied for each transmit.
  const double weights = nodes < senders ? senders * nodes * (1 + transmits) * sizeof(float) : 0;
  const double spectra = 2 * bins * (2 * senders + transmits * (2 * nodes + 1 + elements));
  // What the sums over a cell's own scatterers need at the nodes that they are summed at.
  const auto sums = [&](const TreeCell& part, double own_nodes) {
    const auto& terms = part.sight.terms;
    const double points = static_cast<double>(part.gridded ? part.sight.grid.size() : part.end - part.begin),
                 term_count = static_cast<double>(terms[0] * terms[1] * terms[2]),
                 frequencies = static_cast<double>(part.sight.frequencies);
    const double matrix = own_nodes * (own_nodes + 1) * bins,
                 by_transmits = points * 2 * own_nodes * transmits,
                 by_matrix = points * own_nodes * (own_nodes + 1) / 2 * 1.1 + (transmits + 2) * own_nodes * own_nodes;
    return std::min(term_count, points) * 2 * own_nodes * frequencies + (term_count < points ? points * term_count : 0) +
           5 * points + (cell.by_matrix || by_matrix < by_transmits ? matrix : 0);
  };
  double most = cell.inner.empty() ? sums(cell, nodes) : 0;
  for (const TreeCell& inner : cell.inner) {
    const double own = std::min(static_cast<double>(inner.sight.count.inside), nodes);
    most = std::max(most, sums(inner, own) + 2 * bins * own * 2 * transmits);
  }
  if (!cell.inner.empty()) most += 2 * bins * nodes + (cell.by_matrix ? nodes * (nodes + 1) * bins : 0);
  return weights + (spectra + most) * sizeof(T);
}

template class EchoCells<float>;
template class EchoCells<double>;

}  // namespace sonoforge
