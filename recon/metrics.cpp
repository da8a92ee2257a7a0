#include "recon/metrics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/error.hpp"

namespace sonoforge {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// Squared distance transform along one line: d[i] = min over j of f[j] + (step (i - j))^2 [felzenszwalb2012].
void distance_along_line(std::vector<double>& f, double step, std::vector<std::size_t>& vertex,
                         std::vector<double>& boundary, std::vector<double>& result) {
  const std::size_t n = f.size();
  const auto at = [&](std::size_t i) { return step * static_cast<double>(i); };
  std::size_t count = 0;
  for (std::size_t q = 0; q < n; ++q) {
    if (f[q] == infinity) continue;
    while (true) {
      if (count == 0) {
        vertex[0] = q, boundary[0] = -infinity, count = 1;
        break;
      }
      const std::size_t v = vertex[count - 1];
      const double cross = ((f[q] + at(q) * at(q)) - (f[v] + at(v) * at(v))) / (2 * (at(q) - at(v)));
      if (cross <= boundary[count - 1]) {
        --count;
        continue;
      }
      vertex[count] = q, boundary[count] = cross, ++count;
      break;
    }
  }
  for (std::size_t i = 0, k = 0; i < n; ++i) {
    if (count == 0) {
      result[i] = infinity;
      continue;
    }
    while (k + 1 < count && boundary[k + 1] < at(i)) ++k;
    const double away = at(i) - at(vertex[k]);
    result[i] = away * away + f[vertex[k]];
  }
}

/// Squared distance of every pixel to the nearest pixel of a mask [m^2].
std::vector<double> squared_distance(const std::vector<char>& mask, const PixelGrid& grid) {
  std::vector<double> d(mask.size());
  for (std::size_t i = 0; i < mask.size(); ++i) d[i] = mask[i] ? 0.0 : infinity;
  const std::size_t nx = grid.x.count, ny = grid.y.count, nz = grid.z.count;
  double step_x = std::abs(grid.x.step);
  if (grid.kind == PixelGrid::Kind::polar) step_x *= std::abs(grid.z.from + grid.z.last()) / 2;
  const auto pass = [&](std::size_t length, std::size_t stride, double step, auto&& starts) {
    std::vector<double> line(length), result(length), boundary(length + 1);
    std::vector<std::size_t> vertex(length + 1);
    starts([&](std::size_t start) {
      for (std::size_t i = 0; i < length; ++i) line[i] = d[start + i * stride];
      distance_along_line(line, step, vertex, boundary, result);
      for (std::size_t i = 0; i < length; ++i) d[start + i * stride] = result[i];
    });
  };
  pass(nx, 1, step_x, [&](auto&& go) {
    for (std::size_t k = 0; k < ny * nz; ++k) go(k * nx);
  });
  if (ny > 1)
    pass(ny, nx, std::abs(grid.y.step), [&](auto&& go) {
      for (std::size_t z = 0; z < nz; ++z)
        for (std::size_t x = 0; x < nx; ++x) go(z * nx * ny + x);
    });
  pass(nz, nx * ny, std::abs(grid.z.step), [&](auto&& go) {
    for (std::size_t k = 0; k < nx * ny; ++k) go(k);
  });
  return d;
}

std::vector<char> class_mask(const LabelMap& segmentation, const std::string& label) {
  const std::size_t pixels = segmentation.grid.size();
  const auto values = segmentation.values.flat();
  const auto& names = segmentation.channels;
  if (values.size() != names.size() * pixels)
    throw UserError(
        "the segmentation does not hold one mask a class (its sizes contradict each other). Check the file");
  const auto found = std::find(names.begin(), names.end(), label);
  std::vector<char> mask(pixels, 0);
  if (found != names.end()) {
    const std::size_t channel = static_cast<std::size_t>(found - names.begin());
    for (std::size_t i = 0; i < pixels; ++i) mask[i] = values[channel * pixels + i] > 0.5f;
    return mask;
  }
  if (label == "background") {
    for (std::size_t i = 0; i < pixels; ++i) {
      bool labelled = false;
      for (std::size_t c = 0; c < names.size(); ++c) labelled |= values[c * pixels + i] > 0.5f;
      mask[i] = !labelled;
    }
    return mask;
  }
  std::string known;
  for (const auto& name : names) known += (known.empty() ? "" : ", ") + name;
  const std::string nearest = nearest_word(label, names);
  throw UserError("no region is labelled '" + label + "' (the segmentation has " +
                  (known.empty() ? "no class" : known) + "). " +
                  (nearest.empty() ? "Use one of these or 'background'" : "Did you mean '" + nearest + "'?"));
}

}  // namespace

