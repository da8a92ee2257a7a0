#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numbers>
#include <set>
#include <thread>

#include "ai/manifest.hpp"
#include "ai/sha256.hpp"
#include "core/random.hpp"
#include "formats/zea.hpp"
#include "io/atomic_file.hpp"
#include "io/dicom.hpp"
#include "io/dicom_segmentation.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"
#include "tests/end_to_end/command.hpp"
#include "tests/end_to_end/scenes.hpp"

namespace sonoforge {
namespace {

namespace fs = std::filesystem;

/// A data set of samples that take a few milliseconds each.
class FactoryTest : public ::testing::Test {
 protected:
  fs::path config(const std::string& more = "", const std::string& factors = "") const {
    return folder.write(
        "set.yaml",
        "sonoforge: 1\nseed: 4\n"
        "dataset: {patients: 30, split: {train: 60 %, validation: 20 %, test: 20 %" +
            more +
            "}}\n"
            "factors:\n  radius: {uniform: [1 mm, 2 mm]}\n  side: {choice: [left, right], weights: [1, 3]}\n" +
            factors + cyst_scene);
  }
  CommandResult run(const std::string& arguments) const { return sonoforge_command(folder, arguments + " --quiet"); }
  /// All files but the journals.
  std::map<std::string, std::string> hashes(const std::string& name) const {
    std::map<std::string, std::string> all;
    const fs::path root = folder.path() / name;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      const auto file = fs::relative(entry.path(), root).string();
      const bool begun = file.ends_with(".part");  // what a process that was killed leaves beside its target
      if (entry.is_regular_file() && !file.starts_with(".progress"))
        all[file] = begun ? "" : sha256_of_file(entry.path());
    }
    return all;
  }
  pid_t start(const std::string& arguments) const {
    const pid_t child = fork();
    if (child == 0) {
      const int nowhere = ::open("/dev/null", O_WRONLY);
      ::dup2(nowhere, 1);
      ::dup2(nowhere, 2);
      ::execl("/bin/sh", "sh", "-c",
              ("cd '" + folder.path().string() + "' && exec '" SONOFORGE_BINARY_DIR "/sonoforge' " + arguments).c_str(),
              static_cast<char*>(nullptr));
      ::_exit(127);
    }
    return child;
  }
  /// Kills `processes` runs at once, after a random time each, until `kills` have died at work; then lets one finish.
  void kill_campaign(int kills, int processes, std::uint64_t seed) const {
    config();
    ASSERT_EQ(run("generate set.yaml -o whole").code, 0);
    RandomStream random(seed, 0, "kills");
    int killed = 0;
    for (int round = 0; killed < kills; ++round) {
      ASSERT_LT(round, 40 * kills);
      // A run that had time to finish shows nothing more: begin anew.
      std::vector<pid_t> children;
      for (int i = 0; i < processes; ++i) children.push_back(start("generate set.yaml -o killed --quiet --threads 2"));
      for (const pid_t child : children) {
        std::this_thread::sleep_for(std::chrono::microseconds(static_cast<int>(random.uniform(3'000, 120'000))));
        ::kill(child, SIGKILL);
        int status = 0;
        ::waitpid(child, &status, 0);
        killed += WIFSIGNALED(status);
        if (!WIFSIGNALED(status)) fs::remove_all(folder.path() / "killed" / "samples");
      }
      // Nothing torn: every file that stands at its name is whole.
      const auto whole = hashes("whole");
      if (!fs::exists(folder.path() / "killed")) continue;
      for (const auto& [file, hash] : hashes("killed")) {
        if (hash.empty()) continue;
        EXPECT_EQ(hash, whole.at(file)) << file;
      }
    }
    ASSERT_EQ(run("generate set.yaml -o killed").code, 0);
    EXPECT_EQ(hashes("killed"), hashes("whole"));
    EXPECT_NE(run("generate set.yaml -o killed --json").out.find("\"made\": 0,"), std::string::npos);
  }
  const TestFolder folder;
};

TEST_F(FactoryTest, KilledAtRandomMomentsItEndsWithTheSameFiles) {
  kill_campaign(20, 1, 1);
}
TEST_F(FactoryTest, ProcessesThatShareAFolderAreKilledAtRandomMoments) {
  kill_campaign(8, 2, 2);
}
TEST_F(FactoryTest, LongHundredKillsOfOneAndOfTwoProcesses) {
  kill_campaign(100, 1, 3);
  fs::remove_all(folder.path() / "killed");
  kill_campaign(100, 2, 4);
}

TEST_F(FactoryTest, ProcessesShareTheWorkOfOneFolder) {
  config();
  ASSERT_EQ(run("generate set.yaml -o whole").code, 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 3; ++i) children.push_back(start("generate set.yaml -o shared --quiet --threads 1"));
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  EXPECT_EQ(hashes("shared"), hashes("whole"));
  // Each sample was made once: the journals have a line each.
  std::size_t lines = 0, journals = 0;
  for (const auto& entry : fs::directory_iterator(folder.path() / "shared/.progress")) {
    if (entry.path().extension() != ".jsonl") continue;
    const std::string text = read_file(entry.path());
    lines += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    ++journals;
  }
  EXPECT_EQ(lines, 30u);
  EXPECT_GE(journals, 1u);
}

TEST_F(FactoryTest, PartsMadeApartUniteToTheSameSet) {
  config(", stratify: [{factor: side}, {factor: radius}]");
  ASSERT_EQ(run("generate set.yaml -o whole").code, 0);
  for (const std::string part : {"3", "1", "2"})
    ASSERT_EQ(run("generate set.yaml -o part" + part + " --shard " + part + "/3").code, 0);
  // A patient's split is known wherever it is made.
  const Manifest whole = read_manifest(folder.path() / "whole/manifest.csv");
  for (const std::string part : {"1", "2", "3"})
    for (const auto& row : read_manifest(folder.path() / ("part" + part) / "manifest.csv").rows) {
      const auto same =
          std::find_if(whole.rows.begin(), whole.rows.end(), [&](const auto& other) { return other.id == row.id; });
      ASSERT_NE(same, whole.rows.end());
      EXPECT_EQ(same->split, row.split) << row.id;
    }
  for (const std::string part : {"2", "3"})
    fs::copy(folder.path() / ("part" + part), folder.path() / "part1",
             fs::copy_options::recursive | fs::copy_options::skip_existing);
  const auto result = run("generate set.yaml -o part1 --json");
  EXPECT_NE(result.out.find("\"made\": 0,"), std::string::npos) << result.out << result.err;
  EXPECT_EQ(hashes("part1"), hashes("whole"));
  const std::string card = folder.read("whole/README.md");
  EXPECT_NE(card.find("| segmentation |  | A mask a class"), std::string::npos) << card;
  EXPECT_NE(card.find("| side = left, radius below"), std::string::npos) << card;
  EXPECT_NE(card.find("Patients in more than one split: 0 of 30."), std::string::npos) << card;
  EXPECT_NE(card.find("all pairs of 30 images compared: 0."), std::string::npos) << card;
}

TEST_F(FactoryTest, ATableThatChangedBetweenRunsIsNoticed) {
  config("", "  table: cohort.csv\n");
  folder.write("cohort.csv", "age\n40\n50\n60\n");
  ASSERT_EQ(run("generate set.yaml -o set --count 3").code, 0);
  const auto before = hashes("set");
  EXPECT_EQ(run("generate set.yaml -o set --count 3").code, 0);
  folder.write("cohort.csv", "age\n40\n50\n61\n");
  const auto changed = run("generate set.yaml -o set --count 4");
  EXPECT_EQ(changed.code, 2);
  EXPECT_NE(changed.err.find("'cohort.csv' has changed since"), std::string::npos) << changed.err;
  EXPECT_EQ(hashes("set"), before);
  // What is stored as the config of the set reads as a config.
  fs::copy(folder.path() / "set/dataset.yaml", folder.path() / "again.yaml");
  EXPECT_EQ(run("check again.yaml").code, 0);
}

TEST_F(FactoryTest, PatientsWithTheSameImageAreTold) {
  folder.write("same.yaml",
               "sonoforge: 1\ndataset: {patients: 4}\nphantom: {type: points, background: liver, positions: [[0 mm, 0 "
               "mm, 8 mm]]}\n"
               "probe: {type: linear_array, elements: 8, pitch: 0.3 mm, width: 0.27 mm, frequency: 5 MHz}\n"
               "sequence: {type: plane_waves, angles: [0 deg]}\nreceive: {sampling_rate: 20 MHz, depth: 12 mm}\n"
               "image: {x: [-3 mm, 3 mm, 0.1 mm], z: [5 mm, 11 mm, 0.1 mm]}\n");
  const auto result = sonoforge_command(folder, "generate same.yaml -o same");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.err.find("warning: the checks found"), std::string::npos) << result.err;
  // 4 * 3 / 2 pairs.
  EXPECT_NE(folder.read("same/README.md").find("all pairs of 4 images compared: 6 (of them 6 equal to the bit"),
            std::string::npos)
      << folder.read("same/README.md");
}

