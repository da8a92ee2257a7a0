#include "recon/das_kernel.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

#include "core/error.hpp"
#include "core/memory.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t tile = 64;  ///< points that share one pass over the elements

std::size_t rounded_lanes(std::size_t frames) {
  for (std::size_t lanes : {1, 8, 16})
    if (frames <= lanes) return lanes;
  return 32;
}

/// exp(i 2 pi turns) without branches, so that the compiler can vectorise it: Taylor series of the half angle, which
/// lies within a quarter of a turn, then the double-angle formulas.
template <class T>
inline void cis_turns(double turns, T& cosine, T& sine) {
  const T y = static_cast<T>((turns - std::floor(turns + 0.5)) * std::numbers::pi);
  const T u = y * y;
  T s, c;
  if constexpr (std::is_same_v<T, float>) {
    s = y * (1 + u * (T(-1.0 / 6) +
                      u * (T(1.0 / 120) + u * (T(-1.0 / 5040) + u * (T(1.0 / 362880) + u * T(-1.0 / 39916800))))));
    c = 1 + u * (T(-1.0 / 2) +
                 u * (T(1.0 / 24) +
                      u * (T(-1.0 / 720) + u * (T(1.0 / 40320) + u * (T(-1.0 / 3628800) + u * T(1.0 / 479001600))))));
  } else {
    // 1/n! for odd and even n up to 22: the next terms are below 2e-18 at a quarter of a turn.
    constexpr T odd[] = {1,
                         1.0 / 6,
                         1.0 / 120,
                         1.0 / 5040,
                         1.0 / 362880,
                         1.0 / 39916800,
                         1.0 / 6227020800.0,
                         1.0 / 1307674368000.0,
                         1.0 / 355687428096000.0,
                         1.0 / 121645100408832000.0,
                         1.0 / 51090942171709440000.0};
    constexpr T even[] = {1,
                          1.0 / 2,
                          1.0 / 24,
                          1.0 / 720,
                          1.0 / 40320,
                          1.0 / 3628800,
                          1.0 / 479001600,
                          1.0 / 87178291200.0,
                          1.0 / 20922789888000.0,
                          1.0 / 6402373705728000.0,
                          1.0 / 2432902008176640000.0,
                          1.0 / 1124000727777607680000.0};
    s = odd[10], c = even[11];
    for (int i = 9; i >= 0; --i) s = odd[i] - u * s;
    for (int i = 10; i >= 0; --i) c = even[i] - u * c;
    s *= y;
  }
  cosine = 1 - 2 * s * s;
  sine = 2 * s * c;
}

/// The window over u in [0, 1] in a table fine enough for 1e-8.
class WindowTable {
 public:
  explicit WindowTable(Window window) {
    for (std::size_t i = 0; i < values_.size(); ++i)
      values_[i] = window_value(window, std::min(1.0, static_cast<double>(i) / steps));
  }
  double operator()(double u) const {
    const double index = u * steps;
    const auto i = static_cast<std::size_t>(index);
    const double s = index - static_cast<double>(i);
    return values_[i] + s * (values_[i + 1] - values_[i]);
  }

 private:
  static constexpr double steps = 16384;
  std::array<double, 16386> values_;
};

struct Taps {
  std::size_t count;
  int first;  ///< offset of the first tap from the sample before the instant
  int after;  ///< samples needed behind it
};

constexpr Taps taps_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::nearest:
      return {1, 0, 0};
    case Interpolation::linear:
      return {2, 0, 1};
    case Interpolation::quadratic:
      return {3, 0, 2};
    case Interpolation::cubic:
    case Interpolation::lanczos3:
      return {4, -1, 2};
  }
  return {2, 0, 1};
}

template <class T>
inline T lanczos_weight(T u) {
  if (std::abs(u) < T(1e-6)) return 1;
  const T x = u * std::numbers::pi_v<T>;
  return 2 * std::sin(x) * std::sin(x / 2) / (x * x);
}

