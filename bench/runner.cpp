// SPDX-License-Identifier: Apache-2.0
#include "bench/runner.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "bench/cell_name.h"
#include "bench/interrupt.h"
#include "bench/meters/cpu.h"
#include "bench/noise.h"
#include "bench/pairs.h"
#include "bench/precision.h"
#include "bench/trace/chrome_trace.h"
#include "bench/trace/trace_trial.h"
#include "bench/units.h"
#include "bench/workloads/text_file.h"
#include "shared/usable_cpus.h"

namespace twinpool::bench {
namespace {

constexpr std::uint64_t kControlPairs = 6;  // the fewest that give an interval
constexpr double kControlRound_s = 0.08;    // it only has to show the noise, not to resolve a difference
/// Time at the end of a limited run for the control and the drill of a crash.
constexpr double kEndReserve_s = 6;
constexpr double kCalibrate_s = 0.08;
constexpr double kCapacity_s = 0.4;  // a rate that is a share of the capacity is as wrong as the capacity
/// Timed tasks of all first trials together, if a round has enough: p99.9 takes 10 000 samples, and a hundred
/// beyond it make p99.
constexpr std::uint64_t kTimedTasks = 12'000;
/// Before what is measured: allocators fill their caches, workers map what they share, and the kernel needs
/// some ticks to give threads CPUs of their own.
constexpr double kWarmUp_s = 0.02;
constexpr std::uint64_t kTextBytes = 8 << 20;
/// A round that takes so much longer than it was laid out for is stuck.
constexpr double kPatience = 40;
constexpr auto kLeastLimit = std::chrono::seconds(60);

/// The run was interrupted: unwinds to where the results are.
struct Interrupted {};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// What others took of the CPUs, from its making on.
class ForeignMeter {
 public:
  explicit ForeignMeter(const double& own_cpu_s) : own_cpu_s_(own_cpu_s) {}

  /// CPUs, on average.
  [[nodiscard]] double cpus() const {
    const auto now = read_cpu_times();
    if (!before_ || !now) return 0;
    return foreign_cpus(*before_, *now, own_cpu_s_ - own_before_ + driver_cpu() - driver_before_, wall_s());
  }
  [[nodiscard]] double wall_s() const { return seconds_since(begin_); }

 private:
  static double driver_cpu() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return from_rusage(usage).total_s();
  }

  const double& own_cpu_s_;  // of the trials
  double own_before_ = own_cpu_s_;
  double driver_before_ = driver_cpu();
  std::optional<CpuTimes> before_ = read_cpu_times();
  Clock::time_point begin_ = Clock::now();
};

class Runner {
 public:
  Runner(const Plan& plan, Progress& progress, RunnerOptions options)
      : plan_(plan), progress_(progress), options_(std::move(options)) {
    if (options_.earlier) results_ = std::move(*options_.earlier);
    results_.plan = plan;
    earlier_s_ = results_.wall_s;
    earlier_foreign_ = results_.foreign_cpu;
    begin_ = Clock::now();
    results_.usable_cpus = usable_cpus();
    const auto complete = [](const CellResult& cell) { return cell.complete; };
    complete_cells_ =
        static_cast<std::size_t>(std::count_if(results_.cells.begin(), results_.cells.end(), complete));
  }

  BenchResults run() {
    try {
      walk();
    } catch (const Interrupted&) {
      results_.signal = Interrupt::pending();
      if (!results_.cells.empty() && !results_.cells.back().complete) note_foreign_cpu();
    }
    note_run();
    if (const auto pressure = read_cpu_pressure()) results_.pressure = pressure->some_avg60;
    for (CellResult& cell : results_.cells) collect_problems(cell);
    progress_.finished();
    return std::move(results_);
  }

 private:
  void walk() {
    const PairPlan layout{.cells = plan_.cells.size(),
                          .pairs = plan_.most_pairs(),
                          .control_cell = 0,
                          .control_pairs = kControlPairs,
                          .order = CellOrder::kOneAfterTheOther};
    const auto rounds = schedule_pairs(layout, plan_.seed);
    for (std::size_t i = 0; i + 1 < rounds.size(); i += 2) {  // the rounds of a pair are neighbours
      const Round& first = rounds[i];
      if (first.phase == Phase::kControlAtStart) {
        run_control_pair(results_.control_before, first.pair);
      } else if (first.phase == Phase::kControlAtEnd) {
        run_control_pair(results_.control_after, first.pair);
      } else if (first.cell >= complete_cells_) {  // those before were measured before an interruption
        walk_pair(first, layout.pairs);
      }
    }
  }

