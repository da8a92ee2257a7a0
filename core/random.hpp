#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace sonoforge {

/// A counter-based random stream: Philox4x32-10 [salmon2011]. A stream is named by (seed, patient, purpose), so that
/// changing one factor or adding a purpose reshuffles nothing else, and any element can be drawn on any thread.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint64_t patient, std::string_view purpose);

  /// A further stream below this one, for example one a region.
  RandomStream child(std::string_view purpose, std::uint64_t index = 0) const;

  /// 128 random bits of position `counter`; a pure function of stream and counter.
  std::array<std::uint32_t, 4> block(std::uint64_t counter) const;

  /// Values at a position, independent of anything drawn before.
  double uniform_at(std::uint64_t counter) const;                   ///< in (0, 1)
  std::array<double, 2> normal_pair_at(std::uint64_t counter) const; ///< two standard normals (Box-Muller)

  /// Sequential draws for code on one thread.
  double uniform() { return uniform_at(next_++); }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  double normal() { return normal_pair_at(next_++)[0]; }
  std::uint64_t integer_below(std::uint64_t bound);

  std::uint64_t key() const { return key_; }

 private:
  explicit RandomStream(std::uint64_t key) : key_(key) {}
  std::uint64_t key_ = 0;
  std::uint64_t next_ = 0;
};

}  // namespace sonoforge
