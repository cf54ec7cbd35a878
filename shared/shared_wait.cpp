// SPDX-License-Identifier: Apache-2.0
#include "shared/shared_wait.h"

#include <atomic>
#include <climits>

#include "shared/futex.h"

namespace twinpool {
namespace {

template <typename Word>
bool wait(Word& word, Word expected, std::optional<Clock::time_point> deadline) noexcept {
  static_assert(std::atomic_ref<Word>::is_always_lock_free, "a lock would lie in one process");
  while (std::atomic_ref(word).load(std::memory_order_acquire) == expected) {
    if (!futex_wait(static_cast<const void*>(&word), static_cast<std::uint32_t>(expected),
                    FutexScope::kAllProcesses, deadline)) {
      return std::atomic_ref(word).load(std::memory_order_acquire) != expected;
    }
  }
  return true;
}

void wake(const void* word, int count) noexcept { futex_wake(word, count, FutexScope::kAllProcesses); }

}  // namespace

bool shared_wait(std::uint32_t& word, std::uint32_t expected,
                 std::optional<Clock::time_point> deadline) noexcept {
  return wait(word, expected, deadline);
}
bool shared_wait(std::int32_t& word, std::int32_t expected,
                 std::optional<Clock::time_point> deadline) noexcept {
  return wait(word, expected, deadline);
}
void shared_notify_one(const std::uint32_t& word) noexcept { wake(&word, 1); }
void shared_notify_one(const std::int32_t& word) noexcept { wake(&word, 1); }
void shared_notify_all(const std::uint32_t& word) noexcept { wake(&word, INT_MAX); }
void shared_notify_all(const std::int32_t& word) noexcept { wake(&word, INT_MAX); }

}  // namespace twinpool