  void walk_pair(const Round& first, std::size_t pairs) {
    if (first.pair == 0) begin_cell(first.cell);
    if (first.pair >= earlier_pairs_ && first.pair < cell_pairs_ && !precise_) {
      run_pair(first.side);
      if (first.pair == earlier_pairs_) choose_pairs(first.pair + 1);
      precise_ = plan_.precision && is_look(first.pair + 1, static_cast<std::size_t>(plan_.trials)) &&
                 *reached_precision(results_.cells.back(), plan_);
    }
    if (first.pair + 1 == pairs) end_cell();
  }

  // A control pair is the same backend twice, so which side goes first cannot matter.
  void run_control_pair(Control& control, std::size_t pair) {
    if (pair < control.pairs.size()) return;  // measured before an interruption
    static const Cell cell = [] {
      Cell quiet;
      quiet.workload = find_workload("primes");
      quiet.max_shared_bytes = ProcessOptions{}.max_shared_bytes;
      return quiet;
    }();
    Cell here = cell;
    here.workers = results_.usable_cpus;
    RoundSpec spec = make_round_spec(here, plan_.backends.front(), control_tasks_, {.seed = plan_.seed});
    if (control_tasks_ == 0) {
      spec.calibrate_s = kCalibrate_s;
      const Sample sample = run_or_throw(spec);
      control_tasks_ = tasks_for(sample.throughput_tasks_per_s, kControlRound_s);
      spec.tasks = control_tasks_;
    }
    const Sample first = run_or_throw(spec);
    const Sample second = run_or_throw(spec);
    control.pairs.push_back({first.throughput_tasks_per_s, second.throughput_tasks_per_s});
    progress_.control(results_);
  }

  void begin_cell(std::size_t index) {
    const Cell& cell = plan_.cells[index];
    const bool goes_on = results_.cells.size() > index;
    if (!goes_on) {
      results_.cells.push_back({.cell = cell, .judging = plan_.judging});
      for (const Backend backend : plan_.backends)
        results_.cells.back().sides.push_back({.backend = backend});
    }
    CellResult& result = results_.cells.back();
    cell_foreign_.emplace(trial_cpu_s_);
    cell_begin_ = Clock::now();
    cell_pairs_ = plan_.most_pairs();
    earlier_pairs_ = result.sides.front().samples.size();
    precise_ = false;
    progress_.cell_begins(results_);
    flow_ = make_flow_options(cell);
    if (cell.open && result.rate_tasks_per_s == 0) {
      choose_rate(result);
    } else if (result.tasks == 0) {
      result.tasks = plan_.tasks ? *plan_.tasks : tasks_of_round(cell, slowest_rate(cell, kCalibrate_s));
    }
    for (BackendResult& side : result.sides) {
      if (!side.peak) measure_memory(cell, side, result);
    }
    for (const BackendResult& side : result.sides) trace(cell, side.backend, result);
  }

  /// After the first pair of a cell, with a limit for the whole run: as many pairs as fit into the cell's
  /// share of the time that is left. Fewer than six give no interval, and the report then says so.
  void choose_pairs(std::size_t done) {
    if (!plan_.max_time_s) return;
    const double left_s = *plan_.max_time_s - earlier_s_ - seconds_since(begin_) - kEndReserve_s;
    const auto cells_left = static_cast<double>(plan_.cells.size() - results_.cells.size() + 1);
    const double share_s = (left_s + cell_spent_s()) / cells_left - cell_spent_s();
    const double more = std::max(0.0, share_s / pair_s_);
    cell_pairs_ =
        done + static_cast<std::size_t>(std::min(more, static_cast<double>(plan_.most_pairs() - done)));
  }
  [[nodiscard]] double cell_spent_s() const { return seconds_since(cell_begin_); }

