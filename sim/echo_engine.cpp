#include "sim/echo_engine.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <mutex>
#include <numbers>
#include <numeric>

#include "core/fft.hpp"
#include "core/parallel.hpp"
#include "sim/echo_kernel.hpp"
#include "sim/echo_tree.hpp"
#include "sim/firing.hpp"
#include "sim/signal_grid.hpp"
#include "sim/vector_math.hpp"

namespace sonoforge {
namespace {

using Complex = std::complex<double>;
template <class T>
using Rows = Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
template <class T>
using ConstRows = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;

constexpr double two_pi = 2 * std::numbers::pi;
// What each approximation may use of the accuracy asked for. Left-out frequencies and tables cost what they are given;
// the bounds behind the expansions and the energy outside of the local records are seldom reached. The tests compare
// 500 random settings with engine exact.
constexpr double band_share = 0.05, table_share = 0.25, expansion_share = 1.5, leak_share = 0.5;
// A band that begins below this share of its highest frequency is taken to reach down to 0 Hz.
constexpr double lowest_share = 0.12;
constexpr double batch_memory = 64e6;    // of echoes on their way from cells to channels [bytes]
constexpr double record_memory = 1.5e9;  // of complex records of the transmits worked on together [bytes]

/// The band of frequencies with energy, and how long a pulse of that band lasts.
struct Band {
  double low = 0, high = 0;
  double reach = 0;  // before and behind the pulse's centre [s]
  double soft = 0;   // see weight
  double step = 0;   // of `before` [s]
  std::vector<double> before;  // share of the pulse's energy before each instant; its centre is in the middle

  double energy_before(double time) const {
    const double at =
        std::clamp(time / step + static_cast<double>(before.size()) / 2, 0.0, static_cast<double>(before.size() - 1));
    return before[static_cast<std::size_t>(at)];
  }

  /// A spectrum that reaches down to 0 Hz must not end there with a step, or its analytic signal would ring on. The
  /// echoes are 2 Re of the integral over all frequencies of weight * spectrum, with weight(f) + weight(-f) = 1.
  double weight(double f) const {
    if (f >= soft) return 1;
    if (f <= -soft) return 0;
    const double s = std::sin(std::numbers::pi / 4 * (1 + f / soft));
    return s * s;
  }
};

/// The spectrum of a real signal at any frequency, times the scattering law.
Complex spectrum_at(const EchoModel& model, double exponent, double f) {
  const double positive = std::max(std::abs(f), 1e-6 * model.highest);
  const Complex value = model.spectrum(positive) * std::pow(positive / model.reference_frequency, exponent);
  return f < 0 ? std::conj(value) : value;
}
Complex element_drive_at(const EchoModel& model, double f, std::size_t n) {
  const Complex value = model.element_drive(std::abs(f), n);
  return f < 0 ? std::conj(value) : value;
}

/// `ranges`: of the scatterers, nearest and farthest [m]; loss shifts the band of what comes back from there. The
/// energy left out stays below share^2 of all, for either.
Band find_band(const EchoModel& model, double exponent, std::array<double, 2> ranges, double share, double leak,
               std::size_t elements) {
  constexpr std::size_t steps = 8192;
  const double df = (model.highest - model.lowest) / steps;
  const auto spectrum = [&](double f, std::size_t n) {
    const Complex value = spectrum_at(model, exponent, f);
    return model.element_drive ? value * element_drive_at(model, f, n) : value;
  };
  const std::size_t drives = model.element_drive ? elements : 1;
  std::vector<double> energy(steps);
  parallel_blocks(steps, 64, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i)
      for (std::size_t n = 0; n < drives; ++n)
        energy[i] = std::max(energy[i], std::norm(spectrum(model.lowest + df * static_cast<double>(i + 1), n)));
  });
  std::size_t first = steps, last = 0;
  for (double range : ranges) {
    std::vector<double> left(steps);
    double smallest_loss = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < steps; ++i)
      if (energy[i] > 0)
        smallest_loss = std::min(smallest_loss, model.law.attenuation(model.lowest + df * static_cast<double>(i + 1)));
    double total = 0;
    for (std::size_t i = 0; i < steps; ++i) {
      const double loss = model.law.attenuation(model.lowest + df * static_cast<double>(i + 1)) - smallest_loss;
      total += left[i] = energy[i] * std::exp(-4 * loss * range);
    }
    if (!(total > 0)) return {};
    const double spare = share * share * total / 2;
    std::size_t low = 0, high = steps - 1;
    for (double sum = left[low]; sum <= spare; sum += left[++low]) {
    }
    for (double sum = left[high]; sum <= spare; sum += left[--high]) {
    }
    first = std::min(first, low), last = std::max(last, high);
  }
  Band band;
  band.low = model.lowest + df * static_cast<double>(std::max<std::size_t>(first, 1));
  band.high = model.lowest + df * static_cast<double>(last + 1);
  if (model.dimensions == 3 && band.low < lowest_share * band.high) {
    band.soft = lowest_share * band.high;
    band.low = -band.soft;
  }
  // The pulse of this band in time; energy beyond +-reach stays below leak^2 of all.
  const double width = std::max(band.high - band.low, df);
  double longest = 0;
  for (std::size_t n = 0; n < drives; ++n) {
    for (std::size_t count = 512;; count *= 2) {
      const std::size_t size = 4 * count;
      std::vector<Complex> bins(size), signal(size);
      for (std::size_t i = 0; i < count; ++i) {
        const double f = band.low + width * (static_cast<double>(i) + 0.5) / static_cast<double>(count);
        bins[i] = spectrum(f, n) * band.weight(f);
      }
      ComplexFft<double>(size).inverse(bins, signal);
      double total = 0, outside = 0;
      for (const Complex& v : signal) total += std::norm(v);
      // From the far ends of the period inwards.
      std::size_t distance = size / 2;
      while (distance > 0) {
        outside += std::norm(signal[distance]) + (distance == size / 2 ? 0.0 : std::norm(signal[size - distance]));
        if (outside > leak * leak * total) break;
        --distance;
      }
      const double step = static_cast<double>(count) / width / static_cast<double>(size);
      longest = std::max(longest, static_cast<double>(distance) * step);
      if (n == 0) {
        band.step = step;
        band.before.resize(size);
        double sum = 0;
        for (std::size_t i = 0; i < size; ++i) {
          sum += std::norm(signal[(i + size / 2) % size]);
          band.before[i] = sum / total;
        }
      }
      // Long pulses need a finer spectrum, or their ends would wrap.
      if (distance < size / 8 * 3 || count >= 65536) break;
    }
  }
  band.reach = longest;
  return band;
}

