#pragma once
#include <oneapi/tbb/cache_aligned_allocator.h>

#include <vector>

namespace sonoforge {

/// Begins at a cache line, so that vectors of 64 bytes do not lie across two.
template <class T>
using AlignedVector = std::vector<T, oneapi::tbb::cache_aligned_allocator<T>>;

}  // namespace sonoforge
