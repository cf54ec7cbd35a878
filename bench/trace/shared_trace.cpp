// SPDX-License-Identifier: Apache-2.0
#include "bench/trace/shared_trace.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

namespace twinpool::bench {

struct SharedTrace::Header {
  std::atomic<std::uint64_t> taken;  // may exceed the room: what is above it was left out
  std::atomic<std::uint32_t> events;
  std::atomic<std::uint32_t> names;
  std::array<std::array<char, kNameBytes>, kNames> name;  // each ends with a zero
  std::array<EventRecord, kEvents> event;
};

namespace {

[[noreturn]] void fail(const char* what) { throw std::system_error(errno, std::generic_category(), what); }

std::int64_t nanoseconds_of(std::chrono::steady_clock::time_point when) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
}

}  // namespace

SharedTrace::SharedTrace(int fd, std::uint32_t tasks)
    : made_ns_(nanoseconds_of(std::chrono::steady_clock::now())), fd_(fd), tasks_(tasks) {
  const std::size_t bytes = sizeof(Header) + std::size_t{tasks} * sizeof(TaskRecord);
  void* const memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    const int error = errno;
    close(fd);
    errno = error;
    fail("cannot map the memory of a trace");
  }
  memory_ = static_cast<std::byte*>(memory);
}

SharedTrace SharedTrace::create(std::uint32_t tasks) {
  const int fd = memfd_create("twinpool-trace", MFD_CLOEXEC);
  if (fd < 0) fail("cannot make the memory of a trace");
  if (ftruncate(fd, static_cast<off_t>(sizeof(Header) + std::size_t{tasks} * sizeof(TaskRecord))) != 0) {
    const int error = errno;
    close(fd);
    errno = error;
    fail("cannot size the memory of a trace");
  }
  return SharedTrace(fd, tasks);
}

SharedTrace SharedTrace::open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) fail("cannot open the memory of a trace");
  struct stat status {};
  if (fstat(fd, &status) != 0 || static_cast<std::size_t>(status.st_size) < sizeof(Header)) {
    close(fd);
    errno = EINVAL;
    fail("cannot open the memory of a trace");
  }
  const std::size_t records =
      (static_cast<std::size_t>(status.st_size) - sizeof(Header)) / sizeof(TaskRecord);
  return SharedTrace(fd, static_cast<std::uint32_t>(records));
}

SharedTrace::SharedTrace(SharedTrace&& other) noexcept
    : made_ns_(other.made_ns_),
      fd_(std::exchange(other.fd_, -1)),
      memory_(std::exchange(other.memory_, nullptr)),
      tasks_(other.tasks_),
      recording_(other.recording_) {}

SharedTrace::~SharedTrace() {
  if (memory_ != nullptr) munmap(memory_, sizeof(Header) + std::size_t{tasks_} * sizeof(TaskRecord));
  if (fd_ >= 0) close(fd_);
}

SharedTrace::Header& SharedTrace::header() const { return *reinterpret_cast<Header*>(memory_); }

std::string SharedTrace::path() const { return fmt::format("/proc/{}/fd/{}", getpid(), fd_); }

std::uint64_t SharedTrace::used_bytes() const {
  struct stat status {};
  return fstat(fd_, &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

std::optional<std::uint32_t> SharedTrace::take() {
  if (!recording_) return std::nullopt;
  const std::uint64_t number = header().taken.fetch_add(1, std::memory_order_relaxed);
  return number < tasks_ ? std::optional(static_cast<std::uint32_t>(number)) : std::nullopt;
}

std::uint32_t SharedTrace::name(std::string_view text) {
  text = text.substr(0, kNameBytes - 1);
  Header& here = header();
  const std::uint32_t known = std::min(here.names.load(std::memory_order_relaxed), kNames);
  for (std::uint32_t place = 0; place < known; ++place) {
    if (text == here.name[place].data()) return place;
  }
  if (known == kNames) return kNames - 1;
  std::memcpy(here.name[known].data(), text.data(), text.size());
  here.names.store(known + 1, std::memory_order_relaxed);
  return known;
}

void SharedTrace::note(const Event& event) {
  Header& here = header();
  const std::uint32_t number = here.events.fetch_add(1, std::memory_order_relaxed);
  if (number >= kEvents) return;
  EventRecord& record = here.event[number];
  record.kind.store(static_cast<std::uint32_t>(event.kind), std::memory_order_relaxed);
  record.worker.store(event.worker, std::memory_order_relaxed);
  record.id.store(event.id, std::memory_order_relaxed);
  record.signal.store(event.signal, std::memory_order_relaxed);
  record.exit_status.store(event.exit_status, std::memory_order_relaxed);
  record.when_ns.store(nanoseconds_of(event.when), std::memory_order_release);  // pairs with read_events
}

std::uint32_t SharedTrace::taken() const {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(header().taken.load(std::memory_order_relaxed), tasks_));
}

std::uint64_t SharedTrace::left_out() const {
  return header().taken.load(std::memory_order_relaxed) - taken();
}

TaskRecord& SharedTrace::task(std::uint32_t number) const {
  return reinterpret_cast<TaskRecord*>(memory_ + sizeof(Header))[number];
}

std::uint32_t SharedTrace::events() const {
  return std::min(header().events.load(std::memory_order_relaxed), kEvents);
}

EventRecord& SharedTrace::event(std::uint32_t number) const { return header().event[number]; }

std::string SharedTrace::name_at(std::uint32_t place) const {
  if (place >= kNames) return "?";
  const auto& text = header().name[place];
  return {text.data(), strnlen(text.data(), text.size())};
}

}  // namespace twinpool::bench
