#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <numbers>

#include "io/inflate.hpp"
#include "io/nifti.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

class Nifti : public TestFolder {
 protected:
  /// A header by the published layout, written independently of the product's.
  struct Header {
    bool big_endian = false;
    std::int16_t datatype = 4;
    std::array<std::int16_t, 8> dim{3, 2, 3, 1, 1, 1, 1, 1};
    std::array<float, 8> pixdim{1, 0.5F, 2, 3, 1, 1, 1, 1};
    float vox_offset = 352, slope = 0, intercept = 0;
    std::uint8_t units = 2;
    std::int16_t qform = 0, sform = 0;
    std::array<float, 6> quaternion_and_offset{};
    std::array<float, 12> srow{};
  };
  template <class T>
  static void set(std::string& bytes, std::size_t at, T value, bool big_endian) {
    std::string raw(sizeof(T), '\0');
    std::memcpy(raw.data(), &value, sizeof(T));
    if (big_endian) std::reverse(raw.begin(), raw.end());
    bytes.replace(at, sizeof(T), raw);
  }
  template <class T>
  static std::string make(const Header& h, const std::vector<T>& values) {
    std::string bytes(352 + values.size() * sizeof(T), '\0');
    set<std::int32_t>(bytes, 0, 348, h.big_endian);
    for (std::size_t i = 0; i < 8; ++i) {
      set(bytes, 40 + 2 * i, h.dim[i], h.big_endian);
      set(bytes, 76 + 4 * i, h.pixdim[i], h.big_endian);
    }
    set(bytes, 70, h.datatype, h.big_endian);
    set(bytes, 108, h.vox_offset, h.big_endian);
    set(bytes, 112, h.slope, h.big_endian);
    set(bytes, 116, h.intercept, h.big_endian);
    bytes[123] = static_cast<char>(h.units);
    set(bytes, 252, h.qform, h.big_endian);
    set(bytes, 254, h.sform, h.big_endian);
    for (std::size_t i = 0; i < 6; ++i) set(bytes, 256 + 4 * i, h.quaternion_and_offset[i], h.big_endian);
    for (std::size_t i = 0; i < 12; ++i) set(bytes, 280 + 4 * i, h.srow[i], h.big_endian);
    bytes.replace(344, 4, std::string("n+1\0", 4));
    for (std::size_t i = 0; i < values.size(); ++i) set(bytes, 352 + i * sizeof(T), values[i], h.big_endian);
    return bytes;
  }
  template <class T>
  void check_type(std::int16_t code, const std::vector<T>& values, const std::vector<float>& expected) {
    for (const bool big_endian : {false, true}) {
      Header header;
      header.big_endian = big_endian;
      header.datatype = code;
      put(folder / "a.nii", make(header, values));
      EXPECT_EQ(read_nifti(folder / "a.nii").values, expected) << code << big_endian;
      put(folder / "a.nii.gz", gzip(make(header, values)));
      EXPECT_EQ(read_nifti(folder / "a.nii.gz").values, expected) << code << big_endian;
    }
  }
};

TEST_F(Nifti, EveryTypeAndByteOrder) {
  check_type<std::uint8_t>(2, {0, 1, 2, 3, 4, 255}, {0, 1, 2, 3, 4, 255});
  check_type<std::int16_t>(4, {0, -1, 2, 3, 4, -32768}, {0, -1, 2, 3, 4, -32768});
  check_type<std::int32_t>(8, {0, -1, 2, 3, 4, 1 << 20}, {0, -1, 2, 3, 4, 1048576});
  check_type<float>(16, {0, -1.5F, 2, 3, 4, 1e-6F}, {0, -1.5F, 2, 3, 4, 1e-6F});
  check_type<double>(64, {0, -1.5, 2, 3, 4, 0.25}, {0, -1.5F, 2, 3, 4, 0.25F});
  check_type<std::int8_t>(256, {0, -1, 2, 3, 4, -128}, {0, -1, 2, 3, 4, -128});
  check_type<std::uint16_t>(512, {0, 1, 2, 3, 4, 65535}, {0, 1, 2, 3, 4, 65535});
  check_type<std::uint32_t>(768, {0, 1, 2, 3, 4, 1U << 31}, {0, 1, 2, 3, 4, 2147483648.0F});
  check_type<std::int64_t>(1024, {0, -1, 2, 3, 4, 5}, {0, -1, 2, 3, 4, 5});
  check_type<std::uint64_t>(1280, {0, 1, 2, 3, 4, 5}, {0, 1, 2, 3, 4, 5});
}

