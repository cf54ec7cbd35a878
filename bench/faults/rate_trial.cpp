// SPDX-License-Identifier: Apache-2.0
#include "bench/faults/rate_trial.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include "bench/faults/fault.h"
#include "bench/faults/feed.h"
#include "shared/pool.h"

namespace twinpool::bench {
namespace {

using nlohmann::json;
using Seconds = std::chrono::duration<double>;

/// How often the pool's state is looked at, and a refused submission tried again.
constexpr std::chrono::milliseconds kLookPeriod{1};

/// How long a pool has been weaker than it should be, by looking at it again and again.
class Watch {
 public:
  Watch(const Pool& pool, int workers) : pool_(pool), workers_(workers), looked_(Clock::now()) {}

  /// Adds the time since the last look to what is found now.
  void look() {
    const auto now = Clock::now();
    if (now - looked_ < kLookPeriod) return;
    const PoolStats stats = pool_.stats();
    if (stats.degraded) degraded_ += now - looked_;
    if (stats.workers_alive() < workers_) weak_ += now - looked_;
    looked_ = now;
  }
  [[nodiscard]] json to_json() const {
    return {{"degraded_s", Seconds(degraded_).count()}, {"weak_s", Seconds(weak_).count()}};
  }

 private:
  const Pool& pool_;
  const int workers_;
  Clock::time_point looked_;
  Clock::duration degraded_{0}, weak_{0};
};

class SteadyLoad {
 public:
  SteadyLoad(const RateSpec& spec, Pool& pool, Feed& feed)
      : spec_(spec), fault_(fault_at(spec.fault)), pool_(pool), feed_(feed), watch_(pool, spec.workers) {}

  json run() {
    begun_ = Clock::now();
    until_ = begun_ + spec_.duration;
    while (!is_over()) {
      const bool refused = fill_window();
      const bool settled = feed_.take_settled([](const Feed::Settled&) {});
      watch_.look();
      if (refused) {
        pause_for(kLookPeriod);
      } else if (!settled) {
        feed_.wait_a_moment();
      }
    }
    feed_.give_up();
    return end();
  }

 private:
  /// The time is over and, on however slow a machine, a fault has struck.
  [[nodiscard]] bool all_submitted() const {
    const std::uint64_t first_strike =
        spec_.every == 0 ? 0 : spec_.every + static_cast<std::uint64_t>(fault_.tasks);
    return Clock::now() >= until_ && next_ >= first_strike;
  }

  [[nodiscard]] bool is_over() const {
    if (!all_submitted()) return false;
    const std::chrono::nanoseconds patience = fault_.hangs ? kHangPatience : kPatience;
    return feed_.in_flight() == 0 ||
           Clock::now() - std::max(feed_.last_moved(), until_) > patience + spec_.run_limit;
  }

  /// Gives: whether the pool refused one.
  bool fill_window() {
    while (!feed_.full() && !all_submitted()) {
      const std::uint64_t behind = spec_.every == 0 ? 0 : next_ % spec_.every;
      std::optional<int> faulty;
      if (next_ >= spec_.every && spec_.every != 0 && behind < static_cast<std::uint64_t>(fault_.tasks))
        faulty = static_cast<int>(behind);
      if (feed_.submit(faulty, now_ns())) return true;
      ++next_;
      submitted_ = Clock::now();
    }
    return false;
  }

  json end() {
    const PoolStats stats = pool_.stats();
    json result = watch_.to_json();
    result["pool"] = to_json(stats);
    std::uint64_t restarts = 0;
    for (const WorkerStats& worker : stats.workers) restarts += worker.restarts;
    result["restarts"] = restarts;
    result["elapsed_s"] = std::max<Seconds>(spec_.duration, submitted_ - begun_).count();
    if (feed_.in_flight() == 0 && count_stuck(stats) == 0) {
      result["drained"] = pool_.drain(kPatience);
    } else {
      result["stop"]["ended_by_itself"] = pool_.stop(kStopLimit);
      result["stop"]["settled_as"] = feed_.settle_hung();
    }
    return result;
  }

  const RateSpec& spec_;
  const Fault& fault_;
  Pool& pool_;
  Feed& feed_;
  Watch watch_;
  Clock::time_point begun_, until_, submitted_;
  std::uint64_t next_ = 0;
};

}  // namespace

json to_json(const RateSpec& spec) {
  return {{"fault", fault_at(spec.fault).name},
          {"backend", name_of(spec.backend)},
          {"workers", spec.workers},
          {"every", spec.every},
          {"duration_ns", spec.duration.count()},
          {"window", spec.window},
          {"span", spec.span},
          {"seed", spec.seed},
          {"run_limit_ns", spec.run_limit.count()}};
}

RateSpec rate_spec_from(const json& json) {
  RateSpec spec;
  spec.fault = find_fault(json.at("fault").get<std::string>());
  const auto backend = parse_backend(json.at("backend").get<std::string>());
  if (spec.fault < 0 || !backend) throw std::invalid_argument("the spec names an unknown fault or backend");
  spec.backend = *backend;
  spec.duration = std::chrono::nanoseconds(json.at("duration_ns").get<std::int64_t>());
  json.at("workers").get_to(spec.workers);
  json.at("every").get_to(spec.every);
  json.at("window").get_to(spec.window);
  json.at("span").get_to(spec.span);
  json.at("seed").get_to(spec.seed);
  spec.run_limit = std::chrono::nanoseconds(json.at("run_limit_ns").get<std::int64_t>());
  return spec;
}

json run_rate_trial(TrialContext& trial) {
  const RateSpec spec = rate_spec_from(trial.spec());
  tame_process();
  const Fault& fault = fault_at(spec.fault);
  if (fault.prepare != nullptr) {
    if (const std::string impossible = fault.prepare(); !impossible.empty()) return {{"skipped", impossible}};
  }
  TrialPage& page = trial.page();
  page.marks[kOwner] = static_cast<std::uint64_t>(getpid());
  const auto pool = make_pool(spec.backend, pool_options(spec.workers, spec.window, spec.run_limit));
  SharedGround ground = pool->make_shared_buffer<Ground>(1);
  lay_out(ground[0]);
  Feed feed(*pool, page, std::move(ground), {spec.fault, spec.span, spec.seed, spec.window});
  wait_for_workers(*pool, spec.workers);
  page.phase = TrialPhase::kMeasuring;
  return SteadyLoad(spec, *pool, feed).run();
}

}  // namespace twinpool::bench
