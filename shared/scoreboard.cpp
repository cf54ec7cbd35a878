// SPDX-License-Identifier: Apache-2.0
#include "shared/scoreboard.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace twinpool {
namespace {

constexpr std::size_t bytes_for(std::size_t places) { return kScoreboardEntriesAt + places * sizeof(ScoreboardEntry); }

[[noreturn]] void fail(int error, const char* what) {
  throw std::system_error(error, std::generic_category(), std::string("scoreboard: ") + what);
}

void* map_to_write(int fd, std::size_t bytes) {
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) fail(errno, "map it (mmap)");
  return memory;
}

/// A file of `bytes` zeros, reserved, so that no write to it can meet a full memory later.
int make_file(std::size_t bytes) {
  // A memfd counts as a file: past RLIMIT_FSIZE the kernel sends SIGXFSZ instead of an error.
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < bytes)
    fail(EFBIG, "make it; the file size limit (ulimit -f) is too small");
  const int fd = ::memfd_create(kScoreboardName.data(), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) fail(errno, "make its memory (memfd_create)");
  int error = 0;
  do error = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes));
  while (error == EINTR);
  // Readers rely on the seals: a file that cannot shrink cannot give them SIGBUS.
  if (error == 0 && ::fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) error = errno;
  if (error != 0) {
    ::close(fd);
    fail(error, "reserve its memory");
  }
  return fd;
}

std::int64_t read_clock_ns(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void fill(ScoreboardHeader& header, const ScoreboardFacts& facts) {
  header.version = kScoreboardVersion;
  header.header_bytes = sizeof(ScoreboardHeader);
  header.total_bytes = bytes_for(static_cast<std::size_t>(facts.places));
  header.functions_offset = kScoreboardFunctionsAt;
  header.function_bytes = sizeof(ScoreboardFunction);
  header.function_count = kScoreboardFunctions;
  header.entries_offset = kScoreboardEntriesAt;
  header.entry_bytes = sizeof(ScoreboardEntry);
  header.entry_count = static_cast<std::uint32_t>(facts.places);
  header.owner_pid = ::getpid();
  header.backend = static_cast<std::uint32_t>(facts.backend);
  header.seats = static_cast<std::uint32_t>(facts.seats);
  header.started_realtime_ns = read_clock_ns(CLOCK_REALTIME);
  header.started_monotonic_ns = read_clock_ns(CLOCK_MONOTONIC);
  const auto kept = std::min(facts.pool_name.size(), header.pool_name.size() - 1);
  std::copy_n(facts.pool_name.data(), kept, header.pool_name.data());
  // Last and released: whoever finds the file half filled does not find it at all.
  std::atomic_ref(header.magic).store(kScoreboardMagic, std::memory_order_release);
}

}  // namespace

std::string_view name_of(ScoreboardBackend backend) {
  switch (backend) {
    case ScoreboardBackend::kThreads:
      return "threads";
    case ScoreboardBackend::kProcesses:
      return "processes";
  }
  return "unknown";
}

std::string_view name_of(DeathCause cause) {
  switch (cause) {
    case DeathCause::kSignal:
      return "signal";
    case DeathCause::kExit:
      return "exit";
    case DeathCause::kLimit:
      return "limit";
    case DeathCause::kMemory:
      return "memory";
    case DeathCause::kSetUp:
      return "set_up";
  }
  return "unknown";
}

void ScoreboardEntry::arrive(std::int32_t worker_id, std::uint32_t seat_number, std::int64_t now_ns) noexcept {
  seat.store(seat_number, std::memory_order_relaxed);
  tasks.store(0, std::memory_order_relaxed);
  function.store(0, std::memory_order_relaxed);
  set_state(WorkerState::kStarting, now_ns);
  generation.fetch_add(1, std::memory_order_relaxed);
  id.store(worker_id, std::memory_order_relaxed);
}

void ScoreboardEntry::leave(WorkerState left_as, std::int64_t now_ns) noexcept {
  id.store(0, std::memory_order_relaxed);
  set_state(left_as, now_ns);
}

void ScoreboardEntry::count_death(DeathCause cause, int signal) noexcept {
  deaths[static_cast<std::size_t>(cause)].fetch_add(1, std::memory_order_relaxed);
  if (signal != 0) last_signal.store(static_cast<std::uint32_t>(signal), std::memory_order_relaxed);
}

