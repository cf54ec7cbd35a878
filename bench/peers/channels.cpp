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
#include <cstring>
#include <new>
#include <system_error>
#include <utility>

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

void* map_shared(std::size_t bytes) {
  void* const memory =
      ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("mmap of shared memory");
  return memory;
}

/// Calls `serve_one` for ever; it gives false when there was nothing to do.
template <typename ServeOne>
[[noreturn]] void serve_while_spinning(ServeOne&& serve_one) {
  constexpr int kLooksBeforeNap = 20'000;
  for (int looks = 0;;) {
    if (serve_one()) {
      looks = 0;
    } else if (++looks < kLooksBeforeNap) {
      pause_cpu();
    } else {
      ::usleep(1000);  // it must not take a CPU from whose turn it is; the first task of a turn pays
    }
  }
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
  page_ = new (map_shared(sizeof(Page))) Page;
  children_.fork([this] {
    serve_while_spinning([this] {
      if (page_->there.empty()) return false;
      page_->back.put(page_->there.get());
      return true;
    });
  });
}

RingPair::~RingPair() { ::munmap(page_, sizeof(Page)); }

void RingPair::send(std::uint64_t number) { page_->there.put(number); }
std::uint64_t RingPair::receive() {
  while (page_->back.empty()) pause_cpu();
  return page_->back.get();
}

struct Relay::Page {
  // Numbers: bytes * 2, + 1 to fetch. Of both, the one who reads it writes 0.
  alignas(64) std::atomic<std::uint64_t> asked{0};
  alignas(64) std::atomic<bool> done{false};
  alignas(4096) std::byte payload[kRoom];
};

Relay::Relay(std::function<void(std::span<std::byte>)> make,
             std::function<void(std::span<const std::byte>)> read)
    : make_(std::move(make)), read_(std::move(read)) {
  page_ = static_cast<Page*>(map_shared(sizeof(Page)));  // zero-filled, which is what the two atomics begin with
  children_.fork([this] { serve(); });
}

Relay::~Relay() { ::munmap(page_, sizeof(Page)); }

void Relay::serve() {
  std::vector<std::byte> mine;
  serve_while_spinning([&] {
    const std::uint64_t number = page_->asked.load(std::memory_order_acquire);
    if (number == 0) return false;
    const std::size_t bytes = number / 2;
    if (number % 2 == 0) {
      read_({page_->payload, bytes});
    } else {
      if (mine.size() != bytes) make_((mine.assign(bytes, std::byte{}), mine));
      std::memcpy(page_->payload, mine.data(), bytes);
    }
    page_->asked.store(0, std::memory_order_relaxed);
    page_->done.store(true, std::memory_order_release);
    return true;
  });
}

void Relay::ask(std::uint64_t number) {
  page_->asked.store(number, std::memory_order_release);
  while (!page_->done.load(std::memory_order_acquire)) pause_cpu();
  page_->done.store(false, std::memory_order_relaxed);
}

void Relay::send(std::span<const std::byte> from) {
  std::memcpy(page_->payload, from.data(), from.size());
  ask(from.size() * 2);
}

void Relay::fetch(std::span<std::byte> to) {
  ask(to.size() * 2 + 1);
  std::memcpy(to.data(), page_->payload, to.size());
}

}  // namespace twinpool::bench::peers