  void end_cell() {
    note_foreign_cpu();
    note_run();
    results_.cells.back().complete = true;
    progress_.cell_done(results_);
  }

  /// What is said of the whole run; also of its parts before and after an interruption together.
  void note_run() {
    const double now_s = seconds_since(begin_);
    results_.wall_s = earlier_s_ + now_s;
    results_.foreign_cpu =
        (earlier_foreign_ * earlier_s_ + foreign_.cpus() / results_.usable_cpus * now_s) / results_.wall_s;
  }

  /// Of a cell that was measured in two parts the noisier one counts.
  void note_foreign_cpu() {
    CellResult& result = results_.cells.back();
    if (cell_foreign_)
      result.foreign_cpu = std::max(result.foreign_cpu, cell_foreign_->cpus() / results_.usable_cpus);
  }

  FlowOptions make_flow_options(const Cell& cell) {
    FlowOptions flow{.seed = plan_.seed, .payload_bytes = cell.payload_bytes};
    if (cell.workload->name != "wordcount") return flow;
    if (plan_.input.empty()) {
      if (!text_) text_ = std::make_unique<GeneratedText>(plan_.seed, kTextBytes);
      flow.input = text_->path();
    } else {
      flow.input = plan_.input;
    }
    flow.words_in_slice = count_words_in_slices(flow.input, cell.payload_bytes);
    return flow;
  }

  [[nodiscard]] double round_length_s() const {
    return std::chrono::duration<double>(plan_.round_length).count();
  }

  /// Throughput of the slower backend in a closed loop, of an open loop's cell by that one's generator:
  /// rounds have as many tasks as it does in their time, and the faster one gets the same.
  double slowest_rate(const Cell& cell, double calibrate_s) {
    double slowest = 0;
    for (const Backend backend : plan_.backends) {
      RoundSpec spec = make_round_spec(cell, backend, 0, flow_);
      if (cell.open) open_up(spec, *cell.open, 1, plan_.seed);
      spec.calibrate_s = calibrate_s;
      const double rate = run_or_throw(spec).throughput_tasks_per_s;
      slowest = slowest == 0 ? rate : std::min(slowest, rate);
    }
    return slowest;
  }

  /// The rate of an open loop, and its tasks. Cells that differ in their load only have one capacity, so that
  /// the rates of a sweep stand in the proportions that were asked for.
  void choose_rate(CellResult& result) {
    const OpenLoad& load = *result.cell.open;
    result.rate_tasks_per_s = load.tasks_per_s;
    if (load.percent > 0) {
      Cell closed = result.cell;
      closed.open.reset();
      double& capacity = capacities_[name_of(closed)];
      if (capacity == 0) capacity = slowest_rate(result.cell, kCapacity_s);
      result.capacity_tasks_per_s = capacity;
      result.rate_tasks_per_s = std::min(kMostRate / load.rise(), capacity * load.percent / 100);
    }
    const auto longest = static_cast<double>(kLongestRound.count());
    const double mean_per_s = result.rate_tasks_per_s * load.mean();
    const double most = std::min(static_cast<double>(kMostOpenTasks), mean_per_s * longest);
    const double wanted = plan_.tasks ? static_cast<double>(*plan_.tasks) : mean_per_s * round_length_s();
    result.tasks = static_cast<std::uint64_t>(std::max(1.0, std::round(std::min(wanted, most))));
  }

  /// Takes: the rate of the slower backend.
  [[nodiscard]] std::uint64_t tasks_of_round(const Cell& cell, double rate) const {
    const double stretched_s = std::chrono::duration<double>(plan_.stretched_round).count();
    const double least = static_cast<double>(kLeastTasksEach) * cell.workers;
    return tasks_for(rate, std::max(round_length_s(), std::min(stretched_s, least / rate)));
  }

  static std::uint64_t tasks_for(double rate, double seconds) {
    return static_cast<std::uint64_t>(std::clamp(rate * seconds, 1.0, static_cast<double>(kMostTasks)));
  }

