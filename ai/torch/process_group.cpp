#include "ai/torch/process_group.hpp"

#include <unistd.h>

#include <cstdlib>
#include <string>

#include "core/error.hpp"

#ifdef USE_C10D_GLOO
#include <ATen/Functions.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#endif

namespace sonoforge {
namespace {

std::string variable(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* value = std::getenv(name); value && *value) return value;
  return "";
}

/// -1 where the text is no count.
int count_of(const std::string& text) {
  if (text.empty() || text.size() > 6 || text.find_first_not_of("0123456789") != std::string::npos) return -1;
  return std::stoi(text);
}

struct Place {
  int rank = 0, size = 1, port = 29500;
  std::string address = "127.0.0.1";
};

Place place_of_this_process() {
  const std::string size = variable({"WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"});
  const std::string rank = variable({"RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"});
  Place place;
  if (size.empty() || rank.empty()) return place;
  place.size = count_of(size), place.rank = count_of(rank);
  if (place.size < 1 || place.rank < 0 || place.rank >= place.size)
    throw UserError("process " + rank + " of " + size + " (the environment says RANK and WORLD_SIZE, which do not fit together). Start all processes with torchrun or mpirun, or unset both");
  if (const std::string address = variable({"MASTER_ADDR"}); !address.empty()) place.address = address;
  if (const std::string port = variable({"MASTER_PORT"}); !port.empty()) place.port = count_of(port);
  if (place.port < 1 || place.port > 65535) throw UserError("MASTER_PORT is not a port (1 to 65535). Write for example MASTER_PORT=29500");
  return place;
}

#ifdef USE_C10D_GLOO
class GlooCommunicator : public Communicator {
 public:
  explicit GlooCommunicator(const Place& place) : place_(place) {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(place.port);
    options.isServer = place.rank == 0;
    options.numWorkers = static_cast<std::size_t>(place.size);
    options.timeout = std::chrono::minutes(2);
    store_ = c10::make_intrusive<c10d::TCPStore>(place.address, options);
    auto gloo = c10d::ProcessGroupGloo::Options::create();
    gloo->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(place.address == "localhost" || place.address == "127.0.0.1" ? "127.0.0.1" : own_name()));
    gloo->timeout = std::chrono::minutes(30);
    group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store_, place.rank, place.size, gloo);
  }
  int rank() const override { return place_.rank; }
  int size() const override { return place_.size; }
  void sum(std::vector<float>& values) override { sum_up(values.data(), values.size(), at::kFloat); }
  void sum(std::vector<double>& values) override { sum_up(values.data(), values.size(), at::kDouble); }

 private:
  static std::string own_name() {
    char name[256] = "localhost";
    gethostname(name, sizeof name - 1);
    return name;
  }
  void sum_up(void* values, std::size_t count, at::ScalarType type) {
    std::vector<at::Tensor> one{at::from_blob(values, {static_cast<std::int64_t>(count)}, type)};
    try {
      group_->allreduce(one)->wait();
    } catch (const std::exception&) {
      throw UserError("another process of this training has gone (sums cannot be formed any more). Start all of them again with --resume");
    }
  }
  Place place_;
  c10::intrusive_ptr<c10d::TCPStore> store_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
};
#endif

}  // namespace

std::unique_ptr<Communicator> join_processes() {
  const Place place = place_of_this_process();
  if (place.size == 1) return std::make_unique<Communicator>();
#ifdef USE_C10D_GLOO
  try {
    return std::make_unique<GlooCommunicator>(place);
  } catch (const std::exception&) {
    throw UserError("the other processes of this training cannot be reached at " + place.address + ":" + std::to_string(place.port) +
                    " (rank " + std::to_string(place.rank) + " of " + std::to_string(place.size) + "). Start all of them, with one MASTER_ADDR and a free MASTER_PORT");
  }
#else
  throw UserError("this program was built without Gloo (several processes cannot train together). Install libgloo-dev and build again, or unset WORLD_SIZE");
#endif
}

}  // namespace sonoforge