/// Every choice of `store:` reads back as what the plain one holds.
TEST_F(FactoryTest, StoresWhatIsAskedForAndReadsItBack) {
  config();
  const auto made = [&](const std::string& name, const std::string& store) {
    const auto result = run("generate set.yaml -o " + name + " --count 1 --set 'store=" + store + "'");
    EXPECT_EQ(result.code, 0) << result.err;
    return folder.path() / name / "samples/patient_00000/visit_0.hdf5";
  };
  const ZeaFile all = read_zea(made("all", "{parts: [rf, beamformed, image, labels]}"));
  ASSERT_FALSE(all.acquisition.samples.empty());
  ASSERT_EQ(all.beamformed.size(), 1u);
  ASSERT_EQ(all.images.size(), 1u);
  ASSERT_EQ(all.labels.size(), 1u);
  // The image is the beamformed samples' modulus in dB below the brightest.
  double top = 0;
  for (const auto& v : all.beamformed[0].values.flat()) top = std::max(top, static_cast<double>(std::abs(v)));
  for (std::size_t i = 0; i < all.images[0].values.size(); i += 7) {
    const double level = 20 * std::log10(std::abs(all.beamformed[0].values.flat()[i]) / top);
    EXPECT_NEAR(all.images[0].values.flat()[i], level, 1e-3);
  }
  // A step of int16 is 1 / 32767 of the largest value: half of one is the most that rounding takes.
  const fs::path small = made("small", "{parts: [rf, beamformed, image, labels], type: int16, compression: 9}");
  const ZeaFile coarse = read_zea(small);
  const auto compare = [](std::span<const float> exact, std::span<const float> stored, double slack) {
    ASSERT_EQ(exact.size(), stored.size());
    float most = 0;
    for (float v : exact) most = std::max(most, std::abs(v));
    for (std::size_t i = 0; i < exact.size(); ++i) ASSERT_NEAR(exact[i], stored[i], slack * most / 32767) << i;
  };
  compare(all.acquisition.samples.flat(), coarse.acquisition.samples.flat(), 0.51);
  compare(all.images[0].values.flat(), coarse.images[0].values.flat(), 0.51);
  const auto parts = [](const ComplexMap& map) {
    return std::span(reinterpret_cast<const float*>(map.values.data()), 2 * map.values.size());
  };
  compare(parts(all.beamformed[0]), parts(coarse.beamformed[0]), 0.51);
  EXPECT_TRUE(std::ranges::equal(all.labels[0].values.flat(), coarse.labels[0].values.flat()));
  // Two bytes instead of four a value; compression makes of it one at least.
  const std::size_t numbers = all.acquisition.samples.size() + 3 * all.images[0].values.size();
  EXPECT_LT(fs::file_size(small) + numbers, fs::file_size(folder.path() / "all/samples/patient_00000/visit_0.hdf5"));
  const auto info = run("info small/samples/patient_00000/visit_0.hdf5 --json").out;
  EXPECT_NE(info.find("\"type\": \"int16\""), std::string::npos) << info;
  EXPECT_NE(info.find("\"scale\""), std::string::npos) << info;

  // IQ: its envelope is that of the RF; reconstructing it gives the image.
  const ZeaFile iq = read_zea(made("iq", "{parts: [iq], compression: none}"));
  ASSERT_TRUE(iq.acquisition.is_iq());
  EXPECT_TRUE(iq.images.empty());
  EXPECT_TRUE(iq.labels.empty());
  EXPECT_EQ(iq.acquisition.demodulation_frequency, iq.acquisition.centre_frequency);
  const auto rf = all.acquisition.samples.flat();
  const double turn = 2 * std::numbers::pi * iq.acquisition.demodulation_frequency / iq.acquisition.sampling_rate;
  double error = 0, power = 0;
  const std::size_t length = iq.acquisition.samples_per_channel();
  for (std::size_t i = 0; i < rf.size(); ++i) {
    const double phase = turn * static_cast<double>(i % length);
    const double again =
        iq.acquisition.samples.flat()[i] * std::cos(phase) - iq.acquisition.samples_q.flat()[i] * std::sin(phase);
    error += (again - rf[i]) * (again - rf[i]);
    power += static_cast<double>(rf[i]) * rf[i];
  }
  EXPECT_LT(std::sqrt(error / power), 0.02);  // what the low-pass leaves out beyond the band
  EXPECT_NE(run("info iq/samples/patient_00000/visit_0.hdf5 --json").out.find("\"IQ\""), std::string::npos);
  EXPECT_EQ(run("reconstruct iq/samples/patient_00000/visit_0.hdf5 -o image").code, 0);

  for (const std::string wrong :
       {"{parts: [rf, iq]}", "{parts: [images]}", "{parts: []}", "{compression: 2.5}", "{type: float16}"})
    EXPECT_EQ(run("generate set.yaml -o wrong --set 'store=" + wrong + "'").code, 2) << wrong;
}

