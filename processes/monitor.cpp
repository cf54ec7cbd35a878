// SPDX-License-Identifier: Apache-2.0
#include "processes/monitor.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <utility>

#include "processes/channel.h"
#include "processes/pidfd.h"
#include "processes/recovery.h"
#include "shared/future.h"

namespace twinpool::processes {
namespace {

using boost::asio::posix::descriptor_base;
using std::chrono::milliseconds;

/// A thread that no signal of the program is delivered to.
template <typename Body>
std::thread start_without_signals(Body body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread;
  try {
    thread = std::thread(std::move(body));
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

Monitor::Monitor(TaskBooks& books, Observer& observer, Descriptor bell, Descriptor launcher_socket,
                 const RestartOptions& restart, std::function<void()> serve_notes)
    : books_(books),
      observer_(observer),
      policy_(restart),
      serve_notes_(std::move(serve_notes)),
      io_(1),
      bell_(io_),
      launcher_(io_),
      restart_timer_(io_),
      look_timer_(io_) {
  bell_.assign(bell.get());  // may throw, and then owns nothing
  bell.release();
  launcher_.assign(launcher_socket.get());
  launcher_socket.release();
  listen_bell();
  listen_launcher();
  look_now_and_then();
  thread_ = start_without_signals([this] {
    ::pthread_setname_np(::pthread_self(), "twinpool-mon");
    io_.run();
  });
}

Monitor::~Monitor() { finish(); }

void Monitor::finish() {
  if (!thread_.joinable()) return;
  io_.stop();
  thread_.join();
  boost::system::error_code ignored;
  bell_.close(ignored);
  launcher_.close(ignored);
}

void Monitor::listen_bell() {
  bell_.async_wait(descriptor_base::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    serve_bell();
    listen_bell();
  });
}

void Monitor::listen_launcher() {
  launcher_.async_wait(descriptor_base::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    const bool more = serve_launcher();
    serve_notes_();  // of what a dead supervisor has left
    if (more) listen_launcher();
  });
}

void Monitor::look_now_and_then() {
  const auto next = observer_.look();
  if (!next) return;
  look_timer_.expires_after(*next);
  look_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look_now_and_then();
  });
}

void Monitor::serve_bell() {
  std::uint64_t rings = 0;
  [[maybe_unused]] const auto got = ::read(bell_.native_handle(), &rings, sizeof rings);
  observer_.listen();
  const Segment& segment = books_.segment();
  for (int worker = 0; worker < segment.place_count(); ++worker) {
    const SlotRef intent = segment.worker(worker).intent.load(std::memory_order_acquire);
    if (intent != 0 && ref_index(intent) < segment.slot_count())
      books_.attach_result_memory(ref_index(intent));
  }
  serve_notes_();
}

bool Monitor::serve_launcher() {
  auto message = receive_message(launcher_.native_handle());
  if (!message) {
    everybody_gone();
    return false;
  }
  LauncherReport report{};
  if (message->bytes.size() < sizeof report) return true;
  std::memcpy(&report, message->bytes.data(), sizeof report);
  switch (report.kind) {
    case LauncherReport::kStarted:
      supervisor_started(report.value);
      break;
    case LauncherReport::kGone:
      supervisor_gone();
      break;
    case LauncherReport::kFailed: {
      const std::lock_guard lock(mutex_);
      start_error_ = report.value;
      heard_ = true;
      changed_.notify_all();
      break;
    }
  }
  if (report.kind == LauncherReport::kFailed) supervisor_gone();
  return true;
}

void Monitor::supervisor_started(pid_t pid) {
  const std::lock_guard lock(mutex_);
  supervisor_pid_ = pid;
  supervisor_born_ = Clock::now();
  heard_ = true;
  changed_.notify_all();
}

void Monitor::supervisor_gone() {
  bool ending = false;
  {
    const std::lock_guard lock(mutex_);
    ending = ending_;
  }
  recover_all(!ending);
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    const bool productive = supervisor_pid_ != 0 && now - supervisor_born_ > std::chrono::seconds(1);
    if (productive) policy_.proved();
    policy_.died(now, productive);
    supervisor_pid_ = 0;
    changed_.notify_all();
  }
  if (!ending) restart_supervisor();
}

