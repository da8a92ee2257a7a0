#pragma once
#include <complex>
#include <functional>
#include <limits>
#include <span>
#include <vector>

#include "core/nd_array.hpp"
#include "core/vec3.hpp"
#include "phantoms/tissue.hpp"
#include "sim/propagation.hpp"
#include "transducers/probe.hpp"

namespace sonoforge {

/// Equally spaced frequencies first_frequency + k step, k = 0 .. count-1 [Hz].
struct FrequencyBand {
  double first_frequency = 0;
  double step = 0;
  std::size_t count = 0;

  double at(std::size_t k) const { return first_frequency + step * static_cast<double>(k); }
};

/// Complex values [transmit, bin, element] as two arrays, each row of elements padded to a multiple of 8.
struct SplitTable {
  std::size_t padded = 0;
  NdArray<double, 3> re, im;
  SplitTable() = default;
  SplitTable(std::size_t transmits, std::size_t bins, std::size_t elements)
      : padded((elements + 7) / 8 * 8), re({transmits, bins, padded}), im({transmits, bins, padded}) {}
};

/// Whether an element of a linear or convex array is the image of one in a plane z = const: its height then runs along -y.
inline bool is_mirrored(Vec3 normal, Vec3 lateral) { return cross(normal, lateral).y < 0; }

/// The far-field sub-element model of SIMUS [garcia2022, cigier2022]: each element is the mean of small strips (or
/// small rectangles) of which each radiates
///     exp(-a(f) r + i k r) O(theta) sinc(k b sin theta) E / sqrt(r)  in two dimensions, E = 1
///     the same / r                                                     in three,
/// b half a strip's width, O the obliquity of the baffle, r held at half a wavelength or more. With a lens (linear and
/// convex arrays) E is the elevation profile as four Gaussian beams [wen1988], its k held over about 20 bins; on matrix
/// arrays E = 1 and the rectangles have a second sinc. The sinc is taken at the centre frequency, or at every
/// frequency. Time factor exp(-i w t), as there.
class SimusKernel {
 public:
  /// Throws ConfigError("probe", ...) for elements that the model does not know.
  /// `propagation` may be null; its delays and losses come on top of the medium's, without dispersion.
  SimusKernel(const Probe& probe, const Tissue& medium, int dimensions, bool full_frequency_directivity,
              std::shared_ptr<const Propagation> propagation = nullptr);

  std::size_t elements() const { return elements_; }
  /// In three dimensions with elements split in height too.
  bool planar() const { return planar_; }
  std::size_t sub_elements() const { return sub_elements_.size() / elements_; }

  /// Behind the face (or the ends of the arc) there is no pressure.
  bool is_behind(const Vec3& point) const;

  /// The longest travel time over that of the background, at most; 1 in a uniform medium.
  double slowest() const { return propagation_ ? propagation_->slowness_range().second * sound_speed_ : 1; }

  /// The largest distance between a point and a sub-element, held at half a wavelength or more [m].
  double largest_range(std::span<const Vec3> points) const;

  /// Adds sum_s strength_s (f / f0)^exponent_s P_t(x_s, f) G_m(x_s, f) to echoes [transmit, bin, element], where
  /// P_t = sum_n drive_t,n(f) G_n(x_s, f). Calls done(points) after each portion of points.
  void add_echoes(std::span<const Vec3> points, std::span<const double> strengths, std::span<const double> exponents,
                  const FrequencyBand& band, const SplitTable& drive, SplitTable& echoes,
                  const std::function<void(std::size_t)>& done) const;

  /// P(x, f) [point, bin] of transmit 0 of `drive`. Meant for a few thousand points at a time.
  NdArray<std::complex<double>, 2> pressure(std::span<const Vec3> points, const FrequencyBand& band,
                                            const SplitTable& drive) const;

 private:
  struct SubElement {
    Vec3 position, normal, lateral, vertical;
  };
  struct Geometry;
  struct Block;
  struct Tile;
  bool lossy() const { return attenuation_.db_per_cm != 0 || propagation_; }
  std::size_t laws() const { return propagation_ ? propagation_->exponents().size() : 0; }
  Geometry geometry(std::span<const Vec3> points) const;
  void add_excess(std::span<const Vec3> points, Geometry& geometry) const;
  std::vector<Block> blocks(const FrequencyBand& band) const;
  void begin(Tile& tile, std::size_t slot, const Geometry& geometry, std::size_t point, const Block& block,
             double frequency, const FrequencyBand& band) const;
  void elevation(const Geometry& geometry, std::size_t point, double wavenumber, double* re, double* im) const;
  template <class PerBin>
  void sweep(const Geometry& geometry, std::size_t point, const Block& block, const FrequencyBand& band, Tile& tile,
             PerBin&& per_bin) const;

  std::size_t elements_ = 0, padded_ = 0, terms_ = 1;
  int dimensions_ = 3;
  bool planar_ = false, full_directivity_ = false, lens_ = false;
  double frequency_ = 0, sound_speed_ = 0, baffle_ = 0, height_ = 0, elevation_focus_ = 0;
  double lowest_ = 0;  ///< z of the element farthest back [m]
  double arc_radius_ = std::numeric_limits<double>::infinity();
  Vec3 arc_centre_;
  double half_strip_ = 0, half_height_ = 0;  ///< of a sub-element [m]
  Attenuation attenuation_;
  std::shared_ptr<const Propagation> propagation_;
  std::vector<Vec3> centres_, verticals_;  ///< [element]
  std::vector<SubElement> sub_elements_;   ///< [sub-element, element]
};

}  // namespace sonoforge
