#include "io/dicom_segmentation.hpp"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <array>
#include <cmath>
#include <cstdio>
#include <mutex>

#include "core/error.hpp"
#include "io/atomic_file.hpp"
#include "io/file_checks.hpp"

namespace sonoforge {

namespace fs = std::filesystem;

namespace {

// No examination took place: one date for all, so that bytes depend on content alone. A segmentation must have one.
constexpr const char* content_date = "20000101";
constexpr std::size_t most_bytes = 2'000'000'000;

void check(const OFCondition& condition, const fs::path& file) {
  if (condition.bad())
    refuse_file(file, std::string("cannot be written as DICOM (") + condition.text() +
                          "). Check names, free space and permissions");
}

/// Sets values and remembers the first failure.
class Writer {
 public:
  Writer(DcmItem& item, const fs::path& file) : item_(item), file_(file) {}
  void text(const DcmTagKey& tag, const std::string& value) {
    check(item_.putAndInsertString(tag, value.c_str()), file_);
  }
  void number(const DcmTagKey& tag, std::size_t value) {
    check(item_.putAndInsertUint16(tag, static_cast<Uint16>(value)), file_);
  }
  void integer(const DcmTagKey& tag, std::size_t value) {
    check(item_.putAndInsertUint32(tag, static_cast<Uint32>(value)), file_);
  }
  void real(const DcmTagKey& tag, double value) { check(item_.putAndInsertFloat64(tag, value), file_); }
  void bytes(const DcmTagKey& tag, const std::vector<std::uint8_t>& values) {
    check(item_.putAndInsertUint8Array(tag, values.data(), values.size()), file_);
  }
  Writer item(const DcmTagKey& sequence, long number = 0) {
    DcmItem* made = nullptr;
    check(item_.findOrCreateSequenceItem(sequence, made, number), file_);
    return Writer(*made, file_);
  }
  void code(const DcmTagKey& sequence, const char* value, const char* scheme, const char* meaning) {
    Writer entry = item(sequence);
    entry.text(DCM_CodeValue, value);
    entry.text(DCM_CodingSchemeDesignator, scheme);
    entry.text(DCM_CodeMeaning, meaning);
  }