/// Entries of a ustar archive by name.
std::map<std::string, std::string> entries_of(const std::string& tar) {
  std::map<std::string, std::string> entries;
  for (std::size_t at = 0; at + 512 <= tar.size() && tar[at] != 0;) {
    const std::size_t size = std::stoull(tar.substr(at + 124, 11), nullptr, 8);
    entries[std::string(tar.c_str() + at)] = tar.substr(at + 512, size);
    at += 512 + (size + 511) / 512 * 512;
  }
  return entries;
}

/// Of moving phantoms every frame is a case of its own, with its own mask, in its patient's split.
TEST_F(FactoryTest, ExportsHoldEveryFrame) {
  folder.write("heart.yaml",
               "sonoforge: 1\nphantom: {type: left_ventricle, scatterer_density: 0.02 /mm^3}\n"
               "probe: {type: P4-2v, elements: 16}\nsequence: {type: diverging_waves, angles: [0 deg], width: 60 deg, "
               "frames: {count: 3, rate: 6 Hz}}\n"
               "receive: {sampling_rate: 10.88 MHz, depth: 140 mm}\nengine: {type: scatterers, model: simus, "
               "dimensions: 2, accuracy: 1e-2}\n"
               "image: {x: [-50 mm, 50 mm, 2 mm], z: [5 mm, 140 mm, 2 mm]}\nlabels: [segmentation, displacement]\n"
               "dataset: {patients: 4, split: {train: 50 %, validation: 25 %, test: 25 %}}\n");
  ASSERT_EQ(run("generate heart.yaml -o set").code, 0);
  std::map<std::string, nlohmann::json> coco;
  std::map<std::string, std::map<std::string, std::string>> tars;
  for (const std::string layout : {"nnunet", "coco", "webdataset", "nifti"}) {
    const auto result = run("convert set " + layout + " --to " + layout);
    ASSERT_EQ(result.code, 0) << result.err;
  }
  const auto dataset = nlohmann::json::parse(folder.read("nnunet/dataset.json"));
  const auto folds = nlohmann::json::parse(folder.read("nnunet/splits_final.json"));
  std::set<int> image_ids;
  std::size_t training = 0, tarred = 0;
  for (const std::string split : {"train", "validation", "test"}) {
    coco[split] = nlohmann::json::parse(folder.read("coco/instances_" + split + ".json"));
    if (!coco[split]["images"].empty()) tars[split] = entries_of(folder.read("webdataset/" + split + "-000000.tar"));
    tarred += tars[split].size();
    for (const auto& image : coco[split]["images"]) EXPECT_TRUE(image_ids.insert(image["id"].get<int>()).second);
  }
  EXPECT_EQ(image_ids.size(), 4u * 3);
  EXPECT_EQ(tarred, 4u * 3 * 3);
  for (const auto& row : read_manifest(folder.path() / "set/manifest.csv").rows) {
    const ZeaFile sample = read_zea(folder.path() / "set" / row.file);
    ASSERT_EQ(sample.images.size(), 3u);
    const std::size_t height = sample.images[0].grid.z.count, width = sample.images[0].grid.x.count,
                      pixels = height * width;
    EXPECT_FALSE(std::ranges::equal(sample.labels[0].values.flat(), sample.later_labels.at("segmentation")[1].flat()));
    for (std::size_t f = 0; f < 3; ++f) {
      const std::string id = row.id + "_frame_" + std::to_string(f);
      const auto image = sample.images[f].values.flat();
      const auto at = [&](const std::string& name) -> std::span<const float> {
        const auto label =
            std::find_if(sample.labels.begin(), sample.labels.end(), [&](const auto& l) { return l.name == name; });
        return f == 0 ? label->values.flat() : sample.later_labels.at(name)[f - 1].flat();
      };
      std::vector<float> mask(pixels);
      for (std::size_t i = 0; i < at("segmentation").size(); ++i)
        if (at("segmentation")[i] != 0) mask[i % pixels] = static_cast<float>(1 + i / pixels);
      const auto same = [&](const fs::path& file, std::span<const float> values) {
        EXPECT_TRUE(std::ranges::equal(read_nifti(folder.path() / file).values, values)) << file;
      };
      const std::string part = row.split == "test" ? "Ts" : "Tr";
      same("nifti/images/" + id + ".nii.gz", image);
      same("nifti/masks/" + id + ".nii.gz", mask);
      same("nifti/maps/" + id + "_displacement_z.nii.gz", at("displacement").subspan(2 * pixels));
      same("nnunet/labels" + part + "/" + id + ".nii.gz", mask);
      EXPECT_TRUE(fs::exists(folder.path() / ("nnunet/images" + part) / (id + "_0000.nii.gz")));
      if (row.split != "test") {
        ++training;
        const auto& ids = folds[0][row.split == "train" ? "train" : "val"];
        EXPECT_NE(std::find(ids.begin(), ids.end(), id), ids.end()) << id;
      }
      const auto& entries = tars[row.split];
      const std::string& levels = entries.at(id + ".image.npy");
      EXPECT_EQ(std::memcmp(levels.data() + levels.size() - image.size_bytes(), image.data(), image.size_bytes()), 0);
      const std::string& classes = entries.at(id + ".mask.npy");
      for (std::size_t i = 0; i < pixels; ++i)
        ASSERT_EQ(static_cast<float>(classes[classes.size() - pixels + i]), mask[i]);
      const auto about = nlohmann::json::parse(entries.at(id + ".json"));
      EXPECT_EQ(about["frame"]["number"], f);
      EXPECT_NEAR(about["frame"]["time"]["value"].get<double>(), static_cast<double>(f) / 6, 1e-9);
      // Every pixel of a class is in one of its pieces.
      const auto& images = coco[row.split]["images"];
      const auto entry =
          std::find_if(images.begin(), images.end(), [&](const auto& i) { return i["file_name"] == id + ".png"; });
      ASSERT_NE(entry, images.end());
      EXPECT_EQ((*entry)["frame_id"], f);
      std::vector<float> again(pixels);
      for (const auto& annotation : coco[row.split]["annotations"]) {
        if (annotation["image_id"] != (*entry)["id"]) continue;
        std::size_t place = 0;
        bool inside = false;
        for (const std::size_t length : annotation["segmentation"]["counts"]) {
          for (std::size_t i = 0; i < length; ++i, ++place)
            if (inside) again[place % height * width + place / height] = annotation["category_id"].get<float>();
          inside = !inside;
        }
      }
      EXPECT_EQ(again, mask);
    }
  }
  EXPECT_EQ(dataset["numTraining"], training);
}

