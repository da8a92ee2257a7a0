#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <random>

#include "formats/convert.hpp"
#include "formats/must.hpp"
#include "formats/dicom_image.hpp"
#include "formats/picmus.hpp"
#include "formats/pybf.hpp"
#include "formats/reader.hpp"
#include "formats/uff.hpp"
#include "formats/zea.hpp"
#include "io/hdf5.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"
#include "tests/formats/support.hpp"
#include "tests/io/mat_builder.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

/// Files of every format we read, damaged in many ways by a generator of fixed seed. Each damaged file is read or
/// refused with a `UserError`; a crash ends the program, another exception (also for want of memory: the address space
/// is bounded) fails the test.
class Mutations : public TestFolder {
 protected:
  struct Outcome {
    int read = 0, refused = 0;
  };

  /// One damaged copy: bytes set, flipped, replaced by numbers that hurt, moved, left out, doubled, or the end cut off.
  static std::string damage(std::string content, std::mt19937& random, std::size_t region) {
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
    static const std::vector<std::string> numbers{std::string("\0\0\0\0", 4),
                                                  std::string("\xff\xff\xff\xff", 4),
                                                  std::string("\xff\xff\xff\x7f", 4),
                                                  std::string("\0\0\0\x80", 4),
                                                  std::string("\x7f\xff\xff\xff", 4),
                                                  std::string("\1\0\0\0", 4),
                                                  std::string("\xff\xff\xff\xff\xff\xff\xff\x7f", 8),
                                                  std::string("\0\0\0\0\0\0\xf0\x7f", 8)};  // the last: infinity
    for (std::size_t changes = 1 + below(3); changes > 0 && !content.empty(); --changes) {
      const std::size_t range = region == 0 ? content.size() : std::min(region, content.size());
      const std::size_t at = below(range), some = std::min(1 + below(16), content.size() - at);
      switch (below(8)) {
        case 0:
          content[at] = static_cast<char>(random());
          break;
        case 1:
          content[at] = static_cast<char>(content[at] ^ (1 << below(8)));
          break;
        case 2:
          content[at] = static_cast<char>(content[at] + (below(2) ? 1 : -1));
          break;
        case 3:
        case 4: {
          const std::string& number = numbers[below(numbers.size())];
          const std::size_t place = at / 4 * 4;
          content.replace(place, std::min(number.size(), content.size() - place), number, 0,
                          std::min(number.size(), content.size() - place));
          break;
        }
        case 5:
          content.replace(at, some, content.substr(below(range), some));
          break;
        case 6:
          content.erase(at, some);
          break;
        default:
          if (below(4) == 0)
            content.resize(at);
          else
            content.insert(at, content.substr(at, some));
      }
    }
    return content;
  }

  Outcome mutate(const std::string& content, const std::string& ending, int count,
                 const std::function<void(const fs::path&)>& read, std::size_t region = 0) {
    std::mt19937 random(20240601);
    Outcome outcome;
    const fs::path file = folder / ("damaged" + ending);
    for (int i = 0; i < count; ++i) {
      put(file, damage(content, random, region));
      const auto start = std::chrono::steady_clock::now();
      try {
        read(file);
        ++outcome.read;
      } catch (const UserError& error) {
        ++outcome.refused;
        EXPECT_NE(std::string(error.what()).find(file.filename().string()), std::string::npos)
            << "mutation " << i << ": " << error.what();
      } catch (const std::exception& error) {
        ADD_FAILURE() << ending << ", mutation " << i << ": " << error.what();
      }
      // The reader gives the HDF5 library a second of processor time for a small file; the rest is a busy machine.
      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(40)) << ending << ", mutation " << i;
    }
    return outcome;
  }

  /// The undamaged file is read, so that damage and nothing else is refused; enough of the damage is found.
  void expect_hardy(const fs::path& good, int count, const std::function<void(const fs::path&)>& read,
                    std::size_t region = 0) {
    EXPECT_EQ(error_of([&] { read(good); }), "no error");
    const Outcome outcome = mutate(bytes(good), good.extension().string(), count, read, region);
    EXPECT_GT(outcome.refused, count / 10) << good;
    EXPECT_EQ(outcome.read + outcome.refused, count) << good;
  }

  /// The largest memory that this process or a child of it ever had [bytes].
  static std::size_t most_memory() {
    rusage own{}, children{};
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    return static_cast<std::size_t>(std::max(own.ru_maxrss, children.ru_maxrss)) << 10;
  }

  void TearDown() override {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // these keep what was freed
    // A trial may take half a gigabyte beside the program; what a small damaged file claims beyond must be refused
    // untaken.
    EXPECT_LT(most_memory(), std::size_t{768} << 20);
#endif
    TestFolder::TearDown();
  }

  static fs::path reference(const std::string& name) {
    const char* root = std::getenv("SONOFORGE_REFERENCE");
    if (root == nullptr) return {};
    const fs::path file = fs::path(root) / "third_party" / name;
    return fs::exists(file) ? file : fs::path{};
  }
};