std::size_t round_bins(double wanted, std::size_t lanes) {
  const auto at_least = static_cast<std::size_t>(std::ceil(std::max(wanted, 2.0 * static_cast<double>(lanes))));
  for (std::size_t n = (at_least + lanes - 1) / lanes * lanes;; n += lanes)
    if (good_fft_size(n) == n) return n;
}

/// Tables that many cells share.
template <class T>
class Shared {
 public:
  Shared(const EchoModel& model, const std::vector<std::vector<Firing>>& firings, const Band& band, double low,
         double width)
      : model_(model), firings_(firings), band_(band), low_(low), width_(width) {}

  const FrequencyNodes& nodes(std::size_t count) {
    const std::lock_guard lock(mutex_);
    FrequencyNodes& nodes = nodes_[count];
    if (nodes.size() == 0) nodes = frequency_nodes(low_, low_ + width_, count, model_.law);
    return nodes;
  }
  /// [frequency][bin]
  const T* interpolation(std::size_t count, std::size_t bins) {
    const std::lock_guard lock(mutex_);
    std::vector<T>& matrix = interpolations_[{count, bins}];
    if (matrix.empty()) {
      matrix.resize(count * bins);
      std::vector<double> weights(count);
      for (std::size_t b = 0; b < bins; ++b) {
        chebyshev_weights(count, 2 * static_cast<double>(b) / static_cast<double>(bins) - 1, weights.data());
        for (std::size_t m = 0; m < count; ++m) matrix[m * bins + b] = static_cast<T>(weights[m]);
      }
    }
    return matrix.data();
  }
  /// sum over laws of weight exp(-i 2 pi f delay), times the element's own drive: [transmit][firing][re, im][bin].
  const std::vector<std::vector<T>>& drives(std::size_t bins) {
    Drives* drives;
    {
      const std::lock_guard lock(mutex_);
      drives = &drives_[bins];
    }
    std::call_once(drives->once, [&] {
      const double df = width_ / static_cast<double>(bins);
      for (const auto& firings : firings_) {
        std::vector<T> table(firings.size() * 2 * bins);
        std::vector<T> re(bins), im(bins);
        for (std::size_t i = 0; i < firings.size(); ++i) {
          T* const out = table.data() + i * 2 * bins;
          for (const auto& [delay, weight] : firings[i].delays_and_weights) {
            phasor_row<T>(-low_ * delay, -df * delay, bins, re.data(), im.data());
            for (std::size_t b = 0; b < bins; ++b) {
              out[b] += static_cast<T>(weight) * re[b];
              out[bins + b] += static_cast<T>(weight) * im[b];
            }
          }
          if (model_.element_drive)
            for (std::size_t b = 0; b < bins; ++b) {
              const Complex value = Complex(out[b], out[bins + b]) *
                                    element_drive_at(model_, low_ + df * static_cast<double>(b), firings[i].element);
              out[b] = static_cast<T>(value.real()), out[bins + b] = static_cast<T>(value.imag());
            }
        }
        drives->tables.push_back(std::move(table));
      }
    });
    return drives->tables;
  }
  /// The common spectrum times the scattering law, and the wave law at each bin.
  struct Bins {
    std::once_flag once;
    std::vector<Complex> spectrum;         // times df
    std::vector<double> turns_rest, loss;  // k / 2 pi - f / c and a at each bin
  };
  const Bins& bins(std::size_t count, double exponent) {
    Bins* bins;
    {
      const std::lock_guard lock(mutex_);
      bins = &bins_[{count, exponent}];
    }
    std::call_once(bins->once, [&] {
      const double df = width_ / static_cast<double>(count);
      for (std::size_t b = 0; b < count; ++b) {
        const double f = low_ + df * static_cast<double>(b);
        const bool inside = f <= band_.high * (1 + 1e-9);
        bins->spectrum.push_back(inside ? spectrum_at(model_, exponent, f) * band_.weight(f) * df : 0);
        bins->turns_rest.push_back(model_.law.wavenumber(f) / two_pi - f / model_.law.sound_speed);
        bins->loss.push_back(model_.law.attenuation(f));
      }
    });
    return *bins;
  }

