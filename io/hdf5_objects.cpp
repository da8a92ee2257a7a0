#include "io/hdf5_objects.hpp"

#include <algorithm>
#include <array>

#include "io/inflate.hpp"

namespace sonoforge::hdf5 {
namespace {

/// Data that is not compressed away may always be this large, whatever the file's size (fill values, tiny files).
constexpr std::size_t harmless_bytes = std::size_t{64} << 20;
/// Deflate cannot expand more than 1032-fold.
constexpr std::size_t deflate_ratio = 1032;

/// Only plain IEEE numbers and whole-byte integers count as numbers: the library's conversions of stranger types are
/// not safe on broken files.
bool is_plain_integer(hid_t type) {
  const auto bytes = H5Tget_size(type);
  return (bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8) && H5Tget_precision(type) == 8 * bytes &&
         H5Tget_offset(type) == 0 && (H5Tget_order(type) == H5T_ORDER_LE || H5Tget_order(type) == H5T_ORDER_BE);
}
bool is_plain_real(hid_t type) {
  return H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_IEEE_F64LE) > 0 ||
         H5Tequal(type, H5T_IEEE_F32BE) > 0 || H5Tequal(type, H5T_IEEE_F64BE) > 0;
}

std::vector<std::size_t> extents_of(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  if (H5Sget_simple_extent_type(space) == H5S_NULL) return {0};
  std::array<hsize_t, H5S_MAX_RANK> extents{};
  if (rank > 0) H5Sget_simple_extent_dims(space, extents.data(), nullptr);
  return {extents.begin(), extents.begin() + std::max(rank, 0)};
}

/// Refuses data kept in other files, unknown filters, and sizes that the stored bytes cannot make up.
void check_storage(const SourceFile& file, const std::string& path, const OpenDataset& data) {
  const auto bytes = total_bytes(data.shape, std::max<std::size_t>(data.type.bytes, 1));
  if (!bytes) file.fail("dataset '" + path + "' declares an absurd size. The file is damaged");
  const PropertyHandle creation(H5Dget_create_plist(data.dataset.get()));
  if (!creation) file.fail("dataset '" + path + "' cannot be opened (its header is damaged). Take an intact copy");
  const auto layout = H5Pget_layout(creation.get());
  if (layout == H5D_VIRTUAL || H5Pget_external_count(creation.get()) > 0) {
    file.fail("dataset '" + path +
              "' keeps its data in other files (virtual or external storage). Copy the data into one file");
  }
  std::size_t ratio = 1;
  if (layout == H5D_CHUNKED) {
    std::array<hsize_t, H5S_MAX_RANK> chunk{};
    const int rank = H5Pget_chunk(creation.get(), H5S_MAX_RANK, chunk.data());
    const auto chunk_bytes = total_bytes({chunk.begin(), chunk.begin() + std::max(rank, 0)}, data.type.bytes);
    if (!chunk_bytes || *chunk_bytes > std::max(harmless_bytes, 2 * *bytes)) {
      file.fail("dataset '" + path + "' declares absurdly large chunks. The file is damaged");
    }
    const int filters = H5Pget_nfilters(creation.get());
    for (int i = 0; i < filters; ++i) {
      unsigned flags = 0, config = 0;
      std::size_t values = 0;
      const auto filter =
          H5Pget_filter2(creation.get(), static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, &config);
      if (filter == H5Z_FILTER_DEFLATE && ratio == 1)
        ratio = deflate_ratio;
      else if (filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32) {
        file.fail("dataset '" + path + "' is packed with filter " + std::to_string(filter) +
                  " (only deflate, shuffle and fletcher32 are read). Store it with gzip or without compression");
      }
    }
  }
  const auto stored = static_cast<std::size_t>(H5Dget_storage_size(data.dataset.get()));
  if (layout == H5D_CONTIGUOUS && stored > 0 && stored > file.file_bytes) {
    file.fail("dataset '" + path + "' is larger than its file. The file is damaged or truncated");
  }
  // The library copies without looking: it must never meet fewer bytes than the shape needs.
  if ((layout == H5D_COMPACT || (layout == H5D_CONTIGUOUS && stored > 0)) && stored < *bytes &&
      data.type.content != Content::text) {
    file.fail("dataset '" + path + "' stores fewer bytes than its shape needs. The file is damaged");
  }
  const auto most = std::max(harmless_bytes, std::min<std::size_t>(stored, file.file_bytes) * ratio);
  if (*bytes > most) {
    file.fail("dataset '" + path + "' declares " + std::to_string(*bytes) + " bytes (the file stores " +
              std::to_string(stored) + " for it). The file is damaged");
  }
}
}  // namespace

