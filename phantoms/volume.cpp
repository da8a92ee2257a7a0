#include "phantoms/volume.hpp"

#include <algorithm>
#include <cmath>

#include "phantoms/anatomy.hpp"
#include "io/nifti.hpp"
#include "phantoms/speckle.hpp"

namespace sonoforge {

namespace {

/// A volume seen from the probe.
struct PlacedVolume {
  NiftiVolume data;
  Vec3 origin, ex, ey, ez;                       ///< of the probe, in the patient's frame
  std::array<std::array<double, 4>, 3> inverse;  ///< patient -> voxel index

  /// The value of the nearest voxel, NaN outside.
  double at(Vec3 p) const {
    const Vec3 q = origin + p.x * ex + p.y * ey + p.z * ez;
    std::size_t index = 0, stride = 1;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto& row = inverse[axis];
      const double v = std::floor(row[0] * q.x + row[1] * q.y + row[2] * q.z + row[3] + 0.5);
      if (!(v >= 0 && v < static_cast<double>(data.size[axis]))) return NAN;
      index += stride * static_cast<std::size_t>(v);
      stride *= data.size[axis];
    }
    return static_cast<double>(data.values[index]);
  }
  double voxel_volume() const;
  Bounds bounds() const;
};

Vec3 column(const NiftiVolume& v, std::size_t axis) {
  return {v.affine[0][axis], v.affine[1][axis], v.affine[2][axis]};
}

double PlacedVolume::voxel_volume() const {
  return std::abs(dot(column(data, 0), cross(column(data, 1), column(data, 2))));
}

Bounds PlacedVolume::bounds() const {
  Bounds b{{1e300, 1e300, 1e300}, {-1e300, -1e300, -1e300}};
  for (int corner = 0; corner < 8; ++corner) {
    Vec3 q = column(data, 3);
    for (std::size_t axis = 0; axis < 3; ++axis)
      q = q + ((corner >> axis & 1) ? static_cast<double>(data.size[axis]) - 0.5 : -0.5) * column(data, axis);
    const Vec3 d = q - origin, p{dot(d, ex), dot(d, ey), dot(d, ez)};
    b.low = {std::min(b.low.x, p.x), std::min(b.low.y, p.y), std::min(b.low.z, p.z)};
    b.high = {std::max(b.high.x, p.x), std::max(b.high.y, p.y), std::max(b.high.z, p.z)};
  }
  return b;
}

std::shared_ptr<const PlacedVolume> place(const VolumePhantom& config) {
  auto placed = std::make_shared<PlacedVolume>();
  placed->data = read_nifti(config.file);
  const std::string name = config.file.string();
  for (float v : placed->data.values)
    if (!std::isfinite(v))
      throw UserError(Problem{{name, 0, 0}, "holds a value that is not a number. Remove or replace it"});
  const Vec3 a = column(placed->data, 0), b = column(placed->data, 1), c = column(placed->data, 2),
             t = column(placed->data, 3);
  const double det = dot(a, cross(b, c));
  if (!(std::abs(det) > 0))
    throw UserError(Problem{{name, 0, 0}, "has voxels without volume (its affine is singular). Repair its header"});
  const std::array<Vec3, 3> rows{(1 / det) * cross(b, c), (1 / det) * cross(c, a), (1 / det) * cross(a, b)};
  for (std::size_t i = 0; i < 3; ++i) placed->inverse[i] = {rows[i].x, rows[i].y, rows[i].z, -dot(rows[i], t)};
  placed->origin = config.position;
  placed->ez = normalized(config.depth);
  placed->ex = normalized(config.lateral - dot(config.lateral, placed->ez) * placed->ez);
  placed->ey = cross(placed->ez, placed->ex);
  return placed;
}

class ValueRange : public Shape {
 public:
  ValueRange(std::shared_ptr<const PlacedVolume> volume, double from, double to)
      : volume_(std::move(volume)), from_(from), to_(to) {}
  bool contains(Vec3 p) const override {
    const double v = volume_->at(p);
    return v >= from_ && v < to_;
  }
  Bounds bounds() const override { return volume_->bounds(); }
  double volume() const override {
    const auto& values = volume_->data.values;
    const auto count = std::count_if(values.begin(), values.end(), [&](float v) {
      return static_cast<double>(v) >= from_ && static_cast<double>(v) < to_;
    });
    return static_cast<double>(count) * volume_->voxel_volume();
  }

