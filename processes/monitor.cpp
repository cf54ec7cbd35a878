// SPDX-License-Identifier: Apache-2.0
#include "processes/monitor.h"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/post.hpp>
#include <csignal>
#include <cstring>
#include <utility>

#include "processes/channel.h"
#include "processes/pidfd.h"
#include "processes/recovery.h"

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

Monitor::Monitor(TaskBooks& books, Descriptor bell, Descriptor launcher_socket, const RestartOptions& restart)
    : books_(books),
      policy_(restart),
      io_(1),
      bell_(io_, bell.release()),
      launcher_(io_, launcher_socket.release()),
      supervisor_(io_),
      restart_timer_(io_) {
  listen_bell();
  listen_launcher();
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
  supervisor_.close(ignored);
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
    if (!error && serve_launcher()) listen_launcher();
  });
}

void Monitor::serve_bell() {
  std::uint64_t rings = 0;
  [[maybe_unused]] const auto got = ::read(bell_.native_handle(), &rings, sizeof rings);
  const Segment& segment = books_.segment();
  for (int worker = 0; worker < segment.worker_count(); ++worker) {
    const SlotRef intent = segment.worker(worker).intent.load(std::memory_order_acquire);
    if (intent != 0 && ref_index(intent) < segment.slot_count())
      books_.attach_result_memory(ref_index(intent));
  }
}

bool Monitor::serve_launcher() {
  auto message = receive_message(launcher_.native_handle());
  if (!message) {
    launcher_gone();
    return false;
  }
  LauncherReport report{};
  if (message->bytes.size() < sizeof report) return true;
  std::memcpy(&report, message->bytes.data(), sizeof report);
  switch (report.kind) {
    case LauncherReport::kStarted:
      supervisor_started(report.value,
                         message->descriptors.empty() ? Descriptor() : std::move(message->descriptors[0]));
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

void Monitor::supervisor_started(pid_t pid, Descriptor pidfd) {
  supervisor_pidfd_ = std::move(pidfd);
  const std::lock_guard lock(mutex_);
  supervisor_pid_ = pid;
  supervisor_born_ = Clock::now();
  heard_ = true;
  changed_.notify_all();
}

void Monitor::supervisor_gone() {
  recover_all();
  bool ending = false;
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    policy_.died(now, supervisor_pid_ != 0 && now - supervisor_born_ > std::chrono::seconds(1));
    supervisor_pid_ = 0;
    ending = ending_;
    changed_.notify_all();
  }
  supervisor_pidfd_ = Descriptor();
  if (!ending) restart_supervisor();
}

void Monitor::recover_all() {
  const Segment& segment = books_.segment();
  SegmentHeader& header = segment.header();
  for (int index = 0; index < segment.worker_count(); ++index) {
    WorkerRecord& record = segment.worker(index);
    const auto pid = record.pid.exchange(0, std::memory_order_acq_rel);
    // Whoever has not been reaped by its supervisor was killed after it.
    const TaskType* const type = recover_worker(segment, index, static_cast<int>(pid), SIGKILL);
    if (pid == 0) continue;
    record.last_pid.store(pid, std::memory_order_relaxed);
    record.last_status.store(SIGKILL, std::memory_order_relaxed);
    record.last_type.store(type, std::memory_order_relaxed);
    record.deaths.fetch_add(1, std::memory_order_release);
    header.deaths.fetch_add(1, std::memory_order_release);
  }
  header.alive.store(0, std::memory_order_seq_cst);
}

void Monitor::restart_supervisor() {
  SegmentHeader& header = books_.segment().header();
  if (policy_.degraded()) {
    header.degraded.store(1, std::memory_order_seq_cst);
    fail_queued(books_.segment(), SlotState::kLost);
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

void Monitor::launcher_gone() {
  {
    const std::lock_guard lock(mutex_);
    launcher_closed_ = true;
    changed_.notify_all();
    if (ending_) {
      supervisor_pid_ = 0;  // the launcher closes last, when all is reaped
      return;
    }
  }
  if (!supervisor_pidfd_.open()) return;
  {
    const std::lock_guard lock(mutex_);
    orphaned_ = true;
  }
  // The supervisor goes on by itself; nobody can replace it when it ends.
  supervisor_.assign(supervisor_pidfd_.release());
  supervisor_.async_wait(descriptor_base::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    const Segment& segment = books_.segment();
    // Its workers are killed by the kernel right after it. Their memory may be used again only when they are
    // gone.
    for (int index = 0; index < segment.worker_count(); ++index) {
      try {
        const auto pid = static_cast<pid_t>(segment.worker(index).pid.load(std::memory_order_acquire));
        if (pid > 0) wait_ended(open_pidfd(pid), milliseconds(1000));
      } catch (const std::system_error&) {  // gone already
      }
    }
    recover_all();
    segment.header().degraded.store(1, std::memory_order_seq_cst);
    fail_queued(segment, SlotState::kLost);
    const std::lock_guard lock(mutex_);
    supervisor_pid_ = 0;
    changed_.notify_all();
  });
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
  if (!wait(limit, [this] { return launcher_closed_; })) return false;
  // The launcher closes last, when all is reaped. If it was lost earlier, the supervisor is still there, and
  // taking it away takes its workers away.
  boost::asio::post(io_, [this] {
    if (supervisor_.is_open()) kill_by_pidfd(supervisor_.native_handle());
  });
  return wait(limit, [this] { return supervisor_pid_ == 0 || !orphaned_; });
}

pid_t Monitor::wait_started(milliseconds limit) {
  wait(limit, [this] { return heard_ || launcher_closed_; });
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
