#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "ai/report_page.hpp"
#include "ai/sha256.hpp"
#include "app/detection_study.hpp"
#include "core/base64.hpp"
#include "io/atomic_file.hpp"
#include "io/csv.hpp"
#include "io/hdf5.hpp"
#include "io/json_text.hpp"
#include "io/png.hpp"

namespace sonoforge {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}
std::string percent(double share) {
  return fixed_text(100 * share, 1) + " %";
}
std::string span(const Interval& i) {
  return fixed_text(i.low) + " to " + fixed_text(i.high);
}

const Rung& ideal(const DetectionResult& result) {
  return result.rungs.front();
}

Json report_json(const DetectionStudy& study, const DetectionResult& result) {
  Json json{{"study", "detection"},
            {"alarm", result.alarm},
            {"scatterers", result.scanner.scatterers.size()},
            {"rf_samples", result.scanner.echoes.rows()},
            {"pixels", result.scanner.pixels()},
            {"resolution_cells", number(result.cells)},
            {"ideal_detectability", number(result.detectability)},
            {"observers", Json::array()}};
  for (const auto& rung : result.rungs)
    json["observers"].push_back({{"name", rung.name},
                                 {"exact_auc", number(rung.exact)},
                                 {"auc", number(rung.area.value)},
                                 {"low", number(rung.area.interval.low)},
                                 {"high", number(rung.area.interval.high)},
                                 {"standard_error", number(rung.area.standard_error)},
                                 {"test_cases", rung.area.cases},
                                 {"efficiency", number(rung.efficiency)},
                                 {"efficiency_low", number(rung.efficiency_interval.low)},
                                 {"efficiency_high", number(rung.efficiency_interval.high)}});
  json["contrast_detail"] = {
      {"detectability", study.detectability}, {"slope", number(result.slope)}, {"points", Json::array()}};
  for (const auto& [radius, contrast] : result.contrast_detail)
    json["contrast_detail"]["points"].push_back({{"radius", radius}, {"contrast", contrast}});
  json["bounds"] = Json::array();
  for (const auto& bound : result.bounds)
    json["bounds"].push_back(
        {{"name", bound.name}, {"unit", bound.unit}, {"deviation", number(bound.value)}, {"of", bound.doc}});
  return json;
}

/// A case as PNG, each pixel square enough to be seen.
std::string picture(const std::filesystem::path& folder, const DetectionResult& result, std::size_t index) {
  const auto& grid = result.scanner.grid;
  const double step = std::min(grid.x.step, grid.z.step),
               scale = 220 / (static_cast<double>(grid.z.count) * grid.z.step) * step;
  const auto width = static_cast<std::size_t>(static_cast<double>(grid.x.count) * grid.x.step / step * scale);
  const auto height = static_cast<std::size_t>(static_cast<double>(grid.z.count) * grid.z.step / step * scale);
  Picture image{std::max<std::size_t>(width, 1), std::max<std::size_t>(height, 1), 1, {}};
  for (std::size_t y = 0; y < image.height; ++y)
    for (std::size_t x = 0; x < image.width; ++x)
      image.values.push_back(result.images[index][y * grid.z.count / image.height * grid.x.count * grid.y.count +
                                                  x * grid.x.count / image.width]);
  const auto file = folder / ".picture.png";
  write_png(file, image);
  const auto bytes = read_file(file);
  std::filesystem::remove(file);
  return bytes;
}

