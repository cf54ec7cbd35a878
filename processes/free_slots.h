// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

namespace twinpool::processes {

/// The slots that nobody uses, and how many things still refer to the books they belong to. The owner's
/// private memory.
///
/// A stack, so the slot that was used last, whose memory is warm, is used next. Head, count and tag share one
/// word, so taking a slot also counts its user and giving it back also counts it off: the last user of books
/// whose pool is gone learns from that very step that it was the last, and touches nothing after it. Threads:
/// safe, lock-free.
class FreeSlots {
 public:
  explicit FreeSlots(std::uint32_t count) : next_(std::make_unique<std::atomic<std::uint32_t>[]>(count)) {
    for (std::uint32_t i = 0; i < count; ++i)
      next_[i].store(i + 1 < count ? i + 2 : 0, std::memory_order_relaxed);
    head_.store(Head{.index = count > 0 ? 1u : 0u, .users = 1, .orphaned = false, .tag = 0}.pack());
  }

  /// Takes a slot and counts its user. Gives: none when all are taken.
  std::optional<std::uint32_t> pop() {
    std::uint64_t bits = head_.load(std::memory_order_acquire);
    for (;;) {
      Head head = Head::unpack(bits);
      if (head.index == 0 || head.users == Head::kMask) return std::nullopt;
      const std::uint32_t index = head.index - 1;
      head.index = next_[index].load(std::memory_order_relaxed);
      ++head.users;
      if (head_.compare_exchange_weak(bits, head.next().pack(), std::memory_order_acq_rel)) return index;
    }
  }

  /// Gives `index` back, but its user stays counted.
  void push_keeping_user(std::uint32_t index) { (void)change(index, 0, false); }
  /// Gives `index` back with its user. Gives: true when this was the last user and the pool is gone.
  [[nodiscard]] bool push(std::uint32_t index) { return change(index, -1, false); }
  /// Counts one more user, who has no slot. Gives: false when there are too many to count.
  [[nodiscard]] bool add_user() {
    // Far from the limit, or the few threads that look at once could pass it together.
    if (Head::unpack(head_.load(std::memory_order_acquire)).users > Head::kMask - 4096) return false;
    (void)change(std::nullopt, 1, false);
    return true;
  }
  /// Counts off a user who has no slot. Gives: as push.
  [[nodiscard]] bool remove_user() { return change(std::nullopt, -1, false); }
  /// Says that the pool, the first user, is gone. Gives: as push.
  [[nodiscard]] bool orphan() { return change(std::nullopt, -1, true); }

 private:
  struct Head {
    std::uint32_t index;  // 21 bits; 0: none, else the slot's number plus 1
    std::uint32_t users;  // 21 bits
    bool orphaned;
    std::uint32_t tag;  // 21 bits: makes an old head differ from the same head later

    static constexpr std::uint32_t kMask = (1u << 21) - 1;
    static Head unpack(std::uint64_t bits) {
      return {static_cast<std::uint32_t>(bits) & kMask, static_cast<std::uint32_t>(bits >> 21) & kMask,
              (bits >> 42 & 1) != 0, static_cast<std::uint32_t>(bits >> 43)};
    }
    [[nodiscard]] std::uint64_t pack() const {
      return std::uint64_t{index} | std::uint64_t{users} << 21 | std::uint64_t{orphaned} << 42 |
             std::uint64_t{tag} << 43;
    }
    [[nodiscard]] Head next() const {
      Head head = *this;
      head.tag = (tag + 1) & kMask;
      return head;
    }
  };

  bool change(std::optional<std::uint32_t> index, int users, bool orphan) {
    std::uint64_t bits = head_.load(std::memory_order_acquire);
    for (;;) {
      Head head = Head::unpack(bits);
      if (index) {
        next_[*index].store(head.index, std::memory_order_relaxed);
        head.index = *index + 1;
      }
      head.users = static_cast<std::uint32_t>(static_cast<int>(head.users) + users);
      head.orphaned = head.orphaned || orphan;
      const bool last = head.orphaned && head.users == 0;
      if (head_.compare_exchange_weak(bits, head.next().pack(), std::memory_order_acq_rel)) return last;
    }
  }

  alignas(64) std::atomic<std::uint64_t> head_;
  std::unique_ptr<std::atomic<std::uint32_t>[]> next_;
};

}  // namespace twinpool::processes
