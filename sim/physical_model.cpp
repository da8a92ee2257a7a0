#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "sim/element_response.hpp"
#include "sim/firing.hpp"
#include "sim/linear_models.hpp"
#include "sim/memory_limit.hpp"
#include "sim/propagation.hpp"
#include "sim/record.hpp"
#include "sim/signal_grid.hpp"
#include "sim/vector_math.hpp"

// The linear pulse-echo model. Work is split twice: the responses of all elements at a batch of points are worked out
// pair by pair, then each block of frequencies sums over elements and points by itself. No sum crosses a block, so its
// order - and with it every bit of the result - is the same for any number of threads.

namespace sonoforge {
namespace {

using Complex = std::complex<double>;
constexpr double two_pi = 2 * std::numbers::pi;

constexpr std::size_t lanes = 32;                // frequencies of one block
constexpr std::size_t pairs_in_batch = 8192;     // responses held at a time
constexpr std::size_t pairs_in_chunk = 32;       // responses worked out in one go
constexpr std::size_t most_values = 16'000'000;  // of the responses held at a time, each at up to all frequencies
constexpr std::size_t targets_together = 4;      // targets that share one pass over weights and echoes
constexpr double group_memory = 1e9;  // of weights and echo spectra of the transmits worked out together [bytes]

/// Real and imaginary parts of one block of frequencies.
struct alignas(64) Lanes {
  std::array<double, lanes> real{}, imaginary{};
};

/// sum += a * b
inline void multiply_add(const Lanes& a, const Lanes& b, Lanes& sum) {
#pragma omp simd
  for (std::size_t i = 0; i < lanes; ++i) {
    sum.real[i] += a.real[i] * b.real[i] - a.imaginary[i] * b.imaginary[i];
    sum.imaginary[i] += a.real[i] * b.imaginary[i] + a.imaginary[i] * b.real[i];
  }
}

inline void multiply(Lanes& a, const Lanes& b) {
#pragma omp simd
  for (std::size_t i = 0; i < lanes; ++i) {
    const double real = a.real[i] * b.real[i] - a.imaginary[i] * b.imaginary[i];
    a.imaginary[i] = a.real[i] * b.imaginary[i] + a.imaginary[i] * b.real[i];
    a.real[i] = real;
  }
}

inline void scale(Lanes& a, const std::array<double, lanes>& factor, double amplitude) {
#pragma omp simd
  for (std::size_t i = 0; i < lanes; ++i) {
    a.real[i] *= factor[i] * amplitude;
    a.imaginary[i] *= factor[i] * amplitude;
  }
}

/// Targets or points whose responses at so many elements are held together: responses of large elements hold many
/// frequencies each.
std::size_t places_together(const Band& band, std::size_t elements) {
  const std::size_t most_pairs = std::min(pairs_in_batch, most_values / std::max<std::size_t>(1, band.size()));
  return std::max<std::size_t>(1, most_pairs / elements);
}

void check_memory(double bytes, const char* what) {
  check_working_memory(bytes, what,
                       "Use a shorter record, a lower sampling rate, or fewer elements, transmits, frames or points");
}

/// Farthest point of an element from its centre, at least [m].
double half_extent(const Element& element) {
  return element.shape == Element::Shape::rectangle ? std::hypot(element.width, element.height) / 2
                                                    : std::max(element.width, element.height);
}

void check_two_dimensional(const Probe& probe) {
  for (const Element& element : probe.elements)
    if (element.shape != Element::Shape::rectangle || std::abs(element.normal.y) > 1e-9 ||
        std::abs(element.lateral.y) > 1e-9 || std::abs(element.position.y - probe.elements[0].position.y) > 1e-9)
      throw UserError(
          "a two-dimensional simulation of this probe (only rows of rectangular elements in the x-z plane have a "
          "two-dimensional counterpart). Set 'dimensions: 3'");
}

/// What simulate and field share: the checked input, its medium, and the spectrum of the drive.
class Setup {
 public:
  /// `region` holds all points asked for.
  Setup(const SimulationInput& input, const PhysicalOptions& options, const Bounds& region)
      : probe(input.probe),
        pulse(input.pulse),
        dimensions(options.dimensions),
        tolerance(options.tolerance),
        medium(input.phantom.background.sound_speed, input.phantom.background.attenuation, input.pulse.frequency(),
               options.dispersion),
        dispersion(options.dispersion) {
    if (dimensions == 2) check_two_dimensional(probe);
    if (!(tolerance > 0 && tolerance <= 0.1))
      throw ConfigError("tolerance", "tolerance = " + format_number(tolerance) +
                                         " (must be above 0 and at most 0.1). Write for example 'tolerance: 1e-4'");
    if (options.propagation == PropagationKind::uniform) return;
    for (const Region& part : input.phantom.regions)
      other_media.emplace_back(part.tissue.sound_speed, part.tissue.attenuation, pulse.frequency(), dispersion);
    propagation = make_propagation(options.propagation, input.phantom, probe, region, dimensions);
  }

