#include <algorithm>
#include <complex>
#include <stdexcept>
#include <type_traits>

#include "io/atomic_file.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_library.hpp"
#include "io/hdf5_output_driver.hpp"

namespace sonoforge {

namespace fs = std::filesystem;
using namespace hdf5;

struct Hdf5Writer::Impl {
  explicit Impl(const fs::path& target) : target_file(target) {}

  AtomicFile target_file;
  OutputState output;
  FileHandle file;  // after the file it writes to: closed first

  void check(bool good, const std::string& what) const {
    if (output.error != 0) target_file.fail("cannot write " + what, output.error);
    if (!good) throw std::runtime_error("the HDF5 library cannot write " + what);
  }
};

namespace {

template <class T>
hid_t native_type() {
  if constexpr (std::is_same_v<T, float>)
    return H5T_NATIVE_FLOAT;
  else if constexpr (std::is_same_v<T, double>)
    return H5T_NATIVE_DOUBLE;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return H5T_NATIVE_INT8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return H5T_NATIVE_INT16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return H5T_NATIVE_INT32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return H5T_NATIVE_INT64;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return H5T_NATIVE_UINT8;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return H5T_NATIVE_UINT16;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return H5T_NATIVE_UINT32;
  else
    return H5T_NATIVE_UINT64;
}

template <class T>
TypeHandle stored_type() {
  if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
    using Part = typename T::value_type;
    TypeHandle type(H5Tcreate(H5T_COMPOUND, sizeof(T)));
    H5Tinsert(type.get(), "r", 0, native_type<Part>());
    H5Tinsert(type.get(), "i", sizeof(Part), native_type<Part>());
    return type;
  } else {
    return TypeHandle(H5Tcopy(native_type<T>()));
  }
}

TypeHandle text_type() {
  TypeHandle type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

/// As h5py stores bool.
TypeHandle bool_type() {
  TypeHandle type(H5Tenum_create(H5T_NATIVE_INT8));
  const std::int8_t no = 0, yes = 1;
  H5Tenum_insert(type.get(), "FALSE", &no);
  H5Tenum_insert(type.get(), "TRUE", &yes);
  return type;
}

/// Chunks of at most a megabyte made of whole trailing axes, so that one echo record is never spread over many chunks.
std::vector<hsize_t> chunk_shape(std::vector<hsize_t> shape, std::size_t value_bytes) {
  constexpr std::size_t most = std::size_t{1} << 20;
  auto bytes = [&] {
    std::size_t n = value_bytes;
    for (auto extent : shape) n *= static_cast<std::size_t>(extent);
    return n;
  };
  for (auto& extent : shape) {
    while (bytes() > most && extent > 1) extent = (extent + 1) / 2;
  }
  return shape;
}

PropertyHandle link_creation() {
  PropertyHandle links(H5Pcreate(H5P_LINK_CREATE));
  H5Pset_create_intermediate_group(links.get(), 1);
  H5Pset_char_encoding(links.get(), H5T_CSET_UTF8);
  return links;
}

}  // namespace

Hdf5Writer::Hdf5Writer(const fs::path& file) : impl_(std::make_unique<Impl>(file)) {
  const auto held = lock();
  impl_->output.descriptor = impl_->target_file.descriptor();
  PropertyHandle access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_driver(access.get(), output_driver(), nullptr);
  set_next_output(&impl_->output);
  impl_->file = FileHandle(H5Fcreate(impl_->target_file.temporary().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get()));
  set_next_output(nullptr);
  impl_->check(static_cast<bool>(impl_->file), "the file");
}

Hdf5Writer::~Hdf5Writer() {
  const auto held = lock();
  impl_->file.reset();
}

void Hdf5Writer::commit() {
  const auto held = lock();
  const bool closed = impl_->file.reset();
  impl_->check(closed, "the file");
  impl_->target_file.commit();
}

void Hdf5Writer::group(const std::string& path) {
  const auto held = lock();
  std::string prefix;
  std::size_t from = 0;
  while (from <= path.size()) {
    const auto to = std::min(path.find('/', from), path.size());
    const auto name = path.substr(from, to - from);
    from = to + 1;
    if (name.empty()) continue;
    prefix += "/" + name;
    if (H5Lexists(impl_->file.get(), prefix.c_str(), H5P_DEFAULT) > 0) continue;
    const auto links = link_creation();
    const GroupHandle made(H5Gcreate2(impl_->file.get(), prefix.c_str(), links.get(), H5P_DEFAULT, H5P_DEFAULT));
    impl_->check(static_cast<bool>(made), "group '" + prefix + "'");
  }
}

namespace {

/// Creates and fills one dataset; `shape` empty with `scalar` set means a scalar. Returns success.
bool write_dataset(hid_t file, const std::string& path, hid_t type, const void* values,
                   const std::vector<std::size_t>& shape, bool scalar, int deflate) {
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  SpaceHandle space(scalar ? H5Screate(H5S_SCALAR)
                           : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr));
  PropertyHandle creation(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_obj_track_times(creation.get(), 0);
  const bool empty = std::any_of(extents.begin(), extents.end(), [](hsize_t e) { return e == 0; });
  if (deflate > 0 && !scalar && !empty && !extents.empty()) {
    const auto chunk = chunk_shape(extents, H5Tget_size(type));
    H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
    H5Pset_shuffle(creation.get());
    H5Pset_deflate(creation.get(), static_cast<unsigned>(std::min(deflate, 9)));
  }
  const auto links = link_creation();
  DatasetHandle dataset(H5Dcreate2(file, path.c_str(), type, space.get(), links.get(), creation.get(), H5P_DEFAULT));
  if (!dataset) return false;
  if (!empty && H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) return false;
  return dataset.reset();
}

bool write_attribute(hid_t file, const std::string& object, const std::string& name, hid_t type, const void* value,
                     std::size_t count = 0) {
  ObjectHandle target(H5Oopen(file, object.empty() ? "/" : object.c_str(), H5P_DEFAULT));
  if (!target) return false;
  if (H5Aexists(target.get(), name.c_str()) > 0) H5Adelete(target.get(), name.c_str());
  const hsize_t extent = count;
  SpaceHandle space(count == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &extent, nullptr));
  AttributeHandle attribute(H5Acreate2(target.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT));
  return attribute && H5Awrite(attribute.get(), type, value) >= 0;
}

void check_size(const std::string& dataset, std::size_t values, const std::vector<std::size_t>& shape) {
  std::size_t count = 1;
  for (auto extent : shape) count *= extent;
  if (count != values) throw std::logic_error("shape of '" + dataset + "' does not fit its values");
}

void describe(Hdf5Writer& writer, const std::string& dataset, const Hdf5Storage& storage) {
  if (storage.unit.empty() && storage.description.empty()) return;
  writer.attribute(dataset, "unit", storage.unit);
  writer.attribute(dataset, "description", storage.description);
}

}  // namespace

