#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "ai/manifest.hpp"
#include "formats/zea.hpp"
#include "io/hdf5.hpp"
#include "tests/end_to_end/command.hpp"

namespace sonoforge {
namespace {

/// What a twin must share with its patient to the bit, by part of the file, and one part that must differ.
struct TwinCase {
  std::string factor, value;
  std::vector<std::string> same;
  std::string differs;
};

// Acoustics, geometry, electronics, processing, reader, and a bystander that nothing follows from.
const std::vector<TwinCase> cases{
    {"age", "70", {"rf", "image", "segmentation", "annotation", "scatterers", "sound_speed", "echoes"}, ""},
    {"radius", "2.5 mm", {"far scatterers", "fat mask"}, "segmentation"},
    {"lateral", "1 mm", {"far scatterers", "fat mask"}, "segmentation"},
    {"depth", "14 mm", {"far scatterers", "fat mask"}, "segmentation"},
    {"lesion_gain",
     "-3 dB",
     {"far scatterers", "places", "segmentation", "annotation", "sound_speed", "background echoes"},
     "scatterers"},
    {"lesion_speed", "1600 m/s", {"rf", "image", "segmentation", "annotation", "scatterers", "echoes"}, "sound_speed"},
    {"lesion_attenuation",
     "2 dB/cm/MHz",
     {"rf", "image", "segmentation", "annotation", "scatterers", "echoes", "sound_speed"},
     "attenuation"},
    {"fat_thickness", "3.5 mm", {"deep scatterers", "lesion mask"}, "segmentation"},
    {"noise", "5 dB", {"scatterers", "segmentation", "annotation", "sound_speed", "echoes"}, "rf"},
    {"dead", "5", {"scatterers", "segmentation", "annotation", "sound_speed"}, "rf"},
    {"tgc", "3 dB/cm", {"scatterers", "segmentation", "annotation", "sound_speed"}, "rf"},
    {"frequency", "4 MHz", {"scatterers", "segmentation", "annotation", "sound_speed"}, "rf"},
    {"assumed_speed", "1500 m/s", {"rf", "scatterers", "segmentation", "annotation", "sound_speed", "echoes"}, "image"},
    {"compensation",
     "0.2 dB/cm/MHz",
     {"rf", "scatterers", "segmentation", "annotation", "sound_speed", "echoes"},
     "image"},
    {"aperture", "2.5", {"rf", "scatterers", "segmentation", "annotation", "sound_speed", "echoes"}, "image"},
    {"dynamic_range",
     "45 dB",
     {"rf", "image", "scatterers", "segmentation", "annotation", "sound_speed", "echoes"},
     ""},
    {"reader_bias", "0.4 mm", {"rf", "image", "scatterers", "segmentation", "sound_speed", "echoes"}, "annotation"},
};

std::string config() {
  std::string twins;
  for (const auto& c : cases) twins += "  - {do: {" + c.factor + ": " + c.value + "}, name: " + c.factor + "}\n";
  return "sonoforge: 1\nseed: 5\ndataset: {patients: 2}\nstore: {parts: [rf, image, labels]}\ntwins:\n" + twins +
         "factors:\n  age: {normal: [50, 10]}\n  radius: {uniform: [1 mm, 2 mm]}\n  lateral: {uniform: [-1 mm, 0 "
         "mm]}\n  depth: {uniform: [11 mm, 13 mm]}\n"
         "  lesion_gain: {uniform: [-12 dB, -6 dB]}\n  lesion_speed: {uniform: [1520 m/s, 1580 m/s]}\n"
         "  lesion_attenuation: {uniform: [0.3 dB/cm/MHz, 1 dB/cm/MHz]}\n  fat_thickness: {uniform: [1 mm, 3 mm]}\n  "
         "noise: {uniform: [15 dB, 30 dB]}\n"
         "  dead: {integers: [0, 2]}\n  tgc: {uniform: [0.5 dB/cm, 1 dB/cm]}\n  frequency: {uniform: [5 MHz, 6 MHz]}\n"
         "  assumed_speed: {uniform: [1530 m/s, 1600 m/s]}\n  compensation: {uniform: [0.4 dB/cm/MHz, 0.6 "
         "dB/cm/MHz]}\n  aperture: {uniform: [1, 2]}\n"
         "  dynamic_range: {uniform: [50 dB, 60 dB]}\n  reader_bias: {uniform: [0 mm, 0.1 mm]}\n"
         "phantom:\n  type: scene\n  background: liver\n  regions:\n"
         "    - {shape: {type: slab, z: [0 mm, {factor: fat_thickness}]}, tissue: fat, label: fat}\n"
         "    - {shape: {type: cylinder, centre: [{factor: lateral}, 0 mm, {factor: depth}], radius: {factor: "
         "radius}},\n"
         "       tissue: {type: liver, sound_speed: {factor: lesion_speed}, attenuation: {factor: "
         "lesion_attenuation}}, gain: {factor: lesion_gain}, label: lesion}\n"
         "  extent: {x: [-6 mm, 6 mm], y: [0 mm, 0 mm], z: [0.5 mm, 18 mm]}\n  scatterer_density: 5 /mm^3\n"
         "probe: {type: linear_array, frequency: {factor: frequency}, elements: 24, pitch: 0.3 mm, width: 0.27 mm}\n"
         "sequence: {type: plane_waves, angles: [0 deg]}\n"
         "receive: {sampling_rate: 24 MHz, samples: 600, noise: {snr: {factor: noise}}, elements: {dead_count: "
         "{factor: dead}}, tgc: {slope: {factor: tgc}}}\n"
         "sound_speed: {factor: assumed_speed}\nengine: {type: scatterers, model: simus, dimensions: 2}\n"
         "beamformer: {type: delay_and_sum, f_number: {factor: aperture}}\n"
         "image: {x: [-5 mm, 5 mm, 0.2 mm], z: [0.6 mm, 17 mm, 0.2 mm], compensation: {factor: compensation}, "
         "dynamic_range: {factor: dynamic_range}}\n"
         "components: [lesion, fat, background, noise]\nlabels: [segmentation, sound_speed, attenuation]\nannotator: "
         "{jitter: 0.2 mm, bias: {factor: reader_bias}}\n";
}

using Values = std::vector<double>;

/// A file, and the echoes by origin that stand beside what zea knows of.
struct Sample {
  explicit Sample(const std::filesystem::path& path) : file(read_zea(path)) {
    const Hdf5Reader reader(path);
    for (const std::string name : {"lesion", "fat", "background"})
      echoes[name] = reader.read<float>("sonoforge/components/" + name);
  }
  ZeaFile file;
  std::map<std::string, std::vector<float>> echoes;  ///< [transmit 1, sample, element], as the writer lays them
};

/// A part of a file as numbers.
Values part(const Sample& sample, const std::string& name) {
  const ZeaFile& file = sample.file;
  Values out;
  const auto add = [&](const auto& values) { out.insert(out.end(), values.begin(), values.end()); };
  const auto label = [&](const std::string& wanted) -> const LabelMap& {
    for (const auto& map : file.labels)
      if (map.name == wanted) return map;
    throw std::logic_error("no label " + wanted);
  };
  const auto scatterers = [&](const auto& keep, bool amplitudes) {
    for (std::size_t i = 0; i < file.scatterer_positions.size(); ++i) {
      const Vec3 p = file.scatterer_positions[i];
      if (!keep(p)) continue;
      out.insert(out.end(), {p.x, p.y, p.z});
      if (amplitudes) out.push_back(file.scatterer_amplitudes[i]);
    }
  };
  const auto echoes = [&](const auto& wanted) {
    for (const auto& [component, samples] : sample.echoes)
      if (wanted(component)) add(samples);
  };
  const auto mask = [&](const std::string& wanted) {
    const LabelMap& map = label("segmentation");
    const auto c =
        static_cast<std::size_t>(std::find(map.channels.begin(), map.channels.end(), wanted) - map.channels.begin());
    const std::size_t n = map.grid.size();
    out.insert(out.end(), map.values.data() + c * n, map.values.data() + (c + 1) * n);
  };
  if (name == "rf")
    add(file.acquisition.samples.flat());
  else if (name == "image")
    add(file.images.front().values.flat());
  else if (name == "scatterers")
    scatterers([](Vec3) { return true; }, true);
  else if (name == "places")
    scatterers([](Vec3) { return true; }, false);
  else if (name == "far scatterers")
    scatterers([](Vec3 p) { return std::hypot(p.x, p.z - 12.5e-3) > 6e-3; }, true);
  else if (name == "deep scatterers")
    scatterers([](Vec3 p) { return p.z > 3.5e-3; }, true);
  else if (name == "echoes")
    echoes([](const std::string&) { return true; });
  else if (name == "background echoes")
    echoes([](const std::string& component) { return component == "background" || component == "fat"; });
  else if (name == "fat mask")
    mask("fat");
  else if (name == "lesion mask")
    mask("lesion");
  else
    add(label(name).values.flat());
  EXPECT_FALSE(out.empty()) << name;
  return out;
}

TEST(Twins, ShareToTheBitWhatDoesNotFollowFromTheFactor) {
  ASSERT_GE(cases.size(), 12u);
  const TestFolder folder;
  folder.write("twins.yaml", config());
  const auto result = sonoforge_command(folder, "generate twins.yaml -o set --quiet");
  ASSERT_EQ(result.code, 0) << result.err;
  const Manifest manifest = read_manifest(folder.path() / "set/manifest.csv");
  ASSERT_EQ(manifest.rows.size(), 2 * (1 + cases.size()));
  for (const std::string patient : {"patient_00000", "patient_00001"}) {
    const auto row_of = [&](const std::string& twin) {
      return *std::find_if(manifest.rows.begin(), manifest.rows.end(),
                           [&](const auto& row) { return row.patient == patient && row.twin == twin; });
    };
    const ManifestRow plain_row = row_of("");
    const Sample plain(folder.path() / "set" / plain_row.file);
    for (const auto& c : cases) {
      const ManifestRow row = row_of(c.factor);
      const Sample twin(folder.path() / "set" / row.file);
      for (std::size_t f = 0; f < manifest.factor_names.size(); ++f) {
        const bool forced = manifest.factor_names[f] == c.factor;
        EXPECT_EQ(row.factors[f] != plain_row.factors[f], forced) << c.factor << ": " << manifest.factor_names[f];
      }
      for (const auto& name : c.same)
        EXPECT_TRUE(part(twin, name) == part(plain, name)) << c.factor << " changed " << name;
      if (c.differs.empty()) continue;
      EXPECT_FALSE(part(twin, c.differs) == part(plain, c.differs)) << c.factor << " left " << c.differs;
    }
    // Dead elements silence their channels and no other: of what was not silent in both, echoes are equal.
    const Sample dead(folder.path() / "set" / row_of("dead").file);
    std::size_t silenced = 0;
    for (const auto& [component, samples] : plain.echoes) {
      // [..., sample, element]: an element's samples stand 24 apart.
      const auto channel = [](const std::vector<float>& all, std::size_t element) {
        std::vector<float> out;
        for (std::size_t i = element; i < all.size(); i += 24) out.push_back(all[i]);
        return out;
      };
      for (std::size_t element = 0; element < 24; ++element) {
        const auto a = channel(samples, element), b = channel(dead.echoes.at(component), element);
        const auto silent = [](const auto& values) {
          return std::all_of(values.begin(), values.end(), [](float v) { return v == 0; });
        };
        silenced += silent(b);
        EXPECT_TRUE(silent(b) || silent(a) || a == b) << component << element;
      }
    }
    EXPECT_GE(silenced, 5u);
  }
}

}  // namespace
}  // namespace sonoforge
