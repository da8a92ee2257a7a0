#include "ai/export.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "ai/manifest.hpp"
#include "core/error.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "formats/zea.hpp"
#include "io/atomic_file.hpp"
#include "io/dicom.hpp"
#include "io/dicom_segmentation.hpp"
#include "io/hdf5.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"

namespace sonoforge {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

const std::vector<std::string_view>& export_format_names() {
  static const std::vector<std::string_view> names{"nnunet", "coco", "webdataset", "nifti", "dicom"};
  return names;
}

std::vector<std::size_t> run_lengths(const std::vector<bool>& mask, std::size_t height, std::size_t width) {
  std::vector<std::size_t> runs{0};
  bool current = false;
  for (std::size_t x = 0; x < width; ++x)
    for (std::size_t z = 0; z < height; ++z) {
      if (mask[z * width + x] != current) {
        runs.push_back(0);
        current = !current;
      }
      ++runs.back();
    }
  return runs;
}

namespace {

constexpr float shown_range = 60;  // of 8-bit pictures [dB]
constexpr std::size_t samples_in_a_tar = 500;

/// One frame of a sample, a case of its own in most layouts: the middle plane.
struct Frame {
  std::string id;                  ///< of the sample; with "_frame_N", N from 0, where it has several
  std::vector<float> image;        ///< [z, x] dB
  std::vector<std::uint8_t> mask;  ///< [z, x] 0, or 1 + class
};

/// One sample as all layouts need it.
struct Sample {
  const ManifestRow* row = nullptr;
  std::string id;  ///< without dots, which end names in tar files
  PixelGrid grid;
  std::vector<Frame> frames;
  ZeaFile content;

  /// Values of a label at a frame; those of labels at rest are alike in all.
  const NdArray<float, 4>& values_of(const LabelMap& label, std::size_t frame) const {
    const auto later = content.later_labels.find(label.name);
    const bool own = frame > 0 && later != content.later_labels.end() && frame <= later->second.size();
    return own ? later->second[frame - 1] : label.values;
  }
};

std::string without_dots(std::string id) {
  std::replace(id.begin(), id.end(), '.', '_');
  return id;
}

class Exporter {
 public:
  Exporter(const fs::path& folder, const fs::path& out)
      : folder_(folder), out_(out), manifest_(read_manifest(folder / "manifest.csv")) {
    if (manifest_.rows.empty())
      throw UserError("'" + (folder / "manifest.csv").string() +
                      "' lists no samples (there is nothing to export). Generate some");
    for (const auto& row : manifest_.rows) {
      const Hdf5Reader reader(folder / row.file);
      const std::string labels = "tracks/track_0/data/segmentation/labels";
      if (!reader.has(labels))
        throw UserError("'" + (folder / row.file).string() +
                        "' has no masks (an export needs image and segmentation). Generate with 'labels: "
                        "[segmentation]' and 'store: {parts: [image, labels]}'");
      for (const auto& name : reader.read_texts(labels))
        if (std::find(classes_.begin(), classes_.end(), name) == classes_.end()) classes_.push_back(name);
    }
    if (classes_.size() > 254)
      throw UserError("the data set has " + std::to_string(classes_.size()) + " classes (masks of 8 bits hold 254)");
  }

  std::size_t write(ExportFormat format) {
    switch (format) {
      case ExportFormat::nnunet:
        nnunet();
        break;
      case ExportFormat::coco:
        coco();
        break;
      case ExportFormat::webdataset:
        webdataset();
        break;
      case ExportFormat::nifti:
        nifti();
        break;
      case ExportFormat::dicom:
        dicom();
        break;
    }
    for (const char* file : {"README.md", "dataset.yaml"})
      if (fs::exists(folder_ / file)) write_file_atomically(out_ / file, read_file(folder_ / file));
    return manifest_.rows.size();
  }

