#include "lab/pool.hpp"

#include <algorithm>

namespace sonoforge::lab {

namespace {
constexpr std::size_t most_waiting = 64, most_pages = 256, most_jobs = 2, most_finished = 8;
constexpr std::chrono::milliseconds longest_job{900'000};
}  // namespace

Pool::Pool(std::size_t workers, const WorkerSettings& settings, std::chrono::milliseconds limit) : limit_(limit) {
  for (std::size_t i = 0; i < workers; ++i) seats_.push_back(std::make_unique<Seat>(settings));
}

bool Pool::replaced(const std::string& page, std::uint64_t number) const {
  const auto found = newest_.find(page);
  return stopped_ || (found != newest_.end() && found->second > number);
}

Pool::Outcome Pool::ask(const std::string& page, std::uint64_t number, const std::string& request) {
  std::unique_lock lock(mutex_);
  if (waiting_ >= most_waiting) return {{}, "too many requests wait. Try again in a moment", false, true};
  auto& newest = newest_[page];
  newest = std::max(newest, number);
  pages_.remove(page);
  pages_.push_back(page);
  while (pages_.size() > most_pages) {
    newest_.erase(pages_.front());
    pages_.pop_front();
  }
  freed_.notify_all();  // older requests of this page give up
  ++waiting_;
  Seat* seat = nullptr;
  while (!replaced(page, number)) {
    // The worker that holds this page's scene, else one that holds none, else any that is free.
    for (const auto& one : seats_) {
      if (one->busy) continue;
      if (!seat || one->page == page || (one->page.empty() && seat->page != page)) seat = one.get();
      if (seat->page == page) break;
    }
    if (seat) break;
    freed_.wait(lock);
  }
  --waiting_;
  if (!seat) return {{}, "a newer request took its place", true, false};
  seat->busy = true;
  seat->page = page;
  lock.unlock();
  Outcome outcome;
  outcome.answer = seat->worker.ask(request, limit_, [&] {
    const std::lock_guard guard(mutex_);
    return replaced(page, number);
  }, outcome.why);
  lock.lock();
  outcome.replaced = !outcome.answer && replaced(page, number);
  seat->busy = false;
  if (!outcome.answer) seat->page.clear();
  freed_.notify_all();
  return outcome;
}

void Pool::stop() {
  const std::lock_guard guard(mutex_);
  stopped_ = true;
  freed_.notify_all();
}

Jobs::~Jobs() { stop(); }

void Jobs::forget_old() {
  std::size_t finished = 0;
  for (const auto& [id, job] : jobs_) finished += job->status.done;
  for (auto at = jobs_.begin(); at != jobs_.end() && finished > most_finished;) {
    if (!at->second->status.done) {
      ++at;
      continue;
    }
    at->second->thread.join();
    at = jobs_.erase(at);
    --finished;
  }
}

std::optional<std::uint64_t> Jobs::start(const std::string& request) {
  const std::lock_guard guard(mutex_);
  forget_old();
  const auto running = std::count_if(jobs_.begin(), jobs_.end(), [](const auto& one) { return !one.second->status.done; });
  if (static_cast<std::size_t>(running) >= most_jobs) return {};
  const std::uint64_t id = next_++;
  Job* job = (jobs_[id] = std::make_unique<Job>()).get();
  job->thread = std::thread([this, job, request] {
    Worker worker(WorkerSettings{{}, 10, {}}, [this, job](int percent) {
      const std::lock_guard inner(mutex_);
      job->status.percent = percent;
    });
    std::string why;
    auto answer = worker.ask(request, longest_job, [this, job] {
      const std::lock_guard inner(mutex_);
      return job->cancelled;
    }, why);
    const std::lock_guard inner(mutex_);
    if (answer) job->status.answer = std::move(*answer), job->status.percent = 100;
    else job->status.why = job->cancelled ? "cancelled" : why;
    job->status.done = true;
  });
  return id;
}

std::optional<Jobs::Status> Jobs::status(std::uint64_t id) const {
  const std::lock_guard guard(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return {};
  return found->second->status;
}

bool Jobs::cancel(std::uint64_t id) {
  const std::lock_guard guard(mutex_);
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return false;
  found->second->cancelled = true;
  return true;
}

void Jobs::stop() {
  std::map<std::uint64_t, std::unique_ptr<Job>> ending;
  {
    const std::lock_guard guard(mutex_);
    for (auto& [id, job] : jobs_) job->cancelled = true;
    ending.swap(jobs_);
  }
  for (auto& [id, job] : ending) job->thread.join();
}

}  // namespace sonoforge::lab
