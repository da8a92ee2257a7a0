#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/file_checks.hpp"
#include "io/hdf5_library.hpp"

// Used by the HDF5 reader only.
namespace sonoforge::hdf5 {

/// A file that is being read. What it holds is not trusted: the functions below refuse, by `UserError`, whatever the
/// library would not read safely.
struct SourceFile {
  std::filesystem::path path;
  FileHandle file;
  std::uintmax_t file_bytes = 0;

  [[noreturn]] void fail(const std::string& text) const { refuse_file(path, text); }
};

/// More text than this in one dataset or attribute is refused.
inline constexpr std::size_t most_text_bytes = std::size_t{64} << 20;

enum class Content { integer, real, boolean, complex_number, text, other };

struct StoredType {
  TypeHandle type;
  Content content = Content::other;
  std::string name = "unknown";
  std::size_t bytes = 0;
};

/// What a type holds, of those that are read; `Content::other` else.
StoredType classify(TypeHandle type);

/// The product of the extents and `bytes`, or nothing where it does not fit into a size.
std::optional<std::size_t> total_bytes(const std::vector<std::size_t>& shape, std::size_t bytes);

struct OpenDataset {
  DatasetHandle dataset;
  SpaceHandle space;
  StoredType type;
  std::vector<std::size_t> shape;
  std::size_t count = 1;
};

/// The path from the root on.
std::string absolute(const std::string& path);
/// Each link of the path exists and leads somewhere.
bool exists(hid_t file, const std::string& path);
H5O_type_t object_type(hid_t file, const std::string& path);

/// Opens a dataset whose storage and sizes are sound; its chunks are checked by `check_chunks`.
OpenDataset open_dataset(const SourceFile& file, const std::string& path);
/// Refuses chunks that do not unpack to exactly the size of a chunk. The library takes that size for granted and reads
/// past the end of shorter ones.
void check_chunks(const SourceFile& file, const std::string& path, const OpenDataset& data);

ObjectHandle open_object(const SourceFile& file, const std::string& path);

struct OpenAttribute {
  AttributeHandle attribute;
  SpaceHandle space;
  StoredType type;
  std::size_t count = 0;
};

OpenAttribute open_attribute(const SourceFile& file, const std::string& object, const std::string& name);

}  // namespace sonoforge::hdf5
