#include "ai/drift.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "ai/statistics.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t nodes = 96;

/// Nodes and weights of Gauss and Legendre on [0, 1], by Newton's steps on the polynomial [abramowitz1964].
void gauss_legendre(std::vector<double>& at, std::vector<double>& weight) {
  at.resize(nodes);
  weight.resize(nodes);
  const double n = nodes;
  for (std::size_t i = 0; i < nodes; ++i) {
    double x = std::cos(std::numbers::pi * (static_cast<double>(i) + 0.75) / (n + 0.5)), slope = 1;
    for (int step = 0; step < 50; ++step) {
      double before = 1, now = x;
      for (std::size_t k = 2; k <= nodes; ++k) {
        const double order = static_cast<double>(k), next = ((2 * order - 1) * x * now - (order - 1) * before) / order;
        before = now;
        now = next;
      }
      slope = n * (x * now - before) / (x * x - 1);
      const double change = now / slope;
      x -= change;
      if (std::abs(change) < 1e-15) break;
    }
    at[i] = 0.5 * (1 - x);
    weight[i] = 1 / ((1 - x * x) * slope * slope);
  }
}

double density(double z) {
  return std::exp(-0.5 * z * z) / std::sqrt(2 * std::numbers::pi);
}

/// Mid-rank among the usual values as a normal quantile.
double normal_score(const std::vector<double>& sorted, double value) {
  const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), value);
  const double rank = 0.5 * static_cast<double>((low - sorted.begin()) + (high - sorted.begin()));
  const double n = static_cast<double>(sorted.size());
  return normal_quantile(std::clamp(rank / n, 0.5 / n, 1 - 0.5 / n));
}

}  // namespace

double mean_run_length(const Cusum& cusum, double shift) {
  if (!(cusum.reference >= 0) || !(cusum.limit >= 0))
    throw std::invalid_argument("mean_run_length: a reference or limit is negative");
  // L(s) = 1 + L(0) P(s + z - k <= 0) + int_0^h L(x) p(x - s + k) dx; unknowns: L(0), then L at the nodes.
  static const auto rule = [] {
    std::pair<std::vector<double>, std::vector<double>> both;
    gauss_legendre(both.first, both.second);
    return both;
  }();
  const double k = cusum.reference - shift, h = cusum.limit;
  constexpr auto size = static_cast<Eigen::Index>(nodes + 1);
  Eigen::MatrixXd system = Eigen::MatrixXd::Identity(size, size);
  for (Eigen::Index i = 0; i < size; ++i) {
    const double s = i == 0 ? 0 : h * rule.first[static_cast<std::size_t>(i - 1)];
    system(i, 0) -= normal_probability(k - s);
    for (std::size_t j = 0; j < nodes; ++j)
      system(i, static_cast<Eigen::Index>(j + 1)) -= h * rule.second[j] * density(h * rule.first[j] - s + k);
  }
  return system.partialPivLu().solve(Eigen::VectorXd::Ones(size))(0);
}

double siegmund_run_length(const Cusum& cusum, double shift) {
  const double drift = shift - cusum.reference, b = cusum.limit + 1.166;
  if (std::abs(drift) < 1e-9) return b * b;
  return (std::exp(-2 * drift * b) + 2 * drift * b - 1) / (2 * drift * drift);
}

Cusum design_cusum(double reference, double run_length) {
  if (!(run_length >= 2 && run_length <= 1e7) || !(reference >= 0))
    throw std::invalid_argument("design_cusum: a run length is from 2 to 1e7");
  double low = 0, high = 1;
  if (mean_run_length({reference, 0}) > run_length) return {reference, 0};
  while (mean_run_length({reference, high}) < run_length) high *= 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (low + high);
    (mean_run_length({reference, middle}) < run_length ? low : high) = middle;
  }
  return {reference, 0.5 * (low + high)};
}

std::optional<std::size_t> first_alarm(const Cusum& cusum, const std::vector<double>& standardised) {
  double sum = 0;
  for (std::size_t i = 0; i < standardised.size(); ++i) {
    sum = std::max(0.0, sum + standardised[i] - cusum.reference);
    if (sum > cusum.limit) return i;
  }
  return {};
}

DriftTrial simulate_drift(const std::vector<double>& usual, const std::vector<double>& drifted, bool worse_is_lower,
                          double reference, double run_length, std::size_t onset, std::size_t after,
                          std::size_t streams, const RandomStream& random) {
  if (usual.size() < 10 || drifted.empty())
    throw std::invalid_argument("simulate_drift: ten usual values and a drifted one are needed");
  const double sign = worse_is_lower ? -1 : 1;
  std::vector<double> sorted;
  for (const double value : usual) sorted.push_back(sign * value);
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> before, later;
  for (const double value : sorted) before.push_back(normal_score(sorted, value));
  for (const double value : drifted) later.push_back(normal_score(sorted, sign * value));
  // Ranks of few values have a variance below 1, which would make alarms too rare.
  double mean = 0;
  for (const double value : before) mean += value / static_cast<double>(before.size());
  const double deviation = sample_deviation(before);
  if (!(deviation > 0)) throw std::invalid_argument("simulate_drift: the usual values do not vary");
  for (auto* values : {&before, &later})
    for (auto& value : *values) value = (value - mean) / deviation;

  DriftTrial trial;
  trial.cusum = design_cusum(reference, run_length);
  trial.designed_run_length = run_length;
  trial.streams = streams;
  trial.expected_early_share = 1 - std::exp(-static_cast<double>(onset) / run_length);
  std::vector<double> lengths(streams);
  std::vector<std::ptrdiff_t> alarms(streams);
  parallel_for(streams, [&](std::size_t s) {
    RandomStream draw = random.child("stream", s);
    const auto pick = [&](const std::vector<double>& from) { return from[draw.integer_below(from.size())]; };
    double sum = 0;
    std::size_t length = 0;
    const auto longest = static_cast<std::size_t>(50 * run_length);
    do sum = std::max(0.0, sum + pick(before) - reference);
    while (++length < longest && sum <= trial.cusum.limit);
    lengths[s] = static_cast<double>(length);
    std::vector<double> stream;
    for (std::size_t i = 0; i < onset; ++i) stream.push_back(pick(before));
    for (std::size_t i = 0; i < after; ++i) stream.push_back(pick(later));
    const auto alarm = first_alarm(trial.cusum, stream);
    alarms[s] = alarm ? static_cast<std::ptrdiff_t>(*alarm) - static_cast<std::ptrdiff_t>(onset)
                      : static_cast<std::ptrdiff_t>(after);
  });
  const double count = static_cast<double>(streams);
  for (const double length : lengths) trial.found_run_length += length / count;
  trial.run_length_error = sample_deviation(lengths) / std::sqrt(count);
  std::vector<double> delays;
  std::size_t early = 0;
  for (const auto alarm : alarms) {
    early += alarm < 0;
    if (alarm >= 0 && alarm < static_cast<std::ptrdiff_t>(after)) delays.push_back(static_cast<double>(alarm + 1));
  }
  trial.early_share = static_cast<double>(early) / count;
  trial.detected_share =
      early < streams ? static_cast<double>(delays.size()) / static_cast<double>(streams - early) : 0;
  trial.median_delay = quantile(delays, 0.5);
  return trial;
}

}  // namespace sonoforge