  const Probe& probe;
  const Pulse& pulse;
  int dimensions;
  double tolerance;
  UniformMedium medium;
  bool dispersion;
  std::vector<UniformMedium> other_media;          // of the regions
  std::unique_ptr<const Propagation> propagation;  // null in a uniform medium

  double highest_frequency(double sampling_rate) const {
    return std::max(sampling_rate / 2, 5 * std::max(pulse.frequency(), probe.frequency));
  }
  double response(double f, int ways) const {
    return ways == 2 ? probe.two_way_response(f) : probe.one_way_response(f);
  }
  /// Largest |X(f)| of any element times the response.
  double magnitude(double f, int ways) const {
    double largest = 0;
    for (std::size_t n = 0; n < (pulse.per_element() ? probe.size() : 1); ++n)
      largest = std::max(largest, std::abs(pulse.spectrum(f, n)));
    return largest * response(f, ways);
  }
  /// How far a drive with its ringing reaches before and after its centre [s].
  double reach(int ways, double highest) const {
    // In two dimensions a pulse has a tail: all the line's parts out of the plane come later and later.
    const double tail = dimensions == 2 ? 20 / pulse.frequency() : 0;
    const double half = pulse.half_duration() + tail;
    // Without a response the band's soft end alone rings, as 1/t^3.
    const bool flat = probe.bandwidth <= 0;
    const double ringing = flat ? 400 / highest : 100 / probe.frequency / std::min(1.0, probe.bandwidth);
    const auto spectrum = [&](double f) {
      return pulse.spectrum(f, 0) * (flat ? band_taper(f, highest) : response(f, ways));
    };
    return std::max(half, signal_half_duration(spectrum, highest, half + ringing));
  }
  BinRange bins(const SignalGrid& grid, int ways) const {
    BinRange range = significant_bins(grid.spacing(), highest_frequency(grid.sampling_rate()),
                                      std::min(1e-6, tolerance * 1e-2), [&](double f) { return magnitude(f, ways); });
    // A static pressure has no two-dimensional Green's function.
    if (dimensions == 2 && range.first == 0 && range.count > 0) ++range.first, --range.count;
    return range;
  }
  std::vector<double> frequencies(const SignalGrid& grid, const BinRange& range) const {
    std::vector<double> f;
    for (std::size_t i = 0; i < range.count; ++i) f.push_back(static_cast<double>(range.first + i) * grid.spacing());
    for (std::size_t i = 0; i < f.size(); ++i) {
      if (i % 1024 == 0) check_interrupted();
      const double value = f[i];
      if (!(medium.slowness(value) > 0))
        throw UserError("the dispersion that belongs to this attenuation makes the sound speed infinite at " +
                        format_quantity(value, Unit::hertz) +
                        " (the power law does not hold for losses that strong). Lower the attenuation or set "
                        "'dispersion: off'");
    }
    return f;
  }
  /// Smallest and largest travel time a metre over the frequencies that matter [s/m].
  std::pair<double, double> slowness_range(double highest) const {
    auto [least, most] = slowness_range(medium, highest);
    for (const UniformMedium& other : other_media) {
      const auto [lower, upper] = slowness_range(other, highest);
      least = std::min(least, lower), most = std::max(most, upper);
    }
    return {least, most};
  }
  std::pair<double, double> slowness_range(const UniformMedium& part, double highest) const {
    double least = 1 / part.sound_speed(), most = least;
    if (part.lossless()) return {least, most};
    const double step = highest / 400;
    const auto magnitude_at = [&](double f) { return magnitude(f, 1); };
    const BinRange range = significant_bins(step, highest, 1e-4, magnitude_at);
    for (std::size_t i = 0; i < range.count; ++i) {
      const double f = static_cast<double>(std::max<std::size_t>(range.first + i, 1)) * step;
      least = std::min(least, std::min(part.group_slowness(f), part.slowness(f)));
      most = std::max(most, std::max(part.group_slowness(f), part.slowness(f)));
    }
    return {least, most};
  }
  /// Bounds of the path from any part of an element to a point, lens included [m].
  std::pair<double, double> path_range(std::size_t n, Vec3 point) const {
    const Element& element = probe.elements[n];
    Vec3 d = point - element.position;
    if (dimensions == 2) d.y = 0;
    const double r = norm(d), extent = half_extent(element);
    // The lens takes off sqrt(y^2 + F^2) - F, most at the edge.
    const bool lens = std::isfinite(probe.elevation_focus) && dimensions == 3;
    const double gain = lens ? std::hypot(element.height / 2, probe.elevation_focus) - probe.elevation_focus : 0;
    return {std::max(r - extent, 0.0) - gain, r + extent};
  }
};

/// Earliest and latest instants at which the pulse centre of a transmit passes a point, over all parts of all elements.
struct Arrival {
  double first = std::numeric_limits<double>::infinity(), last = -std::numeric_limits<double>::infinity();
};

Arrival arrival_at(const Setup& setup, std::pair<double, double> slowness, const std::vector<Firing>& firings,
                   Vec3 point) {
  Arrival arrival;
  for (const Firing& firing : firings) {
    const auto [shortest, longest] = setup.path_range(firing.element, point);
    for (const auto& [delay, weight] : firing.delays_and_weights) {
      arrival.first = std::min(arrival.first, delay + shortest * slowness.first);
      arrival.last = std::max(arrival.last, delay + longest * slowness.second);
    }
  }
  return arrival;
}

/// What the medium between elements and points adds to the background, at each bin.
class MediumFactor {
 public:
  MediumFactor(const Setup& setup, const Band& band) : propagation_(setup.propagation.get()), band_(band) {
    if (!propagation_) return;
    for (const double exponent : propagation_->exponents())
      for (const double f : band.frequency())
        laws_.push_back(law_at(exponent, f, setup.pulse.frequency(), setup.dispersion));
  }
  bool uniform() const { return !propagation_; }
  std::size_t laws() const { return propagation_->exponents().size(); }

