// SPDX-License-Identifier: Apache-2.0
#include "bench/micro/ping_pong.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <new>
#include <stdexcept>
#include <system_error>

#include "shared/cpu_aware_spin.h"
#include "shared/futex.h"

namespace twinpool::bench::micro {
namespace {

constexpr std::chrono::seconds kPatience{1};

/// One direction. `asleep` is written by who receives, everything else by who sends.
struct alignas(64) Lane {
  std::atomic<std::uint32_t> turn{0};
  std::atomic<std::uint32_t> asleep{0};
  std::atomic<int> sender_cpu{-1};
  std::uint64_t number = 0;

  void send(std::uint32_t next_turn, std::uint64_t value) noexcept {
    number = value;
    sender_cpu.store(current_cpu(), std::memory_order_relaxed);
    // Sequentially consistent, as are the two accesses in receive: either the sender sees `asleep` or the
    // receiver sees the turn.
    turn.store(next_turn);
    if (asleep.load() != 0) futex_wake(turn, 1, FutexScope::kAllProcesses);
  }

  /// Waits for any turn but `last`. Gives: false when none came for kPatience.
  bool receive(std::uint32_t last) noexcept {
    // Acquire pairs with the store in send: the number is there.
    const auto arrived = [&] { return turn.load(std::memory_order_acquire) != last; };
    if (spin_until(arrived, sender_cpu.load(std::memory_order_relaxed))) return true;
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    asleep.store(1);
    bool in_time = true;
    while (turn.load() == last && in_time)
      in_time = futex_wait(turn, last, FutexScope::kAllProcesses, deadline);
    asleep.store(0, std::memory_order_relaxed);
    return arrived();
  }
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free && std::atomic<int>::is_always_lock_free);

}  // namespace

struct PingPong::Page {
  Lane there;
  Lane back;
};

PingPong::PingPong() {
  void* const memory =
      ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw std::system_error(errno, std::generic_category(), "mmap of the ping-pong page");
  page_ = new (memory) Page;
  const pid_t owner = ::getpid();
  peer_ = ::fork();
  if (peer_ == 0) answer(*page_, owner);
  if (peer_ < 0) {
    const int error = errno;
    ::munmap(page_, sizeof(Page));
    throw std::system_error(error, std::generic_category(), "fork of the ping-pong peer");
  }
}

PingPong::~PingPong() {
  ::kill(peer_, SIGKILL);
  while (::waitpid(peer_, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::munmap(page_, sizeof(Page));
}

void PingPong::answer(Page& page, pid_t owner) noexcept {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The owner may have died before the line above; then nobody will send the signal.
  std::uint32_t turn = 0;
  while (::getppid() == owner) {
    while (page.there.receive(turn)) {
      turn = page.there.turn.load(std::memory_order_relaxed);
      page.back.send(turn, page.there.number);
    }
  }
  ::_exit(0);
}

std::uint64_t PingPong::round(std::uint64_t number) {
  const std::uint32_t last = turn_++;
  page_->there.send(turn_, number);
  if (!page_->back.receive(last)) throw std::runtime_error("the ping-pong peer does not answer");
  return page_->back.number;
}

}  // namespace twinpool::bench::micro
