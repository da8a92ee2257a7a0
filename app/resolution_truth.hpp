#pragma once
#include <vector>

#include "app/experiment.hpp"

namespace sonoforge {

/// Where the image of a point has fallen by 6 dB from its peak on both sides [m]; 0 where it never falls that far, or
/// where nothing shows.
struct PointWidths {
  double lateral = 0;  ///< along x of the grid; on polar grids across the ray
  double axial = 0;    ///< along z of the grid; on polar grids along the ray
};

/// Widths of points at rest in this experiment: its engine, probe, sequence, receive chain and beamformer make their
/// images, without noise, converter, reverberation and image filters. Points stand in one column of the grid (its
/// middle plane along y), at the coordinates `x` and `rows` (equally spaced) of the axes x and z; those whose echoes do
/// not overlap share a record. Each is sought about the place where the assumed sound speed shows it, in the part of
/// the record in which its echoes lie. Where losses alone differ from place to place (propagation uniform or shadow),
/// the medium is the background.
std::vector<PointWidths> point_widths(const Experiment& experiment, const PixelGrid& grid, double x,
                                      const std::vector<double>& rows);

/// The label `resolution`, channels lateral and axial [m]: `point_widths` at 5 x 8 places from rim to rim of the image,
/// linear between these. Places without a width are passed over; 0 where all four about a pixel have none.
LabelMap resolution_map(const Experiment& experiment, const PixelGrid& grid);

}  // namespace sonoforge
