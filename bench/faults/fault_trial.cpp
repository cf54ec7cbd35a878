// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/fault_trial.h"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>
#include <algorithm>
#include <cerrno>
#include <deque>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "bench/faults/fault.h"
#include "bench/faults/load.h"
#include "bench/trace/traced_task.h"
#include "shared/pool.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;
using std::chrono::duration_cast;
using std::chrono::nanoseconds;

/// How finely the way back to full strength is watched.
constexpr std::chrono::microseconds kWatchPeriod{100};
constexpr rlim_t kStackBytes = rlim_t{8} << 20;

std::int64_t now_ns() { return duration_cast<nanoseconds>(Clock::now().time_since_epoch()).count(); }

/// In a worker: an ordinary task has been finished.
void note_completion(TrialPage& page) {
  const std::int64_t now = now_ns();
  const std::int64_t gap = now - page.beat_ns.exchange(now);
  auto& longest = page.marks[page.fired == 0 ? kGapBeforeNs : kGapAfterNs];
  std::uint64_t seen = longest;
  while (gap > 0 && static_cast<std::uint64_t>(gap) > seen &&
         !longest.compare_exchange_weak(seen, static_cast<std::uint64_t>(gap))) {
  }
}

std::uint64_t ordinary_task(std::uint64_t first, std::uint64_t span) {
  const std::uint64_t count = count_primes(first, span);
  note_completion(*trial_page());
  return count;
}

std::uint64_t faulty_task(int fault, std::uint64_t first, std::uint64_t span) {
  const std::uint64_t count = count_primes(first, span);
  TrialPage& page = *trial_page();
  page.marks[kStruckWorker] = static_cast<std::uint64_t>(gettid());
  page.fired_ns = now_ns();
  page.fired = 1;
  all_faults()[static_cast<std::size_t>(fault)]->strike();
  return count;
}

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

/// Of a process of this user or a thread of this program.
bool exists(std::uint64_t id) { return access(fmt::format("/proc/{}", id).c_str(), F_OK) == 0; }

void pause_for(std::chrono::nanoseconds period) {
  const timespec time{0, period.count()};
  ppoll(nullptr, 0, &time, nullptr);
}

/// The owner's side of the drill: feeds the pool, takes what comes back, watches the workers.
class Drill {
 public:
  Drill(const FaultSpec& spec, TrialPage& page)
      : spec_(spec),
        fault_(*all_faults()[static_cast<std::size_t>(spec.fault)]),
        page_(page),
        load_(make_load(spec.seed, spec.span)) {
    PoolOptions options;
    options.workers = spec.workers;
    options.queue_capacity = spec.window;
    if (!spec.trace.empty()) {
      trace_.emplace(SharedTrace::open(spec.trace));
      trace_->record(true);
      set_shared_trace(&*trace_);
      options.on_event = [this](const Event& event) { trace_->note(event); };
    }
    pool_ = make_pool(spec.backend, options);
  }

  json run() {
    wait_for_start();
    page_.phase = TrialPhase::kMeasuring;
    page_.beat_ns = now_ns();
    last_settled_ = Clock::now();
    while (!load_is_over()) {
      fill_window();
      const bool settled = take_settled();
      watch_workers();
      if (!settled && !in_flight_.empty()) in_flight_.front().future.wait_for(kWatchPeriod);
    }
    page_.marks[kHungTasks] = in_flight_.size();
    wait_for_strength();
    return end();
  }

 private:
  struct Flight {
    Future<std::uint64_t> future;
    std::uint64_t expected;
    bool faulty;
  };

  void wait_for_start() {
    const auto deadline = Clock::now() + kPatience;
    while (pool_->stats().workers_alive() < spec_.workers) {
      if (Clock::now() > deadline)
        throw std::runtime_error(fmt::format("the pool had not all of its {} workers after {} s",
                                             spec_.workers, kPatience.count() / 1000));
      pause_for(kWatchPeriod);
    }
  }

  [[nodiscard]] bool all_submitted() const { return !refused_because_.empty() || next_ == spec_.tasks; }

  /// All have settled, or nothing settles any more.
  [[nodiscard]] bool load_is_over() const {
    if (in_flight_.empty()) return all_submitted();
    return Clock::now() - last_settled_ > (fault_.ends_by_itself ? kPatience : kHangPatience);
  }

  void fill_window() {
    while (!all_submitted() && in_flight_.size() < spec_.window) {
      const LoadTask& piece = load_[next_ % load_.size()];
      const bool faulty = next_ == spec_.strike_at;
      // Counted before it is accepted: a fault may end the program before this thread runs again.
      page_.submitted.fetch_add(1);
      auto submission = faulty ? try_submit<faulty_task>(spec_.fault, piece.first, spec_.span / 2)
                               : try_submit<ordinary_task>(piece.first, spec_.span);
      if (!submission) {
        page_.submitted.fetch_sub(1);
        page_.refused.fetch_add(1);
        refused_because_ = name_of(submission.error());
        return;
      }
      in_flight_.push_back({std::move(submission.future()), piece.expected, faulty});
      ++next_;
    }
  }

  template <auto Fn, typename... Args>
  Submission<ResultOf<Fn>> try_submit(Args... args) {
    if (trace_) {
      SubmissionSpan span(*trace_, short_name(detail::function_name<Fn>()));
      if (span.number()) {
        auto submission = pool_->try_submit<Traced<Fn>::run>(*span.number(), args...);
        if (!submission) span.refuse();
        return submission;
      }
    }
    return pool_->try_submit<Fn>(args...);
  }

