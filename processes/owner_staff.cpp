// SPDX-License-Identifier: Apache-2.0
// The owner's part in how many workers there are, and which.
#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <system_error>

#include "processes/door.h"
#include "processes/growth_request.h"
#include "processes/owner.h"
#include "processes/task_queue.h"
#include "shared/futex.h"

namespace twinpool::processes {
namespace {

using std::chrono::milliseconds;

/// Every wait looks again after so long, whatever was or was not heard.
constexpr milliseconds kLookAgain{50};
constexpr milliseconds kStartLimit{10'000};

}  // namespace

void ProcessPool::Owner::set_range(const WorkerRange& workers) {
  SegmentHeader& header = segment_->header();
  header.workers_min.store(static_cast<std::uint32_t>(workers.min), std::memory_order_release);
  header.workers_max.store(static_cast<std::uint32_t>(workers.max), std::memory_order_release);
  dynamic_.store(workers.dynamic(), std::memory_order_relaxed);
}

std::string ProcessPool::Owner::why_no_worker() const {
  const char* const why = segment_->header().start_failure;
  return {why, ::strnlen(why, sizeof SegmentHeader::start_failure)};
}

void ProcessPool::Owner::wait_for_workers() {
  const SegmentHeader& header = segment_->header();
  const auto deadline = Clock::now() + kStartLimit;
  for (int index = 0; index < options_.workers.min; ++index) {
    const std::string which = std::to_string(index + 1) + " of " + std::to_string(options_.workers.min);
    const WorkerRecord& worker = segment_->worker(index);
    while (worker.ready.load(std::memory_order_acquire) == 0) {
      if (const auto error = header.start_errno.load(std::memory_order_acquire); error != 0)
        throw std::system_error(static_cast<int>(error), std::generic_category(), "fork worker " + which);
      if (header.degraded.load(std::memory_order_acquire) != 0) {
        if (const std::string why = why_no_worker(); !why.empty())
          throw std::runtime_error("the pool '" + options_.name + "' has no workers: " + why);
        throw std::system_error(ECHILD, std::generic_category(),
                                "start worker " + which + ": workers die as soon as they start");
      }
      // A set-up takes as long as it takes; but one that fails has shown that it does not work.
      const bool in_set_up = options_.set_up != nullptr && header.deaths.load(std::memory_order_acquire) == 0;
      if (!in_set_up && Clock::now() > deadline) {
        if (const std::string why = why_no_worker(); !why.empty())
          throw std::runtime_error("the pool '" + options_.name + "' has no workers: " + why);
        throw std::system_error(ETIMEDOUT, std::generic_category(), "wait for worker " + which);
      }
      futex_wait(worker.ready, 0, FutexScope::kAllProcesses, Clock::now() + milliseconds(10));
    }
  }
}

/// A dynamic pool grows when more waits than there are workers free to take it. Workers that start are the
/// supervisor's to count.
void ProcessPool::Owner::ask_for_workers_if_missing() const {
  const SegmentHeader& header = segment_->header();
  std::uint64_t free = 0;
  for (std::uint32_t i = 0; i < header.worker_words && i < kWorkerWords; ++i) {
    free += static_cast<std::uint64_t>(std::popcount(header.idle.words[i].load(std::memory_order_seq_cst) |
                                                     header.searching.words[i].load(std::memory_order_seq_cst)));
  }
  if (backlog(*segment_) > free) ask_for_workers(*segment_, poke_.get());
}

void ProcessPool::Owner::resize(const WorkerRange& workers) {
  const int most = options_.workers.max;
  if (workers.min < 1 || workers.min > workers.max || workers.max > most) {
    throw std::invalid_argument("resize to " + std::to_string(workers.min) + " to " + std::to_string(workers.max) +
                                " workers; it must be 1 to " + std::to_string(most) +
                                ", the largest number that the pool was made for, and min not above max");
  }
  const std::lock_guard lock(staff_mutex_);
  set_range(workers);
  segment_->header().grow.store(1, std::memory_order_seq_cst);  // what waits may be too much for them now
  processes::poke_supervisor(poke_.get());
}

bool ProcessPool::Owner::reload(std::chrono::nanoseconds limit) {
  const auto deadline = deadline_after(limit);
  const auto closed = [this] { return closed_hint_.load(std::memory_order_acquire); };
  SegmentHeader& header = segment_->header();
  std::uint32_t generation = 0;
  {
    std::unique_lock lock(staff_mutex_);
    while (reloading_) {  // one after the other
      if (closed() || Clock::now() >= deadline) return false;
      staff_changed_.wait_until(lock, std::min(deadline, Clock::now() + kLookAgain));
    }
    if (closed()) return false;
    reloading_ = true;
    header.reload_until_ns.store(
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count(),
        std::memory_order_release);
    generation = header.reload.fetch_add(1, std::memory_order_acq_rel) + 1;
  }
  processes::poke_supervisor(poke_.get());
  bool done = false;
  for (;;) {
    const std::uint32_t reloaded = header.reloaded.load(std::memory_order_acquire);
    done = reloaded == generation;
    const auto now = Clock::now();
    if (done || closed() || now >= deadline) break;
    futex_wait(header.reloaded, reloaded, FutexScope::kAllProcesses, std::min(deadline, now + kLookAgain));
  }
  const std::lock_guard lock(staff_mutex_);
  reloading_ = false;
  staff_changed_.notify_all();
  return done;
}

}  // namespace twinpool::processes
