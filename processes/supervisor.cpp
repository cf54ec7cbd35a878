// SPDX-License-Identifier: Apache-2.0
#include "processes/supervisor.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "processes/door.h"
#include "processes/process_hygiene.h"
#include "processes/recovery.h"
#include "processes/task_queue.h"
#include "processes/worker.h"
#include "shared/restart_policy.h"

namespace twinpool::processes {
namespace {

using std::chrono::milliseconds;

/// How often unproven replacements are looked at; only while there are any.
constexpr milliseconds kProofInterval{20};

class Supervisor {
 public:
  Supervisor(const Segment& segment, const SupervisorContext& context)
      : segment_(segment),
        header_(segment.header()),
        context_(context),
        policy_(context.restart),
        places_(static_cast<std::size_t>(segment.worker_count())) {}

  [[noreturn]] void run() {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    const int signals = ::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) give_up(errno);
    std::array<pollfd, 4> watched{{{signals, POLLIN, 0},
                                   {context_.owner_pidfd, POLLIN, 0},
                                   {context_.poke, POLLIN, 0},
                                   {context_.pool_socket, POLLRDHUP, 0}}};
    for (;;) {
      reap();
      if (stopping() && header_.alive.load() == 0) ::_exit(0);
      if (!stopping()) restore_strength();
      if (::poll(watched.data(), watched.size(), timeout_ms()) < 0 && errno != EINTR) give_up(errno);
      // The owner, or its pool, is gone; the workers follow this process.
      if (watched[1].revents != 0 || watched[3].revents != 0) ::_exit(0);
      if (watched[0].revents != 0) drain<signalfd_siginfo>(signals);
      if (watched[2].revents != 0) drain<std::uint64_t>(context_.poke);
    }
  }

 private:
  struct Place {
    pid_t pid = 0;
    Clock::time_point born;
    std::uint64_t tasks_at_birth = 0;
  };

  [[nodiscard]] bool stopping() const { return header_.stopping.load(std::memory_order_seq_cst) != 0; }

  template <typename Record>
  static void drain(int fd) {
    Record record;
    [[maybe_unused]] const auto got =
        ::read(fd, &record, sizeof record);  // level-triggered: what it said is looked up
  }

  void ring_owner() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto rung = ::write(context_.owner_bell, &one, sizeof one);
  }

