#pragma once
// For sources that run TorchScript; the only parts of LibTorch's headers that all of them need.
#include <ATen/Parallel.h>
#include <torch/csrc/jit/runtime/graph_executor.h>

namespace sonoforge {

/// Once a process: deterministic algorithms, and graphs that run as they are written.
void set_up_torch();

/// While it lives, this thread runs the script as it is written and with no further threads: torch splits its sums by
/// thread, and it would derive its own gradients for a part of the script, which round differently. Both settings
/// belong to the thread.
class PlainExecution {
 public:
  PlainExecution() {
    at::init_num_threads();
    at::set_num_threads(1);
  }

 private:
  torch::jit::GraphOptimizerEnabledGuard unchanged_{false};
};

}  // namespace sonoforge
