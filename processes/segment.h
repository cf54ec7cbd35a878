// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "processes/slot.h"

namespace twinpool::processes {

/// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }
  int release();

 private:
  int fd_ = -1;
};

/// How many of each a segment holds.
struct SegmentShape {
  int workers = 1;  ///< seats; each has two places
  int spares = 0;   ///< hot spares that stand by without a seat
  std::uint32_t slots = 1;
  std::uint64_t payload_bytes = 0;
};

/// The memory that owner, supervisor and workers share: one memfd, mapped by each wherever its kernel puts
/// it.
///
/// It has no name and no file, so nothing is left of it when the last process is gone, and /dev/shm's size
/// does not limit it. The control part (header, workers, slots, the shared ring) is reserved and touched when
/// it is made; payload, further rings and the functions' times are address space until they are reserved. Never dumped into a core file. Threads:
/// the mapping itself never changes; what lies in it follows processes/PROTOCOL.md.
class Segment {
 public:
  /// Makes one.
  ///
  /// Errors: throws std::system_error that says what was tried.
  static Segment create(const SegmentShape& shape);
  /// Maps one that `create` made. `file` is the same memfd, for instance received over a socket.
  static Segment attach(Descriptor file);

  [[nodiscard]] SegmentHeader& header() const { return *header_; }
  [[nodiscard]] WorkerRecord& worker(int index) const { return workers_[index]; }
  [[nodiscard]] Slot& slot(std::uint32_t index) const { return slots_[index]; }
  /// One entry of the shared ring of priority 0.
  [[nodiscard]] std::atomic<SlotRef>& ring_entry(std::uint64_t position) const {
    return ring_[position & ring_mask_];
  }
  [[nodiscard]] std::uint32_t ring_size() const { return static_cast<std::uint32_t>(ring_mask_ + 1); }
  /// Requires: 0 <= queue <= seat_count(); more_rings is set, or reserve_queues was called.
  [[nodiscard]] QueueRecord& queue(int queue) const {
    return *reinterpret_cast<QueueRecord*>(queues_ + kQueueStride * static_cast<std::uint64_t>(queue));
  }
  /// The entries of any ring but the shared one of priority 0. Requires: its bit in QueueRecord::used is set.
  [[nodiscard]] std::atomic<SlotRef>* ring_entries(int queue, int level) const {
    return reinterpret_cast<std::atomic<SlotRef>*>(rings_ + ring_at(queue, level));
  }
  /// Requires: sequence < kCountedFunctions, and reserve_function(sequence) was called.
  [[nodiscard]] FunctionCells& function_times(std::uint32_t sequence) const { return functions_[sequence]; }
  /// One bit a slot: the owner's monitor is to look at it.
  [[nodiscard]] std::atomic<std::uint64_t>& done_word(std::uint32_t index) const { return done_[index / 64]; }
  /// How many workers users know of.
  [[nodiscard]] int seat_count() const { return seat_count_; }
  /// How many places there are to work at: two a seat.
  [[nodiscard]] int place_count() const { return 2 * seat_count_; }
  /// How many WorkerRecords there are: behind the places, one for each hot spare, whose number in `worker` counts as
  /// its place while it stands by.
  [[nodiscard]] int record_count() const { return place_count() + spare_count_; }
  /// Requires: place < place_count().
  [[nodiscard]] int seat_of(int place) const { return place % seat_count_; }
  /// Who is there, as reports have it: "worker 3", "hot spare 0". Requires: place < record_count().
  [[nodiscard]] std::string name_of(int place) const;
  [[nodiscard]] std::uint32_t slot_count() const { return slot_count_; }
  [[nodiscard]] std::span<std::byte> payload() const { return payload_; }
  [[nodiscard]] int descriptor() const { return file_.get(); }

  /// Takes real memory for `bytes` bytes of payload from `offset` on, so that touching them cannot fail.
  ///
  /// Gives: false when the machine has no more (C12). Threads: safe.
  [[nodiscard]] bool reserve_payload(std::uint64_t offset, std::uint64_t bytes) const;
  /// The same for the ends of all rings.
  [[nodiscard]] bool reserve_queues() const;
  /// The same for the entries of one ring.
  [[nodiscard]] bool reserve_ring(int queue, int level) const;
  /// The same for one function's times.
  [[nodiscard]] bool reserve_function(std::uint32_t sequence) const;

 private:
  Segment(Descriptor file, boost::interprocess::mapped_region region);
  void lay_out();
  [[nodiscard]] std::uint64_t ring_at(int queue, int level) const {
    const auto number = static_cast<std::uint64_t>(queue) * kPriorityLevels + static_cast<unsigned>(level);
    return number * ring_stride_;
  }
  /// Takes real memory for part of the file. Gives: false when there is none.
  [[nodiscard]] bool reserve(const void* from, std::uint64_t bytes) const;

  static constexpr std::uint64_t kQueueStride = (sizeof(QueueRecord) + 4095) / 4096 * 4096;

  Descriptor file_;
  boost::interprocess::mapped_region region_;
  // Copies, so that a worker that scribbles over the header misleads nobody but itself.
  SegmentHeader* header_ = nullptr;
  WorkerRecord* workers_ = nullptr;
  Slot* slots_ = nullptr;
  std::atomic<SlotRef>* ring_ = nullptr;
  std::uint64_t ring_mask_ = 0;
  std::uint64_t ring_stride_ = 0;
  std::byte* queues_ = nullptr;
  std::byte* rings_ = nullptr;
  FunctionCells* functions_ = nullptr;
  std::atomic<std::uint64_t>* done_ = nullptr;
  int seat_count_ = 0;
  int spare_count_ = 0;
  std::uint32_t slot_count_ = 0;
  std::span<std::byte> payload_;
};

}  // namespace twinpool::processes