std::string ladder(const DetectionResult& result) {
  HtmlTable table(
      {"observer", "area, exact", "area, test cases", "95 % interval", "efficiency", "95 % interval", "what it is"});
  std::vector<ForestRow> rows;
  for (const auto& rung : result.rungs) {
    const bool known = std::isfinite(rung.exact);
    table.row()
        .words(rung.name)
        .number(known ? fixed_text(rung.exact, 4) : "not known")
        .number(fixed_text(rung.area.value))
        .number(span(rung.area.interval))
        .number(percent(rung.efficiency))
        .number(known ? "exact"
                      : percent(rung.efficiency_interval.low) + " to " + percent(rung.efficiency_interval.high))
        .words(rung.doc);
    rows.push_back({rung.name, rung.area.value, rung.area.interval});
  }
  return "<h2>The ladder</h2>\n<p>Every observer sees the same cases. Each step down can only lose information: what "
         "is lost between RF and "
         "8 bit is the physics and the scanner, what is lost below is the reader or the model. Efficiency is the "
         "squared ratio of "
         "detectability indices to that of the ideal observer of the RF.</p>\n" +
         forest_plot(rows, "area under the ROC curve, test cases; dashed: ideal observer, exact", ideal(result).exact) +
         table.html();
}

std::string contrast_detail(const DetectionStudy& study, const DetectionResult& result) {
  if (result.contrast_detail.size() < 2) return "";
  std::vector<double> x, y;
  HtmlTable table({"radius", "threshold contrast"});
  for (const auto& [radius, contrast] : result.contrast_detail) {
    x.push_back(std::log10(radius * 1e3));
    y.push_back(std::log10(contrast));
    table.row().number(fixed_text(radius * 1e3) + " mm").number(fixed_text(10 * std::log10(1 + contrast), 2) + " dB");
  }
  XyPlot plot("log10 of the radius in mm", "log10 of the threshold contrast", plot_range(x), plot_range(y));
  plot.line(x, y);
  plot.points(x, y, 3.5);
  return "<h2>Contrast and detail</h2>\n<p>Smallest rise of the echo level at which the ideal observer of the RF "
         "reaches d' = " +
         fixed_text(study.detectability, 2) + ". Slope of the logarithms: <b>" + fixed_text(result.slope, 3) +
         "</b>; -1 for low contrast in lesions of many resolution cells (Smith and Wagner).</p>\n" +
         plot.svg("Contrast-detail curve") + table.html();
}

std::string bounds(const DetectionResult& result) {
  HtmlTable table({"quantity", "least standard deviation", "of what"});
  for (const auto& bound : result.bounds) {
    const bool time = bound.unit == "s";
    table.row()
        .words(bound.name)
        .number(std::isfinite(bound.value)
                    ? fixed_text(bound.value * (time ? 1e9 : 1), 3) + (time ? " ns" : " " + bound.unit)
                    : "none")
        .words(bound.doc);
  }
  return "<h2>Bounds of Cramer and Rao</h2>\n<p>No unbiased estimator does better with these data.</p>\n" +
         table.html();
}

