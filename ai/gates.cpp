#include "ai/gates.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ai/report_plots.hpp"
#include "core/units.hpp"
#include "io/csv.hpp"

namespace sonoforge {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

/// The number of a gate in SI. `place`: where the gate stands in the config.
double limit_of(const std::string& text, const std::string& unit, const std::string& metric,
                const std::string& place) {
  AnyQuantity quantity;
  try {
    quantity = parse_any_quantity(text);
  } catch (const std::invalid_argument& error) {
    throw ConfigError(place, metric + ": " + error.what());
  }
  if (std::string(unit_symbol(quantity.unit)) != unit)
    throw ConfigError(place, "'" + text + "' does not measure what " + metric + " does (" +
                    (unit.empty() ? "a bare number" : "in " + unit) + "). Correct its unit");
  return quantity.value;
}

const std::string& written_limit(const GateConfig& gate) {
  return gate.at_least ? *gate.at_least : gate.at_most ? *gate.at_most : gate.margin ? *gate.margin : *gate.gap;
}

/// The key of a gate's limit in the config.
std::string place_of_limit(const ValidateConfig& config, std::size_t i) {
  const GateConfig& gate = config.gates[i];
  return "gates." + std::to_string(i) +
         (gate.at_least  ? ".at_least"
          : gate.at_most ? ".at_most"
          : gate.margin  ? ".margin"
                         : ".gap");
}

class Judge {
 public:
  Judge(const ValidateConfig& config, const Manifest& manifest, const Evaluation& evaluation)
      : config_(config), manifest_(manifest), evaluation_(evaluation) {
    if (!config.baseline.empty()) baseline_ = read_baseline(config.baseline);
  }

  GateResult operator()(const GateConfig& gate, const CaseGroup& group, const std::string& place) const {
    GateResult result{gate, group.name, {}, nan, false, {}};
    const double limit = limit_of(written_limit(gate), metric_unit(config_, manifest_, gate.metric), gate.metric, place);
    const bool by_end = gate.interval != GateConfig::Bound::mean;
    const auto found = compared(gate, group, result.reason);
    const std::string judged = by_end ? (gate.at_most ? "upper end" : "lower end") : "estimate";
    if (gate.at_most) {
      result.condition = judged + " <= " + *gate.at_most;
      result.value = by_end ? found.interval.high : found.value;
      result.passed = result.value <= limit;  // false for NaN, as below
      return result;
    }
    result.value = by_end ? found.interval.low : found.value;
    if (gate.at_least) {
      result.condition = judged + " >= " + *gate.at_least;
      result.passed = result.value >= limit;
    } else {
      result.condition =
          judged + " of gain " + (gate.margin ? "on the baseline" : "on all others") + " >= -" + written_limit(gate);
      result.passed = result.value >= -limit;
    }
    return result;
  }

 private:
  /// The metric, or how much better it is than what it is compared with.
  Estimate compared(const GateConfig& gate, const CaseGroup& group, std::string& reason) const {
    if (gate.gap) return against_rest(gate, group, reason);
    const auto found = std::find_if(evaluation_.groups.begin(), evaluation_.groups.end(), [&](const GroupResult& r) {
      return r.group == group.name && r.metric == gate.metric;
    });
    const Estimate now = found == evaluation_.groups.end() ? Estimate{nan, {nan, nan}, nan, 0, 0} : found->estimate;
    if (!gate.margin && std::isnan(now.interval.low)) reason = "too few patients, or no variation, for an interval";
    if (!gate.margin) return now;
    const auto gain = compare_with_baseline(config_, manifest_, evaluation_, baseline_, gate.metric, group);
    reason = gain.reason;
    return turned(sign(gate), gain.difference.value, gain.difference.interval);
  }

  double sign(const GateConfig& gate) const {
    return find_metric(config_.task, gate.metric)->better == ValidationMetric::Better::higher ? 1 : -1;
  }

  static Estimate turned(double sign, double difference, Interval interval) {
    if (sign < 0) interval = {-interval.high, -interval.low};
    return {sign * difference, interval, nan, 0, 0};
  }

  Estimate against_rest(const GateConfig& gate, const CaseGroup& group, std::string& reason) const {
    for (const auto& r : evaluation_.disparities)
      if (r.group == group.name && r.metric == gate.metric && !std::isnan(r.disparity.interval.low))
        return turned(sign(gate), r.disparity.difference, r.disparity.interval);
    reason = "too few patients, or no variation, for an interval";
    return {nan, {nan, nan}, nan, 0, 0};
  }

  const ValidateConfig& config_;
  const Manifest& manifest_;
  const Evaluation& evaluation_;
  Baseline baseline_;
};

/// XML 1.0 knows no control characters.
std::string xml_escaped(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 32) c = ' ';
  return html_escaped(text);
}

}  // namespace

void check_gate_values(const ValidateConfig& config, const Manifest& manifest) {
  for (std::size_t i = 0; i < config.gates.size(); ++i)
    limit_of(written_limit(config.gates[i]), metric_unit(config, manifest, config.gates[i].metric),
             config.gates[i].metric, place_of_limit(config, i));
  if (!config.baseline.empty()) read_baseline(config.baseline);
}

std::vector<GateResult> judge_gates(const ValidateConfig& config, const Manifest& manifest,
                                    const Evaluation& evaluation, const std::vector<CaseGroup>& groups) {
  const Judge judge(config, manifest, evaluation);
  std::vector<GateResult> results;
  for (std::size_t i = 0; i < config.gates.size(); ++i) {
    const GateConfig& gate = config.gates[i];
    for (const auto& group : groups)
      if (group.name == gate.subgroup || group.factor == gate.subgroup)
        results.push_back(judge(gate, group, place_of_limit(config, i)));
  }
  return results;
}

std::string junit_text(const std::vector<GateResult>& gates) {
  const auto failures = std::count_if(gates.begin(), gates.end(), [](const GateResult& gate) { return !gate.passed; });
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"sonoforge validate\" tests=\"" +
      std::to_string(gates.size()) + "\" failures=\"" + std::to_string(failures) + "\">\n";
  for (const auto& gate : gates) {
    text += "<testcase classname=\"" + xml_escaped(gate.gate.metric) + "\" name=\"" +
            xml_escaped(gate.group + ": " + gate.condition) + "\"";
    if (gate.passed)
      text += "/>\n";
    else
      text +=
          "><failure message=\"" +
          xml_escaped(std::isnan(gate.value) ? "no value: " + gate.reason : "reached " + shortest_number(gate.value)) +
          "\"/></testcase>\n";
  }
  return text + "</testsuite>\n</testsuites>\n";
}

}  // namespace sonoforge