  [[noreturn]] void give_up(int error) const {
    header_.start_errno.store(static_cast<std::uint32_t>(error), std::memory_order_release);
    ring_owner();
    ::_exit(1);
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED)) > 0;) {
      const auto place =
          std::find_if(places_.begin(), places_.end(), [&](const Place& p) { return p.pid == pid; });
      if (place == places_.end()) continue;
      const int index = static_cast<int>(place - places_.begin());
      if (WIFSTOPPED(status)) {
        pass_over(index);
      } else if (WIFCONTINUED(status)) {
        knock(segment_.worker(index));  // it may sleep without its idle bit: let it look for itself
      } else {
        bury(*place, index, pid, status);
      }
    }
  }

  /// A stopped worker neither searches nor can it be woken: nobody may count on it.
  void pass_over(int index) {
    header_.idle.clear(index);
    header_.searching.clear(index);
    if (!skip_stale(segment_)) wake_one(segment_);
  }

  void bury(Place& place, int index, pid_t pid, int status) {
    WorkerRecord& record = segment_.worker(index);
    const auto now = Clock::now();
    const TaskType* const was_running = recover_worker(segment_, index, pid, status);
    const bool productive = finished_a_task(place, record) || has_lived(place, now);
    place.pid = 0;
    record.pid.store(0, std::memory_order_release);
    header_.alive.fetch_sub(1, std::memory_order_seq_cst);
    if (stopping()) return;
    record.last_status.store(static_cast<std::uint32_t>(status), std::memory_order_relaxed);
    record.last_pid.store(static_cast<std::uint32_t>(pid), std::memory_order_relaxed);
    record.last_type.store(was_running, std::memory_order_relaxed);
    record.deaths.fetch_add(1, std::memory_order_release);
    header_.deaths.fetch_add(1, std::memory_order_release);
    policy_.died(now, productive);
    last_death_ = now;
  }

  [[nodiscard]] static bool finished_a_task(const Place& place, const WorkerRecord& record) {
    return record.tasks.load(std::memory_order_relaxed) > place.tasks_at_birth;
  }
  [[nodiscard]] bool has_lived(const Place& place, Clock::time_point now) const {
    return now - place.born >= context_.restart.backoff_limit;
  }

  void restore_strength() {
    prove();
    for (int index = 0; index < segment_.worker_count(); ++index) {
      if (places_[static_cast<std::size_t>(index)].pid != 0) continue;
      const auto now = Clock::now();
      if (policy_.next_start() > now) break;
      policy_.started(now);
      start(index);
    }
    header_.degraded.store(policy_.degraded() ? 1 : 0, std::memory_order_seq_cst);
    // Nobody is left and nobody may come soon: what waits would wait without end.
    if (policy_.degraded() && header_.alive.load(std::memory_order_seq_cst) == 0) {
      fail_queued(segment_, SlotState::kLost);
    }
  }

  /// A replacement that has shown that it can work ends the bad times.
  void prove() {
    if (!policy_.troubled()) return;
    const auto now = Clock::now();
    for (int index = 0; index < segment_.worker_count(); ++index) {
      const Place& place = places_[static_cast<std::size_t>(index)];
      if (place.pid == 0 || place.born < last_death_) continue;
      if (finished_a_task(place, segment_.worker(index)) || has_lived(place, now)) return policy_.proved();
    }
  }

  void start(int index) {
    WorkerRecord& record = segment_.worker(index);
    Place& place = places_[static_cast<std::size_t>(index)];
    const pid_t supervisor = ::getpid();
    record.incarnation.fetch_add(1, std::memory_order_release);
    const pid_t pid = ::fork();
    if (pid == 0) become_worker(index, supervisor);
    if (pid < 0) {
      header_.start_errno.store(static_cast<std::uint32_t>(errno), std::memory_order_release);
      policy_.died(Clock::now(), false);
      ring_owner();
      return;
    }
    place = {pid, Clock::now(), record.tasks.load(std::memory_order_relaxed)};
    record.pid.store(static_cast<std::uint32_t>(pid), std::memory_order_release);
    header_.alive.fetch_add(1, std::memory_order_seq_cst);
  }

  [[noreturn]] void become_worker(int index, pid_t supervisor) const {
    die_with_parent(supervisor);
    reset_signals();
    mark_worker_process();
    std::vector<int> keep = context_.keep;
    keep.push_back(context_.owner_bell);
    close_descriptors_except(std::move(keep));
    set_process_name(("twinpool-w" + std::to_string(index)).c_str());
    run_worker(segment_, WorkerContext{.index = index, .owner_bell = context_.owner_bell});
    std::fflush(nullptr);  // what tasks have printed; the buffers were empty when the launcher was forked
    ::_exit(0);
  }

  [[nodiscard]] int timeout_ms() const {
    if (stopping()) return -1;
    auto wait = milliseconds::max();
    if (policy_.troubled()) wait = kProofInterval;
    const bool someone_is_missing =
        std::any_of(places_.begin(), places_.end(), [](const Place& place) { return place.pid == 0; });
    if (someone_is_missing) {
      const auto due = std::chrono::ceil<milliseconds>(policy_.next_start() - Clock::now());
      wait = std::min(wait, std::max(due, milliseconds{0}));
    }
    return wait == milliseconds::max() ? -1 : static_cast<int>(wait.count());
  }

  const Segment& segment_;
  SegmentHeader& header_;
  const SupervisorContext& context_;
  RestartPolicy policy_;
  std::vector<Place> places_;
  Clock::time_point last_death_{};
};

}  // namespace

void run_supervisor(const Segment& segment, const SupervisorContext& context) {
  Supervisor(segment, context).run();
}

}  // namespace twinpool::processes