TEST_F(Nifti, SlopeUnitsSformAndQform) {
  Header header;
  header.slope = 2;
  header.intercept = -1;
  const std::vector<std::int16_t> values{0, 1, 2, 3, 4, 5};
  put(folder / "a.nii", make(header, values));
  auto volume = read_nifti(folder / "a.nii");
  EXPECT_EQ(volume.values, (std::vector<float>{-1, 1, 3, 5, 7, 9}));
  EXPECT_EQ(volume.size, (std::array<std::size_t, 3>{2, 3, 1}));
  EXPECT_NEAR(volume.spacing[0], 0.5e-3, 1e-12);
  EXPECT_NEAR(volume.spacing[2], 3e-3, 1e-12);
  EXPECT_NEAR(volume.affine[1][1], 2e-3, 1e-12);  // no form: spacing alone

  // A quarter turn about z: (a, b, c, d) = (cos 45, 0, 0, sin 45) takes i to +y and j to -x.
  header.qform = 1;
  header.units = 1;
  header.quaternion_and_offset = {0, 0, std::sin(std::numbers::pi_v<float> / 4), 10, 20, 30};
  header.pixdim[0] = -1;  // third axis reversed
  put(folder / "a.nii", make(header, values));
  volume = read_nifti(folder / "a.nii");
  const double turned[3][4] = {{0, -2, 0, 10}, {0.5, 0, 0, 20}, {0, 0, -3, 30}};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column)
      EXPECT_NEAR(volume.affine[row][column], turned[row][column], 1e-6);
  }
  // The sform wins where both stand.
  header.sform = 2;
  header.units = 3;
  for (std::size_t i = 0; i < 12; ++i) header.srow[i] = static_cast<float>(i);
  put(folder / "a.nii", make(header, values));
  volume = read_nifti(folder / "a.nii");
  EXPECT_NEAR(volume.affine[2][1], 9e-6, 1e-15);
}

TEST_F(Nifti, VolumeComesBackAsWritten) {
  NiftiVolume volume;
  volume.size = {3, 2, 2};
  volume.spacing = {0.25e-3, 0.5e-3, 1e-3};
  volume.affine = {{{0.25e-3, 0, 0, -0.01}, {0, 0.5e-3, 0, 0.02}, {0, 0, 1e-3, 0.03}}};
  for (int i = 0; i < 12; ++i) volume.values.push_back(0.1F * static_cast<float>(i));
  for (const char* name : {"a.nii", "a.nii.gz", "b.nii.gz"}) {
    write_nifti(folder / name, volume);
    const auto back = read_nifti(folder / name);
    EXPECT_EQ(back.values, volume.values);
    EXPECT_EQ(back.size, volume.size);
    for (std::size_t row = 0; row < 3; ++row) {
      EXPECT_NEAR(back.spacing[row], volume.spacing[row], 1e-10);
      for (std::size_t column = 0; column < 4; ++column)
        EXPECT_NEAR(back.affine[row][column], volume.affine[row][column], 1e-9);
    }
  }
  EXPECT_EQ(bytes(folder / "a.nii.gz"), bytes(folder / "b.nii.gz"));
}

TEST_F(Nifti, BrokenFilesAreRefused) {
  const std::vector<std::int16_t> values{0, 1, 2, 3, 4, 5};
  struct Case {
    const char* name;
    std::function<void(Header&)> change;
    const char* message;
  };
  const Case cases[] = {
      {"no axes", [](Header& h) { h.dim[0] = 0; }, "0 axes"},
      {"negative axis", [](Header& h) { h.dim[1] = -4; }, "-4 voxels"},
      {"time axis", [](Header& h) { h.dim[0] = 4, h.dim[4] = 7; }, "more than three axes"},
      {"absurd size", [](Header& h) { h.dim[1] = h.dim[2] = h.dim[3] = 32767; }, "holds fewer"},
      {"complex", [](Header& h) { h.datatype = 32; }, "data type 32"},
      {"data in the header", [](Header& h) { h.vox_offset = 8; }, "data at byte"},
      {"data nowhere", [](Header& h) { h.vox_offset = std::nanf(""); }, "data at byte"},
      {"infinite place", [](Header& h) { h.sform = 1, h.srow[3] = INFINITY; }, "not finite"},
  };
  for (const auto& one : cases) {
    Header header;
    one.change(header);
    for (const bool packed : {false, true}) {
      const auto content = make(header, values);
      put(folder / "a.nii", packed ? gzip(content) : content);
      EXPECT_NE(error_of([&] { read_nifti(folder / "a.nii"); }).find(one.message), std::string::npos) << one.name;
    }
  }
  auto second = make(Header{}, values);
  set<std::int32_t>(second, 0, 540, false);
  put(folder / "a.nii", second);
  EXPECT_NE(error_of([&] { read_nifti(folder / "a.nii"); }).find("NIfTI-2"), std::string::npos);
  put(folder / "a.nii", "text");
  EXPECT_NE(error_of([&] { read_nifti(folder / "a.nii"); }).find("too short"), std::string::npos);
  put(folder / "a.nii", "\x1f\x8b and then text");
  EXPECT_NE(error_of([&] { read_nifti(folder / "a.nii"); }).find("zlib"), std::string::npos);
}

TEST_F(Nifti, DamagedFilesOnlyGiveUserErrors) {
  const std::vector<std::int16_t> values{0, 1, 2, 3, 4, 5};
  EXPECT_GT(fuzz(make(Header{}, values), 1500, [](const auto& file) { read_nifti(file); }), 100);
  EXPECT_GT(fuzz(gzip(make(Header{}, values)), 1500, [](const auto& file) { read_nifti(file); }), 500);
}

}  // namespace
}  // namespace sonoforge
