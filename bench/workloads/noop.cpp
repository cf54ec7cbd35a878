// SPDX-License-Identifier: Apache-2.0
#include "bench/workloads/noop.h"

#include "bench/workloads/typed_flow.h"

namespace twinpool::bench {
namespace {

std::uint64_t noop(std::uint64_t number) { return number; }

struct Noop {
  using Result = std::uint64_t;
  Noop(Pool&, const FlowOptions&) {}
  static Future<Result> submit(Intake& pool, std::uint64_t number) { return pool.submit<noop>(number); }
  static bool right(std::uint64_t number, Result result) { return result == number; }
  static std::uint64_t digest(Result result) { return result; }
};

}  // namespace

// Whatever one task costs beyond its own work is all that is left here, so the margin is wide.
constinit const Workload kNoop{
    .name = "noop",
    .family = "dispatch",
    .sentence = "gives its number back and does nothing else",
    .exercises = "the cost of dispatching a task",
    .why = "a wake-up within one address space needs no shared segment and no encoding",
    .expected = Expected::kThreads,
    .margin = 0.1,
    .open = &make_flow<Noop>};

}  // namespace twinpool::bench
