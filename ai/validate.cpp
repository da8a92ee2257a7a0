#include "ai/validate.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "ai/baseline.hpp"
#include "ai/classification_metrics.hpp"
#include "io/csv.hpp"
#include "ai/gates.hpp"
#include "ai/groups.hpp"
#include "ai/hypothesis_tests.hpp"
#include "io/atomic_file.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most_shared_factors = 8, least_patients_of_a_search = 20;

Disparity unknown_disparity() {
  return {.difference = nan,
          .standard_error = nan,
          .degrees = nan,
          .interval = {nan, nan},
          .p_value = nan,
          .ratio = nan,
          .ratio_interval = {nan, nan},
          .detectable = nan};
}

/// Everything that the parts of an evaluation look at.
class Audit {
 public:
  Audit(const ValidateConfig& config, const Manifest& manifest, std::vector<ValidationCase> cases)
      : config_(config),
        manifest_(manifest),
        metrics_(config.measured_metrics()),
        random_(static_cast<std::uint64_t>(config.seed), 0, "validate") {
    for (std::size_t i = 0; i < cases.size(); ++i) {
      rows_.push_back(cases[i].row);
      case_of_[cases[i].row] = i;
    }
    result_.cases = std::move(cases);
    std::sort(rows_.begin(), rows_.end());
    drawn_ = rows_as_drawn(manifest, rows_);
    groups_ = case_groups(config, manifest, drawn_);
  }

  Evaluation run() {
    for (const auto& group : groups_)
      for (std::size_t m = 0; m < metrics_.size(); ++m) result_.groups.push_back(estimate(group, m));
    compare_groups_with_rest();
    for (std::size_t m = 0; m < metrics_.size(); ++m) {
      if (!of_cases(m)) continue;
      follow_factors(m);
      search_worst(m);
      share_variance(m);
      compare_twins(m);
    }
    compare_with_earlier();
    warn();
    result_.gates = judge_gates(config_, manifest_, result_, groups_);
    return std::move(result_);
  }

 private:
  const ValidationMetric& metric(std::size_t m) const { return *find_metric(config_.task, metrics_[m]); }
  bool of_cases(std::size_t m) const { return metric(m).of == ValidationMetric::Of::one_case; }
  const ValidationCase& case_at(std::size_t row) const { return result_.cases[case_of_.at(row)]; }
  const std::string& patient(std::size_t row) const { return manifest_.rows[row].patient; }
  bool called_positive(const ValidationCase& one) const {
    return config_.task == ValidationTask::classification ? one.predicted >= config_.threshold : one.predicted > 0;
  }

  std::vector<double> values(const std::vector<std::size_t>& rows, std::size_t m) const {
    std::vector<double> all;
    for (const auto row : rows) all.push_back(case_at(row).metrics[m]);
    return all;
  }
  std::vector<std::string> patients(const std::vector<std::size_t>& rows) const {
    std::vector<std::string> all;
    for (const auto row : rows) all.push_back(patient(row));
    return all;
  }

  GroupResult estimate(const CaseGroup& group, std::size_t m) const {
    GroupResult result{group.factor, group.name, metrics_[m], {}, "BCa bootstrap of patients", nan, nan};
    std::vector<double> predicted, truth;
    for (const auto row : group.rows) {
      predicted.push_back(case_at(row).predicted);
      truth.push_back(case_at(row).truth);
      result.diseased += config_.task == ValidationTask::classification && truth.back() != 0;
    }
    const auto random = random_.child(group.name);
    const auto resamples = static_cast<std::size_t>(config_.resamples);
    if (!of_cases(m) && (config_.task == ValidationTask::detection || config_.task == ValidationTask::survival)) {
      result.estimate = bootstrapped(group, metrics_[m], random);
      return result;
    }
    if (!of_cases(m)) {
      const auto found = estimate_group_metric(metrics_[m], predicted, truth, patients(group.rows), config_.threshold,
                                               config_.options, random, resamples);
      result.estimate = found.estimate;
      result.method = found.method;
      return result;
    }
    const auto all = values(group.rows, m);
    result.estimate = clustered_mean(all, patients(group.rows), random, resamples);
    result.median = quantile(all, 0.5);
    if (!all.empty())
      result.worst = metric(m).better == ValidationMetric::Better::lower ? *std::max_element(all.begin(), all.end())
                                                                         : *std::min_element(all.begin(), all.end());
    return result;
  }