StoredType classify(TypeHandle type) {
  StoredType stored;
  stored.bytes = H5Tget_size(type.get());
  switch (H5Tget_class(type.get())) {
    case H5T_INTEGER:
      if (is_plain_integer(type.get())) {
        stored.content = Content::integer;
        stored.name = (H5Tget_sign(type.get()) == H5T_SGN_NONE ? "uint" : "int") + std::to_string(8 * stored.bytes);
      }
      break;
    case H5T_FLOAT:
      if (is_plain_real(type.get())) {
        stored.content = Content::real;
        stored.name = "float" + std::to_string(8 * stored.bytes);
      }
      break;
    case H5T_ENUM: {
      const TypeHandle base(H5Tget_super(type.get()));
      if (base && stored.bytes == 1 && is_plain_integer(base.get())) {
        stored.content = Content::boolean;
        stored.name = "bool";
      }
      break;
    }
    case H5T_COMPOUND:
      if (H5Tget_nmembers(type.get()) == 2) {
        const TypeHandle first(H5Tget_member_type(type.get(), 0)), second(H5Tget_member_type(type.get(), 1));
        if (first && second && is_plain_real(first.get()) && H5Tequal(first.get(), second.get()) > 0 &&
            stored.bytes == 2 * H5Tget_size(first.get())) {
          stored.content = Content::complex_number;
          stored.name = "complex" + std::to_string(8 * stored.bytes);
        }
      }
      break;
    case H5T_STRING:
      stored.content = Content::text;
      stored.name = "string";
      break;
    default:
      break;
  }
  stored.type = std::move(type);
  return stored;
}

std::optional<std::size_t> total_bytes(const std::vector<std::size_t>& shape, std::size_t bytes) {
  std::size_t total = bytes;
  for (auto extent : shape) {
    if (__builtin_mul_overflow(total, extent, &total)) return std::nullopt;
  }
  return total;
}

std::string absolute(const std::string& path) {
  return path.empty() || path[0] != '/' ? "/" + path : path;
}

bool exists(hid_t file, const std::string& path) {
  const auto full = absolute(path);
  std::size_t at = 0;
  while (at < full.size()) {
    const auto end = std::min(full.find('/', at + 1), full.size());
    const auto prefix = full.substr(0, end);
    at = end;
    if (prefix == "/" || prefix.back() == '/') continue;
    if (H5Lexists(file, prefix.c_str(), H5P_DEFAULT) <= 0) return false;
    if (H5Oexists_by_name(file, prefix.c_str(), H5P_DEFAULT) <= 0) return false;
  }
  return true;
}

