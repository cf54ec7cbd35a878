// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

#include "shared/cpu_aware_spin.h"

/// Tasks that wait: one ring that all submitters and workers share, and one deque a worker for what its tasks
/// submit.
namespace twinpool::threads {

/// First in, first out, for any number of threads at both ends.
///
/// Each cell carries the number of the position that may use it next: p while free for position p, p + 1
/// while it holds that position's item (D. Vyukov's bounded MPMC queue). The ring is never full: whoever
/// pushes has been admitted, and no more are admitted than there are cells. Threads: all members from any
/// thread.
template <typename Item>
class TaskRing {
 public:
  explicit TaskRing(std::size_t items)
      : mask_(std::bit_ceil(items) - 1), cells_(std::make_unique<Cell[]>(mask_ + 1)) {
    for (std::size_t i = 0; i <= mask_; ++i) cells_[i].turn.store(i, std::memory_order_relaxed);
  }

  /// Requires: fewer items than the ring was made for. The item is published by a sequentially consistent
  /// store: a thread that then looks whether workers sleep, and a worker that says so and then calls
  /// has_item, cannot both miss the other.
  void push(Item* item) noexcept {
    const std::uint64_t position = tail_.fetch_add(1, std::memory_order_relaxed);
    Cell& cell = cells_[position & mask_];
    // Only when a popper was interrupted between claiming this cell, one lap ago, and leaving it.
    for (int looks = 0; cell.turn.load(std::memory_order_acquire) != position; ++looks) {
      if (looks < 64) {
        pause_cpu();
      } else {
        std::this_thread::yield();
      }
    }
    cell.item.store(item, std::memory_order_relaxed);
    cell.turn.store(position + 1, std::memory_order_seq_cst);
  }

  /// Gives: null when the ring is empty, or when the next item is not published yet (its pusher then looks
  /// for sleepers after it has published).
  Item* pop() noexcept {
    std::uint64_t position = head_.load(std::memory_order_relaxed);
    for (;;) {
      Cell& cell = cells_[position & mask_];
      const std::uint64_t turn = cell.turn.load(std::memory_order_acquire);
      const auto ahead = static_cast<std::int64_t>(turn - (position + 1));
      if (ahead < 0) return nullptr;
      if (ahead > 0) {
        position = head_.load(std::memory_order_relaxed);
      } else if (head_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
        Item* const item = cell.item.load(std::memory_order_relaxed);
        cell.turn.store(position + mask_ + 1, std::memory_order_release);
        return item;
      }
    }
  }

  /// What pop would give at this moment or gave a moment ago; null as for pop. Other threads may have taken it.
  [[nodiscard]] Item* front() const noexcept {
    const std::uint64_t position = head_.load(std::memory_order_relaxed);
    const Cell& cell = cells_[position & mask_];
    if (cell.turn.load(std::memory_order_acquire) != position + 1) return nullptr;
    return cell.item.load(std::memory_order_relaxed);
  }

  /// Whether pop would give an item. Sequentially consistent, see push.
  [[nodiscard]] bool has_item() const noexcept {
    for (;;) {
      const std::uint64_t position = head_.load(std::memory_order_seq_cst);
      const std::uint64_t turn = cells_[position & mask_].turn.load(std::memory_order_seq_cst);
      if (turn == position + 1) return true;
      if (head_.load(std::memory_order_seq_cst) == position) return false;
    }
  }

 private:
  struct Cell {
    std::atomic<std::uint64_t> turn{0};
    std::atomic<Item*> item{nullptr};  // atomic for front() alone, which may read while it changes
  };

  const std::uint64_t mask_;
  const std::unique_ptr<Cell[]> cells_;
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  alignas(64) std::atomic<std::uint64_t> head_{0};
};

/// Last in, first out for the worker that owns it; other workers take the oldest (D. Chase, Y. Lev, "Dynamic
/// circular work-stealing deque", of fixed size).
///
/// Threads: push, pop and bottom from the owner; steal and has_item from any thread.
template <typename Item>
class TaskDeque {
 public:
  static constexpr std::int64_t kCapacity = 1024;

  /// Gives: false when full. Published sequentially consistent, as TaskRing::push.
  bool push(Item* item) noexcept {
    const std::int64_t bottom = bottom_.load(std::memory_order_relaxed);
    // Acquire: the thief that freed this place has read it before.
    if (bottom - top_.load(std::memory_order_acquire) >= kCapacity) return false;
    items_[at(bottom)].store(item, std::memory_order_relaxed);
    bottom_.store(bottom + 1, std::memory_order_seq_cst);
    return true;
  }

  /// The owner's youngest item, unless it lies below `mark`, an earlier value of bottom().
  Item* pop(std::int64_t mark = 0) noexcept {
    const std::int64_t last = bottom_.load(std::memory_order_relaxed) - 1;
    if (last < mark || last < top_.load(std::memory_order_relaxed)) return nullptr;
    // The owner gives the place up before it reads top, a thief reads top before bottom: in the single order
    // of sequentially consistent operations one of them sees the other.
    bottom_.store(last, std::memory_order_seq_cst);
    std::int64_t top = top_.load(std::memory_order_seq_cst);
    Item* item = nullptr;
    if (top <= last) item = items_[at(last)].load(std::memory_order_relaxed);
    if (top < last) return item;
    // The last one: the owner takes it as a thief would.
    if (top == last && !top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst)) item = nullptr;
    bottom_.store(last + 1, std::memory_order_relaxed);
    return item;
  }

  /// The oldest item; null when there is none or another thread was quicker.
  Item* steal() noexcept {
    std::int64_t top = top_.load(std::memory_order_seq_cst);
    const std::int64_t bottom = bottom_.load(std::memory_order_seq_cst);
    if (top >= bottom) return nullptr;
    Item* const item = items_[at(top)].load(std::memory_order_relaxed);
    return top_.compare_exchange_strong(top, top + 1, std::memory_order_seq_cst) ? item : nullptr;
  }

  [[nodiscard]] bool has_item() const noexcept {
    return top_.load(std::memory_order_seq_cst) < bottom_.load(std::memory_order_seq_cst);
  }
  [[nodiscard]] std::int64_t bottom() const noexcept { return bottom_.load(std::memory_order_relaxed); }

 private:
  static std::size_t at(std::int64_t position) { return static_cast<std::size_t>(position) % kCapacity; }

  alignas(64) std::atomic<std::int64_t> top_{0};
  alignas(64) std::atomic<std::int64_t> bottom_{0};
  std::unique_ptr<std::atomic<Item*>[]> items_ = std::make_unique<std::atomic<Item*>[]>(kCapacity);
};

}  // namespace twinpool::threads
