// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/feed.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "bench/trace/traced_task.h"

namespace twinpool::bench {
namespace {

constexpr rlim_t kStackBytes = rlim_t{8} << 20;

/// A core file takes longer to write than anything that is measured here.
///
/// Source: core(5). A pattern that is a pipe ignores a limit of 0; a limit of 1 byte is the kernel's own way
///         to refuse the pipe (fs/coredump.c).
void refuse_core_files() {
  std::ifstream pattern("/proc/sys/kernel/core_pattern");
  const rlim_t limit = pattern.peek() == '|' ? 1 : 0;
  rlimit core{};
  if (getrlimit(RLIMIT_CORE, &core) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot read the core limit");
  core.rlim_cur = std::min(limit, core.rlim_max);
  if (setrlimit(RLIMIT_CORE, &core) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot refuse core files");
}

/// A stack without a limit would make a stack overflow eat the machine's memory.
void bound_stack() {
  rlimit stack{};
  if (getrlimit(RLIMIT_STACK, &stack) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot read the stack limit");
  if (stack.rlim_cur <= kStackBytes) return;
  stack.rlim_cur = kStackBytes;
  if (setrlimit(RLIMIT_STACK, &stack) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot bound the stack");
}

}  // namespace

Feed::Feed(Pool& pool, TrialPage& page, SharedGround ground, const Options& options)
    : pool_(pool),
      page_(page),
      ground_(std::move(ground)),
      options_(options),
      fault_(fault_at(options.fault)),
      load_(make_load(options.seed, options.span)),
      last_moved_(Clock::now()) {}

std::optional<SubmitError> Feed::submit(std::optional<int> faulty, std::int64_t due_ns) {
  const LoadTask& piece = load_[next_ % load_.size()];
  // Counted before it is accepted: a fault may end the program before this thread runs again.
  page_.submitted.fetch_add(1);
  auto submission = hand_over(piece, faulty);
  if (!submission) {
    page_.submitted.fetch_sub(1);
    page_.refused.fetch_add(1);
    return submission.error();
  }
  in_flight_.push_back({std::move(submission.future()), piece.expected, faulty.has_value(), due_ns});
  ++next_;
  last_moved_ = Clock::now();
  return std::nullopt;
}

/// Writes the submission down where a trace is taken.
template <auto Fn, typename... Args>
Submission<std::uint64_t> Feed::try_submit(Args... args) {
  if (SharedTrace* const trace = shared_trace()) {
    SubmissionSpan span(*trace, short_name(detail::function_name<Fn>()));
    if (span.number()) {
      auto submission = pool_.try_submit<Traced<Fn>::run>(*span.number(), args...);
      if (!submission) span.refuse();
      return submission;
    }
  }
  return pool_.try_submit<Fn>(args...);
}

Submission<std::uint64_t> Feed::hand_over(const LoadTask& piece, std::optional<int> faulty) {
  if (faulty)
    return try_submit<faulty_task>(options_.fault, *faulty, piece.first, options_.span / 2, ground_);
  if (fault_.feel != nullptr)
    return try_submit<feeling_task>(options_.fault, piece.first, options_.span, ground_);
  return try_submit<ordinary_task>(piece.first, options_.span);
}

Feed::Settled Feed::settle(Flight& flight) {
  auto outcome = flight.future.outcome();
  const Settled settled{flight.submitted_ns, now_ns(), flight.faulty, static_cast<bool>(outcome)};
  if (flight.faulty && outcome) {
    if (fault_.ending != Ending::kReturns)
      throw std::logic_error(fmt::format("the fault '{}' did not strike", fault_.name));
    page_.marks[kFaultySettled].fetch_add(1);
  } else if (flight.faulty) {
    const FailureKind kind = outcome.failure().kind;
    struck_worker_is_lost_ = kind == FailureKind::kWorkerLost || kind == FailureKind::kTimedOut;
    ending_ = outcome.failure().message;
  }
  if (outcome) {
    page_.delivered.fetch_add(1);
    // A faulty task counts half of its piece, and nobody knows that half's right answer.
    if (!flight.faulty && outcome.value() != flight.expected) page_.wrong.fetch_add(1);
  } else if (outcome.failure().kind == FailureKind::kWorkerLost) {
    page_.lost.fetch_add(1);
  } else {
    page_.failed.fetch_add(1);
  }
  return settled;
}

void Feed::wait_a_moment() {
  if (in_flight_.empty()) {
    pause_for(kWatchPeriod);
  } else {
    in_flight_.front().future.wait_for(kWatchPeriod);
  }
}

void Feed::give_up() {
  page_.marks[kHungTasks] = in_flight_.size();
  page_.marks[kFaultyHung] = static_cast<std::uint64_t>(std::count_if(
      in_flight_.begin(), in_flight_.end(), [](const Flight& flight) { return flight.faulty; }));
}

nlohmann::json Feed::settle_hung() {
  nlohmann::json counts = nlohmann::json::object();
  for (Flight& flight : in_flight_) {
    std::string became = "unsettled";
    if (flight.future.ready()) {
      const auto outcome = flight.future.outcome();
      became = outcome ? "delivered" : std::string(name_of(outcome.failure().kind));
    }
    counts[became] = counts.value(became, 0) + 1;
  }
  in_flight_.clear();
  return counts;
}

void wait_for_workers(const Pool& pool, int workers) {
  const auto deadline = Clock::now() + kPatience;
  while (pool.stats().workers_alive() < workers) {
    if (Clock::now() > deadline)
      throw std::runtime_error(fmt::format("the pool had not all of its {} workers after {} s", workers,
                                           kPatience.count() / 1000));
    pause_for(kWatchPeriod);
  }
}

PoolOptions pool_options(int workers, std::uint64_t window, std::chrono::nanoseconds run_limit) {
  PoolOptions options;
  options.workers = workers;
  options.queue_capacity = window;
  options.set_up = set_up_worker;
  options.run_limit = run_limit;
  options.grace = kGrace;
  return options;
}

int count_stuck(const PoolStats& stats) {
  return static_cast<int>(
      std::count_if(stats.workers.begin(), stats.workers.end(),
                    [](const WorkerStats& worker) { return worker.state == WorkerState::kStuck; }));
}

void pause_for(std::chrono::nanoseconds period) {
  const timespec time{0, period.count()};
  ppoll(nullptr, 0, &time, nullptr);
}

nlohmann::json to_json(const PoolStats& stats) {
  return {
      {"submitted", stats.submitted}, {"completed", stats.completed}, {"failed", stats.failed},
      {"timed_out", stats.timed_out}, {"lost", stats.lost},           {"pending", stats.pending},
      {"refused", stats.refused},     {"degraded", stats.degraded},   {"worker_deaths", stats.worker_deaths}};
}

void tame_process() {
  refuse_core_files();
  bound_stack();
}

}  // namespace twinpool::bench