H5O_type_t object_type(hid_t file, const std::string& path) {
  H5O_info_t info;
  if (H5Oget_info_by_name2(file, absolute(path).c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
    return H5O_TYPE_UNKNOWN;
  return info.type;
}

OpenDataset open_dataset(const SourceFile& file, const std::string& path) {
  if (!exists(file.file.get(), path)) file.fail("dataset '" + path + "' is missing. Compare the file with its format");
  if (object_type(file.file.get(), path) != H5O_TYPE_DATASET) {
    file.fail("'" + path + "' is not a dataset. Compare the file with its format");
  }
  OpenDataset data;
  data.dataset = DatasetHandle(H5Dopen2(file.file.get(), absolute(path).c_str(), H5P_DEFAULT));
  if (!data.dataset) file.fail("dataset '" + path + "' cannot be opened (its header is damaged). Take an intact copy");
  TypeHandle type(H5Dget_type(data.dataset.get()));
  const PropertyHandle creation(H5Dget_create_plist(data.dataset.get()));
  if (creation && H5Pget_layout(creation.get()) == H5D_VIRTUAL) check_storage(file, path, data);
  data.space = SpaceHandle(H5Dget_space(data.dataset.get()));
  if (!type || !data.space)
    file.fail("dataset '" + path + "' cannot be opened (its header is damaged). Take an intact copy");
  data.type = classify(std::move(type));
  data.shape = extents_of(data.space.get());
  check_storage(file, path, data);
  data.count = *total_bytes(data.shape, 1);
  return data;
}

void check_chunks(const SourceFile& file, const std::string& path, const OpenDataset& data) {
  constexpr std::size_t most_chunks = 1'000'000;
  const PropertyHandle creation(H5Dget_create_plist(data.dataset.get()));
  if (!creation || H5Pget_layout(creation.get()) != H5D_CHUNKED || data.count == 0) return;
  auto damaged = [&] { file.fail("dataset '" + path + "' has a chunk of the wrong size. The file is damaged"); };
  unsigned options = 0;
  H5Pget_chunk_opts(creation.get(), &options);
  if ((options & H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS) != 0)
    file.fail("dataset '" + path + "' leaves its last chunks unpacked (a rare option). Store it without that option");
  std::array<hsize_t, H5S_MAX_RANK> chunk{};
  const auto rank = static_cast<std::size_t>(std::max(H5Pget_chunk(creation.get(), H5S_MAX_RANK, chunk.data()), 0));
  if (rank != data.shape.size()) damaged();
  std::size_t chunks = 1, element_bytes = data.type.bytes;
  if (H5Tis_variable_str(data.type.type.get()) > 0) {
    // On disk: a length, an address in the file and an index.
    std::size_t address_bytes = 8, length_bytes = 8;
    const PropertyHandle whole(H5Fget_create_plist(file.file.get()));
    if (whole) H5Pget_sizes(whole.get(), &address_bytes, &length_bytes);
    element_bytes = 8 + address_bytes;
  }
  std::size_t chunk_bytes = element_bytes;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (chunk[axis] == 0 || __builtin_mul_overflow(chunk_bytes, static_cast<std::size_t>(chunk[axis]), &chunk_bytes) ||
        __builtin_mul_overflow(chunks, (data.shape[axis] - 1) / static_cast<std::size_t>(chunk[axis]) + 1, &chunks))
      damaged();
  }
  if (chunks > most_chunks)
    file.fail("dataset '" + path + "' is cut into over a million chunks. Store it in larger ones");
  const int filters = H5Pget_nfilters(creation.get());
  std::string raw;
  std::vector<hsize_t> place(rank, 0);
  for (std::size_t i = 0; i < chunks; ++i) {
    hsize_t stored = 0;
    std::uint32_t skipped = 0;
    if (H5Dget_chunk_storage_size(data.dataset.get(), place.data(), &stored) < 0) damaged();
    if (stored > 0) {
      if (stored > file.file_bytes) damaged();
      raw.resize(static_cast<std::size_t>(stored));
      if (H5Dread_chunk(data.dataset.get(), H5P_DEFAULT, place.data(), &skipped, raw.data()) < 0) damaged();
      for (int f = filters; f-- > 0;) {
        if ((skipped >> f & 1U) != 0) continue;
        unsigned flags = 0, config = 0;
        std::size_t values = 0;
        const auto filter =
            H5Pget_filter2(creation.get(), static_cast<unsigned>(f), &flags, &values, nullptr, 0, nullptr, &config);
        if (filter == H5Z_FILTER_FLETCHER32) {
          if (raw.size() < 4) damaged();
          raw.resize(raw.size() - 4);
        } else if (filter == H5Z_FILTER_DEFLATE) {
          const std::string packed = std::move(raw);
          raw = Inflater(file.path, packed).take(chunk_bytes + 5);  // one byte more than it can be, checksum included
        }
      }
      if (raw.size() != chunk_bytes) damaged();
    }
    for (std::size_t axis = rank; axis-- > 0;) {
      place[axis] += chunk[axis];
      if (place[axis] < data.shape[axis]) break;
      place[axis] = 0;
    }
  }
}

ObjectHandle open_object(const SourceFile& file, const std::string& path) {
  if (!exists(file.file.get(), path)) file.fail("'" + path + "' is missing. Compare the file with its format");
  ObjectHandle object(H5Oopen(file.file.get(), absolute(path).c_str(), H5P_DEFAULT));
  if (!object) file.fail("'" + path + "' cannot be opened (its header is damaged). Take an intact copy");
  return object;
}

OpenAttribute open_attribute(const SourceFile& file, const std::string& object, const std::string& name) {
  const auto owner = open_object(file, object);
  OpenAttribute open;
  if (H5Aexists(owner.get(), name.c_str()) <= 0) {
    file.fail("attribute '" + name + "' of '" + absolute(object) + "' is missing. Compare the file with its format");
  }
  open.attribute = AttributeHandle(H5Aopen(owner.get(), name.c_str(), H5P_DEFAULT));
  TypeHandle type(open.attribute ? H5Aget_type(open.attribute.get()) : -1);
  open.space = SpaceHandle(open.attribute ? H5Aget_space(open.attribute.get()) : -1);
  if (!open.attribute || !type || !open.space) {
    file.fail("attribute '" + name + "' cannot be read (the file is damaged). Take an intact copy");
  }
  open.type = classify(std::move(type));
  const auto bytes = total_bytes(extents_of(open.space.get()), std::max<std::size_t>(open.type.bytes, 1));
  if (!bytes || *bytes > std::min<std::uintmax_t>(most_text_bytes, file.file_bytes)) {
    file.fail("attribute '" + name + "' declares an absurd size. The file is damaged");
  }
  open.count = *bytes / std::max<std::size_t>(open.type.bytes, 1);
  return open;
}

}  // namespace sonoforge::hdf5
