// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "processes/slot.h"
#include "shared/events.h"

/// How the supervisor tells the owner what happens to workers: a ring of fixed entries in the segment.
namespace twinpool::processes {

/// The supervisor's end. Threads: one.
class EventWriter {
 public:
  /// Takes: `bell`: the owner's; `listens`: whether anybody wants to hear.
  EventWriter(EventRing& ring, int bell, bool listens) : ring_(ring), bell_(bell), listens_(listens) {}

  /// Appends `event` and sets its time; drops and counts it when there is no room.
  void tell(EventRecord event);
  /// Rings the bell if anything was told since.
  void flush();

 private:
  EventRing& ring_;
  const int bell_;
  const bool listens_;
  bool told_ = false;
};

/// The owner's end. Threads: one at a time.
class EventReader {
 public:
  explicit EventReader(EventRing& ring) : ring_(ring) {}

  /// The next event whose numbers can be believed; the segment may have been scribbled over.
  ///
  /// Takes: `places`: how many there are.
  [[nodiscard]] std::optional<EventRecord> next(int places);
  /// Events that found no room or made no sense.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  EventRing& ring_;
  std::uint64_t head_ = 0;  // a copy that nobody else can write
  std::atomic<std::uint64_t> broken_{0};
};

}  // namespace twinpool::processes
