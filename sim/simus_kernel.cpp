#include "sim/simus_kernel.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "sim/vector_math.hpp"

namespace sonoforge {
namespace {

constexpr double pi = std::numbers::pi;
constexpr std::size_t tile_size = 4;      // points worked on together
constexpr std::size_t bins_together = 4;  // bins for which phasors stay in registers

double sinc(double x) {
  return std::abs(x) < 1e-8 ? 1 : std::sin(x) / x;
}

}  // namespace

/// What does not depend on frequency: for each point, sub-element and element.
struct SimusKernel::Geometry {
  std::size_t points = 0, padded = 0, subs = 0;
  std::vector<double> range;       ///< [point, sub, element] m, held at half a wavelength
  std::vector<double> amplitude;   ///< [point, sub, element]
  std::vector<double> shift;       ///< [point, sub, element] half the strip's width seen along the ray [m]; only where
                                   ///< the sinc depends on frequency
  std::vector<double> shift_high;  ///< the same of its height; planar only
  std::vector<double> mean_range, elevation;  ///< [point, element]; lens only [m]
  std::vector<double> detour;                 ///< [point, element] excess delay as a way in the background [m]
  std::vector<double> excess_loss;            ///< [point, law, element] Np at 1 MHz

  std::size_t row(std::size_t point, std::size_t sub) const { return (point * subs + sub) * padded; }
};

/// Bins that share one elevation factor and one geometric progression of amplitudes.
struct SimusKernel::Block {
  std::size_t begin = 0, end = 0;
  double elevation_wavenumber = 0;  ///< [1/m]
};

/// The running phasors of a few points. A geometric progression s_n with ratio rho exp(i delta) obeys
/// s_(n+1) = 2 rho cos(delta) s_n - rho^2 s_(n-1), two real factors for its real and imaginary part alike: half the
/// work of a complex product. Over the few bins of a block rounding stays below 1e-12.
struct SimusKernel::Tile {
  Tile(std::size_t terms, std::size_t padded_elements) : row(terms * padded_elements), padded(padded_elements) {
    for (auto* v : {&before_re, &before_im, &now_re, &now_im, &factor, &damping}) v->resize(tile_size * row);
    for (auto* v : {&g_re, &g_im}) v->resize(bins_together * tile_size * padded);
    for (auto* v : {&e_re, &e_im}) v->resize(padded);
  }
  std::size_t row, padded;
  std::vector<double> before_re, before_im, now_re, now_im, factor, damping;  ///< [slot, term, element]
  std::vector<double> g_re, g_im;                                             ///< [bin, slot, element] G at a few bins
  std::vector<double> e_re, e_im;                                             ///< [element] elevation factor

