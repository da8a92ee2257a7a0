#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <map>

#include "ai/augmentation.hpp"
#include "ai/communicator.hpp"
#include "ai/heat_map.hpp"
#include "ai/mask_measures.hpp"
#include "ai/optimizers.hpp"
#include "ai/sample_store.hpp"
#include "ai/schedules.hpp"
#include "ai/temperature.hpp"
#include "ai/tensorboard.hpp"
#include "io/config.hpp"
#include "tests/io/test_folder.hpp"

namespace sonoforge {
namespace {

TEST(Optimizers, AdamsFirstStepsFollowTheFormula) {
  // Without decay the first step is the learning rate times the gradient's sign, whatever its size; both corrected moments
  // stay with an unchanging gradient, so the second is as long.
  Adam adam;
  std::vector<float> x{2, -1}, first(2), second(2);
  adam.step(x, {1e-3F, -50}, first, second, 1, 0.01);
  EXPECT_NEAR(x[0], 1.99, 1e-6);
  EXPECT_NEAR(x[1], -0.99, 1e-6);
  adam.step(x, {1e-3F, -50}, first, second, 2, 0.01);
  EXPECT_NEAR(x[0], 1.98, 1e-6);
  // Its weight decay is part of the gradient, which Adam scales to one: a step of the rate along the sign of x.
  adam.weight_decay = 0.1;
  std::vector<float> y{3}, m(1), v(1);
  adam.step(y, {0}, m, v, 1, 0.01);
  EXPECT_NEAR(y[0], 2.99, 1e-6);
}

TEST(Optimizers, SgdWithMomentumIsAGeometricSum) {
  Sgd sgd;
  sgd.momentum = 0.5;
  std::vector<float> x{0}, first(1), second(1);
  // Velocities 1, 1.5, 1.75.
  for (int n = 1; n <= 3; ++n) sgd.step(x, {1}, first, second, n, 0.1);
  EXPECT_NEAR(x[0], -0.1 * (1 + 1.5 + 1.75), 1e-6);
  sgd.nesterov = true;
  std::vector<float> y{0}, again(1);
  // g + momentum v: 1.5, then 1 + 0.5 * 1.5.
  for (int n = 1; n <= 2; ++n) sgd.step(y, {1}, again, second, n, 0.1);
  EXPECT_NEAR(y[0], -0.1 * (1.5 + 1.75), 1e-6);
}

TEST(Optimizers, ClippingKeepsTheDirection) {
  std::vector<float> g{3, 4};
  EXPECT_NEAR(clip_gradient(g, 10), 5, 1e-6);
  EXPECT_EQ(g[1], 4);
  EXPECT_NEAR(clip_gradient(g, 1), 5, 1e-6);
  EXPECT_NEAR(g[0], 0.6, 1e-6);
  EXPECT_NEAR(g[1], 0.8, 1e-6);
}

TEST(Schedules, FollowTheirFormulas) {
  const std::vector<double> none;
  const auto at = [&](const ScheduleConfig& schedule, double epoch) {
    return schedule.factor({static_cast<std::int64_t>(epoch * 100), 100, 10, none});
  };
  CosineSchedule cosine;
  cosine.end = 0.1;
  EXPECT_NEAR(at(cosine, 0), 1, 1e-12);
  EXPECT_NEAR(at(cosine, 5), 0.55, 1e-12);
  EXPECT_NEAR(at(cosine, 10), 0.1, 1e-12);
  EXPECT_NEAR(at(cosine, 2.5), 0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5)), 1e-12);
  OneCycleSchedule cycle;
  EXPECT_NEAR(at(cycle, 0), cycle.start, 1e-12);
  EXPECT_NEAR(at(cycle, 3), 1, 1e-12);
  EXPECT_NEAR(at(cycle, 6.5), 0.5 * (1 + cycle.end), 1e-12);
  EXPECT_NEAR(at(cycle, 10), cycle.end, 1e-12);
  // Warm-up: linear, not zero at the first step; the cosine then has the rest of the epochs.
  CosineSchedule warm;
  warm.warm_up = 2;
  EXPECT_NEAR(at(warm, 0), 1 / 201.0, 1e-12);
  EXPECT_NEAR(at(warm, 1), 101 / 201.0, 1e-12);
  EXPECT_NEAR(at(warm, 2), 1, 1e-12);
  EXPECT_NEAR(at(warm, 6), 0.5, 1e-12);
  EXPECT_NEAR(at(ConstantSchedule{}, 7), 1, 1e-12);
}