 private:
  Sample load(const ManifestRow& row) const {
    Sample sample;
    sample.row = &row;
    sample.id = without_dots(row.id);
    sample.content = read_zea(folder_ / row.file);
    const auto labels = std::find_if(sample.content.labels.begin(), sample.content.labels.end(),
                                     [](const auto& l) { return l.name == "segmentation"; });
    if (sample.content.images.empty() || labels == sample.content.labels.end())
      throw UserError("'" + (folder_ / row.file).string() +
                      "' lacks image or masks (an export needs both). Generate with 'store: {parts: [image, labels]}'");
    const RealMap& image = sample.content.images.front();
    sample.grid = image.grid;
    if (sample.grid.kind != PixelGrid::Kind::cartesian)
      throw UserError(
          "'" + (folder_ / row.file).string() +
          "' holds a polar image (others' layouts have square pixels). Generate with 'image: {x: ..., z: ...}'");
    if (!(labels->grid == sample.grid))
      throw UserError("'" + (folder_ / row.file).string() +
                      "': image and masks lie on different grids. Generate the set again");
    const std::size_t height = sample.grid.z.count, width = sample.grid.x.count, middle = sample.grid.y.count / 2;
    for (std::size_t f = 0; f < sample.content.images.size(); ++f) {
      Frame frame{sample.id, std::vector<float>(height * width), std::vector<std::uint8_t>(height * width)};
      if (sample.content.images.size() > 1) frame.id += "_frame_" + std::to_string(f);
      const RealMap& picture = sample.content.images[f];
      for (std::size_t z = 0; z < height; ++z)
        for (std::size_t x = 0; x < width; ++x) frame.image[z * width + x] = picture.values(z, middle, x);
      const NdArray<float, 4>& masks = sample.values_of(*labels, f);
      for (std::size_t c = 0; c < labels->channels.size(); ++c) {
        const auto number = static_cast<std::uint8_t>(
            1 + (std::find(classes_.begin(), classes_.end(), labels->channels[c]) - classes_.begin()));
        for (std::size_t z = 0; z < height; ++z)
          for (std::size_t x = 0; x < width; ++x)
            if (masks(c, z, middle, x) > 0.5F) frame.mask[z * width + x] = number;
      }
      sample.frames.push_back(std::move(frame));
    }
    return sample;
  }

  /// Calls work(sample, index) for all, on all threads.
  void each(const std::function<void(const Sample&, std::size_t)>& work) const {
    Progress progress("Exporting", manifest_.rows.size(), "samples");
    parallel_tasks(manifest_.rows.size(), [&](std::size_t i) {
      work(load(manifest_.rows[i]), i);
      progress.advance();
    });
  }

  template <class Value>
  static void write_volume(const fs::path& file, const PixelGrid& grid, const std::vector<Value>& values) {
    // In the plane x-z; the third axis of the volume, of one voxel, is elevation.
    NiftiVolume volume;
    volume.size = {grid.x.count, grid.z.count, 1};
    volume.spacing = {std::abs(grid.x.step), std::abs(grid.z.step), std::abs(grid.z.step)};
    volume.affine = {{{grid.x.step, 0, 0, grid.x.from},
                      {0, 0, std::abs(grid.z.step), grid.y.at(grid.y.count / 2)},
                      {0, grid.z.step, 0, grid.z.from}}};
    volume.values.assign(values.begin(), values.end());
    write_nifti(file, volume);
  }

  void nnunet() {
    for (const char* name : {"imagesTr", "labelsTr", "imagesTs", "labelsTs"}) make_folder(out_ / name);
    std::vector<std::vector<std::string>> cases(manifest_.rows.size());
    each([&](const Sample& sample, std::size_t i) {
      const std::string part = sample.row->split == "test" ? "Ts" : "Tr";
      for (const Frame& frame : sample.frames) {
        write_volume(out_ / ("images" + part) / (frame.id + "_0000.nii.gz"), sample.grid, finite(frame.image));
        write_volume(out_ / ("labels" + part) / (frame.id + ".nii.gz"), sample.grid, frame.mask);
        cases[i].push_back(frame.id);
      }
    });
    ordered_json data, split;
    data["channel_names"] = {{"0", "ultrasound"}};
    data["labels"]["background"] = 0;
    for (std::size_t c = 0; c < classes_.size(); ++c) data["labels"][classes_[c]] = c + 1;
    split["train"] = split["val"] = ordered_json::array();
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const std::string& part = manifest_.rows[i].split;
      if (part != "test")
        for (const auto& id : cases[i]) split[part == "train" ? "train" : "val"].push_back(id);
    }
    data["numTraining"] = split["train"].size() + split["val"].size();
    data["file_ending"] = ".nii.gz";
    data["description"] = "Simulated ultrasound, no patient was examined; see README.md";
    write_file_atomically(out_ / "splits_final.json", ordered_json::array({split}).dump(2) + "\n");
    write_file_atomically(out_ / "dataset.json", data.dump(2) + "\n");
  }

