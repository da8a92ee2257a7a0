#include "transducers/probe_library.hpp"

#include "transducers/convex_array.hpp"
#include "transducers/linear_array.hpp"

namespace sonoforge {
namespace {

/// Sizes in the units of the published tables.
struct PublishedLinear {
  double frequency_mhz, kerf_um, width_um;
  std::int64_t elements;
  double bandwidth_percent, height_mm, elevation_focus_mm;  // focus 0: none published
};

Typed<ResponseConfig> generalised_normal(double bandwidth) {
  auto response = Typed<ResponseConfig>::make(response_catalog(), "generalised_normal");
  dynamic_cast<GeneralisedNormalResponse&>(*response).bandwidth = bandwidth;
  return response;
}

CatalogRow linear(std::string name, std::string doc, PublishedLinear values) {
  auto make = [name, values] {
    auto probe = std::make_shared<LinearArray>();
    probe->name = name;
    probe->frequency = values.frequency_mhz * 1e6;
    probe->elements = values.elements;
    // Divided, not multiplied by 1e-6: 300 / 1e6 is the double nearest to 0.0003, so files say 0.3 mm.
    probe->pitch = (values.width_um + values.kerf_um) / 1e6;
    probe->width = values.width_um / 1e6;
    probe->height = values.height_mm / 1e3;
    if (values.elevation_focus_mm > 0) probe->elevation_focus = values.elevation_focus_mm / 1e3;
    probe->response = generalised_normal(values.bandwidth_percent / 100);
    return probe;
  };
  return {std::move(name), std::move(doc), make, "linear_array"};
}

}  // namespace

std::vector<CatalogRow> probe_library() {
  std::vector<CatalogRow> rows;
  // [garcia2022]: getparam of the MUST toolbox, after the maker's own tables (Verasonics, computeTrans).
  rows.push_back(linear("L11-5v", "Verasonics L11-5v: linear, 7.6 MHz, 128 elements, 38 mm wide.",
                        {7.6, 30, 270, 128, 77, 5, 18}));
  rows.push_back(linear("L12-3v", "Verasonics L12-3v: linear, 7.54 MHz, 192 elements, 38 mm wide.",
                        {7.54, 30, 170, 192, 93, 5, 20}));
  rows.push_back(
      linear("P4-2v", "Verasonics P4-2v: phased, 2.72 MHz, 64 elements, 19 mm wide.", {2.72, 50, 250, 64, 74, 14, 60}));
  rows.push_back({"C5-2v", "Verasonics C5-2v: convex, 3.57 MHz, 128 elements, radius 49.57 mm.",
                  [] {
                    auto probe = std::make_shared<ConvexArray>();
                    probe->name = "C5-2v";
                    probe->frequency = 3.57e6;
                    probe->elements = 128;
                    probe->pitch = 508 / 1e6;
                    probe->width = 460 / 1e6;
                    probe->radius = 49.57 / 1e3;
                    probe->height = 13.5 / 1e3;
                    probe->elevation_focus = 60 / 1e3;
                    probe->response = generalised_normal(0.79);
                    return probe;
                  },
                  "convex_array"});
  // getparam of the MUST toolbox (Ultrasonix probes); no elevation focus published there.
  rows.push_back(linear("L9-4/38", "Ultrasonix L9-4/38: linear, 5 MHz, 128 elements, 39 mm wide; no lens published.",
                        {5, 35, 269.8, 128, 65, 6, 0}));
  rows.push_back(linear("PA4-2/20", "Ultrasonix PA4-2/20: phased, 2.5 MHz, 64 elements, 19 mm wide; no lens published.",
                        {2.5, 50, 250, 64, 60, 14, 0}));
  // [liebgott2016]: the probe of the PICMUS challenge as its simulations have it.
  rows.push_back(linear("PICMUS-L11", "The linear array of the PICMUS challenge: 5.208 MHz, 128 elements, 38 mm wide.",
                        {5.208, 30, 270, 128, 67, 5, 20}));
  return rows;
}

}  // namespace sonoforge