  /// A metric of marks or of survival.
  Estimate bootstrapped(const CaseGroup& group, const std::string& name, const RandomStream& random) const {
    std::vector<DetectionCase> images;
    std::vector<SurvivalCase> survival;
    for (const auto row : group.rows) {
      images.push_back(case_at(row).detection);
      survival.push_back(case_at(row).survival);
    }
    const auto statistic = [&](std::span<const std::size_t> chosen) {
      return config_.task == ValidationTask::survival
                 ? survival_metric(name, survival, chosen, config_.options)
                 : detection_metric(name, images, chosen, config_.threshold, config_.options);
    };
    return bootstrap(statistic, PatientClusters(patients(group.rows)), random,
                     static_cast<std::size_t>(config_.resamples));
  }

  /// A group against all other cases as drawn, by the metric's values; for sensitivity among the diseased only (equal
  /// opportunity), for specificity among the healthy.
  Disparity against_rest(const CaseGroup& group, std::size_t m) const {
    if (metrics_[m] == "auc") return area_against_rest(group);
    std::vector<double> a, b;
    std::vector<std::string> patients_a, patients_b;
    for (const auto row : drawn_) {
      const auto& one = case_at(row);
      double value = one.metrics[m];
      if (!of_cases(m)) {
        const bool diseased = one.truth != 0;
        if (diseased != (metrics_[m] == "sensitivity")) continue;
        value = called_positive(one) == diseased;
      }
      const bool inside = std::binary_search(group.rows.begin(), group.rows.end(), row);
      (inside ? a : b).push_back(value);
      (inside ? patients_a : patients_b).push_back(patient(row));
    }
    return compare_groups(a, patients_a, b, patients_b);
  }

  /// Areas under the curve by DeLong; none where a patient has several cases, which that takes for independent.
  Disparity area_against_rest(const CaseGroup& group) const {
    std::vector<double> a, b;
    std::vector<std::uint8_t> truth_a, truth_b;
    for (const auto row : drawn_) {
      const bool inside = std::binary_search(group.rows.begin(), group.rows.end(), row);
      (inside ? a : b).push_back(case_at(row).predicted);
      (inside ? truth_a : truth_b).push_back(case_at(row).truth != 0);
    }
    Disparity result = unknown_disparity();
    result.patients_a = a.size();
    result.patients_b = b.size();
    const auto in = delong({a}, truth_a), out = delong({b}, truth_b);
    result.difference = in.area[0] - out.area[0];
    const bool one_each = PatientClusters(patients(drawn_)).size() == drawn_.size();
    if (!one_each || !(in.standard_error(0) > 0) || !(out.standard_error(0) > 0)) return result;
    const auto found = compare_independent_areas(in.area[0], in.standard_error(0), out.area[0], out.standard_error(0));
    result.standard_error = found.standard_error;
    result.interval = found.interval;
    result.p_value = found.p_value;
    result.detectable = detectable_difference(found.standard_error);
    return result;
  }

  void compare_groups_with_rest() {
    for (std::size_t m = 0; m < metrics_.size(); ++m) {
      if (!is_compared(metric(m))) continue;
      const std::size_t first = result_.disparities.size();
      std::vector<double> p_values;
      for (const auto& group : groups_) {
        if (group.factor.empty() || group.rows.empty() || group.rows.size() == drawn_.size()) continue;
        result_.disparities.push_back({group.factor, group.name, metrics_[m], against_rest(group, m), nan});
        const double p = result_.disparities.back().disparity.p_value;
        if (!std::isnan(p)) p_values.push_back(p);
      }
      const auto adjusted = holm_adjusted(p_values);
      for (std::size_t i = first, k = 0; i < result_.disparities.size(); ++i)
        if (!std::isnan(result_.disparities[i].disparity.p_value))
          result_.disparities[i].adjusted_p_value = adjusted[k++];
    }
  }

