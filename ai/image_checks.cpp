#include "ai/image_checks.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "ai/classification_metrics.hpp"
#include "ai/groups.hpp"
#include "ai/image_print.hpp"
#include "ai/report_page.hpp"
#include "core/parallel.hpp"

namespace sonoforge {
namespace {

using Json = nlohmann::ordered_json;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most_reference_images = 500, least_reference_images = 10;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}
Json estimate_json(const Estimate& e) {
  return {{"value", number(e.value)}, {"low", number(e.interval.low)}, {"high", number(e.interval.high)}};
}
std::string estimate_text(const Estimate& e) {
  return fixed_text(e.value) + " [" + fixed_text(e.interval.low) + " to " + fixed_text(e.interval.high) + "]";
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double n = static_cast<double>(a.size());
  double ma = 0, mb = 0, aa = 0, bb = 0, ab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) ma += a[i] / n, mb += b[i] / n;
  for (std::size_t i = 0; i < a.size(); ++i)
    aa += (a[i] - ma) * (a[i] - ma), bb += (b[i] - mb) * (b[i] - mb), ab += (a[i] - ma) * (b[i] - mb);
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

std::vector<double> ranks(const std::vector<double>& values) {
  auto sorted = values;
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> all;
  for (const double value : values) {
    const auto [low, high] = std::equal_range(sorted.begin(), sorted.end(), value);
    all.push_back(0.5 * static_cast<double>((low - sorted.begin()) + (high - sorted.begin())));
  }
  return all;
}

/// Evenly spaced rows where there are too many; the same rows every time.
std::vector<std::size_t> some_of(const std::vector<std::size_t>& rows) {
  if (rows.size() <= most_reference_images) return rows;
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < most_reference_images; ++i)
    chosen.push_back(rows[i * rows.size() / most_reference_images]);
  return chosen;
}

std::vector<RealMap> images_of(const Dataset& data, const std::vector<std::size_t>& rows) {
  std::vector<RealMap> images(rows.size());
  parallel_for(rows.size(),
               [&](std::size_t i) { images[i] = read_image(data.folder / data.manifest.rows[rows[i]].file); });
  return images;
}

std::vector<std::size_t> case_rows(const Evaluation& evaluation) {
  std::vector<std::size_t> rows;
  for (const auto& one : evaluation.cases) rows.push_back(one.row);
  std::sort(rows.begin(), rows.end());
  return rows;
}

}  // namespace

Eigen::VectorXd image_features(const RealMap& image) {
  constexpr double floor = -60;
  const std::size_t width = image.grid.x.count, height = image.grid.z.count;
  std::vector<double> levels, left, right, above, below, depth;
  double amplitude = 0, squares = 0, at_floor = 0;
  const auto level = [&](std::size_t z, std::size_t x) {
    return std::max(static_cast<double>(image.values(z, 0, x)), floor);
  };
  for (std::size_t z = 0; z < height; ++z)
    for (std::size_t x = 0; x < width; ++x) {
      levels.push_back(level(z, x));
      depth.push_back(static_cast<double>(z));
      const double a = std::pow(10.0, levels.back() / 20);
      amplitude += a;
      squares += a * a;
      at_floor += levels.back() <= floor;
      if (x + 1 < width) left.push_back(levels.back()), right.push_back(level(z, x + 1));
      if (z + 1 < height) above.push_back(levels.back()), below.push_back(level(z + 1, x));
    }
  const double n = static_cast<double>(levels.size());
  double mean = 0;
  for (const double value : levels) mean += value / n;
  const double deviation = sample_deviation(levels), variance = squares / n - amplitude / n * amplitude / n;
  Eigen::VectorXd features(9);
  features << mean, std::isfinite(deviation) ? deviation : 0, quantile(levels, 0.05), quantile(levels, 0.95),
      correlation(left, right), correlation(above, below), correlation(levels, depth),
      variance > 0 ? std::min(amplitude / n / std::sqrt(variance), 10.0) : 10.0, at_floor / n;
  return features;
}

OutOfDistribution::OutOfDistribution(const std::vector<Eigen::VectorXd>& training) {
  if (training.size() < 3) throw std::invalid_argument("OutOfDistribution: three training images are needed");
  fit(training, training.size());
  training_.resize(training.size());
  for (std::size_t i = 0; i < training.size(); ++i) {
    OutOfDistribution without;
    without.fit(training, i);
    training_[i] = without.score(training[i]);
  }
}