template <class T, Interpolation interpolation>
[[gnu::always_inline]] inline void tap_weights(T s, T* w) {
  if constexpr (interpolation == Interpolation::nearest) {
    w[0] = 1;
  } else if constexpr (interpolation == Interpolation::linear) {
    w[0] = 1 - s, w[1] = s;
  } else if constexpr (interpolation == Interpolation::quadratic) {
    w[0] = (s - 1) * (s - 2) / 2, w[1] = s * (2 - s), w[2] = s * (s - 1) / 2;
  } else if constexpr (interpolation == Interpolation::cubic) {  // [keys1981], a = -1/2
    w[0] = s * (-T(0.5) + s * (1 - T(0.5) * s));
    w[1] = 1 + s * s * (-T(2.5) + T(1.5) * s);
    w[2] = s * (T(0.5) + s * (2 - T(1.5) * s));
    w[3] = s * s * (-T(0.5) + T(0.5) * s);
  } else {
    for (int k = 0; k < 4; ++k) w[k] = lanczos_weight<T>(s - static_cast<T>(k - 1));
  }
}

/// What one element and one transmit contribute to the points of a tile, those in [begin, end).
template <class T>
struct Contributions {
  std::size_t begin = 0, end = 0;
  std::array<std::int32_t, tile> sample;  ///< before the instant
  std::array<T, tile> fraction;           ///< of the way to the next one
  std::array<T, tile> real, imaginary;    ///< weight and rotation; both 0 where nothing is added
};

/// Interpolates, rotates and adds. The loop over frames is what most time goes into.
template <class T, std::size_t Lanes, Interpolation interpolation>
[[gnu::always_inline]] inline void add_contributions(const Contributions<T>& c, const T* channel, T* sums) {
  constexpr Taps taps = taps_of(interpolation);
  for (std::size_t k = c.begin; k < c.end; ++k) {
    const T a = c.real[k], b = c.imaginary[k];
    if (a == 0 && b == 0) continue;
    T w[taps.count];
    tap_weights<T, interpolation>(c.fraction[k], w);
    const T* s =
        channel + (static_cast<std::ptrdiff_t>(c.sample[k]) + taps.first) * static_cast<std::ptrdiff_t>(2 * Lanes);
    T* sum = sums + k * 2 * Lanes;
#pragma omp simd
    for (std::size_t l = 0; l < Lanes; ++l) {
      T re = w[0] * s[l], im = w[0] * s[Lanes + l];
      for (std::size_t t = 1; t < taps.count; ++t) {
        re += w[t] * s[t * 2 * Lanes + l];
        im += w[t] * s[t * 2 * Lanes + Lanes + l];
      }
      sum[l] += a * re - b * im;
      sum[Lanes + l] += a * im + b * re;
    }
  }
}

/// Elements spread along y as well as along x share one round aperture.
bool spread_in_two_directions(const Probe& probe) {
  if (probe.kind == Probe::Kind::row_column) return false;
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (const Element& e : probe.elements) low = std::min(low, e.position.y), high = std::max(high, e.position.y);
  return high > low;
}

/// One element in the form the inner loop reads.
struct Receiver {
  Vec3 position, normal, lateral, elevation;
  double half_length = 0;  ///< of a row-column element: it hears along its whole length
  double delay = 0;        ///< [s]
};

/// The points of a tile, with what is found for one element.
struct TilePoints {
  std::size_t count = 0;
  std::array<double, tile> x, y, z;
  Vec3 centre;
  double radius = 0;                  ///< of a sphere about the centre that holds all points [m]
  std::array<double, tile> way_back;  ///< receive time [s]
  std::array<double, tile> offset2;   ///< squared offset over squared half aperture, <= 1 inside

