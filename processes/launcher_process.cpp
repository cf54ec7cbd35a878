// SPDX-License-Identifier: Apache-2.0
#include "processes/launcher_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <exception>
#include <iterator>
#include <list>
#include <system_error>
#include <utility>
#include <vector>

#include "processes/channel.h"
#include "processes/launcher.h"
#include "processes/process_hygiene.h"
#include "processes/supervisor.h"

namespace twinpool::processes {
namespace {

/// One pool as the launcher knows it: what a supervisor is started from, and the one that runs.
struct PoolEntry {
  Descriptor socket, memory, poke, bell, board;
  WorkerOptions options;
  std::vector<Descriptor> keep;  // one for each of options.processes.keep_descriptors

  pid_t supervisor = 0;  // also the process group of its workers
  bool supervisor_dead = false;
  int status = 0;
  bool closing = false;  // the owner has closed its end
};

class LauncherLoop {
 public:
  LauncherLoop(int control, int owner_pidfd) : control_(control), owner_pidfd_(owner_pidfd) {}

  [[noreturn]] void run() {
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, nullptr);
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    const Descriptor signals(::signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals.open()) ::_exit(1);
    signals_ = signals.get();
    // Workers whose supervisor is killed become this process's children, so that somebody reaps them.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (;;) step();
  }

 private:
  void step() {
    std::vector<pollfd> watched{{control_, POLLIN, 0}, {owner_pidfd_, POLLIN, 0}, {signals_, POLLIN, 0}};
    for (const PoolEntry& pool : pools_)
      watched.push_back({pool.closing ? -1 : pool.socket.get(), POLLIN, 0});
    if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) end_everything();
    if (watched[1].revents != 0) end_everything();
    if (watched[2].revents != 0) {
      signalfd_siginfo info;
      while (::read(signals_, &info, sizeof info) > 0) {
      }
    }
    auto pool = pools_.begin();
    for (std::size_t i = 3; i < watched.size(); ++i, ++pool) {
      if (watched[i].revents != 0) hear(*pool);
    }
    if (watched[0].revents != 0) {
      auto message = receive_message(control_);
      if (!message) end_everything();
      open(std::move(*message));
    }
    reap();
  }

  void open(Message message) {
    PoolEntry pool;
    try {
      pool.options = decode_worker_options(message.bytes);
    } catch (const std::exception&) {
      return;
    }
    auto& fds = message.descriptors;
    if (fds.size() != kPoolDescriptors + pool.options.processes.keep_descriptors.size()) return;
    pool.socket = std::move(fds[0]);
    pool.memory = std::move(fds[1]);
    pool.poke = std::move(fds[2]);
    pool.bell = std::move(fds[3]);
    pool.board = std::move(fds[4]);
    pool.keep.assign(std::make_move_iterator(fds.begin() + kPoolDescriptors),
                     std::make_move_iterator(fds.end()));
    start_supervisor(pools_.emplace_back(std::move(pool)));
  }

  void start_supervisor(PoolEntry& pool) {
    const pid_t launcher = ::getpid();
    const pid_t pid = ::fork();
    if (pid == 0) become_supervisor(pool, launcher);
    if (pid < 0) {
      report(pool, {LauncherReport::kFailed, errno});
      return;
    }
    ::setpgid(pid, pid);  // the child does the same: whoever comes first, the group exists when it is needed
    pool.supervisor = pid;
    pool.supervisor_dead = false;
    report(pool, {LauncherReport::kStarted, pid});
  }