  /// Grey levels of 60 dB; segments of classes that the sample has.
  void dicom() const {
    each([&](const Sample& sample, std::size_t) {
      const PixelGrid& grid = sample.grid;
      const std::size_t height = grid.z.count, width = grid.x.count, middle = grid.y.count / 2;
      DicomUltrasound image;
      image.rows = height, image.columns = width, image.frames = sample.content.images.size();
      image.scale = {{grid.x.from, grid.z.from}, {grid.x.step, grid.z.step}};
      image.frame_rate = sample.content.acquisition.sequence.frame_rate;
      image.frequency = sample.content.acquisition.centre_frequency;
      image.dynamic_range = shown_range;
      image.patient_id = sample.row->patient;
      image.description = "Simulated B-mode " + sample.id;
      for (const RealMap& frame : sample.content.images)
        for (std::size_t z = 0; z < height; ++z)
          for (std::size_t x = 0; x < width; ++x)
            image.grey.push_back(static_cast<std::uint8_t>(
                std::lround(255 * std::clamp(1 + frame.values(z, middle, x) / shown_range, 0.0F, 1.0F))));
      write_dicom(out_ / (sample.id + ".dcm"), image);

      const LabelMap& classes = *std::find_if(sample.content.labels.begin(), sample.content.labels.end(),
                                              [](const auto& l) { return l.name == "segmentation"; });
      DicomSegmentation truth;
      truth.patient_id = sample.row->patient;
      truth.description = "Exact truth of " + sample.id;
      truth.rows = height, truth.columns = width;
      truth.row_spacing = grid.z.step, truth.column_spacing = grid.x.step;
      truth.first_row = grid.z.from, truth.first_column = grid.x.from;
      truth.segments = classes.channels;
      for (std::size_t c = 0; c < classes.channels.size(); ++c) {
        truth.masks.emplace_back();
        for (std::size_t f = 0; f < image.frames; ++f) {
          const NdArray<float, 4>& values = sample.values_of(classes, f);
          std::vector<std::uint8_t> mask;
          for (std::size_t z = 0; z < height; ++z)
            for (std::size_t x = 0; x < width; ++x) mask.push_back(values(c, z, middle, x) != 0);
          truth.masks.back().push_back(std::move(mask));
        }
      }
      write_dicom_segmentation(out_ / (sample.id + "_seg.dcm"), truth, out_ / (sample.id + ".dcm"));
    });
  }

  void nifti() {
    for (const char* name : {"images", "masks", "maps"}) make_folder(out_ / name);
    each([&](const Sample& sample, std::size_t) {
      for (std::size_t f = 0; f < sample.frames.size(); ++f) {
        const Frame& frame = sample.frames[f];
        write_volume(out_ / "images" / (frame.id + ".nii.gz"), sample.grid, frame.image);
        write_volume(out_ / "masks" / (frame.id + ".nii.gz"), sample.grid, frame.mask);
        for (const auto& label : sample.content.labels) {
          if (label.name == "segmentation") continue;
          for (std::size_t c = 0; c < label.values.extent(0); ++c) {
            std::vector<float> values;
            for (std::size_t z = 0; z < label.grid.z.count; ++z)
              for (std::size_t x = 0; x < label.grid.x.count; ++x)
                values.push_back(sample.values_of(label, f)(c, z, label.grid.y.count / 2, x));
            const std::string channel = label.channels.empty() ? "" : "_" + label.channels[c];
            write_volume(out_ / "maps" / (frame.id + "_" + label.name + channel + ".nii.gz"), label.grid, values);
          }
        }
      }
    });
    ordered_json classes;
    for (std::size_t c = 0; c < classes_.size(); ++c) classes[std::to_string(c + 1)] = classes_[c];
    write_file_atomically(out_ / "classes.json", classes.dump(2) + "\n");
    write_file_atomically(out_ / "manifest.csv", read_file(folder_ / "manifest.csv"));
  }

