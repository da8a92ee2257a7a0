#include "ai/model_input.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "ai/dataset.hpp"
#include "ai/image_pairs.hpp"
#include "io/atomic_file.hpp"
#include "io/config.hpp"
#include "io/nifti.hpp"
#include "io/png.hpp"
#include "recon/delay_and_sum.hpp"
#include "recon/envelope.hpp"
#include "recon/pulse_compression.hpp"
#include "tests/io/test_folder.hpp"
#include "transducers/linear_array.hpp"
#include "transducers/plane_waves.hpp"

namespace sonoforge {
namespace {

/// Noise as channel data of three plane waves at a small linear array: any data must obey the laws below.
ZeaFile noise_file() {
  LinearArray array;
  array.frequency = 5e6;
  array.elements = 16;
  array.pitch = 3e-4;
  array.width = 2.7e-4;
  PlaneWaves waves;
  waves.angles = {-0.1, 0, 0.1};
  ZeaFile content;
  Acquisition& acquisition = content.acquisition;
  acquisition.probe = array.build();
  acquisition.sequence = waves.build(acquisition.probe, 1540);
  acquisition.sampling_rate = 20e6;
  acquisition.centre_frequency = 5e6;
  acquisition.start = {0, 0, 0};
  acquisition.samples = NdArray<float, 4>({1, 3, 16, 400});
  RandomStream random(6, 0, "rf");
  for (float& v : acquisition.samples.flat()) v = static_cast<float>(random.normal());
  PixelGrid grid;
  grid.x = {-2e-3, 1e-4, 40};
  grid.z = {4e-3, 1e-4, 60};
  content.image_grid = grid;
  return content;
}

InputConfig config_for(const std::string& input, const DelayAndSum& beamformer) {
  InputConfig config;
  config.input = input;
  config.depth = 24;
  config.lateral = 16;
  config.groups = 4;
  config.beamformer = &beamformer;
  return config;
}

class ModelInputTest : public TestFolder {};

TEST_F(ModelInputTest, FramesBecomeChannels) {
  ZeaFile content = noise_file();
  content.acquisition.samples = {};
  for (int f = 0; f < 5; ++f) {
    RealMap image(*content.image_grid);
    std::fill(image.values.flat().begin(), image.values.flat().end(), -10.0F - static_cast<float>(f));
    content.images.push_back(std::move(image));
  }
  const DelayAndSum beamformer;
  InputConfig config = config_for("image", beamformer);
  config.frames = 3;
  EXPECT_EQ(config.channels(), 3);
  const auto values = model_input(config, content, "file");
  ASSERT_EQ(values.size(), 3u * 24 * 16);
  // The first, the middle and the last.
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t i = 0; i < 24 * 16; ++i) EXPECT_NEAR(values[k * 24 * 16 + i], -10.0 - 2.0 * static_cast<double>(k), 1e-4);
  config.frames = 6;
  EXPECT_NE(error_of([&] { model_input(config, content, "file"); }).find("it has 5 frames"), std::string::npos);
}

class GroupsTest : public ModelInputTest, public testing::WithParamInterface<bool> {};

TEST_P(GroupsTest, AddUpToTheBeamformedImage) {
  const ZeaFile content = noise_file();
  const DelayAndSum das;
  InputConfig config = config_for("rf", das);
  config.of_aperture = GetParam();
  const auto iq = model_input(config_for("iq", das), content, "file"), rf = model_input(config, content, "file");
  const std::size_t pixels = 24 * 16;
  ASSERT_EQ(iq.size(), 2 * pixels);
  ASSERT_EQ(rf.size(), 8 * pixels);
  double largest = 0;
  for (std::size_t p = 0; p < pixels; ++p) {
    largest = std::max(largest, std::hypot(double{iq[p]}, double{iq[pixels + p]}));
    for (std::size_t part = 0; part < 2; ++part) {
      double sum = 0;
      for (std::size_t g = 0; g < 4; ++g) sum += rf[(part * 4 + g) * pixels + p];
      // Beamforming is linear: only the order of float sums differs.
      EXPECT_NEAR(sum, iq[part * pixels + p], 1e-5);
    }
  }
  EXPECT_NEAR(largest, 1, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(OfElementsAndOfTheAperture, GroupsTest, testing::Bool());

TEST_F(ModelInputTest, AFileSaysHowItsImageIsMade) {
  ZeaFile content = noise_file();
  EXPECT_FALSE(own_imaging(content, "file"));
  content.config = "seed: 4\nbeamformer: {type: delay_and_sum, f_number: 2.5, window: hann}\nimage: {x: [0 mm, 1 mm, 1 mm], compensation: 0.7 dB/cm/MHz, dynamic_range: 50 dB}\n";
  const auto own = own_imaging(content, "file");
  ASSERT_TRUE(own);
  const auto& das = dynamic_cast<const DelayAndSum&>(*own->beamformer);
  EXPECT_EQ(das.f_number, 2.5);
  EXPECT_EQ(das.window, Window::hann);
  // 0.7 dB/cm/MHz at 5 MHz: 350 dB/m over 20 / ln 10 dB a neper.
  EXPECT_NEAR(own->compensation.nepers_per_metre(5e6), 350 / 8.685889638, 1e-6);
  content.config = "seed: 4\n";
  EXPECT_EQ(dynamic_cast<const DelayAndSum&>(*own_imaging(content, "file")->beamformer).f_number, std::nullopt);
}

// What the config in the file says of its pulse holds here as in `run`.
TEST_F(ModelInputTest, ChirpsAreCompressedAsForTheStoredImage) {
  const std::string chirp = "{type: chirp, frequency_from: 3 MHz, frequency_to: 7 MHz, duration: 5 us}";
  ZeaFile content = noise_file();
  const DelayAndSum das;
  for (const char* input : {"iq", "rf"}) {
    const InputConfig config = config_for(input, das);
    content.config.clear();
    const auto plain = model_input(config, content, "file");
    ZeaFile compressed = content;
    {
      struct Alone : Configurable {
        Typed<PulseConfig> pulse;
        void fields(FieldVisitor& visit) override { visit.typed(pulse, pulse_catalog(), {.key = "pulse", .doc = ""}); }
      } alone;
      ConfigTree::parse("pulse: " + chirp, "test").read(alone);
      compressed.acquisition = compress_pulse(content.acquisition, *alone.pulse->build(content.acquisition.probe));
    }
    const auto expected = model_input(config, compressed, "file");
    EXPECT_NE(expected, plain) << input;
    content.config = "pulse: " + chirp + "\n";
    EXPECT_EQ(model_input(config, content, "file"), expected) << input;
    content.config = "pulse: " + chirp + "\nimage: {pulse_compression: off}\n";
    EXPECT_EQ(model_input(config, content, "file"), plain) << input;
    content.config = "pulse: {type: burst, cycles: 2}\n";
    EXPECT_EQ(model_input(config, content, "file"), plain) << input;
  }
}

TEST_F(ModelInputTest, AlterationsOfChannelDataAreThoseOfTheBeamformer) {
  const ZeaFile content = noise_file();
  DelayAndSum das;
  const auto input = [&](const Alteration& alteration, const DelayAndSum& beamformer) { return model_input(config_for("iq", beamformer), content, "file", alteration); };
  Alteration speed;
  speed.sound_speed_error = 25;
  ZeaFile faster = content;
  faster.acquisition.sound_speed += 25;
  EXPECT_EQ(input(speed, das), model_input(config_for("iq", das), faster, "file"));
  EXPECT_NE(input(speed, das), input({}, das));
  // One transmit is the middle one.
  Alteration one;
  one.transmits = 1;
  ZeaFile middle = content;
  middle.acquisition.samples = NdArray<float, 4>({1, 1, 16, 400});
  std::copy_n(content.acquisition.samples.data() + 16 * 400, 16 * 400, middle.acquisition.samples.data());
  middle.acquisition.start = {0};
  middle.acquisition.sequence.transmits = {content.acquisition.sequence.transmits[1]};
  EXPECT_EQ(input(one, das), model_input(config_for("iq", das), middle, "file"));
  // Dead elements: the first group hears nothing.
  Alteration dead;
  dead.dead.assign(16, 0);
  for (std::size_t e = 0; e < 4; ++e) dead.dead[e] = 1;
  const auto rf = model_input(config_for("rf", das), content, "file", dead);
  for (std::size_t p = 0; p < 24 * 16; ++p) EXPECT_EQ(rf[p], 0);
  EXPECT_NE(*std::max_element(rf.begin() + 24 * 16, rf.end()), 0);
  // Noise is drawn from its own stream: the same again.
  Alteration noisy;
  noisy.channel_noise = 1;
  EXPECT_NE(input(noisy, das), input({}, das));
  EXPECT_EQ(input(noisy, das), input(noisy, das));
}

TEST_F(ModelInputTest, MirroringTwiceChangesNothing) {
  const ZeaFile content = noise_file();
  const DelayAndSum das;
  auto rf = model_input(config_for("rf", das), content, "file");
  const auto before = rf;
  const TensorShape shape{8, 24, 16};
  mirror(rf, shape, true);
  EXPECT_NE(rf, before);
  // The left pixel of the first group comes from the right pixel of the last.
  EXPECT_EQ(rf[0], before[3 * 24 * 16 + 15]);
  mirror(rf, shape, true);
  EXPECT_EQ(rf, before);
}

TEST_F(ModelInputTest, ImagesAreClampedResampledAndAltered) {
  ZeaFile content = noise_file();
  RealMap image(*content.image_grid);
  for (std::size_t i = 0; i < image.values.size(); ++i) image.values.data()[i] = -static_cast<float>(i % 97);
  content.images.push_back(image);
  const DelayAndSum das;
  InputConfig config = config_for("image", das);
  config.depth = 60, config.lateral = 40;
  const auto plain = model_input(config, content, "file");
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(plain[i], std::max(-60.0F, image.values.data()[i]));
  Alteration darker;
  darker.gain = -10;
  const auto dark = model_input(config, content, "file", darker);
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(dark[i], std::max(-60.0F, plain[i] - 10));
  // From channel data the image is the beamformer's own.
  config.transmits = 3;
  const auto made = model_input(config, content, "file");
  const RealMap expected = log_compress(envelope(das.beamform(content.acquisition, image.grid).front()));
  for (std::size_t i = 0; i < made.size(); ++i) EXPECT_EQ(made[i], std::clamp(expected.values.data()[i], -60.0F, 0.0F));
}

TEST_F(ModelInputTest, AGridOfOtherSizeCoversTheSameArea) {
  const PixelGrid grid = *noise_file().image_grid, small = resized(grid, 24, 16);
  EXPECT_NEAR(small.x.from - small.x.step / 2, grid.x.from - grid.x.step / 2, 1e-15);
  EXPECT_NEAR(small.x.last() + small.x.step / 2, grid.x.last() + grid.x.step / 2, 1e-12);
  EXPECT_NEAR(small.z.last() + small.z.step / 2, grid.z.last() + grid.z.step / 2, 1e-12);
  EXPECT_EQ(resized(grid, 60, 40).x.count, grid.x.count);
}

class ImagePairsTest : public TestFolder {};

TEST_F(ImagePairsTest, PngAndNiftiPairsBecomeADataSet) {
  make_folder(folder / "set" / "images");
  make_folder(folder / "set" / "masks");
  for (int k = 0; k < 12; ++k) {
    const std::string name = "p" + std::to_string(k / 2) + "_" + std::to_string(k % 2);
    Picture image{8, 4, 1, std::vector<std::uint8_t>(32)}, mask{8, 4, 1, std::vector<std::uint8_t>(32, 0)};
    for (std::size_t i = 0; i < 32; ++i) image.values[i] = static_cast<std::uint8_t>(8 * i);
    mask.values[9] = 255;
    write_png(folder / "set" / "images" / (name + ".png"), image);
    write_png(folder / "set" / "masks" / (name + ".png"), mask);
  }
  NiftiVolume volume;
  volume.size = {8, 1, 4};
  volume.spacing = {2e-4, 1e-3, 1e-4};
  volume.affine = {{{2e-4, 0, 0, -5e-4}, {0, 1e-3, 0, 0}, {0, 0, 1e-4, 3e-3}}};
  volume.values.assign(32, -12.5F);
  write_nifti(folder / "set" / "images" / "q_0.nii.gz", volume);
  volume.values.assign(32, 0);
  volume.values[17] = 1;
  write_nifti(folder / "set" / "masks" / "q_0.nii.gz", volume);

  const Dataset data = Dataset::open(folder / "set");
  ASSERT_EQ(data.manifest.rows.size(), 13u);
  EXPECT_TRUE(data.pairs);
  const LabelledImage first = data.read(0, "lesion");
  EXPECT_EQ(first.image.values.shape(), (NdArray<float, 3>::Shape{4, 1, 8}));
  EXPECT_NEAR(first.image.values.data()[0], -60, 1e-5);
  EXPECT_NEAR(first.image.values.data()[31], 60 * (248.0 / 255 - 1), 1e-4);
  EXPECT_EQ(std::count(first.mask.begin(), first.mask.end(), 1), 1);
  EXPECT_EQ(first.mask[9], 1);
  const LabelledImage last = data.read(12, "lesion");
  EXPECT_NEAR(last.image.values.data()[5], -12.5, 1e-6);
  EXPECT_NEAR(last.image.grid.x.from, -5e-4, 1e-9);
  EXPECT_EQ(last.mask[17], 1);
  // Patients stay together.
  for (std::size_t k = 0; k + 1 < 12; k += 2) EXPECT_EQ(data.manifest.rows[k].split, data.manifest.rows[k + 1].split);
  EXPECT_NE(error_of([&] { data.read(0, "cyst"); }).find("no class 'cyst' (it has: lesion)"), std::string::npos);

  std::string table = "id,split,patient,site\n";
  for (const auto& row : data.manifest.rows) table += row.id + ",test,someone,here\n";
  put(folder / "set" / "splits.csv", table);
  const Dataset split = Dataset::open(folder / "set");
  EXPECT_EQ(split.rows_of("test").size(), 13u);
  EXPECT_EQ(split.manifest.factor_names, std::vector<std::string>{"site"});
  EXPECT_EQ(split.manifest.rows[3].factors, std::vector<std::string>{"here"});
  put(folder / "set" / "splits.csv", "id,split\np0_0,later\n");
  EXPECT_NE(error_of([&] { Dataset::open(folder / "set"); }).find("is no split"), std::string::npos);
  std::filesystem::remove(folder / "set" / "splits.csv");
  std::filesystem::remove(folder / "set" / "masks" / "q_0.nii.gz");
  EXPECT_NE(error_of([&] { Dataset::open(folder / "set"); }).find("no mask of that name"), std::string::npos);
}

}  // namespace
}  // namespace sonoforge
