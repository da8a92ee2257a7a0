#pragma once
#include <complex>
#include <new>
#include <span>
#include <vector>

#include "core/vec3.hpp"
#include "recon/delays.hpp"
#include "transducers/probe.hpp"
#include "transducers/window.hpp"

namespace sonoforge {

/// How a value between two samples is found; s is the fraction of the way from sample k to k + 1.
enum class Interpolation {
  nearest,    ///< samples to the end of the record count
  linear,     ///< k, k+1
  quadratic,  ///< the parabola through k, k+1, k+2
  cubic,      ///< k-1 .. k+2, third order, continuous slope [keys1981]
  lanczos3,   ///< k-1 .. k+2 with sinc(u) sinc(u/2), the kernel that MUST calls lanczos3 [garcia2021]
};
inline const std::vector<std::string_view> interpolation_names{"nearest", "linear", "quadratic", "cubic", "lanczos3"};

/// Memory on whole cache lines, so that no vector of frames straddles two.
template <class T>
struct CacheLineAllocator {
  using value_type = T;
  static constexpr std::align_val_t line{64};
  CacheLineAllocator() = default;
  template <class U>
  CacheLineAllocator(const CacheLineAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), line)); }
  void deallocate(T* memory, std::size_t) { ::operator delete(memory, line); }
  friend bool operator==(CacheLineAllocator, CacheLineAllocator) { return true; }
};
template <class T>
using AlignedVector = std::vector<T, CacheLineAllocator<T>>;

/// Complex channel data of up to 32 frames in the order in which delay and sum reads it: [transmit][channel][sample],
/// and for each sample the real parts of all frames, then the imaginary parts. T is float or double.
template <class T>
class FrameInterleaved {
 public:
  /// `frames` is rounded up to 1, 8, 16 or 32; frames without data are zero. Throws `UserError` where that exceeds
  /// three quarters of the machine's memory.
  FrameInterleaved(std::size_t transmits, std::size_t channels, std::size_t samples, std::size_t frames);
  void set(std::size_t transmit, std::size_t channel, std::size_t frame, std::span<const std::complex<T>> record);

  std::size_t transmits() const { return transmits_; }
  std::size_t channels() const { return channels_; }
  std::size_t samples() const { return samples_; }
  std::size_t lanes() const { return lanes_; }
  static constexpr std::size_t max_frames = 32;
  /// Sample 0 of a channel; one sample of zeros stands before it and two after the last.
  const T* channel(std::size_t transmit, std::size_t channel) const {
    return values_.data() + ((transmit * channels_ + channel) * (samples_ + 3) + 1) * 2 * lanes_;
  }

 private:
  std::size_t transmits_, channels_, samples_, lanes_;
  AlignedVector<T> values_;
};

/// Everything that says which sample belongs to which point.
struct DelayAndSumGeometry {
  const Probe* probe = nullptr;
  std::vector<TransmitArrival> arrivals;  ///< [beam]
  std::vector<std::size_t> transmit_of;   ///< [beam]: whose record holds its echoes; empty = beam n is transmit n
  std::vector<double> start;              ///< [transmit] time of sample 0 [s]
  std::vector<double> receive_delays;     ///< [channel] s, or empty
  double sampling_rate = 0;               ///< [Hz]
  double rotation_frequency = 0;          ///< of baseband data [Hz]; 0 = none
  double sound_speed = 1540;              ///< on the way back [m/s]
  double f_number = 0;                    ///< 0 = full aperture
  Window window = Window::none;
  Interpolation interpolation = Interpolation::linear;
  bool incoherent = false;  ///< add magnitudes of the beams instead of their complex values
  bool mean = false;        ///< divide by the sum of the weights that went in; where none did the value is 0
  /// Part of the receive aperture that counts, across it from -1 on the side against the elements' lateral axis to 1.
  /// Parts that touch share no element; needs an f-number unless it is all.
  double part_from = -1, part_to = 1;
  bool lines = false;  ///< blend the two beams whose axes are next to the point, see `line_weights`
  std::vector<Vec3> line_origins, line_directions;  ///< [beam], where `lines`
};

/// Weights of the beams at a point where each transmit makes its own line: the two beams whose axes pass next to the
/// point on either side share it in proportion to their nearness, so that the image has no seams; beyond the outermost
/// axis that beam fades out over one line distance. In 3-D, where there are no sides, the nearest axis counts alone.
void line_weights(std::span<const Vec3> origins, std::span<const Vec3> directions, Vec3 x, std::span<double> weights);

/// Sum over beams n and channels m of w_m(x) exp(i 2 pi f (t - start)) s_nm(t), t = arrival_n(x) + |x - x_m| / c +
/// receive delay, f the rotation frequency; samples outside the record count as zero. w is the window over the
/// aperture 2 F |lateral offset| <= depth, both measured in the frame of the element; elements spread in both
/// directions count the offset radially. Real in float to 1e-6, in double to 1e-14 (the windows to 1e-8).
/// Written to `sums`, [point][lanes]. The same bits for any number of threads.
template <class T>
void delay_and_sum(const FrameInterleaved<T>& data, const DelayAndSumGeometry& geometry, std::span<const Vec3> points,
                   std::span<std::complex<T>> sums);
template <class T>
std::vector<std::complex<T>> delay_and_sum(const FrameInterleaved<T>& data, const DelayAndSumGeometry& geometry,
                                           std::span<const Vec3> points) {
  std::vector<std::complex<T>> sums(points.size() * data.lanes());
  delay_and_sum<T>(data, geometry, points, sums);
  return sums;
}

}  // namespace sonoforge
