#pragma once
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "lab/worker.hpp"

namespace sonoforge::lab {

/// The workers that all pages share. A page numbers its requests; a newer one of the same page ends an older one, waiting or running.
class Pool {
 public:
  /// `limit`: longest time for an answer.
  Pool(std::size_t workers, const WorkerSettings& settings, std::chrono::milliseconds limit);
  struct Outcome {
    std::optional<std::string> answer;
    std::string why;        ///< where there is none
    bool replaced = false;  ///< by a newer request
    bool full = false;      ///< too many were waiting
  };
  Outcome ask(const std::string& page, std::uint64_t number, const std::string& request);
  void stop();

 private:
  struct Seat {
    explicit Seat(const WorkerSettings& settings) : worker(settings) {}
    Worker worker;
    std::string page;  ///< whose scene it holds
    bool busy = false;
  };
  bool replaced(const std::string& page, std::uint64_t number) const;
  std::chrono::milliseconds limit_;
  mutable std::mutex mutex_;
  std::condition_variable freed_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::map<std::string, std::uint64_t> newest_;  ///< number of each page's newest request
  std::list<std::string> pages_;                 ///< in order of their last request
  std::size_t waiting_ = 0;
  bool stopped_ = false;
};

/// Long work with a full engine: started, looked at, ended.
class Jobs {
 public:
  ~Jobs();
  struct Status {
    int percent = 0;
    bool done = false;
    std::string answer, why;
  };
  /// Nothing where too many are at work.
  std::optional<std::uint64_t> start(const std::string& request);
  std::optional<Status> status(std::uint64_t id) const;
  bool cancel(std::uint64_t id);
  void stop();

 private:
  struct Job {
    Status status;
    bool cancelled = false;
    std::thread thread;
  };
  void forget_old();
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::unique_ptr<Job>> jobs_;
  std::uint64_t next_ = 1;
};

}  // namespace sonoforge::lab
