#include "phantoms/phantoms.hpp"

#include <algorithm>
#include <cmath>

#include "io/hdf5.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"
#include "phantoms/compression.hpp"
#include "phantoms/flow_phantom.hpp"
#include "phantoms/rotating_disk.hpp"
#include "phantoms/speckle.hpp"
#include "phantoms/breast_lesion.hpp"
#include "phantoms/carotid.hpp"
#include "phantoms/contrast_detail.hpp"
#include "phantoms/fetal_head.hpp"
#include "phantoms/abdominal_wall.hpp"
#include "phantoms/left_ventricle.hpp"
#include "phantoms/liver.hpp"
#include "phantoms/microbubbles.hpp"
#include "phantoms/placed.hpp"
#include "phantoms/resolution.hpp"
#include "phantoms/thyroid_nodule.hpp"
#include "phantoms/volume.hpp"

namespace sonoforge {

namespace {

constexpr std::size_t max_points = 10'000'000;

void background_field(FieldVisitor& visit, Typed<Tissue>& background) {
  visit.typed(background, tissue_catalog(), {.key = "background", .doc = "Tissue where no region is; its speed and loss are those of the waves."});
}

Typed<Tissue> tissue(const char* name) { return Typed<Tissue>::make(tissue_catalog(), name); }

const Field density_field{.key = "scatterer_density", .doc = "Scatterers a volume in all tissues that have any, at equal echo levels (default: each tissue's own).",
                          .unit = Unit::per_cubic_metre, .min = 1, .max = 1e15};

Bounds bounds_of(const std::vector<Vec3>& positions) {
  Bounds b{{1e300, 1e300, 1e300}, {-1e300, -1e300, -1e300}};
  for (Vec3 p : positions) {
    b.low = {std::min(b.low.x, p.x), std::min(b.low.y, p.y), std::min(b.low.z, p.z)};
    b.high = {std::max(b.high.x, p.x), std::max(b.high.y, p.y), std::max(b.high.z, p.z)};
  }
  return b;
}

}  // namespace

void set_density(Tissue& tissue, double density) {
  if (tissue.scatterer_density <= 0 || density <= 0) return;
  tissue.scatterer_strength *= std::sqrt(tissue.scatterer_density / density);
  tissue.scatterer_density = density;
}

PointsPhantom::PointsPhantom() : background(tissue("water")) {}

void PointsPhantom::fields(FieldVisitor& visit) {
  background_field(visit, background);
  visit(positions, {.key = "positions", .doc = "Places of the points, a list of [x, y, z].", .unit = Unit::metre, .min = -10, .max = 10, .required = true, .max_items = max_points});
  visit(amplitudes, {.key = "amplitudes", .doc = "Relative strength of each point; an empty list means 1.", .min = -1e12, .max = 1e12, .max_items = max_points});
}

void PointsPhantom::check() const {
  if (positions.empty()) throw ConfigError("positions", "there are no points (the list is empty). Write for example [[0 mm, 0 mm, 30 mm]]");
  if (!amplitudes.empty() && amplitudes.size() != positions.size())
    throw ConfigError("amplitudes", std::to_string(amplitudes.size()) + " amplitudes for " + std::to_string(positions.size()) +
                                        " positions (each point has one). Give as many, or none for 1");
}

Phantom PointsPhantom::build(const RandomStream&) const {
  Phantom phantom;
  phantom.background = *background;
  phantom.scatterers.positions = positions;
  phantom.scatterers.amplitudes = amplitudes.empty() ? std::vector<double>(positions.size(), 1.0) : amplitudes;
  phantom.scatterers.regions.assign(positions.size(), -1);
  for (Vec3 p : positions) phantom.targets.push_back({p, "point"});
  phantom.extent = bounds_of(positions);
  return phantom;
}

ScatterersPhantom::ScatterersPhantom() : background(tissue("soft_tissue")) {}

void ScatterersPhantom::fields(FieldVisitor& visit) {
  background_field(visit, background);
  visit(file, {.key = "file", .doc = "HDF5 file with /positions [n, 3] in m, /amplitudes [n] and perhaps /velocities [n, 3] in m/s; or a phantom file of PICMUS.", .required = true});
  visit.list(regions, {.key = "regions", .doc = "What the scatterers of places belong to, for labels and metrics; they stay where the file has them.", .max_items = 100'000});
}

Phantom ScatterersPhantom::build(const RandomStream&) const {
  const Hdf5Reader reader(file);
  const auto fail = [&](const std::string& text) { throw UserError(Problem{{file.string(), 0, 0}, text}); };
  // PICMUS stores one row a coordinate [liebgott2016].
  const bool picmus = reader.has("US/US_DATASET0000/scatterers_positions");
  const std::string group = picmus ? "US/US_DATASET0000/" : "", places = group + (picmus ? "scatterers_positions" : "positions"),
                    strengths = group + (picmus ? "scatterers_amplitude" : "amplitudes");
  const auto shape = reader.shape(places);
  if (shape.size() != 2 || shape[picmus ? 0 : 1] != 3)
    fail("/" + places + " does not have the shape " + (picmus ? "[3, n]" : "[n, 3]") + " (x, y, z of each scatterer in m). Write it so");
  const std::size_t n = shape[picmus ? 1 : 0];
  if (static_cast<double>(n) > max_scatterers) fail("/" + places + " holds " + std::to_string(n) + " scatterers (at most 1e8 are supported). Use fewer");
  const auto count = static_cast<std::ptrdiff_t>(n);
  const auto vectors = [&](const std::string& dataset) {
    const auto values = reader.read<double>(dataset, picmus ? std::vector<std::ptrdiff_t>{3, count} : std::vector<std::ptrdiff_t>{count, 3});
    const std::size_t along = picmus ? 1 : 3, across = picmus ? n : 1;
    std::vector<Vec3> out(n);
    for (std::size_t i = 0; i < n; ++i) {
      out[i] = {values[along * i], values[along * i + across], values[along * i + 2 * across]};
      if (!is_finite(out[i])) fail("/" + dataset + " has a value that is not a number for scatterer " + std::to_string(i) + " (the place would be unknown). Remove or replace it");
    }
    return out;
  };
  Phantom phantom;
  phantom.background = *background;
  for (const auto& region : regions) phantom.regions.push_back({region.shape->build(), *region.tissue, region.label, region.gain});
  phantom.scatterers.positions = vectors(places);
  for (Vec3 p : phantom.scatterers.positions)
    if (std::abs(p.x) > 10 || std::abs(p.y) > 10 || std::abs(p.z) > 10) fail("/" + places + " holds places more than 10 m away (positions are in m). Convert them from mm");
  phantom.scatterers.amplitudes = reader.read<double>(strengths, {count});
  for (double a : phantom.scatterers.amplitudes)
    if (!std::isfinite(a)) fail("/" + strengths + " has a value that is not a number. Remove or replace it");
  if (!picmus && reader.has("velocities")) phantom.scatterers.velocities = vectors("velocities");
  for (Vec3 p : phantom.scatterers.positions) phantom.scatterers.regions.push_back(phantom.region_at(p));
  if (n > 0) phantom.extent = bounds_of(phantom.scatterers.positions);
  return phantom;
}

void RegionConfig::fields(FieldVisitor& visit) {
  visit.typed(shape, shape_catalog(), {.key = "shape", .doc = "Where it is", .required = true});
  visit.typed(tissue, tissue_catalog(), {.key = "tissue", .doc = "What it is made of", .required = true});
  visit(label, {.key = "label", .doc = "Class in the segmentation; without one the region is not labelled."});
  visit(gain, {.key = "gain", .doc = "Echo level above that of its tissue.", .unit = Unit::decibel, .min = -300, .max = 100});
}

void ExtentConfig::fields(FieldVisitor& visit) {
  visit(x, {.key = "x", .doc = "[from, to] of what scatters.", .unit = Unit::metre, .min = -10, .max = 10});
  visit(y, {.key = "y", .doc = "[from, to]; equal values put all scatterers in one plane.", .unit = Unit::metre, .min = -10, .max = 10});
  visit(z, {.key = "z", .doc = "[from, to].", .unit = Unit::metre, .min = -10, .max = 10});
}

void ExtentConfig::check() const {
  for (const auto& [key, limits] : {std::pair{"x", x}, std::pair{"z", z}})
    if (!(limits[0] < limits[1]))
      throw ConfigError(key, std::string("the extent has no length along ") + key + " (nothing would scatter; only y may be one plane). Write for example '" +
                                 key + ": [1 mm, 20 mm]'");
}

void WiresConfig::fields(FieldVisitor& visit) {
  visit(positions, {.key = "positions", .doc = "Where the wires cross the image plane, a list of [x, z].", .unit = Unit::metre, .min = -10, .max = 10, .required = true, .max_items = 10000});
  visit(amplitude, {.key = "amplitude", .doc = "Strength of 1 mm of wire; a scatterer of liver has 1.", .min = 0, .max = 1e9});
  visit(label, {.key = "label", .doc = "Class in the segmentation."});
}

ScenePhantom::ScenePhantom() : background(tissue("soft_tissue")) {}

void ScenePhantom::fields(FieldVisitor& visit) {
  background_field(visit, background);
  visit.list(regions, {.key = "regions", .doc = "Regions of other tissue; a later one covers an earlier one.", .max_items = 100'000});
  visit.object(extent, {.key = "extent", .doc = "The box that scatterers fill."});
  visit(scatterer_density, density_field);
  visit(wires, {.key = "wires", .doc = "Thin bright lines along y."});
}

void add_wires(Phantom& phantom, const WiresConfig& wires) {
  constexpr double spacing = 1e-4;  // well under a wavelength, so that the wire echoes as a line
  const double from = phantom.extent.low.y, length = phantom.extent.high.y - phantom.extent.low.y;
  const auto count = length > 0 ? static_cast<std::size_t>(std::ceil(length / spacing)) : std::size_t{1};
  const double points = static_cast<double>(count) * static_cast<double>(wires.positions.size());
  if (points + static_cast<double>(phantom.scatterers.size()) > max_scatterers)
    throw ConfigError("wires", "the wires need " + format_number(points) + " scatterers (at most " + format_number(max_scatterers) +
                                   " are supported). Use fewer wires or a shorter extent along y");
  for (const auto& [x, z] : wires.positions) {
    for (std::size_t i = 0; i < count; ++i) {
      phantom.scatterers.positions.push_back({x, length > 0 ? from + length * (static_cast<double>(i) + 0.5) / static_cast<double>(count) : from, z});
      phantom.scatterers.amplitudes.push_back(length > 0 ? wires.amplitude * length / static_cast<double>(count) / 1e-3 : wires.amplitude);
      phantom.scatterers.regions.push_back(phantom.region_at(phantom.scatterers.positions.back()));
    }
    phantom.targets.push_back({{x, 0.5 * (phantom.extent.low.y + phantom.extent.high.y), z}, wires.label});
  }
}

Phantom ScenePhantom::build(const RandomStream& random) const {
  Phantom phantom;
  phantom.background = *background;
  if (scatterer_density) set_density(phantom.background, *scatterer_density);
  for (const auto& config : regions) {
    Region region;
    region.shape = config.shape->build();
    region.tissue = *config.tissue;
    region.label = config.label;
    region.gain_db = config.gain;
    if (scatterer_density) set_density(region.tissue, *scatterer_density);
    phantom.regions.push_back(std::move(region));
  }
  phantom.extent = extent.bounds();
  add_speckle(phantom, random.child("speckle"));
  if (wires) add_wires(phantom, *wires);
  return phantom;
}

void ImageClassConfig::fields(FieldVisitor& visit) {
  visit(value, {.key = "value", .doc = "The number that stands for this class in the file", .min = -1e9, .max = 1e9, .required = true});
  visit.typed(tissue, tissue_catalog(), {.key = "tissue", .doc = "What it is made of", .required = true});
  visit(label, {.key = "label", .doc = "Class in the segmentation; without one it is not labelled."});
  visit(gain, {.key = "gain", .doc = "Echo level above that of its tissue.", .unit = Unit::decibel, .min = -300, .max = 100});
}

namespace {

// Values on a regular grid that fills a box edge to edge, [z, y, x].
struct Volume {
  std::size_t nx = 0, ny = 1, nz = 0;
  std::vector<float> values;
  Bounds box;

  // Index of the voxel that holds a point, or -1 outside.
  std::ptrdiff_t index(Vec3 p) const {
    const auto along = [](double v, double low, double high, std::size_t n) -> std::ptrdiff_t {
      if (!(v >= low && v <= high)) return -1;
      if (low == high) return 0;
      return std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>((v - low) / (high - low) * static_cast<double>(n)), static_cast<std::ptrdiff_t>(n) - 1);
    };
    const auto ix = along(p.x, box.low.x, box.high.x, nx), iz = along(p.z, box.low.z, box.high.z, nz);
    const auto iy = ny == 1 ? 0 : along(p.y, box.low.y, box.high.y, ny);
    if (ix < 0 || iy < 0 || iz < 0) return -1;
    return (iz * static_cast<std::ptrdiff_t>(ny) + iy) * static_cast<std::ptrdiff_t>(nx) + ix;
  }
};

class VoxelShape : public Shape {
 public:
  VoxelShape(std::shared_ptr<const Volume> volume, float value) : volume_(std::move(volume)), value_(value) {}
  bool contains(Vec3 p) const override {
    const auto i = volume_->index(p);
    return i >= 0 && volume_->values[static_cast<std::size_t>(i)] == value_;
  }
  Bounds bounds() const override { return volume_->box; }
  double section_area(double y) const override {
    const Bounds& b = volume_->box;
    const std::size_t nx = volume_->nx, ny = volume_->ny;
    std::size_t iy = 0;
    if (ny > 1) {
      if (y < b.low.y || y > b.high.y) return 0;
      iy = std::min(static_cast<std::size_t>((y - b.low.y) / (b.high.y - b.low.y) * static_cast<double>(ny)), ny - 1);
    }
    std::size_t count = 0;
    for (std::size_t iz = 0; iz < volume_->nz; ++iz) {
      const auto row = volume_->values.begin() + static_cast<std::ptrdiff_t>((iz * ny + iy) * nx);
      count += static_cast<std::size_t>(std::count(row, row + static_cast<std::ptrdiff_t>(nx), value_));
    }
    return (b.high.x - b.low.x) * (b.high.z - b.low.z) * static_cast<double>(count) / static_cast<double>(nx * volume_->nz);
  }
  double volume() const override {
    const Vec3 size = volume_->box.high - volume_->box.low;
    const auto count = std::count(volume_->values.begin(), volume_->values.end(), value_);
    return size.x * size.y * size.z * static_cast<double>(count) / static_cast<double>(volume_->values.size());
  }

 private:
  std::shared_ptr<const Volume> volume_;
  float value_;
};

class VolumeEcho : public EchoMap {
 public:
  VolumeEcho(std::shared_ptr<const Volume> volume, double low_db, double high_db) : volume_(std::move(volume)), low_db_(low_db), high_db_(high_db) {
    const auto [low, high] = std::minmax_element(volume_->values.begin(), volume_->values.end());
    low_ = static_cast<double>(*low);
    span_ = std::max(static_cast<double>(*high) - low_, 1e-30);
  }
  double gain_db(Vec3 p) const override {
    const auto i = volume_->index(p);
    if (i < 0) return -INFINITY;
    return low_db_ + (high_db_ - low_db_) * (static_cast<double>(volume_->values[static_cast<std::size_t>(i)]) - low_) / span_;
  }

 private:
  std::shared_ptr<const Volume> volume_;
  double low_db_, high_db_, low_ = 0, span_ = 1;
};

std::shared_ptr<const Volume> read_volume(const ImagePhantom& config) {
  auto volume = std::make_shared<Volume>();
  volume->box = config.extent.bounds();
  const std::string extension = config.file.extension().string();
  const std::string name = config.file.string();
  if (extension == ".png") {
    const GreyImage image = read_grey_png(config.file);
    volume->nx = image.width, volume->nz = image.height;
    volume->values.assign(image.values.begin(), image.values.end());
  } else if (extension == ".nii" || extension == ".gz") {
    const NiftiVolume image = read_nifti(config.file);
    // i is lateral; j is depth and k elevation, or, as in the volumes that `convert` writes, the other way round. A volume of one
    // voxel along j is a plane of the latter kind.
    const bool depth_last = config.axes == ImagePhantom::Axes::xyz || (image.size[1] == 1 && image.size[2] > 1);
    volume->nx = image.size[0], volume->ny = image.size[depth_last ? 1 : 2], volume->nz = image.size[depth_last ? 2 : 1];
    const std::size_t across = depth_last ? volume->nx : volume->nx * volume->nz;  // from one elevation to the next
    const std::size_t down = depth_last ? volume->nx * volume->ny : volume->nx;    // from one depth to the next
    for (std::size_t z = 0; z < volume->nz; ++z)
      for (std::size_t y = 0; y < volume->ny; ++y)
        for (std::size_t x = 0; x < volume->nx; ++x) volume->values.push_back(image.values[z * down + y * across + x]);
  } else {
    const Hdf5Reader reader(config.file);
    const auto shape = reader.shape(config.dataset);
    if (shape.size() != 2 && shape.size() != 3)
      throw UserError(Problem{{name, 0, 0}, "/" + config.dataset + " has " + std::to_string(shape.size()) + " axes (needs [z, x] or [z, y, x]). Write it so"});
    volume->nz = shape.front(), volume->nx = shape.back();
    if (shape.size() == 3) volume->ny = shape[1];
    volume->values = reader.read<float>(config.dataset);
  }
  if (volume->ny > 1 && config.extent.y[0] == config.extent.y[1])
    throw UserError(Problem{{name, 0, 0}, "holds " + std::to_string(volume->ny) + " planes along y but the extent is one plane (its planes would have no "
                                              "thickness). Give the phantom an 'extent' with, for example, 'y: [-5 mm, 5 mm]'"});
  if (volume->values.empty()) throw UserError(Problem{{name, 0, 0}, "holds no pixels. Give a picture with at least one"});
  for (float v : volume->values)
    if (!std::isfinite(v)) throw UserError(Problem{{name, 0, 0}, "holds a value that is not a number. Remove or replace it"});
  return volume;
}

}  // namespace

ImagePhantom::ImagePhantom() : background(tissue("soft_tissue")) {}

void ImagePhantom::fields(FieldVisitor& visit) {
  background_field(visit, background);
  visit(file, {.key = "file", .doc = "PNG (rows are depth), NIfTI (see axes) or HDF5", .required = true});
  visit.choice(axes, {"xzy", "xyz"}, {.key = "axes", .doc = "What the axes of a NIfTI volume are: x lateral, y elevation, z depth; one voxel along the second axis means xyz."});
  visit(dataset, {.key = "dataset", .doc = "HDF5 only: the array, [z, x] or [z, y, x]."});
  visit.object(extent, {.key = "extent", .doc = "What the picture covers, edge to edge."});
  visit.list(classes, {.key = "classes", .doc = "What each label number means; others are background.", .max_items = 65536});
  visit(echogenicity, {.key = "echogenicity", .doc = "Instead of classes: echo levels of the smallest and the largest value, relative to the background.",
                       .unit = Unit::decibel, .min = -300, .max = 100});
  visit(scatterer_density, density_field);
}

void ImagePhantom::check() const {
  if (classes.empty() == !echogenicity.has_value())
    throw ConfigError("", "exactly one of classes (label numbers) and echogenicity (grey levels) is needed. Write for example 'echogenicity: [-60 dB, 0 dB]'");
  for (std::size_t i = 0; i < classes.size(); ++i)
    for (std::size_t k = 0; k < i; ++k)
      if (classes[i].value == classes[k].value)
        throw ConfigError("classes." + std::to_string(i) + ".value",
                          "two classes have the value " + std::to_string(classes[i].value) + " (a pixel has one class). Give each its own");
}

Phantom ImagePhantom::build(const RandomStream& random) const {
  const auto volume = read_volume(*this);
  Phantom phantom;
  phantom.background = *background;
  if (scatterer_density) set_density(phantom.background, *scatterer_density);
  phantom.extent = extent.bounds();
  for (const auto& config : classes) {
    Region region;
    region.shape = std::make_shared<VoxelShape>(volume, static_cast<float>(config.value));
    region.tissue = *config.tissue;
    region.label = config.label;
    region.gain_db = config.gain;
    if (scatterer_density) set_density(region.tissue, *scatterer_density);
    phantom.regions.push_back(std::move(region));
  }
  if (echogenicity) phantom.echo_map = std::make_shared<VolumeEcho>(volume, (*echogenicity)[0], (*echogenicity)[1]);
  add_speckle(phantom, random.child("speckle"));
  return phantom;
}

const Catalog& phantom_catalog() {
  static const Catalog catalog{"phantom",
                               "What is insonified.",
                               {row_of<PointsPhantom>("points", "Isolated point targets."),
                                row_of<ScatterersPhantom>("scatterers", "Point scatterers from an HDF5 file."),
                                row_of<BreastLesionPhantom>("breast_lesion", "A lesion of the breast: smooth to spiculated, under skin, fat and ligaments."),
                                row_of<CarotidPhantom>("carotid", "A carotid artery with plaque, along or across."),
                                row_of<FetalHeadPhantom>("fetal_head", "The head of a fetus, of the size of its gestational age."),
                                row_of<ThyroidNodulePhantom>("thyroid_nodule", "A nodule of the thyroid between trachea and carotid artery."),
                                row_of<LiverPhantom>("liver", "The right lobe of the liver with vessels and kidney, lean to fatty."),
                                row_of<LeftVentriclePhantom>("left_ventricle", "A beating heart from its apex, with exact volumes and strain."),
                                row_of<AbdominalWallPhantom>("abdominal_wall", "Skin, fat and muscle over any other phantom."),
                                row_of<PlacedPhantom>("placed", "Any other phantom moved and tilted, as by an operator."),
                                row_of<ResolutionPhantom>("resolution", "Test object: wires, single and in pairs of shrinking gap."),
                                row_of<MicrobubblesPhantom>("microbubbles", "Bubbles of a contrast agent that flow through a vessel."),
                                row_of<VolumePhantom>("volume", "Labels or Hounsfield units of a CT or MRI volume, and a table to tissues."),
                                row_of<ContrastDetailPhantom>("contrast_detail", "Test object: rods graded in size and contrast, and groups of wires."),
                                row_of<ScenePhantom>("scene", "Regions of tissue filled with speckle, and wires."),
                                row_of<ImagePhantom>("image", "A label map or echogenicity map from PNG, NIfTI or HDF5."),
                                row_of<FlowPhantom>("flow", "Blood that flows through a straight or bent vessel, steadily or in pulses."),
                                row_of<RotatingDisk>("rotating_disk", "A disk of speckle that turns in a liquid."),
                                row_of<CompressionPhantom>("compression", "Tissue that the probe compresses, perhaps with a stiff inclusion.")},
                               {},
                               ""};
  return catalog;
}

}  // namespace sonoforge