 private:
  std::shared_ptr<const PlacedVolume> volume_;
  double from_, to_;
};

}  // namespace

void VolumeClassConfig::fields(FieldVisitor& visit) {
  visit(from, {.key = "from",
               .doc = "Smallest value that means this tissue: a label number or Hounsfield units",
               .min = -1e9,
               .max = 1e9,
               .required = true});
  visit(to, {.key = "to",
             .doc = "The values of the tissue lie below this; equal to from means that value alone",
             .min = -1e9,
             .max = 1e9,
             .required = true});
  visit.typed(tissue, tissue_catalog(), {.key = "tissue", .doc = "What it is made of", .required = true});
  visit(label, {.key = "label", .doc = "Class in the segmentation; without one it is not labelled."});
  visit(gain,
        {.key = "gain", .doc = "Echo level above that of its tissue.", .unit = Unit::decibel, .min = -300, .max = 100});
}

void VolumeClassConfig::check() const {
  if (to < from)
    throw ConfigError("to", "the range ends before it begins (" + format_number(from) + " to " + format_number(to) +
                                "). Swap from and to");
}

VolumePhantom::VolumePhantom() : background(Typed<Tissue>::make(tissue_catalog(), "soft_tissue")) {}

void VolumePhantom::fields(FieldVisitor& visit) {
  visit.typed(
      background, tissue_catalog(),
      {.key = "background", .doc = "Tissue where the table has none; its speed and loss are those of the waves."});
  visit(file, {.key = "file", .doc = "NIfTI volume of label numbers or Hounsfield units", .required = true});
  visit(position, {.key = "position",
                   .doc = "Of the probe's face in the patient's frame [right, front, head].",
                   .unit = Unit::metre,
                   .min = -10,
                   .max = 10});
  visit(depth, {.key = "depth",
                .doc = "Direction of the probe's z axis in that frame; [0, -1, 0] looks from the front to the back.",
                .min = -1e6,
                .max = 1e6});
  visit(lateral,
        {.key = "lateral", .doc = "Direction of its x axis; made perpendicular to depth.", .min = -1e6, .max = 1e6});
  visit.list(classes, {.key = "classes",
                       .doc = "The table from values to tissues; a later row covers an earlier one.",
                       .required = true,
                       .max_items = 65536});
  visit.object(extent, {.key = "extent", .doc = "The box that scatterers fill, in the probe's frame."});
  scatterer_density_field(visit, scatterer_density);
}

void VolumePhantom::check() const {
  if (!(norm(depth) > 0)) throw ConfigError("depth", "the direction has no length. Write for example [0, -1, 0]");
  if (!(norm(cross(depth, lateral)) > 1e-9 * norm(depth) * std::max(norm(lateral), 1e-300)))
    throw ConfigError("lateral",
                      "lateral points along depth (an image plane needs two directions). Write for example [-1, 0, 0]");
}

Phantom VolumePhantom::build(const RandomStream& random) const {
  const auto volume = place(*this);
  Phantom phantom;
  phantom.background = *background;
  if (scatterer_density) set_density(phantom.background, *scatterer_density);
  phantom.extent = extent.bounds();
  for (const auto& row : classes) {
    Region region;
    region.shape =
        std::make_shared<ValueRange>(volume, row.from, row.to > row.from ? row.to : std::nextafter(row.from, 1e300));
    region.tissue = *row.tissue;
    region.label = row.label;
    region.gain_db = row.gain;
    if (scatterer_density) set_density(region.tissue, *scatterer_density);
    phantom.regions.push_back(std::move(region));
  }
  add_speckle(phantom, random.child("speckle"));
  return phantom;
}

}  // namespace sonoforge