  explicit TilePoints(std::span<const Vec3> points) : count(points.size()) {
    for (std::size_t i = 0; i < count; ++i) {
      x[i] = points[i].x, y[i] = points[i].y, z[i] = points[i].z;
      centre = centre + points[i] / static_cast<double>(count);
    }
    for (Vec3 p : points) radius = std::max(radius, norm(p - centre));
  }
};

/// Whether no point of the tile can lie in the aperture of an element.
bool out_of_sight(const TilePoints& t, const Receiver& r, double f_number, bool radial) {
  if (f_number == 0) return false;
  const Vec3 d = t.centre - r.position;
  const double lateral = dot(d, r.lateral), elevation = radial ? dot(d, r.elevation) : 0.0;
  return (std::hypot(lateral, elevation) - t.radius) * 2 * f_number > dot(d, r.normal) + t.radius;
}

/// Receive time and place in the aperture of each point. This is the only place that knows the receive delay.
[[gnu::always_inline]] inline void look_from(const Receiver& r, double slowness, double f_number, bool radial, TilePoints& tile_points) {
  TilePoints& t = tile_points;
  const double scale = 4 * f_number * f_number, elevation_share = radial ? 1.0 : 0.0;
  const double behind = f_number > 0 ? 4.0 : 0.0;  // without f-number all elements count everywhere
#pragma omp simd
  for (std::size_t i = 0; i < t.count; ++i) {
    const double dx = t.x[i] - r.position.x, dy = t.y[i] - r.position.y, dz = t.z[i] - r.position.z;
    const double depth = dx * r.normal.x + dy * r.normal.y + dz * r.normal.z;
    const double lateral = dx * r.lateral.x + dy * r.lateral.y + dz * r.lateral.z;
    const double elevation = dx * r.elevation.x + dy * r.elevation.y + dz * r.elevation.z;
    const double over = std::abs(elevation) - r.half_length;
    const double beside = over > 0 ? over : 0.0;
    t.way_back[i] = r.delay + slowness * std::sqrt(depth * depth + lateral * lateral + beside * beside);
    // Inside while offset <= depth / (2 F); behind the element nothing is.
    const double safe_depth2 = depth > 0 ? depth * depth : 1.0;
    const double ratio = scale * (lateral * lateral + elevation_share * (elevation * elevation)) / safe_depth2;
    t.offset2[i] = depth > 0 ? ratio : behind;
  }
}

/// Weights of points that see the element in another part of their aperture become 0.
void keep_part(const Receiver& r, const DelayAndSumGeometry& g, const TilePoints& t, std::span<double> weight, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    const Vec3 d = Vec3{t.x[i], t.y[i], t.z[i]} - r.position;
    const double depth = dot(d, r.normal), place = depth > 0 ? -2 * g.f_number * dot(d, r.lateral) / depth : 0;
    // What lies on the rim was let in by its squares, which round otherwise: the outer parts have no outer edge.
    if ((place < g.part_from && g.part_from > -1) || (place >= g.part_to && g.part_to < 1)) weight[i] = 0;
  }
}

/// Where one transmit's wave is at the points of a tile, and how its record is sampled.
struct SampleSearch {
  const double* arrival;    ///< [point] s
  const double* weight;     ///< [point]
  double start;             ///< time of sample 0 [s]
  double sampling_rate;     ///< [Hz]
  double turns_per_sample;  ///< of the rotation
  double last;              ///< last sample number between which and the next values are defined
  double rounding;          ///< 1/2 where the nearest sample is meant
};