  void excess(Vec3 point, std::span<const std::size_t> elements, double* delay, double* loss) const {
    propagation_->excess(point, elements, delay, loss);
  }
  /// response *= exp(-i 2 pi f delay - sum of losses and their dispersion) at the bins [begin, end)
  void apply(double delay, const double* loss, std::size_t begin, std::size_t end, Lanes& response) const {
    std::array<double, lanes> turns{}, exponent{};
    const std::size_t count = end - begin;
    for (std::size_t i = 0; i < count; ++i) turns[i] = -band_.frequency()[begin + i] * delay;
    for (std::size_t law = 0; law < laws(); ++law) {
      const LawAtFrequency* const at = laws_.data() + law * band_.size() + begin;
      for (std::size_t i = 0; i < count; ++i) {
        exponent[i] -= at[i].loss * loss[law];
        turns[i] -= at[i].phase * loss[law] / two_pi;
      }
    }
    Lanes factor;
#pragma omp simd
    for (std::size_t i = 0; i < lanes; ++i) {
      const double magnitude = exp_bounded(exponent[i]);
      double c, s;
      cis_turns(turns[i], c, s);
      factor.real[i] = magnitude * c, factor.imaginary[i] = magnitude * s;
    }
    multiply(response, factor);
  }

 private:
  const Propagation* propagation_;
  const Band& band_;
  std::vector<LawAtFrequency> laws_;  // [law][bin]
};

/// Responses of some elements at a batch of points.
class ResponseBatch {
 public:
  ResponseBatch(const ElementResponses& responses, const MediumFactor& factor, std::vector<std::size_t> elements)
      : responses_(responses), factor_(factor), elements_(std::move(elements)) {}

  void evaluate(std::span<const Vec3> points) {
    const std::size_t pairs = points.size() * elements_.size();
    heads_.resize(pairs);
    stores_.resize((pairs + pairs_in_chunk - 1) / pairs_in_chunk);
    parallel_blocks(pairs, pairs_in_chunk, [&](std::size_t begin, std::size_t end) {
      thread_local ElementResponses::Workspace workspace;
      auto& store = stores_[begin / pairs_in_chunk];
      store.clear();
      for (std::size_t pair = begin; pair < end; ++pair)
        heads_[pair] =
            responses_.evaluate(elements_[pair % elements_.size()], points[pair / elements_.size()], workspace, store);
    });
    if (factor_.uniform()) return;
    delays_.resize(pairs), losses_.resize(pairs * factor_.laws());
    parallel_blocks(points.size(), 16, [&](std::size_t begin, std::size_t end) {
      for (std::size_t p = begin; p < end; ++p) {
        const std::size_t pair = p * elements_.size();
        factor_.excess(points[p], elements_, delays_.data() + pair, losses_.data() + pair * factor_.laws());
      }
    });
  }
  /// The response of the i-th of the elements.
  void expand(std::size_t point, std::size_t i, std::size_t begin, std::size_t end, Lanes& out) const {
    const std::size_t pair = point * elements_.size() + i;
    const PointResponse& head = heads_[pair];
    responses_.expand(head, stores_[pair / pairs_in_chunk].data() + head.offset, begin, end, out.real.data(),
                      out.imaginary.data());
    if (!factor_.uniform()) factor_.apply(delays_[pair], losses_.data() + pair * factor_.laws(), begin, end, out);
  }

