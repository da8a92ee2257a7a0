#pragma once
#include <complex>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sonoforge {

/// Reads an HDF5 file. Every problem with the file (missing, truncated, not HDF5, wrong type, wrong rank, absurd size)
/// is a `UserError` that names the file and the dataset; sizes are checked before memory is taken. Object paths are
/// like "tracks/track_0/data/raw_data". Instantiated for float, double, std::int8_t .. std::int64_t, std::uint8_t ..
/// std::uint64_t, std::complex<float>, std::complex<double> (compound {r, i}); integers and floats convert.
class Hdf5Reader {
 public:
  explicit Hdf5Reader(const std::filesystem::path& file);
  ~Hdf5Reader();
  Hdf5Reader(Hdf5Reader&&) noexcept;
  const std::filesystem::path& file() const;

  bool has(const std::string& path) const;  ///< dataset or group
  bool is_group(const std::string& path) const;
  std::vector<std::string> children(const std::string& group) const;  ///< sorted names
  std::vector<std::size_t> shape(const std::string& dataset) const;   ///< empty for a scalar
  std::string type_name(const std::string& dataset) const;  ///< "float32", "int16", "string", "bool", "complex64"

  /// All values in row-major order.
  template <class T>
  std::vector<T> read(const std::string& dataset) const;
  /// As `read`, but refuses another shape; a negative extent matches any.
  template <class T>
  std::vector<T> read(const std::string& dataset, const std::vector<std::ptrdiff_t>& shape) const;
  template <class T>
  T read_scalar(const std::string& dataset) const;  ///< also arrays of one element
  std::string read_text(const std::string& dataset) const;
  std::vector<std::string> read_texts(const std::string& dataset) const;

  bool has_attribute(const std::string& object, const std::string& name) const;
  std::vector<std::string> attributes(const std::string& object) const;
  std::string text_attribute(const std::string& object, const std::string& name) const;
  double number_attribute(const std::string& object, const std::string& name) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

/// How a dataset is stored.
struct Hdf5Storage {
  std::string unit;  ///< written as string attribute `unit` where `description` or `unit` is not empty
  std::string description;
  int deflate = 0;  ///< 0..9; with shuffle
};

/// Writes an HDF5 file atomically: beside the target under a temporary name, and on `commit` synced and renamed.
/// Without `commit` nothing remains. No times are stored, so equal content gives equal bytes. I/O errors (full disk,
/// read-only folder) are `UserError`s.
class Hdf5Writer {
 public:
  explicit Hdf5Writer(const std::filesystem::path& file);
  ~Hdf5Writer();

  void group(const std::string& path);  ///< with its parents; existing groups are kept
  template <class T>
  void write(const std::string& dataset, std::span<const T> values, const std::vector<std::size_t>& shape,
             const Hdf5Storage& storage = {});
  template <class T>
  void write_scalar(const std::string& dataset, T value, const Hdf5Storage& storage = {});
  void write_bools(const std::string& dataset, std::span<const std::uint8_t> values,
                   const std::vector<std::size_t>& shape, const Hdf5Storage& storage = {});  ///< as h5py: enum on int8
  void write_text(const std::string& dataset, const std::string& text, const Hdf5Storage& storage = {});
  void write_texts(const std::string& dataset, const std::vector<std::string>& texts, const Hdf5Storage& storage = {});
  void attribute(const std::string& object, const std::string& name, const std::string& text);
  void attribute(const std::string& object, const std::string& name, double value);
  void attribute(const std::string& object, const std::string& name, std::int64_t value);
  void attribute(const std::string& object, const std::string& name, const std::vector<double>& values);
  /// A text of fixed length, padded by NULs, for readers that know no variable length.
  void fixed_attribute(const std::string& object, const std::string& name, const std::string& text);
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sonoforge
