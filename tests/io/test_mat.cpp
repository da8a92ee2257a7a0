#include <gtest/gtest.h>
#include <hdf5.h>

#include <complex>
#include <cstdlib>
#include <cstring>

#include "io/hdf5.hpp"
#include "io/mat.hpp"
#include "tests/io/mat_builder.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

using Builder = test::MatBuilder;

class Mat : public TestFolder {};

TEST_F(Mat, Version5OfBothByteOrdersPlainAndCompressed) {
  for (const bool big_endian : {false, true}) {
    for (const bool packed : {false, true}) {
      const Builder b{big_endian};
      const auto field_names = b.small(5, b.number(std::int32_t{4})) + b.element(1, std::string("fs\0\0name", 8));
      const std::vector<std::string> variables{
          b.matrix(6, {2, 2}, "a", b.element(9, b.numbers<double>({1, 2, 3, 4.5}))),
          b.matrix(10, {1, 3}, "b", b.element(3, b.numbers<std::int16_t>({-7, 8, 32767}))),
          b.matrix(6, {1, 2}, "stored_small", b.small(2, std::string("\x05\xff", 2))),
          b.matrix(4, {1, 5}, "text", b.element(4, b.numbers<std::uint16_t>({'h', 0xe9, 'l', 'l', 'o'}))),
          b.matrix(6 | 0x800, {1, 1}, "z", b.element(9, b.number(3.0)) + b.element(9, b.number(-4.0))),
          b.matrix(2, {1, 1}, "param",
                   field_names + b.matrix(6, {1, 1}, "", b.element(9, b.number(20e6))) +
                       b.matrix(4, {1, 2}, "", b.small(16, "ok"))),
          b.matrix(1, {1, 2}, "cell",
                   b.matrix(6, {1, 1}, "", b.element(9, b.number(1.0))) + b.matrix(6, {0, 0}, "", b.element(9, ""))),
      };
      std::string content = b.header();
      for (const auto& variable : variables) content += packed ? b.compressed(variable) : variable;
      put(folder / "a.mat", content);
      const auto all = read_mat(folder / "a.mat");
      ASSERT_EQ(all.size(), variables.size());
      EXPECT_EQ(all.at("a").values, (std::vector<double>{1, 2, 3, 4.5}));
      EXPECT_EQ(all.at("a").size, (std::vector<std::size_t>{2, 2}));
      EXPECT_EQ(all.at("b").values, (std::vector<double>{-7, 8, 32767}));
      EXPECT_EQ(all.at("stored_small").values, (std::vector<double>{5, 255}));
      EXPECT_EQ(all.at("text").text, "h\u00e9llo");
      EXPECT_EQ(all.at("z").values, (std::vector<double>{3}));
      EXPECT_EQ(all.at("z").fields.at("imag").values, (std::vector<double>{-4}));
      EXPECT_EQ(all.at("param").fields.at("fs").values, (std::vector<double>{20e6}));
      EXPECT_EQ(all.at("param").fields.at("name").text, "ok");
      EXPECT_EQ(all.at("cell").fields.at("1").values, (std::vector<double>{1}));
      EXPECT_TRUE(all.at("cell").fields.at("2").values.empty());
    }
  }
}

