// SPDX-License-Identifier: Apache-2.0
#include "threads/task_control.h"

#include <algorithm>
#include <new>
#include <string>

#include "shared/spoken_duration.h"
#include "threads/pool_core.h"

namespace twinpool::threads {
namespace {

using namespace slot_bits;

Clock::time_point moment(std::int64_t since_ns, std::chrono::nanoseconds limit) {
  const Clock::time_point since{std::chrono::nanoseconds(since_ns)};
  return limit < Clock::time_point::max() - since ? since + limit : Clock::time_point::max();
}

std::string left_behind(const TaskSlot& slot, std::uint32_t word) {
  if ((word & kEarly) == 0 || slot.begun_on() < 0) return {};
  return " and was left to itself on worker " + std::to_string(slot.core().worker(slot.begun_on()).seat());
}

std::string why_ended(const TaskSlot& slot, std::uint32_t word) {
  const std::string name = "'" + std::string(slot.type().name) + "'";
  const bool never_ran = (word & kNeverRan) != 0;
  if ((word & kTimedOut) != 0) {
    const TaskControl* const control = (word & kControlled) != 0 ? slot.control() : nullptr;
    const auto limit = [&](const char* which, std::chrono::nanoseconds TaskControl::*of) {
      return std::string(" longer than its ") + which + " limit" +
             (control != nullptr ? " of " + spoken(control->*of) : std::string());
    };
    if (never_ran) return name + " waited" + limit("wait", &TaskControl::wait_limit);
    return name + " ran" + limit("run", &TaskControl::run_limit) + left_behind(slot, word);
  }
  if ((word & kCancelled) != 0 || (word & (kEarly | kNeverRan)) == 0) {
    return name + " was cancelled " + (never_ran ? "before it ran" : "while it ran") +
           left_behind(slot, word);
  }
  return "the pool was stopped " +
         (never_ran ? "before " + name + " could run" : "while " + name + " still ran");
}

}  // namespace

Failure failure_of_ended_task(const TaskSlot& slot, std::uint32_t word) {
  if ((word & kLost) != 0) {
    const WorkerLoss loss;
    return Failure{.kind = FailureKind::kWorkerLost,
                   .type_name = {},
                   .message = describe(loss, slot.type().name) + ": " + slot.core().why_hopeless(),
                   .loss = loss};
  }
  FailureKind kind = FailureKind::kPoolClosed;
  if ((word & kTimedOut) != 0) {
    kind = FailureKind::kTimedOut;
  } else if ((word & kCancelled) != 0 || (word & (kEarly | kNeverRan)) == 0) {
    kind = FailureKind::kCancelled;
  }
  return Failure{.kind = kind, .type_name = {}, .message = why_ended(slot, word), .loss = std::nullopt};
}

TaskControls::TaskControls(PoolCore& core, const PoolOptions& options)
    : core_(core),
      wait_limit_(options.wait_limit),
      run_limit_(options.run_limit),
      grace_(options.grace),
      limits_all_(wait_limit_.count() > 0 || run_limit_.count() > 0),
      deadlines_([this](std::uint64_t key, Clock::time_point now) {
        return look(*core_.arena().at(static_cast<std::uint32_t>(key)),
                    std::chrono::nanoseconds(now.time_since_epoch()).count());
      }) {}

void TaskControls::attach(TaskSlot& slot, const TaskType& type, const with* options) {
  auto control = std::make_unique<TaskControl>();
  if (type.takes_stop_token) control->source = std::stop_source();
  control->wait_limit = options != nullptr ? options->wait_limit.value_or(wait_limit_) : wait_limit_;
  control->run_limit = options != nullptr ? options->run_limit.value_or(run_limit_) : run_limit_;
  control->submitted_ns = now_ns();
  const auto limit = std::max(control->wait_limit, control->run_limit);
  const auto first = control->wait_limit.count() > 0 && control->run_limit.count() > 0
                         ? std::min(control->wait_limit, control->run_limit)
                         : limit;
  const std::lock_guard lock(lock_of(slot));
  if (limit.count() > 0) deadlines_.set(slot.index(), moment(control->submitted_ns, first));
  slot.set_control(control.release());
}

void TaskControls::follow(TaskSlot& slot, const std::stop_token& stop) noexcept {
  slot.control()->on_stop.emplace(stop, TaskControl::Cancel{&slot});
}

void TaskControls::detach(TaskSlot& slot) noexcept {
  TaskControl* const control = slot.control();
  if (control == nullptr) return;
  // Waits for a cancel that another thread's request to stop is at: that one looks at `control` without the
  // lock. Not under the lock, since what the cancel ends may need it.
  control->on_stop.reset();
  {
    const std::lock_guard lock(lock_of(slot));
    slot.set_control(nullptr);
  }
  delete control;
}

bool TaskControls::end_if_waiting(TaskSlot& slot) noexcept {
  core_.meet_workers();
  return slot.claim();
}

bool TaskControls::cancel(TaskSlot& slot) noexcept {
  if (!slot.ask(kCancelAsked)) return false;
  if (end_if_waiting(slot)) {
    settle_claimed(slot, kCancelled);
  } else {
    ask_running(slot);
  }
  return true;
}

void TaskControls::settle_claimed(TaskSlot& slot, std::uint32_t why) noexcept {
  // Before it counts as settled: who is admitted for it must know that its place in a queue is still taken.
  core_.waiting_tasks().add_stale();
  slot.drop_arguments();
  if ((slot.word() & kSampled) != 0) slot.times().settled_ns = now_ns();
  core_.count_ended(why, 1);
  slot.settle_claimed(why);
  core_.settled_elsewhere();
  core_.sweep_stale();
  if (slot.end_claim()) core_.finish_claimed(slot);  // the last look at the slot, and perhaps at the core
}

TaskControl* TaskControls::control_for_cancel(TaskSlot& slot) noexcept {
  if ((slot.word_acquired() & kControlled) != 0) return slot.control();
  auto* const control = new (std::nothrow) TaskControl;
  if (control == nullptr) return nullptr;
  {
    const std::lock_guard lock(lock_of(slot));
    slot.set_control(control);
  }
  if (slot.set_controlled()) return control;
  detach(slot);
  return nullptr;
}

void TaskControls::ask_running(TaskSlot& slot) noexcept {
  TaskControl* const control = control_for_cancel(slot);
  if (control == nullptr) return;  // settled meanwhile, or no memory: then it settles when it returns
  const std::int64_t now = now_ns();
  std::int64_t never = 0;
  if (control->cancelled_ns.compare_exchange_strong(never, now)) {
    try {
      deadlines_.set(slot.index(), moment(now, grace_));
    } catch (...) {
      // No thread or no memory: as above.
    }
  }
  // A copy: what is called may let go of the Future, and with it of the control.
  std::stop_source source = control->source;
  source.request_stop();
}

void TaskControls::leave_behind(TaskSlot& slot, std::uint32_t before) noexcept {
  // The worker may be done with the slot already; but with a continuation its Future is not.
  slot.tell(before);
  core_.settled_elsewhere();
}

std::optional<std::uint32_t> TaskControls::settle_early(TaskSlot& slot, std::uint32_t why) noexcept {
  const auto count = [this](std::uint32_t as) { core_.count_ended(as, 1); };
  const auto uncount = [this](std::uint32_t as) { core_.count_ended(as, -1); };
  return slot.settle_early(why, count, uncount);
}

void TaskControls::abandon(TaskSlot& slot) noexcept {
  std::unique_lock lock(lock_of(slot));
  if ((slot.word_acquired() & kFinished) != 0) return;
  std::stop_source source =
      slot.control() != nullptr ? slot.control()->source : std::stop_source(std::nostopstate);
  const auto before = settle_early(slot, 0);
  if (!before) return;
  lock.unlock();
  leave_behind(slot, *before);
  source.request_stop();
}

std::optional<Clock::time_point> TaskControls::look(TaskSlot& slot, std::int64_t now) noexcept {
  std::unique_lock lock(lock_of(slot));
  const TaskControl* const control = slot.control();
  if (control == nullptr) return std::nullopt;
  const std::uint32_t word = slot.word_acquired();
  const Clock::time_point time{std::chrono::nanoseconds(now)};
  // With a control, but not held: it is being filled, or emptied.
  if ((word & (kFinished | kHeld)) == kFinished) return time + std::chrono::milliseconds(1);
  if (TaskSlot::settled(word)) return std::nullopt;
  auto next = Clock::time_point::max();
  const std::int64_t started = control->started_ns.load(std::memory_order_acquire);
  if (started == 0 && control->wait_limit.count() > 0) {
    const auto end = moment(control->submitted_ns, control->wait_limit);
    if (end > time) {
      next = end;
    } else if (slot.ask(kOverdue) && end_if_waiting(slot)) {
      lock.unlock();  // what is claimed stays
      settle_claimed(slot, kTimedOut);
      return std::nullopt;
    }
  }
  std::uint32_t why = 0;
  if (control->run_limit.count() > 0) {
    const auto end = moment(started != 0 ? started : now, control->run_limit);
    if (end <= time) why = kTimedOut;
    next = std::min(next, end);
  }
  if (const auto asked = control->cancelled_ns.load(std::memory_order_acquire); asked != 0) {
    const auto end = moment(asked, grace_);
    if (end <= time) why = kCancelled;
    next = std::min(next, end);
  }
  if (why == 0) return next == Clock::time_point::max() ? std::nullopt : std::optional(next);
  const int worker = slot.begun_on();
  std::stop_source source = control->source;
  const auto before = settle_early(slot, why);
  if (!before) return std::nullopt;
  lock.unlock();
  leave_behind(slot, *before);
  if (worker >= 0) core_.worker_overran(worker);
  source.request_stop();
  return std::nullopt;
}

}  // namespace twinpool::threads