void Monitor::recover_all(bool unasked) {
  const Segment& segment = books_.segment();
  SegmentHeader& header = segment.header();
  observer_.listen();  // what the supervisor has told comes before its end
  for (int index = 0; index < segment.record_count(); ++index) {
    WorkerRecord& record = segment.worker(index);
    const auto pid = record.pid.exchange(0, std::memory_order_acq_rel);
    const bool has_seat = index < segment.place_count();
    // Whoever has not been reaped by its supervisor was killed after it.
    const TaskType* const type =
        has_seat ? recover_worker(segment, index, static_cast<int>(pid), SIGKILL) : nullptr;
    if (pid == 0 || !unasked) continue;
    record.last_pid.store(pid, std::memory_order_relaxed);
    record.last_status.store(SIGKILL, std::memory_order_relaxed);
    record.last_type.store(type, std::memory_order_relaxed);
    record.last_death_ns.store(now_ns(), std::memory_order_relaxed);
    if (has_seat) {
      std::atomic<std::uint32_t>& seat = segment.worker(segment.seat_of(index)).seat;
      if (seat.load(std::memory_order_relaxed) == kFirstOccupant + static_cast<std::uint32_t>(index))
        seat.store(kSeatLost, std::memory_order_release);
    }
    observer_.died_with_supervisor(index, static_cast<int>(pid), type);
    record.deaths.fetch_add(1, std::memory_order_release);
    header.deaths.fetch_add(1, std::memory_order_release);
  }
  tell_all_again(segment);
  header.alive.store(0, std::memory_order_seq_cst);
}

void Monitor::restart_supervisor() {
  SegmentHeader& header = books_.segment().header();
  if (policy_.degraded()) {
    if (header.degraded.exchange(1, std::memory_order_seq_cst) == 0)
      observer_.degraded("is degraded, its supervisor died too often");
    fail_queued(books_.segment(), SlotState::kLost, -1);
  }
  restart_timer_.expires_at(std::max(policy_.next_start(), Clock::now()));
  restart_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
    }
    policy_.started(Clock::now());
    send_message(launcher_.native_handle(), bytes_of(LauncherRequest{}));
  });
}

/// Launcher and supervisor both hold the socket's other end: neither is left.
void Monitor::everybody_gone() {
  const Segment& segment = books_.segment();
  // Had the launcher lived to the end, it would have reaped the workers first. Otherwise the kernel kills
  // them right after their supervisor; what they write to may be used again only when they are gone.
  for (int index = 0; index < segment.record_count(); ++index) {
    try {
      const auto pid = static_cast<pid_t>(segment.worker(index).pid.load(std::memory_order_acquire));
      if (pid > 0) wait_ended(open_pidfd(pid), milliseconds(1000));
    } catch (const std::system_error&) {  // gone already
    }
  }
  const std::lock_guard lock(mutex_);
  recover_all(!ending_);
  if (!ending_) {
    // Nobody can start anybody any more: what waits would wait for ever.
    if (segment.header().degraded.exchange(1, std::memory_order_seq_cst) == 0)
      observer_.degraded("is degraded, launcher and supervisor are gone");
    fail_queued(segment, SlotState::kLost, -1);
  }
  supervisor_pid_ = 0;
  everybody_gone_ = true;
  changed_.notify_all();
}

template <typename Predicate>
bool Monitor::wait(milliseconds limit, Predicate predicate) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, limit, predicate);
}

void Monitor::expect_end() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
}

bool Monitor::wait_supervisor_gone(milliseconds limit) {
  return wait(limit, [this] { return supervisor_pid_ == 0; });
}

bool Monitor::end_everything(milliseconds limit) {
  ::shutdown(launcher_.native_handle(), SHUT_WR);
  return wait(limit, [this] { return everybody_gone_; });
}

pid_t Monitor::wait_started(milliseconds limit) {
  wait(limit, [this] { return heard_ || everybody_gone_; });
  return supervisor_pid();
}

pid_t Monitor::supervisor_pid() const {
  const std::lock_guard lock(mutex_);
  return supervisor_pid_;
}

int Monitor::start_error() const {
  const std::lock_guard lock(mutex_);
  return start_error_;
}

}  // namespace twinpool::processes
