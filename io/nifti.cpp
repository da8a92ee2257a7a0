#include "io/nifti.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include "io/atomic_file.hpp"
#include "io/byte_order.hpp"
#include "io/file_checks.hpp"
#include "io/inflate.hpp"

namespace sonoforge {
namespace {

constexpr std::size_t header_bytes = 348;
constexpr std::size_t most_header_bytes = std::size_t{16} << 20;  // with its extensions

/// Offsets in the header, from the published layout (nifti1.h).
enum Offset : std::size_t {
  sizeof_hdr = 0,
  dim = 40,
  datatype = 70,
  bitpix = 72,
  pixdim = 76,
  vox_offset = 108,
  scl_slope = 112,
  scl_inter = 116,
  xyzt_units = 123,
  qform_code = 252,
  sform_code = 254,
  quatern_b = 256,
  qoffset_x = 268,
  srow_x = 280,
  magic = 344
};

template <class Stored>
std::vector<float> convert(std::string_view bytes, std::size_t count, bool swap, double slope, double intercept) {
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    values[i] =
        static_cast<float>(slope * static_cast<double>(load<Stored>(bytes, i * sizeof(Stored), swap)) + intercept);
  }
  return values;
}

struct Type {
  int code;
  std::size_t bytes;
  std::vector<float> (*convert)(std::string_view, std::size_t, bool, double, double);
};
constexpr Type types[] = {
    {2, 1, convert<std::uint8_t>},     {4, 2, convert<std::int16_t>},    {8, 4, convert<std::int32_t>},
    {16, 4, convert<float>},           {64, 8, convert<double>},         {256, 1, convert<std::int8_t>},
    {512, 2, convert<std::uint16_t>},  {768, 4, convert<std::uint32_t>}, {1024, 8, convert<std::int64_t>},
    {1280, 8, convert<std::uint64_t>},
};

using Affine = std::array<std::array<double, 4>, 3>;

/// The rotation of the unit quaternion (a, b, c, d) with a >= 0, times the spacing, plus the offset (method 2 of
/// nifti1.h).
Affine quaternion_affine(std::array<double, 3> q, std::array<double, 3> offset, std::array<double, 3> spacing,
                         bool flip_k) {
  auto [b, c, d] = q;
  const double rest = 1 - b * b - c * c - d * d;
  double a = std::sqrt(std::max(rest, 0.0));
  if (rest < 0) {
    const double length = std::sqrt(b * b + c * c + d * d);
    b /= length, c /= length, d /= length, a = 0;
  }
  const double rotation[3][3] = {
      {a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
      {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
      {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c},
  };
  Affine affine{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      affine[row][column] = rotation[row][column] * spacing[column] * (column == 2 && flip_k ? -1 : 1);
    }
    affine[row][3] = offset[row];
  }
  return affine;
}

}  // namespace

NiftiVolume read_nifti(const std::filesystem::path& file) {
  const auto file_bytes = regular_file_size(file);
  const auto stored = read_file(file, std::size_t{8} << 30);
  const bool packed = stored.size() > 2 && stored[0] == '\x1f' && stored[1] == '\x8b';
  const std::unique_ptr<Inflater> inflater = packed ? std::make_unique<Inflater>(file, stored) : nullptr;
  const std::string header = packed ? inflater->take(header_bytes) : stored.substr(0, header_bytes);
  if (header.size() < header_bytes)
    refuse_file(file, "not a NIfTI-1 volume (it is too short for a header). Give a .nii or .nii.gz file");

  const bool native = load<std::int32_t>(header, sizeof_hdr, false) == 348;
  const bool swap = !native;
  if (swap && load<std::int32_t>(header, sizeof_hdr, true) != 348) {
    const bool second =
        load<std::int32_t>(header, sizeof_hdr, false) == 540 || load<std::int32_t>(header, sizeof_hdr, true) == 540;
    refuse_file(file, second ? "this is NIfTI-2 (only NIfTI-1 is read). Convert it to NIfTI-1"
                             : "not a NIfTI-1 volume (its header is missing). Give a .nii or .nii.gz file");
  }
  if (header.compare(magic, 4, std::string("n+1\0", 4)) != 0) {
    refuse_file(file,
                "not a single-file NIfTI-1 volume (its magic is not n+1). Convert .hdr/.img pairs to one .nii file");
  }
  NiftiVolume volume;
  const int rank = load<std::int16_t>(header, dim, swap);
  if (rank < 1 || rank > 7)
    refuse_file(file, "the NIfTI header states " + std::to_string(rank) + " axes (1 to 7 exist). The file is damaged");
  std::size_t count = 1;
  for (int axis = 0; axis < rank; ++axis) {
    const int extent = load<std::int16_t>(header, dim + 2 * (static_cast<std::size_t>(axis) + 1), swap);
    if (extent < 1)
      refuse_file(file,
                  "the NIfTI header states an axis of " + std::to_string(extent) + " voxels. The file is damaged");
    if (axis >= 3 && extent > 1) {
      refuse_file(file,
                  "the NIfTI volume has more than three axes (one volume is needed). Store a single frame and channel");
    }
    if (axis < 3) volume.size[static_cast<std::size_t>(axis)] = static_cast<std::size_t>(extent);
    count *= static_cast<std::size_t>(extent);
  }
  const int code = load<std::int16_t>(header, datatype, swap);
  const auto* type = std::find_if(std::begin(types), std::end(types), [&](const Type& t) { return t.code == code; });
  if (type == std::end(types)) {
    refuse_file(file, "the NIfTI volume has data type " + std::to_string(code) +
                          " (real and integer numbers are read). Convert it to float32");
  }

  const int unit = load<std::uint8_t>(header, xyzt_units, swap) & 7;
  const double metre = unit == 1 ? 1 : unit == 3 ? 1e-6 : 1e-3;  // 1 m, 3 um, 2 or not stated: mm
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double step = std::abs(static_cast<double>(load<float>(header, pixdim + 4 * (axis + 1), swap)));
    volume.spacing[axis] = std::isfinite(step) && step > 0 ? step * metre : metre;
  }
  if (load<std::int16_t>(header, sform_code, swap) > 0) {
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t column = 0; column < 4; ++column) {
        volume.affine[row][column] = metre * load<float>(header, srow_x + 16 * row + 4 * column, swap);
      }
    }
  } else if (load<std::int16_t>(header, qform_code, swap) > 0) {
    std::array<double, 3> quaternion{}, offset{};
    for (std::size_t i = 0; i < 3; ++i) {
      quaternion[i] = load<float>(header, quatern_b + 4 * i, swap);
      offset[i] = metre * load<float>(header, qoffset_x + 4 * i, swap);
    }
    volume.affine = quaternion_affine(quaternion, offset, volume.spacing, load<float>(header, pixdim, swap) < 0);
  } else {
    for (std::size_t axis = 0; axis < 3; ++axis) volume.affine[axis][axis] = volume.spacing[axis];
  }
  for (const auto& row : volume.affine) {
    for (double value : row) {
      if (!std::isfinite(value)) refuse_file(file, "the NIfTI volume's position is not finite. The header is damaged");
    }
  }

  const double start = load<float>(header, vox_offset, swap);
  if (!(start >= static_cast<double>(header_bytes)) || start > static_cast<double>(most_header_bytes)) {
    refuse_file(file, "the NIfTI header states data at byte " + std::to_string(start) + ". The file is damaged");
  }
  const auto skip = static_cast<std::size_t>(start) - header_bytes;
  const std::size_t bytes = count * type->bytes;
  const auto available = static_cast<std::size_t>(file_bytes) * (packed ? Inflater::most_expansion : 1);
  const auto truncated = [&] {
    refuse_file(file, "the NIfTI volume declares " + std::to_string(bytes) +
                          " bytes (the file holds fewer). It is damaged or truncated");
  };
  if (bytes > available) truncated();
  check_memory(file, "the volume", bytes + count * sizeof(float));
  std::string unpacked;
  if (packed) {
    static_cast<void>(inflater->take(skip));
    unpacked = inflater->take(bytes);
  }
  std::string_view data = packed ? std::string_view(unpacked) : std::string_view(stored);
  if (!packed) data = data.size() > header_bytes + skip ? data.substr(header_bytes + skip) : std::string_view();
  if (data.size() < bytes) truncated();

  double slope = load<float>(header, scl_slope, swap), intercept = load<float>(header, scl_inter, swap);
  if (!std::isfinite(slope) || slope == 0 || !std::isfinite(intercept)) slope = 1, intercept = 0;  // "not used"
  volume.values = type->convert(data, count, swap, slope, intercept);
  return volume;
}

