// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "shared/future.h"

/// One measurement in a fresh process.
///
/// The driver starts its own program again as `twinpool __trial <kind>`, so that no twin inherits a heap,
/// page tables, or the trace of a second thread from what ran before (glibc's single-threaded fast paths
/// never come back in a program that once had a thread, nor in its forks). The spec goes in and the result
/// comes out as JSON in two memory files; a page of counters is mapped by both sides, so counts survive
/// whatever happens to the trial. How the trial ended - also by a crash - is a result.
namespace twinpool::bench {

enum class TrialPhase : std::uint32_t { kStarting, kWarming, kMeasuring, kStopping, kDone };

/// Live counters of one trial, in memory that the driver, the trial and the trial's forks share. Zero at
/// first; what each one means in a trial of some kind is that kind's to say. Times are nanoseconds of the
/// steady clock, 0: has not happened.
struct TrialPage {
  std::atomic<TrialPhase> phase;
  std::atomic<std::uint64_t> submitted;  ///< accepted by the pool
  std::atomic<std::uint64_t> delivered;  ///< gave a value
  std::atomic<std::uint64_t> failed;     ///< gave a failure other than worker_lost
  std::atomic<std::uint64_t> lost;       ///< gave worker_lost
  std::atomic<std::uint64_t> wrong;      ///< gave a value that is not the right one
  std::atomic<std::uint64_t> refused;    ///< not accepted
  std::atomic<std::uint64_t> fired;      ///< faults that began
  std::atomic<std::int64_t> fired_ns;
  std::atomic<std::int64_t> noticed_ns;   ///< the pool settled the faulty task
  std::atomic<std::int64_t> restored_ns;  ///< the pool is back at full strength
  std::atomic<std::int32_t> workers_alive;
  std::atomic<std::int32_t> worker_deaths;
  std::atomic<std::int64_t> beat_ns;  ///< when the trial last counted something
  std::atomic<std::int64_t> marks_ns[16];
  std::atomic<std::uint64_t> marks[16];
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<TrialPhase>::is_always_lock_free,
              "the page is shared between processes");
static_assert(sizeof(TrialPage) <= 4096);

/// How a trial's process ended, and what it and everything below it used.
struct TrialEnd {
  enum class How {
    kExited,       ///< by itself; see exit_status
    kKilled,       ///< by a signal that the driver did not send; see signal
    kDeadline,     ///< the driver killed it: it took too long
    kInterrupted,  ///< the driver killed it: the user pressed Ctrl-C
  };
  How how = How::kExited;
  int exit_status = 0;
  int signal = 0;
  double wall_s = 0;
  double user_s = 0;  ///< CPU time of all processes of the trial that have been reaped
  double system_s = 0;
  std::int64_t voluntary_switches = 0;
  std::int64_t involuntary_switches = 0;
  int left_over =
      0;  ///< processes that outlived the trial by more than a second and had to be killed (C11 says 0)
  std::string output;  ///< the end of what it wrote to its standard output and error

  [[nodiscard]] bool clean() const { return how == How::kExited && exit_status == 0; }
};
/// One sentence part: "exited with status 3", "was killed by SIGSEGV", "was ended after 5 s".
[[nodiscard]] std::string describe(const TrialEnd& end);

struct TrialOptions {
  std::chrono::nanoseconds limit = std::chrono::seconds(60);  ///< the deadline; the trial is killed then
  std::string program = "/proc/self/exe";  ///< what to start as `program __trial <kind> ...`
};

/// The driver's end of one trial.
///
/// Requires: the driver has one thread and no other children (it becomes the reaper of the trial's orphans);
/// one Trial at a time.
class Trial {
 public:
  /// Starts it.
  ///
  /// Errors: std::system_error when no process can be started.
  Trial(std::string_view kind, const nlohmann::json& spec, const TrialOptions& options = {});
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;
  /// Kills what is left of it.
  ~Trial();

  [[nodiscard]] int pid() const;
  [[nodiscard]] const TrialPage& page() const;

  /// Waits until the trial calls TrialContext::pause. Gives: the mark's name, or nothing when it ended (or
  /// was ended) or `until` came first.
  std::optional<std::string> wait_for_mark(Clock::time_point until = Clock::time_point::max());
  /// Lets a paused trial go on.
  void resume();
  /// Waits until the trial has ended or `until` has come. Gives: whether it has ended. Kills it at its
  /// deadline or on Ctrl-C.
  bool wait_until(Clock::time_point until);
  /// Waits for the end and gives it. May be called again.
  const TrialEnd& finish();
  /// Kills it now; the end then says kKilled by SIGKILL.
  void kill();
  /// After finish(): what the body gave; null when it gave nothing (crashed, killed). When the body threw, an
  /// object whose "error" is the sentence and whose "unfit" is true when the machine refused something
  /// (std::system_error, bad_alloc).
  [[nodiscard]] nlohmann::json result() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The trial's own end.
class TrialContext {
 public:
  TrialContext(nlohmann::json spec, TrialPage& page, int control)
      : spec_(std::move(spec)), page_(page), control_(control) {}
  [[nodiscard]] const nlohmann::json& spec() const { return spec_; }
  [[nodiscard]] TrialPage& page() { return page_; }
  /// Tells the driver that `mark` is reached and waits until it says go on. Nothing happens where no driver
  /// listens.
  void pause(std::string_view mark);

 private:
  nlohmann::json spec_;
  TrialPage& page_;
  int control_;
};

/// What one kind of trial does; the JSON it returns is the trial's result.
struct TrialKind {
  std::string_view name;
  nlohmann::json (*body)(TrialContext&);
};

/// The page of the trial that this process is, or is a fork of; null elsewhere. Tasks of a trial may count in
/// it.
[[nodiscard]] TrialPage* trial_page();

inline constexpr std::string_view kTrialCommand = "__trial";

/// main() of a trial: `argv[1]` is kTrialCommand. Gives: the exit code: 0, 4 when the machine refused, 1 when
/// the body threw.
int trial_main(std::span<const TrialKind> kinds, int argc, char** argv);

}  // namespace twinpool::bench
