#include "sim/echo_engine.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>
#include <numbers>

#include "core/fft.hpp"
#include "core/parallel.hpp"
#include "sim/echo_band.hpp"
#include "sim/echo_cells.hpp"
#include "sim/echo_tree.hpp"
#include "sim/firing.hpp"
#include "sim/memory_limit.hpp"
#include "sim/signal_grid.hpp"

namespace sonoforge {
namespace {

using Complex = std::complex<double>;
constexpr double two_pi = 2 * std::numbers::pi;
// What each approximation may use of the accuracy asked for; the band has its own (echo_band.cpp). Left-out frequencies
// and tables cost what they are given; the bounds behind the expansions and the energy outside of the local records are
// seldom reached. The tests compare 500 random settings with engine exact.
constexpr double table_share = 0.25, expansion_share = 1.5;

/// The band of a record is a little wider, up to whole steps of its frequencies.
double highest_of(const EchoBand& band) {
  return band.high + 0.1 * (band.high - band.low);
}

// Where few scatterers share large cells, phases in single precision cost up to 2.5e-4.
constexpr double single_precision = 5e-4;

constexpr double batch_memory = 64e6;    // of echoes on their way from cells to channels [bytes]
constexpr double record_memory = 1.5e9;  // of complex records of the transmits worked on together [bytes]

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
  EchoEngine(const EchoModel& model, const Aperture& aperture, const SmoothResponse& response, const EchoBand& band,
             std::span<const Transmit> transmits, std::span<const double> scales, const EchoRecord& record,
             const EchoTree& tree)
      : response_(response), record_(record), tree_(tree), elements_(aperture.frames().size() / aperture.strips()) {
    for (const Transmit& transmit : transmits) firings_.push_back(firings_of(transmit, elements_));
    // Any echo that touches the record lies wholly inside of the complex record around it.
    const double fs = record.sampling_rate;
    const double margin = tree.longest_echo() + 16 / fs;
    check_memory(band, margin);
    fine_ = std::make_unique<SignalGrid>(fs, static_cast<double>(record.samples) / fs + 2 * margin);
    const double spacing = fine_->spacing();
    first_bin_ = static_cast<std::ptrdiff_t>(std::floor(band.low / spacing));
    if (band.low > 0) first_bin_ = std::max<std::ptrdiff_t>(first_bin_, 1);
    const auto top = static_cast<std::ptrdiff_t>(std::ceil(band.high / spacing));
    grid_.length = good_fft_size(static_cast<std::size_t>(top - first_bin_ + 2));
    grid_.low = static_cast<double>(first_bin_) * spacing;
    grid_.width = static_cast<double>(grid_.length) * spacing;
    grid_.origin = record.start - margin;
    work_ = std::make_unique<EchoCells<T>>(model, aperture, response, band, firings_, scales, record_, tree, grid_);
    records_.assign(firings_.size() * elements_ * grid_.length, {});
  }

  static double bytes_per_transmit(const EchoBand& band, double seconds, std::size_t elements) {
    return (band.high - band.low) * 1.1 * seconds * static_cast<double>(elements) * 2 * sizeof(T);
  }

  void run(const std::function<void(std::size_t)>& done) {
    const std::size_t transmits = firings_.size();
    const auto& cells = tree_.cells();
    std::vector<CellEchoes<T>> echoes;
    for (std::size_t first = 0; first < cells.size();) {
      // Cells until their echoes fill the memory meant for them; as many as may be worked out at the same time.
      std::size_t last = first;
      double bytes = 0, most_scratch = 0;
      while (last < cells.size() && (last == first || bytes < batch_memory)) {
        const double own = work_->echo_bytes(cells[last]);
        const double scratch = std::max(most_scratch, work_->scratch_bytes(cells[last]));
        const auto at_once = std::min<std::size_t>(last - first + 1, static_cast<std::size_t>(thread_count()));
        const double all = bytes + own + static_cast<double>(at_once) * scratch;
        if (last == first)
          check_working_memory(all, "the echoes of " + std::to_string(cells[last].end - cells[last].begin) +
                                        " neighbouring scatterers by engine scatterers",
                               "Use a smaller probe, fewer transmits, a shorter pulse, or 'engine: {type: exact}'");
        else if (all > working_memory())
          break;
        bytes += own, most_scratch = scratch;
        ++last;
      }
      if (echoes.size() < last - first) echoes.resize(last - first);
      parallel_for(last - first, [&](std::size_t i) {
        auto scratch = scratches_.take();
        if (!scratch->response) scratch->response = response_.workspace();
        (*work_)(cells[first + i], *scratch, echoes[i]);
        scratches_.give(std::move(scratch));
        done(cells[first + i].end - cells[first + i].begin);
      });
      // Each channel adds the cells in their order.
      parallel_for(transmits * elements_, [&](std::size_t channel) {
        std::complex<T>* const record = records_.data() + channel * grid_.length;
        for (std::size_t i = 0; i < last - first; ++i) {
          const auto& echo = echoes[i];
          if (echo.bins == 0 || echo.starts[channel] == CellEchoes<T>::none) continue;
          const std::complex<T>* const samples = echo.samples.data() + channel * echo.bins;
          std::complex<T>* const at = record + echo.starts[channel];
          for (std::size_t b = 0; b < echo.bins; ++b) at[b] += samples[b];
        }
      });
      first = last;
    }
  }