/// Sample, fraction and weight of the points in [begin, end) of a tile.
template <class T>
[[gnu::always_inline]] inline void find_samples(const TilePoints& t, const SampleSearch& search, Contributions<T>& c,
                                                double* total) {
  const auto [arrival, weight, start, sampling_rate, turns_per_sample, last, rounding] = search;
#pragma omp simd
  for (std::size_t i = c.begin; i < c.end; ++i) {
    const double index = (arrival[i] + t.way_back[i] - start) * sampling_rate;
    const bool recorded = (index >= 0) & (index <= last);
    const double inside = recorded ? index : 0.0, w = recorded ? weight[i] : 0.0;
    const double sample = std::floor(inside + rounding);
    c.sample[i] = static_cast<std::int32_t>(sample);
    c.fraction[i] = static_cast<T>(inside - sample);
    T cosine, sine;
    cis_turns<T>(inside * turns_per_sample, cosine, sine);
    c.real[i] = static_cast<T>(w) * cosine;
    c.imaginary[i] = static_cast<T>(w) * sine;
    total[i] += w;
  }
}

// The three loops above, compiled twice: for the instructions that every machine has, and with vectors twice as long for
// those that have them. Each value goes through the same operations in the same order, so both give the same bits.

struct AnyMachine {
  static void look(const Receiver& r, double slowness, double f_number, bool radial, TilePoints& t) {
    look_from(r, slowness, f_number, radial, t);
  }
  template <class T>
  static void find(const TilePoints& t, const SampleSearch& search, Contributions<T>& c, double* total) {
    find_samples<T>(t, search, c, total);
  }
  template <class T, std::size_t Lanes, Interpolation interpolation>
  static void add(const Contributions<T>& c, const T* channel, T* sums) {
    add_contributions<T, Lanes, interpolation>(c, channel, sums);
  }
};

#if defined(__x86_64__)
#define SONOFORGE_LONG_VECTORS gnu::target("arch=x86-64-v4,prefer-vector-width=512")
struct LongVectors {
  [[SONOFORGE_LONG_VECTORS]] static void look(const Receiver& r, double slowness, double f_number, bool radial,
                                              TilePoints& t) {
    look_from(r, slowness, f_number, radial, t);
  }
  template <class T>
  [[SONOFORGE_LONG_VECTORS]] static void find(const TilePoints& t, const SampleSearch& search, Contributions<T>& c,
                                              double* total) {
    find_samples<T>(t, search, c, total);
  }
  template <class T, std::size_t Lanes, Interpolation interpolation>
  [[SONOFORGE_LONG_VECTORS]] static void add(const Contributions<T>& c, const T* channel, T* sums) {
    add_contributions<T, Lanes, interpolation>(c, channel, sums);
  }
};
#undef SONOFORGE_LONG_VECTORS
#endif

/// The loops for this machine, these many frames and this interpolation.
template <class T>
struct Loops {
  void (*look)(const Receiver&, double, double, bool, TilePoints&);
  void (*find)(const TilePoints&, const SampleSearch&, Contributions<T>&, double*);
  void (*add)(const Contributions<T>&, const T*, T*);
};

template <class T, class Machine, std::size_t Lanes>
Loops<T> choose(Interpolation interpolation) {
  const auto with = [](auto add) { return Loops<T>{Machine::look, Machine::template find<T>, add}; };
  switch (interpolation) {
    case Interpolation::nearest:
      return with(Machine::template add<T, Lanes, Interpolation::nearest>);
    case Interpolation::linear:
      return with(Machine::template add<T, Lanes, Interpolation::linear>);
    case Interpolation::quadratic:
      return with(Machine::template add<T, Lanes, Interpolation::quadratic>);
    case Interpolation::cubic:
      return with(Machine::template add<T, Lanes, Interpolation::cubic>);
    case Interpolation::lanczos3:
      return with(Machine::template add<T, Lanes, Interpolation::lanczos3>);
  }
  return {};
}

template <class T, class Machine>
Loops<T> choose(std::size_t lanes, Interpolation interpolation) {
  switch (lanes) {
    case 1:
      return choose<T, Machine, 1>(interpolation);
    case 8:
      return choose<T, Machine, 8>(interpolation);
    case 16:
      return choose<T, Machine, 16>(interpolation);
    default:
      return choose<T, Machine, 32>(interpolation);
  }
}