 private:
  DcmItem& item_;
  const fs::path& file_;
};

/// Decimal text of at most 16 characters, as DICOM's DS wants.
std::string decimal(double value) {
  std::array<char, 32> text{};
  for (int digits = 12; digits >= 4; --digits) {
    std::snprintf(text.data(), text.size(), "%.*g", digits, value);
    if (std::string(text.data()).size() <= 16) break;
  }
  return text.data();
}

std::string pair_of(double a, double b) {
  return decimal(a) + "\\" + decimal(b);
}

/// A short text without the characters that separate values.
std::string plain(std::string text, std::size_t most = 64) {
  for (char& c : text)
    if (c == '\\' || static_cast<unsigned char>(c) < 32) c = '_';
  return text.substr(0, most);
}

void identity(Writer& writer, const DicomSegmentation& segmentation, const std::string& study,
              const std::string& image) {
  writer.text(DCM_SpecificCharacterSet, "ISO_IR 192");
  writer.text(DCM_SOPClassUID, UID_SegmentationStorage);
  // Longer than those of the image by a digit, and as unique.
  writer.text(DCM_SOPInstanceUID, image + "1");
  writer.text(DCM_StudyInstanceUID, study);
  writer.text(DCM_SeriesInstanceUID, image + "2");
  writer.text(DCM_FrameOfReferenceUID, image + "3");
  writer.text(DCM_PositionReferenceIndicator, "");
  writer.text(DCM_Modality, "SEG");
  const std::string patient = segmentation.patient_id.empty() ? "PHANTOM" : plain(segmentation.patient_id);
  writer.text(DCM_PatientName, "SYNTHETIC^" + patient);
  writer.text(DCM_PatientID, patient);
  for (const DcmTagKey& empty : {DCM_PatientBirthDate, DCM_PatientSex, DCM_StudyDate, DCM_StudyTime,
                                 DCM_AccessionNumber, DCM_ReferringPhysicianName, DCM_StudyID})
    writer.text(empty, "");
  writer.text(DCM_ContentDate, content_date);
  writer.text(DCM_ContentTime, "000000");
  writer.text(DCM_SeriesNumber, "2");
  writer.text(DCM_InstanceNumber, "1");
  writer.text(DCM_Manufacturer, "Sonoforge");
  writer.text(DCM_ManufacturerModelName, "simulated scanner");
  writer.text(DCM_DeviceSerialNumber, "0");
  writer.text(DCM_SoftwareVersions, SONOFORGE_VERSION);
  writer.text(DCM_SeriesDescription, plain(segmentation.description));
  writer.text(DCM_DerivationDescription, "Synthetic: computed from a numerical phantom. No person was examined.");
}

void pixels(Writer& writer, std::size_t rows, std::size_t columns, std::size_t frames, std::size_t bits) {
  writer.number(DCM_SamplesPerPixel, 1);
  writer.text(DCM_PhotometricInterpretation, "MONOCHROME2");
  writer.number(DCM_Rows, rows);
  writer.number(DCM_Columns, columns);
  writer.number(DCM_BitsAllocated, bits);
  writer.number(DCM_BitsStored, bits);
  writer.number(DCM_HighBit, bits - 1);
  writer.number(DCM_PixelRepresentation, 0);
  writer.text(DCM_NumberOfFrames, std::to_string(frames));
}

void check_size(const fs::path& file, std::size_t rows, std::size_t columns, std::size_t frames) {
  if (rows == 0 || columns == 0 || frames == 0)
    refuse_file(file, "would hold no pixels (DICOM images have some). Give an image");
  if (rows > 65535 || columns > 65535 || rows * columns > most_bytes / frames)
    refuse_file(file,
                "would be too large for DICOM (sides of 65535 pixels and 2 GB at most). Store fewer frames or pixels");
}

/// Reading: what a data set says, or a refusal.
class Reader {
 public:
  explicit Reader(const fs::path& file) : file_(file) {
    static std::once_flag once;
    std::call_once(once, [] { OFLog::configure(OFLogger::OFF_LOG_LEVEL); });  // problems are reported as ours
    std::error_code error;
    if (!fs::is_regular_file(file, error)) refuse_file(file, "cannot be read (no such file). Check the path");
    if (fs::file_size(file, error) > most_bytes) refuse_file(file, "is larger than 2 GB. Give a smaller file");
    const OFCondition loaded = format_.loadFile(file.c_str());
    if (loaded.bad())
      refuse_file(file, std::string("is no DICOM file that can be read (") + loaded.text() + "). Give another");
  }
  DcmDataset& data() { return *format_.getDataset(); }
  std::string text(DcmItem& item, const DcmTagKey& tag) {
    OFString value;
    return item.findAndGetOFStringArray(tag, value).good() ? std::string(value.c_str()) : std::string();
  }
  std::size_t number(const DcmTagKey& tag) {
    Uint16 value = 0;
    if (data().findAndGetUint16(tag, value).bad())
      refuse_file(file_, "lacks the number " + std::string(DcmTag(tag).getTagName()) + ". The file is damaged");
    return value;
  }
  std::size_t frames() {
    Sint32 value = 1;
    data().findAndGetSint32(DCM_NumberOfFrames, value);
    if (value < 1) refuse_file(file_, "states " + std::to_string(value) + " frames. The file is damaged");
    return static_cast<std::size_t>(value);
  }
  std::vector<std::uint8_t> bytes(std::size_t needed) {
    const Uint8* values = nullptr;
    unsigned long count = 0;
    if (data().findAndGetUint8Array(DCM_PixelData, values, &count).bad() || count < needed)
      refuse_file(file_, "holds fewer pixels than it states, or compressed ones. Store it uncompressed");
    return {values, values + needed};
  }
  /// Two numbers "a\b" [mm], in m.
  void spacing(DcmItem& item, double& row, double& column) {
    Float64 a = 0, b = 0;
    if (item.findAndGetFloat64(DCM_PixelSpacing, a, 0).good() &&
        item.findAndGetFloat64(DCM_PixelSpacing, b, 1).good() && a > 0 && b > 0)
      row = a / 1e3, column = b / 1e3;
  }