  /// The column as numbers, empty where a case as drawn has a word or nothing.
  std::vector<double> numbers(std::size_t factor) const {
    std::vector<double> all(drawn_.size());
    for (std::size_t i = 0; i < drawn_.size(); ++i)
      if (!factor_number(manifest_.rows[drawn_[i]].factors[factor], all[i])) return {};
    return all;
  }

  void follow_factors(std::size_t m) {
    for (const auto& subgroup : config_.subgroups) {
      const auto factor = static_cast<std::size_t>(manifest_.factor(subgroup.factor));
      const auto column = numbers(factor);
      if (column.empty()) continue;
      DoseResult dose{subgroup.factor, manifest_.factor_units[factor], metrics_[m],
                      dose_response(column, values(drawn_, m), PatientClusters(patients(drawn_)))};
      if (!dose.response.factor.empty()) result_.doses.push_back(std::move(dose));
    }
  }

  /// Groups, and all pairs of groups of different factors.
  void search_worst(std::size_t m) {
    if (metric(m).better == ValidationMetric::Better::none ||
        PatientClusters(patients(drawn_)).size() < least_patients_of_a_search)
      return;
    std::map<std::string, CaseGroup> candidates;
    for (const auto& a : groups_) {
      if (a.factor.empty()) continue;
      candidates.emplace(a.name, a);
      for (const auto& b : groups_)
        if (a.factor < b.factor && !b.factor.empty() && a.factor.find(" and ") == std::string::npos &&
            b.factor.find(" and ") == std::string::npos) {
          auto both = intersection_of(a, b);
          candidates.emplace(both.name, std::move(both));
        }
    }
    std::vector<Slice> slices;
    for (const auto& [name, group] : candidates) {
      Slice slice{name, {}};
      for (const auto row : group.rows)
        slice.cases.push_back(
            static_cast<std::size_t>(std::lower_bound(drawn_.begin(), drawn_.end(), row) - drawn_.begin()));
      slices.push_back(std::move(slice));
    }
    for (auto& found : worst_slices(values(drawn_, m), patients(drawn_), slices,
                                    metric(m).better == ValidationMetric::Better::higher, random_.child("halves")))
      result_.slices.push_back({metrics_[m], std::move(found)});
  }

  void share_variance(std::size_t m) {
    std::vector<FactorColumn> columns;
    for (const auto f : factors_to_share()) {
      FactorColumn column{manifest_.factor_names[f], numbers(f), {}};
      if (column.numbers.empty())
        for (const auto row : drawn_) column.words.push_back(manifest_.rows[row].factors[f]);
      columns.push_back(std::move(column));
    }
    if (columns.empty()) return;
    SharesResult result{metrics_[m], {}, variance_shares(columns, values(drawn_, m))};
    for (const auto& column : columns) result.factors.push_back(column.name);
    if (!std::isnan(result.shares.unexplained)) result_.shares.push_back(std::move(result));
  }

  /// Columns that vary: those of `subgroups` first, words with few values only.
  std::vector<std::size_t> factors_to_share() const {
    std::vector<std::size_t> order;
    for (const auto& subgroup : config_.subgroups)
      order.push_back(static_cast<std::size_t>(manifest_.factor(subgroup.factor)));
    for (std::size_t f = 0; f < manifest_.factor_names.size(); ++f)
      if (std::find(order.begin(), order.end(), f) == order.end()) order.push_back(f);
    std::vector<std::size_t> chosen;
    for (const auto f : order) {
      std::set<std::string> found;
      for (const auto row : drawn_) found.insert(manifest_.rows[row].factors[f]);
      const bool is_truth = manifest_.factor_names[f] == config_.truth;
      if (found.size() > 1 && !is_truth && (found.size() <= 10 || !numbers(f).empty()) &&
          chosen.size() < most_shared_factors)
        chosen.push_back(f);
    }
    return chosen;
  }