template <class T>
Loops<T> choose(std::size_t lanes, Interpolation interpolation) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("x86-64-v4")) return choose<T, LongVectors>(lanes, interpolation);
#endif
  return choose<T, AnyMachine>(lanes, interpolation);
}

/// All that stays the same from tile to tile.
template <class T>
struct Plan {
  const FrameInterleaved<T>& data;
  const DelayAndSumGeometry& geometry;
  std::vector<Receiver> receivers;
  WindowTable window;
  Taps taps;
  Loops<T> loops;
  bool radial;
};

template <class T>
void sum_tile(const Plan<T>& plan, std::span<const Vec3> points, std::complex<T>* out) {
  const DelayAndSumGeometry& g = plan.geometry;
  const std::size_t n = points.size(), lanes = plan.data.lanes(), beams = g.arrivals.size();
  TilePoints t(points);

  std::vector<double> line_weight;
  if (g.lines) {
    line_weight.resize(beams * n);
    std::vector<double> at_point(beams);
    for (std::size_t i = 0; i < n; ++i) {
      line_weights(g.line_origins, g.line_directions, points[i], at_point);
      for (std::size_t k = 0; k < beams; ++k) line_weight[k * n + i] = at_point[k];
    }
  }
  std::vector<std::size_t> used;
  std::vector<double> arrival(beams * n);
  for (std::size_t k = 0; k < beams; ++k) {
    if (g.lines && std::all_of(&line_weight[k * n], &line_weight[k * n] + n, [](double w) { return w == 0; })) continue;
    used.push_back(k);
    g.arrivals[k](points, {&arrival[k * n], n});
  }

  AlignedVector<T> sums(2 * lanes * n);
  Contributions<T> c;
  std::array<double, tile> weight{}, shared{}, total{};  // total: sum of the weights of a point
  const double turns_per_sample = g.rotation_frequency / g.sampling_rate, slowness = 1 / g.sound_speed;
  const double last = static_cast<double>(plan.data.samples()) - 1 - plan.taps.after;
  const double rounding = g.interpolation == Interpolation::nearest ? 0.5 : 0.0;
  const bool tapered = g.window != Window::none && g.f_number > 0;

  const auto add_beams = [&](std::span<const std::size_t> group) {
    for (std::size_t m = 0; m < plan.receivers.size(); ++m) {
      if (out_of_sight(t, plan.receivers[m], g.f_number, plan.radial)) continue;
      plan.loops.look(plan.receivers[m], slowness, g.f_number, plan.radial, t);
      std::size_t begin = 0, end = n;
      while (begin < end && t.offset2[begin] > 1) ++begin;
      while (end > begin && t.offset2[end - 1] > 1) --end;
      if (begin == end) continue;
      c.begin = begin, c.end = end;
      for (std::size_t i = begin; i < end; ++i) weight[i] = t.offset2[i] <= 1 ? 1.0 : 0.0;
      if (tapered)
        for (std::size_t i = begin; i < end; ++i)
          if (weight[i] > 0) weight[i] = plan.window(std::sqrt(t.offset2[i]));
      if (g.part_from > -1 || g.part_to < 1) keep_part(plan.receivers[m], g, t, {&weight[0], n}, begin, end);
      for (std::size_t beam : group) {
        const std::size_t transmit = g.transmit_of.empty() ? beam : g.transmit_of[beam];
        const double* w = weight.data();
        if (g.lines) {
          for (std::size_t i = begin; i < end; ++i) shared[i] = weight[i] * line_weight[beam * n + i];
          w = shared.data();
        }
        plan.loops.find(
            t, {&arrival[beam * n], w, g.start[transmit], g.sampling_rate, turns_per_sample, last, rounding}, c,
            total.data());
        plan.loops.add(c, plan.data.channel(transmit, m), sums.data());
      }
    }
  };

  const auto value = [&](std::size_t i, std::size_t l) -> std::complex<T> {
    const std::complex<T> sum(sums[i * 2 * lanes + l], sums[i * 2 * lanes + lanes + l]);
    if (!g.mean) return sum;
    return total[i] > 0 ? sum / static_cast<T>(total[i]) : std::complex<T>();
  };
  if (!g.incoherent) {
    add_beams(used);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t l = 0; l < lanes; ++l) out[i * lanes + l] = value(i, l);
    return;
  }
  std::fill_n(out, n * lanes, std::complex<T>());
  const T share = g.mean ? T(1) / static_cast<T>(beams) : T(1);
  for (std::size_t beam : used) {
    std::fill(sums.begin(), sums.end(), T(0));
    total.fill(0);
    add_beams({&beam, 1});
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t l = 0; l < lanes; ++l) out[i * lanes + l] += share * std::abs(value(i, l));
  }
}

}  // namespace

