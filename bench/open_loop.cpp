// SPDX-License-Identifier: Apache-2.0
#include "bench/open_loop.h"

#include <sys/prctl.h>

#include <algorithm>
#include <deque>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/absolute_sleep.h"
#include "bench/arrivals.h"
#include "bench/checkpoint.h"
#include "bench/faults/ground.h"
#include "bench/stalls.h"
#include "bench/trial.h"

namespace twinpool::bench {
namespace {

constexpr double kPatience = 2;  // lengths of the schedule
constexpr std::int64_t kMorePatience_ns = 1'000'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

std::int64_t ns_of(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

bool crash() {
  write_through_null();
  return true;
}

TaskOutcome record_of(std::int64_t due_ns, std::int64_t late_ns, const TaskTiming& timing,
                      const Tally& tally) {
  return {.due_ns = due_ns,
          .submitted_ns = timing.submitted_ns,
          .settled_ns = timing.settled_ns,
          .late_ns = late_ns,
          .checksum = tally.checksum,
          .delivered = static_cast<std::uint32_t>(tally.delivered),
          .lost = static_cast<std::uint32_t>(tally.lost),
          .failed = static_cast<std::uint32_t>(tally.failed),
          .wrong = static_cast<std::uint32_t>(tally.wrong)};
}

/// The step of a ramp in which a time lies, in nanoseconds from the begin of the round; kRampSteps for one
/// that is behind the last.
std::size_t step_of(const OpenRound& round, std::int64_t at_ns) {
  const double share = static_cast<double>(at_ns) * 1e-9 / round.length_s();
  return std::min(kRampSteps,
                  static_cast<std::size_t>(std::max(0.0, share * static_cast<double>(kRampSteps))));
}
/// Of a time at which a task was due: the last of Poisson arrivals may be behind the end.
std::size_t step_at(const OpenRound& round, std::int64_t due_ns) {
  return std::min(kRampSteps - 1, step_of(round, due_ns));
}

/// What the schedule of a ramp puts into its steps.
void count_offered(const OpenRound& round, std::vector<RampStep>& steps) {
  for (std::size_t i = 0; i < steps.size(); ++i)
    steps[i].offered_tasks_per_s = rate_of_step(round.tasks_per_s, round.rise_to_per_s, i);
  ArrivalTimes arrivals(round.arrivals, round.course(), round.seed);
  for (std::uint64_t i = 0; i < round.tasks; ++i) ++steps[step_at(round, arrivals.next())].offered;
}

/// What a sample is summed up from.
struct Figures {
  LatencySpectrum late;
  std::int64_t last_ns = 0;           // when the last result had settled
  std::int64_t shortest_ns = kNever;  // time in the pool

  void add(const TaskOutcome& record, OpenSample& sample) {
    const std::int64_t service_ns = record.settled_ns - record.submitted_ns;
    sample.service.record(service_ns);
    sample.latency.record(record.settled_ns - record.due_ns);
    late.record(record.late_ns);
    shortest_ns = std::min(shortest_ns, service_ns);
    last_ns = std::max(last_ns, record.settled_ns);
  }
};

/// Takes: a sample that says what was offered.
OpenResult conclude(const Figures& figures, Tally tally, OpenSample sample, std::int64_t begin_ns) {
  if (tally.delivered == 0) throw std::runtime_error("no task gave a result within the round's time");
  OpenResult result{.tally = std::move(tally), .sample = std::move(sample)};
  result.wall_s = static_cast<double>(figures.last_ns - begin_ns) * 1e-9;
  // The last task ends after the schedule also where there is no backlog.
  const double planned_s = static_cast<double>(result.sample.offered) / result.sample.offered_tasks_per_s;
  const double busy_s = std::max(planned_s, result.wall_s - static_cast<double>(figures.shortest_ns) * 1e-9);
  result.achieved_tasks_per_s = static_cast<double>(result.tally.delivered) / busy_s;
  result.sample.late_p99_s = static_cast<double>(figures.late.percentile_ns(0.99)) * 1e-9;
  result.sample.late_max_s = static_cast<double>(figures.late.max_ns()) * 1e-9;
  return result;
}

/// What both loops do: submit, take, stall, and end within bounds.
class Generator {
 public:
  Generator(Pool& pool, Flow& flow, const OpenRound& round, TrialPage* page, SharedCheckpoint* checkpoint)
      : pool_(pool),
        flow_(flow),
        round_(round),
        page_(page),
        checkpoint_(checkpoint),
        stalls_(pool, round.workers, round.length_s(), round.stall_s, round.stall_every_s) {
    // The default of 50 us is added to every sleep. Of this thread only: the pool's are there already.
    prctl(PR_SET_TIMERSLACK, 1UL);
    if (checkpoint_ == nullptr) return;
    if (checkpoint_->head().begin_ns == 0) checkpoint_->head().begin_ns = begin_ns_;
    begin_ns_ = checkpoint_->head().begin_ns;
  }

  OpenResult run_open() {
    ArrivalTimes arrivals(round_.arrivals, round_.course(), round_.seed);
    if (round_.is_ramp()) sample_.ramp.resize(kRampSteps);
    std::int64_t excused_ns = 0;  // since the generator was last ahead: spent in the pool
    std::uint64_t submitted = 0;
    for (; submitted < done_before(); ++submitted) static_cast<void>(arrivals.next());
    bool reborn = submitted > 0;
    for (; submitted < round_.tasks; ++submitted) {
      const std::int64_t due_ns = begin_ns_ + arrivals.next();
      if (now_ns() < due_ns) excused_ns = 0;
      rest_until(due_ns);
      const std::int64_t now = now_ns();
      if (now >= give_up_ns()) break;
      if (std::exchange(reborn, false)) excused_ns = now - due_ns;  // nobody was there to submit it in time
      const std::int64_t late_ns = std::max<std::int64_t>(0, now - due_ns - excused_ns);
      dues_.push_back({due_ns, late_ns});
      if (!submit(submitted, round_.window)) break;
      if (checkpoint_ != nullptr) checkpoint_->head().submitted = submitted + 1;
      excused_ns += now_ns() - now;
    }
    const double planned_s =
        submitted == round_.tasks ? static_cast<double>(arrivals.next()) * 1e-9 : round_.length_s();
    finish();
    if (checkpoint_ != nullptr) return {};
    if (round_.is_ramp()) count_offered(round_, sample_.ramp);
    sample_.offered = round_.tasks;
    sample_.offered_tasks_per_s = static_cast<double>(round_.tasks) / planned_s;
    return conclude(std::move(figures_), std::move(tally_), std::move(sample_), begin_ns_);
  }

  ClosedBeside run_closed(std::uint64_t in_flight, Tally& tally) {
    const std::int64_t end_ns = begin_ns_ + ns_of(round_.length_s());
    ClosedBeside closed;
    for (std::int64_t now = begin_ns_; now < end_ns; now = now_ns()) {
      disturb_if_due(now);
      if (!submit(closed.tasks, in_flight)) break;
      ++closed.tasks;
    }
    finish();
    closed.wall_s = static_cast<double>(figures_.last_ns - begin_ns_) * 1e-9;
    closed.latency = std::move(sample_.service);
    add(tally, tally_);
    return closed;
  }

 private:
  struct Due {
    std::int64_t at_ns;
    std::int64_t late_ns;  // of the generator itself
  };

  [[nodiscard]] std::uint64_t done_before() const {
    return checkpoint_ == nullptr ? 0 : checkpoint_->head().taken.load();
  }
  [[nodiscard]] std::int64_t give_up_ns() const {
    return begin_ns_ + ns_of(round_.length_s() * kPatience) + kMorePatience_ns;
  }

  /// Takes the oldest result. Gives: false when it has not settled by then.
  bool take(std::optional<Clock::time_point> until) {
    Tally one;
    const auto taken = flow_.take_one(until, one);
    if (!taken) return false;
    --flying_;
    const Due due = dues_.empty() ? Due{taken->timing.submitted_ns, 0} : dues_.front();
    if (!dues_.empty()) dues_.pop_front();
    if (taken->cancelled) {
      ++sample_.cancelled;
      return true;
    }
    const TaskOutcome record = record_of(due.at_ns, due.late_ns, taken->timing, one);
    if (checkpoint_ != nullptr) {
      const std::uint64_t number = checkpoint_->head().taken.load();
      checkpoint_->record(number) = record;
      checkpoint_->head().taken.store(number + 1);
    } else {
      figures_.add(record, sample_);
      count_step(record);
      add(tally_, one);
    }
    if (page_ != nullptr) page_->delivered.store(tally_.delivered, std::memory_order_relaxed);
    return true;
  }

  void count_step(const TaskOutcome& record) {
    if (sample_.ramp.empty()) return;
    sample_.ramp[step_at(round_, record.due_ns - begin_ns_)].latency.record(record.settled_ns -
                                                                            record.due_ns);
    const std::size_t done_in = step_of(round_, record.settled_ns - begin_ns_);
    if (done_in < sample_.ramp.size()) ++sample_.ramp[done_in].done;
  }

  /// When the next crash is due, in nanoseconds from the begin of the round; the last one leaves time to show
  /// what it does.
  [[nodiscard]] std::int64_t next_crash_ns() const {
    if (checkpoint_ == nullptr || round_.crash_every_s <= 0) return kNever;
    const std::int64_t next = ns_of(round_.crash_every_s * (checkpoint_->head().crashes.load() + 1));
    return next <= ns_of(round_.length_s() - round_.crash_every_s / 2) ? next : kNever;
  }

  void disturb_if_due(std::int64_t now) {
    // Compared as times of the round: the sum with "never" would overflow.
    if (now - begin_ns_ >= stalls_.next_ns()) stalls_.begin(now);
    if (now - begin_ns_ < next_crash_ns()) return;
    ++checkpoint_->head().crashes;  // first: the program may not live to do it afterwards
    crashes_.push_back(pool_.submit<crash>(with{.priority = kHighestPriority}));
  }

  /// Takes what settles meanwhile, then sleeps.
  void rest_until(std::int64_t due_ns) {
    for (std::int64_t now = now_ns();; now = now_ns()) {
      disturb_if_due(now);
      if (now >= due_ns) return;
      if (take(std::nullopt)) continue;
      sleep_until(begin_ns_ + std::min({due_ns - begin_ns_, stalls_.next_ns(), next_crash_ns()}));
    }
  }

  /// Gives: false when there was no room before the end of all patience.
  bool submit(std::uint64_t number, std::uint64_t most_flying) {
    for (bool waited = false;; waited = true) {
      if (flying_ >= most_flying) {
        while (take(std::nullopt)) {
        }
      }
      if (flying_ < most_flying && accepts(number)) return true;
      if (!waited) count_refusal();
      if (!take(steady_time(give_up_ns()))) return false;
    }
  }

  bool accepts(std::uint64_t number) {
    try {
      flow_.submit_one(number);
    } catch (const SubmitRefused& refusal) {
      // With nothing in flight there is no result to wait for.
      if (refusal.error() != SubmitError::kQueueFull || flying_ == 0) throw;
      return false;
    }
    ++flying_;
    return true;
  }

  void count_refusal() {
    ++sample_.refused;
    if (checkpoint_ != nullptr) ++checkpoint_->head().refused;
  }

  void finish() {
    while (flying_ > 0 && take(steady_time(give_up_ns()))) {
    }
    if (flying_ > 0) pool_.cancel_queued();
    while (flying_ > 0) take(Clock::time_point::max());
    sample_.held = stalls_.finish();
    sample_.stalls = stalls_.begun();
    for (const Future<bool>& crash : crashes_) crash.wait();
    if (checkpoint_ != nullptr) checkpoint_->head().cancelled += sample_.cancelled;
  }

  Pool& pool_;
  Flow& flow_;
  const OpenRound& round_;
  TrialPage* const page_;
  SharedCheckpoint* const checkpoint_;
  Stalls stalls_;
  Tally tally_;
  OpenSample sample_;
  Figures figures_;
  std::vector<Future<bool>> crashes_;
  std::uint64_t flying_ = 0;  // submitted and not taken
  std::deque<Due> dues_;      // of these, the oldest first; empty in a closed loop
  std::int64_t begin_ns_ = now_ns();
};

}  // namespace

OpenResult run_open_loop(Pool& pool, Flow& flow, const OpenRound& round, TrialPage* page,
                         SharedCheckpoint* checkpoint) {
  return Generator(pool, flow, round, page, checkpoint).run_open();
}

OpenResult sum_up(const OpenRound& round, SharedCheckpoint& checkpoint) {
  OpenSample sample{.offered = round.tasks,
                    .cancelled = checkpoint.head().cancelled,
                    .refused = checkpoint.head().refused,
                    .latency = {},
                    .service = {},
                    .crashes = checkpoint.head().crashes};
  ArrivalTimes arrivals(round.arrivals, round.course(), round.seed);
  for (std::uint64_t i = 0; i < round.tasks; ++i) static_cast<void>(arrivals.next());
  sample.offered_tasks_per_s =
      static_cast<double>(round.tasks) / (static_cast<double>(arrivals.next()) * 1e-9);
  Figures figures;
  Tally tally;
  for (std::uint64_t i = 0; i < checkpoint.head().taken; ++i) {
    const TaskOutcome& record = checkpoint.record(i);
    figures.add(record, sample);
    tally.delivered += record.delivered;
    tally.lost += record.lost;
    tally.failed += record.failed;
    tally.wrong += record.wrong;
    tally.checksum += record.checksum;
    if (record.delivered == 0 && tally.first_mistake.empty())
      tally.first_mistake = "task " + std::to_string(i) + " gave no right result";
  }
  return conclude(figures, std::move(tally), std::move(sample), checkpoint.head().begin_ns);
}

ClosedBeside run_closed_loop(Pool& pool, Flow& flow, const OpenRound& round, std::uint64_t in_flight,
                             Tally& tally) {
  return Generator(pool, flow, round, nullptr, nullptr).run_closed(in_flight, tally);
}

void to_json(nlohmann::json& json, const OpenRound& round) {
  json = {{"tasks_per_s", round.tasks_per_s},
          {"rise_to_per_s", round.rise_to_per_s},
          {"tasks", round.tasks},
          {"window", round.window},
          {"workers", round.workers},
          {"arrivals", name_of(round.arrivals)},
          {"seed", round.seed},
          {"stall_s", round.stall_s},
          {"stall_every_s", round.stall_every_s},
          {"crash_every_s", round.crash_every_s}};
}

void from_json(const nlohmann::json& json, OpenRound& round) {
  json.at("tasks_per_s").get_to(round.tasks_per_s);
  json.at("rise_to_per_s").get_to(round.rise_to_per_s);
  json.at("tasks").get_to(round.tasks);
  json.at("window").get_to(round.window);
  json.at("workers").get_to(round.workers);
  round.arrivals = arrivals_named(json.at("arrivals").get<std::string>()).value();
  json.at("seed").get_to(round.seed);
  json.at("stall_s").get_to(round.stall_s);
  json.at("stall_every_s").get_to(round.stall_every_s);
  json.at("crash_every_s").get_to(round.crash_every_s);
}

}  // namespace twinpool::bench
