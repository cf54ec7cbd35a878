// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "processes/launcher.h"
#include "processes/observer.h"
#include "processes/task_books.h"
#include "shared/restart_policy.h"

namespace twinpool::processes {

/// The owner's one thread of its own: hears the workers' bell and the launcher, settles what a dead
/// supervisor leaves behind, and asks for a new one.
///
/// Its thread starts after all forks of the pool's making, takes no signals, and sleeps unless something
/// happens. Threads: construction and destruction by the pool; `wait_*` and `supervisor_pid` from any thread.
class Monitor {
 public:
  /// Takes: the owner's ends of the bell (eventfd) and of the pool's socket at the launcher.
  Monitor(TaskBooks& books, Observer& observer, Descriptor bell, Descriptor launcher_socket,
          const RestartOptions& restart);
  ~Monitor();
  Monitor(const Monitor&) = delete;

  /// From here on a supervisor that ends is not replaced.
  void expect_end();
  /// Waits until no supervisor runs and its workers are gone. Gives: whether that is so.
  bool wait_supervisor_gone(std::chrono::milliseconds limit);
  /// Has the launcher kill what is left, and waits until it has reaped it. Gives: whether it has.
  bool end_everything(std::chrono::milliseconds limit);

  /// Ends the monitor's thread and closes its descriptors. What was learned stays readable.
  void finish();

  /// Waits for the first report about the first supervisor. Gives: its pid; 0 when it could not be started
  /// (see `start_error`) or nothing was heard in time.
  pid_t wait_started(std::chrono::milliseconds limit);
  [[nodiscard]] pid_t supervisor_pid() const;
  [[nodiscard]] int start_error() const;

 private:
  void listen_bell();
  void listen_launcher();
  void look_now_and_then();
  void serve_bell();
  bool serve_launcher();
  void supervisor_started(pid_t pid);
  void supervisor_gone();
  void everybody_gone();
  /// Takes: whether these deaths are news, or the pool's own doing.
  void recover_all(bool unasked);
  void restart_supervisor();
  template <typename Predicate>
  bool wait(std::chrono::milliseconds limit, Predicate predicate);

  TaskBooks& books_;
  Observer& observer_;
  RestartPolicy policy_;
  boost::asio::io_context io_;
  boost::asio::posix::stream_descriptor bell_;
  boost::asio::posix::stream_descriptor launcher_;
  boost::asio::steady_timer restart_timer_;
  boost::asio::steady_timer look_timer_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  bool ending_ = false;
  bool everybody_gone_ = false;
  bool heard_ = false;
  int start_error_ = 0;
  pid_t supervisor_pid_ = 0;
  Clock::time_point supervisor_born_;

  std::thread thread_;
};

}  // namespace twinpool::processes