ZeaFile small_content() {
  ZeaFile content;
  content.acquisition.probe = test::small_probe();
  const auto& probe = content.acquisition.probe;
  content.acquisition.sequence.transmits = {
      plane_transmit(probe, std::vector<double>(probe.size(), 1.0), 0.1, 0, 1540)};
  content.acquisition.start = {1e-6};
  content.acquisition.samples = test::numbered(1, 1, 6, 37);
  content.acquisition.sampling_rate = 20e6;
  content.acquisition.centre_frequency = 5e6;
  content.acquisition.sound_speed = 1540;
  return content;
}

TEST_F(Mutations, ZeaFiles) {
  write_zea(folder / "a.hdf5", small_content());
  expect_hardy(folder / "a.hdf5", 150, read_zea);
}

TEST_F(Mutations, UffFiles) {
  write_uff(folder / "a.uff", small_content());
  expect_hardy(folder / "a.uff", 150, read_uff);
}

TEST_F(Mutations, PicmusFiles) {
  {
    const std::string group = "US/US_DATASET0000/";
    Hdf5Writer writer(folder / "a.hdf5");
    const auto scalar = [&](const std::string& name, float value) {
      writer.write<float>(group + name, std::span(&value, 1), {1});
    };
    scalar("sound_speed", 1540);
    scalar("initial_time", 3e-6F);
    scalar("sampling_frequency", 20.832e6F);
    scalar("PRF", 100);
    scalar("modulation_frequency", 5e6F);
    writer.write<float>(group + "angles", std::vector<float>{-0.1F, 0.1F}, {2});
    writer.write<float>(group + "probe_geometry",
                        std::vector<float>{-3e-3F, -1e-3F, 1e-3F, 3e-3F, 0, 0, 0, 0, 0, 0, 0, 0}, {3, 4});
    const std::vector<float> samples(std::size_t{2} * 4 * 5, 0.5F);
    writer.write<float>(group + "data/real", samples, {2, 4, 5});
    writer.write<float>(group + "data/imag", samples, {2, 4, 5});
    writer.commit();
  }
  ASSERT_EQ(detect_format(folder / "a.hdf5"), "picmus");
  expect_hardy(folder / "a.hdf5", 200, read_picmus);
}

TEST_F(Mutations, PybfFiles) {
  {
    Hdf5Writer writer(folder / "a.hdf5");
    const std::vector<std::pair<std::string, double>> numbers{{"data/f_sampling", 20e6},
                                                              {"data/correction_time_shift", 1e-6},
                                                              {"trans_params/f_central", 5e6},
                                                              {"trans_params/x_num_of_elements", 4},
                                                              {"trans_params/y_num_of_elements", 1},
                                                              {"trans_params/x_pitch", 3e-4},
                                                              {"trans_params/x_width", 2e-4},
                                                              {"trans_params/y_width", 5e-3},
                                                              {"trans_params/bandwidth", 0.7}};
    for (const auto& [name, value] : numbers) writer.write_scalar(name, value);
    writer.write<double>("data/tx_mode/PW_2", std::vector<double>{-0.1, 0.1}, {2});
    for (const char* shot : {"data/rf_data/frame_1/shot_1", "data/rf_data/frame_1/shot_2"})
      writer.write<float>(shot, std::vector<float>(20, 0.5F), {4, 5});
    writer.commit();
  }
  ASSERT_EQ(detect_format(folder / "a.hdf5"), "pybf");
  expect_hardy(folder / "a.hdf5", 200, read_pybf);
}

