#include "phantoms/phantom.hpp"

namespace sonoforge {

Phantom Phantom::with(Scatterers others) const {
  Phantom phantom;
  phantom.background = background;
  phantom.regions = regions;
  phantom.scatterers = std::move(others);
  phantom.targets = targets;
  phantom.echo_map = echo_map;
  phantom.measurements = measurements;
  phantom.extent = extent;
  return phantom;
}

int Phantom::region_at(Vec3 point) const {
  for (std::size_t i = regions.size(); i-- > 0;)
    if (regions[i].shape->contains(point)) return static_cast<int>(i);
  return -1;
}

const Tissue& Phantom::tissue_at(Vec3 point) const { return tissue_of(region_at(point)); }

double Phantom::echogenicity_at(Vec3 point) const {
  const int region = region_at(point);
  double level = tissue_of(region).echogenicity();
  if (region >= 0) level += regions[static_cast<std::size_t>(region)].gain_db;
  if (echo_map) level += echo_map->gain_db(point);
  return level;
}

}  // namespace sonoforge