/// Every layout holds the same pixels as the set itself.
TEST_F(FactoryTest, ExportsReadBackAsTheSet) {
  config();
  ASSERT_EQ(run("generate set.yaml -o set --count 10").code, 0);
  for (const std::string layout : {"nnunet", "coco", "webdataset", "nifti"}) {
    const auto result = run("convert set " + layout + " --to " + layout);
    ASSERT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(folder.read(layout + "/README.md"), folder.read("set/README.md"));
    EXPECT_EQ(run("convert set " + layout + " --to " + layout).code, 2);  // never mixed with other files
  }
  EXPECT_EQ(run("convert set elsewhere").code, 2);
  EXPECT_EQ(run("convert set elsewhere --to nnunets").code, 2);
  EXPECT_EQ(run("convert . elsewhere --to coco").code, 2);
  EXPECT_FALSE(fs::exists(folder.path() / "elsewhere"));

  const auto dataset = nlohmann::json::parse(folder.read("nnunet/dataset.json"));
  const auto folds = nlohmann::json::parse(folder.read("nnunet/splits_final.json"));
  EXPECT_EQ(dataset["labels"]["lesion"], 1);
  std::map<std::string, std::map<std::string, std::string>> tars;
  std::map<std::string, nlohmann::json> coco;
  for (const std::string split : {"train", "validation", "test"}) {
    tars[split] = entries_of(folder.read("webdataset/" + split + "-000000.tar"));
    coco[split] = nlohmann::json::parse(folder.read("coco/instances_" + split + ".json"));
  }
  std::size_t training = 0;
  for (const auto& row : read_manifest(folder.path() / "set/manifest.csv").rows) {
    const ZeaFile sample = read_zea(folder.path() / "set" / row.file);
    const auto image = sample.images[0].values.flat(), mask = sample.labels[0].values.flat();
    const std::size_t height = sample.images[0].grid.z.count, width = sample.images[0].grid.x.count;
    const auto same = [&](const fs::path& file, std::span<const float> values) {
      const NiftiVolume volume = read_nifti(folder.path() / file);
      EXPECT_EQ(volume.size, (std::array<std::size_t, 3>{width, height, 1}));
      EXPECT_TRUE(std::ranges::equal(volume.values, values)) << file;
      EXPECT_NEAR(volume.affine[2][3], 5e-3, 1e-8);  // the first row's depth
    };
    same("nifti/images/" + row.id + ".nii.gz", image);
    same("nifti/masks/" + row.id + ".nii.gz", mask);
    const std::string part = row.split == "test" ? "Ts" : "Tr";
    same("nnunet/images" + part + "/" + row.id + "_0000.nii.gz", image);
    same("nnunet/labels" + part + "/" + row.id + ".nii.gz", mask);
    training += row.split != "test";
    if (row.split != "test") {
      const auto& ids = folds[0][row.split == "train" ? "train" : "val"];
      EXPECT_NE(std::find(ids.begin(), ids.end(), row.id), ids.end()) << row.id;
    }
    // The last bytes of a NumPy file are its values.
    const auto& entries = tars[row.split];
    const std::string& pixels = entries.at(row.id + ".image.npy");
    EXPECT_EQ(pixels.size() % 64, image.size_bytes() % 64);
    EXPECT_EQ(std::memcmp(pixels.data() + pixels.size() - image.size_bytes(), image.data(), image.size_bytes()), 0);
    const std::string& classes = entries.at(row.id + ".mask.npy");
    for (std::size_t i = 0; i < mask.size(); ++i)
      ASSERT_EQ(static_cast<float>(classes[classes.size() - mask.size() + i]), mask[i]);
    EXPECT_EQ(nlohmann::json::parse(entries.at(row.id + ".json"))["factors"]["radius"]["unit"], "m");
    // Run lengths back to the mask; area and box from the pixels.
    const auto& annotations = coco[row.split];
    const auto entry = std::find_if(annotations["images"].begin(), annotations["images"].end(),
                                    [&](const auto& i) { return i["file_name"] == row.id + ".png"; });
    ASSERT_NE(entry, annotations["images"].end());
    std::vector<float> again(mask.size());
    for (const auto& annotation : annotations["annotations"]) {
      if (annotation["image_id"] != (*entry)["id"]) continue;
      std::size_t at = 0, area = 0;
      bool inside = false;
      for (const std::size_t run_length : annotation["segmentation"]["counts"]) {
        for (std::size_t i = 0; i < run_length; ++i, ++at)
          if (inside) again[at % height * width + at / height] = 1, ++area;
        inside = !inside;
      }
      EXPECT_EQ(at, mask.size());
      EXPECT_EQ(annotation["area"], area);
      EXPECT_LE(area, annotation["bbox"][2].get<std::size_t>() * annotation["bbox"][3].get<std::size_t>());
    }
    EXPECT_TRUE(std::ranges::equal(again, mask)) << row.id;
    const GreyImage grey = read_grey_png(folder.path() / "coco/images" / (row.id + ".png"));
    for (std::size_t i = 0; i < image.size(); i += 11)
      EXPECT_EQ(grey.values[i], std::lround(255 * std::clamp(1 + image[i] / 60, 0.0F, 1.0F)));
  }
  EXPECT_EQ(dataset["numTraining"], training);
}

