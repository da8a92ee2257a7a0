#pragma once
#include <memory>

#include "ai/communicator.hpp"

namespace sonoforge {

/// The processes that were started together, as the environment tells: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT
/// (torchrun), or those of Open MPI (mpirun) with the two latter given beside (127.0.0.1 and 29500 otherwise). Alone
/// without them. Joined by LibTorch's c10d with Gloo. Throws `UserError` where the others cannot be reached, or where
/// this build has no Gloo.
std::unique_ptr<Communicator> join_processes();

}  // namespace sonoforge