// As MATLAB lays a 7.3 file out: a block of 512 bytes with a text header before the HDF5 data, sizes reversed, structs
// as groups.
TEST_F(Mat, Version73) {
  const auto file = folder / "a.mat";
  {
    Hdf5Writer writer(folder / "plain.hdf5");
    writer.write<std::int16_t>("RF", std::vector<std::int16_t>{1, 2, 3, 4, 5, 6}, {2, 3});
    writer.attribute("RF", "MATLAB_class", std::string("int16"));
    writer.write<double>("param/fs", std::vector<double>{20e6}, {1, 1});
    writer.attribute("param", "MATLAB_class", std::string("struct"));
    writer.write<std::uint16_t>("param/name", std::vector<std::uint16_t>{'o', 'k'}, {2, 1});
    writer.attribute("param/name", "MATLAB_class", std::string("char"));
    writer.write<std::uint64_t>("nothing", std::vector<std::uint64_t>{0, 5}, {2});
    writer.attribute("nothing", "MATLAB_empty", std::int64_t{1});
    writer.write<std::complex<double>>("z", std::vector<std::complex<double>>{{3, -4}}, {1, 1});
    writer.write_text("#refs#/a", "hidden");
    writer.commit();
  }
  for (const bool with_block : {false, true}) {
    auto content = bytes(folder / "plain.hdf5");
    if (with_block) {
      // The same file with a user block, by HDF5's own copy of every object.
      const hid_t creation = H5Pcreate(H5P_FILE_CREATE);
      H5Pset_userblock(creation, 512);
      const hid_t to = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, creation, H5P_DEFAULT);
      const hid_t from = H5Fopen((folder / "plain.hdf5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
      for (const char* name : {"RF", "param", "nothing", "z", "#refs#"})
        H5Ocopy(from, name, to, name, H5P_DEFAULT, H5P_DEFAULT);
      H5Fclose(from);
      H5Fclose(to);
      H5Pclose(creation);
      content = bytes(file);
      content.replace(0, 128, Builder{}.header(0x0200));
    }
    put(file, content);
    const auto all = read_mat(file);
    ASSERT_EQ(all.size(), 4U) << with_block;
    EXPECT_EQ(all.at("RF").size, (std::vector<std::size_t>{3, 2}));
    EXPECT_EQ(all.at("RF").values, (std::vector<double>{1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(all.at("param").fields.at("fs").values, (std::vector<double>{20e6}));
    EXPECT_EQ(all.at("param").fields.at("name").text, "ok");
    EXPECT_TRUE(all.at("nothing").values.empty());
    EXPECT_EQ(all.at("z").fields.at("imag").values, (std::vector<double>{-4}));
  }
}

TEST_F(Mat, BrokenFilesAreRefused) {
  const Builder b;
  const auto good = b.matrix(6, {1, 2}, "a", b.element(9, b.numbers<double>({1, 2})));
  auto message = [&](const std::string& content) {
    put(folder / "a.mat", content);
    return error_of([&] { read_mat(folder / "a.mat"); });
  };
  EXPECT_EQ(message(b.header() + good), "no error");
  EXPECT_NE(message("MATLAB").find("not a MAT file"), std::string::npos);
  EXPECT_NE(message(std::string(200, 'x')).find("not a MAT file"), std::string::npos);
  EXPECT_NE(message(b.header(0x0200) + std::string(600, 'x')).find("not an HDF5 file"), std::string::npos);
  EXPECT_NE(message((b.header() + good).substr(0, 150)).find("cut off"), std::string::npos);
  EXPECT_NE(
      message(b.header() + b.matrix(6, {1, 3}, "a", b.element(9, b.numbers<double>({1, 2})))).find("does not fit"),
      std::string::npos);
  EXPECT_NE(
      message(b.header() + b.matrix(6, {2147483647, 2147483647, 2147483647}, "a", b.element(9, ""))).find("absurd"),
      std::string::npos);
  EXPECT_NE(message(b.header() + b.matrix(6, {-1, 1}, "a", b.element(9, ""))).find("absurd"), std::string::npos);
  EXPECT_NE(message(b.header() + b.matrix(6, {1, 1}, "a", b.element(99, "12345678"))).find("unknown type 99"),
            std::string::npos);
  auto bomb = b.compressed(b.number(std::uint32_t{14}) + b.number(std::uint32_t{0xfffffff0}) + std::string(100, '\0'));
  EXPECT_NE(message(b.header() + bomb).find("absurd size"), std::string::npos);
  std::string nested = b.matrix(6, {1, 1}, "", b.element(9, b.number(1.0)));
  for (int i = 0; i < 60; ++i) nested = b.matrix(1, {1, 1}, "c", nested);
  EXPECT_NE(message(b.header() + nested).find("too deeply"), std::string::npos);
}

TEST_F(Mat, DamagedFilesOnlyGiveUserErrors) {
  const Builder b;
  const auto names = b.small(5, b.number(std::int32_t{4})) + b.element(1, std::string("fs\0\0name", 8));
  const auto variables =
      b.matrix(
          2, {1, 1}, "param",
          names + b.matrix(6, {1, 1}, "", b.element(9, b.number(20e6))) + b.matrix(4, {1, 2}, "", b.small(16, "ok"))) +
      b.matrix(1, {1, 2}, "cell",
               b.matrix(6, {1, 1}, "", b.element(9, b.number(1.0))) + b.matrix(6, {0, 0}, "", b.element(9, "")));
  EXPECT_GT(fuzz(b.header() + variables, 3000, [](const auto& file) { read_mat(file); }), 500);
}

// Facts from the file's own documentation (see the index of the reference data).
TEST_F(Mat, RotatingDiskOfMust) {
  const char* reference = std::getenv("SONOFORGE_REFERENCE");
  if (reference == nullptr) GTEST_SKIP() << "SONOFORGE_REFERENCE names the folder with PWI_disk.mat; it is not set";
  const auto file = std::filesystem::path(reference) / "third_party" / "PWI_disk.mat";
  const auto all = read_mat(file);
  EXPECT_EQ(all.at("RF").size, (std::vector<std::size_t>{334, 128, 32}));
  EXPECT_EQ(all.at("RF").values.size(), 334U * 128 * 32);
  const auto& param = all.at("param").fields;
  EXPECT_EQ(param.at("fc").values, (std::vector<double>{5e6}));
  EXPECT_NEAR(param.at("fs").values.at(0), 20e6 / 3, 1e-6);
  EXPECT_EQ(param.at("PRF").values, (std::vector<double>{10e3}));
  EXPECT_EQ(param.at("t0").values, (std::vector<double>{9.95e-6}));
  EXPECT_EQ(param.at("TXdelay").values, std::vector<double>(128, 0.0));
  // Hit headers, tags and the small struct rather than the two megabytes of echoes.
  EXPECT_GT(fuzz(
                bytes(file), 60, [](const auto& broken) { read_mat(broken); }, 4096),
            20);
}

}  // namespace
}  // namespace sonoforge