/// Card and Croissant metadata state what the set holds: hashes, sizes and counts are those of the files.
TEST_F(FactoryTest, CroissantAndCardDescribeTheFiles) {
  config();
  ASSERT_EQ(run("generate set.yaml -o set --count 6").code, 0);
  const auto json = nlohmann::json::parse(folder.read("set/croissant.json"));
  EXPECT_EQ(json["@type"], "sc:Dataset");
  EXPECT_EQ(json["conformsTo"], "http://mlcommons.org/croissant/1.0");
  EXPECT_NE(json["description"].get<std::string>().find("6 patients, 6 samples"), std::string::npos) << json["description"];
  EXPECT_NE(json["description"].get<std::string>().find("Synthetic"), std::string::npos);
  const std::string table = folder.read("set/manifest.csv");
  const std::string header = table.substr(0, table.find('\n'));
  std::uintmax_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder.path() / "set/samples"))
    if (entry.is_regular_file()) bytes += entry.file_size();
  for (const auto& part : json["distribution"]) {
    if (part["@id"] == "samples") {
      EXPECT_EQ(part["contentSize"], std::to_string(bytes) + " B");
      continue;
    }
    EXPECT_EQ(part["sha256"], sha256_of_file(folder.path() / "set" / part["@id"].get<std::string>()));
  }
  // A field a column, in their order.
  std::string columns;
  for (const auto& field : json["recordSet"][0]["field"]) columns += (columns.empty() ? "" : ",") + field["source"]["extract"]["column"].get<std::string>();
  EXPECT_EQ(columns, header);
  const std::string card = folder.read("set/README.md");
  EXPECT_TRUE(card.starts_with("---\npretty_name: \"Simulated ultrasound: scene\"\n")) << card.substr(0, 200);
  EXPECT_NE(card.find("size_categories:\n- n<1K\n"), std::string::npos);
  EXPECT_NE(card.find("\n---\n\n# Simulated ultrasound data set\n"), std::string::npos);
}

