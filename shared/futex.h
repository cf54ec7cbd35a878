// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>

/// Sleeping on one 32-bit word until somebody says that it has changed (futex(2)).
namespace twinpool {

/// Who may wait on a word. kThisProcess spares the kernel the look-up of the memory behind the address.
enum class FutexScope {
  kThisProcess,  ///< threads of this process
  kAllProcesses  ///< everybody who maps the memory in which the word lies
};

/// Sleeps while `word` holds `expected`.
///
/// Takes:  the address of four aligned bytes; as an atomic, or as the half of a larger atomic.
/// Gives:  false when `deadline` passed (no deadline: never). True otherwise, which promises nothing: the
/// word
///         may have differed at once, somebody may have woken this thread, or nobody has. Look and call
///         again.
/// Errors: none; signals that interrupt the sleep are handled here.
bool futex_wait(const void* word, std::uint32_t expected, FutexScope scope,
                std::optional<std::chrono::steady_clock::time_point> deadline = {}) noexcept;
inline bool futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, FutexScope scope,
                       std::optional<std::chrono::steady_clock::time_point> deadline = {}) noexcept {
  return futex_wait(static_cast<const void*>(&word), expected, scope, deadline);
}

/// Wakes at most `count` of those who sleep on `word`. The word is not read: its memory may be in other use.
///
/// Gives: how many were woken.
int futex_wake(const void* word, int count, FutexScope scope) noexcept;
inline int futex_wake(const std::atomic<std::uint32_t>& word, int count, FutexScope scope) noexcept {
  return futex_wake(static_cast<const void*>(&word), count, scope);
}

}  // namespace twinpool
