#include "core/parallel.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <memory>
#include <mutex>

#include "core/progress.hpp"

namespace sonoforge {

static std::unique_ptr<oneapi::tbb::task_arena> arena;
static std::unique_ptr<oneapi::tbb::global_control> limit;

/// Loops this thread is inside of: inner ones stay in the arena and in the isolation of the outer one.
static thread_local int depth = 0;

namespace {
struct Inside {
  Inside() { ++depth; }
  ~Inside() { --depth; }
};
}  // namespace

static oneapi::tbb::task_arena& the_arena() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (!arena) set_thread_count(0);
  });
  return *arena;
}

void set_thread_count(int count) {
  const int n = count > 0 ? count : oneapi::tbb::info::default_concurrency();
  // More threads than cores only where asked for: results must not depend on it, and tests check that.
  limit = std::make_unique<oneapi::tbb::global_control>(oneapi::tbb::global_control::max_allowed_parallelism,
                                                        static_cast<std::size_t>(n));
  arena = std::make_unique<oneapi::tbb::task_arena>(n);
}

int thread_count() { return the_arena().max_concurrency(); }

void parallel_for(std::size_t n, const std::function<void(std::size_t)>& body) {
  parallel_blocks(n, 1, [&](std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) body(i);
  });
}

void parallel_tasks(std::size_t n, const std::function<void(std::size_t)>& body) {
  parallel_for(n, [&](std::size_t i) { oneapi::tbb::this_task_arena::isolate([&] { body(i); }); });
}

void parallel_blocks(std::size_t n, std::size_t block, const std::function<void(std::size_t, std::size_t)>& body) {
  if (n == 0) return;
  block = std::max<std::size_t>(block, 1);
  const std::size_t blocks = (n + block - 1) / block;
  const auto run = [&] {
    oneapi::tbb::parallel_for(
        oneapi::tbb::blocked_range<std::size_t>(0, blocks, 1),
        [&](const oneapi::tbb::blocked_range<std::size_t>& range) {
          const Inside inside;
          for (std::size_t k = range.begin(); k != range.end(); ++k) {
            check_interrupted();
            body(k * block, std::min(n, (k + 1) * block));
          }
        },
        oneapi::tbb::simple_partitioner());
  };
  if (depth > 0) run();
  else the_arena().execute(run);
}

}  // namespace sonoforge
