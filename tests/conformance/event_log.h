// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include "tests/conformance/twin.h"

/// What a pool has told its user so far.
namespace twinpool::conformance {

/// Declared before its pool: the pool calls it until the pool is gone. Threads: any.
class EventLog {
 public:
  EventLog() = default;
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  [[nodiscard]] EventCallback callback() {
    return [this](const Event& event) {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    };
  }
  [[nodiscard]] std::vector<Event> all() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  [[nodiscard]] std::vector<Event> all_of(EventKind kind) const {
    std::vector<Event> found = all();
    std::erase_if(found, [&](const Event& event) { return event.kind != kind; });
    return found;
  }
  [[nodiscard]] std::size_t count(EventKind kind) const { return all_of(kind).size(); }
  /// Waits until `count` events of one kind were told. Gives: whether they were.
  [[nodiscard]] bool wait_for(EventKind kind, std::size_t wanted = 1) const {
    return eventually([&] { return count(kind) >= wanted; });
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Event> events_;
};

}  // namespace twinpool::conformance