 private:
  struct Drives {
    std::once_flag once;
    std::vector<std::vector<T>> tables;
  };
  const EchoModel& model_;
  const std::vector<std::vector<Firing>>& firings_;
  Band band_;
  double low_, width_;
  std::mutex mutex_;
  std::map<std::size_t, FrequencyNodes> nodes_;
  std::map<std::pair<std::size_t, std::size_t>, std::vector<T>> interpolations_;
  std::map<std::size_t, Drives> drives_;
  std::map<std::pair<std::size_t, double>, Bins> bins_;
};

/// The echoes of one cell on its way to the channels. Kept from cell to cell: memory is taken once.
template <class T>
struct CellEchoes {
  std::size_t bins = 0;
  std::vector<std::int64_t> starts;      // [transmit][element] sample of the complex record; `none`: no echo there
  std::vector<std::complex<T>> samples;  // [transmit][element][bin], where there is an echo
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::min();
};

/// Objects that threads borrow and give back.
template <class Item>
class Pool {
 public:
  std::unique_ptr<Item> take() {
    const std::lock_guard lock(mutex_);
    if (items_.empty()) return std::make_unique<Item>();
    auto item = std::move(items_.back());
    items_.pop_back();
    return item;
  }
  void give(std::unique_ptr<Item> item) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::move(item));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Item>> items_;
};

template <class T>
class EchoEngine {
 public:
  EchoEngine(const EchoModel& model, const Aperture& aperture, const SmoothResponse& response, const Band& band,
             std::span<const Transmit> transmits, std::span<const double> scales, const EchoRecord& record,
             const EchoTree& tree)
      : model_(model),
        aperture_(aperture),
        response_(response),
        band_(band),
        scales_(scales),
        record_(record),
        tree_(tree),
        elements_(aperture.frames().size()) {
    for (const Transmit& transmit : transmits) firings_.push_back(firings_of(transmit, elements_));
    // Any echo that touches the record lies wholly inside of the complex record around it.
    const double fs = record.sampling_rate;
    const double margin = tree.longest_echo() + 16 / fs;
    grid_ = std::make_unique<SignalGrid>(fs, static_cast<double>(record.samples) / fs + 2 * margin);
    const double spacing = grid_->spacing();
    first_bin_ = static_cast<std::ptrdiff_t>(std::floor(band.low / spacing));
    if (band.low > 0) first_bin_ = std::max<std::ptrdiff_t>(first_bin_, 1);
    const auto top = static_cast<std::ptrdiff_t>(std::ceil(band.high / spacing));
    length_ = good_fft_size(static_cast<std::size_t>(top - first_bin_ + 2));
    low_ = static_cast<double>(first_bin_) * spacing;
    width_ = static_cast<double>(length_) * spacing;
    origin_ = record.start - margin;
    shared_ = std::make_unique<Shared<T>>(model_, firings_, band_, low_, width_);
    records_.assign(firings_.size() * elements_ * length_, {});
  }

  static double bytes_per_transmit(const Band& band, double seconds, std::size_t elements) {
    return (band.high - band.low) * 1.1 * seconds * static_cast<double>(elements) * 2 * sizeof(T);
  }

  void run(const std::function<void(std::size_t)>& done) {
    const std::size_t transmits = firings_.size();
    const auto& cells = tree_.cells();
    std::vector<CellEchoes<T>> echoes;
    for (std::size_t first = 0; first < cells.size();) {
      // Cells until their echoes fill the memory meant for them.
      std::size_t last = first, scatterers = 0;
      double bytes = 0;
      while (last < cells.size() && (last == first || bytes < batch_memory)) {
        bytes += cells[last].duration * width_ * static_cast<double>(transmits * elements_) * 2 * sizeof(T);
        scatterers += cells[last].end - cells[last].begin;
        ++last;
      }
      if (echoes.size() < last - first) echoes.resize(last - first);
      parallel_for(last - first, [&](std::size_t i) {
        auto scratch = scratches_.take();
        if (!scratch->response) scratch->response = response_.workspace();
        cell_echoes(cells[first + i], *scratch, echoes[i]);
        scratches_.give(std::move(scratch));
      });
      // Each channel adds the cells in their order.
      parallel_for(transmits * elements_, [&](std::size_t channel) {
        std::complex<T>* const record = records_.data() + channel * length_;
        for (std::size_t i = 0; i < last - first; ++i) {
          const auto& echo = echoes[i];
          if (echo.bins == 0 || echo.starts[channel] == CellEchoes<T>::none) continue;
          const std::complex<T>* const samples = echo.samples.data() + channel * echo.bins;
          std::complex<T>* const at = record + echo.starts[channel];
          for (std::size_t b = 0; b < echo.bins; ++b) at[b] += samples[b];
        }
      });
      done(scatterers);
      first = last;
    }
  }

