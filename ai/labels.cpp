#include "ai/labels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "core/parallel.hpp"

namespace sonoforge {

namespace {

constexpr float no_echo_db = -300;

struct Classes {
  std::vector<std::string> names;
  std::vector<int> of_region;  ///< -1: not labelled
  int find_or_add(const std::string& name) {
    if (name.empty()) return -1;
    const auto found = std::find(names.begin(), names.end(), name);
    if (found != names.end()) return static_cast<int>(found - names.begin());
    names.push_back(name);
    return static_cast<int>(names.size()) - 1;
  }
};

Classes classes_of(const Phantom& phantom) {
  Classes classes;
  for (const auto& region : phantom.regions) classes.of_region.push_back(classes.find_or_add(region.label));
  for (const auto& target : phantom.targets) classes.find_or_add(target.label);
  return classes;
}

std::size_t nearest(const Axis& axis, double value, bool& inside) {
  if (axis.count == 1) return 0;
  const double index = axis.index_of(value);
  inside &= index >= -0.5 && index < static_cast<double>(axis.count) - 0.5;
  return inside ? static_cast<std::size_t>(std::max(0.0, std::floor(index + 0.5))) : 0;
}

}  // namespace

const std::vector<LabelDoc>& label_docs() {
  static const std::vector<LabelDoc> docs{
      {"segmentation", "", "A mask a class; a later region covers an earlier one.", true},
      {"instances", "", "0, or 1 + the index of the labelled region at the pixel.", true},
      {"boxes", "m", "Measurements of each class: the smallest rectangle about its pixels (CLASS.box_left, ...).",
       true},
      {"sound_speed", "m/s", "True sound speed (sos_map in the file).", true},
      {"attenuation", "dB/cm", "True attenuation at 1 MHz.", true},
      {"density", "kg/m^3", "True mass density.", true},
      {"echogenicity", "dB", "Scatterer density times mean squared amplitude.", true},
      {"velocity", "m/s", "Velocity of what is at the pixel: x, y, z.", true},
      {"displacement", "m", "Its way since the first frame: x, y, z.", true},
      {"strain", "", "Green's strain since the first frame: xx, zz, xz.", true},
      {"snr", "dB", "Power of the clean beamformed samples over that of the noise, means over 2 mm x 2 mm.", false},
      {"clean_image", "dB", "The image without noise.", false},
      {"visibility", "",
       "Measurements of each class: the gCNR that losses and noise leave it by theory (CLASS.visibility), contrast, "
       "loss and SNR.",
       false},
      {"gcnr", "",
       "Measured in the image: each class against what lies within 2 mm of it (CLASS.gcnr), and a map of each labelled "
       "region's own.",
       false},
      {"resolution", "m", "-6 dB widths of the image of a point, lateral and axial, from simulated points.", false},
      {"shift", "m",
       "How much deeper than its place the tissue of a pixel shows, since the scanner assumes one sound speed.", false},
      {"aberration", "s",
       "One-way travel time beyond the background's: mean over the elements within an f-number of 1, and rms about it.",
       false}};
  return docs;
}

static std::vector<std::string> names_of_labels(bool phantom_alone) {
  std::vector<std::string> names;
  for (const auto& label : label_docs())
    if (label.of_phantom || !phantom_alone) names.emplace_back(label.name);
  return names;
}

const std::vector<std::string>& phantom_label_names() {
  static const std::vector<std::string> names = names_of_labels(true);
  return names;
}

const std::vector<std::string>& label_names() {
  static const std::vector<std::string> names = names_of_labels(false);
  return names;
}

bool labels_move(const Phantom& phantom) { return phantom.scatterers.motion != nullptr; }

void check_label_names(const std::vector<std::string>& names) {
  for (const auto& name : names) {
    if (std::find(label_names().begin(), label_names().end(), name) != label_names().end()) continue;
    std::string known;
    for (const auto& k : label_names()) known += (known.empty() ? "" : ", ") + k;
    const std::string near = nearest_word(name, label_names());
    throw ConfigError("", "unknown label '" + name + "' (there is no such truth map). " +
                              (near.empty() ? "Known: " + known : "Did you mean '" + near + "'?"));
  }
}

std::vector<LabelMap> rasterize_labels(const Phantom& phantom, const PixelGrid& grid, const std::vector<std::string>& names,
                                       double time) {
  check_label_names(names);
  if (names.empty()) return {};
  const DisplacementField* motion = phantom.scatterers.motion.get();
  // Where what is at a pixel was at time 0: regions are shapes of that time.
  const bool moved = motion && time != 0;
  const auto origin = [&](Vec3 p) { return moved ? motion->origin(p, time) : p; };
  const std::size_t nx = grid.x.count, ny = grid.y.count, nz = grid.z.count, pixels = grid.size();
  std::vector<int> region(pixels);
  parallel_for(nz, [&](std::size_t iz) {
    for (std::size_t iy = 0; iy < ny; ++iy)
      for (std::size_t ix = 0; ix < nx; ++ix) region[(iz * ny + iy) * nx + ix] = phantom.region_at(origin(grid.position(iz, iy, ix)));
  });
  const Classes classes = classes_of(phantom);

  std::vector<LabelMap> maps;
  for (const auto& name : names) {
    if (name == "boxes" || std::find(phantom_label_names().begin(), phantom_label_names().end(), name) == phantom_label_names().end()) continue;
    LabelMap map;
    map.name = name;
    map.grid = grid;
    const auto scalar = [&](const std::string& unit, const std::string& description, const auto& value) {
      map.unit = unit;
      map.description = description;
      map.values = NdArray<float, 4>({1, nz, ny, nx});
      for (std::size_t i = 0; i < pixels; ++i) map.values.flat()[i] = static_cast<float>(value(i));
    };
    const auto tissue = [&](std::size_t i) -> const Tissue& { return phantom.tissue_of(region[i]); };
    if (name == "segmentation") {
      map.description = "classes of the labelled regions; a later region covers an earlier one";
      map.channels = classes.names;
      map.values = NdArray<float, 4>({std::max<std::size_t>(classes.names.size(), 0), nz, ny, nx});
      for (std::size_t i = 0; i < pixels; ++i)
        if (region[i] >= 0 && classes.of_region[static_cast<std::size_t>(region[i])] >= 0)
          map.values.flat()[static_cast<std::size_t>(classes.of_region[static_cast<std::size_t>(region[i])]) * pixels + i] = 1;
      for (const auto& target : phantom.targets) {
        const Vec3 now = moved ? target.position + motion->displacement(target.position, time) : target.position;
        double x = now.x, z = now.z;
        if (grid.kind == PixelGrid::Kind::polar) {
          const double dz = z - grid.apex_depth;
          x = std::atan2(now.x, dz);
          z = std::hypot(now.x, dz);
        }
        bool inside = true;
        const std::size_t ix = nearest(grid.x, x, inside), iy = nearest(grid.y, now.y, inside), iz = nearest(grid.z, z, inside);
        const auto c = static_cast<std::size_t>(std::find(classes.names.begin(), classes.names.end(), target.label) - classes.names.begin());
        if (inside && c < classes.names.size()) map.values(c, iz, iy, ix) = 1;
      }
    } else if (name == "instances") {
      scalar("", "0, or 1 + the index of the labelled region",
             [&](std::size_t i) { return region[i] >= 0 && classes.of_region[static_cast<std::size_t>(region[i])] >= 0 ? region[i] + 1 : 0; });
    } else if (name == "sound_speed") {
      scalar("m/s", "true sound speed", [&](std::size_t i) { return tissue(i).sound_speed; });
    } else if (name == "attenuation") {
      scalar("dB/cm", "true attenuation at 1 MHz", [&](std::size_t i) { return tissue(i).attenuation.db_per_cm; });
    } else if (name == "density") {
      scalar("kg/m^3", "true mass density", [&](std::size_t i) { return tissue(i).density; });
    } else if (name == "velocity" || name == "displacement" || name == "strain") {
      const bool strain = name == "strain";
      map.unit = strain ? "" : name == "velocity" ? "m/s" : "m";
      map.description = strain ? "Green's strain since the first frame" : name == "velocity" ? "velocity" : "way since the first frame";
      if (strain) map.channels = {"xx", "zz", "xz"};
      else map.channels = {"x", "y", "z"};
      map.values = NdArray<float, 4>({3, nz, ny, nx});
      if (motion)
        parallel_for(nz, [&](std::size_t iz) {
          for (std::size_t iy = 0; iy < ny; ++iy)
            for (std::size_t ix = 0; ix < nx; ++ix) {
              const Vec3 p = grid.position(iz, iy, ix), from = motion->origin(p, time);
              if (!motion->moves(from)) continue;
              std::array<double, 3> v{};
              if (strain) {
                v = green_strain(*motion, p, time);
              } else {
                const Vec3 u = name == "velocity" ? motion->velocity(p, time) : p - from;
                v = {u.x, u.y, u.z};
              }
              for (std::size_t c = 0; c < 3; ++c) map.values(c, iz, iy, ix) = static_cast<float>(v[c]);
            }
        });
    } else {
      scalar("dB", "scatterer density times mean squared amplitude", [&](std::size_t i) {
        double level = tissue(i).echogenicity();
        if (region[i] >= 0) level += phantom.regions[static_cast<std::size_t>(region[i])].gain_db;
        if (phantom.echo_map) level += phantom.echo_map->gain_db(origin(grid.position(i / (nx * ny), i / nx % ny, i % nx)));
        return std::max(level, static_cast<double>(no_echo_db));
      });
    }
    maps.push_back(std::move(map));
  }
  return maps;
}

std::vector<Measurement> class_boxes(const LabelMap& segmentation) {
  std::vector<Measurement> out;
  const PixelGrid& grid = segmentation.grid;
  const double half_x = 0.5 * std::abs(grid.x.step), half_z = 0.5 * std::abs(grid.z.step);
  for (std::size_t c = 0; c < segmentation.channels.size(); ++c) {
    double left = 1e300, right = -1e300, top = 1e300, bottom = -1e300, pixels = 0;
    for (std::size_t iz = 0; iz < grid.z.count; ++iz)
      for (std::size_t iy = 0; iy < grid.y.count; ++iy)
        for (std::size_t ix = 0; ix < grid.x.count; ++ix) {
          if (segmentation.values(c, iz, iy, ix) == 0) continue;
          const Vec3 p = grid.position(iz, iy, ix);
          // A polar pixel is as wide as its arc.
          const double wide = grid.kind == PixelGrid::Kind::polar ? half_x * grid.z.at(iz) : half_x;
          left = std::min(left, p.x - wide), right = std::max(right, p.x + wide);
          top = std::min(top, p.z - half_z), bottom = std::max(bottom, p.z + half_z);
          ++pixels;
        }
    if (pixels == 0) continue;
    const std::string name = segmentation.channels[c];
    for (const auto& [key, value] : {std::pair{".box_left", left}, std::pair{".box_right", right}, std::pair{".box_top", top}, std::pair{".box_bottom", bottom}})
      out.push_back({name + key, value, "m"});
    out.push_back({name + ".box_pixels", pixels, ""});
  }
  return out;
}

std::vector<Measurement> true_measurements(const Phantom& phantom) {
  std::vector<Measurement> out;
  std::map<std::string, int> seen;
  for (const auto& region : phantom.regions) {
    if (region.label.empty()) continue;
    const int number = ++seen[region.label];
    const std::string name = region.label + (number > 1 ? "." + std::to_string(number) : "");
    const auto add = [&](const char* what, double value, const char* unit) {
      if (std::isfinite(value) && value > 0) out.push_back({name + what, value, unit});
    };
    add(".volume", region.shape->volume(), "m^3");
    add(".area", region.shape->section_area(0.5 * (phantom.extent.low.y + phantom.extent.high.y)), "m^2");
  }
  for (const auto& own : phantom.measurements) out.push_back({own.name, own.value, own.unit});
  return out;
}

}  // namespace sonoforge
