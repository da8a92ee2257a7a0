#include "io/dicom.hpp"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmimage/diregist.h>
#include <dcmtk/dcmimgle/dcmimage.h>
#include <dcmtk/dcmjpeg/djdecode.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

namespace {

// Our own attribute: the group is odd, so it is private, and a creator names its block.
const DcmTagKey private_creator(0x0099, 0x0010), private_range(0x0099, 0x1001);
constexpr const char* creator = "SONOFORGE";

void set_up() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);  // problems are reported as ours, once
    DcmRLEDecoderRegistration::registerCodecs();
    DJDecoderRegistration::registerCodecs();
  });
}

std::string text_of(DcmItem& item, const DcmTagKey& key) {
  OFString value;
  if (item.findAndGetOFString(key, value).bad()) return "";
  return {value.c_str(), value.size()};
}

std::size_t count_of(const fs::path& file, DcmItem& item, const DcmTagKey& key, const char* name) {
  Uint16 value = 0;
  if (item.findAndGetUint16(key, value).bad() || value == 0)
    refuse_file(file, std::string("the attribute ") + name + " is missing or zero. Give a DICOM image");
  return value;
}

/// What names or dates a person or an examination [DICOM PS3.15, table E.1-1, those of ultrasound images].
std::vector<std::string> identifying(DcmItem& item) {
  static const std::vector<std::pair<DcmTagKey, const char*>> keys{
      {DCM_PatientName, "PatientName"},
      {DCM_PatientID, "PatientID"},
      {DCM_PatientBirthDate, "PatientBirthDate"},
      {DCM_PatientAddress, "PatientAddress"},
      {DCM_PatientTelephoneNumbers, "PatientTelephoneNumbers"},
      {DCM_RETIRED_OtherPatientIDs, "OtherPatientIDs"},
      {DCM_OtherPatientNames, "OtherPatientNames"},
      {DCM_PatientComments, "PatientComments"},
      {DCM_AccessionNumber, "AccessionNumber"},
      {DCM_StudyDate, "StudyDate"},
      {DCM_SeriesDate, "SeriesDate"},
      {DCM_ContentDate, "ContentDate"},
      {DCM_AcquisitionDateTime, "AcquisitionDateTime"},
      {DCM_StudyID, "StudyID"},
      {DCM_ReferringPhysicianName, "ReferringPhysicianName"},
      {DCM_PerformingPhysicianName, "PerformingPhysicianName"},
      {DCM_NameOfPhysiciansReadingStudy, "NameOfPhysiciansReadingStudy"},
      {DCM_OperatorsName, "OperatorsName"},
      {DCM_InstitutionName, "InstitutionName"},
      {DCM_InstitutionAddress, "InstitutionAddress"},
      {DCM_StationName, "StationName"},
      {DCM_DeviceSerialNumber, "DeviceSerialNumber"}};
  // Our own files name nobody: a synthetic patient is no person.
  const bool synthetic =
      text_of(item, DCM_PatientName).starts_with("SYNTHETIC^") && text_of(item, DCM_Manufacturer) == "Sonoforge";
  std::vector<std::string> found;
  for (const auto& [key, name] : keys)
    if (!text_of(item, key).empty() && !(synthetic && (key == DCM_PatientName || key == DCM_PatientID)))
      found.emplace_back(name);
  return found;
}

/// The calibrated part of the picture, in pixels, with its scale.
struct Region {
  std::size_t left = 0, top = 0, right = 0, bottom = 0;  // the last column and row belong to it
  DicomUltrasound::Scale scale;
  double frequency = 0;
};