  void write(const std::function<std::span<float>(std::size_t, std::size_t)>& out) const {
    const ComplexFft<T> fft(length_);
    const double spacing = grid_->spacing();
    parallel_for(firings_.size() * elements_, [&](std::size_t channel) {
      const std::span<const std::complex<T>> record(records_.data() + channel * length_, length_);
      std::vector<std::complex<T>> bins(length_);
      fft.forward(record, bins);
      const std::ptrdiff_t lowest = std::max<std::ptrdiff_t>(first_bin_, 0);
      std::vector<Complex> spectrum(
          static_cast<std::size_t>(first_bin_ + static_cast<std::ptrdiff_t>(length_) - lowest));
      for (std::size_t k = 0; k < length_; ++k) {
        // Demodulated records hold the phase of their own frequencies alone.
        const double turns = -static_cast<double>(k) * spacing * origin_;
        Complex value = Complex(bins[k]) / width_ * std::polar(1.0, two_pi * (turns - std::nearbyint(turns)));
        const std::ptrdiff_t bin = first_bin_ + static_cast<std::ptrdiff_t>(k);
        if (bin == 0) value *= 2;  // synthesize counts the bin at 0 Hz by half
        spectrum[static_cast<std::size_t>(std::abs(bin) - lowest)] += bin < 0 ? std::conj(value) : value;
      }
      std::vector<double> samples(record_.samples);
      grid_->synthesize(spectrum, static_cast<std::size_t>(lowest), record_.start, samples);
      const std::span<float> target = out(channel / elements_, channel % elements_);
      for (std::size_t i = 0; i < samples.size(); ++i) target[i] += static_cast<float>(samples[i]);
    });
  }

 private:
  struct Scratch {
    std::unique_ptr<SmoothResponse::Workspace> response;
    EchoWorkspace<T> echoes;
    EchoCell<T> cell;
    std::vector<T> phasors, sent, drive, echo, matrix, received, basis, row;
    std::vector<EchoPoint<T>> points;
    SpreadWorkspace<T> spread;
    std::vector<double> real, imaginary;
  };