TEST_F(FactoryTest, ReadyConfigsHaveNoMistakes) {
  std::size_t configs = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(SONOFORGE_SOURCE_DIR) / "configs/datasets")) {
    const auto result = sonoforge_command(folder, "check '" + entry.path().string() + "'");
    EXPECT_EQ(result.code, 0) << entry.path() << ": " << result.err;
    ++configs;
  }
  EXPECT_GE(configs, 8u);
}

// Five images of 61 x 61 pixels in a row, 3 pixels of white about each.
TEST_F(FactoryTest, AContactSheetShowsTheFirstSamples) {
  config();
  ASSERT_EQ(run("generate set.yaml -o set --count 6").code, 0);
  ASSERT_EQ(run("convert set sheet.png --count 5").code, 0);
  const GreyImage sheet = read_grey_png(folder.path() / "sheet.png");
  ASSERT_EQ(sheet.width, 5u * 61 + 6 * 3);
  ASSERT_EQ(sheet.height, 61u + 2 * 3);
  const Manifest manifest = read_manifest(folder.path() / "set/manifest.csv");
  for (std::size_t i = 0; i < 5; ++i) {
    const ZeaFile sample = read_zea(folder.path() / "set" / manifest.rows[i].file);
    for (std::size_t z = 0; z < 61; z += 7)
      for (std::size_t x = 0; x < 61; x += 5) {
        const double level = std::clamp(1 + sample.images[0].values(z, 0, x) / 60.0, 0.0, 1.0);
        EXPECT_NEAR(sheet.values[(z + 3) * sheet.width + 3 + i * 64 + x], 255 * level, 0.51);
      }
  }
}