std::optional<Region> tissue_region(DcmItem& data, std::size_t rows, std::size_t columns) {
  constexpr Uint16 centimetre = 3, tissue = 1;
  for (unsigned long i = 0;; ++i) {
    DcmItem* item = nullptr;
    if (data.findAndGetSequenceItem(DCM_SequenceOfUltrasoundRegions, item, static_cast<signed long>(i)).bad() || !item)
      return std::nullopt;
    Uint16 kind = 0, unit_x = 0, unit_y = 0;
    item->findAndGetUint16(DCM_RegionDataType, kind);
    item->findAndGetUint16(DCM_PhysicalUnitsXDirection, unit_x);
    item->findAndGetUint16(DCM_PhysicalUnitsYDirection, unit_y);
    Float64 dx = 0, dy = 0;
    item->findAndGetFloat64(DCM_PhysicalDeltaX, dx);
    item->findAndGetFloat64(DCM_PhysicalDeltaY, dy);
    if (kind != tissue || unit_x != centimetre || unit_y != centimetre) continue;
    if (!(std::isfinite(dx) && std::isfinite(dy) && dx != 0 && dy != 0)) continue;
    Uint32 corner[4] = {0, 0, static_cast<Uint32>(columns - 1), static_cast<Uint32>(rows - 1)};
    const DcmTagKey keys[4] = {DCM_RegionLocationMinX0, DCM_RegionLocationMinY0, DCM_RegionLocationMaxX1,
                               DCM_RegionLocationMaxY1};
    for (int k = 0; k < 4; ++k) item->findAndGetUint32(keys[k], corner[k]);
    Region region{
        corner[0], corner[1], std::min<std::size_t>(corner[2], columns - 1), std::min<std::size_t>(corner[3], rows - 1),
        {},        0};
    if (region.left > region.right || region.top > region.bottom) continue;
    // The reference pixel counts from the region's corner; without one that corner is depth zero, at the middle of the
    // width.
    Sint32 at_x = 0, at_y = 0;
    Float64 x = 0, y = 0;
    const bool placed = item->findAndGetSint32(DCM_ReferencePixelX0, at_x).good() &&
                        item->findAndGetSint32(DCM_ReferencePixelY0, at_y).good();
    item->findAndGetFloat64(DCM_ReferencePixelPhysicalValueX, x);
    item->findAndGetFloat64(DCM_ReferencePixelPhysicalValueY, y);
    constexpr double per_centimetre = 0.01;
    region.scale.spacing = {dx * per_centimetre, dy * per_centimetre};
    if (placed && std::isfinite(x) && std::isfinite(y))
      region.scale.origin = {(x - at_x * dx) * per_centimetre, (y - at_y * dy) * per_centimetre};
    else
      region.scale.origin = {-0.5 * dx * static_cast<double>(region.right - region.left) * per_centimetre, 0};
    Uint32 kilohertz = 0;
    if (item->findAndGetUint32(DCM_TransducerFrequency, kilohertz).good()) region.frequency = 1e3 * kilohertz;
    return region;
  }
}

/// All pixels as grey levels 0 to 255.
std::vector<std::uint8_t> grey_pixels(const fs::path& file, DcmFileFormat& dicom, std::size_t pixels,
                                      std::size_t frames) {
  DicomImage image(&dicom, dicom.getDataset()->getOriginalXfer(), CIF_AcrNemaCompatibility);
  if (image.getStatus() != EIS_Normal)
    refuse_file(file, std::string("the pixels cannot be decoded (") + DicomImage::getString(image.getStatus()) +
                          "). Convert the file to uncompressed or JPEG pixels");
  std::unique_ptr<DicomImage> converted;
  DicomImage* grey = &image;
  if (!image.isMonochrome()) {
    converted.reset(image.createMonochromeImage());
    if (!converted || converted->getStatus() != EIS_Normal)
      refuse_file(file, "its colours cannot be turned into grey levels. Convert it to MONOCHROME2");
    grey = converted.get();
  }
  grey->setNoVoiTransformation();
  if (grey->getFrameCount() != frames)
    refuse_file(file, "it holds " + std::to_string(grey->getFrameCount()) + " frames but says " +
                          std::to_string(frames) + ". Compare the file with its format");
  std::vector<std::uint8_t> out(pixels * frames);
  for (std::size_t f = 0; f < frames; ++f) {
    const void* data = grey->getOutputData(8, f);
    if (!data || grey->getOutputDataSize(8) != pixels)
      refuse_file(file, "frame " + std::to_string(f) + " cannot be decoded. Compare the file with its format");
    const auto* from = static_cast<const std::uint8_t*>(data);
    std::copy(from, from + pixels, out.begin() + static_cast<std::ptrdiff_t>(f * pixels));
  }
  return out;
}