void write_nifti(const std::filesystem::path& file, const NiftiVolume& volume) {
  const auto count = volume.size[0] * volume.size[1] * volume.size[2];
  if (volume.values.size() != count) throw std::logic_error("a volume's size does not fit its values");
  for (auto extent : volume.size) {
    if (extent > 32767)
      refuse_file(file, "an axis of the volume has " + std::to_string(extent) +
                            " voxels (NIfTI-1 holds 32767). Use a coarser grid");
  }
  constexpr double to_millimetre = 1e3;
  const std::size_t data_start = 352;  // the header and four bytes "no extension"
  std::string bytes(data_start, '\0');
  store<std::int32_t>(bytes, sizeof_hdr, 348);
  store<std::int16_t>(bytes, dim, 3);
  for (std::size_t axis = 0; axis < 7; ++axis) {
    store<std::int16_t>(bytes, dim + 2 * (axis + 1), static_cast<std::int16_t>(axis < 3 ? volume.size[axis] : 1));
    store<float>(bytes, pixdim + 4 * (axis + 1),
                 axis < 3 ? static_cast<float>(volume.spacing[axis] * to_millimetre) : 1.0F);
  }
  store<float>(bytes, pixdim, 1);
  store<std::int16_t>(bytes, datatype, 16);
  store<std::int16_t>(bytes, bitpix, 32);
  store<float>(bytes, vox_offset, static_cast<float>(data_start));
  store<float>(bytes, scl_slope, 1);
  bytes[xyzt_units] = 2;  // mm
  store<std::int16_t>(bytes, sform_code, 1);
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column) {
      store<float>(bytes, srow_x + 16 * row + 4 * column,
                   static_cast<float>(volume.affine[row][column] * to_millimetre));
    }
  }
  std::memcpy(bytes.data() + magic, "n+1", 4);
  bytes.append(reinterpret_cast<const char*>(volume.values.data()), count * sizeof(float));
  write_file_atomically(file, file.extension() == ".gz" ? gzip(bytes) : bytes);
}

}  // namespace sonoforge