/// DICOM pairs read back through the library: grey levels and masks of every pixel, the scale, and the same bytes again.
TEST_F(FactoryTest, DicomPairsReadBackAsTheSet) {
  config();
  ASSERT_EQ(run("generate set.yaml -o set --count 4").code, 0);
  ASSERT_EQ(run("convert set dicom --to dicom").code, 0);
  ASSERT_EQ(run("convert set again --to dicom").code, 0);
  std::set<std::string> identifiers;
  for (const auto& row : read_manifest(folder.path() / "set/manifest.csv").rows) {
    const ZeaFile sample = read_zea(folder.path() / "set" / row.file);
    const fs::path image_file = folder.path() / "dicom" / (row.id + ".dcm"), truth_file = folder.path() / "dicom" / (row.id + "_seg.dcm");
    const DicomUltrasound image = read_dicom(image_file);
    const DicomSegmentation truth = read_dicom_segmentation(truth_file);
    const PixelGrid& grid = sample.images[0].grid;
    ASSERT_EQ(image.frames, 1u);
    ASSERT_EQ(image.rows, grid.z.count);
    ASSERT_EQ(image.columns, grid.x.count);
    for (std::size_t i = 0; i < grid.size(); ++i)
      ASSERT_EQ(image.grey[i], std::lround(255 * std::clamp(1 + sample.images[0].values.flat()[i] / 60, 0.0F, 1.0F)));
    ASSERT_EQ(truth.segments, std::vector<std::string>{"lesion"});
    for (std::size_t i = 0; i < grid.size(); ++i) ASSERT_EQ(truth.masks[0][0][i] != 0, sample.labels[0].values.flat()[i] != 0);
    EXPECT_EQ(truth.patient_id, row.patient);
    ASSERT_TRUE(image.scale);
    EXPECT_NEAR(image.scale->spacing[1], 0.1e-3, 1e-15);
    EXPECT_NEAR(image.scale->origin[1], 5e-3, 1e-15);
    EXPECT_NEAR(truth.column_spacing, 0.1e-3, 1e-12);
    EXPECT_NEAR(truth.first_row, 5e-3, 1e-12);
    EXPECT_NEAR(truth.first_column, -3e-3, 1e-12);
    EXPECT_EQ(dicom_referenced_image(truth_file), dicom_identifier(image_file));
    for (const auto& [file, ending] : {std::pair{image_file, ".dcm"}, std::pair{truth_file, "_seg.dcm"}}) {
      const std::string bytes = folder.read("dicom/" + row.id + ending);
      EXPECT_EQ(bytes.substr(128, 4), "DICM");
      EXPECT_EQ(bytes, folder.read("again/" + row.id + ending));
      EXPECT_NE(bytes.find("Synthetic: computed"), std::string::npos);
      const std::string uid = dicom_identifier(file);
      EXPECT_LE(uid.size(), 64u);
      EXPECT_TRUE(identifiers.insert(uid).second);
    }
  }
  EXPECT_THROW(read_dicom_segmentation(folder.path() / "set.yaml"), UserError);
  EXPECT_THROW(read_dicom_segmentation(folder.path() / "dicom" / "patient_00000_visit_0.dcm"), UserError);
}