  void coco() {
    make_folder(out_ / "images");
    struct Image {
      ordered_json entry;
      std::vector<ordered_json> annotations;
    };
    std::vector<std::vector<Image>> images(manifest_.rows.size());
    each([&](const Sample& sample, std::size_t i) {
      const std::size_t height = sample.grid.z.count, width = sample.grid.x.count;
      for (std::size_t f = 0; f < sample.frames.size(); ++f) {
        const Frame& frame = sample.frames[f];
        Picture picture{width, height, 1, {}};
        for (float v : frame.image)
          picture.values.push_back(
              static_cast<std::uint8_t>(std::lround(255 * std::clamp(1 + v / shown_range, 0.0F, 1.0F))));
        write_png(out_ / "images" / (frame.id + ".png"), picture);
        Image& image = images[i].emplace_back();
        image.entry = {{"id", 0}, {"file_name", frame.id + ".png"}, {"width", width}, {"height", height}};
        image.entry["patient"] = sample.row->patient;
        if (sample.frames.size() > 1) image.entry["frame_id"] = f;
        for (const auto& [value, pixels] : connected(frame.mask, height, width)) {
          std::vector<bool> mask(height * width);
          std::size_t x0 = width, x1 = 0, z0 = height, z1 = 0;
          for (const std::size_t p : pixels) {
            mask[p] = true;
            x0 = std::min(x0, p % width), x1 = std::max(x1, p % width);
            z0 = std::min(z0, p / width), z1 = std::max(z1, p / width);
          }
          image.annotations.push_back(
              {{"image_id", 0},
               {"category_id", value},
               {"bbox", {x0, z0, x1 - x0 + 1, z1 - z0 + 1}},
               {"area", pixels.size()},
               {"iscrowd", 0},
               {"segmentation", {{"size", {height, width}}, {"counts", run_lengths(mask, height, width)}}}});
        }
      }
    });
    std::size_t number = 0;
    for (auto& sample : images)
      for (auto& image : sample) {
        image.entry["id"] = ++number;
        for (auto& annotation : image.annotations) annotation["image_id"] = number;
      }
    ordered_json categories = ordered_json::array();
    for (std::size_t c = 0; c < classes_.size(); ++c) categories.push_back({{"id", c + 1}, {"name", classes_[c]}});
    for (const std::string name : {"train", "validation", "test"}) {
      ordered_json split{{"info", {{"description", "Simulated ultrasound, no patient was examined; see README.md"}}},
                         {"categories", categories}};
      split["images"] = split["annotations"] = ordered_json::array();
      for (std::size_t i = 0; i < images.size(); ++i) {
        if (manifest_.rows[i].split != name) continue;
        for (auto& image : images[i]) {
          split["images"].push_back(image.entry);
          for (auto& annotation : image.annotations) {
            annotation["id"] = split["annotations"].size() + 1;
            split["annotations"].push_back(annotation);
          }
        }
      }
      write_file_atomically(out_ / ("instances_" + name + ".json"), split.dump() + "\n");
    }
  }

  void webdataset() {
    Progress progress("Exporting", manifest_.rows.size(), "samples");
    for (const std::string split : {"train", "validation", "test"}) {
      std::vector<const ManifestRow*> rows;
      for (const auto& row : manifest_.rows)
        if (row.split == split) rows.push_back(&row);
      for (std::size_t first = 0; first < rows.size(); first += samples_in_a_tar) {
        char number[32];
        std::snprintf(number, sizeof number, "-%06zu.tar", first / samples_in_a_tar);
        AtomicFile tar(out_ / (split + number));
        for (std::size_t i = first; i < std::min(first + samples_in_a_tar, rows.size()); ++i) {
          check_interrupted();
          const Sample sample = load(*rows[i]);
          const std::size_t height = sample.grid.z.count, width = sample.grid.x.count;
          ordered_json about = describe(sample);
          const double rate = sample.content.acquisition.sequence.frame_rate;
          for (std::size_t f = 0; f < sample.frames.size(); ++f) {
            const Frame& frame = sample.frames[f];
            if (sample.frames.size() > 1) about["frame"] = {{"number", f}, {"of", sample.frames.size()}};
            if (sample.frames.size() > 1 && rate > 0)
              about["frame"]["time"] = {{"value", static_cast<double>(f) / rate}, {"unit", "s"}};
            add(tar, frame.id + ".image.npy", npy("<f4", height, width, frame.image));
            add(tar, frame.id + ".json", about.dump() + "\n");
            add(tar, frame.id + ".mask.npy", npy("|u1", height, width, frame.mask));
          }
          progress.advance();
        }
        tar.append(std::string(1024, '\0'));
        tar.commit();
      }
    }
  }

  ordered_json describe(const Sample& sample) const {
    ordered_json json{{"id", sample.row->id},
                      {"patient", sample.row->patient},
                      {"visit", sample.row->visit},
                      {"twin", sample.row->twin},
                      {"split", sample.row->split}};
    json["synthetic"] = "simulated by Sonoforge; no patient was examined";
    json["classes"] = classes_;
    json["x"] = {{"from", sample.grid.x.from}, {"step", sample.grid.x.step}, {"unit", "m"}};
    json["z"] = {{"from", sample.grid.z.from}, {"step", sample.grid.z.step}, {"unit", "m"}};
    for (std::size_t f = 0; f < manifest_.factor_names.size(); ++f) {
      double value = 0;
      auto& entry = json["factors"][manifest_.factor_names[f]];
      if (factor_number(sample.row->factors[f], value))
        entry = {{"value", value}, {"unit", manifest_.factor_units[f]}};
      else
        entry = sample.row->factors[f];
    }
    for (const auto& m : sample.content.measurements)
      json["measurements"][m.name] = {{"value", m.value}, {"unit", m.unit}};
    return json;
  }