template <class T>
FrameInterleaved<T>::FrameInterleaved(std::size_t transmits, std::size_t channels, std::size_t samples,
                                      std::size_t frames)
    : transmits_(transmits), channels_(channels), samples_(samples), lanes_(rounded_lanes(frames)) {
  const double bytes = static_cast<double>(transmits) * static_cast<double>(channels) *
                       (static_cast<double>(samples) + 3) * 2 * static_cast<double>(lanes_ * sizeof(T));
  const double machine = installed_memory();
  if (bytes > 0.75 * machine)
    throw UserError("the channel data are too large to beamform at once (prepared for it they take " +
                    std::to_string(static_cast<long long>(bytes / 1e9)) + " GB, three quarters of this machine are " +
                    std::to_string(static_cast<long long>(0.75e-9 * machine)) +
                    " GB). Reconstruct fewer transmits or decimate");
  values_.resize(transmits * channels * (samples + 3) * 2 * lanes_);
}

template <class T>
void FrameInterleaved<T>::set(std::size_t transmit, std::size_t channel, std::size_t frame,
                              std::span<const std::complex<T>> record) {
  T* values = values_.data() + ((transmit * channels_ + channel) * (samples_ + 3) + 1) * 2 * lanes_ + frame;
  for (std::size_t n = 0; n < samples_; ++n) {
    values[n * 2 * lanes_] = record[n].real();
    values[n * 2 * lanes_ + lanes_] = record[n].imag();
  }
}

template <class T>
void delay_and_sum(const FrameInterleaved<T>& data, const DelayAndSumGeometry& geometry, std::span<const Vec3> points,
                   std::span<std::complex<T>> sums) {
  const Probe& probe = *geometry.probe;
  Plan<T> plan{data,
               geometry,
               {},
               WindowTable(geometry.window),
               taps_of(geometry.interpolation),
               {},
               spread_in_two_directions(probe)};
  plan.loops = choose<T>(data.lanes(), geometry.interpolation);
  for (std::size_t m = 0; m < probe.size(); ++m) {
    const Element& e = probe.elements[m];
    Receiver r{e.position, e.normal, e.lateral, cross(e.normal, e.lateral), 0, 0};
    if (probe.kind == Probe::Kind::row_column) r.half_length = e.height / 2;
    if (!geometry.receive_delays.empty()) r.delay = geometry.receive_delays[m];
    plan.receivers.push_back(r);
  }
  parallel_blocks(points.size(), tile, [&](std::size_t begin, std::size_t end) {
    sum_tile<T>(plan, points.subspan(begin, end - begin), sums.data() + begin * data.lanes());
  });
}

template class FrameInterleaved<float>;
template class FrameInterleaved<double>;
template void delay_and_sum(const FrameInterleaved<float>&, const DelayAndSumGeometry&, std::span<const Vec3>,
                            std::span<std::complex<float>>);
template void delay_and_sum(const FrameInterleaved<double>&, const DelayAndSumGeometry&, std::span<const Vec3>,
                            std::span<std::complex<double>>);

}  // namespace sonoforge
