// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/channels.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <new>
#include <system_error>

#include "shared/cpu_aware_spin.h"

namespace twinpool::bench::peers {
namespace {

namespace bip = boost::interprocess;

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

void write_number(int fd, std::uint64_t number) {
  // Less than PIPE_BUF: whole or not at all.
  while (::write(fd, &number, sizeof number) != sizeof number) {
    if (errno != EINTR) fail("write to a pipe");
  }
}

std::uint64_t read_number(int fd) {
  std::uint64_t number = 0;
  while (::read(fd, &number, sizeof number) != sizeof number) {
    if (errno != EINTR) fail("read from a pipe");
  }
  return number;
}

std::uint64_t take(bip::message_queue& queue) {
  std::uint64_t number = 0;
  bip::message_queue::size_type size = 0;
  unsigned priority = 0;
  queue.receive(&number, sizeof number, size, priority);
  return number;
}

}  // namespace

Children::~Children() {
  for (const pid_t pid : pids_) ::kill(pid, SIGKILL);
  for (const pid_t pid : pids_) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

void Children::fork(const std::function<void()>& work) {
  const pid_t owner = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid != 0) return pids_.push_back(pid);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The owner may have died before the line above; then nobody will send the signal.
  if (::getppid() != owner) ::_exit(0);
  try {
    work();
  } catch (...) {
    ::_exit(1);
  }
  ::_exit(0);
}

QueuePair::QueuePair(int workers)
    : names_{"twinpool-peers-there-" + std::to_string(::getpid()),
             "twinpool-peers-back-" + std::to_string(::getpid())} {
  // Unlinked at once: the name serves only to open it.
  there_.emplace(bip::create_only, names_[0].c_str(), kRoom, sizeof(std::uint64_t));
  back_.emplace(bip::create_only, names_[1].c_str(), kRoom, sizeof(std::uint64_t));
  for (const auto& name : names_) bip::message_queue::remove(name.c_str());
  for (int i = 0; i < workers; ++i) {
    children_.fork([this] {
      for (;;) {
        const std::uint64_t number = take(*there_);
        back_->send(&number, sizeof number, 0);
      }
    });
  }
}

QueuePair::~QueuePair() = default;

void QueuePair::send(std::uint64_t number) { there_->send(&number, sizeof number, 0); }
std::uint64_t QueuePair::receive() { return take(*back_); }

PipePair::PipePair(int workers) {
  if (::pipe2(there_, O_CLOEXEC) != 0 || ::pipe2(back_, O_CLOEXEC) != 0) fail("pipe");
  for (int i = 0; i < workers; ++i) {
    children_.fork([this] {
      for (;;) write_number(back_[1], read_number(there_[0]));
    });
  }
}

PipePair::~PipePair() {
  for (const int fd : {there_[0], there_[1], back_[0], back_[1]}) ::close(fd);
}

void PipePair::send(std::uint64_t number) { write_number(there_[1], number); }
std::uint64_t PipePair::receive() { return read_number(back_[0]); }

struct RingPair::Ring {
  void put(std::uint64_t number) noexcept {
    const std::uint64_t at = tail.load(std::memory_order_relaxed);
    numbers[at % kRoom] = number;
    tail.store(at + 1, std::memory_order_release);
  }
  [[nodiscard]] bool empty() const noexcept {
    return tail.load(std::memory_order_acquire) == head.load(std::memory_order_relaxed);
  }
  std::uint64_t get() noexcept {
    const std::uint64_t at = head.load(std::memory_order_relaxed);
    const std::uint64_t number = numbers[at % kRoom];
    head.store(at + 1, std::memory_order_release);
    return number;
  }

  // The room is never exceeded, so neither side has to look whether there is any.
  alignas(64) std::atomic<std::uint64_t> tail{0};
  alignas(64) std::atomic<std::uint64_t> head{0};
  alignas(64) std::array<std::uint64_t, kRoom> numbers{};
};

struct RingPair::Page {
  Ring there;
  Ring back;
};

RingPair::RingPair() {
  void* const memory =
      ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("mmap of the rings");
  page_ = new (memory) Page;
  children_.fork([this] {
    constexpr int kLooksBeforeNap = 20'000;
    for (int looks = 0;;) {
      if (!page_->there.empty()) {
        page_->back.put(page_->there.get());
        looks = 0;
      } else if (++looks < kLooksBeforeNap) {
        pause_cpu();
      } else {
        ::usleep(1000);  // it must not take a CPU from whose turn it is; the first task of a turn pays
      }
    }
  });
}

RingPair::~RingPair() { ::munmap(page_, sizeof(Page)); }

void RingPair::send(std::uint64_t number) { page_->there.put(number); }
std::uint64_t RingPair::receive() {
  while (page_->back.empty()) pause_cpu();
  return page_->back.get();
}

}  // namespace twinpool::bench::peers
