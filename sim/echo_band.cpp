#include "sim/echo_band.hpp"

#include <array>
#include <limits>

#include "core/fft.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "sim/firing.hpp"

namespace sonoforge {
namespace {

using Complex = std::complex<double>;
// What each approximation may use of the accuracy asked for.
constexpr double band_share = 0.05, leak_share = 0.5;

/// `ranges`: of the scatterers, nearest and farthest [m]; loss shifts the band of what comes back from there. The
/// energy left out stays below share^2 of all, for either.
EchoBand find_band(const EchoModel& model, double exponent, std::array<double, 2> ranges, double share, double leak,
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
    for (std::size_t i = begin; i < end; ++i, check_interrupted())
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
  EchoBand band;
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
      check_interrupted();
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
double recorded_share(const EchoModel& model, const EchoBand& band, const ScattererGroup& group,
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

}  // namespace

std::complex<double> spectrum_at(const EchoModel& model, double exponent, double f) {
  const double above_zero = std::max(std::abs(f), 1e-6 * model.highest);
  const std::complex<double> value =
      model.spectrum(above_zero) * std::pow(above_zero / model.reference_frequency, exponent);
  return f < 0 ? std::conj(value) : value;
}
std::complex<double> element_drive_at(const EchoModel& model, double f, std::size_t n) {
  const std::complex<double> value = model.element_drive(std::abs(f), n);
  return f < 0 ? std::conj(value) : value;
}

EchoBand band_of(const EchoModel& model, const ScattererGroup& group, std::span<const Transmit> transmits,
                 const EchoRecord& record, double accuracy) {
  const auto ranges = ranges_of(group.positions, *model.probe);
  const auto band = [&](double part) {
    return find_band(model, group.exponent, ranges, band_share * part * accuracy, leak_share * part * accuracy,
                     model.probe->size());
  };
  constexpr double most = 0.5, least = 1e-6;  // below that the tails of distant echoes alone are recorded
  EchoBand first = band(1);
  if (!(first.high > first.low)) return first;
  const double share = recorded_share(model, first, group, transmits, record);
  return share > most ? first : band(std::sqrt(std::max(share, least)));
}

}  // namespace sonoforge
