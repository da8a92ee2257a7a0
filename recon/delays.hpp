#pragma once
#include <optional>
#include <span>
#include <vector>

#include "core/vec3.hpp"
#include "transducers/probe.hpp"
#include "transducers/sequence.hpp"

namespace sonoforge {

/// How the instant is found at which the transmitted pulse passes a point.
enum class TransmitDelay {
  virtual_source,    ///< from plane, source or focus of the transmit, see `TransmitArrival`
  earliest_arrival,  ///< the earliest of the waves from all active elements
};

/// When the pulse centre of one transmit passes a point, counted from the first firing [s].
///
/// virtual_source follows the table at `Transmit`. For a focused transmit let d be the distance to the focus and C the
/// cosine of the angle between the beam axis and the ray from the focus: inside the double cone that the active
/// aperture spans through the focus (|C| >= C0) the time is time_of_origin + sign(C) d / c; outside of it sign(C) gives
/// way to C / C0. So the time has no jump beside the focus, where the plain change of sign has one of 2 d / c.
/// Transmits without a stated geometry (custom) are first compared with plane, focused and diverging waves, see
/// `recognise_wave`; those that are none of them take the earliest arrival.
///
/// earliest_arrival: min over points e of delay_e + |x - e| / c. For a transmit from one run of neighbouring elements
/// the points are four times as many as the elements, positions and delays being interpolated by a cubic spline over
/// the element index, as MUST does [garcia2021]; otherwise they are the active elements themselves.
/// Behind a focus the earliest wave is the faint one from the rim, so images there are misplaced: use virtual_source.
class TransmitArrival {
 public:
  TransmitArrival(const Transmit& transmit, const Probe& probe, double sound_speed, TransmitDelay how);
  double operator()(Vec3 x) const;
  /// As above for many points: times and points are of one length.
  void operator()(std::span<const Vec3> points, std::span<double> times) const;

 private:
  /// Points that waves start from, one array a property, so that the search for the earliest is vectorised.
  struct Sources {
    std::vector<double> x, y, z, delay;
    std::vector<double> half_width, half_length;  ///< along x and y: a row-column element radiates from all its length
  };
  void add_sources(const TransmitLaw& law, const Probe& probe);
  double earliest(Vec3 x) const;

  Transmit::Wave wave_;
  double slowness_;
  double time_of_origin_ = 0;
  Vec3 focus_, direction_;
  double cone_cosine_ = 1;
  Sources sources_;
};

/// The plane, focused or diverging wave whose delays those of a law are, to within 2 ns, with focus, direction, origin
/// and time_of_origin as in `Transmit`; its axis goes from the middle of the active aperture through the focus. Nothing
/// if the law is no such wave or has under four active elements. The squared distance to a focus is linear in the
/// unknowns: (T - D)^2 = |x - f|^2 for D = c delay gives D^2 - |x|^2 = 2 T D - 2 x.f + |f|^2 - T^2, a linear
/// least-squares problem.
std::optional<Transmit> recognise_wave(const TransmitLaw& law, const Probe& probe, double sound_speed);

/// The cubic spline through values at 0, 1, ..., n-1 whose third derivative is continuous at the second and the last
/// but one knot ("not a knot"); fewer than four values give the polynomial through them [deboor1978].
class IndexSpline {
 public:
  explicit IndexSpline(std::span<const double> values);
  double operator()(double index) const;

 private:
  std::vector<double> values_, curvatures_;
};

}  // namespace sonoforge
