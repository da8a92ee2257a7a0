#include "transducers/chirp.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace sonoforge {
namespace {

constexpr double max_periods = 10'000;

/// Nodes and weights of the Gauss-Legendre rule on [-1, 1] (Newton's method on the Legendre polynomial).
template <std::size_t N>
std::array<std::array<double, 2>, N> gauss_legendre() {
  std::array<std::array<double, 2>, N> rule{};
  for (std::size_t i = 0; i < N; ++i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (static_cast<double>(N) + 0.5));
    double slope = 1;
    for (int iteration = 0; iteration < 100; ++iteration) {
      double previous = 1, value = x;
      for (std::size_t k = 2; k <= N; ++k) {
        const double n = static_cast<double>(k);
        const double next = ((2 * n - 1) * x * value - (n - 1) * previous) / n;
        previous = value;
        value = next;
      }
      slope = static_cast<double>(N) * (x * value - previous) / (x * x - 1);
      const double step = value / slope;
      x -= step;
      if (std::abs(step) < 1e-16) break;
    }
    rule[i] = {x, 2 / ((1 - x * x) * slope * slope)};
  }
  return rule;
}

constexpr std::size_t nodes = 16;

/// A smooth piece of the signal, sampled for integration: `values` [panel, node] are the signal times the rule's
/// weights.
struct Piece {
  double first_middle, panel_length;
  std::vector<double> values;
};

class Chirp final : public Pulse {
 public:
  explicit Chirp(const ChirpConfig& config) : config_(config) {
    const double half = config.duration / 2;
    edges_ = {-half, half};
    // A Tukey window changes its formula at two points; the rule is exact only on smooth pieces.
    const double taper = config.window == Window::tukey25   ? 0.25
                         : config.window == Window::tukey50 ? 0.5
                         : config.window == Window::tukey75 ? 0.75
                                                            : 0;
    if (taper > 0) edges_ = {-half, -half * (1 - taper), half * (1 - taper), half};
    prepared_frequency_ = 4 * highest();
    prepared_ = sample(prepared_frequency_);
  }

  std::complex<double> spectrum(double f, std::size_t) const override {
    return std::abs(f) <= prepared_frequency_ ? integrate(prepared_, f) : integrate(sample(std::abs(f)), f);
  }
  double half_duration() const override { return config_.duration / 2; }
  double frequency() const override { return (config_.frequency_from + config_.frequency_to) / 2; }

 private:
  using Rule = std::array<std::array<double, 2>, nodes>;
  static const Rule& rule() {
    static const Rule values = gauss_legendre<nodes>();
    return values;
  }
  double highest() const { return std::max(config_.frequency_from, config_.frequency_to); }

  double wave(double t) const {
    const double rate = (config_.frequency_to - config_.frequency_from) / config_.duration;
    const double cycles = (frequency() + rate * t / 2) * t;
    return config_.amplitude * window_value(config_.window, 2 * t / config_.duration) *
           std::sin(2 * std::numbers::pi * cycles);
  }

  /// Samples the signal finely enough to integrate it against frequencies up to f.
  std::vector<Piece> sample(double f) const {
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i + 1 < edges_.size(); ++i) {
      const double length = edges_[i + 1] - edges_[i];
      // 16 nodes integrate half a period of the fastest oscillation to the last bit.
      const auto panels = static_cast<std::size_t>(std::max(1.0, std::ceil(2 * (highest() + f) * length)));
      Piece piece{0, length / static_cast<double>(panels), {}};
      piece.first_middle = edges_[i] + piece.panel_length / 2;
      piece.values.reserve(panels * nodes);
      for (std::size_t panel = 0; panel < panels; ++panel)
        for (const auto& [node, weight] : rule()) {
          const double middle = piece.first_middle + static_cast<double>(panel) * piece.panel_length;
          piece.values.push_back(weight * piece.panel_length / 2 * wave(middle + node * piece.panel_length / 2));
        }
      pieces.push_back(std::move(piece));
    }
    return pieces;
  }

  /// The Fourier integral. Within a panel the phases of the nodes are always the same, so they are computed once.
  static std::complex<double> integrate(const std::vector<Piece>& pieces, double f) {
    const double omega = 2 * std::numbers::pi * f;
    std::complex<double> sum = 0;
    for (const Piece& piece : pieces) {
      std::array<double, nodes> real, imag;
      for (std::size_t j = 0; j < nodes; ++j) {
        const double phase = -omega * rule()[j][0] * piece.panel_length / 2;
        real[j] = std::cos(phase);
        imag[j] = std::sin(phase);
      }
      for (std::size_t begin = 0; begin < piece.values.size(); begin += nodes) {
        double panel_real = 0, panel_imag = 0;
        for (std::size_t j = 0; j < nodes; ++j) {
          panel_real += piece.values[begin + j] * real[j];
          panel_imag += piece.values[begin + j] * imag[j];
        }
        const double middle = piece.first_middle + static_cast<double>(begin / nodes) * piece.panel_length;
        sum += std::complex<double>(panel_real, panel_imag) * std::polar(1.0, -omega * middle);
      }
    }
    return sum;
  }

  ChirpConfig config_;
  std::vector<double> edges_;
  double prepared_frequency_ = 0;
  std::vector<Piece> prepared_;
};

}  // namespace

void ChirpConfig::fields(FieldVisitor& visit) {
  visit(frequency_from, {.key = "frequency_from",
                         .doc = "Instantaneous frequency at the beginning.",
                         .unit = Unit::hertz,
                         .min = 1e3,
                         .max = 1e9,
                         .required = frequency_from == 0});
  visit(frequency_to, {.key = "frequency_to",
                       .doc = "Instantaneous frequency at the end; lower than frequency_from for a falling chirp.",
                       .unit = Unit::hertz,
                       .min = 1e3,
                       .max = 1e9,
                       .required = frequency_to == 0});
  visit(duration, {.key = "duration",
                   .doc = "Length of the chirp.",
                   .unit = Unit::second,
                   .min = 1e-9,
                   .max = 1,
                   .required = duration == 0});
  visit(amplitude, {.key = "amplitude", .doc = "Peak of the drive."});
  visit.choice(window, window_names, {.key = "window", .doc = "Taper over the chirp."});
  pressure_field(visit);
}

void ChirpConfig::check() const {
  const double periods = std::max(frequency_from, frequency_to) * duration;
  if (!(periods >= 0.1))
    throw ConfigError("duration", "the chirp holds " + format_number(periods) +
                                      " periods (it must last at least a tenth of one). Make it longer");
  if (periods > max_periods)
    throw ConfigError("duration", "the chirp holds " + format_number(periods) + " periods (at most " +
                                      format_number(max_periods) + " are supported). Make it shorter");
}

std::shared_ptr<const Pulse> ChirpConfig::build(const Probe&) const {
  check();
  return std::make_shared<Chirp>(*this);
}

}  // namespace sonoforge