  [[noreturn]] void become_supervisor(PoolEntry& pool, pid_t launcher) {
    ::setpgid(0, 0);
    set_process_name("twinpool-super");
    set_process_title(pool.options.name + ": supervisor");
    if (::getppid() != launcher) ::_exit(0);
    try {
      // The owner's number for a kept descriptor may be in use here: ours move out of the way first.
      const std::vector<int>& numbers = pool.options.processes.keep_descriptors;
      SupervisorContext context{.options = pool.options,
                                      .owner_pidfd = keep_above(owner_pidfd_, numbers),
                                      .pool_socket = keep_above(pool.socket.get(), numbers),
                                      .poke = keep_above(pool.poke.get(), numbers),
                                      .owner_bell = keep_above(pool.bell.get(), numbers)};
      ScoreboardMemory board = ScoreboardMemory::adopt(pool.board.release());
      board.close_descriptor();  // what is mapped stays
      context.board = &board;
      Descriptor memory(keep_above(pool.memory.get(), numbers));
      std::vector<int> moved;
      for (const Descriptor& fd : pool.keep) moved.push_back(keep_above(fd.get(), numbers));
      for (std::size_t i = 0; i < moved.size(); ++i) ::dup2(moved[i], numbers[i]);
      std::vector<int> keep = numbers;
      keep.insert(keep.end(),
                  {context.owner_pidfd, context.pool_socket, context.poke, context.owner_bell, memory.get()});
      close_descriptors_except(keep);
      const Segment segment = Segment::attach(std::move(memory));
      run_supervisor(segment, context);
    } catch (const std::exception&) {
      ::_exit(1);
    }
  }

  /// A copy of `fd` whose number is above all of `numbers`.
  static int keep_above(int fd, const std::vector<int>& numbers) {
    int lowest = 3;
    for (const int number : numbers) lowest = std::max(lowest, number + 1);
    const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, lowest);
    if (copy < 0) throw std::system_error(errno, std::generic_category(), "copy a descriptor");
    return copy;
  }

  void hear(PoolEntry& pool) {
    const auto message = receive_message(pool.socket.get());
    if (!message) {
      pool.closing = true;
      kill_group(pool);
    } else if (pool.supervisor == 0) {
      start_supervisor(pool);
    }
  }

  static void kill_group(const PoolEntry& pool) {
    if (pool.supervisor > 0) ::kill(-pool.supervisor, SIGKILL);
  }

  void reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      const auto pool =
          std::find_if(pools_.begin(), pools_.end(), [&](const PoolEntry& p) { return p.supervisor == pid; });
      if (pool == pools_.end()) continue;  // an orphaned worker
      pool->supervisor_dead = true;
      pool->status = status;
      // Its workers are this process's children from now on; none may outlive it.
      kill_group(*pool);
    }
    for (auto pool = pools_.begin(); pool != pools_.end();) {
      const bool settled =
          pool->supervisor == 0 || (pool->supervisor_dead && group_is_empty(pool->supervisor));
      if (settled && pool->supervisor != 0) {
        pool->supervisor = 0;
        if (!pool->closing) report(*pool, {LauncherReport::kGone, pool->status});
      }
      pool = settled && pool->closing ? pools_.erase(pool) : std::next(pool);
    }
  }

  static bool group_is_empty(pid_t group) {
    siginfo_t info{};
    return ::waitid(P_PGID, static_cast<id_t>(group), &info, WEXITED | WNOHANG | WNOWAIT) != 0 &&
           errno == ECHILD;
  }

  static void report(PoolEntry& pool, const LauncherReport& report) {
    send_message(pool.socket.get(), bytes_of(report));
  }

  [[noreturn]] void end_everything() {
    for (const PoolEntry& pool : pools_) kill_group(pool);
    // Only the groups: what a task has started and set apart (setsid) is its own affair.
    for (const PoolEntry& pool : pools_) {
      siginfo_t info{};
      while (pool.supervisor > 0 &&
             (::waitid(P_PGID, static_cast<id_t>(pool.supervisor), &info, WEXITED) == 0 || errno == EINTR)) {
      }
    }
    ::_exit(0);
  }

  const int control_;
  const int owner_pidfd_;
  int signals_ = -1;
  std::list<PoolEntry> pools_;
};

}  // namespace

void run_launcher(int control, int owner_pidfd) {
  // A program that ignores SIGCHLD would have its children's children reaped unseen as well.
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &plain, nullptr);
  ::setpgid(0, 0);  // the terminal's Ctrl-C is for the program; it decides
  set_process_name("twinpool-launch");
  set_process_title("twinpool: launcher");
  close_descriptors_except({control, owner_pidfd});
  LauncherLoop(control, owner_pidfd).run();
}

}  // namespace twinpool::processes