/// Several ranks of Open MPI fill one folder together; killed with all its ranks, the job goes on when it is started again.
TEST_F(FactoryTest, RanksOfMpiShareTheWork) {
  config();
  ASSERT_EQ(run("generate set.yaml -o whole").code, 0);
  const std::string job = "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 mpirun --oversubscribe -n 2 '" SONOFORGE_BINARY_DIR
                          "/sonoforge' generate set.yaml --quiet --threads 1 -o ";
  const auto start_job = [&](const std::string& name) {
    const pid_t child = fork();
    if (child == 0) {
      ::setpgid(0, 0);
      ::execl("/bin/sh", "sh", "-c", ("cd '" + folder.path().string() + "' && " + job + name + " > mpi.log 2>&1").c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    return child;
  };
  int status = 0;
  ::waitpid(start_job("shared"), &status, 0);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << folder.read("mpi.log");
  EXPECT_EQ(hashes("shared"), hashes("whole"));
  // Each sample was made once, and both ranks had a journal or one was quicker.
  std::size_t lines = 0;
  for (const auto& entry : fs::directory_iterator(folder.path() / "shared/.progress"))
    if (entry.path().extension() == ".jsonl") {
      const std::string text = read_file(entry.path());
      lines += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    }
  EXPECT_EQ(lines, 30u);
  RandomStream random(9, 0, "kills");
  int killed = 0;
  for (int round = 0; killed < 3 && round < 60; ++round) {
    const pid_t child = start_job("broken");
    std::this_thread::sleep_for(std::chrono::milliseconds(static_cast<int>(random.uniform(150, 700))));
    ::kill(-child, SIGKILL);
    ::waitpid(child, &status, 0);
    killed += WIFSIGNALED(status);
  }
  ASSERT_EQ(killed, 3);
  // Ranks may outlive a killed mpirun for a moment: what they still write is part of the same set.
  ::waitpid(start_job("broken"), &status, 0);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << folder.read("mpi.log");
  EXPECT_NE(run("generate set.yaml -o broken --json").out.find("\"made\": 0,"), std::string::npos);
  auto found = hashes("broken");
  std::erase_if(found, [](const auto& entry) { return entry.second.empty(); });
  EXPECT_EQ(found, hashes("whole"));
}

TEST_F(FactoryTest, MistakesInStrataPointIntoTheFile) {
  config(", stratify: [{factor: sid}]");
  const auto result = run("generate set.yaml -o set");
  EXPECT_EQ(result.code, 2);
  EXPECT_NE(result.err.find("set.yaml:3:"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("Did you mean 'side'?"), std::string::npos) << result.err;
  EXPECT_EQ(run("check set.yaml").code, 2);
  EXPECT_FALSE(fs::exists(folder.path() / "set"));
}

// Predictions that are 0.1 mm too large everywhere.
TEST_F(FactoryTest, ValidationPrintsUnitsAndPlacesOfMistakes) {
  config();
  ASSERT_EQ(run("generate set.yaml -o set").code, 0);
  const Manifest manifest = read_manifest(folder.path() / "set/manifest.csv");
  const auto radius = static_cast<std::size_t>(manifest.factor("radius"));
  std::string table = "id,prediction [m]\n";
  for (const auto& row : manifest.rows) {
    double value = 0;
    ASSERT_TRUE(factor_number(row.factors[radius], value));
    table += row.id + "," + std::to_string(1e3 * (value + 1e-4)) + "e-3\n";
  }
  folder.write("sizes.csv", table);
  const std::string head = "sonoforge: 1\ndata: set\npredictions: sizes.csv\ntask: measurement\ntruth: radius\nsplit: train\n";
  folder.write("sizes.yaml", head + "metrics: [mae]\ngates: [{metric: mae, at_most: 0.2 mm}]\n");
  const auto result = sonoforge_command(folder, "validate sizes.yaml -o report");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_NE(result.out.find("all: mae 0.100 mm [0.100 mm, 0.100 mm]"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("upper end <= 0.2 mm: 0.100 mm passed"), std::string::npos) << result.out;
  const auto json = nlohmann::json::parse(sonoforge_command(folder, "validate sizes.yaml -o report --json").out);
  EXPECT_EQ(json["groups"][0]["unit"], "m");
  EXPECT_NEAR(json["groups"][0]["mean"].get<double>(), 1e-4, 1e-9);

  const auto error = [&](const std::string& more) {
    folder.write("wrong.yaml", head + more);
    const auto wrong = sonoforge_command(folder, "validate wrong.yaml -o report");
    EXPECT_EQ(wrong.code, 2) << wrong.err;
    return wrong.err;
  };
  EXPECT_NE(error("metrics: [mae]\nsubgroups: [{factor: side}, {factor: sid}]\n").find("wrong.yaml:8:38: "), std::string::npos);
  EXPECT_NE(error("metrics: [mae]\nsubgroups: [{factor: radius, edges: [1.5 MHz]}]\n").find("wrong.yaml:8:38: "), std::string::npos);
  EXPECT_NE(error("metrics: [mae]\ngates: [{metric: mae, at_most: 3 s}]\n").find("wrong.yaml:8:32: "), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