/// 64 bits of FNV-1a.
std::uint64_t digest(const std::vector<std::uint8_t>& bytes, const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3u; };
  for (std::uint8_t byte : bytes) add(byte);
  for (char c : text) add(static_cast<std::uint8_t>(c));
  return hash;
}

}  // namespace

bool is_dicom(const fs::path& file) {
  const std::string start = read_file_start(file, 132);
  return start.size() == 132 && start.substr(128) == "DICM";
}

DicomUltrasound read_dicom(const fs::path& file) {
  set_up();
  const auto bytes = regular_file_size(file);
  if (!is_dicom(file)) refuse_file(file, "this is no DICOM file (the mark DICM is missing). Give a DICOM image");
  DcmFileFormat dicom;
  const OFCondition loaded = dicom.loadFile(file.c_str(), EXS_Unknown, EGL_noChange, 4096);
  if (loaded.bad())
    refuse_file(file,
                std::string("the DICOM file cannot be read (") + loaded.text() + "). Copy it again from its source");
  DcmDataset& data = *dicom.getDataset();
  const std::string kind = text_of(data, DCM_SOPClassUID);
  const std::vector<std::string> ultrasound{UID_UltrasoundImageStorage, UID_UltrasoundMultiframeImageStorage,
                                            UID_RETIRED_UltrasoundImageStorage,
                                            UID_RETIRED_UltrasoundMultiframeImageStorage};
  if (std::find(ultrasound.begin(), ultrasound.end(), kind) == ultrasound.end()) {
    const char* name = dcmFindNameOfUID(kind.c_str());
    refuse_file(file, "this is no ultrasound image (its class is '" + (name ? std::string(name) : kind) +
                          "'). Give an Ultrasound Image or Ultrasound Multi-frame Image");
  }
  const std::size_t rows = count_of(file, data, DCM_Rows, "Rows");
  const std::size_t columns = count_of(file, data, DCM_Columns, "Columns");
  const std::size_t allocated = count_of(file, data, DCM_BitsAllocated, "BitsAllocated");
  const std::size_t colours = count_of(file, data, DCM_SamplesPerPixel, "SamplesPerPixel");
  Sint32 stated = 1;
  if (data.findAndGetSint32(DCM_NumberOfFrames, stated).bad()) stated = 1;
  if (stated < 1) refuse_file(file, "the attribute NumberOfFrames is not positive. Correct the file");
  const auto frames = static_cast<std::size_t>(stated);
  constexpr std::size_t most_pixels = std::size_t{1} << 31;
  if (frames > most_pixels / (rows * columns))
    refuse_file(file, "it would hold " + std::to_string(rows * columns) + " x " + std::to_string(frames) +
                          " pixels (at most 2^31 are allowed). Cut it into parts");
  const std::size_t pixels = rows * columns;
  const bool packed = DcmXfer(data.getOriginalXfer()).isEncapsulated();
  if (!packed && pixels * frames * colours * ((allocated + 7) / 8) > bytes)
    refuse_file(
        file,
        "its pixels do not fit into the file (it is truncated, or its sizes are wrong). Copy it again from its source");
  // A JPEG frame of n bytes holds at most some thousand n pixels; below that a small file asks for absurd memory.
  if (packed && pixels > 65536 + 4096 * static_cast<std::size_t>(bytes))
    refuse_file(file, "its pixels cannot come from so small a file. Copy it again from its source");
  check_memory(file, "the DICOM image", pixels * frames * (colours * 4 + 4));

  DicomUltrasound content;
  content.grey = grey_pixels(file, dicom, pixels, frames);
  content.rows = rows;
  content.columns = columns;
  content.frames = frames;
  content.identifying = identifying(data);
  content.machine = text_of(data, DCM_Manufacturer);
  if (const std::string model = text_of(data, DCM_ManufacturerModelName); !model.empty())
    content.machine += " " + model;
  content.description = text_of(data, DCM_ImageComments);
  Float64 number = 0;
  if (data.findAndGetFloat64(DCM_FrameTime, number).good() && number > 0) content.frame_rate = 1e3 / number;
  Sint32 rate = 0;
  if (!(content.frame_rate > 0) &&
      (data.findAndGetSint32(DCM_CineRate, rate).good() ||
       data.findAndGetSint32(DCM_RecommendedDisplayFrameRate, rate).good()) &&
      rate > 0)
    content.frame_rate = rate;
  if (text_of(data, private_creator) == creator && data.findAndGetFloat64(private_range, number).good() && number > 0 &&
      std::isfinite(number))
    content.dynamic_range = number;
  if (text_of(data, DCM_BurnedInAnnotation) != "NO")
    content.notes.emplace_back(
        "the file does not say that its pixels are free of burned-in text: look at them before passing them on");

  if (const auto region = tissue_region(data, rows, columns)) {
    content.scale = region->scale;
    content.frequency = region->frequency;
    const std::size_t wide = region->right - region->left + 1, high = region->bottom - region->top + 1;
    if (wide != columns || high != rows) {
      std::vector<std::uint8_t> cut;
      cut.reserve(wide * high * frames);
      for (std::size_t f = 0; f < frames; ++f)
        for (std::size_t row = region->top; row <= region->bottom; ++row) {
          const auto from =
              content.grey.begin() + static_cast<std::ptrdiff_t>((f * rows + row) * columns + region->left);
          cut.insert(cut.end(), from, from + static_cast<std::ptrdiff_t>(wide));
        }
      content.grey = std::move(cut);
      content.rows = high;
      content.columns = wide;
    }
  }
  return content;
}

