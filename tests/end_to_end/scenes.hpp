#pragma once
#include <string>

namespace sonoforge {

/// A scene of a thousand scatterers that every command takes: a fraction of a second.
inline const std::string tiny_scene = R"(sonoforge: 1
seed: 3
phantom:
  type: scene
  background: liver
  regions:
    - {shape: {type: ellipsoid, centre: [0 mm, 0 mm, 14 mm], radii: [1.2 mm, 1.2 mm, 1.2 mm]}, tissue: cyst, label: cyst}
  extent: {x: [-2 mm, 2 mm], y: [0 mm, 0 mm], z: [12 mm, 16 mm]}
probe: {type: L11-5v, elements: 16}
sequence: {type: plane_waves, angles: [-5 deg, 0 deg, 5 deg]}
receive: {sampling_rate: 30.4 MHz, depth: 18 mm, noise: {snr: 40 dB}}
engine: {type: exact, model: simus, dimensions: 2}
image: {x: [-2 mm, 2 mm, 0.1 mm], z: [12 mm, 16 mm, 0.1 mm], dynamic_range: 50 dB}
labels: [segmentation, instances, sound_speed, attenuation, density, echogenicity]
metrics: [{type: gcnr, target: cyst, background: liver}]
)";

/// Its training set: `patients` with cysts of several sizes, in all three parts of the split.
inline std::string tiny_data_set(int patients) {
  std::string text = tiny_scene;
  const std::string radii = "radii: [1.2 mm, ";
  text.replace(text.find(radii), radii.size(), "radii: [{uniform: [0.8 mm, 1.4 mm], factor: radius}, ");
  return text + "dataset: {patients: " + std::to_string(patients) +
         ", split: {train: 50 %, validation: 25 %, test: 25 %}}\n";
}

/// The sections of a cyst that take a few milliseconds, with eight elements; its radius is the factor `radius`.
inline const std::string cyst_scene = R"(phantom:
  type: scene
  background: liver
  regions:
    - {shape: {type: cylinder, centre: [0 mm, 0 mm, 8 mm], radius: {factor: radius}}, tissue: cyst, label: lesion}
  extent: {x: [-3 mm, 3 mm], y: [0 mm, 0 mm], z: [5 mm, 11 mm]}
  scatterer_density: 5 /mm^3
probe: {type: linear_array, elements: 8, pitch: 0.3 mm, width: 0.27 mm, frequency: 5 MHz}
sequence: {type: plane_waves, angles: [0 deg]}
receive: {sampling_rate: 20 MHz, depth: 12 mm}
engine: {type: scatterers, model: simus, dimensions: 2}
beamformer: {type: delay_and_sum, f_number: 1}
image: {x: [-3 mm, 3 mm, 0.1 mm], z: [5 mm, 11 mm, 0.1 mm]}
)";

}  // namespace sonoforge