  void cell_echoes(const TreeCell& cell, Scratch& scratch, CellEchoes<T>& result) {
    result.bins = 0;
    scratch.points.clear();
    const std::size_t transmits = firings_.size();
    const CellSight sight = tree_.sight(cell.box);
    const ApertureNodes nodes =
        aperture_.nodes(cell.box, tree_.wavenumber(), tree_.tolerance(), sight.extra_span, !sight.smooth);
    if (nodes.elements.empty()) return;
    const double c = model_.law.sound_speed;

    // Distances and times.
    std::vector<double> ranges(elements_), reach(elements_);
    for (std::size_t n : nodes.elements) {
      const Vec3 d = cell.box.centre - aperture_.frames()[n].position;
      ranges[n] = norm(d);
      reach[n] = (std::abs(d.x) * cell.box.half.x + std::abs(d.y) * cell.box.half.y + std::abs(d.z) * cell.box.half.z) /
                 std::max(ranges[n], 1e-12);
      reach[n] = std::min(std::max(reach[n], cell.box.radius() * 0.1), cell.box.radius());
    }
    std::vector<bool> seen(elements_, false);
    double receive_reach = 0, farthest = 0;
    for (std::size_t n : nodes.elements)
      seen[n] = true, receive_reach = std::max(receive_reach, reach[n]), farthest = std::max(farthest, ranges[n]);
    const double early = farthest * (model_.earliest_slowness - 1 / c),
                 late = farthest * (model_.latest_slowness - 1 / c);
    std::vector<double> centres(transmits);
    double longest = 0;
    for (std::size_t t = 0; t < transmits; ++t) {
      double first = std::numeric_limits<double>::infinity(), last = -first;
      for (const Firing& firing : firings_[t]) {
        const std::size_t n = firing.element;
        if (!seen[n]) continue;
        for (const auto& [delay, weight] : firing.delays_and_weights) {
          first = std::min(first, delay + (ranges[n] - reach[n]) / c);
          last = std::max(last, delay + (ranges[n] + reach[n]) / c);
        }
      }
      if (!(first <= last)) {
        centres[t] = std::numeric_limits<double>::quiet_NaN();
        continue;
      }
      first += (2 * sight.least_extra - receive_reach) / c + 2 * early;
      last += (2 * sight.most_extra + receive_reach) / c + 2 * late;
      centres[t] = (first + last) / 2;
      longest = std::max(longest, last - first + 2 * band_.reach);
    }
    if (longest == 0) return;
    const std::size_t bins = round_bins(longest * width_, EchoCell<T>::lanes);
    const double df = width_ / static_cast<double>(bins);

    // Where each channel's echo stands in its record; which transmits are heard at all.
    auto& starts = result.starts;
    starts.assign(transmits * elements_, CellEchoes<T>::none);
    const double record_end = record_.start + static_cast<double>(record_.samples) / record_.sampling_rate;
    std::vector<std::size_t> heard;
    for (std::size_t t = 0; t < transmits; ++t) {
      if (std::isnan(centres[t])) continue;
      bool any = false;
      for (std::size_t n : nodes.elements) {
        const double delay = record_.receive_delays.empty() ? 0 : record_.receive_delays[n];
        const double centre = centres[t] + ranges[n] / c + delay, half = static_cast<double>(bins) / width_ / 2;
        if (centre - half >= record_end || centre + half <= record_.start) continue;
        const double start = std::nearbyint((centre - origin_) * width_) - static_cast<double>(bins / 2);
        if (start < 0 || start + static_cast<double>(bins) > static_cast<double>(length_)) continue;
        starts[t * elements_ + n] = static_cast<std::int64_t>(start);
        any = true;
      }
      if (any) heard.push_back(t);
    }
    if (heard.empty()) return;

    EchoCell<T>& work = scratch.cell;
    prepare(cell, sight, nodes, bins, work, scratch);
    const std::size_t row = work.row(), count = nodes.elements.size();

    // Waves between elements and the cell's centre: exp(-i 2 pi f R / c), and what dispersion and loss add.
    const auto& table = shared_->bins(bins, tree_.exponent());
    scratch.phasors.resize(count * row);
    std::vector<T> rest_re(bins), rest_im(bins);
    const auto rest = [&](double range) {
      for (std::size_t b = 0; b < bins; ++b) {
        double cosine, sine;
        cis_turns(-table.turns_rest[b] * (range + sight.shift), cosine, sine);
        const double loss = exp_bounded(-table.loss[b] * range);
        rest_re[b] = static_cast<T>(loss * cosine), rest_im[b] = static_cast<T>(loss * sine);
      }
    };
    const auto multiply = [bins](T* re, T* im, const T* x, const T* y) {
#pragma omp simd
      for (std::size_t b = 0; b < bins; ++b) {
        const T turned = re[b] * x[b] - im[b] * y[b];
        im[b] = re[b] * y[b] + im[b] * x[b];
        re[b] = turned;
      }
    };
    for (std::size_t i = 0; i < count; ++i) {
      const double time = (ranges[nodes.elements[i]] + sight.shift) / c;
      T* const out = scratch.phasors.data() + i * row;
      phasor_row<T>(-low_ * time, -df * time, bins, out, out + bins);
    }
    std::vector<T> rests;
    if (!model_.law.lossless) {
      rests.resize(count * row);
      for (std::size_t i = 0; i < count; ++i) {
        rest(ranges[nodes.elements[i]]);
        std::copy_n(rest_re.data(), bins, rests.data() + i * row);
        std::copy_n(rest_im.data(), bins, rests.data() + i * row + bins);
        multiply(scratch.phasors.data() + i * row, scratch.phasors.data() + i * row + bins, rest_re.data(),
                 rest_im.data());
      }
    }

    // What the nodes send: drives times waves, gathered at the nodes.
    const std::size_t width = work.nodes * row;
    scratch.drive.assign(heard.size() * width, 0);
    scratch.echo.assign(heard.size() * width, 0);
    const auto& drives = shared_->drives(bins);
    std::vector<std::size_t> place(elements_, count);
    for (std::size_t i = 0; i < count; ++i) place[nodes.elements[i]] = i;
    std::vector<float> weights;
    for (std::size_t h = 0; h < heard.size(); ++h) {
      const auto& firings = firings_[heard[h]];
      T* const drive = scratch.drive.data() + h * width;
      scratch.sent.clear(), weights.clear();
      std::size_t sending = 0;
      for (std::size_t i = 0; i < firings.size(); ++i) {
        const std::size_t at = place[firings[i].element];
        if (at == count) continue;
        scratch.sent.resize((sending + 1) * row);
        T* const out = scratch.sent.data() + sending * row;
        std::copy_n(drives[heard[h]].data() + i * row, row, out);
        multiply(out, out + bins, scratch.phasors.data() + at * row, scratch.phasors.data() + at * row + bins);
        if (nodes.weights.empty())
          std::copy_n(out, row, drive + at * row);
        else
          weights.insert(weights.end(), nodes.weights.begin() + static_cast<std::ptrdiff_t>(at * work.nodes),
                         nodes.weights.begin() + static_cast<std::ptrdiff_t>((at + 1) * work.nodes));
        ++sending;
      }
      if (!nodes.weights.empty()) {
        const ConstRows<float> w(weights.data(), static_cast<Eigen::Index>(sending),
                                 static_cast<Eigen::Index>(work.nodes));
        const ConstRows<T> x(scratch.sent.data(), static_cast<Eigen::Index>(sending), static_cast<Eigen::Index>(row));
        Rows<T>(drive, static_cast<Eigen::Index>(work.nodes), static_cast<Eigen::Index>(row)).noalias() =
            w.template cast<T>().transpose() * x;
      }
      // The common spectrum, and time counted from the arrival at the cell.
      scratch.row.resize(row);
      phasor_row<T>(low_ * centres[heard[h]], df * centres[heard[h]], bins, scratch.row.data(),
                    scratch.row.data() + bins);
      for (std::size_t b = 0; b < bins; ++b) {
        const Complex value = table.spectrum[b] * scales_[heard[h]] * Complex(scratch.row[b], scratch.row[bins + b]);
        scratch.row[b] = static_cast<T>(value.real()), scratch.row[bins + b] = static_cast<T>(value.imag());
      }
      for (std::size_t j = 0; j < work.nodes; ++j)
        multiply(drive + j * row, drive + j * row + bins, scratch.row.data(), scratch.row.data() + bins);
    }

    sum_over_scatterers(work, heard.size(), scratch);

    // Back to the elements, each with the time origin of its own record.
    result.bins = bins;
    if (result.samples.size() < transmits * elements_ * bins) result.samples.resize(transmits * elements_ * bins);
    const ComplexFft<T> fft(bins);
    std::vector<std::complex<T>> spectrum(bins);
    for (std::size_t h = 0; h < heard.size(); ++h) {
      const std::size_t t = heard[h];
      const T* received = scratch.echo.data() + h * width;
      if (!nodes.weights.empty()) {
        scratch.received.resize(count * row);
        const ConstRows<float> w(nodes.weights.data(), static_cast<Eigen::Index>(count),
                                 static_cast<Eigen::Index>(work.nodes));
        const ConstRows<T> e(received, static_cast<Eigen::Index>(work.nodes), static_cast<Eigen::Index>(row));
        Rows<T>(scratch.received.data(), static_cast<Eigen::Index>(count), static_cast<Eigen::Index>(row)).noalias() =
            w.template cast<T>() * e;
        received = scratch.received.data();
      }
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t n = nodes.elements[i];
        const std::int64_t start = result.starts[t * elements_ + n];
        if (start == CellEchoes<T>::none) continue;
        const double delay = record_.receive_delays.empty() ? 0 : record_.receive_delays[n];
        const double begins = origin_ + static_cast<double>(start) / width_;
        const double time = centres[t] + (ranges[n] + sight.shift) / c + delay - begins;
        // The record is demodulated by the lowest frequency.
        const double demodulation = low_ * begins;
        phasor_row<T>(-low_ * time - (demodulation - std::nearbyint(demodulation)), -df * time, bins,
                      scratch.row.data(), scratch.row.data() + bins);
        if (!model_.law.lossless)
          multiply(scratch.row.data(), scratch.row.data() + bins, rests.data() + i * row,
                   rests.data() + i * row + bins);
        const T *x = received + i * row, *y = x + bins;
        for (std::size_t b = 0; b < bins; ++b)
          spectrum[b] = {x[b] * scratch.row[b] - y[b] * scratch.row[bins + b],
                         x[b] * scratch.row[bins + b] + y[b] * scratch.row[b]};
        fft.inverse(spectrum, std::span(result.samples.data() + (t * elements_ + n) * bins, bins));
      }
    }
  }

  void prepare(const TreeCell& cell, const CellSight& sight, const ApertureNodes& nodes, std::size_t bins,
               EchoCell<T>& work, Scratch& scratch) {
    constexpr std::size_t lanes = EchoCell<T>::lanes;
    work.nodes = nodes.frames.size();
    work.bins = bins;
    work.padded = (work.nodes + lanes - 1) / lanes * lanes;
    for (auto* v : {&work.dx, &work.dy, &work.dz}) v->assign(work.padded, 0);
    work.range.assign(work.padded, 1);
    for (std::size_t j = 0; j < work.nodes; ++j) {
      const Vec3 d = cell.box.centre - nodes.frames[j].position;
      work.dx[j] = static_cast<T>(d.x), work.dy[j] = static_cast<T>(d.y), work.dz[j] = static_cast<T>(d.z);
      work.range[j] = static_cast<T>(norm(d));
    }
    // k and a as straight lines over the band; what they leave goes to the frequency nodes.
    const double top = low_ + width_, f0 = low_;
    const double k0 = model_.law.wavenumber(f0) / two_pi,
                 k1 = (model_.law.wavenumber(top) / two_pi - k0) / static_cast<double>(bins);
    const double a0 = model_.law.attenuation(f0), a1 = (model_.law.attenuation(top) - a0) / static_cast<double>(bins);
    work.turns0 = static_cast<T>(k0), work.turns1 = static_cast<T>(k1);
    work.loss0 = static_cast<T>(a0), work.loss1 = static_cast<T>(a1);
    work.lossy = !model_.law.lossless;
    work.rest_turns.clear(), work.rest_loss.clear();
    work.terms = 0;
    work.frequencies = sight.frequencies;
    const FrequencyNodes& frequencies = shared_->nodes(work.frequencies);
    work.interpolation = shared_->interpolation(work.frequencies, bins);
    if (work.lossy) {
      for (std::size_t m = 0; m < frequencies.size(); ++m) {
        const double at = (frequencies.frequency[m] - f0) / width_ * static_cast<double>(bins);
        work.rest_turns.push_back(static_cast<T>(frequencies.wavenumber[m] / two_pi - (k0 + k1 * at)));
        work.rest_loss.push_back(static_cast<T>(frequencies.attenuation[m] - (a0 + a1 * at)));
      }
      // Nothing left where k and a are straight lines over the cell's size.
      double largest = 0;
      for (std::size_t m = 0; m < frequencies.size(); ++m)
        largest = std::max(largest, std::hypot(two_pi * static_cast<double>(work.rest_turns[m]),
                                               static_cast<double>(work.rest_loss[m])));
      if (largest * cell.box.radius() < 0.02 * tree_.tolerance()) work.rest_turns.clear(), work.rest_loss.clear();
    }

    const auto positions = tree_.positions(cell);
    const auto strengths = tree_.strengths(cell);
    if (cell.gridded)
      spread<T>(cell.box, sight.grid, positions, strengths, scratch.spread, scratch.points);
    else
      for (std::size_t s = 0; s < positions.size(); ++s) {
        const Vec3 d = positions[s] - cell.box.centre;
        scratch.points.push_back(
            {static_cast<T>(d.x), static_cast<T>(d.y), static_cast<T>(d.z), static_cast<T>(strengths[s]), 0});
      }
    const auto& points = scratch.points;
    // Amplitudes at the Chebyshev points of the box, or at the scatterers themselves where those are fewer.
    const auto& counts = sight.terms;
    const std::size_t terms = counts[0] * counts[1] * counts[2];
    std::vector<Vec3> places;
    // Beside the face of an element its response has a kink, or jumps.
    const bool beside =
        !sight.smooth || std::any_of(nodes.frames.begin(), nodes.frames.end(), [&](const ElementFrame& frame) {
          return std::abs(dot(cell.box.centre - frame.position, frame.normal)) <= cell.box.radius();
        });
    if (terms < points.size() && !beside) {
      work.terms = terms;
      for (std::size_t z = 0; z < counts[2]; ++z)
        for (std::size_t y = 0; y < counts[1]; ++y)
          for (std::size_t x = 0; x < counts[0]; ++x)
            places.push_back(cell.box.centre + Vec3{cell.box.half.x * chebyshev_point(counts[0], x),
                                                    cell.box.half.y * chebyshev_point(counts[1], y),
                                                    cell.box.half.z * chebyshev_point(counts[2], z)});
      scratch.basis.resize(points.size() * terms);
      std::vector<double> wx(counts[0]), wy(counts[1]), wz(counts[2]);
      for (std::size_t s = 0; s < points.size(); ++s) {
        const auto relative = [](double value, double half) { return half > 0 ? value / half : 0; };
        chebyshev_weights(counts[0], relative(points[s].x, cell.box.half.x), wx.data());
        chebyshev_weights(counts[1], relative(points[s].y, cell.box.half.y), wy.data());
        chebyshev_weights(counts[2], relative(points[s].z, cell.box.half.z), wz.data());
        T* out = scratch.basis.data() + s * terms;
        for (double z : wz)
          for (double y : wy)
            for (double x : wx) *out++ = static_cast<T>(x * y * z);
      }
    } else {
      for (const auto& p : points)
        places.push_back(cell.box.centre +
                         Vec3{static_cast<double>(p.x), static_cast<double>(p.y), static_cast<double>(p.z)});
    }
    const std::size_t count = work.frequencies;
    scratch.real.resize(count), scratch.imaginary.resize(count);
    work.amplitudes.resize(places.size() * work.nodes * count * 2);
    std::vector<Complex> turns;
    for (double k : frequencies.wavenumber) turns.push_back(std::polar(1.0, k * sight.shift));
    T* out = work.amplitudes.data();
    for (const Vec3& place : places)
      for (std::size_t j = 0; j < work.nodes; ++j) {
        response_.amplitudes(nodes.kinds[j], nodes.frames[j], place, frequencies, *scratch.response,
                             scratch.real.data(), scratch.imaginary.data());
        // Counted from the middle of the paths of an element's parts, A varies least over frequency.
        for (std::size_t m = 0; m < count; ++m) {
          const Complex value = Complex(scratch.real[m], scratch.imaginary[m]) * turns[m];
          *out++ = static_cast<T>(value.real()), *out++ = static_cast<T>(value.imag());
        }
      }
  }

  void sum_over_scatterers(const EchoCell<T>& work, std::size_t transmits, Scratch& scratch) const {
    const std::span<const EchoPoint<T>> points(scratch.points);
    const std::size_t width = work.nodes * work.row();
    // Either way counts complex multiply-adds a bin.
    const double n = static_cast<double>(points.size()), j = static_cast<double>(work.nodes),
                 t = static_cast<double>(transmits);
    const double one_by_one = n * 2 * j * t, by_matrix = n * j * (j + 1) / 2 * 1.2 + t * j * j;
    if (one_by_one <= by_matrix) {
      add_echoes<T>(work, points, scratch.basis.data(), transmits, scratch.drive.data(), scratch.echo.data(),
                    scratch.echoes);
      return;
    }
    scratch.matrix.assign(work.nodes * (work.nodes + 1) / 2 * work.row(), 0);
    add_cell_matrix<T>(work, points, scratch.basis.data(), scratch.matrix.data(), scratch.echoes);
    for (std::size_t h = 0; h < transmits; ++h)
      apply_cell_matrix<T>(work, scratch.matrix.data(), scratch.drive.data() + h * width,
                           scratch.echo.data() + h * width);
  }

  const EchoModel& model_;
  const Aperture& aperture_;
  const SmoothResponse& response_;
  Band band_;
  std::span<const double> scales_;
  const EchoRecord& record_;
  const EchoTree& tree_;
  std::size_t elements_;
  std::vector<std::vector<Firing>> firings_;
  std::unique_ptr<SignalGrid> grid_;
  std::ptrdiff_t first_bin_ = 0;  // of the grid; negative where the band reaches down to 0 Hz
  std::size_t length_ = 0;
  double low_ = 0, width_ = 0, origin_ = 0;
  std::unique_ptr<Shared<T>> shared_;
  Pool<Scratch> scratches_;
  std::vector<std::complex<T>> records_;  // [transmit][element][sample], demodulated by low_
};