Moments moments(std::span<const double> values) {
  if (values.empty()) return {nan, nan};
  Moments m;
  for (double v : values) m.mean += v;
  m.mean /= static_cast<double>(values.size());
  for (double v : values) m.variance += (v - m.mean) * (v - m.mean);
  m.variance /= static_cast<double>(values.size());
  return m;
}

double contrast_ratio(std::span<const double> target, std::span<const double> background) {
  return 20 * std::log10(moments(target).mean / moments(background).mean);
}

double contrast_to_noise(std::span<const double> target, std::span<const double> background) {
  const Moments t = moments(target), b = moments(background);
  return std::abs(t.mean - b.mean) / std::sqrt(t.variance + b.variance);
}

double generalised_contrast_to_noise(std::span<const double> target, std::span<const double> background,
                                     std::size_t bins) {
  if (target.empty() || background.empty() || bins == 0) return nan;
  const auto [t0, t1] = std::minmax_element(target.begin(), target.end());
  const auto [b0, b1] = std::minmax_element(background.begin(), background.end());
  const double low = std::min(*t0, *b0), high = std::max(*t1, *b1);
  if (!(high > low)) return 0;  // all samples equal: one distribution
  const auto histogram = [&](std::span<const double> values) {
    std::vector<double> shares(bins);
    for (double v : values) {
      const double position = (v - low) / (high - low) * static_cast<double>(bins);
      shares[std::min(static_cast<std::size_t>(position), bins - 1)] += 1 / static_cast<double>(values.size());
    }
    return shares;
  };
  const auto p = histogram(target), q = histogram(background);
  double overlap = 0;
  for (std::size_t i = 0; i < bins; ++i) overlap += std::min(p[i], q[i]);
  return 1 - overlap;
}

double speckle_snr(std::span<const double> envelope) {
  const Moments m = moments(envelope);
  return m.mean / std::sqrt(m.variance);
}

double picmus_contrast(std::span<const double> target_db, std::span<const double> background_db) {
  const Moments t = moments(target_db), b = moments(background_db);
  const auto sample = [](double variance, std::size_t n) {
    return variance * static_cast<double>(n) / (static_cast<double>(n) - 1);
  };
  const double variance = (sample(t.variance, target_db.size()) + sample(b.variance, background_db.size())) / 2;
  return 20 * std::log10(std::abs(t.mean - b.mean) / std::sqrt(variance));
}

SpeckleTest speckle_test(std::vector<double> envelope) {
  if (envelope.empty()) return {};
  std::sort(envelope.begin(), envelope.end());
  const double n = static_cast<double>(envelope.size());
  double mean_square = 0;
  for (double v : envelope) mean_square += v * v / n;
  SpeckleTest test;
  for (std::size_t i = 0; i < envelope.size(); ++i) {
    const double rayleigh = mean_square > 0 ? 1 - std::exp(-envelope[i] * envelope[i] / mean_square) : 1;
    const double rank = static_cast<double>(i);
    test.statistic = std::max({test.statistic, rayleigh - rank / n, (rank + 1) / n - rayleigh});
  }
  // Q(lambda) = 2 sum (-1)^(j-1) exp(-2 j^2 lambda^2) [stephens1970]
  const double lambda = (std::sqrt(n) + 0.12 + 0.11 / std::sqrt(n)) * test.statistic;
  if (lambda < 0.2) return test;  // the series converges slowly there, and p is 1 to 1e-12
  double sum = 0;
  for (int j = 1; j <= 100; ++j) sum += (j % 2 ? 2 : -2) * std::exp(-2.0 * j * j * lambda * lambda);
  test.p_value = std::clamp(sum, 0.0, 1.0);
  return test;
}