  std::size_t g_row(std::size_t bin, std::size_t slot) const { return (bin * tile_size + slot) * padded; }
};

namespace {

/// Advances `terms` (1 or 2) terms of all elements by bins_together bins and writes their sums to g [bin, stride], or
/// adds.
template <std::size_t terms, bool lossy, bool add>
void advance(double* __restrict before, double* __restrict now, const double* __restrict factor,
             const double* __restrict damping, std::size_t padded, double* __restrict g, std::size_t stride) {
  static_assert(bins_together == 4 && (terms == 1 || terms == 2));
#pragma omp simd
  for (std::size_t e = 0; e < padded; ++e) {
    const double f = factor[e], d = lossy ? damping[e] : 1;
    const double s0 = now[e];
    const double s1 = f * s0 - d * before[e];
    const double s2 = f * s1 - d * s0;
    const double s3 = f * s2 - d * s1;
    now[e] = f * s3 - d * s2;
    before[e] = s3;
    double sum0 = s0, sum1 = s1, sum2 = s2, sum3 = s3;
    if constexpr (terms == 2) {
      const double h = factor[padded + e], q = lossy ? damping[padded + e] : 1;
      const double t0 = now[padded + e];
      const double t1 = h * t0 - q * before[padded + e];
      const double t2 = h * t1 - q * t0;
      const double t3 = h * t2 - q * t1;
      now[padded + e] = h * t3 - q * t2;
      before[padded + e] = t3;
      sum0 += t0, sum1 += t1, sum2 += t2, sum3 += t3;
    }
    g[e] = add ? g[e] + sum0 : sum0;
    g[stride + e] = add ? g[stride + e] + sum1 : sum1;
    g[2 * stride + e] = add ? g[2 * stride + e] + sum2 : sum2;
    g[3 * stride + e] = add ? g[3 * stride + e] + sum3 : sum3;
  }
}

template <std::size_t terms, bool lossy>
void advance(double* before, double* now, const double* factor, const double* damping, std::size_t padded, bool add,
             double* g, std::size_t stride) {
  if (add)
    advance<terms, lossy, true>(before, now, factor, damping, padded, g, stride);
  else
    advance<terms, lossy, false>(before, now, factor, damping, padded, g, stride);
}

}  // namespace

SimusKernel::SimusKernel(const Probe& probe, const Tissue& medium, int dimensions, bool full_frequency_directivity,
                         std::shared_ptr<const Propagation> propagation)
    : elements_(probe.size()),
      padded_((probe.size() + 7) / 8 * 8),
      dimensions_(dimensions),
      full_directivity_(full_frequency_directivity),
      frequency_(probe.frequency),
      sound_speed_(medium.sound_speed),
      baffle_(probe.baffle),
      elevation_focus_(probe.elevation_focus),
      attenuation_(medium.attenuation),
      propagation_(std::move(propagation)) {
  const bool in_line =
      probe.kind == Probe::Kind::linear || probe.kind == Probe::Kind::phased || probe.kind == Probe::Kind::curved;
  planar_ = !in_line;
  lens_ = in_line && dimensions == 3;
  if (probe.elements.empty()) throw ConfigError("probe", "the probe has no element (nothing to simulate)");
  if (probe.kind == Probe::Kind::ring)
    throw ConfigError("probe",
                      "model simus does not know ring arrays (it was made for linear, convex and planar ones). "
                      "Use 'model: physical'");
  if (planar_ && dimensions == 2)
    throw ConfigError("dimensions",
                      "dimensions: 2 with an array that is not a line (its elements differ in y). Use "
                      "'dimensions: 3'");
  const Element& first = probe.elements.front();
  for (const Element& element : probe.elements) {
    if (element.shape != Element::Shape::rectangle)
      throw ConfigError("probe",
                        "model simus knows rectangular elements only (this probe has round ones). Use 'model: "
                        "physical'");
    if (std::abs(element.width - first.width) > 1e-9 * first.width ||
        std::abs(element.height - first.height) > 1e-9 * first.height)
      throw ConfigError("probe",
                        "model simus knows elements of one size only (those of this probe differ). Use 'model: "
                        "physical'");
  }
  height_ = first.height;
  lowest_ = std::numeric_limits<double>::infinity();
  for (const Element& element : probe.elements)
    if (!is_mirrored(element.normal, element.lateral)) lowest_ = std::min(lowest_, element.position.z);
  if (probe.kind == Probe::Kind::curved && std::isfinite(probe.curvature_radius)) {
    arc_radius_ = probe.curvature_radius;
    arc_centre_ = first.position - arc_radius_ * first.normal;
  }

  // Split until no part is wider than the shortest wavelength, that of fc (1 + bandwidth / 2).
  const double shortest = sound_speed_ / (frequency_ * (1 + probe.bandwidth / 2));
  const auto across = static_cast<std::size_t>(std::ceil(first.width / shortest));
  const auto along = planar_ ? static_cast<std::size_t>(std::ceil(first.height / shortest)) : std::size_t{1};
  if (static_cast<double>(across) * static_cast<double>(along) * static_cast<double>(elements_) > 4e6)
    throw ConfigError("probe",
                      "the elements are too many wavelengths large (over four million parts would be needed). "
                      "Use a lower frequency or smaller elements");
  half_strip_ = first.width / static_cast<double>(across) / 2;
  half_height_ = first.height / static_cast<double>(along) / 2;
  for (const Element& element : probe.elements) {
    centres_.push_back(element.position);
    verticals_.push_back(cross(element.normal, element.lateral));
  }
  for (std::size_t v = 0; v < along; ++v)
    for (std::size_t u = 0; u < across; ++u)
      for (std::size_t e = 0; e < elements_; ++e) {
        const Element& element = probe.elements[e];
        const double a = (2 * static_cast<double>(u) + 1) * half_strip_ - first.width / 2;
        const double b = planar_ ? (2 * static_cast<double>(v) + 1) * half_height_ - first.height / 2 : 0;
        sub_elements_.push_back({element.position + a * element.lateral + b * verticals_[e], element.normal,
                                 element.lateral, verticals_[e]});
      }
  terms_ = sub_elements() * (full_directivity_ ? (planar_ ? 4 : 2) : 1);
}

bool SimusKernel::is_behind(const Vec3& point) const {
  if (point.z < lowest_) return true;
  const double x = point.x - arc_centre_.x, z = point.z - arc_centre_.z;
  return std::isfinite(arc_radius_) && x * x + z * z <= arc_radius_ * arc_radius_;
}

void SimusKernel::add_excess(std::span<const Vec3> points, Geometry& g) const {
  std::vector<std::size_t> all(elements_);
  std::iota(all.begin(), all.end(), std::size_t{0});
  parallel_blocks(points.size(), 64, [&](std::size_t first, std::size_t last) {
    std::vector<double> delay(elements_), loss(elements_ * laws());
    for (std::size_t p = first; p < last; ++p) {
      propagation_->excess(points[p], all, delay.data(), loss.data());
      for (std::size_t e = 0; e < elements_; ++e) {
        g.detour[p * padded_ + e] = delay[e] * sound_speed_;
        for (std::size_t law = 0; law < laws(); ++law)
          g.excess_loss[(p * laws() + law) * padded_ + e] = loss[e * laws() + law];
      }
    }
  });
}

SimusKernel::Geometry SimusKernel::geometry(std::span<const Vec3> points) const {
  Geometry g;
  g.points = points.size();
  g.padded = padded_;
  g.subs = sub_elements();
  const std::size_t total = g.points * g.subs * padded_;
  g.range.assign(total, 1.0);
  g.amplitude.assign(total, 0.0);
  if (full_directivity_) g.shift.assign(total, 1.0);
  if (full_directivity_ && planar_) g.shift_high.assign(total, 1.0);
  if (lens_) g.mean_range.assign(g.points * padded_, 1.0), g.elevation.assign(g.points * padded_, 0.0);

  g.detour.assign(g.points * padded_, 0.0);
  g.excess_loss.assign(g.points * laws() * padded_, 0.0);
  if (propagation_) add_excess(points, g);

  const double shortest_range = sound_speed_ / frequency_ / 2;
  const double centre_wavenumber = 2 * pi * frequency_ / sound_speed_;
  // With the sinc at every frequency written as a difference of two phasors, its argument is held above this, where the
  // sinc is 1 to 1e-9 and the difference still has ten digits.
  const double smallest_shift = 1e-4 / centre_wavenumber;
  parallel_blocks(g.points, 64, [&](std::size_t first, std::size_t last) {
    for (std::size_t p = first; p < last; ++p) {
      const bool behind = is_behind(points[p]);
      check_interrupted();
      for (std::size_t sub = 0; sub < g.subs; ++sub)
        for (std::size_t e = 0; e < elements_; ++e) {
          const SubElement& part = sub_elements_[sub * elements_ + e];
          Vec3 d = points[p] - part.position;
          const double v = dimensions_ == 3 ? dot(d, part.vertical) : 0;
          // SIMUS takes the angle on linear and convex arrays as asin(dx / r) less that of the normal, which cannot
          // tell a point above an element from its mirror image below. It matters right beside the flank of a convex
          // array.
          if (!planar_) d.z = std::copysign(d.z, part.vertical.y);
          const double u = dot(d, part.lateral), w = dot(d, part.normal);
          const double full_range = std::sqrt(u * u + v * v + w * w);
          // On linear and convex arrays the angle is that in the plane of the array.
          const double angle_range = planar_ ? full_range : std::sqrt(u * u + w * w);
          const double range = std::max(full_range, shortest_range);
          const double cosine = angle_range > 0 ? w / angle_range : 1;
          const double sine_u = angle_range > 0 ? u / angle_range : 0, sine_v = angle_range > 0 ? v / angle_range : 0;
          double obliquity = 1;
          if (std::isinf(baffle_))
            obliquity = cosine;
          else if (baffle_ > 0)
            obliquity = cosine / (cosine + baffle_);
          if (cosine <= 0 || behind) obliquity = 0;
          double amplitude = obliquity / (dimensions_ == 3 ? range : std::sqrt(range)) / static_cast<double>(g.subs);
          const std::size_t at = g.row(p, sub) + e;
          if (full_directivity_) {
            g.shift[at] = std::max(std::abs(half_strip_ * sine_u), smallest_shift);
            amplitude /= 2 * g.shift[at];
            if (planar_) {
              g.shift_high[at] = std::max(std::abs(half_height_ * sine_v), smallest_shift);
              amplitude /= 2 * g.shift_high[at];
            }
          } else {
            amplitude *= sinc(centre_wavenumber * half_strip_ * sine_u);
            if (planar_) amplitude *= sinc(centre_wavenumber * half_height_ * sine_v);
          }
          g.range[at] = range;
          g.amplitude[at] = amplitude;
          if (lens_) {
            double& mean = g.mean_range[p * padded_ + e];
            mean = (sub == 0 ? 0 : mean) + range / static_cast<double>(g.subs);
          }
        }
      if (lens_)
        for (std::size_t e = 0; e < elements_; ++e)
          g.elevation[p * padded_ + e] = dot(points[p] - centres_[e], verticals_[e]);
    }
  });
  return g;
}

double SimusKernel::largest_range(std::span<const Vec3> points) const {
  double largest = 0;
  for (const Vec3& point : points)
    for (const SubElement& part : sub_elements_) {
      const Vec3 d = point - part.position;
      const double v = dimensions_ == 3 ? dot(d, part.vertical) : 0, u = dot(d, part.lateral), w = dot(d, part.normal);
      largest = std::max(largest, u * u + v * v + w * w);
    }
  return std::max(std::sqrt(largest), sound_speed_ / frequency_ / 2);
}

std::vector<SimusKernel::Block> SimusKernel::blocks(const FrequencyBand& band) const {
  // Amplitudes exp(-a(f) r) are a geometric progression where a is proportional to f; for other powers they are taken
  // as one over 4 bins, exact at its ends.
  bool proportional = attenuation_.db_per_cm == 0 || attenuation_.exponent == 1;
  if (propagation_)
    for (const double exponent : propagation_->exponents()) proportional = proportional && exponent == 1;
  const std::size_t longest = proportional ? 32 : 4;
  std::vector<std::size_t> holds{0};  // where the elevation factor is computed anew
  if (lens_ && band.count > 1) {
    holds.clear();
    const double n = static_cast<double>(band.count);
    const double count = std::max(3.0, std::nearbyint(n / 20));
    for (double i = 0; i < count; ++i) {
      const auto index = static_cast<std::size_t>(std::nearbyint(1 + (n - 1) * i / (count - 1))) - 1;
      if (holds.empty() || index > holds.back()) holds.push_back(index);
    }
  }
  std::vector<Block> blocks;
  for (std::size_t h = 0; h < holds.size(); ++h) {
    const std::size_t end = h + 1 < holds.size() ? holds[h + 1] : band.count;
    const double k = 2 * pi * band.at(holds[h]) / sound_speed_;
    for (std::size_t begin = holds[h]; begin < end; begin += longest)
      blocks.push_back({begin, std::min(end, begin + longest), k});
  }
  return blocks;
}

namespace {

/// Adds A sqrt(1/a) exp(g + b^2/(4a)), a = (a_re, a_im) with a_re > 0, b^2 real and negative, g imaginary.
inline void add_gaussian_beam(double A_re, double A_im, double a_re, double a_im, double b_squared, double g_im,
                              double& sum_re, double& sum_im) {
  const double inverse_norm2 = 1 / (a_re * a_re + a_im * a_im);
  const double q_re = a_re * inverse_norm2, q_im = -a_im * inverse_norm2;  // 1/a
  const double root_re = std::sqrt((std::sqrt(inverse_norm2) + q_re) / 2), root_im = q_im / (2 * root_re);
  const double magnitude = exp_bounded(b_squared / 4 * q_re);
  double c, s;
  cis_turns((g_im + b_squared / 4 * q_im) * (0.5 / pi), c, s);
  const double w_re = magnitude * (root_re * c - root_im * s), w_im = magnitude * (root_re * s + root_im * c);
  sum_re += A_re * w_re - A_im * w_im;
  sum_im += A_re * w_im + A_im * w_re;
}

}  // namespace

void SimusKernel::elevation(const Geometry& geometry, std::size_t point, double k, double* __restrict re,
                            double* __restrict im) const {
  // [wen1988] as in [cigier2022]: sum over four terms of A sqrt(pi/a) exp(g + b^2/(4a)) with a = B/h^2 + (ik/2)(1/F -
  // 1/r), b = -iky/r, g = iky^2/(2r); the last two A and B are the conjugates of the first two.
  const double* range = geometry.mean_range.data() + point * padded_;
  const double* height = geometry.elevation.data() + point * padded_;
  const double inverse_height = 1 / (height_ * height_), inverse_focus = 1 / elevation_focus_;
  const double root_pi = std::sqrt(pi);
  const std::size_t n = padded_;
#pragma omp simd
  for (std::size_t e = 0; e < n; ++e) {
    const double inverse_range = 1 / range[e], y = height[e];
    const double b2 = -k * k * y * y * inverse_range * inverse_range;
    const double g = k * y * y * inverse_range / 2;
    const double curvature = k / 2 * (inverse_focus - inverse_range);
    double sum_re = 0, sum_im = 0;
    const double B1 = 4.558 * inverse_height, D1 = 25.59 * inverse_height;
    const double B2 = 8.598 * inverse_height, D2 = 7.924 * inverse_height;
    add_gaussian_beam(0.187, 0.275, B1, curvature - D1, b2, g, sum_re, sum_im);
    add_gaussian_beam(0.288, -1.954, B2, curvature - D2, b2, g, sum_re, sum_im);
    add_gaussian_beam(0.187, -0.275, B1, curvature + D1, b2, g, sum_re, sum_im);
    add_gaussian_beam(0.288, 1.954, B2, curvature + D2, b2, g, sum_re, sum_im);
    re[e] = root_pi * sum_re;
    im[e] = root_pi * sum_im;
  }
}

void SimusKernel::begin(Tile& tile, std::size_t slot, const Geometry& geometry, std::size_t point, const Block& block,
                        double frequency, const FrequencyBand& band) const {
  double* e_re = tile.e_re.data();
  double* e_im = tile.e_im.data();
  if (lens_)
    elevation(geometry, point, block.elevation_wavenumber, e_re, e_im);
  else
    std::fill_n(e_re, padded_, 1.0), std::fill_n(e_im, padded_, 0.0);

  const double start_turns = frequency / sound_speed_, step_turns = band.step / sound_speed_;
  const auto bins = static_cast<double>(block.end - block.begin);
  // 8.69 stands for 20 log10 e, as in SIMUS.
  const auto loss = [&](double f) {
    return attenuation_.db_per_cm * std::pow(f / 1e6, attenuation_.exponent) * 1e2 / 8.69;
  };
  const double start_loss = lossy() ? loss(frequency) : 0;
  const double step_loss = lossy() ? (loss(frequency + bins * band.step) - start_loss) / bins : 0;

  // What the ways of this point lose beyond the background at the first bin, and on from bin to bin.
  std::vector<double> start_excess(laws()), step_excess(laws());
  for (std::size_t law = 0; law < laws(); ++law) {
    const double exponent = propagation_->exponents()[law];
    start_excess[law] = std::pow(frequency / 1e6, exponent);
    step_excess[law] = (std::pow((frequency + bins * band.step) / 1e6, exponent) - start_excess[law]) / bins;
  }
  const double* detour = geometry.detour.data() + point * padded_;

  const std::size_t signs_u = full_directivity_ ? 2 : 1, signs_v = full_directivity_ && planar_ ? 2 : 1;
  std::size_t term = 0;
  for (std::size_t sub = 0; sub < geometry.subs; ++sub)
    for (std::size_t su = 0; su < signs_u; ++su)
      for (std::size_t sv = 0; sv < signs_v; ++sv, ++term) {
        const double* range = geometry.range.data() + geometry.row(point, sub);
        const double* amplitude = geometry.amplitude.data() + geometry.row(point, sub);
        const double* shift_u = full_directivity_ ? geometry.shift.data() + geometry.row(point, sub) : range;
        const double* shift_v = signs_v == 2 ? geometry.shift_high.data() + geometry.row(point, sub) : range;
        // sinc(kb) = (exp(ikb) - exp(-ikb)) / (2ikb): 1/(2b) stands in the amplitude, 1/k is applied to each bin.
        const double sign_u = su == 0 ? 1 : -1, sign_v = sv == 0 ? 1 : -1;
        const double along_u = full_directivity_ ? sign_u : 0, along_v = signs_v == 2 ? sign_v : 0;
        const double factor_re = signs_v == 2 ? -sign_u * sign_v : (full_directivity_ ? 0 : 1);
        const double factor_im = signs_v == 2 ? 0 : (full_directivity_ ? -sign_u : 0);
        const std::size_t at = slot * tile.row + term * padded_;
        double* before_re = tile.before_re.data() + at;
        double* before_im = tile.before_im.data() + at;
        double* now_re = tile.now_re.data() + at;
        double* now_im = tile.now_im.data() + at;
        double* factor = tile.factor.data() + at;
        double* damping = tile.damping.data() + at;
#pragma omp simd
        for (std::size_t e = 0; e < padded_; ++e) {
          const double path = range[e] + detour[e] + along_u * shift_u[e] + along_v * shift_v[e];
          double c, s;
          cis_turns(start_turns * path, c, s);
          const double weight_re = factor_re * e_re[e] - factor_im * e_im[e];
          const double weight_im = factor_re * e_im[e] + factor_im * e_re[e];
          const double re = amplitude[e] * (c * weight_re - s * weight_im);
          const double im = amplitude[e] * (c * weight_im + s * weight_re);
          cis_turns(step_turns * path, c, s);
          now_re[e] = re;
          now_im[e] = im;
          before_re[e] = re * c + im * s;
          before_im[e] = im * c - re * s;
          factor[e] = 2 * c;
        }
        if (!lossy()) continue;
#pragma omp simd
        for (std::size_t e = 0; e < padded_; ++e) {
          const double at_start = exp_bounded(-start_loss * range[e]);
          const double per_bin = exp_bounded(-step_loss * range[e]), at_before = at_start / per_bin;
          now_re[e] *= at_start;
          now_im[e] *= at_start;
          before_re[e] *= at_before;
          before_im[e] *= at_before;
          factor[e] *= per_bin;
          damping[e] = per_bin * per_bin;
        }
        for (std::size_t law = 0; law < laws(); ++law) {
          const double* excess = geometry.excess_loss.data() + (point * laws() + law) * padded_;
#pragma omp simd
          for (std::size_t e = 0; e < padded_; ++e) {
            const double at_start = exp_bounded(-start_excess[law] * excess[e]);
            const double per_bin = exp_bounded(-step_excess[law] * excess[e]), at_before = at_start / per_bin;
            now_re[e] *= at_start;
            now_im[e] *= at_start;
            before_re[e] *= at_before;
            before_im[e] *= at_before;
            factor[e] *= per_bin;
            damping[e] *= per_bin * per_bin;
          }
        }
      }
}

/// Runs through the bins of a block for the points point .. point + tile_size - 1 (the last one repeated past the end);
/// per_bin(bin, i, scale) finds G / scale of each slot at tile.g_row(i, slot).
template <class PerBin>
void SimusKernel::sweep(const Geometry& geometry, std::size_t point, const Block& block, const FrequencyBand& band,
                        Tile& tile, PerBin&& per_bin) const {
  for (std::size_t slot = 0; slot < tile_size; ++slot)
    begin(tile, slot, geometry, std::min(point + slot, geometry.points - 1), block, band.at(block.begin), band);
  const auto run = [&](auto terms_together, auto with_loss, std::size_t slot, std::size_t term) {
    const std::size_t at = slot * tile.row + term * padded_, out = tile.g_row(0, slot);
    const double *factor = tile.factor.data() + at, *damping = tile.damping.data() + at;
    constexpr std::size_t n = decltype(terms_together)::value;
    constexpr bool loss = decltype(with_loss)::value;
    advance<n, loss>(tile.before_re.data() + at, tile.now_re.data() + at, factor, damping, padded_, term > 0,
                     tile.g_re.data() + out, tile_size * padded_);
    advance<n, loss>(tile.before_im.data() + at, tile.now_im.data() + at, factor, damping, padded_, term > 0,
                     tile.g_im.data() + out, tile_size * padded_);
  };
  using One = std::integral_constant<std::size_t, 1>;
  using Two = std::integral_constant<std::size_t, 2>;
  for (std::size_t bin = block.begin; bin < block.end; bin += bins_together) {
    for (std::size_t slot = 0; slot < tile_size; ++slot)
      for (std::size_t term = 0; term < terms_; term += 2) {
        const bool pair = term + 1 < terms_;
        if (pair && lossy())
          run(Two{}, std::true_type{}, slot, term);
        else if (pair)
          run(Two{}, std::false_type{}, slot, term);
        else if (lossy())
          run(One{}, std::true_type{}, slot, term);
        else
          run(One{}, std::false_type{}, slot, term);
      }
    for (std::size_t i = 0; i < bins_together && bin + i < block.end; ++i) {
      // What sinc at every frequency leaves to each bin: 1/k, or 1/k^2 for two sincs.
      const double k = 2 * pi * band.at(bin + i) / sound_speed_;
      per_bin(bin + i, i, !full_directivity_ || k == 0 ? 1 : (planar_ ? 1 / (k * k) : 1 / k));
    }
  }
}

namespace {

/// sum_e drive_e G_e of all slots
void transmit_sums(const double* __restrict d_re, const double* __restrict d_im, const double* __restrict g_re,
                   const double* __restrict g_im, std::size_t n, double* re, double* im) {
  double r0 = 0, r1 = 0, r2 = 0, r3 = 0, i0 = 0, i1 = 0, i2 = 0, i3 = 0;
  static_assert(tile_size == 4);
#pragma omp simd reduction(+ : r0, r1, r2, r3, i0, i1, i2, i3)
  for (std::size_t e = 0; e < n; ++e) {
    const double a = d_re[e], b = d_im[e];
    r0 += a * g_re[e] - b * g_im[e];
    i0 += a * g_im[e] + b * g_re[e];
    r1 += a * g_re[n + e] - b * g_im[n + e];
    i1 += a * g_im[n + e] + b * g_re[n + e];
    r2 += a * g_re[2 * n + e] - b * g_im[2 * n + e];
    i2 += a * g_im[2 * n + e] + b * g_re[2 * n + e];
    r3 += a * g_re[3 * n + e] - b * g_im[3 * n + e];
    i3 += a * g_im[3 * n + e] + b * g_re[3 * n + e];
  }
  const double all_re[] = {r0, r1, r2, r3}, all_im[] = {i0, i1, i2, i3};
  std::copy_n(all_re, tile_size, re);
  std::copy_n(all_im, tile_size, im);
}

}  // namespace

void SimusKernel::add_echoes(std::span<const Vec3> points, std::span<const double> strengths,
                             std::span<const double> exponents, const FrequencyBand& band, const SplitTable& drive,
                             SplitTable& echoes, const std::function<void(std::size_t)>& done) const {
  const std::size_t transmits = drive.re.extent(0);
  const auto parts = blocks(band);
  // Points in portions of about 32 MB of geometry; within one, each block of bins is one task that alone adds to its
  // rows of the echoes, point after point: the order of all sums is that of the data, whatever the number of threads.
  const std::size_t portion = std::max<std::size_t>(tile_size, (std::size_t{4} << 20) / (padded_ * sub_elements() * 2));
  for (std::size_t first = 0; first < points.size(); first += portion) {
    const std::size_t count = std::min(portion, points.size() - first);
    const Geometry g = geometry(points.subspan(first, count));
    parallel_for(parts.size(), [&](std::size_t b) {
      Tile tile(terms_, padded_);
      for (std::size_t p = 0; p < count; p += tile_size) {
        check_interrupted();
        sweep(g, p, parts[b], band, tile, [&](std::size_t bin, std::size_t at, double scale) {
          double weight[tile_size];
          const double relative = band.at(bin) / frequency_;
          for (std::size_t slot = 0; slot < tile_size; ++slot) {
            const std::size_t i = first + p + slot;
            weight[slot] = p + slot < count ? strengths[i] * scale * scale : 0;
            if (weight[slot] != 0 && exponents[i] != 0) weight[slot] *= std::pow(relative, exponents[i]);
          }
          for (std::size_t t = 0; t < transmits; ++t) {
            const double* d_re = drive.re.row(t, bin).data();
            const double* d_im = drive.im.row(t, bin).data();
            const double* __restrict g_re = tile.g_re.data() + tile.g_row(at, 0);
            const double* __restrict g_im = tile.g_im.data() + tile.g_row(at, 0);
            double w_re[tile_size], w_im[tile_size];
            transmit_sums(d_re, d_im, g_re, g_im, padded_, w_re, w_im);
            for (std::size_t slot = 0; slot < tile_size; ++slot) {
              w_re[slot] *= weight[slot];
              w_im[slot] *= weight[slot];
            }
            double* __restrict out_re = echoes.re.row(t, bin).data();
            double* __restrict out_im = echoes.im.row(t, bin).data();
            const std::size_t n = padded_;
            static_assert(tile_size == 4);
#pragma omp simd
            for (std::size_t e = 0; e < n; ++e) {
              double re = out_re[e], im = out_im[e];
              re += w_re[0] * g_re[e] - w_im[0] * g_im[e];
              im += w_re[0] * g_im[e] + w_im[0] * g_re[e];
              re += w_re[1] * g_re[n + e] - w_im[1] * g_im[n + e];
              im += w_re[1] * g_im[n + e] + w_im[1] * g_re[n + e];
              re += w_re[2] * g_re[2 * n + e] - w_im[2] * g_im[2 * n + e];
              im += w_re[2] * g_im[2 * n + e] + w_im[2] * g_re[2 * n + e];
              re += w_re[3] * g_re[3 * n + e] - w_im[3] * g_im[3 * n + e];
              im += w_re[3] * g_im[3 * n + e] + w_im[3] * g_re[3 * n + e];
              out_re[e] = re;
              out_im[e] = im;
            }
          }
        });
      }
    });
    done(count);
  }
}

NdArray<std::complex<double>, 2> SimusKernel::pressure(std::span<const Vec3> points, const FrequencyBand& band,
                                                       const SplitTable& drive) const {
  NdArray<std::complex<double>, 2> result({points.size(), band.count});
  if (points.empty()) return result;
  const auto parts = blocks(band);
  const Geometry g = geometry(points);
  parallel_for(parts.size(), [&](std::size_t b) {
    Tile tile(terms_, padded_);
    for (std::size_t p = 0; p < points.size(); p += tile_size, check_interrupted())
      sweep(g, p, parts[b], band, tile, [&](std::size_t bin, std::size_t at, double scale) {
        double re[tile_size], im[tile_size];
        transmit_sums(drive.re.row(0, bin).data(), drive.im.row(0, bin).data(), tile.g_re.data() + tile.g_row(at, 0),
                      tile.g_im.data() + tile.g_row(at, 0), padded_, re, im);
        for (std::size_t slot = 0; slot < tile_size && p + slot < points.size(); ++slot)
          result(p + slot, bin) = {scale * re[slot], scale * im[slot]};
      });
  });
  return result;
}

}  // namespace sonoforge