/// Bounds of the distances of scatterers from the probe [m].
std::array<double, 2> ranges_of(std::span<const Vec3> positions, const Probe& probe) {
  Vec3 middle;
  double extent = 0;
  for (const Element& element : probe.elements) middle = middle + element.position / static_cast<double>(probe.size());
  for (const Element& element : probe.elements) extent = std::max(extent, norm(element.position - middle));
  double nearest = std::numeric_limits<double>::infinity(), farthest = 0;
  for (const Vec3& position : positions) {
    const double distance = norm(position - middle);
    nearest = std::min(nearest, distance), farthest = std::max(farthest, distance);
  }
  return {std::max(nearest - extent, 0.0), farthest + extent};
}

/// How much of the energy of the echoes falls into the record: of some scatterers, transmits and elements.
double recorded_share(const EchoModel& model, const Band& band, const ScattererGroup& group,
                      std::span<const Transmit> transmits, const EchoRecord& record) {
  constexpr std::size_t some = 48, few = 8;
  const auto& elements = model.probe->elements;
  const double c = model.law.sound_speed,
               end = record.start + static_cast<double>(record.samples) / record.sampling_rate;
  const auto stride = [](std::size_t n, std::size_t count) { return std::max<std::size_t>(1, n / count); };
  double all = 0, recorded = 0;
  for (std::size_t t = 0; t < transmits.size(); t += stride(transmits.size(), few)) {
    const auto firings = firings_of(transmits[t], elements.size());
    for (std::size_t s = 0; s < group.positions.size(); s += stride(group.positions.size(), some))
      for (std::size_t i = 0; i < firings.size(); i += stride(firings.size(), few)) {
        const double out = norm(group.positions[s] - elements[firings[i].element].position);
        for (std::size_t m = 0; m < elements.size(); m += stride(elements.size(), few)) {
          const double back = norm(group.positions[s] - elements[m].position);
          const double delay = record.receive_delays.empty() ? 0 : record.receive_delays[m];
          const double arrival = firings[i].delays_and_weights.front().first + (out + back) / c + delay;
          const double spread = model.dimensions == 3 ? out * back * out * back : out * back;
          const double energy = group.strengths[s] * group.strengths[s] / std::max(spread, 1e-18);
          all += energy;
          recorded += energy * (band.energy_before(end - arrival) - band.energy_before(record.start - arrival));
        }
      }
  }
  return all > 0 ? recorded / all : 1;
}

