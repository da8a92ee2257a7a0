#include <gtest/gtest.h>

#include "ai/dataset.hpp"
#include "app/commands.hpp"
#include "core/progress.hpp"
#include "tests/end_to_end/command.hpp"
#include "tests/end_to_end/scenes.hpp"

namespace sonoforge {
namespace {

std::string small_set(const std::string& store) {
  return "sonoforge: 1\nseed: 4\ndataset: {patients: 12, split: {train: 60 %, validation: 20 %, test: 20 %}}\n" +
         store + "factors:\n  radius: {uniform: [1 mm, 2 mm]}\n" + cyst_scene + "labels: [segmentation, sound_speed]\n";
}

bool same(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

TEST(Stream, GivesTheSamplesOfTheStoredSetToTheBit) {
  for (const std::string store : {"", "store: {parts: [rf, image, labels], type: int16}\n"}) {
    const TestFolder folder;
    const auto config = folder.write("set.yaml", small_set(store));
    ASSERT_EQ(sonoforge_command(folder, "generate set.yaml -o set --quiet").code, 0);
    const Dataset stored = Dataset::open(folder.path() / "set"), stream = open_data(config);
    ASSERT_EQ(stored.manifest.rows.size(), stream.manifest.rows.size());
    EXPECT_EQ(stored.manifest.factor_names, stream.manifest.factor_names);
    for (std::size_t row = 0; row < stored.manifest.rows.size(); ++row) {
      const auto &a = stored.manifest.rows[row], &b = stream.manifest.rows[row];
      EXPECT_EQ(a.id, b.id);
      EXPECT_EQ(a.split, b.split);
      EXPECT_EQ(a.seed, b.seed);
      EXPECT_EQ(a.factors, b.factors);
      const ZeaFile x = stored.content(row), y = stream.content(row);
      EXPECT_TRUE(same(x.acquisition.samples.flat(), y.acquisition.samples.flat()));
      ASSERT_EQ(x.images.size(), y.images.size());
      EXPECT_TRUE(same(x.images[0].values.flat(), y.images[0].values.flat()));
      EXPECT_TRUE(x.images[0].grid == y.images[0].grid);
      ASSERT_EQ(x.labels.size(), y.labels.size());
      for (std::size_t k = 0; k < x.labels.size(); ++k)
        EXPECT_TRUE(same(x.labels[k].values.flat(), y.labels[k].values.flat()));
    }
  }
}

TEST(Stream, TrainsWithoutADataSetOnDisk) {
  const TestFolder folder;
  folder.write("set.yaml", small_set(""));
  const std::string training =
      "task: {type: segmentation, label: lesion}\nmodel: {type: unet, width: 2, depth: 2}\nepochs: 3\nbatch: "
      "4\nimage_size: [32, 32]\n";
  folder.write("live.yaml", "data: set.yaml\n" + training);
  folder.write("stored.yaml", "data: set\n" + training);
  ASSERT_EQ(sonoforge_command(folder, "generate set.yaml -o set --quiet").code, 0);
  ASSERT_EQ(sonoforge_command(folder, "train stored.yaml -o stored --quiet").code, 0);
  std::filesystem::remove_all(folder.path() / "set");
  // A cache of nothing makes every sample anew in every epoch, from the config alone.
  for (const std::string cache : {"4e9", "0"}) {
    const auto live = sonoforge_command(folder, "train live.yaml -o live" + cache + " --quiet --set cache=" + cache);
    ASSERT_EQ(live.code, 0) << live.err;
    EXPECT_EQ(folder.read("live" + cache + "/history.csv"), folder.read("stored/history.csv"));
  }
}

TEST(Stream, MistakesOfItsConfigAreTold) {
  const TestFolder folder;
  folder.write("set.yaml", small_set("") + "colour: red\n");
  folder.write("live.yaml", "data: set.yaml\ntask: segmentation\n");
  const auto live = sonoforge_command(folder, "train live.yaml -o live --quiet");
  EXPECT_EQ(live.code, 2);
  EXPECT_NE(live.err.find("colour"), std::string::npos) << live.err;
}

}  // namespace
}  // namespace sonoforge
