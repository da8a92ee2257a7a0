#include <gtest/gtest.h>
#include <hdf5.h>
#include <sys/resource.h>
#include <unistd.h>

#include <complex>
#include <csignal>
#include <fstream>
#include <iterator>
#include <thread>

#include "core/error.hpp"
#include "io/hdf5.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

class Hdf5 : public ::testing::Test {
 protected:
  void SetUp() override {
    folder = fs::temp_directory_path() / ("sonoforge_hdf5_" + std::to_string(getpid()));
    fs::create_directories(folder);
  }
  void TearDown() override { fs::remove_all(folder); }

  static std::string bytes(const fs::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  template <class Action>
  static std::string error_of(Action&& action) {
    try {
      action();
    } catch (const UserError& error) {
      return error.what();
    }
    return "no error";
  }
  std::size_t files() const { return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {})); }

  fs::path folder;
};

TEST_F(Hdf5, EveryTypeComesBackAsItWasWritten) {
  const auto file = folder / "a.hdf5";
  const std::vector<float> reals{1.5F, -2.25F, 3e-30F, 4, 5, 6};
  const std::vector<std::int16_t> integers{-32768, 0, 32767};
  const std::vector<std::complex<float>> phasors{{1, 2}, {3, -4}};
  const std::vector<std::uint8_t> masks{0, 1, 1, 0};
  {
    Hdf5Writer writer(file);
    writer.write<float>("a/b/reals", reals, {2, 3}, {"m", "six numbers", 4});
    writer.write<std::int16_t>("integers", integers, {3});
    writer.write<std::complex<float>>("phasors", phasors, {2});
    writer.write_bools("masks", masks, {2, 2});
    writer.write_scalar("seed", std::uint64_t{18446744073709551615ULL});
    writer.write_text("config", "seed: 7\n# µm\n");
    writer.write_texts("labels", {"lesion", "", "liver"});
    writer.write<double>("empty", {}, {0, 3});
    writer.group("x/y");
    writer.attribute("", "version", std::string("0.1.6"));
    writer.attribute("a", "number", 2.5);
    writer.attribute("a", "count", std::int64_t{-9});
    writer.commit();
  }
  EXPECT_EQ(files(), 1U);
  const Hdf5Reader reader(file);
  EXPECT_EQ(reader.read<float>("a/b/reals"), reals);
  EXPECT_EQ(reader.shape("a/b/reals"), (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(reader.text_attribute("a/b/reals", "unit"), "m");
  EXPECT_EQ(reader.text_attribute("a/b/reals", "description"), "six numbers");
  EXPECT_EQ(reader.read<std::int16_t>("integers"), integers);
  EXPECT_EQ(reader.read<double>("integers"), (std::vector<double>{-32768, 0, 32767}));
  EXPECT_EQ(reader.read<std::complex<float>>("phasors"), phasors);
  EXPECT_EQ(reader.read<std::uint8_t>("masks"), masks);
  EXPECT_EQ(reader.read_scalar<std::uint64_t>("seed"), 18446744073709551615ULL);
  EXPECT_EQ(reader.read_text("config"), "seed: 7\n# µm\n");
  EXPECT_EQ(reader.read_texts("labels"), (std::vector<std::string>{"lesion", "", "liver"}));
  EXPECT_EQ(reader.shape("empty"), (std::vector<std::size_t>{0, 3}));
  EXPECT_TRUE(reader.read<double>("empty").empty());
  EXPECT_EQ(reader.children("/"),
            (std::vector<std::string>{"a", "config", "empty", "integers", "labels", "masks", "phasors", "seed", "x"}));
  EXPECT_TRUE(reader.is_group("x/y"));
  EXPECT_FALSE(reader.has("x/z"));
  EXPECT_FALSE(reader.has("seed/z"));
  EXPECT_EQ(reader.text_attribute("/", "version"), "0.1.6");
  EXPECT_EQ(reader.number_attribute("a", "number"), 2.5);
  EXPECT_EQ(reader.number_attribute("a", "count"), -9);
  EXPECT_EQ(reader.type_name("a/b/reals"), "float32");
  EXPECT_EQ(reader.type_name("integers"), "int16");
  EXPECT_EQ(reader.type_name("phasors"), "complex64");
  EXPECT_EQ(reader.type_name("masks"), "bool");
  EXPECT_EQ(reader.type_name("labels"), "string");
  EXPECT_EQ(reader.type_name("seed"), "uint64");
}

TEST_F(Hdf5, EqualContentGivesEqualBytes) {
  std::vector<double> values(300'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 1000);
  for (const char* name : {"first", "second"}) {
    Hdf5Writer writer(folder / name);
    writer.write<double>("group/values", values, {300, 1000}, {"m", "ramp", 5});
    writer.write_text("text", "same");
    writer.commit();
    if (std::string(name) == "first") std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  }
  EXPECT_EQ(bytes(folder / "first"), bytes(folder / "second"));
  // 2.4 MB of repeating ramps, deflated.
  EXPECT_LT(fs::file_size(folder / "first"), 200'000U);
}

TEST_F(Hdf5, NothingAppearsWithoutCommitAndAnOldFileStays) {
  const auto file = folder / "kept.hdf5";
  std::ofstream(file) << "old";
  {
    Hdf5Writer writer(file);
    writer.write_text("text", "new");
  }
  EXPECT_EQ(bytes(file), "old");
  EXPECT_EQ(files(), 1U);
}

TEST_F(Hdf5, ProblemsNameFileAndDataset) {
  const auto file = folder / "a.hdf5";
  {
    Hdf5Writer writer(file);
    writer.write<double>("values", std::vector<double>{1, 2, 3, 4}, {2, 2});
    writer.write_text("text", "abc");
    writer.commit();
  }
  const Hdf5Reader reader(file);
  EXPECT_EQ(error_of([&] { (void)reader.read<float>("nothing/here"); }),
            file.string() + ": dataset 'nothing/here' is missing. Compare the file with its format");
  EXPECT_EQ(error_of([&] {
              (void)reader.read<float>("values", {-1, 3});
            }),
            file.string() + ": dataset 'values' has shape [2, 2] (needs [any, 3]). Compare the file with its format");
  EXPECT_EQ(reader.read<float>("values", {-1, 2}).size(), 4U);
  EXPECT_NE(error_of([&] { (void)reader.read<float>("text"); }).find("has type string"), std::string::npos);
  EXPECT_NE(error_of([&] { (void)reader.read_text("values"); }).find("text is needed"), std::string::npos);
  EXPECT_NE(error_of([&] { (void)reader.read_scalar<float>("values"); }).find("needs a single one"), std::string::npos);
  EXPECT_NE(error_of([&] { (void)reader.children("values"); }).find("group 'values' is missing"), std::string::npos);
  EXPECT_NE(error_of([&] { (void)reader.text_attribute("/", "x"); }).find("attribute 'x'"), std::string::npos);
  EXPECT_NE(error_of([&] { Hdf5Reader missing(folder / "b.hdf5"); }).find("no such file"), std::string::npos);
  EXPECT_NE(error_of([&] { Hdf5Reader directory(folder); }).find("folder"), std::string::npos);
  std::ofstream(folder / "text.hdf5") << "just some text, long enough to be looked at";
  EXPECT_NE(error_of([&] { Hdf5Reader text(folder / "text.hdf5"); }).find("not an HDF5 file"), std::string::npos);
  std::ofstream(folder / "empty.hdf5").flush();
  EXPECT_NE(error_of([&] { Hdf5Reader empty(folder / "empty.hdf5"); }).find("empty"), std::string::npos);
}

TEST_F(Hdf5, LinksOutOfTheFileLoopsAndForeignStorageAreNotFollowed) {
  const auto file = folder / "links.hdf5", other = folder / "other.hdf5";
  {
    Hdf5Writer writer(other);
    writer.write_scalar("secret", 42.0);
    writer.commit();
  }
  (void)Hdf5Reader(other).read_scalar<double>("secret");  // the library is set up by now
  std::ofstream(folder / "raw.bin") << "0123456789abcdef";
  const hid_t made = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_external(other.c_str(), "/secret", made, "outside", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/b", made, "a", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_soft("/a", made, "b", H5P_DEFAULT, H5P_DEFAULT);
  const hid_t group = H5Gcreate2(made, "group", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(made, "/", group, "up", H5P_DEFAULT, H5P_DEFAULT);
  H5Gclose(group);
  const hsize_t two[] = {2};
  const hid_t space = H5Screate_simple(1, two, nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(creation, (folder / "raw.bin").c_str(), 0, 16);
  H5Dclose(H5Dcreate2(made, "external", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Pclose(creation);
  const hid_t virtual_creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_virtual(virtual_creation, space, other.c_str(), "/secret", space);
  H5Dclose(H5Dcreate2(made, "virtual", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, virtual_creation, H5P_DEFAULT));
  H5Pclose(virtual_creation);
  H5Sclose(space);
  H5Fclose(made);

  const Hdf5Reader reader(file);
  EXPECT_FALSE(reader.has("outside"));
  EXPECT_FALSE(reader.has("a"));
  EXPECT_FALSE(reader.has("a/x"));
  EXPECT_TRUE(reader.has("group/up/group/up/group"));
  EXPECT_NE(error_of([&] { (void)reader.read<double>("outside"); }).find("missing"), std::string::npos);
  EXPECT_NE(error_of([&] { (void)reader.read<double>("a"); }).find("missing"), std::string::npos);
  EXPECT_NE(error_of([&] { (void)reader.read<double>("external"); }).find("other files"), std::string::npos);
  EXPECT_NE(error_of([&] { (void)reader.read<double>("virtual"); }).find("other files"), std::string::npos);
}

TEST_F(Hdf5, AbsurdSizesAreRefusedBeforeMemoryIsTaken) {
  const auto file = folder / "huge.hdf5";
  const hid_t made = H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  const hsize_t extents[] = {1'000'000, 1'000'000};
  const hsize_t chunk[] = {1000, 1000};
  const hid_t space = H5Screate_simple(2, extents, nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 2, chunk);
  H5Dclose(H5Dcreate2(made, "chunked", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
  H5Dclose(H5Dcreate2(made, "unwritten", H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  const hsize_t far[] = {1ULL << 40, 1ULL << 40};
  const hid_t overflow = H5Screate_simple(2, far, nullptr);
  const hid_t dataset = H5Dcreate2(made, "overflow", H5T_NATIVE_DOUBLE, overflow, H5P_DEFAULT, creation, H5P_DEFAULT);
  if (dataset >= 0) H5Dclose(dataset);
  H5Sclose(overflow);
  H5Pclose(creation);
  H5Sclose(space);
  H5Fclose(made);
  const Hdf5Reader reader(file);
  EXPECT_NE(error_of([&] { (void)reader.read<float>("chunked"); }).find("The file is damaged"), std::string::npos);
  EXPECT_NE(error_of([&] { (void)reader.read<float>("unwritten"); }).find("The file is damaged"), std::string::npos);
  if (reader.has("overflow")) {
    EXPECT_NE(error_of([&] { (void)reader.read<float>("overflow"); }).find("absurd size"), std::string::npos);
  }
}

TEST_F(Hdf5, ImpossibleTargetsAreUserErrors) {
  EXPECT_NE(error_of([&] { Hdf5Writer writer(folder / "missing" / "a.hdf5"); }).find("No such file"),
            std::string::npos);
  EXPECT_NE(error_of([&] { Hdf5Writer writer(folder); }).find("Is a directory"), std::string::npos);
  if (getuid() != 0) {
    fs::permissions(folder, fs::perms::owner_read | fs::perms::owner_exec);
    EXPECT_NE(error_of([&] { Hdf5Writer writer(folder / "a.hdf5"); }).find("Permission denied"), std::string::npos);
    fs::permissions(folder, fs::perms::owner_all);
  }
}

// A limit on file size stands in for a full disk: both make write() fail part of the way.
TEST_F(Hdf5, AFullDiskIsAUserErrorAndLeavesNothingBehind) {
  const auto old_action = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  for (const rlim_t limit : {rlim_t{0}, rlim_t{700}, rlim_t{100'000}}) {
    const rlimit small{limit, old.rlim_max};
    setrlimit(RLIMIT_FSIZE, &small);
    std::vector<float> values(100'000, 1.0F);
    const auto text = error_of([&] {
      Hdf5Writer writer(folder / "a.hdf5");
      writer.write<float>("values", values, {values.size()});
      writer.attribute("values", "unit", std::string("m"));
      writer.commit();
    });
    setrlimit(RLIMIT_FSIZE, &old);
    EXPECT_NE(text.find("File too large"), std::string::npos) << limit << " " << text;
    EXPECT_EQ(files(), 0U) << limit;
  }
  std::signal(SIGXFSZ, old_action);
  Hdf5Writer writer(folder / "after.hdf5");
  writer.write_scalar("works", 1.0);
  writer.commit();
  EXPECT_EQ(Hdf5Reader(folder / "after.hdf5").read_scalar<double>("works"), 1.0);
}

TEST_F(Hdf5, ManyThreadsMayReadAndWriteAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> good{0};
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int k = 0; k < 5; ++k) {
        const auto file = folder / (std::to_string(i) + ".hdf5");
        std::vector<float> values(1000, static_cast<float>(i * 10 + k));
        Hdf5Writer writer(file);
        writer.write<float>("values", values, {10, 100}, {"", "", 3});
        writer.commit();
        if (Hdf5Reader(file).read<float>("values") == values) ++good;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 40);
}

}  // namespace
}  // namespace sonoforge
