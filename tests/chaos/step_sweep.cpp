// SPDX-License-Identifier: Apache-2.0
#include "tests/chaos/step_sweep.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <set>
#include <sstream>
#include <thread>

#include "processes/door.h"
#include "tests/chaos/stepped_process.h"

namespace twinpool::chaos {
namespace {

using processes::SegmentShape;
using processes::SlotRef;
using processes::SlotState;
using processes::SlotWord;
using std::chrono::milliseconds;

constexpr std::size_t kMostTasks = 8;
constexpr std::size_t kMostComplaints = 3;
// A step costs 5 to 100 us, and a point as many steps as lie before it.
constexpr std::size_t kEveryPointUpTo = 1000;  // instructions; see every_point_up_to
constexpr std::size_t kLongWay = 4000;         // instructions
constexpr std::size_t kNoEnd = SIZE_MAX;

using RunCounts = std::array<std::atomic<std::uint32_t>, kMostTasks>;

RunCounts& run_counts() {
  static RunCounts* const counts = [] {
    void* const memory =
        ::mmap(nullptr, sizeof(RunCounts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return new (memory) RunCounts{};
  }();
  return *counts;
}

template <typename Done>
bool eventually(milliseconds patience, Done done) {
  const auto deadline = Clock::now() + patience;
  while (!done()) {
    if (Clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

/// A thread that is asleep in QueuedTask::wait.
class Waiter {
 public:
  explicit Waiter(const QueuedTask& task)
      : thread_([this, &task] {
          id_.store(static_cast<int>(::syscall(SYS_gettid)));
          task.wait();
          woken_.store(true);
        }) {
    eventually(milliseconds(20'000), [&] {
      return woken_.load() || (id_.load() != 0 && sleeps_on_futex("self/task/" + std::to_string(id_.load())));
    });
  }
  ~Waiter() { thread_.join(); }
  [[nodiscard]] bool woken() const { return woken_.load(); }

 private:
  std::atomic<int> id_{0};
  std::atomic<bool> woken_{false};
  std::thread thread_;
};

/// A worker that nobody stops.
pid_t fork_worker(const BareOwner& owner, int index, bool until_idle) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  const WorkerContext context{.index = index, .owner_bell = owner.bell()};
  if (until_idle) {
    while (run_one_task(owner.segment(), context)) {
    }
  } else {
    run_worker(owner.segment(), context);
  }
  ::_exit(0);
}

/// One playing of a scenario, with the worker stopped after so many instructions.
class Play {
 public:
  Play(const Scenario& scenario, SweepReport& report)
      : scenario_(scenario),
        report_(report),
        owner_(SegmentShape{.workers = scenario.helper == Scenario::Helper::kBystander ? 2 : 1,
                            .slots = kMostTasks,
                            .payload_bytes = 64 << 10}) {
    for (auto& count : run_counts()) count.store(0);
    if (scenario_.helper == Scenario::Helper::kBystander) start_bystander();
    if (!scenario_.push_at_the_point) tasks_ = scenario_.queue(owner_);
  }

  /// Steps `instructions` far. Gives: how far it came; less when the way is at its end.
  std::size_t step_to(std::size_t instructions) {
    worker_ = std::make_unique<SteppedProcess>(
        [this] { scenario_.work(owner_.segment(), WorkerContext{.index = 0, .owner_bell = owner_.bell()}); });
    if (scenario_.waiters) {
      for (const auto& task : tasks_) waiters_.push_back(std::make_unique<Waiter>(*task));
    }
    std::size_t steps = 0;
    while (steps < instructions && step()) ++steps;
    return steps;
  }

  /// The numbers of the instructions after which memory that others see had changed, and of all instructions.
  std::pair<std::set<std::size_t>, std::size_t> record() {
    step_to(0);
    std::set<std::size_t> changes;
    auto before = shared_memory();
    std::size_t steps = 0;
    while (step()) {
      ++steps;
      if (auto now = shared_memory(); now != before) {
        changes.insert(steps);
        before = std::move(now);
      }
    }
    return {std::move(changes), steps};
  }

  /// Ends the worker where it is, or lets it go on, and looks at what becomes of the tasks.
  void finish(std::size_t point) {
    point_ = point;
    if (scenario_.push_at_the_point) push_and_announce();
    if (scenario_.lives_on) {
      worker_->let_go();
    } else {
      kill_and_recover();
    }
    pid_t replacement = 0;
    if (scenario_.helper == Scenario::Helper::kReplacement) replacement = fork_worker(owner_, 0, true);
    const bool settled = eventually(scenario_.patience, [&] {
      owner_.serve_bell();
      return std::all_of(tasks_.begin(), tasks_.end(), [](const auto& task) { return task->ready(); });
    });
    if (!settled) complain("a task never settles: " + slots());
    if (settled) expect_waiters_awake();
    end_workers(replacement);
    if (!settled) owner_.settle_all();  // so that nobody waits any more
    waiters_.clear();
    if (settled) judge();
    tasks_.clear();
    if (owner_.books().extents().in_use() != 0) complain("memory is left over");
  }

 private:
  void start_bystander() {
    bystander_ = fork_worker(owner_, 1, false);
    if (!eventually(milliseconds(20'000), [&] { return sleeps_on_futex(std::to_string(bystander_)); }))
      complain("the bystander does not go to sleep");
  }

  /// Gives: false at the end of the way.
  bool step() {
    for (;;) {
      switch (worker_->step()) {
        case SteppedProcess::At::kStopped:
          return true;
        case SteppedProcess::At::kEnded:
          return false;
        case SteppedProcess::At::kAsleep:
          if (!needs_memory()) return false;
          owner_.serve_bell();
      }
    }
  }
  [[nodiscard]] bool needs_memory() const {
    const Segment& segment = owner_.segment();
    for (std::uint32_t i = 0; i < segment.slot_count(); ++i) {
      if (SlotWord{segment.slot(i).word.load()}.state() == SlotState::kNeedsMemory) return true;
    }
    return false;
  }

  void push_and_announce() {
    tasks_ = scenario_.queue(owner_);
    // Once a task, as the owner does.
    for (std::size_t i = 0; i < tasks_.size(); ++i) processes::announce_work(owner_.segment());
  }

  void kill_and_recover() {
    const int status = worker_->kill();
    if (scenario_.answer_after_death) owner_.serve_bell();
    scenario_.recover(owner_.segment(), worker_->pid(), status);
  }

  /// Whoever waits for a settled task has to come back without any further help.
  void expect_waiters_awake() {
    const auto awake = [&] {
      return std::all_of(waiters_.begin(), waiters_.end(),
                         [](const auto& waiter) { return waiter->woken(); });
    };
    if (eventually(scenario_.patience, awake)) return;
    complain("a waiter sleeps on beside its settled task: " + slots());
    for (std::uint32_t i = 0; i < owner_.segment().slot_count(); ++i)
      futex_wake(waiter_word(owner_.segment().slot(i)), INT32_MAX, FutexScope::kAllProcesses);
  }

  void end_workers(pid_t replacement) {
    const Segment& segment = owner_.segment();
    segment.header().stopping.store(1);
    for (int i = 0; i < segment.place_count(); ++i) processes::knock(segment.worker(i));
    if (bystander_ > 0 && !reap(bystander_)) complain("the bystander does not end");
    if (replacement > 0 && !reap(replacement)) complain("the replacement does not end");
    if (scenario_.lives_on && !reap(worker_->pid())) complain("the worker does not end");
    worker_->forget();
  }

  void judge() {
    if (!skip_stale(owner_.segment())) complain("an entry is left in the ring");
    std::size_t lost = 0;
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      const QueuedTask::Verdict verdict = tasks_[i]->judge();
      const auto runs = run_counts()[i].load();
      const std::string task = "task " + std::to_string(i);
      if (!verdict.complaint.empty()) complain(task + " has " + verdict.complaint);
      if (runs > 1) complain(task + " ran " + std::to_string(runs) + " times");
      if (verdict.counted_as_run && runs != 1)
        complain(task + " has an outcome but ran " + std::to_string(runs) + " times");
      if (verdict.lost) {
        ++lost;
        if (verdict.loss.pid != worker_->pid() || verdict.loss.signal != SIGKILL || !verdict.loss.was_running)
          complain(task + " names another worker's death as its own");
      } else {
        ++report_.right;
      }
    }
    if (lost > (scenario_.lives_on ? 0u : 1u)) complain(std::to_string(lost) + " tasks are lost");
    report_.lost += lost;
    report_.with_loss += lost > 0 ? 1 : 0;
    PoolStats stats;
    owner_.books().count_outcomes(stats);
    if (stats.completed + stats.failed + stats.lost != tasks_.size() || stats.lost != lost)
      complain("the statistics do not balance");
  }

  void complain(const std::string& what) {
    report_.complaints.push_back("after " + std::to_string(point_) + " instructions: " + what);
  }

  [[nodiscard]] std::string slots() const {
    std::ostringstream text;
    const Segment& segment = owner_.segment();
    text << "head " << segment.header().head.load() << " tail " << segment.header().tail.load();
    for (std::uint32_t i = 0; i < segment.slot_count(); ++i) {
      const SlotWord word{segment.slot(i).word.load()};
      if (word.bits == 0) continue;
      text << "; slot " << i << " state " << static_cast<int>(word.state()) << " worker " << word.worker()
           << (word.has_waiter() ? " waited for" : "");
    }
    return text.str();
  }

  [[nodiscard]] std::string shared_memory() const {
    const auto* const begin = reinterpret_cast<const char*>(&owner_.segment().header());
    const auto* const end = reinterpret_cast<const char*>(owner_.segment().payload().data());
    std::string copy(begin, end);
    copy.append(end, 4096);
    for (const auto& count : run_counts()) copy += static_cast<char>(count.load());
    return copy;
  }

  const Scenario& scenario_;
  SweepReport& report_;
  std::size_t point_ = 0;
  BareOwner owner_;
  pid_t bystander_ = 0;
  QueuedTasks tasks_;
  std::unique_ptr<SteppedProcess> worker_;
  std::vector<std::unique_ptr<Waiter>> waiters_;
};

/// TWINPOOL_EVERY_POINT=1: every instruction of ways of any length, which can take many minutes.
std::size_t every_point_up_to() {
  const char* const all = std::getenv("TWINPOOL_EVERY_POINT");
  return all != nullptr && *all == '1' ? kNoEnd : kEveryPointUpTo;
}

/// About how many instructions the worker's way takes. The shortest of a few: reading the clock is tried
/// again when the kernel moves it meanwhile, which single steps are slow enough to meet.
std::size_t length_of(const Scenario& scenario, SweepReport& report) {
  std::size_t shortest = kNoEnd;
  for (int i = 0; i < 3 && (i == 0 || shortest < kLongWay); ++i) {
    Play rehearsal(scenario, report);
    const std::size_t length = rehearsal.step_to(kNoEnd);
    rehearsal.finish(length);
    shortest = std::min(shortest, length);
  }
  return shortest;
}

}  // namespace

void count_run(std::uint32_t task) { run_counts()[task].fetch_add(1); }

std::string SweepReport::text() const {
  std::ostringstream out;
  out << points << " points in " << instructions << " instructions; a task was lost at " << with_loss << "; "
      << right << " right outcomes, " << lost << " lost";
  for (const auto& complaint : complaints) out << "\n  " << complaint;
  return out.str();
}

SweepReport sweep(const Scenario& scenario) {
  run_counts();  // made here, so that all forks share it
  SweepReport report;
  std::set<std::size_t> near_changes;
  std::size_t stride = 1;
  if (const std::size_t length = length_of(scenario, report); length > every_point_up_to()) {
    stride = length / (length < kLongWay ? 100 : 5);
    const std::size_t around = length < kLongWay ? 4 : 1;
    Play rehearsal(scenario, report);
    const auto [changes, instructions] = rehearsal.record();
    rehearsal.finish(instructions);
    for (const auto change : changes) {
      for (std::size_t n = change - std::min(change, around); n < change + around; ++n)
        near_changes.insert(n);
    }
  }
  report = SweepReport{.complaints = std::move(report.complaints)};
  for (std::size_t n = 0; report.complaints.size() < kMostComplaints;) {
    Play play(scenario, report);
    const std::size_t came = play.step_to(n);
    play.finish(came);
    ++report.points;
    report.instructions = std::max(report.instructions, came);
    if (came < n) break;
    const auto next = near_changes.upper_bound(n);
    const std::size_t strided = (n / stride + 1) * stride;
    n = next != near_changes.end() ? std::min(*next, strided) : strided;
  }
  return report;
}

}  // namespace twinpool::chaos
