#include "sim/band.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/progress.hpp"
#include "sim/memory_limit.hpp"

namespace sonoforge {

Band::Band(std::vector<double> frequencies, const UniformMedium& medium)
    : medium_(medium), frequency_(std::move(frequencies)) {
  for (double f : frequency_) {
    wavenumber_.push_back(medium.wavenumber(f));
    attenuation_.push_back(medium.attenuation(f));
    turns_per_metre_.push_back(wavenumber_.back() / (2 * std::numbers::pi));
  }
  if (!frequency_.empty()) {
    largest_wavenumber_ = *std::max_element(wavenumber_.begin(), wavenumber_.end());
    half_span_ = (largest_wavenumber_ - *std::min_element(wavenumber_.begin(), wavenumber_.end())) / 2;
  }
  // Steps of about a sixth keep the number of matrices small and waste little.
  for (std::size_t count = 2; count < size(); count += std::max<std::size_t>(1, count / 6)) {
    levels_.push_back(std::make_unique<Level>());
    levels_.back()->count = count;
  }
  levels_.push_back(std::make_unique<Level>());
  levels_.back()->count = size();
}

std::size_t Band::level_for(std::size_t count) const {
  std::size_t level = 0;
  while (level + 1 < levels_.size() && levels_[level]->count < count) ++level;
  return level;
}

const BandNodes& Band::nodes(std::size_t level) const {
  std::call_once(levels_[level]->once, [&] { build(*levels_[level]); });
  return levels_[level]->nodes;
}

void Band::build(Level& level) const {
  BandNodes& nodes = level.nodes;
  nodes = {};  // of an attempt that was interrupted
  if (level.count == size()) {
    nodes.frequency = frequency_, nodes.wavenumber = wavenumber_, nodes.attenuation = attenuation_;
    return;
  }
  const std::size_t count = level.count, bins = size();
  const double centre = (frequency_.front() + frequency_.back()) / 2,
               half = (frequency_.back() - frequency_.front()) / 2;
  std::vector<double> barycentric(count);
  for (std::size_t j = 0; j < count; ++j) {
    const double angle = std::numbers::pi * (2 * static_cast<double>(j) + 1) / (2 * static_cast<double>(count));
    const double f = centre - half * std::cos(angle);
    nodes.frequency.push_back(f);
    nodes.wavenumber.push_back(medium_.wavenumber(f));
    nodes.attenuation.push_back(medium_.attenuation(f));
    barycentric[j] = (j % 2 ? -1 : 1) * std::sin(angle);
  }
  check_working_memory(8.0 * static_cast<double>(count) * static_cast<double>(bins), "the responses of the elements",
                       "Use smaller elements, a lower frequency or a shorter record");
  nodes.matrix.assign(count * bins, 0);
  for (std::size_t b = 0; b < bins; ++b) {
    check_interrupted();
    double sum = 0;
    std::size_t hit = count;
    for (std::size_t j = 0; j < count; ++j) {
      const double difference = frequency_[b] - nodes.frequency[j];
      if (difference == 0) hit = j;
      sum += nodes.matrix[j * bins + b] = difference == 0 ? 0 : barycentric[j] / difference;
    }
    for (std::size_t j = 0; j < count; ++j)
      nodes.matrix[j * bins + b] = hit < count ? (j == hit ? 1 : 0) : nodes.matrix[j * bins + b] / sum;
  }
}

}  // namespace sonoforge