ScoreboardMemory ScoreboardMemory::create(const ScoreboardFacts& facts) {
  if (facts.places < 1 || facts.places > static_cast<int>(kScoreboardMaxEntries) || facts.seats < 1)
    fail(EINVAL, "make it for so many workers");
  const auto bytes = bytes_for(static_cast<std::size_t>(facts.places));
  const int fd = make_file(bytes);
  ScoreboardMemory made(fd, nullptr, 0);  // closes it if mmap fails
  made.memory_ = static_cast<std::byte*>(map_to_write(fd, bytes));
  made.bytes_ = bytes;
  made.places_ = facts.places;
  // The file is full of zeros, which is the value of every field; the objects begin their lives here.
  auto* const header = ::new (made.memory_) ScoreboardHeader{};
  for (std::size_t i = 0; i < kScoreboardFunctions; ++i)
    ::new (made.memory_ + kScoreboardFunctionsAt + i * sizeof(ScoreboardFunction)) ScoreboardFunction{};
  for (int place = 0; place < facts.places; ++place) {
    auto* const entry = ::new (made.memory_ + kScoreboardEntriesAt +
                               static_cast<std::size_t>(place) * sizeof(ScoreboardEntry)) ScoreboardEntry{};
    entry->state.store(static_cast<std::uint32_t>(WorkerState::kAbsent), std::memory_order_relaxed);
    entry->seat.store(static_cast<std::uint32_t>(place % facts.seats), std::memory_order_relaxed);
  }
  fill(*header, facts);
  return made;
}

ScoreboardMemory ScoreboardMemory::adopt(int fd) {
  ScoreboardMemory adopted(fd, nullptr, 0);
  struct stat file {};
  if (::fstat(fd, &file) != 0) fail(errno, "look at its memory (fstat)");
  const auto bytes = static_cast<std::uint64_t>(file.st_size);
  if (bytes < bytes_for(1) || (bytes - kScoreboardEntriesAt) % sizeof(ScoreboardEntry) != 0 ||
      bytes > bytes_for(kScoreboardMaxEntries))
    throw std::runtime_error("scoreboard: the file has not the size of one");
  adopted.memory_ = static_cast<std::byte*>(map_to_write(fd, bytes));
  adopted.bytes_ = bytes;
  // From the file's size, which is sealed, and not from what is written in it.
  adopted.places_ = static_cast<int>((bytes - kScoreboardEntriesAt) / sizeof(ScoreboardEntry));
  const ScoreboardHeader& header = adopted.header();
  if (header.magic != kScoreboardMagic || header.version != kScoreboardVersion)
    throw std::runtime_error("scoreboard: the file is none of this version");
  return adopted;
}

ScoreboardMemory::ScoreboardMemory(int fd, void* memory, std::size_t bytes)
    : fd_(fd), memory_(static_cast<std::byte*>(memory)), bytes_(bytes) {}

ScoreboardMemory::ScoreboardMemory(ScoreboardMemory&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      memory_(std::exchange(other.memory_, nullptr)),
      bytes_(std::exchange(other.bytes_, 0)),
      places_(std::exchange(other.places_, 0)) {}

ScoreboardMemory& ScoreboardMemory::operator=(ScoreboardMemory&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(memory_, other.memory_);
  std::swap(bytes_, other.bytes_);
  std::swap(places_, other.places_);
  return *this;
}

ScoreboardMemory::~ScoreboardMemory() {
  if (memory_ != nullptr) ::munmap(memory_, bytes_);
  close_descriptor();
}

void ScoreboardMemory::close_descriptor() noexcept {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string ScoreboardMemory::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd_);
}

ScoreboardEntry& ScoreboardMemory::entry(int place) const {
  return *reinterpret_cast<ScoreboardEntry*>(memory_ + kScoreboardEntriesAt +
                                             static_cast<std::size_t>(place) * sizeof(ScoreboardEntry));
}

ScoreboardHeader& ScoreboardMemory::header() const { return *reinterpret_cast<ScoreboardHeader*>(memory_); }

void ScoreboardMemory::set_flag(ScoreboardFlag flag, bool on) const noexcept {
  if (on) {
    header().flags.fetch_or(flag, std::memory_order_relaxed);
  } else {
    header().flags.fetch_and(~static_cast<std::uint32_t>(flag), std::memory_order_relaxed);
  }
}

void ScoreboardMemory::name_function(std::uint32_t number, std::string_view name) const noexcept {
  if (number >= kScoreboardFunctions || name.empty()) return;
  auto& function =
      *reinterpret_cast<ScoreboardFunction*>(memory_ + kScoreboardFunctionsAt + number * sizeof(ScoreboardFunction));
  if (function.length.load(std::memory_order_relaxed) != 0) return;
  const std::size_t kept = std::min(name.size(), ScoreboardFunction::kMost);
  for (std::size_t at = 0; at < kept; at += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, name.data() + at, std::min<std::size_t>(8, kept - at));
    function.text[at / 8].store(eight, std::memory_order_relaxed);
  }
  // Pairs with the reader's acquire: who sees the length sees the text.
  function.length.store(static_cast<std::uint32_t>(kept), std::memory_order_release);
}

}  // namespace twinpool