TEST(Schedules, PlateauDropsWhereTheLossStays) {
  PlateauSchedule plateau;
  plateau.patience = 2;
  plateau.drop = 0.5;
  plateau.least = 0.01;
  const auto after = [&](const std::vector<double>& losses) {
    return plateau.factor({static_cast<std::int64_t>(losses.size()), 1, 100, losses});
  };
  EXPECT_EQ(after({}), 1);
  EXPECT_EQ(after({1, 0.9, 0.8, 0.7}), 1);
  EXPECT_EQ(after({1, 1}), 1);
  EXPECT_EQ(after({1, 1, 1}), 0.5);
  EXPECT_EQ(after({1, 0.995, 0.992}), 0.5);  // under one per cent is no progress
  EXPECT_EQ(after({1, 1, 1, 1, 1}), 0.25);
  EXPECT_EQ(after({1, 1, 1, 0.5, 0.6}), 0.5);
}

TEST(SamplingOrder, IsAPermutationOrBalanced) {
  const RandomStream random(5, 0, "order");
  auto order = sampling_order(50, {}, random);
  EXPECT_EQ(order, sampling_order(50, {}, random));
  EXPECT_NE(order, sampling_order(50, {}, RandomStream(6, 0, "order")));
  std::sort(order.begin(), order.end());
  for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(order[i], i);
  // 45 of one class, 5 of the other: 25 draws of each, the five equally often.
  std::vector<std::size_t> classes(50, 0);
  for (std::size_t i = 0; i < 5; ++i) classes[7 * i] = 1;
  std::map<std::size_t, int> seen;
  int rare = 0;
  for (const auto i : sampling_order(50, classes, random)) ++seen[i], rare += classes[i] == 1;
  EXPECT_EQ(rare, 25);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(seen[7 * i], 5);
}

TEST(Communicator, SharesCoverTheBatch) {
  for (const std::size_t samples : {0u, 1u, 7u, 8u})
    for (const int size : {1, 2, 3}) {
      std::size_t next = 0;
      for (int rank = 0; rank < size; ++rank) {
        const Share share = share_of(samples, rank, size);
        EXPECT_EQ(share.first, next);
        EXPECT_LE(share.last - share.first, samples / static_cast<std::size_t>(size) + 1);
        next = share.last;
      }
      EXPECT_EQ(next, samples);
    }
}

class TensorboardTest : public TestFolder {};

/// A reader of its own: framing, then the fields of `Event` and `Summary` by number.
struct ReadEvent {
  double wall_time = 0;
  std::int64_t step = 0;
  std::string version, tag;
  float value = 0;
};
std::uint64_t varint(const std::string& text, std::size_t& at) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(text.at(at++));
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
}
void read_message(const std::string& text, int depth, ReadEvent& event) {
  for (std::size_t at = 0; at < text.size();) {
    const std::uint64_t key = varint(text, at);
    const auto field = key >> 3;
    if ((key & 7) == 0) {
      event.step = static_cast<std::int64_t>(varint(text, at));
      EXPECT_EQ(field, 2u);
    } else if ((key & 7) == 1) {
      std::memcpy(&event.wall_time, text.data() + at, 8);
      at += 8;
    } else if ((key & 7) == 5) {
      std::memcpy(&event.value, text.data() + at, 4);
      EXPECT_EQ(depth, 2);
      at += 4;
    } else {
      ASSERT_EQ(key & 7, 2u);
      const auto length = varint(text, at);
      const std::string part = text.substr(at, length);
      at += length;
      if (depth == 0 && field == 3) event.version = part;
      else if (depth == 2) event.tag = part;
      else read_message(part, depth + 1, event);
    }
  }
}

TEST_F(TensorboardTest, ChecksumsAreTheStandardsOwn) {
  // RFC 3720, B.4: 32 bytes of zeros, of ones, and rising.
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising.push_back(static_cast<char>(i));
  EXPECT_EQ(crc32c(rising), 0x46DD794EU);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
}

