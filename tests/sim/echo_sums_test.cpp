#include "sim/echo_sums.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <complex>
#include <random>
#include <vector>

namespace sonoforge {
namespace {

template <class T>
std::vector<T> random_values(std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<T> value(-1, 1);
  std::vector<T> values(count);
  for (T& v : values) v = value(random);
  return values;
}

template <class T>
constexpr std::size_t lanes = EchoCell<T>::lanes;
template <class T>
constexpr std::size_t pair = EchoCell<T>::pair;
using Complex = std::complex<double>;

/// [row][2][lane]
template <class T>
Complex at(const std::vector<T>& values, std::size_t row, std::size_t lane) {
  return {values[row * pair<T> + lane], values[row * pair<T> + lanes<T> + lane]};
}

template <class T>
class EchoSumsTest : public testing::Test {};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(EchoSumsTest, Types);

// E_j += sum_s strength_s P_s psi_sj with P_s = sum_j drive_j psi_sj, and psi turned on, term by term in double. Sums
// of at most 4 x 5 products below 4 in magnitude: 100 roundings of 20 at most.
TYPED_TEST(EchoSumsTest, BlocksAreTheSumsOfTheirDefinition) {
  using T = TypeParam;
  constexpr std::size_t nodes = 5, padded = 8;
  const double tolerance = 100 * 20 * std::numeric_limits<T>::epsilon();
  for (const EchoSums<T>& sums : all_echo_sums<T>())
    for (std::size_t count = 1; count <= EchoSums<T>::together; ++count) {
      const auto psi = random_values<T>(count * nodes * pair<T>, 1), drive = random_values<T>(nodes * pair<T>, 2),
                 echo = random_values<T>(nodes * pair<T>, 3), steps = random_values<T>(count * 2 * padded, 4),
                 strengths = random_values<T>(2 * count, 5);
      std::vector<EchoPoint<T>> points;
      for (std::size_t g = 0; g < count; ++g) points.push_back({0, 0, 0, strengths[2 * g], strengths[2 * g + 1]});
      auto kept = echo, turned_echo = echo, turned = psi;
      sums.block[count - 1](nodes, psi.data(), points.data(), drive.data(), kept.data(), nullptr, 0);
      sums.block_on[count - 1](nodes, turned.data(), points.data(), drive.data(), turned_echo.data(), steps.data(),
                               padded);
      EXPECT_EQ(kept, turned_echo);
      for (std::size_t l = 0; l < lanes<T>; ++l) {
        std::vector<Complex> pressure(count);
        for (std::size_t g = 0; g < count; ++g) {
          for (std::size_t j = 0; j < nodes; ++j) pressure[g] += at(drive, j, l) * at(psi, g * nodes + j, l);
          pressure[g] *= Complex(points[g].real, points[g].imaginary);
        }
        for (std::size_t j = 0; j < nodes; ++j) {
          auto expected = at(echo, j, l);
          for (std::size_t g = 0; g < count; ++g) expected += pressure[g] * at(psi, g * nodes + j, l);
          EXPECT_LE(std::abs(at(kept, j, l) - expected), tolerance);
          for (std::size_t g = 0; g < count; ++g) {
            const Complex step(steps[g * 2 * padded + j], steps[(g * 2 + 1) * padded + j]);
            EXPECT_LE(std::abs(at(turned, g * nodes + j, l) - step * at(psi, g * nodes + j, l)), tolerance);
          }
        }
      }
    }
}

TYPED_TEST(EchoSumsTest, MixturesOfAnyWidthAreTheSumsOfTheirDefinition) {
  using T = TypeParam;
  constexpr std::size_t rows = 7, most = 41;
  const auto in = random_values<T>(rows * pair<T>, 6);
  const auto weights = random_values<float>(rows * most, 7);
  for (const EchoSums<T>& sums : all_echo_sums<T>())
    for (std::size_t width = 1; width <= most; ++width) {
      std::vector<T> out(most * pair<T>, T(9));
      sums.mix(in.data(), rows, pair<T>, weights.data(), most, 1, out.data(), width, pair<T>);
      for (std::size_t c = 0; c < most; ++c)
        for (std::size_t i = 0; i < pair<T>; ++i) {
          double expected = c < width ? 0 : 9;
          for (std::size_t r = 0; c < width && r < rows; ++r)
            expected += static_cast<double>(weights[r * most + c]) * static_cast<double>(in[r * pair<T> + i]);
          EXPECT_LE(std::abs(out[c * pair<T> + i] - expected), 7 * 7 * std::numeric_limits<T>::epsilon()) << width;
        }
    }
}

// A config and its seed give the same bits on any machine, whatever vectors it has. Where there is one kind alone,
// nothing is compared but that kind with itself.
TYPED_TEST(EchoSumsTest, AllKindsOfVectorsGiveTheSameBits) {
  using T = TypeParam;
  constexpr std::size_t padded = 24, rows = 19;
  const std::size_t nodes = 19, width = 37;
  const auto all = all_echo_sums<T>();
  this->RecordProperty("kinds", static_cast<int>(all.size()));
  const auto weights = random_values<float>(rows * width, 1);
  for (std::size_t count = 1; count <= EchoSums<T>::together; ++count) {
    const auto psi = random_values<T>(count * nodes * pair<T>, 2), drive = random_values<T>(nodes * pair<T>, 3),
               strengths = random_values<T>(2 * count, 4), steps = random_values<T>(count * 2 * padded, 5);
    std::vector<EchoPoint<T>> points;
    for (std::size_t g = 0; g < count; ++g) points.push_back({0, 0, 0, strengths[2 * g], strengths[2 * g + 1]});
    std::vector<std::vector<T>> echoes, turned, mixtures;
    for (const EchoSums<T>& sums : all) {
      auto echo = drive, next = psi;
      sums.block_on[count - 1](nodes, next.data(), points.data(), drive.data(), echo.data(), steps.data(), padded);
      echoes.push_back(echo), turned.push_back(next);
      sums.block[count - 1](nodes, psi.data(), points.data(), drive.data(), echo.data(), nullptr, 0);
      echoes.push_back(echo);
      std::vector<T> out(width * pair<T>);
      sums.mix(psi.data(), rows, pair<T>, weights.data(), width, 1, out.data(), width, pair<T>);
      mixtures.push_back(out);
    }
    for (std::size_t k = 1; k < all.size(); ++k) {
      EXPECT_EQ(echoes[2 * k], echoes[0]);
      EXPECT_EQ(echoes[2 * k + 1], echoes[1]);
      EXPECT_EQ(turned[k], turned[0]);
      EXPECT_EQ(mixtures[k], mixtures[0]);
    }
  }
}

}  // namespace
}  // namespace sonoforge
