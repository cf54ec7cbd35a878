// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/serial_flow.h"

#include <fmt/format.h>

#include <exception>
#include <utility>

#include "bench/trial.h"
#include "bench/workloads/mix.h"
#include "shared/future.h"

namespace twinpool::bench {
namespace {

void mistake(Tally& tally, std::uint64_t number, const char* what) {
  if (tally.first_mistake.empty()) tally.first_mistake = fmt::format("request {}: {}", number, what);
}

}  // namespace

Tally SerialFlow::run(const Stretch& stretch, TrialPage* page) {
  Tally tally;
  for (std::uint64_t i = 0; i < stretch.tasks; ++i) {
    const TaskTiming timing = take(stretch.first + i, tally);
    if (stretch.keep_latency) tally.latency_ns.push_back(timing.settled_ns - timing.submitted_ns);
    if (page == nullptr) continue;
    page->delivered.store(tally.delivered, std::memory_order_relaxed);  // one writer; readers only look
    page->failed.store(tally.failed, std::memory_order_relaxed);
    page->wrong.store(tally.wrong, std::memory_order_relaxed);
  }
  return tally;
}

Tally SerialFlow::hold(std::uint64_t tasks, void (*held)(void*), void* argument) {
  Tally tally = run({.tasks = tasks}, nullptr);
  held(argument);
  return tally;
}

void SerialFlow::submit_one(std::uint64_t number) { done_.push_back(take(number, done_tally_)); }

std::optional<Taken> SerialFlow::take_one(std::optional<Clock::time_point>, Tally& tally) {
  if (done_.empty()) return std::nullopt;
  add(tally, std::exchange(done_tally_, {}));
  const Taken taken{.timing = done_.front()};
  done_.pop_front();
  return taken;
}

TaskTiming SerialFlow::take(std::uint64_t number, Tally& tally) {
  const std::int64_t begin_ns = now_ns();
  try {
    const std::uint64_t result = request(number);
    if (result != right_answer(number)) {
      ++tally.wrong;
      mistake(tally, number, "its result is wrong");
    } else {
      ++tally.delivered;
      tally.checksum += mix(mix(~result) ^ mix(number));
    }
  } catch (const std::exception& failure) {
    ++tally.failed;
    mistake(tally, number, failure.what());
  }
  return {.submitted_ns = begin_ns, .started_ns = begin_ns, .settled_ns = now_ns()};
}

}  // namespace twinpool::bench
