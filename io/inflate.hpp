#pragma once
#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace sonoforge {

/// Unpacks a zlib or gzip stream piece by piece, so that sizes can be judged before memory is taken for them.
class Inflater {
 public:
  /// `packed` must outlive the object.
  Inflater(const std::filesystem::path& file, std::string_view packed);
  ~Inflater();
  /// The next `bytes` bytes, fewer only at the end of the stream. Throws `UserError` naming the file for a damaged
  /// stream.
  std::string take(std::size_t bytes);
  /// Deflate cannot expand more than 1032-fold.
  static constexpr std::size_t most_expansion = 1032;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The bytes as a gzip stream; the same bytes give the same stream (no time, no name).
std::string gzip(std::string_view bytes);

}  // namespace sonoforge