 private:
  const ElementResponses& responses_;
  const MediumFactor& factor_;
  std::vector<std::size_t> elements_;
  std::vector<double> delays_, losses_;  // [point][element], [point][element][law]
  std::vector<PointResponse> heads_;
  std::vector<std::vector<double>> stores_;
};

/// Weights sum over laws of apodization exp(-i 2 pi f tau) of each firing element, times its drive where elements
/// differ: [block][firing].
std::vector<Lanes> transmit_weights(const Setup& setup, const std::vector<Firing>& firings,
                                    const std::vector<double>& frequency, bool with_drive) {
  const std::size_t blocks = (frequency.size() + lanes - 1) / lanes;
  std::vector<Lanes> weights(firings.size() * blocks);
  parallel_for(firings.size(), [&](std::size_t i) {
    for (std::size_t b = 0; b < frequency.size(); ++b) {
      Complex sum = 0;
      for (const auto& [delay, weight] : firings[i].delays_and_weights)
        sum += std::polar(weight, -two_pi * frequency[b] * delay);
      if (with_drive) sum *= setup.pulse.spectrum(frequency[b], firings[i].element);
      Lanes& block = weights[b / lanes * firings.size() + i];
      block.real[b % lanes] = sum.real(), block.imaginary[b % lanes] = sum.imag();
    }
  });
  return weights;
}

/// The scatterers as one transmit sees them.
struct Targets {
  std::vector<Vec3> positions;
  std::vector<double> amplitudes;
  std::vector<std::size_t> laws;  // index into exponents
  std::vector<double> exponents;  // n of (f/f0)^n
};

Targets targets_of(const Phantom& phantom, double time) {
  const Scatterers& scatterers = phantom.scatterers;
  const std::vector<Vec3> positions = scatterer_positions(scatterers, time);
  Targets targets;
  for (std::size_t s = 0; s < scatterers.size(); ++s) {
    if (scatterers.amplitudes[s] == 0) continue;
    const Tissue& tissue = phantom.tissue_of(scatterers.regions.empty() ? -1 : scatterers.regions[s]);
    const double exponent = tissue.scattering_exponent.value_or(2);
    const auto found = std::find(targets.exponents.begin(), targets.exponents.end(), exponent);
    targets.laws.push_back(static_cast<std::size_t>(found - targets.exponents.begin()));
    if (found == targets.exponents.end()) targets.exponents.push_back(exponent);
    targets.positions.push_back(positions[s]);
    targets.amplitudes.push_back(scatterers.amplitudes[s]);
  }
  return targets;
}

/// Echoes of some transmits from targets at rest. `out(transmit, channel)` is the record to fill.
class EchoSimulation {
 public:
  EchoSimulation(const Setup& setup, const SimulationInput& input, double first_time, std::size_t samples)
      : setup_(setup), input_(input), rate_(input.receive.sampling_rate), first_time_(first_time), samples_(samples) {
    const double highest = setup.highest_frequency(rate_);
    reach_ = setup.reach(2, highest);
    slowness_ = setup.slowness_range(highest);
  }

  double cut_level() const { return cut_level_; }

  void run(Targets targets, std::span<const Transmit> transmits, Progress& progress,
           const std::function<std::span<float>(std::size_t, std::size_t)>& out) {
    const std::size_t elements = setup_.probe.size();
    std::vector<std::vector<Firing>> firings;
    for (const Transmit& transmit : transmits) firings.push_back(firings_of(transmit, elements));
    const Window window = keep_audible(targets, firings);
    if (targets.positions.empty()) return;

    const SignalGrid grid(rate_, window.period);
    const BinRange range = setup_.bins(grid, 2);
    cut_level_ = std::max(cut_level_, range.cut_level);
    if (range.count == 0) return;
    const Band band(setup_.frequencies(grid, range), setup_.medium);
    const std::size_t blocks = (band.size() + lanes - 1) / lanes;
    const double transmit_memory = static_cast<double>(2 * elements * blocks * sizeof(Lanes));
    check_memory(transmit_memory, "the echo spectra of one transmit");
    const std::size_t group = std::max<std::size_t>(1, static_cast<std::size_t>(group_memory / transmit_memory));
    for (std::size_t begin = 0; begin < transmits.size(); begin += group) {
      const std::size_t end = std::min(begin + group, transmits.size());
      run_group(targets, std::span(firings).subspan(begin, end - begin), window, grid, range, band, progress,
                [&](std::size_t t, std::size_t m) { return out(begin + t, m); });
    }
  }

