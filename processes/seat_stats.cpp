// SPDX-License-Identifier: Apache-2.0
#include "processes/seat_stats.h"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "shared/outcome.h"

namespace twinpool::processes {
namespace {

bool is_busy(const Segment& segment, int place) {
  const SlotRef intent = segment.worker(place).intent.load(std::memory_order_acquire);
  if (intent == 0 || ref_index(intent) >= segment.slot_count()) return false;
  const SlotWord word{segment.slot(ref_index(intent)).word.load(std::memory_order_acquire)};
  return word.generation() == ref_generation(intent) && word.in_hands() && word.worker() == place;
}

WorkerState state_at(const Segment& segment, const Observer& observer, int place) {
  const WorkerRecord& record = segment.worker(place);
  if (record.ready.load(std::memory_order_acquire) != record.incarnation.load(std::memory_order_acquire))
    return WorkerState::kStarting;
  if (record.stopped.load(std::memory_order_acquire) != 0 || observer.stuck(place)) return WorkerState::kStuck;
  return is_busy(segment, place) ? WorkerState::kBusy : WorkerState::kIdle;
}

/// Fills in who has the seat and what that one does.
void find_occupant(const Segment& segment, const Observer& observer, bool closed, WorkerStats& stats) {
  const std::atomic<std::uint32_t>& seat = segment.worker(stats.index).seat;
  for (std::uint32_t state = seat.load(std::memory_order_acquire);;) {
    stats.id = 0;
    stats.state = state == kSeatLost ? WorkerState::kLost : WorkerState::kAbsent;
    const std::uint32_t place = state - kFirstOccupant;
    if (state >= kFirstOccupant && place < static_cast<std::uint32_t>(segment.place_count())) {
      stats.id = static_cast<int>(segment.worker(static_cast<int>(place)).pid.load(std::memory_order_acquire));
      stats.state = stats.id != 0 ? state_at(segment, observer, static_cast<int>(place)) : WorkerState::kLost;
    }
    // A fresh worker may have taken the seat over while the old one's place was looked at.
    const std::uint32_t again = seat.load(std::memory_order_acquire);
    if (again == state) break;
    state = again;
  }
  if (closed && stats.id == 0) stats.state = WorkerState::kStopped;
}

std::string last_death_at(const Segment& segment, int place) {
  const WorkerRecord& record = segment.worker(place);
  const auto failed = record.failed_incarnation.load(std::memory_order_acquire);
  if (failed != 0 && failed == record.incarnation.load(std::memory_order_acquire)) {
    return "could not be set up: " +
           std::string(record.set_up_failure, ::strnlen(record.set_up_failure, kFailureBytes));
  }
  const auto status = static_cast<int>(record.last_status.load(std::memory_order_relaxed));
  const std::string task = known_name(record.last_type.load(std::memory_order_relaxed));
  return describe({.worker = segment.seat_of(place),
                   .pid = static_cast<int>(record.last_pid.load(std::memory_order_relaxed)),
                   .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
                   .exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                   .was_running = !task.empty()},
                  task);
}

}  // namespace

WorkerStats seat_stats(const Segment& segment, const Observer& observer, int seat, bool closed) {
  WorkerStats stats;
  stats.index = seat;
  find_occupant(segment, observer, closed, stats);
  std::uint64_t timed = 0;
  std::uint64_t busy_ns = 0;
  std::int64_t last_death = -1;
  for (const int place : {seat, seat + segment.seat_count()}) {
    const WorkerRecord& record = segment.worker(place);
    stats.tasks += record.tasks.load(std::memory_order_relaxed);
    timed += record.timed_tasks.load(std::memory_order_relaxed);
    busy_ns += record.busy_ns.load(std::memory_order_relaxed);
    stats.restarts += record.restarts.load(std::memory_order_relaxed);
    stats.recycled += record.recycled.load(std::memory_order_relaxed);
    stats.waiting.add(record.waiting);
    stats.running.add(record.running);
    if (record.deaths.load(std::memory_order_acquire) == 0) continue;
    const std::int64_t when = record.last_death_ns.load(std::memory_order_relaxed);
    if (when > last_death) {
      last_death = when;
      stats.last_death = last_death_at(segment, place);
    }
  }
  if (timed > 0) {
    const double scale = static_cast<double>(stats.tasks) / static_cast<double>(timed);
    stats.busy = std::chrono::nanoseconds(
        static_cast<std::int64_t>(static_cast<double>(busy_ns) * std::max(scale, 1.0)));
  }
  return stats;
}

std::vector<int> pids_of(const Segment& segment) {
  std::vector<int> pids;
  for (int place = 0; place < segment.place_count(); ++place) {
    const auto pid = static_cast<int>(segment.worker(place).pid.load(std::memory_order_acquire));
    if (pid != 0) pids.push_back(pid);
  }
  return pids;
}

std::vector<int> spare_pids_of(const Segment& segment) {
  std::vector<int> pids;
  for (int place = segment.place_count(); place < segment.record_count(); ++place) {
    const WorkerRecord& record = segment.worker(place);
    const auto pid = static_cast<int>(record.pid.load(std::memory_order_acquire));
    const bool ready = record.ready.load(std::memory_order_acquire) == record.incarnation.load(std::memory_order_acquire);
    if (pid != 0 && ready) pids.push_back(pid);
  }
  return pids;
}

}  // namespace twinpool::processes
