// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/fault_trial.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bench/faults/disturbance.h"
#include "bench/faults/fault.h"
#include "bench/faults/feed.h"
#include "bench/faults/residue.h"
#include "bench/trace/traced_task.h"
#include "shared/pool.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;

/// How long what is left of a pool may take to go.
constexpr std::chrono::milliseconds kRestLimit{500};

/// Of a process of this user or a thread of this program.
bool exists(std::uint64_t id) { return access(fmt::format("/proc/{}", id).c_str(), F_OK) == 0; }

/// The owner's side of the drill: feeds the pool, takes what comes back, watches the workers.
class Drill {
 public:
  Drill(const FaultSpec& spec, TrialPage& page) : spec_(spec), fault_(fault_at(spec.fault)), page_(page) {
    page_.marks[kOwner] = static_cast<std::uint64_t>(getpid());
    PoolOptions options = pool_options(spec.workers, spec.window, spec.run_limit);
    if (!spec.trace.empty()) {
      trace_.emplace(SharedTrace::open(spec.trace));
      trace_->record(true);
      set_shared_trace(&*trace_);
      options.on_event = [this](const Event& event) { trace_->note(event); };
    }
    before_ = read_holdings();
    pool_ = make_pool(spec.backend, options);
    SharedGround ground = pool_->make_shared_buffer<Ground>(1);
    lay_out(ground[0]);
    feed_ = std::make_unique<Feed>(*pool_, page, std::move(ground),
                                   Feed::Options{spec.fault, spec.span, spec.seed, spec.window});
    log_.reserve(spec.tasks);
  }

  json run() {
    wait_for_workers(*pool_, spec_.workers);
    page_.phase = TrialPhase::kMeasuring;
    page_.beat_ns = now_ns();
    begun_ns_ = now_ns();
    while (!load_is_over()) {
      fill_window();
      const bool settled = feed_->take_settled([&](const Feed::Settled& one) { hear(one); });
      watch_workers();
      if (!settled) feed_->wait_a_moment();
    }
    feed_->give_up();
    const bool others_hang = page_.marks[kHungTasks] > page_.marks[kFaultyHung];
    ended_ns_ = others_hang || log_.empty() ? now_ns() : log_.back().settled_ns;
    wait_for_strength();
    return end();
  }

 private:
  [[nodiscard]] bool all_submitted() const { return !refused_because_.empty() || next_ == spec_.tasks; }

  /// All have settled, or nothing settles any more.
  [[nodiscard]] bool load_is_over() const {
    if (feed_->in_flight() == 0) return all_submitted();
    const std::chrono::nanoseconds patience = fault_.hangs ? kHangPatience : kPatience;
    return Clock::now() - feed_->last_moved() > patience + spec_.run_limit;
  }

  /// When the next task of an open loop is to be submitted.
  [[nodiscard]] std::int64_t due_ns() const {
    return begun_ns_ + static_cast<std::int64_t>(static_cast<double>(next_) / spec_.rate_tasks_per_s * 1e9);
  }

  void fill_window() {
    while (!all_submitted() && !feed_->full()) {
      const std::int64_t now = now_ns();
      const std::int64_t due = spec_.rate_tasks_per_s > 0 ? due_ns() : now;
      if (due > now) return;
      const auto behind = static_cast<std::int64_t>(next_) - static_cast<std::int64_t>(spec_.strike_at);
      std::optional<int> faulty;
      if (behind >= 0 && behind < fault_.tasks) faulty = static_cast<int>(behind);
      if (const auto refused = feed_->submit(faulty, due)) {
        refused_because_ = name_of(*refused);
        return;
      }
      ++next_;
    }
  }

  void hear(const Feed::Settled& settled) {
    log_.push_back(settled);
    if (!settled.faulty) return;
    struck_settled_ = true;
    if (!settled.delivered) page_.noticed_ns = settled.settled_ns;
  }