 private:
  /// The part of the record that can hold echoes, and the period of time that keeps all others from wrapping into it.
  struct Window {
    std::size_t begin = 0, end = 0;  // samples
    double start = 0;                // of sample `begin` [s]
    double period = 0;               // [s]
  };

  /// Drops the targets none of whose echoes falls into the record.
  Window keep_audible(Targets& targets, const std::vector<std::vector<Firing>>& firings) const {
    const std::size_t n = targets.positions.size();
    const double last_time = first_time_ + static_cast<double>(samples_) / rate_;
    std::vector<Arrival> arrivals(n);
    const auto& delays = input_.sequence.receive_delays;
    parallel_blocks(n, 64, [&](std::size_t begin, std::size_t end) {
      for (std::size_t s = begin; s < end; ++s) {
        Arrival receive;
        for (std::size_t m = 0; m < setup_.probe.size(); ++m) {
          const auto [shortest, longest] = setup_.path_range(m, targets.positions[s]);
          const double delay = delays.empty() ? 0 : delays[m];
          receive.first = std::min(receive.first, delay + shortest * slowness_.first);
          receive.last = std::max(receive.last, delay + longest * slowness_.second);
        }
        for (const auto& firing : firings) {
          const Arrival transmit = arrival_at(setup_, slowness_, firing, targets.positions[s]);
          arrivals[s].first = std::min(arrivals[s].first, transmit.first + receive.first - reach_);
          arrivals[s].last = std::max(arrivals[s].last, transmit.last + receive.last + reach_);
        }
      }
    });
    Arrival all;
    std::size_t kept = 0;
    for (std::size_t s = 0; s < n; ++s) {
      if (!(arrivals[s].first < last_time && arrivals[s].last > first_time_)) continue;
      all.first = std::min(all.first, arrivals[s].first), all.last = std::max(all.last, arrivals[s].last);
      targets.positions[kept] = targets.positions[s];
      targets.amplitudes[kept] = targets.amplitudes[s];
      targets.laws[kept++] = targets.laws[s];
    }
    targets.positions.resize(kept), targets.amplitudes.resize(kept), targets.laws.resize(kept);
    Window window;
    if (kept == 0) return window;
    const auto sample_at = [&](double time) {
      return static_cast<std::size_t>(std::clamp((time - first_time_) * rate_, 0.0, static_cast<double>(samples_)));
    };
    window.begin = sample_at(all.first);
    window.end = std::min(sample_at(all.last) + 1, samples_);
    window.start = first_time_ + static_cast<double>(window.begin) / rate_;
    window.period =
        std::max(all.last - window.start, first_time_ + static_cast<double>(window.end) / rate_ - all.first);
    return window;
  }

