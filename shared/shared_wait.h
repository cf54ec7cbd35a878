// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "shared/future.h"

/// Sleeping on a word of a SharedBuffer until somebody in any worker, or the caller, says that it has changed
/// (C14).
namespace twinpool {

/// Sleeps while `word` holds `expected`, which is what std::atomic::wait cannot do between processes.
///
/// Takes:   an element of a SharedBuffer<std::uint32_t> or <std::int32_t>; others change it through a
///          std::atomic_ref, then notify.
/// Gives:   true once an atomic read (acquire) gave another value; false when `deadline` passed first (none:
///          never). A task should have one: who was to notify may have died.
/// Threads: any, in any process that has the buffer. A task that sleeps here keeps its worker.
/// Source:  futex(2), FUTEX_WAIT without FUTEX_PRIVATE_FLAG.
bool shared_wait(std::uint32_t& word, std::uint32_t expected,
                 std::optional<Clock::time_point> deadline = {}) noexcept;
bool shared_wait(std::int32_t& word, std::int32_t expected,
                 std::optional<Clock::time_point> deadline = {}) noexcept;

/// Wakes one of those who sleep on `word`; all of them. Call it after the word was changed.
void shared_notify_one(const std::uint32_t& word) noexcept;
void shared_notify_one(const std::int32_t& word) noexcept;
void shared_notify_all(const std::uint32_t& word) noexcept;
void shared_notify_all(const std::int32_t& word) noexcept;

}  // namespace twinpool
