// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>
#include <span>

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
  int workers = 1;
  std::uint32_t slots = 1;
  std::uint64_t payload_bytes = 0;
};

/// The memory that owner, supervisor and workers share: one memfd, mapped by each wherever its kernel puts
/// it.
///
/// It has no name and no file, so nothing is left of it when the last process is gone, and /dev/shm's size
/// does not limit it. The control part (header, workers, slots, ring) is reserved and touched when it is
/// made; the payload part is address space until `reserve_payload`. Never dumped into a core file. Threads:
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
  [[nodiscard]] std::atomic<SlotRef>& ring_entry(std::uint64_t position) const {
    return ring_[position & ring_mask_];
  }
  [[nodiscard]] std::uint32_t ring_size() const { return static_cast<std::uint32_t>(ring_mask_ + 1); }
  [[nodiscard]] int worker_count() const { return worker_count_; }
  [[nodiscard]] std::uint32_t slot_count() const { return slot_count_; }
  [[nodiscard]] std::span<std::byte> payload() const { return payload_; }
  [[nodiscard]] int descriptor() const { return file_.get(); }

  /// Takes real memory for `bytes` bytes of payload from `offset` on, so that touching them cannot fail.
  ///
  /// Gives: false when the machine has no more (C12). Threads: safe.
  [[nodiscard]] bool reserve_payload(std::uint64_t offset, std::uint64_t bytes) const;

 private:
  Segment(Descriptor file, boost::interprocess::mapped_region region);
  void lay_out();

  Descriptor file_;
  boost::interprocess::mapped_region region_;
  // Copies, so that a worker that scribbles over the header misleads nobody but itself.
  SegmentHeader* header_ = nullptr;
  WorkerRecord* workers_ = nullptr;
  Slot* slots_ = nullptr;
  std::atomic<SlotRef>* ring_ = nullptr;
  std::uint64_t ring_mask_ = 0;
  int worker_count_ = 0;
  std::uint32_t slot_count_ = 0;
  std::uint64_t payload_offset_ = 0;
  std::span<std::byte> payload_;
};

}  // namespace twinpool::processes
