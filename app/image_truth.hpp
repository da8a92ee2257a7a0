#pragma once
#include <string>
#include <vector>

#include "app/experiment.hpp"

namespace sonoforge {

/// Truths about an image that phantom and grid alone do not tell, among `labels:`
///   clean_image  the image without noise, in dB below the brightest pixel of the noisy one
///   snr          local power of the clean beamformed samples over that of the noise, both means over 2 mm x 2 mm [dB]
///   visibility   measurements of each class: how well a reader can tell it from a ring of 2 mm about it
///   gcnr         of what the image shows: measurements "CLASS.gcnr" of each class with pixels, and a map in which each
///   labelled region
///                has its own, 0 elsewhere. Both against all other pixels within 2 mm; histograms of 2 n^(1/3) bins (10
///                to 100), n the pixels of the smaller side, since few samples in many bins overlap too little
///   resolution   see app/resolution_truth.hpp
///   shift        how much deeper than its place a pixel's tissue shows, since the scanner assumes one sound speed [m]
///   aberration   channels mean and rms: by how much the one-way travel time from a place to the elements within an
///   f-number of
///                1 differs from that in the background, and the spread over them [s]
/// Travel times are those that the engine's `propagation` sees: under uniform and shadow the background's everywhere.
bool needs_clean_image(const std::vector<std::string>& labels);

/// The first frame without noise: beamformed samples less their component "noise", which leaves `acquisition` where
/// nobody asked for it.
ComplexMap clean_frame(const Experiment& experiment, Acquisition& acquisition, const PixelGrid& grid);

/// The phantom's truth at the beginning of every frame, and what the annotator makes of it, added to `file`.
void add_labels(const Experiment& experiment, const PixelGrid& grid, ZeaFile& file);

/// The generalised contrast-to-noise ratio of two speckles of these mean powers: envelopes are Rayleigh, powers
/// exponential, and with a < b the two densities cross at t = ab ln(b/a) / (b - a), so that
/// gCNR = exp(-t/b) - exp(-t/a) [rodriguezmolares2020].
double speckle_gcnr(double power_1, double power_2);

/// Maps and measurements of these labels, those of other names are passed over. `maps` and `clean` are the beamformed
/// first frames with and without noise (the same where there is none).
struct ImageTruth {
  std::vector<LabelMap> labels;
  std::vector<Measurement> measurements;
};
ImageTruth image_truth(const Experiment& experiment, const Acquisition& acquisition, const ComplexMap& noisy,
                       const ComplexMap& clean);

}  // namespace sonoforge
