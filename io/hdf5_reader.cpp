#include <unistd.h>

#include <algorithm>
#include <array>
#include <complex>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>
#include <type_traits>

#include "core/error.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"
#include "io/hdf5_input_driver.hpp"
#include "io/hdf5_library.hpp"
#include "io/hdf5_objects.hpp"
#include "io/hdf5_trial.hpp"
#include "io/text_encoding.hpp"

namespace sonoforge {

namespace fs = std::filesystem;
using namespace hdf5;
struct Hdf5Reader::Impl : SourceFile {};

namespace {

constexpr std::size_t most_names = 200'000;
constexpr std::size_t most_texts = 100'000;

std::string to_text(const std::vector<std::ptrdiff_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + (shape[i] < 0 ? std::string("any") : std::to_string(shape[i]));
  }
  return text + "]";
}

template <class T>
constexpr bool is_complex = std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>;

template <class T>
hid_t native_type() {
  if constexpr (std::is_same_v<T, float>)
    return H5T_NATIVE_FLOAT;
  else if constexpr (std::is_same_v<T, double>)
    return H5T_NATIVE_DOUBLE;
  else if constexpr (std::is_signed_v<T>) {
    constexpr std::size_t bytes = sizeof(T);
    return bytes == 1   ? H5T_NATIVE_INT8
           : bytes == 2 ? H5T_NATIVE_INT16
           : bytes == 4 ? H5T_NATIVE_INT32
                        : H5T_NATIVE_INT64;
  } else {
    constexpr std::size_t bytes = sizeof(T);
    return bytes == 1   ? H5T_NATIVE_UINT8
           : bytes == 2 ? H5T_NATIVE_UINT16
           : bytes == 4 ? H5T_NATIVE_UINT32
                        : H5T_NATIVE_UINT64;
  }
}

std::string unreadable(const std::string& path) {
  return "dataset '" + path + "' cannot be read (the file is damaged or truncated). Take an intact copy";
}

/// As `T`, from numbers, booleans and, for complex T, {real, imaginary} pairs.
template <class T>
std::vector<T> read_values(const Hdf5Reader::Impl& file, const std::string& path, const OpenDataset& data) {
  const auto needed = total_bytes(data.shape, sizeof(T));
  check_memory(file.path, "dataset '" + path + "'", needed.value_or(std::numeric_limits<std::size_t>::max()));
  const auto content = data.type.content;
  const bool complex_type = content == Content::complex_number;
  if (content == Content::text || content == Content::other || (complex_type && !is_complex<T>)) {
    file.fail("dataset '" + path + "' has type " + data.type.name +
              " (numbers are needed). Compare the file with its format");
  }
  check_chunks(file, path, data);
  auto fetch = [&](hid_t memory_type, void* values) {
    if (data.count == 0) return;
    if (H5Dread(data.dataset.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
      file.fail(unreadable(path));
  };
  if (content == Content::boolean) {
    std::vector<std::int8_t> raw(data.count);
    fetch(data.type.type.get(), raw.data());
    std::vector<T> values(data.count);
    std::transform(raw.begin(), raw.end(), values.begin(), [](std::int8_t v) {
      if constexpr (is_complex<T>)
        return T(static_cast<typename T::value_type>(v));
      else
        return static_cast<T>(v);
    });
    return values;
  }
  std::vector<T> values(data.count);
  if constexpr (is_complex<T>) {
    using Part = typename T::value_type;
    if (!complex_type) {
      const auto real = read_values<Part>(file, path, data);
      std::copy(real.begin(), real.end(), values.begin());
      return values;
    }
    const TypeHandle memory(H5Tcreate(H5T_COMPOUND, sizeof(T)));
    for (unsigned member = 0; member < 2; ++member) {
      char* name = H5Tget_member_name(data.type.type.get(), member);
      if (name == nullptr) file.fail(unreadable(path));
      H5Tinsert(memory.get(), name, member * sizeof(Part), native_type<Part>());
      H5free_memory(name);
    }
    fetch(memory.get(), values.data());
  } else {
    fetch(native_type<T>(), values.data());
  }
  return values;
}

/// Fixed or variable strings of a dataset or an attribute: `fetch(memory_type, destination)` reads them all.
template <class Fetch>
std::vector<std::string> decode_texts(hid_t type, std::size_t count, hid_t space, Fetch&& fetch, bool& good) {
  std::vector<std::string> texts;
  good = true;
  if (count == 0) return texts;
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> starts(count, nullptr);
    good = fetch(type, starts.data());
    std::size_t total = 0;
    for (const char* start : starts) {
      std::string text = start == nullptr ? "" : std::string(start, strnlen(start, most_text_bytes));
      total += text.size();
      if (total > most_text_bytes) good = false;
      if (!good) break;
      texts.push_back(valid_utf8(text));
    }
    H5Dvlen_reclaim(type, space, H5P_DEFAULT, starts.data());
    return texts;
  }
  const auto bytes = H5Tget_size(type);
  std::vector<char> raw(bytes * count);
  good = fetch(type, raw.data());
  const bool padded = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
  for (std::size_t i = 0; good && i < count; ++i) {
    std::string text(raw.data() + i * bytes, strnlen(raw.data() + i * bytes, bytes));
    while (padded && !text.empty() && text.back() == ' ') text.pop_back();
    texts.push_back(valid_utf8(text));
  }
  return texts;
}

bool looks_like_hdf5(std::ifstream& stream, std::uintmax_t size) {
  static constexpr std::array<char, 8> signature{'\x89', 'H', 'D', 'F', '\r', '\n', '\x1a', '\n'};
  for (std::uintmax_t offset = 0; offset + 8 <= size; offset = offset == 0 ? 512 : 2 * offset) {
    std::array<char, 8> found{};
    stream.clear();
    stream.seekg(static_cast<std::streamoff>(offset));
    stream.read(found.data(), 8);
    if (found == signature) return true;
  }
  return false;
}

FileHandle open_file(const fs::path& file) {
  const PropertyHandle access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_driver(access.get(), input_driver(), nullptr);
  H5Pset_fclose_degree(access.get(), H5F_CLOSE_STRONG);
  return FileHandle(H5Fopen(file.c_str(), H5F_ACC_RDONLY, access.get()));
}

/// Touches all that reading may touch: groups, attributes, headers, texts and the chunks of numbers. Numbers stored in
/// one piece need no trial: their place and size are checked before they are read.
class Trial {
 public:
  Trial(const Hdf5Reader& reader, const Hdf5Reader::Impl& impl) : reader_(reader), impl_(impl) {}

  void visit(const std::string& path) {
    if (++visited_ > 20'000) return;
    attempt([&] {
      for (const auto& name : reader_.attributes(path)) {
        try {
          reader_.text_attribute(path, name);
        } catch (const UserError&) {
          attempt([&] { reader_.number_attribute(path, name); });
        }
      }
    });
    if (reader_.is_group(path)) {
      H5O_info_t info;
      if (H5Oget_info_by_name2(impl_.file.get(), absolute(path).c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0)
        return;
      if (!groups_.insert(info.addr).second) return;  // groups may hold each other in a circle
      attempt([&] {
        for (const auto& name : reader_.children(path)) visit(path == "/" ? "/" + name : path + "/" + name);
      });
      return;
    }
    attempt([&] {
      const auto data = open_dataset(impl_, path);
      if (data.type.content == Content::text)
        reader_.read_texts(path);
      else
        check_chunks(impl_, path, data);
    });
  }

 private:
  template <class Action>
  static void attempt(Action&& action) {
    try {
      action();
    } catch (const UserError&) {  // told again when that part is read
    }
  }
  const Hdf5Reader& reader_;
  const Hdf5Reader::Impl& impl_;
  std::set<haddr_t> groups_;
  std::size_t visited_ = 0;
};

}  // namespace

Hdf5Reader::Hdf5Reader(const fs::path& file) : impl_(std::make_unique<Impl>()) {
  impl_->path = file;
  impl_->file_bytes = regular_file_size(file);
  std::ifstream stream(file, std::ios::binary);
  if (!stream) impl_->fail("cannot open the file (no permission). Check who may read it");
  if (!looks_like_hdf5(stream, impl_->file_bytes)) {
    impl_->fail(
        "not an HDF5 file (its signature is missing). Give a file in one of the formats that `sonoforge info` reads");
  }
  const auto held = lock();
  const bool survived = survives_trial(file, [this, &file] {
    impl_->file = open_file(file);
    if (impl_->file) Trial(*this, *impl_).visit("/");
  });
  if (!survived) impl_->fail("the HDF5 file is damaged (the HDF5 library fails on it). Take an intact copy");
  impl_->file = open_file(file);
  if (!impl_->file) impl_->fail("cannot open the HDF5 file (it is damaged or truncated). Take an intact copy");
}

Hdf5Reader::~Hdf5Reader() {
  if (!impl_) return;
  const auto held = lock();
  impl_.reset();
}
Hdf5Reader::Hdf5Reader(Hdf5Reader&&) noexcept = default;

const fs::path& Hdf5Reader::file() const {
  return impl_->path;
}

bool Hdf5Reader::has(const std::string& path) const {
  const auto held = lock();
  return exists(impl_->file.get(), path);
}

bool Hdf5Reader::is_group(const std::string& path) const {
  const auto held = lock();
  return exists(impl_->file.get(), path) && object_type(impl_->file.get(), path) == H5O_TYPE_GROUP;
}

std::vector<std::string> Hdf5Reader::children(const std::string& group) const {
  const auto held = lock();
  if (!is_group(group)) impl_->fail("group '" + group + "' is missing. Compare the file with its format");
  const GroupHandle open(H5Gopen2(impl_->file.get(), absolute(group).c_str(), H5P_DEFAULT));
  std::vector<std::string> names;
  auto collect = [](hid_t, const char* name, const H5L_info_t*, void* list) -> herr_t {
    auto& all = *static_cast<std::vector<std::string>*>(list);
    if (all.size() >= most_names) return -1;
    all.emplace_back(name);
    return 0;
  };
  hsize_t index = 0;
  if (!open || H5Literate(open.get(), H5_INDEX_NAME, H5_ITER_INC, &index, collect, &names) < 0) {
    impl_->fail("group '" + group + "' cannot be listed (the file is damaged). Take an intact copy");
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::size_t> Hdf5Reader::shape(const std::string& dataset) const {
  const auto held = lock();
  return open_dataset(*impl_, dataset).shape;
}

std::string Hdf5Reader::type_name(const std::string& dataset) const {
  const auto held = lock();
  return open_dataset(*impl_, dataset).type.name;
}

template <class T>
std::vector<T> Hdf5Reader::read(const std::string& dataset) const {
  const auto held = lock();
  return read_values<T>(*impl_, dataset, open_dataset(*impl_, dataset));
}

template <class T>
std::vector<T> Hdf5Reader::read(const std::string& dataset, const std::vector<std::ptrdiff_t>& shape) const {
  const auto held = lock();
  const auto data = open_dataset(*impl_, dataset);
  bool fits = data.shape.size() == shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i) {
    fits = shape[i] < 0 || static_cast<std::size_t>(shape[i]) == data.shape[i];
  }
  if (!fits) {
    impl_->fail("dataset '" + dataset + "' has shape " + to_text({data.shape.begin(), data.shape.end()}) + " (needs " +
                to_text(shape) + "). Compare the file with its format");
  }
  return read_values<T>(*impl_, dataset, data);
}

template <class T>
T Hdf5Reader::read_scalar(const std::string& dataset) const {
  const auto held = lock();
  const auto data = open_dataset(*impl_, dataset);
  if (data.count != 1) {
    impl_->fail("dataset '" + dataset + "' has " + std::to_string(data.count) +
                " values (needs a single one). Compare the file with its format");
  }
  return read_values<T>(*impl_, dataset, data).front();
}

std::vector<std::string> Hdf5Reader::read_texts(const std::string& dataset) const {
  const auto held = lock();
  const auto data = open_dataset(*impl_, dataset);
  if (data.type.content != Content::text) {
    impl_->fail("dataset '" + dataset + "' has type " + data.type.name +
                " (text is needed). Compare the file with its format");
  }
  const auto bytes = total_bytes(data.shape, data.type.bytes);
  if (data.count > most_texts || !bytes || *bytes > most_text_bytes) {
    impl_->fail("dataset '" + dataset + "' holds " + std::to_string(data.count) +
                " texts (far too many). The file is damaged");
  }
  check_chunks(*impl_, dataset, data);
  // Element by element, with a budget: many entries may point to the same huge text.
  std::vector<std::string> texts;
  std::size_t total = 0;
  const auto rank = data.shape.size();
  const SpaceHandle one(H5Screate(H5S_SCALAR));
  for (std::size_t i = 0; i < data.count; ++i) {
    SpaceHandle selected(H5Scopy(data.space.get()));
    if (rank > 0) {
      std::vector<hsize_t> place(rank);
      for (std::size_t axis = rank, rest = i; axis-- > 0; rest /= data.shape[axis])
        place[axis] = rest % data.shape[axis];
      H5Sselect_elements(selected.get(), H5S_SELECT_SET, 1, place.data());
    }
    bool good = true;
    auto fetch = [&](hid_t type, void* values) {
      return H5Dread(data.dataset.get(), type, one.get(), selected.get(), H5P_DEFAULT, values) >= 0;
    };
    auto text = decode_texts(data.type.type.get(), 1, one.get(), fetch, good);
    if (!good || text.size() != 1) impl_->fail(unreadable(dataset));
    total += text.front().size();
    if (total > most_text_bytes) impl_->fail("dataset '" + dataset + "' holds too much text. The file is damaged");
    texts.push_back(std::move(text.front()));
  }
  return texts;
}

std::string Hdf5Reader::read_text(const std::string& dataset) const {
  const auto texts = read_texts(dataset);
  if (texts.size() != 1) {
    impl_->fail("dataset '" + dataset + "' holds " + std::to_string(texts.size()) +
                " texts (needs a single one). Compare the file with its format");
  }
  return texts.front();
}

bool Hdf5Reader::has_attribute(const std::string& object, const std::string& name) const {
  const auto held = lock();
  if (!exists(impl_->file.get(), object)) return false;
  return H5Aexists_by_name(impl_->file.get(), absolute(object).c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> Hdf5Reader::attributes(const std::string& object) const {
  const auto held = lock();
  const auto owner = open_object(*impl_, object);
  std::vector<std::string> names;
  auto collect = [](hid_t, const char* name, const H5A_info_t*, void* list) -> herr_t {
    auto& all = *static_cast<std::vector<std::string>*>(list);
    if (all.size() >= most_names) return -1;
    all.emplace_back(name);
    return 0;
  };
  hsize_t index = 0;
  if (H5Aiterate2(owner.get(), H5_INDEX_NAME, H5_ITER_INC, &index, collect, &names) < 0) {
    impl_->fail("the attributes of '" + absolute(object) +
                "' cannot be listed (the file is damaged). Take an intact copy");
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string Hdf5Reader::text_attribute(const std::string& object, const std::string& name) const {
  const auto held = lock();
  const auto open = open_attribute(*impl_, object, name);
  if (open.type.content != Content::text || open.count != 1) {
    impl_->fail("attribute '" + name + "' of '" + absolute(object) +
                "' is not one text. Compare the file with its format");
  }
  bool good = true;
  auto fetch = [&](hid_t type, void* values) { return H5Aread(open.attribute.get(), type, values) >= 0; };
  auto texts = decode_texts(open.type.type.get(), 1, open.space.get(), fetch, good);
  if (!good || texts.size() != 1)
    impl_->fail("attribute '" + name + "' cannot be read (the file is damaged). Take an intact copy");
  return texts.front();
}

double Hdf5Reader::number_attribute(const std::string& object, const std::string& name) const {
  const auto held = lock();
  const auto open = open_attribute(*impl_, object, name);
  if ((open.type.content != Content::integer && open.type.content != Content::real) || open.count != 1) {
    impl_->fail("attribute '" + name + "' of '" + absolute(object) +
                "' is not one number. Compare the file with its format");
  }
  double value = 0;
  if (H5Aread(open.attribute.get(), H5T_NATIVE_DOUBLE, &value) < 0) {
    impl_->fail("attribute '" + name + "' cannot be read (the file is damaged). Take an intact copy");
  }
  return value;
}

#define SONOFORGE_INSTANTIATE(T)                                                                             \
  template std::vector<T> Hdf5Reader::read<T>(const std::string&) const;                                     \
  template std::vector<T> Hdf5Reader::read<T>(const std::string&, const std::vector<std::ptrdiff_t>&) const; \
  template T Hdf5Reader::read_scalar<T>(const std::string&) const;
SONOFORGE_FOR_EACH_HDF5_TYPE(SONOFORGE_INSTANTIATE)
#undef SONOFORGE_INSTANTIATE

}  // namespace sonoforge
