#include "ai/predict.hpp"

#include <gtest/gtest.h>

#include "ai/dataset.hpp"
#include "ai/segmentation_metrics.hpp"
#include "ai/statistics.hpp"
#include "ai/train.hpp"
#include "core/progress.hpp"
#include "io/config.hpp"
#include "io/nifti.hpp"
#include "tests/io/test_folder.hpp"
#include "tests/torch/disc_data.hpp"

namespace sonoforge {
namespace {

class PredictTest : public TestFolder {
 protected:
  void SetUp() override {
    TestFolder::SetUp();
    set_quiet(true);
    write_disc_data(folder / "data", 24, 2);
    TrainConfig config;
    ConfigTree::parse("data: " + (folder / "data").string() +
                      "\nmodel: {width: 4, depth: 2}\noptimizer: {learning_rate: 1e-2}\nbatch: 4\nimage_size: [32, 32]\nepochs: 12\n")
        .read(config);
    train(config, folder / "model", false);
  }
};

TEST_F(PredictTest, MarksUnseenDiscsWhereTheyAre) {
  const Predictor predictor(folder / "model" / "model.pt");
  EXPECT_EQ(predictor.label(), "lesion");
  const auto data = Dataset::open(folder / "data");
  EXPECT_EQ(predictor.data_hash(), data.hash);
  std::vector<std::filesystem::path> files;
  std::vector<double> overlaps;
  for (const auto row : data.rows_of("test")) {
    const auto sample = data.read(row, "lesion");
    const auto found = predictor.apply(sample.image);
    ASSERT_EQ(found.mask.size(), sample.mask.size());
    overlaps.push_back(dice(found.mask, sample.mask));
    files.push_back(data.folder / data.manifest.rows[row].file);
  }
  ASSERT_EQ(overlaps.size(), 12u);
  // A mask shifted by two of 40 pixels would overlap a disc of radius 4 to 10 pixels by 0.7 to 0.87 on average.
  EXPECT_GT(quantile(overlaps, 0.5), 0.88);

  const auto results = predict_files(folder / "model" / "model.pt", files, folder / "out");
  ASSERT_EQ(results.size(), 12u);
  const auto volume = read_nifti(results[0].mask);
  EXPECT_EQ(volume.size, (std::array<std::size_t, 3>{40, 1, 40}));
  EXPECT_NEAR(volume.affine[0][3], -0.01, 1e-9);
  EXPECT_NEAR(volume.affine[2][3], 0.005, 1e-9);
  const auto direct = predictor.apply(read_image(files[0]));
  EXPECT_TRUE(std::equal(volume.values.begin(), volume.values.end(), direct.mask.begin(), [](float a, std::uint8_t b) { return a == static_cast<float>(b); }));
  EXPECT_NEAR(results[0].area, static_cast<double>(results[0].pixels_inside) * 0.0005 * 0.0005, 1e-15);
  EXPECT_TRUE(std::filesystem::exists(results[0].overlay));
}

TEST_F(PredictTest, FilesOfOneNameAreToldApartByTheirFolders) {
  const auto data = Dataset::open(folder / "data");
  const auto source = data.folder / data.manifest.rows[0].file;
  std::vector<std::filesystem::path> files;
  for (const char* patient : {"first", "second"}) {
    std::filesystem::create_directories(folder / patient);
    files.push_back(folder / patient / "visit_0.hdf5");
    std::filesystem::copy_file(source, files.back(), std::filesystem::copy_options::overwrite_existing);
  }
  const auto results = predict_files(folder / "model" / "model.pt", files, folder / "apart");
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].mask.filename(), "first_visit_0_mask.nii.gz");
  EXPECT_EQ(results[1].mask.filename(), "second_visit_0_mask.nii.gz");
  EXPECT_TRUE(std::filesystem::exists(results[0].mask));
  EXPECT_TRUE(std::filesystem::exists(results[1].overlay));
}

TEST_F(PredictTest, RefusesWhatItCannotUse) {
  const auto data = Dataset::open(folder / "data");
  const auto file = data.folder / data.manifest.rows[0].file;
  EXPECT_NE(error_of([&] { predict_files(file, {file}, folder / "out"); }).find("not a model"), std::string::npos);
  const auto model = folder / "model" / "model.pt";
  EXPECT_NE(error_of([&] { predict_files(model, {file, file}, folder / "out"); }).find("given twice"), std::string::npos);
  put(folder / "text.hdf5", "no data");
  EXPECT_NE(error_of([&] { predict_files(model, {folder / "text.hdf5"}, folder / "out"); }), "no error");
  EXPECT_NE(error_of([&] { predict_files(model, {folder / "missing.hdf5"}, folder / "out"); }), "no error");
}

}  // namespace
}  // namespace sonoforge