std::string page(const std::filesystem::path& folder, const DetectionStudy& study, const std::string& config,
                 const DetectionResult& result) {
  std::string text =
      "<p>Is a lesion of " + fixed_text(study.radius * 1e3, 2) + " mm radius and " + fixed_text(study.contrast, 1) +
      " dB present at a known place? " + std::to_string(result.truth.size()) +
      " simulated cases, half with it; half of each train the "
      "channelised observer (and a network), the others test.</p>\n<p><b>The ideal observer reaches an area of " +
      fixed_text(ideal(result).exact, 4) + "</b> (d' " + fixed_text(result.detectability, 2) + ", from " +
      fixed_text(result.cells, 1) + " resolution cells that the RF hold).</p>\n";
  if (result.alarm)
    text +=
        "<p class=\"fail\">ALARM: the network beats the ideal observer beyond its interval. Nothing that sees only "
        "these data can: look "
        "for a leak of the truth, or for scores of training cases.</p>\n";
  text +=
      "<div class=\"note\"><b>What this report cannot show.</b> Place and shape of the lesion are known to the "
      "observers, scatterers are "
      "independent, the tissue around is uniform and noise is white: a search, clutter and anatomy make every task "
      "harder than this. The "
      "bound holds for these data, not for patients.</div>\n";
  text += ladder(result) + contrast_detail(study, result) + bounds(result) + "<h2>Cases</h2>\n";
  for (std::size_t i = 0; i < std::min<std::size_t>(4, result.truth.size()); ++i)
    text += "<figure><img alt=\"case\" src=\"data:image/png;base64," + base64(picture(folder, result, i)) +
            "\"><figcaption>" + case_name(i) + (result.truth[i] ? ": lesion" : ": none") + "</figcaption></figure>\n";
  text +=
      "<h2>How the numbers are made</h2>\n<p>Scatterers stand on a lattice with independent normal amplitudes; the "
      "echoes of each, computed alone, "
      "are the columns of a matrix, and the beamformer is another. So the data are normal with known covariances, and "
      "the areas called "
      "exact follow from their eigenvalues without sampling. Areas of test cases have DeLong's interval on the logit "
      "scale (where that has no width, Newcombe's of 2006); efficiencies "
      "that need cases take theirs from it. The display has 256 levels over the dynamic range, with the mean "
      "background 15 dB below white.</p>\n";
  HtmlTable origin({"", ""});
  origin.row().words("program").words("Sonoforge " SONOFORGE_VERSION);
  origin.row().words("config, SHA-256").words(sha256(config));
  return html_page("Detection study",
                   text + "<h2>Origin</h2>\n" + origin.html() + "<pre>" + html_escaped(config) + "</pre>\n");
}

void write_cases(const std::filesystem::path& folder, const DetectionResult& result) {
  std::vector<std::string> heads{"id", "fold", "truth"};
  for (const auto& rung : result.rungs) heads.push_back(rung.name);
  std::string text = csv_line(heads);
  for (std::size_t i = 0; i < result.truth.size(); ++i) {
    std::vector<std::string> cells{case_name(i), result.test[i] ? "test" : "train", result.truth[i] ? "1" : "0"};
    for (const auto& rung : result.rungs) cells.push_back(shortest_number(rung.scores[i]));
    text += csv_line(cells);
  }
  write_file_atomically(folder / "cases.csv", text);

  const auto& grid = result.scanner.grid;
  std::vector<std::uint8_t> levels;
  for (const auto& image : result.images) levels.insert(levels.end(), image.begin(), image.end());
  Hdf5Writer writer(folder / "images.hdf5");
  writer.write<std::uint8_t>("images", levels, {result.images.size(), grid.z.count, grid.y.count * grid.x.count},
                             {.unit = "", .description = "Grey levels [case, z, x]", .deflate = 4});
  writer.write<std::uint8_t>("truth", result.truth, {result.truth.size()},
                             {.unit = "", .description = "1: lesion present", .deflate = 0});
  writer.write<std::uint8_t>("test", result.test, {result.test.size()},
                             {.unit = "", .description = "1: test case, 0: training case", .deflate = 0});
  writer.commit();
}

}  // namespace

StudyOutcome write_detection(const std::filesystem::path& folder, const DetectionStudy& study,
                             const std::string& config, const DetectionResult& result) {
  const Json json = report_json(study, result);
  write_cases(folder, result);
  write_file_atomically(folder / "report.html", page(folder, study, config, result));
  StudyOutcome outcome{!result.alarm, {}, json_text(json)};
  write_file_atomically(folder / "report.json", outcome.json + "\n");
  for (const auto& rung : result.rungs)
    outcome.summary += rung.name + ": area " + fixed_text(rung.area.value) + " [" + span(rung.area.interval) + "]" +
                       (std::isfinite(rung.exact) ? ", exact " + fixed_text(rung.exact, 4) : "") + ", efficiency " +
                       percent(rung.efficiency) + "\n";
  if (std::isfinite(result.slope)) outcome.summary += "contrast-detail slope " + fixed_text(result.slope, 3) + "\n";
  if (result.alarm) outcome.summary += "ALARM: the network beats the ideal observer beyond its interval\n";
  return outcome;
}

}  // namespace sonoforge