TEST_F(TensorboardTest, EventsReadBack) {
  std::vector<ScalarEvent> events;
  for (int i = 1; i <= 300; ++i) events.push_back({i, 2.5 * i, i % 2 ? "loss/training" : "dice/validation", 1.0F / static_cast<float>(i)});
  write_tensorboard(folder / "events.out.tfevents.0.test", events);
  const std::string text = bytes(folder / "events.out.tfevents.0.test");
  std::size_t record = 0;
  for (std::size_t at = 0; at < text.size(); ++record) {
    std::uint64_t length = 0;
    std::uint32_t of_length = 0, of_data = 0;
    std::memcpy(&length, text.data() + at, 8);
    std::memcpy(&of_length, text.data() + at + 8, 4);
    ASSERT_LE(at + 16 + length, text.size());
    const std::string data = text.substr(at + 12, length);
    std::memcpy(&of_data, text.data() + at + 12 + length, 4);
    // Unmasking: subtract the constant, rotate back.
    EXPECT_EQ(std::rotl(of_length - 0xA282EAD8U, 15), crc32c(text.substr(at, 8)));
    EXPECT_EQ(std::rotl(of_data - 0xA282EAD8U, 15), crc32c(data));
    ReadEvent event;
    read_message(data, 0, event);
    if (record == 0) {
      EXPECT_EQ(event.version, "brain.Event:2");
    } else {
      EXPECT_EQ(event.step, events[record - 1].step);
      EXPECT_EQ(event.tag, events[record - 1].tag);
      EXPECT_EQ(event.value, events[record - 1].value);
      EXPECT_EQ(event.wall_time, events[record - 1].wall_time);
    }
    at += 16 + length;
  }
  EXPECT_EQ(record, 301u);
}

TEST(HeatMap, PeaksGiveTheBoxesBack) {
  const std::size_t side = 32;
  const std::vector<Box> boxes{{0.3, 0.4, 0.2, 0.1}, {0.75, 0.7, 0.15, 0.25}};
  const auto map = heat_map(boxes, side, side);
  ASSERT_EQ(map.size(), 4 * side * side);
  // A perfect detector answers heat, width and height everywhere as at the centres.
  std::vector<float> output(map.begin(), map.begin() + 3 * static_cast<std::ptrdiff_t>(side * side));
  for (std::size_t c = 1; c < 3; ++c)
    for (std::size_t i = 0; i < side * side; ++i) output[c * side * side + i] = std::exp(map[c * side * side + i]);
  const auto found = peaks(output, side, side, 0.5);
  ASSERT_EQ(found.size(), 2u);
  for (const Box& box : boxes) {
    // Within half a pixel: the heat stands at pixel centres.
    const bool there = std::any_of(found.begin(), found.end(), [&](const Box& f) {
      return std::abs(f.x - box.x) <= 0.5 / side + 1e-6 && std::abs(f.z - box.z) <= 0.5 / side + 1e-6 &&
             std::abs(f.width - box.width) < 1e-6 && std::abs(f.height - box.height) < 1e-6;
    });
    EXPECT_TRUE(there);
  }
  EXPECT_TRUE(peaks(output, side, side, 1.5).empty());
}

TEST(HeatMap, BoxesSurroundRegions) {
  // Two rectangles, one of them touching the other's corner: three regions drawn, two found.
  std::vector<std::uint8_t> mask(20 * 10, 0);
  const auto fill = [&](std::size_t top, std::size_t bottom, std::size_t left, std::size_t right) {
    for (std::size_t r = top; r < bottom; ++r)
      for (std::size_t c = left; c < right; ++c) mask[r * 10 + c] = 1;
  };
  fill(2, 6, 1, 4);
  fill(10, 12, 5, 7);
  fill(12, 15, 7, 9);
  const auto boxes = boxes_of(mask, 20, 10);
  ASSERT_EQ(boxes.size(), 2u);
  EXPECT_NEAR(boxes[0].x, 0.25, 1e-12);
  EXPECT_NEAR(boxes[0].z, 0.2, 1e-12);
  EXPECT_NEAR(boxes[0].width, 0.3, 1e-12);
  EXPECT_NEAR(boxes[0].height, 0.2, 1e-12);
  EXPECT_NEAR(boxes[1].height, 0.25, 1e-12);
}