TEST_F(Mutations, MatFilesOfVersion5) {
  const test::MatBuilder b;
  const std::vector<std::pair<std::string, double>> numbers{
      {"fs", 20e6}, {"fc", 5e6}, {"pitch", 3e-4}, {"c", 1540}, {"t0", 1e-6}};
  std::string names, values;
  for (const auto& [name, value] : numbers) {
    names += name + std::string(8 - name.size(), '\0');
    values += b.matrix(6, {1, 1}, "", b.element(9, b.number(value)));
  }
  const std::string rf = b.matrix(10, {5, 4}, "RF", b.element(3, b.numbers(std::vector<std::int16_t>(20, 7))));
  const std::string param =
      b.matrix(2, {1, 1}, "param", b.small(5, b.number(std::int32_t{8})) + b.element(1, names) + values);
  put(folder / "plain.mat", b.header() + rf + param);
  put(folder / "packed.mat", b.header() + b.compressed(rf) + b.compressed(param));
  ASSERT_EQ(detect_format(folder / "plain.mat"), "must");
  expect_hardy(folder / "plain.mat", 2000, read_must);
  expect_hardy(folder / "packed.mat", 2000, read_must);
}

TEST_F(Mutations, MatFilesOfVersion73) {
  {
    Hdf5Writer writer(folder / "a.mat");
    writer.write<std::int16_t>("RF", std::vector<std::int16_t>(20, 7), {4, 5});
    writer.attribute("RF", "MATLAB_class", std::string("int16"));
    const std::vector<std::pair<std::string, double>> numbers{{"fs", 20e6}, {"fc", 5e6}, {"pitch", 3e-4}, {"c", 1540}};
    for (const auto& [name, value] : numbers) {
      writer.write<double>("param/" + name, std::span(&value, 1), {1, 1});
      writer.attribute("param/" + name, "MATLAB_class", std::string("double"));
    }
    writer.attribute("param", "MATLAB_class", std::string("struct"));
    writer.commit();
  }
  ASSERT_EQ(detect_format(folder / "a.mat"), "must");
  expect_hardy(folder / "a.mat", 200, read_must);
}

TEST_F(Mutations, ImageFiles) {
  ZeaFile content = small_content();
  content.image_grid = test::small_grid();
  content.images = {RealMap(test::small_grid())};
  for (const char* name : {"a.nii", "a.nii.gz"}) {
    write_any(folder / name, content);
    const Outcome outcome = mutate(bytes(folder / name), name, 1500, [](const fs::path& file) { read_nifti(file); });
    EXPECT_GT(outcome.refused, 150) << name;
  }
  write_any(folder / "a.png", content);
  expect_hardy(folder / "a.png", 1500, [](const fs::path& file) { read_grey_png(file); });
}

TEST_F(Mutations, DicomFiles) {
  ZeaFile content = small_content();
  content.image_grid = test::small_grid();
  content.images = {RealMap(test::small_grid()), RealMap(test::small_grid())};
  write_any(folder / "a.dcm", content);
  ASSERT_EQ(detect_format(folder / "a.dcm"), "dicom");
  expect_hardy(folder / "a.dcm", 1500, [](const fs::path& file) { read_dicom_images(file); });
}

/// Files as other programs wrote them hold layouts that ours do not: chunks, filters, old headers.
TEST_F(Mutations, FilesOfOtherPrograms) {
  if (reference("pybf.hdf5").empty()) GTEST_SKIP() << "set SONOFORGE_REFERENCE to the folder of reference files";
  const std::vector<std::pair<std::string, int>> files{
      {"picmus_phantom_1.hdf5", 60}, {"pybf.hdf5", 25}, {"PWI_disk.mat", 15}};
  for (const auto& [name, count] : files) {
    const fs::path file = reference(name);
    if (file.empty()) continue;
    // Headers and indices stand in front; damage among the samples would only cost time.
    const Outcome outcome = mutate(bytes(file), file.extension().string(), count, read_any, 8192);
    EXPECT_GT(outcome.refused, 0) << name;
  }
}

}  // namespace
}  // namespace sonoforge