/// What is left out of the band, and wraps around the short records, may fall into the record where most echoes do
/// not: it must be small beside what is recorded.
Band band_of(const EchoModel& model, const ScattererGroup& group, std::span<const Transmit> transmits,
             const EchoRecord& record, double accuracy) {
  const auto ranges = ranges_of(group.positions, *model.probe);
  const auto band = [&](double part) {
    return find_band(model, group.exponent, ranges, band_share * part * accuracy, leak_share * part * accuracy,
                     model.probe->size());
  };
  constexpr double most = 0.5, least = 1e-6;  // below that the tails of distant echoes alone are recorded
  Band first = band(1);
  if (!(first.high > first.low)) return first;
  const double share = recorded_share(model, first, group, transmits, record);
  return share > most ? first : band(std::sqrt(std::max(share, least)));
}

}  // namespace

std::string why_not_fast(const EchoModel& model, std::span<const ScattererGroup> groups,
                         std::span<const Transmit> transmits, const EchoRecord& record, double accuracy) {
  for (const ScattererGroup& group : groups) {
    if (group.positions.empty()) continue;
    const Band band = band_of(model, group, transmits, record, accuracy);
    if (model.dimensions == 2 && band.low < lowest_share * band.high)
      return "cylindrical waves of frequencies down to 0 Hz have no short echoes";
    if (band.soft > 0 && !model.law.lossless && accuracy < 5e-3)
      return "loss is not smooth at 0 Hz, down to which the pulse reaches";
  }
  return {};
}

