// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>

#include "shared/events.h"

namespace twinpool {

/// Hands events to the user's callback, one at a time, from a thread of its own, in the order of `tell`.
///
/// Bounded: what does not fit is dropped and counted, so that a slow callback never holds a pool up. Without a
/// callback nothing is kept and no thread is started. Threads: `tell` and the counts from any thread; `stop`
/// once, not inside the callback.
class EventQueue {
 public:
  static constexpr std::size_t kCapacity = 4096;

  /// Starts the thread, if there is a callback.
  explicit EventQueue(EventCallback callback);
  /// As stop.
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  /// Whether anybody listens.
  [[nodiscard]] bool listens() const { return static_cast<bool>(callback_); }
  /// Queues `event`; sets its time if it has none.
  void tell(Event event) noexcept;
  /// Delivers what is queued, then ends the thread; later events are dropped.
  void stop() noexcept;

  [[nodiscard]] std::uint64_t dropped() const;
  /// Callbacks that threw.
  [[nodiscard]] std::uint64_t failures() const;

 private:
  void run() noexcept;

  const EventCallback callback_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::deque<Event> waiting_;
  std::uint64_t dropped_ = 0;
  std::uint64_t failures_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace twinpool