template <class T>
void Hdf5Writer::write(const std::string& dataset, std::span<const T> values, const std::vector<std::size_t>& shape,
                       const Hdf5Storage& storage) {
  const auto held = lock();
  check_size(dataset, values.size(), shape);
  const auto type = stored_type<T>();
  impl_->check(write_dataset(impl_->file.get(), dataset, type.get(), values.data(), shape, false, storage.deflate),
               "dataset '" + dataset + "'");
  describe(*this, dataset, storage);
}

template <class T>
void Hdf5Writer::write_scalar(const std::string& dataset, T value, const Hdf5Storage& storage) {
  const auto held = lock();
  const auto type = stored_type<T>();
  impl_->check(write_dataset(impl_->file.get(), dataset, type.get(), &value, {}, true, 0), "dataset '" + dataset + "'");
  describe(*this, dataset, storage);
}

void Hdf5Writer::write_bools(const std::string& dataset, std::span<const std::uint8_t> values,
                             const std::vector<std::size_t>& shape, const Hdf5Storage& storage) {
  const auto held = lock();
  check_size(dataset, values.size(), shape);
  const auto type = bool_type();
  impl_->check(write_dataset(impl_->file.get(), dataset, type.get(), values.data(), shape, false, storage.deflate),
               "dataset '" + dataset + "'");
  describe(*this, dataset, storage);
}

void Hdf5Writer::write_text(const std::string& dataset, const std::string& text, const Hdf5Storage& storage) {
  const auto held = lock();
  const auto type = text_type();
  const char* start = text.c_str();
  impl_->check(write_dataset(impl_->file.get(), dataset, type.get(), &start, {}, true, 0), "dataset '" + dataset + "'");
  describe(*this, dataset, storage);
}

void Hdf5Writer::write_texts(const std::string& dataset, const std::vector<std::string>& texts,
                             const Hdf5Storage& storage) {
  const auto held = lock();
  const auto type = text_type();
  std::vector<const char*> starts;
  for (const auto& text : texts) starts.push_back(text.c_str());
  impl_->check(write_dataset(impl_->file.get(), dataset, type.get(), starts.data(), {texts.size()}, false, 0),
               "dataset '" + dataset + "'");
  describe(*this, dataset, storage);
}

void Hdf5Writer::attribute(const std::string& object, const std::string& name, const std::string& text) {
  const auto held = lock();
  const auto type = text_type();
  const char* start = text.c_str();
  impl_->check(write_attribute(impl_->file.get(), object, name, type.get(), &start), "attribute '" + name + "'");
}
void Hdf5Writer::attribute(const std::string& object, const std::string& name, double value) {
  const auto held = lock();
  impl_->check(write_attribute(impl_->file.get(), object, name, H5T_NATIVE_DOUBLE, &value), "attribute '" + name + "'");
}
void Hdf5Writer::attribute(const std::string& object, const std::string& name, std::int64_t value) {
  const auto held = lock();
  impl_->check(write_attribute(impl_->file.get(), object, name, H5T_NATIVE_INT64, &value), "attribute '" + name + "'");
}
void Hdf5Writer::attribute(const std::string& object, const std::string& name, const std::vector<double>& values) {
  const auto held = lock();
  impl_->check(write_attribute(impl_->file.get(), object, name, H5T_NATIVE_DOUBLE, values.data(), values.size()),
               "attribute '" + name + "'");
}
void Hdf5Writer::fixed_attribute(const std::string& object, const std::string& name, const std::string& text) {
  const auto held = lock();
  TypeHandle type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), text.size() + 1);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  impl_->check(write_attribute(impl_->file.get(), object, name, type.get(), text.c_str()), "attribute '" + name + "'");
}

#define SONOFORGE_INSTANTIATE(T)                                                                              \
  template void Hdf5Writer::write<T>(const std::string&, std::span<const T>, const std::vector<std::size_t>&, \
                                     const Hdf5Storage&);                                                     \
  template void Hdf5Writer::write_scalar<T>(const std::string&, T, const Hdf5Storage&);
SONOFORGE_FOR_EACH_HDF5_TYPE(SONOFORGE_INSTANTIATE)
#undef SONOFORGE_INSTANTIATE

}  // namespace sonoforge