void add_fast_echoes(const EchoModel& model, std::span<const ScattererGroup> groups,
                     std::span<const Transmit> transmits, std::span<const double> scales, const EchoRecord& record,
                     double accuracy, const std::function<void(std::size_t)>& done,
                     const std::function<std::span<float>(std::size_t, std::size_t)>& out) {
  const Aperture aperture(*model.probe, model.dimensions);
  const std::size_t elements = aperture.frames().size();
  for (const ScattererGroup& group : groups) {
    if (group.positions.empty()) continue;
    const Band band = band_of(model, group, transmits, record, accuracy);
    if (!(band.high > band.low)) continue;
    // Terms fall off fast at high accuracy: a smaller share costs little there.
    const double tolerance = (accuracy < 1e-4 ? 0.03 : (accuracy < 1e-3 ? 0.2 : 1)) * expansion_share * accuracy;
    const double points = static_cast<double>(group.positions.size()) * static_cast<double>(elements);
    // The band of a record is a little wider, up to whole steps of its frequencies.
    const double widened = band.high + 0.1 * (band.high - band.low);
    const auto response =
        model.response(aperture, band.low - 0.02 * std::abs(band.low), widened, table_share * accuracy, points);
    for (std::size_t first = 0; first < transmits.size();) {
      // As many transmits together as memory allows.
      const double seconds = 2 * static_cast<double>(record.samples) / record.sampling_rate;
      const double bytes = EchoEngine<double>::bytes_per_transmit(band, seconds, elements);
      const auto count =
          std::min(transmits.size() - first, static_cast<std::size_t>(std::max(1.0, record_memory / bytes)));
      const auto part = transmits.subspan(first, count);
      const EchoTree tree(model, aperture, *response, group, part, {band.low, band.high, band.reach, tolerance});
      const auto run = [&](auto engine) {
        engine.run(done);
        engine.write([&](std::size_t t, std::size_t n) { return out(first + t, n); });
      };
      if (accuracy >= 5e-5)
        run(EchoEngine<float>(model, aperture, *response, band, part, scales.subspan(first, count), record, tree));
      else
        run(EchoEngine<double>(model, aperture, *response, band, part, scales.subspan(first, count), record, tree));
      first += count;
    }
  }
}

}  // namespace sonoforge