 private:
  const fs::path& file_;
  DcmFileFormat format_;
};

}  // namespace

void write_dicom_segmentation(const fs::path& file, const DicomSegmentation& segmentation, const fs::path& image) {
  const std::size_t frames = segmentation.masks.empty() ? 0 : segmentation.masks.front().size();
  check_size(file, segmentation.rows, segmentation.columns, frames * segmentation.segments.size());
  DcmFileFormat format;
  Writer writer(*format.getDataset(), file);
  Reader source_image(image);
  const std::string image_uid = source_image.text(source_image.data(), DCM_SOPInstanceUID),
                    image_class = source_image.text(source_image.data(), DCM_SOPClassUID),
                    series = source_image.text(source_image.data(), DCM_SeriesInstanceUID);
  if (image_uid.empty() || image_class.empty() || series.empty())
    refuse_file(image,
                "names neither itself nor its series (a segmentation could not refer to it). Give a DICOM image");
  identity(writer, segmentation, source_image.text(source_image.data(), DCM_StudyInstanceUID), image_uid);
  writer.text(DCM_ImageType, "DERIVED\\PRIMARY");
  writer.text(DCM_ContentLabel, "TRUTH");
  writer.text(DCM_ContentDescription, "Exact truth of the simulated phantom");
  writer.text(DCM_ContentCreatorName, "Sonoforge");
  writer.text(DCM_LossyImageCompression, "00");
  writer.text(DCM_SegmentationType, "BINARY");
  pixels(writer, segmentation.rows, segmentation.columns, frames * segmentation.segments.size(), 1);
  Writer reference = writer.item(DCM_ReferencedSeriesSequence);
  reference.text(DCM_SeriesInstanceUID, series);
  const auto refer = [&](Writer entry) {
    entry.text(DCM_ReferencedSOPClassUID, image_class);
    entry.text(DCM_ReferencedSOPInstanceUID, image_uid);
  };
  refer(reference.item(DCM_ReferencedInstanceSequence));
  Writer dimension = writer.item(DCM_DimensionOrganizationSequence);
  const std::string organization = image_uid + "4";
  dimension.text(DCM_DimensionOrganizationUID, organization);
  Writer index = writer.item(DCM_DimensionIndexSequence);
  index.text(DCM_DimensionOrganizationUID, organization);
  DcmItem* dimension_item = nullptr;
  check(format.getDataset()->findAndGetSequenceItem(DCM_DimensionIndexSequence, dimension_item, 0), file);
  check(dimension_item->putAndInsertTagKey(DCM_DimensionIndexPointer, DCM_ReferencedSegmentNumber), file);
  check(dimension_item->putAndInsertTagKey(DCM_FunctionalGroupPointer, DCM_SegmentIdentificationSequence), file);

  for (std::size_t s = 0; s < segmentation.segments.size(); ++s) {
    Writer segment = writer.item(DCM_SegmentSequence, static_cast<long>(s));
    segment.number(DCM_SegmentNumber, s + 1);
    segment.text(DCM_SegmentLabel, plain(segmentation.segments[s]));
    segment.text(DCM_SegmentAlgorithmType, "AUTOMATIC");
    segment.text(DCM_SegmentAlgorithmName, "Sonoforge phantom");
    segment.code(DCM_SegmentedPropertyCategoryCodeSequence, "85756007", "SCT", "Tissue");
    segment.code(DCM_SegmentedPropertyTypeCodeSequence, "85756007", "SCT", "Tissue");
  }
  Writer shared = writer.item(DCM_SharedFunctionalGroupsSequence);
  Writer measures = shared.item(DCM_PixelMeasuresSequence);
  measures.text(DCM_PixelSpacing, pair_of(segmentation.row_spacing * 1e3, segmentation.column_spacing * 1e3));
  measures.text(DCM_SliceThickness, "1");
  // Columns run along x, rows along z of the world frame: the plane y = 0.
  shared.item(DCM_PlaneOrientationSequence).text(DCM_ImageOrientationPatient, "1\\0\\0\\0\\0\\1");
  std::vector<std::uint8_t> packed(
      (segmentation.rows * segmentation.columns * frames * segmentation.segments.size() + 7) / 8);
  if (packed.size() % 2) packed.push_back(0);
  std::size_t bit = 0;
  for (std::size_t s = 0; s < segmentation.segments.size(); ++s) {
    if (segmentation.masks.size() != segmentation.segments.size() || segmentation.masks[s].size() != frames)
      refuse_file(file, "has segments of unequal numbers of frames. Give each the same");
    for (std::size_t f = 0; f < frames; ++f) {
      Writer group = writer.item(DCM_PerFrameFunctionalGroupsSequence, static_cast<long>(s * frames + f));
      Writer content = group.item(DCM_FrameContentSequence);
      content.integer(DCM_DimensionIndexValues, s + 1);
      group.item(DCM_SegmentIdentificationSequence).number(DCM_ReferencedSegmentNumber, s + 1);
      group.item(DCM_PlanePositionSequence)
          .text(DCM_ImagePositionPatient,
                decimal(segmentation.first_column * 1e3) + "\\0\\" + decimal(segmentation.first_row * 1e3));
      Writer derivation = group.item(DCM_DerivationImageSequence);
      derivation.code(DCM_DerivationCodeSequence, "113076", "DCM", "Segmentation");
      Writer source = derivation.item(DCM_SourceImageSequence);
      refer(source);
      source.text(DCM_ReferencedFrameNumber, std::to_string(f + 1));
      source.code(DCM_PurposeOfReferenceCodeSequence, "121322", "DCM", "Source image for image processing operation");
      const auto& mask = segmentation.masks[s][f];
      if (mask.size() != segmentation.rows * segmentation.columns)
        refuse_file(file, "has a mask of another size. Give all the same");
      for (const std::uint8_t v : mask) {
        if (v) packed[bit / 8] = static_cast<std::uint8_t>(packed[bit / 8] | 1U << bit % 8);
        ++bit;
      }
    }
  }
  writer.bytes(DCM_PixelData, packed);
  AtomicFile target(file);
  check(format.saveFile(target.temporary().c_str(), EXS_LittleEndianExplicit), file);
  target.commit();
}

DicomSegmentation read_dicom_segmentation(const fs::path& file) {
  Reader reader(file);
  if (reader.text(reader.data(), DCM_SegmentationType) != "BINARY")
    refuse_file(file, "is no binary segmentation (only these are read). Give a DICOM SEG");
  DicomSegmentation out;
  out.rows = reader.number(DCM_Rows), out.columns = reader.number(DCM_Columns);
  const std::size_t frames = reader.frames(), one = out.rows * out.columns;
  check_size(file, out.rows, out.columns, frames);
  const auto packed = reader.bytes((one * frames + 7) / 8);
  out.patient_id = reader.text(reader.data(), DCM_PatientID);
  out.description = reader.text(reader.data(), DCM_SeriesDescription);
  DcmItem* item = nullptr;
  for (long s = 0; reader.data().findAndGetSequenceItem(DCM_SegmentSequence, item, s).good(); ++s)
    out.segments.push_back(reader.text(*item, DCM_SegmentLabel));
  out.masks.resize(out.segments.size());
  if (reader.data().findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, item, 0).good()) {
    DcmItem* measures = nullptr;
    if (item->findAndGetSequenceItem(DCM_PixelMeasuresSequence, measures, 0).good())
      reader.spacing(*measures, out.row_spacing, out.column_spacing);
  }
  for (std::size_t f = 0; f < frames; ++f) {
    Uint16 segment = 0;
    DcmItem *group = nullptr, *identification = nullptr, *position = nullptr;
    if (reader.data().findAndGetSequenceItem(DCM_PerFrameFunctionalGroupsSequence, group, static_cast<long>(f)).bad() ||
        group->findAndGetSequenceItem(DCM_SegmentIdentificationSequence, identification, 0).bad() ||
        identification->findAndGetUint16(DCM_ReferencedSegmentNumber, segment).bad() || segment < 1 ||
        segment > out.segments.size())
      refuse_file(file, "does not say to which segment frame " + std::to_string(f) + " belongs. The file is damaged");
    if (group->findAndGetSequenceItem(DCM_PlanePositionSequence, position, 0).good()) {
      Float64 x = 0, z = 0;
      if (position->findAndGetFloat64(DCM_ImagePositionPatient, x, 0).good() &&
          position->findAndGetFloat64(DCM_ImagePositionPatient, z, 2).good())
        out.first_column = x / 1e3, out.first_row = z / 1e3;
    }
    std::vector<std::uint8_t> mask(one);
    for (std::size_t i = 0; i < one; ++i) mask[i] = packed[(f * one + i) / 8] >> (f * one + i) % 8 & 1;
    out.masks[segment - 1U].push_back(std::move(mask));
  }
  return out;
}

std::string dicom_referenced_image(const fs::path& segmentation) {
  Reader reader(segmentation);
  DcmItem *series = nullptr, *instance = nullptr;
  if (reader.data().findAndGetSequenceItem(DCM_ReferencedSeriesSequence, series, 0).bad() ||
      series->findAndGetSequenceItem(DCM_ReferencedInstanceSequence, instance, 0).bad())
    return "";
  return reader.text(*instance, DCM_ReferencedSOPInstanceUID);
}

std::string dicom_identifier(const fs::path& image) {
  Reader reader(image);
  return reader.text(reader.data(), DCM_SOPInstanceUID);
}

}  // namespace sonoforge