void OutOfDistribution::fit(const std::vector<Eigen::VectorXd>& training, std::size_t left_out) {
  const Eigen::Index size = training.front().size();
  const std::size_t count = training.size() - (left_out < training.size());
  mean_ = Eigen::VectorXd::Zero(size);
  for (std::size_t i = 0; i < training.size(); ++i)
    if (i != left_out) mean_ += training[i] / static_cast<double>(count);
  Eigen::MatrixXd covariance = Eigen::MatrixXd::Zero(size, size);
  for (std::size_t i = 0; i < training.size(); ++i)
    if (i != left_out)
      covariance += (training[i] - mean_) * (training[i] - mean_).transpose() / static_cast<double>(count - 1);
  if (training.size() < 3 * static_cast<std::size_t>(size))
    covariance = Eigen::MatrixXd(covariance.diagonal().asDiagonal());
  // A feature that never varies would make everything else infinitely far.
  for (Eigen::Index i = 0; i < size; ++i)
    covariance(i, i) += 1e-6 * (1 + mean_(i) * mean_(i)) + 1e-3 * covariance(i, i);
  inverse_ = covariance.inverse();
}

double OutOfDistribution::score(const Eigen::VectorXd& features) const {
  const Eigen::VectorXd d = features - mean_;
  return d.dot(inverse_ * d);
}

Estimate membership_area(const std::vector<double>& members, const std::vector<double>& others) {
  std::vector<double> scores = members;
  scores.insert(scores.end(), others.begin(), others.end());
  std::vector<std::uint8_t> truth(members.size(), 1);
  truth.resize(scores.size(), 0);
  const Estimate none{nan, {nan, nan}, nan, scores.size(), scores.size()};
  if (members.size() < 2 || others.size() < 2) return none;
  const auto found = delong({scores}, truth);
  return found.reported(0);
}

ReportSection out_of_distribution_section(const ValidateConfig& config, const Dataset& data,
                                          const Evaluation& evaluation) {
  // Risks may come from tables alone, of samples that were never made.
  if (data.pairs || config.task == ValidationTask::survival) return {};
  const auto training = some_of(rows_as_drawn(data.manifest, data.rows_of("train"))), rows = case_rows(evaluation);
  if (training.size() < least_reference_images || rows.empty()) return {};
  std::vector<RealMap> learned, judged;
  try {
    learned = images_of(data, training);
    judged = images_of(data, rows);
  } catch (const UserError&) {
    return {};  // samples without images: nothing to say
  }
  std::vector<Eigen::VectorXd> features;
  for (const auto& image : learned) features.push_back(image_features(image));
  const OutOfDistribution reference(features);
  const double limit = quantile(reference.training_scores(), 0.95);
  std::map<std::size_t, double> score;
  for (std::size_t i = 0; i < rows.size(); ++i) score[rows[i]] = reference.score(image_features(judged[i]));

  std::map<std::string, std::vector<double>> by_twin;
  for (const auto row : rows) by_twin[data.manifest.rows[row].twin].push_back(score[row]);
  Json json{{"reference_images", training.size()},
            {"limit_95", number(limit)},
            {"groups", Json::array()},
            {"scores", Json::object()}};
  HtmlTable table({"cases", "images", "median score", "beyond the limit", "told from those as drawn: area"});
  for (const auto& [twin, scores] : by_twin) {
    std::size_t beyond = 0;
    for (const double value : scores) beyond += value > limit;
    const Estimate told = twin.empty() ? Estimate{nan, {nan, nan}, nan, 0, 0} : membership_area(scores, by_twin[""]);
    const auto share = wilson_interval(beyond, scores.size());
    table.row()
        .words(twin.empty() ? "as drawn" : "twin " + twin)
        .number(scores.size())
        .number(fixed_text(quantile(scores, 0.5), 1))
        .number(fixed_text(100.0 * static_cast<double>(beyond) / static_cast<double>(scores.size()), 1) + " % [" +
                fixed_text(100 * share.low, 1) + " to " + fixed_text(100 * share.high, 1) + "]")
        .number(twin.empty() ? "" : estimate_text(told));
    json["groups"].push_back({{"twin", twin},
                              {"images", scores.size()},
                              {"median", number(quantile(scores, 0.5))},
                              {"beyond_limit", beyond},
                              {"auc", estimate_json(told)}});
  }
  for (const auto row : rows) json["scores"][data.manifest.rows[row].id] = number(score[row]);
  // Does the score warn of bad cases?
  std::vector<double> scores, values;
  const auto metrics = config.measured_metrics();
  std::string warns;
  for (std::size_t m = 0; m < metrics.size() && warns.empty(); ++m) {
    if (find_metric(config.task, metrics[m])->of != ValidationMetric::Of::one_case) continue;
    for (const auto& one : evaluation.cases)
      if (std::isfinite(one.metrics[m])) {
        scores.push_back(score[one.row]);
        values.push_back(one.metrics[m]);
      }
    if (scores.size() < 3) break;
    const double rank = correlation(ranks(scores), ranks(values));
    json["spearman"] = {{"metric", metrics[m]}, {"value", number(rank)}};
    warns = "<p>Rank correlation of the score with " + html_escaped(metrics[m]) +
            " over all images: " + fixed_text(rank, 2) + ".</p>\n";
  }
  return {"out_of_distribution",
          "<h2>Out of distribution</h2>\n<p>Squared Mahalanobis distance of nine image features from " +
              std::to_string(training.size()) +
              " training images. The limit is what 95 % of these, each left out in turn, stay below (" +
              fixed_text(limit, 1) + "): of images like them 5 % lie beyond it.</p>\n" + table.html() + warns,
          json.dump()};
}