  void write(const std::function<std::span<float>(std::size_t, std::size_t)>& out) const {
    const ComplexFft<T> fft(grid_.length);
    const double spacing = fine_->spacing();
    parallel_for(firings_.size() * elements_, [&](std::size_t channel) {
      const std::span<const std::complex<T>> record(records_.data() + channel * grid_.length, grid_.length);
      std::vector<std::complex<T>> bins(grid_.length);
      fft.forward(record, bins);
      const std::ptrdiff_t lowest = std::max<std::ptrdiff_t>(first_bin_, 0);
      std::vector<Complex> spectrum(
          static_cast<std::size_t>(first_bin_ + static_cast<std::ptrdiff_t>(grid_.length) - lowest));
      for (std::size_t k = 0; k < grid_.length; ++k) {
        // Demodulated records hold the phase of their own frequencies alone.
        const double turns = -static_cast<double>(k) * spacing * grid_.origin;
        Complex value = Complex(bins[k]) / grid_.width * std::polar(1.0, two_pi * (turns - std::nearbyint(turns)));
        const std::ptrdiff_t bin = first_bin_ + static_cast<std::ptrdiff_t>(k);
        if (bin == 0) value *= 2;  // synthesize counts the bin at 0 Hz by half
        spectrum[static_cast<std::size_t>(std::abs(bin) - lowest)] += bin < 0 ? std::conj(value) : value;
      }
      std::vector<double> samples(record_.samples);
      fine_->synthesize(spectrum, static_cast<std::size_t>(lowest), record_.start, samples);
      const std::span<float> target = out(channel / elements_, channel % elements_);
      for (std::size_t i = 0; i < samples.size(); ++i) target[i] += static_cast<float>(samples[i]);
    });
  }

 private:
  void check_memory(const EchoBand& band, double margin) const {
    const double seconds = static_cast<double>(record_.samples) / record_.sampling_rate + 2 * margin;
    const double length = (band.high - band.low) * seconds, fine = seconds * record_.sampling_rate;
    const double records = static_cast<double>(firings_.size() * elements_) * length * sizeof(std::complex<T>);
    // Of each thread, while it works a record out: its spectrum, and what turns that into samples.
    const double writing = static_cast<double>(thread_count()) *
                           (length * (sizeof(std::complex<T>) + sizeof(Complex)) + fine * 4 * sizeof(double));
    check_working_memory(records + writing, "the complex records of one transmit",
                         "Use fewer elements, a shorter record, a lower sampling rate, or delays that differ less");
  }

  const SmoothResponse& response_;
  const EchoRecord& record_;
  const EchoTree& tree_;
  std::size_t elements_;
  std::vector<std::vector<Firing>> firings_;
  std::unique_ptr<SignalGrid> fine_;
  std::ptrdiff_t first_bin_ = 0;  // of the grid; negative where the band reaches down to 0 Hz
  EchoGrid grid_;
  std::unique_ptr<EchoCells<T>> work_;
  Pool<typename EchoCells<T>::Scratch> scratches_;
  std::vector<std::complex<T>> records_;  // [transmit][element][sample], demodulated by the lowest frequency
};

/// Adds the echoes of one group of scatterers, elements divided into strips or not.
void add_group(const EchoModel& model, const ScattererGroup& group, const EchoBand& band,
               std::span<const Transmit> transmits, std::span<const double> scales, const EchoRecord& record,
               double accuracy, const std::vector<Strip>& strips, const std::function<void(std::size_t)>& done,
               const std::function<std::span<float>(std::size_t, std::size_t)>& out) {
  if (group.positions.empty()) return;
  const Aperture aperture(*model.probe, model.dimensions, strips);
  const std::size_t elements = model.probe->size();
  // Terms fall off fast at high accuracy: a smaller share costs little there.
  const double tolerance = (accuracy < 1e-4 ? 0.03 : (accuracy < 1e-3 ? 0.2 : 1)) * expansion_share * accuracy;
  const double points = static_cast<double>(group.positions.size()) * static_cast<double>(elements);
  const auto response =
      model.response(aperture, band.low - 0.02 * std::abs(band.low), highest_of(band), table_share * accuracy, points);
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
    if (accuracy >= single_precision)
      run(EchoEngine<float>(model, aperture, *response, band, part, scales.subspan(first, count), record, tree));
    else
      run(EchoEngine<double>(model, aperture, *response, band, part, scales.subspan(first, count), record, tree));
    first += count;
  }
}

}  // namespace

