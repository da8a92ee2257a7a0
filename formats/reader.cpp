#include "formats/reader.hpp"

#include <algorithm>

#include "core/error.hpp"
#include "formats/dicom_image.hpp"
#include "formats/must.hpp"
#include "formats/picmus.hpp"
#include "formats/pybf.hpp"
#include "formats/uff.hpp"
#include "io/dicom.hpp"
#include "io/file_checks.hpp"
#include "io/hdf5.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void refuse_unknown(const fs::path& file) {
  refuse_file(file,
              "unknown format (it is none of zea, PICMUS, UFF, MUST and DICOM). Convert the channel data to one of these");
}

/// The format of an HDF5 file by the groups that only it has; "" where none fits.
std::string hdf5_format(const Hdf5Reader& reader) {
  if (reader.has_attribute("/", "zea_version") || reader.is_group("tracks")) return "zea";
  if (reader.is_group("US")) return "picmus";
  if (reader.has("RF") && reader.has("param")) return "must";
  if (reader.has("Nx") && reader.has("Nt")) return "kwave";
  if (reader.is_group("trans_params") && reader.is_group("data/rf_data")) return "pybf";
  for (const std::string& name : reader.children("/")) {
    if (!reader.is_group(name) || !reader.has_attribute(name, "class")) continue;
    try {
      if (reader.text_attribute(name, "class").starts_with("uff.")) return "uff";
    } catch (const UserError&) {
      continue;  // an attribute of another kind: not UFF's
    }
  }
  if (reader.is_group("data") && (reader.has("data/raw_data") || reader.has("data/image"))) return "zea";
  return "";
}

}  // namespace

std::string detect_format(const fs::path& file) {
  regular_file_size(file);
  const std::string start = read_file_start(file, 128);
  if (start.starts_with("MATLAB 5.0")) return "must";
  if (is_dicom(file)) return "dicom";
  std::string format;
  bool is_hdf5 = start.starts_with("\x89HDF\r\n\x1a\n") || start.starts_with("MATLAB 7.3");
  if (!is_hdf5) {
    // A version 5 MAT file may carry any text in its header: its version and byte order stand at the end of it.
    if (start.size() == 128 &&
        (start.substr(124) == std::string("\0\1IM", 4) || start.substr(124) == std::string("\1\0MI", 4)))
      return "must";
    refuse_unknown(file);
  }
  format = hdf5_format(Hdf5Reader(file));
  if (format.empty()) refuse_unknown(file);
  return format;
}

ZeaFile read_any(const fs::path& file) {
  const std::string format = detect_format(file);
  if (format == "zea") return read_zea(file);
  if (format == "picmus") return read_picmus(file);
  if (format == "uff") return read_uff(file);
  if (format == "must") return read_must(file);
  if (format == "pybf") return read_pybf(file);
  if (format == "dicom") return read_dicom_images(file);
  refuse_file(file,
              "this is a file of k-Wave's simulation program (its pressures belong to no probe). Run "
              "kspaceFirstOrder-OMP on it, or give channel data");
}

}  // namespace sonoforge
