#include "io/mat.hpp"

#include <algorithm>
#include <complex>
#include <cstdint>
#include <optional>
#include <string_view>

#include "io/atomic_file.hpp"
#include "io/byte_order.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"
#include "io/inflate.hpp"
#include "io/text_encoding.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;
using Variables = std::map<std::string, MatVariable>;

constexpr int most_depth = 32;
constexpr std::size_t most_variables = 200'000;

void append_utf8(std::string& text, std::uint32_t code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xC0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    text += static_cast<char>(0xE0 | (code >> 12 & 0x0F));
    text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// Rows of a character array (column-major UTF-16 units), separated by newlines.
std::string rows_of_text(const MatVariable& variable) {
  std::string text;
  const std::size_t rows = variable.size.empty() ? 0 : variable.size[0];
  for (std::size_t row = 0; row < rows; ++row) {
    if (row > 0) text += '\n';
    for (std::size_t i = row; i < variable.values.size(); i += rows)
      append_utf8(text, static_cast<std::uint32_t>(variable.values[i]) & 0xFFFF);
  }
  return valid_utf8(text);
}

// ---- Version 5
// ---------------------------------------------------------------------------------------------------------------------

enum DataType : std::uint32_t {
  mi_int8 = 1,
  mi_uint8 = 2,
  mi_int16 = 3,
  mi_uint16 = 4,
  mi_int32 = 5,
  mi_uint32 = 6,
  mi_single = 7,
  mi_double = 9,
  mi_int64 = 12,
  mi_uint64 = 13,
  mi_matrix = 14,
  mi_compressed = 15,
  mi_utf8 = 16,
  mi_utf16 = 17
};
enum ArrayClass : unsigned { mx_cell = 1, mx_struct = 2, mx_object = 3, mx_char = 4, mx_double = 6, mx_uint64 = 15 };

constexpr std::size_t file_header_bytes = 128;
constexpr std::size_t tag_bytes = 8;

class Version5 {
 public:
  Version5(const fs::path& file, std::string_view bytes)
      : file_(file), bytes_(bytes), swap_(bytes.substr(126, 2) == "MI") {}

  Variables read() {
    Variables variables;
    std::string_view rest = bytes_.substr(file_header_bytes);
    while (rest.size() >= tag_bytes) {
      const auto type = load<std::uint32_t>(rest, 0, swap_);
      const auto size = load<std::uint32_t>(rest, 4, swap_);
      if (size > rest.size() - tag_bytes) damaged("a variable is cut off");
      const auto content = rest.substr(tag_bytes, size);
      // Compressed variables stand without padding.
      rest.remove_prefix(type == mi_compressed ? tag_bytes + size : std::min(rest.size(), tag_bytes + padded(size)));
      if (type == mi_compressed) {
        Inflater inflater(file_, content);
        const auto tag = inflater.take(tag_bytes);
        if (tag.size() < tag_bytes) damaged("a compressed variable is cut off");
        const std::size_t unpacked_size = load<std::uint32_t>(tag, 4, swap_);
        if (load<std::uint32_t>(tag, 0, swap_) != mi_matrix) continue;
        if (unpacked_size > content.size() * Inflater::most_expansion)
          damaged("a compressed variable declares an absurd size");
        check_memory(file_, "a variable", unpacked_size);
        const auto unpacked = inflater.take(unpacked_size);
        if (unpacked.size() < unpacked_size) damaged("a compressed variable is cut off");
        add(variables, unpacked);
      } else if (type == mi_matrix) {
        add(variables, content);
      }
    }
    if (!rest.empty()) damaged("it ends inside a tag");
    return variables;
  }

 private:
  struct Element {
    std::uint32_t type = 0;
    std::string_view data;
  };

  [[noreturn]] void damaged(const std::string& why) const {
    refuse_file(file_, "the MAT file is damaged (" + why + "). Take an intact copy");
  }
  static std::size_t padded(std::size_t size) { return (size + 7) / 8 * 8; }

  /// The next element of a matrix; small ones have size and data inside the tag.
  Element next(std::string_view& rest) const {
    if (rest.size() < tag_bytes) damaged("an element is cut off");
    const auto first = load<std::uint32_t>(rest, 0, swap_);
    Element element;
    if (first >> 16 != 0) {
      element.type = first & 0xFFFF;
      const std::size_t size = first >> 16;
      if (size > 4) damaged("a small element is too large");
      element.data = rest.substr(4, size);
      rest.remove_prefix(tag_bytes);
      return element;
    }
    element.type = first;
    const std::size_t size = load<std::uint32_t>(rest, 4, swap_);
    if (size > rest.size() - tag_bytes) damaged("an element is cut off");
    element.data = rest.substr(tag_bytes, size);
    rest.remove_prefix(std::min(rest.size(), tag_bytes + padded(size)));
    return element;
  }

  template <class T>
  std::vector<double> convert(std::string_view data) const {
    std::vector<double> values(data.size() / sizeof(T));
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<double>(load<T>(data, i * sizeof(T), swap_));
    return values;
  }

  std::vector<double> numbers(const Element& element) const {
    check_memory(file_, "a variable", element.data.size() * sizeof(double));
    switch (element.type) {
      case mi_int8:
        return convert<std::int8_t>(element.data);
      case mi_uint8:
      case mi_utf8:
        return convert<std::uint8_t>(element.data);
      case mi_int16:
        return convert<std::int16_t>(element.data);
      case mi_uint16:
      case mi_utf16:
        return convert<std::uint16_t>(element.data);
      case mi_int32:
        return convert<std::int32_t>(element.data);
      case mi_uint32:
        return convert<std::uint32_t>(element.data);
      case mi_single:
        return convert<float>(element.data);
      case mi_double:
        return convert<double>(element.data);
      case mi_int64:
        return convert<std::int64_t>(element.data);
      case mi_uint64:
        return convert<std::uint64_t>(element.data);
      default:
        damaged("an array has the unknown type " + std::to_string(element.type));
    }
  }

  void add(Variables& variables, std::string_view content) {
    auto [name, variable] = matrix(content, 0);
    if (!name.empty()) variables[name] = std::move(variable);
  }

  std::pair<std::string, MatVariable> matrix(std::string_view rest, int depth) {
    if (depth > most_depth) damaged("its structs nest too deeply");
    if (++count_ > most_variables) damaged("it holds too many variables");
    MatVariable variable;
    if (rest.empty()) return {"", variable};  // an empty field
    const auto flags = next(rest);
    if (flags.type != mi_uint32 || flags.data.size() != 8) damaged("a variable has no flags");
    const auto word = load<std::uint32_t>(flags.data, 0, swap_);
    const unsigned array_class = word & 0xFF;
    const bool is_complex = (word & 0x800) != 0;
    if (array_class > mx_uint64) return {"", variable};  // function handles and opaque objects have another layout
    const auto dimensions = next(rest);
    if (dimensions.type != mi_int32 || dimensions.data.size() % 4 != 0 || dimensions.data.size() > 4 * 32) {
      damaged("a variable has no size");
    }
    std::size_t count = 1;
    for (std::size_t i = 0; i < dimensions.data.size() / 4; ++i) {
      const auto extent = load<std::int32_t>(dimensions.data, 4 * i, swap_);
      if (extent < 0 || __builtin_mul_overflow(count, static_cast<std::size_t>(extent), &count))
        damaged("a variable has an absurd size");
      variable.size.push_back(static_cast<std::size_t>(extent));
    }
    const auto name = valid_utf8(next(rest).data);
    if (array_class >= mx_double || array_class == mx_char) {
      read_array(variable, rest, count, is_complex, array_class == mx_char);
    } else if (array_class == mx_cell) {
      for (std::size_t i = 0; i < count; ++i) variable.fields[std::to_string(i + 1)] = child(rest, depth);
    } else if (array_class == mx_struct || array_class == mx_object) {
      if (array_class == mx_object) next(rest);  // the class's name
      read_struct(variable, rest, count, depth);
    }
    return {name, std::move(variable)};
  }

  void read_array(MatVariable& variable, std::string_view& rest, std::size_t count, bool is_complex, bool is_text) {
    const auto real = next(rest);
    variable.values = numbers(real);
    if (is_text && real.type == mi_utf8) {
      variable.text = valid_utf8(real.data);
      return;
    }
    if (variable.values.size() != count) damaged("a variable's size does not fit its data");
    if (is_text) variable.text = rows_of_text(variable);
    if (is_complex) {
      auto& imaginary = variable.fields["imag"];
      imaginary.size = variable.size;
      imaginary.values = numbers(next(rest));
      if (imaginary.values.size() != count) damaged("a variable's size does not fit its data");
    }
  }

  void read_struct(MatVariable& variable, std::string_view& rest, std::size_t count, int depth) {
    const auto length_element = next(rest);
    if (length_element.type != mi_int32 || length_element.data.size() != 4) damaged("a struct has no field names");
    const auto length = load<std::int32_t>(length_element.data, 0, swap_);
    const auto names_element = next(rest);
    if (length < 1 || length > 256 || names_element.data.size() % static_cast<std::size_t>(length) != 0)
      damaged("a struct has no field names");
    std::vector<std::string> names;
    for (std::size_t at = 0; at < names_element.data.size(); at += static_cast<std::size_t>(length)) {
      const auto cell = names_element.data.substr(at, static_cast<std::size_t>(length));
      names.push_back(valid_utf8(cell.substr(0, cell.find('\0'))));
    }
    if (names.empty()) return;
    for (std::size_t i = 0; i < count; ++i) {
      auto& fields = count == 1 ? variable.fields : variable.fields[std::to_string(i + 1)].fields;
      for (const auto& name : names) fields[name] = child(rest, depth);
    }
  }

  MatVariable child(std::string_view& rest, int depth) {
    const auto element = next(rest);
    if (element.type != mi_matrix) damaged("a field is not an array");
    return matrix(element.data, depth + 1).second;
  }

  const fs::path& file_;
  std::string_view bytes_;
  bool swap_;
  std::size_t count_ = 0;
};

// ---- Version 7.3
// -------------------------------------------------------------------------------------------------------------------

class Version73 {
 public:
  explicit Version73(const fs::path& file) : reader_(file) {}

  Variables read() { return members("", 0); }

 private:
  Variables members(const std::string& group, int depth) {
    if (depth > most_depth) refuse_file(reader_.file(), "the structs of the MAT file nest too deeply. It is damaged");
    Variables variables;
    for (const auto& name : reader_.children(group)) {
      if (!name.empty() && name[0] == '#') continue;  // MATLAB's store of what references point to
      if (++count_ > most_variables)
        refuse_file(reader_.file(), "the MAT file holds too many variables. It is damaged");
      variables[name] = variable(group + "/" + name, depth);
    }
    return variables;
  }

  MatVariable variable(const std::string& path, int depth) {
    MatVariable variable;
    if (reader_.is_group(path)) {
      variable.size = {1, 1};
      variable.fields = members(path, depth + 1);
      return variable;
    }
    const auto extents = reader_.shape(path);
    variable.size.assign(extents.rbegin(), extents.rend());  // HDF5 lists the slowest axis first
    while (variable.size.size() < 2) variable.size.push_back(1);
    if (reader_.has_attribute(path, "MATLAB_empty")) {
      variable.size.clear();
      for (double extent : reader_.read<double>(path))
        variable.size.push_back(static_cast<std::size_t>(std::clamp(extent, 0.0, 1e15)));
      return variable;
    }
    const auto type = reader_.type_name(path);
    if (type == "unknown") return variable;  // references: cells and arrays of structs
    if (type == "string") {
      const auto texts = reader_.read_texts(path);
      if (!texts.empty()) variable.text = texts.front();
      return variable;
    }
    if (type.rfind("complex", 0) == 0) {
      const auto complex_values = reader_.read<std::complex<double>>(path);
      auto& imaginary = variable.fields["imag"];
      imaginary.size = variable.size;
      for (const auto& value : complex_values) {
        variable.values.push_back(value.real());
        imaginary.values.push_back(value.imag());
      }
      return variable;
    }
    variable.values = reader_.read<double>(path);
    if (reader_.has_attribute(path, "MATLAB_class") && reader_.text_attribute(path, "MATLAB_class") == "char") {
      variable.text = rows_of_text(variable);
    }
    return variable;
  }

  Hdf5Reader reader_;
  std::size_t count_ = 0;
};

}  // namespace

Variables read_mat(const fs::path& file) {
  regular_file_size(file);
  const auto head = read_file_start(file, file_header_bytes + tag_bytes);
  static constexpr std::string_view hdf5_signature("\x89HDF\r\n\x1a\n", 8);
  const bool has_header =
      head.size() >= file_header_bytes && (head.substr(126, 2) == "IM" || head.substr(126, 2) == "MI");
  const int version = has_header ? load<std::uint16_t>(head, 124, head.substr(126, 2) == "MI") : 0;
  if (version == 0x0200 || head.substr(0, 8) == hdf5_signature) return Version73(file).read();
  if (version != 0x0100) {
    refuse_file(file,
                "not a MAT file of version 5 or 7.3 (its header is missing). Save it in MATLAB with save('-v7') or "
                "save('-v7.3')");
  }
  return Version5(file, read_file(file, std::size_t{8} << 30)).read();
}

}  // namespace sonoforge