ReportSection privacy_section(const ValidateConfig& config, const Dataset& data, const Evaluation& evaluation,
                              const std::vector<double>& training_values) {
  if (!config.privacy) return {};
  if (config.split == ValidateConfig::Split::train)
    throw UserError(
        "privacy: the split judged is the training split (members cannot be told from themselves). Judge split test");
  Json json = Json::object();
  HtmlTable table({"question", "answer", "what it means"});
  const auto training = some_of(rows_as_drawn(data.manifest, data.rows_of("train"))),
             judged = some_of(rows_as_drawn(data.manifest, case_rows(evaluation)));
  if (!data.pairs && training.size() >= 2 && !judged.empty()) {
    std::vector<ImagePrint> learned, tested;
    for (const auto& image : images_of(data, training)) learned.push_back(image_print(image));
    for (const auto& image : images_of(data, judged)) tested.push_back(image_print(image));
    const auto patient = [&](std::size_t row) -> const std::string& { return data.manifest.rows[row].patient; };
    const auto nearest = [&](const ImagePrint& print, const std::string& owner) {
      double best = -1;
      for (std::size_t i = 0; i < learned.size(); ++i)
        if (patient(training[i]) != owner) best = std::max(best, print_correlation(print, learned[i]));
      return best;
    };
    std::vector<double> from_test, from_training;
    for (std::size_t i = 0; i < judged.size(); ++i) from_test.push_back(nearest(tested[i], patient(judged[i])));
    for (std::size_t i = 0; i < training.size(); ++i)
      from_training.push_back(nearest(learned[i], patient(training[i])));
    const auto area = membership_area(from_test, from_training);
    const double largest = *std::max_element(from_test.begin(), from_test.end());
    const auto copies =
        static_cast<std::size_t>(std::count_if(from_test.begin(), from_test.end(), [](double c) { return c >= 0.9; }));
    json["nearest_neighbour"] = {{"auc", estimate_json(area)},
                                 {"largest_correlation", number(largest)},
                                 {"copies", copies},
                                 {"test_images", judged.size()},
                                 {"training_images", training.size()}};
    table.row()
        .words("Are test images nearer to training images than these are to each other?")
        .number(estimate_text(area))
        .words("area; 0.5: no");
    table.row()
        .words("Test images whose speckle correlates by 0.9 or more with a training image")
        .number(std::to_string(copies) + " of " + std::to_string(judged.size()))
        .words("largest correlation " + fixed_text(largest, 2));
  }
  const auto metrics = config.measured_metrics();
  for (std::size_t m = 0; m < metrics.size() && !training_values.empty(); ++m) {
    const auto* metric = find_metric(config.task, metrics[m]);
    if (metric->of != ValidationMetric::Of::one_case) continue;
    std::vector<double> members, others;
    const double sign = metric->better == ValidationMetric::Better::lower ? -1 : 1;
    for (const double value : training_values)
      if (std::isfinite(value)) members.push_back(sign * value);
    for (const auto& one : evaluation.cases)
      if (data.manifest.rows[one.row].twin.empty() && std::isfinite(one.metrics[m]))
        others.push_back(sign * one.metrics[m]);
    const auto area = membership_area(members, others);
    json["membership_inference"] = {
        {"metric", metrics[m]}, {"auc", estimate_json(area)}, {"members", members.size()}, {"others", others.size()}};
    table.row()
        .words("Can a training case be told by how well the model does on it (" + metrics[m] + ")?")
        .number(estimate_text(area))
        .words(
            "area; 0.5: no. Above: the model fits its training cases better, which is overfitting and a leak of "
            "membership");
    break;
  }
  return {"privacy",
          "<h2>Privacy</h2>\n<p>No image here shows a person. The same questions must be asked of a model that learned "
          "from patients.</p>\n" +
              table.html(),
          json.dump()};
}

}  // namespace sonoforge