  void run_group(const Targets& targets, std::span<const std::vector<Firing>> firings, const Window& window,
                 const SignalGrid& grid, const BinRange& range, const Band& band, Progress& progress,
                 const std::function<std::span<float>(std::size_t, std::size_t)>& out) const {
    const std::size_t elements = setup_.probe.size(), transmits = firings.size();
    const std::size_t blocks = (band.size() + lanes - 1) / lanes;
    const auto& frequency = band.frequency();
    std::vector<std::vector<Lanes>> weights;
    for (const auto& firing : firings)
      weights.push_back(transmit_weights(setup_, firing, frequency, setup_.pulse.per_element()));
    std::vector<std::vector<std::array<double, lanes>>> scattering(targets.exponents.size());
    for (std::size_t law = 0; law < scattering.size(); ++law) {
      scattering[law].resize(blocks);
      for (std::size_t b = 0; b < frequency.size(); ++b)
        scattering[law][b / lanes][b % lanes] =
            std::pow(frequency[b] / setup_.pulse.frequency(), targets.exponents[law]);
    }

    std::vector<Lanes> echoes(transmits * elements * blocks);  // [block][transmit][element]
    const ElementResponses responses(setup_.probe, band, setup_.dimensions, setup_.tolerance);
    std::vector<std::size_t> all(elements);
    std::iota(all.begin(), all.end(), std::size_t{0});
    const MediumFactor factor(setup_, band);
    ResponseBatch batch(responses, factor, std::move(all));
    const std::size_t step = places_together(band, elements);
    for (std::size_t first = 0; first < targets.positions.size(); first += step) {
      const std::size_t count = std::min(step, targets.positions.size() - first);
      batch.evaluate(std::span(targets.positions).subspan(first, count));
      parallel_for(blocks, [&](std::size_t block) {
        const std::size_t begin = block * lanes, end = std::min(begin + lanes, band.size());
        Lanes* const echo = echoes.data() + block * transmits * elements;
        // A few targets together, so that weights and echoes come from memory once for all of them.
        std::vector<Lanes> response(elements * targets_together);  // [element][target]
        for (std::size_t s = 0; s < count; s += targets_together) {
          check_interrupted();
          const std::size_t together = std::min(targets_together, count - s);
          for (std::size_t q = 0; q < together; ++q)
            for (std::size_t m = 0; m < elements; ++m)
              batch.expand(s + q, m, begin, end, response[m * targets_together + q]);
          for (std::size_t t = 0; t < transmits; ++t) {
            const Lanes* const weight = weights[t].data() + block * firings[t].size();
            std::array<Lanes, targets_together> pressure{};
            for (std::size_t i = 0; i < firings[t].size(); ++i)
              for (std::size_t q = 0; q < together; ++q)
                multiply_add(weight[i], response[firings[t][i].element * targets_together + q], pressure[q]);
            for (std::size_t q = 0; q < together; ++q) {
              const std::size_t target = first + s + q;
              scale(pressure[q], scattering[targets.laws[target]][block], targets.amplitudes[target]);
            }
            for (std::size_t m = 0; m < elements; ++m)
              for (std::size_t q = 0; q < together; ++q)
                multiply_add(pressure[q], response[m * targets_together + q], echo[t * elements + m]);
          }
        }
      });
      progress.advance(count * transmits);
    }
    weights.clear();
    write(echoes, transmits, window, grid, range, band, out);
  }

  void write(const std::vector<Lanes>& echoes, std::size_t transmits, const Window& window, const SignalGrid& grid,
             const BinRange& range, const Band& band,
             const std::function<std::span<float>(std::size_t, std::size_t)>& out) const {
    const std::size_t elements = setup_.probe.size();
    const auto& frequency = band.frequency();
    const auto& delays = input_.sequence.receive_delays;
    std::vector<Complex> common(frequency.size());
    parallel_for(frequency.size(), [&](std::size_t b) {
      common[b] =
          setup_.probe.two_way_response(frequency[b]) * band_taper(frequency[b], setup_.highest_frequency(rate_));
      if (!setup_.pulse.per_element()) common[b] *= setup_.pulse.spectrum(frequency[b], 0);
    });
    parallel_for(transmits * elements, [&](std::size_t i) {
      const std::size_t t = i / elements, m = i % elements;
      std::vector<Complex> spectrum(frequency.size());
      for (std::size_t b = 0; b < frequency.size(); ++b) {
        const Lanes& block = echoes[(b / lanes * transmits + t) * elements + m];
        spectrum[b] = common[b] * Complex(block.real[b % lanes], block.imaginary[b % lanes]);
        if (!delays.empty()) spectrum[b] *= std::polar(1.0, -two_pi * frequency[b] * delays[m]);
      }
      std::vector<double> samples(window.end - window.begin);
      grid.synthesize(spectrum, range.first, window.start, samples);
      const std::span<float> record = out(t, m);
      for (std::size_t n = 0; n < samples.size(); ++n) record[window.begin + n] = static_cast<float>(samples[n]);
    });
  }

