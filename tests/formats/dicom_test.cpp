#include "io/dicom.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "formats/convert.hpp"
#include "formats/dicom_image.hpp"
#include "formats/reader.hpp"
#include "tests/formats/support.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

class Dicom : public TestFolder {};

/// Two frames of levels that tell pixels apart, on square pixels.
ZeaFile movie() {
  ZeaFile content;
  PixelGrid grid;
  grid.x = {-3.1e-3, 0.1e-3, 41};
  grid.z = {5e-3, 0.1e-3, 27};
  for (int f = 0; f < 2; ++f) {
    RealMap image(grid);
    for (std::size_t i = 0; i < image.values.size(); ++i)
      image.values.flat()[i] = -static_cast<float>((i * 7 + static_cast<std::size_t>(f) * 13) % 61);
    content.images.push_back(std::move(image));
  }
  content.image_grid = grid;
  content.acquisition.sequence.frame_rate = 40;
  content.acquisition.centre_frequency = 7.5e6;
  content.acquisition.description = "two frames";
  return content;
}

TEST_F(Dicom, ImagesComeBackToHalfAGreyLevelOnTheirGrid) {
  const ZeaFile written = movie();
  write_any(folder / "a.dcm", written);
  EXPECT_EQ(detect_format(folder / "a.dcm"), "dicom");
  const ZeaFile read = read_any(folder / "a.dcm");
  ASSERT_EQ(read.images.size(), 2u);
  EXPECT_NEAR(read.acquisition.sequence.frame_rate, 40, 1e-6);
  EXPECT_EQ(read.acquisition.centre_frequency, 7.5e6);
  EXPECT_EQ(read.acquisition.description, "two frames");
  const PixelGrid &a = written.images[0].grid, &b = read.images[0].grid;
  EXPECT_EQ(b.x.count, a.x.count);
  EXPECT_EQ(b.z.count, a.z.count);
  EXPECT_NEAR(b.x.from, a.x.from, 1e-15);
  EXPECT_NEAR(b.x.step, a.x.step, 1e-15);
  EXPECT_NEAR(b.z.from, a.z.from, 1e-15);
  EXPECT_NEAR(b.z.step, a.z.step, 1e-15);
  for (std::size_t f = 0; f < 2; ++f)
    for (std::size_t i = 0; i < read.images[f].values.size(); ++i)
      ASSERT_NEAR(read.images[f].values.flat()[i], std::max(written.images[f].values.flat()[i], -60.0F),
                  60.0 / 255 / 2 + 1e-4);
}

TEST_F(Dicom, TheSameContentGivesTheSameBytes) {
  write_any(folder / "a.dcm", movie());
  write_any(folder / "b.dcm", movie());
  EXPECT_EQ(bytes(folder / "a.dcm"), bytes(folder / "b.dcm"));
  ZeaFile other = movie();
  other.images[1].values.flat()[5] = -30;
  write_any(folder / "c.dcm", other);
  EXPECT_NE(bytes(folder / "a.dcm"), bytes(folder / "c.dcm"));
}

// Our own files name nobody but a synthetic patient; reading says which attributes are filled, and takes none of them
// over.
TEST_F(Dicom, WhatTellsOfAPersonIsNamedAndLeftBehind) {
  ZeaFile content = movie();
  content.subject_id = "Jane Doe";  // of a file that is not ours (no config): it stays behind
  write_any(folder / "a.dcm", content);
  EXPECT_EQ(bytes(folder / "a.dcm").find("Jane"), std::string::npos);
  EXPECT_TRUE(read_dicom(folder / "a.dcm").identifying.empty());
  // The same file under another name of the same length.
  std::string named = bytes(folder / "a.dcm");
  const auto at = named.find("SYNTHETIC^PHANTOM");
  ASSERT_NE(at, std::string::npos);
  named.replace(at, 17, "DOE^JANE^OF^SHEFF");
  put(folder / "a.dcm", named);
  const DicomUltrasound read = read_dicom(folder / "a.dcm");
  EXPECT_EQ(read.identifying, (std::vector<std::string>{"PatientName", "PatientID"}));
  EXPECT_TRUE(read.patient_id.empty());
  const ZeaFile again = read_any(folder / "a.dcm");
  EXPECT_TRUE(again.subject_id.empty());
  const auto& notes = again.acquisition.notes;
  EXPECT_TRUE(std::any_of(notes.begin(), notes.end(), [](const std::string& note) {
    return note.find("PatientName, PatientID") != std::string::npos;
  }));
}

TEST_F(Dicom, FilesWithoutScaleOrCutShortAreRefused) {
  DicomUltrasound bare;
  bare.rows = 20;
  bare.columns = 30;
  bare.frames = 1;
  bare.grey.assign(600, 77);
  write_dicom(folder / "bare.dcm", bare);
  EXPECT_EQ(read_dicom(folder / "bare.dcm").grey, bare.grey);
  EXPECT_NE(error_of([&] { read_any(folder / "bare.dcm"); }).find("no scale"), std::string::npos);
  write_any(folder / "a.dcm", movie());
  const std::string whole = bytes(folder / "a.dcm");
  for (const std::size_t kept : {140ul, whole.size() / 3, whole.size() - 300}) {
    put(folder / "cut.dcm", whole.substr(0, kept));
    EXPECT_NE(error_of([&] { read_any(folder / "cut.dcm"); }), "no error") << kept;
  }
}

}  // namespace
}  // namespace sonoforge