  /// Readers that normalise an image choke on -inf: 300 dB below the maximum is nothing too.
  static std::vector<float> finite(std::vector<float> image) {
    for (float& v : image) v = std::max(v, -300.0F);
    return image;
  }

  /// Pixels of each connected piece of one class, by sides.
  static std::vector<std::pair<int, std::vector<std::size_t>>> connected(const std::vector<std::uint8_t>& mask,
                                                                         std::size_t height, std::size_t width) {
    std::vector<std::pair<int, std::vector<std::size_t>>> pieces;
    std::vector<bool> seen(mask.size());
    for (std::size_t start = 0; start < mask.size(); ++start) {
      if (mask[start] == 0 || seen[start]) continue;
      std::vector<std::size_t> pixels{start};
      seen[start] = true;
      for (std::size_t next = 0; next < pixels.size(); ++next) {
        const std::size_t p = pixels[next], x = p % width, z = p / width;
        const auto visit = [&](bool inside, std::size_t neighbour) {
          if (!inside || seen[neighbour] || mask[neighbour] != mask[start]) return;
          seen[neighbour] = true;
          pixels.push_back(neighbour);
        };
        visit(x > 0, p - 1);
        visit(x + 1 < width, p + 1);
        visit(z > 0, p - width);
        visit(z + 1 < height, p + width);
      }
      pieces.emplace_back(mask[start], std::move(pixels));
    }
    return pieces;
  }

  /// NumPy's format, version 1.0.
  template <class Value>
  static std::string npy(const char* type, std::size_t height, std::size_t width, const std::vector<Value>& values) {
    std::string header = std::string("{'descr': '") + type + "', 'fortran_order': False, 'shape': (" +
                         std::to_string(height) + ", " + std::to_string(width) + "), }";
    header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
    header += '\n';
    std::string out("\x93NUMPY\x01\x00", 8);
    out += static_cast<char>(header.size() & 0xff);
    out += static_cast<char>(header.size() >> 8);
    out += header;
    out.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Value));
    return out;
  }

  /// One entry of a ustar archive, without times and owners.
  static void add(AtomicFile& tar, const std::string& name, const std::string& content) {
    if (name.size() > 100)
      throw UserError("'" + name + "' is too long a name for a tar file (100 characters). Shorten the names of twins");
    std::array<char, 512> header{};
    const auto field = [&](std::size_t at, std::size_t length, const std::string& text) {
      std::memcpy(header.data() + at, text.data(), std::min(length, text.size()));
    };
    const auto octal = [](std::size_t value, int digits) {
      char text[24];
      std::snprintf(text, sizeof text, "%0*zo", digits, value);
      return std::string(text);
    };
    field(0, 100, name);
    field(100, 8, "0000644");
    field(108, 8, "0000000");
    field(116, 8, "0000000");
    field(124, 12, octal(content.size(), 11));
    field(136, 12, octal(0, 11));
    field(148, 8, "        ");
    field(156, 1, "0");
    field(257, 8,
          std::string("ustar\0"
                      "00",
                      8));
    std::size_t sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    field(148, 8, octal(sum, 6) + std::string("\0 ", 2));
    tar.append({header.data(), header.size()});
    tar.append(content);
    tar.append(std::string((512 - content.size() % 512) % 512, '\0'));
  }

  fs::path folder_, out_;
  Manifest manifest_;
  std::vector<std::string> classes_;
};

}  // namespace

std::size_t export_dataset(const fs::path& folder, const fs::path& out, ExportFormat format) {
  std::error_code error;
  if (fs::exists(fs::symlink_status(out, error)))
    throw UserError("'" + out.string() +
                    "' exists already (an export is never mixed with other files). Choose a new folder");
  if (!fs::exists(folder / "manifest.csv", error))
    throw UserError(
        "'" + folder.string() +
        "' has no manifest.csv (it is no data set of ours). Give the folder that `sonoforge generate` wrote");
  const fs::path name = out.has_filename() ? out : out.parent_path();
  const fs::path part =
      name.parent_path() / ("." + name.filename().string() + "." + std::to_string(::getpid()) + ".part");
  fs::remove_all(part, error);
  make_folder(part);
  try {
    const std::size_t samples = Exporter(folder, part).write(format);
    fs::rename(part, name, error);
    if (error)
      throw UserError("cannot write '" + name.string() + "' (" + error.message() +
                      "). Check free space and permissions");
    return samples;
  } catch (...) {
    fs::remove_all(part, error);
    throw;
  }
}

}  // namespace sonoforge