  const Setup& setup_;
  const SimulationInput& input_;
  double rate_, first_time_;
  std::size_t samples_;
  double reach_ = 0, cut_level_ = 0;
  std::pair<double, double> slowness_;
};

/// The largest |p| of a periodic signal between its samples: the top of the parabola through the largest and its
/// neighbours.
double largest_magnitude(std::span<const double> signal) {
  std::size_t top = 0;
  for (std::size_t i = 1; i < signal.size(); ++i)
    if (std::abs(signal[i]) > std::abs(signal[top])) top = i;
  const double before = signal[(top + signal.size() - 1) % signal.size()], here = signal[top],
               after = signal[(top + 1) % signal.size()];
  const double curvature = before - 2 * here + after;
  return std::abs(curvature == 0 ? here : here - (after - before) * (after - before) / (8 * curvature));
}

/// Calls visit(i, P) with the spectrum of the transmitted pressure at every point: P times `common`, [bin].
void transmitted_spectra(const Setup& setup, const std::vector<Firing>& firings, const std::vector<Vec3>& points,
                         const Band& band, const std::vector<Complex>& common, bool with_drive,
                         const std::function<void(std::size_t, const std::vector<Complex>&)>& visit) {
  const std::size_t blocks = (band.size() + lanes - 1) / lanes;
  const auto weights = transmit_weights(setup, firings, band.frequency(), with_drive);
  const ElementResponses responses(setup.probe, band, setup.dimensions, setup.tolerance);
  std::vector<std::size_t> active;
  for (const Firing& firing : firings) active.push_back(firing.element);
  const MediumFactor factor(setup, band);
  ResponseBatch batch(responses, factor, active);
  const std::size_t step = places_together(band, active.size());
  Progress progress("Field", points.size(), "points");
  for (std::size_t first = 0; first < points.size(); first += step) {
    const std::size_t count = std::min(step, points.size() - first);
    batch.evaluate(std::span(points).subspan(first, count));
    std::vector<Lanes> pressure(count * blocks);  // [point][block]
    parallel_for(blocks, [&](std::size_t block) {
      const std::size_t begin = block * lanes, end = std::min(begin + lanes, band.size());
      Lanes response;
      for (std::size_t p = 0; p < count; ++p)
        for (std::size_t i = 0; i < firings.size(); ++i) {
          batch.expand(p, i, begin, end, response);
          multiply_add(weights[block * firings.size() + i], response, pressure[p * blocks + block]);
        }
    });
    parallel_for(count, [&](std::size_t p) {
      std::vector<Complex> spectrum(band.size());
      for (std::size_t b = 0; b < band.size(); ++b) {
        const Lanes& block = pressure[p * blocks + b / lanes];
        spectrum[b] = common[b] * Complex(block.real[b % lanes], block.imaginary[b % lanes]);
      }
      visit(first + p, spectrum);
    });
    progress.advance(count);
  }
}

FieldResult continuous_field(const Setup& setup, const std::vector<Firing>& firings, const FieldRequest& request) {
  FieldResult result;
  result.continuous.assign(request.points.size(), 0);
  const Band band({request.frequency}, setup.medium);
  transmitted_spectra(setup, firings, request.points, band, {1}, false,
                      [&](std::size_t i, const std::vector<Complex>& spectrum) { result.continuous[i] = spectrum[0]; });
  return result;
}

/// When the transmitted pulse is at each point, its reach included.
std::vector<Arrival> stays_at(const Setup& setup, const std::vector<Firing>& firings, const std::vector<Vec3>& points) {
  const double top = setup.highest_frequency(0), reach = setup.reach(1, top);
  const auto slowness = setup.slowness_range(top);
  std::vector<Arrival> stays(points.size());
  parallel_blocks(points.size(), 256, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) {
      stays[i] = arrival_at(setup, slowness, firings, points[i]);
      stays[i].first -= reach, stays[i].last += reach;
    }
  });
  return stays;
}

FieldResult transient_field(const Setup& setup, const std::vector<Firing>& firings, const FieldRequest& request,
                            bool waveforms) {
  const std::size_t points = request.points.size();
  const auto stays = stays_at(setup, firings, request.points);
  double first = std::numeric_limits<double>::infinity(), last = -first, longest = 0;
  for (const Arrival& stay : stays) {
    first = std::min(first, stay.first), last = std::max(last, stay.last);
    longest = std::max(longest, stay.last - stay.first);
  }
  FieldResult result;
  result.rms.assign(points, 0), result.peak.assign(points, 0);
  const double rate = request.sampling_rate > 0 ? request.sampling_rate : 10 * setup.pulse.frequency();
  if (waveforms) {
    result.start = std::floor(first * rate) / rate;
    result.sampling_rate = rate;
    const double samples = std::ceil((last - result.start) * rate) + 1;
    check_memory(4.0 * samples * static_cast<double>(points), "the waveforms of the field");
    result.waveforms = NdArray<float, 2>({points, static_cast<std::size_t>(samples)});
  }

  // Each point has a period of time of its own, as long as the longest stay of the wave at any of them.
  const SignalGrid grid(waveforms ? rate : 2 * setup.highest_frequency(0), longest + 2 / rate);
  const BinRange range = setup.bins(grid, 1);
  if (range.count == 0) return result;
  const Band band(setup.frequencies(grid, range), setup.medium);
  const bool own_drives = setup.pulse.per_element();
  std::vector<Complex> common(band.size());
  parallel_for(band.size(), [&](std::size_t b) {
    common[b] = setup.probe.one_way_response(band.frequency()[b]);
    if (!own_drives) common[b] *= setup.pulse.spectrum(band.frequency()[b], 0);
  });
  // At least 16 samples a period of the highest frequency, so that a parabola through three finds the peak.
  std::size_t refinement = 1;
  while (grid.sampling_rate() * static_cast<double>(refinement) < 16 * band.frequency().back()) refinement *= 2;
  const SignalGrid fine = grid.refined(refinement);
  const double duration = 2 * setup.pulse.half_duration();
  result.averaging_time = duration;
  transmitted_spectra(setup, firings, request.points, band, common, own_drives,
                      [&](std::size_t i, const std::vector<Complex>& spectrum) {
                        // The period begins at the sample before the wave comes to this point.
                        const double offset = std::floor((stays[i].first - result.start) * rate);
                        std::vector<double> signal(fine.length());
                        fine.synthesize(spectrum, range.first,
                                        waveforms ? result.start + offset / rate : stays[i].first, signal);
                        result.peak[i] = largest_magnitude(signal);
                        // The rms is that of a pressure with the same energy which lasts as long as the drive.
                        double energy = 0;
                        for (const Complex& value : spectrum) energy += 2 * std::norm(value) * grid.spacing();
                        result.rms[i] = std::sqrt(energy / duration);
                        if (!waveforms) return;
                        const std::span<float> record = result.waveforms.row(i);
                        for (std::size_t n = 0, at = static_cast<std::size_t>(offset);
                             n < grid.length() && at < record.size(); ++n, ++at)
                          record[at] = static_cast<float>(signal[n * refinement]);
                      });
  return result;
}

}  // namespace