  /// The pool is at full strength again once all places are taken, none of them by the worker that was lost.
  void watch_workers() {
    if (!struck_settled_ || page_.restored_ns != 0) return;
    const PoolStats stats = pool_->stats();
    page_.workers_alive = stats.workers_alive();
    page_.marks[kStuckWorkers] = static_cast<std::uint64_t>(count_stuck(stats));
    page_.worker_deaths = static_cast<std::int32_t>(stats.worker_deaths);
    const auto struck = static_cast<int>(page_.marks[kStruckWorker].load());
    const bool still_named = std::any_of(stats.workers.begin(), stats.workers.end(),
                                         [&](const WorkerStats& worker) { return worker.id == struck; });
    if (stats.workers_alive() == spec_.workers && !(feed_->struck_worker_is_lost() && still_named))
      page_.restored_ns = now_ns();
  }

  void wait_for_strength() {
    const auto begun = Clock::now();
    while (struck_settled_ && page_.restored_ns == 0) {
      // A thread that is stuck stays so.
      if (Clock::now() - begun > (page_.marks[kStuckWorkers] > 0 ? kHangPatience : kPatience)) return;
      pause_for(kWatchPeriod);
      watch_workers();
    }
  }

  /// Ends the pool and gives what only this side knows.
  json end() {
    page_.phase = TrialPhase::kStopping;
    const PoolStats stats = pool_->stats();
    page_.worker_deaths = static_cast<std::int32_t>(stats.worker_deaths);
    json result = {{"pool", bench::to_json(stats)},
                   {"refused_because", refused_because_},
                   {"faulty_task", feed_->ending()}};
    const Disturbance disturbance = find_disturbance(
        log_, {begun_ns_, page_.fired_ns, stats.worker_deaths > 0 ? page_.restored_ns.load() : 0, ended_ns_},
        spec_.tasks);
    result["median_latency_s"] = disturbance.median_latency_s;
    result["delayed"] = disturbance.delayed;
    result["dip_tasks"] = disturbance.dip_tasks;
    if (feed_->in_flight() == 0 && page_.marks[kStuckWorkers] == 0) {
      result["drained"] = pool_->drain(kPatience);
    } else {
      const auto begun = Clock::now();
      result["stop"]["ended_by_itself"] = pool_->stop(kStopLimit);
      result["stop"]["took_s"] = std::chrono::duration<double>(Clock::now() - begun).count();
      result["stop"]["worker_gone"] = !exists(page_.marks[kStruckWorker]);
      result["stop"]["settled_as"] = feed_->settle_hung();
    }
    feed_.reset();
    pool_.reset();
    result["residue"] = bench::to_json(wait_for_rest(before_, kRestLimit));
    return result;
  }

  const FaultSpec spec_;
  const Fault& fault_;
  TrialPage& page_;
  Holdings before_;
  std::optional<SharedTrace> trace_;  // outlives pool_, whose events go there
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Feed> feed_;  // destroyed before pool_
  std::vector<Feed::Settled> log_;
  std::uint64_t next_ = 0;
  std::string refused_because_;
  bool struck_settled_ = false;
  std::int64_t begun_ns_ = 0;
  std::int64_t ended_ns_ = 0;
};

}  // namespace

json to_json(const FaultSpec& spec) {
  return {{"fault", fault_at(spec.fault).name},
          {"backend", name_of(spec.backend)},
          {"workers", spec.workers},
          {"tasks", spec.tasks},
          {"window", spec.window},
          {"strike_at", spec.strike_at},
          {"span", spec.span},
          {"seed", spec.seed},
          {"trace", spec.trace},
          {"rate_tasks_per_s", spec.rate_tasks_per_s},
          {"run_limit_ns", spec.run_limit.count()}};
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
  json.at("rate_tasks_per_s").get_to(spec.rate_tasks_per_s);
  spec.run_limit = std::chrono::nanoseconds(json.at("run_limit_ns").get<std::int64_t>());
  return spec;
}

json run_fault_trial(TrialContext& trial) {
  const FaultSpec spec = fault_spec_from(trial.spec());
  tame_process();
  if (const Fault& fault = fault_at(spec.fault); fault.prepare != nullptr) {
    if (const std::string impossible = fault.prepare(); !impossible.empty()) return {{"skipped", impossible}};
  }
  return Drill(spec, trial.page()).run();
}

}  // namespace twinpool::bench