TEST(MaskMeasures, OfAnEllipseAndWithHolesAndIslands) {
  PixelGrid grid;
  grid.x = {-0.03, 2e-4, 301};
  grid.z = {0.01, 2e-4, 301};
  std::vector<std::uint8_t> mask(grid.size(), 0);
  const double a = 0.02, b = 0.012, angle = 0.4;
  for (std::size_t iz = 0; iz < 301; ++iz)
    for (std::size_t ix = 0; ix < 301; ++ix) {
      const double x = grid.x.at(ix), z = grid.z.at(iz) - 0.04;
      const double u = x * std::cos(angle) + z * std::sin(angle), v = -x * std::sin(angle) + z * std::cos(angle);
      const bool hole = std::hypot(x, z) < 2e-3, island = ix < 5 && iz < 5;
      mask[iz * 301 + ix] = (u * u / a / a + v * v / b / b <= 1 && !hole) || island;
    }
  const MaskMeasures found = measure_mask(mask, grid);
  // Pixels of 0.2 mm on a rim of 102 mm: errors of sums are far below a tenth of a pixel.
  EXPECT_NEAR(found.area, M_PI * a * b, 5e-7);
  EXPECT_NEAR(found.long_axis, 2 * a, 5e-5);
  EXPECT_NEAR(found.short_axis, 2 * b, 5e-5);
  // Complete elliptic integral: 4 a E(sqrt(1 - b^2 / a^2)).
  EXPECT_NEAR(found.circumference, 4 * a * std::comp_ellint_2(std::sqrt(1 - b * b / a / a)), 1e-4);
  EXPECT_EQ(measure_mask(std::vector<std::uint8_t>(grid.size(), 0), grid).circumference, 0);
}

TEST(Temperature, IsFoundWhereLogitsAreScaled) {
  // Truth drawn with probability sigmoid(z): logits k z have their best temperature near k. 20 000 draws leave a standard
  // error of about 1 / sqrt(20000 I) with an information I of 0.2 or so on z of spread 2: 2 %; 3 of them allowed.
  RandomStream random(3, 0, "labels");
  std::vector<std::vector<float>> logits(1), truths(1);
  for (int i = 0; i < 20000; ++i) {
    const double z = 2 * random.normal();
    logits[0].push_back(static_cast<float>(2.5 * z));
    truths[0].push_back(random.uniform() < 1 / (1 + std::exp(-z)) ? 1.0F : 0.0F);
  }
  EXPECT_NEAR(best_temperature(logits, truths, 1), 2.5, 0.15);
  // The same as a softmax of two.
  std::vector<std::vector<float>> two, which;
  for (std::size_t i = 0; i < logits[0].size(); ++i) {
    two.push_back({logits[0][i], 0});
    which.push_back({truths[0][i], 1 - truths[0][i]});
  }
  EXPECT_NEAR(cross_entropy_at(two, which, 2, 1.7), cross_entropy_at(logits, truths, 1, 1.7), 1e-9);
  EXPECT_NEAR(best_temperature(two, which, 2), best_temperature(logits, truths, 1), 1e-3);
}

TEST(Augmentation, DrawsStayInTheirLimits) {
  const AlterationLimits limits{64, 11};
  bool some_mirrored = false, some_not = false;
  for (std::uint64_t k = 0; k < 200; ++k) {
    const RandomStream random = RandomStream(2, 0, "alter").child("sample", k);
    Alteration alteration;
    FlipAugmentation{}.draw(random, limits, alteration);
    (alteration.mirrored ? some_mirrored : some_not) = true;
    GainAugmentation{}.draw(random, limits, alteration);
    SoundSpeedAugmentation{}.draw(random, limits, alteration);
    FewerTransmitsAugmentation{}.draw(random, limits, alteration);
    DeadElementsAugmentation dead;
    dead.draw(random, limits, alteration);
    EXPECT_LE(std::abs(alteration.gain), 6);
    EXPECT_LE(std::abs(alteration.sound_speed_error), 40);
    EXPECT_GE(alteration.transmits, 1u);
    EXPECT_LE(alteration.transmits, 11u);
    EXPECT_EQ(alteration.dead.size(), 64u);
    Alteration again;
    GainAugmentation{}.draw(random, limits, again);
    EXPECT_EQ(again.gain, alteration.gain);
  }
  EXPECT_TRUE(some_mirrored && some_not);
}

}  // namespace
}  // namespace sonoforge
