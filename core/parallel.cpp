#include "core/parallel.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/info.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>

#include "core/progress.hpp"

namespace sonoforge {

static std::unique_ptr<oneapi::tbb::task_arena> arena;
static std::unique_ptr<oneapi::tbb::global_control> limit;

/// Loops this thread is inside of: inner ones stay in the arena and in the isolation of the outer one.
static thread_local int depth = 0;

namespace {
/// oneTBB is not built for ThreadSanitizer, which then cannot see what its queues order. These two say it: the bodies of
/// a loop run after what their caller did before, and the caller goes on after all of them. Bodies stay unordered.
#ifdef __SANITIZE_THREAD__
std::atomic<std::size_t> loops_begun{0}, bodies_ended{0};
void loop_begins() { loops_begun.fetch_add(1, std::memory_order_release); }
void loop_ended() { (void)bodies_ended.load(std::memory_order_acquire); }
void body_begins() { (void)loops_begun.load(std::memory_order_acquire); }
void body_ended() { bodies_ended.fetch_add(1, std::memory_order_release); }
#else
void loop_begins() {}
void loop_ended() {}
void body_begins() {}
void body_ended() {}
#endif

struct Inside {
  Inside() {
    body_begins();
    ++depth;
  }
  ~Inside() {
    --depth;
    body_ended();
  }
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
  loop_begins();
  if (depth > 0) run();
  else the_arena().execute(run);
  loop_ended();
}

}  // namespace sonoforge
