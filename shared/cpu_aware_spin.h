// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

#include <chrono>

/// Looking again and again for a moment before sleeping, where that can pay.
///
/// A sleep and a wake-up cost some microseconds; an answer that is already being worked on comes sooner. But
/// it can only come while the peer runs: on the CPU that the spinner itself occupies, every look keeps the
/// peer from answering.
namespace twinpool {

/// About what a futex sleep and wake-up cost on the machines that this was measured on: 4 to 20 us. Longer
/// spins lose 2 to 50 times where CPUs are shared.
inline constexpr std::chrono::nanoseconds kSpinLimit{10'000};

/// A worker that was woken and ran out of tasks within this has gained less than its wake-up cost.
inline constexpr std::chrono::nanoseconds kShortStay{20'000};

/// How many turns such a worker gives to those with whom it shares its CPU before it sleeps.
///
/// Each time it gets the CPU back it looks for tasks. Asleep, it would be woken for the next task: for tasks that cost
/// less than a wake-up, on CPUs that are all in use, that is most of what a task costs. It stays runnable
/// meanwhile, so no CPU idles beside a task.
inline constexpr int kTurns = 4;

/// The CPU on which the calling thread runs; -1 when the system does not say.
///
/// Read where the kernel keeps it for restartable sequences (rseq(2)), as glibc's sched_getcpu does, but without
/// the call: pools ask once or twice a task.
inline int current_cpu() noexcept {
#if defined(RSEQ_SIG) && __has_builtin(__builtin_thread_pointer)
  const auto* const area = reinterpret_cast<const volatile struct rseq*>(
      static_cast<const char*>(__builtin_thread_pointer()) + __rseq_offset);
  // Negative where the thread is not registered.
  if (const auto cpu = static_cast<int>(area->cpu_id); cpu >= 0) return cpu;
#endif
  return ::sched_getcpu();
}

/// Tells the CPU that this is a spin loop: it saves power and leaves shared units to others.
inline void pause_cpu() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Calls `done` until it gives true, at most for `limit`.
///
/// Takes: `peer_cpu`, where the one who makes `done` true ran last; -1 when nobody knows. When that is the
/// caller's own
///        CPU, `done` is called once.
/// Gives: what `done` gave last.
template <typename Done>
bool spin_until(Done&& done, int peer_cpu, std::chrono::nanoseconds limit = kSpinLimit) {
  if (done()) return true;
  if (peer_cpu == current_cpu()) return false;
  // A pause costs 1 to 40 ns, a clock read about 25: look at the clock rarely.
  constexpr int kLooksPerClockRead = 16;
  const auto give_up = std::chrono::steady_clock::now() + limit;
  do {
    for (int i = 0; i < kLooksPerClockRead; ++i) {
      pause_cpu();
      if (done()) return true;
    }
  } while (std::chrono::steady_clock::now() < give_up);
  return false;
}

}  // namespace twinpool