void write_dicom(const fs::path& file, const DicomUltrasound& content) {
  set_up();
  if (content.grey.empty() || content.grey.size() != content.rows * content.columns * content.frames)
    throw std::logic_error("write_dicom: the number of pixels does not match their shape");
  if (content.rows > 65535 || content.columns > 65535)
    refuse_file(file, "the picture has " + std::to_string(content.columns) + " x " + std::to_string(content.rows) +
                          " pixels (DICOM holds at most 65535 a side). Use a coarser grid");
  if (content.grey.size() >= 0xfffffffeu)
    refuse_file(file, "the movie has 4 GiB or more (DICOM's limit for uncompressed pixels). Write fewer frames");
  DcmFileFormat dicom;
  DcmDataset& data = *dicom.getDataset();
  const auto put = [&](DcmItem& item, const DcmTagKey& key, const std::string& value) {
    if (item.putAndInsertString(key, value.c_str()).bad())
      throw std::logic_error("write_dicom: attribute refused: " + value);
  };
  const auto number = [](double value) {  // a decimal string has at most 16 characters
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", value);
    return std::string(text);
  };
  // The universal identifier 2.25.N: the same content has the same one.
  const std::string unique = std::to_string(digest(content.grey, content.patient_id + content.description));
  put(data, DCM_SpecificCharacterSet, "ISO_IR 192");
  put(data, DCM_ImageType, "DERIVED\\PRIMARY");
  put(data, DCM_SOPClassUID, UID_UltrasoundMultiframeImageStorage);
  put(data, DCM_SOPInstanceUID, "2.25." + unique + "3");
  put(data, DCM_StudyInstanceUID, "2.25." + unique + "1");
  put(data, DCM_SeriesInstanceUID, "2.25." + unique + "2");
  for (const DcmTagKey& empty :
       {DCM_StudyDate, DCM_StudyTime, DCM_AccessionNumber, DCM_ReferringPhysicianName, DCM_PatientBirthDate,
        DCM_PatientSex, DCM_StudyID, DCM_Laterality, DCM_PatientOrientation})
    put(data, empty, "");
  put(data, DCM_PatientName, "SYNTHETIC^" + (content.patient_id.empty() ? std::string("PHANTOM") : content.patient_id));
  put(data, DCM_PatientID, content.patient_id.empty() ? "PHANTOM" : content.patient_id);
  put(data, DCM_Modality, "US");
  put(data, DCM_Manufacturer, "Sonoforge");
  put(data, DCM_ManufacturerModelName, "simulated scanner");
  put(data, DCM_SeriesNumber, "1");
  put(data, DCM_InstanceNumber, "1");
  put(data, DCM_DerivationDescription, "Synthetic: computed from a numerical phantom. No person was examined.");
  if (!content.description.empty()) put(data, DCM_ImageComments, content.description.substr(0, 10000));
  put(data, DCM_BurnedInAnnotation, "NO");
  put(data, DCM_LossyImageCompression, "00");
  data.putAndInsertUint16(DCM_SamplesPerPixel, 1);
  put(data, DCM_PhotometricInterpretation, "MONOCHROME2");
  data.putAndInsertUint16(DCM_Rows, static_cast<Uint16>(content.rows));
  data.putAndInsertUint16(DCM_Columns, static_cast<Uint16>(content.columns));
  put(data, DCM_NumberOfFrames, std::to_string(content.frames));
  data.putAndInsertTagKey(DCM_FrameIncrementPointer, DCM_FrameTime);
  const double rate = content.frame_rate > 0 ? content.frame_rate : 25;
  put(data, DCM_FrameTime, number(1e3 / rate));
  data.putAndInsertUint16(DCM_BitsAllocated, 8);
  data.putAndInsertUint16(DCM_BitsStored, 8);
  data.putAndInsertUint16(DCM_HighBit, 7);
  data.putAndInsertUint16(DCM_PixelRepresentation, 0);
  if (content.scale) {
    DcmItem* region = nullptr;
    if (data.findOrCreateSequenceItem(DCM_SequenceOfUltrasoundRegions, region, 0).bad() || !region)
      throw std::logic_error("write_dicom: no region could be made");
    region->putAndInsertUint16(DCM_RegionSpatialFormat, 1);  // 2-D
    region->putAndInsertUint16(DCM_RegionDataType, 1);       // tissue
    region->putAndInsertUint32(DCM_RegionFlags, 0);
    region->putAndInsertUint32(DCM_RegionLocationMinX0, 0);
    region->putAndInsertUint32(DCM_RegionLocationMinY0, 0);
    region->putAndInsertUint32(DCM_RegionLocationMaxX1, static_cast<Uint32>(content.columns - 1));
    region->putAndInsertUint32(DCM_RegionLocationMaxY1, static_cast<Uint32>(content.rows - 1));
    region->putAndInsertSint32(DCM_ReferencePixelX0, 0);
    region->putAndInsertSint32(DCM_ReferencePixelY0, 0);
    region->putAndInsertUint16(DCM_PhysicalUnitsXDirection, 3);  // cm
    region->putAndInsertUint16(DCM_PhysicalUnitsYDirection, 3);
    region->putAndInsertFloat64(DCM_ReferencePixelPhysicalValueX, 100 * content.scale->origin[0]);
    region->putAndInsertFloat64(DCM_ReferencePixelPhysicalValueY, 100 * content.scale->origin[1]);
    region->putAndInsertFloat64(DCM_PhysicalDeltaX, 100 * content.scale->spacing[0]);
    region->putAndInsertFloat64(DCM_PhysicalDeltaY, 100 * content.scale->spacing[1]);
    if (content.frequency > 0)
      region->putAndInsertUint32(DCM_TransducerFrequency, static_cast<Uint32>(std::lround(content.frequency / 1e3)));
  }
  if (content.dynamic_range) {
    data.insert(new DcmLongString(DcmTag(private_creator, EVR_LO)), OFTrue);
    put(data, private_creator, creator);
    auto* range = new DcmFloatingPointDouble(DcmTag(private_range, EVR_FD));
    range->putFloat64(*content.dynamic_range);
    if (data.insert(range, OFTrue).bad()) {
      delete range;
      throw std::logic_error("write_dicom: the dynamic range was refused");
    }
  }
  if (data.putAndInsertUint8Array(DCM_PixelData, content.grey.data(), content.grey.size()).bad())
    throw std::logic_error("write_dicom: the pixels were refused");

  AtomicFile out(file);
  errno = 0;
  const OFCondition written = dicom.saveFile(out.temporary().c_str(), EXS_LittleEndianExplicit);
  if (written.bad()) out.fail(std::string("cannot write the DICOM file: ") + written.text(), errno);
  out.commit();
}

}  // namespace sonoforge