  /// Both rounds of a pair; again when others took the CPUs meanwhile, by a rule that does not look at the
  /// result.
  void run_pair(twinpool::bench::Side first) {
    CellResult& cell = results_.cells.back();
    const auto pair_begin = Clock::now();
    std::vector<std::size_t> order{0};
    if (cell.sides.size() == 2)
      order = first == twinpool::bench::Side::kA ? std::vector<std::size_t>{0, 1}
                                                 : std::vector<std::size_t>{1, 0};
    for (int reruns = 0;; ++reruns) {
      const ForeignMeter meter(trial_cpu_s_);
      std::vector<std::optional<Sample>> samples(cell.sides.size());
      for (const std::size_t side : order) samples[side] = run_round(cell, cell.sides[side].backend);
      // Reruns must not make a busy machine measure for ever.
      const bool affordable = results_.reruns * 5 < plan_.trials * static_cast<int>(plan_.cells.size());
      const double wall_s = meter.wall_s();
      if (affordable && should_rerun({}, meter.cpus() * wall_s, wall_s, results_.usable_cpus, reruns)) {
        ++results_.reruns;
        continue;
      }
      keep_pair(cell, order, std::move(samples));
      break;
    }
    pair_s_ = seconds_since(pair_begin);
    note_run();
    progress_.pair_done(results_, cell.sides.front().samples.size());
  }

  /// Samples stay paired: when one trial of a pair gave none, the other's is dropped.
  static void keep_pair(CellResult& cell, const std::vector<std::size_t>& order,
                        std::vector<std::optional<Sample>> samples) {
    if (!std::all_of(samples.begin(), samples.end(), [](const auto& sample) { return sample.has_value(); }))
      return;
    for (const std::size_t side : order) {
      cell.order.push_back(cell.sides[side].backend);
      cell.sides[side].samples.push_back(std::move(*samples[side]));
    }
  }

  std::optional<Sample> run_round(CellResult& cell, Backend backend) {
    RoundSpec spec = make_round_spec(cell.cell, backend, cell.tasks, flow_);
    if (cell.cell.open) {  // each pair has arrivals of its own, the same for both
      open_up(spec, *cell.cell.open, cell.rate_tasks_per_s, plan_.seed + cell.sides.front().samples.size());
    } else {
      const std::uint64_t timed = kTimedTasks / static_cast<std::uint64_t>(plan_.trials) + 1;
      spec.latency_tasks = std::clamp<std::uint64_t>(cell.tasks / 2, 1, std::min<std::uint64_t>(timed, 1000));
      const double warm_share = kWarmUp_s / std::max(kWarmUp_s, round_length_s());
      if (!plan_.tasks)
        spec.warm_tasks = static_cast<std::uint64_t>(warm_share * static_cast<double>(cell.tasks));
    }
    std::string crash;
    auto sample = run_trial(spec, crash);
    if (!sample) cell.crashes.push_back(crash);
    return sample;
  }

  TrialOptions trial_options(const RoundSpec& spec) const {
    const double length = spec.open && spec.tasks != 0 ? spec.open->length_s()
                          : plan_.tasks                ? 0
                                                       : round_length_s();
    const auto patience = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::duration<double>(length * kPatience));
    return {.limit = plan_.tasks && *plan_.tasks > 1'000'000
                         ? std::chrono::nanoseconds(std::chrono::hours(1))
                         : std::max<std::chrono::nanoseconds>(kLeastLimit, patience),
            .program = options_.program};
  }

  /// Ends a trial and sees to what concerns the whole run.
  void settle(Trial& trial) {
    const TrialEnd& end = trial.finish();
    trial_cpu_s_ += end.user_s + end.system_s;
    if (end.how == TrialEnd::How::kInterrupted || Interrupt::pending() != 0) throw Interrupted();
    const nlohmann::json result = trial.result();
    if (result.is_object() && result.value("unfit", false)) {
      throw UnfitMachine(result.at("error").get<std::string>());
    }
  }

  Trial begin_trial(std::string_view kind, RoundSpec spec) {
    spec.load = plan_.load;
    return Trial(kind, spec, trial_options(spec));
  }