double two_sample_distance(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  double largest = 0;
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    const double v = std::min(a[i], b[j]);
    while (i < a.size() && a[i] <= v) ++i;
    while (j < b.size() && b[j] <= v) ++j;
    largest = std::max(largest, std::abs(static_cast<double>(i) / static_cast<double>(a.size()) -
                                         static_cast<double>(j) / static_cast<double>(b.size())));
  }
  return largest;
}

double width_at_drop(std::span<const double> profile, double drop) {
  if (profile.size() < 3) return nan;
  const auto peak = static_cast<std::size_t>(std::max_element(profile.begin(), profile.end()) - profile.begin());
  double top = profile[peak];
  if (peak > 0 && peak + 1 < profile.size()) {
    const double l = profile[peak - 1], r = profile[peak + 1], curvature = l - 2 * top + r;
    if (curvature < 0) top -= (r - l) * (r - l) / (8 * curvature);
  }
  const double level = top - drop;
  if (profile[peak] < level) return nan;
  const auto crossing = [&](int step) {
    for (auto i = static_cast<std::ptrdiff_t>(peak);; i += step) {
      const std::ptrdiff_t next = i + step;
      if (next < 0 || next >= static_cast<std::ptrdiff_t>(profile.size())) return nan;
      const double here = profile[static_cast<std::size_t>(i)], there = profile[static_cast<std::size_t>(next)];
      if (there < level) return static_cast<double>(i) + step * (here - level) / (here - there);
    }
  };
  return crossing(1) - crossing(-1);
}

double picmus_width(std::span<const double> profile) {
  if (profile.size() < 2) return nan;
  const std::size_t fine = 10 * profile.size();
  const double step = static_cast<double>(profile.size() - 1) / static_cast<double>(fine - 1);
  const auto value = [&](std::size_t k) {
    const double position = step * static_cast<double>(k);
    const auto i = std::min(static_cast<std::size_t>(position), profile.size() - 2);
    const double s = position - static_cast<double>(i);
    return (1 - s) * profile[i] + s * profile[i + 1];
  };
  double largest = -infinity;
  for (std::size_t k = 0; k < fine; ++k) largest = std::max(largest, value(k));
  std::size_t first = fine, last = 0;
  for (std::size_t k = 0; k < fine; ++k)
    if (value(k) >= largest - 6) first = std::min(first, k), last = k;
  return first == fine ? nan : step * static_cast<double>(last - first);
}

std::vector<std::size_t> region_pixels(const LabelMap& segmentation, const RegionQuery& query) {
  std::vector<char> mask = class_mask(segmentation, query.label);
  if (query.margin > 0) {
    std::vector<char> outside(mask.size());
    for (std::size_t i = 0; i < mask.size(); ++i) outside[i] = !mask[i];
    const auto distance = squared_distance(outside, segmentation.grid);
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] &= distance[i] > query.margin * query.margin;
  }
  if (query.within) {
    const auto distance = squared_distance(class_mask(segmentation, query.near), segmentation.grid);
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] &= distance[i] <= *query.within * *query.within;
  }
  std::vector<std::size_t> pixels;
  for (std::size_t i = 0; i < mask.size(); ++i)
    if (mask[i]) pixels.push_back(i);
  if (pixels.empty())
    throw UserError("region '" + query.label +
                    "' has no pixel in the image (it lies outside or is thinner than twice "
                    "its margin). Check the phantom, the image grid and the margin");
  return pixels;
}

}  // namespace sonoforge
