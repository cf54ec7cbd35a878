// SPDX-License-Identifier: Apache-2.0
#include "shared/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace twinpool {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

int operation(int name, FutexScope scope) {
  return scope == FutexScope::kThisProcess ? name | FUTEX_PRIVATE_FLAG : name;
}

timespec timespec_of(std::chrono::steady_clock::time_point deadline) {
  // A deadline before the clock's epoch has passed like any other; the kernel refuses negative times.
  const auto since_epoch = std::max(deadline.time_since_epoch(), std::chrono::steady_clock::duration::zero());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since_epoch);
  return {.tv_sec = static_cast<std::time_t>(seconds.count()),
          .tv_nsec = static_cast<long>(std::chrono::nanoseconds(since_epoch - seconds).count())};
}

[[noreturn]] void refuse_to_go_on(const char* call) {
  // Only a wrong address gets here. Going on would mean a lost wake-up or a busy loop.
  std::perror(call);
  std::abort();
}

}  // namespace

bool futex_wait(const void* word, std::uint32_t expected, FutexScope scope,
                std::optional<std::chrono::steady_clock::time_point> deadline) noexcept {
  timespec until{};
  if (deadline) until = timespec_of(*deadline);
  // FUTEX_WAIT_BITSET and not FUTEX_WAIT: its time is absolute, on CLOCK_MONOTONIC, which steady_clock reads,
  // so an interrupted sleep starts again without a sum.
  const int name = operation(FUTEX_WAIT_BITSET, scope);
  while (::syscall(SYS_futex, word, name, expected, deadline ? &until : nullptr, nullptr,
                   FUTEX_BITSET_MATCH_ANY) != 0) {
    if (errno == ETIMEDOUT) return false;
    if (errno == EAGAIN) return true;
    if (errno != EINTR) refuse_to_go_on("futex(FUTEX_WAIT_BITSET)");
  }
  return true;
}

int futex_wake(const void* word, int count, FutexScope scope) noexcept {
  const long woken = ::syscall(SYS_futex, word, operation(FUTEX_WAKE, scope), count);
  // EFAULT: the memory is gone, and with it everybody who slept on it.
  if (woken < 0 && errno != EFAULT) refuse_to_go_on("futex(FUTEX_WAKE)");
  return woken < 0 ? 0 : static_cast<int>(woken);
}

}  // namespace twinpool