/// How far the paths of an element's parts differ at a distance before it, without what a lens takes off: it brings them
/// together at one depth, and the tables cost as much [m].
static double path_spread(const Element& element, int dimensions, double distance) {
  // What a bowl sends comes together again.
  if (element.shape == Element::Shape::bowl) return 0;
  const double half = std::max(element.width, dimensions == 2 ? 0 : element.height) / 2;
  return std::hypot(half, distance) - distance;
}

/// The same of the largest element, at the median of the distances of some scatterers from the nearest element.
static double usual_path_spread(const EchoModel& model, const ScattererGroup& group) {
  constexpr std::size_t some = 33;
  const auto& elements = model.probe->elements;
  const std::size_t stride = std::max<std::size_t>(1, group.positions.size() / some);
  std::vector<double> distances;
  for (std::size_t s = 0; s < group.positions.size(); s += stride) {
    double nearest = std::numeric_limits<double>::infinity();
    for (const Element& element : elements) nearest = std::min(nearest, norm(group.positions[s] - element.position));
    distances.push_back(nearest);
  }
  const auto middle = distances.begin() + static_cast<std::ptrdiff_t>(distances.size() / 2);
  std::nth_element(distances.begin(), middle, distances.end());
  double largest = 0;
  for (const Element& element : elements)
    largest = std::max(largest, path_spread(element, model.dimensions, *middle));
  return largest;
}

std::string why_not_fast(const EchoModel& model, std::span<const ScattererGroup> groups,
                         std::span<const Transmit> transmits, const EchoRecord& record, double accuracy) {
  for (const ScattererGroup& group : groups) {
    if (group.positions.empty()) continue;
    const EchoBand band = band_of(model, group, transmits, record, accuracy);
    if (model.dimensions == 2 && band.low < lowest_share * band.high)
      return "cylindrical waves of frequencies down to 0 Hz have no short echoes";
    if (band.soft > 0 && !model.law.lossless && accuracy < 5e-3)
      return "loss is not smooth at 0 Hz, down to which the pulse reaches";
    // Half of what the phase of the parts of an element turns apart over the band [rad]. At 330 (an L11-5v of 100 mm height)
    // the fast sums took ten times as long as engine exact, at 30 (20 mm) they were far ahead.
    constexpr double most_turned = 150;
    const double half_band = (model.law.wavenumber(band.high) - model.law.wavenumber(band.low)) / 2;
    if (half_band * usual_path_spread(model, group) / 2 > most_turned)
      return "the elements are so large that the echoes of their parts come apart";
  }
  return {};
}

void add_fast_echoes(const EchoModel& model, std::span<const ScattererGroup> groups,
                     std::span<const Transmit> transmits, std::span<const double> scales, const EchoRecord& record,
                     double accuracy, const std::function<void(std::size_t)>& done,
                     const std::function<std::span<float>(std::size_t, std::size_t)>& out) {
  for (const ScattererGroup& group : groups) {
    if (group.positions.empty()) continue;
    const EchoBand band = band_of(model, group, transmits, record, accuracy);
    if (!(band.high > band.low)) continue;
    const auto add = [&](const ScattererGroup& part, const std::vector<Strip>& strips) {
      add_group(model, part, band, transmits, scales, record, accuracy, strips, done, out);
    };
    const double points = static_cast<double>(group.positions.size()) * static_cast<double>(model.probe->size());
    double nearest = 0;
    std::vector<Strip> strips;
    if (model.strips && points >= model.fewest_points)
      strips = model.strips(std::abs(model.law.wavenumber(highest_of(band))), table_share * accuracy, nearest);
    if (strips.empty() || nearest <= 0) {
      add(group, strips);
      continue;
    }
    // Elements in planes: what is too near for the strips goes by whole elements.
    std::vector<Element> planes;
    for (const Element& element : model.probe->elements)
      if (std::none_of(planes.begin(), planes.end(), [&](const Element& other) {
            return norm(element.normal - other.normal) < 1e-9 &&
                   std::abs(dot(element.position - other.position, other.normal)) < 1e-9;
          }))
        planes.push_back(element);
    ScattererGroup near{{}, {}, group.exponent}, far = near;
    for (std::size_t s = 0; s < group.positions.size(); ++s) {
      const bool too_near = std::any_of(planes.begin(), planes.end(), [&](const Element& element) {
        return dot(group.positions[s] - element.position, element.normal) < nearest;
      });
      ScattererGroup& part = too_near ? near : far;
      part.positions.push_back(group.positions[s]), part.strengths.push_back(group.strengths[s]);
    }
    add(near, {});
    add(far, strips);
  }
}

}  // namespace sonoforge