  bool take_settled() {
    bool any = false;
    for (auto flight = in_flight_.begin(); flight != in_flight_.end();) {
      if (!flight->future.ready()) {
        ++flight;
        continue;
      }
      settle(*flight);
      flight = in_flight_.erase(flight);
      any = true;
    }
    if (any) last_settled_ = Clock::now();
    return any;
  }

  void settle(Flight& flight) {
    auto outcome = flight.future.outcome();
    if (flight.faulty) {
      if (outcome) throw std::logic_error(fmt::format("the fault '{}' did not strike", fault_.name));
      page_.noticed_ns = now_ns();
      struck_is_dead_ = outcome.failure().kind == FailureKind::kWorkerLost;
      ending_ = outcome.failure().message;
    }
    if (outcome) {
      page_.delivered.fetch_add(1);
      if (outcome.value() != flight.expected) page_.wrong.fetch_add(1);
    } else if (outcome.failure().kind == FailureKind::kWorkerLost) {
      page_.lost.fetch_add(1);
    } else {
      page_.failed.fetch_add(1);
    }
  }

  /// The pool is at full strength again once all places are taken, none of them by the worker that died.
  void watch_workers() {
    if (page_.noticed_ns == 0 || page_.restored_ns != 0) return;
    const PoolStats stats = pool_->stats();
    page_.workers_alive = stats.workers_alive();
    page_.worker_deaths = static_cast<std::int32_t>(stats.worker_deaths);
    const auto struck = static_cast<int>(page_.marks[kStruckWorker].load());
    const bool still_named = std::any_of(stats.workers.begin(), stats.workers.end(),
                                         [&](const WorkerStats& worker) { return worker.id == struck; });
    if (stats.workers_alive() == spec_.workers && !(struck_is_dead_ && still_named))
      page_.restored_ns = now_ns();
  }

  void wait_for_strength() {
    const auto deadline = Clock::now() + kPatience;
    while (page_.noticed_ns != 0 && page_.restored_ns == 0 && Clock::now() < deadline) {
      pause_for(kWatchPeriod);
      watch_workers();
    }
  }

  /// Ends the pool and gives what only this side knows.
  json end() {
    page_.phase = TrialPhase::kStopping;
    const PoolStats stats = pool_->stats();
    page_.worker_deaths = static_cast<std::int32_t>(stats.worker_deaths);
    json result = {{"pool", to_json(stats)}, {"refused_because", refused_because_}, {"faulty_task", ending_}};
    if (in_flight_.empty()) {
      result["drained"] = pool_->drain(kPatience);
    } else {
      const auto begun = Clock::now();
      result["stop"]["ended_by_itself"] = pool_->stop(kStopLimit);
      result["stop"]["took_s"] = std::chrono::duration<double>(Clock::now() - begun).count();
      result["stop"]["worker_gone"] = !exists(page_.marks[kStruckWorker]);
      result["stop"]["settled_as"] = settle_hung();
    }
    return result;
  }

  /// What became of the hung tasks when the pool was stopped: counts by failure, "unsettled" among them.
  json settle_hung() {
    json counts = json::object();
    for (Flight& flight : in_flight_) {
      std::string became = "unsettled";
      if (flight.future.ready()) {
        const auto outcome = flight.future.outcome();
        became = outcome ? "delivered" : std::string(name_of(outcome.failure().kind));
      }
      counts[became] = counts.value(became, 0) + 1;
    }
    return counts;
  }

  static json to_json(const PoolStats& stats) {
    return {{"submitted", stats.submitted}, {"completed", stats.completed},
            {"failed", stats.failed},       {"lost", stats.lost},
            {"pending", stats.pending},     {"refused", stats.refused},
            {"degraded", stats.degraded},   {"worker_deaths", stats.worker_deaths}};
  }

  const FaultSpec spec_;
  const Fault& fault_;
  TrialPage& page_;
  const std::vector<LoadTask> load_;
  std::optional<SharedTrace> trace_;  // outlives pool_, whose events go there
  std::unique_ptr<Pool> pool_;
  std::deque<Flight> in_flight_;  // destroyed before pool_
  std::uint64_t next_ = 0;
  std::string refused_because_;
  std::string ending_;
  bool struck_is_dead_ = false;
  Clock::time_point last_settled_;
};

}  // namespace

json to_json(const FaultSpec& spec) {
  return {{"fault", all_faults()[static_cast<std::size_t>(spec.fault)]->name},
          {"backend", name_of(spec.backend)},
          {"workers", spec.workers},
          {"tasks", spec.tasks},
          {"window", spec.window},
          {"strike_at", spec.strike_at},
          {"span", spec.span},
          {"seed", spec.seed},
          {"trace", spec.trace}};
}

FaultSpec fault_spec_from(const json& json) {
  FaultSpec spec;
  spec.fault = find_fault(json.at("fault").get<std::string>());
  const auto backend = parse_backend(json.at("backend").get<std::string>());
  if (spec.fault < 0 || !backend) throw std::invalid_argument("the spec names an unknown fault or backend");
  spec.backend = *backend;
  json.at("workers").get_to(spec.workers);
  json.at("tasks").get_to(spec.tasks);
  json.at("window").get_to(spec.window);
  json.at("strike_at").get_to(spec.strike_at);
  json.at("span").get_to(spec.span);
  json.at("seed").get_to(spec.seed);
  json.at("trace").get_to(spec.trace);
  return spec;
}

json run_fault_trial(TrialContext& trial) {
  refuse_core_files();
  bound_stack();
  return Drill(fault_spec_from(trial.spec()), trial.page()).run();
}

}  // namespace twinpool::bench