  std::optional<Sample> run_trial(const RoundSpec& spec, std::string& crash) {
    Trial trial = begin_trial(kRoundTrial.name, spec);
    settle(trial);
    const nlohmann::json result = trial.result();
    if (trial.finish().clean() && result.is_object()) return result.get<Sample>();
    crash =
        fmt::format("{} with {}: a trial {}", spec.workload, name_of(spec.backend), describe(trial.finish()));
    if (result.is_object() && result.contains("error"))
      crash += fmt::format(" ({})", result["error"].get<std::string>());
    else if (!trial.finish().output.empty())
      crash += fmt::format(" (it said: {})", trial.finish().output);
    return std::nullopt;
  }

  Sample run_or_throw(const RoundSpec& spec) {
    std::string crash;
    auto sample = run_trial(spec, crash);
    if (!sample) throw std::runtime_error(crash);
    return std::move(*sample);
  }

  void measure_memory(const Cell& cell, BackendResult& side, CellResult& result) {
    Trial trial = begin_trial(kMemoryTrial.name, make_round_spec(cell, side.backend, result.tasks, flow_));
    while (const auto mark = trial.wait_for_mark()) {
      (*mark == kMarkRest ? side.rest : side.peak) = read_tree_memory(trial.pid());
      trial.resume();
    }
    settle(trial);
    judge(trial, "memory", side.backend, result);
  }

  /// A trial of its own, so that no figure counts what writing the trace down costs.
  void trace(const Cell& cell, Backend backend, CellResult& result) {
    if (options_.trace == nullptr) return;
    const auto shared = SharedTrace::create(options_.trace->tasks_of_next());
    RoundSpec spec = make_round_spec(cell, backend, result.tasks, flow_);
    if (cell.open)  // whole, so that its stalls and crashes are in it; what has no room is left out
      open_up(spec, *cell.open, result.rate_tasks_per_s, plan_.seed);
    else
      spec.tasks = std::min<std::uint64_t>(result.tasks, shared.capacity());
    spec.trace = shared.path();
    Trial trial = begin_trial(kTraceTrial.name, spec);
    TrialTrace taken = watch_trial(trial, shared);
    settle(trial);
    taken.title = name_of(cell);
    taken.backend = backend;
    taken.left_out += result.tasks - spec.tasks;
    options_.trace->add(taken);
    if (!cell.crashes() || trial.finish().how != TrialEnd::How::kKilled)
      judge(trial, "traced", backend, result);
  }

  /// What a trial says that measures no rate: that it crashed, or a mistake of its tasks.
  static void judge(Trial& trial, std::string_view kind, Backend backend, CellResult& result) {
    const std::string_view workload = result.cell.workload->name;
    if (!trial.finish().clean()) {
      result.crashes.push_back(fmt::format("{} with {}: the {} trial {}", workload, name_of(backend), kind,
                                           describe(trial.finish())));
      return;
    }
    const std::string mistake = trial.result().value("first_mistake", std::string());
    if (!mistake.empty()) {
      result.problems.push_back(fmt::format("{} with {}: a result was wrong or missing in the {} trial ({})",
                                            workload, name_of(backend), kind, mistake));
    }
  }

  const Plan& plan_;
  Progress& progress_;
  RunnerOptions options_;
  BenchResults results_;
  FlowOptions flow_;
  std::unique_ptr<GeneratedText> text_;
  std::uint64_t control_tasks_ = 0;
  std::map<std::string, double> capacities_;  // by the name of the cell without its load
  double trial_cpu_s_ = 0;
  ForeignMeter foreign_{trial_cpu_s_};  // of this part of the run
  double earlier_s_ = 0;                // spent before an interruption
  double earlier_foreign_ = 0;          // what others took then
  std::size_t complete_cells_ = 0;      // measured before it
  Clock::time_point begin_;             // of this part of the run
  Clock::time_point cell_begin_;        // of the cell that is measured now
  std::size_t earlier_pairs_ = 0;       // of it, measured before the interruption
  std::size_t cell_pairs_ = 0;          // how many pairs it gets
  bool precise_ = false;                // it needs no more of them
  double pair_s_ = 0;                   // how long the last pair took
  std::optional<ForeignMeter> cell_foreign_;
};

}  // namespace

BenchResults run_plan(const Plan& plan, Progress& progress, const RunnerOptions& options) {
  return Runner(plan, progress, options).run();
}

}  // namespace twinpool::bench
