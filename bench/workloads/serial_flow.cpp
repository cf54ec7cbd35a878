// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/serial_flow.h"

#include <fmt/format.h>

#include <chrono>
#include <exception>

#include "bench/trial.h"
#include "bench/workloads/mix.h"

namespace twinpool::bench {
namespace {

void mistake(Tally& tally, std::uint64_t number, const char* what) {
  if (tally.first_mistake.empty()) tally.first_mistake = fmt::format("request {}: {}", number, what);
}

}  // namespace

Tally SerialFlow::run(const Stretch& stretch, TrialPage* page) {
  Tally tally;
  for (std::uint64_t i = 0; i < stretch.tasks; ++i) {
    take(stretch.first + i, stretch.keep_latency, tally);
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

void SerialFlow::take(std::uint64_t number, bool keep_latency, Tally& tally) {
  const auto begin = Clock::now();
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
  if (keep_latency) {
    tally.latency_ns.push_back(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count());
  }
}

}  // namespace twinpool::bench
