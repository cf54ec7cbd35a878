// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>

#include "shared/future.h"

/// Times of the steady clock as numbers (now_ns), and sleep that does not drift.
namespace twinpool::bench {

[[nodiscard]] inline Clock::time_point steady_time(std::int64_t ns) {
  return Clock::time_point(std::chrono::nanoseconds(ns));
}

/// Sleeps until the steady clock says `ns`; at once when it has passed. An absolute time, so that what was
/// lost before the call is not slept again.
inline void sleep_until(std::int64_t ns) {
  const timespec time{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr) == EINTR) {
  }
}

}  // namespace twinpool::bench