  void compare_twins(std::size_t m) {
    std::map<std::pair<std::string, int>, std::size_t> as_drawn;
    std::map<std::string, std::vector<std::size_t>> by_twin;
    for (const auto row : rows_) {
      const auto& entry = manifest_.rows[row];
      if (entry.twin.empty())
        as_drawn[{entry.patient, entry.visit}] = row;
      else
        by_twin[entry.twin].push_back(row);
    }
    const bool decides = config_.task == ValidationTask::segmentation || config_.task == ValidationTask::classification;
    for (const auto& [twin, rows] : by_twin) {
      std::vector<double> forced, drawn;
      std::vector<std::string> names;
      std::vector<bool> forced_decision, drawn_decision;
      for (const auto row : rows) {
        const auto base = as_drawn.find({patient(row), manifest_.rows[row].visit});
        if (base == as_drawn.end()) continue;
        forced.push_back(case_at(row).metrics[m]);
        drawn.push_back(case_at(base->second).metrics[m]);
        names.push_back(patient(row));
        if (!decides) continue;
        forced_decision.push_back(called_positive(case_at(row)));
        drawn_decision.push_back(called_positive(case_at(base->second)));
      }
      if (!names.empty())
        result_.twins.push_back(
            {metrics_[m], twin, causal_effect(forced, drawn, names, forced_decision, drawn_decision)});
    }
  }

  void compare_with_earlier() {
    if (config_.baseline.empty()) return;
    const Baseline baseline = read_baseline(config_.baseline);
    std::vector<double> p_values;
    for (const auto& name : metrics_) {
      const auto found = compare_with_baseline(config_, manifest_, result_, baseline, name, groups_.front());
      if (std::isnan(found.p_value)) continue;
      p_values.push_back(found.p_value);
      result_.comparisons.push_back({name, found.difference, found.p_value, nan, found.method});
    }
    const auto adjusted = holm_adjusted(p_values);
    for (std::size_t i = 0; i < adjusted.size(); ++i) result_.comparisons[i].adjusted_p_value = adjusted[i];
  }

  void warn() {
    std::string few;
    for (const auto& group : groups_)
      if (group.rows.size() < few_cases)
        few += (few.empty() ? "" : "; ") + group.name + " (" + std::to_string(group.rows.size()) + ")";
    if (!few.empty())
      result_.warnings.push_back(
          "Fewer than " + std::to_string(few_cases) +
          " cases, where 95 % intervals are known to hold the truth less often than they say: " + few + ".");
    for (const auto& group : result_.groups)
      if (group.group == "all" && std::isnan(group.estimate.interval.low))
        result_.warnings.push_back(
            group.metric +
            " has no interval: there are too few patients, or the metric is not defined or does not vary in them.");
  }

  const ValidateConfig& config_;
  const Manifest& manifest_;
  std::vector<std::string> metrics_;
  RandomStream random_;
  std::vector<std::size_t> rows_, drawn_;
  std::map<std::size_t, std::size_t> case_of_;
  std::vector<CaseGroup> groups_;
  Evaluation result_;
};

}  // namespace

bool Evaluation::passed() const {
  return std::all_of(gates.begin(), gates.end(), [](const GateResult& gate) { return gate.passed; });
}

void check_groups(const ValidateConfig& config, const Manifest& manifest) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < manifest.rows.size(); ++i)
    if (manifest.rows[i].split == split_name(config.split)) rows.push_back(i);
  if (rows.empty())
    throw ConfigError("split", "the data set has no samples in split " + split_name(config.split) +
                    " (nothing to measure). Generate more patients or choose another split");
  case_groups(config, manifest, rows_as_drawn(manifest, rows));
  check_gate_values(config, manifest);
}

Evaluation evaluate(const ValidateConfig& config, const Manifest& manifest, std::vector<ValidationCase> cases) {
  return Audit(config, manifest, std::move(cases)).run();
}

std::size_t count_use(const std::filesystem::path& data, const std::string& split, const std::string& model_sha256) {
  const auto file = data / "test_uses.csv";
  std::set<std::string> models;
  std::error_code ignored;
  const bool exists = std::filesystem::exists(file, ignored);
  if (exists)
    for (const auto& record : parse_csv(read_file(file), file.string()))
      if (record.cells.size() == 2 && record.cells[0] == split) models.insert(record.cells[1]);
  if (models.contains(model_sha256)) return models.size();
  // One short write at the end of the file: two programs at once do not tear each other's lines.
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) return 0;
  const std::string line = (exists ? "" : csv_line({"split", "model_sha256"})) + csv_line({split, model_sha256});
  const bool written = ::write(descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  ::close(descriptor);
  return written ? models.size() + 1 : 0;
}

}  // namespace sonoforge
