#pragma once
#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "ai/manifest.hpp"
#include "ai/sha256.hpp"
#include "core/random.hpp"
#include "formats/zea.hpp"
#include "io/atomic_file.hpp"

namespace sonoforge {

/// A data set drawn without any physics: Rayleigh noise in decibels with a darker disc, `images` a patient.
inline void write_disc_data(const std::filesystem::path& folder, int patients, int images = 1, std::size_t side = 40) {
  std::vector<ManifestRow> rows;
  std::vector<Factors> factors;
  for (int p = 0; p < patients; ++p)
    for (int i = 0; i < images; ++i) {
      RandomStream random(4, static_cast<std::uint64_t>(p), "disc" + std::to_string(i));
      const double radius = random.uniform(0.1, 0.25), x = random.uniform(0.3, 0.7), z = random.uniform(0.3, 0.7);
      PixelGrid grid;
      grid.x = {-0.01, 0.02 / static_cast<double>(side), side};
      grid.z = {0.005, 0.02 / static_cast<double>(side), side};
      ZeaFile content;
      RealMap image(grid);
      LabelMap label{"segmentation", "", "True regions.", grid, {"background", "lesion"}, NdArray<float, 4>({2, side, 1, side})};
      for (std::size_t r = 0; r < side; ++r)
        for (std::size_t c = 0; c < side; ++c) {
          const double dx = (static_cast<double>(c) + 0.5) / static_cast<double>(side) - x, dz = (static_cast<double>(r) + 0.5) / static_cast<double>(side) - z;
          const bool inside = std::hypot(dx, dz) < radius;
          const double level = 10 * std::log10(-std::log(random.uniform())) - 15 - (inside ? 20 : 0);
          image.values(r, 0, c) = static_cast<float>(std::min(level, 0.0));
          label.values(inside ? 1 : 0, r, 0, c) = 1;
        }
      content.images = {image};
      content.image_grid = grid;
      LabelMap speed{"sound_speed", "m/s", "True sound speed.", grid, {}, NdArray<float, 4>({1, side, 1, side})};
      for (std::size_t k = 0; k < side * side; ++k) speed.values.data()[k] = label.values.data()[side * side + k] != 0 ? 1600.0F : 1500.0F;
      content.labels = {label, speed};
      content.subject_id = "patient_" + std::to_string(p);
      const std::string id = content.subject_id + "_" + std::to_string(i);
      const std::string file = "samples/" + id + ".hdf5";
      make_folder(folder / "samples");
      write_zea(folder / file, content);
      ManifestRow row;
      row.id = id;
      row.patient = content.subject_id;
      row.split = p % 4 == 2 ? "validation" : p % 4 == 3 ? "test" : "train";
      row.file = file;
      row.sha256 = sha256_of_file(folder / file);
      rows.push_back(row);
      Factors f;
      f["lesion_radius"] = {"", true, radius * 0.02, "m"};
      f["side"] = {x < 0.5 ? "left" : "right", false, 0, ""};
      factors.push_back(f);
    }
  write_manifest(folder / "manifest.csv", make_manifest(rows, factors));
}

}  // namespace sonoforge
