#pragma once
#include <cstddef>
#include <memory>
#include <vector>

namespace sonoforge {

/// The processes of one data-parallel training. Each learns from its own part of every batch; sums go around.
class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const { return 0; }
  virtual int size() const { return 1; }
  /// Replaces values by their sums over all processes: the same bits everywhere.
  virtual void sum(std::vector<float>&) {}
  virtual void sum(std::vector<double>&) {}
};

/// The samples [first, last) of a batch that a process learns from: contiguous parts, the first ones one larger.
struct Share {
  std::size_t first = 0, last = 0;
};
inline Share share_of(std::size_t samples, int rank, int size) {
  const auto r = static_cast<std::size_t>(rank), n = static_cast<std::size_t>(size);
  const std::size_t each = samples / n, more = samples % n, first = r * each + (r < more ? r : more);
  return {first, first + each + (r < more ? 1 : 0)};
}

}  // namespace sonoforge
