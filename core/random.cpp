#include "core/random.hpp"

#include <cmath>
#include <numbers>

namespace sonoforge {

// 64-bit mixer of SplitMix64 [steele2014]: spreads a name over all bits of a key.
static std::uint64_t mix(std::uint64_t z) {
  z += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

static std::uint64_t hash(std::uint64_t start, std::string_view text) {
  std::uint64_t h = mix(start);
  for (unsigned char c : text) h = mix(h ^ c);
  return mix(h ^ text.size());
}

RandomStream::RandomStream(std::uint64_t seed, std::uint64_t patient, std::string_view purpose)
    : key_(hash(mix(seed) ^ mix(~patient), purpose)) {}

RandomStream RandomStream::child(std::string_view purpose, std::uint64_t index) const {
  return RandomStream(hash(key_ ^ mix(index + 1), purpose));
}

std::array<std::uint32_t, 4> RandomStream::block(std::uint64_t counter) const {
  // [salmon2011, Table 2] multipliers and Weyl constants of Philox4x32, ten rounds.
  std::uint32_t c0 = static_cast<std::uint32_t>(counter), c1 = static_cast<std::uint32_t>(counter >> 32), c2 = 0, c3 = 0;
  std::uint32_t k0 = static_cast<std::uint32_t>(key_), k1 = static_cast<std::uint32_t>(key_ >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = 0xD2511F53ull * c0, p1 = 0xCD9E8D57ull * c2;
    const std::uint32_t n0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    const std::uint32_t n2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(p1);
    c3 = static_cast<std::uint32_t>(p0);
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {c0, c1, c2, c3};
}

static double to_unit(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t bits = ((static_cast<std::uint64_t>(high) << 32) | low) >> 12;  // 52 bits
  return (static_cast<double>(bits) + 0.5) * 0x1p-52;                                 // never 0 nor 1
}

double RandomStream::uniform_at(std::uint64_t counter) const {
  const auto b = block(counter);
  return to_unit(b[0], b[1]);
}

std::array<double, 2> RandomStream::normal_pair_at(std::uint64_t counter) const {
  const auto b = block(counter);
  const double radius = std::sqrt(-2 * std::log(to_unit(b[0], b[1])));
  const double angle = 2 * std::numbers::pi * to_unit(b[2], b[3]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

std::uint64_t RandomStream::integer_below(std::uint64_t bound) {
  // Rejection keeps every value equally likely.
  const std::uint64_t limit = bound * (~0ull / bound);
  for (;;) {
    const auto b = block(next_++);
    const std::uint64_t value = (static_cast<std::uint64_t>(b[0]) << 32) | b[1];
    if (value < limit) return value % bound;
  }
}

}  // namespace sonoforge
