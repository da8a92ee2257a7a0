#pragma once
#include <cstddef>
#include <functional>

namespace sonoforge {

/// The one door to threads (oneTBB). Work is split by data, never by thread, so results do not depend on the count.
/// `set_thread_count(0)` means all cores.
void set_thread_count(int count);
int thread_count();

/// Calls body(i) for every i in [0, n), each exactly once, in any order, on any thread. Exceptions reach the caller.
/// Throws `Interrupted` when the user asked to stop (see core/progress.hpp).
void parallel_for(std::size_t n, const std::function<void(std::size_t)>& body);

/// Calls body(begin, end) on blocks of `block` indices: block k is always [k*block, min(n, (k+1)*block)).
void parallel_blocks(std::size_t n, std::size_t block, const std::function<void(std::size_t, std::size_t)>& body);

/// Like `parallel_for`, for few long tasks that use threads themselves: a thread that waits inside one does not begin
/// another, so that no more than `thread_count()` are under way.
void parallel_tasks(std::size_t n, const std::function<void(std::size_t)>& body);

/// Sums that give the same bits for any thread count: `partial(block_index)` results must be added in index order by the
/// caller, after the loop.

}  // namespace sonoforge