double band_taper(double frequency, double highest) {
  const double x = (frequency / highest - 0.7) / 0.3;
  if (x <= 0) return 1;
  const double c = std::cos(std::numbers::pi / 2 * std::min(x, 1.0));
  return c * c;
}

Acquisition simulate_physical(const SimulationInput& input, const PhysicalOptions& options) {
  const Setup setup(input, options, scatterer_bounds(input));
  const Sequence& sequence = input.sequence;
  const std::size_t frames = sequence.frames, transmits = sequence.transmits.size(), samples = record_samples(input);
  check_memory(4.0 * static_cast<double>(frames) * static_cast<double>(transmits) *
                   static_cast<double>(input.probe.size()) * static_cast<double>(samples),
               "the record of all frames");
  Acquisition acquisition = empty_acquisition(input);
  acquisition.description =
      "Simulated by the exact linear model in " + std::to_string(options.dimensions) + " dimensions";
  const bool moving = scatterers_move(input);
  EchoSimulation simulation(setup, input, record_start(input), samples);
  Progress progress("Echoes", input.phantom.scatterers.size() * transmits * (moving ? frames : 1), "scatterers");
  if (moving) {
    // Each transmit sees the scatterers where they are when it fires.
    for (std::size_t frame = 0; frame < frames; ++frame)
      for (std::size_t t = 0; t < transmits; ++t) {
        const double time = firing_time(sequence, frame, t);
        simulation.run(targets_of(input.phantom, time), std::span(sequence.transmits).subspan(t, 1), progress,
                       [&](std::size_t, std::size_t m) { return acquisition.samples.row(frame, t, m); });
      }
  } else {
    simulation.run(targets_of(input.phantom, 0), sequence.transmits, progress,
                   [&](std::size_t t, std::size_t m) { return acquisition.samples.row(0, t, m); });
    const auto all = acquisition.samples.flat();
    for (std::size_t frame = 1; frame < frames; ++frame)
      std::copy_n(all.begin(), all.size() / frames,
                  all.begin() + static_cast<std::ptrdiff_t>(frame * (all.size() / frames)));
  }
  if (simulation.cut_level() > 1e-6)
    acquisition.notes.push_back(
        "Frequencies above " + format_quantity(setup.highest_frequency(input.receive.sampling_rate), Unit::hertz) +
        " are left out; there the drive's spectrum still has " +
        format_number(std::round(2000 * std::log10(simulation.cut_level())) / 100) + " dB of its maximum.");
  return acquisition;
}

FieldResult field_physical(const SimulationInput& input, const PhysicalOptions& options, const FieldRequest& request,
                           std::size_t transmit, Engine::FieldOutput output) {
  const Setup setup(input, options, bounds_of(request.points));
  const auto firings = firings_of(input.sequence.transmits[transmit], input.probe.size());
  if (request.points.empty() || firings.empty()) return {};
  if (request.frequency > 0) return continuous_field(setup, firings, request);
  return transient_field(setup, firings, request, output == Engine::FieldOutput::waveforms);
}

}  // namespace sonoforge
