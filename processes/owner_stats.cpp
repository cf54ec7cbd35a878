// SPDX-License-Identifier: Apache-2.0
// What the owner knows of its pool, in numbers.
#include <utility>

#include "processes/owner.h"

namespace twinpool::processes {

PoolStats ProcessPool::Owner::stats() {
  PoolStats stats;
  books_->count_outcomes(stats);
  stats.completed += completed_by_callers_.load(std::memory_order_acquire);
  stats.failed += failed_by_callers_.load(std::memory_order_acquire);
  // Read after the outcomes: what has settled by then was submitted before.
  stats.submitted = waiting_->submitted();
  stats.pending = stats.submitted - (stats.completed + stats.failed + stats.cancelled + stats.timed_out +
                                     stats.lost + stats.rejected_later);
  stats.refused = refused_.load(std::memory_order_relaxed);
  const SegmentHeader& header = segment_->header();
  stats.degraded = header.degraded.load(std::memory_order_acquire) != 0;
  stats.worker_deaths = header.deaths.load(std::memory_order_acquire);
  stats.shared_bytes_in_use = books_->extents().in_use();
  stats.shared_bytes_limit = books_->extents().capacity();
  stats.retried = books_->retried();
  stats.misdirected = waiting_->misdirected();
  stats.paused = waiting_->paused();
  stats.bytes_copied = waiting_->bytes_written();
  stats.functions = functions_->stats();
  stats.recycled = header.recycled.load(std::memory_order_acquire);
  stats.events_dropped = observer_->dropped();
  stats.event_failures = observer_->failures();
  const bool closed = waiting_->closed();
  const std::lock_guard lock(latency_mutex_);
  for (int seat = 0; seat < segment_->seat_count(); ++seat) {
    WorkerStats worker = seat_stats(*segment_, *observer_, seat, closed);
    worker.queued = waiting_->queued(seat);
    if (!waiting_before_.empty()) {
      worker.waiting = worker.waiting.since(waiting_before_[static_cast<std::size_t>(seat)]);
      worker.running = worker.running.since(running_before_[static_cast<std::size_t>(seat)]);
    }
    stats.waiting.merge(worker.waiting);
    stats.running.merge(worker.running);
    stats.workers.push_back(std::move(worker));
  }
  stats.hot_spares = spare_pids_of(*segment_).size();
  for (int place = 0; place < segment_->place_count(); ++place)
    stats.bytes_copied += segment_->worker(place).result_bytes.load(std::memory_order_relaxed);
  return stats;
}

void ProcessPool::Owner::reset_latency() {
  const std::lock_guard lock(latency_mutex_);
  waiting_before_.assign(static_cast<std::size_t>(segment_->seat_count()), {});
  running_before_.assign(static_cast<std::size_t>(segment_->seat_count()), {});
  for (int place = 0; place < segment_->place_count(); ++place) {
    const auto seat = static_cast<std::size_t>(segment_->seat_of(place));
    waiting_before_[seat].add(segment_->worker(place).waiting);
    running_before_[seat].add(segment_->worker(place).running);
  }
  functions_->reset();
  timed_from_.store(waiting_->submitted(), std::memory_order_relaxed);
}

}  // namespace twinpool::processes
